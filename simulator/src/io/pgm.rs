//! PGM images: 8 bits, for looking at.

use super::atomic::{Pending, WriteError};
use super::g_format::g;
use std::path::Path;

/// Writes an image of `width`; `scale` is told in a comment.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, width: usize, scale: f64, image: &[u8]) -> Result<(), WriteError> {
    Pending::new(path)?.write(|out| {
        let height = image.len() / width;
        write!(out, "P5\n{width} {height}\n# pixels scaled by {}\n255\n", g(scale))?;
        out.write_all(image)
    })
}
