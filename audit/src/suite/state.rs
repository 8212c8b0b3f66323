//! The state of a suite that is under way: a line for each finished case in a file beside the stamps, so that a run that
//! was killed loses nothing that was finished. The file goes away with the finished stamp.

use super::outcome::Outcome;
use crate::exit::{AuditError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The first line: what the finished cases belong to.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    schema: String,
    key: String,
}

/// The open file, locked against a second run of the same suite.
pub struct State {
    file: Mutex<File>,
    path: PathBuf,
}

impl State {
    /// Opens the state of a suite; what was finished under the same `key` (cases, engines, gates) comes back by name.
    ///
    /// # Errors
    /// Another run of the suite is under way; the file cannot be written.
    pub fn open(path: &Path, key: &str, fresh: bool) -> Result<(Self, BTreeMap<String, Outcome>)> {
        let problem = |e: std::io::Error| AuditError::failed(path.display(), e);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(problem)?;
        }
        let options = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let mut file = options.map_err(problem)?;
        if file.try_lock().is_err() {
            let why = format!("{}: another run of this suite is under way", path.display());
            return Err(AuditError::new(crate::exit::Exit::Failed, why));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(problem)?;
        let head = Head { schema: "bragg-audit/suite-state/1".into(), key: key.into() };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let same = lines.next().and_then(|l| serde_json::from_str::<Head>(l).ok()).is_some_and(|h| h == head);
        let mut finished = BTreeMap::new();
        if same && !fresh {
            // the last line may have been cut off by the kill
            for outcome in lines.filter_map(|l| serde_json::from_str::<Outcome>(l).ok()) {
                finished.insert(outcome.name.clone(), outcome);
            }
            if !bytes.ends_with(b"\n") {
                file.write_all(b"\n").map_err(problem)?;
            }
        } else {
            file.set_len(0).and_then(|()| file.rewind()).map_err(problem)?;
            let line = serde_json::to_string(&head).map_err(|e| AuditError::failed(path.display(), e))?;
            file.write_all(format!("{line}\n").as_bytes()).map_err(problem)?;
        }
        Ok((Self { file: Mutex::new(file), path: path.to_owned() }, finished))
    }

    /// Adds a finished case.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, outcome: &Outcome) -> Result<()> {
        let problem = |e: std::io::Error| AuditError::failed(self.path.display(), e);
        let line = serde_json::to_string(outcome).map_err(|e| AuditError::failed(self.path.display(), e))?;
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes()).map_err(problem)?;
        file.sync_data().map_err(problem)
    }

    /// The suite is finished and its stamp written.
    pub fn remove(self) {
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::CaseResult;
    use super::*;

    fn outcome(name: &str) -> Outcome {
        let text = format!(
            r#"{{"name": {name:?}, "group": "", "args": "", "result": "pass", "expected": "pass", "accepted": true, "gates": [], "wall_s": 0.1, "reference_from_cache": false}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn finished_cases_come_back_and_half_lines_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x/state.jsonl");
        let (state, none) = State::open(&path, "k", false).unwrap();
        assert!(none.is_empty());
        assert!(State::open(&path, "k", false).is_err(), "two runs at once");
        for name in ["a", "b\n\"c"] {
            state.add(&outcome(name)).unwrap();
        }
        drop(state);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        let (state, finished) = State::open(&path, "k", false).unwrap();
        assert_eq!(finished.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(finished["a"].result, CaseResult::Pass);
        state.add(&outcome("d")).unwrap();
        drop(state);
        let (state, finished) = State::open(&path, "k", false).unwrap();
        assert_eq!(finished.len(), 2);
        drop(state);
        assert!(State::open(&path, "other engines", false).unwrap().1.is_empty());
        let (state, _) = State::open(&path, "k", false).unwrap();
        state.add(&outcome("a")).unwrap();
        drop(state);
        let (state, finished) = State::open(&path, "k", true).unwrap();
        assert!(finished.is_empty(), "asked to begin anew");
        state.remove();
        assert!(!path.exists());
    }
}
