//! Phase B3: which loop to work on next, and what that can give.
//!
//! By Amdahl's law (G. M. Amdahl, AFIPS 1967) a render of which a share p is spent in a loop becomes
//! 1/((1−p) + p/s) times as fast when that loop becomes s times as fast. Here p is the loop's self share of the
//! summed thread time of the render phase, which stands for the wall time as long as the threads are evenly
//! busy; its interval gives the interval of the gain. Loops inside it count for themselves, so no time is
//! proposed twice. s is never a measurement; it follows from the compiler's evidence and the width of vectors where there is
//! evidence, is assumed where there is none, and says so ([`Speedup`]).

mod affected;
mod closing;
mod markdown;
mod speedup;
#[cfg(test)]
mod tests;

pub use affected::AffectedTests;
pub use closing::{Closing, HighLoop};
pub use speedup::{Speedup, Vectors};

use crate::evidence::rules;
use crate::hot_loops::{BELOW, HotLoop, HotLoops, UNMATCHED, interval};
use crate::inventory::{Inventory, Loop, LoopKind, Priority, Status};
use crate::tests_list::TestList;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of the JSON.
pub const SCHEMA: &str = "bragg-audit/backlog/1";
/// The law, as it is printed.
pub const FORMULA: &str = "gain = 1/((1−p) + p/s)";
/// Most candidates.
const MOST: usize = 5;
/// Smallest self share of a candidate, percent: below it the priority is LOW.
const LEAST_PCT: f64 = 1.0;
/// Directories and function names that stand for input, output and talk with people.
const IO_MODULES: [&str; 5] = ["io", "cli", "report", "logging", "bin"];
const IO_VERBS: [&str; 8] = ["read", "write", "print", "parse", "load", "save", "open", "flush"];

/// What the backlog needs to know about the machine, the case and the run.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Instruction sets of this CPU that the program may choose at run time: `sse2`, `avx2`, `avx512f`, `neon` …
    pub cpu_features: Vec<String>,
    /// Arithmetic of the candidate; empty means `f64`.
    pub dtype: String,
    /// The case's arguments as they are pasted after `--`.
    pub case_args: String,
    /// Detector sizes of the capture; empty means those of the configuration.
    pub sizes: Vec<u32>,
    /// Flags of every audit command of this run (` --reports DIR` …), with a space before.
    pub reports_flags: String,
    /// The capture's stamp, as `compare` takes it; `None` as long as there is no such command.
    pub compare_with: Option<String>,
    /// The command that runs all tests of the project, where it has one.
    pub test_command: Option<String>,
    /// Whether parity and every gate before held.
    pub reliable: bool,
}

/// The ranked candidates, and an account of all the rest of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backlog {
    /// [`SCHEMA`].
    pub schema: String,
    /// Whether parity and every gate before held. If not, nothing here may be used.
    pub reliable: bool,
    /// What makes the profile not whole.
    pub problems: Vec<String>,
    /// How many hot loops no compiler was asked about, and why; absent when all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_missing: Option<String>,
    /// The profile's source that the shares come from.
    pub source: String,
    /// 100 %: thread time of the render phase in that source, milliseconds; absent when it is not in the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
    /// [`FORMULA`].
    pub formula: String,
    /// What p and its interval are.
    pub share_meaning: String,
    /// The widest vectors of this CPU.
    pub vectors: Vectors,
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// Gain when every candidate reaches its s; absent without candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain_of_all: Option<f64>,
    /// Hot loops that are no candidates, and why.
    pub not_proposed: Vec<NotProposed>,
    /// Where 100 % of the self time is.
    pub account: Vec<Share>,
    /// Loops that need no work, by the rule that says so.
    pub safe: Vec<SafeLoops>,
    /// Whether the initiative may close; absent in backlogs of before this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

/// A loop worth working on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// From 1.
    pub rank: u32,
    /// As in the inventory.
    pub loop_id: String,
    /// File from the root.
    pub module: String,
    /// First and last line.
    pub lines: (u32, u32),
    /// The loop's header.
    pub header: String,
    /// What kind of loop.
    pub kind: LoopKind,
    /// 1 = outermost in its function.
    pub depth: u32,
    /// As the header tells.
    pub trip_count_hint: Option<String>,
    /// As in the inventory.
    pub status: Status,
    /// The evidence for the status.
    pub evidence: String,
    /// From the self share.
    pub priority: Priority,
    /// p, percent.
    pub self_pct: f64,
    /// Interval of p, percent; absent when p is exact or the number of samples is not known.
    pub self_interval_pct: Option<(f64, f64)>,
    /// Share with everything inside the loop, percent.
    pub inclusive_pct: f64,
    /// Thread time of the loop itself, milliseconds.
    pub self_ms: f64,
    /// s.
    pub speedup: Speedup,
    /// 1/((1−p) + p/s).
    pub gain: f64,
    /// The gain at both ends of p's interval.
    pub gain_interval: Option<(f64, f64)>,
    /// 1/(1−p): what no work on this loop can exceed.
    pub gain_limit: f64,
    /// Other hot loops around it, outermost first, and in it: parts of one nest.
    pub nest: Vec<NestLoop>,
    /// Tests that a change here can break.
    pub tests: AffectedTests,
    /// How a change here can cost parity.
    pub risks: Vec<String>,
    /// What must succeed before the change is accepted.
    pub acceptance: Vec<String>,
}

/// A loop of the same nest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NestLoop {
    /// As in the inventory.
    pub loop_id: String,
    /// Around the candidate, or in it.
    pub around: bool,
    /// Its own self share, percent; absent for loops without a row in the profile.
    pub self_pct: Option<f64>,
}

/// A hot loop that is no candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotProposed {
    /// As in the inventory.
    pub loop_id: String,
    /// Its self share, percent.
    pub self_pct: f64,
    /// Share with everything inside the loop, percent.
    pub inclusive_pct: f64,
    /// Why not.
    pub reason: String,
}

/// A part of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// What took it.
    pub what: String,
    /// Self share, percent.
    pub self_pct: f64,
}

/// Loops proven to need no work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafeLoops {
    /// The rule.
    pub rule: String,
    /// The loops, in the inventory's order.
    pub loops: Vec<String>,
}

/// 1/((1−p) + p/s), p as a fraction.
fn amdahl(p: f64, s: f64) -> f64 {
    1.0 / ((1.0 - p) + p / s)
}

/// Ranks the hot loops of the profile's primary source.
#[must_use]
pub fn build(hot: &HotLoops, inventory: &Inventory, tests: &TestList, context: &Context) -> Backlog {
    let vectors = Vectors::of(&context.cpu_features, &context.dtype);
    let inventory = &warmed(hot, inventory, vectors.bits);
    let summary = hot.sources.iter().find(|s| s.name == hot.primary);
    let samples = summary.and_then(|s| s.samples);
    let rows: Vec<&HotLoop> = hot.rows.iter().filter(|r| r.source == hot.primary).collect();
    let (mut candidates, mut not_proposed) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|r| !remainder(r)) {
        let pass = |reason: String| NotProposed {
            loop_id: row.loop_id.clone(),
            self_pct: row.self_pct,
            inclusive_pct: row.time_pct,
            reason,
        };
        let Some(found) = inventory.by_id(&row.loop_id) else {
            not_proposed.push(pass("not in the inventory: make a new one of these sources".into()));
            continue;
        };
        match objection(row, found, &vectors) {
            Some(reason) => not_proposed.push(pass(reason)),
            None => {
                let speedup = Speedup::expected(found, &vectors);
                if speedup.factor > 1.0 {
                    candidates.push(candidate(row, found, speedup, samples));
                } else {
                    not_proposed
                        .push(pass(format!("nothing to expect from vector code: {}", speedup.reason)));
                }
            }
        }
    }
    candidates.sort_by(|a, b| b.gain.total_cmp(&a.gain).then_with(|| a.loop_id.cmp(&b.loop_id)));
    for late in candidates.split_off(candidates.len().min(MOST)) {
        not_proposed.push(NotProposed {
            reason: format!("gain {:.3}: not among the first {MOST}", late.gain),
            loop_id: late.loop_id,
            self_pct: late.self_pct,
            inclusive_pct: late.inclusive_pct,
        });
    }
    for (rank, candidate) in (1..).zip(&mut candidates) {
        candidate.rank = rank;
        candidate.nest = nest(inventory.by_id(&candidate.loop_id), inventory, &rows);
        candidate.tests = AffectedTests::of(candidate, inventory, tests);
        candidate.acceptance = acceptance(candidate, context);
    }
    let gain_of_all = (!candidates.is_empty()).then(|| {
        let rest: f64 = candidates.iter().map(|c| c.self_pct / 100.0 * (1.0 - 1.0 / c.speedup.factor)).sum();
        1.0 / (1.0 - rest)
    });
    Backlog {
        schema: SCHEMA.into(),
        reliable: context.reliable,
        problems: hot.problems.clone(),
        evidence_missing: hot.evidence_missing.clone(),
        source: hot.primary.clone(),
        total_ms: summary.and_then(|s| s.total_ms),
        formula: FORMULA.into(),
        share_meaning: share_meaning(samples),
        vectors,
        account: account(&rows, &candidates, &not_proposed),
        candidates,
        gain_of_all,
        not_proposed,
        safe: safe(inventory),
        closing: Some(Closing::of(&rows, inventory)),
    }
}

fn remainder(row: &HotLoop) -> bool {
    row.loop_id == BELOW || row.loop_id == UNMATCHED
}

/// Why a loop is not to be made vector code.
fn objection(row: &HotLoop, found: &Loop, vectors: &Vectors) -> Option<String> {
    let verb = found.function.rsplit("::").next().unwrap_or("").split('_').next().unwrap_or("");
    let part = found.module.split('/').find(|part| IO_MODULES.contains(&part.trim_end_matches(".rs")));
    match found.status {
        _ if row.self_pct < LEAST_PCT && row.time_pct < LEAST_PCT => {
            Some(format!("below {LEAST_PCT} % with all that is inside it: {}", row.notes))
        }
        _ if row.self_pct < LEAST_PCT => {
            Some(format!("own time below {LEAST_PCT} %: what it takes is in the loops inside it"))
        }
        // narrower vectors than this CPU has leave something to gain, unless a person said that it is done
        Status::Vectorized if found.person.is_none() && narrower(found, vectors) => None,
        Status::Vectorized => Some(format!(
            "vector code already ({}): it needs fewer operations or better memory access, not lanes",
            found.evidence
        )),
        Status::Safe => Some(format!("needs no work: {}", found.evidence)),
        _ if part.is_some() => Some(format!("input and output: it stands in `{}`", part.unwrap_or_default())),
        _ if IO_VERBS.contains(&verb) => {
            Some(format!("input and output: its function is `{}`", found.function))
        }
        Status::Todo | Status::Uncertain => None,
    }
}

/// Whether the loop's vectors are narrower than the widest of this CPU.
fn narrower(found: &Loop, vectors: &Vectors) -> bool {
    found.code.as_ref().and_then(|code| code.bits).is_some_and(|bits| bits < vectors.bits)
}

/// The inventory with the statuses and priorities that follow once the profile is known (`evidence/rules.rs`).
pub(crate) fn warmed(hot: &HotLoops, inventory: &Inventory, register_bits: u32) -> Inventory {
    let mut warm = inventory.clone();
    let heat = hot.heat();
    warm.loops.iter_mut().for_each(|one| heat.warm(one, register_bits));
    warm
}

/// A candidate as far as its row and its source tell.
fn candidate(row: &HotLoop, found: &Loop, speedup: Speedup, samples: Option<u64>) -> Candidate {
    let p = row.self_pct / 100.0;
    let bounds = samples.and_then(|n| interval::wilson(p, n as f64));
    Candidate {
        rank: 0,
        loop_id: found.loop_id.clone(),
        module: found.module.clone(),
        lines: (found.line, found.end_line),
        header: found.header.clone(),
        kind: found.kind,
        depth: found.depth,
        trip_count_hint: found.trip_count_hint.clone(),
        status: found.status,
        evidence: found.evidence.clone(),
        priority: rules::priority(row.self_pct),
        self_pct: row.self_pct,
        self_interval_pct: bounds.map(|(low, high)| (100.0 * low, 100.0 * high)),
        inclusive_pct: row.time_pct,
        self_ms: row.self_ms.unwrap_or(0.0),
        gain: amdahl(p, speedup.factor),
        gain_interval: bounds.map(|(low, high)| (amdahl(low, speedup.factor), amdahl(high, speedup.factor))),
        gain_limit: amdahl(p, f64::INFINITY),
        risks: risks(found, &speedup),
        speedup,
        nest: Vec::new(),
        tests: AffectedTests::default(),
        acceptance: Vec::new(),
    }
}

/// The loops around a loop, and the hot ones inside it, in the same file.
fn nest(found: Option<&Loop>, inventory: &Inventory, rows: &[&HotLoop]) -> Vec<NestLoop> {
    let Some(found) = found else { return Vec::new() };
    let share = |l: &Loop| rows.iter().find(|r| r.loop_id == l.loop_id).map(|r| r.self_pct);
    let of = |l: &Loop, around| NestLoop { loop_id: l.loop_id.clone(), around, self_pct: share(l) };
    let outer = inventory.enclosing(&found.module, found.line, Some(found.column));
    let outer = outer.into_iter().filter(|l| l.depth < found.depth && l.function == found.function);
    let inside = |l: &&Loop| {
        l.function == found.function
            && l.depth > found.depth
            && (found.line, found.column) <= (l.line, l.column)
            && (l.end_line, l.end_column) <= (found.end_line, found.end_column)
    };
    let inner = inventory.loops_of(&found.module).iter().filter(inside).filter(|l| share(l).is_some());
    outer.map(|l| of(l, true)).chain(inner.map(|l| of(l, false))).collect()
}

/// What can go wrong with the numbers.
pub(crate) fn risks(found: &Loop, speedup: &Speedup) -> Vec<String> {
    let mut risks = Vec::new();
    let reduces =
        ["sum", "product", "fold", "reduce"].iter().any(|name| found.header.contains(&format!(".{name}")));
    if reduces {
        risks.push(
            "It is a reduction: lanes add in another order, so sums change in their last digits. Keep the order of the \
             terms fixed (the same for any number of threads), sum in f64, and expect relative differences of about \
             1e-16 × √n."
                .to_string(),
        );
    } else {
        risks.push(
            "If its body adds into a variable that outlives an iteration, it is a reduction: lanes add in another order \
             and sums change in their last digits. One pixel per lane keeps the order of every pixel's own sum."
                .to_string(),
        );
    }
    risks.push(
        "Vector versions of sin, cos, exp and sqrt, and fused multiply-add, round differently from the scalar ones: \
         allow no more than the parity gates leave, and keep branches (cut-offs, `continue`) lane by lane."
            .to_string(),
    );
    match found.kind {
        LoopKind::While | LoopKind::Loop => risks.push(
            "Its trip count is not known on entry: it has to become a counted loop first, with the same last iteration."
                .to_string(),
        ),
        LoopKind::Rayon => risks.push(
            "It is spread over threads: the image must stay bit-identical for any number of them.".to_string(),
        ),
        _ => {}
    }
    if speedup.short {
        risks.push(
            "It runs few iterations per entry: the lanes have to come from a loop around it (see its nest), which changes \
             the layout of what it reads."
                .to_string(),
        );
    }
    risks
}

/// Commands that must all succeed, in order.
fn acceptance(candidate: &Candidate, context: &Context) -> Vec<String> {
    let flags = &context.reports_flags;
    let mut capture = format!("bragg-audit capture{flags}");
    if !context.sizes.is_empty() {
        let sizes: Vec<String> = context.sizes.iter().map(u32::to_string).collect();
        capture.push_str(&format!(" --sizes {}", sizes.join(",")));
    }
    if !context.case_args.is_empty() {
        capture.push_str(&format!(" -- {}", context.case_args));
    }
    let manifest =
        affected::package_directory(&candidate.module).map(|dir| format!(" --manifest-path {dir}Cargo.toml"));
    let mut commands = Vec::new();
    if let Some(manifest) = manifest {
        commands.push(format!("cargo test --release{manifest}"));
    }
    commands.extend(context.test_command.clone());
    commands.push(capture);
    if let Some(stamp) = &context.compare_with {
        commands.push(format!("bragg-audit compare{flags} {stamp} NEW_CAPTURE_STAMP"));
    }
    commands.push(format!("bragg-audit inventory{flags}"));
    commands.push(format!("bragg-audit hot-loops{flags}"));
    commands
}

fn share_meaning(samples: Option<u64>) -> String {
    let method = match samples {
        Some(n) => {
            format!("estimated from {n} samples; interval: {}, by the number of samples", interval::NAME)
        }
        None => "no interval: the source does not tell a number of samples".to_string(),
    };
    format!("p is the loop's self share of the summed thread time of the render phase ({method})")
}

/// Where all of the self time is; adds up to what the profile's rows add up to.
fn account(rows: &[&HotLoop], candidates: &[Candidate], not_proposed: &[NotProposed]) -> Vec<Share> {
    let of = |id: &str| rows.iter().filter(|r| r.loop_id == id).map(|r| r.self_pct).sum();
    let share = |what: &str, self_pct| Share { what: what.into(), self_pct };
    vec![
        share("candidates", candidates.iter().map(|c| c.self_pct).sum()),
        share("hot loops that are no candidates", not_proposed.iter().map(|n| n.self_pct).sum()),
        share("loops below the threshold of the profile", of(BELOW)),
        share("outside of every loop of the inventory (unmatched)", of(UNMATCHED)),
    ]
}

fn safe(inventory: &Inventory) -> Vec<SafeLoops> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for l in inventory.loops.iter().filter(|l| l.status == Status::Safe) {
        groups.entry(&l.evidence).or_default().push(l.loop_id.clone());
    }
    groups.into_iter().map(|(rule, loops)| SafeLoops { rule: rule.to_string(), loops }).collect()
}
