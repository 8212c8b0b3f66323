//! What a run of the audit that passes leaves behind: its stamps, numbers, hot loops, backlog and last words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bragg_tests::audits::{PASS, SMALL, audit, hot_rows};
use bragg_tests::programs::{Ran, workspace_root};
use bragg_tests::stamps::{file_names, json, only_stamp, stamps, text, values_of, verify_checksums};
use serde_json::Value;

/// One whole run that passes, shared by the tests that only read it.
fn passing() -> &'static (PathBuf, Ran) {
    static RUN: OnceLock<(PathBuf, Ran)> = OnceLock::new();
    RUN.get_or_init(|| {
        let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit-passing");
        // What an earlier test run left; absent the first time.
        let _ = std::fs::remove_dir_all(&reports);
        let ran = audit("run", &SMALL, &reports);
        (reports, ran)
    })
}

fn passed(phase: &str) -> PathBuf {
    let (reports, ran) = passing();
    ran.expect_code(PASS);
    only_stamp(reports, phase)
}

#[test]
fn a_run_leaves_four_stamps_with_their_files() {
    let common = ["commands.txt", "env.json", "summary.md", "checksums.txt"];
    let capture = [
        "verdict.json",
        "profile_run.log",
        "collect.log",
        "inputs.json",
        "profile/benchmark_results.json",
        "profile/profile_128x128/trace.json",
        "profile/profile_128x128/timeline.svg",
        "profile/profile_128x128/functions.svg",
    ];
    let phases: [(&str, &[&str]); 4] = [
        ("a", &["loop_inventory.json", "loop_inventory.csv"]),
        ("b1", &capture),
        ("b2", &["hot_loops.csv", "loops.svg"]),
        ("b3", &["backlog.md", "backlog.json"]),
    ];
    for (phase, own) in phases {
        let stamp = passed(phase);
        let there = file_names(&stamp);
        for name in common.iter().chain(own) {
            assert!(there.contains(*name), "{name} is missing in phase {phase}: {there:?}");
        }
        for name in &there {
            let bytes = std::fs::read(stamp.join(name)).expect("a file of the stamp");
            assert!(!bytes.is_empty(), "phase {phase}: {name} is empty");
        }
        assert!(!there.iter().any(|name| name.contains("UNRELIABLE")), "phase {phase}: {there:?}");
        verify_checksums(&stamp);
    }
    let b1 = file_names(&passed("b1"));
    assert!(!b1.iter().any(|name| name.starts_with("failed/") || name == "blockers.md"), "{b1:?}");
    assert!(
        !b1.iter().any(|name| name.ends_with(".bin")),
        "images are kept only with --keep-artifacts: {b1:?}"
    );
}

#[test]
fn each_stamp_names_its_parent_by_checksum() {
    for (phase, parents) in [("b2", ["a", "b1"].as_slice()), ("b3", &["b2"])] {
        let stamp = passed(phase);
        let mut text = String::new();
        for name in file_names(&stamp).iter().filter(|name| name.ends_with(".json")) {
            text += &std::fs::read_to_string(stamp.join(name)).expect("a JSON file");
        }
        for parent in parents {
            let parent_stamp = passed(parent);
            let out =
                std::process::Command::new("sha256sum").arg(parent_stamp.join("checksums.txt")).output();
            let out = out.expect("sha256sum (coreutils)");
            let sum = String::from_utf8_lossy(&out.stdout)[..64].to_owned();
            assert!(
                text.contains(&sum),
                "phase {phase} does not hold the checksum of phase {parent}'s stamp"
            );
        }
    }
}

#[test]
fn the_verdict_is_in_numbers() {
    let stamp = passed("b1");
    let verdict = json(&stamp, "verdict.json");
    assert!(verdict.to_string().contains("\"pass\""), "{verdict:#}");
    assert_eq!(values_of(&verdict, "reliable"), [&Value::Bool(true)], "{verdict:#}");
    let schema = verdict.get("schema").and_then(Value::as_str).unwrap_or_default();
    assert!(schema.starts_with("bragg-audit/verdict/"), "{verdict:#}");
    let results = json(&stamp, "profile/benchmark_results.json");
    let results = results.as_array().expect("benchmark_results.json is a list");
    assert_eq!(results.len(), 1, "one object per size");
    let number = |name: &str| {
        let value = results[0]
            .get(name)
            .unwrap_or_else(|| panic!("benchmark_results.json has no {name}: {:#}", results[0]));
        value.as_f64().unwrap_or_else(|| panic!("{name} is {value}"))
    };
    assert_eq!(number("size"), 128.0);
    assert_eq!(number("pixels"), 128.0 * 128.0);
    for name in [
        "c_time",
        "rust_time_cold",
        "rust_time_warm",
        "rust_setup_cold",
        "rust_setup_warm",
        "rust_sim_cold",
        "rust_sim_warm",
        "c_mem",
        "rust_mem_cold",
        "rust_mem_warm",
        "speedup_cold",
        "speedup_warm",
    ] {
        assert!(number(name) > 0.0, "{name} is {}; what was not measured is absent", number(name));
    }
    for kind in ["cold", "warm"] {
        assert!(number(&format!("correlation_{kind}")) >= 1.0 - 1e-9, "correlation_{kind}");
        assert!((number(&format!("sum_ratio_{kind}")) - 1.0).abs() <= 1e-7, "sum_ratio_{kind}");
        let speedup = number("c_time") / number(&format!("rust_time_{kind}"));
        let told = number(&format!("speedup_{kind}"));
        assert!((told / speedup - 1.0).abs() < 1e-6, "speedup_{kind} is {told}, the times give {speedup}");
    }
    assert_eq!(results[0].get("cache_hit_cold"), Some(&Value::Bool(false)));
    assert_eq!(results[0].get("cache_hit_warm"), Some(&Value::Bool(true)));
}

#[test]
fn the_summary_has_every_part_in_order() {
    let summary = text(&passed("b1"), "summary.md").to_lowercase();
    let parts = [
        "executive summary|in short",
        "command",
        "profiler|settings",
        "correlation",
        "threshold",
        "cache",
        "speed target",
        "hottest loops|candidates from the static inventory",
        "comparison",
        "blockers",
        "checklist|artifacts",
        "next",
        "open the trace|perfetto",
    ];
    let headings: Vec<&str> = summary.lines().filter(|line| line.starts_with('#')).collect();
    let mut at = 0;
    for part in parts {
        let found = part.split('|').filter_map(|word| summary[at..].find(word)).min();
        at += found.unwrap_or_else(|| panic!("no `{part}` after byte {at}; headings {headings:#?}"));
    }
    for word in
        ["total", "simulation", "set-up", "memory", "sum ratio", "cold", "warm", "required", "actual", "[x]"]
    {
        assert!(summary.contains(word), "summary.md does not say {word}");
    }
    let stamp = passed("b1");
    let name = stamp.file_name().and_then(|n| n.to_str()).expect("a stamp's name").to_lowercase();
    assert!(summary.lines().take(12).any(|line| line.contains(&name)), "the stamp's name is not at the top");
}

#[test]
fn a_run_ends_with_what_one_needs_to_know() {
    let (reports, ran) = passing();
    ran.expect_code(PASS);
    let out = &ran.stdout;
    assert!(out.to_lowercase().contains("pass"), "the verdict: {ran}");
    let end: Vec<&str> = out.lines().collect();
    let summary = stamps(reports, "b1").pop().expect("a stamp").join("summary.md");
    let shown = out.split_whitespace().filter(|word| word.contains("summary.md"));
    let shown: Vec<&str> = shown.map(|word| word.trim_matches(|c: char| "`'\"()".contains(c))).collect();
    let exists = |word: &&str| Path::new(word).is_file() || workspace_root().join(word).is_file();
    assert!(shown.iter().any(exists), "no path of a summary.md such as {}: {end:#?}", summary.display());
    let next = end.iter().find_map(|line| line.strip_prefix("Next")).map(str::trim);
    assert!(next.is_some_and(|command| command.contains(' ')), "the next command: {end:#?}");
    let loops = hot_rows(&passed("b2")).into_iter().map(|row| row["loop_id"].clone());
    let hottest: Vec<String> = loops.filter(|id| !id.starts_with('(') && !id.is_empty()).collect();
    assert!(hottest.iter().any(|id| out.contains(id.as_str())), "no hot loop of {hottest:?}: {end:#?}");
}

#[test]
fn hot_loops_add_up_and_are_in_the_inventory() {
    let inventory = json(&passed("a"), "loop_inventory.json");
    let known: BTreeMap<&str, (&str, u64)> = inventory["loops"]
        .as_array()
        .expect("the loops of the inventory")
        .iter()
        .map(|l| {
            let field = |name: &str| l[name].as_str().unwrap_or_else(|| panic!("a loop without {name}: {l}"));
            (field("loop_id"), (field("module"), l["line"].as_u64().expect("a line")))
        })
        .collect();
    assert!(known.len() > 20, "only {} loops in the inventory", known.len());
    let rows = hot_rows(&passed("b2"));
    let mut self_of: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &rows {
        let number = |name: &str| -> f64 {
            row[name].parse().unwrap_or_else(|_| panic!("{name} is `{}` in {row:?}", row[name]))
        };
        *self_of.entry(&row["source"]).or_default() += number("self%");
        let id = row["loop_id"].as_str();
        if id.is_empty() || id.starts_with('(') || row["module"].starts_with('(') {
            continue;
        }
        let (module, line) = known.get(id).unwrap_or_else(|| panic!("{id} is not in the inventory"));
        assert_eq!(
            (row["module"].as_str(), row["line"].as_str()),
            (*module, line.to_string().as_str()),
            "{id}"
        );
        assert!((0.0..=100.0).contains(&number("%time")), "{row:?}");
    }
    assert!(!self_of.is_empty(), "hot_loops.csv has no rows");
    for (source, sum) in self_of {
        assert!((sum - 100.0).abs() <= 0.1, "self% of {source} adds up to {sum}");
    }
    let rust = rows.iter().any(|row| row["loop_id"].starts_with("simulator/src/"));
    assert!(rust, "no loop of the Rust engine is hot: {rows:#?}");
}

#[test]
fn the_backlog_has_candidates_with_numbers() {
    let stamp = passed("b3");
    let markdown = text(&stamp, "backlog.md");
    let backlog = json(&stamp, "backlog.json");
    let candidates = backlog["candidates"].as_array().unwrap_or_else(|| panic!("candidates: {backlog:#}"));
    assert!((1..=5).contains(&candidates.len()), "{} candidates", candidates.len());
    let hot: BTreeSet<String> =
        hot_rows(&passed("b2")).into_iter().map(|row| row["loop_id"].clone()).collect();
    for candidate in candidates {
        let id = candidate["loop_id"]
            .as_str()
            .unwrap_or_else(|| panic!("a candidate without loop_id: {candidate:#}"));
        assert!(hot.contains(id), "{id} is a candidate and not in hot_loops.csv");
        assert!(markdown.contains(id), "backlog.md does not name {id}");
    }
    assert!(markdown.contains("1/((1"), "the formula is not in backlog.md");
}

#[test]
fn status_shows_the_phases() {
    let (reports, _) = passing();
    let status = audit("status", &[], reports);
    status.expect_code(PASS);
    for stamp in ["a", "b1", "b2", "b3"].map(passed) {
        let name = stamp.file_name().and_then(|n| n.to_str()).expect("a stamp's name");
        assert!(status.stdout.contains(name), "{name} is not shown: {status}");
    }
}
