//! The reference engine against closed forms and laws: nothing here is compared with another program.

use nanobragg::Simulator;
use nanobragg::experiment::{Beam, Cell, Convention, Crystal, Detector, Experiment};
use nanobragg::oddities::Oddities;
use nanobragg::units::{R_E_SQUARED, energy_ev};

/// A small detector close to a small crystal: every row differs, nothing is symmetric.
fn experiment() -> Experiment {
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(70.0, 80.0, 90.0, 75.0, 85.0, 95.0)),
            cells: [Some(3), Some(4), Some(5)],
            default_f: 100.0,
            ..Crystal::default()
        },
        detector: Detector {
            pixels: [Some(48), Some(37)],
            distance: 0.02,
            pixel: 2e-4,
            ..Detector::default()
        },
        ..Experiment::default()
    }
}

fn render(experiment: &Experiment) -> Vec<f32> {
    Simulator::new(experiment).expect("a possible experiment").render()
}

#[test]
fn at_an_exact_bragg_position_all_cells_scatter_together() {
    // d = s + λ·(a* − c*) has length 1 at this wavelength; the detector is moved so that a pixel's centre is there.
    let (a, c) = (10.0, 40.0);
    let wavelength = 2.0 / c / (1.0 / (a * a) + 1.0 / (c * c));
    let d = [wavelength / a, 1.0 - wavelength / c];
    let (distance, pixel) = (0.1, 1e-4);
    let x = distance * d[0] / d[1] / pixel;
    let experiment = Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(a, 50.0, c, 90.0, 90.0, 90.0)),
            cells: [Some(4); 3],
            default_f: 7.0,
            ..Crystal::default()
        },
        beam: Beam { wavelength: wavelength * 1e-10, ..Beam::default() },
        detector: Detector {
            convention: Convention::Xds,
            pixels: [Some(9), Some(9)],
            origin_pixels: [Some(4.5 - x + 0.5), Some(4.5 + 0.5)],
            distance,
            pixel,
            ..Detector::default()
        },
        sampling: nanobragg::experiment::Sampling { oversample: Some(1), ..Default::default() },
        ..Experiment::default()
    };
    let image = render(&experiment);
    let r = distance / d[1];
    let omega = pixel * pixel * distance / (r * r * r);
    let polarization = (1.0 + d[1] * d[1]) / 2.0;
    let amplitude = 64.0 * 7.0_f64;
    let expected = R_E_SQUARED * experiment.beam.fluence * amplitude * amplitude * omega * polarization;
    let found = f64::from(image[4 * 9 + 4]);
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} instead of N⁶F²: {expected}");
    // The spot is so wide here that the solid angle moves its top by a little.
    let brightest = f64::from(image.iter().copied().fold(0.0, f32::max));
    assert!(brightest < 1.01 * found, "{brightest} {found}");
}

#[test]
fn the_image_does_not_depend_on_the_number_of_threads() {
    let experiment = experiment();
    let one = Simulator::with_threads(&experiment, 1).unwrap().render();
    assert!(one.iter().any(|&x| x > 0.0));
    for threads in [2, 3, 7] {
        assert_eq!(Simulator::with_threads(&experiment, threads).unwrap().render(), one, "{threads} threads");
    }
}

#[test]
fn moving_the_beam_by_whole_pixels_moves_the_image() {
    let mut moved = experiment();
    let pixel = moved.detector.pixel;
    moved.detector.beam_centre = [Some(20.0 * pixel), Some(25.0 * pixel)];
    let before = render(&moved);
    // X of MOSFLM runs along slow, Y along fast.
    moved.detector.beam_centre = [Some(23.0 * pixel), Some(30.0 * pixel)];
    let after = render(&moved);
    for s in 0..34 {
        for f in 0..43 {
            let (x, y) = (before[s * 48 + f], after[(s + 3) * 48 + f + 5]);
            assert!((x - y).abs() <= 2e-6 * x.abs(), "pixel {f} {s}: {x} {y}");
        }
    }
}

#[test]
fn energy_and_wavelength_give_the_same_image() {
    let mut experiment = experiment();
    experiment.beam.wavelength = 12398.42 / 8000.0 / 1e10;
    let by_wavelength = render(&experiment);
    experiment.beam.wavelength = energy_ev(8000.0);
    assert_eq!(render(&experiment), by_wavelength);
}

#[test]
fn photons_grow_with_the_fluence_and_the_square_of_f() {
    let base = render(&experiment());
    let mut stronger = experiment();
    stronger.beam.fluence *= 2.0;
    stronger.crystal.default_f *= 2.0;
    for (weak, strong) in base.iter().zip(render(&stronger)) {
        assert!((8.0 * weak - strong).abs() <= 1e-6 * strong, "{weak} {strong}");
    }
}

#[test]
fn the_buffer_must_fit_and_a_second_render_is_the_same() {
    let simulator = Simulator::new(&experiment()).unwrap();
    let mut image = vec![f32::NAN; 48 * 37];
    simulator.render_into(&mut image).unwrap();
    let first = image.clone();
    image.fill(f32::NAN);
    simulator.render_into(&mut image).unwrap();
    assert_eq!(image, first);
    assert!(simulator.render_into(&mut image[1..]).is_err());
}

#[test]
fn outside_the_region_of_interest_everything_is_zero_and_inside_nothing_changes() {
    let whole = render(&experiment());
    let mut part = experiment();
    part.sampling.roi = Some([5, 20, 30, 99]);
    for (i, (x, y)) in whole.iter().zip(render(&part)).enumerate() {
        let (f, s) = (i % 48, i / 48);
        let inside = (5..=20).contains(&f) && s >= 30;
        assert_eq!(y, if inside { *x } else { 0.0 }, "pixel {f} {s}");
    }
}

#[test]
fn finer_sub_pixels_converge() {
    let mut experiment = experiment();
    // Each sub-pixel with its own solid angle and polarization.
    experiment.oddities = Oddities::none();
    experiment.sampling.oversample_omega = true;
    let mut sums = Vec::new();
    for oversample in [4, 8, 16] {
        experiment.sampling.oversample = Some(oversample);
        sums.push(render(&experiment).iter().map(|&x| f64::from(x)).sum::<f64>());
    }
    let (coarse, fine) = ((sums[1] / sums[0] - 1.0).abs(), (sums[2] / sums[1] - 1.0).abs());
    // The midpoint rule is of second order: four times as good with half the step.
    assert!(3.0 * fine < coarse, "{sums:?}");
}
