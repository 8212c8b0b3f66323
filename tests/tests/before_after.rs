//! Phases C and D: the packet of a loop, and the proof that a change did something.

use bragg_tests::audits::{BLOCKED, PASS, SMALL, audit};
use bragg_tests::programs::{binary, not_run, planted_binary, run, temporary_folder, workspace_root};
use bragg_tests::stamps::{file_names, json, only_stamp, text, verify_checksums};
use std::path::{Path, PathBuf};

/// A capture of the scalar engine by `program` into `outdir`.
fn capture(program: &Path, outdir: &Path, more: &[&str]) -> PathBuf {
    let out = outdir.to_str().expect("a path");
    let mut words = vec![
        "capture",
        "--quiet",
        "--no-profile",
        "--candidate",
        "rust-reference",
        "--iterations",
        "3",
        "--outdir",
        out,
    ];
    words.extend(more);
    let reports = outdir.parent().expect("a folder").join("reports");
    words.extend(["--reports", reports.to_str().expect("a path")]);
    let _ = run(program, &words, &workspace_root());
    outdir.to_path_buf()
}

fn compare(before: &Path, after: &Path, reports: &Path, more: &[&str]) -> bragg_tests::programs::Ran {
    let mut words = vec![before.to_str().expect("a path"), after.to_str().expect("a path")];
    words.extend(more);
    audit("compare", &words, reports)
}

/// The planted delay is several times the work of the scalar engine on a small image: it is shown one way, and the other way it is its inverse.
#[test]
fn a_planted_delay_is_shown_and_flagged() {
    let dir = temporary_folder();
    let at = |name: &str| dir.path().join(name);
    let before = capture(&binary("bragg-audit"), &at("before"), &["--sizes", "128"]);
    let after = capture(&planted_binary(), &at("after"), &["--sizes", "128"]);
    compare(&before, &after, &at("there"), &["--again", "--rounds", "4"]).expect_code(PASS);
    let stamp = only_stamp(&at("there"), "d");
    verify_checksums(&stamp);
    let found = json(&stamp, "before_after.json");
    // What the clock says depends on who else is at work here; it must not say the opposite.
    assert_ne!(found["shown"], "faster", "{found:#}");
    assert_eq!(found["reliable"], true, "{found:#}");
    let slower = found["shown"] == "slower";
    assert_eq!(slower, !found["slow_downs"].as_array().expect("a list").is_empty(), "{found:#}");
    if found["instructions"].is_null() {
        not_run("instruction counts of compare: there is no valgrind");
    } else {
        let count = |which: usize| found["instructions"]["counts"][which].as_u64().expect("a count");
        assert!(count(1) > count(0), "{found:#}");
    }
    let timing = &found["timings"][0];
    for kind in ["captures", "again"] {
        let (ratio, interval) = (timing[kind]["ratio"].as_f64(), &timing[kind]["interval"]);
        let (low, high) = (interval[0].as_f64().expect("low"), interval[1].as_f64().expect("high"));
        assert!(ratio.is_some_and(|r| low <= r && r <= high), "{kind}: {timing:#}");
    }
    let page = text(&stamp, "before_after.md");
    assert_eq!(page.contains("**Slow-down above 5 %:**"), slower, "{page}");
    assert!(page.contains("not interleaved"), "{page}");
    compare(&after, &before, &at("back"), &[]).expect_code(PASS);
    let back = json(&only_stamp(&at("back"), "d"), "before_after.json");
    assert_ne!(back["shown"], "slower", "{back:#}");
    let ratio =
        |found: &serde_json::Value| found["timings"][0]["captures"]["ratio"].as_f64().expect("a ratio");
    assert!((ratio(&found) * ratio(&back) - 1.0).abs() < 1e-9, "{back:#}");
}

#[test]
fn what_proves_nothing_is_refused() {
    let dir = temporary_folder();
    let at = |name: &str| dir.path().join(name);
    let program = binary("bragg-audit");
    let good = capture(&program, &at("good"), &["--sizes", "64"]);
    let other = capture(&program, &at("other"), &["--sizes", "96"]);
    let blocked = capture(&program, &at("blocked"), &["--sizes", "64", "--candidate-args", "-default_F 101"]);
    let same = compare(&good, &good, &at("same"), &[]);
    same.expect_code(PASS);
    let found = json(&only_stamp(&at("same"), "d"), "before_after.json");
    assert!(found["candidates"][0].as_str().is_some_and(|c| c.contains("the same executable")), "{found:#}");
    assert_eq!(found["shown"], "no_difference", "a capture against itself");
    for (after, more, code, word) in [
        (&other, [].as_slice(), BLOCKED, "sizes"),
        (&blocked, &[], BLOCKED, "parity"),
        (&other, &["--allow-different"], PASS, ""),
        (&good, &["--again", "--before-bin", "/bin/sh"], BLOCKED, "not the program that was captured"),
        (&at("nowhere"), &[], 2, "not a finished stamp"),
    ] {
        let out = compare(&good, after, &at("refused"), more);
        out.expect_code(code);
        assert!(out.stderr.contains(word), "{out}");
    }
    let marked = file_names(&only_stamp(&at("refused"), "d"));
    assert!(marked.contains("before_after.UNRELIABLE.json"), "{marked:?}");
    std::fs::write(good.join("capture.json"), text(&good, "capture.json") + " ").expect("the change");
    let tampered = compare(&good, &good, &at("refused"), &[]);
    tampered.expect_code(BLOCKED);
    assert!(tampered.stderr.contains("changed"), "{tampered}");
}

const LOOP: &str = "simulator/src/kernels/slim.rs::render64#1";

#[test]
fn a_packet_holds_what_a_change_needs() {
    let dir = temporary_folder();
    let reports = dir.path().join("reports");
    audit("packet", &["1"], &reports).expect_code(BLOCKED);
    audit("run", &SMALL, &reports).expect_code(PASS);
    let unknown = audit("packet", &["simulator/src/kernels/slim.rs::rendr64#1"], &reports);
    unknown.expect_code(2);
    assert!(unknown.stderr.contains(LOOP), "the nearest loop is named: {unknown}");
    audit("packet", &[LOOP], &reports).expect_code(PASS);
    let stamp = only_stamp(&reports, "c");
    verify_checksums(&stamp);
    let folder = "simulator_src_kernels_slim.rs__render64_1";
    let design = text(&stamp, &format!("{folder}/design.md"));
    for part in [
        "## Source",
        "fn render64",
        "## Who calls it",
        "## Shapes and trip counts",
        "image 128 × 128",
        "## What the compiler made of it",
        "## Roofline",
        "## Risks for parity",
        "## Accepted when",
    ] {
        assert!(design.contains(part), "{part}\n{design}");
    }
    let case = json(&stamp, &format!("{folder}/bench/inputs/case.json"));
    assert!(case["arguments"].to_string().contains("-detpixels"), "{case}");
    assert!(text(&stamp, &format!("{folder}/bench/benches/stage.rs")).contains("render_into"));
    assert!(text(&stamp, "commands.txt").contains("cargo bench --offline"));
}

#[test]
#[ignore = "builds the simulator again: minutes; run it after a change of the packet's bench"]
fn the_bench_of_a_packet_compiles_and_runs() {
    let dir = temporary_folder();
    let reports = dir.path().join("reports");
    audit("run", &SMALL, &reports).expect_code(PASS);
    audit("packet", &[LOOP], &reports).expect_code(PASS);
    let manifest =
        only_stamp(&reports, "c").join("simulator_src_kernels_slim.rs__render64_1/bench/Cargo.toml");
    let words = [
        "bench",
        "--offline",
        "--manifest-path",
        manifest.to_str().expect("a path"),
        "--target-dir",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/packet-bench"),
    ];
    let out = run(Path::new(env!("CARGO")), &words, &workspace_root());
    out.expect_code(0);
    assert!(out.stdout.contains("1 - correlation with the scalar engine"), "{out}");
    assert!(out.stdout.contains("stage") && out.stdout.contains("time:"), "{out}");
}
