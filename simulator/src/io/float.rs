//! Float images: raw f32, native byte order, slow-major, no header.

use super::atomic::{Pending, WriteError};
use std::path::Path;

/// Numbers converted at a time.
const CHUNK: usize = 1 << 14;

/// Writes an image.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, image: &[f32]) -> Result<(), WriteError> {
    Pending::new(path)?.write(|out| {
        let mut bytes = Vec::with_capacity(4 * CHUNK);
        for chunk in image.chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_ne_bytes()));
            out.write_all(&bytes)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_those_of_the_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.bin");
        super::write(&path, &[1.5, -0.0, 3e-20]).unwrap();
        let expected: Vec<u8> = [1.5_f32, -0.0, 3e-20].iter().flat_map(|v| v.to_ne_bytes()).collect();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
    }
}
