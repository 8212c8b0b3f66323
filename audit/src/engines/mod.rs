//! Engines: programs that render a case. Two are built in (this executable runs itself as their process, so that
//! one command needs nothing else); any nanoBragg binary can take the place of the C engine.

pub mod process;
pub mod render;

use crate::exit::{AuditError, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The hidden subcommand by which this executable becomes an engine's process.
pub const CHILD_COMMAND: &str = "__engine";

/// What kind of program an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Rust engine of the library `nanobragg`.
    Rust,
    /// The bundled C engine.
    C,
    /// Some program with nanoBragg's command line.
    Program,
}

/// Who rendered: enough to tell later whether two runs used the same engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The name it was asked for by.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// sha256 of the executable.
    pub sha256: String,
    /// The version it tells, or its build's.
    pub version: Option<String>,
    /// Compiler and flags, where known.
    pub build: Option<String>,
    /// Hash of the sources it was built from, where known.
    pub source_hash: Option<String>,
}

/// An engine ready to run.
#[derive(Clone, Debug)]
pub struct Engine {
    /// What it is.
    pub kind: Kind,
    /// Words between the program and the case's arguments.
    pub prefix: Vec<OsString>,
    /// Words after the case's arguments (such as the path through the library).
    pub suffix: Vec<OsString>,
    /// Who it is.
    pub identity: Identity,
}

impl Engine {
    /// Finds the engine that `name` means: `rust`, `rust-f32`, `rust-reference`, `c`, or `c:PATH` (a nanoBragg binary).
    ///
    /// # Errors
    /// An unknown name; a binary that does not exist or cannot be run.
    pub fn resolve(name: &str) -> Result<Self> {
        match name {
            "rust" => Self::built_in(name, Kind::Rust, &[]),
            "rust-f32" => Self::built_in(name, Kind::Rust, &["--dtype", "f32"]),
            "rust-reference" => Self::built_in(name, Kind::Rust, &["--engine", "rust-reference"]),
            "c" => Self::built_in(name, Kind::C, &[]),
            _ => match name.strip_prefix("c:") {
                Some(path) => Self::program(name, Path::new(path)),
                None => Err(AuditError::usage(format!(
                    "unknown engine `{name}`: built in are rust, rust-f32, rust-reference, c and c:PATH (a nanoBragg binary)"
                ))),
            },
        }
    }

    fn built_in(name: &str, kind: Kind, suffix: &[&str]) -> Result<Self> {
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
        };
        Ok(Self {
            kind,
            prefix: vec![CHILD_COMMAND.into(), word.into()],
            suffix: suffix.iter().map(OsString::from).collect(),
            identity,
        })
    }

    fn program(name: &str, path: &Path) -> Result<Self> {
        let unusable = |why: &str| {
            AuditError::usage(format!(
                "{}: {why}; give --c-bin (or NB_C_BIN) the path of a nanoBragg binary",
                path.display()
            ))
        };
        let program = std::fs::canonicalize(path).map_err(|e| unusable(&e.to_string()))?;
        let metadata = program.metadata().map_err(|e| unusable(&e.to_string()))?;
        {
            use std::os::unix::fs::PermissionsExt;
            if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
                return Err(unusable("not an executable file"));
            }
        }
        let identity = Identity {
            name: name.into(),
            sha256: hash::file(&program).map_err(|e| unusable(&e.to_string()))?,
            program,
            version: None, // nanoBragg has no version option: the hash says which one it was
            build: None,
            source_hash: None,
        };
        Ok(Self { kind: Kind::Program, prefix: Vec::new(), suffix: Vec::new(), identity })
    }

    /// The name for tables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.identity.name
    }
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
}
