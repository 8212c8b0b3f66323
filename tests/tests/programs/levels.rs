//! Every golden case at every level, in both types of numbers, with smooth tiles and without, against the scalar engine in
//! the same run; and stamps that say which of these ran.

use bragg_audit::capture::model::Capture;
use bragg_tests::audits::{PASS, audit};
use bragg_tests::compare::compare;
use bragg_tests::golden::{Case, cases, disagreements, figures, needs_inputs, render_case, whole_images};
use bragg_tests::programs::{not_run, temporary_folder};
use bragg_tests::stamps::{json, only_stamp, text};
use nanobragg::kernels::{Dtype, Level};

/// How far an image may be from the scalar engine's: 1 − correlation, and |sum ratio − 1|.
struct Limits {
    miss: f64,
    sum: f64,
}

/// Kernels in f64 round otherwise and compute the same.
const F64: Limits = Limits { miss: 1e-12, sum: 1e-9 };
/// A sum of f32 terms; errors of single pixels are not correlated.
const F32: Limits = Limits { miss: 1e-9, sum: 1e-6 };

/// Cases that f32 cannot hold to [`F32`], each with its own limits and the reason.
const F32_EXCEPTIONS: &[(&str, Limits, &str)] = &[];

fn limits(case: &Case, dtype: Dtype) -> &'static Limits {
    let exception = F32_EXCEPTIONS.iter().find(|(id, _, _)| dtype == Dtype::F32 && *id == case.id);
    match (dtype, exception) {
        (Dtype::F64, _) => &F64,
        (Dtype::F32, None) => &F32,
        (Dtype::F32, Some((_, limits, _))) => limits,
    }
}

/// Every level that this machine has, or those of them that `NB_LEVELS` names, with commas between.
fn levels() -> Vec<Level> {
    let Ok(named) = std::env::var("NB_LEVELS") else { return Level::available() };
    let levels: Result<Vec<Level>, _> = named.split(',').map(Level::named).collect();
    levels.expect("NB_LEVELS names levels of this machine")
}

#[test]
fn every_level_gives_the_golden_images() {
    let (figures, golden) = (figures(), whole_images());
    let mut complaints = Vec::new();
    let mut worst = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| !level.is_available()) {
        not_run(&format!("golden cases with --simd {level}: this machine does not have it"));
    }
    for dtype in [Dtype::F64, Dtype::F32] {
        for level in levels() {
            worst.extend(["auto", "off"].map(|tiles| (level, dtype, tiles, [("", 0.0_f64); 2])));
        }
    }
    let cases = cases();
    for case in &cases {
        let id = &case.id;
        if golden.is_none() && needs_inputs(case) {
            not_run(&format!("levels on golden case {id}: no golden folder with its input files"));
            continue;
        }
        let figures = figures.get(id).unwrap_or_else(|| panic!("no figures of case {id}"));
        let want = render_case("nanobragg", case, figures, &["--engine", "rust-reference"]);
        // Tiles are of one structure factor for all reflections.
        let may_have_tiles = !case.args.iter().any(|word| word.ends_with(".hkl"));
        for (level, dtype, tiles, worst) in &mut worst {
            if *tiles == "off" && !may_have_tiles {
                continue;
            }
            let words = ["--simd", level.name(), "--dtype", dtype.name(), "--tiles", tiles];
            let got = render_case("nanobragg", case, figures, &words);
            let how = format!("{level} {} --tiles {tiles}", dtype.name());
            let mut complain = |what: String| complaints.push(format!("{how} {id}: {what}"));
            if *dtype == Dtype::F64 {
                disagreements(figures, &got).into_iter().for_each(&mut complain);
            }
            match compare(&want, &got) {
                Ok(found) => {
                    let Limits { miss, sum } = limits(case, *dtype);
                    if !(found.miss <= *miss && found.sum_ratio_off <= *sum) {
                        complain(format!("{found:?}, limits {miss:e} and {sum:e}"));
                    }
                    for (worst, found) in worst.iter_mut().zip([found.miss, found.sum_ratio_off]) {
                        if found > worst.1 {
                            *worst = (id, found);
                        }
                    }
                }
                Err(why) => complain(why),
            }
        }
    }
    for (level, dtype, tiles, [miss, sum]) in worst {
        let dtype = dtype.name();
        eprintln!(
            "{level} {dtype} --tiles {tiles}: largest 1 − correlation {:e} ({}), sum off by {:e} ({})",
            miss.1, miss.0, sum.1, sum.0
        );
    }
    assert!(complaints.is_empty(), "{} disagreements:\n{}", complaints.len(), complaints.join("\n"));
}

/// What the limits above would let pass is small: a fault of this size is seen in both types.
#[test]
fn the_limits_see_small_faults() {
    let (cases, figures) = (cases(), figures());
    let case = cases.iter().find(|case| case.id == "na-nb-nc").expect("the case");
    let figures = &figures["na-nb-nc"];
    let good = render_case("nanobragg", case, figures, &["--engine", "rust-reference"]);
    let moved = render_case(
        "nanobragg",
        case,
        figures,
        &["--engine", "rust-reference", "-misset", "0.001", "0", "0"],
    );
    for (limits, scale) in [(&F64, 1.000_001), (&F32, 1.000_01)] {
        let scaled = compare(&good, &good.scaled(scale)).expect("of one size");
        assert!(scaled.sum_ratio_off > limits.sum, "{scaled:?}");
        let moved = compare(&good, &moved).expect("of one size");
        assert!(moved.miss > limits.miss, "{moved:?}");
    }
}

#[test]
fn exceptions_are_cases_and_say_why() {
    let cases = cases();
    for (id, limits, why) in F32_EXCEPTIONS {
        assert!(cases.iter().any(|case| case.id == *id), "{id} is no golden case");
        assert!(limits.miss >= F32.miss && limits.sum >= F32.sum && why.len() > 20, "{id}: {why}");
    }
}

#[test]
fn stamps_say_what_ran_and_old_ones_are_read() {
    let reports = temporary_folder();
    let words = "--no-profile --sizes 64 --iterations 1 --reference rust-reference";
    let words: Vec<&str> = words.split(' ').chain(["--candidate-args=--simd plain --dtype f32"]).collect();
    audit("capture", &words, reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b1");
    let mut record = json(&stamp, "capture.json");
    let size = &mut record["sizes"][0];
    let how = |engine: &str, simd: &str, dtype: &str| serde_json::json!({ "engine": engine, "simd": simd, "dtype": dtype });
    assert_eq!(size["reference_arithmetic"], how("rust-reference", "scalar", "f64"));
    assert_eq!(size["candidate_arithmetic"], how("rust-fast", "plain", "f32"));
    let summary = text(&stamp, "summary.md");
    assert!(summary.contains("rust-fast, plain, f32"), "{summary}");

    let fields = size.as_object_mut().expect("a size");
    fields.retain(|name, _| !name.ends_with("_arithmetic"));
    let old: Capture = serde_json::from_value(record).expect("a record of before this was told");
    assert!(old.sizes[0].candidate_arithmetic.is_none());
}
