//! Rows of pixels, block by block: coordinates, factors, the sums, the end.

use super::aligned::Aligned;
use super::combos::{self, ANCHORED, ANCHORS, Coefficients, Combos, Start};
use super::entry::FactorKind;
use super::lanes::{Isa, Lanes, Mask};
use super::math::exp;
use super::plan::{Plan, Split};
use super::slim;
use super::sum::{Block, Running};
use crate::engine::Order;
use crate::physics::Model;
use crate::physics::intensity::{self, Inherited};
use crate::physics::model::Applied;
use crate::physics::tap::NoTap;
use crate::physics::vector::Vec3;
use crate::units::R_E_SQUARED;

/// Pixels of a block: the coordinates of all its samples stay in the first level of the cache.
pub(crate) const BLOCK: usize = 512;
/// Combinations that are taken at a time, so that their coefficients stay in the cache as well.
pub(crate) const CHUNK: usize = 96;
/// Pixels of a part of a block in f32.
pub(crate) const PART: usize = ANCHORS * ANCHORED;
/// Sines² of half the scattering angle nearer than this to the resolution limit are compared as the reference does.
const CLOSE_CALL: f64 = 1e-12;
/// Of a polarization factor: every source so far was skipped.
const NOT_YET: f64 = f64::NEG_INFINITY;

/// Rows to be rendered.
pub(crate) struct Rows<'a, const K: usize> {
    pub(crate) model: &'a Model,
    pub(crate) plan: &'a Plan<K>,
    pub(crate) order: &'a Order,
    pub(crate) first_row: usize,
    /// First column, and how many.
    pub(crate) columns: [usize; 2],
    /// These columns of some rows, slow-major.
    pub(crate) out: &'a mut [f32],
    pub(crate) scratch: &'a mut Scratch<K>,
    /// The last pixel that was rendered with interpolation on.
    pub(crate) last_unlatched: Option<usize>,
}

/// Numbers of a block, one for each pixel unless it says otherwise. Kept from block to block.
#[derive(Debug)]
pub(crate) struct Scratch<const K: usize> {
    pub(crate) coefficients: Vec<Coefficients<f64, K>>,
    /// The same in f32.
    pub(crate) narrow_coefficients: Vec<Coefficients<f32, K>>,
    /// Starts of a chunk at the anchors of a part.
    pub(crate) narrow_starts: Vec<Start<f32, ANCHORS>>,
    pub(crate) coordinates: [Aligned<f64>; K],
    pub(crate) narrow: [Aligned<f32>; K],
    /// 1/R.
    inverse: Aligned<f64>,
    /// A sum over combinations.
    pub(crate) terms: Aligned<f64>,
    pub(crate) narrow_terms: Aligned<f32>,
    /// The sum so far.
    pub(crate) sum: Aligned<f64>,
    /// Ω·P in f32.
    pub(crate) narrow_factor: Aligned<f32>,
    /// Solid angle of this sample, and of the first.
    omega: Aligned<f64>,
    pub(crate) first_omega: Aligned<f64>,
    /// Polarization factor of this source, and of the first that was not skipped; 0 as long as all were.
    polarization: Aligned<f64>,
    first_polarization: Aligned<f64>,
    /// Capture fraction of this sample, and of the first of its layer.
    capture: Aligned<f64>,
    first_capture: Aligned<f64>,
    weight: Aligned<f64>,
    running: Aligned<f64>,
    /// For each vector, bits of its pixels.
    pub(crate) latched: Vec<u32>,
    pub(crate) active: Vec<u32>,
    /// Interpolation had ended before the pixel.
    before: Vec<u32>,
    /// Sampled, and within the resolution limit.
    pub(crate) sampled: Vec<u32>,
    /// Where the last coordinate's coefficients were set for.
    pub(crate) line: Option<[u64; 3]>,
    /// Whether nothing was added to the raw sums yet.
    pub(crate) empty: bool,
}

impl<const K: usize> Scratch<K> {
    /// For one thread.
    pub(crate) fn new(plan: &Plan<K>) -> Scratch<K> {
        let numbers = || Aligned::zeros(BLOCK);
        let narrow = || Aligned::zeros(if plan.narrow { BLOCK } else { 0 });
        Scratch {
            coefficients: plan.coefficients.clone(),
            narrow_coefficients: plan
                .coefficients
                .iter()
                .take(if plan.narrow { usize::MAX } else { 0 })
                .map(|of| of.map(|axes| axes.map(|x| x as f32)))
                .collect(),
            narrow_starts: vec![Start::zero(); if plan.narrow { plan.starts.len().min(CHUNK) } else { 0 }],
            coordinates: std::array::from_fn(|_| numbers()),
            narrow: std::array::from_fn(|_| narrow()),
            inverse: numbers(),
            terms: numbers(),
            narrow_terms: narrow(),
            sum: numbers(),
            narrow_factor: narrow(),
            omega: numbers(),
            first_omega: numbers(),
            polarization: numbers(),
            first_polarization: numbers(),
            capture: numbers(),
            first_capture: numbers(),
            weight: numbers(),
            running: numbers(),
            latched: vec![0; BLOCK],
            active: vec![0; BLOCK],
            before: vec![0; BLOCK],
            sampled: vec![0; BLOCK],
            line: None,
            empty: true,
        }
    }
}

/// Renders the rows.
#[inline(always)]
pub(crate) fn render<I: Isa, const K: usize>(rows: &mut Rows<K>) {
    let [column, width] = rows.columns;
    let [first, last, _, _] = rows.model.roi;
    rows.scratch.line = None;
    for row in 0..rows.out.len() / width {
        let start = row * width;
        let first = first.clamp(column, column + width);
        let end = (last + 1).clamp(first, column + width);
        rows.out[start..start + first - column].fill(0.0);
        rows.out[start + end - column..start + width].fill(0.0);
        let mut at = first;
        while at < end {
            let count = BLOCK.min(end - at);
            let pixels =
                Pixels { spixel: rows.first_row + row, fpixel: at, count, at: start + at - column };
            pixels.render::<I, K>(rows);
            at += count;
        }
    }
}

/// Pixels of a row.
pub(crate) struct Pixels {
    pub(crate) spixel: usize,
    pub(crate) fpixel: usize,
    pub(crate) count: usize,
    /// Of the first, in the output.
    pub(crate) at: usize,
}

/// The samples of a block at one depth, one sub-row and one sub-column.
#[derive(Clone, Copy)]
struct Sample {
    layer: u32,
    sub_s: u32,
    sub_f: u32,
}

/// `Σ coefficientₖ·coordinateₖ` of a vector's pixels.
#[inline(always)]
fn product<V: Lanes<Real = f64>, const K: usize>(
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

impl Pixels {
    /// Rounded up to whole groups of vectors.
    #[inline(always)]
    pub(crate) fn padded(&self, group: usize) -> usize {
        self.count.div_ceil(group) * group
    }

    /// Renders the block, again if one of its pixels has ended the interpolation of others.
    #[inline(always)]
    fn render<I: Isa, const K: usize>(&self, rows: &mut Rows<K>) {
        let lanes = if rows.plan.narrow { I::F32::LANES } else { I::F64::LANES };
        let position = self.spixel * rows.model.geometry.pixels[0] + self.fpixel;
        loop {
            if !self.mark(rows, lanes) {
                rows.out[self.at..self.at + self.count].fill(0.0);
                return;
            }
            if rows.plan.slim {
                if rows.plan.narrow {
                    slim::render32::<I, K>(self, rows, None);
                } else {
                    slim::render64::<I, K>(self, rows, None);
                }
                self.special(rows);
                return;
            }
            self.sum::<I, K>(rows);
            if !rows.order.may_latch() {
                break;
            }
            let (mut again, mut last) = (false, None);
            for lane in 0..self.count {
                let bit = |bits: &[u32]| bits[lane / lanes] >> (lane % lanes) & 1 == 1;
                if !bit(&rows.scratch.active) || bit(&rows.scratch.before) {
                    continue;
                }
                let at = position + lane;
                if rows.order.inherited(at).latched {
                    again = true;
                    break;
                }
                last = Some(at);
                if bit(&rows.scratch.latched) {
                    rows.order.note_latch(at);
                }
            }
            if !again {
                rows.last_unlatched = last.or(rows.last_unlatched);
                break;
            }
        }
        self.finish(rows);
    }

    /// Marks the pixels that are sampled, and those without interpolation. False if there is none to sample.
    #[inline(always)]
    fn mark<const K: usize>(&self, rows: &mut Rows<K>, lanes: usize) -> bool {
        let position = self.spixel * rows.model.geometry.pixels[0] + self.fpixel;
        let Scratch { latched, active, before, .. } = &mut *rows.scratch;
        let vectors = BLOCK / lanes;
        latched[..vectors].fill(0);
        if rows.model.mask.is_none() && rows.model.first_pass.is_none() && !rows.order.may_latch() {
            for (vector, active) in active[..vectors].iter_mut().enumerate() {
                let left = self.count.saturating_sub(vector * lanes).min(lanes);
                *active = ((1_u64 << left) - 1) as u32;
            }
            return true;
        }
        active[..vectors].fill(0);
        let mut any = false;
        for lane in 0..self.count {
            let inherited = rows.order.inherited(position + lane);
            let computed = rows.model.computes(self.fpixel + lane, self.spixel);
            any |= computed;
            if computed && !inherited.first_pass {
                active[lane / lanes] |= 1 << (lane % lanes);
            }
            if inherited.latched {
                latched[lane / lanes] |= 1 << (lane % lanes);
            }
        }
        before[..vectors].copy_from_slice(&latched[..vectors]);
        any
    }

    /// The sum of every pixel of the block.
    #[inline(always)]
    fn sum<I: Isa, const K: usize>(&self, rows: &mut Rows<K>) {
        let (model, plan) = (rows.model, rows.plan);
        let group = if plan.narrow { I::F32::LANES * I::F32::GROUP } else { I::F64::LANES * I::F64::GROUP };
        let n = self.padded(group);
        let scratch = &mut *rows.scratch;
        scratch.empty = true;
        if !plan.raw {
            scratch.sum[..n].fill(if model.factors.background_in_sum { model.water } else { 0.0 });
        }
        scratch.first_polarization[..n].fill(NOT_YET);
        let factors = model.factors;
        let each_omega = factors.omega != Applied::AtTheEnd;
        let captured = model.sensor.thickness > 0.0;
        for layer in 0..model.sensor.layers {
            for sub_s in 0..model.oversample {
                let line = Line::new(model, plan, self.spixel, layer, sub_s, scratch);
                for sub_f in 0..model.oversample {
                    let first = sub_s == 0 && sub_f == 0;
                    self.coordinates::<I, K>(model, &line, sub_f, n, scratch);
                    if each_omega || (first && layer == 0) {
                        solid_angle::<I, K>(model, n, scratch);
                    }
                    if first && layer == 0 {
                        let Scratch { omega, first_omega, .. } = &mut *scratch;
                        first_omega[..n].copy_from_slice(&omega[..n]);
                    }
                    if captured && (first || factors.capture != Applied::AtTheEnd) {
                        capture::<I, K>(model, &line, layer, n, scratch);
                    }
                    if captured && first {
                        let Scratch { capture, first_capture, .. } = &mut *scratch;
                        first_capture[..n].copy_from_slice(&capture[..n]);
                    }
                    if plan.split == Split::Together {
                        if first && layer == 0 {
                            polarization::<I, K>(model, &line, 0, n, scratch);
                            let Scratch { polarization, first_polarization, .. } = &mut *scratch;
                            first_polarization[..n].copy_from_slice(&polarization[..n]);
                        }
                        all_sources::<I, K>(model, plan, n, scratch);
                    } else {
                        let sample = Sample { layer, sub_s, sub_f };
                        for source in 0..model.sources.len() {
                            self.one_source::<I, K>(model, plan, &line, sample, source, n, scratch);
                        }
                    }
                }
            }
        }
        if plan.split != Split::Together {
            // A pixel whose sources were all skipped has no polarization factor, and so no photons.
            for factor in &mut scratch.first_polarization[..n] {
                *factor = if *factor == NOT_YET { 0.0 } else { *factor };
            }
        }
    }

    /// Coordinates of the samples, and 1/R.
    #[inline(always)]
    fn coordinates<I: Isa, const K: usize>(
        &self,
        model: &Model,
        line: &Line<K>,
        sub_f: u32,
        n: usize,
        scratch: &mut Scratch<K>,
    ) {
        let edge = model.geometry.pixel / f64::from(model.oversample);
        let along = |pixel: usize| {
            edge * (pixel as f64 * f64::from(model.oversample) + f64::from(sub_f)) + edge / 2.0
        };
        let Scratch { coordinates, inverse, .. } = scratch;
        if K == 2 {
            let counting: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
            let lanes = I::F64::load(&counting);
            let (first, step) =
                (I::F64::of(along(self.fpixel) - line.nearest), I::F64::of(model.geometry.pixel));
            let offset2 = I::F64::of(line.offset2);
            let mut at = 0;
            while at < n {
                let f = (lanes + I::F64::of(at as f64)).mul_add(step, first);
                let v = f.mul_add(f, offset2).rsqrt();
                (f * v).store(&mut coordinates[0][at..]);
                v.store(&mut coordinates[1][at..]);
                at += I::F64::LANES;
            }
        } else {
            for at in 0..n {
                let position = model.geometry.position(along(self.fpixel + at), line.along_slow, line.depth);
                let distance = position.norm();
                let d = position / distance;
                for k in 0..K {
                    coordinates[k][at] = d[k];
                }
                inverse[at] = 1.0 / distance;
            }
        }
    }

    /// One source: polarized, weighted and cut off by itself.
    #[expect(clippy::too_many_arguments, reason = "one step of one loop, apart to be read apart")]
    #[inline(always)]
    fn one_source<I: Isa, const K: usize>(
        &self,
        model: &Model,
        plan: &Plan<K>,
        line: &Line<K>,
        sample: Sample,
        source: usize,
        n: usize,
        scratch: &mut Scratch<K>,
    ) {
        let lanes = if plan.narrow { I::F32::LANES } else { I::F64::LANES };
        let vectors = n / lanes;
        let Scratch { active, sampled, .. } = &mut *scratch;
        sampled[..vectors].copy_from_slice(&active[..vectors]);
        if model.dmin > 0.0 && !self.resolved::<I, K>(model, line, sample, source, n, lanes, scratch) {
            return;
        }
        let factors = model.factors;
        let pending = scratch.first_polarization[..n].contains(&NOT_YET);
        if pending || factors.polarization != Applied::AtTheEnd {
            polarization::<I, K>(model, line, source, n, scratch);
        }
        let weight = if factors.weighted { model.sources[source].weight } else { 1.0 };
        let scale = weight * plan.scale;
        let Scratch {
            weight,
            running,
            omega,
            capture,
            first_capture,
            polarization,
            first_polarization,
            sampled,
            ..
        } = &mut *scratch;
        let captured = model.sensor.thickness > 0.0;
        for at in 0..n {
            if sampled[at / lanes] >> (at % lanes) & 1 == 0 {
                (weight[at], running[at]) = (0.0, 1.0);
                continue;
            }
            if first_polarization[at] == NOT_YET {
                first_polarization[at] = polarization[at];
            }
            let (mut w, mut r) = (scale, 1.0);
            match factors.omega {
                Applied::PerTerm => w *= omega[at],
                Applied::ToTheRunningSum => r *= omega[at],
                Applied::AtTheEnd => (),
            }
            match factors.polarization {
                Applied::PerTerm => w *= polarization[at],
                Applied::ToTheRunningSum => r *= polarization[at],
                Applied::AtTheEnd => (),
            }
            if captured {
                match factors.capture {
                    Applied::PerTerm if factors.capture_everywhere => w *= capture[at],
                    Applied::PerTerm => w *= first_capture[at],
                    Applied::ToTheRunningSum => r *= capture[at],
                    Applied::AtTheEnd => (),
                }
            }
            (weight[at], running[at]) = (w, r);
        }
        let combos = source * plan.per_source..(source + 1) * plan.per_source;
        if plan.split == Split::Running {
            running_sum(plan, combos, n, scratch);
        } else {
            plain_sum::<I, K>(plan, combos, n, scratch);
        }
    }

    /// Clears the bits of the pixels where a source is beyond the resolution limit. False if none is left.
    #[expect(clippy::too_many_arguments, reason = "one step of one loop, apart to be read apart")]
    #[inline(always)]
    fn resolved<I: Isa, const K: usize>(
        &self,
        model: &Model,
        line: &Line<K>,
        sample: Sample,
        source: usize,
        n: usize,
        lanes: usize,
        scratch: &mut Scratch<K>,
    ) -> bool {
        let source = &model.sources[source];
        // |d − s|² = 2 − 2·cos 2θ, which is (λ/d)² at the resolution d.
        let limit = (source.wavelength / model.dmin).powi(2);
        let cosine = line.products(source.incident);
        let mut any = 0;
        let mut at = 0;
        while at < n {
            let cos: I::F64 = product(&cosine, &scratch.coordinates, at);
            let beyond = cos.mul_add(I::F64::of(-2.0), I::F64::of(2.0 - limit));
            let mut skipped = I::F64::of(0.0).lt(beyond).bits();
            let mut close = (!I::F64::of(CLOSE_CALL).lt(beyond.abs())).bits();
            while close != 0 {
                let lane = close.trailing_zeros() as usize;
                close &= close - 1;
                if lane >= I::F64::LANES {
                    break;
                }
                let edge = model.geometry.pixel / f64::from(model.oversample);
                let centre = |pixel: usize, sub: u32| {
                    edge * (pixel as f64 * f64::from(model.oversample) + f64::from(sub)) + edge / 2.0
                };
                let f = centre(self.fpixel + at + lane, sample.sub_f);
                let s = centre(self.spixel, sample.sub_s);
                let position = model.geometry.position(f, s, f64::from(sample.layer) * model.sensor.step);
                let q = (position / position.norm() - source.incident) / source.wavelength;
                skipped &= !(1 << lane);
                skipped |= u32::from(model.dmin > 1.0 / q.norm()) << lane;
            }
            let bits = &mut scratch.sampled[at / lanes];
            *bits &= !(skipped << (at % lanes));
            any |= *bits;
            at += I::F64::LANES;
        }
        any != 0
    }

    /// Photons: the sum times everything that is applied at the end.
    #[inline(always)]
    fn finish<const K: usize>(&self, rows: &mut Rows<K>) {
        let model = rows.model;
        let factors = model.factors;
        let n = self.count;
        let out = &mut rows.out[self.at..self.at + n];
        let Scratch { sum, first_omega, first_polarization, first_capture, .. } = &*rows.scratch;
        let (sum, omega) = (&sum[..n], &first_omega[..n]);
        let (polarization, capture) = (&first_polarization[..n], &first_capture[..n]);
        let mut scale = R_E_SQUARED * model.fluence / model.steps();
        let mut water = 0.0;
        if rows.plan.raw {
            water = if factors.background_in_sum { model.water * scale } else { 0.0 };
            scale *= rows.plan.scale;
        }
        let at_the_end = |applied: Applied| applied == Applied::AtTheEnd;
        let plain = at_the_end(factors.omega)
            && at_the_end(factors.polarization)
            && (model.sensor.thickness <= 0.0 || !at_the_end(factors.capture))
            && (factors.background_in_sum || !model.wet);
        if plain {
            for i in 0..n {
                out[i] = ((sum[i] * scale + water) * (polarization[i] * omega[i])) as f32;
            }
        } else {
            for i in 0..n {
                let mut value = sum[i] * scale + water;
                if at_the_end(factors.capture) && model.sensor.thickness > 0.0 {
                    value *= capture[i];
                }
                if at_the_end(factors.polarization) {
                    value *= polarization[i];
                }
                if at_the_end(factors.omega) {
                    value *= omega[i];
                }
                if !factors.background_in_sum && model.wet {
                    value += model.water * omega[i] * polarization[i];
                }
                out[i] = value as f32;
            }
        }
        self.special(rows);
    }

    /// Pixels that are not computed, and the one that is computed otherwise.
    #[inline(always)]
    pub(crate) fn special<const K: usize>(&self, rows: &mut Rows<K>) {
        let model = rows.model;
        if model.mask.is_none() && model.first_pass.is_none() {
            return;
        }
        let position = self.spixel * model.geometry.pixels[0] + self.fpixel;
        let out = &mut rows.out[self.at..self.at + self.count];
        for (i, out) in out.iter_mut().enumerate() {
            if !model.computes(self.fpixel + i, self.spixel) {
                *out = 0.0;
            } else if model.first_pass == Some(position + i) {
                let inherited = rows.order.inherited(position + i);
                *out = first_pass(model, rows.order, self.fpixel + i, self.spixel, inherited);
            }
        }
    }
}

/// The one pixel whose first pass through the spindle steps is not as the others: by the reference.
#[inline(never)]
fn first_pass(model: &Model, order: &Order, fpixel: usize, spixel: usize, inherited: Inherited) -> f32 {
    let pixel = intensity::pixel(model, fpixel, spixel, inherited, &mut NoTap);
    if pixel.latched && !inherited.latched {
        order.note_latch(spixel * model.geometry.pixels[0] + fpixel);
    }
    pixel.value as f32
}

/// A row of samples.
pub(crate) struct Line<const K: usize> {
    /// What a unit of each coordinate is in space.
    pub(crate) axes: [Vec3; K],
    /// On a flat detector: where along fast the row is nearest to the crystal, and the square of its distance there.
    pub(crate) nearest: f64,
    pub(crate) offset2: f64,
    along_slow: f64,
    depth: f64,
}

impl<const K: usize> Line<K> {
    /// Of a sub-row at a depth. Sets the coefficients that depend on it.
    #[inline(always)]
    pub(crate) fn new(
        model: &Model,
        plan: &Plan<K>,
        spixel: usize,
        layer: u32,
        sub_s: u32,
        scratch: &mut Scratch<K>,
    ) -> Line<K> {
        let edge = model.geometry.pixel / f64::from(model.oversample);
        let along_slow = edge * (spixel as f64 * f64::from(model.oversample) + f64::from(sub_s)) + edge / 2.0;
        Line::at(model, plan, along_slow, f64::from(layer) * model.sensor.step, scratch)
    }

    /// At a place along slow, at a depth.
    #[inline(always)]
    pub(crate) fn at(
        model: &Model,
        plan: &Plan<K>,
        along_slow: f64,
        depth: f64,
        scratch: &mut Scratch<K>,
    ) -> Line<K> {
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
        let line = [x0[0], x0[1], x0[2]].map(f64::to_bits);
        if scratch.line != Some(line) {
            combos::set_last(
                &mut scratch.coefficients,
                &mut scratch.narrow_coefficients,
                &plan.directions,
                x0,
            );
            scratch.line = Some(line);
        }
        Line { axes, nearest, offset2: x0.dot(x0), along_slow, depth }
    }

    /// Coefficients of **v**·**d** in the coordinates.
    #[inline(always)]
    pub(crate) fn products(&self, v: Vec3) -> [f64; K] {
        self.axes.map(|axis| axis.dot(v))
    }
}

/// 1/R of the samples.
#[inline(always)]
fn inverse_distance<const K: usize>(scratch: &Scratch<K>) -> &[f64] {
    if K == 2 { &scratch.coordinates[K - 1] } else { &scratch.inverse }
}

/// Ω = p²/R²·D/R, or 1/R² for points.
#[inline(always)]
fn solid_angle<I: Isa, const K: usize>(model: &Model, n: usize, scratch: &mut Scratch<K>) {
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
fn capture<I: Isa, const K: usize>(
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
fn polarization<I: Isa, const K: usize>(
    model: &Model,
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
    let b = model.geometry.polar.cross(incident).unit();
    let e = incident.cross(b).unit();
    // Where the field lies along the beam there is no B, ψ is 0, and what is left is sin² 2θ.
    let across = b.norm() != 0.0;
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

/// All combinations with one weight.
#[inline(always)]
fn all_sources<I: Isa, const K: usize>(model: &Model, plan: &Plan<K>, n: usize, scratch: &mut Scratch<K>) {
    let factors = model.factors;
    let Scratch { weight, omega, capture, first_capture, sampled, active, .. } = &mut *scratch;
    let captured = model.sensor.thickness > 0.0 && factors.capture == Applied::PerTerm;
    if !plan.raw {
        for at in 0..n {
            let mut w = plan.scale;
            if factors.omega == Applied::PerTerm {
                w *= omega[at];
            }
            if captured {
                w *= if factors.capture_everywhere { capture[at] } else { first_capture[at] };
            }
            weight[at] = w;
        }
    }
    let vectors = BLOCK / I::F64::LANES;
    sampled[..vectors].copy_from_slice(&active[..vectors]);
    plain_sum::<I, K>(plan, 0..plan.starts.len(), n, scratch);
}

/// Adds weight · Σ of some combinations to the sums; without weight and scale if they are raw.
#[inline(always)]
pub(crate) fn plain_sum<I: Isa, const K: usize>(
    plan: &Plan<K>,
    combos: std::ops::Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    if plan.narrow {
        narrow_sum::<I, K>(plan, combos, n, scratch);
        return;
    }
    let Scratch { coefficients, coordinates, terms, sum, weight, latched, sampled, empty, .. } = scratch;
    let (coefficients, starts) = (&coefficients[combos.clone()], &plan.starts[combos]);
    for (coefficients, starts) in coefficients.chunks(CHUNK).zip(starts.chunks(CHUNK)) {
        let chunk = Combos { coefficients, starts };
        let mut block =
            Block { coordinates: std::array::from_fn(|k| &coordinates[k][..n]), latched, active: sampled };
        let begins = plan.raw && std::mem::take(empty);
        let out = if begins { &mut sum[..n] } else { &mut terms[..n] };
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
        unsafe {
            (plan.kernels.sum64)(&plan.terms64(), chunk, &mut block, out);
        }
        if !begins {
            add(&mut sum[..n], &terms[..n], (!plan.raw).then_some(&weight[..n]));
        }
    }
}

/// sum += weight · terms.
#[inline(always)]
pub(crate) fn add<T: super::lanes::Real>(sum: &mut [f64], terms: &[T], weight: Option<&[f64]>) {
    match weight {
        Some(weight) => {
            for ((sum, term), weight) in sum.iter_mut().zip(terms).zip(weight) {
                *sum += weight * term.wide();
            }
        }
        None => {
            for (sum, term) in sum.iter_mut().zip(terms) {
                *sum += term.wide();
            }
        }
    }
}

/// The same in f32, around anchors.
#[inline(always)]
fn narrow_sum<I: Isa, const K: usize>(
    plan: &Plan<K>,
    combos: std::ops::Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let lanes = I::F32::LANES;
    if plan.raw && std::mem::take(&mut scratch.empty) {
        scratch.sum[..n].fill(0.0);
    }
    let mut start = 0;
    while start < n {
        let end = n.min(start + PART);
        let Scratch { coordinates, narrow, .. } = &mut *scratch;
        let mut centres = [[0.0; ANCHORS]; K];
        for k in 0..K {
            let wide = coordinates[k][start..end].chunks(ANCHORED);
            let narrow = narrow[k][start..end].chunks_mut(ANCHORED);
            for ((wide, narrow), centre) in wide.zip(narrow).zip(&mut centres[k]) {
                *centre = wide[wide.len() / 2];
                for (wide, narrow) in wide.iter().zip(narrow) {
                    *narrow = (wide - *centre) as f32;
                }
            }
        }
        let Scratch {
            coefficients,
            narrow_coefficients,
            narrow_starts,
            narrow,
            narrow_terms,
            sum,
            weight,
            latched,
            sampled,
            ..
        } = &mut *scratch;
        let mut first = combos.start;
        while first < combos.end {
            let chunk = first..combos.end.min(first + CHUNK);
            first = chunk.end;
            let starts = &mut narrow_starts[..chunk.len()];
            combos::anchor::<I, K>(
                &coefficients[chunk.clone()],
                &plan.starts[chunk.clone()],
                &centres,
                plan.kind != FactorKind::Constant,
                starts,
            );
            let chunk = Combos { coefficients: &narrow_coefficients[chunk], starts };
            let mut block = Block {
                coordinates: std::array::from_fn(|k| &narrow[k][start..end]),
                latched: &mut latched[start / lanes..end / lanes],
                active: &sampled[start / lanes..end / lanes],
            };
            // SAFETY: the plan's kernels are those of a level that is available.
            #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
            unsafe {
                (plan.kernels.sum32)(&plan.terms32(), chunk, &mut block, &mut narrow_terms[start..end]);
            }
            let weight = (!plan.raw).then_some(&weight[start..end]);
            add(&mut sum[start..end], &narrow_terms[start..end], weight);
        }
        start = end;
    }
}

/// The running sum, multiplied after every term.
#[inline(always)]
fn running_sum<const K: usize>(
    plan: &Plan<K>,
    combos: std::ops::Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let Scratch { coefficients, coordinates, sum, weight, running, latched, sampled, .. } = scratch;
    let (coefficients, starts) = (&coefficients[combos.clone()], &plan.starts[combos]);
    for (coefficients, starts) in coefficients.chunks(CHUNK).zip(starts.chunks(CHUNK)) {
        let chunk = Combos { coefficients, starts };
        let mut block =
            Block { coordinates: std::array::from_fn(|k| &coordinates[k][..n]), latched, active: sampled };
        let mut so_far = Running { sum: &mut sum[..n], weight: &weight[..n], factor: &running[..n] };
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
        unsafe {
            (plan.kernels.running)(&plan.terms64(), chunk, &mut block, &mut so_far);
        }
    }
}
