//! The self-test of the gates: known defects are put into the candidate's image and go through the same gates. Gates
//! that let one through on this case prove nothing on it.

mod defects;

use crate::formats::{Array2, FormatError, Shape};
use crate::gates::{self, Gate, Verdict};
use crate::metrics::{self, CompareError, Roi};
use defects::{DEFECTS, Made, Need};
use serde::{Deserialize, Serialize};

/// More pixels than this are not mutated as a whole: the self-test then takes the part around the brightest pixel.
const MOST_PIXELS: usize = 4096 * 4096;
/// Rounding of f32: a mutant that stays within it, relative to the brightest pixel of the 8 × 8 cell, is no mutant.
const ROUNDING: f64 = 1e-6;
/// What gates are not asked to see everywhere: a mutant that stays within it is too alike on this case.
const ALIKE: f64 = 1e-2;

/// What became of one mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// What was done to the image.
    pub defect: String,
    /// Whether the gates must see it here.
    pub required: bool,
    /// Whether a gate blocked it.
    pub caught: bool,
    /// The gates that did.
    pub caught_by: Vec<String>,
    /// Why it is not required.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// The self-test of the gates on one comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// Whose image was mutated: the candidate's, or the reference's when the candidate is blocked anyway.
    pub mutated: String,
    /// The part that was mutated, when the image is too large for the whole of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<Roi>,
    /// Every mutant.
    pub mutants: Vec<Mutant>,
    /// What it cost, seconds.
    pub seconds: f64,
}

impl SelfTest {
    /// Required mutants that no gate blocked.
    #[must_use]
    pub fn survivors(&self) -> Vec<&Mutant> {
        self.mutants.iter().filter(|m| m.required && !m.caught).collect()
    }

    /// One line that says what the gates saw.
    #[must_use]
    pub fn line(&self) -> String {
        let required = self.mutants.iter().filter(|m| m.required).count();
        let survivors: Vec<&str> = self.survivors().iter().map(|m| m.name.as_str()).collect();
        let idle = self.mutants.len() - required;
        let idle = if idle > 0 { format!(", {idle} not required here") } else { String::new() };
        if survivors.is_empty() {
            format!("gate self-test: all {required} required mutants are blocked{idle}")
        } else {
            format!("gate self-test: the gates let through: {}{idle}", survivors.join(", "))
        }
    }
}

/// A verdict, what it rests on, and the self-test of the gates that gave it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict; not comparable when a required mutant survives.
    pub verdict: Verdict,
    /// The numbers.
    pub comparison: metrics::Comparison,
    /// Maps of the tiles.
    pub maps: metrics::Maps,
    /// What the gates said.
    pub outcomes: Vec<gates::Outcome>,
    /// The self-test; absent when there was nothing to compare.
    pub self_test: Option<SelfTest>,
    /// Why there is nothing to compare, or which mutants survived.
    pub problem: Option<String>,
}

/// Compares two images, puts them through the gates, and the gates through their self-test.
///
/// # Errors
/// Different shapes; a region of interest outside the image.
pub fn judge(
    reference: &Array2,
    candidate: &Array2,
    roi: Option<Roi>,
    gates: &[Gate],
) -> Result<Judgement, CompareError> {
    let (comparison, maps) = metrics::measure(reference, candidate, roi)?;
    let (mut verdict, outcomes) = gates::judge(gates, &comparison);
    let (mut self_test, mut problem) = (None, None);
    if verdict == Verdict::NotComparable {
        problem = Some(format!(
            "NaN or infinite values: {} in the reference, {} in the candidate",
            comparison.reference_non_finite, comparison.candidate_non_finite
        ));
    } else {
        let test = run(reference, candidate, roi, gates, verdict);
        if !test.survivors().is_empty() {
            verdict = Verdict::NotComparable;
            problem = Some(format!("{}; these gates prove nothing on this case", test.line()));
        }
        self_test = Some(test);
    }
    Ok(Judgement { verdict, comparison, maps, outcomes, self_test, problem })
}

/// Mutates and judges.
fn run(
    reference: &Array2,
    candidate: &Array2,
    roi: Option<Roi>,
    gates: &[Gate],
    verdict: Verdict,
) -> SelfTest {
    let start = std::time::Instant::now();
    // a blocked candidate would block whatever is done to it: the reference shows what the gates see
    let (victim, mutated) =
        if verdict == Verdict::Pass { (candidate, "candidate") } else { (reference, "reference") };
    let whole = roi.unwrap_or_else(|| Roi::full(victim.shape()));
    let part = bounded(victim, whole);
    let mut test =
        SelfTest { mutated: mutated.into(), part: (part != whole).then_some(part), ..SelfTest::default() };
    let single = reference.as_f32().is_some() && victim.as_f32().is_some();
    let (Ok(right), Ok(base)) = (crop(reference, part, single), crop(victim, part, single)) else {
        return test;
    };
    for defect in DEFECTS {
        let made = (defect.make)(&base);
        test.mutants.push(result(defect, made, &right, &base, gates));
    }
    test.seconds = start.elapsed().as_secs_f64();
    test
}

fn result(defect: &defects::Defect, made: Made, right: &Array2, base: &Array2, gates: &[Gate]) -> Mutant {
    let mut out = Mutant {
        name: defect.name.into(),
        defect: defect.what.into(),
        required: true,
        caught: false,
        caught_by: Vec::new(),
        note: None,
    };
    let mutant = match made {
        Made::Image(image, note) => {
            if let Some(note) = note {
                out.defect = note;
            }
            image
        }
        Made::NotHere(why) => {
            (out.required, out.note) = (false, Some(why.into()));
            return out;
        }
    };
    match metrics::measure(right, &mutant, None).map(|(c, _)| gates::judge(gates, &c)) {
        Ok((Verdict::NotComparable, _)) => {
            (out.caught, out.caught_by) = (true, vec!["non-finite values".into()]);
        }
        Ok((_, outcomes)) => {
            out.caught_by = outcomes.iter().filter(|o| !o.passed).map(|o| o.gate.metric.clone()).collect();
            out.caught = !out.caught_by.is_empty();
        }
        Err(_) => {}
    }
    // of one that passes, how far it is from what it was made of says whether there is anything to see
    if !out.caught && (defect.need != Need::Always || same_bits(&mutant, base)) {
        let far = metrics::measure(base, &mutant, None).ok().and_then(|(c, _)| c.extended);
        let far =
            far.and_then(|x| x.local_error.max).unwrap_or(if same_bits(&mutant, base) { 0.0 } else { 1.0 });
        if far <= ROUNDING {
            out.note = Some("equivalent here: equals the image within f32 rounding".into());
        } else if far <= ALIKE {
            out.note =
                Some(format!("too alike here: no pixel is off by more than {far:.1e} of its surroundings"));
        }
        out.required = out.note.is_none();
    }
    out
}

fn same_bits(a: &Array2, b: &Array2) -> bool {
    a.bytes() == b.bytes()
}

/// The region, or the part of it around the brightest pixel that is cheap enough.
fn bounded(image: &Array2, whole: Roi) -> Roi {
    let shape = whole.shape();
    if shape.values() <= MOST_PIXELS {
        return whole;
    }
    let width = shape.width.min(4096);
    let height = (MOST_PIXELS / width).min(shape.height);
    let mut best = (f64::NEG_INFINITY, 0, 0);
    let mut row = vec![0.0; shape.width];
    for y in whole.y0..whole.y1 {
        image.read_into(y * image.width() + whole.x0, &mut row);
        for (x, &v) in row.iter().enumerate() {
            if v > best.0 {
                best = (v, whole.x0 + x, y);
            }
        }
    }
    let begin =
        |at: usize, size: usize, low: usize, high: usize| at.saturating_sub(size / 2).clamp(low, high - size);
    let x0 = begin(best.1, width, whole.x0, whole.x1);
    let y0 = begin(best.2, height, whole.y0, whole.y1);
    Roi { x0, x1: x0 + width, y0, y1: y0 + height }
}

/// A copy of a part, as f32 where nothing is lost by it.
fn crop(image: &Array2, part: Roi, single: bool) -> Result<Array2, FormatError> {
    let Shape { width, height } = part.shape();
    let start = |y: usize| (part.y0 + y) * image.width() + part.x0;
    match image.as_f32().filter(|_| single) {
        Some(values) => {
            let mut out = Vec::with_capacity(width * height);
            (0..height).for_each(|y| out.extend_from_slice(&values[start(y)..][..width]));
            Array2::owning_f32(out, part.shape())
        }
        None => {
            let mut out = vec![0.0; width * height];
            out.chunks_exact_mut(width).enumerate().for_each(|(y, row)| image.read_into(start(y), row));
            Array2::owning_f64(out, part.shape())
        }
    }
}

#[cfg(test)]
mod tests;
