//! Gates: a metric, a limit, a direction, a reason. A gate passes only on proof: an absent or NaN value blocks.

use crate::metrics::Comparison;
use serde::{Deserialize, Serialize};

/// Which side of the limit passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The value must be at least the limit.
    AtLeast,
    /// The value must be at most the limit.
    AtMost,
}

/// A condition on one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The metric's name.
    pub metric: String,
    /// The limit.
    pub limit: f64,
    /// Which side passes.
    pub direction: Direction,
    /// Why the limit has this value.
    pub reason: String,
}

/// A gate with the value it met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The gate.
    #[serde(flatten)]
    pub gate: Gate,
    /// The measured value; absent when undefined.
    pub actual: Option<f64>,
    /// Whether the gate passes.
    pub passed: bool,
    /// How far the value is on the wrong side of the limit; absent when it passes or is undefined.
    pub deficit: Option<f64>,
    /// A remark, such as why an undefined value passes.
    pub note: Option<String>,
}

/// What a comparison is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every gate passed.
    Pass,
    /// At least one gate blocks.
    Blocked,
    /// There is nothing to compare: shape, non-finite values, missing or empty images, a non-deterministic engine.
    NotComparable,
}

impl Verdict {
    /// The verdict as people read it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Blocked => "BLOCKED",
            Self::NotComparable => "NOT COMPARABLE",
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotComparable, _) | (_, Self::NotComparable) => Self::NotComparable,
            (Self::Blocked, _) | (_, Self::Blocked) => Self::Blocked,
            _ => Self::Pass,
        }
    }
}

/// Metric names that gates know.
pub const CORRELATION: &str = "correlation";
/// |sum ratio − 1|.
pub const SUM_RATIO_ERROR: &str = "|sum_ratio - 1|";

/// The two gates of the contract.
#[must_use]
pub fn contract() -> Vec<Gate> {
    vec![
        Gate {
            metric: CORRELATION.into(),
            limit: 0.999,
            direction: Direction::AtLeast,
            reason: "the contract: below it the images differ by more than rounding can explain".into(),
        },
        Gate {
            metric: SUM_RATIO_ERROR.into(),
            limit: 5e-3,
            direction: Direction::AtMost,
            reason: "the contract: total photons within half a percent, which a correlation cannot see"
                .into(),
        },
    ]
}

/// Puts a comparison through the gates.
///
/// Non-finite values are `NotComparable`. An undefined metric (a constant image, a zero sum) passes only when the
/// images are equal bit by bit.
#[must_use]
pub fn judge(gates: &[Gate], comparison: &Comparison) -> (Verdict, Vec<Outcome>) {
    if comparison.reference_non_finite + comparison.candidate_non_finite > 0 {
        return (Verdict::NotComparable, Vec::new());
    }
    let outcomes: Vec<Outcome> = gates.iter().map(|gate| outcome(gate, comparison)).collect();
    let passed = !outcomes.is_empty() && outcomes.iter().all(|o| o.passed);
    (if passed { Verdict::Pass } else { Verdict::Blocked }, outcomes)
}

fn outcome(gate: &Gate, comparison: &Comparison) -> Outcome {
    let actual = match gate.metric.as_str() {
        CORRELATION => comparison.correlation,
        SUM_RATIO_ERROR => comparison.sum_ratio.map(|ratio| (ratio - 1.0).abs()),
        _ => None,
    };
    let (mut passed, mut deficit, mut note) = (false, None, None);
    match actual {
        Some(value) => {
            // written so that NaN is on no passing side
            passed = match gate.direction {
                Direction::AtLeast => value >= gate.limit,
                Direction::AtMost => value <= gate.limit,
            };
            if !passed {
                deficit = Some(match gate.direction {
                    Direction::AtLeast => gate.limit - value,
                    Direction::AtMost => value - gate.limit,
                });
            }
        }
        None if comparison.differing == 0 && comparison.pixels > 0 => {
            passed = true;
            note = Some("undefined for this image; passes because the images are equal bit by bit".into());
        }
        None => note = Some("undefined for this image, and the images differ".into()),
    }
    Outcome { gate: gate.clone(), actual, passed, deficit, note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::compare;

    fn verdict(a: &[f32], b: &[f32]) -> Verdict {
        judge(&contract(), &compare(a, b).unwrap()).0
    }

    #[test]
    fn the_contract() {
        let a: Vec<f32> = (0..1000).map(|i| i as f32 + 1.0).collect();
        let scaled = |s: f32| a.iter().map(|x| x * s).collect::<Vec<_>>();
        assert_eq!(verdict(&a, &a), Verdict::Pass);
        assert_eq!(verdict(&a, &scaled(1.004)), Verdict::Pass);
        assert_eq!(verdict(&a, &scaled(1.006)), Verdict::Blocked);
        assert_eq!(verdict(&a, &scaled(0.994)), Verdict::Blocked);
        let reversed: Vec<f32> = a.iter().rev().copied().collect();
        assert_eq!(verdict(&a, &reversed), Verdict::Blocked);
    }

    #[test]
    fn nothing_undefined_or_non_finite_passes_unless_equal() {
        assert_eq!(verdict(&[0.0; 9], &[0.0; 9]), Verdict::Pass);
        assert_eq!(verdict(&[0.0; 9], &[1.0; 9]), Verdict::Blocked);
        assert_eq!(verdict(&[1.0; 9], &[1.001; 9]), Verdict::Blocked);
        assert_eq!(verdict(&[1.0, f32::NAN], &[1.0, f32::NAN]), Verdict::NotComparable);
        assert_eq!(verdict(&[1.0, f32::INFINITY], &[1.0, 2.0]), Verdict::NotComparable);
    }

    #[test]
    fn nan_and_unknown_metrics_block_and_no_gates_is_no_pass() {
        let mut c = compare(&[1.0, 2.0], &[1.0, 2.5]).unwrap();
        c.correlation = Some(f64::NAN);
        assert_eq!(judge(&contract(), &c).0, Verdict::Blocked);
        let unknown = Gate { metric: "beauty".into(), ..contract()[0].clone() };
        assert_eq!(judge(&[unknown], &c).0, Verdict::Blocked);
        assert_eq!(judge(&[], &c).0, Verdict::Blocked);
    }

    #[test]
    fn deficits_are_distances_to_the_limit() {
        let a = [1.0, 2.0, 3.0];
        let b = [1.01, 2.02, 3.03];
        let (_, outcomes) = judge(&contract(), &compare(&a, &b).unwrap());
        assert!(outcomes[0].passed && outcomes[0].deficit.is_none());
        assert!((outcomes[1].deficit.unwrap() - (0.01 - 5e-3)).abs() < 1e-7);
    }
}
