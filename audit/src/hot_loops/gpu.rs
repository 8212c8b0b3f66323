//! Loops that stay cold on this CPU but are repeated for every pixel: on a GPU their iterations are work for its lanes.
//!
//! A loop that is fast here, for instance vector code, is hardly ever sampled. So it is found by where it stands: inside a loop
//! that has most of the time, or in a function that was sampled inside one. And by how often it goes round: exact counts, else
//! what its header tells. Few are flagged, the most repeated first.

use std::collections::{BTreeMap, HashSet};

use super::heat::sees_every_loop;
use super::{Exact, Measured, rows::percent};
use crate::evidence::rules;
use crate::inventory::{Inventory, Loop};

/// Inclusive share from which a loop counts as the one that repeats everything else.
const MOST_OF_THE_TIME_PCT: f64 = 50.0;
/// Most loops that are flagged.
const MOST: usize = 5;
/// Iterations an entry from which the header of a loop tells of many.
const MANY_AN_ENTRY: u64 = 16;
/// Counted iterations from which a loop has many.
const MANY: u64 = 1000;

/// Loops under the threshold, with a note that says why they would matter.
pub(super) fn flagged(
    source: &Measured,
    inventory: &Inventory,
    counts: &BTreeMap<String, Exact>,
    threshold_pct: f64,
) -> BTreeMap<usize, String> {
    let pct = |index: usize| source.loops.get(&index).map_or(0.0, |t| percent(t.inclusive, source.total));
    let hot: HashSet<usize> =
        source.loops.keys().copied().filter(|&l| pct(l) >= MOST_OF_THE_TIME_PCT).collect();
    let around =
        |l: usize| format!("`{}`, which has {:.1} % of the time", inventory.loops[l].loop_id, pct(l));
    // what was sampled inside a hot loop, and inside which; and so the functions that run there
    let mut sampled: BTreeMap<usize, usize> = BTreeMap::new();
    for loops in source.stacks.keys() {
        if let Some(outer) = loops.iter().rposition(|l| hot.contains(l)) {
            for &inner in &loops[..outer] {
                let around = sampled.entry(inner).or_insert(loops[outer]);
                *around = loops[outer].min(*around);
            }
        }
    }
    let function = |l: &Loop| (l.module.clone(), l.function.clone());
    let mut inside: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (&inner, &outer) in &sampled {
        inside.entry(function(&inventory.loops[inner])).or_insert(outer);
    }
    let mut found: Vec<(f64, Rank, usize, String)> = Vec::new();
    for (index, one) in inventory.loops.iter().enumerate().filter(|(i, _)| pct(*i) < threshold_pct) {
        if let Some(&outer) = sampled.get(&index) {
            let note = format!("sampled inside {}", around(outer));
            found.push((pct(index), Rank::default(), index, note));
            continue;
        }
        let possible = sees_every_loop(&source.summary.name, one.language) && !rules::never_runs(one);
        let Some((rank, many)) = many(one, counts).filter(|_| possible) else { continue };
        let lines = hot.iter().copied().filter(|&h| repeats(&inventory.loops[h], one)).min();
        let note = match (lines, inside.get(&function(one))) {
            (Some(outer), _) => format!("it stands inside {}, and {many}", around(outer)),
            (None, Some(&outer)) => format!("its function runs inside {}, and {many}", around(outer)),
            (None, None) => continue,
        };
        found.push((pct(index), rank, index, note));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    let text = |why: String| format!("below the threshold here, but {why}: may matter on a GPU");
    found.into_iter().take(MOST).map(|(_, _, index, why)| (index, text(why))).collect()
}

/// How sure it is that a loop goes round often: counted, told as a number, told as an expression; then how often.
type Rank = (u8, u64);

/// Whether a loop goes round often, and what says so.
fn many(one: &Loop, counts: &BTreeMap<String, Exact>) -> Option<(Rank, String)> {
    if let Some(trips) = counts.get(&one.loop_id).and_then(|exact| exact.trips) {
        return (trips >= MANY).then(|| ((2, trips), format!("{trips} iterations were counted")));
    }
    let hint = one.trip_count_hint.as_deref()?;
    let told = format!("its header tells of {hint} iterations an entry");
    match hint.trim_start_matches("≤ ").parse::<u64>() {
        Ok(n) => (n >= MANY_AN_ENTRY).then_some(((1, n), told)),
        Err(_) => Some(((0, 0), told)),
    }
}

/// Whether a loop stands in the lines of another one of its function, which repeats it.
fn repeats(outer: &Loop, inner: &Loop) -> bool {
    outer.module == inner.module
        && outer.function == inner.function
        && outer.depth < inner.depth
        && (outer.line, outer.column) <= (inner.line, inner.column)
        && (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
}
