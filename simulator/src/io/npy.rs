//! NumPy's array files (version 1.0): an image that Python reads in one line.

use super::atomic::{Pending, WriteError};
use super::blocks;
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
    let length = (header.len() as u16).to_le_bytes();
    let header = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat();
    Pending::new(path)?.reserve((header.len() + size_of_val(image)) as u64)?.write(|out| {
        if cfg!(target_endian = "little") {
            out.write_all(&header)?;
            return out.write_all(bytemuck::cast_slice(image));
        }
        blocks::stream(out, &header, image.len(), |first, out: &mut [u32]| {
            for (value, out) in image[first..].iter().zip(out) {
                *out = value.to_bits().to_le();
            }
        })
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
