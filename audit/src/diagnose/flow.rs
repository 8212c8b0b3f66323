//! The data flow of one pixel, and where in it two engines part: the first value that differs although everything
//! it is made from agrees.

use super::taps::{Place, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of a diffraction pixel in the order in which they are computed, each with the values it is made from
/// (audit.md §8; nanoBragg's loops). Names that begin with `count:` are numbers of loop steps.
const FLOW: &[(&str, &[&str])] = &[
    ("computed", &[]),
    ("background", &[]),
    ("count:layer", &[]),
    ("count:sub_slow", &[]),
    ("count:sub_fast", &[]),
    ("position", &["count:layer", "count:sub_slow", "count:sub_fast"]),
    ("R", &["position"]),
    ("solid_angle", &["R", "position"]),
    ("d", &["position", "R"]),
    ("capture", &["d", "count:layer"]),
    ("count:source", &[]),
    ("s", &["count:source"]),
    ("lambda", &["count:source"]),
    ("q", &["d", "s", "lambda"]),
    ("skipped", &["q"]),
    ("polarization", &["s", "d"]),
    ("count:phi_step", &[]),
    ("count:domain", &[]),
    ("phi", &["count:phi_step"]),
    ("a", &["phi", "count:domain"]),
    ("b", &["phi", "count:domain"]),
    ("c", &["phi", "count:domain"]),
    ("hkl", &["a", "b", "c", "q"]),
    ("nearest", &["hkl"]),
    ("F_latt", &["hkl", "nearest"]),
    ("F_cell", &["hkl", "nearest"]),
    ("term", &["F_latt", "F_cell"]),
    ("sum_so_far", &["term", "background"]),
    (
        "sum",
        &[
            "sum_so_far",
            "background",
            "count:layer",
            "count:sub_slow",
            "count:sub_fast",
            "count:source",
            "count:phi_step",
            "count:domain",
            "skipped",
            "term",
        ],
    ),
    (
        "scale",
        &[
            "polarization",
            "solid_angle",
            "capture",
            "count:layer",
            "count:sub_slow",
            "count:sub_fast",
            "count:source",
            "count:phi_step",
            "count:domain",
            "skipped",
        ],
    ),
    ("pixel", &["sum", "scale", "background", "computed"]),
    ("image", &["pixel", "computed"]),
];

/// Loop variables whose number of steps is compared.
const LOOPS: [&str; 6] = ["layer", "sub_slow", "sub_fast", "source", "phi_step", "domain"];

/// Values that swing through zero: their difference counts relative to the largest of the trace.
const SWINGING: [&str; 5] = ["F_latt", "term", "sum_so_far", "hkl", "F_cell"];

/// Below this two values are the same number computed in another order. Miller indices of several hundred carry
/// 1e-13; the lattice transform of a thousand cells takes that to 1e-10 of its peak.
pub(super) const SAME: f64 = 1e-9;

/// The single-precision image rounds every value; twice that is the same value.
const SAME_F32: f64 = 1.2e-7;

/// The place of a name in the data flow; names that are not in it come last.
#[must_use]
pub fn rank(name: &str) -> usize {
    FLOW.iter().position(|(n, _)| *n == name).unwrap_or(FLOW.len())
}

/// Whether the value is one whose place in the data flow is known.
#[must_use]
pub fn is_known(name: &str) -> bool {
    rank(name) < FLOW.len()
}

/// What a value is made from, as far as that is known.
#[must_use]
pub fn made_from(name: &str) -> &'static [&'static str] {
    FLOW.iter().find(|(n, _)| *n == name).map_or(&[], |(_, from)| from)
}

/// A value of both engines at one place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The pixel, along fast and slow.
    pub pixel: (usize, usize),
    /// Where in the loops.
    pub at: Place,
    /// The reference's value.
    pub reference: Vec<f64>,
    /// The candidate's.
    pub candidate: Vec<f64>,
    /// Their relative difference.
    pub difference: f64,
}

/// A value in which the engines differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Divergence {
    /// Its name.
    pub name: String,
    /// Whether everything it is made from agrees: here the engines part.
    pub root: bool,
    /// All places that were compared, those that agree too.
    pub pairs: Vec<Pair>,
    /// How many of them differ.
    pub differing: usize,
    /// The largest relative difference.
    pub largest: f64,
}

/// Compares the traces of both engines at the same pixels: values that differ, in data-flow order.
#[must_use]
pub fn compare(traces: &[(Trace, Trace)]) -> Vec<Divergence> {
    let mut names: Vec<String> = Vec::new();
    for tap in traces.iter().flat_map(|(r, c)| r.taps.iter().chain(&c.taps)) {
        if !names.contains(&tap.name) {
            names.push(tap.name.clone());
        }
    }
    names.extend(LOOPS.map(|l| format!("count:{l}")));
    names.sort_by_key(|n| rank(n)); // stable: names that are not in the flow keep their order
    let mut found: Vec<Divergence> = Vec::new();
    for name in names.iter().filter(|n| !["fpixel", "spixel", "difference"].contains(&n.as_str())) {
        let pairs = if let Some(variable) = name.strip_prefix("count:") {
            counts(traces, variable)
        } else {
            values(traces, name)
        };
        let limit = traces
            .iter()
            .map(|(r, c)| r.rounding.max(c.rounding))
            .fold(if name == "image" { SAME_F32 } else { SAME }, f64::max);
        let differing = pairs.iter().filter(|p| p.difference > limit || p.difference.is_nan()).count();
        if differing == 0 {
            continue;
        }
        let largest = pairs.iter().map(|p| p.difference).fold(0.0, f64::max);
        let from = made_from(name);
        let known = rank(name) < FLOW.len();
        let root = if known {
            !ancestors(from).iter().any(|n| found.iter().any(|d| d.name == *n))
        } else {
            found.is_empty()
        };
        found.push(Divergence { name: name.clone(), root, pairs, differing, largest });
    }
    found
}

/// Names that a value is made from, directly or through others.
fn ancestors(from: &[&'static str]) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = from.to_vec();
    let mut i = 0;
    while i < all.len() {
        for next in made_from(all[i]) {
            if !all.contains(next) {
                all.push(next);
            }
        }
        i += 1;
    }
    all
}

fn counts(traces: &[(Trace, Trace)], variable: &str) -> Vec<Pair> {
    traces
        .iter()
        .filter(|(r, c)| r.number("computed") == c.number("computed"))
        .map(|(r, c)| {
            let (a, b) = (r.count(variable) as f64, c.count(variable) as f64);
            // a loop inside a skipped one has no steps to count
            let difference = if a == b || a == 0.0 || b == 0.0 { 0.0 } else { (a - b).abs() / a.max(b) };
            Pair { pixel: r.pixel, at: Vec::new(), reference: vec![a], candidate: vec![b], difference }
        })
        .collect()
}

fn values(traces: &[(Trace, Trace)], name: &str) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (r, c) in traces {
        let other: BTreeMap<&Place, &Vec<f64>> =
            c.taps.iter().filter(|t| t.name == name).map(|t| (&t.at, &t.value)).collect();
        let scale = r.taps.iter().filter(|t| t.name == name).map(|t| norm(&t.value)).fold(0.0, f64::max);
        for tap in r.taps.iter().filter(|t| t.name == name) {
            let Some(value) = other.get(&tap.at) else { continue };
            let floor = if SWINGING.contains(&name) { scale } else { 0.0 };
            pairs.push(Pair {
                pixel: r.pixel,
                at: tap.at.clone(),
                reference: tap.value.clone(),
                candidate: (*value).clone(),
                difference: difference(&tap.value, value, floor),
            });
        }
    }
    pairs
}

/// |a − b| relative to the larger of the two, or to `floor` where that is larger. NaN against NaN is no difference.
pub(super) fn difference(a: &[f64], b: &[f64], floor: f64) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    if a.iter().zip(b).all(|(x, y)| x == y || (x.is_nan() && y.is_nan())) {
        return 0.0;
    }
    let apart: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let d = norm(&apart) / norm(a).max(norm(b)).max(floor);
    if d.is_nan() { f64::INFINITY } else { d }
}

pub(super) fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}
