//! SMV: a text header of `KEY=value;` lines, then integers (`TYPE=unsigned_short` or `signed_long`).

use super::array::Storage;
use super::{Array2, Element, FormatError, Shape, header};
use memmap2::Mmap;
use std::path::Path;

/// The largest header that is believed.
const LARGEST_HEADER: usize = 1 << 20;

/// `{` and a line break, then the key that every SMV file begins with.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"{") else { return false };
    let rest = &rest[..rest.len().min(64)];
    rest.trim_ascii_start().starts_with(b"HEADER_BYTES")
}

/// Reads an SMV image.
pub(super) fn read(path: &Path, map: Mmap) -> Result<Array2, FormatError> {
    let bad = |what: String| header(path, what);
    if !map.starts_with(b"{") {
        return Err(bad("not an SMV image: it does not begin with `{`".into()));
    }
    let head = &map[..map.len().min(LARGEST_HEADER)];
    let end = head.iter().position(|&b| b == b'}');
    let end = end.ok_or_else(|| bad("not an SMV image: its header has no end".into()))?;
    let text = String::from_utf8_lossy(&head[1..end]);
    // nanoBragg ends one line without `;`: lines separate pairs as well
    let value = |key: &str| {
        let pairs = text.split([';', '\n', '\r']);
        pairs.filter_map(|p| p.split_once('=')).find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim())
    };
    let number = |key: &str| -> Result<usize, FormatError> {
        let text = value(key).ok_or_else(|| bad(format!("the SMV header has no {key}")))?;
        text.parse().map_err(|_| bad(format!("{key}={text}: not a whole number")))
    };
    let shape = Shape::new(number("SIZE1")?, number("SIZE2")?);
    let offset = number("HEADER_BYTES")?;
    if offset <= end || offset > map.len() {
        let what = format!("HEADER_BYTES={offset}: the header ends at {end}, the file at {}", map.len());
        return Err(bad(what));
    }
    let element = match value("TYPE").unwrap_or("unsigned_short") {
        "unsigned_short" => Element::U16,
        "signed_long" => Element::I32,
        "unsigned_long" => Element::U32,
        "float" => Element::F32,
        other => {
            return Err(bad(format!(
                "TYPE={other}: unsigned_short, signed_long, unsigned_long, float are read"
            )));
        }
    };
    let big = match value("BYTE_ORDER").unwrap_or("little_endian") {
        "little_endian" => false,
        "big_endian" => true,
        other => return Err(bad(format!("BYTE_ORDER={other}: neither little_endian nor big_endian"))),
    };
    Array2::new(path, Storage::Mapped(map), offset, (element, big), shape, false)
}
