//! PNG images: 16-bit grey on a logarithmic scale, for looking at.

use super::atomic::{Pending, WriteError};
use super::blocks;
use std::io;
use std::path::Path;

/// Decades from the largest pixel down to black.
const DECADES: f64 = 6.0;
/// Compressed bytes of a chunk.
const CHUNK: usize = 1 << 22;

/// The grey value of a pixel: 65535 at `max`, 0 at a millionth of it and below, linear in the logarithm between.
pub fn grey(value: f32, max: f64) -> u16 {
    let value = f64::from(value);
    if value <= 0.0 || max <= 0.0 {
        return 0;
    }
    let decades = (value / max).log10() / DECADES;
    // The conversion saturates at 0 and 65535.
    (65535.0 * (1.0 + decades)).round() as u16
}

/// Writes an image of `width`. The compressed image stands in chunks of at most 4 MiB.
///
/// # Errors
/// When the file cannot be written; it is absent then, or as it was before.
pub fn write(path: &Path, width: usize, image: &[f32], max: f64) -> Result<(), WriteError> {
    let height = image.len() / width;
    Pending::new(path)?.write(|out| {
        let mut encoder = png::Encoder::new(out, width as u32, height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Sixteen);
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        let mut pixels = writer.stream_writer_with_size(CHUNK).map_err(io::Error::other)?;
        blocks::stream(&mut pixels, b"", image.len(), |first, out: &mut [u16]| {
            blocks::in_parallel(first, out, |first, out| {
                for (&value, out) in image[first..].iter().zip(out) {
                    *out = grey(value, max).to_be();
                }
            });
        })?;
        pixels.finish().map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decades_from_white_to_black() {
        assert_eq!([0.0, 1e-9, 1e-6, 1e-3, 1.0, 2.0].map(|x| grey(x, 1.0)), [0, 0, 0, 32768, 65535, 65535]);
        assert_eq!(grey(-1.0, 1.0), 0);
        assert_eq!(grey(0.0, 0.0), 0);
    }

    #[test]
    fn what_was_written_is_a_png() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.png");
        write(&path, 3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 5.0).unwrap();
        let file = io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height, pixels.len()), (3, 2, 12));
        assert_eq!(pixels[10..], [255, 255]);
    }
}
