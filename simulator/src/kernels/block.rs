//! Rows of pixels, block by block: coordinates, factors, the sums, the end.

use super::add::all_sources;
use super::lanes::{Isa, Lanes};
use super::line::{Line, capture, polarization, solid_angle};
use super::plan::{Plan, Split};
use super::scratch::{BLOCK, Scratch};
use super::slim;
use super::source::{NOT_YET, Sample};
use crate::engine::Order;
use crate::physics::Model;
use crate::physics::intensity::{self, Inherited};
use crate::physics::model::Applied;
use crate::physics::tap::NoTap;
use crate::units::R_E_SQUARED;

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
            let pixels = Pixels { spixel: rows.first_row + row, fpixel: at, count, at: start + at - column };
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
        let group = if plan.narrow { I::F32::LANES } else { I::F64::LANES };
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
                let line = Line::new(model, self.spixel, layer, sub_s);
                line.set(plan, scratch);
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
                            polarization::<I, K>(model, plan, &line, 0, n, scratch);
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
