//! One case of a suite: inputs, self-check, comparison, and the third engine where the two disagree.

use super::outcome::{CaseResult, Outcome};
use super::{Suite, SuiteCase};
use crate::capture::compare::judge;
use crate::capture::referee::{self, Opinion};
use crate::capture::self_check::differing;
use crate::case::{self, Case};
use crate::engines::Engine;
use crate::engines::render::{self, Conditions, Extras, Rendered};
use crate::exit::{AuditError, Exit, Result};
use crate::formats::{Array2, Shape};
use crate::gates::Verdict;
use crate::image_cache::Cache;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What all cases of a suite share.
pub struct Bench {
    /// What is believed.
    pub reference: Engine,
    /// What has to prove itself.
    pub candidate: Engine,
    /// Who is asked when the two disagree.
    pub referee: Option<Engine>,
    /// Limits and threads.
    pub conditions: Conditions,
    /// Kept reference images.
    pub cache: Option<Cache>,
}

/// Characters of an engine's log that a record keeps.
const LOG: usize = 40_000;

/// Why a case came to an end before its images were compared.
enum End {
    Audit(AuditError),
    Case(CaseResult, String),
}

impl From<AuditError> for End {
    fn from(e: AuditError) -> Self {
        Self::Audit(e)
    }
}

/// Runs a case.
///
/// # Errors
/// What ends the whole suite: interruption, a wrong definition, a disk that is full. All else is an outcome.
pub fn run_case(bench: &Bench, suite: &Suite, case: &SuiteCase) -> Result<Outcome> {
    let start = Instant::now();
    let mut run = Run { bench, conditions: bench.conditions.clone(), log: String::new() };
    if let Some(s) = case.time_limit_s {
        run.conditions.limits.time = Duration::from_secs(s);
    }
    let mut outcome = match run.case(suite, case) {
        Ok(outcome) => outcome,
        Err(End::Case(result, problem)) => Outcome::bare(case, result, Some(problem)),
        Err(End::Audit(e)) if e.exit == Exit::EngineFailed => {
            Outcome::bare(case, CaseResult::EngineFailed, Some(e.message))
        }
        Err(End::Audit(e)) => return Err(e),
    };
    if outcome.result != CaseResult::Pass {
        outcome.log = cut(run.log);
    }
    outcome.wall_s = start.elapsed().as_secs_f64();
    Ok(outcome)
}

fn cut(log: String) -> String {
    match log.char_indices().nth(LOG) {
        Some((at, _)) => format!("{}\n[cut: {} bytes are left out here]\n", &log[..at], log.len() - at),
        None => log,
    }
}

/// The reference's image: kept, or just rendered.
enum Reference {
    Kept(Array2),
    Fresh(Box<Rendered>),
}

struct Run<'a> {
    bench: &'a Bench,
    conditions: Conditions,
    log: String,
}

impl Run<'_> {
    fn case(&mut self, suite: &Suite, wanted: &SuiteCase) -> std::result::Result<Outcome, End> {
        let bench = self.bench;
        let mut engines = vec![&bench.reference, &bench.candidate];
        engines.extend(&bench.referee);
        let case = prepare(suite, wanted, &engines).map_err(|why| End::Case(CaseResult::NotRun, why))?;
        let key = bench.cache.as_ref().and_then(|c| c.key(&bench.reference, &case, &[], &self.conditions));
        let kept = bench.cache.as_ref().zip(key.as_ref()).and_then(|(cache, key)| cache.get(key));
        let mut again = None;
        let reference = match kept {
            Some(image) => Reference::Kept(image), // it was the same twice when it was kept
            None => {
                let (first, second) = self.twice("reference", &bench.reference, &case, key.is_some())?;
                again = second;
                Reference::Fresh(Box::new(first))
            }
        };
        let (candidate, _) = self.twice("candidate", &bench.candidate, &case, false)?;
        let unreadable = |who: &Engine, e: &dyn std::fmt::Display| {
            End::Case(CaseResult::NotComparable, format!("{}: {e}", who.name()))
        };
        let (a, cached) = match reference {
            Reference::Kept(image) => (image, true),
            Reference::Fresh(run) => {
                let image = run.read(candidate.shape).map_err(|e| unreadable(&bench.reference, &e))?;
                if let (Some(cache), Some(key), Some(again)) = (&bench.cache, &key, &again) {
                    cache.put(key, &run, again, Some(image.shape()));
                }
                (image, false)
            }
        };
        let b = candidate.read(Some(a.shape())).map_err(|e| unreadable(&bench.candidate, &e))?;
        let mut outcome = Outcome::bare(wanted, CaseResult::Pass, None);
        outcome.reference_from_cache = cached;
        match judge(&a, &b, &wanted.gates) {
            Ok((judged, _)) => {
                outcome.result = match judged.verdict {
                    Verdict::Pass => CaseResult::Pass,
                    Verdict::Blocked => CaseResult::Blocked,
                    Verdict::NotComparable => CaseResult::NotComparable,
                };
                outcome.problem = judged.problem;
                outcome.self_test = judged.self_test;
                (outcome.comparison, outcome.gates) = (Some(judged.comparison), judged.gates);
            }
            Err(problem) => {
                outcome.result = CaseResult::NotComparable;
                outcome.problem = Some(problem);
            }
        }
        if outcome.result != CaseResult::Pass
            && let Some(third) = &bench.referee
        {
            outcome.opinion = Some(self.ask(third, &case, &a, &b, &wanted.gates)?);
        }
        Ok(outcome)
    }

    /// One run, in the log whatever becomes of it.
    fn render(
        &mut self,
        engine: &Engine,
        case: &Case,
        watch_files: bool,
    ) -> std::result::Result<Rendered, End> {
        let extras = Extras { watch_files, ..Extras::default() };
        let mut run = render::attempt(engine, case, &[], &extras, &self.conditions)?;
        if watch_files && run.may_fare_better_alone() {
            run = render::attempt(engine, case, &[], &Extras::default(), &self.conditions)?;
        }
        let _ = writeln!(self.log, "== {}\n$ {}\n{:?}", engine.name(), run.command, run.ended.ending);
        let _ = writeln!(
            self.log,
            "-- standard output\n{}-- standard error\n{}",
            run.ended.stdout, run.ended.stderr
        );
        match &run.failure {
            None => Ok(run),
            Some(failure) => Err(End::Case(CaseResult::EngineFailed, failure.clone())),
        }
    }

    /// The case rendered once, after the engine was held against itself: at full size (the second run comes along), or at
    /// a smaller one where the case is large.
    fn twice(
        &mut self,
        role: &str,
        engine: &Engine,
        case: &Case,
        watch: bool,
    ) -> std::result::Result<(Rendered, Option<Rendered>), End> {
        let small = case.reduced();
        let reduced = small.size != case.size;
        // what is to be kept must have been the same twice at its own size
        let check = if reduced && !watch { &small } else { case };
        let first = self.render(engine, check, watch)?;
        let second = self.render(engine, check, false)?;
        match differing(&first, &second) {
            Ok((0, _)) => {}
            Ok((n, of)) => {
                let why = format!("the {role} {} differs from itself in {n} of {of} values", engine.name());
                return Err(End::Case(CaseResult::NotComparable, why));
            }
            Err(e) => {
                return Err(End::Case(CaseResult::NotComparable, format!("{role} {}: {e}", engine.name())));
            }
        }
        if reduced && !watch {
            Ok((self.render(engine, case, false)?, None))
        } else {
            Ok((first, Some(second)))
        }
    }

    fn ask(
        &mut self,
        third: &Engine,
        case: &Case,
        a: &Array2,
        b: &Array2,
        gates: &[crate::gates::Gate],
    ) -> Result<Opinion> {
        let names = [third.name(), self.bench.reference.name(), self.bench.candidate.name()];
        let image = match self.render(third, case, false) {
            Ok(run) => run.read(Some(shape_of(a))).map_err(|e| e.to_string()),
            Err(End::Case(_, why)) => Err(why.lines().next().unwrap_or_default().to_owned()),
            Err(End::Audit(e)) if e.exit == Exit::EngineFailed => Err(e.message),
            Err(End::Audit(e)) => return Err(e),
        };
        Ok(referee::weigh(names, image.as_ref().map_err(Clone::clone), a, b, gates))
    }
}

fn shape_of(image: &Array2) -> Shape {
    image.shape()
}

/// The case with its inputs found, or why it cannot be run.
fn prepare(suite: &Suite, wanted: &SuiteCase, engines: &[&Engine]) -> std::result::Result<Case, String> {
    let find = |path: &Path| -> Option<PathBuf> {
        let places = suite.input_dirs.iter().map(|dir| dir.join(path));
        places.into_iter().find(|p| p.is_file())
    };
    let looked = || {
        let dirs: Vec<String> = suite.input_dirs.iter().map(|d| d.display().to_string()).collect();
        dirs.join(", ")
    };
    let missing = |path: &Path| format!("input {} is not there (looked in {})", path.display(), looked());
    let options = case::options_of(engines);
    let args = options.resolve(&wanted.args, find).map_err(|path| missing(&path))?;
    let mut extra = Vec::new();
    for path in &wanted.inputs {
        extra.push(find(path).ok_or_else(|| missing(path))?);
    }
    for engine in engines {
        for path in &engine.definition.inputs {
            let path = engine.root.join(path);
            if !extra.contains(&path) {
                extra.push(path);
            }
        }
    }
    let mut case = Case::with(&wanted.name, args, options, extra).map_err(|e| e.message)?;
    case.size = wanted.size;
    case.environment = wanted.environment.iter().map(|(k, v)| (k.into(), v.into())).collect();
    Ok(case)
}
