//! Tests of `mutants`.

use super::*;
use crate::gates::{changed, contract, defaults, parse};

/// Spots of many heights on a ground that falls off.
fn image(edge: usize) -> Array2 {
    let value = |i: usize| {
        let (x, y) = ((i % edge) as f64, (i / edge) as f64);
        let spot = |p: f64| (-((p % 16.0) - 8.0).powi(2) / 2.0).exp();
        let height = 1.0 + 50.0 * ((x / 16.0).floor() * 7.0 + (y / 16.0).floor() * 3.0) % 11.0;
        (0.5 + x / 100.0 + height * height * spot(x) * spot(y)) as f32
    };
    Array2::owning_f32((0..edge * edge).map(value).collect(), Shape::new(edge, edge)).unwrap()
}

#[test]
fn the_gates_that_ship_see_every_mutant() {
    let image = image(128);
    let judged = judge(&image, &image, None, &defaults()).unwrap();
    assert_eq!(judged.verdict, Verdict::Pass, "{:?}", judged.problem);
    let test = judged.self_test.unwrap();
    assert!(test.survivors().is_empty() && test.part.is_none());
    for m in &test.mutants {
        assert!(m.required && m.caught && !m.caught_by.is_empty(), "{m:?}");
    }
}

#[test]
fn gates_that_see_nothing_prove_nothing() {
    let image = image(128);
    let blind = ["correlation>=0.1: x", "|sum_ratio - 1|<=0.5: x"].map(|t| parse(t).unwrap());
    let judged = judge(&image, &image, None, &changed(contract(), &blind, "test").unwrap()).unwrap();
    assert_eq!(judged.verdict, Verdict::NotComparable);
    let problem = judged.problem.unwrap();
    assert!(
        problem.contains("scale") && problem.contains("zeroed tile") && !problem.contains("NaN"),
        "{problem}"
    );
    // the contract alone lets weak peaks go
    let judged = judge(&image, &image, None, &contract()).unwrap();
    assert_eq!(judged.verdict, Verdict::NotComparable);
}

#[test]
fn what_cannot_be_seen_is_not_required() {
    let symmetric: Vec<f32> = (0..64 * 64).map(|i| ((i % 64) * (i / 64) % 91) as f32 + 1.0).collect();
    let symmetric = Array2::from_f32(&symmetric, Shape::new(64, 64)).unwrap();
    let test = judge(&symmetric, &symmetric, None, &defaults()).unwrap().self_test.unwrap();
    let transpose = test.mutants.iter().find(|m| m.name == "transpose").unwrap();
    assert!(!transpose.required && transpose.note.as_ref().unwrap().contains("equivalent"));
    // nothing but the NaN can be seen in the dark
    let dark = Array2::from_f32(&[0.0; 15], Shape::new(3, 5)).unwrap();
    let judged = judge(&dark, &dark, None, &defaults()).unwrap();
    let required: Vec<String> =
        judged.self_test.unwrap().mutants.into_iter().filter(|m| m.required).map(|m| m.name).collect();
    assert_eq!((judged.verdict, required), (Verdict::Pass, vec!["one NaN".to_owned()]));
}

#[test]
fn a_blocked_candidate_lends_no_mutants() {
    let right = image(64);
    let wrong: Vec<f32> = right.as_f32().unwrap().iter().map(|v| v * 1.1).collect();
    let wrong = Array2::from_f32(&wrong, right.shape()).unwrap();
    let judged = judge(&right, &wrong, None, &defaults()).unwrap();
    let test = judged.self_test.unwrap();
    assert_eq!((judged.verdict, test.mutated.as_str()), (Verdict::Blocked, "reference"));
    assert!(test.survivors().is_empty());
}

#[test]
fn large_images_are_mutated_in_part() {
    let shape = Shape::new(20_000, 1000);
    let roi = bounded(&Array2::owning_f32(vec![1.0; shape.values()], shape).unwrap(), Roi::full(shape));
    assert_eq!(roi.shape(), Shape::new(4096, 1000));
}
