//! One render of a case by an engine, isolated: a new empty directory with copies of the declared inputs, or, when a
//! person asks for it, a directory of theirs, whose changes are then listed.

use super::process::{self, Ended, Ending, Limits};
use super::{Engine, Kind};
use crate::case::Case;
use crate::exit::{AuditError, Exit, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Outputs that engines write by default and that no comparison needs.
const QUIET: [&str; 3] = ["-nonoise", "-nopgm", "-noprogress"];

/// What the Rust engine is asked for besides the image.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// More renders in the same process.
    pub repeat: u32,
    /// Record a Chrome trace of our spans.
    pub trace: bool,
    /// Sample all threads.
    pub samples: bool,
    /// Record a function profile.
    pub functions: bool,
}

/// Where and how engines run.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Time, memory and output limits of one run.
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

/// Which environment variables an engine gets besides those that are given.
#[derive(Clone, Debug)]
pub enum Inherited {
    /// Those of this process that are on the allow-list.
    Allowed,
    /// All of this process: as if the user had started the engine by hand.
    All,
    /// These and no others.
    Exactly(Vec<(OsString, OsString)>),
}

impl Conditions {
    /// The whole environment of an engine's process; the last of a name counts.
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let mut all = match &self.inherited {
            Inherited::Allowed => process::allowed_environment(),
            Inherited::All => std::env::vars_os().collect(),
            Inherited::Exactly(list) => list.clone(),
        };
        all.extend(self.environment.iter().map(|(k, v)| (k.into(), v.into())));
        for name in ["OMP_NUM_THREADS", "RAYON_NUM_THREADS"] {
            all.push((name.into(), self.threads.to_string().into()));
        }
        all
    }
}

/// One render of the timings file that our Rust engine writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenderTimes {
    /// `cold` or `warm`.
    pub kind: String,
    /// Whether the set-up came from the cache.
    pub cache_hit: bool,
    /// Set-up, seconds.
    pub setup_s: f64,
    /// Pixel loop, seconds.
    pub sim_s: f64,
    /// Writing the outputs, seconds.
    pub output_s: f64,
    /// All three and what lies between, seconds.
    pub total_s: f64,
    /// Peak resident bytes so far.
    pub peak_bytes: Option<u64>,
    /// Test builds only: thread time of the planted delay, seconds.
    pub planted_s: Option<f64>,
}

/// The timings file of our Rust engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timings {
    /// The path through the library.
    pub engine: String,
    /// Arithmetic.
    pub dtype: String,
    /// Threads used.
    pub threads: usize,
    /// Pixels along fast.
    pub fpixels: u32,
    /// Pixels along slow.
    pub spixels: u32,
    /// One entry per render.
    pub renders: Vec<RenderTimes>,
}

/// A render that succeeded. The directory lives as long as this value.
pub struct Rendered {
    dir: tempfile::TempDir,
    /// How the process ended, its times and output.
    pub ended: Ended,
    /// The command line, ready to paste.
    pub command: String,
    /// Timings, from our Rust engine.
    pub timings: Option<Timings>,
    /// In-place runs: files the engine made or changed there.
    pub touched: Vec<PathBuf>,
}

impl Rendered {
    /// The float image.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.dir.path().join("out.bin")
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
    /// Seconds in the engine's pixel loop, from its log line `pixel loop: S s on N threads`.
    #[must_use]
    pub fn pixel_loop_s(&self) -> Option<f64> {
        let line = self.ended.stdout.lines().find_map(|l| l.trim().strip_prefix("pixel loop:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// Renders `case` with `engine`; `more` arguments come after the case's, so that they win.
///
/// # Errors
/// [`Exit::EngineFailed`] when the engine fails or runs out of a limit, [`Exit::Failed`] when it cannot be started.
pub fn render(
    engine: &Engine,
    case: &Case,
    more: &[OsString],
    extras: &Extras,
    conditions: &Conditions,
) -> Result<Rendered> {
    let dir = tempfile::Builder::new()
        .prefix("bragg-audit-")
        .tempdir()
        .map_err(|e| AuditError::failed("making a temporary directory", e))?;
    let results = dir.path();
    // the directory the engine sees is empty but for the inputs; what it writes for us lies beside it
    let work = match &conditions.in_place {
        Some(place) => place.clone(),
        None => {
            let work = results.join("run");
            std::fs::create_dir(&work).map_err(|e| AuditError::failed(work.display(), e))?;
            work
        }
    };
    let case_args =
        if conditions.in_place.is_some() { case.args_in_place() } else { case.install_inputs(&work)? };
    let out = |name: &str| results.join(name).into_os_string();
    let mut child = engine.prefix.clone();
    if engine.kind == Kind::Rust {
        for (wanted, flag, name) in [
            (extras.samples, "--samples", "samples.json"),
            (extras.functions, "--functions", "functions.folded"),
        ] {
            if wanted {
                child.extend([flag.into(), out(name)]);
            }
        }
    }
    if engine.kind != Kind::Program {
        child.push("--".into());
    }
    let mut args: Vec<OsString> = case_args;
    args.extend_from_slice(more);
    args.extend(engine.suffix.iter().cloned());
    args.extend(["-floatfile".into(), out("out.bin")]);
    args.extend(QUIET.map(OsString::from));
    if engine.kind == Kind::Rust {
        args.extend(["--timings".into(), out("timings.json")]);
        if extras.repeat > 0 {
            args.extend(["--repeat".into(), extras.repeat.to_string().into()]);
        }
        if extras.trace {
            args.extend(["--trace".into(), out("trace.json")]);
        }
    }
    child.extend(args);
    let before = conditions.in_place.as_deref().map(snapshot);
    let program = &engine.identity.program;
    let ended = process::run_exactly(program, &child, &work, &conditions.variables(), &conditions.limits);
    let ended = ended.map_err(|e| {
        AuditError::new(
            Exit::EngineFailed,
            format!("engine {}: {} cannot be started: {e}", engine.name(), program.display()),
        )
    })?;
    let mut words = vec![program.clone().into_os_string()];
    words.extend(child);
    // ready to paste: outputs go to the working directory, not to a temporary one that is gone by then
    let command = crate::case::paste(&words).replace(&format!("{}/", results.display()), "");
    check(engine, &ended, &command, &conditions.limits)?;
    let touched = before.map(|before| changed(&before, &snapshot(&work))).unwrap_or_default();
    let timings = read_timings(&results.join("timings.json"))?;
    Ok(Rendered { dir, ended, command, timings, touched })
}

fn check(engine: &Engine, ended: &Ended, command: &str, limits: &Limits) -> Result<()> {
    let what = match ended.ending {
        Ending::Exited(0) => return Ok(()),
        Ending::Interrupted => return Err(AuditError::interrupted()),
        Ending::Exited(code) => format!("exited with status {code}"),
        Ending::Signalled(signal) => format!("was ended by signal {signal}"),
        Ending::TimedOut => format!("ran past its limit of {} s (--time-limit)", limits.time.as_secs()),
    };
    let said = last_lines(if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr }, 8);
    Err(AuditError::new(
        Exit::EngineFailed,
        format!("engine {} {what}\n  command: {command}\n  it said: {said}", engine.name()),
    ))
}

fn last_lines(text: &str, n: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.is_empty() {
        "nothing".into()
    } else {
        lines[lines.len().saturating_sub(n)..].join("\n           ")
    }
}

fn read_timings(path: &Path) -> Result<Option<Timings>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| AuditError::failed("the engine's timings file", e)),
        Err(_) => Ok(None),
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
