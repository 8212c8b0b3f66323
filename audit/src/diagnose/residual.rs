//! The difference of two images fitted to known shapes, each with the share of it that the shape explains.

use super::lab::judge;
use super::model::Shape;
use super::ratio;
use crate::gates::Gate;

/// Shifts that are tried, pixels along each axis.
const FARTHEST: isize = 4;

/// The shapes that speak for a cause: the simplest with which the gates pass, or, when none does, those that explain enough. A
/// shape that only contains a simpler one (a factor and an offset of 0) is no cause of its own.
#[must_use]
pub fn telling(shapes: &[Shape], enough: f64) -> Vec<Shape> {
    match shapes.iter().find(|s| s.passes) {
        Some(first) => vec![first.clone()],
        None => shapes.iter().filter(|s| s.explained > enough).cloned().collect(),
    }
}

/// Fits every shape; the best explanation first. Shape is pixels along fast and slow.
#[must_use]
pub fn shapes(gates: &[Gate], a: &[f32], b: &[f32], (width, height): (usize, usize)) -> Vec<Shape> {
    let total = squares(a, b);
    if total <= 0.0 || a.len() != b.len() || a.len() != width * height {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |name: &str, fit: String, corrected: Vec<f32>| {
        let explained = (1.0 - squares(a, &corrected) / total).clamp(0.0, 1.0);
        let passes = judge(gates, a, &corrected, (width, height)).agrees();
        if passes || explained > 0.05 {
            found.push(Shape { name: name.into(), fit, explained, passes });
        }
    };
    // candidate = factor · reference + offset
    let (sa, sb) = (mean(a), mean(b));
    let (mut cross, mut own) = (0.0, 0.0);
    let (mut through, mut square) = (0.0, 0.0);
    for (x, y) in a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y))) {
        cross += (x - sa) * (y - sb);
        own += (x - sa) * (x - sa);
        through += x * y;
        square += x * x;
    }
    if square > 0.0 && through != 0.0 {
        let factor = through / square;
        let name = ratio::name(factor, &[]).map_or(String::new(), |n| format!(", which is {}", n.text));
        add(
            "scale",
            format!("candidate = {factor:.9} × reference{name}"),
            b.iter().map(|y| (f64::from(*y) / factor) as f32).collect(),
        );
    }
    add(
        "offset",
        format!("candidate = reference {:+.6e}", sb - sa),
        b.iter().map(|y| (f64::from(*y) - (sb - sa)) as f32).collect(),
    );
    if own > 0.0 && cross != 0.0 {
        let slope = cross / own;
        let offset = sb - slope * sa;
        add(
            "scale and offset",
            format!("candidate = {slope:.9} × reference {offset:+.6e}"),
            b.iter().map(|y| ((f64::from(*y) - offset) / slope) as f32).collect(),
        );
    }
    for (name, w, moved) in [
        ("transposed", height, rearranged(b, width, height, |f, s| (s, f), true)),
        ("flipped along fast", width, rearranged(b, width, height, |f, s| (width - 1 - f, s), false)),
        ("flipped along slow", width, rearranged(b, width, height, |f, s| (f, height - 1 - s), false)),
        (
            "turned by 180 degrees",
            width,
            rearranged(b, width, height, |f, s| (width - 1 - f, height - 1 - s), false),
        ),
    ] {
        if w == width {
            add(name, "the candidate's pixels in that order".into(), moved);
        }
    }
    if let Some((df, ds, corrected)) = best_shift(a, b, width, height) {
        add("shifted by whole pixels", format!("{df} along fast, {ds} along slow"), corrected);
    }
    if let Some((df, ds, corrected)) = sub_pixel(a, b, width, height) {
        add("shifted by part of a pixel", format!("{df:.3} along fast, {ds:.3} along slow"), corrected);
    }
    if let Some((coefficients, corrected)) = radial(a, b, width, height) {
        add("a factor that depends on the radius (polarization, solid angle)", coefficients, corrected);
    }
    if let Some(corrected) = background(a, b, width, height) {
        add("a smooth background", "candidate − reference is a quadratic surface".into(), corrected);
    }
    // of two that explain the same, the simpler one: they were added in that order, and the sort keeps it
    let share = |s: &Shape| (s.explained * 1e5).round();
    found.sort_by(|x, y| y.passes.cmp(&x.passes).then(share(y).total_cmp(&share(x))));
    found
}

fn mean(v: &[f32]) -> f64 {
    v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64
}

fn squares(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
}

fn rearranged(
    b: &[f32],
    width: usize,
    height: usize,
    from: impl Fn(usize, usize) -> (usize, usize),
    swap: bool,
) -> Vec<f32> {
    if swap && width != height {
        return b.to_vec();
    }
    (0..height)
        .flat_map(|s| (0..width).map(move |f| (f, s)))
        .map(|(f, s)| {
            let (x, y) = from(f, s);
            b[y * width + x]
        })
        .collect()
}

/// The whole-pixel shift that leaves the least difference; pixels that nothing moves onto keep the reference's value.
fn best_shift(a: &[f32], b: &[f32], width: usize, height: usize) -> Option<(isize, isize, Vec<f32>)> {
    let moved = |df: isize, ds: isize| -> Vec<f32> {
        let mut out = a.to_vec();
        for s in 0..height {
            for f in 0..width {
                let (x, y) = (f as isize + df, s as isize + ds);
                if x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height {
                    out[s * width + f] = b[y as usize * width + x as usize];
                }
            }
        }
        out
    };
    let mut best: Option<(f64, isize, isize)> = None;
    for ds in -FARTHEST..=FARTHEST {
        for df in -FARTHEST..=FARTHEST {
            if (df, ds) == (0, 0) || width <= 2 * FARTHEST as usize || height <= 2 * FARTHEST as usize {
                continue;
            }
            let left = squares(a, &moved(df, ds));
            if best.is_none_or(|(least, _, _)| left < least) {
                best = Some((left, df, ds));
            }
        }
    }
    best.map(|(_, df, ds)| (df, ds, moved(df, ds)))
}

/// candidate − reference = −(df ∂/∂f + ds ∂/∂s) reference, by least squares: a small shift.
fn sub_pixel(a: &[f32], b: &[f32], width: usize, height: usize) -> Option<(f64, f64, Vec<f32>)> {
    if width < 3 || height < 3 {
        return None;
    }
    let gradient = |i: usize| {
        let at = |j: usize| f64::from(a[j]);
        ((at(i + 1) - at(i - 1)) / 2.0, (at(i + width) - at(i - width)) / 2.0)
    };
    let inner = || (1..height - 1).flat_map(|s| (1..width - 1).map(move |f| s * width + f));
    let mut m = [0.0; 5];
    for i in inner() {
        let (gf, gs) = gradient(i);
        let d = f64::from(a[i]) - f64::from(b[i]);
        for (slot, v) in m.iter_mut().zip([gf * gf, gf * gs, gs * gs, gf * d, gs * d]) {
            *slot += v;
        }
    }
    let det = m[0] * m[2] - m[1] * m[1];
    if det.abs() < f64::MIN_POSITIVE {
        return None;
    }
    let (df, ds) = ((m[3] * m[2] - m[4] * m[1]) / det, (m[0] * m[4] - m[1] * m[3]) / det);
    let mut out = b.to_vec();
    for i in inner() {
        let (gf, gs) = gradient(i);
        out[i] = (f64::from(b[i]) + df * gf + ds * gs) as f32;
    }
    Some((df, ds, out))
}

/// candidate = reference · (c0 + c1 r² + c2 r⁴), r from the middle of the image.
fn radial(a: &[f32], b: &[f32], width: usize, height: usize) -> Option<(String, Vec<f32>)> {
    let r2 = |i: usize| {
        let (f, s) = ((i % width) as f64 - width as f64 / 2.0, (i / width) as f64 - height as f64 / 2.0);
        (f * f + s * s) / (width * width + height * height) as f64 * 4.0
    };
    let basis = |i: usize| {
        let r = r2(i);
        [1.0, r, r * r].map(|x| x * f64::from(a[i]))
    };
    let c = least_squares(a.len(), basis, |i| f64::from(b[i]))?;
    let corrected = (0..a.len()).map(|i| {
        let r = r2(i);
        (f64::from(b[i]) / (c[0] + c[1] * r + c[2] * r * r)) as f32
    });
    Some((
        format!(
            "candidate = reference × ({:.6} {:+.6} r² {:+.6} r⁴), r = 1 in the corners",
            c[0], c[1], c[2]
        ),
        corrected.collect(),
    ))
}

/// candidate − reference = c0 + c1 r² + c2 r⁴.
fn background(a: &[f32], b: &[f32], width: usize, height: usize) -> Option<Vec<f32>> {
    let basis = |i: usize| {
        let (f, s) = ((i % width) as f64 / width as f64 - 0.5, (i / width) as f64 / height as f64 - 0.5);
        let r = f * f + s * s;
        [1.0, r, r * r]
    };
    let c = least_squares(a.len(), basis, |i| f64::from(b[i]) - f64::from(a[i]))?;
    Some(
        (0..a.len())
            .map(|i| (f64::from(b[i]) - basis(i).iter().zip(c).map(|(x, c)| x * c).sum::<f64>()) as f32)
            .collect(),
    )
}

fn least_squares(
    n: usize,
    basis: impl Fn(usize) -> [f64; 3],
    target: impl Fn(usize) -> f64,
) -> Option<[f64; 3]> {
    let (mut m, mut rhs) = ([[0.0; 3]; 3], [0.0; 3]);
    for i in 0..n {
        let (x, y) = (basis(i), target(i));
        for j in 0..3 {
            for k in 0..3 {
                m[j][k] += x[j] * x[k];
            }
            rhs[j] += x[j] * y;
        }
    }
    let det = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = det(&m);
    if whole.abs() <= 1e-12 * (m[0][0] * m[1][1] * m[2][2]).abs() {
        return None;
    }
    let mut x = [0.0; 3];
    for (j, slot) in x.iter_mut().enumerate() {
        let mut column = m;
        for k in 0..3 {
            column[k][j] = rhs[k];
        }
        *slot = det(&column) / whole;
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::contract;

    fn spots(w: usize, h: usize, cf: f64, cs: f64) -> Vec<f32> {
        let spot = |f: f64, s: f64| {
            (-((f - cf).powi(2) + (s - cs).powi(2)) / 30.0).exp()
                + 0.3 * (-((f - 9.0).powi(2) + (s - 25.0).powi(2)) / 50.0).exp()
        };
        (0..h)
            .flat_map(|s| (0..w).map(move |f| (f, s)))
            .map(|(f, s)| (100.0 * spot(f as f64, s as f64)) as f32)
            .collect()
    }

    fn best(b: &[f32]) -> Shape {
        let a = spots(40, 40, 15.0, 18.0);
        shapes(&contract(), &a, b, (40, 40)).into_iter().next().unwrap()
    }

    #[test]
    fn shapes_are_recognised() {
        let a = spots(40, 40, 15.0, 18.0);
        let scaled: Vec<f32> = a.iter().map(|x| x * 100.0).collect();
        assert_eq!((best(&scaled).name.as_str(), best(&scaled).passes), ("scale", true));
        assert!(best(&scaled).fit.contains("10^2"), "{}", best(&scaled).fit);
        let transposed = rearranged(&a, 40, 40, |f, s| (s, f), true);
        assert_eq!(best(&transposed).name, "transposed");
        let flipped = rearranged(&a, 40, 40, |f, s| (39 - f, s), false);
        assert_eq!(best(&flipped).name, "flipped along fast");
        let raised: Vec<f32> = a.iter().map(|x| x + 40.0).collect();
        assert!(["offset", "a smooth background"].contains(&best(&raised).name.as_str()));
        let mut moved = a.clone();
        moved.rotate_right(2);
        assert_eq!(best(&moved).fit, "2 along fast, 0 along slow");
        let radial: Vec<f32> = a
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let (f, s) = ((i % 40) as f32 - 20.0, (i / 40) as f32 - 20.0);
                x * (1.0 - 0.0009 * (f * f + s * s))
            })
            .collect();
        assert!(best(&radial).name.contains("radius"), "{:?}", best(&radial));
        assert!(shapes(&contract(), &a, &a, (40, 40)).is_empty());
    }
}
