//! `diagnose`: why two engines disagree, by experiment.

use super::{Context, PhaseVerdict, VERDICT_SCHEMA, exit_of};
use crate::capture::Settings;
use crate::cli::CaptureArgs;
use crate::diagnose::markdown;
use crate::diagnose::model::Diagnosis;
use crate::exit::Result;
use crate::gates::Verdict;
use crate::progress::Progress;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `diagnose` takes: a budget, and the words of the capture that blocked.
#[derive(Debug, Args)]
#[command(
    after_help = "Finds by experiment why two engines disagree: each engine against itself, an empty directory against yours \
(--in-place, on copies), arguments of one engine alone, parameters side by side, the residual as a known shape, intermediate values \
of chosen pixels, arguments left out one kind at a time, a third engine. A cause is called proven only when an experiment \
switched the disagreement off and on with it.

Without words it takes those of the newest capture, when that did not pass. Otherwise put `diagnose` in the place of `capture` in the \
command line that blocked:
  bragg-audit diagnose                                    what blocked last
  bragg-audit diagnose --in-place .                       a file, a variable, a configuration?
  bragg-audit diagnose --candidate c:./my-nanoBragg --sizes 256
  bragg-audit diagnose --budget 300 -- -hkl P1.hkl -cell 70 80 90 90 90 90 -N 5 -detpixels 512

Exit status: 0 the engines agree; 3 they disagree (diagnosis.md says why, or that it was not found); 4 an engine differs from itself or \
there is nothing to compare; 5 an engine fails."
)]
pub struct DiagnoseArgs {
    /// Seconds to spend; what was not tried by then is said
    #[arg(long, value_name = "S", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub budget: u64,
    /// The words of the capture
    #[command(flatten)]
    pub capture: CaptureArgs,
}

/// What a diagnosis left.
pub struct Diagnosed {
    /// Its folder.
    pub stamp: PathBuf,
    /// The record.
    pub diagnosis: Diagnosis,
    /// What the pair is worth.
    pub verdict: Verdict,
}

/// A capture that did not pass.
pub struct Last {
    /// Its stamp.
    pub stamp: PathBuf,
    /// Its case's name.
    pub case: String,
    /// Its words.
    pub words: CaptureArgs,
}

/// The words of the newest capture, when it did not pass and nothing else is asked for.
///
/// # Errors
/// When that capture's record cannot be read.
pub fn last_blocked(ctx: &Context, args: &CaptureArgs) -> Result<Option<Last>> {
    let asked = !args.args.is_empty()
        || !args.sizes.is_empty()
        || args.reference.is_some()
        || args.candidate.is_some()
        || args.in_place.is_some()
        || args.reference_args.is_some()
        || args.candidate_args.is_some()
        || args.c_bin.is_some();
    let Some(stamp) = crate::stamp::latest(&ctx.phase_dir("b1")).filter(|_| !asked) else { return Ok(None) };
    let record: crate::capture::model::Capture = crate::stamp::read_json(&stamp, "capture.json")?;
    if record.verdict == Verdict::Pass {
        return Ok(None);
    }
    let some = |words: &str| (!words.is_empty()).then(|| words.to_owned());
    let mut found = args.clone();
    found.args = crate::case::split_words("capture.json", &record.args)?;
    found.sizes = record.sizes.iter().filter(|z| z.sized).map(|z| z.numbers.size).take(1).collect();
    found.reference = Some(record.reference.name.clone());
    found.candidate = Some(record.candidate.name.clone());
    found.reference_args = some(&record.reference_args);
    found.candidate_args = some(&record.candidate_args);
    found.in_place = record.in_place.clone();
    Ok(Some(Last { stamp, case: record.case, words: found }))
}

/// Diagnoses and leaves a stamp.
///
/// # Errors
/// When the stamp cannot be written or the run is interrupted.
pub fn diagnose(ctx: &Context, settings: &Settings, budget: u64, outdir: Option<&Path>) -> Result<Diagnosed> {
    let writer = ctx.begin("diagnose", outdir)?;
    let progress = Progress::new(ctx.quiet, 30);
    let diagnosis = crate::diagnose::diagnose(settings, Duration::from_secs(budget), &progress)?;
    drop(progress);
    let verdict = verdict(&diagnosis);
    writer.write_json("diagnosis.json", &diagnosis)?;
    writer.write("diagnosis.md", markdown::diagnosis(&diagnosis))?;
    writer.write("first_divergence.md", markdown::first_divergence(&diagnosis))?;
    let program =
        std::env::current_exe().map(|p| p.display().to_string()).unwrap_or_else(|_| "bragg-audit".into());
    writer.write("reproduce.sh", markdown::script(&diagnosis, &program))?;
    let phase = PhaseVerdict {
        loosened: Vec::new(),
        schema: VERDICT_SCHEMA.into(),
        phase: "diagnose".into(),
        stamp: writer.name.clone(),
        verdict,
        exit: exit_of(verdict).code(),
        reliable: true,
        profile_whole: None,
        reasons: vec![markdown::headline(&diagnosis)],
        parents: Vec::new(),
        gates: Vec::new(),
    };
    writer.write_json("verdict.json", &phase)?;
    writer.write_json("env.json", &ctx.environment)?;
    writer.write("commands.txt", format!("{}\n", ctx.command))?;
    let stamp = writer.finish()?;
    let line = crate::ledger::Line {
        schema: crate::ledger::SCHEMA.into(),
        time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        phase: "diagnose".into(),
        stamp: crate::stamp::name_of(&stamp),
        path: stamp.clone(),
        verdict: serde_json::to_value(verdict)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default(),
        case: Some(diagnosis.case.clone()),
        commit: ctx.environment.commit.clone(),
        dirty_diff_sha256: ctx.environment.dirty_diff_sha256.clone(),
        candidate_sha256: Some(settings.candidate.identity.sha256.clone()),
        reference_sha256: Some(settings.reference.identity.sha256.clone()),
        attempt_key: None,
        loosened: Vec::new(),
        cause: diagnosis
            .causes
            .first()
            .filter(|c| c.proven)
            .map(|c| format!("{}: {}", c.class.title(), c.title)),
        sizes: Vec::new(),
    };
    crate::ledger::append(&ctx.ledger(), &line)?;
    Ok(Diagnosed { stamp, diagnosis, verdict })
}

/// What the pair is worth by what was found.
#[must_use]
pub fn verdict(d: &Diagnosis) -> Verdict {
    use crate::diagnose::model::Class;
    let nothing_to_compare = d.outcome.starts_with("cannot be compared")
        || d.causes.iter().any(|c| c.class == Class::NonDeterminism);
    match d.disagree {
        false => Verdict::Pass,
        true if nothing_to_compare => Verdict::NotComparable,
        true => Verdict::Blocked,
    }
}
