//! What besides the sources decides what a compiler makes of them: its version, flags from the environment, cargo's own
//! configuration. Evidence holds as long as none of that is different.

use crate::hash;
use crate::inventory::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables of the environment that change the code of a release build, by name or beginning of it.
const VARIABLES: [&str; 8] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_",
    "CARGO_PROFILE_RELEASE_",
    "CARGO_TARGET_X86_64",
    "CARGO_TARGET_AARCH64",
    "RUSTC_WRAPPER",
    "RUSTC_BOOTSTRAP",
];

/// The conditions of one compiler in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Loops of this language, …
    pub language: Language,
    /// … below this directory, from the root.
    pub directory: PathBuf,
    /// What was found, by a name for people.
    pub found: BTreeMap<String, String>,
}

impl Conditions {
    /// Those of cargo's release build of the workspace at `directory`.
    #[must_use]
    pub(super) fn of_rust(root: &Path, directory: &Path) -> Self {
        let place = root.join(directory);
        let mut found = BTreeMap::from([("rustc".to_owned(), rustc(&place))]);
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if VARIABLES.iter().any(|v| name.starts_with(v)) {
                found.insert(format!("${name}"), value.to_string_lossy().into_owned());
            }
        }
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        let folders = place.ancestors().map(|dir| dir.join(".cargo")).chain(home);
        for file in folders.flat_map(|dir| ["config.toml", "config"].map(|name| dir.join(name))) {
            if let Ok(hash) = hash::file(&file) {
                let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
                found.insert(shown, hash);
            }
        }
        Self { language: Language::Rust, directory: directory.to_owned(), found }
    }

    /// Those of a C compiler's report. `flags` only where they are the build's own and not given by hand.
    #[must_use]
    pub(super) fn of_c(flags: Option<&str>) -> Self {
        let words = super::c_compiler();
        let compiler = super::c::version(&words).unwrap_or_else(|| "not found".into());
        let mut found = BTreeMap::from([
            ("C compiler".to_owned(), compiler),
            ("command of the C compiler".to_owned(), words.join(" ")),
        ]);
        if let Some(flags) = flags {
            found.insert(FLAGS.to_owned(), flags.to_owned());
        }
        Self { language: Language::C, directory: PathBuf::new(), found }
    }

    /// What is not as it was, for people; `None` when everything is.
    #[must_use]
    pub(super) fn changed(&self, root: &Path) -> Option<String> {
        let now = match self.language {
            Language::C => {
                Self::of_c(self.found.contains_key(FLAGS).then_some(nanobragg::build_info::C_FLAGS))
            }
            _ => Self::of_rust(root, &self.directory),
        };
        let names: Vec<&String> = self.found.keys().chain(now.found.keys()).collect();
        names.into_iter().find(|name| self.found.get(*name) != now.found.get(*name)).map(|name| {
            let told = |of: &Self| {
                let text = of.found.get(name).and_then(|t| t.lines().next()).unwrap_or("not set");
                text.to_owned()
            };
            format!("{name}: {} when the compilers were asked, {} now", told(self), told(&now))
        })
    }

    /// Whether a loop of that language in that file is concerned.
    #[must_use]
    pub(super) fn concern(&self, language: Language, file: &str) -> bool {
        self.language == language && Path::new(file).starts_with(&self.directory)
    }
}

/// Name of the flags that the C engine's build is compiled with.
const FLAGS: &str = "flags of the C engine's build";

/// What rustc says of itself where cargo would call it: a toolchain file counts from there.
fn rustc(place: &Path) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(place).stdin(Stdio::null()).output();
    output
        .ok()
        .filter(|o| o.status.success())
        .map_or("not found".into(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_or_configuration_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let then = Conditions::of_rust(root, Path::new(""));
        assert!(then.found["rustc"].contains("rustc"), "{then:?}");
        assert_eq!(then.changed(root), None);
        std::fs::create_dir(root.join(".cargo")).unwrap();
        std::fs::write(root.join(".cargo/config.toml"), "[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n")
            .unwrap();
        let said = then.changed(root).unwrap();
        assert!(said.starts_with(".cargo/config.toml: not set when"), "{said}");
        let mut older = Conditions::of_rust(root, Path::new(""));
        older.found.insert("rustc".into(), "rustc 1.0.0".into());
        assert!(older.changed(root).unwrap().starts_with("rustc: rustc 1.0.0 when"));
        let mut flags = Conditions::of_c(Some("-O0"));
        assert!(flags.changed(root).unwrap().contains("-O0 when"));
        flags.found.remove(FLAGS);
        assert_eq!(flags.changed(root), None, "flags given by hand are what they were");
        assert!(flags.concern(Language::C, "a/b.c") && !flags.concern(Language::Rust, "a/b.rs"));
    }
}
