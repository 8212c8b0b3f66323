//! NumPy's array file, versions 1 to 3: a magic, a version, the length of the header, the header as a Python
//! dictionary, then the values. (numpy.lib.format)

use super::array::Storage;
use super::{Array2, Element, FormatError, Shape, header as bad};
use memmap2::Mmap;
use std::path::Path;

/// What every file begins with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The largest header that is believed.
const LARGEST_HEADER: usize = 1 << 20;

/// Reads a two-dimensional array (shape: slow, fast). Axes of length 1 before them are dropped; a one-dimensional
/// array needs a shape.
pub(super) fn read(path: &Path, map: Mmap, given: Option<Shape>) -> Result<Array2, FormatError> {
    let (dictionary, offset) = dictionary(&map).ok_or_else(|| bad(path, "not an NPY file, or cut off"))?;
    let dictionary = dictionary.to_owned(); // the map moves on
    let dictionary = dictionary.as_str();
    let value = |key: &str| {
        value_of(dictionary, key).ok_or_else(|| bad(path, format!("the NPY header has no {key}")))
    };
    let (element, big) = element(value("descr")?).ok_or_else(|| {
        let descr = value_of(dictionary, "descr").unwrap_or_default();
        bad(path, format!("descr {descr}: f4, f8 and integers are read; convert with array.astype('f4')"))
    })?;
    let fortran = match value("fortran_order")? {
        "True" => true,
        "False" => false,
        other => return Err(bad(path, format!("fortran_order {other}: neither True nor False"))),
    };
    let text = value("shape")?;
    let axes = axes(text).ok_or_else(|| bad(path, format!("shape {text}: not a list of numbers")))?;
    let (mut storage, element) = (Storage::Mapped(map), (element, big));
    let mut start = offset;
    let shape = match (axes.as_slice(), given) {
        ([.., height, width], _) if axes[..axes.len() - 2].iter().all(|&n| n == 1) => {
            let shape = Shape::new(*width, *height);
            if fortran {
                let columns = Array2::new(path, storage, start, element, Shape::new(*height, *width), true)?;
                (storage, start) = (Storage::Owned(transposed(&columns)), 0);
            }
            shape
        }
        ([n], Some(shape)) if *n == shape.values() => shape,
        ([_], _) => {
            let hint = " (the array has one axis)".into();
            return Err(FormatError::NeedsShape { path: path.to_owned(), hint });
        }
        _ => return Err(bad(path, format!("shape {text}: an image has two axes"))),
    };
    Array2::new(path, storage, start, element, shape, true)
}

/// The header's text and where the values begin.
fn dictionary(bytes: &[u8]) -> Option<(&str, usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, start) = match rest.first()? {
        1 => (usize::from(u16::from_le_bytes(*rest.get(2..)?.first_chunk()?)), 10),
        2 | 3 => (u32::from_le_bytes(*rest.get(2..)?.first_chunk()?) as usize, 12),
        _ => return None,
    };
    if length > LARGEST_HEADER {
        return None;
    }
    let text = bytes.get(start..)?.get(..length)?;
    Some((std::str::from_utf8(text).ok()?, start + length))
}

/// The text of a value: up to the comma or brace that ends it, outside quotes and brackets.
fn value_of<'a>(dictionary: &'a str, key: &str) -> Option<&'a str> {
    let at = ["'", "\""].iter().find_map(|q| {
        let quoted = format!("{q}{key}{q}");
        dictionary.find(&quoted).map(|i| i + quoted.len())
    })?;
    let rest = dictionary[at..].trim_start().strip_prefix(':')?;
    let (mut depth, mut quote) = (0_u32, None);
    for (i, c) in rest.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',' | '}') if depth == 0 => return Some(rest[..i].trim()),
            _ => {}
        }
    }
    None
}

/// `'<f4'` → f32, little endian.
fn element(descr: &str) -> Option<(Element, bool)> {
    let descr = descr.trim_matches(['\'', '"']);
    let (order, kind) = descr.split_at_checked(1)?;
    let element = match kind {
        "u1" | "b1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    };
    match order {
        "<" => Some((element, false)),
        ">" => Some((element, true)),
        "|" if element.bytes() == 1 => Some((element, false)),
        "=" => Some((element, cfg!(target_endian = "big"))),
        _ => None,
    }
}

fn axes(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    inner
        .split(',')
        .map(|n| n.trim().trim_end_matches('L'))
        .filter(|n| !n.is_empty())
        .map(|n| n.parse().ok())
        .collect()
}

/// The stored bytes with rows and columns exchanged.
fn transposed(columns: &Array2) -> Vec<u8> {
    let size = columns.element().bytes();
    let bytes = columns.bytes();
    let (height, width) = (columns.width(), columns.height());
    let mut out = Vec::with_capacity(bytes.len());
    for slow in 0..height {
        for fast in 0..width {
            out.extend_from_slice(&bytes[(fast * height + slow) * size..][..size]);
        }
    }
    out
}
