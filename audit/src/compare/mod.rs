//! Phase D: whether a change made a program faster, with intervals. Pure numbers and their page; `phases/compare.rs` reads and
//! runs.
//!
//! Every statement is about the ratio after/before of one time, estimated on logarithms, because times are positive and noise
//! multiplies:
//! - *captures*: the samples of two captures, each candidate's sample divided by the reference's of the same round, which takes
//!   the machine's drift between the captures out. The mean difference of the logarithms has Welch's t interval
//!   (B. L. Welch, Biometrika 34 (1947) 28), 95 %. The captures were not interleaved, and the page says so.
//! - *again*: both programs run now, taking turns (before, after, after, before …); the mean of the logarithms of the ratios of
//!   each round has Student's t interval, 95 %.
//!
//! `faster` or `slower` is said only when the interval lies on one side of 1; else *no difference shown*, which is not the same
//! as no difference.

mod page;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The form of `before_after.json`.
pub const SCHEMA: &str = "bragg-audit/before-after/1";
/// A slow-down above this is flagged, percent.
pub const SLOW_DOWN_PCT: f64 = 5.0;

/// What was shown about a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The interval lies below 1.
    Faster,
    /// The interval lies above 1.
    Slower,
    /// The interval holds 1, or there is none.
    NoDifference,
}

impl Shown {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifference => "no difference shown",
        }
    }
}

/// A ratio after/before with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// after / before: below 1 is faster.
    pub ratio: f64,
    /// 95 %; absent with fewer than two samples on a side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Samples before and after.
    pub samples: (usize, usize),
    /// How it was reckoned.
    pub method: String,
}

/// One time of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Detector edge.
    pub size: u32,
    /// `rust_time_warm` and so on, as in `benchmark_results.json`.
    pub name: String,
    /// Median before and after, seconds.
    pub medians: (f64, f64),
    /// From the captures' samples; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captures: Option<Ratio>,
    /// From runs made now; absent when none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Ratio>,
    /// What was shown, by `again` where it is there.
    pub shown: Shown,
    /// Shown to be slower by more than the limit.
    pub slow_down: bool,
}

/// Instructions of one run, by valgrind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// What was run.
    pub case: String,
    /// Before and after.
    pub counts: (u64, u64),
}

/// A loop's own thread time a render, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopChange {
    /// As in the inventories.
    pub loop_id: String,
    /// Self time a render, milliseconds; absent where it has no row.
    pub before_ms: Option<f64>,
    /// The same after, at the machine's speed of before, as far as the reference's times tell it.
    pub after_ms: Option<f64>,
    /// 95 % intervals of both.
    pub intervals: [Option<(f64, f64)>; 2],
    /// Whether the intervals are apart.
    pub shown: Shown,
    /// `edited`, `new`, `gone`, `moved from ID` or empty.
    pub text: String,
}

/// `before_after.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// [`SCHEMA`].
    pub schema: String,
    /// False when what differs was overridden.
    pub reliable: bool,
    /// The headline.
    pub shown: Shown,
    /// The headline in words.
    pub headline: String,
    /// Both captures pass all gates of this list.
    pub gates: Vec<String>,
    /// What differs between the captures besides the candidate.
    pub differences: Vec<String>,
    /// How the candidates differ: programs, sources, commits.
    pub candidates: Vec<String>,
    /// The times.
    pub timings: Vec<Timing>,
    /// Why nothing was run again, or how it was.
    pub again: String,
    /// Instructions, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Instructions>,
    /// Why there are none, where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_instructions: Option<String>,
    /// Per loop; empty without hot loops of both captures.
    pub loops: Vec<LoopChange>,
    /// Where the loops come from, or why there are none.
    pub loops_from: String,
    /// Times that are slower by more than the limit.
    pub slow_downs: Vec<String>,
}

fn logs(samples: &[f64]) -> Option<Vec<f64>> {
    let good = samples.iter().all(|s| *s > 0.0 && s.is_finite());
    (good && !samples.is_empty()).then(|| samples.iter().map(|s| s.ln()).collect())
}

/// Mean and variance of the mean.
fn mean(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread =
        (values.len() > 1).then(|| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n);
    (mean, spread)
}

fn t(freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom).ok().map(|d| d.inverse_cdf(0.975)).filter(|t| t.is_finite())
}

/// The ratio after/before of samples that were not taken together: Welch's interval on logarithms.
#[must_use]
pub fn apart(before: &[f64], after: &[f64], method: &str) -> Option<Ratio> {
    let (b, a) = (logs(before)?, logs(after)?);
    let ((mb, vb), (ma, va)) = (mean(&b), mean(&a));
    let difference = ma - mb;
    let interval = vb.zip(va).and_then(|(vb, va)| {
        let both = vb + va;
        let (nb, na) = (b.len() as f64, a.len() as f64);
        // no spread at all: the interval is the point
        let freedom =
            if both > 0.0 { both.powi(2) / (vb.powi(2) / (nb - 1.0) + va.powi(2) / (na - 1.0)) } else { 1.0 };
        let half = t(freedom)? * both.sqrt();
        Some(((difference - half).exp(), (difference + half).exp()))
    });
    Some(Ratio { ratio: difference.exp(), interval, samples: (b.len(), a.len()), method: method.into() })
}

/// The ratio after/before of samples taken in turns: Student's interval on the logarithms of each round's ratio.
#[must_use]
pub fn paired(before: &[f64], after: &[f64], method: &str) -> Option<Ratio> {
    let n = before.len().min(after.len());
    let (b, a) = (logs(before.get(..n)?)?, logs(after.get(..n)?)?);
    let ratios: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let (middle, variance) = mean(&ratios);
    let interval = variance.and_then(|v| {
        let half = t(n as f64 - 1.0)? * v.sqrt();
        Some(((middle - half).exp(), (middle + half).exp()))
    });
    Some(Ratio { ratio: middle.exp(), interval, samples: (n, n), method: method.into() })
}

impl Ratio {
    /// What it shows.
    #[must_use]
    pub fn shown(&self) -> Shown {
        match self.interval {
            Some((_, high)) if high < 1.0 => Shown::Faster,
            Some((low, _)) if low > 1.0 => Shown::Slower,
            _ => Shown::NoDifference,
        }
    }

    /// Slower, and by more than the limit.
    #[must_use]
    pub fn slow_down(&self) -> bool {
        self.shown() == Shown::Slower && self.ratio > 1.0 + SLOW_DOWN_PCT / 100.0
    }
}

impl Timing {
    /// From what the captures and, where there are any, runs made now say.
    #[must_use]
    pub fn of(
        size: u32,
        name: &str,
        medians: (f64, f64),
        captures: Option<Ratio>,
        again: Option<Ratio>,
    ) -> Self {
        let best = again.as_ref().or(captures.as_ref());
        let shown = best.map_or(Shown::NoDifference, Ratio::shown);
        let slow_down = best.is_some_and(Ratio::slow_down);
        Self { size, name: name.into(), medians, captures, again, shown, slow_down }
    }

    /// The ratio that counts.
    #[must_use]
    pub fn best(&self) -> Option<&Ratio> {
        self.again.as_ref().or(self.captures.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against scipy 1.17: `ttest_ind(log(after), log(before), equal_var=False).confidence_interval(0.95)` and
    /// `ttest_1samp(log(after / before), 0).confidence_interval(0.95)`, exponentiated.
    #[test]
    fn intervals_of_scipy() {
        let before = [1.00, 1.10, 0.95, 1.05, 1.02];
        let after = [0.80, 0.85, 0.78, 0.90, 0.79, 0.83];
        let welch = apart(&before, &after, "").unwrap();
        let (low, high) = welch.interval.unwrap();
        assert!((welch.ratio - SCIPY_WELCH.0).abs() < 1e-6, "{welch:?}");
        assert!((low - SCIPY_WELCH.1).abs() < 1e-6 && (high - SCIPY_WELCH.2).abs() < 1e-6, "{welch:?}");
        assert_eq!(welch.shown(), Shown::Faster);
        let pairs = paired(&before, &after, "").unwrap();
        let (low, high) = pairs.interval.unwrap();
        assert!((pairs.ratio - SCIPY_PAIRED.0).abs() < 1e-6, "{pairs:?}");
        assert!((low - SCIPY_PAIRED.1).abs() < 1e-6 && (high - SCIPY_PAIRED.2).abs() < 1e-6, "{pairs:?}");
    }

    const SCIPY_WELCH: (f64, f64, f64) = (0.80564562, 0.74752296, 0.86828753);
    const SCIPY_PAIRED: (f64, f64, f64) = (0.80447670, 0.76228194, 0.84900708);

    #[test]
    fn what_cannot_be_said_is_not_said() {
        assert_eq!(apart(&[1.0], &[2.0], "").unwrap().interval, None);
        assert_eq!(apart(&[1.0], &[2.0], "").unwrap().shown(), Shown::NoDifference);
        assert_eq!(apart(&[1.0, f64::NAN], &[2.0, 2.0], ""), None);
        assert_eq!(apart(&[], &[2.0, 2.0], ""), None);
        assert_eq!(paired(&[0.0, 1.0], &[2.0, 2.0], ""), None);
        let slower = apart(&[1.0, 1.01, 0.99], &[1.10, 1.11, 1.09], "").unwrap();
        assert!(slower.slow_down());
        let little = apart(&[1.0, 1.001, 0.999], &[1.02, 1.021, 1.019], "").unwrap();
        assert!(little.shown() == Shown::Slower && !little.slow_down());
    }
}
