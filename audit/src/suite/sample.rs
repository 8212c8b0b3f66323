//! A few cheap cases of a suite beside a case that is blocked: is the engine broken, or is it this case?

use super::outcome::CaseResult;
use super::run_case::{Bench, run_case};
use super::{Suite, file};
use crate::capture::Settings;
use crate::engines::Kind;
use crate::engines::render::{Conditions, Inherited};
use crate::exit::Result;
use crate::image_cache::Cache;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// The suite, beside `audit.toml`.
pub const SUITE: &str = "suites/parity.toml";

/// The form of [`Sample`].
pub const SCHEMA: &str = "bragg-audit/suite-sample/1";

/// Time for all cases together.
const BUDGET: Duration = Duration::from_secs(5);

/// Cases that are run at most.
const MOST: usize = 12;

/// What other cases say (`suite_sample.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// [`SCHEMA`].
    pub schema: String,
    /// Why nothing was run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<String>,
    /// Cases in the suite.
    pub cases: usize,
    /// The cases that were run, the cheapest first.
    pub run: Vec<Line>,
    /// Time for all of them, seconds.
    pub elapsed_s: f64,
    /// The limit of that time, seconds.
    pub budget_s: f64,
}

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// What it came to.
    pub result: CaseResult,
    /// Whether the reference's image was kept from an earlier run.
    pub reference_from_cache: bool,
}

impl Sample {
    fn skipped(why: String) -> Self {
        let (schema, budget_s) = (SCHEMA.into(), BUDGET.as_secs_f64());
        Self { schema, skipped: Some(why), cases: 0, run: Vec::new(), elapsed_s: 0.0, budget_s }
    }

    /// Cases that passed, and those that did not.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let passed = self.run.iter().filter(|l| l.result == CaseResult::Pass).count();
        (passed, self.run.len() - passed)
    }

    /// What follows from it, in a sentence.
    #[must_use]
    pub fn finding(&self) -> String {
        if let Some(why) = &self.skipped {
            return format!("Not asked: {why}.");
        }
        let of = format!(
            "{} of the {} cases of `{SUITE}` were run, the cheapest first, in {:.1} s (limit {:.0} s)",
            self.run.len(),
            self.cases,
            self.elapsed_s,
            self.budget_s
        );
        let names = |wanted: bool| {
            let list = self.run.iter().filter(|l| (l.result == CaseResult::Pass) == wanted);
            list.map(|l| format!("`{}`", l.name)).collect::<Vec<_>>().join(", ")
        };
        match self.counts() {
            (0, 0) => format!("Not known: {of}."),
            (_, 0) => format!(
                "**This case**: {of}, and all pass. The candidate computes other cases right, so what it does wrong here comes in with \
                 something that they do not have: an option, an input, a hidden file or variable, or arguments of one engine alone."
            ),
            (0, n) => format!(
                "**The engine**: {of}, and none passes ({n} blocked or failed). What is wrong is in what every case needs, so look at the \
                 simplest: {}.",
                names(false)
            ),
            (p, n) => format!(
                "**A part of the engine**: {of}; {p} pass and {n} do not. Blocked: {}. Passed: {}. What is wrong is something that the \
                 blocked ones share and the others lack.",
                names(false),
                names(true)
            ),
        }
    }
}

/// Runs cheap cases of the parity suite beside `root` by the engines of a blocked capture, each in an empty directory and without the
/// arguments that only one engine got.
///
/// # Errors
/// When a person interrupts.
pub fn sample(settings: &Settings, root: &Path, cache: Option<Cache>) -> Result<Sample> {
    let others = [&settings.reference, &settings.candidate].into_iter().find(|e| e.kind == Kind::Defined);
    if let Some(engine) = others {
        return Ok(Sample::skipped(format!(
            "`{SUITE}` has cases of nanoBragg, and `{}` is an engine of audit.toml; a suite of your own is run by `bragg-audit suite FILE`",
            engine.name()
        )));
    }
    let path = root.join(SUITE);
    if !path.is_file() {
        return Ok(Sample::skipped(format!("there is no {}", path.display())));
    }
    let suite = match file::read(&path, &settings.gates) {
        Ok(suite) => suite,
        Err(e) => return Ok(Sample::skipped(e.message)),
    };
    let bench = Bench {
        reference: settings.reference.clone(),
        candidate: settings.candidate.clone(),
        referee: None,
        conditions: Conditions {
            in_place: None,
            inherited: Inherited::Allowed,
            environment: Vec::new(),
            ..settings.conditions.clone()
        },
        cache,
    };
    run(bench, &suite)
}

fn run(mut bench: Bench, suite: &Suite) -> Result<Sample> {
    let start = Instant::now();
    let mut order: Vec<_> = suite.cases.iter().collect();
    order.sort_by(|a, b| a.need().cost.total_cmp(&b.need().cost));
    // the cheapest of each group first: cases of one group look at the same thing
    let rank = |i: usize| order[..i].iter().filter(|c| c.group == order[i].group).count();
    let mut places: Vec<usize> = (0..order.len()).collect();
    places.sort_by_key(|i| rank(*i));
    let mut sample = Sample { skipped: None, cases: order.len(), ..Sample::skipped(String::new()) };
    for i in places {
        let left = BUDGET.saturating_sub(start.elapsed());
        if left.is_zero() || sample.run.len() == MOST {
            break;
        }
        let mut case = order[i].clone();
        case.time_limit_s = None;
        // each engine runs twice
        bench.conditions.limits.time = (left / 4).max(Duration::from_secs(1));
        let outcome = match run_case(&bench, suite, &case) {
            Ok(outcome) => outcome,
            Err(e) => {
                crate::interrupt::check()?;
                sample.skipped = Some(e.message);
                break;
            }
        };
        // a run that this budget stopped says nothing of the engine
        let stopped = outcome.result == CaseResult::EngineFailed
            && outcome.wall_s >= bench.conditions.limits.time.as_secs_f64();
        if outcome.result == CaseResult::NotRun || stopped || start.elapsed() > BUDGET {
            continue; // input files that are not here, or no time left
        }
        let (name, group) = (outcome.name, outcome.group);
        let reference_from_cache = outcome.reference_from_cache;
        sample.run.push(Line { name, group, result: outcome.result, reference_from_cache });
    }
    sample.elapsed_s = start.elapsed().as_secs_f64();
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_follow_from_the_counts() {
        let sample = |results: &[CaseResult]| Sample {
            skipped: None,
            run: results
                .iter()
                .enumerate()
                .map(|(i, r)| Line {
                    name: format!("case-{i}"),
                    group: String::new(),
                    result: *r,
                    reference_from_cache: false,
                })
                .collect(),
            ..Sample::skipped(String::new())
        };
        use CaseResult::{Blocked, EngineFailed, Pass};
        assert!(sample(&[Pass, Pass]).finding().starts_with("**This case**"));
        assert!(sample(&[Blocked, EngineFailed]).finding().starts_with("**The engine**"));
        let part = sample(&[Pass, Blocked]).finding();
        assert!(part.starts_with("**A part") && part.contains("Blocked: `case-1`"), "{part}");
        assert!(sample(&[]).finding().starts_with("Not known"));
        assert_eq!(Sample::skipped("no".into()).finding(), "Not asked: no.");
    }
}
