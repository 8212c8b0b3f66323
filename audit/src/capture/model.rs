//! The record of phase B1, as it is kept in JSON. Reports are made from it alone.

use crate::engines::Identity;
use crate::engines::render::Arithmetic;
use crate::gates::{Gate, Outcome, Verdict};
use crate::metrics::Comparison;
use crate::stats::Series;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything phase B1 found (`capture.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Capture {
    /// The form of this record.
    pub schema: String,
    /// What the whole capture is worth.
    pub verdict: Verdict,
    /// The case's name.
    pub case: String,
    /// The arguments both engines got, without the size.
    pub args: String,
    /// More arguments of the reference.
    pub reference_args: String,
    /// More arguments of the candidate.
    pub candidate_args: String,
    /// What is believed.
    pub reference: Identity,
    /// What has to prove itself.
    pub candidate: Identity,
    /// Threads each engine was given.
    pub threads: usize,
    /// The directory of a person's that engines ran in, instead of an empty one.
    #[serde(with = "crate::paths")]
    pub in_place: Option<PathBuf>,
    /// In-place runs: files the engines made or changed there.
    #[serde(with = "crate::paths")]
    pub touched: Vec<PathBuf>,
    /// The gates in force.
    pub gates: Vec<Gate>,
    /// Warm speed aimed at.
    pub speed_target: f64,
    /// A warm set-up above this is reported, milliseconds.
    pub warm_setup_limit_ms: f64,
    /// What the times cover.
    pub times_include: String,
    /// Each engine against itself.
    pub self_check: SelfCheck,
    /// Which engine failed and how, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// One entry per size.
    pub sizes: Vec<SizeResult>,
    /// What makes the profile unusable for phase B2; empty when it is whole.
    pub profile_problems: Vec<String>,
    /// Lines in which an engine warns.
    pub warnings: Vec<String>,
    /// The engines' command lines.
    pub engine_commands: Vec<String>,
}

/// Each engine rendered the same thing twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SelfCheck {
    /// The arguments (a smaller detector where the case is large).
    pub args: String,
    /// Values whose bits differ between two runs of the reference.
    pub reference_differing: usize,
    /// Values whose bits differ between two runs of the candidate.
    pub candidate_differing: usize,
    /// Values compared.
    pub pixels: usize,
    /// Why a run left nothing to compare.
    pub problem: Option<String>,
}

impl SelfCheck {
    /// Before anything was run.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            args: String::new(),
            reference_differing: 0,
            candidate_differing: 0,
            pixels: 0,
            problem: Some("no engine came so far".into()),
        }
    }

    /// Whether both engines repeat themselves.
    #[must_use]
    pub fn deterministic(&self) -> bool {
        self.reference_differing == 0 && self.candidate_differing == 0 && self.problem.is_none()
    }
}

/// One size of phase B1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SizeResult {
    /// What this size is worth.
    pub verdict: Verdict,
    /// Why there is nothing to compare.
    pub problem: Option<String>,
    /// The numbers of `benchmark_results.json`.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// Whether the size was set by the audit, and not by the case's own arguments.
    pub sized: bool,
    /// How the reference computes, where it is an engine that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_arithmetic: Option<Arithmetic>,
    /// How the candidate computes, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_arithmetic: Option<Arithmetic>,
    /// Pixels along fast and slow, where the candidate tells.
    pub shape: Option<[u32; 2]>,
    /// First render against the reference.
    pub cold: Option<Judged>,
    /// Last warm render against the reference.
    pub warm: Option<Judged>,
    /// What the third engine says of a comparison that did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opinion: Option<super::referee::Opinion>,
    /// Whether the profiled render gave the same image, bit by bit, as the plain one.
    pub profiled_image_identical: Option<bool>,
    /// Renders in the profiled process.
    pub profiled_renders: Option<u32>,
    /// Test builds: processor time of the planted delay over all sampled renders, seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub planted_s: Option<f64>,
}

/// A comparison that went through the gates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// The numbers.
    pub comparison: Comparison,
    /// What the gates said.
    pub gates: Vec<Outcome>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why there is nothing to compare, or which mutants the gates let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The self-test of the gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<crate::mutants::SelfTest>,
    /// Parts of a blocked image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// Pictures of a blocked image, relative to the stamp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<String>,
}

/// A part of a blocked image, measured and judged on its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Region {
    /// Which part.
    pub name: String,
    /// Where it is.
    pub roi: crate::metrics::Roi,
    /// What it would be worth alone.
    pub verdict: Verdict,
    /// The numbers.
    pub comparison: Comparison,
    /// What the gates say of it.
    pub gates: Vec<Outcome>,
}

/// One object of `benchmark_results.json`. Times in seconds (medians), memory in bytes. What was not measured is absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract, explained once above")]
pub struct Numbers {
    pub size: u32,
    pub pixels: usize,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub c_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub c_sim: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_time_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_time_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_setup_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_setup_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_sim_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_sim_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub c_mem: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_mem_cold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rust_mem_warm: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub speedup_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub speedup_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_speedup: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub correlation_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub correlation_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub one_minus_correlation_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub one_minus_correlation_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sum_ratio_cold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sum_ratio_warm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_hit_cold: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_hit_warm: Option<bool>,
    pub iterations: u32,
    /// For every time its samples, median and interval.
    pub times: BTreeMap<String, Series>,
}

impl Capture {
    /// The flags and words that make `bragg-audit capture` take the same case at the same sizes.
    #[must_use]
    pub fn same_case(&self) -> String {
        let sizes: Vec<String> =
            self.sizes.iter().filter(|z| z.sized).map(|z| z.numbers.size.to_string()).collect();
        let sizes = if sizes.is_empty() { String::new() } else { format!("--sizes {} ", sizes.join(",")) };
        format!("{sizes}-- {}", self.args)
    }

    /// The list that `benchmark_results.json` holds.
    #[must_use]
    pub fn benchmark_results(&self) -> Vec<&Numbers> {
        self.sizes.iter().map(|s| &s.numbers).collect()
    }

    /// Whether the profile may be used by phase B2.
    #[must_use]
    pub fn profile_is_whole(&self) -> bool {
        self.profile_problems.is_empty()
    }

    /// Whether the candidate was profiled.
    #[must_use]
    pub fn has_profile(&self) -> bool {
        self.sizes.iter().any(|s| s.profiled_renders.is_some())
    }

    /// The folder of one size's trace and samples: `profile_<F>x<S>`.
    #[must_use]
    pub fn profile_folder(size: &SizeResult) -> String {
        match size.shape {
            Some([f, s]) => format!("profile_{f}x{s}"),
            None => format!("profile_{}x{}", size.numbers.size, size.numbers.size),
        }
    }
}
