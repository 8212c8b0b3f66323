//! What is told about an image: maximum, mean, rms.

use crate::physics::Model;
use rayon::prelude::*;

/// Statistics over the region of interest.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Statistics {
    /// Largest pixel.
    pub max: f64,
    /// Its fast and slow pixel.
    pub max_pixel: [usize; 2],
    /// Sum.
    pub sum: f64,
    /// Mean.
    pub mean: f64,
    /// sqrt(Σx²/(n−1)).
    pub rms: f64,
    /// sqrt(Σ(x−mean)²/(n−1)).
    pub rmsd: f64,
    /// Number of pixels.
    pub pixels: usize,
    /// Solid angle of the pixels that were computed, sr.
    pub solid_angle: f64,
}

/// Sums of one row.
struct Row {
    max: f64,
    max_fpixel: usize,
    sum: f64,
    sum2: f64,
    solid_angle: f64,
}

impl Row {
    fn new(model: &Model, spixel: usize, first: usize, values: &[f32]) -> Row {
        let geometry = &model.geometry;
        let centre = |i: usize| (i as f64 + 0.5) * geometry.pixel;
        let mut row =
            Row { max: f64::NEG_INFINITY, max_fpixel: first, sum: 0.0, sum2: 0.0, solid_angle: 0.0 };
        for (fpixel, &value) in (first..).zip(values) {
            let value = f64::from(value);
            if value > row.max {
                (row.max, row.max_fpixel) = (value, fpixel);
            }
            row.sum += value;
            row.sum2 += value * value;
            let distance = geometry.position(centre(fpixel), centre(spixel), 0.0).norm();
            row.solid_angle += geometry.solid_angle(distance);
        }
        row
    }
}

/// Looks at an image (slow-major). Adds up row by row, so that the answer is the same however many threads help.
pub fn statistics(model: &Model, image: &[f32]) -> Statistics {
    let width = model.geometry.pixels[0];
    let [f0, f1, s0, s1] = model.roi;
    let values = |s: usize| &image[s * width + f0..=s * width + f1];
    let rows: Vec<Row> = (s0..=s1).into_par_iter().map(|s| Row::new(model, s, f0, values(s))).collect();
    let pixels = (f1 - f0 + 1) * (s1 - s0 + 1);
    let (mut max, mut max_pixel) = (f64::NEG_INFINITY, [f0, s0]);
    let (mut sum, mut sum2, mut solid_angle) = (0.0, 0.0, 0.0);
    for (s, row) in (s0..).zip(&rows) {
        if row.max > max {
            (max, max_pixel) = (row.max, [row.max_fpixel, s]);
        }
        sum += row.sum;
        sum2 += row.sum2;
        solid_angle += row.solid_angle;
    }
    let mean = sum / pixels as f64;
    let squares = |s: usize| values(s).iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    let deviations: Vec<f64> = (s0..=s1).into_par_iter().map(squares).collect();
    let free = (pixels.max(2) - 1) as f64;
    Statistics {
        max,
        max_pixel,
        sum,
        mean,
        rms: (sum2 / free).sqrt(),
        rmsd: (deviations.iter().sum::<f64>() / free).sqrt(),
        pixels,
        solid_angle,
    }
}
