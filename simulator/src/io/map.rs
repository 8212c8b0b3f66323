//! Files as memory: mapped where they are large, read where they are small, or no files at all.
//!
//! Pages of a mapping come from the file when they are looked at. Somebody who cuts the file off meanwhile ends this
//! process by a signal (SIGBUS); our own writers replace files, and never cut them off.

use super::text::{self, ReadError};
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

/// Smaller files are read: a mapping costs more than a copy.
const SMALLEST_MAPPED: u64 = 1 << 16;

/// The content of a file.
#[derive(Debug)]
pub(super) enum Bytes {
    /// In pages of the system's cache.
    Mapped(Mmap),
    /// A copy.
    Read(Vec<u8>),
}

impl Bytes {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read; when it is not a file, and larger than the memory or endless.
    pub(super) fn open(path: &Path) -> Result<Bytes, ReadError> {
        let failed = |source| ReadError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_file() && metadata.len() >= SMALLEST_MAPPED {
            #[expect(unsafe_code, reason = "other processes can change a file that is mapped")]
            // SAFETY: nothing is derived from the bytes that a later change of them could make unsound: they are looked
            // at as bytes or numbers, every use checks its limits, and all byte patterns are valid.
            let map = unsafe { MmapOptions::new().map(&file) };
            if let Ok(map) = map {
                return Ok(Bytes::Mapped(map));
            }
        }
        text::read(path).map(Bytes::Read)
    }

    /// Lets go of the memory of a part that is not needed for now. What is looked at again is there again.
    pub(super) fn release(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = self {
            let first = part.as_ptr().addr().saturating_sub(map.as_ptr().addr());
            if first + part.len() <= map.len() {
                #[expect(unsafe_code, reason = "other advice of this kind would lose data")]
                // SAFETY: the mapping is of a file, shared and read-only: dropped pages come back from the file.
                let _ = unsafe {
                    map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, first, part.len())
                };
            }
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Read(bytes) => bytes,
        }
    }
}
