//! What the pixel loop of the five workloads costs with every engine, instruction set and type of numbers, with smooth
//! tiles and without, on one thread; and what a small experiment costs with every kernel there is ([`each`]). Every answer
//! is compared with the scalar engine's before it is timed; a wrong one ends the bench. `cargo bench -p nanobragg --bench
//! kernels -- W2` times one workload, `-- kernel` the kernels.

mod each;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nanobragg::Simulator;
use nanobragg::engine::Choice;
use nanobragg::experiment::{Beam, Cell, Crystal, Detector, Experiment, Sampling, Steps};
use nanobragg::kernels::{Dtype, Level};
use nanobragg::physics::structure_factor::HklGrid;
use std::sync::Arc;
use std::time::Duration;

/// 1 − correlation and |sum ratio − 1| against the scalar engine.
const LIMITS_F64: [f64; 2] = [1e-12, 1e-9];
const LIMITS_F32: [f64; 2] = [1e-9, 1e-6];

/// A workload, small enough that the scalar engine takes a fraction of a second.
fn workloads() -> Vec<(&'static str, Experiment)> {
    let nearest = scanned(false);
    let interpolated = scanned(true);
    vec![
        ("W1", base(512)),
        (
            "W2",
            with(base(192), |e| {
                e.crystal.mosaic_spread = Some(0.5_f64.to_radians());
                e.crystal.mosaic_domains = Some(50);
            }),
        ),
        (
            "W3",
            with(base(96), |e| {
                e.beam.dispersion = steps(0.01, 10);
                e.beam.horizontal_divergence = steps(1e-3, 3);
                e.beam.vertical_divergence = steps(1e-3, 3);
                e.sampling.oversample = Some(2);
            }),
        ),
        ("W4", nearest),
        ("W5", interpolated),
    ]
}

fn with(mut experiment: Experiment, change: impl Fn(&mut Experiment)) -> Experiment {
    change(&mut experiment);
    experiment
}

fn steps(range: f64, count: u32) -> Steps {
    Steps { range: Some(range), step: None, count: Some(count) }
}

/// `-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -pixel 0.1`, the pixels farther apart so
/// that a small image shows what the large one does.
fn base(pixels: u32) -> Experiment {
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)),
            cells: [Some(5); 3],
            default_f: 100.0,
            ..Crystal::default()
        },
        beam: Beam { wavelength: 6.2e-10, ..Beam::default() },
        detector: Detector {
            pixels: [Some(pixels); 2],
            pixel: 0.1024 / f64::from(pixels),
            ..Detector::default()
        },
        sampling: Sampling { oversample: Some(1), ..Sampling::default() },
        ..Experiment::default()
    }
}

/// `-N 20 -oversample 2 -phi 0 -osc 1 -phisteps 10` with structure factors for −40…40.
fn scanned(interpolate: bool) -> Experiment {
    let side = 81;
    let values = (0..side * side * side).map(|i: i32| {
        let [h, k, l] = [i / (side * side) - 40, i / side % side - 40, i % side - 40];
        f64::from(10 + (31 * h + 17 * k + 7 * l).rem_euclid(97)) + 0.5
    });
    let grid = HklGrid { min: [-40; 3], max: [40; 3], values: values.collect() };
    with(base(96), |e| {
        e.crystal.default_f = 0.0;
        e.crystal.cells = [Some(20); 3];
        e.crystal.structure_factors = Some(Arc::new(grid.clone()));
        e.crystal.interpolate = Some(interpolate);
        e.sampling.oversample = Some(2);
        e.sampling.oscillation = steps(1.0_f64.to_radians(), 10);
    })
}

/// The scalar engine, and the fast one in every way that this machine has.
fn choices(constant: bool) -> Vec<(String, Choice)> {
    let mut choices = vec![("rust-reference".to_owned(), Choice::reference())];
    for dtype in [Dtype::F64, Dtype::F32] {
        for level in Level::available() {
            for tiles in [false, true] {
                if tiles && !(constant && level == Level::detect()) {
                    continue;
                }
                let name = format!("{}-{level}{}", dtype.name(), if tiles { "-tiles" } else { "" });
                choices.push((name, Choice { level: Some(level), dtype, tiles, ..Choice::default() }));
            }
        }
    }
    choices
}

/// 1 − correlation, as half the mean square difference of the standardised images, and |sum ratio − 1|.
fn difference(want: &[f32], got: &[f32]) -> [f64; 2] {
    let n = want.len() as f64;
    let standard = |image: &[f32]| {
        let mean = image.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = image.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    };
    let ((mean, deviation), (got_mean, got_deviation)) = (standard(want), standard(got));
    let pairs = want.iter().zip(got);
    let off = pairs.map(|(&x, &y)| {
        ((f64::from(x) - mean) / deviation - (f64::from(y) - got_mean) / got_deviation).powi(2)
    });
    [off.sum::<f64>() / n / 2.0, (got_mean / mean - 1.0).abs()]
}

/// How long one measurement may take.
#[derive(Clone, Copy)]
struct Pace {
    warm_up: Duration,
    measurement: Duration,
}

/// Verifies and times everything that a machine can do with an experiment.
fn time(
    criterion: &mut Criterion,
    name: &str,
    experiment: &Experiment,
    pace: Pace,
    only: fn(&Choice) -> bool,
) {
    let reference = Simulator::with(experiment, 1, &Choice::reference()).expect("a possible experiment");
    let want = reference.render();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).nresamples(1000).measurement_time(pace.measurement).warm_up_time(pace.warm_up);
    group.throughput(Throughput::Elements((want.len() as f64 * reference.model().steps()) as u64));
    let constant = experiment.crystal.structure_factors.is_none();
    for (how, choice) in choices(constant).into_iter().filter(|(_, choice)| only(choice)) {
        let simulator = Simulator::with(experiment, 1, &choice).expect("a possible experiment");
        let mut image = simulator.render();
        let [miss, sum] = difference(&want, &image);
        let computed = simulator.explain();
        let limits = if computed.dtype == Dtype::F64.name() { LIMITS_F64 } else { LIMITS_F32 };
        assert!(miss <= limits[0] && sum <= limits[1], "{name} {how}: {miss:e}, {sum:e}; limits {limits:?}");
        if choice.dtype == Dtype::F32
            && let Some(why) = computed.not_f32
        {
            eprintln!("NOT RUN: {name} {how}: {why}");
            continue;
        }
        eprintln!("{name} {how}: 1 - correlation {miss:.1e}, sum off by {sum:.1e}");
        group.bench_function(how, |b| b.iter(|| simulator.render_into(&mut image)));
    }
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    let pace = Pace { warm_up: Duration::from_millis(200), measurement: Duration::from_secs(1) };
    for (name, experiment) in workloads() {
        time(criterion, name, &experiment, pace, |_| true);
    }
    let pace = Pace { warm_up: Duration::from_millis(20), measurement: Duration::from_millis(80) };
    for (name, experiment) in each::kernels() {
        time(criterion, &name, &experiment, pace, |choice| !choice.tiles);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
