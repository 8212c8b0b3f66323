//! Lines of samples: where they are, and what depends on that alone: solid angle, capture, polarization.

use super::aligned::Aligned;
use super::combos;
use super::lanes::{Isa, Lanes};
use super::math::exp;
use super::plan::{Field, Plan};
use super::scratch::Scratch;
use crate::physics::Model;
use crate::physics::vector::Vec3;

/// A row of samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<const K: usize> {
    /// What a unit of each coordinate is in space.
    pub(crate) axes: [Vec3; K],
    /// On a flat detector: where along fast the row is nearest to the crystal, and the square of its distance there.
    pub(crate) nearest: f64,
    pub(crate) offset2: f64,
    pub(crate) along_slow: f64,
    pub(crate) depth: f64,
}

impl<const K: usize> Line<K> {
    /// Of a sub-row at a depth.
    #[inline(always)]
    pub(crate) fn new(model: &Model, spixel: usize, layer: u32, sub_s: u32) -> Line<K> {
        let edge = model.geometry.pixel / f64::from(model.oversample);
        let along_slow = edge * (spixel as f64 * f64::from(model.oversample) + f64::from(sub_s)) + edge / 2.0;
        Line::at(model, along_slow, f64::from(layer) * model.sensor.step)
    }

    /// At a place along slow, at a depth.
    #[inline(always)]
    pub(crate) fn at(model: &Model, along_slow: f64, depth: f64) -> Line<K> {
        let geometry = &model.geometry;
        let mut axes = [Vec3::new(0.0, 0.0, 0.0); K];
        if K != 2 {
            for (k, axis) in axes.iter_mut().enumerate() {
                let one = |i: usize| f64::from(u8::from(i == k));
                *axis = Vec3::new(one(0), one(1), one(2));
            }
            return Line { axes, nearest: 0.0, offset2: 0.0, along_slow, depth };
        }
        let fast = geometry.fast;
        let start = geometry.slow * along_slow + geometry.normal * depth + geometry.pix0;
        let nearest = -start.dot(fast);
        let x0 = start + fast * nearest;
        axes[0] = fast;
        axes[K - 1] = x0;
        Line { axes, nearest, offset2: x0.dot(x0), along_slow, depth }
    }

    /// Sets the coefficients of the combinations that depend on the line, if they are those of another.
    #[inline(always)]
    pub(crate) fn set(&self, plan: &Plan<K>, scratch: &mut Scratch<K>) {
        if K != 2 {
            return;
        }
        let x0 = self.axes[K - 1];
        let line = [x0[0], x0[1], x0[2]].map(f64::to_bits);
        if scratch.line != Some(line) {
            let Scratch { coefficients, narrow_coefficients, .. } = &mut *scratch;
            combos::set_last(coefficients, narrow_coefficients, &plan.directions, x0);
            scratch.line = Some(line);
        }
    }

    /// Coefficients of **v**·**d** in the coordinates.
    #[inline(always)]
    pub(crate) fn products(&self, v: Vec3) -> [f64; K] {
        self.axes.map(|axis| axis.dot(v))
    }
}

/// `Σ coefficientₖ·coordinateₖ` of a vector's pixels.
#[inline(always)]
pub(crate) fn product<V: Lanes<Real = f64>, const K: usize>(
    coefficients: &[f64; K],
    coordinates: &[Aligned<f64>; K],
    at: usize,
) -> V {
    let mut sum = V::of(0.0);
    for k in 0..K {
        sum = V::of(coefficients[k]).mul_add(V::load(&coordinates[k][at..]), sum);
    }
    sum
}

/// 1/R of the samples.
#[inline(always)]
pub(crate) fn inverse_distance<const K: usize>(scratch: &Scratch<K>) -> &[f64] {
    if K == 2 { &scratch.coordinates[K - 1] } else { &scratch.inverse }
}

/// Ω = p²/R²·D/R, or 1/R² for points.
#[inline(always)]
pub(crate) fn solid_angle<I: Isa, const K: usize>(model: &Model, n: usize, scratch: &mut Scratch<K>) {
    let geometry = &model.geometry;
    let scale = I::F64::of(geometry.pixel * geometry.pixel * geometry.close_distance);
    let mut at = 0;
    while at < n {
        let inverse = I::F64::load(&inverse_distance(scratch)[at..]);
        let square = inverse * inverse;
        let omega = if geometry.point_pixel { square } else { square * inverse * scale };
        omega.store(&mut scratch.omega[at..]);
        at += I::F64::LANES;
    }
}

/// What a layer captures, as in [`crate::physics::absorption`].
#[inline(always)]
pub(crate) fn capture<I: Isa, const K: usize>(
    model: &Model,
    line: &Line<K>,
    layer: u32,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let cosine = line.products(model.geometry.normal);
    let depth = I::F64::of(-model.sensor.absorption * model.sensor.step);
    let (above, below) = (I::F64::of(f64::from(layer)), I::F64::of(f64::from(layer + 1)));
    let mut at = 0;
    while at < n {
        let path = depth / product(&cosine, &scratch.coordinates, at);
        let captured: I::F64 = exp(above * path) - exp(below * path);
        captured.store(&mut scratch.capture[at..]);
        at += I::F64::LANES;
    }
}

/// Kahn's factor for one source: with unit vectors B across the field and the beam, and E' across B and the beam,
/// cos 2ψ·sin² 2θ is (d·E')² − (d·B)²; see [`crate::physics::polarization`].
#[inline(always)]
pub(crate) fn polarization<I: Isa, const K: usize>(
    model: &Model,
    plan: &Plan<K>,
    line: &Line<K>,
    source: usize,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let Some(kahn) = model.polarization else {
        scratch.polarization[..n].fill(1.0);
        return;
    };
    let incident = model.sources[source].incident;
    let cosine = line.products(incident);
    let half = I::F64::of(0.5);
    let mut at = 0;
    if kahn == 0.0 {
        while at < n {
            let cos: I::F64 = product(&cosine, &scratch.coordinates, at);
            cos.mul_add(cos * half, half).store(&mut scratch.polarization[at..]);
            at += I::F64::LANES;
        }
        return;
    }
    let Field { b, e, across, .. } = plan.fields[source];
    let (of_b, of_e) = (line.products(b), line.products(e));
    while at < n {
        let cos: I::F64 = product(&cosine, &scratch.coordinates, at);
        let cos2 = cos * cos;
        let (b, e): (I::F64, I::F64) =
            (product(&of_b, &scratch.coordinates, at), product(&of_e, &scratch.coordinates, at));
        let turned = if across { e.mul_sub(e, b * b) } else { I::F64::of(1.0) - cos2 };
        let sum = turned.neg_mul_add(I::F64::of(kahn), cos2 + I::F64::of(1.0));
        (sum * half).store(&mut scratch.polarization[at..]);
        at += I::F64::LANES;
    }
}
