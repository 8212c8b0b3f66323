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

/// Something an engine may see though nobody told it to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A file or directory in the directory itself, by its name.
    Entry(OsString),
    /// A file in a directory above: how many levels up (1 is the parent), and its name.
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

/// Small files in the directories above `dir`, the nearest first.
#[must_use]
pub fn above(dir: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    for (level, parent) in dir.ancestors().enumerate().skip(1).take(LEVELS) {
        let Ok(list) = std::fs::read_dir(parent) else { continue };
        let mut names: Vec<OsString> = list
            .flatten()
            .take(MOST_ABOVE)
            .filter(|e| std::fs::metadata(e.path()).is_ok_and(|m| m.is_file() && m.len() <= LARGEST_ABOVE))
            .filter(|e| std::fs::File::open(e.path()).is_ok())
            .map(|e| e.file_name())
            .collect();
        names.sort();
        items.extend(names.into_iter().map(|name| Item::Above(level, name)));
    }
    items
}

/// A directory that holds the chosen items of `dir`, with as many directories above it as the items need. An engine
/// started in [`Copy::work`] sees them where it would see the originals.
///
/// # Errors
/// When something cannot be copied.
pub fn stage(dir: &Path, items: &[Item]) -> Result<Copy> {
    let root = tempfile::Builder::new()
        .prefix("bragg-diagnose-")
        .tempdir()
        .map_err(|e| failed("making a temporary directory", e))?;
    let mut work = root.path().to_owned();
    for level in (0..LEVELS).rev() {
        work.push(if level == 0 { "work".to_owned() } else { format!("up{level}") });
    }
    std::fs::create_dir_all(&work).map_err(|e| failed(work.display(), e))?;
    for item in items {
        let (Some(from), Some(to)) = (item.path(Some(dir)), item.path(Some(&work))) else { continue };
        copy_any(&from, &to).map_err(|e| failed(format!("copying {}", from.display()), e))?;
    }
    Ok(Copy { root })
}

/// A copy in which an engine may do what it likes; gone when this value is dropped.
pub struct Copy {
    root: tempfile::TempDir,
}

impl Copy {
    /// The directory to run in.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        let mut work = self.root.path().to_owned();
        for level in (0..LEVELS).rev() {
            work.push(if level == 0 { "work".to_owned() } else { format!("up{level}") });
        }
        work
    }

    /// The temporary directory that holds it all.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }
}

/// A second copy of a staged directory (given by its [`Copy::root`]): what one run changes must not reach the next.
///
/// # Errors
/// When something cannot be copied.
pub fn copy(staged: &Path) -> Result<Copy> {
    let root = tempfile::Builder::new()
        .prefix("bragg-diagnose-")
        .tempdir()
        .map_err(|e| failed("making a temporary directory", e))?;
    copy_content(staged, root.path()).map_err(|e| failed(format!("copying {}", staged.display()), e))?;
    Ok(Copy { root })
}

/// Copies a file (shared blocks where the file system can), a directory with its content, or a link as what it leads to.
/// Pipes, sockets and devices are left out: copying one would wait or never end.
fn copy_any(from: &Path, to: &Path) -> std::io::Result<()> {
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
        let again = copy(staged.root()).unwrap();
        for work in [staged.work(), again.work()] {
            assert_eq!(std::fs::read_to_string(work.join("sub/deep")).unwrap(), "3");
            assert_eq!(std::fs::read_to_string(work.join("../../rc")).unwrap(), "4");
            assert!(!work.join("one").exists());
        }
    }
}
