//! Gates: a metric, a limit, a direction, a reason. A gate passes only on proof: an absent or NaN value blocks.

mod change;
mod defaults;
mod loosened;

pub use change::{Change, changed, parse, with_words};
pub use defaults::{contract, defaults};
pub use loosened::{Loosened, loosened, pass_text};

use crate::metrics::{self, Comparison};
use serde::{Deserialize, Serialize};

/// The contract's correlation.
pub const CORRELATION: &str = "correlation";
/// |sum ratio − 1|.
pub const SUM_RATIO_ERROR: &str = "|sum_ratio - 1|";

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
    /// Where a person changed it (`audit.toml`, `--gate`, a suite); absent for the limits that ship.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed_by: Option<String>,
    /// The limit that ships, where a person changed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shipped_limit: Option<f64>,
    /// Taken out by a person: shown, never judged.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub off: bool,
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
    /// How many times as large the miss could be before the gate blocks (the miss of a correlation is its distance
    /// to 1); below 1 when it blocks; absent when there is no miss, or nothing is defined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub margin: Option<f64>,
    /// The limit at which it would have passed, two digits; absent when it passes or is undefined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub would_pass_at: Option<f64>,
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

/// Puts a comparison through the gates.
///
/// Non-finite values are `NotComparable`. An undefined metric (a constant image, a zero sum) passes only when the
/// images are equal, value by value.
#[must_use]
pub fn judge(gates: &[Gate], comparison: &Comparison) -> (Verdict, Vec<Outcome>) {
    if comparison.reference_non_finite + comparison.candidate_non_finite > 0 {
        return (Verdict::NotComparable, Vec::new());
    }
    let outcomes: Vec<Outcome> = gates.iter().map(|gate| outcome(gate, comparison)).collect();
    let passed = gates.iter().any(|g| !g.off) && outcomes.iter().all(|o| o.passed);
    (if passed { Verdict::Pass } else { Verdict::Blocked }, outcomes)
}

fn outcome(gate: &Gate, comparison: &Comparison) -> Outcome {
    let metric = metrics::metric(&gate.metric);
    let actual = metric.and_then(|m| m.of(comparison));
    let mut out = Outcome {
        gate: gate.clone(),
        actual,
        passed: false,
        deficit: None,
        margin: None,
        would_pass_at: None,
        note: None,
    };
    match actual {
        _ if gate.off => {
            out.passed = true;
            out.note = Some("not judged: taken out".into());
        }
        Some(value) => {
            // written so that NaN is on no passing side
            out.passed = match gate.direction {
                Direction::AtLeast => value >= gate.limit,
                Direction::AtMost => value <= gate.limit,
            };
            out.margin = margin(gate, value, comparison);
            if !out.passed && nearly_flat(&gate.metric, comparison) {
                (out.passed, out.margin, out.note) = (true, None, Some(FLAT.into()));
            }
            if !out.passed {
                out.deficit = Some((value - gate.limit).abs());
                out.would_pass_at = would_pass_at(gate.direction, value);
            }
        }
        None if metric.is_none() => out.note = Some("no such metric".into()),
        None if comparison.differing == 0 && comparison.pixels > 0 => {
            out.passed = true;
            out.note = Some("undefined for this image; passes because all values are equal".into());
        }
        None => match not_applicable(&gate.metric, comparison) {
            Some(why) => {
                out.passed = true;
                out.note = Some(why.into());
            }
            None => out.note = Some("undefined for this image, and the images differ".into()),
        },
    }
    out
}

/// A limit as it is written.
#[must_use]
pub fn limit_text(value: f64) -> String {
    if (0.01..1e5).contains(&value.abs()) || value == 0.0 { format!("{value}") } else { format!("{value:e}") }
}

/// Why a metric has nothing to judge, in both images: not a miss and not a proof. The gates on every pixel still hold.
fn not_applicable(metric: &str, comparison: &Comparison) -> Option<&'static str> {
    let x = comparison.extended.as_ref()?;
    let none = x.peaks.reference == 0 && (x.peaks.candidate == 0 || metric != "peak_precision");
    if nearly_flat(metric, comparison) {
        return Some(FLAT);
    }
    if metric.starts_with("peak_") && none && !(metric == "peak_recall" && x.peaks.candidate > 0) {
        return Some("not judged: no peak stands out here");
    }
    if metric == "radial_slope" && x.radial.slope.is_none() {
        return Some("not judged: fewer than three rings with signal");
    }
    None
}

const FLAT: &str = "not judged: without the brightest pixels the reference is constant within 0.3 %";

/// Whether a correlation would compare rounding with rounding: ±1e-5 on every pixel must not block a few peaks on a flat
/// ground. What is wrong on such a ground by more is seen by the gates on every pixel and tile.
fn nearly_flat(metric: &str, comparison: &Comparison) -> bool {
    const SPREAD: f64 = 3e-3;
    let spread = || comparison.extended.as_ref()?.dim_spread;
    metric == "dim_miss" && spread().is_some_and(|s| s < SPREAD)
}

fn margin(gate: &Gate, value: f64, comparison: &Comparison) -> Option<f64> {
    let (allowed, miss) = match (gate.metric.as_str(), gate.direction) {
        (CORRELATION, _) => (1.0 - gate.limit, comparison.one_minus_correlation?),
        (_, Direction::AtLeast) => (1.0 - gate.limit, 1.0 - value),
        (_, Direction::AtMost) => (gate.limit, value),
    };
    (miss > 0.0 && allowed >= 0.0).then_some(allowed / miss).filter(|m| m.is_finite())
}

/// The value with two digits, rounded to the side that passes.
fn would_pass_at(direction: Direction, value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    // a correlation of 0.99887 is told by its distance to 1
    let (base, miss, sign) = match direction {
        Direction::AtLeast => (1.0, 1.0 - value, -1.0),
        Direction::AtMost => (0.0, value, 1.0),
    };
    if miss <= 0.0 {
        return Some(value);
    }
    let digit = miss.log10().floor() as i32 - 1;
    let value = base + sign * (miss / 10_f64.powi(digit)).ceil() * 10_f64.powi(digit);
    // as written with those digits: 2.1e-3 and not 2.1000000000000003e-3
    let places = usize::try_from(-digit).unwrap_or(0);
    format!("{value:.places$}").parse().ok()
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
    fn rounding_on_a_flat_ground_is_no_miss() {
        use crate::formats::{Array2, Shape};
        let image = |change: &dyn Fn(usize, f32) -> f32| {
            let value = |i| match i {
                700 => 1000.0,
                2100 => 500.0,
                3300 => 300.0,
                _ => 10.0,
            };
            let values = (0..4096).map(|i| change(i, value(i))).collect();
            Array2::owning_f32(values, Shape::new(64, 64)).unwrap()
        };
        let right = image(&|_, v| v);
        let judged = |other: &Array2| judge(&defaults(), &metrics::measure(&right, other, None).unwrap().0);
        let rounded = image(&|i, v| v * (1.0 + 1e-5 * ((i * 7 % 13) as f32 / 6.0 - 1.0)));
        let (verdict, outcomes) = judged(&rounded);
        assert_eq!(verdict, Verdict::Pass, "{outcomes:?}");
        let dim = outcomes.iter().find(|o| o.gate.metric == "dim_miss").unwrap();
        assert!(dim.note.as_ref().is_some_and(|n| n.starts_with("not judged")), "{dim:?}");
        let one_off = image(&|i, v| if i == 100 { v * 1.01 } else { v });
        assert_eq!(judged(&one_off).0, Verdict::Blocked);
        let higher = image(&|_, v| if v < 100.0 { v * 1.0003 } else { v });
        assert_eq!(judged(&higher).0, Verdict::Blocked);
    }

    #[test]
    fn deficits_are_distances_to_the_limit() {
        let a = [1.0, 2.0, 3.0];
        let b = [1.01, 2.02, 3.03];
        let (_, outcomes) = judge(&contract(), &compare(&a, &b).unwrap());
        assert!(outcomes[0].passed && outcomes[0].deficit.is_none());
        assert!((outcomes[1].deficit.unwrap() - (0.01 - 5e-3)).abs() < 1e-7);
    }

    #[test]
    fn what_would_have_passed_passes_and_is_short() {
        let at = |d, v| would_pass_at(d, v).unwrap();
        assert_eq!(at(Direction::AtMost, 2.001e-3), 2.1e-3);
        assert_eq!(at(Direction::AtMost, 1234.5), 1300.0);
        assert_eq!(at(Direction::AtMost, 3.05e-12), 3.1e-12);
        assert_eq!(at(Direction::AtLeast, 0.998_87), 0.9988);
        assert_eq!(would_pass_at(Direction::AtMost, f64::NAN), None);
        for v in [1.7e-9, 0.123_456, 9.99e-5, 2.0e-3, 77.7] {
            assert!(at(Direction::AtMost, v) >= v * (1.0 - 1e-12) && at(Direction::AtMost, v) <= 1.11 * v);
        }
    }
}
