//! The candidate under its profilers. Ours: one process with a trace, one sampled, one whose functions are profiled. Apart,
//! because each would see the others at work; every image must be the plain render's, bit by bit.

use super::model::{Capture, SizeResult};
use super::{Log, Role, Settings};
use crate::case::Case;
use crate::engines::render::{Extras, Rendered};
use crate::engines::{Engine, Kind};
use crate::exit::Result;
use crate::profile::chrome::Trace;
use crate::progress::Progress;
use crate::report::flame::{flame_graph, folded};
use crate::report::timeline::timeline;
use crate::stamp::Writer;
use std::path::{Path, PathBuf};

/// Thread time that a sampling profile should cover, so that a share of 1 % has a useful interval.
const PROFILE_SECONDS: f64 = 5.0;

/// Whether an engine can tell where its time goes.
pub(super) fn can(engine: &Engine) -> bool {
    engine.kind == Kind::Rust || !engine.definition.profile_args.is_empty()
}

/// A profiling process.
struct Pass {
    what: &'static str,
    file: &'static str,
    extras: Extras,
    result: fn(&Rendered) -> PathBuf,
}

/// Runs the three processes (an engine of `audit.toml`: one, with its `profile_args`) and takes their files into the stamp.
#[expect(clippy::too_many_arguments, reason = "one caller; a struct for it would only rename these")]
pub(super) fn run(
    settings: &Settings,
    case: &Case,
    out: &mut SizeResult,
    plain: Option<&Path>,
    folder: &str,
    stamp: &Writer,
    log: &mut Log,
    progress: &Progress,
) -> Result<()> {
    let label = Capture::profile_folder(out);
    let sim = out.numbers.rust_sim_warm.or(out.numbers.rust_sim_cold).unwrap_or(1.0).max(1e-3);
    let thread_seconds = sim * settings.conditions.threads.max(1) as f64;
    let own = settings.candidate.kind == Kind::Rust;
    let renders = if own { (PROFILE_SECONDS / thread_seconds).ceil().clamp(1.0, 500.0) as u32 } else { 1 };
    let repeat = renders - 1;
    let none = Extras::default;
    let passes = [
        Pass {
            what: "trace",
            file: "trace.json",
            extras: Extras { trace: true, ..none() },
            result: Rendered::trace,
        },
        Pass {
            what: "samples",
            file: "samples.json",
            extras: Extras { samples: true, repeat, ..none() },
            result: Rendered::samples,
        },
        Pass {
            what: "function profile",
            file: "functions.folded",
            extras: Extras { functions: true, repeat, ..none() },
            result: Rendered::functions,
        },
    ];
    out.profiled_renders = Some(renders);
    out.profiled_image_identical = Some(true);
    for pass in passes.into_iter().filter(|p| own || p.extras.trace) {
        progress.step(&format!("{label}: {}, {} renders in one process", pass.what, pass.extras.repeat + 1));
        let what = format!("{label}: {}", pass.what);
        let run = super::render(settings, Role::Candidate, case, &pass.extras, &what, log)?;
        if !plain.is_some_and(|plain| same_bytes(plain, &run.image())) {
            out.profiled_image_identical = Some(false);
            log.profile_problems.push(format!(
                "{label}: the render for the {} gave another image than the plain one",
                pass.what
            ));
        }
        let file = (pass.result)(&run);
        if file.is_file() {
            if let Some((name, picture)) = picture(pass.file, &file, &label) {
                stamp.write(&format!("{folder}/{name}"), picture)?;
            }
            stamp.take(&format!("{folder}/{}", pass.file), &file)?;
        } else {
            let who = if own { "" } else { " by the words of `profile_args`" };
            log.profile_problems.push(format!("{label}: {} was not written{who}", pass.file));
        }
        if pass.extras.samples
            && let Some(t) = &run.timings
            && t.renders.iter().any(|r| r.planted_s.is_some())
        {
            out.planted_s = Some(t.renders.iter().filter_map(|r| r.planted_s).sum());
        }
    }
    Ok(())
}

/// What people look at instead of the file; none where it cannot be made, because the file is what counts.
fn picture(name: &str, file: &Path, label: &str) -> Option<(&'static str, String)> {
    match name {
        "trace.json" => {
            let trace = Trace::read(file).ok()?;
            Some(("timeline.svg", timeline(&format!("{label}: spans of one render"), &trace).ok()?))
        }
        "functions.folded" => {
            let text = std::fs::read_to_string(file).ok()?;
            let title = format!("{label}: functions of the render phase");
            Some(("functions.svg", flame_graph(&title, "samples", folded(&text))))
        }
        _ => None,
    }
}

fn same_bytes(a: &Path, b: &Path) -> bool {
    let sum = |path| crate::hash::file(path).ok();
    sum(a).is_some() && sum(a) == sum(b)
}
