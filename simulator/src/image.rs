//! Images of whole numbers made of the float image.

use crate::physics::Model;
use crate::physics::noise::{Counter, Poisson};
use crate::physics::random::Uniform;
use crate::statistics::Statistics;
use rayon::prelude::*;

/// The largest value of a 16-bit pixel.
const FULL: f64 = 65535.0;
/// Value that the brightest pixel of the integer image gets by default.
const DEFAULT_TOP: f64 = 55000.0;
/// Grey value of five standard deviations by default.
const DEFAULT_GREY: f64 = 250.0;

/// Where random numbers come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseStream {
    /// nanoBragg's generator, pixel after pixel in raster order.
    #[default]
    Nanobragg,
    /// A counter-based generator, every pixel its own.
    Parallel,
}

/// Scale of the integer image: as given, or such that the brightest pixel is 55000.
pub fn integer_scale(asked: Option<f64>, statistics: &Statistics) -> f64 {
    match asked.filter(|&scale| scale > 0.0) {
        Some(scale) => scale,
        None if statistics.max > 0.0 => DEFAULT_TOP / statistics.max,
        None => 1.0,
    }
}

/// Scale of the grey image: as given, or such that five standard deviations are 250.
pub fn grey_scale(asked: Option<f64>, statistics: &Statistics, integer_scale: f64) -> f64 {
    match asked.filter(|&scale| scale > 0.0) {
        Some(scale) => scale,
        None if statistics.rmsd > 0.0 => DEFAULT_GREY / (5.0 * statistics.rmsd),
        None => integer_scale,
    }
}

/// floor(pixel·scale + offset + ½) within 16 bits; 0 outside the region of interest.
pub fn integers(model: &Model, image: &[f32], scale: f64, offset: f64) -> Vec<u16> {
    let mut out = vec![0; image.len()];
    for_rows(model, image, &mut out, |row, out| {
        for (value, out) in row.iter().zip(out) {
            // The conversion saturates at 0 and 65535.
            *out = (f64::from(*value) * scale + offset + 0.5).floor() as u16;
        }
    });
    out
}

/// trunc(pixel·scale) within 8 bits.
pub fn greys(model: &Model, image: &[f32], scale: f64) -> Vec<u8> {
    let mut out = vec![0; image.len()];
    for_rows(model, image, &mut out, |row, out| {
        for (value, out) in row.iter().zip(out) {
            *out = (f64::from(*value) * scale) as u8;
        }
    });
    out
}

/// An image with photon noise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noisy {
    /// trunc(Poisson(pixel) + offset) within 16 bits; 0 outside the region of interest.
    pub image: Vec<u16>,
    /// Photons that were drawn.
    pub photons: u64,
    /// Pixels that were too bright.
    pub overloads: u64,
}

/// Draws the photons of every pixel of the region of interest.
pub fn noisy(model: &Model, image: &[f32], offset: f64, seed: i64, stream: NoiseStream) -> Noisy {
    let width = model.geometry.pixels[0];
    let [f0, f1, s0, s1] = model.roi;
    let mut out = vec![0; image.len()];
    let row_of = |spixel: usize| spixel * width + f0..=spixel * width + f1;
    let (photons, overloads) = match stream {
        NoiseStream::Nanobragg => {
            let mut poisson = Poisson::new(Uniform::new(seed));
            let mut counts = (0.0, 0);
            for spixel in s0..=s1 {
                for (out, &mean) in out[row_of(spixel)].iter_mut().zip(&image[row_of(spixel)]) {
                    count(poisson.draw(mean), offset, out, &mut counts);
                }
            }
            counts
        }
        NoiseStream::Parallel => {
            let rows = out.par_chunks_mut(width).enumerate().skip(s0).take(s1 - s0 + 1);
            let counted = rows.map(|(spixel, out)| {
                let mut poisson = Poisson::new(Counter::row(seed, spixel));
                let mut counts = (0.0, 0);
                for (fpixel, (out, &mean)) in out.iter_mut().zip(&image[spixel * width..]).enumerate() {
                    if (f0..=f1).contains(&fpixel) {
                        poisson.stream().seek(fpixel);
                        count(poisson.draw(mean), offset, out, &mut counts);
                    }
                }
                counts
            });
            // Photons are whole numbers: their sum does not depend on its order.
            counted.reduce(|| (0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        }
    };
    Noisy { image: out, photons: photons as u64, overloads }
}

fn count(photons: f32, offset: f64, out: &mut u16, (sum, overloads): &mut (f64, u64)) {
    let value = f64::from(photons) + offset;
    *sum += f64::from(photons.trunc());
    *overloads += u64::from(value > FULL);
    *out = value as u16;
}

/// Calls `work` with every row of the region of interest.
fn for_rows<T: Send>(model: &Model, image: &[f32], out: &mut [T], work: impl Fn(&[f32], &mut [T]) + Sync) {
    let width = model.geometry.pixels[0];
    let [f0, f1, s0, s1] = model.roi;
    let rows = out.par_chunks_mut(width).zip(image.par_chunks(width)).skip(s0).take(s1 - s0 + 1);
    rows.for_each(|(out, row)| work(&row[f0..=f1], &mut out[f0..=f1]));
}
