//! Laws and closed forms that need no reference image, each on every engine: an error that both engines share shows here.
//!
//! MOSFLM geometry (simulator.md, section 3): the beam runs along x, fast along z, slow along −y, so that c* lies along fast and
//! b* along −slow. Half the detector plus one pixel is where the beam hits by default: with an odd number of pixels
//! 2m − 1 that is the centre of pixel (m, m).

#![expect(clippy::panic, reason = "helpers of tests stop the test that called them")]

use bragg_tests::compare::{Agreement, compare};
use bragg_tests::image::Image;
use bragg_tests::programs::{ENGINES, render};

/// The closed forms hold to f32 rounding, 6e-8, and the rounding of a few f64 operations.
const ROUNDING: f64 = 2e-7;

/// Two ways to say the same: f32 rounding, and a last-digit difference of an angle on the steep flank of a peak.
const SAME: Agreement = Agreement { miss: 1e-12, sum_ratio_off: 1e-7, worst: 1e-6 };

/// A crystal without any equal axes on a detector whose middle pixel is hit by the beam.
const GENERAL: &str =
    "-default_F 100 -cell 90 110 130 90 90 90 -lambda 2 -Na 3 -Nb 5 -Nc 4 -distance 60 -oversample 1";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn square(engine: &str, line: &str, pixels: usize) -> Image {
    let line = format!("{line} -detpixels {pixels}");
    render(engine, &words(&line), pixels, pixels)
}

#[track_caller]
fn assert_close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() <= ROUNDING * want.abs(), "{what}: {got:e} instead of {want:e}");
}

#[track_caller]
fn assert_same(want: &Image, got: &Image, what: &str) {
    let agreement = compare(want, got).unwrap_or_else(|why| panic!("{what}: {why}"));
    assert!(agreement.within(&SAME), "{what}: {agreement:?}");
}

/// r_e² · fluence, with the default fluence: 1 photon per unit of I · Ω.
const PREFACTOR: f64 = 7.940_792_480_189_65e-30 * 1.259_320_152_862_270_9e29;

#[test]
fn the_forward_beam_is_n_to_the_sixth_f_squared() {
    for engine in ENGINES {
        let image = square(
            engine,
            "-default_F 20 -cell 80 80 80 90 90 90 -lambda 1 -N 6 -distance 50 -oversample 1",
            65,
        );
        // h = k = l = 0, polarization factor 1, solid angle (pixel / distance)².
        let want = PREFACTOR * 20.0_f64.powi(2) * 6.0_f64.powi(6) * (0.1_f64 / 50.0).powi(2);
        assert_close(f64::from(image.at(33, 33)), want, engine);
        assert_eq!(image.argmax() % 65, 33, "{engine}: fast coordinate of the brightest pixel");
        assert_eq!(image.argmax() / 65, 33, "{engine}: slow coordinate of the brightest pixel");
    }
}

/// Reflections (−1, 0, 2) and (−1, 2, 0) of a cubic cell, with λ = 0.4 a: the scattered beam runs along (0.6, 0, 0.8) and
/// (0.6, 0.8, 0), and with a distance of 30 mm it hits the detector 40 mm, 400 pixels, from the direct beam: exactly at
/// the centre of a pixel, so that (h, k, l) are integers there. The numbers of cells are powers of two: sin(πNh)/sin(πh) is
/// 0/0 at an integer, and only a product by a power of two keeps the rounding of πh and of πNh in proportion.
#[test]
fn an_exact_bragg_position_has_its_closed_form() {
    let crystal =
        "-default_F 30 -cell 100 100 100 90 90 90 -lambda 40 -Na 2 -Nb 8 -Nc 4 -distance 30 -oversample 1";
    let cells = (2.0 * 8.0 * 4.0_f64).powi(2);
    // Distance from the sample 30 / 0.6 mm; obliquity 0.6.
    let solid_angle = (0.1_f64 / 50.0).powi(2) * 0.6;
    let unpolarized = PREFACTOR * 30.0_f64.powi(2) * cells * solid_angle;
    let cosine_squared = 0.36;
    let sine_squared = 0.64;
    for engine in ENGINES {
        for (place, (fast, slow), across) in
            [("along fast", (913, 513), 1.0), ("along slow", (513, 113), -1.0)]
        {
            let value = |more: &str| {
                let roi = format!("-detpixels 1025 -roi {fast} {fast} {slow} {slow}");
                let image = render(engine, &words(&format!("{crystal} {roi} {more}")), 1025, 1025);
                f64::from(image.at(fast, slow))
            };
            let what = |more: &str| format!("{engine}, reflection {place}, {more}");
            assert_close(value("-nopolar"), unpolarized, &what("-nopolar"));
            assert_close(value(""), unpolarized * (1.0 + cosine_squared) / 2.0, &what("-polar left out"));
            // The E-vector lies along fast: cos 2ψ = 1 for the reflection along fast, −1 for the one along slow.
            for kahn in [1.0, -1.0, 0.95] {
                let factor = (1.0 + cosine_squared - kahn * across * sine_squared) / 2.0;
                let more = format!("-polar {kahn}");
                assert_close(value(&more), unpolarized * factor, &what(&more));
            }
        }
    }
}

#[test]
fn intensity_is_linear_in_fluence_and_quadratic_in_f() {
    for engine in ENGINES {
        let of = |f: f64, fluence: f64| {
            let line = format!(
                "-cell 90 110 130 90 90 90 -lambda 2 -N 4 -distance 60 -default_F {f} -fluence {fluence:e}"
            );
            square(engine, &line, 48)
        };
        let one = of(10.0, 1e28);
        // A power of two changes no rounding at all.
        assert_eq!(of(10.0, 2e28).pixels, one.scaled(2.0).pixels, "{engine}: twice the fluence");
        assert_eq!(of(20.0, 1e28).pixels, one.scaled(4.0).pixels, "{engine}: twice the structure factor");
        assert_same(&one.scaled(0.1), &of(10.0, 1e27), &format!("{engine}: a tenth of the fluence"));
        assert_same(
            &one.scaled(9.0),
            &of(30.0, 1e28),
            &format!("{engine}: three times the structure factor"),
        );
        assert!(of(0.0, 1e28).pixels.iter().all(|p| *p == 0.0), "{engine}: no structure factor, no photons");
    }
}

/// An orthorhombic crystal along the beam has mirror planes through the beam, along fast and along slow.
#[test]
fn mirror_planes_of_the_crystal_are_in_the_image() {
    for engine in ENGINES {
        for polarization in ["", "-nopolar", "-polar 0.7"] {
            let whole = square(engine, &format!("{GENERAL} {polarization}"), 63);
            // The beam hits pixel (32, 32), so rows and columns 2 to 62 lie around it.
            let image = whole.cut(2, 2, 61, 61);
            let mirrored = Image::from_fn(61, 61, |f, s| image.at(60 - f, s));
            assert_same(&image, &mirrored, &format!("{engine} {polarization}: mirror across fast"));
            let mirrored = Image::from_fn(61, 61, |f, s| image.at(f, 60 - s));
            assert_same(&image, &mirrored, &format!("{engine} {polarization}: mirror across slow"));
        }
    }
}

#[test]
fn exchanging_b_and_c_exchanges_fast_and_slow() {
    for engine in ENGINES {
        let one = square(engine, GENERAL, 63).cut(2, 2, 61, 61);
        let other =
            "-default_F 100 -cell 90 130 110 90 90 90 -lambda 2 -Na 3 -Nb 4 -Nc 5 -distance 60 -oversample 1";
        let other = square(engine, other, 63).cut(2, 2, 61, 61);
        assert_same(&one.transposed(), &other, engine);
        let agreement = compare(&one, &other).expect("the same size");
        assert!(!agreement.within(&SAME), "{engine}: the two must differ before they are exchanged");
    }
}

#[test]
fn energy_and_wavelength_say_the_same() {
    for engine in ENGINES {
        for energy in [1000.0, 2000.0, 12_398.42] {
            let crystal = "-default_F 100 -cell 90 110 130 90 90 90 -N 5 -distance 60 -oversample 1";
            let by_energy = square(engine, &format!("{crystal} -energy {energy}"), 64);
            let by_wavelength = square(engine, &format!("{crystal} -lambda {}", 12_398.42 / energy), 64);
            assert_same(&by_wavelength, &by_energy, &format!("{engine}, {energy} eV"));
        }
    }
}

#[test]
fn n_and_the_three_sides_say_the_same() {
    for engine in ENGINES {
        let crystal = "-default_F 100 -cell 90 110 130 90 90 90 -lambda 2 -distance 60";
        let one = square(engine, &format!("{crystal} -N 4"), 40);
        assert_eq!(
            one,
            square(engine, &format!("{crystal} -Na 4 -Nb 4 -Nc 4"), 40),
            "{engine}: -N and -Na -Nb -Nc"
        );
        assert_eq!(
            one,
            square(engine, &format!("{crystal} -N 9 -N 4"), 40),
            "{engine}: the last of two counts"
        );
    }
}

#[test]
fn every_spelling_of_the_detector_size_gives_the_same_image() {
    for engine in ENGINES {
        let crystal = "-default_F 100 -cell 90 110 130 90 90 90 -lambda 2 -N 4 -distance 60 -pixel 0.2";
        let of = |size: &str| render(engine, &words(&format!("{crystal} {size}")), 50, 30);
        let one = of("-detpixels_f 50 -detpixels_s 30");
        for size in
            ["-detpixels_x 50 -detpixels_y 30", "-detsize_f 10 -detsize_s 6", "-detpixels 50 -detpixels_s 30"]
        {
            assert_eq!(one, of(size), "{engine} {size}");
        }
        let line = format!("{crystal} -detsize 8");
        assert_eq!(render(engine, &words(&line), 40, 40), square(engine, crystal, 40), "{engine} -detsize");
    }
}

/// Two more pixels along each side move the point that the beam hits by one pixel, and nothing else.
#[test]
fn a_whole_pixel_shift_shifts_the_image() {
    for engine in ENGINES {
        let small = square(engine, GENERAL, 60);
        let large = square(engine, GENERAL, 62);
        assert_same(&small, &large.cut(1, 1, 60, 60), &format!("{engine}: a larger detector"));
        // Under MOSFLM Ybeam runs along fast and Xbeam along slow.
        let beam = |x: f64, y: f64| square(engine, &format!("{GENERAL} -Xbeam {x} -Ybeam {y}"), 60);
        let (here, there) = (beam(2.9, 3.3), beam(3.1, 3.6));
        assert_same(&here.cut(0, 0, 57, 58), &there.cut(3, 2, 57, 58), &format!("{engine}: -Xbeam, -Ybeam"));
    }
}

#[test]
fn a_region_of_interest_is_the_whole_image_inside_and_zero_outside() {
    for engine in ENGINES {
        let whole = square(engine, GENERAL, 50);
        for (x0, x1, y0, y1) in [(7, 30, 11, 44), (0, 49, 0, 49), (49, 49, 0, 0), (3, 3, 0, 49)] {
            let part = square(engine, &format!("{GENERAL} -roi {x0} {x1} {y0} {y1}"), 50);
            let inside = |f: usize, s: usize| (x0..=x1).contains(&f) && (y0..=y1).contains(&s);
            let want = Image::from_fn(50, 50, |f, s| if inside(f, s) { whole.at(f, s) } else { 0.0 });
            assert_eq!(part, want, "{engine} -roi {x0} {x1} {y0} {y1}");
        }
    }
}

/// Scaling every length of the experiment together changes no angle: cell with wavelength, and pixel with distance.
#[test]
fn the_image_depends_on_ratios_of_lengths() {
    for engine in ENGINES {
        let one = square(engine, GENERAL, 48);
        let crystal = "-default_F 100 -cell 180 220 260 90 90 90 -lambda 4 -Na 3 -Nb 5 -Nc 4 -distance 60 -oversample 1";
        assert_same(&one, &square(engine, crystal, 48), &format!("{engine}: cell and wavelength doubled"));
        let detector = GENERAL.replace("-distance 60", "-distance 120 -pixel 0.2");
        assert_same(&one, &square(engine, &detector, 48), &format!("{engine}: pixel and distance doubled"));
    }
}

/// Finer sub-pixels converge to the integral over the pixel: each doubling brings the image nearer to the finest one.
#[test]
fn oversampling_converges() {
    for engine in ENGINES {
        let of = |n: usize| square(engine, &format!("{GENERAL} -oversample {n}"), 32).sum();
        let (one, two, four, sixteen) = (of(1), of(2), of(4), of(16));
        let errors = [one, two, four].map(|sum| (sum / sixteen - 1.0).abs());
        assert!(errors[0] > 2.0 * errors[1] && errors[1] > 2.0 * errors[2], "{engine}: {errors:?}");
    }
}

/// The layers' capture fractions telescope: n layers of d together take 1 − exp(−n·d/Λ) of what falls straight on them, Λ the
/// absorption depth, and with more and more layers of a sensor of thickness T that is what one thick layer takes.
#[test]
fn many_thin_layers_take_what_one_thick_layer_does() {
    let case = "-default_F 100 -cell 100 100 100 90 90 90 -lambda 1 -N 1 -distance 1000 -oversample 1 --oddities none";
    let (thick, depth) = (450.0, 500.0);
    for engine in ENGINES {
        let sum = |line: &str| square(engine, line, 7).sum();
        let all = sum(case);
        let taken = |n: u32| {
            sum(&format!("{case} -detector_abs {depth} -detector_thick {thick} -thicksteps {n}")) / all
        };
        for n in [2, 10, 100] {
            let layer = thick / f64::from(n - 1);
            let want = 1.0 - (-f64::from(n) * layer / depth).exp();
            // the farthest corner is 0.5 mm off in 1000: its path in the sensor is longer by 1e-7
            assert!((taken(n) - want).abs() < 1e-6, "{engine}, {n} layers: {} instead of {want}", taken(n));
        }
        let limit = 1.0 - (-thick / depth).exp();
        assert!((taken(1000) - limit).abs() < 1e-3, "{engine}: {} instead of {limit}", taken(1000));
    }
}
