//! The combinations of source, spindle step and domain, as the coefficients of their Miller indices.
//!
//! An index is h = Σ mᵢ·xᵢ + c over the coordinates of a sample: (f/R, 1/R) on a flat detector, the unit vector
//! **d** = (d₁, d₂, d₃) elsewhere.

use super::factor::Factor;
use super::lanes::{Lanes, Real};
use super::math::nearest;
use crate::physics::Model;
use crate::physics::vector::Vec3;

/// Pixels that share an anchor in f32: further away, an index would lose digits.
pub(crate) const ANCHORED: usize = 16;
/// Anchors of a part of a block.
pub(crate) const ANCHORS: usize = 8;

/// Coefficients of the indices of one combination: for each coordinate, those of h, k, l.
pub(crate) type Coefficients<R, const K: usize> = [[R; 3]; K];

/// Where the indices of one combination start, at each of A anchors along a row: h, k, l at an anchor, from the nearest
/// whole number; and that number, which is 0 where nothing was taken out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<R, const A: usize> {
    pub(crate) offset: [[R; A]; 3],
    pub(crate) whole: [[R; A]; 3],
}

impl<R: Real, const A: usize> Start<R, A> {
    /// All 0.
    pub(crate) fn zero() -> Start<R, A> {
        Start { offset: [[R::default(); A]; 3], whole: [[R::default(); A]; 3] }
    }
}

/// Combinations side by side: coefficients and starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Combos<'a, R, const K: usize, const A: usize> {
    pub(crate) coefficients: &'a [Coefficients<R, K>],
    pub(crate) starts: &'a [Start<R, A>],
}

/// A group of samples of one combination.
pub(crate) struct Point<'a, V: Lanes, const G: usize, const K: usize, const A: usize> {
    pub(crate) coefficients: &'a Coefficients<V::Real, K>,
    pub(crate) start: &'a Start<V::Real, A>,
    pub(crate) coordinates: &'a [[V; G]; K],
    /// The group's first pixel.
    pub(crate) at: usize,
}

impl<V: Lanes, const G: usize, const K: usize, const A: usize> Point<'_, V, G, K, A> {
    /// The index along one axis, from the nearest whole number; that number goes to the structure factor.
    #[inline(always)]
    pub(crate) fn offset<F: Factor<V, G>>(&self, axis: usize, factor: &mut F) -> [V; G] {
        let mut offset = [V::of(0.0); G];
        for g in 0..G {
            let anchor = if A == 1 { 0 } else { (self.at + g * V::LANES) / ANCHORED % A };
            let mut h = V::splat(self.start.offset[axis][anchor]);
            for k in (0..K).rev() {
                h = V::splat(self.coefficients[k][axis]).mul_add(self.coordinates[k][g], h);
            }
            let whole = nearest(h);
            offset[g] = h - whole;
            factor.index(axis, g, self.start.whole[axis][anchor], whole, offset[g]);
        }
        offset
    }
}

/// One combination before the detector is known: h = **direction**·**d** − `start` for each axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    /// a, b, c over the wavelength.
    pub(crate) axes: [Vec3; 3],
    /// Their products with the incident direction.
    pub(crate) start: [f64; 3],
}

/// All combinations in the order of the sum: sources, then spindle steps, then domains.
pub(crate) fn directions(model: &Model) -> Vec<Direction> {
    let orientations = model.orientations.usual.iter().flatten();
    let of_source = |source: &crate::physics::beam::Source| {
        let (wavelength, incident) = (source.wavelength, source.incident);
        orientations.clone().map(move |orientation| {
            let axes = orientation.direct.map(|v| v / wavelength);
            Direction { axes, start: axes.map(|v| v.dot(incident)) }
        })
    };
    model.sources.iter().flat_map(of_source).collect()
}

/// The products of a, b, c over the wavelength with a vector.
#[inline(always)]
fn products(direction: &Direction, v: Vec3) -> [f64; 3] {
    let [a, b, c] = direction.axes;
    [a.dot(v), b.dot(v), c.dot(v)]
}

/// Coefficients for coordinates along `axes`; 0 for those that are not known yet.
pub(crate) fn along<const K: usize>(
    directions: &[Direction],
    axes: [Option<Vec3>; K],
) -> Vec<Coefficients<f64, K>> {
    let of = |direction: &Direction| axes.map(|axis| axis.map_or([0.0; 3], |axis| products(direction, axis)));
    directions.iter().map(of).collect()
}

/// Starts where all coordinates are 0.
pub(crate) fn starts(directions: &[Direction]) -> Vec<Start<f64, 1>> {
    directions.iter().map(|d| Start { offset: d.start.map(|x| [-x]), whole: [[0.0]; 3] }).collect()
}

/// Sets the coefficients of the last coordinate, in one type and, where `narrow` is not empty, in both.
#[inline(always)]
pub(crate) fn set_last<const K: usize>(
    coefficients: &mut [Coefficients<f64, K>],
    narrow: &mut [Coefficients<f32, K>],
    directions: &[Direction],
    axis: Vec3,
) {
    for (of, direction) in coefficients.iter_mut().zip(directions) {
        of[K - 1] = products(direction, axis);
    }
    for (narrow, of) in narrow.iter_mut().zip(&*coefficients) {
        narrow[K - 1] = of[K - 1].map(|x| x as f32);
    }
}

/// Starts at anchors whose coordinates are `centres`. Everything is found in f64, so that nothing of the phase is lost.
#[inline(always)]
pub(crate) fn anchor<const K: usize>(
    coefficients: &[Coefficients<f64, K>],
    starts: &[Start<f64, 1>],
    centres: &[[f64; ANCHORS]; K],
    out: &mut [Start<f32, ANCHORS>],
) {
    // Adding 1.5·2⁵² leaves the nearest whole number; `round` would be a call on the plainest machines.
    const MAGIC: f64 = 6755399441055744.0;
    for ((of, start), out) in coefficients.iter().zip(starts).zip(out) {
        for axis in 0..3 {
            for anchor in 0..ANCHORS {
                let mut h = start.offset[axis][0];
                for k in 0..K {
                    h += of[k][axis] * centres[k][anchor];
                }
                let whole = (h + MAGIC) - MAGIC;
                out.offset[axis][anchor] = (h - whole) as f32;
                out.whole[axis][anchor] = whole as f32;
            }
        }
    }
}
