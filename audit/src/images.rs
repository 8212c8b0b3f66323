//! Images as engines write them: raw f32, memory-mapped, so that comparing two large frames needs no copy of them.

use std::fs::File;
use std::path::{Path, PathBuf};

/// Why a file is no comparable image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The engine left no file.
    #[error("{0}: no image was written")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error("{0}: the image is empty")]
    Empty(PathBuf),
    /// The length is not a whole number of f32.
    #[error("{path}: {bytes} bytes are not a whole number of 4-byte values (cut off?)")]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: usize,
    },
}

/// A raw f32 image in native byte order, mapped into memory.
pub struct Image {
    map: memmap2::Mmap,
    /// Where it was read from.
    pub path: PathBuf,
}

impl Image {
    /// Maps the raw f32 file at `path`.
    ///
    /// # Errors
    /// A missing, empty, unreadable or ragged file.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => ImageError::Missing(path.to_owned()),
            _ => ImageError::Io { path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        if bytes == 0 {
            return Err(ImageError::Empty(path.to_owned()));
        }
        if bytes % 4 != 0 {
            return Err(ImageError::Ragged { path: path.to_owned(), bytes: bytes as usize });
        }
        #[expect(unsafe_code, reason = "mapping a file is how large frames are compared without copies")]
        // SAFETY: the file is an engine's output in a directory of this run's own; the engine has ended, and
        // nothing else writes to it while it is mapped.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Ok(Self { map, path: path.to_owned() })
    }

    /// The pixel values, slow axis major.
    #[must_use]
    pub fn pixels(&self) -> &[f32] {
        #[expect(unsafe_code, reason = "reading mapped bytes as f32")]
        // SAFETY: a map starts at a page boundary, its length was checked to be a multiple of four, and every
        // bit pattern is a valid f32.
        unsafe {
            std::slice::from_raw_parts(self.map.as_ptr().cast::<f32>(), self.map.len() / 4)
        }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_files_are_named_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.bin");
        assert!(matches!(Image::open(&path), Err(ImageError::Missing(_))));
        std::fs::write(&path, []).unwrap();
        assert!(matches!(Image::open(&path), Err(ImageError::Empty(_))));
        std::fs::write(&path, [1, 2, 3, 4, 5]).unwrap();
        assert!(matches!(Image::open(&path), Err(ImageError::Ragged { bytes: 5, .. })));
        std::fs::write(&path, 1.5f32.to_ne_bytes()).unwrap();
        assert_eq!(Image::open(&path).unwrap().pixels(), [1.5]);
    }
}
