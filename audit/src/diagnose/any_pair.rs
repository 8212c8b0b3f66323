//! Pairs that are not nanoBragg's. Nothing is known of their data flow but the order in which they print their values, and
//! nothing of their options but what the case says.

use super::arguments::{self, Switch};
use super::classify::{self, Verdict};
use super::flow::{self, Divergence, Pair};
use super::lab::{Lab, Outcome, Recipe, Role};
use super::model::{Cause, Class, Diagnosis};
use super::ratio;
use super::residual;
use super::taps::{Tap, Trace};
use super::tracing;
use crate::case::paste;
use crate::engines::Kind;
use crate::exit::Result;

/// Whether an engine of the pair is one of `audit.toml`.
pub(super) fn is(lab: &Lab<'_>) -> bool {
    Role::BOTH.iter().any(|role| lab.engine(*role).kind == Kind::Defined)
}

/// How close a difference must come to another printed value to be called by its name: differences lose digits.
const CLOSE: f64 = 1e-6;

/// The values that differ, in the order in which the engines first part from each other in them. The first is the root; of it
/// only that earliest place counts, because what follows may come of it.
#[must_use]
pub fn compare(traces: &[(Trace, Trace)]) -> Vec<Divergence> {
    let mut found: Vec<(usize, Divergence)> = Vec::new();
    let mut firsts: Vec<(usize, Pair, String)> = Vec::new(); // of each pixel: place in the trace, values, name
    let all = largest_of_all(traces);
    for (r, c) in traces {
        let mut first = true;
        for (i, tap) in r.taps.iter().enumerate() {
            let Some(value) = c.get(&tap.name, &tap.at) else { continue };
            let difference = difference(tap, value, traces, all);
            let pair = Pair {
                pixel: r.pixel,
                at: tap.at.clone(),
                reference: tap.value.clone(),
                candidate: value.to_vec(),
                difference,
            };
            let differs = difference > flow::SAME.max(r.rounding).max(c.rounding);
            if differs && first {
                first = false;
                firsts.push((i, pair.clone(), tap.name.clone()));
            }
            let known = found.iter().position(|(_, d)| d.name == tap.name);
            let at = known.unwrap_or_else(|| {
                found.push((usize::MAX, empty(&tap.name)));
                found.len() - 1
            });
            let (place, d) = &mut found[at];
            if differs {
                *place = (*place).min(i);
                d.differing += 1;
                d.largest = d.largest.max(difference);
            }
            d.pairs.push(pair);
        }
    }
    found.retain(|(_, d)| d.differing > 0);
    found.sort_by_key(|(place, _)| *place);
    let mut list: Vec<Divergence> = found.into_iter().map(|(_, d)| d).collect();
    if let Some((earliest, _, name)) = firsts.iter().min_by_key(|(i, ..)| *i)
        && let Some(root) = list.iter_mut().find(|d| d.name == *name)
    {
        root.root = true;
        root.pairs = firsts.iter().filter(|(i, ..)| i == earliest).map(|(_, p, _)| p.clone()).collect();
        root.differing = root.pairs.len();
        root.largest = root.pairs.iter().map(|p| p.difference).fold(0.0, f64::max);
    }
    let alone = list.is_empty();
    list.extend(counts(traces).into_iter().take(1).map(|d| Divergence { root: alone, ..d }));
    list
}

/// How far a divergence is followed from pixel to pixel.
const HOPS: usize = 16;

/// Follows the earliest divergence to where it came from: what a pixel computes may come from its neighbours, so those of the
/// pixel that parts first are traced, too, until none of them parts earlier.
///
/// # Errors
/// Only when a person interrupts.
pub(super) fn follow(
    lab: &mut Lab<'_>,
    recipe: &Recipe,
    traces: &mut Vec<(Trace, Trace)>,
    shape: (usize, usize),
    traced: &mut Vec<((usize, usize), String)>,
) -> Result<()> {
    for _ in 0..HOPS {
        let Some((place, (x, y), step)) = earliest(traces) else { return Ok(()) };
        if step == 0 || !lab.has_time() {
            return Ok(()); // nothing comes before a first step
        }
        let around = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        let wanted: Vec<(usize, usize)> = around
            .into_iter()
            .filter(|p| p.0 < shape.0 && p.1 < shape.1 && !traced.iter().any(|(t, _)| t == p))
            .collect();
        let Ok(found) = tracing::traces(lab, recipe, &wanted, shape.0 * shape.1)? else { return Ok(()) };
        traced.extend(found.iter().map(|(r, _)| (r.pixel, format!("beside {x}, {y}, which parts early"))));
        traces.extend(found);
        if earliest(traces).is_none_or(|(now, ..)| now >= place) {
            return Ok(());
        }
    }
    Ok(())
}

/// The earliest place in any trace at which the engines part, its pixel, and which step of its loop it is.
fn earliest(traces: &[(Trace, Trace)]) -> Option<(usize, (usize, usize), i64)> {
    let limit = |r: &Trace, c: &Trace| flow::SAME.max(r.rounding).max(c.rounding);
    let all = largest_of_all(traces);
    let first = |(r, c): &(Trace, Trace)| {
        r.taps.iter().enumerate().find_map(|(i, tap)| {
            let value = c.get(&tap.name, &tap.at)?;
            let apart = difference(tap, value, traces, all) > limit(r, c);
            apart.then(|| (i, r.pixel, tap.at.first().map_or(0, |(_, step)| *step)))
        })
    };
    traces.iter().filter_map(first).min_by_key(|(i, ..)| *i)
}

fn empty(name: &str) -> Divergence {
    Divergence { name: name.into(), root: false, pairs: Vec::new(), differing: 0, largest: 0.0 }
}

/// Where numbers of size 1 nearly cancel, what is left has their rounding: a few units in the last place.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// The relative difference of a value between the engines; 0 where it can be what rounding leaves of larger numbers.
fn difference(tap: &Tap, value: &[f64], traces: &[(Trace, Trace)], all: f64) -> f64 {
    let relative = flow::difference(&tap.value, value, largest(traces, &tap.name));
    let apart: Vec<f64> = tap.value.iter().zip(value).map(|(a, b)| a - b).collect();
    let may_be_rounding = relative < classify::SINGLE && flow::norm(&apart) <= ROUNDING * all;
    if may_be_rounding { 0.0 } else { relative }
}

/// The largest size of any value.
fn largest_of_all(traces: &[(Trace, Trace)]) -> f64 {
    let all = traces.iter().flat_map(|(r, c)| r.taps.iter().chain(&c.taps));
    all.map(|t| flow::norm(&t.value)).filter(|v| v.is_finite()).fold(0.0, f64::max)
}

/// The largest size of a value in any trace: what is tiny beside it may be rounding.
fn largest(traces: &[(Trace, Trace)], name: &str) -> f64 {
    let all = traces.iter().flat_map(|(r, c)| r.taps.iter().chain(&c.taps));
    all.filter(|t| t.name == name).map(|t| flow::norm(&t.value)).fold(0.0, f64::max)
}

/// Values that one engine prints more often than the other.
fn counts(traces: &[(Trace, Trace)]) -> Vec<Divergence> {
    let mut names: Vec<&str> = Vec::new();
    for tap in traces.iter().flat_map(|(r, c)| r.taps.iter().chain(&c.taps)) {
        if !names.contains(&tap.name.as_str()) {
            names.push(&tap.name);
        }
    }
    let of = |t: &Trace, name: &str| t.taps.iter().filter(|x| x.name == name).count() as f64;
    let mut found = Vec::new();
    for name in names {
        let mut d = empty(&format!("count:{name}"));
        for (r, c) in traces {
            let (a, b) = (of(r, name), of(c, name));
            // a pixel in which one engine prints nothing at all is not one that it steps over
            let difference = if a == b || a == 0.0 || b == 0.0 { 0.0 } else { (a - b).abs() / a.max(b) };
            d.differing += usize::from(difference > 0.0);
            d.largest = d.largest.max(difference);
            let (reference, candidate) = (vec![a], vec![b]);
            d.pairs.push(Pair { pixel: r.pixel, at: Vec::new(), reference, candidate, difference });
        }
        if d.differing > 0 {
            found.push(d);
        }
    }
    found
}

/// What kind of cause the first divergence speaks for. `options` are the case's options with a number as their value.
#[must_use]
pub fn classify(d: &Divergence, traces: &[(Trace, Trace)], options: &[(String, f64)]) -> Verdict {
    if let Some(name) = d.name.strip_prefix("count:") {
        let p = d.pairs.iter().find(|p| p.difference > 0.0);
        let (a, b) = p.map_or((0.0, 0.0), |p| (p.reference[0], p.candidate[0]));
        let text = format!(
            "`{name}` comes {a} times in the reference and {b} times in the candidate; its values agree"
        );
        return Verdict { class: Class::Counts, text, ratio: None };
    }
    if classify::is_single_precision(d) {
        let text = format!(
            "`{}` differs by {:.1e}, irregularly: it went through single precision",
            d.name, d.largest
        );
        return Verdict { class: Class::Precision, text, ratio: None };
    }
    if let Some((text, of)) = other_value(d, traces) {
        return Verdict {
            class: Class::Accumulation,
            text: format!("`{}` differs by {text}", d.name),
            ratio: Some(of),
        };
    }
    if let Some(r) = classify::constant_ratio(d) {
        let named = ratio::name(r, options);
        // at one place every ratio is constant, and −1 is what any value may be to its opposite
        let by_chance = d.pairs.len() == 1 && named.as_ref().is_none_or(|n| n.kind == ratio::Kind::Number);
        if by_chance {
            let text = format!(
                "`{}` differs (by the factor {r:.9}, at one place alone), and everything printed before it agrees",
                d.name
            );
            return Verdict { class: Class::Computation, text, ratio: None };
        }
        let text = named.map_or_else(|| format!("{r:.9}"), |n| format!("{} ({r:.9})", n.text));
        return Verdict {
            class: Class::Scale,
            text: format!("`{}` differs by the factor {text}", d.name),
            ratio: Some(text),
        };
    }
    let text = format!("`{}` differs, and everything printed before it agrees", d.name);
    Verdict { class: Class::Computation, text, ratio: None }
}

/// Whether the difference is, at every first place, a value that was printed before it: a term left out, or one too many.
fn other_value(d: &Divergence, traces: &[(Trace, Trace)]) -> Option<(String, String)> {
    let trace = |p: &Pair| traces.iter().find(|(r, _)| r.pixel == p.pixel).map(|(r, _)| r);
    let before = |p: &Pair, name: &str| -> Option<f64> {
        let taps = &trace(p)?.taps;
        let here = taps.iter().position(|t| t.name == d.name && t.at == p.at)?;
        let last: &Tap = taps[..here].iter().rev().find(|t| t.name == name)?;
        (last.value.len() == 1).then(|| last.value[0])
    };
    let first = d.pairs.first()?;
    let names: Vec<String> = trace(first)?.taps.iter().map(|t| t.name.clone()).collect();
    for (i, name) in names.iter().enumerate() {
        if *name == d.name || names[..i].contains(name) {
            continue;
        }
        for (sign, words) in [(-1.0, "less"), (1.0, "more")] {
            let fits = d.pairs.iter().all(|p| {
                let ([a], [b]) = (p.reference.as_slice(), p.candidate.as_slice()) else { return false };
                before(p, name).is_some_and(|v| {
                    v != 0.0 && ((b - a) - sign * v).abs() <= CLOSE * v.abs().max(b.abs() * 1e-6)
                })
            });
            if fits {
                let of = format!("the candidate's is `{name}` {words}");
                return Some((format!("the value of `{name}`: {of}"), of));
            }
        }
    }
    None
}

/// The options of the case whose value is one number.
#[must_use]
pub fn numbers(recipe: &Recipe) -> Vec<(String, f64)> {
    let value = |g: &arguments::Group| {
        let [name, value] = g.as_slice() else { return None };
        let v: f64 = value.to_str()?.parse().ok()?;
        v.is_finite().then(|| (name.to_string_lossy().into_owned(), v))
    };
    arguments::groups(&recipe.args).iter().filter_map(value).collect()
}

/// Leaves out the case's options one by one. Each without which the engines agree is a switch.
///
/// # Errors
/// Only when a person interrupts.
pub fn switches(lab: &mut Lab<'_>, recipe: &Recipe) -> Result<Vec<Switch>> {
    let all = arguments::groups(&recipe.args);
    let mut found = Vec::new();
    for (i, group) in all.iter().enumerate() {
        if !lab.has_time() {
            break;
        }
        let rest: Vec<arguments::Group> =
            all.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, g)| g.clone()).collect();
        let changed = Recipe { args: arguments::words(&rest), ..recipe.clone() };
        let outcome = lab.pair(&changed)?;
        let text = format!("without `{}`", paste(group));
        lab.note(&format!("the pair {text}"), outcome.text());
        if matches!(&outcome, Outcome::Agree(c) if c.correlation.is_some()) {
            found.push(Switch { class: Class::Option, text, passing: changed.args });
        }
    }
    Ok(found)
}

/// Causes from the first value that differs, the residual and the options.
///
/// # Errors
/// Only when a person interrupts.
pub(super) fn suspects(
    lab: &mut Lab<'_>,
    recipe: &Recipe,
    d: &mut Diagnosis,
    traces: &[(Trace, Trace)],
) -> Result<()> {
    let mut switches = switches(lab, recipe)?;
    let root = d.first_divergence().cloned();
    let verdict = root.as_ref().map(|r| classify(r, traces, &numbers(recipe)));
    if let (true, Some(factor)) = (switches.is_empty(), verdict.as_ref().and_then(|v| v.ratio.as_ref())) {
        switches = arguments::set_to_one(lab, recipe, factor)?;
    }
    d.nearest_passing = switches.first().map(|s| format!("{} ({})", paste(&s.passing), s.text));
    let ending = |s: &Switch| {
        if s.text.starts_with("with `") { "as the case stands they do not" } else { "with it they do not" }
    };
    let switched: Vec<String> =
        switches.iter().map(|s| format!("{} the engines agree, {}", s.text, ending(s))).collect();
    for (i, s) in residual::telling(&d.shapes, 0.9).iter().enumerate() {
        let class = match s.name.as_str() {
            "scale" => Class::Scale,
            "offset" | "a smooth background" | "scale and offset" => Class::Background,
            n if ["transposed", "flipped", "turned", "shifted by whole"].iter().any(|w| n.starts_with(w)) => {
                Class::PixelOrder
            }
            _ => Class::Computation,
        };
        // a smooth shape that nearly fits says little beside a value that is known to differ
        if root.is_some() && !s.passes {
            continue;
        }
        d.causes.push(s.cause(class, 0.5 + 0.1 * s.explained - 0.01 * i as f64));
    }
    if root.is_none()
        && let Some(cause) = whole_numbers(lab, recipe)?
    {
        d.causes.push(cause);
    }
    match root.zip(verdict) {
        Some((root, verdict)) => {
            let p = root.pairs.iter().max_by(|a, b| a.difference.total_cmp(&b.difference));
            let place = p.map_or(String::new(), |p| {
                format!(
                    ", first at pixel {}, {}: {:?} and {:?}",
                    p.pixel.0, p.pixel.1, p.reference, p.candidate
                )
            });
            d.causes.push(Cause {
                class: verdict.class,
                title: verdict.text,
                proven: !switched.is_empty(),
                switch: (!switched.is_empty()).then(|| switched.join("; ")),
                evidence: vec![format!(
                    "`{}` is the first value that differs in the order in which the engines print{place}",
                    root.name
                )],
                weight: 0.8,
            });
        }
        None => {
            for (s, switched) in switches.iter().zip(switched) {
                d.causes.push(Cause {
                    class: s.class,
                    title: format!("something that comes in with an option: {} the engines agree", s.text),
                    proven: true,
                    switch: Some(switched),
                    evidence: Vec::new(),
                    weight: 0.4,
                });
            }
        }
    }
    if traces.is_empty() {
        d.not_tried.push(
            "intermediate values: `trace_args` and `log.trace` in audit.toml let the engines tell them (docs/engines.md)"
                .into(),
        );
    }
    Ok(())
}

/// Whether the candidate stores whole numbers where the reference has fractions, and no value is off by more than one.
fn whole_numbers(lab: &mut Lab<'_>, recipe: &Recipe) -> Result<Option<Cause>> {
    let (Ok(a), Ok(b)) = (lab.shot(Role::Reference, recipe, 0)?, lab.shot(Role::Candidate, recipe, 0)?)
    else {
        return Ok(None);
    };
    let whole = |v: &[f32]| v.iter().all(|x| x.fract() == 0.0);
    let near =
        a.image.len() == b.image.len() && a.image.iter().zip(&b.image).all(|(x, y)| (x - y).abs() <= 1.0);
    Ok((near && whole(&b.image) && !whole(&a.image)).then(|| Cause {
        class: Class::Precision,
        title: "the candidate stores whole numbers, the reference's values rounded".into(),
        proven: false,
        switch: None,
        evidence: vec!["no value is off by more than 1".into()],
        weight: 0.7,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::taps;
    use super::*;

    fn trace(pixel: usize, list: &[(&str, f64)]) -> Trace {
        let printed: Vec<(String, String)> =
            list.iter().map(|(n, v)| ((*n).to_owned(), format!("{v:e}"))).collect();
        taps::named(&printed, (pixel, 0)).unwrap()
    }

    /// Two steps of u ← u + (lap + q) with a fault in the second engine, at three pixels.
    fn pair(fault: impl Fn(f64, f64) -> (f64, f64)) -> Vec<(Trace, Trace)> {
        let run = |start: f64, q: f64, faulty: bool| {
            let (mut u, mut list) = (start, Vec::new());
            for _ in 0..2 {
                let (lap, sum) = (0.5 * u, 0.5 * u + q);
                let (lap, sum) = if faulty { fault(lap, sum) } else { (lap, sum) };
                u += sum;
                list.extend([("lap", lap), ("q", q), ("rate", sum), ("u", u)]);
            }
            list
        };
        [(1.0, 0.25), (3.0, 0.75), (7.5, 2.5)]
            .iter()
            .enumerate()
            .map(|(i, (u, q))| (trace(i, &run(*u, *q, false)), trace(i, &run(*u, *q, true))))
            .collect()
    }

    fn root(traces: &[(Trace, Trace)]) -> (String, Verdict) {
        let found = compare(traces);
        let first = found.iter().find(|d| d.root).unwrap();
        (first.name.clone(), classify(first, traces, &[("-dy".into(), 2.0)]))
    }

    #[test]
    fn the_first_value_in_printed_order_is_the_root() {
        assert!(compare(&pair(|lap, sum| (lap, sum))).is_empty());
        // the second step's `lap` differs, too, but only because `u` fed it
        let (name, v) = root(&pair(|lap, sum| (lap, sum * 4.0)));
        assert_eq!((name.as_str(), v.class), ("rate", Class::Scale));
        assert!(v.text.contains("(-dy)² = 4"), "{}", v.text);
        let (name, v) = root(&pair(|lap, _| (lap, lap)));
        assert_eq!((name.as_str(), v.class), ("rate", Class::Accumulation));
        assert!(v.text.contains("`q` less"), "{}", v.text);
        let (name, v) = root(&pair(|lap, sum| (lap.powi(2), sum - lap + lap.powi(2))));
        assert_eq!((name.as_str(), v.class), ("lap", Class::Computation));
    }

    #[test]
    fn what_rounding_leaves_of_larger_numbers_is_no_difference() {
        // `lap` is a small difference of large numbers, and its last digits are those of their rounding
        let list = |noise: f64, sign: f64| {
            let lap = 1e-8 * (1.0 + noise);
            [("u", 1.0), ("lap", lap), ("drag", 0.25), ("u", 2.0 + sign * 0.25)]
        };
        let pair = |i: usize, sign: f64| (trace(i, &list(0.0, 1.0)), trace(i, &list(3e-8, sign)));
        assert!(compare(&[pair(0, 1.0), pair(1, 1.0)]).is_empty());
        let found = compare(&[pair(0, -1.0), pair(1, -1.0)]);
        assert_eq!(found.iter().find(|d| d.root).map(|d| d.name.as_str()), Some("u"));
        let coarse = (trace(0, &list(0.0, 1.0)), trace(0, &list(1e-5, 1.0)));
        assert_eq!(compare(&[coarse]).first().map(|d| d.name.as_str()), Some("lap"));
    }

    #[test]
    fn a_step_too_few_is_a_count() {
        let traces: Vec<_> = pair(|a, b| (a, b))
            .into_iter()
            .map(|(r, mut c)| {
                c.taps.truncate(4);
                (r, c)
            })
            .collect();
        let (name, v) = root(&traces);
        assert_eq!((name.as_str(), v.class), ("count:lap", Class::Counts));
        assert!(v.text.contains("2 times in the reference and 1 times"), "{}", v.text);
    }
}
