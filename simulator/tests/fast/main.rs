//! Fast engines against the scalar one: random experiments, every pixel within the bound that is stated in [`bound`].
//!
//! `NB_FAST_CASES=5000 cargo test --release -p nanobragg --test fast -- --nocapture` tries more of them (minutes);
//! `NB_FAST_SEED=17` only the one of a seed that failed; `NB_LEVELS=avx2` leaves out the other instruction sets.
//! An experiment follows from its seed alone, and seeds count from 0.

mod bound;
mod detectors;
mod draw;
mod experiments;
mod faults;
mod hold;
mod kinds;
mod lattice;
mod rounding;
mod variants;

use bound::{F32, F64, SCALAR};
use hold::{Held, bounds, of_tiles, quantile};
use nanobragg::Experiment;
use nanobragg::physics::Model;
use std::ops::Range;
use variants::Variant;

/// Random experiments, unless the environment has another number.
const CASES: u64 = 1000;
/// One of so many besides is smooth: many pixels, and many terms in each.
const ONE_SMOOTH_OF: u64 = 16;
/// The largest error is at least this share of its bound, or the bound says nothing.
const CLOSE: f64 = 0.05;
/// The scalar engine takes one of so many pixels of a smooth image along each axis.
const EVERY: usize = 4;

fn seeds() -> Range<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse().expect("NB_FAST_CASES and NB_FAST_SEED are whole numbers"))
    };
    match number("NB_FAST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("NB_FAST_CASES").unwrap_or(CASES),
    }
}

fn random(seed: u64) -> (Experiment, Model) {
    let experiment = experiments::experiment(seed);
    let model = Model::new(&experiment, None).expect("a possible experiment");
    (experiment, model)
}

#[test]
fn every_engine_keeps_to_the_bound() {
    for level in variants::not_here() {
        println!("NOT RUN: this machine does not have {level}");
    }
    hold_all(&variants::direct(), seeds(), experiments::experiment, 1);
}

#[test]
fn smooth_tiles_keep_to_the_bound() {
    let seeds = seeds();
    let seeds = seeds.start..seeds.start + seeds.count() as u64 / ONE_SMOOTH_OF + 1;
    hold_all(&variants::with_tiles(), seeds.clone(), experiments::smooth, EVERY);
    // They are used: in f32 an interpolated image is not the same to the last digit.
    let count = seeds.clone().count();
    let [direct, tiles] = variants::narrow_with_and_without_tiles();
    let interpolated =
        seeds.map(experiments::smooth).filter(|e| direct.render(e, 2) != tiles.render(e, 2)).count();
    eprintln!("{interpolated} of {count} images have tiles");
    assert!(4 * interpolated >= count || count < 10, "tiles in only {interpolated} of {count} images");
}

/// Holds every variant on every experiment of some seeds, at one of `every` pixels along each axis.
fn hold_all(variants: &[Variant], seeds: Range<u64>, experiment: fn(u64) -> Experiment, every: usize) {
    eprintln!("seeds {seeds:?}");
    let many = seeds.clone().count() >= 100;
    let mut all = vec![Held::default(); variants.len()];
    let mut failed = Vec::new();
    for seed in seeds {
        let experiment = experiment(seed);
        let model = Model::new(&experiment, None).expect("a possible experiment");
        let [wide, narrow] = [F64, F32].map(|precision| bounds(&model, precision, every));
        for (variant, all) in variants.iter().zip(&mut all) {
            let (image, edge) = variant.rendered(&experiment, 1 + seed as usize % 3);
            let bounds = if variant.narrow() { &narrow } else { &wide };
            let of_tiles = of_tiles(&model, bounds, edge, variant.of_tile());
            let held = Held::with(bounds, &image, &of_tiles);
            if let Some((position, value, reference, error)) = held.beyond.first() {
                failed.push(format!(
                    "{}, seed {seed}: {} pixels, the first {position}: {value:e} instead of {reference:e} ± {error:e}",
                    variant.name,
                    held.beyond.len()
                ));
            }
            all.and(held);
        }
    }
    for (variant, all) in variants.iter().zip(all) {
        eprintln!(
            "{}: {} pixels, {} exempt, {} differ as f32 ({:.0} may), largest error {:.3} of its bound",
            variant.name, all.pixels, all.exempt, all.differ, all.may_differ, all.worst
        );
        let share = all.exempt as f64 / all.pixels as f64;
        let limit = if variant.narrow() { 0.05 } else { 0.005 };
        assert!(share < limit || !many, "{}: {share} of the pixels are exempt", variant.name);
        // In f64 what tiles are off by is below the last digit of an image.
        let shows = variant.narrow() || !variant.has_tiles();
        assert!(
            all.worst > CLOSE || !many || !shows,
            "{}: a bound too wide to say anything: {}",
            variant.name,
            all.worst
        );
        // Two values that differ by a share of f32's last place are rounded apart in that share of cases.
        assert!(all.differ as f64 <= all.may_differ + 10.0, "{}: {} differ", variant.name, all.differ);
    }
    assert!(failed.is_empty(), "{} images:\n{}", failed.len(), failed[..failed.len().min(40)].join("\n"));
}

#[test]
fn no_image_depends_on_the_number_of_threads() {
    for variant in variants::direct().into_iter().chain(variants::with_tiles()) {
        let smooth = seeds().take(4).map(experiments::smooth);
        for (seed, experiment) in seeds().step_by(5).map(experiments::experiment).chain(smooth).enumerate() {
            let bits = |threads| -> Vec<u32> {
                variant.render(&experiment, threads).iter().map(|x| x.to_bits()).collect()
            };
            let one = bits(1);
            for threads in [2, 3] {
                assert!(bits(threads) == one, "{}, number {seed}, {threads} threads", variant.name);
            }
        }
    }
}

/// Turning and scaling change no image but for its rounding: the bound holds that, and is not much wider.
#[test]
fn the_bound_holds_for_the_scalar_engine_in_other_numbers() {
    let (mut shares, mut relative, mut exempt) = (Vec::new(), Vec::new(), 0);
    for seed in seeds().step_by(2) {
        let (_, model) = random(seed);
        let ours = bounds(&model, SCALAR, 1);
        exempt += ours.iter().filter(|b| b.exempt).count();
        let top = ours.iter().map(|b| b.value).fold(0.0, f64::max);
        relative.extend(ours.iter().filter(|b| b.value > 1e-6 * top).map(|b| b.error / b.value));
        let others = [
            (!model.geometry.curved).then(|| ("turned", rounding::turned(&model))),
            (!model.geometry.point_pixel).then(|| ("scaled", rounding::scaled(&model))),
        ];
        for (how, other) in others.into_iter().flatten() {
            // At an exact Bragg position the other numbers may be the less certain.
            for (position, (one, two)) in ours.iter().zip(bounds(&other, SCALAR, 1)).enumerate() {
                let (off, bound) = ((one.value - two.value).abs(), one.error.max(two.error));
                let within = off <= bound || one.exempt || two.exempt;
                assert!(within, "seed {seed} {how}, pixel {position}: {one:?} {two:?}");
                if off > 0.0 && !one.exempt {
                    shares.push(off / bound);
                }
            }
        }
    }
    let [median, most] = [0.5, 0.999].map(|q| quantile(&mut shares, q));
    eprintln!("errors as shares of the bound: median {median:.4}, 99.9 % below {most:.3}, {exempt} exempt");
    let [typical, wide] = [0.5, 0.9].map(|q| quantile(&mut relative, q));
    eprintln!("bounds as shares of the value: median {typical:.1e}, 90 % below {wide:.1e}");
    if seeds().count() >= 100 {
        assert!(most > 0.05, "the bound is too wide to say anything: {most}");
        assert!(typical < 1e-10 && wide < 1e-8, "the bound is too wide: {typical:e} {wide:e}");
    }
}
