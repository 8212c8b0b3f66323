//! Memory for large arrays: zero, in huge pages where the system gives them, and touched for the first time by whoever
//! fills it.
//!
//! A `Vec` that is filled with zeros is written twice, and in pages of 4 KiB every first touch of a page is a trip to the
//! kernel: 16 thousand for an image of 64 MiB, against 32 with pages of 2 MiB.

use bytemuck::Pod;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Smaller buffers are ordinary memory. From here on to touch all their pages one by one, 1 to 3 microseconds each, takes
/// longer than to touch a huge page, of which much may lie idle.
pub(crate) const SMALLEST_MAPPED: usize = 1 << 18;
/// Size and alignment of a huge page.
pub(crate) const HUGE_PAGE: usize = 1 << 21;

/// There is not enough memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for {} MB", .bytes / 1_000_000)]
pub struct OutOfMemory {
    /// What was asked for.
    pub bytes: usize,
}

/// A fixed number of values, 0 to begin with.
pub struct Buffer<T> {
    storage: Storage<T>,
}

enum Storage<T> {
    Plain(Vec<T>),
    /// Some bytes of a mapping, from a multiple of the huge page on.
    #[cfg(target_os = "linux")]
    Mapped {
        map: memmap2::MmapMut,
        first: usize,
        bytes: usize,
    },
}

impl<T: Pod> Buffer<T> {
    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// When the system has no such memory.
    pub fn zeroed(len: usize) -> Result<Buffer<T>, OutOfMemory> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(OutOfMemory { bytes: usize::MAX })?;
        #[cfg(target_os = "linux")]
        if bytes >= SMALLEST_MAPPED
            && let Some(storage) = mapped(bytes)
        {
            return Ok(Buffer { storage });
        }
        let mut values = Vec::new();
        values.try_reserve_exact(len).map_err(|_| OutOfMemory { bytes })?;
        values.resize(len, T::zeroed());
        Ok(Buffer { storage: Storage::Plain(values) })
    }
}

/// Whole huge pages, which are asked for but need not be given.
#[cfg(target_os = "linux")]
fn mapped<T>(bytes: usize) -> Option<Storage<T>> {
    // The system aligns what is long enough, but not every version of it.
    let len = bytes.checked_next_multiple_of(HUGE_PAGE)?.checked_add(HUGE_PAGE)?;
    let map = memmap2::MmapMut::map_anon(len).ok()?;
    let first = map.as_ptr().align_offset(HUGE_PAGE);
    let _ = map.advise(memmap2::Advice::HugePage);
    (first <= len - bytes).then_some(Storage::Mapped { map, first, bytes })
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.storage {
            Storage::Plain(values) => values,
            #[cfg(target_os = "linux")]
            Storage::Mapped { map, first, bytes } => bytemuck::cast_slice(&map[*first..first + bytes]),
        }
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.storage {
            Storage::Plain(values) => values,
            #[cfg(target_os = "linux")]
            Storage::Mapped { map, first, bytes } => {
                bytemuck::cast_slice_mut(&mut map[*first..*first + *bytes])
            }
        }
    }
}

impl<T: Pod> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} values)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_buffers_are_zero_and_can_be_written() {
        for len in [0, 1, 1000, 1 << 18, (1 << 20) + 7] {
            let mut buffer = Buffer::<f64>::zeroed(len).unwrap();
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&value| value == 0.0));
            for (i, value) in buffer.iter_mut().enumerate() {
                *value = i as f64;
            }
            assert!(buffer.iter().enumerate().all(|(i, &value)| value == i as f64));
        }
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        for len in [usize::MAX, usize::MAX / 4, 1 << 55] {
            assert!(Buffer::<f32>::zeroed(len).is_err());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_is_touched_before_it_is_written() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            4096 * text.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
        };
        let before = resident();
        let mut buffer = Buffer::<f32>::zeroed(1 << 28).unwrap();
        assert!(resident() < before + (1 << 28), "a gigabyte was touched");
        buffer[1 << 27] = 1.0;
        assert!(resident() < before + (1 << 28), "a gigabyte was touched");
        assert_eq!(buffer[1 << 27], 1.0);
    }
}
