//! Profiles of programs whose loops have known costs: the sampler, callgrind and perf have to find the shares, callgrind the
//! exact calls. The programs are `tests/examples/known_costs` and `tests/fixtures/known_costs_c`; their costs stand there.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "what was found is shown when a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bragg_audit::hot_loops::{CALLGRIND, HotLoops, Inputs, Others, PERF, SAMPLES, UNMATCHED, build};
use bragg_audit::inventory::Inventory;
use bragg_audit::profile::callgrind::Callgrind;
use bragg_tests::programs::{binary, example, not_run, run, run_with, temporary_folder, workspace_root};

/// Function, whether the inner of its loops, inclusive and self share in percent.
const COSTS: [(&str, bool, f64, f64); 8] = [
    ("plain", false, 18.0, 18.0),
    ("nested", false, 20.0, 5.0),
    ("nested", true, 15.0, 15.0),
    ("chain", false, 12.0, 12.0),
    ("counted", false, 8.0, 8.0),
    ("generic", false, 12.0, 12.0),
    ("generated!", false, 10.0, 10.0),
    ("parallel", false, 20.0, 20.0),
];

/// The same of the C program.
const COSTS_C: [(&str, bool, f64, f64); 4] = [
    ("small", false, 10.0, 10.0),
    ("nested", false, 30.0, 10.0),
    ("nested", true, 20.0, 20.0),
    ("large", false, 60.0, 60.0),
];

fn sources(folder: &str) -> Inventory {
    Inventory::scan(&workspace_root().join(folder), &[]).unwrap()
}

/// Every loop of `costs` has its shares, within `points` percentage points.
fn check(hot: &HotLoops, source: &str, costs: &[(&str, bool, f64, f64)], points: f64) {
    assert!(hot.problems.is_empty(), "{:?}", hot.problems);
    let mut wrong = Vec::new();
    for (function, inner, inclusive, own) in costs {
        let here = |r: &&bragg_audit::hot_loops::HotLoop| {
            r.source == source
                && r.function.split("::").next() == Some(function)
                && r.depth == Some(1 + u32::from(*inner))
        };
        let Some(row) = hot.rows.iter().find(here) else {
            wrong.push(format!("{function}: no row"));
            continue;
        };
        println!(
            "{source:9} {function:10} {inclusive:5.1} found {:6.2}; self {own:5.1} found {:6.2}",
            row.time_pct, row.self_pct
        );
        if (row.time_pct - inclusive).abs() > points || (row.self_pct - own).abs() > points {
            wrong.push(format!(
                "{function}: {inclusive}/{own} % expected, {:.2}/{:.2} % found",
                row.time_pct, row.self_pct
            ));
        }
    }
    let unmatched = hot.rows.iter().find(|r| r.source == source && r.loop_id == UNMATCHED).unwrap();
    println!("{source:9} unmatched {:.2} %", unmatched.self_pct);
    let sum: f64 = hot.rows.iter().filter(|r| r.source == source).map(|r| r.self_pct).sum();
    assert!((sum - 100.0).abs() < 0.1, "self shares add up to {sum}");
    assert!(wrong.is_empty(), "{source}: {wrong:#?}\n{:#?}", hot.rows);
}

fn hot(inventory: &Inventory, samples: Option<&Path>, others: Others<'_>) -> HotLoops {
    build(Inputs { inventory, samples, trace: None, others, threshold_pct: 1.0, register_bits: 256 }).unwrap()
}

/// Whether a tool can be run; says so when not.
fn there(tool: &str, argument: &str) -> bool {
    let found = Command::new(tool).arg(argument).output().is_ok_and(|o| o.status.success());
    if !found {
        not_run(&format!("known costs: no {tool}"));
    }
    found
}

fn callgrind(program: &Path, arguments: &[&str], folder: &Path, more: &[&str]) -> PathBuf {
    let out = folder.join("callgrind.out");
    let file = format!("--callgrind-out-file={}", out.display());
    let mut words = vec!["-q", "--tool=callgrind", &file];
    words.extend(more);
    words.push(program.to_str().unwrap());
    words.extend(arguments);
    // valgrind runs one thread at a time: more of them would only wait for work
    let environment = [("RAYON_NUM_THREADS", "1")].into();
    run_with(Path::new("valgrind"), &words, folder, &environment).expect_code(0);
    out
}

#[test]
fn the_sampler_finds_the_shares() {
    let folder = temporary_folder();
    let samples = folder.path().join("samples.json");
    run(&example("known_costs"), &["400", "1500", samples.to_str().unwrap()], folder.path()).expect_code(0);
    let hot = hot(&sources("tests/examples/known_costs"), Some(&samples), Others::default());
    check(&hot, SAMPLES, &COSTS, 2.0);
}

#[test]
fn callgrind_finds_the_shares_and_the_calls() {
    if !there("valgrind", "--version") {
        return;
    }
    let folder = temporary_folder();
    let out = callgrind(
        &example("known_costs"),
        &["20", "600"],
        folder.path(),
        &["--dump-instr=yes", "--collect-jumps=yes"],
    );
    let others = Others { callgrind: Some(&out), ..Others::default() };
    check(&hot(&sources("tests/examples/known_costs"), None, others), CALLGRIND, &COSTS, 0.5);
    let read = Callgrind::read(&out).unwrap();
    assert_eq!(read.stated_total, Some(read.total), "every cost was read");
    for (name, calls) in [
        ("plain", 20),
        ("nested", 20),
        ("chain", 20),
        ("counted", 20),
        ("made_by_macro", 20),
        ("generic", 40),
        ("parallel", 20),
    ] {
        let of = |f: &&bragg_audit::profile::callgrind::Function| {
            f.name
                .strip_prefix("known_costs::")
                .is_some_and(|n| n.split("::").next() == Some(name) && !n.contains("closure"))
        };
        let counted: u64 = read.functions.iter().filter(of).map(|f| f.calls).sum();
        assert_eq!(counted, calls, "calls of {name}");
    }
}

#[test]
fn perf_finds_the_shares() {
    let folder = temporary_folder();
    let data = folder.path().join("perf.data");
    let program = example("known_costs");
    let recorded = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-F", "997", "--call-graph", "dwarf,4096", "-o"])
        .args([&data, Path::new("--"), &program, Path::new("400"), Path::new("1500")])
        .output();
    if !recorded.is_ok_and(|o| o.status.success()) {
        not_run("known costs: perf record does not work here");
        return;
    }
    let script =
        run(Path::new("perf"), &["script", "--no-inline", "-i", data.to_str().unwrap()], folder.path());
    let text = folder.path().join("perf.txt");
    std::fs::write(&text, &script.expect_code(0).stdout).unwrap();
    let others = Others { perf_script: Some(&text), ..Others::default() };
    check(&hot(&sources("tests/examples/known_costs"), None, others), PERF, &COSTS, 2.0);
}

#[test]
fn loops_of_a_plain_c_binary_are_found() {
    let folder = temporary_folder();
    let fixture = workspace_root().join("tests/fixtures/known_costs_c");
    let program = folder.path().join("loops");
    let built =
        Command::new("cc").args(["-O2", "-g", "-o"]).args([&program, &fixture.join("loops.c")]).output();
    if !built.is_ok_and(|o| o.status.success()) {
        not_run("known costs: no C compiler");
        return;
    }
    if !there("valgrind", "--version") {
        return;
    }
    let out = folder.path().join("out");
    let mut words = vec!["hot-loops", "--with", "callgrind", "--program", program.to_str().unwrap()];
    words.extend(["--inventory", fixture.to_str().unwrap(), "--outdir", out.to_str().unwrap(), "--", "100"]);
    let said = run(&binary("bragg-audit"), &words, folder.path());
    said.expect_code(0);
    assert!(said.stdout.starts_with("UNRELIABLE"), "{said}");
    let json = std::fs::read(out.join("hot_loops.UNRELIABLE.json")).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap()["reliable"], false);
    check(&serde_json::from_slice(&json).unwrap(), CALLGRIND, &COSTS_C, 0.5);
    // without instruction addresses lines alone tell the loops of a program without inlining across files
    let lines = callgrind(&program, &["100"], folder.path(), &[]);
    let others = Others { callgrind: Some(&lines), ..Others::default() };
    check(&hot(&sources("tests/fixtures/known_costs_c"), None, others), CALLGRIND, &COSTS_C, 0.5);
}
