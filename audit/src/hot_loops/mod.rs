//! Phase B2: which loops the time goes to, from samples and spans, joined with the inventory.
//!
//! A sample counts once for every loop that contains one of its frames; the innermost loop gets it as self time. Only
//! the render phase counts, in thread time: `%time` is a loop's inclusive share of it, `self%` adds up to 100 per source,
//! with the rows [`BELOW`] and [`UNMATCHED`]. A span measures its thread's wall time and counts for its own `loop_id`.
//!
//! Rows are ordered by self time: the first one is where the time is, its callers follow.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::inventory::{Inventory, Priority, Status};
use crate::profile::callgrind::CallgrindError;
use crate::profile::chrome::ChromeError;
use crate::profile::samples::SamplesError;
use crate::profile::symbols::SymbolsError;

mod counted;
mod exact;
mod gpu;
mod heat;
pub(crate) mod interval;
mod perf;
mod places;
mod python;
mod rows;
mod sampled;
mod spanned;
mod table;
#[cfg(test)]
mod tests;

pub use exact::{Exact, exact};
pub use table::COLUMNS;

/// The form of the JSON.
pub const SCHEMA: &str = "bragg-audit/hot-loops/1";
/// `loop_id` of the row that holds the self time of all loops under the threshold.
pub const BELOW: &str = "(below threshold)";
/// `loop_id` of the row that holds the time that no loop of the inventory contains.
pub const UNMATCHED: &str = "(unmatched)";
/// Name of the sampling source.
pub const SAMPLES: &str = "samples";
/// Name of the source made of our own spans.
pub const SPANS: &str = "spans";
/// Name of the source read from `perf script`.
pub const PERF: &str = "perf";
/// Name of the source read from callgrind.
pub const CALLGRIND: &str = "callgrind";
/// Name of the source made of other people's spans.
pub const TRACE: &str = "trace";

/// Where [`build`] takes its numbers from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The loops.
    pub inventory: &'a Inventory,
    /// A file of [`crate::profile::sampler`]; primary when present.
    pub samples: Option<&'a Path>,
    /// A Chrome trace whose spans name loops.
    pub trace: Option<&'a Path>,
    /// Profiles that other tools wrote, of any program.
    pub others: Others<'a>,
    /// Inclusive share under which a loop has no row of its own, percent; usually 1.
    pub threshold_pct: f64,
    /// Bits of the widest vector registers of the machine that was profiled: which copy of a loop that was compiled for several
    /// instruction sets ran there.
    pub register_bits: u32,
}

/// Profiles that other tools wrote. Whole programs: they know no phases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Others<'a> {
    /// Text of `perf script`.
    pub perf_script: Option<&'a Path>,
    /// Output of callgrind.
    pub callgrind: Option<&'a Path>,
    /// A Chrome trace of anybody; Python functions in it are joined by file and name.
    pub trace: Option<&'a Path>,
    /// Exact counts of a coverage build ([`crate::profile::counts`]): entries and iterations, never time.
    pub counts: Option<&'a Path>,
}

/// The hot loops of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotLoops {
    /// [`SCHEMA`].
    pub schema: String,
    /// The source to go by: [`SAMPLES`] where there are any, else [`SPANS`].
    pub primary: String,
    /// See [`Inputs::threshold_pct`].
    pub threshold_pct: f64,
    /// What each source saw, the primary one first.
    pub sources: Vec<SourceSummary>,
    /// Source by source, by self time; the two rows in parentheses last.
    pub rows: Vec<HotLoop>,
    /// What makes the profile not whole; empty when it may be believed.
    pub problems: Vec<String>,
    /// How many of the hot loops no compiler was asked about, and why; absent when all were.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence_missing: Option<String>,
    /// For a picture: ids of nested loops, outermost first, with the self time (or samples) of the innermost. Of the
    /// primary source, where it has stacks; not in the JSON.
    #[serde(skip)]
    pub stacks: Vec<(Vec<String>, f64)>,
}

/// One source in numbers. What a source does not have is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// [`SAMPLES`], [`SPANS`], [`PERF`], [`CALLGRIND`] or [`TRACE`].
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// How the numbers came about.
    pub method: String,
    /// 100 %: thread time (of the render phase where the source knows phases), milliseconds; absent when it counts events.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_ms: Option<f64>,
    /// 100 % of a source that counts events.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_events: Option<u64>,
    /// What it counts: `Ir` is executed instructions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<String>,
    /// Self time that no loop contains, percent.
    pub unmatched_pct: f64,
    /// Self time of loops under the threshold, percent.
    pub below_threshold_pct: f64,
    /// Threads with render time.
    pub threads: u64,
    /// Samples of the render phase that count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<u64>,
    /// Samples of idle threads in the render phase, set apart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idle_samples: Option<u64>,
    /// Samples of threads that were waiting for a processor, set apart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub late_samples: Option<u64>,
    /// Samples lost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dropped: Option<u64>,
    /// Stacks whose outer frames are missing, for either reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut_stacks: Option<u64>,
    /// Thread time before late threads were noticed, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unsampled_ms: Option<f64>,
    /// Spans that were read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spans: Option<u64>,
    /// Events lost: broken, cut off, or without a partner.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lost: Option<u64>,
    /// Kind of the intervals in the rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<String>,
}

/// One loop as one source saw it, or one of the rows [`BELOW`] and [`UNMATCHED`], which have a self time only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotLoop {
    /// Path of the file from the root; empty in the rows in parentheses.
    pub module: String,
    /// First line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// As in the inventory.
    pub loop_id: String,
    /// Inclusive share, percent; equals `self_pct` in the rows in parentheses.
    pub time_pct: f64,
    /// Exact number of times the loop was entered, where a span or a coverage build counts it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call_count: Option<u64>,
    /// For people; starts with UNRELIABLE in outputs that are.
    pub notes: String,
    /// Self share, percent.
    pub self_pct: f64,
    /// Enclosing function.
    pub function: String,
    /// 1 = outermost in its function.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub depth: Option<u32>,
    /// Inclusive thread time, milliseconds; absent when the source counts events.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inclusive_ms: Option<f64>,
    /// Self thread time, milliseconds; likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub self_ms: Option<f64>,
    /// Events of the loop and all it calls, of a source that counts events.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inclusive_events: Option<u64>,
    /// Events of the loop itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub self_events: Option<u64>,
    /// Lower bound of `time_pct`, percent, where it is an estimate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ci_low: Option<f64>,
    /// Upper bound of `time_pct`, percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ci_high: Option<f64>,
    /// Exact number of iterations, where it was counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trip_count: Option<u64>,
    /// What the compiler's evidence says, where there is any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vectorized: Option<bool>,
    /// As in the inventory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Status>,
    /// HIGH from 10 % self time, MEDIUM from 1 %, LOW below.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub priority: Option<Priority>,
    /// Why the status: what the compiler made of the loop, or a person's word with its reason.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub evidence: String,
    /// Name of the source.
    pub source: String,
}

/// Why there are no hot loops.
#[derive(Debug, thiserror::Error)]
pub enum HotLoopsError {
    /// Nothing to go by.
    #[error("neither samples nor a trace: capture with --profile first")]
    NoSource,
    /// The samples file.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// The binary that the samples fell in.
    #[error(transparent)]
    Symbols(#[from] SymbolsError),
    /// The trace.
    #[error(transparent)]
    Trace(#[from] ChromeError),
    /// Output of callgrind.
    #[error(transparent)]
    Callgrind(#[from] CallgrindError),
    /// Text of `perf script`.
    #[error("{path}: {reason}")]
    Perf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Counts of a coverage build.
    #[error("{0}")]
    Counts(String),
    /// The table could not be written.
    #[error("writing the hot loops: {0}")]
    Write(#[from] std::io::Error),
}

/// What a source measured, before it becomes rows. Amounts are milliseconds, or events where the source counts them.
#[derive(Debug, Default)]
struct Measured {
    summary: SourceSummary,
    /// By index into the inventory's loops.
    loops: HashMap<usize, Time>,
    total: f64,
    unmatched: f64,
    /// Exact entries of loops.
    calls: HashMap<usize, u64>,
    /// What to say about a loop.
    remarks: HashMap<usize, String>,
    /// Nested loops, innermost first, with their amount; nothing for unmatched time.
    stacks: HashMap<Vec<usize>, f64>,
    problems: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Time {
    inclusive: f64,
    own: f64,
}

/// Joins the sources with the inventory.
///
/// # Errors
/// Without any source; when a file cannot be read; when a sampled binary has changed since.
pub fn build(inputs: Inputs<'_>) -> Result<HotLoops, HotLoopsError> {
    let index = Index::of(inputs.inventory);
    let sampled = inputs.samples.map(|path| sampled::measure(path, &index)).transpose()?;
    let spanned = inputs.trace.map(|path| spanned::measure(path, &index)).transpose()?;
    let perf = inputs.others.perf_script.map(|path| perf::measure(path, &index)).transpose()?;
    let counted = inputs.others.callgrind.map(|path| counted::measure(path, &index)).transpose()?;
    let foreign = inputs.others.trace.map(|path| spanned::measure_foreign(path, &index)).transpose()?;
    let all = [sampled, spanned, perf, counted, foreign];
    let mut sources: Vec<Measured> = all.into_iter().flatten().collect();
    let primary = sources.first().ok_or(HotLoopsError::NoSource)?.summary.name.clone();
    let counts = inputs.others.counts.map(|path| exact(path, inputs.inventory)).transpose();
    let counts = counts.map_err(HotLoopsError::Counts)?.unwrap_or_default();
    let mut rows =
        rows::rows(&mut sources, inputs.inventory, inputs.threshold_pct, &counts, inputs.register_bits);
    for row in &mut rows {
        let Some(known) = counts.get(&row.loop_id) else { continue };
        row.trip_count = known.trips;
        match (row.call_count, known.entries) {
            // spans count the process that was timed, the coverage build a process of its own
            (Some(spans), Some(counted)) if spans != counted => {
                let more = format!("the coverage build counts {counted} entries");
                row.notes = if row.notes.is_empty() { more } else { format!("{}; {more}", row.notes) };
            }
            (None, counted) => row.call_count = counted,
            _ => {}
        }
    }
    let id = |&one: &usize| inputs.inventory.loops[one].loop_id.clone();
    let stack = |(loops, amount): (Vec<usize>, f64)| match loops.as_slice() {
        [] => (vec![UNMATCHED.to_owned()], amount),
        loops => (loops.iter().rev().map(id).collect(), amount),
    };
    let mut stacks: Vec<(Vec<String>, f64)> = sources
        .first_mut()
        .map(|s| std::mem::take(&mut s.stacks))
        .unwrap_or_default()
        .into_iter()
        .map(stack)
        .collect();
    stacks.sort_by(|a, b| a.0.cmp(&b.0));
    let hot = rows.iter().filter(|r| r.source == primary && r.self_pct >= crate::evidence::rules::WARM_PCT);
    Ok(HotLoops {
        schema: SCHEMA.into(),
        evidence_missing: crate::evidence::missing(inputs.inventory, hot.map(|r| r.loop_id.as_str())),
        primary,
        threshold_pct: inputs.threshold_pct,
        problems: sources.iter_mut().flat_map(|s| std::mem::take(&mut s.problems)).collect(),
        sources: sources.into_iter().map(|s| s.summary).collect(),
        rows,
        stacks,
    })
}

impl HotLoops {
    /// Which loops the time of the primary source lies in, as a flame graph; `None` when it has no stacks.
    #[must_use]
    pub fn flame_graph(&self, reliable: bool) -> Option<String> {
        if self.stacks.is_empty() {
            return None;
        }
        let mark = if reliable { "" } else { "UNRELIABLE: " };
        let unit = self.sources.first().and_then(|s| s.event.as_deref()).unwrap_or("ms");
        let title = format!("{mark}loops by {}", self.primary);
        let stacks = self.stacks.iter().map(|(s, n)| (s.iter().map(String::as_str).collect(), *n));
        Some(crate::report::flame::flame_graph(&title, unit, stacks))
    }
}

/// The inventory with a way from ids to indices.
struct Index<'a> {
    inventory: &'a Inventory,
    by_id: HashMap<&'a str, usize>,
}

impl<'a> Index<'a> {
    fn of(inventory: &'a Inventory) -> Index<'a> {
        let by_id = inventory.loops.iter().enumerate().map(|(i, l)| (l.loop_id.as_str(), i)).collect();
        Index { inventory, by_id }
    }

    fn id(&self, loop_id: &str) -> Option<usize> {
        self.by_id.get(loop_id).copied()
    }

    /// The loops around a position, innermost first.
    fn around(&self, file: &str, line: u32, column: Option<u32>) -> impl Iterator<Item = usize> {
        let outermost_first = self.inventory.enclosing(file, line, column);
        outermost_first.into_iter().rev().filter_map(|l| self.id(&l.loop_id))
    }
}
