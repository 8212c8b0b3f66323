//! Raw floats, little endian: nothing but pixels.

use super::array::Storage;
use super::{Array2, Element, FormatError, Shape};
use memmap2::Mmap;
use std::path::Path;

/// Reads raw floats of a shape that somebody else knows.
pub(super) fn read(
    path: &Path,
    map: Mmap,
    element: Element,
    shape: Option<Shape>,
) -> Result<Array2, FormatError> {
    let Some(shape) = shape else {
        let values = map.len() / element.bytes();
        let edge = values.isqrt();
        let square = edge * edge == values && values * element.bytes() == map.len();
        let hint = if square { format!(" ({edge}x{edge} would fit)") } else { String::new() };
        return Err(FormatError::NeedsShape { path: path.to_owned(), hint });
    };
    Array2::new(path, Storage::Mapped(map), 0, (element, false), shape, true)
}
