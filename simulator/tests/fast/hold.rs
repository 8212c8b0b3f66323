//! Holds an image against the scalar engine's, pixel by pixel.

use crate::bound::{Bound, PixelBound, Precision};
use nanobragg::physics::Model;
use nanobragg::physics::intensity::{self, Inherited};

/// The scalar engine's value of every pixel with its bound; those that are not computed have the value 0 and no error.
pub(crate) fn bounds(model: &Model, precision: Precision) -> Vec<PixelBound> {
    let [fast, slow] = model.geometry.pixels;
    let (mut latched, mut hangs) = (false, false);
    let factors = model.grid.iter().flat_map(|grid| &grid.values);
    let largest = factors.fold(model.default_f.abs(), |largest, f| largest.max(f.abs()));
    let mut bounds = vec![PixelBound::default(); fast * slow];
    for (position, out) in bounds.iter_mut().enumerate() {
        let (f, s) = (position % fast, position / fast);
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
    /// Compares an image, slow-major, with what the scalar engine has. `of_brightest` is allowed everywhere besides.
    pub(crate) fn new(bounds: &[PixelBound], image: &[f32], of_brightest: f64) -> Held {
        assert_eq!(bounds.len(), image.len(), "the size of the image");
        let top = bounds.iter().filter(|b| !b.exempt).fold(0.0_f64, |top, b| top.max(b.value.abs()));
        let mut held = Held { pixels: bounds.len(), ..Held::default() };
        for (position, (bound, &value)) in bounds.iter().zip(image).enumerate() {
            if bound.exempt {
                held.exempt += 1;
                continue;
            }
            let reference = bound.value as f32;
            let error = bound.error + if bound.value == 0.0 { 0.0 } else { of_brightest * top };
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
