//! Float images: raw f32, native byte order, slow-major, no header.

use super::atomic::{Pending, WriteError};
use std::path::Path;

/// Writes an image.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, image: &[f32]) -> Result<(), WriteError> {
    let bytes: &[u8] = bytemuck::cast_slice(image);
    Pending::new(path)?.reserve(bytes.len() as u64)?.write(|out| out.write_all(bytes))
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
