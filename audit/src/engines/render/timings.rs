//! The file in which our Rust engine tells its times, and how it computes (`nanobragg-timings/1`).

use crate::exit::{AuditError, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One render of the timings file that our Rust engine writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenderTimes {
    /// `cold` or `warm`.
    pub kind: String,
    /// Whether the set-up came from the cache.
    pub cache_hit: bool,
    /// Set-up, seconds.
    pub setup_s: f64,
    /// Pixel loop, seconds.
    pub sim_s: f64,
    /// Writing the outputs, seconds.
    pub output_s: f64,
    /// All three and what lies between, seconds.
    pub total_s: f64,
    /// Peak resident bytes so far.
    pub peak_bytes: Option<u64>,
    /// Test builds only: thread time of the planted delay, seconds.
    pub planted_s: Option<f64>,
}

/// How an engine computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// The path through the library.
    pub engine: String,
    /// Instruction set; stamps of before it was told have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simd: Option<String>,
    /// Type of the numbers inside the sum.
    pub dtype: String,
}

impl std::fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let simd = self.simd.as_deref().unwrap_or("unknown instructions");
        write!(f, "{}, {simd}, {}", self.engine, self.dtype)
    }
}

/// The timings file of our Rust engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timings {
    /// How it computes.
    #[serde(flatten)]
    pub arithmetic: Arithmetic,
    /// Threads used.
    pub threads: usize,
    /// Pixels along fast.
    pub fpixels: u32,
    /// Pixels along slow.
    pub spixels: u32,
    /// One entry per render.
    pub renders: Vec<RenderTimes>,
}

/// The file at a path; none where the engine wrote none.
pub(super) fn read(path: &Path) -> Result<Option<Timings>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| AuditError::failed("the engine's timings file", e)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_computes_is_read_and_need_not_be_there() {
        let file = |simd: &str| {
            let text = format!(
                r#"{{"schema": "nanobragg-timings/1", "engine": "rust-fast", {simd} "dtype": "f32", "threads": 2, "fpixels": 3,
                "spixels": 4, "renders": []}}"#
            );
            serde_json::from_str::<Timings>(&text).unwrap()
        };
        let new = file(r#""simd": "avx2","#);
        assert_eq!(new.arithmetic.to_string(), "rust-fast, avx2, f32");
        assert_eq!((new.threads, new.fpixels, new.spixels), (2, 3, 4));
        assert_eq!(file("").arithmetic.to_string(), "rust-fast, unknown instructions, f32");
    }
}
