//! A float image as the engines write it: raw f32 in native order, slow-major, no header.

use std::path::Path;

use crate::compare::sum;

/// An image of `height` rows (slow) of `width` pixels (fast), in photons.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Pixels along the fast axis.
    pub width: usize,
    /// Pixels along the slow axis.
    pub height: usize,
    /// `height · width` pixels, slow-major.
    pub pixels: Vec<f32>,
}

impl Image {
    /// An image of the given size; stops the test when the number of pixels is another.
    #[must_use]
    pub fn new(width: usize, height: usize, pixels: Vec<f32>) -> Self {
        assert_eq!(pixels.len(), width * height, "an image of {width}×{height} pixels");
        Self { width, height, pixels }
    }

    /// Reads a float image that must hold exactly `width · height` pixels.
    #[must_use]
    pub fn read(path: &Path, width: usize, height: usize) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(
            bytes.len(),
            4 * width * height,
            "bytes of {} for {width}×{height} pixels",
            path.display()
        );
        let (quads, _) = bytes.as_chunks::<4>();
        Self::new(width, height, quads.iter().map(|quad| f32::from_ne_bytes(*quad)).collect())
    }

    /// The pixel at (`fast`, `slow`).
    #[must_use]
    pub fn at(&self, fast: usize, slow: usize) -> f32 {
        assert!(
            fast < self.width && slow < self.height,
            "pixel {fast}, {slow} of {}×{}",
            self.width,
            self.height
        );
        self.pixels[slow * self.width + fast]
    }

    /// Sum of all pixels.
    #[must_use]
    pub fn sum(&self) -> f64 {
        sum(self.pixels.iter().map(|p| f64::from(*p)))
    }

    /// Index of the first pixel that has the largest value.
    #[must_use]
    pub fn argmax(&self) -> usize {
        let mut at = 0;
        for (index, pixel) in self.pixels.iter().enumerate() {
            if *pixel > self.pixels[at] {
                at = index;
            }
        }
        at
    }

    /// Sums of the top left, top right, bottom left and bottom right quarter.
    #[must_use]
    pub fn quadrant_sums(&self) -> [f64; 4] {
        std::array::from_fn(|quadrant| {
            let rows = if quadrant < 2 { 0..self.height / 2 } else { self.height / 2..self.height };
            let columns = if quadrant % 2 == 0 { 0..self.width / 2 } else { self.width / 2..self.width };
            sum(rows.flat_map(|slow| columns.clone().map(move |fast| f64::from(self.at(fast, slow)))))
        })
    }

    /// A new image of the given size whose pixel at (fast, slow) is `pixel(fast, slow)`.
    #[must_use]
    pub fn from_fn(width: usize, height: usize, pixel: impl Fn(usize, usize) -> f32) -> Self {
        let pixel = &pixel;
        let pixels = (0..height).flat_map(|slow| (0..width).map(move |fast| pixel(fast, slow))).collect();
        Self::new(width, height, pixels)
    }

    /// Every pixel times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f32) -> Self {
        Self { pixels: self.pixels.iter().map(|p| p * factor).collect(), ..*self }
    }

    /// Fast and slow exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.height, self.width, |fast, slow| self.at(slow, fast))
    }

    /// Moved by whole pixels, around the edges.
    #[must_use]
    pub fn rolled(&self, fast_by: usize, slow_by: usize) -> Self {
        Self::from_fn(self.width, self.height, |fast, slow| {
            self.at((fast + self.width - fast_by) % self.width, (slow + self.height - slow_by) % self.height)
        })
    }

    /// The part that begins at (`fast`, `slow`).
    #[must_use]
    pub fn cut(&self, fast: usize, slow: usize, width: usize, height: usize) -> Self {
        Self::from_fn(width, height, |f, s| self.at(fast + f, slow + s))
    }
}
