//! The combinations of source, spindle step and domain, as the coefficients of their Miller indices.
//!
//! An index is h = Σ mᵢ·xᵢ + c over the coordinates of a sample: (f/R, 1/R) on a flat detector, the unit vector
//! **d** = (d₁, d₂, d₃) elsewhere.

use super::factor::Factor;
use super::lanes::{Lanes, Real};
use super::math::nearest;
use crate::physics::Model;
use crate::physics::vector::Vec3;

/// One number for each of h, k, l, and one that fills the vector up.
pub(crate) type Axes<R> = [R; 4];

/// Coefficients of the indices of one combination, in K coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Combo<R, const K: usize> {
    /// For each coordinate, its coefficient in each index.
    pub(crate) m: [Axes<R>; K],
    /// The constant of each index.
    pub(crate) c: Axes<R>,
    /// A whole number that was taken out of each constant.
    pub(crate) anchor: Axes<R>,
}

impl<R: Real, const K: usize> Combo<R, K> {
    /// All coefficients 0.
    pub(crate) fn zero() -> Combo<R, K> {
        let zero = [R::default(); 4];
        Combo { m: [zero; K], c: zero, anchor: zero }
    }
}

/// A group of samples of one combination.
pub(crate) struct Point<'a, V: Lanes, const G: usize, const K: usize> {
    pub(crate) combo: &'a Combo<V::Real, K>,
    pub(crate) coordinates: &'a [[V; G]; K],
}

impl<V: Lanes, const G: usize, const K: usize> Point<'_, V, G, K> {
    /// The index along one axis, from the nearest whole number; that number goes to the structure factor.
    #[inline(always)]
    pub(crate) fn offset<F: Factor<V, G>>(&self, axis: usize, factor: &mut F) -> [V; G] {
        let mut offset = [V::of(0.0); G];
        let mut whole = [V::of(0.0); G];
        for g in 0..G {
            let mut h = V::splat(self.combo.c[axis]);
            for k in (0..K).rev() {
                h = V::splat(self.combo.m[k][axis]).mul_add(self.coordinates[k][g], h);
            }
            whole[g] = nearest(h);
            offset[g] = h - whole[g];
        }
        factor.index(axis, self.combo.anchor[axis], &whole, &offset);
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
fn products(direction: &Direction, v: Vec3) -> Axes<f64> {
    let [a, b, c] = direction.axes;
    [a.dot(v), b.dot(v), c.dot(v), 0.0]
}

/// Coefficients for coordinates along `axes`; 0 for those that are not known yet.
pub(crate) fn along<const K: usize>(directions: &[Direction], axes: [Option<Vec3>; K]) -> Vec<Combo<f64, K>> {
    let combo = |direction: &Direction| {
        let [a, b, c] = direction.start;
        let m = axes.map(|axis| axis.map_or([0.0; 4], |axis| products(direction, axis)));
        Combo { m, c: [-a, -b, -c, 0.0], anchor: [0.0; 4] }
    };
    directions.iter().map(combo).collect()
}

/// Sets the coefficients of the last coordinate.
#[inline(always)]
pub(crate) fn set_last<const K: usize>(combos: &mut [Combo<f64, K>], directions: &[Direction], axis: Vec3) {
    for (combo, direction) in combos.iter_mut().zip(directions) {
        combo.m[K - 1] = products(direction, axis);
    }
}

/// The same combinations in another type, for coordinates from those of `centre` on: the constant is the index at the
/// centre from the nearest whole number, and that number is the anchor. Both are found in f64, so that nothing of the
/// phase is lost.
#[inline(always)]
pub(crate) fn anchor<R: Real, const K: usize>(
    exact: &[Combo<f64, K>],
    centre: [f64; K],
    out: &mut [Combo<R, K>],
) {
    // Adding 1.5·2⁵² leaves the nearest whole number; `round` would be a call on the plainest machines.
    const MAGIC: f64 = 6755399441055744.0;
    for (combo, out) in exact.iter().zip(out) {
        let mut h = combo.c;
        for k in 0..K {
            for axis in 0..4 {
                h[axis] += combo.m[k][axis] * centre[k];
                out.m[k][axis] = R::of(combo.m[k][axis]);
            }
        }
        for axis in 0..4 {
            let whole = (h[axis] + MAGIC) - MAGIC;
            out.c[axis] = R::of(h[axis] - whole);
            out.anchor[axis] = R::of(whole);
        }
    }
}
