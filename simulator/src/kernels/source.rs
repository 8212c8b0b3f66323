//! One source by itself: cut off at the resolution limit, polarized and weighted for each pixel.

use super::add::{plain_sum, running_sum};
use super::block::Pixels;
use super::lanes::{Isa, Lanes, Mask};
use super::line::{Line, polarization, product};
use super::plan::{Plan, Split};
use super::scratch::Scratch;
use crate::physics::Model;
use crate::physics::model::Applied;

/// Sines² of half the scattering angle nearer than this to the resolution limit are compared as the reference does.
const CLOSE_CALL: f64 = 1e-12;
/// Of a polarization factor: every source so far was skipped.
pub(crate) const NOT_YET: f64 = f64::NEG_INFINITY;

/// The samples of a block at one depth, one sub-row and one sub-column.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) layer: u32,
    pub(crate) sub_s: u32,
    pub(crate) sub_f: u32,
}

impl Pixels {
    /// One source: polarized, weighted and cut off by itself.
    #[expect(clippy::too_many_arguments, reason = "one step of one loop, apart to be read apart")]
    #[inline(always)]
    pub(crate) fn one_source<I: Isa, const K: usize>(
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
            polarization::<I, K>(model, plan, line, source, n, scratch);
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
}
