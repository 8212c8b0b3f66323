//! Engines: programs that render a case. Two are built in (this executable runs itself as their process, so that
//! one command needs nothing else); any nanoBragg binary can take the place of the C engine, and `audit.toml` defines
//! any other program that writes an array.

pub mod definition;
mod family;
pub mod guardian;
mod inherited;
pub mod observed;
pub mod process;
pub mod render;
pub mod run_dir;
pub mod template;

use crate::exit::{AuditError, Result};
use crate::formats::Format;
use crate::hash;
use definition::{Definition, LogPatterns, Pattern, ShapeRule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hidden subcommand by which this executable becomes an engine's process.
pub const CHILD_COMMAND: &str = "__engine";

/// The engines that need no definition; any other nanoBragg binary is `c:PATH`.
pub const BUILT_IN: [&str; 4] = ["rust", "rust-f32", "rust-reference", "c"];

/// Outputs that nanoBragg writes by default and that no comparison needs.
const QUIET: [&str; 3] = ["-nonoise", "-nopgm", "-noprogress"];

/// What kind of program an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Rust engine of the library `nanobragg`.
    Rust,
    /// The bundled C engine.
    C,
    /// Some program with nanoBragg's command line.
    Program,
    /// A program that `audit.toml` defines.
    Defined,
}

/// Who rendered: enough to tell later whether two runs used the same engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The name it was asked for by.
    pub name: String,
    /// The executable.
    #[serde(with = "crate::paths")]
    pub program: PathBuf,
    /// sha256 of the executable; of the list of hashes in `files` where the command names more files (a script).
    pub sha256: String,
    /// The version it tells, or its build's.
    pub version: Option<String>,
    /// Compiler and flags, where known.
    pub build: Option<String>,
    /// Hash of the sources it was built from, where known.
    pub source_hash: Option<String>,
    /// The executable and the other files that the command names, with their sha256; empty for one executable alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::paths")]
    pub files: Vec<(PathBuf, String)>,
}

impl Identity {
    /// Whether the engine is one of ours, or speaks nanoBragg's command line.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.name.as_str()) || self.name.starts_with("c:")
    }

    /// Those of its files that are not what they were, or gone.
    #[must_use]
    pub fn changed_files(&self) -> Vec<PathBuf> {
        let alone = [(self.program.clone(), self.sha256.clone())];
        let files = if self.files.is_empty() { &alone[..] } else { &self.files[..] };
        let changed = files.iter().filter(|(path, sum)| hash::file(path).ok().as_ref() != Some(sum));
        changed.map(|(path, _)| path.clone()).collect()
    }
}

/// An engine ready to run.
#[derive(Clone, Debug)]
pub struct Engine {
    /// What it is.
    pub kind: Kind,
    /// How it is called and what it tells; the command's first word is the program.
    pub definition: Definition,
    /// Who it is.
    pub identity: Identity,
    /// The folder that `{root}` and declared inputs start from.
    pub root: PathBuf,
}

impl Engine {
    /// Finds a built-in engine: `rust`, `rust-f32`, `rust-reference`, `c`, or `c:PATH` (a nanoBragg binary).
    ///
    /// # Errors
    /// An unknown name; a binary that does not exist or cannot be run.
    pub fn resolve(name: &str) -> Result<Self> {
        Self::find(name, &BTreeMap::new(), Path::new("."))
    }

    /// Finds the engine that `name` means: a built-in one, or one of `defined`, whose relative paths start at `root`.
    ///
    /// # Errors
    /// An unknown name; a program that does not exist or cannot be run.
    pub fn find(name: &str, defined: &BTreeMap<String, Definition>, root: &Path) -> Result<Self> {
        match name {
            "rust" => Self::built_in(name, Kind::Rust, &[]),
            "rust-f32" => Self::built_in(name, Kind::Rust, &["--dtype", "f32"]),
            "rust-reference" => Self::built_in(name, Kind::Rust, &["--engine", "rust-reference"]),
            "c" => Self::built_in(name, Kind::C, &[]),
            _ => match (defined.get(name), name.strip_prefix("c:")) {
                (Some(definition), _) => Self::defined(name, definition, root),
                (None, Some(path)) => Self::program(name, Path::new(path)),
                (None, None) => {
                    let mut known: Vec<&str> = BUILT_IN.to_vec();
                    known.push("c:PATH (a nanoBragg binary)");
                    known.extend(defined.keys().map(String::as_str));
                    Err(AuditError::usage(format!(
                        "unknown engine `{name}`: there are {}; define others as [engines.{name}] in audit.toml",
                        known.join(", ")
                    )))
                }
            },
        }
    }

    fn built_in(name: &str, kind: Kind, more: &[&str]) -> Result<Self> {
        use nanobragg::build_info as build;
        let program =
            std::env::current_exe().map_err(|e| AuditError::failed("finding this executable", e))?;
        let (word, compiler, source_hash) = match kind {
            Kind::C => ("c", format!("{} {}", build::C_COMPILER, build::C_FLAGS), build::C_SOURCE_HASH),
            _ => ("rust", format!("{} ({})", build::RUSTC, build::PROFILE), build::SOURCE_HASH),
        };
        let identity = Identity {
            name: name.into(),
            sha256: hash::file(&program).map_err(|e| AuditError::failed(program.display(), e))?,
            program,
            version: Some(build::VERSION.into()),
            build: Some(compiler),
            source_hash: Some(source_hash.into()),
            files: Vec::new(),
        };
        let definition = nanobragg_like(&[CHILD_COMMAND, word, "--"], more)?;
        Ok(Self { kind, definition, identity, root: PathBuf::from(".") })
    }

    fn program(name: &str, path: &Path) -> Result<Self> {
        let unusable = |why: &str| {
            AuditError::usage(format!(
                "{}: {why}; give --c-bin (or NB_C_BIN) the path of a nanoBragg binary",
                path.display()
            ))
        };
        let program = executable(path).map_err(|e| unusable(&e))?;
        let identity = Identity {
            name: name.into(),
            sha256: hash::file(&program).map_err(|e| unusable(&e.to_string()))?,
            program,
            version: None, // nanoBragg has no version option: the hash says which one it was
            build: None,
            source_hash: None,
            files: Vec::new(),
        };
        let mut definition = nanobragg_like(&[], &[])?;
        definition.threads_matter = true; // an unknown build may sum in any order
        Ok(Self { kind: Kind::Program, definition, identity, root: PathBuf::from(".") })
    }

    fn defined(name: &str, definition: &Definition, root: &Path) -> Result<Self> {
        let wrong = |why: String| AuditError::usage(format!("audit.toml [engines.{name}]: {why}"));
        definition.check().map_err(wrong)?;
        let root = std::path::absolute(root).map_err(|e| AuditError::failed(root.display(), e))?;
        let mut definition = definition.clone();
        for words in [&mut definition.command, &mut definition.version] {
            for (i, word) in words.iter_mut().enumerate() {
                *word = rooted(word, &root, i == 0);
            }
        }
        let first = definition.command.first().cloned().unwrap_or_default();
        // checked, and not resolved: what is called `.venv/bin/python` looks for its packages beside that name
        let named =
            || executable(Path::new(&first)).map(|found| std::path::absolute(&first).unwrap_or(found));
        let program = in_path(&first).ok_or(()).or_else(|()| named());
        let program = program.map_err(|e| wrong(format!("command: {first}: {e}")))?;
        let mut files = vec![program.clone()];
        files.extend(
            definition.command[1..].iter().map(PathBuf::from).filter(|p| p.is_absolute() && p.is_file()),
        );
        let hashed = files.into_iter().map(|path| {
            let sum = hash::file(&path).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
            Ok((path, sum))
        });
        let mut files = hashed.collect::<Result<Vec<_>>>()?;
        let mut sha256 = files[0].1.clone();
        if files.len() == 1 {
            files.clear();
        } else {
            let list: Vec<&str> = files.iter().map(|(_, sum)| sum.as_str()).collect();
            sha256 = hash::bytes(list.join("\n").as_bytes());
        }
        let version = version(&definition);
        let identity =
            Identity { name: name.into(), program, sha256, version, build: None, source_hash: None, files };
        Ok(Self { kind: Kind::Defined, definition, identity, root })
    }

    /// The name for tables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The options of this engine's command line that name input files, and whether their value must be one.
    #[must_use]
    pub fn input_options(&self) -> crate::case::InputOptions {
        match &self.definition.input_options {
            Some(names) => crate::case::InputOptions { names: names.clone(), strict: true },
            None => crate::case::InputOptions { strict: false, ..crate::case::InputOptions::nanobragg() },
        }
    }
}

/// The definition of a program with nanoBragg's command line: `before` precedes the case's words, `after` follows them.
fn nanobragg_like(before: &[&str], after: &[&str]) -> Result<Definition> {
    let mut command = vec!["nanoBragg"];
    command.extend(before);
    command.push("{args}");
    command.extend(after);
    command.extend(["-floatfile", "{out}"]);
    command.extend(QUIET);
    let pattern = |text: &str| Pattern::new(text).map_err(AuditError::usage);
    Ok(Definition {
        format: Some(Format::F32),
        shape: Some(ShapeRule::Log { log: pattern(r"(\d+) ?x ?(\d+) pixels")? }),
        threads_matter: false, // held by the simulator's tests
        input_options: Some(crate::case::InputOptions::nanobragg().names),
        size: ["-detpixels", "{size}"].map(String::from).to_vec(),
        trace_args: ["-printout_pixel", "{fast}", "{slow}"].map(String::from).to_vec(),
        log: LogPatterns {
            setup_s: None,
            sim_s: Some(pattern(r"^\s*pixel loop: ([0-9.eE+-]+) s\b")?),
            opened: Some(pattern(
                r"^(?:structure factors: (?:cache|\d+ reflections from)|reading) (.+?)(?:, h -?\d.*)?$",
            )?),
            trace: Some(pattern(
                r"^\s*(?:TRACE(?:_[A-Z]+)?:?\s*)?(?P<name>[A-Za-z_][\w ().^-]*?)\s*=\s*(?P<value>.*)$",
            )?),
        },
        ..Definition::of(&command)
    })
}

/// A word of a command, made absolute when it names a file beside `audit.toml`: engines run in other directories.
fn rooted(word: &str, root: &Path, program: bool) -> String {
    if let Some(rest) = word.strip_prefix("{root}") {
        return format!("{}{rest}", root.display());
    }
    let relative =
        !word.starts_with(['/', '-', '{']) && (word.contains('/') || (!program && word.contains('.')));
    if relative && root.join(word).is_file() {
        let path: PathBuf = root.join(word).components().collect(); // without `./`
        return path.display().to_string();
    }
    word.to_owned()
}

/// A bare name looked up in PATH.
fn in_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|d| d.is_absolute()).find_map(|d| {
        // not resolved further: a program may look at the name it was called by
        executable(&d.join(name)).ok().map(|_| d.join(name))
    })
}

fn executable(path: &Path) -> std::result::Result<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt;
    let program = std::fs::canonicalize(path).map_err(|e| e.to_string())?;
    let metadata = program.metadata().map_err(|e| e.to_string())?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err("not an executable file".into());
    }
    Ok(program)
}

/// The first line that the version command prints; absent when it fails.
fn version(definition: &Definition) -> Option<String> {
    let first = definition.version.first()?;
    let program = in_path(first).or_else(|| executable(Path::new(first)).ok())?;
    let dir = run_dir::RunDir::new().ok()?;
    let limits =
        process::Limits { time: Duration::from_secs(10), output: 1 << 16, ..process::Limits::default() };
    let words: Vec<OsString> = definition.version[1..].iter().map(OsString::from).collect();
    let environment = render::environment(definition, &render::Inherited::Allowed, 1, dir.path(), &[]);
    let ended = process::run(&program, &words, dir.path(), &environment, &limits).ok()?;
    if ended.ending != process::Ending::Exited(0) {
        return None;
    }
    let text = format!("{}\n{}", ended.stdout, ended.stderr);
    text.lines().map(str::trim).find(|l| !l.is_empty()).map(|l| l.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_engines_and_unusable_binaries_are_usage_errors() {
        let plain = tempfile::NamedTempFile::new().unwrap(); // a file, but not executable
        let not_executable = format!("c:{}", plain.path().display());
        for name in ["fast", "c:/nowhere/nanoBragg", "c:/", &not_executable] {
            let error = Engine::resolve(name).unwrap_err();
            assert_eq!(error.exit, crate::exit::Exit::Usage, "{name}");
        }
        assert_eq!(Engine::resolve("c:/bin/sh").unwrap().kind, Kind::Program);
    }

    #[test]
    fn a_defined_engine_is_its_program_and_its_scripts() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("solve.sh"), "echo 1").unwrap();
        let mut definition = Definition::of(&["sh", "solve.sh", "{args}", "{out}"]);
        definition.version = vec!["sh".into(), "-c".into(), "echo; echo ' solver 1.2 '".into()];
        let find = || {
            let defined = BTreeMap::from([("mine".to_owned(), definition.clone())]);
            Engine::find("mine", &defined, root.path()).unwrap()
        };
        let before = find();
        assert_eq!(before.identity.version.as_deref(), Some("solver 1.2"));
        assert_eq!(before.identity.files.len(), 2);
        assert!(Path::new(&before.definition.command[1]).is_absolute());
        std::fs::write(root.path().join("solve.sh"), "echo 2").unwrap();
        assert_ne!(find().identity.sha256, before.identity.sha256, "another script is another engine");
        let none = Definition::of(&["no-such-program", "{out}"]);
        let defined = BTreeMap::from([("x".to_owned(), none)]);
        let error = Engine::find("x", &defined, root.path()).unwrap_err();
        assert!(error.message.contains("no-such-program"), "{error}");
    }
}
