//! The combinations of source, spindle step and domain, as the coefficients of their Miller indices.
//!
//! An index is h = Σ mᵢ·xᵢ + c over the coordinates of a sample: (f/R, 1/R) on a flat detector, the unit vector
//! **d** = (d₁, d₂, d₃) elsewhere.

use super::factor::{Anchor, Factor};
use super::lanes::{Isa, Lanes, Real};
use super::math::nearest;
use crate::physics::beam::Source;
use crate::physics::spindle::Orientations;
use crate::physics::vector::Vec3;

/// Pixels that share an anchor in f32: further away, an index would lose digits.
pub(crate) const ANCHORED: usize = 16;
/// Anchors of a part of a block.
pub(crate) const ANCHORS: usize = 16;

/// Coefficients of the indices of one combination: for each coordinate, those of h, k, l.
pub(crate) type Coefficients<R, const K: usize> = [[R; 3]; K];

/// Where the indices of one combination start, at each of A anchors along a row: h, k, l at an anchor, from the nearest
/// whole number; that number, which is 0 where nothing was taken out; and its place in the table of structure factors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<R, const A: usize> {
    pub(crate) offset: [[R; A]; 3],
    pub(crate) whole: [[R; A]; 3],
    pub(crate) place: [R; A],
}

impl<R: Real, const A: usize> Start<R, A> {
    /// All 0.
    pub(crate) fn zero() -> Start<R, A> {
        Start { offset: [[R::default(); A]; 3], whole: [[R::default(); A]; 3], place: [R::default(); A] }
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
    /// The anchor of a vector of the group.
    #[inline(always)]
    fn anchor(&self, g: usize) -> usize {
        if A == 1 { 0 } else { (self.at + g * V::LANES) / ANCHORED % A }
    }

    /// The index along one axis, from the nearest whole number; that number goes to the structure factor.
    #[inline(always)]
    pub(crate) fn offset<F: Factor<V, G>>(&self, axis: usize, factor: &mut F) -> [V; G] {
        let mut h = [V::of(0.0); G];
        for g in 0..G {
            let anchor = self.anchor(g);
            let start = V::splat(self.start.offset[axis][anchor]);
            h[g] = V::splat(self.coefficients[K - 1][axis]).mul_add(self.coordinates[K - 1][g], start);
        }
        for k in 0..K - 1 {
            for g in 0..G {
                h[g] = V::splat(self.coefficients[k][axis]).mul_add(self.coordinates[k][g], h[g]);
            }
        }
        let mut offset = h;
        for g in 0..G {
            if !F::WANTS_INDICES {
                offset[g] = h[g].off_nearest();
                continue;
            }
            let whole = nearest(h[g]);
            offset[g] = h[g] - whole;
            let anchor = self.anchor(g);
            let anchor = Anchor { whole: self.start.whole[axis][anchor], place: self.start.place[anchor] };
            factor.index(axis, g, anchor, whole, offset[g]);
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
pub(crate) fn directions(sources: &[Source], orientations: &Orientations) -> Vec<Direction> {
    let of_source = |source: &Source| {
        let (wavelength, incident) = (source.wavelength, source.incident);
        orientations.usual.iter().flatten().map(move |orientation| {
            let axes = orientation.direct.map(|v| v / wavelength);
            Direction { axes, start: axes.map(|v| v.dot(incident)) }
        })
    };
    sources.iter().flat_map(of_source).collect()
}

/// The products of a, b, c over the wavelength with a vector.
#[inline]
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

/// Starts where all coordinates are 0; `origin` is the place of the reflection (0, 0, 0).
pub(crate) fn starts(directions: &[Direction], origin: f64) -> Vec<Start<f64, 1>> {
    let of = |d: &Direction| Start { offset: d.start.map(|x| [-x]), whole: [[0.0]; 3], place: [origin] };
    directions.iter().map(of).collect()
}

/// Whether the indices of all combinations stay within `limits` while the coordinates are within `ranges`.
#[inline(always)]
pub(crate) fn within<const K: usize>(
    combos: Combos<f64, K, 1>,
    ranges: &[[f64; 2]; K],
    limits: &[[f64; 2]; 3],
) -> bool {
    let mut within = true;
    for (of, start) in combos.coefficients.iter().zip(combos.starts) {
        for axis in 0..3 {
            let (mut low, mut high) = (start.offset[axis][0], start.offset[axis][0]);
            for k in 0..K {
                let (a, b) = (of[k][axis] * ranges[k][0], of[k][axis] * ranges[k][1]);
                low += if a < b { a } else { b };
                high += if a < b { b } else { a };
            }
            within &= limits[axis][0] <= low && high <= limits[axis][1];
        }
    }
    within
}

/// The ends of some coordinates.
#[inline(always)]
pub(crate) fn range(coordinates: &[f64]) -> [f64; 2] {
    const WIDTH: usize = 8;
    let (mut low, mut high) = ([f64::INFINITY; WIDTH], [f64::NEG_INFINITY; WIDTH]);
    for some in coordinates.chunks(WIDTH) {
        for ((x, low), high) in some.iter().zip(&mut low).zip(&mut high) {
            // Not f64::min: this is one instruction, and NaN does not come here.
            *low = if x < low { *x } else { *low };
            *high = if x > high { *x } else { *high };
        }
    }
    [low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max)]
}

/// Sets the coefficients of the last coordinate, in one type and, where `narrow` is not empty, in both.
///
/// A function of its own: with the instructions of a level, the compiler would gather and scatter the numbers of several
/// combinations, which takes longer than to compute them one by one.
#[inline(never)]
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

/// Starts at the anchors of so many pixels, whose coordinates are `centres`. Everything is found in f64, so that nothing of
/// the phase is lost. Places are only written where neighbours have a distance, in the table of structure factors.
#[inline(always)]
pub(crate) fn anchor<I: Isa, const K: usize>(
    coefficients: &[Coefficients<f64, K>],
    starts: &[Start<f64, 1>],
    centres: &[[f64; ANCHORS]; K],
    stride: Option<[f64; 3]>,
    pixels: usize,
    out: &mut [Start<f32, ANCHORS>],
) {
    let anchors = ANCHORS.min(pixels.div_ceil(ANCHORED));
    for ((of, start), out) in coefficients.iter().zip(starts).zip(&mut *out) {
        let mut at = 0;
        while at < anchors {
            let mut place = I::F64::of(start.place[0]);
            for axis in 0..3 {
                let mut h = I::F64::of(start.offset[axis][0]);
                for k in 0..K {
                    h = I::F64::of(of[k][axis]).mul_add(I::F64::load(&centres[k][at..]), h);
                }
                let Some(stride) = stride else {
                    I::store_narrow(h.off_nearest(), &mut out.offset[axis][at..]);
                    continue;
                };
                let whole = nearest(h);
                I::store_narrow(h - whole, &mut out.offset[axis][at..]);
                I::store_narrow(whole, &mut out.whole[axis][at..]);
                place = whole.mul_add(I::F64::of(stride[axis]), place);
            }
            if stride.is_some() {
                I::store_narrow(place, &mut out.place[at..]);
            }
            at += I::F64::LANES;
        }
    }
}
