//! The fault campaign: single-line faults of the C engine, each in a copy of it. The unchanged engine passes on the case that
//! the fault names; the faulty one blocks there; `diagnose` puts the right class of cause first, proves it by an
//! experiment, and names the value in which the engines part.

use std::collections::BTreeSet;
use std::path::Path;

use bragg_tests::audits::{BLOCKED, PASS};
use bragg_tests::c_copies::{MAIN, engine};
use bragg_tests::programs::{binary, run, temporary_folder};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Table {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    name: String,
    file: String,
    from: String,
    to: String,
    case: String,
    class: Vec<String>,
    first: Option<String>,
}

const CRYSTAL: &str = "-default_F 100 -cell 70 80 90 85 95 100 -misset 10 20 30 -N 4";
const REST: &str = "-lambda 1 -distance 100 -detpixels 64 -pixel 0.5 -oversample 1";

fn table() -> Vec<Fault> {
    let text = include_str!("../../faults/faults.toml");
    toml::from_str::<Table>(text).expect("faults.toml").fault
}

/// Input files that cases name.
fn make_inputs(dir: &Path) {
    let mut list = String::new();
    for (h, k, l) in (-16..=16).flat_map(|h| (-16..=16).flat_map(move |k| (-16..=16).map(move |l| (h, k, l))))
    {
        let f = 20 + i64::from(h * 7919 + k * 104_729 + l * 1_299_709).rem_euclid(97);
        list.push_str(&format!("{h} {k} {l} {f}\n"));
    }
    std::fs::write(dir.join("list.hkl"), list).expect("list.hkl");
    std::fs::write(dir.join("A.mat"), "0.012 0.003 -0.002\n-0.004 0.011 0.001\n0.002 -0.001 0.010\n")
        .expect("A.mat");
    let header = "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=64;\nSIZE2=64;\n}\n\x0c";
    let mut mask = format!("{header:<512}").into_bytes();
    let open = |i: usize| u16::from((i % 64 / 8 + i / 64 / 8).is_multiple_of(2));
    mask.extend((0..64 * 64).flat_map(|i| open(i).to_le_bytes()));
    std::fs::write(dir.join("mask.img"), mask).expect("mask.img");
}

fn words(case: &str, dir: &Path) -> Vec<String> {
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let case = case.replace("{base}", &format!("{CRYSTAL} {REST}")).replace("{rest}", REST);
    let case = case
        .replace("{hkl}", &path("list.hkl"))
        .replace("{mat}", &path("A.mat"))
        .replace("{mask}", &path("mask.img"));
    case.split_whitespace().map(str::to_owned).collect()
}

fn diagnose(candidate: &Path, case: &str, dir: &Path) -> (i32, Value) {
    let mut args: Vec<String> =
        ["diagnose", "--json", "--threads", "1", "--reports"].map(str::to_owned).to_vec();
    args.push(dir.join("reports").to_string_lossy().into_owned());
    args.extend(["--candidate".into(), format!("c:{}", candidate.display()), "--".into()]);
    args.extend(words(case, dir));
    let ran = run(&binary("bragg-audit"), &args, dir);
    let value = serde_json::from_str(&ran.stdout).expect("JSON on standard output");
    (ran.code(), value)
}

/// What `diagnose` said of one fault.
struct Told {
    right_class: bool,
    right_place: bool,
    proven: bool,
    /// In one line.
    line: String,
}

/// Diagnoses the engine with the fault, which lies in a folder of its own, `dir/name`.
fn tell(fault: &Fault, dir: &Path, name: &str) -> Told {
    let change = (fault.file.as_str(), fault.from.as_str(), fault.to.as_str());
    let copy = engine(&dir.join(name), Some(change), MAIN);
    let (code, found) = diagnose(&copy, &fault.case, dir);
    std::fs::remove_dir_all(dir.join(name)).expect("the copy goes");
    assert_eq!(code, BLOCKED, "{}: {found:#}", fault.name);
    // nothing is called proven without the experiment that proves it
    for cause in found["causes"].as_array().expect("causes") {
        assert_eq!(cause["proven"].as_bool(), Some(cause["switch"].is_string()), "{}: {cause:#}", fault.name);
    }
    let first = &found["causes"][0];
    let class = first["class"].as_str().unwrap_or("none");
    let place = found["first_divergence"].as_str().unwrap_or("none");
    let right_class = fault.class.iter().any(|c| c == class);
    Told {
        right_class,
        right_place: fault.first.as_ref().is_none_or(|f| f.split('|').any(|f| f == place)),
        proven: right_class && first["proven"] == true,
        line: format!("{}: {class} at {place}: {}", fault.name, first["title"]),
    }
}

#[test]
fn every_fault_blocks_and_its_kind_is_found() {
    let dir = temporary_folder();
    make_inputs(dir.path());
    let right = engine(&dir.path().join("right"), None, MAIN);
    let faults = table();
    assert!(faults.len() >= 25, "only {} faults", faults.len());
    let cases: BTreeSet<&str> = faults.iter().map(|fault| fault.case.as_str()).collect();
    cases.par_iter().for_each(|case| {
        let (code, found) = diagnose(&right, case, dir.path());
        assert_eq!(code, PASS, "the right engine on `{case}`: {found:#}");
    });
    let told: Vec<Told> =
        faults.par_iter().enumerate().map(|(i, fault)| tell(fault, dir.path(), &i.to_string())).collect();
    let n = faults.len();
    let count = |what: fn(&Told) -> bool| told.iter().filter(|t| what(t)).count();
    let wrong: Vec<&str> =
        told.iter().filter(|t| !t.right_class || !t.right_place).map(|t| t.line.as_str()).collect();
    let (classes, proven) = (count(|t| t.right_class), count(|t| t.proven));
    assert!(classes * 25 >= n * 22, "{classes} of {n} classes are right: {wrong:#?}");
    assert!(count(|t| t.right_place) == n, "the first value that differs: {wrong:#?}");
    assert!(proven * 25 >= n * 22, "{proven} of {n} are proven");
}
