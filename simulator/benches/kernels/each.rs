//! A small experiment for every kernel: each form of the lattice transform with each kind of structure factors, on flat and
//! on curved detectors, summed in one, source by source, and multiplied after every term; and sensors with layers.

use crate::{base, scanned, steps, with};
use nanobragg::Experiment;
use nanobragg::experiment::Shape;

/// Pixels along an edge: not whole vectors alone.
const EDGE: u32 = 45;

/// Name and change of an experiment.
type Change = (&'static str, fn(&mut Experiment));

/// The forms of the lattice transform.
const FORMS: &[Change] = &[
    ("five", |e| e.crystal.cells = [Some(5); 3]),
    ("odd", |e| e.crystal.cells = [Some(7), Some(5), Some(3)]),
    ("even", |e| e.crystal.cells = [Some(6), Some(4), Some(5)]),
    ("sines", |e| e.crystal.cells = [Some(65), Some(5), Some(3)]),
    ("round", |e| e.crystal.shape = Shape::Round),
    ("gauss", |e| {
        e.crystal.shape = Shape::Gauss;
        e.crystal.fudge = SPOTS;
    }),
    ("tophat", |e| {
        e.crystal.shape = Shape::Tophat;
        e.crystal.fudge = SPOTS;
    }),
];

/// Makes the spots of 5 × 5 × 5 cells so large that pixels meet them.
const SPOTS: f64 = 0.02;

/// The ways to sum.
const WAYS: &[Change] = &[
    ("", |_| {}),
    ("-curved", |e| e.detector.curved = true),
    ("-running", |e| e.sampling.oversample_omega = true),
    ("-running-curved", |e| {
        e.sampling.oversample_omega = true;
        e.detector.curved = true;
    }),
    ("-by-source", |e| e.beam.dmin = 1e-10),
    ("-layers", |e| {
        e.detector.thickness = Some(3e-4);
        e.detector.layers = Some(3);
    }),
];

/// All of them.
pub(crate) fn kernels() -> Vec<(String, Experiment)> {
    let kinds = [("constant", base(EDGE)), ("nearest", scanned(false)), ("interpolated", scanned(true))];
    let mut all = Vec::new();
    for (form, shape) in FORMS {
        for (kind, experiment) in &kinds {
            for (way, change) in WAYS {
                let experiment = with(experiment.clone(), |e| {
                    e.detector.pixels = [Some(EDGE); 2];
                    e.detector.pixel = 0.1024 / f64::from(EDGE);
                    e.crystal.cells = [Some(5); 3];
                    e.crystal.mosaic_spread = Some(0.01);
                    e.crystal.mosaic_domains = Some(2);
                    e.sampling.oversample = Some(1);
                    e.sampling.oscillation = steps(0.01, 2);
                    e.beam.dispersion = steps(0.01, 2);
                    shape(e);
                    change(e);
                });
                all.push((format!("kernel-{form}-{kind}{way}"), experiment));
            }
        }
    }
    all
}
