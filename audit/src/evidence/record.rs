//! Evidence as it is kept between runs, and how it comes to the loops of an inventory.

use super::conditions::Conditions;
use super::model::{Code, CompilerRun};
use super::rules;
use crate::hash;
use crate::inventory::{Inventory, Language, Skipped, Status};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name and version of that form.
const SCHEMA: &str = "bragg-audit/evidence/2";
/// Its file, in the evidence build's directory.
const FILE: &str = "bragg-audit-evidence.json";

/// What compilers said about the loops of a tree, and about which files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of the record.
    pub schema: String,
    /// The compiler runs.
    pub runs: Vec<CompilerRun>,
    /// sha256 of every file the evidence depends on, by path (from the root where it lies below it).
    pub files: BTreeMap<PathBuf, String>,
    /// What else the evidence depends on.
    pub conditions: Vec<Conditions>,
    /// What was made of each loop, by id.
    pub codes: BTreeMap<String, Code>,
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: SCHEMA.into(),
            runs: Vec::new(),
            files: BTreeMap::new(),
            conditions: Vec::new(),
            codes: BTreeMap::new(),
        }
    }

    /// Notes a file that the evidence depends on.
    pub(super) fn depends_on(&mut self, root: &Path, file: &Path) {
        if let Ok(hash) = hash::file(&root.join(file)) {
            let below = file.strip_prefix(root).unwrap_or(file);
            self.files.insert(below.to_owned(), hash);
        }
    }

    /// Where the record of a tree lies.
    #[must_use]
    pub fn place(root: &Path) -> PathBuf {
        super::cargo::target_directory(root).join(FILE)
    }

    /// Reads the record of a tree; `None` when there is none that can be read.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        let bytes = std::fs::read(Self::place(root)).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|r: &Self| r.schema == SCHEMA)
    }

    /// The record of a tree or of the nearest directory above it, and that directory.
    #[must_use]
    pub fn above(root: &Path) -> Option<(PathBuf, Self)> {
        root.ancestors().find_map(|dir| Some((dir.to_owned(), Self::read(dir)?)))
    }

    /// Keeps the record: written beside, then renamed.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(&self, root: &Path) -> std::io::Result<()> {
        let place = Self::place(root);
        let directory = place.parent().unwrap_or(root);
        std::fs::create_dir_all(directory)?;
        let file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(file.as_file(), self)?;
        file.persist(&place).map(|_| ()).map_err(|e| e.error)
    }

    /// The files that are not any more what they were.
    #[must_use]
    pub fn stale(&self, root: &Path) -> Vec<String> {
        let same =
            |(file, hash): &(&PathBuf, &String)| hash::file(&root.join(file)).ok().as_ref() != Some(*hash);
        self.files.iter().filter(same).map(|(file, _)| file.display().to_string()).collect()
    }

    /// The directory of the package that a file belongs to, by the manifests that the evidence depends on; the file's own
    /// directory without one.
    fn package(&self, file: &Path) -> PathBuf {
        let above = file.ancestors().skip(1);
        let found = above.clone().find(|dir| self.files.contains_key(&dir.join("Cargo.toml")));
        found.or_else(|| file.parent()).unwrap_or(Path::new("")).to_owned()
    }

    /// Gives the loops of an inventory of `tree` their code and the status that follows from it; `root` is the directory that
    /// the record is of, the same or one above. Evidence that is out of date is not used, and the inventory says so.
    pub fn attach(&self, inventory: &mut Inventory, root: &Path, tree: &Path) {
        let below = tree.strip_prefix(root).unwrap_or(Path::new(""));
        let full = |name: &str| below.join(name).display().to_string();
        let stale = self.stale(root);
        let lost: BTreeSet<PathBuf> = stale.iter().map(|file| self.package(Path::new(file))).collect();
        if let Some(first) = stale.first() {
            let more = if stale.len() > 1 { format!(" and {} more", stale.len() - 1) } else { String::new() };
            inventory.skipped.push(Skipped {
                path: first.clone(),
                line: None,
                reason: format!("changed since the compilers were asked{more}: evidence for loops of that package is not used; `bragg-audit inventory --evidence` asks again"),
            });
        }
        let different: Vec<(&Conditions, String)> =
            self.conditions.iter().filter_map(|c| Some((c, c.changed(root)?))).collect();
        for (conditions, what) in &different {
            inventory.skipped.push(Skipped {
                path: Path::new(".").join(&conditions.directory).display().to_string(),
                line: None,
                reason: format!("{what}: evidence for {} loops is not used; `bragg-audit inventory --evidence` asks again", conditions.language.name()),
            });
        }
        inventory.skipped.sort();
        // the workspace's own manifest and lock file concern every package below
        let lost = |language: Language, module: &str| {
            lost.iter().any(|dir| Path::new(module).starts_with(dir))
                || different.iter().any(|(c, _)| c.concern(language, module))
        };
        inventory.compilers = self.runs.clone();
        for one in &mut inventory.loops {
            let module = full(&one.module);
            if lost(one.language, &module) {
                continue;
            }
            match self.codes.get(&full(&one.loop_id)) {
                Some(code) => {
                    one.code = Some(code.clone());
                    let (status, text) = rules::from_code(code);
                    // a rule of the source (tests, run once) says more than the code
                    if one.status != Status::Safe {
                        (one.status, one.evidence) = (status, text);
                    }
                }
                None if one.status != Status::Safe && self.files.contains_key(Path::new(&module)) => {
                    let words = match one.language {
                        Language::C => rules::NOT_REPORTED,
                        _ => rules::NO_CODE,
                    };
                    one.evidence = words.to_string();
                }
                None => {}
            }
        }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CodeState, Instance};

    fn vector() -> Code {
        let instance = Instance {
            function: "f".into(),
            state: CodeState::Vector,
            how: None,
            registers: Some(256),
            bits: Some(256),
            lanes: Some(4),
            element: Some("f64".into()),
            share_pct: Some(100),
            flops: 4,
            bytes: 32,
            reason: None,
        };
        Code::of(vec![instance], 0, "rustc").unwrap()
    }

    #[test]
    fn evidence_holds_until_a_file_of_its_package_changes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for package in ["a", "b"] {
            std::fs::create_dir_all(root.join(package).join("src")).unwrap();
            std::fs::write(root.join(package).join("Cargo.toml"), "[package]").unwrap();
            std::fs::write(root.join(package).join("src/lib.rs"), "fn f() { loop {} }\nfn g() { loop {} }")
                .unwrap();
        }
        let mut record = Record::new();
        for file in ["a/Cargo.toml", "a/src/lib.rs", "b/Cargo.toml", "b/src/lib.rs"] {
            record.depends_on(root, &root.join(file));
        }
        record.codes.extend(["a", "b"].map(|p| (format!("{p}/src/lib.rs::f#1"), vector())));
        let statuses = || {
            let mut inventory = Inventory::scan(root, &[]).unwrap();
            record.attach(&mut inventory, root, root);
            let all: Vec<Status> = inventory.loops.iter().map(|l| l.status).collect();
            (all, inventory.skipped.len(), inventory.loops[1].evidence.clone())
        };
        let (v, u) = (Status::Vectorized, Status::Uncertain);
        assert_eq!(statuses(), (vec![v, u, v, u], 0, rules::NO_CODE.to_string()));
        std::fs::write(root.join("a/src/lib.rs"), "fn f() { loop {} }\nfn g() { loop {} } // new").unwrap();
        let (all, notes, _) = statuses();
        assert_eq!((all, notes), (vec![u, u, v, u], 1));
    }
}
