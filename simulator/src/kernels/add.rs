//! Sums over combinations, added up.

use super::combos::{self, ANCHORED, ANCHORS, Combos};
use super::entry::FactorKind;
use super::lanes::{Isa, Lanes, Real};
use super::plan::Plan;
use super::scratch::{BLOCK, CHUNK, PART, Scratch};
use super::sum::{Block, Running};
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
            narrow_cells,
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
                plan.stride,
                starts,
            );
            let chunk = Combos { coefficients: &narrow_coefficients[chunk], starts };
            let mut block = Block {
                coordinates: std::array::from_fn(|k| &narrow[k][start..end]),
                latched: &mut latched[start / lanes..end / lanes],
                active: &sampled[start / lanes..end / lanes],
                covered,
                cells: narrow_cells,
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
