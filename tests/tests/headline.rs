//! The headline run, 4096 × 4096. A file of its own, so that no other test of this process takes processors from it, or it
//! from them: of a run of milliseconds that has to wait for one, the audit sees no memory.

use bragg_tests::audits::{PASS, audit};
use bragg_tests::programs::temporary_folder;
use bragg_tests::stamps::{json, only_stamp};

/// Hardly any time lies outside of every loop. Small images would have more outside: the
/// start of threads, the first touch of tables.
#[test]
fn the_profile_of_the_benchmark_case_is_matched() {
    let reports = temporary_folder();
    let headline = ["--sizes", "4096", "--iterations", "1"];
    audit("run", &headline, reports.path()).expect_code(PASS);
    let hot = json(&only_stamp(reports.path(), "b2"), "hot_loops.json");
    let sources = hot["sources"].as_array().expect("sources");
    let samples = sources.iter().find(|source| source["name"] == "samples").expect("our own samples");
    let unmatched = samples["unmatched_pct"].as_f64().expect("a share");
    assert!(unmatched < 3.0, "{unmatched} % of the time lie outside of every loop: {samples:#}");
    assert!(samples["samples"].as_u64().is_some_and(|n| n >= 30), "{samples:#}");
}
