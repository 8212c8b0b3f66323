//! What tracing costs: the same render with and without a Chrome trace, taken in turns. The images are compared
//! first: a time without a right answer beside it is no result. Target: at most 2 %.

use criterion::{Criterion, criterion_group, criterion_main};
use nanobragg::Simulator;
use nanobragg::experiment::{Cell, Crystal, Detector, Experiment, Sampling};
use std::time::{Duration, Instant};
use tracing_chrome::ChromeLayerBuilder;
use tracing_subscriber::layer::SubscriberExt;

/// Pairs of renders that the ratio is the median of.
const PAIRS: usize = 41;

fn experiment() -> Experiment {
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)),
            cells: [Some(5); 3],
            default_f: 100.0,
            ..Crystal::default()
        },
        detector: Detector { pixels: [Some(512), Some(512)], ..Detector::default() },
        sampling: Sampling { oversample: Some(1), ..Sampling::default() },
        ..Experiment::default()
    }
}

fn timed(work: impl FnOnce() -> Vec<f32>) -> (Duration, Vec<f32>) {
    let start = Instant::now();
    let image = work();
    (start.elapsed(), image)
}

fn bench(criterion: &mut Criterion) {
    let simulator = Simulator::new(&experiment()).expect("a possible experiment");
    let (layer, guard) = ChromeLayerBuilder::new().writer(std::io::sink()).include_args(true).build();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let traced = || tracing::dispatcher::with_default(&dispatch, || simulator.render());

    let mut ratios = Vec::new();
    let mut fastest = [Duration::MAX; 2];
    for pair in 0..PAIRS {
        // The order alternates, so that a drift of the machine favours neither.
        let (plain, with_trace) = if pair % 2 == 0 {
            let plain = timed(|| simulator.render());
            (plain, timed(traced))
        } else {
            let with_trace = timed(traced);
            (timed(|| simulator.render()), with_trace)
        };
        let same = plain.1.iter().zip(&with_trace.1).all(|(x, y)| x.to_bits() == y.to_bits());
        assert!(same, "tracing changes the image");
        fastest = [fastest[0].min(plain.0), fastest[1].min(with_trace.0)];
        ratios.push(with_trace.0.as_secs_f64() / plain.0.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let quantile = |q: f64| ratios[(q * (PAIRS - 1) as f64) as usize];
    eprintln!(
        "tracing/plain: median {:.4}, quartiles {:.4} to {:.4}, of {PAIRS} pairs; the fastest of each {:.4}; the images are \
         identical",
        quantile(0.5),
        quantile(0.25),
        quantile(0.75),
        fastest[1].as_secs_f64() / fastest[0].as_secs_f64()
    );

    let mut group = criterion.benchmark_group("render-512");
    group.sample_size(10);
    group.bench_function("plain", |b| b.iter(|| simulator.render()));
    group.bench_function("traced", |b| b.iter(traced));
    group.finish();
    drop(guard);
}

criterion_group!(benches, bench);
criterion_main!(benches);
