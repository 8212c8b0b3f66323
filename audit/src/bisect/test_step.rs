//! The test of one commit: build it, run its engine, compare with the reference.

use crate::capture::Settings;
use crate::diagnose::lab::{Lab, Recipe, Role};
use crate::engines::definition::Definition;
use crate::engines::process::{self, Ending, Limits};
use crate::engines::{Engine, Kind};
use crate::exit::{AuditError, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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

/// Where the candidate of a commit comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The same for every commit: what the build command makes is put somewhere else.
    Fixed,
    /// A nanoBragg at this path in the tree.
    Program(PathBuf),
    /// One that `audit.toml` defines; what its command names in the repository is taken from the tree.
    Defined(Box<Defined>),
}

/// See [`Source::Defined`].
#[derive(Clone, Debug)]
pub struct Defined {
    /// Its name.
    pub name: String,
    /// What `audit.toml` says of it.
    pub definition: Definition,
    /// The repository.
    pub repository: PathBuf,
    /// The folder of `audit.toml`, relative to the repository where it lies there.
    pub folder: PathBuf,
    /// Another executable in place of the command's first word, relative to the tree.
    pub program: Option<PathBuf>,
}

impl Defined {
    /// The engine of a tree.
    ///
    /// # Errors
    /// When its program is not there.
    fn of(&self, tree: &Path) -> Result<Engine> {
        let mut definition = self.definition.clone();
        let inside = |word: &mut String| {
            if let Ok(rest) = Path::new(word.as_str()).strip_prefix(&self.repository) {
                *word = tree.join(rest).to_string_lossy().into_owned();
            }
        };
        definition.command.iter_mut().for_each(inside);
        definition.version.iter_mut().for_each(inside);
        if let (Some(program), Some(first)) = (&self.program, definition.command.first_mut()) {
            *first = tree.join(program).to_string_lossy().into_owned();
        }
        let all = BTreeMap::from([(self.name.clone(), definition)]);
        Engine::find(&self.name, &all, &tree.join(&self.folder))
    }
}

impl Source {
    /// Where the commits of `repository` have their candidate: `program` in the tree, or the place of `candidate` there.
    ///
    /// # Errors
    /// When the candidate is this executable, which no commit changes.
    pub fn of(candidate: &Engine, program: Option<PathBuf>, repository: &Path) -> Result<Self> {
        let place = candidate.identity.program.strip_prefix(repository).map(Path::to_owned).ok();
        match (program.or(place), candidate.kind) {
            (Some(path), _) => Ok(Self::Program(path)),
            (None, Kind::Rust | Kind::C) => Err(AuditError::usage(format!(
                "--program: the candidate `{}` is built into this program and the same at every commit: name the executable that --build makes",
                candidate.name()
            ))),
            (None, _) => Ok(Self::Fixed),
        }
    }
}

/// Builds and tests work trees.
pub struct Tester<'a> {
    lab: Lab<'a>,
    recipe: Recipe,
    build: Vec<OsString>,
    source: Source,
    limits: Limits,
}

impl<'a> Tester<'a> {
    /// A tester of the case of `settings`. `build` are the words of the build command (none: nothing is built).
    #[must_use]
    pub fn new(
        lab: Lab<'a>,
        settings: &Settings,
        build: Vec<OsString>,
        source: Source,
        limits: Limits,
    ) -> Self {
        let case = settings.case.sized(settings.sizes.first().copied().flatten());
        let own = [settings.reference_args.clone(), settings.candidate_args.clone()];
        let recipe = Recipe { args: case.args, size: case.size, own, place: None, environment: None };
        Self { lab, recipe, build, source, limits }
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
        let candidate = match &self.source {
            Source::Fixed => Ok(self.lab.engine(Role::Candidate).clone()),
            Source::Program(program) => Engine::resolve(&format!("c:{}", tree.join(program).display())),
            Source::Defined(defined) => defined.of(tree),
        };
        let candidate = match candidate {
            Ok(engine) => engine,
            Err(e) => return Ok(Step::Untestable(e.message)),
        };
        let reference = match self.lab.shot(Role::Reference, &self.recipe, 0)? {
            Ok(shot) => shot,
            Err(why) => return Err(AuditError::failed("the reference", why)),
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
