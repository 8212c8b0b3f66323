//! PGM: P5 (binary, 8 or 16 bit, big endian) and P2 (text).

use super::array::Storage;
use super::{Array2, Element, FormatError, Shape, header as bad};
use memmap2::Mmap;
use std::path::Path;

/// What stands before the pixels.
pub(super) struct Header {
    binary: bool,
    shape: Shape,
    largest: usize,
    offset: usize,
}

/// `P5` or `P2`, then white space.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    (bytes.starts_with(b"P5") || bytes.starts_with(b"P2"))
        && bytes.get(2).is_some_and(u8::is_ascii_whitespace)
}

/// Width, height, largest value; comments run from `#` to the end of the line.
pub(super) fn header(path: &Path, bytes: &[u8]) -> Result<Header, FormatError> {
    if !looks_like(bytes) {
        return Err(bad(path, "not a PGM image: it begins with neither P5 nor P2"));
    }
    let mut at = 2;
    let mut number = |what: &str| -> Result<usize, FormatError> {
        word(bytes, &mut at).ok_or_else(|| bad(path, format!("the PGM header has no {what}")))
    };
    let shape = Shape::new(number("width")?, number("height")?);
    let largest = number("largest value")?;
    if !(1..=65535).contains(&largest) {
        return Err(bad(path, format!("a largest value of {largest}: 1 to 65535 is wanted")));
    }
    if !bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        return Err(bad(path, "the PGM header is cut off"));
    }
    Ok(Header { binary: bytes[1] == b'5', shape, largest, offset: at + 1 })
}

/// Reads a PGM image.
pub(super) fn read(path: &Path, map: Mmap) -> Result<Array2, FormatError> {
    let Header { binary, shape, largest, offset } = header(path, &map)?;
    if binary {
        let element = if largest < 256 { Element::U8 } else { Element::U16 };
        return Array2::new(path, Storage::Mapped(map), offset, (element, true), shape, true);
    }
    // two bytes of text make at least one value: a garbled shape cannot ask for more memory than the file has
    if shape.values() > map.len() {
        let (have, want) = (map.len() - offset, 2 * shape.values() as u128);
        return Err(FormatError::Length { path: path.to_owned(), have, want, shape, element: "text" });
    }
    let mut at = offset;
    let mut values = Vec::with_capacity(2 * shape.values());
    while let Some(value) = word(&map, &mut at) {
        if value > largest {
            return Err(bad(path, format!("the value {value} exceeds the largest, {largest}")));
        }
        values.extend((value as u16).to_be_bytes());
    }
    if at < map.len() {
        return Err(bad(path, format!("byte {at} of the PGM file is neither a number nor white space")));
    }
    Array2::new(path, Storage::Owned(values), 0, (Element::U16, true), shape, true)
}

/// The next number; `at` ends behind it. `None` at the end and at what is no number.
fn word(bytes: &[u8], at: &mut usize) -> Option<usize> {
    while let Some(&b) = bytes.get(*at) {
        match b {
            b'#' => *at += bytes[*at..].iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - *at),
            b if b.is_ascii_whitespace() => *at += 1,
            _ => break,
        }
    }
    let digits = bytes[*at..].iter().take(12).take_while(|b| b.is_ascii_digit()).count();
    let number = std::str::from_utf8(&bytes[*at..*at + digits]).ok()?.parse().ok()?;
    *at += digits;
    Some(number)
}
