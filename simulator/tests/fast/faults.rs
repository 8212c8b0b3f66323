//! Faults in the set-up move pixels beyond their bounds: those are not so wide that anything passes.

use crate::bound::{F32, SCALAR};
use crate::hold::{Held, bounds, quantile};
use crate::{random, rounding, seeds, variants};
use nanobragg::physics::Model;
use nanobragg::physics::model::Applied;
use std::sync::Arc;

/// A fault that is put into the set-up, and in how many of a hundred experiments it must be seen beyond the bounds of f64
/// and of f32 (half of what was found when this was written: many experiments have nothing that the fault touches).
type Fault = (&'static str, fn(&mut Model), [f64; 2]);

const FAULTS: &[Fault] = &[
    (
        "wavelengths longer by 1e-7",
        |m| Arc::make_mut(&mut m.sources).iter_mut().for_each(|s| s.wavelength *= 1.0 + 1e-7),
        [30.0, 0.0],
    ),
    (
        "wavelengths longer by 1e-3",
        |m| Arc::make_mut(&mut m.sources).iter_mut().for_each(|s| s.wavelength *= 1.001),
        [40.0, 31.0],
    ),
    ("the detector farther by 1e-3", |m| m.geometry.pix0 = m.geometry.pix0 * 1.001, [46.0, 39.0]),
    ("cells longer by 1e-8", |m| rounding::each_cell(m, |cell| cell.map(|v| v * (1.0 + 1e-8))), [25.0, 0.0]),
    ("one more cell along a", |m| m.lattice.cells[0] += 1.0, [40.0, 36.0]),
    ("twice the cells along c", |m| m.lattice.cells[2] *= 2.0, [40.0, 39.0]),
    ("the detector farther by 1e-7", |m| m.geometry.pix0 = m.geometry.pix0 * (1.0 + 1e-7), [40.0, 0.0]),
    ("one source less", |m| m.sources = m.sources[..(m.sources.len() - 1).max(1)].into(), [28.0, 23.0]),
    ("interpolation the other way", |m| m.interpolate = m.grid.is_some() && !m.interpolate, [10.0, 10.0]),
    ("no end of interpolation, or one", |m| m.factors.latch = !m.factors.latch, [2.5, 1.5]),
    ("the first pass as the others", |m| m.first_pass = None, [2.0, 0.4]),
    ("another F outside the box", |m| m.default_f += 1.0, [30.0, 24.0]),
    ("weights the other way", |m| m.factors.weighted = !m.factors.weighted, [7.0, 4.0]),
    (
        "no polarization, or some",
        |m| m.polarization = m.polarization.map_or(Some(0.3), |_| None),
        [40.0, 25.0],
    ),
    ("each its own polarization", |m| m.factors.polarization = other(m.factors.polarization), [25.0, 10.0]),
    ("each its own solid angle", |m| m.factors.omega = other(m.factors.omega), [25.0, 15.0]),
    ("each its own capture", |m| m.factors.capture = other(m.factors.capture), [8.0, 5.5]),
    ("no resolution limit", |m| m.dmin = 0.0, [7.0, 6.0]),
    (
        "water not in the sum, or in it",
        |m| m.factors.background_in_sum = !m.factors.background_in_sum,
        [8.0, 9.0],
    ),
    ("no mask", |m| m.mask = None, [7.0, 6.0]),
    ("one sub-pixel less", |m| m.oversample = (m.oversample - 1).max(1), [20.0, 15.0]),
];

fn other(applied: Applied) -> Applied {
    if applied == Applied::AtTheEnd { Applied::PerTerm } else { Applied::AtTheEnd }
}

#[test]
fn faults_are_beyond_the_bounds() {
    let seeds = seeds().step_by(4);
    let mut tried = vec![[0_u32; 2]; FAULTS.len()];
    for seed in seeds.clone() {
        let (_, model) = random(seed);
        let bounds = [SCALAR, F32].map(|precision| bounds(&model, precision, 1));
        for ((_, fault, _), seen) in FAULTS.iter().zip(&mut tried) {
            let mut wrong = model.clone();
            fault(&mut wrong);
            if wrong != model {
                let image: Vec<f32> = rounding::render(&wrong).iter().map(|&x| x as f32).collect();
                for (seen, bounds) in seen.iter_mut().zip(&bounds) {
                    *seen += u32::from(!Held::new(bounds, &image).beyond.is_empty());
                }
            }
        }
    }
    let all = seeds.count();
    for ((name, _, shares), seen) in FAULTS.iter().zip(tried) {
        eprintln!("{name}: seen in {} of {all}, in f32 {}", seen[0], seen[1]);
        for (dtype, (share, seen)) in ["f64", "f32"].iter().zip(shares.iter().zip(seen)) {
            assert!(
                f64::from(seen) >= share / 100.0 * all as f64 || all < 250,
                "{name}: seen only in {seen} of {all} with the bound of {dtype}"
            );
        }
    }
}

/// Where f32 is taken at all, its bound is a small part of what a pixel has.
#[test]
fn the_bound_of_f32_is_not_wide() {
    let mut relative = Vec::new();
    for seed in seeds().step_by(4) {
        let (experiment, model) = random(seed);
        if !variants::is_narrow(&experiment) {
            continue;
        }
        let bounds = bounds(&model, F32, 1);
        let top = bounds.iter().map(|b| b.value).fold(0.0, f64::max);
        relative.extend(bounds.iter().filter(|b| b.value > 1e-6 * top).map(|b| b.error / b.value));
    }
    let [typical, wide] = [0.5, 0.9].map(|q| quantile(&mut relative, q));
    eprintln!("bounds of f32 as shares of the value: median {typical:.1e}, 90 % below {wide:.1e}");
    assert!(seeds().count() < 100 || (typical < 2e-3 && wide < 1.0), "the bound is too wide");
}
