//! Phase B1 as a command: capture, verdict, stamp, ledger; `blockers.md` when it is not a pass.

use super::{Context, Done, GateLine, PhaseVerdict, VERDICT_SCHEMA, checklist, exit_of};
use crate::capture::model::Capture;
use crate::capture::{self, Settings};
use crate::exit::{Exit, Result};
use crate::gates::Verdict;
use crate::inventory::Inventory;
use crate::ledger;
use crate::progress::Progress;
use crate::report::summary::{LoopRow, Loops, Summary, summary};
use crate::report::{blockers, capture as parts};
use crate::suite::sample::{self, Sample};
use std::path::Path;

/// Captures, and leaves a stamp whatever the verdict is.
///
/// # Errors
/// When an engine fails, the stamp cannot be written, or the run is interrupted.
pub fn capture(ctx: &Context, settings: &Settings, outdir: Option<&Path>) -> Result<(Done, Capture)> {
    let key = attempt_key(settings);
    if !settings.force {
        refuse_repetition(ctx, &key)?;
    }
    let writer = ctx.begin("b1", outdir)?;
    let progress = Progress::new(ctx.quiet, settings.steps());
    let record = capture::capture(settings, &writer, &progress)?;
    drop(progress);
    let (history, _) = ledger::read(&ctx.ledger());
    let verdict = phase_verdict(&writer.name, &record);
    ctx.write_common(&writer, &verdict, &record.engine_commands)?;
    if record.verdict != Verdict::Pass {
        let traced = trace_blocked(ctx, settings, &record)?;
        if let Some(traced) = &traced {
            writer.write("first_divergence.md", crate::diagnose::markdown::first_divergence(traced))?;
        }
        let sample = sample(ctx, settings, &record)?;
        if let Some(sample) = &sample {
            writer.write_json("suite_sample.json", sample)?;
        }
        let found = blockers::Found { traced: traced.as_ref(), sample: sample.as_ref() };
        writer.write("blockers.md", blockers::blockers(&record, &history, &ctx.command, &found))?;
    }
    let previous = history.iter().rev().find(|l| l.phase == "b1" && l.case.as_deref() == Some(&record.case));
    let text = summary(&Summary {
        title: "Parity and timing (phase B1)",
        stamp: &writer.name,
        reliable: true,
        verdict: (record.verdict, parts::found(&record)),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: Some(&record),
        own: String::new(),
        loops: static_candidates(ctx),
        parents: &[],
        previous,
        blockers: blocker_rows(&record),
        artifacts: checklist(&writer, &expected(&record, settings)),
        next: next(ctx, &record),
    });
    writer.write("summary.md", text)?;
    let line = parts::verdict_line(&record);
    let done = Done { phase: "b1".into(), stamp: writer.finish()?, verdict: record.verdict, line };
    ctx.record_attempt(&done, Some(&record), Some(key))?;
    Ok((done, record))
}

/// Intermediate values at standard places of the first frame that blocks.
fn trace_blocked(
    ctx: &Context,
    settings: &Settings,
    record: &Capture,
) -> Result<Option<crate::diagnose::model::Diagnosis>> {
    let Some(blocked) = record.sizes.iter().find(|z| z.verdict == Verdict::Blocked) else { return Ok(None) };
    let Some([width, height]) = blocked.shape else { return Ok(None) };
    let shape = (width as usize, height as usize);
    let worst = parts::worst(blocked).and_then(|j| j.comparison.worst.as_ref()).map(|w| w.index);
    let places = crate::diagnose::pixels::standard(shape, worst.filter(|i| *i < shape.0 * shape.1));
    let size = blocked.sized.then_some(blocked.numbers.size);
    let progress = Progress::new(ctx.quiet, 1);
    progress.step("tracing pixels of the blocked frame");
    crate::diagnose::trace_places(settings, size, &places, shape, &progress).map(Some)
}

/// Other cases beside one that is blocked.
fn sample(ctx: &Context, settings: &Settings, record: &Capture) -> Result<Option<Sample>> {
    if record.verdict != Verdict::Blocked {
        return Ok(None);
    }
    let progress = Progress::new(ctx.quiet, 1);
    progress.step("a few cases of the parity suite: the engine, or this case?");
    sample::sample(settings, &ctx.root, super::engines::cache(ctx, false)).map(Some)
}

/// Hash of everything that decides what an attempt gives. Times are not part of it: they are taken anew each time.
fn attempt_key(settings: &Settings) -> String {
    let mut text = format!(
        "{}\n{:?}\n{}\n{}\n{:?}\n{:?}\n{}\n",
        crate::case::paste(&settings.case.args),
        settings.sizes,
        crate::case::paste(&settings.reference_args),
        crate::case::paste(&settings.candidate_args),
        (
            settings.reference.name(),
            &settings.reference.identity.sha256,
            &settings.reference.identity.source_hash
        ),
        (
            settings.candidate.name(),
            &settings.candidate.identity.sha256,
            &settings.candidate.identity.source_hash
        ),
        settings.gates.iter().map(|g| format!("{g:?}")).collect::<Vec<_>>().join("\n"),
    );
    // how `audit.toml` has an engine called and its image read
    text.push_str(&format!("{:?}\n{:?}\n", settings.reference.definition, settings.candidate.definition));
    for input in &settings.case.inputs {
        text.push_str(&format!("{} {}\n", input.option, input.sha256));
    }
    if let Some(dir) = &settings.conditions.in_place {
        text.push_str(&format!("{}\n", dir.display()));
        for input in capture::files_there(dir) {
            text.push_str(&format!("{} {}\n", input.path.display(), input.sha256));
        }
        let volatile = ["PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES"];
        let mut variables: Vec<_> =
            std::env::vars_os().filter(|(n, _)| !volatile.iter().any(|v| n == v)).collect();
        variables.sort();
        text.push_str(&format!("{variables:?}"));
    }
    crate::hash::text(&text)
}

/// The same attempt again gives the same answer: eight attempts of that kind are what this tool is there to prevent.
fn refuse_repetition(ctx: &Context, key: &str) -> Result<()> {
    let (lines, _) = ledger::read(&ctx.ledger());
    let Some(last) = lines.iter().rev().find(|l| l.attempt_key.as_deref() == Some(key)) else {
        return Ok(());
    };
    if last.verdict == "pass" {
        return Ok(()); // taking times again is no repetition
    }
    Err(crate::exit::AuditError::blocked(format!(
        "nothing has changed since attempt {} ({}): same case, engines and inputs give the same answer; read {}, run `bragg-audit diagnose` \
         with these words, or repeat it with --force",
        last.stamp,
        last.verdict,
        last.path.join("blockers.md").display()
    )))
}

fn phase_verdict(stamp: &str, record: &Capture) -> PhaseVerdict {
    let mut gates = Vec::new();
    let mut reasons: Vec<String> = record.sizes.iter().filter_map(|z| z.problem.clone()).collect();
    if let Some(failure) = &record.failure {
        reasons.push(failure.lines().next().unwrap_or_default().to_owned());
    } else if !record.self_check.deterministic() {
        reasons.push(parts::determinism(record));
    }
    for size in &record.sizes {
        for (render, judged) in [("cold", &size.cold), ("warm", &size.warm)] {
            for outcome in judged.iter().flat_map(|j| &j.gates) {
                let image = format!("{}, {render}", parts::size_name(size));
                if !outcome.passed {
                    reasons.push(format!(
                        "{image}: {} is {}, required {}",
                        outcome.gate.metric,
                        outcome.actual.map_or("undefined".into(), |a| a.to_string()),
                        outcome.gate.limit
                    ));
                }
                gates.push(GateLine { image, outcome: outcome.clone() });
            }
        }
    }
    reasons.extend(record.profile_problems.iter().cloned());
    PhaseVerdict {
        loosened: crate::gates::loosened(&record.gates),
        schema: VERDICT_SCHEMA.into(),
        phase: "b1".into(),
        stamp: stamp.into(),
        verdict: record.verdict,
        exit: exit(record).code(),
        reliable: true,
        profile_whole: Some(record.profile_is_whole()),
        reasons,
        parents: Vec::new(),
        gates,
    }
}

/// The exit status of a capture: an engine that failed has its own.
#[must_use]
pub fn exit(record: &Capture) -> Exit {
    if record.failure.is_some() { Exit::EngineFailed } else { exit_of(record.verdict) }
}

/// Before phase B2 only the sources can say where loops nest deepest.
fn static_candidates(ctx: &Context) -> Loops {
    match Inventory::scan_known(&ctx.root, &ctx.config.inventory.paths) {
        Ok(inventory) if !inventory.loops.is_empty() => {
            let mut loops: Vec<_> =
                inventory.loops.iter().filter(|l| l.status != crate::inventory::Status::Safe).collect();
            loops.sort_by(|a, b| b.depth.cmp(&a.depth).then_with(|| a.loop_id.cmp(&b.loop_id)));
            let row = |l: &&crate::inventory::Loop| LoopRow {
                loop_id: l.loop_id.clone(),
                share: l.depth.to_string(),
                self_share: l.trip_count_hint.clone().unwrap_or_else(|| "unknown".into()),
                status: l.status.name().into(),
                notes: format!("`{}`", l.header.replace('`', "'")),
            };
            Loops::Static(loops.iter().take(5).map(row).collect())
        }
        Ok(_) => Loops::Unknown("No loops in the sources named by `[inventory] paths`.".into()),
        Err(e) => Loops::Unknown(format!("Unmeasured, and the sources could not be read: {e}.")),
    }
}

fn blocker_rows(record: &Capture) -> Vec<[String; 4]> {
    let again = format!("bragg-audit capture {}", record.same_case());
    let mut rows = Vec::new();
    if record.verdict != Verdict::Pass {
        rows.push([
            parts::verdict_line(record),
            "times, trace and samples describe another answer: phases B2 and B3 refuse".into(),
            "see blockers.md".into(),
            format!("`{again}`"),
        ]);
    }
    for problem in &record.profile_problems {
        rows.push([
            problem.clone(),
            "phase B2 refuses: the profile is not whole".into(),
            "capture again with a whole profile".into(),
            format!("`{again}`"),
        ]);
    }
    rows
}

fn expected(record: &Capture, settings: &Settings) -> Vec<(&'static str, &'static str)> {
    let mut list = vec![
        ("commands.txt", "missing"),
        ("env.json", "missing"),
        ("verdict.json", "missing"),
        ("inputs.json", "missing"),
        ("profile_run.log", "missing"),
        ("collect.log", "missing"),
    ];
    if !settings.profile {
        list.push(("trace.json", "not taken (--no-profile)"));
    }
    if record.verdict != Verdict::Pass {
        list.push(("blockers.md", "missing"));
    }
    if !settings.keep_artifacts {
        list.push(("images", "not kept (--keep-artifacts keeps them)"));
    }
    list
}

fn next(ctx: &Context, record: &Capture) -> Vec<(String, String)> {
    let reports = reports_flag(ctx);
    match record.verdict {
        Verdict::Pass if record.profile_is_whole() && !record.has_profile() => vec![(
            format!("bragg-audit hot-loops{reports} --program PROGRAM --inventory SOURCES -- {}", record.args),
            "Parity holds; there is no profile of this candidate (an engine of audit.toml may have profile_args): look at it from outside"
                .into(),
        )],
        Verdict::Pass if record.profile_is_whole() => {
            vec![(format!("bragg-audit hot-loops{reports}"), "Parity holds: find the hot loops".into())]
        }
        Verdict::Pass => vec![(
            format!("bragg-audit capture{reports}"),
            "Parity holds, the profile is not whole: capture again".into(),
        )],
        _ => vec![(
            format!("bragg-audit capture{reports} {}", record.same_case()),
            "Read blockers.md, mend the cause, and capture again".into(),
        )],
    }
}

/// The flags that lead another command to the same stamps.
pub(super) fn reports_flag(ctx: &Context) -> String {
    let mut text = String::new();
    if ctx.reports != ctx.root.join("reports") {
        text.push_str(&format!(" --reports {}", crate::case::paste(&[ctx.reports.clone().into_os_string()])));
    }
    if ctx.initiative != ctx.config.initiative {
        text.push_str(&format!(" --initiative {}", ctx.initiative));
    }
    text
}
