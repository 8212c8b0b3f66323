//! `status`: the phases of an initiative, what blocks what, and the command that comes next.

use super::{Context, PhaseVerdict};
use crate::exit::Result;
use crate::gates::Verdict;
use crate::ledger;
use crate::stamp;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One phase.
#[derive(Debug, Serialize)]
pub struct PhaseState {
    /// `a`, `b1`, `b2`, `b3`, `c`, `d`.
    pub phase: String,
    /// What it is called.
    pub title: String,
    /// Its newest stamp.
    #[serde(with = "crate::paths")]
    pub stamp: Option<PathBuf>,
    /// That stamp's verdict.
    pub verdict: Option<Verdict>,
    /// Gates that let more through than those that ship.
    pub loosened: Vec<String>,
    /// Whether the next phase may build on it, and if not, why.
    pub problem: Option<String>,
    /// What it found, where that is one line: the packet's loop, the proof's headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// The state of an initiative.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Which.
    pub initiative: String,
    /// Its phases in order.
    pub phases: Vec<PhaseState>,
    /// Attempts in the ledger.
    pub attempts: usize,
    /// Lines of the ledger that cannot be read.
    pub broken_ledger_lines: usize,
    /// The command that comes next.
    pub next: String,
}

const PHASES: [(&str, &str, &str); 6] = [
    ("a", "inventory", "inventory"),
    ("b1", "capture", "capture"),
    ("b2", "hot loops", "hot-loops"),
    ("b3", "backlog", "backlog"),
    ("c", "packet", "packet 1"),
    // a proof begins with a capture of the changed program
    ("d", "proof", "capture"),
];
/// The phases that are a person's to begin: not done is no obstacle there.
const CHOSEN: [&str; 2] = ["c", "d"];

/// Reads the newest stamp of every phase.
///
/// # Errors
/// When a stamp that looks finished cannot be read.
pub fn status(ctx: &Context) -> Result<Status> {
    let mut phases = Vec::new();
    let mut next = None;
    let mut above: Vec<(String, String)> = Vec::new(); // phase and newest stamp of what lies above
    for (phase, title, command) in PHASES {
        let stamp = stamp::latest(&ctx.phase_dir(phase));
        let verdict: Option<PhaseVerdict> =
            stamp.as_ref().map(|s| stamp::read_json(s, "verdict.json")).transpose()?;
        let problem = match &verdict {
            None => Some("not done".to_string()),
            Some(v) if v.verdict != Verdict::Pass => {
                Some(format!("{}: {}", v.verdict.text(), v.reasons.first().cloned().unwrap_or_default()))
            }
            Some(v) if !v.reliable => Some("UNRELIABLE: a gate before it was overridden".into()),
            Some(v) if v.profile_whole == Some(false) => {
                Some(format!("no whole profile: {}", v.reasons.join("; ")))
            }
            // a proof stands on two captures, of which one is the older by nature
            Some(v) if phase == "d" => changed(v),
            Some(v) => v.parents.iter().find_map(|p| {
                let newest = above.iter().find(|(phase, _)| *phase == p.phase).map(|(_, s)| s.as_str());
                (newest != Some(p.stamp.as_str()))
                    .then(|| format!("older than the newest stamp of phase {}", p.phase.to_uppercase()))
            }),
        };
        if problem.is_some() && next.is_none() {
            next = Some(format!("bragg-audit {command}{}", super::capture::reports_flag(ctx)));
        }
        if let Some(s) = &stamp {
            above.push((phase.into(), stamp::name_of(s)));
        }
        phases.push(PhaseState {
            phase: phase.into(),
            title: title.into(),
            loosened: verdict.iter().flat_map(|v| &v.loosened).map(|l| l.text.clone()).collect(),
            line: stamp.as_deref().filter(|_| CHOSEN.contains(&phase)).and_then(found),
            verdict: verdict.map(|v| v.verdict),
            stamp,
            problem,
        });
    }
    if let Some((before, after)) = unproved(&phases) {
        let stamps = crate::case::paste(&[before.into_os_string(), after.into_os_string()]);
        next = Some(format!("bragg-audit compare {stamps}{}", super::capture::reports_flag(ctx)));
    }
    let (lines, broken) = ledger::read(&ctx.ledger());
    // nothing done yet: the one command that does it all
    let next = next.filter(|_| phases.iter().any(|p| p.stamp.is_some()));
    let next = match (phases.iter().find(|p| p.phase == "b1").and_then(|p| p.verdict), next) {
        (Some(Verdict::Blocked | Verdict::NotComparable), Some(_)) => {
            Some(format!("bragg-audit diagnose{}", super::capture::reports_flag(ctx)))
        }
        (_, next) => next,
    };
    let next = next.unwrap_or_else(|| format!("bragg-audit run{}", super::capture::reports_flag(ctx)));
    Ok(Status {
        initiative: ctx.initiative.clone(),
        phases,
        attempts: lines.len(),
        broken_ledger_lines: broken,
        next,
    })
}

/// The capture that the packet came from and a newer one that passes, when no proof holds the two against each other.
fn unproved(phases: &[PhaseState]) -> Option<(PathBuf, PathBuf)> {
    let newest = |phase: &str| phases.iter().find(|p| p.phase == phase);
    let verdict = |stamp: &Path| stamp::read_json::<PhaseVerdict>(stamp, "verdict.json").ok();
    let mut before = newest("c")?.stamp.clone()?;
    for above in ["b3", "b2", "b1"] {
        before = verdict(&before)?.parent(above, &before).ok()?.path;
    }
    let after = newest("b1").filter(|p| p.verdict == Some(Verdict::Pass))?.stamp.clone()?;
    let name = stamp::name_of(&after);
    let proof = newest("d").and_then(|d| verdict(d.stamp.as_deref()?));
    let proved = proof.is_some_and(|v| v.parents.iter().any(|p| p.stamp == name));
    (stamp::name_of(&before) != name && !proved).then_some((before, after))
}

/// A parent that is not any more what it was.
fn changed(verdict: &PhaseVerdict) -> Option<String> {
    verdict.parents.iter().find_map(|p| match stamp::parent(&p.phase, &p.path) {
        Ok(now) if now.checksums_sha256 == p.checksums_sha256 => None,
        Ok(_) => Some(format!("stamp {} was changed since", p.stamp)),
        Err(_) => Some(format!("stamp {} is gone", p.stamp)),
    })
}

/// What a stamp of phase C or D found.
fn found(stamp: &Path) -> Option<String> {
    let text = |file: &str, key: &str| -> Option<String> {
        let value: serde_json::Value = stamp::read_json(stamp, file).ok()?;
        value.get(key).and_then(|v| v.as_str()).map(str::to_owned)
    };
    ["before_after.json", "before_after.UNRELIABLE.json"].iter().find_map(|f| text(f, "headline")).or_else(
        || {
            let folders = std::fs::read_dir(stamp).ok()?;
            let case = |e: std::fs::DirEntry| e.path().join("bench/case.json");
            let case = folders.flatten().map(case).find(|f| f.is_file())?;
            let value: serde_json::Value = serde_json::from_slice(&std::fs::read(case).ok()?).ok()?;
            Some(format!("of `{}`", value.get("loop_id")?.as_str()?))
        },
    )
}

/// Whether a phase has to wait for one that has a problem. A proof stands on captures alone; a packet is nobody's need.
fn waits(phase: &PhaseState, problem: &PhaseState) -> bool {
    match (phase.phase.as_str(), problem.phase.as_str()) {
        (_, "a" | "c") => false,
        ("d", problem) => problem == "b1",
        (phase, problem) => phase > problem,
    }
}

impl Status {
    /// The drawing for a terminal.
    #[must_use]
    pub fn text(&self, root: &Path) -> String {
        let mut t = format!("Initiative {}: {} attempts in the ledger\n\n", self.initiative, self.attempts);
        let mut blocked: Option<&PhaseState> = None;
        for p in &self.phases {
            let waits = blocked.is_some_and(|b| waits(p, b));
            let mark = match (&p.stamp, &p.problem) {
                (Some(_), None) if !waits => "✔",
                (Some(_), _) => "✘",
                (None, _) => "·",
            };
            let stamp = p
                .stamp
                .as_ref()
                .map_or("—".into(), |s| s.strip_prefix(root).unwrap_or(s).display().to_string());
            let _ = write!(t, "  {mark} {:<3} {:<10} {stamp}", p.phase.to_uppercase(), p.title);
            if let Some(line) = &p.line {
                let _ = write!(t, "\n      {line}");
            }
            if let Some(problem) = &p.problem {
                let _ = write!(t, "\n      {problem}");
            }
            for loose in &p.loosened {
                let _ = write!(t, "\n      LOOSENED: {loose}");
            }
            if let Some(b) = blocked
                && waits
            {
                let _ = write!(t, "\n      waits for {}", b.phase.to_uppercase());
            }
            if p.problem.is_some() && blocked.is_none() {
                blocked = Some(p);
            }
            t.push('\n');
        }
        if self.broken_ledger_lines > 0 {
            let _ = writeln!(t, "\n  {} lines of the ledger cannot be read", self.broken_ledger_lines);
        }
        let _ = writeln!(t, "\nNext: {}", self.next);
        t
    }
}
