//! Functions of vectors.

use super::lanes::{Lanes, Real};

/// The whole number nearest to x; halves go down, as in [`crate::physics::structure_factor::nearest`].
#[inline(always)]
pub(crate) fn nearest<V: Lanes>(x: V) -> V {
    (x - V::of(0.5)).ceil()
}

/// `scale·t·Σ cᵢ·(ratio·t²)ⁱ` with the coefficients of the sine. The vectors of a group take each step together: one
/// after another, each would wait for itself.
#[inline(always)]
fn sine_series<V: Lanes, const G: usize>(t: [V; G], scale: f64, ratio: f64) -> [V; G] {
    let mut z = t;
    for g in 0..G {
        z[g] = t[g] * t[g];
    }
    let last = V::Real::SINE.len() - 1;
    let mut power = scale * ratio.powi(last as i32);
    let mut sum = [V::of(V::Real::SINE[0] * power); G];
    let mut i = 1;
    while i <= last {
        power /= ratio;
        let coefficient = V::of(V::Real::SINE[i] * power);
        for g in 0..G {
            sum[g] = sum[g].mul_add(z[g], coefficient);
        }
        i += 1;
    }
    for g in 0..G {
        sum[g] = sum[g] * t[g];
    }
    sum
}

/// `2·cos(2πr)` for |r| ≤ ½.
#[inline(always)]
pub(crate) fn two_cos_of_turn<V: Lanes, const G: usize>(mut r: [V; G]) -> [V; G] {
    for g in 0..G {
        r[g] = V::of(0.25) - r[g].abs();
    }
    sine_series(r, 2.0, 1.0)
}

/// `scale·Σ cᵢ·zⁱ`, highest power first; the vectors of a group take each step together, as in [`sine_series`].
#[inline(always)]
fn series<V: Lanes, const G: usize>(z: [V; G], coefficients: &[f64], scale: f64) -> [V; G] {
    let mut sum = [V::of(coefficients[0] * scale); G];
    let mut i = 1;
    while i < coefficients.len() {
        for g in 0..G {
            sum[g] = sum[g].mul_add(z[g], V::of(coefficients[i] * scale));
        }
        i += 1;
    }
    sum
}

/// 4·sin²(πr/2)/r² as a polynomial in r², highest power first, for |r| ≤ ½: of all of this degree the one with the least
/// relative error of 4·sin²(πr), 6e-8 (by linear programming over 4,000 places), which is a rounding of f32.
const HALF_THE_TURN: [f64; 4] = [-0.44995925, 2.66795206, -8.11732437, 9.86960382];

/// `4·sin²(πr)` for |r| ≤ ½, to the last digits of small values too, as good as f32 is: with q = 4·sin²(πr/2) it is
/// q·(4 − q), in which an error of q no longer matters at ½. At half the angle, four terms do.
#[inline(always)]
pub(crate) fn four_sine2_of_half_turn<V: Lanes, const G: usize>(r: [V; G]) -> [V; G] {
    let mut z = r;
    for g in 0..G {
        z[g] = r[g] * r[g];
    }
    let mut q = series(z, &HALF_THE_TURN, 1.0);
    for g in 0..G {
        q[g] = q[g] * z[g];
        q[g] = q[g] * (V::of(4.0) - q[g]);
    }
    q
}

/// sin²(πr/4)/r² as a polynomial in r², highest power first, for |r| ≤ ½: of all of this degree the one with the least
/// relative error of sin²(πr/2), 5.7e-16 (by exchange over 4,000 places with 50 digits).
const QUARTER_OF_THE_TURN: [f64; 6] = [
    -2.331739804597885e-07,
    1.2600360363725568e-05,
    -0.00045963005255301846,
    0.010431740376759218,
    -0.12683475395042013,
    0.6168502750680845,
];

/// What the square of the product of three [`five_cells`] is to be multiplied by.
pub(crate) fn scale_of_five_cells(narrow: bool) -> f64 {
    let scale: f64 = if narrow { 256.0 } else { 65536.0 };
    scale.powi(6)
}

/// `sin(5πr)/sin(πr)` for |r| ≤ ½, over a scale.
///
/// The square of the sine of half the angle gives that of the angle by s − s² = sin²(2θ)/4, which is one instruction and
/// keeps the digits of small values, and so of the lattice points, where the light is. One such step less far, the
/// polynomial would have to be longer by more than the step.
#[inline(always)]
pub(crate) fn five_cells<V: Lanes, const G: usize>(r: [V; G]) -> [V; G] {
    let mut z = r;
    for g in 0..G {
        z[g] = r[g] * r[g];
    }
    // sin²(πr/2) or sin²(πr/4), then a quarter of the sin² of twice that angle.
    let mut out =
        if V::Real::NARROW { series(z, &HALF_THE_TURN, 0.25) } else { series(z, &QUARTER_OF_THE_TURN, 1.0) };
    for g in 0..G {
        out[g] = out[g] * z[g];
        out[g] = out[g].neg_mul_add(out[g], out[g]);
    }
    for g in 0..G {
        out[g] = if V::Real::NARROW {
            // With E = 4·sin²(πr): (E − 5)E + 5, as in `lattice::five`.
            (out[g] - V::of(5.0 / 16.0)).mul_add(out[g], V::of(5.0 / 256.0))
        } else {
            // With x = 2cos(πr) = 2 − 4·sin²(πr/2): (x² − 3/2)² − 5/4.
            let x = out[g] - V::of(0.125);
            let square = x.mul_sub(x, V::of(1.5 / 256.0));
            square.mul_sub(square, V::of(1.25 / 65536.0))
        };
    }
    out
}

/// `sin(πr)` for |r| ≤ ½.
#[inline(always)]
pub(crate) fn sine_of_half_turn<V: Lanes>(r: V) -> V {
    let [sine] = sine_series([r], 0.5, 0.25);
    sine
}

/// `cos(πr)` for |r| ≤ ½.
#[inline(always)]
pub(crate) fn cosine_of_half_turn<V: Lanes>(r: V) -> V {
    let [cosine] = sine_series([r.abs().neg_mul_add(V::of(0.5), V::of(0.25))], 1.0, 1.0);
    cosine
}

/// e to the power of x: 0 where it would be less than the smallest normal number, infinite where it is too large, NaN
/// for NaN.
#[inline(always)]
pub(crate) fn exp<V: Lanes>(x: V) -> V {
    let (lowest, highest) = (V::of(V::Real::EXP_RANGE[0]), V::of(V::Real::EXP_RANGE[1]));
    let n = nearest(x * V::of(std::f64::consts::LOG2_E));
    // ln 2 in two parts: the first has so few digits that its product with n is exact.
    let r = n.neg_mul_add(V::of(V::Real::LN_2[0]), x);
    let r = n.neg_mul_add(V::of(V::Real::LN_2[1]), r);
    let mut sum = V::of(1.0);
    let mut i = V::Real::EXP_TERMS;
    while i > 0 {
        sum = sum.mul_add(r * V::of(1.0 / f64::from(i)), V::of(1.0));
        i -= 1;
    }
    let inside = V::le(lowest, x) & V::le(x, highest);
    let value = sum * V::power_of_two(V::select(inside, n, V::of(0.0)));
    let value = V::select(x.lt(lowest), V::of(0.0), value);
    V::select(highest.lt(x), V::of(f64::INFINITY), value)
}

/// `3(sin u/u − cos u)/u²` up to its sign, u = πt, for t ≥ 0: the transform of a sphere.
#[inline(always)]
pub(crate) fn sphere_of_half_turns<V: Lanes>(t: V) -> V {
    let u = t * V::of(std::f64::consts::PI);
    // Sine and cosine change their sign together from one half turn to the next.
    let r = t - nearest(t);
    let u2 = u * u;
    let away = V::of(3.0) * (sine_of_half_turn(r) / u - cosine_of_half_turn(r)) / u2;
    // 3·Σ (−1)ᵏ (2k + 2)/(2k + 3)!·u²ᵏ
    const SERIES: [f64; 7] = [
        1.0 / 31135104000.0,
        -1.0 / 172972800.0,
        1.0 / 1330560.0,
        -1.0 / 15120.0,
        1.0 / 280.0,
        -1.0 / 10.0,
        1.0,
    ];
    let mut near = V::of(SERIES[0]);
    let mut i = 1;
    while i < SERIES.len() {
        near = near.mul_add(u2, V::of(SERIES[i]));
        i += 1;
    }
    V::select(u.lt(V::of(V::Real::SPHERE_SERIES)), near, away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::lanes::plain::Plain;
    use crate::kernels::lanes::{Isa, Real};

    type F64 = <Plain as Isa>::F64;
    type F32 = <Plain as Isa>::F32;

    fn apply<V: Lanes>(f: impl Fn(V) -> V, x: f64) -> f64 {
        let mut out = vec![V::Real::default(); V::LANES];
        f(V::of(x)).store(&mut out);
        out[0].wide()
    }

    fn worst(range: [f64; 2], mine: impl Fn(f64) -> f64, exact: impl Fn(f64) -> f64) -> f64 {
        let at = |i: i32| range[0] + (range[1] - range[0]) * f64::from(i) / 10000.0;
        (0..=10000).map(at).map(|x| (mine(x) - exact(x)).abs()).fold(0.0, f64::max)
    }

    /// The largest error of a function in both types, and what is allowed.
    fn check(
        range: [f64; 2],
        limits: [f64; 2],
        wide: impl Fn(f64) -> f64,
        narrow: impl Fn(f64) -> f64,
        exact: impl Fn(f64) -> f64,
    ) {
        let errors = [worst(range, wide, &exact), worst(range, narrow, &exact)];
        assert!(errors[0] < limits[0] && errors[1] < limits[1], "{errors:?} of {limits:?}");
    }

    #[test]
    fn circular_functions_are_right_to_the_last_digits() {
        use std::f64::consts::{PI, TAU};
        let two_cos = |x: f64| 2.0 * (TAU * x).cos();
        check(
            [-0.5, 0.5],
            [1.2e-15, 4e-7],
            |x| apply::<F64>(|r| two_cos_of_turn([r])[0], x),
            |x| apply::<F32>(|r| two_cos_of_turn([r])[0], x),
            two_cos,
        );
        let sine = |x: f64| (PI * x).sin();
        check(
            [-0.5, 0.5],
            [6e-16, 2e-7],
            |x| apply::<F64>(sine_of_half_turn, x),
            |x| apply::<F32>(sine_of_half_turn, x),
            sine,
        );
        let cosine = |x: f64| (PI * x).cos();
        check(
            [-0.5, 0.5],
            [6e-16, 2e-7],
            |x| apply::<F64>(cosine_of_half_turn, x),
            |x| apply::<F32>(cosine_of_half_turn, x),
            cosine,
        );
    }

    #[test]
    fn the_square_of_a_sine_keeps_its_digits() {
        let exact = |x: f64| 4.0 * (std::f64::consts::PI * f64::from(x as f32)).sin().powi(2);
        let relative = |x: f64| apply::<F32>(|r| four_sine2_of_half_turn([r])[0], x) / exact(x) - 1.0;
        let errors = (1..=20000).map(|i| relative(f64::from(i) / 40000.0));
        let [worst, square, sum] =
            errors.fold([0.0_f64; 3], |[w, q, s], e| [w.max(e.abs()), q + e * e, s + e]);
        assert!(worst < 3.5e-7, "{worst:e}");
        assert!((square / 20000.0).sqrt() < 1e-7 && (sum / 20000.0).abs() < 5e-8, "{square:e} {sum:e}");
        assert!(relative(1e-18).abs() < 3.5e-7, "{:e}", relative(1e-18));
        assert_eq!(apply::<F32>(|r| four_sine2_of_half_turn([r])[0], 0.0), 0.0);
    }

    #[test]
    fn five_cells_scatter_as_five_waves() {
        // 1 + 2cos(2πr) + 2cos(4πr), of the number that the type makes of r.
        let exact = |r: f64| {
            1.0 + 2.0 * (std::f64::consts::TAU * r).cos() + 2.0 * (2.0 * std::f64::consts::TAU * r).cos()
        };
        let scale = |narrow| scale_of_five_cells(narrow).powf(1.0 / 6.0);
        let wide = |r: f64| scale(false) * apply::<F64>(|r| five_cells([r])[0], r);
        let narrow = |r: f64| scale(true) * apply::<F32>(|r| five_cells([r])[0], r);
        assert!(worst([-0.5, 0.5], wide, exact) < 1e-14);
        assert!(worst([-0.5, 0.5], narrow, |r| exact(f64::from(r as f32))) < 2.5e-6);
        assert!((narrow(0.0) - 5.0).abs() < 5e-7 && (wide(0.0) - 5.0).abs() < 5e-15);
    }

    #[test]
    fn exp_is_right_and_ends_well() {
        let wide = |x: f64| apply::<F64>(exp, x) / x.exp();
        let narrow = |x: f64| apply::<F32>(exp, x) / f64::from(x as f32).exp();
        check([-86.0, 86.0], [1e-15, 5e-7], wide, narrow, |_| 1.0);
        assert!(worst([-700.0, 700.0], wide, |_| 1.0) < 1e-15);
        assert_eq!([-1e4, -1e300, 1e4].map(|x| apply::<F64>(exp, x)), [0.0, 0.0, f64::INFINITY]);
        assert!(apply::<F64>(exp, f64::NAN).is_nan());
    }

    #[test]
    fn the_sphere_is_that_of_the_reference_up_to_its_sign() {
        let exact = |t: f64| crate::physics::lattice::sphere(std::f64::consts::PI * t).abs();
        assert!(worst([0.0, 30.0], |t| apply::<F64>(sphere_of_half_turns, t).abs(), exact) < 2e-14);
        assert!(worst([0.1, 30.0], |t| apply::<F32>(sphere_of_half_turns, t).abs(), exact) < 2e-6);
        assert_eq!(apply::<F64>(sphere_of_half_turns, 0.0), 1.0);
    }

    #[test]
    fn halves_go_down() {
        assert_eq!(
            [0.5, -0.5, 1.5, 1.4999, 2e9 + 0.5].map(|x| apply::<F64>(nearest, x)),
            [0.0, -1.0, 1.0, 1.0, 2e9]
        );
    }
}
