//! The Chrome trace: true names, few events, and an image that does not know that it was traced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bragg_audit::inventory::Inventory;
use bragg_tests::programs::{binary, run, temporary_folder, workspace_root};
use bragg_tests::stamps::values_of;
use serde_json::Value;

const CASE: &str = "-default_F 100 -cell 90 110 130 90 90 90 -lambda 2 -Na 3 -Nb 5 -Nc 4 -distance 60 -oversample 2 \
    -detpixels_x 100 -detpixels_y 700 -noprogress -nonoise -nopgm -floatfile out.bin";

/// Image and trace of a run of the Rust engine with further words.
fn traced(more: &[&str]) -> (Vec<u8>, Option<Value>) {
    let dir = temporary_folder();
    let words: Vec<&str> = CASE.split_whitespace().chain(more.iter().copied()).collect();
    run(&binary("nanobragg"), &words, dir.path()).expect_code(0);
    let trace = std::fs::read(dir.path().join("t.json")).ok();
    let trace = trace.map(|bytes| serde_json::from_slice(&bytes).expect("the trace is JSON"));
    (std::fs::read(dir.path().join("out.bin")).expect("the image"), trace)
}

/// Events of the trace, whichever of the two forms of the format it has.
fn events(trace: &Value) -> Vec<&Value> {
    let list = trace.as_array().or_else(|| trace["traceEvents"].as_array());
    list.expect("a list of events").iter().collect()
}

fn inventory() -> Inventory {
    let paths = ["simulator/src", "simulator/c_engine"].map(PathBuf::from);
    Inventory::scan(&workspace_root(), &paths).expect("an inventory")
}

#[test]
fn tracing_does_not_change_the_image() {
    let (plain, none) = traced(&[]);
    assert!(none.is_none());
    let (image, trace) = traced(&["--trace", "t.json"]);
    assert!(trace.is_some(), "no trace was written");
    assert!(plain == image, "the image with a trace is another one");
}

#[test]
fn every_span_names_a_loop_that_is_there() {
    let (_, trace) = traced(&["--trace", "t.json", "--threads", "2"]);
    let trace = trace.expect("a trace");
    let ids: Vec<&Value> = values_of(&trace, "loop_id");
    assert!(!ids.is_empty(), "no span has a loop_id");
    let inventory = inventory();
    for id in ids {
        let id = id.as_str().expect("a loop_id is text").trim_matches('"');
        assert!(inventory.by_id(id).is_some(), "{id} is not in the inventory");
    }
}

#[test]
fn the_table_of_stages_names_loops_that_are_there() {
    let inventory = inventory();
    for stage in nanobragg::spans::STAGES {
        let known = stage.loop_id.is_none_or(|id| inventory.by_id(id).is_some());
        assert!(known, "stage {}: {:?} is not in the inventory", stage.name, stage.loop_id);
    }
}

#[test]
fn a_render_has_set_up_bands_and_output() {
    for (renders, more) in [(1, vec![]), (3, vec!["--repeat", "2"])] {
        let words: Vec<&str> = ["--trace", "t.json", "--threads", "2"].into_iter().chain(more).collect();
        let (_, trace) = traced(&words);
        let trace = trace.expect("a trace");
        let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
        let mut open: BTreeMap<String, i64> = BTreeMap::new();
        for event in events(&trace) {
            let name = event["name"].as_str().unwrap_or_default();
            let thread = event["tid"].to_string();
            match event["ph"].as_str() {
                Some("B") => {
                    *begun.entry(name).or_default() += 1;
                    *open.entry(thread).or_default() += 1;
                }
                Some("E") => *open.entry(thread).or_default() -= 1,
                Some("X") => *begun.entry(name).or_default() += 1,
                _ => {}
            }
        }
        assert!(open.values().all(|n| *n == 0), "spans that do not end: {open:?}");
        let of = |name: &str| begun.get(name).copied().unwrap_or(0);
        assert!((renders..=256 * renders).contains(&of("band")), "{renders} renders: {begun:?}");
        assert!(of("output") >= renders, "{renders} renders: {begun:?}");
        assert!(of("setup") >= 1, "{renders} renders: {begun:?}");
        let total: usize = begun.values().sum();
        assert!(total <= 2000 * renders, "{total} spans: never one a pixel");
    }
}
