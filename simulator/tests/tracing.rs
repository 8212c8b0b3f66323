//! Spans: they are there, they name loops, and they change nothing.

use nanobragg::engine::Choice;
use nanobragg::experiment::{Cell, Crystal, Detector, Experiment, Sampling};
use nanobragg::{Simulator, spans};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Name and loop of a span.
type Span = (String, Option<String>);

/// Keeps the name and the loop of every span.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Span>>>);

struct LoopId(Option<String>);

impl Visit for LoopId {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "loop_id" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
        let mut visit = LoopId(None);
        attributes.record(&mut visit);
        self.0.lock().expect("no test panicked").push((attributes.metadata().name().to_owned(), visit.0));
    }
}

fn experiment(rows: u32, oversample: u32) -> Experiment {
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(70.0, 80.0, 90.0, 75.0, 85.0, 95.0)),
            cells: [Some(5); 3],
            default_f: 10.0,
            ..Crystal::default()
        },
        detector: Detector { pixels: [Some(16), Some(rows)], ..Detector::default() },
        sampling: Sampling { oversample: Some(oversample), ..Sampling::default() },
        ..Experiment::default()
    }
}

#[test]
fn bands_are_few_and_the_image_is_the_same() {
    // Rows that are done at once make few bands; those that take long are bands of their own, as long as there are not too many.
    for (rows, oversample, most) in
        [(5, 91, usize::MAX), (192, 91, usize::MAX), (257, 91, usize::MAX), (1000, 1, 16)]
    {
        let choice = Choice { tiles: false, ..Choice::default() };
        let simulator = Simulator::with(&experiment(rows, oversample), 2, &choice).unwrap();
        let plain = simulator.render();
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        let traced = tracing::subscriber::with_default(subscriber, || simulator.render());
        assert!(plain.iter().zip(&traced).all(|(x, y)| x.to_bits() == y.to_bits()));
        let seen = seen.0.lock().unwrap();
        let expected =
            (spans::BAND_OF_PIXELS.name.to_owned(), spans::BAND_OF_PIXELS.loop_id.map(str::to_owned));
        assert!(seen.iter().all(|span| *span == expected), "{seen:?}");
        let bands = (rows as usize).div_ceil((rows as usize).div_ceil(spans::MOST_BANDS)).min(most);
        assert_eq!(seen.len(), bands, "{rows} rows");
    }
}
