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
        fn total(&mut self, total: &physics::tap::PixelTotal) {
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

/// How often parts of a set-up are made: mosaic domains, sources, orientations, combinations, structure factors in f32.
fn made(simulator: &Simulator) -> [usize; 5] {
    let ([domains, sources, orientations], [directions, grid]) =
        (simulator.parts.model.made(), simulator.parts.plan.made());
    [domains, sources, orientations, directions, grid]
}

#[test]
fn a_change_makes_anew_what_depends_on_it_and_nothing_else() {
    type Change = fn(&mut Experiment);
    let steps = |count| crate::experiment::Steps { count: Some(count), ..Default::default() };
    let mut first = leaving_the_box();
    first.crystal.mosaic_spread = Some(0.01);
    first.crystal.mosaic_domains = Some(3);
    first.beam.dispersion = crate::experiment::Steps { range: Some(0.02), ..steps(3) };
    first.sampling.oscillation = crate::experiment::Steps { range: Some(0.02), ..steps(2) };
    // What is made anew: domains, sources, orientations, combinations, structure factors.
    let table: [(&str, Change, [usize; 5]); 16] = [
        ("nothing", |_| (), [0, 0, 0, 0, 0]),
        ("distance", |e| e.detector.distance *= 1.1, [0, 0, 0, 0, 0]),
        ("pixels", |e| e.detector.pixels = [Some(20), Some(22)], [0, 0, 0, 0, 0]),
        ("rotation of the detector", |e| e.detector.rotation = [0.1, 0.2, 0.3], [0, 0, 0, 0, 0]),
        ("flux", |e| e.beam.fluence *= 2.0, [0, 0, 0, 0, 0]),
        ("polarization", |e| e.beam.polarization = None, [0, 0, 0, 0, 0]),
        ("sub-pixels", |e| e.sampling.oversample = Some(2), [0, 0, 0, 0, 0]),
        ("cells", |e| e.crystal.cells = [Some(4); 3], [0, 0, 0, 0, 0]),
        ("water", |e| e.crystal.water = 1e-6, [0, 0, 0, 0, 0]),
        ("wavelength", |e| e.beam.wavelength *= 1.01, [0, 1, 0, 1, 0]),
        ("phi", |e| e.sampling.phi += 0.01, [0, 0, 1, 1, 0]),
        ("misset", |e| e.crystal.misset = Misset::Angles([0.4, 0.1, 0.0]), [0, 0, 1, 1, 0]),
        ("mosaic seed", |e| e.crystal.mosaic_seed = 5, [1, 0, 1, 1, 0]),
        ("mosaic spread", |e| e.crystal.mosaic_spread = Some(0.02), [1, 0, 1, 1, 0]),
        ("structure factor elsewhere", |e| e.crystal.default_f = 3.0, [0, 0, 0, 0, 1]),
        (
            "structure factors",
            |e| {
                let grid = e.crystal.structure_factors.as_mut().unwrap();
                let values = grid.values.iter().map(|f| f + 1.0).collect();
                *grid = Arc::new(HklGrid { values, ..**grid });
            },
            [0, 0, 0, 0, 1],
        ),
    ];
    for dtype in [kernels::Dtype::F32, kernels::Dtype::F64] {
        let choice = Choice { dtype, ..Choice::default() };
        for (what, change, anew) in table {
            let mut simulator = Simulator::with(&first, 2, &choice).unwrap();
            let before = made(&simulator);
            let mut second = first.clone();
            change(&mut second);
            assert_eq!(simulator.change(&second).unwrap(), what != "nothing", "{what}");
            let mut anew = anew;
            if dtype == kernels::Dtype::F64 {
                anew[4] = 0;
            }
            assert_eq!(made(&simulator), std::array::from_fn(|i| before[i] + anew[i]), "{what}, {dtype:?}");
            let fresh = Simulator::with(&second, 2, &choice).unwrap();
            assert_eq!(simulator.render(), fresh.render(), "{what}, {dtype:?}");
            // and back again
            simulator.change(&first).unwrap();
            assert_eq!(simulator.render(), Simulator::with(&first, 2, &choice).unwrap().render(), "{what}");
        }
    }
}

#[test]
fn a_simulator_survives_an_experiment_that_is_impossible() {
    let mut simulator = Simulator::with_threads(&leaving_the_box(), 1).unwrap();
    let image = simulator.render();
    let mut impossible = leaving_the_box();
    impossible.beam.wavelength = -1.0;
    assert!(simulator.change(&impossible).is_err());
    assert!(!simulator.change(&leaving_the_box()).unwrap(), "it still has the one before");
    assert_eq!(simulator.render(), image);
}
