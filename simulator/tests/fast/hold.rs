//! Holds an image against the scalar engine's, pixel by pixel.

use crate::bound::{Bound, PixelBound, Precision};
use nanobragg::physics::Model;
use nanobragg::physics::intensity::{self, Inherited};

/// The scalar engine's value of every pixel with its bound; those that are not computed have the value 0 and no error.
/// Of an image whose pixels know nothing of each other, only one of `every` along each axis need be looked at.
pub(crate) fn bounds(model: &Model, precision: Precision, every: usize) -> Vec<PixelBound> {
    let [fast, slow] = model.geometry.pixels;
    let (mut latched, mut hangs) = (false, false);
    let factors = model.grid.iter().flat_map(|grid| &grid.values);
    let largest = factors.fold(model.default_f.abs(), |largest, f| largest.max(f.abs()));
    let mut bounds = vec![PixelBound::default(); fast * slow];
    for (position, out) in bounds.iter_mut().enumerate() {
        let (f, s) = (position % fast, position / fast);
        if f % every != 0 || s % every != 0 {
            out.passed_over = true;
            continue;
        }
        if !model.computes(f, s) {
            continue;
        }
        let inherited = Inherited { first_pass: model.first_pass == Some(position), latched };
        let mut tap = Bound::new(model, precision, [f, s], latched, largest);
        latched = intensity::pixel(model, f, s, inherited, &mut tap).latched;
        *out = tap.result();
        hangs |= out.latch_hangs;
        out.exempt |= hangs || !out.value.is_finite();
    }
    bounds
}

/// What interpolation may add to the error of every pixel: a share of the largest sum on its tile, times what the pixel
/// makes of the sum. `edge` is that of the tiles, the first of which begins with the region of interest.
pub(crate) fn of_tiles(model: &Model, bounds: &[PixelBound], edge: Option<usize>, share: f64) -> Vec<f64> {
    let mut allowed = vec![0.0; bounds.len()];
    let Some(edge) = edge else { return allowed };
    let width = model.geometry.pixels[0];
    let [left, right, first, last] = model.roi;
    for top in (first..=last).step_by(edge) {
        for start in (left..=right).step_by(edge) {
            let rows = top..(top + edge).min(last + 1);
            let within = rows.flat_map(|row| {
                (start..(start + edge).min(right + 1)).map(move |column| row * width + column)
            });
            let sum = |at: usize| {
                if bounds[at].scale > 0.0 { bounds[at].value.abs() / bounds[at].scale } else { 0.0 }
            };
            let most = within.clone().filter(|&at| !bounds[at].exempt).map(sum).fold(0.0, f64::max);
            within.for_each(|at| allowed[at] = share * most * bounds[at].scale);
        }
    }
    allowed
}

/// What was found in one image, or in many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) pixels: usize,
    pub(crate) exempt: usize,
    /// Pixels that are not the same f32.
    pub(crate) differ: usize,
    /// How many would not be if every pixel were off by its bound.
    pub(crate) may_differ: f64,
    /// The largest error as a share of its bound.
    pub(crate) worst: f64,
    /// Pixels beyond their bound: position, value, the scalar engine's, bound.
    pub(crate) beyond: Vec<(usize, f64, f64, f64)>,
}

impl Held {
    /// Compares an image, slow-major, with what the scalar engine has.
    pub(crate) fn new(bounds: &[PixelBound], image: &[f32]) -> Held {
        Held::with(bounds, image, &vec![0.0; bounds.len()])
    }

    /// The same where every pixel may be off by something besides.
    pub(crate) fn with(bounds: &[PixelBound], image: &[f32], besides: &[f64]) -> Held {
        assert_eq!(bounds.len(), image.len(), "the size of the image");
        let mut held = Held::default();
        for (position, ((bound, &value), besides)) in bounds.iter().zip(image).zip(besides).enumerate() {
            if bound.passed_over {
                continue;
            }
            held.pixels += 1;
            if bound.exempt {
                held.exempt += 1;
                continue;
            }
            let reference = bound.value as f32;
            let error = bound.error + besides;
            // Both are rounded to f32, each by half a unit in the last place.
            let unit = f64::from(reference.abs().next_up() - reference.abs());
            if value.to_bits() != reference.to_bits() && value != reference {
                held.differ += 1;
            }
            held.may_differ += (error / unit).min(1.0);
            let off = (f64::from(value) - f64::from(reference)).abs();
            // Values beyond f32 become infinite on one side of the limit.
            let beyond = error >= f64::from(f32::MAX) - f64::from(reference.abs());
            let within = off <= error + unit || (beyond && value.is_infinite());
            held.worst = held.worst.max(if off > unit { (off - unit) / error } else { 0.0 });
            if !within {
                held.beyond.push((position, f64::from(value), bound.value, error));
            }
        }
        held
    }

    /// Both together.
    pub(crate) fn and(&mut self, other: Held) {
        self.pixels += other.pixels;
        self.exempt += other.exempt;
        self.differ += other.differ;
        self.may_differ += other.may_differ;
        self.worst = self.worst.max(other.worst);
        self.beyond.extend(other.beyond);
    }
}

/// The value below which a share of the values is; they are sorted.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}
