//! Solid angle of the pixels of a row, added up in closed form.
//!
//! Along a row the square of the distance from the crystal is R² = u² + D², u along the row from the foot of the
//! perpendicular. The midpoint rule is known in full (Euler and Maclaurin; A. Erdélyi, *Asymptotic Expansions*):
//!
//! p·Σ g(uᵢ) = ∫ g du + \[−p²/24·c₁ + 7p⁴/960·c₃ − 31p⁶/8064·c₅ + 127p⁸/30720·c₇ − …\] from the first edge to the last,
//!
//! where cₖ is the coefficient of the power k in the Taylor series of g about that edge. For g = (u² + D²)^−s both sides
//! of (u² + D²)·g′ = −2s·u·g give (k+1)·R²·cₖ₊₁ = −2(k+s)·u·cₖ − (k−1+2s)·cₖ₋₁, and |cₖ| ≤ g·(k+1)(k+2)/2/Rᵏ for
//! s ≤ 3/2. So the first term that is left out is less than 0.4·(p/R)⁹ of one pixel: 1e-14 where D is 32 pixels or
//! more; and what no term shows is of the order exp(−2πD/p), which is nothing there.

use crate::physics::detector::Geometry;

/// Distance, in pixels, from which on the closed form is exact.
const FAR: f64 = 32.0;
/// Factors of p²ᵏ·c₂ₖ₋₁.
const WEIGHTS: [f64; 4] = [-1.0 / 24.0, 7.0 / 960.0, -31.0 / 8064.0, 127.0 / 30720.0];

/// Sum of the solid angles of the pixels from `first` to `last` of a row, sr.
pub(super) fn of_row(geometry: &Geometry, spixel: usize, first: usize, last: usize) -> f64 {
    let p = geometry.pixel;
    let centre = |i: usize| (i as f64 + 0.5) * p;
    let count = (last - first + 1) as f64;
    if geometry.curved {
        // A sphere about the crystal.
        let radius = geometry.position(centre(first), centre(spixel), 0.0).norm();
        return count * geometry.solid_angle(radius);
    }
    let edge = geometry.position(first as f64 * p, centre(spixel), 0.0);
    let from = edge.dot(geometry.fast);
    let perpendicular = (edge - geometry.fast * from).norm();
    // Written so that it is false for what is not a number.
    if perpendicular.is_nan() || perpendicular < FAR * p {
        let distance = |i: usize| geometry.position(centre(i), centre(spixel), 0.0).norm();
        return (first..=last).map(|i| geometry.solid_angle(distance(i))).sum();
    }
    let to = from + count * p;
    let power = if geometry.point_pixel { 1.0 } else { 1.5 };
    let sum = integral(from, to, perpendicular, power) + correction(to, perpendicular, power, p)
        - correction(from, perpendicular, power, p);
    if geometry.point_pixel { sum / p } else { sum * p * geometry.close_distance }
}

/// ∫ (u² + D²)^−s du, s = 1 or 3/2, without differences of numbers that are nearly the same.
fn integral(from: f64, to: f64, perpendicular: f64, power: f64) -> f64 {
    let (a, b, d) = (from, to, perpendicular);
    if power == 1.0 {
        return (d * (b - a)).atan2(d * d + a * b) / d;
    }
    let (ra, rb) = (a.hypot(d), b.hypot(d));
    if a * b > 0.0 { (b - a) * (b + a) / ((b * ra + a * rb) * ra * rb) } else { (b / rb - a / ra) / (d * d) }
}

/// The bracket at one edge.
fn correction(u: f64, perpendicular: f64, power: f64, pixel: f64) -> f64 {
    let r2 = u * u + perpendicular * perpendicular;
    // In units of the pixel, so that no power of it is too small.
    let (u, r2, unit) = (u / pixel, r2 / (pixel * pixel), r2.powf(-power) * pixel);
    let (mut before, mut now) = (0.0, 1.0);
    let mut sum = 0.0;
    for k in 0..2 * WEIGHTS.len() - 1 {
        let n = k as f64;
        let next = -(2.0 * (n + power) * u * now + (n - 1.0 + 2.0 * power) * before) / ((n + 1.0) * r2);
        (before, now) = (now, next);
        if k % 2 == 0 {
            sum += WEIGHTS[k / 2] * now;
        }
    }
    sum * unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Convention, Detector};
    use crate::oddities::Oddities;
    use proptest::prelude::*;

    fn direct(geometry: &Geometry, spixel: usize, first: usize, last: usize) -> f64 {
        let at = |i: usize| (i as f64 + 0.5) * geometry.pixel;
        (first..=last).map(|i| geometry.solid_angle(geometry.position(at(i), at(spixel), 0.0).norm())).sum()
    }

    proptest! {
        #[test]
        fn the_closed_form_is_the_sum(
            distance in prop::sample::select(vec![1e-4, 2.9e-3, 3.3e-3, 0.01, 0.1, 2.0]),
            rotation in prop::array::uniform3(-1.5..1.5_f64),
            first in 0..400_usize,
            count in 1..3000_usize,
            spixel in 0..3000_usize,
            curved in prop::bool::weighted(0.1),
            point_pixel in prop::bool::weighted(0.3),
        ) {
            let convention = Convention::Xds;
            let pixels = [Some(3000); 2];
            let detector = Detector { pixels, distance, rotation, convention, curved, point_pixel, ..Detector::default() };
            let geometry = Geometry::new(&detector, Oddities::default());
            let last = (first + count).min(2999);
            let (found, expected) = (of_row(&geometry, spixel, first, last), direct(&geometry, spixel, first, last));
            prop_assert!((found / expected - 1.0).abs() <= 1e-12, "{} instead of {}", found, expected);
        }
    }

    #[test]
    fn one_pixel_at_the_shortest_distance_of_the_closed_form() {
        let distance = 1.0001 * FAR * 1e-4;
        let detector =
            Detector { pixels: [Some(100); 2], distance, convention: Convention::Xds, ..Detector::default() };
        let geometry = Geometry::new(&detector, Oddities::default());
        for fpixel in [0, 10, 30, 49, 50, 99] {
            let (found, expected) =
                (of_row(&geometry, 50, fpixel, fpixel), direct(&geometry, 50, fpixel, fpixel));
            assert!((found / expected - 1.0).abs() <= 1e-13, "{fpixel}: {found} instead of {expected}");
        }
    }
}
