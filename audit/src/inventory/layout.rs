//! Which Rust files are in no build that users run, by rules of cargo and of the module system.
//!
//! - A package's `build.rs`, and files in its `tests/`, `benches/` and `examples/` directories, unless the
//!   manifest takes a library or a binary from there.
//! - Files that only `#[cfg(test)]` module declarations lead to, from such a declaration on downwards.

use super::Language;
use super::facts::Facts;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// The packages of a tree and its test-only files.
pub(super) struct Layout {
    /// Directory of each package (from the root, without a trailing slash) and the paths of its targets.
    packages: BTreeMap<String, Vec<String>>,
    test_only: HashSet<String>,
}

impl Layout {
    /// Reads the manifests above the files and follows the module declarations in them.
    pub(super) fn new<'a>(root: &Path, files: impl Iterator<Item = (&'a str, &'a Facts)>) -> Self {
        let files: Vec<(&str, &Facts)> = files.collect();
        let mut packages = BTreeMap::new();
        let mut seen = HashSet::new();
        for (path, _) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
            let mut directory = parent(path);
            while seen.insert(directory.to_string()) {
                if let Ok(manifest) = std::fs::read_to_string(root.join(directory).join("Cargo.toml")) {
                    packages.insert(directory.to_string(), target_paths(&manifest));
                }
                if directory.is_empty() {
                    break;
                }
                directory = parent(directory);
            }
        }
        Self { packages, test_only: test_only(&files) }
    }

    /// The rule by which all loops of a file are safe.
    pub(super) fn safe(&self, path: &str, language: Language) -> Option<String> {
        if language != Language::Rust {
            return None;
        }
        if self.test_only.contains(path) {
            return Some(
                "compiled only for tests: all declarations of this module are under #[cfg(test)]".into(),
            );
        }
        let mut directory = parent(path);
        let targets = loop {
            if let Some(targets) = self.packages.get(directory) {
                break targets;
            }
            if directory.is_empty() {
                return None;
            }
            directory = parent(directory);
        };
        let inside = path.strip_prefix(directory)?.trim_start_matches('/');
        if inside == "build.rs" {
            return Some("build script: runs when the package is built".into());
        }
        let (first, _) = inside.split_once('/')?;
        let shipped = targets.iter().any(|target| target.split('/').find(|part| *part != ".") == Some(first));
        let what = match first {
            "tests" => "integration test",
            "benches" => "benchmark",
            "examples" => "example",
            _ => return None,
        };
        (!shipped).then(|| format!("{what}: no part of the package's library or binaries"))
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Paths that a manifest gives for its library and binaries.
fn target_paths(manifest: &str) -> Vec<String> {
    let Ok(manifest) = manifest.parse::<toml::Table>() else {
        // An unreadable manifest may take its targets from anywhere.
        return ["tests", "benches", "examples"].map(|dir| format!("{dir}/")).to_vec();
    };
    let path = |target: &toml::Value| target.get("path").and_then(toml::Value::as_str).map(str::to_string);
    let library = manifest.get("lib").and_then(path);
    let binaries = manifest.get("bin").and_then(toml::Value::as_array);
    library.into_iter().chain(binaries.into_iter().flatten().filter_map(path)).collect()
}

/// The files that are reached by module declarations, and only by those of test code.
fn test_only(files: &[(&str, &Facts)]) -> HashSet<String> {
    let known: HashSet<&str> = files.iter().map(|(path, _)| *path).collect();
    // For each declared file: the declaring file and whether the declaration itself is test code.
    let mut declared: HashMap<String, Vec<(&str, bool)>> = HashMap::new();
    for (path, facts) in files {
        for module in &facts.modules {
            for target in candidates(path, &module.path, module.file.as_deref()) {
                if known.contains(target.as_str()) {
                    declared.entry(target).or_default().push((path, module.test));
                }
            }
        }
    }
    let mut found: HashSet<String> =
        files.iter().filter(|(_, facts)| facts.test_file).map(|(path, _)| (*path).to_string()).collect();
    loop {
        let more: Vec<String> = declared
            .iter()
            .filter(|(file, by)| {
                !found.contains(*file) && by.iter().all(|(path, test)| *test || found.contains(*path))
            })
            .map(|(file, _)| file.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Where `mod a;` of a file may lie.
fn candidates(file: &str, module: &[String], given: Option<&str>) -> Vec<String> {
    let directory = parent(file);
    let under = |base: &str, rest: &str| join(base, rest);
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".rs");
    let own = match stem {
        "mod" | "lib" | "main" => directory.to_string(),
        stem => join(directory, stem),
    };
    let Some((name, inline)) = module.split_last() else { return Vec::new() };
    let base = if inline.is_empty() { own } else { under(&own, &inline.join("/")) };
    match given {
        Some(given) if inline.is_empty() => vec![under(directory, given)],
        Some(given) => vec![under(&base, given)],
        None => vec![under(&base, &format!("{name}.rs")), under(&base, &format!("{name}/mod.rs"))],
    }
}

/// `base/rest`, with `.` and `..` resolved.
fn join(base: &str, rest: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_modules_have_two_places() {
        let name = ["tests".to_string()];
        assert_eq!(candidates("a/src/lib.rs", &name, None), ["a/src/tests.rs", "a/src/tests/mod.rs"]);
        assert_eq!(candidates("a/src/x.rs", &name, None), ["a/src/x/tests.rs", "a/src/x/tests/mod.rs"]);
        assert_eq!(candidates("a/src/x.rs", &name, Some("../t.rs")), ["a/t.rs"]);
        let inline = ["inner".to_string(), "deep".to_string()];
        assert_eq!(
            candidates("src/x/mod.rs", &inline, None),
            ["src/x/inner/deep.rs", "src/x/inner/deep/mod.rs"]
        );
    }
}
