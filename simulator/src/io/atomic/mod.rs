//! Files that are complete or absent: written without a name, or under a temporary one beside their place, then named.

mod unnamed;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use unnamed::{PREFIX, Unnamed};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// A file that appears under its name when it is [finished](Pending::finish), and never if it is dropped before.
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Unnamed(Unnamed),
    /// Where there are no files without a name.
    Beside(NamedTempFile),
    /// A device or a pipe cannot be renamed to.
    Itself(File),
}

impl Pending {
    /// Begins a file.
    ///
    /// # Errors
    /// When its directory cannot be written, or it is a directory itself.
    pub fn new(path: &Path) -> Result<Pending, WriteError> {
        let target = Pending::open(path).map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Pending { path: path.to_owned(), target })
    }

    fn open(path: &Path) -> io::Result<Target> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(metadata) if !metadata.is_file() => {
                return OpenOptions::new().write(true).open(path).map(Target::Itself);
            }
            // such as a name that is too long: known before any other output is written
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(error),
            _ => {}
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if let Some(file) = Unnamed::new(directory) {
            return Ok(Target::Unnamed(file));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.tempfile_in(directory).map(Target::Beside).map_err(plain)
    }

    /// Takes the room for a file of `bytes` before it is written, where the file system can: a disk that is too full is
    /// known at once, and the blocks are found in one go.
    ///
    /// # Errors
    /// When there is no such room.
    pub fn reserve(self, bytes: u64) -> Result<Pending, WriteError> {
        match self.regular().map(|file| reserve(file, bytes)) {
            Some(Err(source)) if source.kind() == io::ErrorKind::StorageFull => {
                Err(WriteError { path: self.path, source })
            }
            _ => Ok(self),
        }
    }

    /// The file, unless it is a device or a pipe.
    pub(super) fn regular(&self) -> Option<&File> {
        match &self.target {
            Target::Unnamed(file) => Some(file.borrowed()),
            Target::Beside(file) => Some(file.as_file()),
            Target::Itself(_) => None,
        }
    }

    /// Where the file is to be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the content and gives the file its name.
    ///
    /// # Errors
    /// When the disk is full, and so on; the file is absent then.
    pub fn write(
        self,
        content: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let Pending { path, target } = self;
        let write = |file: &mut File| {
            let mut out = BufWriter::with_capacity(1 << 18, file);
            content(&mut out)?;
            out.flush()
        };
        let result = match target {
            Target::Itself(mut file) => write(&mut file),
            Target::Unnamed(mut file) => write(file.file()).and_then(|()| file.persist(&path)),
            Target::Beside(mut file) => {
                write(file.as_file_mut()).and_then(|()| file.persist(&path).map(drop).map_err(|e| e.error))
            }
        };
        result.map_err(|source| WriteError { path, source })
    }

    /// The open file and its name to be, for a writer that runs on a thread of its own.
    ///
    /// # Errors
    /// When the file cannot be opened a second time.
    pub fn handle(&self) -> Result<File, WriteError> {
        let handle = match &self.target {
            Target::Itself(file) => file.try_clone(),
            Target::Unnamed(file) => file.borrowed().try_clone(),
            Target::Beside(file) => file.as_file().try_clone(),
        };
        handle.map_err(|source| WriteError { path: self.path.clone(), source })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When it cannot be renamed; the file is absent then.
    pub fn finish(self) -> Result<(), WriteError> {
        self.write(|_| Ok(()))
    }
}

/// Checks that a file can be written, and leaves nothing.
///
/// # Errors
/// When it cannot.
pub fn check_writable(path: &Path) -> Result<(), WriteError> {
    Pending::new(path).map(drop)
}

/// Writes a whole file.
///
/// # Errors
/// When it cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    Pending::new(path)?.write(|out| out.write_all(content))
}

/// Half of the time of writing a file is the search for its blocks, one page after the other; and where a file replaces
/// another, ext4 waits for blocks that were not reserved (`auto_da_alloc`), which takes three times as long as writing.
#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    if bytes == 0 { Ok(()) } else { Ok(fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes)?) }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// An error without the name of the temporary file, which means nothing to anybody.
fn plain(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_refused_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        assert!(check_writable(&directory.path().join("x".repeat(1000))).is_err());
        assert!(check_writable(&directory.path().join("x".repeat(250))).is_ok());
    }

    #[test]
    fn a_file_that_fails_half_way_is_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        let failed = Pending::new(&path).unwrap().write(|out| {
            out.write_all(&[1; 100_000])?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        write(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn room_that_was_reserved_does_not_show() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        let pending = Pending::new(&path).unwrap().reserve(1 << 20).unwrap();
        pending.write(|out| out.write_all(b"short")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        let huge = Pending::new(&path).unwrap().reserve(1 << 60);
        // Some file systems cannot tell before it is written.
        assert!(huge.is_ok_and(|pending| pending.write(|out| out.write_all(b"x")).is_ok()) || path.exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = check_writable(Path::new("/no/such/directory/image.bin")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write /no/such/directory/image.bin: "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_and_not_replaced() {
        write(Path::new("/dev/null"), b"nothing").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }
}
