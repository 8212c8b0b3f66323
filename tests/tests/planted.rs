//! A delay planted in one known loop: the audit's profile must put that loop first, with the share that it really has.

use std::collections::BTreeMap;

use bragg_tests::programs::{planted_binary, run, temporary_folder, workspace_root};
use bragg_tests::stamps::{json, only_stamp, text, values_of};

#[test]
fn the_loop_with_the_delay_ranks_first_with_its_share() {
    let reports = temporary_folder();
    let words = ["run", "--sizes", "512", "--iterations", "1", "--reports"].map(std::ffi::OsString::from);
    let words: Vec<_> = words.into_iter().chain([reports.path().as_os_str().to_owned()]).collect();
    run(&planted_binary(), &words, &workspace_root()).expect_code(0);

    let csv = text(&only_stamp(reports.path(), "b2"), "hot_loops.csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(|row| row.expect("a row")).collect();
    let number = |row: &BTreeMap<String, String>, name: &str| -> f64 {
        row[name].parse().unwrap_or_else(|_| panic!("{name} is `{}` in {row:?}", row[name]))
    };
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &rows {
        *sums.entry(&row["source"]).or_default() += number(row, "self%");
    }
    for (source, sum) in sums {
        assert!((sum - 100.0).abs() <= 0.1, "self% of {source} adds up to {sum}");
    }

    let planted = planted_loop();
    let by_self = |row: &&BTreeMap<String, String>| (number(row, "self%") * 1e6) as i64;
    let samples =
        rows.iter().filter(|row| row["source"].contains("sampl") && !row["loop_id"].starts_with('('));
    let first = samples.max_by_key(by_self).expect("a row of the sampling profile");
    assert_eq!(first["loop_id"], planted, "the loop with the most self time\n{csv}");

    let share = planted_share(&only_stamp(reports.path(), "b1"));
    let told = number(first, "self%");
    // 95 % of a binomial share; beside the delay the loop has a little work of its own.
    let hot = json(&only_stamp(reports.path(), "b2"), "hot_loops.json");
    let samples = values_of(&hot, "samples").into_iter().find_map(serde_json::Value::as_f64);
    let samples = samples.expect("the number of samples");
    let half_interval = 1.96 * (told * (100.0 - told) / samples).sqrt();
    let near = (told - share).abs() <= half_interval.max(3.0);
    assert!(
        near,
        "self% {told} ± {half_interval}, the delay took {share} % of the render threads' time\n{csv}"
    );
}

/// The loop that the feature `planted-delay` delays, as the library's sources name it.
fn planted_loop() -> String {
    let path = workspace_root().join("simulator/src/spans.rs");
    let source = std::fs::read_to_string(path).expect("spans.rs");
    let line = source.split("PLANTED_LOOP_ID: &str =").nth(1).expect("PLANTED_LOOP_ID in spans.rs");
    line.split('"').nth(1).expect("its text").to_owned()
}

/// Percent of the render threads' time that the planted delay took, as the engine itself measured it.
fn planted_share(stamp: &std::path::Path) -> f64 {
    let capture = json(stamp, "capture.json");
    let times = values_of(&capture, "planted");
    let time = |of: usize| {
        times.first().and_then(|pair| pair[of].as_f64()).expect("thread times of delay and pixel loops")
    };
    100.0 * time(0) / time(1)
}
