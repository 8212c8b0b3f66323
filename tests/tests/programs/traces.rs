//! Traces of other people: a real one of `torch.profiler`, and one of a Python program of ours whose loops are known.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bragg_tests::programs::{Ran, binary, not_run, run, temporary_folder, workspace_root};
use serde_json::Value;

/// The real trace; outside of the tree because it is large.
fn sample() -> Option<PathBuf> {
    let path = workspace_root().join("../shared/samples/torch_trace.json");
    if !path.is_file() {
        not_run("traces: ../shared/samples/torch_trace.json is not there");
        return None;
    }
    Some(path)
}

fn audit(words: &[&str]) -> Ran {
    run(&binary("bragg-audit"), words, &workspace_root())
}

fn top(path: &Path, more: &[&str]) -> Value {
    let mut words = vec!["--json", "trace-top", path.to_str().unwrap()];
    words.extend(more);
    let ran = audit(&words);
    ran.expect_code(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn rows<'a>(top: &'a Value, section: &str) -> &'a Vec<Value> {
    let found = top["sections"].as_array().unwrap().iter().find(|s| s["name"] == section);
    found.unwrap_or_else(|| panic!("no {section}"))["rows"].as_array().unwrap()
}

/// Name, start and end (microseconds) of the complete events that `wanted` takes, the outer before the inner.
fn complete(path: &Path, wanted: impl Fn(&Value) -> bool) -> Vec<(String, f64, f64)> {
    let trace: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let events = trace.as_array().or_else(|| trace["traceEvents"].as_array()).unwrap();
    let mut found: Vec<(String, f64, f64)> = events
        .iter()
        .filter(|e| e["ph"] == "X" && wanted(e))
        .map(|e| {
            let start = e["ts"].as_f64().unwrap();
            (e["name"].as_str().unwrap().to_owned(), start, start + e["dur"].as_f64().unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(b.2.total_cmp(&a.2)));
    found
}

/// Inclusive and self time by name, microseconds, of nested events without recursion.
fn times(events: &[(String, f64, f64)]) -> BTreeMap<&str, (f64, f64)> {
    let mut times: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut open: Vec<(&str, f64)> = Vec::new();
    for (name, start, end) in events {
        open.retain(|(_, until)| *until > *start + 1e-3);
        if let Some((outer, _)) = open.last() {
            times.entry(outer).or_default().1 -= end - start;
        }
        let own = times.entry(name).or_default();
        own.1 += end - start;
        if !open.iter().any(|(outer, _)| outer == name) {
            own.0 += end - start;
        }
        open.push((name, *end));
    }
    times
}

#[test]
fn a_real_trace_is_read_whole() {
    let Some(path) = sample() else { return };
    let top = top(&path, &[]);
    assert_eq!((&top["events"], &top["whole"]), (&4970.into(), &true.into()));
    assert_eq!(top["categories"]["python_function"], 1027);
    assert_eq!(top["categories"]["cpu_op"], 1912);
    assert_eq!(top["instants"]["[memory]"], 1970);
    assert_eq!(top["others"]["i"], 1972);
    let idle = &top["idle"];
    assert_eq!((&idle["threads"], &idle["stacks"], &idle["spans"]), (&1.into(), &3.into(), &14.into()));
    assert!(
        rows(&top, "python functions")
            .iter()
            .all(|r| !r["name"].as_str().unwrap().starts_with("threading.py"))
    );
    let first = &top["first_below_script"];
    assert_eq!(first["name"], "nanobrag_torch/simulator.py(701): run");
    assert_eq!((first["inclusive_ms"].as_f64().unwrap() * 1e3).round(), 543_266.0);
    let peaks = top["counters"].as_array().unwrap();
    let peak = peaks.iter().find(|c| c["series"] == "Total Allocated").unwrap();
    assert_eq!((peak["values"].as_u64(), peak["name"].as_str()), (Some(1970), Some("[memory] CPU")));
}

#[test]
fn operators_and_functions_have_the_times_that_simple_arithmetic_gives() {
    let Some(path) = sample() else { return };
    let top = top(&path, &[]);
    for (section, category) in [("operators", "cpu_op"), ("python functions", "python_function")] {
        let events = complete(&path, |e| e["cat"] == category && e["pid"] != 0);
        let expected = times(&events);
        let found = rows(&top, section);
        assert_eq!(found.len(), expected.len());
        for row in found {
            let (inclusive, own) = expected[row["name"].as_str().unwrap()];
            for (found, expected) in [(&row["inclusive_ms"], inclusive), (&row["self_ms"], own)] {
                let found = found.as_f64().unwrap() * 1e3;
                assert!((found - expected).abs() < 0.05, "{row}: {expected} µs expected");
            }
        }
    }
    let names: Vec<&str> =
        rows(&top, "operators").iter().map(|r| r["name"].as_str().unwrap()).take(3).collect();
    assert_eq!(names, ["Torch-Compiled Region: 0/0", "Torch-Compiled Region: 1/0", "aten::mul"]);
}

#[test]
fn the_forms_of_the_report_agree() {
    let Some(path) = sample() else { return };
    let path = path.to_str().unwrap();
    let csv = audit(&["trace-top", path, "--csv", "--by-self", "--top", "2"]);
    let mut reader = csv::Reader::from_reader(csv.expect_code(0).stdout.as_bytes());
    let first: BTreeMap<String, String> = reader.deserialize().next().unwrap().unwrap();
    assert_eq!(first["name"], "Torch-Compiled Region: 1/0");
    assert_eq!(first["self_ms"], "148.198");
    assert_eq!((first["notes"].as_str(), first["reliable"].as_str()), ("UNRELIABLE", "false"));
    let text = audit(&["trace-top", path, "--thread", "194596/194596"]);
    for words in
        ["4970 events", "3 stacks of idle threads", "310.653", "aten::mul", "[memory] CPU, Total Allocated"]
    {
        assert!(text.stdout.contains(words), "{words}: {text}");
    }
    assert!(text.stdout.starts_with("UNRELIABLE (not gated"), "{text}");
}

/// Nothing is cut from what machines read unless it is asked for, and nothing is called reliable.
#[test]
fn json_and_csv_have_every_row_and_the_mark() {
    let folder = temporary_folder();
    let file = folder.path().join("many.json");
    let event = |i: usize| format!(r#"{{"ph":"X","pid":1,"tid":{},"ts":{i},"dur":1,"name":"n{i}"}}"#, i % 2);
    let counter = r#"{"ph":"C","pid":1,"ts":2500,"name":"heap","args":{"used":9}}"#;
    let events: Vec<String> = (0..50).map(event).chain([counter.to_owned()]).collect();
    std::fs::write(&file, format!("[{}]", events.join(","))).unwrap();
    let whole = top(&file, &[]);
    assert_eq!(whole["reliable"], false);
    assert_eq!(rows(&whole, "spans").len(), 50);
    assert_eq!(rows(&whole, "spans")[0]["threads"][0]["thread"], "1/0");
    assert_eq!(rows(&top(&file, &["--top", "7"]), "spans").len(), 7);
    let path = file.to_str().unwrap();
    let csv = audit(&["trace-top", path, "--csv"]);
    assert_eq!(csv.expect_code(0).stdout.lines().filter(|l| l.ends_with(",UNRELIABLE,false")).count(), 50);
    let text = audit(&["trace-top", path]);
    assert_eq!(
        text.expect_code(0).stdout.lines().filter(|l| l.contains("  n") && !l.ends_with("name")).count(),
        20,
        "{text}"
    );
    assert!(text.stdout.contains("        2.500 "), "when the counter was largest: {text}");
}

/// One function for the whole recording is all that a trace may have: it counts.
#[test]
fn a_thread_that_is_alone_is_not_taken_for_idle() {
    let folder = temporary_folder();
    let file = folder.path().join("one.json");
    let event = |dur: u32| {
        let name = "python_engine/engine.py(18): render";
        format!(
            r#"[{{"ph":"X","cat":"python_function","pid":1,"tid":1,"ts":0,"dur":{dur},"name":"{name}"}}]"#
        )
    };
    std::fs::write(&file, event(1000)).unwrap();
    assert_eq!(top(&file, &[])["total_ms"], 1.0);
    let out = folder.path().join("out");
    let hot = |out: &Path| {
        let sources = "tests/fixtures/python_engine";
        let words = ["hot-loops", "--trace", file.to_str().unwrap(), "--inventory", sources, "--outdir"];
        audit(&[&["-q"][..], &words, &[out.to_str().unwrap()]].concat())
    };
    let ran = hot(&out);
    assert!(ran.expect_code(0).stdout.contains("100.0 %  engine.py::Detector.render#1"), "{ran}");
    std::fs::write(&file, event(0)).unwrap();
    let ran = hot(&folder.path().join("other"));
    assert!(ran.expect_code(0).stdout.contains("no span in it has a time that counts"), "{ran}");
}

#[test]
fn what_cannot_be_read_is_said_in_one_line() {
    let folder = temporary_folder();
    let file = folder.path().join("x.json");
    std::fs::write(&file, "GIF89a").unwrap();
    let file = file.to_str().unwrap();
    let engine = "tests/fixtures/python_engine/trace.json";
    for words in [
        ["trace-top", "nowhere.json"].as_slice(),
        &["trace-top", file],
        // It begins like a list of events.
        &["trace-top", "Cargo.toml"],
        &["trace-top", engine, "--thread", "99"],
        &["hot-loops", "--trace", engine],
        &["hot-loops", "--trace", engine, "--inventory", "nowhere"],
        &["hot-loops", "--callgrind", file, "--inventory", "tests/fixtures/python_engine"],
        &["hot-loops", "--perf-script", file, "--inventory", "tests/fixtures/python_engine"],
    ] {
        let ran = audit(&[&["-q"], words].concat());
        assert_eq!(ran.code(), 2, "{ran}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    }
}

#[test]
fn events_of_a_python_program_are_joined_with_its_loops() {
    let fixture = workspace_root().join("tests/fixtures/python_engine");
    let trace = fixture.join("trace.json");
    let folder = temporary_folder();
    let out = folder.path().join("out");
    let words = ["-q", "hot-loops", "--threshold", "0", "--trace", trace.to_str().unwrap(), "--inventory"];
    let words = [&words[..], &[fixture.to_str().unwrap(), "--outdir", out.to_str().unwrap()]].concat();
    let ran = audit(&words);
    assert!(ran.expect_code(0).stdout.starts_with("UNRELIABLE (not gated"), "{ran}");
    let hot: Value =
        serde_json::from_slice(&std::fs::read(out.join("hot_loops.UNRELIABLE.json")).unwrap()).unwrap();
    assert_eq!((&hot["reliable"], &hot["primary"]), (&false.into(), &"trace".into()));
    let summary = std::fs::read_to_string(out.join("summary.UNRELIABLE.md")).unwrap();
    assert!(summary.contains("UNRELIABLE") && summary.contains("not gated"), "{summary}");
    let events = complete(&trace, |_| true);
    let expected = times(&events);
    let (first, last) = (events[0].1, events.iter().map(|e| e.2).fold(0.0, f64::max));
    let loops = [
        ("engine.py::Detector.render#1", "python_engine/engine.py(18): render"),
        ("engine.py::Detector.intensity#1", "python_engine/engine.py(22): intensity"),
        ("engine.py::Detector.normalise#1", "python_engine/engine.py(28): normalise"),
        ("engine.py::lattice#1", "python_engine/engine.py(6): lattice"),
        ("engine.py::lattice#2", "python_engine/engine.py(9): <listcomp>"),
    ];
    for (id, name) in loops {
        let row = hot["rows"].as_array().unwrap().iter().find(|r| r["loop_id"] == id);
        let row = row.unwrap_or_else(|| panic!("no {id} in {hot}"));
        let (inclusive, own) = expected[name];
        for (found, expected) in [(&row["time_pct"], inclusive), (&row["self_pct"], own)] {
            let expected = 100.0 * expected / (last - first);
            assert!((found.as_f64().unwrap() - expected).abs() < 0.01, "{id}: {expected} % expected, {row}");
        }
        let calls = events.iter().filter(|e| e.0 == name).count();
        assert_eq!(row["call_count"], calls, "{id}");
    }
}
