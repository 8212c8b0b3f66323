//! What is told about an image: maximum, mean, rms.

mod solid_angle;

use crate::physics::Model;
use crate::wide::wide;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Pixels that are looked at twice, once for their mean and once for their deviations from it, while they are in the
/// fastest cache.
const PIECE: usize = 4096;
/// Pixels of a block, the part of one thread, or one row where that is longer.
const BLOCK: usize = 1 << 16;
/// Sums that are kept side by side.
const LANES: usize = 16;

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

/// Looks at an image (slow-major). Adds up row by row, so that the answer is the same however many threads help.
pub fn statistics(model: &Model, image: &[f32]) -> Statistics {
    let width = model.geometry.pixels[0];
    let block = (BLOCK / width).max(1) * width;
    let gathering = Gathering::new(model);
    let blocks = image.par_chunks(block).enumerate();
    blocks.for_each(|(i, pixels)| gathering.look(i * block, pixels));
    gathering.finish(image)
}

/// Statistics of an image that is seen in parts, in any order.
#[derive(Debug)]
pub(crate) struct Gathering<'a> {
    model: &'a Model,
    /// Of every row of the region of interest.
    rows: Mutex<Vec<Sums>>,
}

impl<'a> Gathering<'a> {
    pub(crate) fn new(model: &'a Model) -> Gathering<'a> {
        let [_, _, s0, s1] = model.roi;
        Gathering { model, rows: Mutex::new(vec![Sums::NONE; s1 - s0 + 1]) }
    }

    /// Looks at whole rows, from a position of the image on. What was seen of them before is forgotten.
    pub(crate) fn look(&self, first: usize, pixels: &[f32]) {
        let width = self.model.geometry.pixels[0];
        let [f0, f1, s0, s1] = self.model.roi;
        let seen: Vec<(usize, Sums)> = (first / width..)
            .zip(pixels.chunks_exact(width))
            .filter(|(s, _)| (s0..=s1).contains(s))
            .map(|(s, row)| {
                let solid_angle = solid_angle::of_row(&self.model.geometry, s, f0, f1);
                let mut sums = Sums { solid_angle, ..Sums::NONE };
                sums.add_run(s * width + f0, &row[f0..=f1]);
                (s - s0, sums)
            })
            .collect();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        seen.into_iter().for_each(|(row, sums)| rows[row] = sums);
    }

    /// The statistics, when the whole region was seen.
    pub(crate) fn finish(self, image: &[f32]) -> Statistics {
        let width = self.model.geometry.pixels[0];
        let [f0, f1, s0, s1] = self.model.roi;
        let mut all = Sums::NONE;
        let rows = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.iter().for_each(|row| all.add(row));
        let at = all.max_piece.and_then(|from| {
            let piece = image[from..].iter().take(PIECE);
            piece.into_iter().position(|&value| value == all.max).map(|i| from + i)
        });
        let free = (all.count.max(2.0) - 1.0).max(1.0);
        Statistics {
            max: at.map_or(f64::NEG_INFINITY, |at| f64::from(image[at])),
            max_pixel: at.map_or([f0, s0], |at| [at % width, at / width]),
            sum: all.sum,
            mean: all.sum / all.count,
            rms: (all.sum2 / free).sqrt(),
            rmsd: (all.squares / free).sqrt(),
            pixels: (f1 - f0 + 1) * (s1 - s0 + 1),
            solid_angle: all.solid_angle,
        }
    }
}

/// Sums over some pixels.
#[derive(Clone, Copy, Debug)]
struct Sums {
    count: f64,
    sum: f64,
    sum2: f64,
    /// Σ(x − mean)², about the mean of these pixels.
    squares: f64,
    max: f32,
    /// Where the piece begins in which the maximum was first seen.
    max_piece: Option<usize>,
    solid_angle: f64,
}

impl Sums {
    const NONE: Sums = Sums {
        count: 0.0,
        sum: 0.0,
        sum2: 0.0,
        squares: 0.0,
        max: f32::NEG_INFINITY,
        max_piece: None,
        solid_angle: 0.0,
    };

    /// Adds pixels from a position of the image on.
    fn add_run(&mut self, first: usize, pixels: &[f32]) {
        for (i, piece) in pixels.chunks(PIECE).enumerate() {
            let start = first + i * PIECE;
            let (sum, sum2, max) = sums(piece);
            let count = piece.len() as f64;
            let squares = deviations(piece, sum / count);
            let max_piece = (max > f32::NEG_INFINITY).then_some(start);
            self.add(&Sums { count, sum, sum2, squares, max, max_piece, solid_angle: 0.0 });
        }
    }

    /// Joins the pixels that come after these (Chan, Golub and LeVeque, Am. Stat. 37 (1983) 242).
    fn add(&mut self, other: &Sums) {
        if self.count == 0.0 {
            *self = Sums { solid_angle: self.solid_angle + other.solid_angle, ..*other };
            return;
        }
        let count = self.count + other.count;
        let apart = other.sum / other.count - self.sum / self.count;
        self.squares += other.squares + apart * apart * (self.count * other.count / count);
        self.count = count;
        self.sum += other.sum;
        self.sum2 += other.sum2;
        self.solid_angle += other.solid_angle;
        if other.max > self.max {
            (self.max, self.max_piece) = (other.max, other.max_piece);
        }
    }
}

wide! {
    /// Σx, Σx² and the largest x; what is not a number is not the largest.
    fn sums(values: &[f32]) -> (f64, f64, f32) {
        let (mut sum, mut sum2, mut max) = ([0.0; LANES], [0.0; LANES], [f32::NEG_INFINITY; LANES]);
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for i in 0..LANES {
                let value = f64::from(chunk[i]);
                sum[i] += value;
                sum2[i] += value * value;
                max[i] = if chunk[i] > max[i] { chunk[i] } else { max[i] };
            }
        }
        for (i, &value) in rest.iter().enumerate() {
            sum[i] += f64::from(value);
            sum2[i] += f64::from(value) * f64::from(value);
            max[i] = if value > max[i] { value } else { max[i] };
        }
        let max = max.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
        (sum.iter().sum(), sum2.iter().sum(), max)
    }

    /// Σ(x − mean)².
    fn deviations(values: &[f32], mean: f64) -> f64 {
        let mut sum = [0.0; LANES];
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for i in 0..LANES {
                let deviation = f64::from(chunk[i]) - mean;
                sum[i] += deviation * deviation;
            }
        }
        for (i, &value) in rest.iter().enumerate() {
            let deviation = f64::from(value) - mean;
            sum[i] += deviation * deviation;
        }
        sum.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Cell, Crystal, Detector, Experiment, Sampling};
    use proptest::prelude::*;

    fn model(size: [u32; 2], roi: Option<[u32; 4]>) -> Model {
        let cell = Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0));
        let experiment = Experiment {
            crystal: Crystal { cell, ..Crystal::default() },
            detector: Detector { pixels: size.map(Some), ..Detector::default() },
            sampling: Sampling { roi, ..Sampling::default() },
            ..Experiment::default()
        };
        Model::new(&experiment, None).unwrap()
    }

    /// As the definitions read.
    fn defined(model: &Model, image: &[f32]) -> Statistics {
        let geometry = &model.geometry;
        let [f0, f1, s0, s1] = model.roi;
        let mut max = (f64::NEG_INFINITY, [f0, s0]);
        let (mut values, mut solid_angle) = (Vec::new(), 0.0);
        let at = |i: usize| (i as f64 + 0.5) * geometry.pixel;
        for s in s0..=s1 {
            for f in f0..=f1 {
                let value = f64::from(image[s * geometry.pixels[0] + f]);
                if value > max.0 {
                    max = (value, [f, s]);
                }
                values.push(value);
                solid_angle += geometry.solid_angle(geometry.position(at(f), at(s), 0.0).norm());
            }
        }
        let n = values.len();
        let sum: f64 = values.iter().sum();
        let mean = sum / n as f64;
        let free = (n.max(2) - 1) as f64;
        Statistics {
            max: max.0,
            max_pixel: max.1,
            sum,
            mean,
            rms: (values.iter().map(|x| x * x).sum::<f64>() / free).sqrt(),
            rmsd: (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / free).sqrt(),
            pixels: n,
            solid_angle,
        }
    }

    fn assert_same(found: &Statistics, expected: &Statistics) {
        assert_eq!((found.max, found.max_pixel), (expected.max, expected.max_pixel));
        assert_eq!(found.pixels, expected.pixels);
        for (x, y) in [
            (found.sum, expected.sum),
            (found.mean, expected.mean),
            (found.rms, expected.rms),
            (found.rmsd, expected.rmsd),
            (found.solid_angle, expected.solid_angle),
        ] {
            assert!((x - y).abs() <= 1e-11 * y.abs(), "{found:?} instead of {expected:?}");
        }
    }

    /// Numbers that look random.
    fn noise(i: usize) -> f32 {
        f32::from((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) as u16) / 700.0
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn statistics_are_what_they_are_defined_to_be(
            size in prop::sample::select(vec![[1, 1], [1, 900], [5000, 3], [301, 97], [70000, 2], [16, 16]]),
            corners in prop::option::of(any::<[prop::sample::Index; 4]>()),
            offset in prop::sample::select(vec![0.0, 1e-3, 1e6]),
        ) {
            let roi = corners.map(|c: [prop::sample::Index; 4]| {
                let [f0, f1] = [c[0].index(size[0]), c[1].index(size[0])];
                let [s0, s1] = [c[2].index(size[1]), c[3].index(size[1])];
                [f0.min(f1), f0.max(f1), s0.min(s1), s0.max(s1)].map(|n| n as u32)
            });
            let model = model(size.map(|n| n as u32), roi);
            let image: Vec<f32> = (0..size[0] * size[1]).map(|i| offset + noise(i)).collect();
            assert_same(&statistics(&model, &image), &defined(&model, &image));
        }
    }

    #[test]
    fn statistics_do_not_depend_on_the_threads() {
        let model = model([700, 900], None);
        let image: Vec<f32> = (0..700 * 900).map(noise).collect();
        let [one, three] = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| statistics(&model, &image))
        });
        assert_eq!(one, three);
    }

    #[test]
    fn what_is_not_a_number_is_not_the_largest() {
        let model = model([4, 2], None);
        let found = statistics(&model, &[f32::NAN, -1.0, 3.0, 2.0, 3.0, f32::NAN, 0.0, 0.0]);
        assert_eq!((found.max, found.max_pixel), (3.0, [2, 0]));
        assert!(found.sum.is_nan());
        let nothing = statistics(&model, &[f32::NAN; 8]);
        assert_eq!((nothing.max, nothing.max_pixel), (f64::NEG_INFINITY, [0, 0]));
    }
}
