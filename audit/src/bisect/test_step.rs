//! The test of one commit: build it, run its engine, compare with the reference.

use crate::capture::Settings;
use crate::diagnose::lab::{Lab, Recipe, Role};
use crate::engines::Engine;
use crate::engines::process::{self, Ending, Limits};
use crate::exit::Result;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What one run says.
pub enum Step {
    /// The images were compared.
    Compared {
        /// Whether the gates passed.
        passed: bool,
        /// In words.
        outcome: String,
        /// Hash of the candidate's image.
        image: String,
    },
    /// There is no engine, or it fails.
    Untestable(String),
}

/// Builds and tests work trees.
pub struct Tester<'a> {
    lab: Lab<'a>,
    recipe: Recipe,
    build: Vec<OsString>,
    program: Option<PathBuf>,
    limits: Limits,
}

impl<'a> Tester<'a> {
    /// A tester of the case of `settings`. `build` are the words of the build command (none: nothing is built), `program` the
    /// candidate's executable relative to the tree (none: the candidate of `settings`).
    #[must_use]
    pub fn new(
        lab: Lab<'a>,
        settings: &Settings,
        build: Vec<OsString>,
        program: Option<PathBuf>,
        limits: Limits,
    ) -> Self {
        let case = settings.case.sized(settings.sizes.first().copied().flatten());
        let own = [settings.reference_args.clone(), settings.candidate_args.clone()];
        let recipe = Recipe { args: case.args, size: case.size, own, place: None, environment: None };
        Self { lab, recipe, build, program, limits }
    }

    /// Builds what stands in `tree`; why it cannot be built.
    ///
    /// # Errors
    /// When a person interrupts.
    pub fn build(&mut self, tree: &Path) -> Result<Option<String>> {
        let Some((program, args)) = self.build.split_first() else { return Ok(None) };
        // `./build` and `sub/build` are the tree's own; a plain name is looked for in PATH
        let named = Path::new(program);
        let program = if named.components().count() > 1 && named.is_relative() {
            tree.join(named)
        } else {
            named.to_owned()
        };
        let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let ended = process::run(&program, args, tree, &environment, &self.limits);
        crate::interrupt::check()?;
        Ok(match ended {
            Err(e) => Some(format!("{}: {e}", program.display())),
            Ok(e) if e.ending == Ending::Exited(0) => None,
            Ok(e) => {
                let all = format!("{}{}", e.stdout, e.stderr);
                let last = all.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("").trim().to_owned();
                Some(format!("the build {:?}: {last}", e.ending))
            }
        })
    }

    /// Runs the case once with the engine of `tree`, and compares.
    ///
    /// # Errors
    /// When the reference fails, or a person interrupts.
    pub fn run(&mut self, tree: &Path) -> Result<Step> {
        let candidate = match &self.program {
            None => self.lab.engine(Role::Candidate).clone(),
            Some(program) => match Engine::resolve(&format!("c:{}", tree.join(program).display())) {
                Ok(engine) => engine,
                Err(e) => return Ok(Step::Untestable(e.message)),
            },
        };
        let reference = match self.lab.shot(Role::Reference, &self.recipe, 0)? {
            Ok(shot) => shot,
            Err(why) => return Err(crate::exit::AuditError::failed("the reference", why)),
        };
        let recipe = self.recipe.clone();
        let own = recipe.own[Role::Candidate as usize].clone();
        let shot = match self.lab.take(&candidate, &recipe, &own)? {
            Ok(shot) => shot,
            Err(why) => return Ok(Step::Untestable(why)),
        };
        if let Some(why) = &shot.problem {
            return Ok(Step::Untestable(why.clone()));
        }
        let outcome = self.lab.judge(&reference, &shot);
        let mut hash = Sha256::new();
        for value in &shot.image {
            hash.update(value.to_bits().to_le_bytes());
        }
        let image = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Step::Compared { passed: outcome.agrees(), outcome: outcome.text(), image })
    }
}
