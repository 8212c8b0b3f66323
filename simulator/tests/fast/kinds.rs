//! What kinds of experiments there must be among the random ones.

use crate::{random, seeds};
use nanobragg::Experiment;
use nanobragg::experiment::{Convention, Shape};
use nanobragg::oddities::Oddities;
use nanobragg::physics::Model;
use nanobragg::physics::model::Applied;

use crate::experiments::{indices_at, is_exact};

/// Miller indices of all samples of five pixels: the corners, and the one in the middle.
fn indices(m: &Model) -> Vec<[f64; 3]> {
    let [fast, slow] = m.geometry.pixels;
    let pixels = [[0, 0], [fast - 1, 0], [0, slow - 1], [fast - 1, slow - 1], [fast / 2, slow / 2]];
    pixels.into_iter().flat_map(|pixel| indices_at(m, pixel)).collect()
}

/// Whether a sample lies on a lattice point other than that of the direct beam.
fn at_a_reflection(hkl: &[f64; 3]) -> bool {
    is_exact(hkl) && hkl.iter().any(|h| h.abs() > 0.5)
}

/// A kind of experiment, and how to know it.
type Kind = (&'static str, fn(&Experiment, &Model) -> bool);

const KINDS: &[Kind] = &[
    ("square", |_, m| m.lattice.shape == Shape::Square),
    ("round", |_, m| m.lattice.shape == Shape::Round),
    ("Gaussian", |_, m| m.lattice.shape == Shape::Gauss),
    ("top-hat", |_, m| m.lattice.shape == Shape::Tophat),
    ("1000 cells", |_, m| m.lattice.cells.contains(&1000.0)),
    ("one cell", |_, m| m.lattice.cells == [1.0; 3]),
    ("constant F", |_, m| m.grid.is_none()),
    ("nearest F", |_, m| m.grid.is_some() && !m.interpolate && m.default_f != 0.0),
    ("nearest F, none outside", |_, m| m.grid.is_some() && !m.interpolate && m.default_f == 0.0),
    ("interpolated F", |_, m| m.interpolate && !m.factors.latch),
    ("interpolated F up to the first sample outside", |_, m| m.interpolate && m.factors.latch),
    ("divergence and dispersion", |_, m| m.spread.dispersion.count > 1 && m.spread.horizontal.count > 1),
    ("weighted sources", |e, m| e.beam.sources.is_some() && m.factors.weighted && m.sources.len() > 1),
    ("phi from 0", |_, m| m.first_pass.is_some()),
    ("phi through 0", |e, m| e.sampling.phi < 0.0 && m.spindle_steps.count > 1),
    ("mosaic domains", |_, m| m.domains > 1),
    ("layers", |_, m| m.sensor.layers > 1),
    ("oversample 3", |_, m| m.oversample == 3),
    ("-oversample_thick, running", |_, m| m.factors.capture == Applied::ToTheRunningSum),
    ("-oversample_polar, running", |_, m| m.factors.polarization == Applied::ToTheRunningSum),
    ("-oversample_omega, running", |_, m| m.factors.omega == Applied::ToTheRunningSum),
    ("-oversample_thick, per term", |_, m| m.factors.capture == Applied::PerTerm),
    ("-oversample_polar, per term", |_, m| m.factors.polarization == Applied::PerTerm),
    ("-oversample_omega, per term", |_, m| m.factors.omega == Applied::PerTerm),
    ("no polarization", |_, m| m.polarization.is_none()),
    ("Kahn's factor", |_, m| m.polarization.is_some_and(|k| k != 0.0)),
    ("a resolution limit", |_, m| m.dmin > 0.0),
    ("water in the sum", |_, m| m.wet && m.factors.background_in_sum),
    ("water beside the sum", |_, m| m.wet && !m.factors.background_in_sum),
    ("own vectors", |e, _| e.detector.convention == Convention::Custom),
    ("skew axes", |_, m| m.geometry.fast.dot(m.geometry.slow).abs() > 0.01),
    ("curved", |_, m| m.geometry.curved),
    ("points", |_, m| m.geometry.point_pixel),
    ("a mask", |_, m| m.mask.is_some()),
    ("a region", |e, _| e.sampling.roi.is_some()),
    ("micrometres away", |_, m| m.geometry.distance.abs() < 1e-5),
    ("kilometres away", |_, m| m.geometry.distance.abs() > 1e4),
    ("no oddities", |_, m| m.oddities == Oddities::none()),
    ("a detector that is turned or swung", |e, m| {
        let asked = e.detector.rotation != [0.0; 3] || e.detector.twotheta != 0.0;
        asked && m.geometry.normal.dot(m.geometry.beam).abs() < 0.999
    }),
    ("|h| beyond 9000 at a pixel", |_, m| indices(m).iter().flatten().any(|h| h.abs() > 9000.0)),
    ("a sample at a Bragg position", |_, m| indices(m).iter().any(at_a_reflection)),
];

#[test]
fn experiments_are_of_all_kinds() {
    let mut found = vec![0; KINDS.len()];
    for seed in seeds() {
        let (experiment, model) = random(seed);
        for ((_, is), found) in KINDS.iter().zip(&mut found) {
            *found += usize::from(is(&experiment, &model));
        }
    }
    for ((kind, _), found) in KINDS.iter().zip(found) {
        eprintln!("{kind}: {found}");
        assert!(found > 0 || seeds().count() < 100, "no experiment is of the kind {kind}");
    }
}
