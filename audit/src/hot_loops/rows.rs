//! From measured times to the rows of the table: shares, intervals, threshold, notes.

use std::collections::{BTreeMap, HashMap};

use super::heat::{self, Covered};
use super::{BELOW, Exact, HotLoop, Measured, Time, UNMATCHED, gpu, interval};
use crate::evidence::rules;
use crate::inventory::{Inventory, Loop, LoopKind};

/// Percentage points by which two sources may differ before a row says so: what they see of a program differs by that much
/// (whole program or render phase, instructions or time). Nothing is said, either, as long as their intervals touch.
const DISAGREEMENT_PCT: f64 = 3.0;

/// The stack of a worker that stole a job does not lead back to the chain that made the job.
const STOLEN: &str = "work stolen by other threads counts here only if the closure stands in the chain";

/// All rows, source by source. Also writes the two shares in parentheses into each summary.
/// Statuses and priorities follow from the primary source's shares where it saw the loop, else from the row's own.
pub(super) fn rows(
    sources: &mut [Measured],
    inventory: &Inventory,
    threshold_pct: f64,
    counts: &BTreeMap<String, Exact>,
    register_bits: u32,
) -> Vec<HotLoop> {
    let calls: HashMap<usize, u64> = sources.iter().flat_map(|s| &s.calls).map(|(&i, &n)| (i, n)).collect();
    let mut all = Vec::new();
    for at in 0..sources.len() {
        let (below, mut rows) =
            listed(sources, at, inventory, (&calls, counts), (threshold_pct, register_bits));
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
    (calls, counts): (&HashMap<usize, u64>, &BTreeMap<String, Exact>),
    (threshold_pct, register_bits): (f64, u32),
) -> (f64, Vec<HotLoop>) {
    let source = &sources[at];
    let on_gpu = gpu::flagged(source, inventory, counts, threshold_pct);
    let primary = &sources[0];
    let hot = primary.loops.iter().filter(|(_, t)| percent(t.inclusive, primary.total) >= threshold_pct);
    let covered = Covered::by(threshold_pct, hot.map(|(&i, _)| inventory.loops[i].module.as_str()));
    let unseen = on_gpu.keys().filter(|i| !source.loops.contains_key(i)).map(|&i| (i, Time::default()));
    let (mut below, mut rows) = (0.0, Vec::new());
    for (index, time) in source.loops.iter().map(|(&i, &t)| (i, t)).chain(unseen) {
        let one = &inventory.loops[index];
        let gpu = on_gpu.get(&index);
        if percent(time.inclusive, source.total) < threshold_pct && gpu.is_none() {
            below += time.own;
            continue;
        }
        let mut row = row(one, time, source, calls.get(&index).copied());
        let cold = covered.cold(&primary.summary.name, one).then_some((0.0, 0.0));
        let heat = share(primary, index).or(cold).or_else(|| sources.iter().find_map(|s| share(s, index)));
        let (own, whole) = heat.unwrap_or((row.self_pct, row.time_pct));
        let (status, evidence) = rules::with_heat(one, own, whole, register_bits);
        row.status = Some(status);
        row.evidence = evidence;
        row.priority = Some(rules::priority(own));
        row.vectorized = rules::vectorized(one, register_bits);
        let others = sources.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, other)| other);
        let mut remarks = notes(&row, threshold_pct, others.filter_map(|other| compared(other, index, one)));
        if one.kind == LoopKind::Rayon && source.summary.samples.is_some() {
            remarks.push(STOLEN.to_owned());
        }
        remarks.extend(gpu.cloned());
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
fn share(source: &Measured, index: usize) -> Option<(f64, f64)> {
    let time = source.loops.get(&index)?;
    Some((percent(time.own, source.total), percent(time.inclusive, source.total)))
}

/// Another source's name, its inclusive share of a loop and the interval of that, percent; of a loop that it did not see 0,
/// where it sees every loop.
fn compared<'s>(other: &'s Measured, index: usize, one: &Loop) -> Option<(&'s str, f64, (f64, f64))> {
    let name = &other.summary.name;
    let time = match other.loops.get(&index) {
        Some(time) => *time,
        None if heat::sees_every_loop(name, one.language) && other.total > 0.0 => Time::default(),
        None => return None,
    };
    let share = (time.inclusive / other.total).min(1.0);
    let bounds =
        other.summary.samples.and_then(|n| interval::wilson(share, n as f64)).unwrap_or((share, share));
    Some((name, 100.0 * share, (100.0 * bounds.0, 100.0 * bounds.1)))
}

/// Whether two shares differ by more than sources may. Small ones may differ by half of the larger.
fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > DISAGREEMENT_PCT.min(a.max(b) / 2.0)
}

fn notes<'a>(
    row: &HotLoop,
    threshold_pct: f64,
    others: impl Iterator<Item = (&'a str, f64, (f64, f64))>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(low), Some(high)) = (row.ci_low, row.ci_high)
        && low < threshold_pct
        && threshold_pct <= high
    {
        notes.push(format!("interval straddles the {threshold_pct} % threshold"));
    }
    for (name, pct, (low, high)) in others {
        let above = row.ci_low.unwrap_or(row.time_pct) > high;
        let below = row.ci_high.unwrap_or(row.time_pct) < low;
        if differ(pct, row.time_pct) && (above || below) {
            notes.push(format!("{name} disagree: {pct:.1} %"));
        }
    }
    notes
}

pub(super) fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}
