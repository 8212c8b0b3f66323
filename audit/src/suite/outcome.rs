//! What became of a case, and what that means for the suite.

use super::{Expected, SuiteCase, expectation};
use crate::capture::referee::Opinion;
use crate::exit::Exit;
use crate::gates::{self, Loosened};
use crate::metrics::Comparison;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseResult {
    /// The gates pass.
    Pass,
    /// A gate blocks.
    Blocked,
    /// There is nothing to compare.
    NotComparable,
    /// An engine failed or broke a limit.
    EngineFailed,
    /// It was not run: an input is not there.
    NotRun,
}

impl CaseResult {
    /// The result as people read it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Blocked => "BLOCKED",
            Self::NotComparable => "NOT COMPARABLE",
            Self::EngineFailed => "ENGINE FAILED",
            Self::NotRun => "NOT RUN",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Pass | Self::NotRun => Exit::Pass,
            Self::Blocked => Exit::Blocked,
            Self::NotComparable => Exit::NotComparable,
            Self::EngineFailed => Exit::EngineFailed,
        }
    }
}

/// The record of one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The case's name.
    pub name: String,
    /// Cases that belong together.
    pub group: String,
    /// Its arguments, ready to paste.
    pub args: String,
    /// Edge of the image, where it was set apart from the arguments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u32>,
    /// What it came to.
    pub result: CaseResult,
    /// What it was expected to come to.
    pub expected: Expected,
    /// Why it is not expected to pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Until when that is accepted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<String>,
    /// Whether the suite is content with it.
    pub accepted: bool,
    /// What nobody expected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub news: Option<String>,
    /// Why there is nothing to compare.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// The numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<Comparison>,
    /// The gates with their values.
    pub gates: Vec<gates::Outcome>,
    /// The self-test of the gates by mutants.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub self_test: Option<crate::mutants::SelfTest>,
    /// What the third engine says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opinion: Option<Opinion>,
    /// Wall-clock time of everything that the case took, seconds. No engine's speed: cases run side by side.
    pub wall_s: f64,
    /// Whether the reference's image came from the cache.
    pub reference_from_cache: bool,
    /// What the engines said, of a case that did not pass.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub log: String,
}

impl Outcome {
    /// A record without numbers.
    #[must_use]
    pub fn bare(case: &SuiteCase, result: CaseResult, problem: Option<String>) -> Self {
        Self {
            name: case.name.clone(),
            group: case.group.clone(),
            args: crate::case::paste(&case.args),
            size: case.size,
            result,
            expected: case.expected,
            reason: case.reason.clone(),
            expires: case.expires.clone(),
            accepted: false,
            news: None,
            problem,
            comparison: None,
            gates: Vec::new(),
            self_test: None,
            opinion: None,
            wall_s: 0.0,
            reference_from_cache: false,
            log: String::new(),
        }
    }

    /// Holds the result against what was expected, on this day.
    pub fn settle(&mut self, today: Date) {
        let (reason, expires) = (self.reason.as_deref(), self.expires.as_deref());
        let settled = expectation::settle(self.result, self.expected, reason, expires, today);
        (self.accepted, self.news) = (settled.accepted, settled.news);
    }

    /// The gates of this case that let more through than those that ship.
    #[must_use]
    pub fn loosened(&self) -> Vec<Loosened> {
        gates::loosened(&self.gates.iter().map(|o| o.gate.clone()).collect::<Vec<_>>())
    }
}

/// The exit status of a suite: the worst of what was not accepted. Where nothing was run there is nothing to compare.
#[must_use]
pub fn exit(outcomes: &[Outcome]) -> Exit {
    if outcomes.iter().all(|o| o.result == CaseResult::NotRun) {
        return Exit::NotComparable;
    }
    let open = outcomes.iter().filter(|o| !o.accepted);
    // one that passes against expectation breaks the suite's promise as much as one that blocks
    let exits = open.map(|o| if o.result == CaseResult::Pass { Exit::Blocked } else { o.result.exit() });
    exits.max_by_key(|e| e.code()).unwrap_or(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(result: CaseResult, expected: Expected, expires: Option<&str>) -> Outcome {
        let case = SuiteCase {
            name: "x".into(),
            group: String::new(),
            args: Vec::new(),
            size: None,
            inputs: Vec::new(),
            environment: Vec::new(),
            gates: Vec::new(),
            expected,
            reason: Some("known".into()),
            expires: expires.map(str::to_owned),
            cost: None,
            memory_mb: None,
            time_limit_s: None,
        };
        let mut outcome = Outcome::bare(&case, result, None);
        outcome.settle("2027-05-05".parse().unwrap());
        outcome
    }

    #[test]
    fn flips_are_news_both_ways() {
        use CaseResult as R;
        use Expected as E;
        for (result, expected, expires, accepted, news, code) in [
            (R::Pass, E::Pass, None, true, "", 0),
            (R::Blocked, E::Pass, None, false, "expected to pass", 3),
            (R::EngineFailed, E::Pass, None, false, "ENGINE FAILED", 5),
            (R::NotComparable, E::Pass, None, false, "NOT COMPARABLE", 4),
            (R::Blocked, E::Blocked, Some("2027-05-05"), true, "", 0),
            (R::Pass, E::Blocked, Some("2027-05-05"), false, "and is PASS", 3),
            (R::EngineFailed, E::Blocked, Some("2027-05-05"), false, "ENGINE FAILED", 5),
            (R::Blocked, E::Blocked, Some("2027-05-04"), false, "expired on 2027-05-04", 3),
            (R::Pass, E::Blocked, Some("2027-05-04"), true, "can go", 0),
            (R::NotRun, E::Pass, None, true, "", 4),
        ] {
            let o = outcome(result, expected, expires);
            assert_eq!(o.accepted, accepted, "{o:?}");
            assert!(
                o.news.clone().unwrap_or_default().contains(news) && o.news.is_some() != news.is_empty(),
                "{o:?}"
            );
            assert_eq!(exit(&[o]).code(), code);
        }
        let both = [outcome(R::EngineFailed, E::Pass, None), outcome(R::Blocked, E::Pass, None)];
        assert_eq!(exit(&both), Exit::EngineFailed);
    }
}
