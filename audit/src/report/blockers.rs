//! `blockers.md`: why a comparison is blocked, what was found out on the way, and what to do next.

use super::capture::{determinism, size_name, thresholds, worst};
use super::{parity, table};
use crate::capture::compare::REGION_FOLDER as REGION;
use crate::capture::model::{Capture, Judged, Region};
use crate::diagnose::model::Diagnosis;
use crate::gates::{Outcome, Verdict};
use crate::ledger::Line;
use crate::metrics::{Comparison, Roi};
use crate::suite::sample::{SUITE, Sample};
use std::fmt::Write;

/// A cause that fits what was seen, with the evidence for it. Nothing here is proven.
struct Hint {
    cause: String,
    evidence: String,
}

/// What was looked at besides the blocked frames.
#[derive(Clone, Copy, Default)]
pub struct Found<'a> {
    /// What tracing pixels found.
    pub traced: Option<&'a Diagnosis>,
    /// What other cases say.
    pub sample: Option<&'a Sample>,
}

/// Writes the report. `history` is the ledger before this attempt, oldest first; `rerun` reproduces the attempt.
#[must_use]
pub fn blockers(capture: &Capture, history: &[Line], rerun: &str, found: &Found<'_>) -> String {
    let traced = found.traced;
    let mut text = format!("# Blocked: {}\n\n{}\n\n", capture.case, super::capture::verdict_line(capture));
    if let Some(failure) = &capture.failure {
        let _ = write!(
            text,
            "## The engine that failed\n\n```text\n{failure}\n```\n\nAll that it said is in `profile_run.log`.\n\n"
        );
    }
    text.push_str("## Gates\n\n");
    text.push_str(&thresholds(capture));
    text.push_str("\n## Where the images differ\n\n");
    text.push_str(&places(capture));
    let _ = write!(text, "\n## Deterministic?\n\n{}.\n", determinism(capture));
    text.push_str("\n## Which of the two is wrong?\n\n");
    text.push_str(&opinions(capture));
    if let Some(sample) = found.sample {
        let _ = write!(text, "\n## The engine, or this case?\n\n{}\n", sample.finding());
    }
    text.push_str("\n## History\n\n");
    text.push_str(&attempts(capture, history));
    text.push_str("\n## What fits the evidence\n\nRanked; each is a hypothesis with what was seen for it, none is proven yet.\n\n");
    let mut all = hints(capture);
    if let Some(cause) = traced.and_then(|d| d.causes.first()) {
        let first = traced.and_then(Diagnosis::first_divergence).map_or("", |f| f.name.as_str());
        let by = cause.evidence.first().filter(|_| !cause.title.contains("by the factor"));
        let by = by.map_or(String::new(), |r| format!(", by the factor {r}"));
        let evidence = format!(
            "{}{by}; at traced pixels `{first}` is the first value that differs (first_divergence.md)",
            cause.title
        );
        all.retain(|h| h.cause != "Unknown");
        all.insert(0, Hint { cause: format!("In the engines: {}", cause.class.title()), evidence });
    }
    for (i, hint) in all.iter().enumerate() {
        let _ = writeln!(text, "{}. {} — {}", i + 1, hint.cause, hint.evidence);
    }
    if let Some(line) =
        history.iter().rev().find(|l| l.phase == "diagnose" && l.case.as_deref() == Some(&capture.case))
    {
        let said = line.cause.as_deref().unwrap_or("not found");
        let _ = writeln!(
            text,
            "\nThe last diagnosis of this case (stamp {}, {}) said: {said}.",
            line.stamp,
            line.path.display()
        );
    }
    text.push_str("\n## Next commands\n\n```sh\n# find the cause by experiment, and prove it\n");
    let _ = writeln!(
        text,
        "{}",
        rerun.replacen(" capture", " diagnose", 1).replacen(
            " run",
            " diagnose",
            usize::from(!rerun.contains(" capture"))
        )
    );
    if found.sample.is_some_and(|s| s.skipped.is_none()) {
        let _ = writeln!(
            text,
            "# all cases of the suite: is it the engine, or this case alone?\nbragg-audit suite {SUITE} --reference {} --candidate {}",
            quoted(&capture.reference.name),
            quoted(&capture.candidate.name)
        );
    }
    text.push_str("# all attempts\nbragg-audit history\n");
    if capture.in_place.is_some() {
        text.push_str("# the same in empty directories: does it still disagree?\n");
        let _ = writeln!(text, "bragg-audit capture {}", capture.same_case());
    }
    if !capture.candidate_args.is_empty() || !capture.reference_args.is_empty() {
        text.push_str("# the same without the arguments that only one engine got\n");
        let _ = writeln!(text, "bragg-audit capture {}", capture.same_case());
    }
    text.push_str("# the reference against itself: is the harness sound?\n");
    let _ = writeln!(
        text,
        "bragg-audit capture --reference {0} --candidate {0} --no-profile {1}",
        quoted(&capture.reference.name),
        capture.same_case()
    );
    let _ = writeln!(text, "# this attempt again\n{rerun}\n```");
    text.push_str(
        "\n## Until it passes\n\nDo not use the times, the trace and the samples in `failed/`: they profile a program that computes something \
         else. `hot-loops` and `backlog` refuse to run on this stamp.\n",
    );
    text
}

fn quoted(name: &str) -> String {
    crate::case::paste(&[name.into()])
}

fn places(capture: &Capture) -> String {
    let mut text = String::new();
    for size in &capture.sizes {
        let Some(j) = worst(size) else {
            let _ = writeln!(
                text,
                "- {}: {}",
                size_name(size),
                size.problem.as_deref().unwrap_or("nothing to compare")
            );
            continue;
        };
        let _ = writeln!(text, "{}, the whole frame:\n", size_name(size));
        for line in parity::places(&j.comparison) {
            let _ = writeln!(text, "- {line}");
        }
        text.push_str(&beside(j));
        text.push_str(&gallery(&j.pictures));
    }
    if text.is_empty() { "Nothing was compared.\n".into() } else { text }
}

/// Every gate on the whole frame and on the regions, side by side: what is wrong everywhere, and what only there?
fn beside(judged: &Judged) -> String {
    if judged.regions.is_empty() {
        return "\n".into(); // the image is not larger than a region
    }
    let mark = |o: &Outcome, c: &Comparison| {
        let value = parity::actual(o, Some(c));
        if o.passed { value } else { format!("**{value}**") }
    };
    let place = |r: &Region| {
        let Roi { x0, x1, y0, y1 } = r.roi;
        format!("{}: fast {x0} to {}, slow {y0} to {}", r.name, x1 - 1, y1 - 1)
    };
    let mut head = vec!["gate".to_owned(), "required".into(), "whole frame".into()];
    head.extend(judged.regions.iter().map(place));
    let row = |o: &Outcome| {
        let mut row = vec![format!("`{}`", o.gate.metric), parity::required(o), mark(o, &judged.comparison)];
        let same = |p: &&Outcome| p.gate.metric == o.gate.metric && p.gate.direction == o.gate.direction;
        row.extend(judged.regions.iter().map(|r| {
            r.gates.iter().find(same).map_or_else(|| r.verdict.text().into(), |p| mark(p, &r.comparison))
        }));
        row
    };
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = judged.gates.iter().map(row).collect();
    format!("\nBeside parts of it (bold: the gate blocks):\n\n{}\n", table(&head, &rows))
}

/// Pictures, three beside each other, each below its name; those of a region have a folder of their own.
fn gallery(pictures: &[String]) -> String {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let mut text = String::new();
    for group in pictures.chunk_by(|a, b| folder(a) == folder(b)) {
        let what = if folder(&group[0]).ends_with(REGION) {
            "The pixels around the largest local error"
        } else {
            "The whole frame"
        };
        let _ = writeln!(text, "{what}, in `{}`:\n", folder(&group[0]));
        let cell = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".png");
            format!("{}<br>![{name}]({path})", name.replace('_', " "))
        };
        let rows: Vec<Vec<String>> = group
            .chunks(3)
            .map(|row| (0..3).map(|i| row.get(i).map_or(String::new(), cell)).collect())
            .collect();
        text.push_str(&table(&["", "", ""], &rows));
        text.push('\n');
    }
    text
}

fn attempts(capture: &Capture, history: &[Line]) -> String {
    let same: Vec<&Line> =
        history.iter().filter(|l| l.phase == "b1" && l.case.as_deref() == Some(&capture.case)).collect();
    let failures = same.iter().rev().take_while(|l| l.verdict != "pass").count() + 1;
    let mut text = format!("- Failure number {failures} in a row of this case.\n");
    match same.iter().rev().find(|l| l.verdict == "pass") {
        Some(pass) => {
            let _ = writeln!(
                text,
                "- Last pass: stamp {} at commit {}.",
                pass.stamp,
                pass.commit.as_deref().unwrap_or("unknown")
            );
            let now = [
                (&pass.candidate_sha256, &capture.candidate.sha256, "candidate"),
                (&pass.reference_sha256, &capture.reference.sha256, "reference"),
            ];
            for (then, now, who) in now {
                if let Some(then) = then {
                    let _ = writeln!(
                        text,
                        "- The {who}'s executable is {} since then.",
                        if then == now { "unchanged" } else { "another one" }
                    );
                }
            }
        }
        None => text.push_str("- It never passed in this ledger.\n"),
    }
    let figure = |l: &Line| l.sizes.first().and_then(|s| s.one_minus_correlation);
    let mine = capture.sizes.first().and_then(|s| worst(s)).and_then(|j| j.comparison.one_minus_correlation);
    if let Some(last) = same.last() {
        let mut changed = Vec::new();
        let now = [
            (&last.candidate_sha256, &capture.candidate.sha256, "the candidate's executable"),
            (&last.reference_sha256, &capture.reference.sha256, "the reference's executable"),
        ];
        changed.extend(
            now.iter().filter(|(then, now, _)| then.as_ref().is_some_and(|t| t != *now)).map(|x| x.2),
        );
        let _ = writeln!(
            text,
            "- Since the attempt before this one ({}) {}.",
            last.stamp,
            if changed.is_empty() {
                "neither executable has changed".to_owned()
            } else {
                format!("{} changed", changed.join(" and "))
            }
        );
    }
    let twins: Vec<&&Line> = same.iter().filter(|l| mine.is_some() && figure(l) == mine).collect();
    let commits: std::collections::BTreeSet<_> = twins.iter().filter_map(|l| l.commit.as_deref()).collect();
    if commits.len() > 1 {
        let _ = writeln!(
            text,
            "- The correlation is the same to the last digit as in {} attempts on {} different commits: what differs does not depend on the code.",
            twins.len(),
            commits.len()
        );
    }
    text
}

/// What the third engine says.
fn opinions(capture: &Capture) -> String {
    let said = capture.sizes.iter().filter_map(|z| Some((size_name(z), z.opinion.as_ref()?)));
    let lines: Vec<String> = said.map(|(size, o)| format!("- {size}: {}.\n", o.text)).collect();
    if lines.is_empty() {
        let ours = capture.reference.is_built_in() && capture.candidate.is_built_in();
        let third = if ours {
            "rust-reference` (or any other engine)"
        } else {
            "NAME` (another engine of audit.toml)"
        };
        format!("No third engine was asked: `--referee {third} would say which of the two is wrong.\n")
    } else {
        lines.concat()
    }
}

/// Hypotheses from what the capture itself shows.
fn hints(capture: &Capture) -> Vec<Hint> {
    let mut hints = Vec::new();
    let mut add = |cause: &str, evidence: String| hints.push(Hint { cause: cause.into(), evidence });
    if let Some(failure) = &capture.failure {
        add("An engine that fails", failure.lines().next().unwrap_or_default().to_owned());
    } else if !capture.self_check.deterministic() {
        add("An engine that does not repeat itself", determinism(capture));
    }
    for (who, args) in [("candidate", &capture.candidate_args), ("reference", &capture.reference_args)] {
        if !args.is_empty() {
            add("Arguments that only one engine got", format!("the {who} was given `{args}`"));
        }
    }
    if let Some(dir) = &capture.in_place {
        add(
            "A file in the directory that an engine reads without being told",
            format!(
                "the engines ran in {} and not in an empty directory; inputs.json lists what lay there",
                dir.display()
            ),
        );
    }
    for size in &capture.sizes {
        let Some(j) = worst(size) else { continue };
        let c = &j.comparison;
        if let (Some(miss), Some(ratio)) = (c.one_minus_correlation, c.sum_ratio)
            && miss <= 1e-9
        {
            add(
                "A constant factor (units, fluence, structure factor, a step count in the divisor)",
                format!(
                    "{}: the images have the same shape (1 − correlation {miss:.1e}) and differ by the factor {ratio:.9}",
                    size_name(size)
                ),
            );
        }
        if c.candidate_sum == 0.0 && c.reference_sum != 0.0 {
            add("The candidate rendered nothing", format!("{}: its sum is 0", size_name(size)));
        }
    }
    for warning in &capture.warnings {
        add("What an engine warned of", format!("`{}`", warning.trim()));
    }
    if hints.is_empty() {
        hints.push(Hint {
            cause: "Unknown".into(),
            evidence: "nothing in this capture points at a cause".into(),
        });
    }
    if capture.verdict == Verdict::NotComparable
        && let Some(problem) = capture.sizes.iter().find_map(|s| s.problem.as_ref())
    {
        hints.insert(0, Hint { cause: "There is nothing to compare".into(), evidence: problem.clone() });
    }
    hints
}
