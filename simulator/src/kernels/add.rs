//! Sums over combinations, added up.

use super::combos::{self, ANCHORED, ANCHORS, Combos};
use super::entry::FactorKind;
use super::lanes::{Isa, Lanes, Real};
use super::plan::Plan;
use super::scratch::{BLOCK, CHUNK, PART, Scratch};
use super::sum::{Block, Running, Terms};
use crate::physics::Model;
use crate::physics::model::Applied;
use std::ops::Range;

/// All combinations with one weight.
#[inline(always)]
pub(crate) fn all_sources<I: Isa, const K: usize>(
    model: &Model,
    plan: &Plan<K>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
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
    combos: Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    if plan.narrow {
        narrow_sum::<I, K>(plan, combos, n, scratch);
        return;
    }
    let covered = covered(plan, combos.clone(), n, scratch);
    let Scratch { coefficients, coordinates, terms, sum, weight, latched, sampled, empty, cells, .. } =
        scratch;
    let (coefficients, starts) = (&coefficients[combos.clone()], &plan.starts[combos]);
    for (coefficients, starts) in coefficients.chunks(CHUNK).zip(starts.chunks(CHUNK)) {
        let chunk = Combos { coefficients, starts };
        let coordinates = std::array::from_fn(|k| &coordinates[k][..n]);
        let mut block = Block { coordinates, latched, active: sampled, covered, cells };
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

/// Whether all that the samples of some combinations need lies in the table of structure factors, and no interpolation
/// has ended.
#[inline(always)]
fn covered<const K: usize>(plan: &Plan<K>, combos: Range<usize>, n: usize, scratch: &Scratch<K>) -> bool {
    let Some(limits) = &plan.limits else { return true };
    if plan.kind == FactorKind::Tricubic && scratch.latched.iter().any(|bits| *bits != 0) {
        return false;
    }
    if plan.covered {
        return true;
    }
    let mut ranges = [[0.0; 2]; K];
    for k in 0..K {
        ranges[k] = combos::range(&scratch.coordinates[k][..n]);
    }
    let (coefficients, starts) = (&scratch.coefficients[combos.clone()], &plan.starts[combos]);
    combos::within(Combos { coefficients, starts }, &ranges, limits)
}

/// sum += weight · terms.
#[inline(always)]
pub(crate) fn add<T: Real>(sum: &mut [f64], terms: &[T], weight: Option<&[f64]>) {
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
pub(crate) fn narrow_sum<I: Isa, const K: usize>(
    plan: &Plan<K>,
    combos: Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let covered = covered(plan, combos.clone(), n, scratch);
    let terms = plan.terms32();
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
        let added = if plan.raw { Added::Plain } else { Added::Weighted };
        narrow_part::<I, K>(plan, &terms, combos.clone(), &centres, start..end, (covered, added), scratch);
        start = end;
    }
}

/// What is done with the terms of some combinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// They are all there are, and stay what they are.
    Not,
    /// They are added to the sums.
    Plain,
    /// They are added with the weight of their pixels.
    Weighted,
}

/// Terms of a part of a block in f32, from the coordinates of its samples around those of their anchors.
#[inline(always)]
pub(crate) fn narrow_part<I: Isa, const K: usize>(
    plan: &Plan<K>,
    terms: &Terms<f32>,
    combos: Range<usize>,
    centres: &[[f64; ANCHORS]; K],
    part: Range<usize>,
    (covered, added): (bool, Added),
    scratch: &mut Scratch<K>,
) {
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
        narrow_cells,
        ..
    } = scratch;
    let vectors = part.start / I::F32::LANES..part.end / I::F32::LANES;
    let mut first = combos.start;
    while first < combos.end {
        let chunk = first..combos.end.min(first + CHUNK);
        first = chunk.end;
        let starts = &mut narrow_starts[..chunk.len()];
        combos::anchor::<I, K>(
            &coefficients[chunk.clone()],
            &plan.starts[chunk.clone()],
            centres,
            plan.stride,
            part.len(),
            starts,
        );
        let chunk = Combos { coefficients: &narrow_coefficients[chunk], starts };
        let mut block = Block {
            coordinates: std::array::from_fn(|k| &narrow[k][part.clone()]),
            latched: &mut latched[vectors.clone()],
            active: &sampled[vectors.clone()],
            covered,
            cells: narrow_cells,
        };
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
        unsafe {
            (plan.kernels.sum32)(terms, chunk, &mut block, &mut narrow_terms[part.clone()]);
        }
        let weight = (added == Added::Weighted).then_some(&weight[part.clone()]);
        if added != Added::Not {
            add(&mut sum[part.clone()], &narrow_terms[part.clone()], weight);
        }
    }
}

/// The running sum, multiplied after every term.
#[inline(always)]
pub(crate) fn running_sum<const K: usize>(
    plan: &Plan<K>,
    combos: Range<usize>,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let covered = covered(plan, combos.clone(), n, scratch);
    let Scratch { coefficients, coordinates, sum, weight, running, latched, sampled, cells, .. } = scratch;
    let (coefficients, starts) = (&coefficients[combos.clone()], &plan.starts[combos]);
    for (coefficients, starts) in coefficients.chunks(CHUNK).zip(starts.chunks(CHUNK)) {
        let chunk = Combos { coefficients, starts };
        let coordinates = std::array::from_fn(|k| &coordinates[k][..n]);
        let mut block = Block { coordinates, latched, active: sampled, covered, cells };
        let mut so_far = Running { sum: &mut sum[..n], weight: &weight[..n], factor: &running[..n] };
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
        unsafe {
            (plan.kernels.running)(&plan.terms64(), chunk, &mut block, &mut so_far);
        }
    }
}
