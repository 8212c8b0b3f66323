//! Phase B1: both engines render the same case, again and again and alternately; parity is judged, times are taken,
//! and the candidate is profiled.

pub mod compare;
pub mod model;
mod profile;
pub mod referee;
mod rounds;
pub(crate) mod self_check;

use crate::case::{self, Case, Input};
use crate::engines::Engine;
use crate::engines::observed::Opened;
use crate::engines::render::{self, Conditions, Extras, Rendered};
use crate::exit::{AuditError, Exit, Result};
use crate::gates::{Gate, Verdict};
use crate::progress::Progress;
use crate::stamp::Writer;
use model::{Capture, SelfCheck, SizeResult};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

/// What to capture, and how.
pub struct Settings {
    /// The case, without a size.
    pub case: Case,
    /// Detector edges; `None` takes the case as it is.
    pub sizes: Vec<Option<u32>>,
    /// What is believed.
    pub reference: Engine,
    /// What has to prove itself.
    pub candidate: Engine,
    /// Who is asked when the two disagree.
    pub referee: Option<Engine>,
    /// More arguments for the reference alone.
    pub reference_args: Vec<OsString>,
    /// More arguments for the candidate alone.
    pub candidate_args: Vec<OsString>,
    /// Timed rounds.
    pub iterations: u32,
    /// Where and how engines run.
    pub conditions: Conditions,
    /// The gates in force.
    pub gates: Vec<Gate>,
    /// Warm speed aimed at.
    pub speed_target: f64,
    /// A warm set-up above this is reported, milliseconds.
    pub warm_setup_limit_ms: f64,
    /// Engine warnings that make the profile unusable.
    pub blocking_patterns: Vec<String>,
    /// Whether to take a profile.
    pub profile: bool,
    /// Whether to keep the images.
    pub keep_artifacts: bool,
    /// Whether to repeat an attempt that failed though nothing has changed.
    pub force: bool,
}

impl Settings {
    /// How many steps a progress bar has.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let per_size = 1 + 3 * u64::from(self.iterations) + 3 * u64::from(self.profile) + 1;
        4 + self.sizes.len() as u64 * per_size
    }
}

/// The folder of measurements that may be used, and of those that may not.
pub const MEASURED: &str = "profile";
/// See [`MEASURED`].
pub const FAILED: &str = "failed";

/// Runs everything and leaves the measurements in the stamp that is being written.
///
/// # Errors
/// When an engine fails or the stamp cannot be written. A blocked comparison is a result, not an error.
pub fn capture(settings: &Settings, stamp: &Writer, progress: &Progress) -> Result<Capture> {
    let mut log = Log::default();
    let there = settings.conditions.in_place.as_deref().map(files_there).unwrap_or_default();
    let mut sizes: Vec<SizeResult> = Vec::new();
    let mut self_check = SelfCheck::nothing();
    let failure = match measure(settings, stamp, &mut log, progress, &mut self_check, &mut sizes) {
        Ok(()) => None,
        Err(e) if e.exit == Exit::EngineFailed => Some(e.message),
        Err(e) => return Err(e),
    };
    let mut verdict = sizes.iter().map(|s| s.verdict).fold(Verdict::Pass, Verdict::and);
    if !self_check.deterministic() || sizes.is_empty() || failure.is_some() {
        verdict = Verdict::NotComparable;
    }
    stamp.write_json("inputs.json", &all_inputs(settings, &log, there))?;
    stamp.write("profile_run.log", &log.text)?;
    let mut capture = Capture {
        schema: "bragg-audit/capture/1".into(),
        verdict,
        case: settings.case.name.clone(),
        args: case::paste(&settings.case.args),
        reference_args: case::paste(&settings.reference_args),
        candidate_args: case::paste(&settings.candidate_args),
        reference: settings.reference.identity.clone(),
        candidate: settings.candidate.identity.clone(),
        threads: settings.conditions.threads,
        in_place: settings.conditions.in_place.clone(),
        touched: log.touched,
        gates: settings.gates.clone(),
        speed_target: settings.speed_target,
        warm_setup_limit_ms: settings.warm_setup_limit_ms,
        times_include:
            "set-up, pixel loop and the output files that the engine writes; whole processes, but for warm renders of ours"
                .into(),
        self_check,
        failure,
        sizes,
        profile_problems: log.profile_problems,
        warnings: log.warnings,
        engine_commands: log.commands,
    };
    if !settings.profile {
        capture.profile_problems.push("no profile was taken (--no-profile)".into());
    }
    stamp.write_json("capture.json", &capture)?;
    stamp.write_json(&format!("{MEASURED}/benchmark_results.json"), &capture.benchmark_results())?;
    let measured = stamp.path(&format!("{MEASURED}/benchmark_results.json"))?;
    if verdict != Verdict::Pass && measured.is_file() {
        let (from, to) = (stamp.path(MEASURED)?, stamp.path(FAILED)?);
        std::fs::rename(&from, &to).map_err(|e| AuditError::failed(to.display(), e))?;
    }
    Ok(capture)
}

/// Self-check, then one size after the other; what was found so far stays when an engine fails.
fn measure(
    settings: &Settings,
    stamp: &Writer,
    log: &mut Log,
    progress: &Progress,
    self_check: &mut SelfCheck,
    sizes: &mut Vec<SizeResult>,
) -> Result<()> {
    *self_check = self_check::run(settings, log, progress)?;
    if self_check.deterministic() {
        for &size in &settings.sizes {
            sizes.push(rounds::run(settings, size, stamp, log, progress)?);
        }
    }
    Ok(())
}

/// One of the two engines of a capture.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Reference,
    Candidate,
}

/// One run, which goes into the log whatever becomes of it.
fn render(
    settings: &Settings,
    role: Role,
    case: &Case,
    extras: &Extras,
    what: &str,
    log: &mut Log,
) -> Result<Rendered> {
    let (engine, more) = match role {
        Role::Reference => (&settings.reference, &settings.reference_args),
        Role::Candidate => (&settings.candidate, &settings.candidate_args),
    };
    let mut run = render::attempt(engine, case, more, extras, &settings.conditions)?;
    if extras.watch_files && run.may_fare_better_alone() {
        // perhaps it does not bear being watched: what counts is how it fares alone
        let extras = Extras { watch_files: false, ..extras.clone() };
        run = render::attempt(engine, case, more, &extras, &settings.conditions)?;
    }
    log.add(what, &run, &settings.blocking_patterns);
    match &run.failure {
        None => Ok(run),
        Some(failure) => Err(AuditError::new(Exit::EngineFailed, failure.clone())),
    }
}

/// Declared inputs, what the engines were seen to open, and what lay in a directory of a person's.
fn all_inputs(settings: &Settings, log: &Log, there: Vec<Input>) -> Vec<Input> {
    let mut inputs = settings.case.inputs.clone();
    let observed = log.opened.iter().filter_map(|o| Input::observed(&o.how, &o.path).ok());
    inputs.extend(observed);
    let known: Vec<_> = inputs.iter().map(|i| i.path.clone()).collect();
    inputs.extend(there.into_iter().filter(|i| !known.contains(&i.path)));
    inputs
}

/// What the runs said, collected for `profile_run.log` and the verdict.
#[derive(Default)]
pub(crate) struct Log {
    text: String,
    commands: Vec<String>,
    warnings: Vec<String>,
    profile_problems: Vec<String>,
    touched: Vec<std::path::PathBuf>,
    opened: std::collections::BTreeSet<Opened>,
}

impl Log {
    fn add(&mut self, what: &str, run: &Rendered, patterns: &[String]) {
        let e = &run.ended;
        let _ = writeln!(self.text, "== {what}\n$ {}", run.command);
        let peak = e.peak_bytes.map_or(String::new(), |b| format!(", peak {:.1} MB", b as f64 / 1e6));
        let _ = writeln!(
            self.text,
            "{:?} after {:.3} s ({:.3} s of processor time{peak})",
            e.ending,
            e.wall.as_secs_f64(),
            e.cpu_s
        );
        let _ = writeln!(self.text, "-- standard output\n{}-- standard error\n{}", e.stdout, e.stderr);
        if !self.commands.contains(&run.command) {
            self.commands.push(run.command.clone());
        }
        for line in e.stdout.lines().chain(e.stderr.lines()) {
            if line.to_ascii_lowercase().contains("warning") && !self.warnings.iter().any(|w| w == line) {
                self.warnings.push(line.to_owned());
            }
            if let Some(pattern) = patterns.iter().find(|p| line.contains(p.as_str())) {
                let problem =
                    format!("engine warning `{}` matches blocking pattern `{pattern}`", line.trim());
                if !self.profile_problems.contains(&problem) {
                    self.profile_problems.push(problem);
                }
            }
        }
        if let Some(failure) = &run.failure {
            let _ = writeln!(self.text, "-- failed\n{failure}");
        }
        self.opened.extend(run.opened.iter().cloned());
        for path in &run.touched {
            if !self.touched.contains(path) {
                self.touched.push(path.clone());
            }
        }
    }
}

/// What lay in a directory before engines ran in it: candidates for hidden inputs.
pub(crate) fn files_there(dir: &Path) -> Vec<Input> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<Input> = entries
        .flatten()
        .filter_map(|e| {
            let file = e.metadata().ok()?.is_file();
            file.then(|| Input::observed("directory", &e.path()).ok()).flatten()
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
