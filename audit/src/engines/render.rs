//! One render of a case by an engine, isolated: a new empty directory with copies of the declared inputs, or, when a
//! person asks for it, a directory of theirs, whose changes are then listed.

mod timings;

pub use super::inherited::{ALLOWED_ENVIRONMENT, Inherited, allowed_environment};
pub use timings::{Arithmetic, RenderTimes, Timings};

use super::process::{self, Ended, Ending, Limits};
use super::run_dir::RunDir;
use super::{Engine, Kind, definition::Definition, definition::LogPatterns, template};
use crate::case::Case;
use crate::exit::{AuditError, Exit, Result};
use crate::formats::{self, Array2, FormatError, Shape};
use crate::hash;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the Rust engine is asked for besides the image.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// More renders in the same process.
    pub repeat: u32,
    /// Record a Chrome trace: of our spans, or what `profile_args` of `audit.toml` gives.
    pub trace: bool,
    /// Sample all threads.
    pub samples: bool,
    /// Record a function profile.
    pub functions: bool,
    /// Any engine: watch which files are opened, where the system can; such a run's time says nothing.
    pub watch_files: bool,
}

/// Where and how engines run.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Time, memory, disk and output limits of one run.
    pub limits: Limits,
    /// Threads each engine may use.
    pub threads: usize,
    /// Run in this directory instead of an empty one.
    pub in_place: Option<PathBuf>,
    /// The environment variables that engines inherit.
    pub inherited: Inherited,
    /// More environment variables.
    pub environment: Vec<(String, String)>,
}

/// A render that ended. The directory lives as long as this value.
pub struct Rendered {
    dir: RunDir,
    image: PathBuf,
    definition: Definition,
    /// How the process ended, its times and output.
    pub ended: Ended,
    /// The command line, ready to paste.
    pub command: String,
    /// Width and height, where the engine's definition or its timings tell; otherwise the file has to.
    pub shape: Option<Shape>,
    /// Timings, from our Rust engine.
    pub timings: Option<Timings>,
    /// In-place runs: files the engine made or changed there.
    pub touched: Vec<PathBuf>,
    /// Files that the engine was seen or said to open, besides the system's and its own outputs.
    pub opened: Vec<super::observed::Opened>,
    /// Why the run is worth nothing.
    pub failure: Option<String>,
}

impl Rendered {
    /// The image's file.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.image.clone()
    }
    /// How the image is stored, where the definition says so.
    #[must_use]
    pub fn format(&self) -> Option<formats::Format> {
        self.definition.format
    }
    /// The image. `shape` helps where this engine tells none (a raw file): the partner's.
    ///
    /// # Errors
    /// A missing, empty or broken file, or one of another length than the shape needs.
    pub fn read(&self, shape: Option<Shape>) -> std::result::Result<Array2, FormatError> {
        let own =
            self.definition.format.is_none_or(|f| matches!(f, formats::Format::F32 | formats::Format::F64));
        let shape = self.shape.or(shape.filter(|_| own));
        match formats::read(&self.image, self.definition.format, shape) {
            // a file that tells its own shape need not have the partner's: that is for the comparison to say
            Err(FormatError::OtherShape { .. }) if self.shape.is_none() => {
                formats::read(&self.image, self.definition.format, None)
            }
            other => other,
        }
    }
    /// The values in a row, where nobody tells a shape and none is needed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_flat(&self) -> std::result::Result<Array2, FormatError> {
        match self.read(None) {
            Err(FormatError::NeedsShape { .. }) => {
                let width = if self.definition.format == Some(formats::Format::F64) { 8 } else { 4 };
                let bytes = self.image.metadata().map_or(0, |m| m.len() as usize);
                self.read(Some(Shape::new(bytes / width, 1)))
            }
            other => other,
        }
    }
    /// The Chrome trace, when asked for.
    #[must_use]
    pub fn trace(&self) -> PathBuf {
        self.dir.path().join("trace.json")
    }
    /// The samples, when asked for.
    #[must_use]
    pub fn samples(&self) -> PathBuf {
        self.dir.path().join("samples.json")
    }
    /// Folded stacks of functions, when asked for.
    #[must_use]
    pub fn functions(&self) -> PathBuf {
        self.dir.path().join("functions.folded")
    }
    /// Seconds in the engine's simulation, from its log.
    #[must_use]
    pub fn pixel_loop_s(&self) -> Option<f64> {
        LogPatterns::number(self.definition.log.sim_s.as_ref(), &self.log())
    }
    /// Seconds in the engine's set-up, from its log.
    #[must_use]
    pub fn setup_s(&self) -> Option<f64> {
        LogPatterns::number(self.definition.log.setup_s.as_ref(), &self.log())
    }
    /// Whether it failed of itself, perhaps because it does not bear being watched, and broke no limit.
    #[must_use]
    pub fn may_fare_better_alone(&self) -> bool {
        self.failure.is_some() && matches!(self.ended.ending, Ending::Exited(_) | Ending::Signalled(_))
    }
    /// Both output streams.
    #[must_use]
    pub fn log(&self) -> String {
        format!("{}\n{}", self.ended.stdout, self.ended.stderr)
    }
}

/// Renders `case` with `engine`; `more` arguments come after the case's, so that they win.
///
/// # Errors
/// [`Exit::EngineFailed`] when the engine fails or runs out of a limit, [`Exit::Failed`] when the audit does.
pub fn render(
    engine: &Engine,
    case: &Case,
    more: &[OsString],
    extras: &Extras,
    conditions: &Conditions,
) -> Result<Rendered> {
    let run = attempt(engine, case, more, extras, conditions)?;
    match &run.failure {
        None => Ok(run),
        Some(failure) => Err(AuditError::new(Exit::EngineFailed, failure.clone())),
    }
}

/// As [`render`], but an engine that failed is a result too, with its log.
///
/// # Errors
/// An engine that cannot be started or asked for a size; the audit's own failures; interruption.
pub fn attempt(
    engine: &Engine,
    case: &Case,
    more: &[OsString],
    extras: &Extras,
    conditions: &Conditions,
) -> Result<Rendered> {
    let dir = RunDir::new().map_err(|e| AuditError::failed("making a temporary directory", e))?;
    let results = dir.path().to_owned();
    // the directory the engine sees is empty but for the inputs; what it writes for us lies beside it
    let work = match &conditions.in_place {
        Some(place) => place.clone(),
        None => folder(results.join("run"))?,
    };
    let (case_args, copies) = match conditions.in_place {
        Some(_) => (case.args_in_place(), Vec::new()),
        None => case.install_inputs(&work)?,
    };
    if case.size.is_some() && engine.definition.size.is_empty() {
        return Err(AuditError::usage(format!(
            "engine {} cannot be asked for a size: give it `size` in audit.toml, or leave the sizes out",
            engine.name()
        )));
    }
    let mut args = case.words(&case_args, &engine.definition.size);
    args.extend_from_slice(more);
    let image = match &engine.definition.output {
        Some(name) => work.join(name),
        None => results.join(format!("out.{}", extension(&engine.definition))),
    };
    if conditions.in_place.is_some() && engine.definition.output.is_some() {
        std::fs::remove_file(&image).ok(); // an image of an earlier run is not this one's
    }
    let child = command_line(engine, &args, &image, &work, &results, extras, conditions.threads);
    let place = Place { results: &results, work: &work };
    let own = conditions.environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
    let environment = environment(
        &engine.definition,
        &conditions.inherited,
        conditions.threads,
        &folder(results.join("tmp"))?,
        &own.chain(case.environment.iter().cloned()).collect::<Vec<_>>(),
    );
    let copies: Vec<_> = copies.into_iter().map(|c| (stamp_of(&c), c)).collect();
    let mut limits = conditions.limits.clone();
    limits.folder = Some(results.clone());
    let before = conditions.in_place.as_deref().map(snapshot);
    let watch = extras.watch_files.then(|| super::observed::Watch::new(&results)).flatten();
    let (program, words) = match &watch {
        Some(watch) => watch.around(&engine.identity.program, &child),
        None => (engine.identity.program.clone(), child.clone()),
    };
    let ended = process::run(&program, &words, &work, &environment, &limits);
    let ended = ended.map_err(|e| {
        let why = format!("engine {}: {} cannot be started: {e}", engine.name(), program.display());
        AuditError::new(Exit::EngineFailed, why)
    })?;
    if ended.ending == Ending::Interrupted {
        return Err(AuditError::interrupted());
    }
    let command = ready_to_paste(&engine.identity.program, child, &results);
    let touched = before.map(|before| changed(&before, &snapshot(&work))).unwrap_or_default();
    let mut run = Rendered {
        dir,
        image: super::run_dir::written(image),
        definition: engine.definition.clone(),
        failure: failure(engine, &ended, &command, &conditions.limits, case),
        ended,
        command,
        shape: None,
        timings: None,
        touched,
        opened: Vec::new(),
    };
    run.opened = super::observed::opened(&run, watch.as_ref(), engine, case, &place);
    if run.failure.is_none() {
        run.failure = changed_input(engine, case, &copies, &place);
    }
    if engine.kind == Kind::Rust {
        run.timings = timings::read(&results.join("timings.json"))?;
    }
    let told = run.timings.as_ref().map(|t| Shape::new(t.fpixels as usize, t.spixels as usize));
    run.shape =
        told.or_else(|| engine.definition.shape.as_ref().and_then(|rule| rule.shape(&args, &run.log())));
    Ok(run)
}

/// Where a run takes place.
pub(super) struct Place<'a> {
    /// The run's own directory.
    pub(super) results: &'a Path,
    /// The directory that the engine works in.
    pub(super) work: &'a Path,
}

fn folder(path: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir(&path).map_err(|e| AuditError::failed(path.display(), e))?;
    Ok(path)
}

/// Programs look at the ending of the name they are given.
fn extension(definition: &Definition) -> &'static str {
    match definition.format {
        None | Some(formats::Format::F32) => "bin",
        Some(formats::Format::Smv) => "img",
        Some(other) => other.name(),
    }
}

/// The words after the program.
fn command_line(
    engine: &Engine,
    args: &[OsString],
    image: &Path,
    work: &Path,
    results: &Path,
    extras: &Extras,
    threads: usize,
) -> Vec<OsString> {
    let value = |name: &str| -> Option<OsString> {
        match name {
            "out" => Some(image.as_os_str().to_owned()),
            "dir" => Some(work.as_os_str().to_owned()),
            "root" => Some(engine.root.as_os_str().to_owned()),
            "threads" => Some(threads.to_string().into()),
            _ => None,
        }
    };
    let mut words = template::fill(engine.definition.command.get(1..).unwrap_or_default(), args, value);
    let out = |name: &str| results.join(name).into_os_string();
    if engine.kind != Kind::Rust {
        if extras.trace {
            let profile = |name: &str| (name == "profile").then(|| out("trace.json"));
            words.extend(template::fill(&engine.definition.profile_args, &[], profile));
        }
        return words;
    }
    let profilers = [
        (extras.samples, "--samples", "samples.json"),
        (extras.functions, "--functions", "functions.folded"),
    ];
    let asked = profilers.iter().filter(|(wanted, ..)| *wanted);
    let before: Vec<OsString> = asked.flat_map(|(_, flag, name)| [flag.into(), out(name)]).collect();
    let at = words.iter().position(|w| w == OsStr::new("--")).unwrap_or(words.len());
    words.splice(at..at, before);
    words.extend(["--timings".into(), out("timings.json")]);
    if extras.repeat > 0 {
        words.extend(["--repeat".into(), extras.repeat.to_string().into()]);
    }
    if extras.trace {
        words.extend(["--trace".into(), out("trace.json")]);
    }
    words
}

/// What an engine's process finds in its environment: the allow-list, what its definition sets or passes on, its number
/// of threads, a folder for temporary files that goes away with the run, and `more`.
pub(super) fn environment(
    definition: &Definition,
    inherited: &Inherited,
    threads: usize,
    temporary: &Path,
    more: &[(OsString, OsString)],
) -> Vec<(OsString, OsString)> {
    let mut list: Vec<(OsString, OsString)> = match inherited {
        Inherited::Allowed => allowed_environment(),
        Inherited::All => std::env::vars_os().collect(),
        Inherited::Exactly(list) => list.clone(),
    };
    let passed = definition.pass_environment.iter();
    list.extend(passed.filter_map(|name| Some((name.into(), std::env::var_os(name)?))));
    list.push(("TMPDIR".into(), temporary.as_os_str().to_owned()));
    list.extend(definition.threads.0.iter().map(|name| (name.into(), threads.to_string().into())));
    list.extend(definition.environment.iter().map(|(k, v)| (k.into(), v.into())));
    list.extend_from_slice(more);
    list
}

/// Outputs go to the working directory, not to a temporary one that is gone by then.
fn ready_to_paste(program: &Path, child: Vec<OsString>, results: &Path) -> String {
    let mut words = vec![program.as_os_str().to_owned()];
    words.extend(child);
    let text = crate::case::paste(&words);
    text.replace(&format!("{}/run/", results.display()), "").replace(&format!("{}/", results.display()), "")
}

fn failure(engine: &Engine, ended: &Ended, command: &str, limits: &Limits, case: &Case) -> Option<String> {
    let mb = |bytes: Option<u64>| bytes.map_or(String::new(), |b| format!(" of {} MB", b / 1_000_000));
    let what = match ended.ending {
        Ending::Exited(0) | Ending::Interrupted => return None,
        Ending::Exited(code) => format!("exited with status {code}"),
        Ending::Signalled(signal) => format!("was ended by signal {signal}"),
        Ending::TimedOut => format!("ran past its limit of {} s (--time-limit)", limits.time.as_secs()),
        Ending::OutOfMemory => {
            format!("took more memory than its limit{} (--memory-limit)", mb(limits.memory))
        }
        Ending::DiskFull => format!("wrote more to disk than its limit{} (--disk-limit)", mb(limits.disk)),
    };
    let said = last_lines(if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr }, 8);
    let hint = undeclared(case).map_or(String::new(), |name| {
        format!(
            "\n  hint: `{name}` is a file here, but engines run in an empty directory: name its option in \
             input_options, or the file in inputs (docs/engines.md)"
        )
    });
    Some(format!("engine {} {what}\n  command: {command}\n  it said: {said}{hint}", engine.name()))
}

/// A word of the case that names a file which no engine was given.
fn undeclared(case: &Case) -> Option<String> {
    let known = |path: &Path| case.inputs.iter().any(|i| i.path == path);
    let words =
        case.args.iter().filter(|w| w.to_str().is_some_and(|w| !w.starts_with('-') && w.contains('.')));
    words
        .map(Path::new)
        .find(|p| p.is_relative() && p.is_file() && !known(p))
        .map(|p| p.display().to_string())
}

/// An input that is not what it was: a copy that the engine was given, or the file itself.
fn changed_input(
    engine: &Engine,
    case: &Case,
    copies: &[(Option<Touched>, PathBuf)],
    place: &Place<'_>,
) -> Option<String> {
    let originals: Vec<&str> = case.inputs.iter().map(|i| i.sha256.as_str()).collect();
    let copy = copies.iter().find(|(before, copy)| {
        // what was not even touched need not be read again
        let untouched = before.is_some() && stamp_of(copy) == *before;
        !untouched && !hash::file(copy).is_ok_and(|sum| originals.contains(&sum.as_str()))
    });
    let (path, which) = match copy {
        Some((_, copy)) => {
            (copy.strip_prefix(place.work).unwrap_or(copy).to_owned(), "its copy of the input")
        }
        None => {
            (case.changed_inputs().into_iter().next()?, "or somebody else changed, while it ran, the input")
        }
    };
    let did = if copy.is_some_and(|(_, copy)| !copy.exists()) { "removed" } else { "changed" };
    Some(format!("engine {} {did} {which} {}", engine.name(), path.display()))
}

/// Length, time of the last change of content or permissions, and number of a file: no program can set the time.
type Touched = (u64, i64, i64, u64);

fn stamp_of(path: &Path) -> Option<Touched> {
    use std::os::unix::fs::MetadataExt;
    let m = path.symlink_metadata().ok()?;
    Some((m.len(), m.ctime(), m.ctime_nsec(), m.ino()))
}

fn last_lines(text: &str, n: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.is_empty() {
        "nothing".into()
    } else {
        lines[lines.len().saturating_sub(n)..].join("\n           ")
    }
}

type Snapshot = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The files of a directory (not of its subdirectories), with size and time of change.
fn snapshot(dir: &Path) -> Snapshot {
    let Ok(entries) = std::fs::read_dir(dir) else { return Snapshot::new() };
    entries
        .flatten()
        .filter_map(|e| {
            let metadata = e.metadata().ok()?;
            metadata.is_file().then(|| (e.path(), (metadata.len(), metadata.modified().ok())))
        })
        .collect()
}

fn changed(before: &Snapshot, after: &Snapshot) -> Vec<PathBuf> {
    after
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state))
        .map(|(path, _)| path.clone())
        .collect()
}
