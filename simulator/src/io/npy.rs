//! NumPy's array files (version 1.0): an image that Python reads in one line.

use super::atomic::{Pending, WriteError};
use std::path::Path;

/// Header and magic together are a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes an image of `width` as a C-ordered array of shape (slow, fast), `<f4`.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, width: usize, image: &[f32]) -> Result<(), WriteError> {
    let height = image.len() / width;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    let unpadded = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    header.push('\n');
    Pending::new(path)?.write(|out| {
        out.write_all(b"\x93NUMPY\x01\x00")?;
        out.write_all(&(header.len() as u16).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for row in image.chunks(width) {
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_says_what_follows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.npy");
        super::write(&path, 3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.contains("'shape': (2, 3)") && header.ends_with('\n'), "{header}");
        assert_eq!(bytes.len(), 10 + length + 24);
        assert_eq!(bytes[10 + length + 4..][..4], 1.0_f32.to_le_bytes());
    }
}
