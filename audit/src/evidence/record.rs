//! Evidence as it is kept between runs, and how it comes to the loops of an inventory.

use super::model::{Code, CompilerRun};
use super::rules;
use crate::hash;
use crate::inventory::{Inventory, Skipped, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name and version of that form.
const SCHEMA: &str = "bragg-audit/evidence/1";
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
    /// What was made of each loop, by id.
    pub codes: BTreeMap<String, Code>,
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self { schema: SCHEMA.into(), runs: Vec::new(), files: BTreeMap::new(), codes: BTreeMap::new() }
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

    /// Gives the loops of an inventory their code and the status that follows from it. Evidence that is out of date is not
    /// used, and the inventory says so.
    pub fn attach(&self, inventory: &mut Inventory, root: &Path) {
        let stale = self.stale(root);
        if let Some(first) = stale.first() {
            let more = if stale.len() > 1 { format!(" and {} more", stale.len() - 1) } else { String::new() };
            inventory.skipped.push(Skipped {
                path: first.clone(),
                line: None,
                reason: format!("changed since the compilers were asked{more}: their evidence is not used; `bragg-audit inventory --evidence` asks again"),
            });
            inventory.skipped.sort();
            return;
        }
        inventory.compilers = self.runs.clone();
        for one in &mut inventory.loops {
            match self.codes.get(&one.loop_id) {
                Some(code) => {
                    one.code = Some(code.clone());
                    let (status, text) = rules::from_code(code);
                    // a rule of the source (tests, run once) says more than the code
                    if one.status != Status::Safe {
                        (one.status, one.evidence) = (status, text);
                    }
                }
                None if one.status != Status::Safe && self.files.contains_key(Path::new(&one.module)) => {
                    one.evidence = rules::NO_CODE.to_string();
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
