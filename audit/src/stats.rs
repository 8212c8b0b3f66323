//! Small statistics of repeated timings.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Repeated measurements of one quantity.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Series {
    /// The measurements, in the order they were made.
    pub samples: Vec<f64>,
    /// Their median.
    pub median: f64,
    /// 95 % interval of the mean (Student's t); absent for fewer than two measurements.
    pub ci95_mean: Option<[f64; 2]>,
}

/// Sums measurements up; `None` when there are none.
#[must_use]
pub fn series(samples: &[f64]) -> Option<Series> {
    let median = median(samples)?;
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let ci95_mean = (samples.len() > 1).then(|| {
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = StudentsT::new(0.0, 1.0, n - 1.0).map_or(f64::INFINITY, |d| d.inverse_cdf(0.975));
        let half = t * (variance / n).sqrt();
        [mean - half, mean + half]
    });
    Some(Series { samples: samples.to_vec(), median, ci95_mean })
}

/// The middle value; the mean of the two middle ones for an even count.
#[must_use]
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(sorted[n / 2]),
        _ => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_the_textbook_t_interval() {
        assert_eq!(series(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(series(&[1.0]).unwrap().ci95_mean, None);
        // t(0.975; 4) = 2.776445: mean 3, s = 1.581139, half width 1.963243
        let [low, high] = series(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap().ci95_mean.unwrap();
        assert!((low - 1.036_757).abs() < 1e-5 && (high - 4.963_243).abs() < 1e-5, "{low} {high}");
    }
}
