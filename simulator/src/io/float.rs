//! Float images: raw f32, native byte order, slow-major, no header.

use super::atomic::{Pending, WriteError};
use memmap2::{Mmap, MmapOptions};
use std::io;
use std::ops::Deref;
use std::path::Path;

/// Writes an image.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, image: &[f32]) -> Result<(), WriteError> {
    let bytes: &[u8] = bytemuck::cast_slice(image);
    Pending::new(path)?.reserve(bytes.len() as u64)?.write(|out| out.write_all(bytes))
}

/// An image that is written while it is rendered, in any order.
#[derive(Debug)]
pub struct Growing {
    pending: Pending,
    count: usize,
}

impl Growing {
    /// Begins a file of `count` pixels, 0 where nothing is written. `None` where that cannot be: into devices and pipes.
    ///
    /// # Errors
    /// When its directory cannot be written, or the disk is too full.
    pub fn new(path: &Path, count: usize) -> Result<Option<Growing>, WriteError> {
        let bytes = (count * size_of::<f32>()) as u64;
        let pending = Pending::new(path)?.reserve(bytes)?;
        let Some(file) = pending.regular().filter(|_| cfg!(unix)) else { return Ok(None) };
        file.set_len(bytes).map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Some(Growing { pending, count }))
    }

    /// Writes pixels from a position of the image on.
    ///
    /// # Errors
    /// When the disk is full, and so on.
    #[cfg(unix)]
    pub fn put(&self, first: usize, pixels: &[f32]) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let file = self.pending.regular().ok_or(io::ErrorKind::Unsupported)?;
        file.write_all_at(bytemuck::cast_slice(pixels), (first * size_of::<f32>()) as u64)
    }

    /// Writes pixels from a position of the image on.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn put(&self, _first: usize, _pixels: &[f32]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives the file its name, and the image back.
    ///
    /// # Errors
    /// When the file cannot be named, or not be read again.
    pub fn finish(self) -> Result<Written, WriteError> {
        let Growing { pending, count } = self;
        let path = pending.path().to_owned();
        let file = pending.handle()?;
        #[expect(unsafe_code, reason = "other processes can change a file that is mapped")]
        // SAFETY: nothing is derived from the numbers that a later change of them could make unsound: all bytes are valid.
        let map = unsafe { MmapOptions::new().len(count * size_of::<f32>()).populate().map(&file) };
        let image = map.map(Written).map_err(|source| WriteError { path, source })?;
        pending.finish().map(|()| image)
    }
}

/// An image that was written, as it lies in the system's cache of the file.
#[derive(Debug)]
pub struct Written(Mmap);

impl Deref for Written {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: [f32; 5] = [1.5, -0.0, 3e-20, f32::INFINITY, 7.0];

    fn bytes() -> Vec<u8> {
        IMAGE.iter().flat_map(|v| v.to_ne_bytes()).collect()
    }

    #[test]
    fn bytes_are_those_of_the_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        write(&path, &IMAGE).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes());
    }

    #[cfg(unix)]
    #[test]
    fn an_image_may_grow_in_any_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        for before in [None, Some("an older image")] {
            if let Some(text) = before {
                std::fs::write(&path, text).unwrap();
            }
            let growing = Growing::new(&path, 6).unwrap().unwrap();
            growing.put(3, &IMAGE[3..]).unwrap();
            growing.put(0, &IMAGE[..3]).unwrap();
            let image = growing.finish().unwrap();
            let expected: Vec<u8> = bytes().into_iter().chain([0; 4]).collect();
            assert_eq!(std::fs::read(&path).unwrap(), expected);
            assert_eq!(bytemuck::cast_slice::<f32, u8>(&image), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_image_that_is_given_up_is_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        std::fs::write(&path, "an older image").unwrap();
        let growing = Growing::new(&path, 1000).unwrap().unwrap();
        growing.put(0, &IMAGE).unwrap();
        drop(growing);
        assert_eq!(std::fs::read(&path).unwrap(), b"an older image");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(Growing::new(Path::new("/dev/null"), 1000).unwrap().is_none());
    }
}
