//! Directories as engines see them: what lies in a person's directory and in those above it, and copies of parts of
//! that in which an engine can run without touching anything of theirs.

use super::lab::failed;
use crate::exit::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Directories above the person's whose files are looked at: configuration files are looked for upwards.
const LEVELS: usize = 12;

/// Files above the directory larger than this are left out: a configuration is small, and home directories are not.
const LARGEST_ABOVE: u64 = 1 << 20;

/// Most files looked at in one directory above.
const MOST_ABOVE: usize = 2000;

/// Directories above whose small folders are looked at, too: `../config/settings.json`.
const LEVELS_WITH_FOLDERS: usize = 4;

/// Most folders looked at in one directory above.
const MOST_FOLDERS: usize = 32;

/// Most files in such a folder.
const MOST_IN_FOLDER: usize = 64;

/// Something an engine may see though nobody told it to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A file or directory in the directory itself, by its name.
    Entry(OsString),
    /// A file or a small folder in a directory above: how many levels up (1 is the parent), and its name.
    Above(usize, OsString),
    /// An environment variable.
    Variable(OsString, OsString),
}

impl Item {
    /// For reports; `dir` is the person's directory.
    #[must_use]
    pub fn text(&self, dir: Option<&Path>) -> String {
        match self {
            Self::Entry(_) | Self::Above(..) => {
                self.path(dir).map_or_else(|| format!("{self:?}"), |p| p.display().to_string())
            }
            Self::Variable(name, value) => {
                format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
            }
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self, dir: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::Entry(name) => dir.map(|d| d.join(name)),
            Self::Above(level, name) => dir?.ancestors().nth(*level).map(|d| d.join(name)),
            Self::Variable(..) => None,
        }
    }
}

/// What lies in `dir`, sorted by name.
#[must_use]
pub fn entries(dir: &Path) -> Vec<Item> {
    let mut names: Vec<OsString> = std::fs::read_dir(dir)
        .map(|list| list.flatten().map(|e| e.file_name()).collect())
        .unwrap_or_default();
    names.sort();
    names.into_iter().map(Item::Entry).collect()
}

/// Small files in the directories above `dir`, and small folders in the nearest of them; the nearest first.
#[must_use]
pub fn above(dir: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    for (level, parent) in dir.ancestors().enumerate().skip(1).take(LEVELS) {
        let Ok(list) = std::fs::read_dir(parent) else { continue };
        let (mut names, mut folders) = (Vec::new(), 0);
        for entry in list.flatten().take(MOST_ABOVE) {
            let path = entry.path();
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let is_folder = metadata.is_dir()
                && level <= LEVELS_WITH_FOLDERS
                && folders < MOST_FOLDERS
                && !dir.starts_with(&path)
                && small_folder(&path, &mut { MOST_IN_FOLDER }, &mut { LARGEST_ABOVE });
            folders += usize::from(is_folder);
            let is_file = metadata.is_file() && metadata.len() <= LARGEST_ABOVE;
            if is_folder || (is_file && std::fs::File::open(&path).is_ok()) {
                names.push(entry.file_name());
            }
        }
        names.sort();
        items.extend(names.into_iter().map(|name| Item::Above(level, name)));
    }
    items
}

/// Whether a folder holds a few small files that can be read, and no links out of it.
fn small_folder(folder: &Path, files: &mut usize, bytes: &mut u64) -> bool {
    let Ok(list) = std::fs::read_dir(folder) else { return false };
    list.flatten().all(|entry| {
        let Ok(metadata) = entry.metadata() else { return false };
        let Some(left) = files.checked_sub(1) else { return false };
        *files = left;
        if metadata.is_dir() {
            return small_folder(&entry.path(), files, bytes);
        }
        let fits = bytes.checked_sub(metadata.len());
        *bytes = fits.unwrap_or(0);
        fits.is_some() && metadata.is_file() && std::fs::File::open(entry.path()).is_ok()
    })
}

/// What a copy does not show, for reports.
#[must_use]
pub fn not_shown(dir: &Path) -> String {
    format!(
        "what an engine reads by an absolute path, files larger than {} MiB and large folders above {}: a copy does not show them",
        LARGEST_ABOVE >> 20,
        dir.display()
    )
}

/// A directory that holds the chosen items of `dir`, below directories of the same names as those above it. An engine
/// started in [`Copy::work`] sees them where it would see the originals.
///
/// # Errors
/// When something cannot be copied.
pub fn stage(dir: &Path, items: &[Item]) -> Result<Copy> {
    let root = tempfile::Builder::new()
        .prefix("bragg-diagnose-")
        .tempdir()
        .map_err(|e| failed("making a temporary directory", e))?;
    let below = below(dir);
    let work = root.path().join(&below);
    std::fs::create_dir_all(&work).map_err(|e| failed(work.display(), e))?;
    for item in items {
        let (Some(from), Some(to)) = (item.path(Some(dir)), item.path(Some(&work))) else { continue };
        copy_any(&from, &to).map_err(|e| failed(format!("copying {}", from.display()), e))?;
    }
    Ok(Copy { root, below })
}

/// The path of a directory's copy below the root of the copy: the names of `dir` and of those above it, below as many others as
/// it takes that an engine which looks further up does not leave the copy.
fn below(dir: &Path) -> PathBuf {
    let mut names: Vec<OsString> = dir
        .components()
        .rev()
        .filter_map(|c| match c {
            std::path::Component::Normal(name) => Some(name.to_owned()),
            _ => None,
        })
        .take(LEVELS)
        .collect();
    names.extend((names.len()..=LEVELS).map(|n| format!("up{n}").into()));
    names.into_iter().rev().collect()
}

/// A copy in which an engine may do what it likes; gone when this value is dropped.
pub struct Copy {
    root: tempfile::TempDir,
    below: PathBuf,
}

/// Where a copy lies that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Staged {
    root: PathBuf,
    below: PathBuf,
}

impl Copy {
    /// The directory to run in.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.path().join(&self.below)
    }

    /// Where it lies.
    #[must_use]
    pub fn staged(&self) -> Staged {
        Staged { root: self.root.path().to_owned(), below: self.below.clone() }
    }
}

/// A second copy of a staged directory: what one run changes must not reach the next.
///
/// # Errors
/// When something cannot be copied.
pub fn copy(staged: &Staged) -> Result<Copy> {
    let root = tempfile::Builder::new()
        .prefix("bragg-diagnose-")
        .tempdir()
        .map_err(|e| failed("making a temporary directory", e))?;
    copy_content(&staged.root, root.path())
        .map_err(|e| failed(format!("copying {}", staged.root.display()), e))?;
    Ok(Copy { root, below: staged.below.clone() })
}

/// Copies a file (shared blocks where the file system can), a directory with its content, or a link as what it leads to.
/// Pipes, sockets and devices are left out: copying one would wait or never end. What goes away meanwhile is not there.
fn copy_any(from: &Path, to: &Path) -> std::io::Result<()> {
    match copy_present(from, to) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !from.exists() => Ok(()),
        other => other,
    }
}

fn copy_present(from: &Path, to: &Path) -> std::io::Result<()> {
    let Ok(metadata) = std::fs::metadata(from) else { return Ok(()) }; // a link to nowhere
    if metadata.is_dir() {
        if std::fs::symlink_metadata(from)?.is_symlink() {
            // a link to a directory may lead back up: it stays a link
            return std::os::unix::fs::symlink(std::fs::canonicalize(from)?, to);
        }
        std::fs::create_dir_all(to)?;
        copy_content(from, to)
    } else if metadata.is_file() {
        std::fs::copy(from, to).map(|_| ())
    } else {
        Ok(())
    }
}

fn copy_content(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy_any(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_directory_has_what_was_chosen_where_it_was() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a b/c");
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::fs::write(dir.join("one"), "1").unwrap();
        std::fs::write(dir.join("two"), "2").unwrap();
        std::fs::write(dir.join("sub/deep"), "3").unwrap();
        std::fs::write(home.path().join("rc"), "4").unwrap();
        let names: Vec<Item> = entries(&dir);
        assert_eq!(names.len(), 3);
        assert!(above(&dir).contains(&Item::Above(2, "rc".into())));
        let staged = stage(&dir, &[Item::Entry("sub".into()), Item::Above(2, "rc".into())]).unwrap();
        let again = copy(&staged.staged()).unwrap();
        for work in [staged.work(), again.work()] {
            assert_eq!(std::fs::read_to_string(work.join("sub/deep")).unwrap(), "3");
            assert_eq!(std::fs::read_to_string(work.join("../../rc")).unwrap(), "4");
            assert!(!work.join("one").exists());
            assert!(work.ends_with("a b/c"), "the names stay: {}", work.display());
        }
    }

    #[test]
    fn small_folders_above_are_seen_and_large_ones_are_not() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("project/run");
        for folder in ["project/run", "project/config/deep", "project/large", "project/linked"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        std::fs::write(home.path().join("project/config/deep/settings.json"), "5").unwrap();
        for i in 0..=MOST_IN_FOLDER {
            std::fs::write(home.path().join(format!("project/large/{i}")), "6").unwrap();
        }
        std::os::unix::fs::symlink("/", home.path().join("project/linked/out")).unwrap();
        let found = above(&dir);
        let near = |name: &str| found.contains(&Item::Above(1, name.into()));
        assert!(near("config") && !near("large") && !near("linked") && !near("run"), "{found:?}");
        let staged = stage(&dir, &[Item::Above(1, "config".into())]).unwrap();
        assert!(staged.work().join("../config/deep/settings.json").is_file());
    }
}
