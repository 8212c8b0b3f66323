//! A delay planted in one known loop: the audit's profile must put that loop first, with the share that it really has.
#![expect(clippy::panic, reason = "helpers of tests stop the test that called them")]

use std::collections::BTreeMap;
use std::path::Path;

use bragg_tests::programs::{binary, planted_binary, run, temporary_folder, workspace_root};
use bragg_tests::stamps::{json, only_stamp, text};

/// A run's hot loops, by the sampling profile.
struct Profile {
    csv: String,
    rows: Vec<BTreeMap<String, String>>,
    /// Thread time of the render phase, seconds.
    total_s: f64,
    samples: f64,
    capture: serde_json::Value,
}

fn profile(program: &Path) -> Profile {
    let reports = temporary_folder();
    let words = ["run", "--candidate", "rust-reference", "--sizes", "512", "--iterations", "1", "--reports"]
        .map(std::ffi::OsString::from);
    let words: Vec<_> = words.into_iter().chain([reports.path().as_os_str().to_owned()]).collect();
    run(program, &words, &workspace_root()).expect_code(0);
    let stamp = only_stamp(reports.path(), "b2");
    let csv = text(&stamp, "hot_loops.csv");
    let rows =
        csv::Reader::from_reader(csv.as_bytes()).deserialize().map(|row| row.expect("a row")).collect();
    let hot = json(&stamp, "hot_loops.json");
    let source = hot["sources"].as_array().and_then(|all| all.iter().find(|s| s["name"] == "samples"));
    let number =
        |name: &str| source.and_then(|s| s[name].as_f64()).unwrap_or_else(|| panic!("no {name} in {hot}"));
    let (total_s, samples) = (number("total_ms") * 1e-3, number("samples"));
    Profile { csv, rows, total_s, samples, capture: json(&only_stamp(reports.path(), "b1"), "capture.json") }
}

impl Profile {
    fn number(row: &BTreeMap<String, String>, name: &str) -> f64 {
        row[name].parse().unwrap_or_else(|_| panic!("{name} is `{}` in {row:?}", row[name]))
    }

    fn samples_rows(&self) -> impl Iterator<Item = &BTreeMap<String, String>> {
        self.rows.iter().filter(|row| row["source"] == "samples" && !row["loop_id"].starts_with('('))
    }

    /// Self share of a loop, percent; 0 when it has no row of its own.
    fn self_share(&self, id: &str) -> f64 {
        self.samples_rows().find(|row| row["loop_id"] == id).map_or(0.0, |row| Self::number(row, "self%"))
    }
}

#[test]
fn the_loop_with_the_delay_ranks_first_with_its_share() {
    let planted = planted_loop();
    let with = profile(&planted_binary());
    let without = profile(&binary("bragg-audit"));
    for p in [&with, &without] {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for row in &p.rows {
            *sums.entry(&row["source"]).or_default() += Profile::number(row, "self%");
        }
        for (source, sum) in sums {
            assert!((sum - 100.0).abs() <= 0.1, "self% of {source} adds up to {sum}\n{}", p.csv);
        }
    }
    let first = with.samples_rows().max_by_key(|row| (Profile::number(row, "self%") * 1e6) as i64);
    assert_eq!(first.expect("a row")["loop_id"], planted, "the loop with the most self time\n{}", with.csv);

    // the delay's own clock against the sampler's count, with the work that the loop has without the delay
    let delay = 100.0 * with.capture["sizes"][0]["planted_s"].as_f64().expect("planted_s") / with.total_s;
    let expected = delay + without.self_share(&planted) * (1.0 - delay / 100.0);
    let told = with.self_share(&planted);
    let interval = |share: f64, samples: f64| 1.96 * (share * (100.0 - share) / samples).sqrt();
    let allowed = interval(told, with.samples) + interval(without.self_share(&planted), without.samples);
    assert!(
        (told - expected).abs() <= allowed.max(3.0),
        "self% {told} ± {allowed}; the delay's clock says {delay} %, with the loop's own work {expected} %\n{}",
        with.csv
    );
}

/// The loop that the feature `planted-delay` delays, as the library's sources name it.
fn planted_loop() -> String {
    let path = workspace_root().join("simulator/src/spans.rs");
    let source = std::fs::read_to_string(path).expect("spans.rs");
    let line = source.split("PLANTED_LOOP_ID: &str =").nth(1).expect("PLANTED_LOOP_ID in spans.rs");
    line.split('"').nth(1).expect("its text").to_owned()
}
