//! Stamps: one folder per phase and run, complete or absent. A stamp is written beside its place under a hidden
//! name and renamed when it is whole; it is never overwritten.

use crate::exit::{AuditError, Exit, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The list of hashes; its presence says that the stamp is whole.
pub const CHECKSUMS: &str = "checksums.txt";

/// A stamp that another builds on.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Parent {
    /// The phase that wrote it (`a`, `b1`, `b2`, `b3`).
    pub phase: String,
    /// Its name.
    pub stamp: String,
    /// Its folder.
    #[serde(with = "crate::paths")]
    pub path: PathBuf,
    /// sha256 of its `checksums.txt`, which covers everything in it.
    pub checksums_sha256: String,
}

/// A stamp being written.
pub struct Writer {
    partial: PathBuf,
    target: PathBuf,
    /// The stamp's name, `YYYYMMDDTHHMMSSZ` with a suffix if there were two in that second.
    pub name: String,
    done: bool,
}

/// Where a new stamp goes.
pub enum Place<'a> {
    /// A new, named folder below this one.
    Under(&'a Path),
    /// This very folder.
    Exactly(&'a Path),
}

impl Writer {
    /// Begins a stamp.
    ///
    /// # Errors
    /// When the folder cannot be made, or the very folder asked for holds something already.
    pub fn begin(place: &Place<'_>) -> Result<Self> {
        let name = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        match place {
            Place::Under(parent) => {
                create_all(parent)?;
                for n in 1.. {
                    let name = if n == 1 { name.clone() } else { format!("{name}-{n}") };
                    let target = parent.join(&name);
                    let partial = parent.join(format!(".{name}.partial"));
                    if target.exists() {
                        continue;
                    }
                    match std::fs::create_dir(&partial) {
                        // another writer of this second may have finished between the look and the folder
                        Ok(()) if target.exists() => {
                            std::fs::remove_dir(&partial).ok();
                        }
                        Ok(()) => return Ok(Self { partial, target, name, done: false }),
                        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                        Err(e) => return Err(AuditError::failed(partial.display(), e)),
                    }
                }
                Err(AuditError::new(Exit::Failed, "no free stamp name"))
            }
            Place::Exactly(target) => {
                if target.exists() && !is_empty_dir(target) {
                    let message = format!(
                        "--outdir {}: holds something already, and stamps are never overwritten",
                        target.display()
                    );
                    return Err(AuditError::usage(message));
                }
                let absolute =
                    std::path::absolute(target).map_err(|e| AuditError::failed(target.display(), e))?;
                let parent = absolute.parent().unwrap_or(Path::new("/")).to_owned();
                create_all(&parent)?;
                let base = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let partial = parent.join(format!(".{base}.partial-{}", std::process::id()));
                std::fs::create_dir(&partial).map_err(|e| AuditError::failed(partial.display(), e))?;
                Ok(Self { partial, target: absolute, name, done: false })
            }
        }
    }

    /// The path of a file in the stamp while it is being written; its folder is made.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let path = self.partial.join(name);
        if let Some(parent) = path.parent() {
            create_all(parent)?;
        }
        Ok(path)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(name)?;
        std::fs::write(&path, content).map_err(|e| AuditError::failed(path.display(), e))
    }

    /// Writes a value as JSON that people can read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value).map_err(|e| AuditError::failed(name, e))?;
        text.push('\n');
        self.write(name, text)
    }

    /// Takes a copy of a file.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn take(&self, name: &str, from: &Path) -> Result<()> {
        let path = self.path(name)?;
        // a copy of the content alone: a temporary file's permissions are for its owner only
        let copied = std::fs::File::open(from)
            .and_then(|mut source| std::io::copy(&mut source, &mut std::fs::File::create(&path)?));
        copied.map(|_| ()).map_err(|e| AuditError::failed(from.display(), e))
    }

    /// The files written so far: path in the stamp and size in bytes, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<(String, u64)> {
        list(&self.partial)
    }

    /// Adds the checksums and gives the stamp its name.
    ///
    /// # Errors
    /// When a file cannot be read or the folder cannot be renamed.
    pub fn finish(mut self) -> Result<PathBuf> {
        use std::fmt::Write;
        crate::interrupt::check()?;
        let mut sums = String::new();
        for (name, _) in self.files() {
            let path = self.partial.join(&name);
            let sum = hash::file(&path).map_err(|e| AuditError::failed(path.display(), e))?;
            let _ = writeln!(sums, "{sum}  {name}");
        }
        self.write(CHECKSUMS, sums)?;
        if is_empty_dir(&self.target) {
            std::fs::remove_dir(&self.target).map_err(|e| AuditError::failed(self.target.display(), e))?;
        }
        if self.target.exists() {
            return Err(AuditError::new(
                Exit::Failed,
                format!("{}: somebody else wrote it meanwhile", self.target.display()),
            ));
        }
        std::fs::rename(&self.partial, &self.target)
            .map_err(|e| AuditError::failed(self.target.display(), e))?;
        self.done = true;
        Ok(self.target.clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.done {
            std::fs::remove_dir_all(&self.partial).ok();
        }
    }
}

/// Reads a JSON file of a finished stamp.
///
/// # Errors
/// When it is missing or not what it should be.
pub fn read_json<T: serde::de::DeserializeOwned>(stamp: &Path, name: &str) -> Result<T> {
    let path = stamp.join(name);
    let bytes = std::fs::read(&path).map_err(|e| AuditError::failed(path.display(), e))?;
    serde_json::from_slice(&bytes).map_err(|e| AuditError::failed(path.display(), e))
}

/// The newest finished stamp of a phase.
#[must_use]
pub fn latest(phase_dir: &Path) -> Option<PathBuf> {
    all(phase_dir).pop()
}

/// All finished stamps of a phase, oldest first.
#[must_use]
pub fn all(phase_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(phase_dir) else { return Vec::new() };
    let mut stamps: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| {
            let hidden = p.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
            !hidden && p.join(CHECKSUMS).is_file()
        })
        .collect();
    stamps.sort_by_key(|p| order(&name_of(p)));
    stamps
}

/// A stamp's second, then its number within that second.
fn order(name: &str) -> (String, u32) {
    match name.split_once('-') {
        Some((second, n)) => (second.to_owned(), n.parse().unwrap_or(u32::MAX)),
        None => (name.to_owned(), 1),
    }
}

/// A stamp's name.
#[must_use]
pub fn name_of(stamp: &Path) -> String {
    stamp.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Names `stamp` as a parent.
///
/// # Errors
/// When it is not whole.
pub fn parent(phase: &str, stamp: &Path) -> Result<Parent> {
    let sums = stamp.join(CHECKSUMS);
    let checksums_sha256 = hash::file(&sums).map_err(|e| AuditError::failed(sums.display(), e))?;
    Ok(Parent { phase: phase.into(), stamp: name_of(stamp), path: stamp.to_owned(), checksums_sha256 })
}

/// Checks every file of a stamp against its checksums; the problems found.
///
/// # Errors
/// When the list itself cannot be read.
pub fn verify(stamp: &Path) -> Result<Vec<String>> {
    let sums = stamp.join(CHECKSUMS);
    let text = std::fs::read_to_string(&sums).map_err(|e| AuditError::failed(sums.display(), e))?;
    let mut problems = Vec::new();
    let mut named = std::collections::BTreeSet::from([CHECKSUMS.to_string()]);
    for (i, line) in text.lines().enumerate() {
        let Some((sum, name)) = line.split_once("  ") else {
            problems.push(format!("{CHECKSUMS}:{}: not a checksum line", i + 1));
            continue;
        };
        named.insert(name.to_owned());
        match hash::file(&stamp.join(name)) {
            Ok(now) if now == sum => {}
            Ok(_) => problems.push(format!("{name}: changed since the stamp was written")),
            Err(e) => problems.push(format!("{name}: {e}")),
        }
    }
    problems.extend(
        list(stamp)
            .into_iter()
            .filter(|(n, _)| !named.contains(n))
            .map(|(n, _)| format!("{n}: not in {CHECKSUMS}")),
    );
    Ok(problems)
}

/// All files below `dir` with their sizes, paths with `/`, sorted.
#[must_use]
pub fn list(dir: &Path) -> Vec<(String, u64)> {
    fn walk(dir: &Path, prefix: &str, out: &mut Vec<(String, u64)>) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(t) if t.is_dir() => walk(&entry.path(), &format!("{name}/"), out),
                Ok(t) if t.is_file() => out.push((name, entry.metadata().map_or(0, |m| m.len()))),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    walk(dir, "", &mut out);
    out.sort();
    out
}

fn is_empty_dir(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut d| d.next().is_none())
}

fn create_all(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)
        .map_err(|e| AuditError::failed(format!("cannot write to {}", dir.display()), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_or_absent() {
        let dir = tempfile::tempdir().unwrap();
        let phase = dir.path().join("phase_a");
        let dropped = Writer::begin(&Place::Under(&phase)).unwrap();
        dropped.write("x/y.txt", "1").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(&phase).unwrap().count(), 0);
        let kept = Writer::begin(&Place::Under(&phase)).unwrap();
        kept.write("x/y.txt", "1").unwrap();
        assert_eq!(latest(&phase), None, "an unfinished stamp was found");
        let path = kept.finish().unwrap();
        assert_eq!(latest(&phase), Some(path.clone()));
        assert_eq!(verify(&path).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn two_in_one_second_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let stamps: Vec<PathBuf> =
            (0..4).map(|_| Writer::begin(&Place::Under(dir.path())).unwrap().finish().unwrap()).collect();
        assert_eq!(all(dir.path()), stamps);
    }

    #[test]
    fn tampering_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let w = Writer::begin(&Place::Under(dir.path())).unwrap();
        for name in ["a", "b", "c"] {
            w.write(name, name).unwrap();
        }
        let stamp = w.finish().unwrap();
        std::fs::write(stamp.join("a"), "x").unwrap();
        std::fs::remove_file(stamp.join("b")).unwrap();
        std::fs::write(stamp.join("new"), "x").unwrap();
        let problems = verify(&stamp).unwrap().join("\n");
        assert!(
            problems.contains("a: changed") && problems.contains("b: ") && problems.contains("new: not in"),
            "{problems}"
        );
    }

    #[test]
    fn a_folder_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), "x").unwrap();
        assert_eq!(Writer::begin(&Place::Exactly(dir.path())).err().unwrap().exit, Exit::Usage);
        let fresh = dir.path().join("fresh");
        let path = Writer::begin(&Place::Exactly(&fresh)).unwrap().finish().unwrap();
        assert_eq!(path, std::path::absolute(&fresh).unwrap());
    }
}
