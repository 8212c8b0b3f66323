//! A third engine says which of two that disagree is wrong: the one that it does not agree with, if it agrees with the
//! other. When it agrees with both or with neither, nobody is named.

use super::compare::compare;
use crate::formats::Array2;
use crate::gates::{Gate, Verdict};
use serde::{Deserialize, Serialize};

/// Who is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The referee agrees with the reference alone.
    CandidateWrong,
    /// The referee agrees with the candidate alone.
    ReferenceWrong,
    /// The referee agrees with both: it lies between them.
    AgreesWithBoth,
    /// The referee agrees with neither.
    AgreesWithNeither,
    /// The referee left nothing to compare.
    CannotSay,
}

/// What the third engine says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// The referee's name.
    pub referee: String,
    /// Who is wrong.
    pub finding: Finding,
    /// The same in a sentence, with its figures.
    pub text: String,
}

/// How the referee's image compares with one of the two.
struct Side {
    agrees: bool,
    figures: String,
}

/// Weighs the referee's image against both others, by the gates that the two disagree on.
#[must_use]
pub fn weigh(
    names: [&str; 3],
    referee: Result<&Array2, String>,
    reference: &Array2,
    candidate: &Array2,
    gates: &[Gate],
) -> Opinion {
    let [who, reference_name, candidate_name] = names;
    let opinion = |finding, text| Opinion { referee: who.into(), finding, text };
    let third = match referee {
        Ok(image) => image,
        Err(why) => return opinion(Finding::CannotSay, format!("`{who}` cannot say who is wrong: {why}")),
    };
    let side = |image: &Array2| match compare(image, third, gates) {
        Ok((c, verdict, _)) => {
            let miss = c.one_minus_correlation.map_or("undefined".into(), |m| format!("{m:.1e}"));
            Side { agrees: verdict == Verdict::Pass, figures: format!("1 − correlation {miss}") }
        }
        Err(why) => Side { agrees: false, figures: why },
    };
    let (a, b) = (side(reference), side(candidate));
    let figures = format!(
        "against the reference `{reference_name}`: {}; against the candidate `{candidate_name}`: {}",
        a.figures, b.figures
    );
    match (a.agrees, b.agrees) {
        (true, false) => opinion(
            Finding::CandidateWrong,
            format!(
                "`{who}` agrees with the reference: the candidate `{candidate_name}` is wrong ({figures})"
            ),
        ),
        (false, true) => opinion(
            Finding::ReferenceWrong,
            format!(
                "`{who}` agrees with the candidate: the reference `{reference_name}` is wrong ({figures})"
            ),
        ),
        (true, true) => opinion(
            Finding::AgreesWithBoth,
            format!("`{who}` agrees with both within the gates, so that neither can be named ({figures})"),
        ),
        (false, false) => opinion(
            Finding::AgreesWithNeither,
            format!("`{who}` agrees with neither, so that neither can be named ({figures})"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Shape;

    #[test]
    fn only_the_one_that_stands_alone_is_named() {
        let ramp = |step: f64| {
            let values: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) * step).collect();
            Array2::from_f64(&values, Shape::new(10, 10)).unwrap()
        };
        let gates = crate::gates::contract();
        let find = |referee: f64, reference: f64, candidate: f64| {
            let third = ramp(referee);
            weigh(["r", "a", "b"], Ok(&third), &ramp(reference), &ramp(candidate), &gates).finding
        };
        assert_eq!(find(1.0, 1.0, 1.02), Finding::CandidateWrong);
        assert_eq!(find(1.0, 1.02, 1.0), Finding::ReferenceWrong);
        assert_eq!(find(1.0, 1.02, 0.98), Finding::AgreesWithNeither);
        assert_eq!(find(1.003, 1.0, 1.006), Finding::AgreesWithBoth);
        let none = weigh(["r", "a", "b"], Err("it crashed".into()), &ramp(1.0), &ramp(2.0), &gates);
        assert_eq!(none.finding, Finding::CannotSay);
        let other = Array2::from_f64(&[1.0, 2.0], Shape::new(2, 1)).unwrap();
        let shape = weigh(["r", "a", "b"], Ok(&other), &ramp(1.0), &ramp(2.0), &gates);
        assert_eq!(shape.finding, Finding::AgreesWithNeither);
    }
}
