//! Timings of every render as JSON (`nanobragg-timings/1`).

use serde::Serialize;

/// The file.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Timings {
    pub(super) schema: &'static str,
    pub(super) engine: &'static str,
    /// Instruction set.
    pub(super) simd: &'static str,
    /// Type of the numbers inside the sum.
    pub(super) dtype: &'static str,
    pub(super) threads: usize,
    pub(super) fpixels: usize,
    pub(super) spixels: usize,
    pub(super) renders: Vec<Render>,
}

/// One render, in seconds and bytes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Render {
    /// `cold` for the first, else `warm`.
    pub(super) kind: &'static str,
    pub(super) cache_hit: bool,
    pub(super) setup_s: f64,
    /// The loop over the pixels, without the time in which bands are written meanwhile (shared out over the threads).
    pub(super) sim_s: f64,
    /// Statistics and files, those bands among them.
    pub(super) output_s: f64,
    pub(super) total_s: f64,
    /// The most memory that the process has had in use so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_bytes: Option<u64>,
    /// Test build only: time in the planted delay, over all threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) planted_s: Option<f64>,
}

pub(super) const SCHEMA: &str = "nanobragg-timings/1";
