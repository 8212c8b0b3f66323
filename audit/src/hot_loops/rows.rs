//! From measured times to the rows of the table: shares, intervals, threshold, notes.

use std::collections::HashMap;

use super::{BELOW, HotLoop, Measured, Time, UNMATCHED, interval};
use crate::evidence::rules;
use crate::inventory::{Inventory, Loop, LoopKind};

/// Percentage points by which two sources may differ before a row says so.
const DISAGREEMENT_PCT: f64 = 3.0;

/// The stack of a worker that stole a job does not lead back to the chain that made the job.
const STOLEN: &str = "work stolen by other threads counts here only if the closure stands in the chain";

/// Inclusive share from which a loop counts as the one that repeats everything else.
const MOST_OF_THE_TIME_PCT: f64 = 50.0;
/// Rows under the threshold that are listed for the sake of a GPU.
const MOST_ON_GPU: usize = 5;
/// Their note.
const ON_GPU: &str =
    "below the threshold here, but repeated inside a loop with most of the time: may matter on a GPU";

/// All rows, source by source. Also writes the two shares in parentheses into each summary.
/// Statuses and priorities follow from the primary source's shares where it saw the loop, else from the row's own.
pub(super) fn rows(
    sources: &mut [Measured],
    inventory: &Inventory,
    threshold_pct: f64,
    register_bits: u32,
) -> Vec<HotLoop> {
    let calls: HashMap<usize, u64> = sources.iter().flat_map(|s| &s.calls).map(|(&i, &n)| (i, n)).collect();
    let mut all = Vec::new();
    for at in 0..sources.len() {
        let (below, mut rows) = listed(sources, at, inventory, &calls, (threshold_pct, register_bits));
        rows.sort_by(|a, b| {
            b.self_pct
                .total_cmp(&a.self_pct)
                .then(b.time_pct.total_cmp(&a.time_pct))
                .then(a.loop_id.cmp(&b.loop_id))
        });
        all.append(&mut rows);
        let source = &mut sources[at];
        let total = source.total;
        source.summary.below_threshold_pct = percent(below, total);
        source.summary.unmatched_pct = percent(source.unmatched, total);
        if total > 0.0 {
            let under = format!("self time of the loops under {threshold_pct} % inclusive");
            all.push(remainder(BELOW, below, under, source));
            let outside = "self time outside of every loop of the inventory".to_owned();
            all.push(remainder(UNMATCHED, source.unmatched, outside, source));
        }
    }
    all
}

fn listed(
    sources: &[Measured],
    at: usize,
    inventory: &Inventory,
    calls: &HashMap<usize, u64>,
    (threshold_pct, register_bits): (f64, u32),
) -> (f64, Vec<HotLoop>) {
    let source = &sources[at];
    let on_gpu = repeated_in_hot(source, threshold_pct);
    let (mut below, mut rows) = (0.0, Vec::new());
    for (&index, &time) in &source.loops {
        let one = &inventory.loops[index];
        let time_pct = percent(time.inclusive, source.total);
        let gpu = (time_pct < threshold_pct).then(|| on_gpu.contains(&index));
        if gpu == Some(false) {
            below += time.own;
            continue;
        }
        let mut row = row(one, time, source, calls.get(&index).copied());
        let heat = sources.iter().find_map(|s| heat(s, index)).unwrap_or((row.self_pct, row.time_pct));
        let (status, evidence) = rules::with_heat(one, heat.0, heat.1, register_bits);
        row.status = Some(status);
        row.evidence = evidence;
        row.priority = Some(rules::priority(heat.0));
        row.vectorized = rules::vectorized(one, register_bits);
        let others = sources.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, other)| other);
        let mut remarks = notes(&row, threshold_pct, others.filter_map(|other| compared(other, index)));
        if one.kind == LoopKind::Rayon && source.summary.samples.is_some() {
            remarks.push(STOLEN.to_owned());
        }
        if gpu == Some(true) {
            remarks.push(ON_GPU.to_owned());
        }
        remarks.extend(source.remarks.get(&index).cloned());
        if let Some(person) = &one.person {
            remarks.push(format!(
                "{} by {} ({}): {}",
                status.name(),
                person.name,
                person.date,
                person.reason
            ));
            remarks.extend(person.doubt.as_ref().map(|doubt| format!("IN DOUBT: {doubt}")));
        }
        row.notes = remarks.join("; ");
        rows.push(row);
    }
    (below, rows)
}

/// Loops under the threshold that run inside a loop with most of the time (the one over pixels): the hottest few.
fn repeated_in_hot(source: &Measured, threshold_pct: f64) -> Vec<usize> {
    let pct = |index: &usize| source.loops.get(index).map_or(0.0, |t| percent(t.inclusive, source.total));
    let mut found: Vec<usize> = Vec::new();
    for loops in source.stacks.keys() {
        let Some(hot) = loops.iter().rposition(|l| pct(l) >= MOST_OF_THE_TIME_PCT) else { continue };
        found.extend(loops[..hot].iter().filter(|l| pct(l) < threshold_pct));
    }
    found.sort_by(|a, b| pct(b).total_cmp(&pct(a)).then(a.cmp(b)));
    found.dedup();
    found.truncate(MOST_ON_GPU);
    found
}

fn row(one: &Loop, time: Time, source: &Measured, call_count: Option<u64>) -> HotLoop {
    let total = source.total;
    let share = (time.inclusive / total).min(1.0);
    let bounds = source.summary.samples.and_then(|n| interval::wilson(share, n as f64));
    let self_pct = percent(time.own, total);
    HotLoop {
        module: one.module.clone(),
        line: Some(one.line),
        loop_id: one.loop_id.clone(),
        time_pct: percent(time.inclusive, total),
        call_count,
        notes: String::new(),
        self_pct,
        function: one.function.clone(),
        depth: Some(one.depth),
        inclusive_ms: in_units(time.inclusive, source).0,
        self_ms: in_units(time.own, source).0,
        inclusive_events: in_units(time.inclusive, source).1,
        self_events: in_units(time.own, source).1,
        ci_low: bounds.map(|(low, _)| 100.0 * low),
        ci_high: bounds.map(|(_, high)| 100.0 * high),
        trip_count: None,
        vectorized: None,
        status: None,
        priority: None,
        evidence: String::new(),
        source: source.summary.name.clone(),
    }
}

fn remainder(loop_id: &str, amount: f64, notes: String, source: &Measured) -> HotLoop {
    let (ms, events) = in_units(amount, source);
    HotLoop {
        module: String::new(),
        line: None,
        loop_id: loop_id.into(),
        time_pct: percent(amount, source.total),
        call_count: None,
        notes,
        self_pct: percent(amount, source.total),
        function: String::new(),
        depth: None,
        inclusive_ms: ms,
        self_ms: ms,
        inclusive_events: events,
        self_events: events,
        ci_low: None,
        ci_high: None,
        trip_count: None,
        vectorized: None,
        status: None,
        priority: None,
        evidence: String::new(),
        source: source.summary.name.clone(),
    }
}

/// An amount as milliseconds or as events.
fn in_units(amount: f64, source: &Measured) -> (Option<f64>, Option<u64>) {
    match source.summary.event {
        None => (Some(amount), None),
        Some(_) => (None, Some(amount.round() as u64)),
    }
}

/// Self and inclusive share of a loop in a source that saw it, percent.
fn heat(source: &Measured, index: usize) -> Option<(f64, f64)> {
    let time = source.loops.get(&index)?;
    Some((percent(time.own, source.total), percent(time.inclusive, source.total)))
}

/// Another source's name and inclusive share of a loop, if it knows the loop.
fn compared(other: &Measured, index: usize) -> Option<(&str, f64)> {
    let time = other.loops.get(&index)?;
    Some((&other.summary.name, percent(time.inclusive, other.total)))
}

fn notes<'a>(row: &HotLoop, threshold_pct: f64, others: impl Iterator<Item = (&'a str, f64)>) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(low), Some(high)) = (row.ci_low, row.ci_high)
        && low < threshold_pct
        && threshold_pct <= high
    {
        notes.push(format!("interval straddles the {threshold_pct} % threshold"));
    }
    for (name, pct) in others {
        let outside = row.ci_low.is_none_or(|low| pct < low) || row.ci_high.is_none_or(|high| pct > high);
        if (pct - row.time_pct).abs() > DISAGREEMENT_PCT && outside {
            notes.push(format!("{name} disagree: {pct:.1} %"));
        }
    }
    notes
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}
