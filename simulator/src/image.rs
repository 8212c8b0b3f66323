//! Images of whole numbers made of the float image.

use crate::io::blocks::in_parallel;
use crate::physics::Model;
use crate::physics::noise::{Counter, Poisson};
use crate::physics::random::Uniform;
use crate::statistics::Statistics;
use crate::wide::wide;
use bytemuck::Pod;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The largest value of a 16-bit pixel.
const FULL: f64 = 65535.0;
/// The largest value of a grey pixel.
const WHITE: f64 = 255.0;
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

/// The pixels of an image that are converted; all others are 0.
#[derive(Clone, Copy, Debug)]
struct Region {
    width: usize,
    roi: [usize; 4],
}

impl Region {
    fn of(model: &Model) -> Region {
        Region { width: model.geometry.pixels[0], roi: model.roi }
    }

    /// Makes the values from the position `first` of the image on: `work` makes every run of pixels within one row of
    /// the region, in raster order.
    fn fill<T: Pod>(self, first: usize, out: &mut [T], mut work: impl FnMut(Range<usize>, &mut [T])) {
        let Region { width, roi: [f0, f1, s0, s1] } = self;
        let end = first + out.len();
        let mut done = first;
        for s in (first / width).max(s0)..end.div_ceil(width).min(s1 + 1) {
            let run = (s * width + f0).max(first)..(s * width + f1 + 1).min(end);
            if run.is_empty() {
                continue;
            }
            out[done - first..run.start - first].fill(T::zeroed());
            done = run.end;
            work(run.clone(), &mut out[run.start - first..run.end - first]);
        }
        out[done - first..].fill(T::zeroed());
    }
}

/// Makes the values of the integer image from a position on: floor(pixel·scale + offset + ½) within 16 bits; 0 outside
/// the region of interest.
pub fn integers(
    model: &Model,
    image: &[f32],
    scale: f64,
    offset: f64,
) -> impl Fn(usize, &mut [u16]) + Send + Sync {
    let region = Region::of(model);
    move |first, out| {
        in_parallel(first, out, |first, out| {
            region.fill(first, out, |run, out| to_integers(&image[run], scale, offset, out));
        });
    }
}

/// Makes the values of the grey image from a position on: trunc(pixel·scale) within 8 bits; 0 outside the region of
/// interest.
pub fn greys(model: &Model, image: &[f32], scale: f64) -> impl Fn(usize, &mut [u8]) + Send + Sync {
    let region = Region::of(model);
    move |first, out| {
        in_parallel(first, out, |first, out| {
            region.fill(first, out, |run, out| to_greys(&image[run], scale, out));
        });
    }
}

wide! {
    fn to_integers(values: &[f32], scale: f64, offset: f64, out: &mut [u16]) {
        for (&value, out) in values.iter().zip(out) {
            // Cut off is rounded down: what is negative becomes 0 either way.
            *out = whole(f64::from(value) * scale + offset + 0.5, FULL) as u16;
        }
    }

    fn to_greys(values: &[f32], scale: f64, out: &mut [u8]) {
        for (&value, out) in values.iter().zip(out) {
            *out = whole(f64::from(value) * scale, WHITE) as u8;
        }
    }
}

/// trunc(x) from 0 to `top`, at most 65535; 0 for what is not a number. What `as` does, but in instructions that work
/// on several numbers at a time.
#[inline(always)]
fn whole(x: f64, top: f64) -> i32 {
    let x = if x > 0.0 { x } else { 0.0 };
    let x = if x < top { x } else { top };
    #[expect(unsafe_code, reason = "the conversion that checks its range cannot be vectorised")]
    // SAFETY: 0 ≤ x ≤ top ≤ 65535, also where x was not a number.
    unsafe {
        x.to_int_unchecked::<i32>()
    }
}

/// An image with photon noise in the making.
#[derive(Debug)]
pub struct Noise<'a> {
    image: &'a [f32],
    region: Region,
    offset: f64,
    seed: i64,
    /// nanoBragg's generator, where it is the one.
    raster: Option<Poisson<Uniform>>,
    photons: f64,
    overloads: u64,
}

impl<'a> Noise<'a> {
    /// Noise for every pixel of the region of interest.
    pub fn new(model: &Model, image: &'a [f32], offset: f64, seed: i64, stream: NoiseStream) -> Noise<'a> {
        let raster = (stream == NoiseStream::Nanobragg).then(|| Poisson::new(Uniform::new(seed)));
        Noise { image, region: Region::of(model), offset, seed, raster, photons: 0.0, overloads: 0 }
    }

    /// Makes the values from a position of the image on: trunc(Poisson(pixel) + offset) within 16 bits; 0 outside the
    /// region of interest. Every value must be made once, in order.
    pub fn fill(&mut self, first: usize, out: &mut [u16]) {
        let Noise { image, region, offset, seed, .. } = *self;
        let counts = match &mut self.raster {
            Some(poisson) => {
                let mut counts = Counts::default();
                region.fill(first, out, |run, out| {
                    for (out, &mean) in out.iter_mut().zip(&image[run]) {
                        *out = counts.count(poisson.draw(mean), offset);
                    }
                });
                counts
            }
            None => {
                let all = Mutex::new(Counts::default());
                in_parallel(first, out, |first, out| {
                    let mut counts = Counts::default();
                    region.fill(first, out, |run, out| {
                        let [fpixel, spixel] = [run.start % region.width, run.start / region.width];
                        let mut poisson = Poisson::new(Counter::new(seed, spixel, fpixel));
                        for (out, &mean) in out.iter_mut().zip(&image[run]) {
                            *out = counts.count(poisson.draw(mean), offset);
                            poisson.stream().next_pixel();
                        }
                    });
                    all.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
                });
                all.into_inner().unwrap_or_else(PoisonError::into_inner)
            }
        };
        self.photons += counts.photons;
        self.overloads += counts.overloads;
    }

    /// Photons that were drawn.
    pub fn photons(&self) -> u64 {
        self.photons as u64
    }

    /// Pixels that were too bright.
    pub fn overloads(&self) -> u64 {
        self.overloads
    }
}

/// What was counted on the way. Photons are whole numbers: their sum does not depend on its order.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    photons: f64,
    overloads: u64,
}

impl Counts {
    /// The value of a pixel.
    fn count(&mut self, photons: f32, offset: f64) -> u16 {
        let value = f64::from(photons) + offset;
        self.photons += f64::from(truncated(photons));
        self.overloads += u64::from(value > FULL);
        value as u16
    }

    fn add(&mut self, other: Counts) {
        self.photons += other.photons;
        self.overloads += other.overloads;
    }
}

/// trunc(x), which is a call of the mathematical library on processors that have no instruction for it.
fn truncated(x: f32) -> f32 {
    // From there on there are no fractions.
    if x.abs() < 8_388_608.0 { x as i32 as f32 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A region and the values that a conversion gives when it is called for parts of some sizes.
    fn in_parts(region: Region, count: usize, sizes: &[usize]) -> Vec<u8> {
        let mut out = vec![9; count];
        let mut first = 0;
        for &size in sizes.iter().cycle() {
            let end = (first + size).min(count);
            region.fill(first, &mut out[first..end], |run, out| {
                for (i, out) in run.zip(out) {
                    *out = 1 + (i % 200) as u8;
                }
            });
            first = end;
            if first == count {
                return out;
            }
        }
        out
    }

    /// Noise of a counted stream, made in parts on some threads.
    fn counted(region: Region, image: &[f32], part: usize, threads: usize) -> (Vec<u16>, u64, u64) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut noise =
            Noise { image, region, offset: 3.0, seed: 11, raster: None, photons: 0.0, overloads: 0 };
        let mut out = vec![0; image.len()];
        for (i, out) in out.chunks_mut(part).enumerate() {
            pool.install(|| noise.fill(i * part, out));
        }
        (out, noise.photons(), noise.overloads())
    }

    #[test]
    fn counted_noise_depends_on_the_pixel_alone() {
        let [width, height] = [700, 800];
        let image: Vec<f32> = (0..width * height)
            .map(|i| [0.0, 0.02, 3.0, 40.0, 2e6][i % 5] * (1.0 + (i % 13) as f32))
            .collect();
        let whole = Region { width, roi: [0, width - 1, 0, height - 1] };
        let (noise, photons, overloads) = counted(whole, &image, image.len(), 1);
        assert!(photons > 0 && overloads > 0);
        for (part, threads) in [(image.len(), 3), (1000, 2), (299_999, 2)] {
            assert!(counted(whole, &image, part, threads) == (noise.clone(), photons, overloads));
        }
        let region = Region { width, roi: [100, 333, 51, 778] };
        let (cut, ..) = counted(region, &image, image.len(), 2);
        for (i, &value) in cut.iter().enumerate() {
            let inside = (100..=333).contains(&(i % width)) && (51..=778).contains(&(i / width));
            assert_eq!(value, if inside { noise[i] } else { 0 });
        }
    }

    proptest! {
        #[test]
        fn truncation_is_that_of_the_language(x in prop_oneof![any::<f32>(), -1e8..1e8_f32, -3.0..3.0_f32]) {
            prop_assert_eq!(truncated(x), x.trunc());
        }

        #[test]
        fn the_region_is_converted_whatever_the_parts(
            size in prop::array::uniform2(1..12_usize),
            corners in any::<[prop::sample::Index; 4]>(),
            parts in prop::collection::vec(1..40_usize, 1..5),
        ) {
            let [mut f0, mut f1] = [corners[0].index(size[0]), corners[1].index(size[0])];
            let [mut s0, mut s1] = [corners[2].index(size[1]), corners[3].index(size[1])];
            if f0 > f1 { std::mem::swap(&mut f0, &mut f1); }
            if s0 > s1 { std::mem::swap(&mut s0, &mut s1); }
            let out = in_parts(Region { width: size[0], roi: [f0, f1, s0, s1] }, size[0] * size[1], &parts);
            for (i, &value) in out.iter().enumerate() {
                let [f, s] = [i % size[0], i / size[0]];
                let inside = f0 <= f && f <= f1 && s0 <= s && s <= s1;
                prop_assert_eq!(value, if inside { 1 + (i % 200) as u8 } else { 0 });
            }
        }

        #[test]
        fn conversions_are_those_of_the_language(
            values in prop::collection::vec(any::<f32>(), 0..100),
            scale in prop_oneof![any::<f64>(), 1e-3..1e3],
            offset in prop_oneof![any::<f64>(), -10.0..100.0],
        ) {
            let (mut integers, mut greys) = (vec![0; values.len()], vec![0; values.len()]);
            to_integers(&values, scale, offset, &mut integers);
            to_greys(&values, scale, &mut greys);
            for (i, &value) in values.iter().enumerate() {
                prop_assert_eq!(integers[i], (f64::from(value) * scale + offset + 0.5).floor() as u16);
                prop_assert_eq!(greys[i], (f64::from(value) * scale) as u8);
            }
        }
    }
}
