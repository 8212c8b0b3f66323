//! Joins drawn by hand: what the sources say is written down, so every number in the rows is known.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::profile::phase;
use crate::profile::samples::{self, Frame, Samples, Stack, Thread, Total};

/// A loop over the whole of this file's test below, one inside it, and one elsewhere.
fn inventory() -> Inventory {
    let one = |id: &str, module: &str, line: u32, depth: u32| {
        serde_json::json!({
            "loop_id": id, "module": module, "line": line, "end_line": 100 - line, "column": 1, "end_column": 2,
            "language": "rust", "kind": "for", "header": "for _ in x", "function": "f", "depth": depth,
            "trip_count_hint": null, "content_hash": "", "status": if depth == 1 { "vectorized" } else { "todo" },
            "priority": null, "evidence": "",
        })
    };
    serde_json::from_value(serde_json::json!({
        "schema": "bragg-audit/inventory/1",
        "files": [{"path": "a.rs", "language": "rust", "sha256": "", "lines": 100}],
        "loops": [one("a.rs::f#1", "a.rs", 1, 1), one("a.rs::f#2", "a.rs", 2, 2), one("a.rs::f#3", "a.rs", 3, 3)],
        "skipped": [],
    }))
    .unwrap()
}

fn trace(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn spans(events: &str) -> HotLoops {
    let (_folder, path) = trace(events);
    let inventory = inventory();
    build(Inputs {
        inventory: &inventory,
        samples: None,
        trace: Some(&path),
        threshold_pct: 1.0,
        register_bits: 256,
        others: Others::default(),
    })
    .unwrap()
}

fn x(tid: u32, start: u32, dur: u32, name: &str, loop_id: &str) -> String {
    format!(
        r#"{{"ph":"X","pid":1,"tid":{tid},"ts":{start},"dur":{dur},"name":"{name}","args":{{"loop_id":"{loop_id}"}}}}"#
    )
}

fn row<'a>(hot: &'a HotLoops, id: &str) -> &'a HotLoop {
    hot.rows.iter().find(|r| r.loop_id == id).unwrap_or_else(|| panic!("no {id} in {:#?}", hot.rows))
}

/// Two workers; set-up, output and the waiting main thread do not count.
fn two_workers() -> String {
    let events = [
        x(0, 0, 1000, "render", ""),
        x(0, 1000, 500, "output", ""),
        x(0, 1100, 100, "band", "a.rs::f#1"),
        x(1, 0, 100, "setup", ""),
        x(1, 10, 50, "lattice", "a.rs::f#2"),
        x(1, 100, 600, "band", "a.rs::f#1"),
        x(1, 200, 300, "lattice", "a.rs::f#2"),
        x(1, 300, 5, "tiny", "a.rs::f#3"),
        x(2, 100, 380, "band", "a.rs::f#1"),
        x(2, 480, 20, "other", ""),
    ];
    format!("[{}]", events.join(","))
}

#[test]
fn spans_share_the_render_phase() {
    let hot = spans(&two_workers());
    assert_eq!(hot.primary, SPANS);
    assert!(hot.problems.is_empty(), "{:?}", hot.problems);
    assert!((hot.sources[0].total_ms.unwrap() - 1.0).abs() < 1e-9);
    let (band, lattice) = (row(&hot, "a.rs::f#1"), row(&hot, "a.rs::f#2"));
    assert!((band.time_pct - 98.0).abs() < 1e-9 && (band.self_pct - 68.0).abs() < 1e-9, "{band:?}");
    assert!((lattice.time_pct - 30.0).abs() < 1e-9 && (lattice.self_pct - 29.5).abs() < 1e-9, "{lattice:?}");
    assert_eq!((band.call_count, lattice.call_count), (Some(3), Some(2)), "calls are counted in every phase");
    assert_eq!((band.vectorized, lattice.vectorized), (Some(true), Some(false)));
    assert_eq!((band.priority, band.ci_low), (Some(Priority::High), None));
    assert!((row(&hot, BELOW).self_pct - 0.5).abs() < 1e-9);
    assert!((row(&hot, UNMATCHED).self_pct - 2.0).abs() < 1e-9);
    assert!((hot.sources[0].unmatched_pct - 2.0).abs() < 1e-9);
    let order: Vec<&str> = hot.rows.iter().map(|r| r.loop_id.as_str()).collect();
    assert_eq!(order, ["a.rs::f#1", "a.rs::f#2", BELOW, UNMATCHED]);
}

#[test]
fn a_trace_that_is_not_whole_is_a_problem() {
    let whole = two_workers();
    assert!(spans(&whole[..whole.len() - 1]).problems.iter().any(|p| p.contains("cut off")));
    let lost = whole.replace("]", r#",{"ph":"E","ts":1,"name":"x"}]"#);
    assert!(spans(&lost).problems.iter().any(|p| p.contains("1 ends without a beginning")));
    let stranger = whole.replace("a.rs::f#3", "a.rs::g#1");
    let hot = spans(&stranger);
    assert!(hot.problems.iter().any(|p| p.contains("a.rs::g#1")), "{:?}", hot.problems);
    assert!((hot.rows.iter().map(|r| r.self_pct).sum::<f64>() - 100.0).abs() < 1e-9);
    let hot = spans("[]");
    assert!(hot.rows.is_empty() && hot.problems.iter().any(|p| p.contains("no span")));
}

#[test]
fn without_a_source_nothing_is_built() {
    let inputs = Inputs {
        inventory: &inventory(),
        samples: None,
        trace: None,
        threshold_pct: 1.0,
        register_bits: 256,
        others: Others::default(),
    };
    assert!(matches!(build(inputs), Err(HotLoopsError::NoSource)));
}

/// Samples without addresses: all unmatched, but the counts are there.
fn nameless(count: u64) -> Samples {
    Samples {
        schema: samples::SCHEMA.into(),
        threads: vec![Thread { tid: 1, name: "w".into() }],
        totals: vec![
            Total { phase: phase::SETUP, samples: 9, cpu_ns: 9_000_000, ..Total::default() },
            Total {
                phase: phase::RENDER,
                samples: 5,
                idle: 2,
                late: 1,
                cpu_ns: 4_000_000,
                ..Total::default()
            },
        ],
        stacks: vec![Stack {
            phase: phase::RENDER,
            count,
            frames: vec![Frame { module: None, address: 7 }],
            ..Stack::default()
        }],
        ..Samples::default()
    }
}

fn sampled(samples: &Samples, trace: Option<&Path>) -> HotLoops {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.json");
    samples.write(&path).unwrap();
    let inventory = inventory();
    build(Inputs {
        inventory: &inventory,
        samples: Some(&path),
        trace,
        threshold_pct: 1.0,
        register_bits: 256,
        others: Others::default(),
    })
    .unwrap()
}

#[test]
fn samples_come_first_and_only_the_render_phase_counts() {
    let (_folder, path) = trace(&two_workers());
    let hot = sampled(&nameless(2), Some(&path));
    assert_eq!(hot.primary, SAMPLES);
    let names: Vec<&str> = hot.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, [SAMPLES, SPANS]);
    let first = &hot.sources[0];
    assert_eq!((first.samples, first.idle_samples, first.late_samples), (Some(2), Some(2), Some(1)));
    assert!((first.total_ms.unwrap() - 4.0).abs() < 1e-12 && (first.unmatched_pct - 100.0).abs() < 1e-9);
    for source in [SAMPLES, SPANS] {
        let sum: f64 = hot.rows.iter().filter(|r| r.source == source).map(|r| r.self_pct).sum();
        assert!((sum - 100.0).abs() < 1e-9, "{source}: {sum}");
    }
}

#[test]
fn what_makes_samples_not_whole_is_listed() {
    let mut samples = nameless(2);
    samples.dropped = 3;
    samples.errors.push("thread 9 is not sampled".into());
    let problems = sampled(&samples, None).problems.join("\n");
    assert!(problems.contains("3 samples dropped") && problems.contains("thread 9"), "{problems}");
    assert!(sampled(&nameless(0), None).problems[0].contains("no sample of the render phase"));
}

/// One source that measured a loop, for notes.
fn measured(name: &str, inclusive_pct: f64, samples: Option<u64>) -> Measured {
    let time = Time { inclusive: inclusive_pct, own: inclusive_pct };
    Measured {
        summary: SourceSummary { name: name.into(), samples, ..SourceSummary::default() },
        loops: HashMap::from([(0, time)]),
        total: 100.0,
        unmatched: 100.0 - inclusive_pct,
        ..Measured::default()
    }
}

fn notes_of(sources: &mut [Measured]) -> Vec<String> {
    let rows = rows::rows(sources, &inventory(), 1.0, &BTreeMap::new(), 256);
    rows.into_iter().filter(|r| r.loop_id == "a.rs::f#1").map(|r| r.notes).collect()
}

#[test]
fn a_row_near_the_threshold_says_so() {
    assert_eq!(notes_of(&mut [measured(SAMPLES, 1.2, Some(1000))]), ["interval straddles the 1 % threshold"]);
    assert_eq!(notes_of(&mut [measured(SAMPLES, 1.2, Some(100_000))]), [""]);
    assert!(
        notes_of(&mut [measured(SAMPLES, 0.9, Some(1000))]).is_empty(),
        "below the threshold there is no row"
    );
}

#[test]
fn a_cold_loop_inside_the_hottest_is_listed_for_gpus() {
    let mut source = measured(SAMPLES, 80.0, Some(100_000));
    source.loops.insert(1, Time { inclusive: 0.5, own: 0.5 });
    source.loops.insert(2, Time { inclusive: 0.4, own: 0.4 });
    source.stacks = HashMap::from([(vec![1, 0], 0.5), (vec![0], 79.5), (vec![2], 0.4)]);
    source.unmatched = 19.6;
    let rows = rows::rows(&mut [source], &inventory(), 1.0, &BTreeMap::new(), 256);
    let of = |id: &str| rows.iter().find(|r| r.loop_id == id);
    assert!(of("a.rs::f#2").unwrap().notes.contains("may matter on a GPU"));
    assert!(of("a.rs::f#3").is_none(), "not inside the hot loop");
    let below = of(BELOW).unwrap();
    assert!((below.self_pct - 0.4).abs() < 1e-9, "{below:?}");
}

#[test]
fn sources_that_disagree_are_named_on_both_sides() {
    let notes = notes_of(&mut [measured(SAMPLES, 40.0, Some(10_000)), measured(SPANS, 60.0, None)]);
    assert_eq!(notes, ["spans disagree: 60.0 %", "samples disagree: 40.0 %"]);
    let notes = notes_of(&mut [measured(SAMPLES, 40.0, Some(10_000)), measured(SPANS, 42.0, None)]);
    assert_eq!(notes, ["", ""]);
    let notes = notes_of(&mut [measured(SAMPLES, 40.0, Some(20)), measured(SPANS, 50.0, None)]);
    assert_eq!(notes[0], "", "within the interval of few samples");
    // small shares are compared by their intervals
    let notes = notes_of(&mut [measured(SAMPLES, 3.9, Some(10_000)), measured(CALLGRIND, 1.0, None)]);
    assert_eq!(notes, ["callgrind disagree: 1.0 %", "samples disagree: 3.9 %"]);
    let notes = notes_of(&mut [measured(SAMPLES, 3.9, Some(30)), measured(CALLGRIND, 1.0, None)]);
    assert!(!notes[0].contains("disagree"), "{notes:?}");
    let notes = notes_of(&mut [measured(SAMPLES, 2.4, Some(100_000)), measured(CALLGRIND, 1.6, None)]);
    assert_eq!(notes, ["", ""], "two thirds are no disagreement");
}

#[test]
fn a_loop_that_another_source_never_saw_is_a_disagreement() {
    let unseen = |name: &str, samples| {
        let mut source = measured(name, 50.0, samples);
        let time = source.loops.remove(&0).unwrap();
        source.loops.insert(1, time);
        source
    };
    let notes = notes_of(&mut [unseen(PERF, Some(1000)), measured(CALLGRIND, 71.0, None)]);
    assert_eq!(notes, ["perf disagree: 0.0 %"]);
    let notes = notes_of(&mut [unseen(SPANS, None), measured(CALLGRIND, 71.0, None)]);
    assert_eq!(notes, [""], "spans see only what was marked");
    // one answer everywhere: by the primary source, which covers the package
    let mut sources = [unseen(PERF, Some(1000)), measured(CALLGRIND, 71.0, None)];
    let mut listed = inventory();
    listed.loops[0].status = Status::Uncertain;
    let rows = rows::rows(&mut sources, &listed, 1.0, &BTreeMap::new(), 256);
    let row = rows.iter().find(|r| r.loop_id == "a.rs::f#1").unwrap();
    assert_eq!(row.status, Some(Status::Safe), "{row:?}");
}

#[test]
fn a_fast_loop_that_is_never_sampled_is_flagged_by_where_it_stands() {
    let mut listed = inventory();
    listed.loops[1].trip_count_hint = Some("n".into());
    listed.loops[2].trip_count_hint = Some("4".into());
    let mut source = measured(SAMPLES, 80.0, Some(100_000));
    source.stacks = HashMap::from([(vec![0], 80.0)]);
    let mut counts = BTreeMap::new();
    let rows = rows::rows(&mut [source], &listed, 1.0, &counts, 256);
    let of = |id: &str| rows.iter().find(|r| r.loop_id == id);
    let row = of("a.rs::f#2").unwrap();
    assert_eq!((row.time_pct, row.self_pct), (0.0, 0.0));
    let says = "it stands inside `a.rs::f#1`, which has 80.0 % of the time, and its header tells of n iterations an entry: may matter on a GPU";
    assert!(row.notes.contains(says), "{}", row.notes);
    assert!(of("a.rs::f#3").is_none(), "few iterations");
    let sum: f64 = rows.iter().map(|r| r.self_pct).sum();
    assert!((sum - 100.0).abs() < 1e-9, "{sum}");
    // exact counts say more than headers; a function that was sampled inside the hot loop runs there
    listed.loops[2].function = "g".into();
    listed.loops[1].function = "g".into();
    counts.insert("a.rs::f#2".into(), Exact { entries: Some(10), trips: Some(20) });
    counts.insert("a.rs::f#3".into(), Exact { entries: Some(1000), trips: Some(50_000) });
    let mut source = measured(SAMPLES, 80.0, Some(100_000));
    source.loops.insert(1, Time { inclusive: 5.0, own: 5.0 });
    source.stacks = HashMap::from([(vec![0], 75.0), (vec![1, 0], 5.0)]);
    source.unmatched = 15.0;
    let rows = rows::rows(&mut [source], &listed, 1.0, &counts, 256);
    let row = rows.iter().find(|r| r.loop_id == "a.rs::f#3").unwrap();
    assert!(row.notes.contains("its function runs inside `a.rs::f#1`"), "{}", row.notes);
    assert!(row.notes.contains("50000 iterations were counted"), "{}", row.notes);
}

#[test]
fn the_table_begins_with_its_header() {
    let hot = spans(&two_workers());
    let mut out = Vec::new();
    hot.write_csv(&mut out, true).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("module,line,loop_id,%time,call_count,notes,self%,function,depth,"), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let column = reader.headers().unwrap().iter().position(|h| h == "self%").unwrap();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(&records[0][2], "a.rs::f#1");
    assert_eq!((&records[0][15], &records[0][16], &records[0][18]), ("vectorized", "HIGH", SPANS));
    assert_eq!((&records[3][1], &records[3][8], &records[3][11]), ("", "", ""), "unknown is empty, not 0");
    let sum: f64 = records.iter().map(|r| r[column].parse::<f64>().unwrap()).sum();
    assert!((sum - 100.0).abs() < 0.1, "{sum}");
}

#[test]
fn unreliable_is_the_first_word_of_every_note() {
    let hot = spans(&two_workers());
    let mut out = Vec::new();
    hot.write_csv(&mut out, false).unwrap();
    let mut reader = csv::Reader::from_reader(out.as_slice());
    for record in reader.records().map(Result::unwrap) {
        assert_eq!(record[5].split(' ').next(), Some("UNRELIABLE"));
    }
    let mut out = Vec::new();
    hot.write_json(&mut out, false).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["reliable"], false);
    assert_eq!(serde_json::from_slice::<HotLoops>(&out).unwrap(), hot);
}

proptest! {
    /// Whatever the spans, the shares of the rows are whole.
    #[test]
    fn self_shares_add_up(spans_drawn in prop::collection::vec((0u32..3, 0u32..1000, 1u32..500, 0usize..6), 1..40)) {
        let kinds = [("band", "a.rs::f#1"), ("b", "a.rs::f#2"), ("c", "a.rs::f#3"), ("d", ""), ("e", "who"), ("setup", "")];
        let events: Vec<String> =
            spans_drawn.iter().map(|&(tid, at, dur, kind)| x(tid, at, dur, kinds[kind].0, kinds[kind].1)).collect();
        let hot = spans(&format!("[{}]", events.join(",")));
        if !hot.rows.is_empty() {
            let sum: f64 = hot.rows.iter().map(|r| r.self_pct).sum();
            prop_assert!((sum - 100.0).abs() < 1e-6, "{}", sum);
        }
        for row in &hot.rows {
            prop_assert!(row.self_pct <= row.time_pct + 1e-9 && row.time_pct <= 100.0 + 1e-9);
        }
    }
}

/// The inventory's own statuses (of an earlier day) are `vectorized`, `todo`, `todo`; what counts is evidence, heat and people.
#[test]
fn statuses_and_priorities_follow_from_evidence_heat_and_people() {
    use crate::evidence::{Code, CodeState, Instance};
    use crate::inventory::{Priority, Status};
    let mut listed = inventory();
    listed.loops[0].status = Status::Uncertain;
    listed.loops[0].code = Code::of(vec![Instance::of(CodeState::Scalar)], 0, "rustc");
    listed.loops[1].status = Status::Safe;
    listed.loops[1].person = Some(
        serde_json::from_value(serde_json::json!({
            "name": "A. Person", "reason": "small", "date": "2026-11-21", "instead_of": "todo",
            "doubt": "the loop was edited since",
        }))
        .unwrap(),
    );
    listed.loops[2].code = Code::of(vec![Instance::of(CodeState::Vector)], 0, "rustc");
    let mut samples = measured(SAMPLES, 40.0, Some(100_000));
    samples.loops.insert(1, Time { inclusive: 20.0, own: 20.0 });
    samples.loops.insert(2, Time { inclusive: 5.0, own: 0.2 });
    // another source that sees less of the first loop: one loop has one status, that of the primary source
    let mut spans = measured(SPANS, 2.0, None);
    spans.loops.get_mut(&0).unwrap().own = 0.1;
    let rows = rows::rows(&mut [samples, spans], &listed, 1.0, &BTreeMap::new(), 256);
    let of = |id: &str, source: &str| {
        let row = rows.iter().find(|r| r.loop_id == id && r.source == source).unwrap();
        (row.status.unwrap(), row.priority.unwrap(), row.vectorized)
    };
    let high = Priority::High;
    assert_eq!(of("a.rs::f#1", SAMPLES), (Status::Todo, high, Some(false)));
    assert_eq!(of("a.rs::f#1", SPANS), (Status::Todo, high, Some(false)));
    assert_eq!(of("a.rs::f#2", SAMPLES), (Status::Safe, high, None));
    assert_eq!(
        of("a.rs::f#3", SAMPLES),
        (Status::Vectorized, Priority::Low, Some(true)),
        "heat changes no vectors"
    );
    let word = &rows.iter().find(|r| r.loop_id == "a.rs::f#2").unwrap().notes;
    assert!(word.contains("safe by A. Person (2026-11-21): small; IN DOUBT"), "{word}");
}

/// A loop without a row is cold only where the profile would have shown it.
#[test]
fn a_loop_without_a_row_is_cold_where_the_profile_covers_it() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["p/src/a.rs", "p/src/b.rs", "q/src/a.rs"] {
        std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(name), "fn f() { loop {} }").unwrap();
    }
    std::fs::write(dir.path().join("p/src/c.py"), "for x in y: pass\n").unwrap();
    let inventory = Inventory::scan(dir.path(), &[]).unwrap();
    let mut hot = spans(&two_workers());
    hot.rows.truncate(1);
    (hot.rows[0].module, hot.rows[0].loop_id) = ("p/src/a.rs".into(), "p/src/a.rs::f#1".into());
    let statuses = |hot: &HotLoops| -> Vec<Status> {
        let heat = hot.heat();
        let warm = |l: &crate::inventory::Loop| {
            let mut l = l.clone();
            heat.warm(&mut l, 256);
            l.status
        };
        inventory.loops.iter().map(warm).collect()
    };
    use Status::{Safe, Uncertain};
    assert_eq!(statuses(&hot), [Uncertain; 4], "spans see only what was marked");
    (hot.primary, hot.rows[0].source) = (SAMPLES.into(), SAMPLES.into());
    assert_eq!(statuses(&hot), [Uncertain, Safe, Uncertain, Uncertain], "hot, cold, Python, another package");
    hot.threshold_pct = 5.0;
    assert_eq!(statuses(&hot), [Uncertain; 4], "a loop of 4 % has no row either");
}
