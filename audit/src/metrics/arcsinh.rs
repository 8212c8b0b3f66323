//! arcsinh for many values at a time: the same polynomial for every value, without branches.

/// arcsinh(x) = sign(x) · ln(|x| + √(x² + 1)); absolute error below 2e-16 · max(1, |result|), |x| up to 1e150.
#[inline(always)]
pub(super) fn arcsinh(x: f64) -> f64 {
    let magnitude = x.abs();
    ln(magnitude + (magnitude * magnitude + 1.0).sqrt()).copysign(x)
}

/// Larger differences than this are not left to [`arcsinh_pair`]'s series.
pub(super) const SMALL: f64 = 1.0 / 256.0;

/// arcsinh(x), and how far arcsinh(y) is from it.
pub(super) struct Pair {
    pub(super) value: f64,
    pub(super) step: f64,
}

/// arcsinh(x) and arcsinh(y) − arcsinh(x), the latter from its Taylor series about x: no second logarithm, and no digits
/// lost by subtracting nearly equal numbers. With t = (y − x)/√(x² + 1) and h = x/√(x² + 1) it is
/// t − t² h/2 + t³ (3h² − 1)/6 + t⁴ h (9 − 15h²)/24 + O(t⁵); relative error below 1e-9 where the result is at most
/// [`SMALL`], and larger than that where the true difference is.
#[inline(always)]
pub(super) fn arcsinh_pair(x: f64, y: f64) -> Pair {
    let magnitude = x.abs();
    let square = x * x + 1.0;
    let root = square.sqrt();
    let inverse = 1.0 / root;
    let (t, h) = ((y - x) * inverse, x * inverse);
    let hh = h * h;
    let cubic = (3.0 * hh - 1.0) * (1.0 / 6.0);
    let quartic = h * (9.0 - 15.0 * hh) * (1.0 / 24.0);
    let series = t * (1.0 + t * (-0.5 * h + t * (cubic + t * quartic)));
    // the series bends back where it does not hold
    let step = if t.abs() > 2.0 * SMALL { t } else { series };
    Pair { value: ln(magnitude + root).copysign(x), step }
}

/// The natural logarithm of finite `y` ≥ 1: mantissa in [√½, √2), then the series of fdlibm's `log` (Sun
/// Microsystems, 1993: error below 1 unit in the last place).
#[inline(always)]
fn ln(y: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let bits = y.to_bits();
    let exponent = (bits - SQRT_HALF) >> 52;
    let f = f64::from_bits(bits - (exponent << 52)) - 1.0;
    // a small whole number as the low bits of 2^52: there is no vector instruction that converts it
    let k = f64::from_bits(exponent | 0x4330_0000_0000_0000) - 4_503_599_627_370_496.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even =
        w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1
                + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + even + odd) + k * LN2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_keep_their_digits() {
        for i in -400..400 {
            let x = f64::from(i % 7 + 1) * (f64::from(i) * 0.1).exp2();
            for (x, step) in [(x, 1e-6), (-x, 1e-3), (x, -3e-3), (-x, -1e-9)] {
                let y = x + step * x.hypot(1.0);
                // arcsinh(y) − arcsinh(x) = arcsinh(y √(x²+1) − x √(y²+1)), and that difference is (y² − x²)/(sum)
                let (p, q) = (y * x.hypot(1.0), x * y.hypot(1.0));
                let want = arcsinh_of_small((y - x) * (y + x) / (p + q));
                let found = arcsinh_pair(x, y);
                assert_eq!(found.value, arcsinh(x));
                if x.abs() < 1e5 && x.abs() > 1e-5 {
                    assert!((found.step / want - 1.0).abs() < 1e-9, "{x:e} {step:e}: {} {want}", found.step);
                }
            }
            for step in [0.02, -0.02, 1.0, -5.0] {
                let found = arcsinh_pair(x, x + step * x.hypot(1.0));
                assert!(found.step.abs() > SMALL, "{x:e} {step:e}: {}", found.step);
            }
        }
        let same = arcsinh_pair(3.0, 3.0);
        assert_eq!(same.step, 0.0);
    }

    /// arcsinh as its own series: x − x³/6 + 3x⁵/40.
    fn arcsinh_of_small(x: f64) -> f64 {
        x * (1.0 - x * x / 6.0 * (1.0 - x * x * 9.0 / 20.0))
    }

    #[test]
    fn agrees_with_the_library() {
        // sign · ln(|x| + √(x²+1)) as the C library computes it
        let library = |x: f64| x.abs().hypot(1.0).ln_1p_of(x);
        trait Helper {
            fn ln_1p_of(self, x: f64) -> f64;
        }
        impl Helper for f64 {
            fn ln_1p_of(self, x: f64) -> f64 {
                // ln(1 + |x| + x²/(√(x²+1) + 1))
                (x.abs() + x * x / (self + 1.0)).ln_1p().copysign(x)
            }
        }
        for i in -3000..3000 {
            let x = f64::from(i % 7 + 1) * (f64::from(i) * 0.1).exp2();
            for x in [x, -x] {
                let want = library(x);
                if x.abs() < 1e150 {
                    assert!((arcsinh(x) - want).abs() <= 4e-16 * want.abs().max(1.0), "{x:e}: {want}");
                }
            }
        }
        assert_eq!(arcsinh(0.0), 0.0);
        assert!((arcsinh(1.0) - 0.881_373_587_019_543).abs() < 1e-15); // ln(1 + √2)
    }
}
