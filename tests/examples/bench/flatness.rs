//! What one term of the direct sum costs, whatever the terms are and however many: it should not depend on that.

use crate::quantiles::{Quartiles, quantile};
use nanobragg::Simulator;
use nanobragg::engine::Choice;
use nanobragg::experiment::{Beam, Cell, Crystal, Detector, Experiment, Sampling, Steps};
use nanobragg::kernels::Dtype;
use serde::Serialize;
use std::time::{Duration, Instant};

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

/// How long a point is rendered again and again in a round: so short that much of it meets the machine undisturbed.
const TURN: Duration = Duration::from_millis(20);
/// How long a series is measured, in rounds of all its points.
const SERIES_TIME: Duration = Duration::from_secs(8);
const QUICK_TIME: Duration = Duration::from_millis(500);
/// A round of large images takes seconds.
const FEWEST_ROUNDS: usize = 15;
const QUICK_ROUNDS: usize = 5;

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
    /// Nanoseconds of one thread for each pixel and term, over the rounds.
    pub(crate) nanoseconds: Quartiles,
    /// Over the geometric mean of all points of the series in the same round, median over the rounds: a spell in which the whole
    /// machine is slow changes no ratio. This is judged.
    pub(crate) relative: f64,
    /// The lowest tenth of the rounds: what else runs on the machine only adds to it. Shown, not judged.
    pub(crate) undisturbed: f64,
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
    /// The dearest point over the cheapest in the same rounds, less 1.
    pub(crate) fn spread(&self) -> f64 {
        let costs = || self.points.iter().map(|point| point.relative);
        costs().fold(0.0, f64::max) / costs().fold(f64::INFINITY, f64::min) - 1.0
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

/// Measures all series in both types. The bands of an image are dropped while they are in the processor's cache, as the
/// command writes them from there: no memory of an image is touched.
///
/// # Errors
/// A sentence, when an experiment is refused.
pub(crate) fn measure(quick: bool) -> Result<Vec<Curve>, String> {
    let (time, fewest, largest) =
        if quick { (QUICK_TIME, QUICK_ROUNDS, 2048) } else { (SERIES_TIME, FEWEST_ROUNDS, 8192) };
    let mut curves = Vec::new();
    for dtype in [Dtype::F64, Dtype::F32] {
        for series in SERIES {
            eprintln!("cost of a term: {}, {}", series.name, dtype.name());
            let known: Vec<_> = series.points.iter().filter(|(_, pixels)| pixels[0] <= largest).collect();
            let mut simulators = Vec::new();
            for &&(terms, pixels) in &known {
                let choice = Choice { dtype, tiles: false, ..Choice::default() };
                let experiment = experiment(pixels, |experiment| (series.set)(experiment, terms));
                simulators.push(Simulator::with(&experiment, 1, &choice).map_err(|e| e.to_string())?);
            }
            let start = Instant::now();
            let mut rounds: Vec<Vec<f64>> = Vec::new();
            while rounds.len() < fewest || start.elapsed() < time {
                let costs: Result<Vec<f64>, String> = simulators.iter().map(turn).collect();
                rounds.push(costs?);
            }
            let points = known.iter().enumerate().filter_map(|(place, &&(terms, pixels))| {
                let costs: Vec<f64> = rounds.iter().map(|round| round[place]).collect();
                let relative: Vec<f64> =
                    rounds.iter().map(|round| round[place] / geometric_mean(round)).collect();
                Some(Point {
                    terms,
                    pixels,
                    relative: quantile(&relative, 0.5)?,
                    undisturbed: quantile(&costs, 0.1)?,
                    nanoseconds: Quartiles::of(&costs)?,
                })
            });
            let points = points.collect();
            curves.push(Curve { series: series.name, dtype: dtype.name(), judged: series.judged, points });
        }
    }
    Ok(curves)
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|x| x.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Nanoseconds of a term: the mean of as many renders as fill a turn.
fn turn(simulator: &Simulator) -> Result<f64, String> {
    let [fast, slow] = simulator.size();
    let terms = fast as f64 * slow as f64 * simulator.model().steps();
    let (start, mut renders) = (Instant::now(), 0.0);
    while renders == 0.0 || start.elapsed() < TURN {
        simulator.render_to(&|_, _| Ok(()), None).map_err(|e| e.to_string())?;
        renders += 1.0;
    }
    Ok(1e9 * start.elapsed().as_secs_f64() / (renders * terms))
}

/// W1 with something set.
pub(crate) fn experiment(pixels: [u32; 2], set: impl Fn(&mut Experiment)) -> Experiment {
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
