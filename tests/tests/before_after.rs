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
    // Each time is flagged on its own; what is shown is the first of them.
    let flagged = !found["slow_downs"].as_array().expect("a list").is_empty();
    assert!(flagged || found["shown"] != "slower", "{found:#}");
    let slow = |timing: &serde_json::Value| timing["slow_down"] == true;
    assert_eq!(flagged, found["timings"].as_array().expect("a list").iter().any(slow), "{found:#}");
    if found["instructions"].is_null() {
        not_run(&format!("instruction counts of compare: {}", found["no_instructions"]));
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
    assert_eq!(page.contains("**Slow-down above 5 %:**"), flagged, "{page}");
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
    let case = json(&stamp, &format!("{folder}/bench/case.json"));
    assert!(case["arguments"].to_string().contains("-detpixels"), "{case}");
    assert!(text(&stamp, &format!("{folder}/bench/benches/stage.rs")).contains("render_into"));
    assert!(text(&stamp, "commands.txt").contains("cargo bench --offline"));
}

/// A loop's inclusive share, and its bound (`ci_low` or `ci_high`), percent; zero for a loop that was not seen.
fn share(found: &serde_json::Value, loop_id: &str, bound: &str) -> f64 {
    let rows = found["rows"].as_array().expect("rows");
    let row = rows.iter().find(|r| r["loop_id"].as_str().is_some_and(|id| loop_id.ends_with(id)));
    row.and_then(|r| r[bound].as_f64()).unwrap_or(0.0)
}

/// What `hot-loops --program` with perf finds.
fn profiled(program: &Path, arguments: &[&str], sources: &str, dir: &Path) -> serde_json::Value {
    let out =
        tempfile::Builder::new().prefix("profile-").tempdir_in(dir).expect("a folder").keep().join("out");
    let sources = workspace_root().join(sources);
    let mut words = vec!["hot-loops", "--with", "perf", "--program", program.to_str().expect("a path")];
    words.extend(["--inventory", sources.to_str().expect("a path")]);
    words.extend(["--outdir", out.to_str().expect("a path"), "--"]);
    words.extend(arguments);
    run(&binary("bragg-audit"), &words, dir).expect_code(0);
    json(&out, "hot_loops.UNRELIABLE.json")
}

/// What a run gives the loop: the capture's own samples for the Rust engine; the C engine, which is not sampled, by perf.
fn share_in_the_run(loop_id: &str, reports: &Path, dir: &Path) -> f64 {
    if loop_id == LOOP {
        return share(&json(&only_stamp(reports, "b2"), "hot_loops.json"), loop_id, "ci_low");
    }
    let case = "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detpixels 256";
    let words: Vec<&str> = case.split(' ').collect();
    share(&profiled(&binary("nanobragg-c"), &words, "simulator/c_engine", dir), loop_id, "ci_low")
}

/// A packet of a fast kernel's loop and one of the C engine's: their benches compile, check their answers and run; the stamps
/// stay what they were. A bench is there to show what a change of the loop does, so it must not dilute the loop: it has at least
/// the share there that it has in the run (both ends by their 95 % intervals).
#[test]
#[ignore = "builds the simulator once more: minutes; scripts/test names the command"]
fn the_bench_of_a_packet_compiles_and_runs() {
    let dir = temporary_folder();
    let reports = dir.path().join("reports");
    audit("run", &SMALL, &reports).expect_code(PASS);
    for (loop_id, sources) in
        [(LOOP, "simulator"), ("simulator/c_engine/sum.c::add_orientations#1", "simulator/c_engine")]
    {
        let stamp = dir.path().join(if loop_id == LOOP { "rust" } else { "c" });
        audit("packet", &[loop_id, "--outdir", stamp.to_str().expect("a path")], &reports).expect_code(PASS);
        let commands = text(&stamp, "commands.txt");
        let command = commands.lines().find(|l| l.contains("cargo bench")).expect("the bench's command");
        let out = run(Path::new("sh"), &["-c", command], &workspace_root());
        out.expect_code(0);
        verify_checksums(&stamp);
        assert!(out.stdout.contains("1 - correlation with the scalar engine"), "{out}");
        assert!(out.stdout.contains("stage") && out.stdout.contains("time:"), "{out}");
        let (_, quoted) = out.stdout.split_once("--program '").expect("how to profile it");
        let bench = PathBuf::from(quoted.split('\'').next().expect("a path"));
        if std::process::Command::new("perf").arg("--version").output().is_err() {
            not_run("whether a packet's bench spends its time in the loop: there is no perf");
            continue;
        }
        let in_bench = profiled(&bench, &["--bench", "--profile-time", "4"], sources, dir.path());
        let (most, least) =
            (share(&in_bench, loop_id, "ci_high"), share_in_the_run(loop_id, &reports, dir.path()));
        assert!(least > 0.0, "{loop_id}: not seen in the run");
        assert!(most >= least, "{loop_id}: at most {most} % of its own bench, at least {least} % of the run");
    }
}
