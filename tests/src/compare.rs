//! Measures of agreement between two images, in f64 and two passes, as the golden script computes them.

use crate::image::Image;

/// How far an image is from its reference. All three are 0 for equal images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// 1 − Pearson correlation; 0 when both are constant, 1 when only one of them is.
    pub miss: f64,
    /// |Σ candidate / Σ reference − 1|.
    pub sum_ratio_off: f64,
    /// Largest |b − a| / |a| over the pixels whose reference is above [`FLOOR`] of the maximum.
    pub worst: f64,
}

/// Pixels below this share of the reference's maximum have no relative error: between the peaks the lattice transform
/// passes through zeros, where a last-digit difference of an angle is a large relative one.
pub const FLOOR: f64 = 1e-6;

/// Limits that two implementations of the same formulas in f64 keep: the images are f32, so that single pixels round to
/// within 6e-8; the correlation and the sum are far below that, and the worst pixel may lie on the steep flank of a peak.
pub const LIMITS: Agreement = Agreement { miss: 1e-9, sum_ratio_off: 1e-7, worst: 1e-5 };

impl Agreement {
    /// True when every measure is within the limits; written so that NaN is not.
    #[must_use]
    pub fn within(&self, limits: &Self) -> bool {
        self.miss <= limits.miss && self.sum_ratio_off <= limits.sum_ratio_off && self.worst <= limits.worst
    }
}

/// Compares `got` with `want`.
///
/// # Errors
/// A sentence, when the sizes differ or `got` holds a value that is not finite.
pub fn compare(want: &Image, got: &Image) -> Result<Agreement, String> {
    if (want.width, want.height) != (got.width, got.height) {
        return Err(format!("{}×{} pixels instead of {}×{}", got.width, got.height, want.width, want.height));
    }
    if let Some(at) = got.pixels.iter().position(|p| !p.is_finite()) {
        return Err(format!("pixel {at} is {}", got.pixels[at]));
    }
    let n = want.pixels.len() as f64;
    let (mean_a, mean_b) = (want.sum() / n, got.sum() / n);
    let pairs = || want.pixels.iter().zip(&got.pixels).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let saa = sum(pairs().map(|(a, _)| (a - mean_a).powi(2)));
    let sbb = sum(pairs().map(|(_, b)| (b - mean_b).powi(2)));
    let sab = sum(pairs().map(|(a, b)| (a - mean_a) * (b - mean_b)));
    let miss = match (saa == 0.0, sbb == 0.0) {
        (true, true) => 0.0,
        (false, false) => 1.0 - sab / (saa * sbb).sqrt(),
        _ => 1.0,
    };
    let top = pairs().fold(0.0, |top: f64, (a, _)| top.max(a.abs()));
    let worst = pairs()
        .filter(|(a, _)| a.abs() > FLOOR * top)
        .fold(0.0, |worst: f64, (a, b)| worst.max((b - a).abs() / a.abs()));
    let sum_ratio_off = if mean_a == 0.0 { f64::from(mean_b != 0.0) } else { (mean_b / mean_a - 1.0).abs() };
    Ok(Agreement { miss, sum_ratio_off, worst })
}

/// Sum with Neumaier's compensation, so that the order and the number of terms do not show.
pub fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + lost
}
