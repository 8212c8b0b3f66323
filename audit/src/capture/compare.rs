//! From two images to a verdict: the one place where images meet metrics and gates.

use crate::formats::Array2;
use crate::gates::{self, Direction, Gate, Outcome, Verdict};
use crate::metrics::{self, Comparison};

/// Σ candidate / Σ reference itself, for limits that are not symmetric.
pub const SUM_RATIO: &str = "sum_ratio";
/// The largest |candidate − reference|.
pub const MAX_ABS: &str = "max_abs_difference";

/// Compares two images and puts the comparison through the gates.
///
/// # Errors
/// A sentence, when the shapes differ or the images are empty.
pub fn compare(
    reference: &Array2,
    candidate: &Array2,
    gates: &[Gate],
) -> Result<(Comparison, Verdict, Vec<Outcome>), String> {
    if reference.shape() != candidate.shape() {
        return Err(format!(
            "shapes differ: the reference has {}, the candidate {}",
            reference.shape(),
            candidate.shape()
        ));
    }
    let comparison = metrics::compare(&f32s(reference), &f32s(candidate)).map_err(|e| e.to_string())?;
    let ours = |g: &&Gate| [SUM_RATIO, MAX_ABS].contains(&g.metric.as_str());
    let others: Vec<Gate> = gates.iter().filter(|g| !ours(g)).cloned().collect();
    let (mut verdict, mut outcomes) = gates::judge(&others, &comparison);
    if verdict == Verdict::NotComparable {
        return Ok((comparison, verdict, outcomes));
    }
    if others.is_empty() && !gates.is_empty() {
        verdict = Verdict::Pass;
    }
    for gate in gates.iter().filter(ours) {
        let actual = match gate.metric.as_str() {
            MAX_ABS => Some(largest_difference(reference, candidate)),
            _ => comparison.sum_ratio,
        };
        let outcome = outcome(gate, actual, comparison.differing == 0);
        if !outcome.passed {
            verdict = verdict.and(Verdict::Blocked);
        }
        outcomes.push(outcome);
    }
    Ok((comparison, verdict, outcomes))
}

fn outcome(gate: &Gate, actual: Option<f64>, equal: bool) -> Outcome {
    // written so that NaN is on no passing side
    let passed = match (actual, gate.direction) {
        (Some(value), Direction::AtLeast) => value >= gate.limit,
        (Some(value), Direction::AtMost) => value <= gate.limit,
        (None, _) => equal,
    };
    let deficit = actual.filter(|_| !passed).map(|value| (value - gate.limit).abs());
    let note = actual.is_none().then(|| "undefined for this image".to_owned());
    Outcome { gate: gate.clone(), actual, passed, deficit, note }
}

fn largest_difference(a: &Array2, b: &Array2) -> f64 {
    const BLOCK: usize = 1 << 16;
    let (mut x, mut y) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
    let mut largest = 0.0_f64;
    let mut start = 0;
    while start < a.len() {
        let n = BLOCK.min(a.len() - start);
        a.read_into(start, &mut x[..n]);
        b.read_into(start, &mut y[..n]);
        for (p, q) in x[..n].iter().zip(&y[..n]) {
            let difference = (p - q).abs();
            // a NaN stays, and then passes no gate
            largest = if difference > largest || difference.is_nan() { difference } else { largest };
        }
        start += n;
    }
    largest
}

fn f32s(image: &Array2) -> Vec<f32> {
    image.as_f32().map_or_else(|| image.to_f64().iter().map(|v| *v as f32).collect(), <[f32]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Shape;

    fn image(values: &[f64]) -> Array2 {
        Array2::from_f64(values, Shape::new(values.len(), 1)).unwrap()
    }

    fn gate(metric: &str, direction: Direction, limit: f64) -> Gate {
        Gate { metric: metric.into(), limit, direction, reason: "test".into() }
    }

    #[test]
    fn limits_that_are_not_symmetric_and_largest_differences() {
        let (a, b) = (image(&[1.0, 2.0, 3.0]), image(&[1.0, 2.0, 3.3]));
        let verdict = |gates: &[Gate]| compare(&a, &b, gates).unwrap().1;
        let ratio = 6.3 / 6.0;
        assert_eq!(verdict(&[gate(SUM_RATIO, Direction::AtMost, ratio + 1e-6)]), Verdict::Pass);
        assert_eq!(verdict(&[gate(SUM_RATIO, Direction::AtMost, ratio - 1e-6)]), Verdict::Blocked);
        assert_eq!(verdict(&[gate(SUM_RATIO, Direction::AtLeast, ratio + 1e-6)]), Verdict::Blocked);
        assert_eq!(verdict(&[gate(MAX_ABS, Direction::AtMost, 0.31)]), Verdict::Pass);
        assert_eq!(verdict(&[gate(MAX_ABS, Direction::AtMost, 0.29)]), Verdict::Blocked);
        let strict = [gate("correlation", Direction::AtLeast, 1.0), gate(MAX_ABS, Direction::AtMost, 1.0)];
        assert_eq!(verdict(&strict), Verdict::Blocked, "one gate that passes does not hide another");
        assert!(compare(&a, &image(&[1.0]), &strict).is_err());
    }
}
