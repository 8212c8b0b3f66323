//! Files without a name until they are whole (`O_TMPFILE`): whatever ends the process, nothing is left of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How names of files begin that are about to be renamed.
pub(super) const PREFIX: &str = ".nanobragg-";

/// A file on the file system of a directory, and in no directory.
#[derive(Debug)]
pub(super) struct Unnamed {
    file: File,
    directory: PathBuf,
}

impl Unnamed {
    /// A new file, or `None` where the system or the file system knows no such files.
    pub(super) fn new(directory: &Path) -> Option<Unnamed> {
        let file = open(directory)?;
        Some(Unnamed { file, directory: directory.to_owned() })
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(super) fn borrowed(&self) -> &File {
        &self.file
    }

    /// Gives the file a name, in the directory that it was made for.
    ///
    /// # Errors
    /// When the name cannot be given; the file is gone then.
    pub(super) fn persist(self, path: &Path) -> io::Result<()> {
        match link(&self.file, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
        // No call of the system replaces one name by a file that has none.
        let named =
            tempfile::Builder::new().prefix(PREFIX).make_in(&self.directory, |at| link(&self.file, at))?;
        named.persist(path).map(drop).map_err(|e| e.error)
    }
}

#[cfg(target_os = "linux")]
fn open(directory: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory, flags, Mode::from_raw_mode(0o666)).ok().map(File::from)?;
    // Without the proc file system it could not be named.
    path_of(&file).exists().then_some(file)
}

/// The name that the system has for an open file.
#[cfg(target_os = "linux")]
fn path_of(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};
    Ok(rustix::fs::linkat(CWD, path_of(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn open(_: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
