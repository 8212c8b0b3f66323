//! Per-loop times of both captures, from the hot loops that were made of them.

use super::Side;
use crate::capture::model::Capture;
use crate::compare::{LoopChange, Shown};
use crate::hot_loops::{HotLoops, interval};
use crate::inventory::Inventory;
use crate::phases::hot_loops::FILE;
use crate::phases::{Context, PhaseVerdict, inventory};
use crate::stamp;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Loops of one capture: self milliseconds a render with their interval, by id.
struct Times {
    hot: HotLoops,
    listed: Option<Inventory>,
    renders: f64,
}

/// Both captures' loops, hottest first, and where they come from.
pub(super) fn changes(ctx: &Context, before: &Side, after: &Side) -> (Vec<LoopChange>, String) {
    let (b, a) = match (times(ctx, before), times(ctx, after)) {
        (Some(b), Some(a)) => (b, a),
        (b, a) => {
            let missing: Vec<String> = [(b.is_none(), before), (a.is_none(), after)]
                .into_iter()
                .filter(|(missing, _)| *missing)
                .map(|(_, side)| format!("`bragg-audit hot-loops --capture {}`", side.stamp.display()))
                .collect();
            return (
                Vec::new(),
                format!(
                    "No hot loops of both captures. While their sources are checked out, {} makes them.",
                    missing.join(" and ")
                ),
            );
        }
    };
    let ids: BTreeSet<&str> = rows(&b).chain(rows(&a)).map(|r| r.loop_id.as_str()).collect();
    let mut list: Vec<LoopChange> = ids.into_iter().map(|id| change(id, &b, &a)).collect();
    let most = |c: &LoopChange| c.before_ms.unwrap_or(0.0).max(c.after_ms.unwrap_or(0.0));
    list.sort_by(|x, y| most(y).total_cmp(&most(x)).then_with(|| x.loop_id.cmp(&y.loop_id)));
    let from = "Own thread time of each loop a render, from the samples of both captures; intervals are Wilson's by the number of samples, 95 %; a difference is shown when they do not meet.";
    (list, from.into())
}

fn rows(times: &Times) -> impl Iterator<Item = &crate::hot_loops::HotLoop> {
    times.hot.rows.iter().filter(|r| r.source == times.hot.primary)
}

/// The newest reliable hot loops of a capture: beside it, or in the current initiative.
fn times(ctx: &Context, side: &Side) -> Option<Times> {
    let sums = stamp::parent("b1", &side.stamp).ok()?.checksums_sha256;
    let beside = side.stamp.parent().and_then(|p| p.parent()).map(|p| p.join("phase_b2"));
    let places: Vec<PathBuf> = beside.into_iter().chain([ctx.phase_dir("b2")]).collect();
    for place in places.iter().flat_map(|p| stamp::all(p).into_iter().rev()) {
        let Ok(verdict) = stamp::read_json::<PhaseVerdict>(&place, "verdict.json") else { continue };
        let own = verdict.parents.iter().any(|p| p.phase == "b1" && p.checksums_sha256 == sums);
        if !own || !verdict.reliable {
            continue;
        }
        let Ok(hot) = stamp::read_json::<HotLoops>(&place, FILE) else { continue };
        let listed = verdict
            .parents
            .iter()
            .find(|p| p.phase == "a")
            .and_then(|p| Inventory::read_json(&p.path.join(inventory::FILE)).ok());
        return Some(Times { hot, listed, renders: renders(&side.record) });
    }
    None
}

/// Renders that the profile covers.
fn renders(record: &Capture) -> f64 {
    let largest = record.sizes.iter().max_by_key(|z| z.numbers.pixels);
    f64::from(largest.and_then(|z| z.profiled_renders).unwrap_or(1).max(1))
}

fn change(id: &str, before: &Times, after: &Times) -> LoopChange {
    let own = |times: &Times| {
        let row = rows(times).find(|r| r.loop_id == id)?;
        let source = times.hot.sources.iter().find(|s| s.name == times.hot.primary);
        let interval = source.and_then(|s| {
            let (low, high) = interval::wilson(row.self_pct / 100.0, s.samples? as f64)?;
            let render_ms = s.total_ms? / times.renders;
            Some((low * render_ms, high * render_ms))
        });
        Some((row.self_ms? / times.renders, interval))
    };
    let (b, a) = (own(before), own(after));
    let shown = match (b.as_ref().and_then(|b| b.1), a.as_ref().and_then(|a| a.1)) {
        (Some((_, high)), Some((low, _))) if low > high => Shown::Slower,
        (Some((low, _)), Some((_, high))) if high < low => Shown::Faster,
        _ => Shown::NoDifference,
    };
    let hash =
        |times: &Times| times.listed.as_ref().and_then(|i| i.by_id(id)).map(|l| l.content_hash.clone());
    let text = match (hash(before), hash(after)) {
        (Some(x), Some(y)) if x != y => "edited",
        (Some(_), None) => "gone",
        (None, Some(_)) => "new",
        _ => "",
    };
    LoopChange {
        loop_id: id.to_string(),
        before_ms: b.as_ref().map(|b| b.0),
        after_ms: a.as_ref().map(|a| a.0),
        intervals: (b.and_then(|b| b.1), a.and_then(|a| a.1)),
        shown,
        text: text.into(),
    }
}
