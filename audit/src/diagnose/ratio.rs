//! What a ratio of two values may be: a power of ten, a constant of physics or of the angle units, a number of steps of
//! this very case, or another value of the same pixel.

use super::taps::Trace;

/// How close a ratio must be to a constant to be called by its name.
const CLOSE: f64 = 2e-7;

/// Kinds of named ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A power of ten, or a conversion of units.
    Unit,
    /// A number of steps, sub-pixels, sources ….
    Count,
    /// A plain small number.
    Number,
    /// Another value of the same pixel; its name.
    Value(&'static str),
}

/// A ratio with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// What kind it is.
    pub kind: Kind,
    /// In words.
    pub text: String,
}

/// Whether all ratios are one constant.
#[must_use]
pub fn constant(ratios: &[f64]) -> Option<f64> {
    let first = *ratios.first()?;
    let same = ratios.iter().all(|r| (r - first).abs() <= CLOSE * first.abs().max(f64::MIN_POSITIVE));
    (same && first.is_finite() && first != 0.0).then_some(first)
}

/// Names a constant ratio (candidate / reference). `counts` are the step counts of the case.
#[must_use]
pub fn name(ratio: f64, counts: &[(String, f64)]) -> Option<Named> {
    let is = |x: f64| (ratio - x).abs() <= CLOSE * x.abs();
    for (what, n) in counts {
        if *n > 1.0 {
            for (x, text) in [
                (*n, what.clone()),
                (1.0 / n, format!("1 / {what}")),
                (n * n, format!("({what})²")),
                (1.0 / (n * n), format!("1 / ({what})²")),
            ] {
                if is(x) {
                    return Some(Named { kind: Kind::Count, text: format!("{text} = {x}") });
                }
            }
        }
    }
    // products of two counts: a missing loop within a loop
    for (i, (a, n)) in counts.iter().enumerate() {
        for (b, m) in counts.iter().skip(i + 1).filter(|(_, m)| *m > 1.0 && *n > 1.0) {
            for (x, text) in [(n * m, format!("{a} × {b}")), (1.0 / (n * m), format!("1 / ({a} × {b})"))] {
                if is(x) {
                    return Some(Named { kind: Kind::Count, text: format!("{text} = {x}") });
                }
            }
        }
    }
    let power = ratio.abs().log10().round();
    if power != 0.0 && is(10f64.powf(power).copysign(ratio)) {
        let sign = if ratio < 0.0 { "−" } else { "" };
        return Some(Named { kind: Kind::Unit, text: format!("{sign}10^{power}") });
    }
    let pi = std::f64::consts::PI;
    let known: [(f64, Kind, &str); 14] = [
        (pi / 180.0, Kind::Unit, "π/180 (degrees and radians)"),
        (180.0 / pi, Kind::Unit, "180/π (degrees and radians)"),
        (2.0 * pi, Kind::Unit, "2π"),
        (0.5 / pi, Kind::Unit, "1/2π"),
        (pi, Kind::Unit, "π"),
        (1.0 / pi, Kind::Unit, "1/π"),
        (7.940_792_480_189_65e-30, Kind::Unit, "r_e² (square of the classical electron radius, m²)"),
        (1.0 / 7.940_792_480_189_65e-30, Kind::Unit, "1/r_e² (square of the classical electron radius, m²)"),
        (12398.42, Kind::Unit, "12398.42 (eV and Å)"),
        (1.0 / 12398.42, Kind::Unit, "1/12398.42 (eV and Å)"),
        (-1.0, Kind::Number, "−1"),
        (1e-3 * 4.0, Kind::Unit, "0.004"),
        (2f64.sqrt(), Kind::Number, "√2"),
        (0.5f64.sqrt(), Kind::Number, "1/√2"),
    ];
    if let Some((_, kind, text)) = known.iter().find(|(x, _, _)| is(*x)) {
        return Some(Named { kind: *kind, text: (*text).into() });
    }
    for n in 2..=100 {
        let n = f64::from(n);
        for (x, text) in [(n, format!("{n}")), (1.0 / n, format!("1/{n}"))] {
            if is(x) {
                return Some(Named { kind: Kind::Number, text });
            }
        }
        if is((n - 1.0) / n) || is(n / (n - 1.0)) {
            return Some(Named {
                kind: Kind::Count,
                text: format!(
                    "{} of {n} (one step too many or too few)",
                    if ratio < 1.0 { n - 1.0 } else { n }
                ),
            });
        }
    }
    None
}

/// Values of a pixel that a factor may have been lost or doubled of.
const VALUES: [&str; 7] = ["polarization", "solid_angle", "capture", "F_cell", "F_latt", "R", "lambda"];

/// Whether the ratios are, pixel by pixel, another value of the same pixel: ratio = value^k, times one constant.
#[must_use]
pub fn value(ratios: &[(f64, &Trace, &super::taps::Place)]) -> Option<Named> {
    if ratios.len() < 2 {
        return None;
    }
    for last in [false, true] {
        if let Some(named) = value_at(ratios, last) {
            return Some(named);
        }
    }
    None
}

/// As [`value`], where what stands in deeper loops counts with its first or its last value.
fn value_at(ratios: &[(f64, &Trace, &super::taps::Place)], last: bool) -> Option<Named> {
    let at = |trace: &Trace, place: &super::taps::Place, name: &str| {
        // the value at the same place, or where an outer loop holds it
        let held = (0..=place.len())
            .rev()
            .find_map(|n| trace.get(name, &place[..n].to_vec()).and_then(|v| v.first().copied()));
        held.or_else(|| {
            let mut all =
                trace.taps.iter().filter(|t| t.name == name).filter_map(|t| t.value.first().copied());
            if last { all.next_back() } else { all.next() }
        })
    };
    for name in VALUES {
        for (k, sign) in [
            (-1.0, "1 / "),
            (1.0, ""),
            (-2.0, "1 / square of "),
            (2.0, "square of "),
            (-3.0, "1 / cube of "),
            (3.0, "cube of "),
        ] {
            let rest: Option<Vec<f64>> =
                ratios.iter().map(|(r, t, p)| at(t, p, name).map(|v| r / f64::powf(v.abs(), k))).collect();
            let Some(rest) = rest else { continue };
            let varies =
                constant(&ratios.iter().filter_map(|(_, t, p)| at(t, p, name)).collect::<Vec<_>>()).is_none();
            if let Some(factor) = constant(&rest)
                && varies
            {
                let times = if (factor - 1.0).abs() <= CLOSE {
                    String::new()
                } else {
                    format!(", times {factor:.9}")
                };
                return Some(Named {
                    kind: Kind::Value(name),
                    text: format!("{sign}{name} of the pixel{times}"),
                });
            }
        }
    }
    // the amplitude: F_cell · F_latt
    let rest: Option<Vec<f64>> =
        ratios.iter().map(|(r, t, p)| Some(r * (at(t, p, "F_cell")? * at(t, p, "F_latt")?).abs())).collect();
    if let Some(rest) = rest {
        let signed = rest.iter().map(|r| r.abs()).collect::<Vec<_>>();
        if constant(&signed).is_some_and(|f| (f - 1.0).abs() <= CLOSE) {
            return Some(Named {
                kind: Kind::Value("F_cell·F_latt"),
                text: "1 / amplitude: F in place of F²".into(),
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_have_their_names() {
        let counts = [("sub-pixels".to_owned(), 9.0), ("phi steps".to_owned(), 7.0)];
        let text = |r: f64| name(r, &counts).map(|n| n.text).unwrap_or_default();
        assert_eq!(text(1e10), "10^10");
        assert_eq!(text(-1e-3), "−10^-3");
        assert_eq!(text(9.0), "sub-pixels = 9");
        assert!(text(1.0 / 63.0).contains("sub-pixels × phi steps"));
        assert!(text(std::f64::consts::PI / 180.0).contains("degrees"));
        assert_eq!(text(2.0), "2");
        assert!(text(0.8).contains("4 of 5"));
        assert_eq!(text(1.234_567), "");
        assert_eq!(constant(&[2.0, 2.0 + 1e-9]), Some(2.0));
        assert_eq!(constant(&[2.0, 2.1]), None);
    }
}
