//! PGM images: 8 bits, for looking at.

use super::atomic::{Pending, WriteError};
use super::blocks;
use super::g_format::g;
use std::path::Path;

/// Writes an image of `size` (fast, slow); `scale` is told in a comment. `fill` makes the grey values from the given
/// one on, in order.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(
    path: &Path,
    size: [usize; 2],
    scale: f64,
    fill: impl FnMut(usize, &mut [u8]) + Send,
) -> Result<(), WriteError> {
    let [width, height] = size;
    let header = format!("P5\n{width} {height}\n# pixels scaled by {}\n255\n", g(scale));
    let count = width * height;
    Pending::new(path)?
        .reserve((header.len() + count) as u64)?
        .write(|out| blocks::stream(out, header.as_bytes(), count, fill))
}
