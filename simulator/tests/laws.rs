//! Laws that hold whatever the experiment: nothing here is compared with another program.

mod common;

use common::{assert_close, image_of, wide};
use nanobragg::Simulator;
use nanobragg::experiment::{
    Beam, Cell, Convention, Crystal, CustomVectors, Detector, Experiment, Sampling, Shape, Steps,
};
use nanobragg::oddities::Oddities;
use nanobragg::physics::structure_factor::HklGrid;
use nanobragg::physics::vector::Vec3;
use proptest::prelude::*;
use std::sync::Arc;

/// Vectors of a reciprocal cell, triclinic and tilted.
const RECIPROCAL: [Vec3; 3] =
    [Vec3::new(0.013, 0.002, -0.001), Vec3::new(-0.003, 0.011, 0.002), Vec3::new(0.001, -0.002, 0.012)];

/// Rows of an orientation matrix.
fn rows(columns: [Vec3; 3]) -> [[f64; 3]; 3] {
    [0, 1, 2].map(|i| columns.map(|v| v[i]))
}

fn experiment() -> Experiment {
    Experiment {
        crystal: Crystal {
            matrix: Some(rows(RECIPROCAL)),
            cells: [Some(4), Some(3), Some(5)],
            default_f: 50.0,
            ..Crystal::default()
        },
        beam: Beam { wavelength: 1e-10, polarization: Some(0.7), ..Beam::default() },
        detector: Detector {
            convention: Convention::Custom,
            vectors: CustomVectors {
                beam: Some(Vec3::new(1.0, 0.0, 0.0)),
                fast: Some(Vec3::new(0.0, 0.0, 1.0)),
                slow: Some(Vec3::new(0.0, -1.0, 0.0)),
                normal: Some(Vec3::new(1.0, 0.0, 0.0)),
                polar: Some(Vec3::new(0.0, 0.0, 1.0)),
                spindle: Some(Vec3::new(0.0, 0.0, 1.0)),
                twotheta_axis: None,
                pix0: None,
            },
            pixels: [Some(20), Some(16)],
            pixel: 5e-4,
            distance: 0.03,
            beam_centre: [Some(0.006), Some(0.0031)],
            ..Detector::default()
        },
        sampling: Sampling { oversample: Some(1), ..Sampling::default() },
        ..Experiment::default()
    }
}

fn render(experiment: &Experiment) -> Vec<f32> {
    Simulator::with_threads(experiment, 2).expect("a possible experiment").render()
}

#[test]
fn turning_crystal_detector_and_beam_together_changes_nothing() {
    let mut turned = experiment();
    let turn = |v: Vec3| v.rotate_xyz([0.4, -1.1, 2.5]);
    turned.oddities = Oddities::none();
    let straight = render(&turned);
    turned.crystal.matrix = Some(rows(RECIPROCAL.map(turn)));
    let v = &mut turned.detector.vectors;
    for vector in [&mut v.beam, &mut v.fast, &mut v.slow, &mut v.normal, &mut v.polar, &mut v.spindle] {
        *vector = vector.map(turn);
    }
    assert_close(&render(&turned), &wide(&straight), 1e-5, "turned");
}

#[test]
fn with_symmetric_structure_factors_an_inverted_crystal_gives_the_same_image() {
    // Friedel's law.
    let side = 25_i32;
    let mut values = Vec::new();
    for i in 0..side.pow(3) {
        // The value at −h, −k, −l is that of the mirrored place.
        let mirrored = side.pow(3) - 1 - i;
        values.push(f64::from(i.min(mirrored) % 17));
    }
    let half = side / 2;
    let grid = HklGrid { min: [-half; 3], max: [half; 3], values };
    for (interpolate, shape) in [(false, Shape::Square), (true, Shape::Square), (false, Shape::Gauss)] {
        let mut inverted = experiment();
        inverted.crystal.structure_factors = Some(Arc::new(grid.clone()));
        inverted.crystal.interpolate = Some(interpolate);
        inverted.crystal.shape = shape;
        let image = render(&inverted);
        inverted.crystal.matrix = Some(rows(RECIPROCAL.map(|v| -v)));
        assert_close(&render(&inverted), &wide(&image), 1e-5, "inverted");
    }
}

#[test]
fn without_symmetry_friedels_law_can_be_seen_to_fail() {
    let values = (0..25_i32.pow(3)).map(|i| f64::from(i % 17)).collect();
    let grid = HklGrid { min: [-12; 3], max: [12; 3], values };
    let mut inverted = experiment();
    inverted.crystal.structure_factors = Some(Arc::new(grid));
    inverted.crystal.interpolate = Some(false);
    let image = render(&inverted);
    inverted.crystal.matrix = Some(rows(RECIPROCAL.map(|v| -v)));
    assert!(common::differ(&image, &render(&inverted)));
}

#[test]
fn constant_structure_factors_are_the_same_however_they_come() {
    let mut by_grid = experiment();
    let image = render(&by_grid);
    by_grid.crystal.structure_factors =
        Some(Arc::new(HklGrid { min: [-9; 3], max: [9; 3], values: vec![50.0; 19_usize.pow(3)] }));
    by_grid.crystal.interpolate = Some(false);
    assert_eq!(render(&by_grid), image);
    by_grid.crystal.interpolate = Some(true);
    assert_close(&render(&by_grid), &wide(&image), 1e-6, "interpolated");
}

#[test]
fn domains_without_spread_and_equal_wavelengths_change_nothing() {
    let image = render(&experiment());
    let mut many = experiment();
    many.crystal.mosaic_spread = Some(1e-12);
    many.crystal.mosaic_domains = Some(4);
    many.beam.dispersion = Steps { range: Some(1e-13), step: None, count: Some(3) };
    assert_close(&render(&many), &wide(&image), 1e-5, "many equal terms");
}

#[test]
fn noise_has_the_image_as_its_mean_and_does_not_depend_on_threads() {
    let line = "-cell 100 -N 5 -default_F 100 -lambda 6.2 -detpixels 40 -seed 5 -fluence 1e28 -adc 0";
    let directory = common::directory(&[]);
    let mut images = Vec::new();
    for threads in [1, 2, 7] {
        for stream in ["nanobragg", "parallel"] {
            let words = format!("{line} --threads {threads} --noise-stream {stream} --json -nopgm");
            let run = common::run(directory.path(), &words);
            let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
            let photons = report["noise"]["photons"].as_f64().unwrap();
            let sum = report["statistics"]["sum"].as_f64().unwrap();
            assert!((photons - sum).abs() < 5.0 * sum.sqrt(), "{stream}: {photons} photons of {sum}");
            images.push(std::fs::read(directory.path().join("noiseimage.img")).unwrap());
        }
    }
    for pair in images.chunks(2).skip(1) {
        assert_eq!(pair, &images[..2]);
    }
    assert_ne!(images[0], images[1]);
}

#[test]
fn the_noise_of_a_pixel_is_its_own_in_the_parallel_stream() {
    let line = "-cell 100 -N 5 -default_F 100 -lambda 6.2 -detpixels 40 -seed 5 -fluence 1e28 --noise-stream parallel --quiet -nopgm";
    let directory = common::directory(&[]);
    let noise = |more: &str| {
        assert!(common::run(directory.path(), &format!("{line} {more}")).status.success());
        std::fs::read(directory.path().join("noiseimage.img")).unwrap()[512..].to_vec()
    };
    let (whole, part) = (noise(""), noise("-roi 10 30 7 25"));
    for (i, (x, y)) in whole.chunks(2).zip(part.chunks(2)).enumerate() {
        let inside = (10..=30).contains(&(i % 40)) && (7..=25).contains(&(i / 40));
        assert_eq!(y, if inside { x } else { &[0, 0] }, "pixel {i}");
    }
}

#[test]
fn masked_pixels_are_dark_and_the_others_as_before() {
    let mut masked = experiment();
    let image = render(&masked);
    let mask: Vec<bool> = (0..image.len()).map(|i| i % 3 != 1).collect();
    masked.sampling.mask = Some(mask.clone().into());
    for ((x, y), kept) in image.iter().zip(render(&masked)).zip(mask) {
        assert_eq!(y, if kept { *x } else { 0.0 });
    }
}

#[test]
fn an_experiment_file_says_the_same_as_the_command_line() {
    let toml = "[crystal]\ncell = [70, 80, 90, 75, 85, 95]\nNa = 3\nNb = 4\nNc = 5\ndefault_F = 100\nround_xtal = true\n\
                [beam]\nenergy = 9000.5\n[detector]\nxds = true\ndetpixels = 16\n[sampling]\nphi = 3\nosc = 2\n";
    let line = "-cell 70 80 90 75 85 95 -Na 3 -Nb 4 -Nc 5 -default_F 100 -round_xtal -energy 9000.5 -xds -detpixels 16 -phi 3 -osc 2";
    let by_flags = image_of(&[], line);
    assert_eq!(image_of(&[("e.toml", toml)], "--experiment e.toml"), by_flags);
    // The command line comes after the file.
    let later = image_of(&[("e.toml", toml)], "-phi 7 --experiment e.toml");
    assert_eq!(later, image_of(&[], &format!("{line} -phi 7")));
}

#[test]
fn mistakes_in_an_experiment_file_are_named() {
    for (toml, parts) in [
        ("[beam]\nlamda = 1\n", ["[beam] lamda", "lambda"]),
        ("[beam]\ncell = [1]\n", ["[beam] cell", "[crystal]"]),
        ("[bean]\nlambda = 1\n", ["[bean]", "beam"]),
        ("[beam]\nlambda = \"x\"\n", ["-lambda", "not a number"]),
        ("[beam]\nnopolar = 1\n", ["nopolar", "true or false"]),
        ("[beam]\n\nlambda = = 1\n", ["line 3", "e.toml"]),
        ("[running]\nversion = true\n", ["version", "command line"]),
    ] {
        let directory = common::directory(&[("e.toml", toml)]);
        let run = common::run(directory.path(), "--experiment e.toml");
        let message = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!((run.status.code(), message.lines().count()), (Some(2), 1), "{message}");
        for part in parts {
            assert!(message.contains(part), "{toml}: {message}");
        }
    }
}

#[test]
fn the_resolved_experiment_is_the_same_experiment() {
    for line in [
        "-cell 70 80 90 75 85 95 -default_F 10 -N 4 -detpixels 12 -mosaic 0.5 -phi 2 -osc 1 -hdivrange 3 -vdivstep 1",
        "-cell 90 -default_F 10 -Na 4 -energy 7000 -detpixels_f 12 -detpixels_s 9 -xds -twotheta 5 -detector_thick 300",
        "-cell 90 -default_F 10 -N 3 -lambda 2 -energy 7000 -detpixels 9 -beam_vector 1 0 0 -distance 50 -Xbeam 0.3",
        "-cell 90 -default_F 10 -xtalsize 0.00005 -detpixels 9 -flux 1e12 -nopolar -gauss_xtal -dispersion 2 -dispsteps 3",
        "-cell 90 -default_F 10 -N 3 -detpixels 9 -misset random -misset_seed 9 --oddities none -roi 2 5 3 6",
    ] {
        let directory = common::directory(&[]);
        let run = common::run(directory.path(), &format!("{line} --print-experiment"));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        std::fs::write(directory.path().join("e.toml"), &run.stdout).unwrap();
        let again = common::image_in(directory.path(), "--experiment e.toml");
        assert_eq!(again, common::image_in(directory.path(), line), "{line}");
    }
}

#[test]
fn printed_values_are_those_of_the_image() {
    let line = "-cell 70 80 90 75 85 95 -N 3 -default_F 50 -detpixels 12 -distance 20 -oversample 2 -phi 1 -osc 2 -phisteps 2 \
                -mosaic 0.3 -mosaic_domains 3 -hdivrange 3 -nonoise -nopgm";
    let directory = common::directory(&[]);
    let run = common::run(directory.path(), &format!("{line} --trace-pixel 5,7 --trace-format json --quiet"));
    let pixel: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let number = |name: &str| pixel[name].as_f64().unwrap();
    assert!((number("sum") * number("scale") / number("pixel") - 1.0).abs() < 1e-14);
    assert_eq!(number("difference"), number("image") - number("pixel"));
    assert_eq!(number("image"), f64::from(number("pixel") as f32));
    let terms = |value: &serde_json::Value| -> f64 {
        value["terms"].as_array().unwrap().iter().map(|term| term["term"].as_f64().unwrap()).sum()
    };
    let sub_pixels = pixel["samples"].as_array().unwrap();
    let sources = sub_pixels.iter().flat_map(|sub| sub["sources"].as_array().unwrap());
    let (mut count, mut sum) = (0, 0.0);
    for source in sources {
        count += source["terms"].as_array().unwrap().len();
        sum += terms(source);
    }
    assert_eq!(count, 4 * 2 * 2 * 3);
    assert!((sum / number("sum") - 1.0).abs() < 1e-13);
    // As text: the same values, and every pixel once.
    let text = common::run(directory.path(), &format!("{line} -printout -roi 2 4 3 4 --quiet")).stdout;
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("fpixel = ")).count(), 6);
    let text = common::run(directory.path(), &format!("{line} -printout_pixel 5 7 --quiet")).stdout;
    assert!(String::from_utf8(text).unwrap().contains(&format!("\npixel = {:?}\n", number("pixel"))));
}

#[test]
fn a_header_that_is_too_long_is_declared_so_and_its_image_is_read() {
    let line = "-cell 100 -N 5 -default_F 100 -detpixels_f 70 -detpixels_s 50 -Xbeam 1.23456 -Ybeam 2.34567 -distance 123.456 \
                -pixel 0.123457 -lambda 1.23457 -phi 1.23457 -osc 1.23457 -twotheta 1.23457 -detector_rotx 3 -oversample 1";
    let directory = common::directory(&[]);
    let image = common::image_in(directory.path(), &format!("{line} -scale 7 -adc 3"));
    let path = directory.path().join("intimage.img");
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"{\nHEADER_BYTES=1024;\n") && bytes.len() == 1024 + 2 * image.len());
    let (header, integers) = nanobragg::io::smv::read_image(&path).unwrap();
    assert_eq!((header.size, header.number("PIXEL_SIZE").unwrap()), ([70, 50], Some(0.123457)));
    for (x, n) in image.iter().zip(integers) {
        assert_eq!((f64::from(*x) * 7.0 + 3.5).floor() as u16, n);
    }
}

#[test]
fn an_image_stands_for_its_geometry() {
    let line = "-cell 100 -N 5 -default_F 100 -detpixels_f 30 -detpixels_s 20 -distance 50 -pixel 0.2 -lambda 1.5 -Xbeam 1.5 -Ybeam 2";
    let directory = common::directory(&[]);
    let image = common::image_in(directory.path(), line);
    std::fs::rename(directory.path().join("intimage.img"), directory.path().join("first.img")).unwrap();
    let again = common::image_in(directory.path(), "-cell 100 -N 5 -default_F 100 -img first.img");
    assert_close(&again, &wide(&image), 1e-6, "by its header");
}

#[test]
fn numpy_and_png_files_are_written_when_asked_for() {
    let directory = common::directory(&[]);
    let line = "-cell 100 -N 5 -default_F 100 -detpixels_f 7 -detpixels_s 5 -npyfile a.npy -pngfile a.png";
    let image = common::image_in(directory.path(), line);
    let npy = std::fs::read(directory.path().join("a.npy")).unwrap();
    let bytes: Vec<u8> = image.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(npy.ends_with(&bytes) && String::from_utf8_lossy(&npy[..128]).contains("(5, 7)"));
    assert!(std::fs::read(directory.path().join("a.png")).unwrap().starts_with(b"\x89PNG"));
}

/// Experiments of all kinds, small enough to be rendered in a moment.
fn any_experiment() -> impl Strategy<Value = Experiment> {
    let cell = ([20.0..200.0_f64, 20.0..200.0, 20.0..200.0], [70.0..110.0_f64, 70.0..110.0, 70.0..110.0]);
    let crystal = (cell, [1..7_u32, 1..7, 1..7], 0..4_usize, 0.0..0.02_f64, 1..4_u32);
    let geometry = (
        0.5e-10..4e-10_f64,
        0.02..0.3_f64,
        0.5e-4..5e-4_f64,
        [1..14_u32, 1..14],
        [-0.3..0.3_f64, -0.3..0.3, -0.3..0.3],
    );
    let sampling = (0..5_usize, 1..3_u32, -0.2..0.2_f64, 1..4_u32, 0.0..3e-5_f64, 0..3_u8);
    (crystal, geometry, sampling).prop_map(|(crystal, geometry, sampling)| {
        let ((edges, angles), cells, shape, spread, domains) = crystal;
        let (wavelength, distance, pixel, pixels, rotation) = geometry;
        let (convention, oversample, phi, phisteps, water, oddities) = sampling;
        let shapes = [Shape::Square, Shape::Round, Shape::Gauss, Shape::Tophat];
        let conventions =
            [Convention::Mosflm, Convention::Denzo, Convention::Adxv, Convention::Xds, Convention::Dials];
        Experiment {
            crystal: Crystal {
                cell: Some(Cell { edges, angles }),
                cells: cells.map(Some),
                shape: shapes[shape],
                mosaic_spread: Some(spread),
                mosaic_domains: Some(domains),
                default_f: 20.0,
                water,
                ..Crystal::default()
            },
            beam: Beam { wavelength, polarization: Some(0.5), fluence: 1e27, ..Beam::default() },
            detector: Detector {
                distance,
                pixel,
                pixels: pixels.map(Some),
                rotation,
                convention: conventions[convention],
                ..Detector::default()
            },
            sampling: Sampling {
                oversample: Some(oversample),
                phi,
                oscillation: Steps { range: Some(0.1), step: None, count: Some(phisteps) },
                ..Sampling::default()
            },
            oddities: [Oddities::nanobragg(), Oddities::none(), Oddities::oracle()][usize::from(oddities)],
        }
    })
}

/// A word of a command line: an option, a number, or neither.
fn any_word() -> impl Strategy<Value = String> {
    let names: Vec<&str> = nanobragg::cli::options::all().flat_map(|option| option.names).copied().collect();
    prop_oneof![
        4 => prop::sample::select(names).prop_map(str::to_owned),
        4 => "-?[0-9]{1,5}(\\.[0-9]{1,3})?",
        1 => "[ -~]{0,8}",
        1 => prop::sample::select(vec!["nan", "inf", "1e400", "-0", "random", "sample", "1,2"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_image_is_finite_positive_and_the_same_for_all_threads(experiment in any_experiment()) {
        let image = render(&experiment);
        prop_assert!(image.iter().all(|&x| x.is_finite() && x >= 0.0));
        let threads = Simulator::with_threads(&experiment, 5).expect("possible").render();
        prop_assert_eq!(threads, image);
    }

    #[test]
    fn any_image_is_linear_in_the_fluence_without_oddities(mut experiment in any_experiment()) {
        experiment.oddities = Oddities::none();
        let once = render(&experiment);
        experiment.beam.fluence *= 4.0;
        for (x, y) in once.iter().zip(render(&experiment)) {
            prop_assert!((4.0 * x - y).abs() <= 1e-5 * y.abs(), "{} {}", x, y);
        }
    }

    #[test]
    fn any_words_are_obeyed_or_refused_by_name(words in prop::collection::vec(any_word(), 0..12)) {
        let words: Vec<_> = words.into_iter().map(std::ffi::OsString::from).collect();
        if let Err(error) = nanobragg::cli::parse::parse(words, Default::default(), &nanobragg::cli::request::Origin::Flag) {
            let message = error.to_string();
            prop_assert!(message.lines().count() == 1 && (message.starts_with('-') || message.starts_with('`')), "{}", message);
        }
    }

    #[test]
    fn any_image_with_f_of_0_is_that_of_the_water(mut experiment in any_experiment()) {
        experiment.crystal.default_f = 0.0;
        experiment.crystal.water = 0.0;
        prop_assert!(render(&experiment).iter().all(|&x| x == 0.0));
    }
}
