//! From two images to a verdict: the one place where images of engines meet metrics, gates and mutants.

use super::model::{Judged, Region};
use crate::formats::{Array2, Shape};
use crate::gates::{self, Gate, Outcome, Verdict};
use crate::metrics::{self, Comparison, Roi};
use crate::mutants;

/// Edge of the regions that a blocked comparison is looked at in, pixels.
const REGION: usize = 256;
/// The folder of the pictures of the region around the largest local error.
pub const REGION_FOLDER: &str = "region";
/// The name of that region.
pub const WORST_REGION: &str = "around the largest local error";

/// Compares two images and puts the comparison through the gates; no mutants, no pictures.
///
/// # Errors
/// A sentence, when the shapes differ.
pub fn compare(
    reference: &Array2,
    candidate: &Array2,
    gates: &[Gate],
) -> Result<(Comparison, Verdict, Vec<Outcome>), String> {
    let (comparison, _) = metrics::measure(reference, candidate, None).map_err(|e| e.to_string())?;
    let (verdict, outcomes) = gates::judge(gates, &comparison);
    Ok((comparison, verdict, outcomes))
}

/// A verdict: comparison, gates, and the self-test of the gates. A blocked one is looked at in regions too.
///
/// # Errors
/// A sentence, when the shapes differ.
pub fn judge(
    reference: &Array2,
    candidate: &Array2,
    gates: &[Gate],
) -> Result<(Judged, metrics::Maps), String> {
    let found = mutants::judge(reference, candidate, None, gates).map_err(|e| e.to_string())?;
    let mut judged = Judged {
        comparison: found.comparison,
        gates: found.outcomes,
        verdict: found.verdict,
        problem: found.problem,
        self_test: found.self_test,
        regions: Vec::new(),
        pictures: Vec::new(),
    };
    if judged.verdict == Verdict::Blocked {
        judged.regions = regions(reference, candidate, &judged.comparison, gates);
    }
    Ok((judged, found.maps))
}

/// Around the centre, and around the pixels that differ most from their surroundings.
fn regions(a: &Array2, b: &Array2, comparison: &Comparison, gates: &[Gate]) -> Vec<Region> {
    let shape = a.shape();
    let mut wanted = vec![("around the centre", [shape.width / 2, shape.height / 2])];
    if let Some(x) = &comparison.extended {
        wanted.push((WORST_REGION, x.local_error.at));
    }
    let mut out: Vec<Region> = Vec::new();
    for (name, at) in wanted {
        let roi = around(at, shape);
        if roi == Roi::full(shape) || out.iter().any(|r| r.roi == roi) {
            continue;
        }
        if let Ok((comparison, _)) = metrics::measure(a, b, Some(roi)) {
            let (verdict, gates) = gates::judge(gates, &comparison);
            out.push(Region { name: name.into(), roi, verdict, comparison, gates });
        }
    }
    out
}

fn around(at: [usize; 2], shape: Shape) -> Roi {
    let span = |at: usize, edge: usize| {
        let size = REGION.min(edge);
        let low = at.saturating_sub(size / 2).min(edge - size);
        (low, low + size)
    };
    let ((x0, x1), (y0, y1)) = (span(at[0], shape.width), span(at[1], shape.height));
    Roi { x0, x1, y0, y1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{Direction, changed, contract, parse};

    fn image(values: &[f64]) -> Array2 {
        Array2::from_f64(values, Shape::new(values.len(), 1)).unwrap()
    }

    #[test]
    fn limits_that_are_not_symmetric_and_largest_differences() {
        let (a, b) = (image(&[1.0, 2.0, 3.0]), image(&[1.0, 2.0, 3.3]));
        let verdict = |words: &[&str]| {
            let off = ["correlation off: test", "|sum_ratio - 1| off: test"];
            let changes: Vec<_> = words.iter().chain(&off).map(|w| parse(w).unwrap()).collect();
            compare(&a, &b, &changed(contract(), &changes, "test").unwrap()).unwrap().1
        };
        assert_eq!(verdict(&["sum_ratio<=1.0500001: test"]), Verdict::Pass);
        assert_eq!(verdict(&["sum_ratio<=1.0499999: test"]), Verdict::Blocked);
        assert_eq!(verdict(&["sum_ratio>=1.0500001: test"]), Verdict::Blocked);
        assert_eq!(verdict(&["max_abs_difference<=0.31: test"]), Verdict::Pass);
        assert_eq!(verdict(&["max_abs_difference<=0.29: test"]), Verdict::Blocked);
        let both = ["correlation>=1: test", "max_abs_difference<=1: test"];
        let changes: Vec<_> = both.iter().map(|w| parse(w).unwrap()).collect();
        let strict = changed(contract(), &changes, "test").unwrap();
        assert_eq!(strict[0].direction, Direction::AtLeast);
        let (_, verdict, _) = compare(&a, &b, &strict).unwrap();
        assert_eq!(verdict, Verdict::Blocked, "one gate that passes does not hide another");
        assert!(compare(&a, &image(&[1.0]), &strict).is_err());
    }

    #[test]
    fn regions_lie_within_the_image() {
        let shape = Shape::new(1000, 100);
        assert_eq!(around([999, 0], shape), Roi { x0: 744, x1: 1000, y0: 0, y1: 100 });
        assert_eq!(around([0, 99], shape), Roi { x0: 0, x1: 256, y0: 0, y1: 100 });
    }
}
