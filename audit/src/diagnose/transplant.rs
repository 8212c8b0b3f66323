//! The transplant: puts one engine's value of the suspected variable into the other engine's traced pixel, and computes
//! everything after it anew. Where that gives the donor's pixel, the suspect switches the disagreement off, and the
//! opposite transplant switches it on.

use super::taps::{Place, Trace};
use std::collections::BTreeMap;

/// How close the transplanted pixel must come to the donor's: the arithmetic here is not in the engines' order.
const CLOSE: f64 = 1e-6;

/// What of the case the arithmetic needs.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Cells along a, b, c when the crystal is a box of cells.
    pub cells: Option<[f64; 3]>,
}

/// At how many of the traced pixels the transplant works in both directions, and of how many that differ.
#[must_use]
pub fn both_ways(traces: &[(Trace, Trace)], root: &str, known: &Known) -> (usize, usize) {
    let (mut works, mut of) = (0, 0);
    for (r, c) in traces {
        let (Some(pr), Some(pc)) = (r.number(outcome(root)), c.number(outcome(root))) else { continue };
        if (pr - pc).abs() <= CLOSE * pr.abs().max(pc.abs()) {
            continue;
        }
        of += 1;
        let near =
            |v: Option<f64>, to: f64| v.is_some_and(|v| (v - to).abs() <= CLOSE * pr.abs().max(pc.abs()));
        let (off, on) = if root.starts_with("count:") {
            // the engine with more steps, with those alone that the other takes; and the other with the steps it lacks
            if terms(r).len() > terms(c).len() {
                (near(extended(c, r), pr), near(restricted(r, c), pc))
            } else {
                (near(restricted(c, r), pr), near(extended(r, c), pc))
            }
        } else {
            (near(transplant(c, r, root, known), pr), near(transplant(r, c, root, known), pc))
        };
        works += usize::from(off && on);
    }
    (works, of)
}

fn outcome(root: &str) -> &'static str {
    if root == "image" { "image" } else { "pixel" }
}

/// The places and values of all terms.
fn terms(t: &Trace) -> Vec<(&Place, f64)> {
    t.taps.iter().filter(|x| x.name == "term").filter_map(|x| Some((&x.at, *x.value.first()?))).collect()
}

/// The pixel of `more` with only those steps that `fewer` takes.
fn restricted(more: &Trace, fewer: &Trace) -> Option<f64> {
    let kept: Vec<&Place> = terms(fewer).into_iter().map(|(at, _)| at).collect();
    let all = terms(more);
    let left_out: f64 = all.iter().filter(|(at, _)| !kept.contains(at)).map(|(_, v)| v).sum();
    let known = kept.iter().all(|at| all.iter().any(|(a, _)| a == at));
    known.then_some((more.number("sum")? - left_out) * scale_of(more, fewer)?)
}

/// The pixel of `fewer` with the steps of `more` that it lacks.
fn extended(fewer: &Trace, more: &Trace) -> Option<f64> {
    let own = terms(fewer);
    let lacking: f64 =
        terms(more).iter().filter(|(at, _)| !own.iter().any(|(a, _)| a == at)).map(|(_, v)| v).sum();
    Some((fewer.number("sum")? + lacking) * scale_of(fewer, more)?)
}

/// The factor on the sum of `base`, as it is with the steps of `other`: the number of steps divides it, and the fraction
/// that the last layer stops may multiply it.
fn scale_of(base: &Trace, other: &Trace) -> Option<f64> {
    let (own, wanted) = (base.number("scale")?, other.number("scale")?);
    let last = |t: &Trace, name: &str| {
        t.taps.iter().rev().find(|x| x.name == name).and_then(|x| x.value.first().copied())
    };
    let capture = last(other, "capture").zip(last(base, "capture")).map_or(1.0, |(a, b)| a / b);
    let steps = terms(base).len() as f64 / terms(other).len().max(1) as f64;
    [1.0, capture, steps, capture * steps]
        .into_iter()
        .map(|f| own * f)
        .min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
}

/// The pixel of `base` with `root` taken from `donor`.
#[must_use]
pub fn transplant(base: &Trace, donor: &Trace, root: &str, known: &Known) -> Option<f64> {
    match root {
        "image" => return donor.number("image"),
        "pixel" => return donor.number("pixel"),
        _ => {}
    }
    let (sum, scale) = (base.number("sum")?, base.number("scale")?);
    let extra = base.number("pixel")? - sum * scale; // a background that is added last
    match root {
        "sum" => return Some(donor.number("sum")? * scale + extra),
        "scale" => return Some(sum * donor.number("scale")? + extra),
        "sum_so_far" => {
            let last = |t: &Trace| {
                t.taps.iter().rev().find(|x| x.name == "sum_so_far").and_then(|x| x.value.first().copied())
            };
            return Some((sum - last(base)? + last(donor)?) * scale + extra);
        }
        "background" => {
            let (b, d) = (base.number("background")?, donor.number("background")?);
            let new = sum - b + d;
            return Some(new * scale + if b == 0.0 { extra } else { extra * d / b });
        }
        _ => {}
    }
    let terms: Vec<&Place> = base.taps.iter().filter(|t| t.name == "F_latt").map(|t| &t.at).collect();
    if terms.is_empty() {
        return None;
    }
    let chain = Chain { base: Index::of(base), donor: Index::of(donor), root, known };
    let (mut before, mut after) = (0.0, 0.0);
    for at in terms {
        before += chain.base.number("term", at).unwrap_or(0.0);
        after += chain.term(at)?;
    }
    let mut new_scale = scale;
    for name in ["solid_angle", "polarization", "capture"] {
        let at = chain.place_of(name)?;
        let (old, new) = (chain.base.number(name, &at)?, chain.value(name, &at)?.first().copied()?);
        // only what the engine puts on the whole sum: a factor of every term is in the terms already
        if old != 0.0 && new != old && !(name == root && chain.in_terms(name)) {
            new_scale *= new / old;
        }
    }
    Some((sum - before + after) * new_scale + extra)
}

/// The values of a trace by name and place.
struct Index<'a>(BTreeMap<Key<'a>, &'a [f64]>);

/// Name and place.
type Key<'a> = (&'a str, &'a [(String, i64)]);

impl<'a> Index<'a> {
    fn of(trace: &'a Trace) -> Self {
        Self(trace.taps.iter().map(|t| ((t.name.as_str(), t.at.as_slice()), t.value.as_slice())).collect())
    }
    fn get(&self, name: &str, at: &[(String, i64)]) -> Option<&'a [f64]> {
        // a value is taken where it is, or from the loop around it
        (0..=at.len()).rev().find_map(|n| self.0.get(&(name, &at[..n])).copied())
    }
    fn number(&self, name: &str, at: &[(String, i64)]) -> Option<f64> {
        self.get(name, at).and_then(|v| v.first().copied())
    }
}

/// One transplant under way.
struct Chain<'a> {
    base: Index<'a>,
    donor: Index<'a>,
    root: &'a str,
    known: &'a Known,
}

impl Chain<'_> {
    /// The first place where a value stands.
    fn place_of(&self, name: &str) -> Option<Place> {
        self.base.0.keys().find(|(n, _)| *n == name).map(|(_, at)| at.to_vec())
    }

    /// Whether terms change with this factor: their weight differs between the engines.
    fn in_terms(&self, name: &str) -> bool {
        name == self.root
            && self.base.0.keys().filter(|(n, _)| *n == "term").any(|(_, at)| {
                let w = |i: &Index<'_>| {
                    Some(i.number("term", at)? / (i.number("F_cell", at)? * i.number("F_latt", at)?).powi(2))
                };
                w(&self.base).zip(w(&self.donor)).is_some_and(|(a, b)| (a - b).abs() > 1e-9 * a.abs())
            })
    }

    /// Whether a value depends on the root.
    fn follows(&self, name: &str) -> bool {
        let mut open: Vec<&str> = super::flow::made_from(name).to_vec();
        let mut seen: Vec<&str> = Vec::new();
        while let Some(n) = open.pop() {
            if n == self.root {
                return true;
            }
            if !seen.contains(&n) {
                seen.push(n);
                open.extend(super::flow::made_from(n));
            }
        }
        // the axes of the cell come as three
        false
    }

    /// The value after the transplant.
    fn value(&self, name: &str, at: &[(String, i64)]) -> Option<Vec<f64>> {
        let own = self.base.get(name, at)?;
        let axes = ["a", "b", "c"];
        if name == self.root || (axes.contains(&name) && axes.contains(&self.root)) {
            return self.donor.get(name, at).map(<[f64]>::to_vec);
        }
        if !self.follows(name) {
            return Some(own.to_vec());
        }
        let v = |n: &str| self.value(n, at);
        Some(match name {
            "R" => vec![norm(&v("position")?)],
            "d" => v("position")?.iter().zip(std::iter::repeat(v("R")?[0])).map(|(x, r)| x / r).collect(),
            "solid_angle" => {
                // 1/R² for point pixels, 1/R³ for flat ones: the exponent that this trace shows against the donor's
                let (r0, r1) = (self.base.number("R", at)?, v("R")?[0]);
                let (o, donor) = (own[0], self.donor.number(name, at)?);
                let by_distance = [o * (r0 / r1).powi(3), o * (r0 / r1).powi(2)];
                let fits = by_distance.into_iter().find(|x| (x - donor).abs() <= 1e-9 * donor.abs());
                // a pixel's size and the detector's distance move its position and enter its solid angle directly
                vec![fits.unwrap_or(if self.root == "position" { donor } else { by_distance[0] })]
            }
            "q" => {
                let (d, s, l) = (v("d")?, v("s")?, v("lambda")?[0]);
                d.iter().zip(&s).map(|(d, s)| (d - s) / l).collect()
            }
            "polarization" => {
                let cos = dot(&v("s")?, &v("d")?);
                let plain = |c: f64| 0.5 * (1.0 + c * c);
                let old = dot(self.base.get("s", at)?, self.base.get("d", at)?);
                if (plain(old) - own[0]).abs() < 1e-9 {
                    vec![plain(cos)]
                } else {
                    self.donor.get(name, at)?.to_vec()
                }
            }
            "hkl" => {
                let q = v("q")?;
                axes.iter().map(|n| v(n).map(|x| dot(&x, &q))).collect::<Option<Vec<f64>>>()?
            }
            "nearest" => v("hkl")?.iter().map(|h| (h - 0.5).ceil()).collect(),
            "F_latt" => {
                let cells = self.known.cells.filter(|n| {
                    let h = self.base.get("hkl", at);
                    h.is_some_and(|h| (box_of_cells(h, n) - own[0]).abs() <= 1e-6 * n.iter().product::<f64>())
                });
                match cells {
                    Some(n) => vec![box_of_cells(&v("hkl")?, &n)],
                    None => self.donor.get(name, at)?.to_vec(),
                }
            }
            // capture along a new direction, the list's entry for a new index, a new cut: the donor's, at the same place
            _ => self.donor.get(name, at)?.to_vec(),
        })
    }

    fn term(&self, at: &[(String, i64)]) -> Option<f64> {
        let old = self.base.number("term", at).unwrap_or(0.0);
        if self.root == "term" {
            return Some(self.donor.number("term", at).unwrap_or(0.0));
        }
        let amplitude = |i: &Index<'_>| Some(i.number("F_cell", at)? * i.number("F_latt", at)?);
        let weight = |i: &Index<'_>| {
            let a = amplitude(i)?;
            (a != 0.0).then_some(i.number("term", at)? / (a * a))
        };
        let Some(new) = self.value("F_cell", at).zip(self.value("F_latt", at)).map(|(c, l)| c[0] * l[0])
        else {
            return Some(old);
        };
        let own = weight(&self.base).or_else(|| weight(&self.donor)).unwrap_or(0.0);
        let own = if self.in_terms(self.root) { weight(&self.donor).unwrap_or(own) } else { own };
        Some(new * new * own)
    }
}

fn box_of_cells(h: &[f64], cells: &[f64; 3]) -> f64 {
    let grating = |h: f64, n: f64| {
        let below = (std::f64::consts::PI * h).sin();
        if below == 0.0 { n } else { (std::f64::consts::PI * n * h).sin() / below }
    };
    h.iter().zip(cells).filter(|(_, n)| **n > 1.0).map(|(h, n)| grating(*h, *n)).product()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
