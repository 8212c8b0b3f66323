//! Engines of one's own for tests: shell scripts and what `audit.toml` says of them, in a folder of their own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::processes::running;
use crate::programs::{Ran, binary, run_with, temporary_folder};
use crate::stamps::everything;

/// A folder with engines, an `audit.toml`, and a folder for temporary files that must be empty in the end.
pub struct Yard {
    folder: tempfile::TempDir,
}

impl Default for Yard {
    fn default() -> Self {
        Self::new()
    }
}

impl Yard {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let folder = temporary_folder();
        for name in ["yard", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        Self { folder }
    }

    /// Where `audit.toml` is.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("yard")
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// Writes `audit.toml` with shell scripts as engines: name and script. `$1` is the image to write, the case's
    /// arguments follow; an image is 2 × 2 raw f32.
    pub fn engines(&self, scripts: &[(&str, &str)], more: &str) {
        let mut toml = format!("initiative = \"yard\"\n{more}\n");
        for (name, script) in scripts {
            self.write(&format!("{name}.sh"), script);
            toml += &format!(
                "[engines.{name}]\ncommand = [\"sh\", \"{name}.sh\", \"{{out}}\", \"{{args}}\"]\nformat = \"f32\"\nshape = [2, 2]\n"
            );
        }
        self.write("audit.toml", &toml);
    }

    /// Runs the audit here.
    #[must_use]
    pub fn audit<S: AsRef<OsStr>>(&self, words: &[S]) -> Ran {
        let tmp = self.folder.path().join("tmp");
        let environment = BTreeMap::from([("TMPDIR", tmp.to_str().expect("a readable path"))]);
        run_with(&binary("bragg-audit"), words, &self.root(), &environment)
    }

    /// Stops the test unless every temporary file and every process that mentions this folder is gone, and nothing was
    /// written outside the folder's own parts.
    pub fn assert_tidy(&self, after: &str) {
        let left = everything(&self.folder.path().join("tmp"));
        assert!(left.is_empty(), "{after}: temporary files are left: {left:?}");
        let here = self.folder.path().to_str().expect("a readable path").to_owned();
        let of_ours = |words: &[String]| words.iter().any(|word| word.contains(&here));
        let left: Vec<_> = running().into_iter().filter(|p| of_ours(&p.words)).collect();
        assert!(left.is_empty(), "{after}: processes are left: {left:?}");
        let names: Vec<_> = std::fs::read_dir(self.folder.path()).expect("the folder").flatten().collect();
        assert_eq!(names.len(), 2, "{after}: something was written outside: {names:?}");
    }

    /// The only finished stamp of a phase.
    #[must_use]
    pub fn stamp(&self, phase: &str) -> PathBuf {
        crate::stamps::only_stamp(&self.root().join("reports"), phase)
    }
}

/// A program found in PATH.
#[must_use]
pub fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).is_file())
}
