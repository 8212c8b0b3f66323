//! Phase D as a command: two captures that pass, one change between them, and what it did.

mod again;
mod loops;

use super::hot_loops::{Obstacle, marked};
use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist};
use crate::capture::model::Capture;
use crate::compare::{self, BeforeAfter, Shown, Timing, apart};
use crate::environment::Environment;
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::progress::Progress;
use crate::report::summary::{Loops, Summary, summary};
use crate::stamp;
use clap::Args;
use std::path::{Path, PathBuf};

/// What `compare` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example: keep the program, change the loop, capture again, compare
  bragg-audit capture                              → BEFORE
  cp target/release/bragg-audit /tmp/before
  …  cargo build --release -p bragg-audit  …
  bragg-audit capture                              → AFTER
  bragg-audit compare BEFORE AFTER --again --before-bin /tmp/before

Both stamps must be captures (phase B1) that pass, of the same case on the same machine; else it refuses (exit 3).")]
pub struct CompareArgs {
    /// The capture before the change
    pub before: PathBuf,
    /// The capture after it
    pub after: PathBuf,
    /// Run both programs again, taking turns, and count instructions where valgrind is installed
    #[arg(long)]
    pub again: bool,
    /// Rounds of --again
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub rounds: u32,
    /// The program of the first capture, where it was kept [default: where it was]
    #[arg(long, value_name = "PATH")]
    pub before_bin: Option<PathBuf>,
    /// The program of the second capture [default: where it was]
    #[arg(long, value_name = "PATH")]
    pub after_bin: Option<PathBuf>,
    /// Compare although case, arguments, gates or machine differ; everything written is marked UNRELIABLE
    #[arg(long)]
    pub allow_different: bool,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// One of the two.
struct Side {
    stamp: PathBuf,
    record: Capture,
    environment: Environment,
}

/// Times that are compared, where they were taken.
const TIMES: [&str; 5] =
    ["rust_time_warm", "rust_time_cold", "rust_sim_warm", "rust_sim_cold", "rust_setup_cold"];
/// The time of the headline, then the next best.
const HEADLINE: [&str; 2] = ["rust_time_warm", "rust_time_cold"];

/// Compares two captures.
///
/// # Errors
/// [`crate::exit::Exit::Blocked`] when one does not pass, was changed, or they are not of the same thing.
pub fn compare(ctx: &Context, args: &CompareArgs) -> Result<(Done, BeforeAfter)> {
    let (before, after) = (side(&args.before)?, side(&args.after)?);
    let mut obstacles = Vec::new();
    for one in [&before, &after] {
        obstacles.extend(unfit(one));
    }
    if !obstacles.is_empty() {
        return Err(refused(&obstacles));
    }
    let differences = differences(&before, &after);
    if !differences.is_empty() && !args.allow_different {
        let what = format!("the captures are not of the same thing: {}", differences.join("; "));
        let clear = format!("bragg-audit capture {}", before.record.same_case());
        let text = refused(&[Obstacle { what, stamp: after.stamp.clone(), clear }]).message;
        return Err(AuditError::blocked(format!(
            "{text}\n  (--allow-different compares anyway and marks every file UNRELIABLE)"
        )));
    }
    let reliable = differences.is_empty();
    let progress = Progress::new(ctx.quiet, u64::from(args.rounds) * 2 + 2);
    let taken =
        if args.again { Some(again::run(args, &before.record, &after.record, &progress)?) } else { None };
    drop(progress);
    let timings = timings(&before.record, &after.record, taken.as_ref());
    let headline_time = HEADLINE.iter().find_map(|name| {
        timings.iter().filter(|t| t.name == *name && t.best().is_some()).max_by_key(|t| t.size)
    });
    let shown = headline_time.map_or(Shown::NoDifference, |t| t.shown);
    let slow_downs: Vec<String> = timings
        .iter()
        .filter(|t| t.slow_down)
        .map(|t| {
            format!("{} at {}: {:+.1} %", t.name, t.size, t.best().map_or(0.0, |r| 100.0 * (r.ratio - 1.0)))
        })
        .collect();
    let (loops, loops_from) = loops::changes(ctx, &before, &after);
    let gates = after.record.gates.iter().map(|g| {
        format!(
            "{} {} {}",
            g.metric,
            if g.direction == crate::gates::Direction::AtLeast { "≥" } else { "≤" },
            g.limit
        )
    });
    let result = BeforeAfter {
        schema: compare::SCHEMA.into(),
        reliable,
        shown,
        headline: headline(headline_time, shown, &slow_downs),
        gates: gates.collect(),
        differences,
        candidates: candidates(&before, &after),
        again: taken.as_ref().map_or_else(
            || "Nothing was run again (`--again` runs both programs in turns).".to_string(),
            |t| t.text.clone(),
        ),
        instructions: taken.as_ref().and_then(|t| t.instructions.clone()),
        no_instructions: match &taken {
            Some(t) => t.no_instructions.clone(),
            None => Some("`--again` counts them".into()),
        },
        timings,
        loops,
        loops_from,
        slow_downs,
    };
    let done = write(ctx, args, &result, &before, &after)?;
    Ok((done, result))
}

fn side(path: &Path) -> Result<Side> {
    if !path.join(stamp::CHECKSUMS).is_file() {
        return Err(AuditError::usage(format!(
            "{}: not a finished stamp (it has no {})",
            path.display(),
            stamp::CHECKSUMS
        )));
    }
    if !path.join("capture.json").is_file() {
        return Err(AuditError::usage(format!(
            "{}: not a capture (phase B1); name a stamp of `bragg-audit capture`",
            path.display()
        )));
    }
    let stamp = std::fs::canonicalize(path).map_err(|e| AuditError::failed(path.display(), e))?;
    let (record, environment) =
        (stamp::read_json(&stamp, "capture.json")?, stamp::read_json(&stamp, "env.json")?);
    Ok(Side { stamp, record, environment })
}

/// What makes a capture unfit as proof.
fn unfit(side: &Side) -> Option<Obstacle> {
    let clear = format!("bragg-audit capture {}", side.record.same_case());
    let obstacle = |what: String| Some(Obstacle { what, stamp: side.stamp.clone(), clear: clear.clone() });
    match stamp::verify(&side.stamp) {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => {
            return obstacle(format!("the stamp was changed after it was written: {}", problems.join("; ")));
        }
        Err(e) => return obstacle(e.message),
    }
    if side.record.verdict == Verdict::Pass {
        return None;
    }
    obstacle(format!("parity: {}", crate::report::capture::verdict_line(&side.record)))
}

fn refused(obstacles: &[Obstacle]) -> AuditError {
    let mut text = "compare refuses:".to_string();
    for o in obstacles {
        text.push_str(&format!(
            "\n  {}\n    stamp: {}\n    clear it with: {}",
            o.what,
            o.stamp.display(),
            o.clear
        ));
    }
    AuditError::blocked(text)
}

/// What differs besides the candidate.
fn differences(before: &Side, after: &Side) -> Vec<String> {
    let (b, a) = (&before.record, &after.record);
    let sizes =
        |r: &Capture| r.sizes.iter().map(|z| z.numbers.size.to_string()).collect::<Vec<_>>().join(", ");
    let gates = |r: &Capture| {
        r.gates.iter().map(|g| format!("{} {}", g.metric, g.limit)).collect::<Vec<_>>().join(", ")
    };
    let unknown = || "not known".to_string();
    let pairs = [
        ("arguments", b.args.clone(), a.args.clone()),
        ("the candidate's own arguments", b.candidate_args.clone(), a.candidate_args.clone()),
        ("the reference's own arguments", b.reference_args.clone(), a.reference_args.clone()),
        ("sizes", sizes(b), sizes(a)),
        ("threads", b.threads.to_string(), a.threads.to_string()),
        ("gates", gates(b), gates(a)),
        ("candidate", b.candidate.name.clone(), a.candidate.name.clone()),
        ("reference", b.reference.name.clone(), a.reference.name.clone()),
        (
            "processor",
            before.environment.cpu.clone().unwrap_or_else(unknown),
            after.environment.cpu.clone().unwrap_or_else(unknown),
        ),
        ("cores", before.environment.cores.to_string(), after.environment.cores.to_string()),
        ("build profile", before.environment.profile.clone(), after.environment.profile.clone()),
    ];
    let different = pairs.into_iter().filter(|(_, b, a)| b != a);
    different.map(|(what, b, a)| format!("{what}: `{b}` before, `{a}` after")).collect()
}

fn candidates(before: &Side, after: &Side) -> Vec<String> {
    let short = |hash: &Option<String>| {
        hash.as_ref().map_or("not known".to_string(), |h| h.chars().take(12).collect())
    };
    let mut list = Vec::new();
    let (b, a) = (&before.record.candidate, &after.record.candidate);
    if b.sha256 == a.sha256 {
        list.push("nothing: both captures ran the same executable".to_string());
    } else {
        list.push(format!("executable {:.12} before, {:.12} after", b.sha256, a.sha256));
    }
    list.push(format!("sources {} before, {} after", short(&b.source_hash), short(&a.source_hash)));
    list.push(format!(
        "commit {} before, {} after",
        short(&before.environment.commit),
        short(&after.environment.commit)
    ));
    if before.environment.rustc != after.environment.rustc {
        list.push(format!("compiler {} before, {} after", before.environment.rustc, after.environment.rustc));
    }
    list
}

/// The reference can take the machine's drift out only where it is the same program.
fn same_reference(before: &Capture, after: &Capture) -> bool {
    let (b, a) = (&before.reference, &after.reference);
    b.sha256 == a.sha256 || b.source_hash.is_some() && b.source_hash == a.source_hash
}

fn timings(before: &Capture, after: &Capture, taken: Option<&again::Taken>) -> Vec<Timing> {
    let mut list = Vec::new();
    for b in &before.sizes {
        let Some(a) = after.sizes.iter().find(|a| a.numbers.size == b.numbers.size) else { continue };
        let same_reference = same_reference(before, after);
        for name in TIMES {
            let (Some(x), Some(y)) = (b.numbers.times.get(name), a.numbers.times.get(name)) else { continue };
            let by_reference = |z: &crate::capture::model::Numbers, of: &[f64]| -> Option<Vec<f64>> {
                let reference = &z.times.get("c_time")?.samples;
                (same_reference && reference.len() == of.len())
                    .then(|| of.iter().zip(reference).map(|(t, r)| t / r).collect())
            };
            let divided = by_reference(&b.numbers, &x.samples).zip(by_reference(&a.numbers, &y.samples));
            let captures = match divided {
                Some((x, y)) => apart(
                    &x,
                    &y,
                    "captures: each sample divided by the reference's of the same round; Welch's t on logarithms",
                ),
                None => apart(
                    &x.samples,
                    &y.samples,
                    "captures: samples as they are (no reference to divide by); Welch's t on logarithms",
                ),
            };
            let again = taken.and_then(|t| t.ratio(b.numbers.size, name));
            list.push(Timing::of(b.numbers.size, name, (x.median, y.median), captures, again));
        }
    }
    list
}

fn headline(time: Option<&Timing>, shown: Shown, slow_downs: &[String]) -> String {
    let Some((time, best)) = time.and_then(|t| Some((t, t.best()?))) else {
        return "no difference shown: there are no times to compare".into();
    };
    let interval = best.interval.map_or("no interval".to_string(), |(l, h)| format!("95 % {l:.3} to {h:.3}"));
    let flag = if slow_downs.is_empty() {
        String::new()
    } else {
        format!("; SLOW-DOWN over {} %: {}", compare::SLOW_DOWN_PCT, slow_downs.join(", "))
    };
    format!(
        "{}: {} at {} is {:.3} times what it was ({interval}){flag}",
        shown.text(),
        time.name,
        time.size,
        best.ratio
    )
}

fn write(
    ctx: &Context,
    args: &CompareArgs,
    result: &BeforeAfter,
    before: &Side,
    after: &Side,
) -> Result<Done> {
    let reliable = result.reliable;
    let writer = ctx.begin("d", args.outdir.as_deref())?;
    writer.write_json(&marked("before_after.json", reliable), result)?;
    writer.write(&marked("before_after.md", reliable), result.markdown())?;
    let parents = vec![stamp::parent("b1", &before.stamp)?, stamp::parent("b1", &after.stamp)?];
    let verdict = PhaseVerdict {
        loosened: Vec::new(),
        schema: VERDICT_SCHEMA.into(),
        phase: "d".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable,
        profile_whole: None,
        reasons: result.slow_downs.clone(),
        parents: parents.clone(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &verdict, &[])?;
    let text = summary(&Summary {
        title: "Before and after (phase D)",
        stamp: &writer.name,
        reliable,
        verdict: (Verdict::Pass, result.headline.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: Some(&after.record),
        own: result
            .markdown()
            .lines()
            .map(|l| if l.starts_with('#') { format!("#{l}\n") } else { format!("{l}\n") })
            .collect(),
        loops: Loops::Unknown("Per loop: see above.".into()),
        parents: &parents,
        previous: None,
        blockers: Vec::new(),
        artifacts: checklist(&writer, &[]),
        next: vec![(
            format!("bragg-audit run{}", super::capture::reports_flag(ctx)),
            "Find the next loop".into(),
        )],
    });
    writer.write(&marked("summary.md", reliable), text)?;
    let done = Done {
        phase: "d".into(),
        stamp: writer.finish()?,
        verdict: Verdict::Pass,
        line: result.headline.clone(),
    };
    ctx.record(&done, None)?;
    Ok(done)
}
