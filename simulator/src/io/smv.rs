//! SMV images: a text header of `KEY=value;` lines, then 16-bit integers.

use super::atomic::{Pending, WriteError};
use super::blocks;
use super::g_format::g;
use super::map::Bytes;
use super::text::{ReadError, problem};
use crate::physics::Model;
use crate::units::{ANGSTROM, to_degrees};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a header; one that is longer has the next multiple.
const HEADER: usize = 512;
/// The largest header that is believed.
const LARGEST_HEADER: usize = 1 << 20;

/// What stands in the header of a file.
#[derive(Clone, Debug)]
pub struct Header {
    path: PathBuf,
    values: HashMap<String, String>,
    /// Pixels along fast and slow.
    pub size: [u32; 2],
}

impl Header {
    /// A number, if the key is there.
    ///
    /// # Errors
    /// When its value is not a finite number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, ReadError> {
        let Some(text) = self.values.get(key) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(Some(x)),
            _ => Err(problem(&self.path, None, format!("{key}={text}: not a number"))),
        }
    }

    /// A number that must be more than 0, if the key is there.
    ///
    /// # Errors
    /// When its value is not such a number.
    pub fn positive(&self, key: &str) -> Result<Option<f64>, ReadError> {
        match self.number(key)? {
            Some(x) if x <= 0.0 => Err(problem(&self.path, None, format!("{key}={x}: must be more than 0"))),
            x => Ok(x),
        }
    }
}

/// Reads the header alone.
///
/// # Errors
/// When the file is not SMV.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    parse_header(path, &Bytes::open(path)?).map(|(header, _)| header)
}

/// Reads header and pixels, slow-major, in either byte order.
///
/// # Errors
/// When the file is not SMV, not 16-bit, or shorter than its header says.
pub fn read_image(path: &Path) -> Result<(Header, Vec<u16>), ReadError> {
    read_pixels(path, |pixel| pixel)
}

/// Reads a mask: pixels that are 0 are not computed, and `false`.
///
/// # Errors
/// As [`read_image`].
pub fn read_mask(path: &Path) -> Result<(Header, Arc<[bool]>), ReadError> {
    read_pixels(path, |pixel| pixel != 0)
}

/// The pixels as something else, without a list of the numbers in between.
fn read_pixels<T, C: FromIterator<T>>(
    path: &Path,
    convert: impl Fn(u16) -> T,
) -> Result<(Header, C), ReadError> {
    let bytes = Bytes::open(path)?;
    let (header, start) = parse_header(path, &bytes)?;
    let text = |key: &str| header.values.get(key).map(String::as_str);
    if let Some(kind) = text("TYPE").filter(|&kind| kind != "unsigned_short") {
        return Err(problem(path, None, format!("TYPE={kind}: only unsigned_short can be read")));
    }
    let swapped = match text("BYTE_ORDER") {
        Some("big_endian") => true,
        None | Some("little_endian") => false,
        Some(order) => {
            return Err(problem(
                path,
                None,
                format!("BYTE_ORDER={order}: neither big_endian nor little_endian"),
            ));
        }
    };
    let pixels = header.size[0] as usize * header.size[1] as usize;
    let data = bytes.get(start..).unwrap_or_default();
    if data.len() / 2 < pixels {
        let text = format!("{} bytes of pixels instead of {}: the file is cut off", data.len(), 2 * pixels);
        return Err(problem(path, None, text));
    }
    let read = if swapped { u16::from_be_bytes } else { u16::from_le_bytes };
    let image = data.as_chunks::<2>().0[..pixels].iter().map(|&pair| convert(read(pair))).collect();
    Ok((header, image))
}

/// The header, and where the pixels begin.
fn parse_header(path: &Path, bytes: &[u8]) -> Result<(Header, usize), ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.starts_with(b"{") {
        return Err(problem(path, None, "not an SMV image: it does not begin with `{`"));
    }
    let limit = bytes.len().min(LARGEST_HEADER);
    let end = bytes[..limit].iter().position(|&byte| byte == b'}');
    let end = end.ok_or_else(|| problem(path, None, "not an SMV image: its header has no end"))?;
    let mut values = HashMap::new();
    for line in String::from_utf8_lossy(&bytes[1..end]).split(['\n', ';']) {
        if let Some((key, value)) = line.split_once('=') {
            // The last occurrence counts.
            values.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    let whole = |key: &str| {
        let value = values.get(key).ok_or_else(|| problem(path, None, format!("the header has no {key}")))?;
        let number = value.parse::<u32>().ok().filter(|&n| n > 0);
        number.ok_or_else(|| problem(path, None, format!("{key}={value}: not a number of at least 1")))
    };
    let start = whole("HEADER_BYTES")? as usize;
    let size = [whole("SIZE1")?, whole("SIZE2")?];
    if start <= end {
        let text = format!("HEADER_BYTES={start}, but the header ends at byte {}", end + 1);
        return Err(problem(path, None, text));
    }
    Ok((Header { path: path.to_owned(), values, size }, start))
}

/// The header of an image that was simulated, padded with spaces.
pub fn header(model: &Model, phi: f64) -> Vec<u8> {
    let lines = header_lines(model, phi);
    // The end takes two characters, and is not written half.
    let text = |bytes: usize| format!("{{\nHEADER_BYTES={bytes};\n{lines}}}\x0c");
    let bytes = (1..).map(|n| n * HEADER).find(|&bytes| text(bytes).len() <= bytes).unwrap_or(HEADER);
    let mut header = text(bytes).into_bytes();
    header.resize(bytes, b' ');
    header
}

fn header_lines(model: &Model, phi: f64) -> String {
    let geometry = &model.geometry;
    let mm = |x: f64| g(1000.0 * x);
    let [f_beam, s_beam] = geometry.beam_on_detector;
    let [x_beam, y_beam] = geometry.beam_centre;
    let [orgx, orgy] = geometry.origin_pixels();
    let [dx, dy, dz] = geometry.dials_origin();
    let half = geometry.pixel / 2.0;
    let phi = g(to_degrees(phi));
    let mut text = String::from("DIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n");
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key}={value};");
    };
    line("SIZE1", geometry.pixels[0].to_string());
    line("SIZE2", geometry.pixels[1].to_string());
    line("PIXEL_SIZE", mm(geometry.pixel));
    line("DISTANCE", mm(geometry.distance));
    line("WAVELENGTH", g(model.wavelength / ANGSTROM));
    line("BEAM_CENTER_X", mm(x_beam));
    line("BEAM_CENTER_Y", mm(y_beam));
    line("ADXV_CENTER_X", mm(f_beam));
    line("ADXV_CENTER_Y", mm(geometry.size[1] - s_beam));
    line("MOSFLM_CENTER_X", mm(s_beam - half));
    line("MOSFLM_CENTER_Y", mm(f_beam - half));
    line("DENZO_X_BEAM", mm(s_beam));
    line("DENZO_Y_BEAM", mm(f_beam));
    // Commas and no semicolon, as nanoBragg has it; so the key that follows starts a line of its own.
    let _ = writeln!(text, "DIALS_ORIGIN={},{},{}", g(dx), g(dy), g(dz));
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key}={value};");
    };
    line("XDS_ORGX", g(orgx));
    line("XDS_ORGY", g(orgy));
    line("CLOSE_DISTANCE", mm(geometry.close_distance));
    line("PHI", phi.clone());
    line("OSC_START", phi);
    line("OSC_RANGE", g(to_degrees(model.spindle_steps.range)));
    line("TWOTHETA", g(to_degrees(geometry.twotheta)));
    line("DETECTOR_SN", "000".to_owned());
    line("BEAMLINE", "fake".to_owned());
    text
}

/// Writes a header and `count` pixels. `fill` makes the pixels from the given one on, in order.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(
    path: &Path,
    header: &[u8],
    count: usize,
    mut fill: impl FnMut(usize, &mut [u16]) + Send,
) -> Result<(), WriteError> {
    Pending::new(path)?.reserve((header.len() + 2 * count) as u64)?.write(|out| {
        blocks::stream(out, header, count, |first, out: &mut [u16]| {
            fill(first, out);
            if cfg!(target_endian = "big") {
                out.iter_mut().for_each(|value| *value = value.to_le());
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str, pixels: &[u8]) -> Result<(Header, Vec<u16>), String> {
        of(text, pixels, read_image)
    }

    fn mask(text: &str, pixels: &[u8]) -> Result<(Header, Arc<[bool]>), String> {
        of(text, pixels, read_mask)
    }

    fn of<T>(text: &str, pixels: &[u8], read: impl Fn(&Path) -> Result<T, ReadError>) -> Result<T, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.img");
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(512.max(bytes.len()), b' ');
        bytes.extend(pixels);
        std::fs::write(&path, bytes).unwrap();
        read(&path).map_err(|e| e.to_string())
    }

    const GOOD: &str = "{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=2;\nSIZE2=1;\nDISTANCE=85;\nDISTANCE=90;\n}";

    #[test]
    fn both_byte_orders_and_windows_line_ends_are_read() {
        let (header, pixels) = image(GOOD, &[1, 2, 3, 4]).unwrap();
        assert_eq!((header.size, pixels), ([2, 1], vec![0x0201, 0x0403]));
        assert_eq!(header.number("DISTANCE").unwrap(), Some(90.0));
        assert_eq!(header.number("PHI").unwrap(), None);
        assert_eq!(mask(GOOD, &[1, 0, 0, 0]).unwrap().1[..], [true, false]);
        let big = GOOD.replace("little", "big").replace('\n', "\r\n");
        assert_eq!(image(&big, &[1, 2, 3, 4]).unwrap().1, [0x0102, 0x0304]);
    }

    #[test]
    fn damaged_images_are_refused() {
        for (text, pixels, part) in [
            (String::new(), &[][..], "does not begin"),
            ("{\nSIZE1=2;".to_owned(), &[], "no end"),
            (GOOD.replace("SIZE1=2", "SIZE1=-2"), &[1, 2, 3, 4], "SIZE1=-2"),
            (GOOD.replace("SIZE2=1;", ""), &[1, 2, 3, 4], "no SIZE2"),
            (GOOD.replace("HEADER_BYTES=512", "HEADER_BYTES=20"), &[1, 2, 3, 4], "HEADER_BYTES=20"),
            (GOOD.replace("HEADER_BYTES=512", "HEADER_BYTES=4000000000"), &[1, 2, 3, 4], "cut off"),
            (GOOD.replace("SIZE1=2", "SIZE1=4000000000"), &[1, 2, 3, 4], "cut off"),
            (GOOD.replace("unsigned_short", "float"), &[1, 2, 3, 4], "TYPE=float"),
            (GOOD.replace("little", "middle"), &[1, 2, 3, 4], "BYTE_ORDER=middle"),
            (GOOD.to_owned(), &[1, 2, 3], "cut off"),
        ] {
            let message = image(&text, pixels).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        assert!(image(&GOOD.replace("=90", "=nan"), &[1, 2, 3, 4]).unwrap().0.number("DISTANCE").is_err());
    }
}
