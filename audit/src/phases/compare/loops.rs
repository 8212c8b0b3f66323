//! Per-loop times of both captures, from the hot loops that were made of them.

use super::Side;
use crate::capture::model::{Capture, Numbers};
use crate::compare::{self, LoopChange, Ratio, Shown};
use crate::hot_loops::{HotLoops, interval};
use crate::inventory::{self, Inventory};
use crate::phases::hot_loops::FILE;
use crate::phases::{Context, PhaseVerdict};
use crate::stamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Loops of one capture.
struct Times {
    /// Self milliseconds a render with their interval, by id.
    own: BTreeMap<String, (f64, Option<Interval>)>,
    listed: Option<Inventory>,
}

type Interval = (f64, f64);

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
    let drift = drift(before, after);
    let from = "Own thread time of each loop a render, from the samples of both captures. A loop that was moved is compared with itself. ";
    let rule = match &drift {
        Some(Ratio { ratio, interval: Some((low, high)), .. }) => format!(
            "The reference took {ratio:.3} times as long after as before (95 % {low:.3} to {high:.3}): the times after are divided by that. \
             Intervals are Wilson's by the number of samples, 95 %, widened by the interval of that ratio; a difference is shown when they \
             do not meet."
        ),
        _ => "The captures were taken one after the other, and how much the machine changed in between is not known (the reference is \
              another program, or was timed less than twice): no difference is shown."
            .to_owned(),
    };
    (join(&b, &a, drift.as_ref()), format!("{from}{rule}"))
}

/// How many times as long the reference took in the capture after, at the largest size.
fn drift(before: &Side, after: &Side) -> Option<Ratio> {
    let largest =
        |side: &Side| side.record.sizes.iter().map(|z| &z.numbers).max_by_key(|z| z.pixels).cloned();
    let samples = |z: &Numbers| z.times.get("c_time").map(|series| series.samples.clone());
    let (b, a) = (largest(before)?, largest(after)?);
    if !super::same_reference(&before.record, &after.record) || b.size != a.size {
        return None;
    }
    compare::apart(&samples(&b)?, &samples(&a)?, "the reference's times")
}

/// Every loop of either side, the dearest first.
fn join(before: &Times, after: &Times, drift: Option<&Ratio>) -> Vec<LoopChange> {
    let changes = before.listed.as_ref().zip(after.listed.as_ref()).map(|(b, a)| inventory::changes(b, a));
    let changes = changes.unwrap_or_default();
    let came_from: BTreeMap<&str, &str> =
        changes.moved.iter().map(|c| (c.to.as_str(), c.from.as_str())).collect();
    let is_new = |id: &str| changes.new.iter().any(|new| new == id);
    let mut list = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (id, own) in &after.own {
        let origin = came_from.get(id.as_str()).copied().or_else(|| (!is_new(id)).then_some(id.as_str()));
        let b = origin.and_then(|from| before.own.get_key_value(from));
        seen.extend(b.map(|(from, _)| from.as_str()));
        let text = match came_from.get(id.as_str()) {
            Some(from) => format!("moved from {from}"),
            None if changes.edited.contains(id) => "edited".into(),
            None if is_new(id) => "new".into(),
            None => String::new(),
        };
        list.push(change(id, b.map(|(_, own)| *own), Some(*own), drift, text));
    }
    let goes_to: BTreeMap<&str, &str> = came_from.iter().map(|(to, from)| (*from, *to)).collect();
    for (id, own) in before.own.iter().filter(|(id, _)| !seen.contains(id.as_str())) {
        let to = goes_to.get(id.as_str()).copied();
        let text = match to {
            Some(_) => format!("moved from {id}"),
            None if changes.gone.contains(id) => "gone".into(),
            None if changes.edited.contains(id) => "edited".into(),
            None => String::new(),
        };
        list.push(change(to.unwrap_or(id), Some(*own), None, drift, text));
    }
    let most = |c: &LoopChange| c.before_ms.unwrap_or(0.0).max(c.after_ms.unwrap_or(0.0));
    list.sort_by(|x, y| most(y).total_cmp(&most(x)).then_with(|| x.loop_id.cmp(&y.loop_id)));
    list
}

fn change(
    id: &str,
    before: Option<(f64, Option<Interval>)>,
    after: Option<(f64, Option<Interval>)>,
    drift: Option<&Ratio>,
    text: String,
) -> LoopChange {
    let by = drift.map_or(1.0, |d| d.ratio);
    let widened = |(low, high): Interval| {
        let (least, most) = drift?.interval?;
        Some((low / most, high / least))
    };
    let intervals = [
        before.and_then(|(_, interval)| interval),
        after.and_then(|(_, interval)| interval).and_then(widened),
    ];
    let shown = match intervals {
        [Some((_, high)), Some((low, _))] if low > high => Shown::Slower,
        [Some((low, _)), Some((_, high))] if high < low => Shown::Faster,
        _ => Shown::NoDifference,
    };
    LoopChange {
        loop_id: id.to_string(),
        before_ms: before.map(|b| b.0),
        after_ms: after.map(|a| a.0 / by),
        intervals,
        shown,
        text,
    }
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
            .and_then(|p| Inventory::read_json(&p.path.join(crate::phases::inventory::FILE)).ok());
        return Some(Times { own: own_times(&hot, renders(&side.record)), listed });
    }
    None
}

/// Self milliseconds a render of the primary source's rows.
fn own_times(hot: &HotLoops, renders: f64) -> BTreeMap<String, (f64, Option<Interval>)> {
    let source = hot.sources.iter().find(|s| s.name == hot.primary);
    let interval = |self_pct: f64| {
        let (low, high) = interval::wilson(self_pct / 100.0, source?.samples? as f64)?;
        let render_ms = source?.total_ms? / renders;
        Some((low * render_ms, high * render_ms))
    };
    let rows = hot.rows.iter().filter(|r| r.source == hot.primary);
    rows.filter_map(|r| Some((r.loop_id.clone(), (r.self_ms? / renders, interval(r.self_pct))))).collect()
}

/// Renders that the profile covers.
fn renders(record: &Capture) -> f64 {
    let largest = record.sizes.iter().max_by_key(|z| z.numbers.pixels);
    f64::from(largest.and_then(|z| z.profiled_renders).unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "fn f(v: &mut [f64]) { for x in v { *x += 1.0; } }";
    /// A loop stands before the old one, which is `f#2` now.
    const NEW: &str = "fn f(v: &mut [f64]) { for x in &mut *v { *x *= 2.0; } for x in v { *x += 1.0; } }";

    fn times(own: &[(&str, f64)], source: &str) -> Times {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rs"), source).unwrap();
        let listed = Inventory::scan(folder.path(), &[]).unwrap();
        // of a thousand samples a loop's interval is a few percent
        let around = |ms: f64| (ms, Some((0.97 * ms, 1.03 * ms)));
        let own = own.iter().map(|(id, ms)| (format!("a.rs::f#{id}"), around(*ms))).collect();
        Times { own, listed: Some(listed) }
    }

    fn ratio(ratio: f64, half: f64) -> Ratio {
        let interval = Some((ratio - half, ratio + half));
        Ratio { ratio, interval, samples: (5, 5), method: String::new() }
    }

    fn lines(list: &[LoopChange]) -> Vec<String> {
        let line = |c: &LoopChange| {
            let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.0}"));
            let text = if c.text.is_empty() { "" } else { &c.text };
            format!("{}: {} {} {:?} {text}", c.loop_id, ms(c.before_ms), ms(c.after_ms), c.shown)
        };
        list.iter().map(line).collect()
    }

    #[test]
    fn a_loop_that_was_moved_is_compared_with_itself() {
        let before = times(&[("1", 100.0)], OLD);
        let after = times(&[("1", 30.0), ("2", 99.0)], NEW);
        assert_eq!(
            lines(&join(&before, &after, Some(&ratio(1.0, 0.01)))),
            ["a.rs::f#2: 100 99 NoDifference moved from a.rs::f#1", "a.rs::f#1: - 30 NoDifference new",]
        );
        // and back: what is gone has no time after
        assert_eq!(
            lines(&join(&after, &before, Some(&ratio(1.0, 0.01)))),
            ["a.rs::f#1: 99 100 NoDifference moved from a.rs::f#2", "a.rs::f#1: 30 - NoDifference gone",]
        );
    }

    #[test]
    fn a_slower_machine_makes_no_loop_slower() {
        let (before, after) = (times(&[("1", 100.0)], OLD), times(&[("1", 120.0)], OLD));
        let shown = |drift: Option<Ratio>| join(&before, &after, drift.as_ref())[0].shown;
        assert_eq!(shown(Some(ratio(1.0, 0.01))), Shown::Slower);
        assert_eq!(shown(Some(ratio(1.2, 0.01))), Shown::NoDifference);
        assert_eq!(shown(Some(ratio(1.0, 0.2))), Shown::NoDifference);
        assert_eq!(shown(None), Shown::NoDifference);
        let faster = join(&after, &before, Some(&ratio(1.0, 0.01)));
        assert_eq!(faster[0].shown, Shown::Faster);
    }
}
