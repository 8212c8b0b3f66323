//! How far the lattice transform may move when the Miller indices do.

use crate::bound::Precision;
use nanobragg::experiment::Shape;
use nanobragg::physics::lattice::{Lattice, grating, sphere};
use std::f64::consts::PI;

/// What the physics has as constants of its own.
const ROUND_SCALE: f64 = 0.723601254558268;
const GAUSS_WIDTH: f64 = 0.63;
const TOPHAT_EDGE: f64 = GAUSS_WIDTH * GAUSS_WIDTH;

/// A value with what it may be off by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncertain {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Uncertain {
    /// How far a product of squares may move: every factor grows by its error, the largest that can happen.
    pub(crate) fn square_of_product(factors: &[Uncertain]) -> f64 {
        let product = |f: &dyn Fn(&Uncertain) -> f64| factors.iter().map(f).product::<f64>();
        let value = product(&|x| x.value.abs());
        let reach = product(&|x| x.value.abs() + x.error);
        // (v + e)² − v² with the difference taken first.
        (reach - value) * (reach + value)
    }
}

/// F_latt at `hkl` with the lattice point `point` as the nearest, each index off by up to `delta`, as factors.
pub(crate) fn transform(
    lattice: &Lattice,
    hkl: [f64; 3],
    point: [f64; 3],
    delta: [f64; 3],
    precision: &Precision,
) -> [Uncertain; 3] {
    let one = Uncertain { value: 1.0, error: 0.0 };
    let offset: [f64; 3] = std::array::from_fn(|i| hkl[i] - point[i]);
    match lattice.shape {
        Shape::Square => std::array::from_fn(|i| axis(hkl[i], lattice.cells[i], delta[i], precision)),
        Shape::Round => [round(lattice, offset, delta, precision), one, one],
        Shape::Gauss => [gauss(lattice, offset, delta, precision), one, one],
        Shape::Tophat => [tophat(lattice, offset, delta, precision), one, one],
    }
}

fn volume(lattice: &Lattice) -> f64 {
    lattice.cells.iter().product()
}

/// sin(πNh)/sin(πh): the larger of the two changes at h ± δ, what a second derivative of at most π²N(N² − 1)/3 can add
/// between them, and the rounding of the argument πNh, which counts where sin(πh) is small.
fn axis(h: f64, n: f64, delta: f64, precision: &Precision) -> Uncertain {
    if n <= 1.0 {
        return Uncertain { value: 1.0, error: 0.0 };
    }
    let value = grating(PI * h, n);
    let moved = |h: f64| (grating(PI * h, n) - value).abs();
    // A step too small for the argument says nothing: the slope is then that of a longer one.
    let step = delta.max(4.0 * f64::EPSILON * h.abs()).max(f64::MIN_POSITIVE);
    let slope = moved(h + step).max(moved(h - step)).min(n * n * PI * step);
    let bend = PI * PI * n * (n * n - 1.0) / 3.0 * step * step;
    let sine = (PI * h).sin().abs();
    let argument = if sine == 0.0 { 0.0 } else { f64::EPSILON * n * PI * h.abs() / sine };
    // No sum of N unit vectors is longer than N; what is rounded may be.
    let error = (slope + bend).min(2.0 * n) + argument + precision.arithmetic * value.abs();
    let square = polynomial(h, n, precision);
    // From an error of the square: √(v² + e) − |v|.
    let of_square = square / (value.abs() + (value * value + square).sqrt()).max(f64::MIN_POSITIVE);
    Uncertain { value, error: error + of_square }
}

/// Up to this many cells the kernels take polynomials of cos 2πh, N = 2ᵏ·M cells by k doublings.
const CELLS_OF_POLYNOMIALS: f64 = 64.0;

/// What errors of cos 2πh, cos 4πh … do to the square of a grating: that of M = N/2ᵏ cells at 2ᵏh is multiplied by
/// that of 2ᵏ cells at h.
fn polynomial(h: f64, n: f64, precision: &Precision) -> f64 {
    if n > CELLS_OF_POLYNOMIALS || precision.cosine == 0.0 {
        return 0.0;
    }
    let (mut sum, mut doubled, mut cells, mut turns) = (0.0, 1.0, n, h - h.round());
    loop {
        let cosine = (2.0 * PI * turns).cos();
        let square = |cosine: f64| grating(cosine.clamp(-1.0, 1.0).acos() / 2.0, cells).powi(2);
        let moved = |by: f64| (square(cosine + by) - square(cosine)).abs();
        sum += doubled * (moved(precision.cosine).max(moved(-precision.cosine)) + precision.cosine * cells);
        if cells % 2.0 != 0.0 || cells <= 1.0 {
            return sum;
        }
        doubled *= 2.0 + 2.0 * cosine;
        cells /= 2.0;
        turns = 2.0 * turns - (2.0 * turns).round();
    }
}

/// u = π·√(fudge·Σ(ΔhN)²) moves by at most √ of the same with δ; the slope of 3(sin u/u − cos u)/u² changes by at most
/// 1/5. The difference in the numerator is rounded to ε, and divided by u².
fn round(lattice: &Lattice, offset: [f64; 3], delta: [f64; 3], precision: &Precision) -> Uncertain {
    let length = |v: [f64; 3]| {
        let square: f64 = v.iter().zip(lattice.cells).map(|(x, n)| x * n * x * n).sum();
        PI * (square * lattice.fudge).sqrt()
    };
    let scale = volume(lattice) * ROUND_SCALE;
    let u = length(offset);
    let step = length(delta) + 4.0 * f64::EPSILON * u;
    let value = sphere(u);
    let moved = |u: f64| (sphere(u) - value).abs();
    let rounding = |u: f64| (8.0 * f64::EPSILON / (u * u)).min(4.0);
    // Near the centre the function itself is 1 − u²/10, and its value is what rounding makes of it.
    let smooth =
        if u < 1e-3 { (u + step) * step / 5.0 } else { moved(u + step).max(moved((u - step).abs())) };
    let error = smooth + step * step / 5.0 + rounding(u) + precision.arithmetic * value.abs();
    Uncertain { value: scale * value, error: scale * error }
}

/// Length of Δh·a* + Δk·b* + Δl·c* in units of 1/V, and how far it may move.
fn distance(lattice: &Lattice, offset: [f64; 3], delta: [f64; 3], precision: &Precision) -> (f64, f64) {
    let [a, b, c] = lattice.reciprocal;
    let vector = a * offset[0] + b * offset[1] + c * offset[2];
    let lengths = lattice.reciprocal.map(|v| v.norm());
    let error: f64 = (0..3).map(|i| lengths[i] * (delta[i] + precision.arithmetic * offset[i].abs())).sum();
    (vector.norm() * volume(lattice), error * volume(lattice))
}

/// The exponential falls with the distance: its largest change is that towards the lattice point.
fn gauss(lattice: &Lattice, offset: [f64; 3], delta: [f64; 3], precision: &Precision) -> Uncertain {
    let (d, error) = distance(lattice, offset, delta, precision);
    let exponent = |d: f64| d * d * lattice.fudge / GAUSS_WIDTH;
    let value = (-exponent(d)).exp();
    let change = (-exponent((d - error).max(0.0))).exp() - (-exponent(d + error)).exp();
    let rounding = precision.arithmetic * (1.0 + exponent(d)) * value;
    let v = volume(lattice);
    Uncertain { value: v * value, error: v * (change + rounding) }
}

/// Inside or outside, unless the edge is within reach: then both.
fn tophat(lattice: &Lattice, offset: [f64; 3], delta: [f64; 3], precision: &Precision) -> Uncertain {
    let (d, error) = distance(lattice, offset, delta, precision);
    let edge = (TOPHAT_EDGE / lattice.fudge).sqrt();
    let v = volume(lattice);
    let near = (d - edge).abs() <= error + precision.arithmetic * edge;
    Uncertain { value: if d < edge { v } else { 0.0 }, error: if near { v } else { 0.0 } }
}
