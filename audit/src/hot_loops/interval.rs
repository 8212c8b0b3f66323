//! How sure a share is: Wilson's score interval at 95 %.
//!
//! E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Chosen over Clopper–Pearson because it covers 95 % on average, while
//! that covers at least 95 % and is wider than it says.

use statrs::distribution::{ContinuousCDF, Normal};

/// What the interval is called in outputs.
pub(crate) const NAME: &str = "Wilson score, 95 %";

/// Bounds of a share (0 to 1) that was observed in `n` samples; `None` without samples.
pub(crate) fn wilson(share: f64, n: f64) -> Option<(f64, f64)> {
    let z = Normal::standard().inverse_cdf(0.975);
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    (n > 0.0 && half.is_finite()).then(|| ((centre - half).max(0.0), (centre + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values() {
        // R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
        for (hits, n, low, high) in
            [(81.0, 263.0, 0.2553, 0.3662), (15.0, 148.0, 0.0624, 0.1605), (0.0, 20.0, 0.0, 0.1611)]
        {
            let (l, h) = wilson(hits / n, n).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{hits}/{n}: {l} {h}");
        }
    }

    #[test]
    fn no_samples_no_interval() {
        assert_eq!(wilson(0.5, 0.0), None);
        assert_eq!(wilson(f64::NAN, 10.0), None);
    }
}
