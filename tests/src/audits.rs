//! Running the audit's commands, and reading what they leave.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::programs::{Ran, binary, run, workspace_root};
use crate::stamps::{file_names, text};

/// Exit status: the gates pass.
pub const PASS: i32 = 0;
/// Exit status: parity, or the need of a phase, is not met.
pub const BLOCKED: i32 = 3;
/// Exit status: there is nothing to compare.
pub const NOT_COMPARABLE: i32 = 4;
/// Exit status: an engine failed or ran out of time.
pub const ENGINE_FAILED: i32 = 5;

/// A detector small enough for a test; the sampler still sees a few hundred samples.
pub const SMALL: [&str; 4] = ["--sizes", "128", "--iterations", "1"];

/// Runs a command of the audit at the workspace's root, its stamps below `reports`.
#[must_use]
pub fn audit(command: &str, more: &[&str], reports: &Path) -> Ran {
    let reports = reports.to_str().expect("a readable path");
    let words: Vec<&str> = [command, "--reports", reports].iter().chain(more).copied().collect();
    run(&binary("bragg-audit"), &words, &workspace_root())
}

/// The rows of hot_loops.csv by column, without lines that only say something.
#[must_use]
pub fn hot_rows(stamp: &Path) -> Vec<BTreeMap<String, String>> {
    let text = text(stamp, "hot_loops.csv");
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    assert_eq!(
        header.iter().take(6).collect::<Vec<_>>(),
        ["module", "line", "loop_id", "%time", "call_count", "notes"],
        "the columns that scripts read"
    );
    let rows = reader.records().map(|row| {
        let row = row.expect("a row with as many columns as the header");
        header.iter().zip(row.iter()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    });
    rows.collect()
}

/// The lines of the ledger below `reports`.
#[must_use]
pub fn ledger(reports: &Path) -> Vec<Value> {
    let names = file_names(reports);
    let name = names
        .iter()
        .find(|name| name.ends_with("/ledger.jsonl"))
        .unwrap_or_else(|| panic!("no ledger: {names:?}"));
    let text = text(reports, name);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}
