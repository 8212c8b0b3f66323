//! What a blocked capture says of other cases: the engine, a part of it, or this case alone.

use std::path::Path;

use bragg_tests::audits::{BLOCKED, audit};
use bragg_tests::c_copies::{MAIN, engine};
use bragg_tests::engines::Yard;
use bragg_tests::programs::temporary_folder;
use bragg_tests::stamps::{json, only_stamp, text};

const CASE: &str = "-default_F 100 -cell 70 80 90 85 95 100 -misset 10 20 30 -N 4 -lambda 1 -distance 100 -detpixels 64 -pixel 0.5 -oversample 1 -polar 0.8";

/// The finding of a capture that blocks, and how many cases it rests on, of which so many used a kept reference image.
fn finding(reports: &Path, words: &[&str]) -> (String, usize, usize) {
    let before = bragg_tests::stamps::stamps(reports, "b1").len();
    let mut all = vec!["--iterations", "1", "--no-profile"];
    all.extend(words);
    all.push("--");
    all.extend(CASE.split(' '));
    audit("capture", &all, reports).expect_code(BLOCKED);
    let stamps = bragg_tests::stamps::stamps(reports, "b1");
    assert_eq!(stamps.len(), before + 1);
    let stamp = stamps.last().expect("a stamp");
    let sample = json(stamp, "suite_sample.json");
    let run = sample["run"].as_array().expect("cases");
    let kept = run.iter().filter(|c| c["reference_from_cache"] == true).count();
    let page = text(stamp, "blockers.md");
    let said = page.split("## The engine, or this case?").nth(1).expect("the section");
    (said.trim().lines().next().expect("a sentence").to_owned(), run.len(), kept)
}

#[test]
fn a_broken_engine_is_told_from_a_case() {
    let dir = temporary_folder();
    let reports = dir.path().join("reports");
    // an argument that only one engine got: every other case is right
    let (said, cases, kept) = finding(&reports, &["--candidate-args", "-default_F 101"]);
    assert!(said.starts_with("**This case**") && cases >= 3 && kept == 0, "{cases}, {kept} kept: {said}");
    // another radius of the electron: no case is right
    let fault = ("scattering.h", "7.94079248018965e-30", "8.94079248018965e-30");
    let broken = format!("c:{}", engine(&dir.path().join("broken"), Some(fault), MAIN).display());
    let (said, cases, kept) = finding(&reports, &["--candidate", &broken]);
    assert!(said.starts_with("**The engine**") && kept >= 3, "{cases}, {kept} kept: {said}");
    // N − 1 cells: what has one cell, or is round, is right
    let fault = ("lattice.h", "sin(PI * N * h) / below", "sin(PI * (N - 1.0) * h) / below");
    let partly = format!("c:{}", engine(&dir.path().join("partly"), Some(fault), MAIN).display());
    let (said, cases, _) = finding(&reports, &["--candidate", &partly]);
    assert!(said.starts_with("**A part of the engine**"), "{cases}: {said}");
}

#[test]
fn a_pair_that_is_not_nanobraggs_is_not_asked_and_told_so() {
    let yard = Yard::new();
    yard.engines(
        &[("good", "printf AAAABBBBCCCCDDDD > \"$1\""), ("odd", "printf DDDDCCCCBBBBAAAA > \"$1\"")],
        "[engines]\nreference = \"good\"\ncandidate = \"odd\"\n[case]\nname = \"small\"\nargs = \"-n 1\"\n",
    );
    yard.audit(&["capture", "--iterations", "1"]).expect_code(BLOCKED);
    let stamp = only_stamp(&yard.root().join("reports"), "b1");
    let page = text(&stamp, "blockers.md");
    assert!(page.contains("Not asked: `suites/parity.toml` has cases of nanoBragg, and `good`"), "{page}");
    assert!(!page.contains("bragg-audit suite suites/parity.toml"), "{page}");
    yard.assert_tidy("a blocked pair");
}
