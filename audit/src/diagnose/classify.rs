//! From the value in which two engines part to the kind of cause. Rules are about the data flow of a diffraction image and
//! know no particular fault.

use super::flow::{Divergence, Pair};
use super::model::Class;
use super::ratio::{self, Kind};
use super::taps::{Place, Trace};
use std::fmt::Write;

/// What a divergence says.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The kind of cause.
    pub class: Class,
    /// In one line.
    pub text: String,
    /// The named or measured ratio, candidate / reference.
    pub ratio: Option<String>,
}

/// Relative differences that rounding to single precision makes: 2^-24, with a few roundings on top of each other.
pub(super) const SINGLE: f64 = 1e-6;

/// Judges the value in which the engines part first.
#[must_use]
pub fn classify(d: &Divergence, traces: &[(Trace, Trace)]) -> Verdict {
    let counts = counts(traces);
    let constant = constant_ratio(d);
    let named = constant.and_then(|r| ratio::name(r, &counts));
    let ratio = match (&named, constant) {
        (Some(n), Some(r)) => Some(format!("{} ({r:.9e})", n.text)),
        (None, Some(r)) => Some(format!("{r:.9e}")),
        _ => None,
    };
    let say = |class: Class, text: String| Verdict { class, text, ratio: ratio.clone() };
    if is_single_precision(d) {
        return say(
            Class::Precision,
            format!(
                "`{}` differs by {:.1e}, irregularly: it went through single precision",
                d.name, d.largest
            ),
        );
    }
    let by = ratio.as_ref().map_or(String::new(), |r| format!(" by the factor {r}"));
    match d.name.as_str() {
        "computed" => say(Class::Mask, "one engine computes pixels that the other leaves out".into()),
        "count:layer" => say(Class::Absorption, steps(d, "sensor layers")),
        "count:sub_slow" | "count:sub_fast" => say(Class::Counts, steps(d, "sub-pixels along an axis")),
        "count:source" => say(Class::Source, steps(d, "sources")),
        "count:phi_step" => say(Class::Phi, steps(d, "phi steps")),
        "count:domain" => say(Class::Mosaic, steps(d, "mosaic domains")),
        "position" if beyond_the_first(d, "layer") => say(
            Class::Absorption,
            "the positions of the sensor's layers behind the first differ: their depth, or its direction".into(),
        ),
        "position" if beyond_the_first(d, "sub_fast") && beyond_the_first(d, "sub_slow") => say(
            Class::Geometry,
            "the positions of sub-pixels differ, and the first of each pixel agrees: the distance between them".into(),
        ),
        "position" => say(Class::Geometry, geometry(d)),
        "R" | "d" => {
            say(Class::Geometry, format!("`{}` differs{by} though the pixel's position agrees", d.name))
        }
        "solid_angle" => {
            say(Class::SolidAngle, format!("the solid angle of a pixel differs{by}{}", of_value(d, traces)))
        }
        "capture" => {
            say(Class::Absorption, format!("the fraction of photons that a sensor layer stops differs{by}"))
        }
        "s" => say(Class::Source, "the direction of a source differs".into()),
        "lambda" => say(Class::Source, format!("the wavelength of a source differs{by}")),
        "q" => say(
            Class::ScatteringVector,
            format!("the scattering vector differs{by} though directions and wavelength agree"),
        ),
        "skipped" => {
            say(Class::Resolution, "one engine leaves out samples that the other counts (-dmin)".into())
        }
        "polarization" => say(Class::Polarization, format!("the polarization factor differs{by}")),
        "phi" => say(Class::Phi, format!("phi differs{by}")),
        "a" | "b" | "c" => axes(d, traces, ratio.clone()),
        "hkl" => say(
            Class::MillerIndex,
            format!("the Miller index differs{by} though the cell and the scattering vector agree"),
        ),
        "nearest" => {
            say(Class::MillerIndex, "the nearest reflection differs though the Miller index agrees".into())
        }
        "F_latt" => {
            say(Class::Lattice, format!("the lattice factor differs{by} though the Miller index agrees"))
        }
        "F_cell" => say(
            Class::StructureFactor,
            format!("the structure factor differs{by} though the Miller index agrees"),
        ),
        "background" => say(Class::Background, format!("the background differs{by}")),
        "sum_so_far" | "sum" if is_background(d, traces) => say(
            Class::Background,
            format!(
                "`{}` differs by the background, on which the engines agree: one adds it and the other does not",
                d.name
            ),
        ),
        "sum_so_far" | "sum" => {
            say(Class::Accumulation, format!("`{}` differs{by} though every term agrees", d.name))
        }
        "term" | "scale" | "pixel" => factor(d, traces, constant, named, ratio.clone()),
        "image" => image(d, ratio.clone()),
        other => say(Class::Unknown, format!("`{other}` differs{by}")),
    }
}

/// Candidate / reference of every pair of numbers that are not 0.
fn ratios(d: &Divergence) -> Vec<(f64, &Pair)> {
    d.pairs
        .iter()
        .filter_map(|p| match (p.reference.as_slice(), p.candidate.as_slice()) {
            ([r], [c]) if *r != 0.0 && r.is_finite() && c.is_finite() => Some((c / r, p)),
            _ => None,
        })
        .collect()
}

/// The one factor between all pairs, of numbers or of parallel vectors.
pub(super) fn constant_ratio(d: &Divergence) -> Option<f64> {
    let numbers: Vec<f64> = ratios(d).into_iter().map(|(r, _)| r).collect();
    if !numbers.is_empty() {
        return ratio::constant(&numbers);
    }
    let lengths: Option<Vec<f64>> = d
        .pairs
        .iter()
        .map(|p| {
            let dot: f64 = p.reference.iter().zip(&p.candidate).map(|(a, b)| a * b).sum();
            let (r, c) = (norm(&p.reference), norm(&p.candidate));
            let parallel = (dot.abs() - r * c).abs() <= 1e-9 * r * c;
            (parallel && r > 0.0).then(|| c / r * dot.signum())
        })
        .collect();
    ratio::constant(&lengths?)
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Irregular differences of the size of single-precision rounding.
pub(super) fn is_single_precision(d: &Divergence) -> bool {
    if d.largest > SINGLE || d.largest.is_nan() || d.name == "image" {
        return false;
    }
    let rounded = d
        .pairs
        .iter()
        .filter(|p| p.difference > 0.0)
        .flat_map(|p| &p.candidate)
        .all(|c| f64::from(*c as f32) == *c);
    rounded || constant_ratio(d).is_none()
}

/// Step counts of the case, from the reference's traces.
fn counts(traces: &[(Trace, Trace)]) -> Vec<(String, f64)> {
    let most = |variable: &str| traces.iter().map(|(r, _)| r.count(variable)).max().unwrap_or(0) as f64;
    let (layers, fast, slow) = (most("layer"), most("sub_fast"), most("sub_slow"));
    let (sources, phi, domains) = (most("source"), most("phi_step"), most("domain"));
    [
        ("sub-pixels (oversample²)", fast * slow),
        ("sub-pixels along an axis (oversample)", fast),
        ("sources", sources),
        ("phi steps", phi),
        ("mosaic domains", domains),
        ("sensor layers", layers),
        ("steps (sources × phi × domains × sub-pixels)", sources * phi * domains * fast * slow),
    ]
    .map(|(n, v)| (n.to_owned(), v))
    .to_vec()
}

fn steps(d: &Divergence, what: &str) -> String {
    let p = d.pairs.iter().find(|p| p.difference > 0.0);
    p.map_or(String::new(), |p| {
        format!("{} {what} in the reference, {} in the candidate", p.reference[0], p.candidate[0])
    })
}

/// Whether a factor is, pixel by pixel, another value of the same pixel.
fn by_value(d: &Divergence, traces: &[(Trace, Trace)]) -> Option<ratio::Named> {
    let list: Vec<(f64, &Trace, &Place)> = ratios(d)
        .into_iter()
        .filter_map(|(r, p)| traces.iter().find(|(t, _)| t.pixel == p.pixel).map(|(t, _)| (r, t, &p.at)))
        .collect();
    ratio::value(&list)
}

fn of_value(d: &Divergence, traces: &[(Trace, Trace)]) -> String {
    if constant_ratio(d).is_some() {
        return String::new();
    }
    by_value(d, traces).map_or(String::new(), |n| format!(" by {}", n.text))
}

/// Values that are products of others: what was lost from them, or put in.
fn factor(
    d: &Divergence,
    traces: &[(Trace, Trace)],
    constant: Option<f64>,
    named: Option<ratio::Named>,
    ratio: Option<String>,
) -> Verdict {
    let what = match d.name.as_str() {
        "term" => "the term of one combination",
        "scale" => "the factor on the sum",
        _ => "the pixel",
    };
    if constant.is_none()
        && let Some(n) = by_value(d, traces)
    {
        let Kind::Value(value) = n.kind else {
            return Verdict { class: Class::Scale, text: n.text, ratio };
        };
        let class = match value {
            "polarization" => Class::Polarization,
            "solid_angle" | "R" => Class::SolidAngle,
            "capture" => Class::Absorption,
            "lambda" => Class::Source,
            _ => Class::Intensity,
        };
        return Verdict { class, text: format!("{what} differs by {}", n.text), ratio: Some(n.text) };
    }
    if let Some(r) = constant {
        // a value that is the same everywhere can be what is missing, too
        let stays = |name: &str| {
            let all: Vec<f64> = traces.iter().filter_map(|(t, _)| t.number(name)).collect();
            ratio::constant(&all).filter(|v| {
                (v - 1.0).abs() > 1e-9 && ((r * v - 1.0).abs() < 1e-9 || (r / v - 1.0).abs() < 1e-9)
            })
        };
        for (name, class) in [
            ("capture", Class::Absorption),
            ("polarization", Class::Polarization),
            ("solid_angle", Class::SolidAngle),
        ] {
            if stays(name).is_some() {
                return Verdict {
                    class,
                    text: format!("{what} differs by {name}, which is the same at every pixel here"),
                    ratio,
                };
            }
        }
        let class = match named.as_ref().map(|n| n.kind) {
            Some(Kind::Count) => Class::Counts,
            _ => Class::Scale,
        };
        let by = ratio.clone().unwrap_or_default();
        return Verdict { class, text: format!("{what} differs by the same factor everywhere: {by}"), ratio };
    }
    if d.name == "pixel" && traces.iter().any(|(r, _)| r.number("background").is_some_and(|b| b > 0.0)) {
        return Verdict {
            class: Class::Background,
            text: "the pixel differs though sum and scale agree, and there is a background".into(),
            ratio,
        };
    }
    if d.name == "term" && varies_only_with(d, "source") {
        return Verdict {
            class: Class::Source,
            text: "terms differ by a factor of their own for each source: its weight".into(),
            ratio,
        };
    }
    if let Some((value, layer_or_source)) = from_another_step(d, traces) {
        let class = if value == "capture" { Class::Absorption } else { Class::Polarization };
        return Verdict {
            class,
            text: format!("{what} differs as if `{value}` were taken from another {layer_or_source}"),
            ratio,
        };
    }
    let class = if d.name == "term" { Class::Intensity } else { Class::Scale };
    Verdict { class, text: format!("{what} differs by a factor that is another one at every pixel"), ratio }
}

/// Whether the ratios are equal wherever the loop variable is.
fn varies_only_with(d: &Divergence, variable: &str) -> bool {
    let mut by: std::collections::BTreeMap<i64, Vec<f64>> = std::collections::BTreeMap::new();
    for (r, p) in ratios(d) {
        let at = p.at.iter().find(|(n, _)| n == variable).map_or(0, |(_, v)| *v);
        by.entry(at).or_default().push(r);
    }
    by.len() > 1 && by.values().all(|list| ratio::constant(list).is_some())
}

/// Whether the factor on the sum differs by a value of one layer (or source) over that of another.
fn from_another_step(d: &Divergence, traces: &[(Trace, Trace)]) -> Option<(&'static str, &'static str)> {
    for (value, step) in [("capture", "layer"), ("polarization", "source or sub-pixel")] {
        let fits = ratios(d).into_iter().all(|(r, p)| {
            let Some((t, _)) = traces.iter().find(|(t, _)| t.pixel == p.pixel) else { return false };
            let all: Vec<f64> =
                t.taps.iter().filter(|x| x.name == value).filter_map(|x| x.value.first().copied()).collect();
            all.iter().any(|x| all.iter().any(|y| x != y && (x / y / r - 1.0).abs() < 1e-9))
        });
        if fits && !d.pairs.is_empty() {
            return Some((value, step));
        }
    }
    None
}

/// The cell's axes: which of cell, orientation, phi and mosaic turned them.
fn axes(d: &Divergence, traces: &[(Trace, Trace)], ratio: Option<String>) -> Verdict {
    let step = |p: &Pair, name: &str| p.at.iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v);
    let differs = |p: &&Pair| p.difference > 1e-9;
    let say = |class: Class, text: &str| Verdict { class, text: text.into(), ratio: ratio.clone() };
    let several = |name: &str| d.pairs.iter().any(|p| step(p, name) > 0);
    if several("domain") && !d.pairs.iter().filter(differs).any(|p| step(p, "domain") == 0) {
        return say(
            Class::Mosaic,
            "the cell differs in the turned mosaic domains and agrees in the unturned one",
        );
    }
    let at_rest = |p: &Pair| {
        traces
            .iter()
            .find(|(t, _)| t.pixel == p.pixel)
            .and_then(|(t, _)| t.get("phi", &p.at))
            .is_some_and(|phi| phi == [0.0])
    };
    if d.pairs.iter().any(at_rest) && !d.pairs.iter().filter(differs).any(at_rest) {
        return say(Class::Phi, "the cell differs where phi is not 0 and agrees where it is");
    }
    let lengths = d.pairs.iter().all(|p| (norm(&p.reference) / norm(&p.candidate) - 1.0).abs() < 1e-9);
    if lengths {
        let angle = d.pairs.iter().map(|p| angle(&p.reference, &p.candidate)).fold(0.0, f64::max);
        return say(
            Class::Orientation,
            &format!(
                "the cell's axes have the same lengths and another direction (`{}` by {angle:.6} degrees)",
                d.name
            ),
        );
    }
    let mut text = format!("the length of the cell's axis `{}` differs", d.name);
    if let Some(r) = &ratio {
        let _ = write!(text, " by the factor {r}");
    }
    say(Class::Orientation, &text)
}

fn angle(a: &[f64], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    (dot / (norm(a) * norm(b))).clamp(-1.0, 1.0).acos().to_degrees()
}

/// Whether the difference is the background of the pixel, times one constant.
fn is_background(d: &Divergence, traces: &[(Trace, Trace)]) -> bool {
    let shares: Option<Vec<f64>> = d
        .pairs
        .iter()
        .filter(|p| p.difference > 0.0)
        .map(|p| {
            let background = traces.iter().find(|(t, _)| t.pixel == p.pixel)?.0.number("background")?;
            (background != 0.0).then(|| (p.candidate[0] - p.reference[0]) / background)
        })
        .collect();
    shares.is_some_and(|s| ratio::constant(&s).is_some())
}

/// The image's value differs though the traced pixel agrees: what was stored is not what was computed.
fn image(d: &Divergence, ratio: Option<String>) -> Verdict {
    let whole = |v: &[f64]| v.iter().all(|x| x.fract() == 0.0);
    let fractions = d.pairs.iter().any(|p| !whole(&p.reference));
    if fractions
        && d.pairs.iter().all(|p| whole(&p.candidate) && (p.candidate[0] - p.reference[0]).abs() <= 1.0)
    {
        return Verdict { class: Class::Precision, text: "the candidate stores whole numbers".into(), ratio };
    }
    let mut differing = d.pairs.iter().filter(|p| p.difference > 1e-6).peekable();
    let zero = differing.peek().is_some() && differing.all(|p| p.candidate == [0.0] || p.reference == [0.0]);
    if zero {
        return Verdict {
            class: Class::Mask,
            text: "one engine leaves 0 at pixels that both compute alike".into(),
            ratio,
        };
    }
    if ratio.is_some() {
        return Verdict {
            class: Class::Scale,
            text: "what is stored is what was computed times a factor".into(),
            ratio,
        };
    }
    let text = "both engines compute these pixels alike and store other values there";
    Verdict { class: Class::PixelOrder, text: text.into(), ratio }
}

/// Position = corner + fast·F + slow·S, fitted to the traced pixels of one engine: corner, F, S.
fn frame<'a>(points: impl Iterator<Item = (&'a Pair, &'a [f64])>) -> Option<[[f64; 3]; 3]> {
    let (mut m, mut rhs) = ([[0.0f64; 3]; 3], [[0.0f64; 3]; 3]);
    for (pair, value) in points {
        let x = [1.0, pair.pixel.0 as f64, pair.pixel.1 as f64];
        for i in 0..3 {
            for j in 0..3 {
                m[i][j] += x[i] * x[j];
                rhs[i][j] += x[i] * value.get(j)?;
            }
        }
    }
    solve(m, rhs)
}

/// Solves m·x = rhs for three right-hand sides; none when the pixels lie on a line.
fn solve(mut m: [[f64; 3]; 3], mut rhs: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let size = m.iter().flatten().fold(0.0f64, |a, b| a.max(b.abs()));
    let minus =
        |row: [f64; 3], factor: f64, other: [f64; 3]| std::array::from_fn(|k| row[k] - factor * other[k]);
    for i in 0..3 {
        let pivot = (i..3).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        m.swap(i, pivot);
        rhs.swap(i, pivot);
        if m[i][i].abs() <= 1e-9 * size {
            return None;
        }
        for j in (0..3).filter(|j| *j != i) {
            let factor = m[j][i] / m[i][i];
            m[j] = minus(m[j], factor, m[i]);
            rhs[j] = minus(rhs[j], factor, rhs[i]);
        }
    }
    Some(std::array::from_fn(|i| rhs[i].map(|x| x / m[i][i])))
}

/// Whether the engines agree in the first step of a loop that has more, and differ only in later ones.
fn beyond_the_first(d: &Divergence, variable: &str) -> bool {
    let step = |p: &Pair| p.at.iter().find(|(n, _)| n == variable).map_or(0, |(_, v)| *v);
    let mut differing = d.pairs.iter().filter(|p| p.difference > 1e-9).peekable();
    differing.peek().is_some() && differing.all(|p| step(p) > 0)
}

/// What happened to the detector: shifted, swapped, flipped, scaled, turned.
fn geometry(d: &Divergence) -> String {
    let plain = "the position of the pixel differs".to_owned();
    // one point of each pixel: the first sub-pixel of the first layer
    let mut first: Vec<&Pair> = Vec::new();
    for p in &d.pairs {
        if !first.iter().any(|q| q.pixel == p.pixel) {
            first.push(p);
        }
    }
    let reference = frame(first.iter().map(|p| (*p, p.reference.as_slice())));
    let candidate = frame(first.iter().map(|p| (*p, p.candidate.as_slice())));
    let (Some([p0, f0, s0]), Some([p1, f1, s1])) = (reference, candidate) else { return plain };
    let near = |a: &[f64; 3], b: &[f64; 3], sign: f64| {
        let apart: f64 = a.iter().zip(b).map(|(x, y)| (x - sign * y).powi(2)).sum::<f64>().sqrt();
        apart <= 1e-6 * norm(a).max(norm(b))
    };
    if near(&f1, &f0, 1.0) && near(&s1, &s0, 1.0) {
        let shift: Vec<f64> = p0.iter().zip(&p1).map(|(a, b)| b - a).collect();
        let along =
            |axis: &[f64; 3]| shift.iter().zip(axis).map(|(a, b)| a * b).sum::<f64>() / norm(axis).powi(2);
        let (f, s) = (along(&f0), along(&s0));
        let rest: Vec<f64> = (0..3).map(|i| shift[i] - f * f0[i] - s * s0[i]).collect();
        return format!(
            "the detector is shifted: {f:+.4} pixels along fast, {s:+.4} along slow{}, {:.6} mm along its normal",
            if (f.abs() - 0.5).abs() < 1e-6 || (s.abs() - 0.5).abs() < 1e-6 { " (half a pixel)" } else { "" },
            norm(&rest) * 1e3
        );
    }
    if near(&f1, &s0, 1.0) && near(&s1, &f0, 1.0) {
        return "fast and slow axis are swapped (the image is transposed)".into();
    }
    for (axis, one, zero) in [("fast", &f1, &f0), ("slow", &s1, &s0)] {
        if near(one, zero, -1.0) {
            return format!("the {axis} axis is flipped: it points the other way");
        }
    }
    let (rf, rs) = (norm(&f1) / norm(&f0), norm(&s1) / norm(&s0));
    if (rf - 1.0).abs() < 1e-6 && (rs - 1.0).abs() < 1e-6 {
        return format!(
            "the detector is turned: the fast axis by {:.6} degrees, the slow axis by {:.6}",
            angle(&f0, &f1),
            angle(&s0, &s1)
        );
    }
    let name = ratio::name(rf, &[]).map_or(String::new(), |n| format!(" ({})", n.text));
    format!("the pixels have another size: {rf:.9}{name} along fast, {rs:.9} along slow")
}
