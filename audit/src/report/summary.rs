//! `summary.md`: what people read. The same order in every phase; what a phase does not know yet is said to be so.

use super::capture as parts;
use super::{bytes, table};
use crate::capture::model::Capture;
use crate::engines::Identity;
use crate::environment::Environment;
use crate::gates::Verdict;
use crate::ledger::Line;
use crate::stamp::Parent;
use std::fmt::Write;

/// A loop for the section of hottest loops.
pub struct LoopRow {
    /// Which loop.
    pub loop_id: String,
    /// Inclusive share with its unit, or a hint from the sources.
    pub share: String,
    /// Self share.
    pub self_share: String,
    /// Status in the inventory.
    pub status: String,
    /// Remarks.
    pub notes: String,
}

/// The section of loops.
pub enum Loops {
    /// Measured, from phase B2; the text names the source.
    Measured(String, Vec<LoopRow>),
    /// From the sources alone.
    Static(Vec<LoopRow>),
    /// Neither is there yet, and why.
    Unknown(String),
}

/// Everything the report is made from.
pub struct Summary<'a> {
    /// The phase's title.
    pub title: &'a str,
    /// The stamp's name.
    pub stamp: &'a str,
    /// Whether everything here may be relied on.
    pub reliable: bool,
    /// The verdict of the phase and one line about it.
    pub verdict: (Verdict, String),
    /// The command that was given.
    pub command: &'a str,
    /// Where it ran.
    pub environment: &'a Environment,
    /// Phase B1's record.
    pub capture: Option<&'a Capture>,
    /// What the phase adds of its own (Markdown).
    pub own: String,
    /// Loops.
    pub loops: Loops,
    /// Stamps this one builds on.
    pub parents: &'a [Parent],
    /// The attempt before this one, if any.
    pub previous: Option<&'a Line>,
    /// Blockers: cause, impact, resolution, command that verifies it.
    pub blockers: Vec<[String; 4]>,
    /// Artifacts: name and size; or why it is not there.
    pub artifacts: Vec<(String, Result<u64, String>)>,
    /// What to do next: commands with a remark.
    pub next: Vec<(String, String)>,
}

/// Writes the report.
#[must_use]
pub fn summary(s: &Summary<'_>) -> String {
    let commit = s.environment.commit.as_deref().unwrap_or("no commit (not in git)");
    let dirty = s.environment.dirty_diff_sha256.as_ref().map_or("", |_| ", with uncommitted changes");
    let mut t = String::new();
    if !s.reliable {
        t.push_str(
            "> **UNRELIABLE**: a gate before this phase did not pass. Do not act on these figures.\n\n",
        );
    }
    if let Some(c) = s.capture {
        let loosened = crate::gates::loosened(&c.gates);
        if !loosened.is_empty() {
            t.push_str("> **LOOSENED GATES**: this verdict is not the one of the limits that ship.\n>\n");
            loosened.iter().for_each(|l| {
                let contract = if l.contract { " **The contract.**" } else { "" };
                let _ = writeln!(t, "> - {}{contract}", l.text);
            });
            t.push('\n');
        }
    }
    let _ = write!(t, "# {}\n\nStamp {} · commit {commit}{dirty}\n\n", s.title, s.stamp);
    let verdict = s
        .capture
        .map_or_else(|| s.verdict.0.text().to_owned(), |c| crate::gates::pass_text(s.verdict.0, &c.gates));
    let _ = write!(t, "**{verdict}** — {}\n\n", s.verdict.1);
    section(&mut t, "In short", &executive(s));
    section(&mut t, "Command", &format!("```sh\n{}\n```\n", s.command));
    section(&mut t, "Settings", &settings(s));
    if let Some(c) = s.capture {
        section(&mut t, "Results", &parts::results(c));
        section(&mut t, "Threshold analysis", &parts::thresholds(c));
        section(&mut t, "Cache effectiveness", &parts::cache(c));
        section(&mut t, "Speed target", &parts::speed_target(c));
    }
    if !s.own.is_empty() {
        let _ = write!(t, "{}\n\n", s.own.trim_end());
    }
    section(&mut t, "Hottest loops", &loops(&s.loops));
    section(&mut t, "Comparison with what came before", &comparison(s));
    section(&mut t, "Blockers", &blockers(&s.blockers));
    section(&mut t, "Artifacts", &artifacts(s));
    section(&mut t, "Next actions", &next(&s.next));
    section(&mut t, "How to open the trace", TRACE_HELP);
    t.truncate(t.trim_end().len());
    t.push('\n');
    t
}

const TRACE_HELP: &str = "Open ui.perfetto.dev (\"Open trace file\") or chrome://tracing (\"Load\") in a browser and \
choose `profile/profile_<N>x<N>/trace.json` (`failed/…` when blocked) of the capture's stamp. Set-up, bands of rows and \
output are spans; each names its loop in its arguments.\n";

fn section(t: &mut String, title: &str, body: &str) {
    let _ = write!(t, "## {title}\n\n{}\n\n", body.trim_end());
}

fn executive(s: &Summary<'_>) -> String {
    let Some(c) = s.capture else {
        return format!(
            "{}. No engine was run in this phase. What comes next is listed below.\n",
            s.verdict.1
        );
    };
    let (candidate, reference) = (&c.candidate.name, &c.reference.name);
    let parity = match c.verdict {
        Verdict::Pass => {
            format!(
                "The candidate `{candidate}` gives the same answer as the reference `{reference}` within every gate in force{}.",
                if crate::gates::loosened(&c.gates).is_empty() {
                    ""
                } else {
                    ", **some of which were loosened**"
                }
            )
        }
        Verdict::Blocked => {
            format!(
                "The candidate `{candidate}` does **not** give the answer of the reference `{reference}`."
            )
        }
        Verdict::NotComparable => {
            format!("The images of `{candidate}` and `{reference}` cannot be compared.")
        }
    };
    let speed = match c.sizes.last().and_then(|z| z.numbers.speedup_warm.or(z.numbers.speedup_cold)) {
        Some(x) if c.verdict == Verdict::Pass => {
            format!("It runs at {x:.2} × the speed of the reference on {} threads.", c.threads)
        }
        Some(_) => "Its speed means nothing until parity holds.".into(),
        None => "Its speed was not measured.".into(),
    };
    let profile = match (&s.loops, c.verdict) {
        (Loops::Measured(_, rows), Verdict::Pass) => rows.first().map_or("No loop is hot.".into(), |r| {
            format!(
                "The hottest loop is `{}` with {} of the render's thread time to itself.",
                r.loop_id, r.self_share
            )
        }),
        (_, Verdict::Pass) if !c.has_profile() && c.profile_is_whole() => {
            "There is no profile of this candidate (an engine of audit.toml may have `profile_args`), so that phase B2 refuses.".into()
        }
        (_, Verdict::Pass) if c.profile_is_whole() => "A whole profile is ready for phase B2.".into(),
        (_, Verdict::Pass) => "There is no whole profile, so that phase B2 refuses.".into(),
        _ => "The profile was set apart and must not be used.".into(),
    };
    format!("{parity} {speed} {profile}\n")
}

fn settings(s: &Summary<'_>) -> String {
    let e = s.environment;
    let machine = format!(
        "{}, {} cores, {}",
        e.cpu.as_deref().unwrap_or("unknown processor"),
        e.cores,
        e.os.as_deref().unwrap_or("unknown system")
    );
    let mut rows = vec![
        vec!["machine".into(), machine],
        vec!["build".into(), format!("{}, profile {}", e.rustc, e.profile)],
    ];
    if let Some(c) = s.capture {
        rows.push(vec!["case".into(), format!("{}: `{}`", c.case, c.args)]);
        rows.push(vec!["reference".into(), engine(&c.reference)]);
        rows.push(vec!["candidate".into(), engine(&c.candidate)]);
        for (who, args) in [("reference", &c.reference_args), ("candidate", &c.candidate_args)] {
            if !args.is_empty() {
                rows.push(vec![format!("for the {who} alone"), format!("`{args}`")]);
            }
        }
        rows.push(vec!["threads".into(), c.threads.to_string()]);
        if let Some(how) = c.sizes.iter().find_map(|z| z.candidate_arithmetic.as_ref()) {
            rows.push(vec!["computed with".into(), how.to_string()]);
        }
        rows.push(vec!["isolation".into(), isolation(c)]);
        rows.push(vec!["self-check".into(), parts::determinism(c)]);
        rows.push(vec!["profiler".into(), profiler(c)]);
    }
    table(&["", ""], &rows)
}

fn engine(i: &Identity) -> String {
    let build = i.build.as_ref().map_or(String::new(), |b| format!(", {b}"));
    format!("`{}`, sha256 {}…{build}", i.name, &i.sha256[..12.min(i.sha256.len())])
}

fn profiler(c: &Capture) -> String {
    let profiled = c.sizes.iter().find_map(|z| z.profiled_renders.map(|n| (n, z.profiled_image_identical)));
    let Some((renders, identical)) = profiled else { return "not run".into() };
    let identical = match identical {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "unknown",
    };
    if !c.candidate.is_built_in() {
        return format!(
            "a Chrome trace that the candidate writes of itself, in a run of its own; image bit-identical to the plain run: {identical}"
        );
    }
    format!(
        "renders in one process: {renders}; spans to a Chrome trace, all threads sampled at 1 kHz; image bit-identical to \
         the plain run: {identical}"
    )
}

fn isolation(c: &Capture) -> String {
    match &c.in_place {
        None => "each run in a new empty directory with copies of the declared inputs, a cleaned environment, its own process \
                 group"
            .into(),
        Some(dir) => {
            let touched: Vec<String> = c.touched.iter().map(|p| p.display().to_string()).collect();
            let wrote = if touched.is_empty() { "no files there".into() } else { touched.join(", ") };
            let dir = dir.display();
            format!("**NONE: engines ran in {dir}** and may have read anything there; they wrote or changed: {wrote}")
        }
    }
}

fn loops(loops: &Loops) -> String {
    let rows = |rows: &[LoopRow]| -> Vec<Vec<String>> {
        let row = |r: &LoopRow| {
            vec![
                format!("`{}`", r.loop_id),
                r.share.clone(),
                r.self_share.clone(),
                r.status.clone(),
                r.notes.clone(),
            ]
        };
        rows.iter().map(row).collect()
    };
    match loops {
        Loops::Measured(source, list) => {
            format!("{source}\n\n{}", table(&["loop", "time", "self", "status", "notes"], &rows(list)))
        }
        Loops::Static(list) => format!(
            "**Unmeasured**: candidates from the sources alone, by depth of nesting; phase B2 replaces them by measurements.\n\n{}",
            table(&["loop", "depth", "iterations", "status", "header"], &rows(list))
        ),
        Loops::Unknown(why) => why.clone(),
    }
}

fn comparison(s: &Summary<'_>) -> String {
    let mut t = String::new();
    for p in s.parents {
        let sum = &p.checksums_sha256[..12.min(p.checksums_sha256.len())];
        let _ =
            writeln!(t, "- Builds on phase {} stamp {} (checksums {sum}…).", p.phase.to_uppercase(), p.stamp);
    }
    match (s.previous, s.capture) {
        (Some(last), Some(c)) => {
            let _ = write!(t, "- The attempt before, {}, was `{}`", last.stamp, last.verdict);
            for z in &c.sizes {
                let then = last.sizes.iter().find(|l| l.size == z.numbers.size);
                if let (Some(a), Some(b)) = (then.and_then(|l| l.speedup_warm), z.numbers.speedup_warm) {
                    let _ = write!(t, "; {}: warm speed-up {a:.2} × then, {b:.2} × now", parts::size_name(z));
                }
            }
            t.push_str(".\n");
        }
        (None, Some(_)) if s.parents.is_empty() => {
            t.push_str("- No earlier attempt of this case in the ledger.\n")
        }
        _ => {}
    }
    if t.is_empty() { "Nothing came before.\n".into() } else { t }
}

fn blockers(list: &[[String; 4]]) -> String {
    if list.is_empty() {
        return "None.\n".into();
    }
    let rows: Vec<Vec<String>> = list.iter().map(|b| b.to_vec()).collect();
    table(&["cause", "impact", "resolution", "verified by"], &rows)
}

fn artifacts(s: &Summary<'_>) -> String {
    let mut t = String::new();
    for (name, state) in &s.artifacts {
        let _ = match state {
            Ok(size) if name.starts_with(crate::capture::FAILED) => {
                writeln!(t, "- BLOCKED `{name}` ({}): kept as evidence, not to be used", bytes(*size))
            }
            Ok(size) => writeln!(t, "- [x] `{name}` ({})", bytes(*size)),
            Err(why) => writeln!(t, "- [ ] `{name}`: {why}"),
        };
    }
    t.push_str("- [x] `summary.md` (this file) and `checksums.txt` (sha256 of everything else)\n");
    t
}

fn next(list: &[(String, String)]) -> String {
    let mut t = String::new();
    for (i, (command, why)) in list.iter().enumerate() {
        let _ = writeln!(t, "{}. {why}: `{command}`", i + 1);
    }
    t
}
