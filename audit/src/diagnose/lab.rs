//! The laboratory: runs the two engines under conditions that an experiment chooses, remembers what they gave, and
//! watches the budget.

use super::model::Trial;
use crate::capture::Settings;
use crate::capture::compare;
use crate::engines::Engine;
use crate::engines::render::{self, Conditions, Extras, Inherited};
use crate::exit::{AuditError, Exit, Result};
use crate::formats::{Array2, Shape};
use crate::gates::{self, Verdict};
use crate::metrics::Comparison;
use crate::progress::Progress;
use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Which of the two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What is believed.
    Reference,
    /// What has to prove itself.
    Candidate,
}

impl Role {
    /// Both, the believed one first.
    pub const BOTH: [Self; 2] = [Self::Reference, Self::Candidate];

    /// The word for reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Candidate => "candidate",
        }
    }
}

/// What one run is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// Arguments both engines get.
    pub args: Vec<OsString>,
    /// The image's edge, asked for in each engine's own words.
    pub size: Option<u32>,
    /// Arguments of one's own: the reference's, the candidate's.
    pub own: [Vec<OsString>; 2],
    /// Run in a copy of this directory instead of an empty one.
    pub place: Option<super::place::Staged>,
    /// Exactly these environment variables instead of the allowed ones.
    pub environment: Option<Vec<(OsString, OsString)>>,
}

/// What an engine gave.
#[derive(Debug)]
pub struct Shot {
    /// The image, slow axis major; empty when none could be read.
    pub image: Vec<f32>,
    /// Why there is no image.
    pub problem: Option<String>,
    /// Pixels along fast and slow, where they are known.
    pub shape: Option<(usize, usize)>,
    /// Its standard output and standard error.
    pub log: String,
    /// The command line, ready to paste.
    pub command: String,
}

/// What a comparison of the pair gave.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every gate passes.
    Agree(Comparison),
    /// A gate blocks.
    Disagree(Comparison),
    /// There is nothing to compare: shapes, non-finite values, no image.
    Incomparable(String),
    /// An engine failed.
    Failed(String),
}

impl Outcome {
    /// Whether every gate passed.
    #[must_use]
    pub fn agrees(&self) -> bool {
        matches!(self, Self::Agree(_))
    }
    /// Whether the pair was compared and blocked, or could not be compared.
    #[must_use]
    pub fn disagrees(&self) -> bool {
        matches!(self, Self::Disagree(_) | Self::Incomparable(_))
    }
    /// One line about it.
    #[must_use]
    pub fn text(&self) -> String {
        let figures = |c: &Comparison| {
            let r = c.correlation.map_or("undefined".into(), |r| format!("{r:.6}"));
            let s = c.sum_ratio.map_or("undefined".into(), |s| format!("{s:.6}"));
            format!("correlation {r}, sum ratio {s}")
        };
        match self {
            Self::Agree(c) => format!("agree ({})", figures(c)),
            Self::Disagree(c) => format!("disagree ({})", figures(c)),
            Self::Incomparable(why) => format!("cannot be compared: {why}"),
            Self::Failed(why) => format!("an engine fails: {why}"),
        }
    }
}

/// The laboratory.
pub struct Lab<'a> {
    /// What is being diagnosed.
    pub settings: &'a Settings,
    /// When the budget is spent.
    pub deadline: Instant,
    /// Runs of an engine so far.
    pub runs: usize,
    /// What was tried, in order.
    pub trials: Vec<Trial>,
    progress: &'a Progress,
    started: Instant,
    shots: HashMap<(Role, Recipe, usize), std::result::Result<Rc<Shot>, String>>,
}

impl<'a> Lab<'a> {
    /// A laboratory with a budget.
    #[must_use]
    pub fn new(settings: &'a Settings, budget: Duration, progress: &'a Progress) -> Self {
        let started = Instant::now();
        Self {
            settings,
            deadline: started + budget,
            runs: 0,
            trials: Vec::new(),
            progress,
            started,
            shots: HashMap::new(),
        }
    }

    /// Whether there is time for another run.
    #[must_use]
    pub fn has_time(&self) -> bool {
        Instant::now() < self.deadline
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Notes what an experiment found.
    pub fn note(&mut self, experiment: &str, found: impl Into<String>) {
        let found = found.into();
        self.progress.step(experiment);
        self.trials.push(Trial {
            experiment: experiment.into(),
            found,
            at_s: self.elapsed(),
            runs: self.runs,
        });
    }

    /// The engine in a role.
    #[must_use]
    pub fn engine(&self, role: Role) -> &'a Engine {
        match role {
            Role::Reference => &self.settings.reference,
            Role::Candidate => &self.settings.candidate,
        }
    }

    /// Runs one engine, or remembers what it gave under the same conditions. `turn` tells repetitions apart.
    ///
    /// # Errors
    /// Only when a person interrupts; an engine that fails is a finding, not an error.
    pub fn shot(
        &mut self,
        role: Role,
        recipe: &Recipe,
        turn: usize,
    ) -> Result<std::result::Result<Rc<Shot>, String>> {
        let key = (role, recipe.clone(), turn);
        if let Some(known) = self.shots.get(&key) {
            return Ok(known.clone());
        }
        let taken = self.take(self.engine(role), recipe, &recipe.own[role as usize])?.map(Rc::new);
        self.shots.insert(key, taken.clone());
        Ok(taken)
    }

    /// Runs any engine once.
    ///
    /// # Errors
    /// Only when a person interrupts.
    pub fn take(
        &mut self,
        engine: &Engine,
        recipe: &Recipe,
        own: &[OsString],
    ) -> Result<std::result::Result<Shot, String>> {
        crate::interrupt::check()?;
        self.runs += 1;
        let copy = match &recipe.place {
            Some(place) => Some(super::place::copy(place)?),
            None => None,
        };
        let mut case = self.settings.case.clone();
        case.args.clone_from(&recipe.args);
        case.size = recipe.size;
        let conditions = conditions(self.settings, recipe, copy.as_ref());
        let run = match render::render(engine, &case, own, &Extras::default(), &conditions) {
            Ok(run) => run,
            Err(e) if e.exit == Exit::EngineFailed => {
                return Ok(Err(e.message.lines().next().unwrap_or_default().to_owned()));
            }
            Err(e) => return Err(e),
        };
        let (image, problem, told) = match run.read_flat() {
            Ok(image) => {
                let shape = run.shape.map(|s| (s.width, s.height));
                (
                    (0..image.len()).map(|i| image.get(i) as f32).collect(),
                    None,
                    shape.or(Some((image.shape().width, image.shape().height))),
                )
            }
            Err(e) => (Vec::new(), Some(format!("{}: {e}", engine.name())), None),
        };
        let log = run.log();
        let told = told.filter(|(_, height)| *height > 1);
        let shape = told.or_else(|| super::parameters::shape(&log)).or_else(|| square(image.len()));
        let shape = shape.filter(|(f, s)| f * s == image.len() && f * s > 0);
        Ok(Ok(Shot { image, problem, shape, log, command: run.command.clone() }))
    }

    /// Runs the pair and puts it through the gates.
    ///
    /// # Errors
    /// Only when a person interrupts.
    pub fn pair(&mut self, recipe: &Recipe) -> Result<Outcome> {
        let (a, b) = (self.shot(Role::Reference, recipe, 0)?, self.shot(Role::Candidate, recipe, 0)?);
        Ok(match (a, b) {
            (Ok(a), Ok(b)) => self.judge(&a, &b),
            (Err(e), _) | (_, Err(e)) => Outcome::Failed(e),
        })
    }

    /// Puts two images through the gates.
    #[must_use]
    pub fn judge(&self, a: &Shot, b: &Shot) -> Outcome {
        if let Some(problem) = a.problem.as_ref().or(b.problem.as_ref()) {
            return Outcome::Incomparable(problem.clone());
        }
        let shape = a.shape.or(b.shape).unwrap_or((a.image.len(), 1));
        judge(&self.settings.gates, &a.image, &b.image, shape)
    }
}

/// Where and how a recipe's run takes place.
pub(super) fn conditions(
    settings: &Settings,
    recipe: &Recipe,
    copy: Option<&super::place::Copy>,
) -> Conditions {
    Conditions {
        in_place: copy.map(super::place::Copy::work),
        inherited: recipe.environment.clone().map_or(Inherited::Allowed, Inherited::Exactly),
        ..settings.conditions.clone()
    }
}

/// Puts two images of one shape (pixels along fast and slow) through gates.
#[must_use]
pub fn judge(limits: &[gates::Gate], a: &[f32], b: &[f32], (width, height): (usize, usize)) -> Outcome {
    if a.len() != b.len() {
        return Outcome::Incomparable(format!(
            "{} values in the reference, {} in the candidate",
            a.len(),
            b.len()
        ));
    }
    let array = |v: &[f32]| Array2::from_f32(v, Shape::new(width, height)).map_err(|e| e.to_string());
    let compared = array(a).and_then(|a| compare::compare(&a, &array(b)?, limits));
    match compared {
        Ok((comparison, Verdict::Pass, _)) => Outcome::Agree(comparison),
        Ok((comparison, Verdict::Blocked, _)) => Outcome::Disagree(comparison),
        Ok((comparison, Verdict::NotComparable, _)) => Outcome::Incomparable(format!(
            "NaN or infinite values: {} in the reference, {} in the candidate",
            comparison.reference_non_finite, comparison.candidate_non_finite
        )),
        Err(e) => Outcome::Incomparable(e),
    }
}

/// The number of values that differ in their bits; the larger length where the lengths differ.
#[must_use]
pub fn differing(a: &[f32], b: &[f32]) -> usize {
    if a.len() != b.len() {
        return a.len().max(b.len());
    }
    a.iter().zip(b).filter(|(x, y)| x.to_bits() != y.to_bits()).count()
}

fn square(pixels: usize) -> Option<(usize, usize)> {
    let edge = pixels.isqrt();
    (edge * edge == pixels).then_some((edge, edge))
}

/// An error of the audit's own while it prepares an experiment.
pub(super) fn failed(what: impl std::fmt::Display, e: impl std::fmt::Display) -> AuditError {
    AuditError::failed(what, e)
}
