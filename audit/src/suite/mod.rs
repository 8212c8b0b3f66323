//! Suites: many cases for one pair of engines, from a file; run side by side within a budget, cheapest first, and
//! resumed where they were stopped.

mod expectation;
pub mod file;
pub mod generate;
pub mod junit;
pub mod outcome;
mod plan;
mod run_case;
pub mod sample;
pub mod schedule;
pub mod state;

use crate::gates::Gate;
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;

pub use expectation::Expected;
pub use plan::Need;
pub use run_case::{Bench, run_case};

/// One case, ready to run.
#[derive(Clone, Debug, Serialize)]
pub struct SuiteCase {
    /// Its name, unique in the suite; any text.
    pub name: String,
    /// Cases that belong together.
    pub group: String,
    /// Arguments for both engines.
    pub args: Vec<OsString>,
    /// Edge of the image, in each engine's own words.
    pub size: Option<u32>,
    /// Files that engines read without being told.
    pub inputs: Vec<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// The gates in force.
    pub gates: Vec<Gate>,
    /// What it is expected to come to.
    pub expected: Expected,
    /// Why it is not expected to pass.
    pub reason: Option<String>,
    /// The last day (UTC, `2027-01-31`) on which that is accepted.
    pub expires: Option<String>,
    /// How long it takes in relation to others, where the file says so.
    pub cost: Option<f64>,
    /// Memory of one run, MB, where the file says so.
    pub memory_mb: Option<u64>,
    /// Time limit of one run, seconds.
    pub time_limit_s: Option<u64>,
}

/// A suite as its file describes it, generators carried out.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// The file it came from.
    pub file: PathBuf,
    /// Engines, where the file names them.
    pub reference: Option<String>,
    /// See `reference`.
    pub candidate: Option<String>,
    /// The third engine, where the file names one.
    pub referee: Option<String>,
    /// Threads of one run, where the file says so.
    pub threads: Option<usize>,
    /// Folders in which input files are looked for, in this order; the first is the file's own.
    pub input_dirs: Vec<PathBuf>,
    /// The cases in the order of the file.
    pub cases: Vec<SuiteCase>,
}
