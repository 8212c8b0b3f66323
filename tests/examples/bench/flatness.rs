//! What one term of the direct sum costs, whatever the terms are and however many: it should not depend on that.

use crate::quantiles::Quartiles;
use nanobragg::Simulator;
use nanobragg::engine::Choice;
use nanobragg::experiment::{Beam, Cell, Crystal, Detector, Experiment, Sampling, Steps};
use nanobragg::kernels::Dtype;
use serde::Serialize;
use std::time::Instant;

/// One way to have many terms.
#[derive(Clone, Copy, Debug)]
struct Series {
    name: &'static str,
    /// Terms of a pixel, and pixels along fast and slow.
    points: &'static [(u32, [u32; 2])],
    set: fn(&mut Experiment, u32),
    /// Whether it has to be flat.
    judged: bool,
}

/// 2²⁵ terms or so at every point, in rows of one length.
const BY_TERMS: &[(u32, [u32; 2])] = &[
    (16, [512, 4096]),
    (64, [512, 1024]),
    (256, [512, 256]),
    (1024, [512, 64]),
    (4096, [512, 16]),
    (10_000, [512, 8]),
];
const BY_PIXELS: &[(u32, [u32; 2])] =
    &[(16, [512; 2]), (16, [1024; 2]), (16, [2048; 2]), (16, [4096; 2]), (16, [8192; 2])];
/// Rows that do not fill the vectors, or the parts in which f32 is anchored.
const BY_ROWS: &[(u32, [u32; 2])] = &[
    (256, [32, 4096]),
    (256, [82, 1600]),
    (256, [100, 1310]),
    (256, [195, 672]),
    (256, [512, 256]),
    (256, [1000, 131]),
    (256, [2463, 53]),
];

const SERIES: &[Series] = &[
    Series { name: "mosaic domains", points: BY_TERMS, set: domains, judged: true },
    Series {
        name: "wavelengths",
        points: BY_TERMS,
        set: |e, n| e.beam.dispersion = steps(0.01, n),
        judged: true,
    },
    Series {
        name: "spindle steps",
        points: BY_TERMS,
        set: |e, n| e.sampling.oscillation = steps(0.01, n),
        judged: true,
    },
    Series {
        name: "sub-pixels",
        points: BY_TERMS,
        set: |e, n| e.sampling.oversample = Some(n.isqrt()),
        judged: true,
    },
    Series { name: "16 domains, by image", points: BY_PIXELS, set: domains, judged: true },
    Series { name: "256 domains, by length of rows", points: BY_ROWS, set: domains, judged: false },
];

/// The dearest point of a series may cost so much more than the cheapest.
const FLAT: f64 = 0.15;

fn domains(experiment: &mut Experiment, count: u32) {
    experiment.crystal.mosaic_spread = Some(0.005);
    experiment.crystal.mosaic_domains = Some(count);
}

fn steps(range: f64, count: u32) -> Steps {
    Steps { range: Some(range), step: None, count: Some(count) }
}

/// One point of a series.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) terms: u32,
    /// Along fast and slow.
    pub(crate) pixels: [u32; 2],
    /// Nanoseconds of one thread for each pixel and term.
    pub(crate) nanoseconds: Quartiles,
}

/// One series in one type of numbers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) series: &'static str,
    pub(crate) dtype: &'static str,
    /// Whether it has to be flat.
    pub(crate) judged: bool,
    pub(crate) points: Vec<Point>,
}

impl Curve {
    /// The dearest point over the cheapest, less 1.
    pub(crate) fn spread(&self) -> f64 {
        let medians = || self.points.iter().map(|point| point.nanoseconds.median);
        medians().fold(0.0, f64::max) / medians().fold(f64::INFINITY, f64::min) - 1.0
    }

    /// What is said of the spread.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.judged, self.spread() <= FLAT) {
            (false, _) => "not judged",
            (true, true) => "met",
            (true, false) => "**missed**",
        }
    }
}

/// Measures all series in both types. Images are rendered into memory that was touched before.
///
/// # Errors
/// A sentence, when an experiment is refused.
pub(crate) fn measure(quick: bool) -> Result<Vec<Curve>, String> {
    let (rounds, largest) = if quick { (3, 2048) } else { (7, 8192) };
    let mut curves = Vec::new();
    for dtype in [Dtype::F64, Dtype::F32] {
        for series in SERIES {
            eprintln!("cost of a term: {}, {}", series.name, dtype.name());
            let points = series.points.iter().filter(|(_, pixels)| pixels[0] <= largest);
            let mut cases = Vec::new();
            for &(terms, pixels) in points {
                let choice = Choice { dtype, tiles: false, ..Choice::default() };
                let experiment = experiment(pixels, |experiment| (series.set)(experiment, terms));
                let simulator = Simulator::with(&experiment, 1, &choice).map_err(|e| e.to_string())?;
                let image = simulator.render();
                let terms_in_fact = simulator.model().steps();
                cases.push((simulator, image, terms, pixels, terms_in_fact, Vec::new()));
            }
            for _ in 0..rounds {
                for (simulator, image, _, _, _, times) in &mut cases {
                    let start = Instant::now();
                    simulator.render_into(image).map_err(|e| e.to_string())?;
                    times.push(start.elapsed().as_secs_f64());
                }
            }
            let points = cases.into_iter().filter_map(|(_, _, terms, pixels, in_fact, times)| {
                let each = 1e9 / (f64::from(pixels[0]) * f64::from(pixels[1]) * in_fact);
                Some(Point { terms, pixels, nanoseconds: Quartiles::of(&times)?.times(each) })
            });
            let points = points.collect();
            curves.push(Curve { series: series.name, dtype: dtype.name(), judged: series.judged, points });
        }
    }
    Ok(curves)
}

/// W1 with something set.
fn experiment(pixels: [u32; 2], set: impl Fn(&mut Experiment)) -> Experiment {
    let mut experiment = Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)),
            cells: [Some(5); 3],
            default_f: 100.0,
            ..Crystal::default()
        },
        beam: Beam { wavelength: 6.2e-10, ..Beam::default() },
        detector: Detector { pixels: pixels.map(Some), ..Detector::default() },
        sampling: Sampling { oversample: Some(1), phi: 0.1, ..Sampling::default() },
        ..Experiment::default()
    };
    set(&mut experiment);
    experiment
}
