//! A small canvas: pixels, rectangles, lines, text; written as PNG, beside its place and renamed.

use crate::exit::{AuditError, Result};
use font8x8::UnicodeFonts;
use std::path::Path;

/// A colour.
pub(super) type Rgb = [u8; 3];

pub(super) const BLACK: Rgb = [0; 3];
pub(super) const GREY: Rgb = [160; 3];
/// Edge of a letter, pixels.
pub(super) const LETTER: usize = 8;

pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![255; width * height * 3] }
    }

    pub(super) fn set(&mut self, x: usize, y: usize, colour: Rgb) {
        if x < self.width && y < self.height {
            self.pixels[(y * self.width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }

    pub(super) fn fill(&mut self, [x, y, width, height]: [usize; 4], colour: Rgb) {
        for j in y..y + height {
            for i in x..x + width {
                self.set(i, j, colour);
            }
        }
    }

    /// A straight line, two pixels wide.
    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: Rgb) {
        let steps = (to[0] - from[0]).abs().max((to[1] - from[1]).abs()).ceil().clamp(1.0, 1e5);
        for i in 0..=steps as usize {
            let t = i as f64 / steps;
            let at = |a: f64, b: f64| (a + (b - a) * t).max(0.0) as usize;
            let (x, y) = (at(from[0], to[0]), at(from[1], to[1]));
            self.fill([x, y, 2, 2], colour);
        }
    }

    /// Text from its upper left corner on; letters that the font has not are left out.
    pub(super) fn text(&mut self, x: usize, y: usize, text: &str, colour: Rgb) {
        for (n, letter) in text.chars().enumerate() {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else { continue };
            for (j, bits) in rows.iter().enumerate() {
                for i in (0..LETTER).filter(|i| bits >> i & 1 == 1) {
                    self.set(x + n * LETTER + i, y + j, colour);
                }
            }
        }
    }

    /// Text that ends at `x`.
    pub(super) fn text_before(&mut self, x: usize, y: usize, text: &str) {
        self.text(x.saturating_sub(text.chars().count() * LETTER), y, text, BLACK);
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let problem = |e: &dyn std::fmt::Display| AuditError::failed(path.display(), e);
        let dir = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".picture-").tempfile_in(dir).map_err(|e| problem(&e))?;
        let mut encoder =
            png::Encoder::new(std::io::BufWriter::new(file.as_file()), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(|e| problem(&e))?;
        writer.write_image_data(&self.pixels).map_err(|e| problem(&e))?;
        writer.finish().map_err(|e| problem(&e))?;
        // a temporary file is for its owner alone; a picture is for everybody who may read the folder
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(|e| problem(&e))?;
        file.persist(path).map_err(|e| problem(&e.error))?;
        Ok(())
    }
}
