//! The order of the pixels, whatever the order in which they are computed.

use super::*;
use crate::experiment::{Cell, Crystal, Detector, Misset, Sampling};
use crate::physics::structure_factor::HklGrid;
use std::collections::HashSet;
use std::sync::Mutex;

/// Interpolated structure factors in a box that later rows leave, each sooner than the one before.
fn leaving_the_box() -> Experiment {
    let side = 11_i32;
    let values = (0..side.pow(3)).map(|i| 60.0 + 25.0 * (f64::from(i) * 0.9).sin()).collect();
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(70.0, 80.0, 90.0, 90.0, 90.0, 90.0)),
            misset: Misset::Angles([0.44, 0.0, 0.0]),
            cells: [Some(3); 3],
            structure_factors: Some(Arc::new(HklGrid { min: [-5; 3], max: [5; 3], values })),
            interpolate: Some(true),
            ..Crystal::default()
        },
        beam: crate::experiment::Beam { wavelength: 1.5e-10, ..Default::default() },
        detector: Detector {
            pixels: [Some(24), Some(24)],
            pixel: 4e-4,
            distance: 0.225,
            beam_centre: [Some(0.0), Some(0.0)],
            ..Detector::default()
        },
        sampling: Sampling { oversample: Some(1), ..Sampling::default() },
        ..Experiment::default()
    }
}

/// An engine that, the first time, knows of no pixel that ended interpolation: as if all bands had run at once.
struct AllAtOnce {
    engine: Box<dyn Engine>,
    rendered: Arc<Mutex<HashSet<usize>>>,
}

impl Engine for AllAtOnce {
    fn name(&self) -> &'static str {
        "all-at-once"
    }

    fn render_band(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        if !self.rendered.lock().unwrap().insert(first_row) {
            return self.engine.render_band(model, order, first_row, out);
        }
        let alone = Order::new(model);
        let last = self.engine.render_band(model, &alone, first_row, out);
        order.note_latch(alone.latch());
        last
    }

    fn explain(&self, model: &Model) -> Explanation {
        self.engine.explain(model)
    }
}

/// An image put together of the bands that a sink is given; 0 elsewhere.
fn streamed(simulator: &Simulator) -> Vec<f32> {
    let [fast, slow] = simulator.size();
    let image = Mutex::new(vec![0.0; fast * slow]);
    let put = |first: usize, pixels: &[f32]| {
        image.lock().unwrap()[first..first + pixels.len()].copy_from_slice(pixels);
        Ok(())
    };
    simulator.render_to(&put, None).unwrap();
    image.into_inner().unwrap()
}

#[test]
fn bands_that_are_given_away_make_the_same_image() {
    for roi in [None, Some([3, 17, 5, 19]), Some([0, 0, 23, 23])] {
        let mut experiment = leaving_the_box();
        experiment.sampling.roi = roi;
        for engine in EngineName::ALL {
            for threads in [1, 3] {
                let choice = Choice { engine, ..Choice::default() };
                let simulator = Simulator::with(&experiment, threads, &choice).unwrap();
                assert_eq!(streamed(&simulator), simulator.render());
            }
        }
    }
}

#[test]
fn the_first_error_of_a_sink_ends_the_render() {
    let simulator = Simulator::with_threads(&leaving_the_box(), 1).unwrap();
    let calls = AtomicUsize::new(0);
    let full = |_: usize, _: &[f32]| {
        let n = calls.fetch_add(1, Ordering::Relaxed);
        if n < 2 { Ok(()) } else { Err(io::Error::from(io::ErrorKind::StorageFull)) }
    };
    let error = simulator.render_to(&full, None).unwrap_err();
    assert_eq!((error.kind(), calls.into_inner()), (io::ErrorKind::StorageFull, 3));
}

#[test]
fn bands_that_went_on_interpolating_are_rendered_again() {
    for engine in EngineName::ALL {
        let choice = Choice { engine, ..Choice::default() };
        let one_by_one = Simulator::with(&leaving_the_box(), 1, &choice).unwrap();
        let image = one_by_one.render();
        let latch = one_by_one.latch.load(Ordering::Relaxed);
        assert!(latch > 24 && latch < 23 * 24, "interpolation ends at pixel {latch}");

        let mut at_once = Simulator::with(&leaving_the_box(), 2, &choice).unwrap();
        let usual = std::mem::replace(&mut at_once.engine, Box::new(Reference));
        let rendered = Arc::new(Mutex::default());
        at_once.engine = Box::new(AllAtOnce { engine: usual, rendered: Arc::clone(&rendered) });
        assert_eq!(at_once.render(), image);
        assert_eq!(at_once.latch.load(Ordering::Relaxed), latch);
        rendered.lock().unwrap().clear();
        assert_eq!(streamed(&at_once), image);

        // Without the second pass the image would be another.
        let model = one_by_one.model();
        let goes_on = |row: usize| {
            let mut alone = vec![0.0; 24];
            one_by_one.engine.render_band(model, &Order::new(model), row, &mut alone);
            alone != image[row * 24..][..24]
        };
        assert!((latch / 24 + 1..24).any(goes_on));
    }
}

#[test]
fn a_traced_pixel_is_the_pixel_of_the_image() {
    let simulator = Simulator::with(&leaving_the_box(), 2, &Choice::reference()).unwrap();
    let image = simulator.render();
    struct Last(f64);
    impl Tap for Last {
        fn total(&mut self, total: &crate::physics::tap::PixelTotal) {
            self.0 = total.value;
        }
    }
    for (fpixel, spixel) in [(0, 0), (5, 12), (23, 23), (3, 20)] {
        let mut last = Last(f64::NAN);
        assert!(simulator.trace_pixel(fpixel, spixel, &mut last));
        assert_eq!(last.0 as f32, image[spixel * 24 + fpixel]);
    }
    assert!(!simulator.trace_pixel(24, 0, &mut Last(0.0)));
}
