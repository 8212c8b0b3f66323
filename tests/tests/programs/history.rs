//! The ledger and what reads it: writers at once, a kill at any moment, ten thousand attempts, repetitions.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use bragg_tests::audits::{BLOCKED, PASS, SMALL, audit, ledger};
use bragg_tests::processes;
use bragg_tests::programs::{binary, run, spawn, temporary_folder, workspace_root};
use serde_json::{Value, json};

fn line(i: usize, verdict: &str, miss: f64, commit: &str) -> Value {
    json!({
        "schema": "bragg-audit/ledger/1", "time": "2026-01-01T00:00:00Z", "phase": "b1", "stamp": format!("stamp-{i}"), "path": "/x",
        "verdict": verdict, "case": "benchmark", "commit": commit, "dirty_diff_sha256": null, "candidate_sha256": "c", "reference_sha256": "r",
        "sizes": [{ "size": 4096, "one_minus_correlation": miss, "sum_ratio": 1.1, "speedup_warm": 2.0 }]
    })
}

fn write_ledger(reports: &Path, lines: impl Iterator<Item = Value>) {
    let folder = reports.join("nanobragg");
    std::fs::create_dir_all(&folder).expect("the folder");
    let mut out =
        std::io::BufWriter::new(std::fs::File::create(folder.join("ledger.jsonl")).expect("the ledger"));
    for line in lines {
        writeln!(out, "{line}").expect("a line");
    }
}

#[test]
fn the_story_is_seen_in_the_history() {
    let reports = temporary_folder();
    let story = (1..=8)
        .map(|i| line(i, "blocked", 0.278_825, ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"][i % 3]));
    write_ledger(reports.path(), std::iter::once(line(0, "pass", 1e-6, "0000000000aa")).chain(story));
    let ran = audit("history", &[], reports.path());
    ran.expect_code(PASS);
    for word in [
        "8 failures in a row",
        "last pass stamp-0",
        "same figures to the last digit",
        "3 commits",
        "2.788e-1",
    ] {
        assert!(ran.stdout.contains(word), "{word}: {ran}");
    }
    let plot = std::fs::read_to_string(reports.path().join("nanobragg/history.svg")).expect("the plot");
    assert_eq!(plot.matches("<circle").count(), 18, "two values of nine attempts");
    assert_eq!(plot.matches("#c62828").count(), 16);
}

#[test]
fn ten_thousand_attempts() {
    let reports = temporary_folder();
    write_ledger(
        reports.path(),
        (0..10_000).map(|i| line(i, if i % 3 == 0 { "pass" } else { "blocked" }, i as f64, "d")),
    );
    let start = std::time::Instant::now();
    let ran = audit("history", &["--json"], reports.path());
    let took = start.elapsed().as_secs_f64();
    ran.expect_code(PASS);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(value["attempts"].as_array().map(Vec::len), Some(10_000));
    assert_eq!(value["cases"][0]["failures_in_a_row"], 0);
    println!("10,000 attempts: {took:.3} s");
    assert!(took < 20.0, "{took} s: some work is done once for every pair of attempts"); // a second, on a machine of one's own
}

#[test]
fn writers_at_once_and_a_kill() {
    let reports = temporary_folder();
    let words = |command: &mut Command| {
        command.current_dir(workspace_root()).args(["inventory", "--quiet", "--reports"]).arg(reports.path());
        command.arg("simulator/c_engine/sum.c");
    };
    let start = || {
        let mut command = Command::new(binary("bragg-audit"));
        words(&mut command);
        spawn(&mut command)
    };
    let mut children: Vec<_> = (0..6).map(|_| start()).collect();
    for child in &mut children {
        assert!(child.wait().expect("a writer").success());
    }
    let lines = ledger(reports.path());
    assert_eq!(lines.len(), 6);
    // half a line, as a killed writer or a full disk leaves it; and writers killed at any moment
    let file = reports.path().join("nanobragg/ledger.jsonl");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .and_then(|mut f| f.write_all(b"{\"schema\":\"bragg-audit/led"))
        .expect("half a line");
    for i in 0..6 {
        let mut child = start();
        for _ in 0..i * 40_000 {
            std::hint::spin_loop();
        }
        processes::signal_group(child.id(), libc::SIGKILL);
        child.wait().expect("it ends");
    }
    assert!(start().wait().expect("a writer").success());
    let text = std::fs::read_to_string(&file).expect("the ledger");
    let whole = text.lines().filter(|l| serde_json::from_str::<Value>(l).is_ok()).count();
    assert!(whole >= 7 && text.lines().count() - whole == 1, "{text}");
    assert!(text.ends_with('\n'));
    audit("status", &[], reports.path()).expect_code(PASS);
}

#[test]
fn an_attempt_that_changes_nothing_is_refused() {
    let reports = temporary_folder();
    let wrong: Vec<&str> =
        SMALL.into_iter().chain(["--no-profile", "--candidate-args", "-default_F 101"]).collect();
    audit("capture", &wrong, reports.path()).expect_code(BLOCKED);
    let refused = audit("capture", &wrong, reports.path());
    refused.expect_code(BLOCKED);
    for word in ["nothing has changed", "--force", "diagnose"] {
        assert!(refused.stderr.contains(word), "{word}: {refused}");
    }
    assert_eq!(ledger(reports.path()).len(), 1);
    let forced: Vec<&str> = wrong.iter().copied().chain(["--force"]).collect();
    audit("capture", &forced, reports.path()).expect_code(BLOCKED);
    assert_eq!(ledger(reports.path()).len(), 2);
    let other: Vec<&str> =
        SMALL.into_iter().chain(["--no-profile", "--candidate-args", "-default_F 102"]).collect();
    audit("capture", &other, reports.path()).expect_code(BLOCKED);
    assert_eq!(ledger(reports.path()).len(), 3);
}

#[test]
fn a_fresh_place_and_a_doctor() {
    let dir = temporary_folder();
    let status = run(&binary("bragg-audit"), &["status"], dir.path());
    status.expect_code(PASS);
    assert!(status.stdout.contains("bragg-audit run"), "{status}");
    let history = run(&binary("bragg-audit"), &["history"], dir.path());
    history.expect_code(PASS);
    assert!(history.stdout.contains("no attempts yet"), "{history}");
    let doctor = run(&binary("bragg-audit"), &["doctor", "--json"], dir.path());
    doctor.expect_code(PASS);
    let found: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    for what in [
        "cc",
        "strace",
        "perf",
        "valgrind",
        "git",
        "cores",
        "memory",
        "temporary directory",
        "permission to trace",
    ] {
        let entry = found
            .as_array()
            .and_then(|a| a.iter().find(|f| f["what"] == what))
            .unwrap_or_else(|| panic!("{what}: {doctor}"));
        assert!(entry["needed_for"].as_str().is_some_and(|n| !n.is_empty()), "{entry:#}");
    }
}
