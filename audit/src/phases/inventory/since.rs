//! Which earlier inventory a new one is compared with, and the record of what changed.

use super::FILE;
use crate::exit::{AuditError, Result};
use crate::inventory::{Changes, Inventory, changes};
use crate::stamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The record in the stamp.
pub(super) const CHANGES: &str = "changes.json";
/// Its form.
const SCHEMA: &str = "bragg-audit/inventory-changes/1";

/// What changed since an earlier inventory, whole.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    /// The directory that the paths of this inventory start from, itself from the project's where it lies there.
    #[serde(with = "crate::paths")]
    root: PathBuf,
    /// The earlier inventory: a stamp's name, or the file that was named.
    against: Option<String>,
    /// Newer stamps that were passed over because they are of another tree.
    passed_over: Vec<String>,
    /// Absent without an earlier inventory.
    pub(super) changes: Option<Changes>,
}

/// An earlier inventory, if there is one of this tree.
pub(super) struct Since {
    root: PathBuf,
    earlier: Option<(String, Inventory)>,
    passed_over: Vec<String>,
}

impl Since {
    /// The inventory that a person names, a stamp or a file.
    pub(super) fn named(path: &Path, root: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let read = Inventory::read_json(&file).map_err(|e| AuditError::usage(format!("--against {e}")))?;
        let earlier = Some((path.display().to_string(), read));
        Ok(Self { root: root.to_owned(), earlier, passed_over: Vec::new() })
    }

    /// The newest stamp with an inventory of the same tree: of the same root, where it names one, with a file of this
    /// inventory's. An inventory of another tree has nothing to do with this one, even where paths are alike.
    pub(super) fn newest(stamps: &[PathBuf], root: &Path, inventory: &Inventory) -> Self {
        let files: HashSet<&str> = inventory.files.iter().map(|f| f.path.as_str()).collect();
        let mut since = Self { root: root.to_owned(), earlier: None, passed_over: Vec::new() };
        for stamp in stamps.iter().rev() {
            let Ok(old) = Inventory::read_json(&stamp.join(FILE)) else { continue };
            let elsewhere = stamp::read_json::<Record>(stamp, CHANGES).is_ok_and(|r| r.root != root);
            if !elsewhere && old.files.iter().any(|f| files.contains(f.path.as_str())) {
                since.earlier = Some((stamp::name_of(stamp), old));
                break;
            }
            since.passed_over.push(stamp::name_of(stamp));
        }
        since
    }

    /// What changed.
    pub(super) fn record(self, inventory: &Inventory) -> Record {
        Record {
            schema: SCHEMA.into(),
            root: self.root,
            changes: self.earlier.as_ref().map(|(_, old)| changes(old, inventory)),
            against: self.earlier.map(|(name, _)| name),
            passed_over: self.passed_over,
        }
    }
}

impl Record {
    /// For the summary: what was compared, and where all of it is.
    pub(super) fn text(&self) -> String {
        let mut text = match &self.against {
            Some(name) => format!("\nCompared with the inventory `{name}`; `{CHANGES}` has every id.\n"),
            None => "\nThere is no earlier inventory of this tree to compare with.\n".to_owned(),
        };
        if let Some(first) = self.passed_over.first() {
            let more = self.passed_over.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!(
                "Passed over, because they are inventories of another tree: `{first}`{more}. `hot-loops` takes the newest of all: name this one with `--inventory`.\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stamp of a tree of one file with so many loops.
    fn stamped(dir: &Path, name: &str, root: Option<&Path>, file: &str, loops: usize) -> PathBuf {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join(file), "fn f() { loop {} }\n".repeat(loops)).unwrap();
        let stamp = dir.join(name);
        std::fs::create_dir(&stamp).unwrap();
        let inventory = Inventory::scan(tree.path(), &[]).unwrap();
        std::fs::write(stamp.join(FILE), inventory.to_json().unwrap()).unwrap();
        if let Some(root) = root {
            let since = Since { root: root.to_owned(), earlier: None, passed_over: Vec::new() };
            let record = serde_json::to_string(&since.record(&inventory)).unwrap();
            std::fs::write(stamp.join(CHANGES), record).unwrap();
        }
        stamp
    }

    #[test]
    fn other_trees_are_passed_over_and_every_id_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (Path::new("/one"), Path::new("/two"));
        let stamps = [
            stamped(dir.path(), "1", None, "b.rs", 1),
            stamped(dir.path(), "2", Some(one), "a.rs", 1),
            stamped(dir.path(), "3", Some(two), "a.rs", 2),
        ];
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join("a.rs"), "fn f() { loop {} }\n".repeat(50)).unwrap();
        let inventory = Inventory::scan(tree.path(), &[]).unwrap();
        let record = Since::newest(&stamps, one, &inventory).record(&inventory);
        assert_eq!(
            (record.against.as_deref(), record.passed_over.as_slice()),
            (Some("2"), ["3".to_string()].as_slice())
        );
        assert!(record.text().contains("of another tree: `3`"), "{}", record.text());
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["changes"]["new"].as_array().unwrap().len(), 49);
        let none = Since::newest(&stamps, Path::new("/three"), &inventory).record(&inventory);
        assert!(none.changes.is_none() && none.passed_over.len() == 3);
        assert!(none.text().contains("no earlier inventory of this tree"));
        let old = Since::newest(&stamps[..1], one, &inventory);
        assert!(old.earlier.is_none(), "a stamp without a root, and without a file of this tree");
    }
}
