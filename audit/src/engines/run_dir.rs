//! The directory of one run: new, its own, gone afterwards whatever an engine did in it. One that a killed audit left
//! behind is known by its lock, which nobody holds any more.

use std::fs::File;
use std::path::{Path, PathBuf};

const PREFIX: &str = "bragg-audit-";
const LOCK: &str = ".lock";
const UNLOCKED: &str = ".lock-to-be";

/// A directory that is removed when it is dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// The directory itself, whatever an engine calls it meanwhile.
    opened: File,
    _lock: File,
}

impl RunDir {
    /// Makes one below the system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> std::io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // It gets its name when it is locked: another audit that found it before would take this directory for abandoned.
        let unnamed = dir.path().join(UNLOCKED);
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        std::fs::rename(&unnamed, dir.path().join(LOCK))?;
        let opened = File::open(dir.path())?;
        Ok(Self { path: dir.keep(), opened, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        remove(&self.path);
        if let Some(moved) = moved(&self.opened) {
            remove(&moved);
        }
    }
}

/// Where an open directory is now, if it still has a name (Linux tells).
fn moved(opened: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).ok()?;
    let (there, ours) = (path.symlink_metadata().ok()?, opened.metadata().ok()?);
    ((there.dev(), there.ino()) == (ours.dev(), ours.ino())).then_some(path)
}

/// Removes a directory, also one whose permissions were taken away meanwhile.
fn remove(dir: &Path) {
    if std::fs::remove_dir_all(dir).is_err() {
        open_up(dir);
        std::fs::remove_dir_all(dir).ok();
    }
}

fn open_up(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).ok();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        // not through links: only what lies here is ours
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Removes the directories of audits that were killed.
pub fn remove_abandoned() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours || !entry.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        // a directory without the file is being made, or is another program's
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            remove(&entry.path());
        }
    }
}

/// The image's file: `numpy.save` puts an ending to names that have another one.
pub(super) fn written(image: PathBuf) -> PathBuf {
    let mut longer = image.clone().into_os_string();
    longer.push(".npy");
    let longer = PathBuf::from(longer);
    if !image.exists() && longer.is_file() { longer } else { image }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_goes_away_whatever_was_done_in_it() {
        let dir = RunDir::new().unwrap();
        let path = dir.path().to_owned();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/c"), "x").unwrap();
        std::fs::set_permissions(path.join("a/b"), std::fs::Permissions::from_mode(0o000)).unwrap();
        std::fs::set_permissions(path.join("a"), std::fs::Permissions::from_mode(0o500)).unwrap();
        std::os::unix::fs::symlink("/etc", path.join("link")).unwrap();
        drop(dir);
        assert!(!path.exists() && Path::new("/etc").is_dir());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_goes_away_under_another_name_too() {
        let dir = RunDir::new().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().to_owned(), elsewhere.path().join("renamed"));
        std::fs::rename(&old, &new).unwrap();
        // what has the old name now
        std::fs::create_dir(&old).unwrap();
        drop(dir);
        assert!(!old.exists() && !new.exists() && elsewhere.path().exists());
    }

    #[test]
    fn only_abandoned_ones_are_removed() {
        let alive = RunDir::new().unwrap();
        let abandoned = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap().keep();
        std::fs::write(abandoned.join(LOCK), "").unwrap();
        remove_abandoned();
        assert!(alive.path().is_dir() && !abandoned.exists());
    }
}
