//! How hot a profile says that any loop is, also one without a row.
//!
//! A sampler, perf and callgrind see every compiled loop of the program; spans and traces only what was marked. So a loop
//! without a row in one of the former lies below the table's threshold with all that is inside it, as long as the profile is
//! one of its program: as long as some loop of its package has a row.

use std::collections::{HashMap, HashSet};

use super::{CALLGRIND, HotLoops, PERF, SAMPLES};
use crate::evidence::rules;
use crate::inventory::{Language, Loop};

/// Whether a source sees every loop of a language without being told of it.
pub(super) fn sees_every_loop(source: &str, language: Language) -> bool {
    [SAMPLES, PERF, CALLGRIND].contains(&source) && language != Language::Python
}

/// The packages that a source's rows lie in.
#[derive(Debug, Default)]
pub(super) struct Covered<'a> {
    packages: HashSet<&'a str>,
}

impl<'a> Covered<'a> {
    /// From the files of the rows. A threshold above that of warm loops says nothing about loops without a row.
    pub(super) fn by(threshold_pct: f64, modules: impl Iterator<Item = &'a str>) -> Self {
        let modules = modules.filter(|m| threshold_pct <= rules::WARM_PCT && !m.is_empty());
        Self { packages: modules.map(package).collect() }
    }

    /// Whether a loop without a row in `source` was seen to be below the threshold.
    pub(super) fn cold(&self, source: &str, one: &Loop) -> bool {
        sees_every_loop(source, one.language) && self.packages.contains(package(&one.module))
    }
}

fn package(module: &str) -> &str {
    module.split("/src/").next().unwrap_or("")
}

/// What the primary source says about loops.
#[derive(Debug)]
pub(crate) struct Heat<'a> {
    source: &'a str,
    threshold_pct: f64,
    /// Self and inclusive share, percent.
    shares: HashMap<&'a str, (f64, f64)>,
    covered: Covered<'a>,
}

impl HotLoops {
    /// What the primary source says about loops.
    pub(crate) fn heat(&self) -> Heat<'_> {
        let rows = || self.rows.iter().filter(|r| r.source == self.primary);
        Heat {
            source: &self.primary,
            threshold_pct: self.threshold_pct,
            shares: rows().map(|r| (r.loop_id.as_str(), (r.self_pct, r.time_pct))).collect(),
            covered: Covered::by(self.threshold_pct, rows().map(|r| r.module.as_str())),
        }
    }
}

impl Heat<'_> {
    /// Sets a loop's status, evidence and priority; one about which the profile says nothing keeps its own.
    pub(crate) fn warm(&self, one: &mut Loop, register_bits: u32) {
        if let Some(&(own, whole)) = self.shares.get(one.loop_id.as_str()) {
            (one.status, one.evidence) = rules::with_heat(one, own, whole, register_bits);
            one.priority = Some(rules::priority(own));
        } else if self.covered.cold(self.source, one) {
            (one.status, one.evidence) = rules::without_row(one, self.threshold_pct, register_bits);
            one.priority = Some(rules::priority(0.0));
        }
    }
}
