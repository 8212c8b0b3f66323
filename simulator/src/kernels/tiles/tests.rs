//! Interpolated tiles against the scalar physics.

use super::bound::Bundle;
use super::nodes::nodes;
use super::*;
use crate::experiment::{
    Beam, Cell, Convention, Crystal, CustomVectors, Detector, Experiment, Misset, Sampling, Shape, Steps,
};
use crate::kernels::lanes::plain::Array;
use crate::physics::Model;
use crate::physics::intensity::{self, Inherited};
use crate::physics::tap::{PixelTotal, Tap};
use crate::physics::vector::Vec3;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Free, so that every tile is taken for which the bound holds.
const FREE: Costs = Costs { term: 1.0, multiply_add: 0.0, tile: -1e30, lanes: 1 };

fn model(experiment: &Experiment) -> Model {
    Model::new(experiment, None).unwrap()
}

/// The sum at one place, as the scalar physics has it, but with h reduced before the sines: near a lattice point the
/// quotient of the sines of large numbers is not exact enough to test with.
fn sum_at(m: &Model, s: f64, f: f64) -> f64 {
    let mut sum = 0.0;
    for layer in 0..m.sensor.layers {
        let position = m.geometry.position(f, s, f64::from(layer) * m.sensor.step);
        let diffracted = position / position.norm();
        for source in m.sources.iter() {
            let q = (diffracted - source.incident) / source.wavelength;
            for orientation in m.orientations.usual.iter().flatten() {
                let hkl = orientation.direct.map(|v| v.dot(q)).map(|h| h - h.round());
                sum += m.lattice.transform(hkl).powi(2);
            }
        }
    }
    sum
}

/// The sums of all pixels of a tile, slow-major.
fn pixel_sums(m: &Model, tile: Tile) -> Vec<f64> {
    let edge = m.geometry.pixel / f64::from(m.oversample);
    let over = m.oversample as usize;
    let centre = |axis: usize, pixel: usize, sub: usize| {
        ((tile.first[axis] + pixel) * over + sub) as f64 * edge + edge / 2.0
    };
    let pixel = |s: usize, f: usize| {
        let subs = (0..over).flat_map(|i| (0..over).map(move |j| (i, j)));
        subs.map(|(i, j)| sum_at(m, centre(1, s, i), centre(0, f, j))).sum()
    };
    (0..tile.pixels[1])
        .flat_map(|s| (0..tile.pixels[0]).map(move |f| (s, f)))
        .map(|(s, f)| pixel(s, f))
        .collect()
}

/// The same as the reference engine has them before the last factors; default_F must be 1.
fn reference_sums(m: &Model, tile: Tile) -> Vec<f64> {
    struct Sum(f64);
    impl Tap for Sum {
        fn total(&mut self, total: &PixelTotal) {
            self.0 = total.sum;
        }
    }
    let pixel = |s: usize, f: usize| {
        let mut sum = Sum(0.0);
        intensity::pixel(m, tile.first[0] + f, tile.first[1] + s, Inherited::default(), &mut sum);
        sum.0
    };
    (0..tile.pixels[1])
        .flat_map(|s| (0..tile.pixels[0]).map(move |f| (s, f)))
        .map(|(s, f)| pixel(s, f))
        .collect()
}

type Plain = Array<f64, 8>;

/// The tile with a given number of nodes.
fn interpolated(m: &Model, smooth: &Smooth<f64>, tile: Tile, nodes: [usize; 2]) -> Vec<f64> {
    let mut buffers = Buffers::default();
    let evaluate = |s: &[f64], f: &[f64], out: &mut [f64]| {
        let places = s.iter().flat_map(|s| f.iter().map(move |f| (*s, *f)));
        out.iter_mut().zip(places).for_each(|(out, (s, f))| *out = sum_at(m, s, f));
    };
    smooth.values(tile, nodes, &evaluate, &mut buffers);
    let [fast, slow] = [0, 1].map(|axis| smooth.interpolation(axis, nodes[axis], tile.pixels[axis]));
    let mut out = vec![f64::NAN; tile.pixels[0] * tile.pixels[1]];
    columns::<Plain, 4, 1>(&slow, nodes[0], &buffers.values, &mut buffers.scratch);
    rows::<Plain, 4, 2>(&fast, [0, tile.pixels[1]], &buffers.scratch, &mut out, tile.pixels[0]);
    out
}

fn smooth(m: &Model) -> Smooth<f64> {
    Smooth::new(Sum::new(m).unwrap(), FREE, Tolerance::F64, [16, 4], 1.0)
}

/// Largest difference, divided by the number of sub-pixels.
fn worst(m: &Model, interpolated: &[f64], exact: &[f64]) -> f64 {
    let sub_pixels = f64::from(m.oversample).powi(2);
    interpolated
        .iter()
        .zip(exact)
        .map(|(a, b)| (a - b).abs() / sub_pixels)
        .fold(0.0, |a, b| if b <= a { a } else { b })
}

/// The cases of the benchmark: W1, W2, W3.
fn benchmark(which: usize) -> Experiment {
    let mut e = Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)),
            cells: [Some(5); 3],
            default_f: 1.0,
            ..Crystal::default()
        },
        beam: Beam { wavelength: 6.2e-10, ..Beam::default() },
        detector: Detector { pixels: [Some(1024); 2], ..Detector::default() },
        ..Experiment::default()
    };
    let steps = |range, count| Steps { range: Some(range), step: None, count: Some(count) };
    match which {
        1 => e.detector.pixels = [Some(4096); 2],
        2 => {
            e.crystal.mosaic_spread = Some(0.5_f64.to_radians());
            e.crystal.mosaic_domains = Some(50);
        }
        _ => {
            e.beam.dispersion = steps(0.01, 10);
            e.beam.horizontal_divergence = steps(1e-3, 3);
            e.beam.vertical_divergence = steps(1e-3, 3);
            e.sampling.oversample = Some(2);
        }
    }
    e
}

/// What a random experiment is made of.
type Random =
    ([f64; 3], [f64; 3], [u32; 3], [f64; 3], [f64; 3], [f64; 2], (f64, f64, f64), [u32; 4], [usize; 4]);

fn random() -> impl Strategy<Value = Random> {
    let cells = prop_oneof![1_u32..4, 1_u32..12, 1_u32..=100];
    let angle = -3.0..3.0;
    (
        prop::array::uniform3(0.5..5.0), // ln of edges in Å
        prop::array::uniform3(60.0..115.0),
        [cells.clone(), cells.clone(), cells],
        prop::array::uniform3(angle),
        prop::array::uniform3(-0.7..0.7),
        prop::array::uniform2(-1.5..1.5),
        (0.0..3.5, 0.5..60.0, -0.9..0.9), // ln of the distance in mm, phase over a tile, cosine of fast and slow
        [1_u32..3, 1_u32..4, 1_u32..4, 1_u32..4],
        [0_usize..40, 0_usize..40, 1_usize..20, 1_usize..20],
    )
}

/// An experiment and a tile, so that phases over the tile go through about ±`phase`.
fn experiment(random: &Random) -> (Experiment, Tile) {
    let &(
        edges,
        angles,
        cells,
        misset,
        tilt,
        centre,
        (distance, phase, skew),
        [over, many, layers, sources],
        tile,
    ) = random;
    let edges = edges.map(f64::exp);
    let distance = 1e-3 * distance.exp();
    let wavelength = 1e-10;
    let tile = Tile { first: [tile[0], tile[1]], pixels: [tile[2], tile[3]] };
    let band: f64 = (0..3).map(|i| f64::from(cells[i] - 1) * edges[i]).sum();
    let longest = tile.pixels[0].max(tile.pixels[1]) as f64;
    let pixel =
        (phase * distance / (std::f64::consts::PI * band.max(1e-3) * longest)).min(0.5 * distance / longest);
    let vectors = CustomVectors {
        slow: Some(Vec3::new(0.1, -1.0, skew)),
        pix0: Some(Vec3::new(distance, centre[0] * distance, centre[1] * distance)),
        ..CustomVectors::default()
    };
    let steps = |range, count| Steps { range: Some(range), step: None, count: Some(count) };
    let experiment = Experiment {
        crystal: Crystal {
            cell: Some(Cell { edges, angles }),
            cells: cells.map(Some),
            misset: Misset::Angles(misset),
            default_f: 1.0,
            mosaic_spread: (many > 1).then_some(0.03 * f64::from(many)),
            mosaic_domains: Some(2 * many),
            ..Crystal::default()
        },
        beam: Beam {
            wavelength,
            dispersion: if sources > 1 { steps(0.05, sources) } else { Steps::default() },
            horizontal_divergence: if sources > 2 { steps(0.01, 2) } else { Steps::default() },
            ..Beam::default()
        },
        detector: Detector {
            distance,
            pixel,
            pixels: [Some(60); 2],
            rotation: tilt,
            convention: Convention::Custom,
            vectors,
            absorption_depth: (layers > 1).then_some(1e-3),
            thickness: (layers > 1).then_some(0.02 * distance * f64::from(layers)),
            layers: Some(layers),
            ..Detector::default()
        },
        sampling: Sampling {
            oversample: Some(over),
            oscillation: if many > 2 { steps(0.2, 2) } else { Steps::default() },
            ..Sampling::default()
        },
        oddities: crate::oddities::Oddities::nanobragg(),
    };
    (experiment, tile)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_pixel_is_worse_than_the_bound(random in random()) {
        let (experiment, tile) = experiment(&random);
        let Ok(m) = Model::new(&experiment, None) else { return Ok(()) };
        let smooth = smooth(&m);
        let growth = smooth.growth(tile);
        let exact = pixel_sums(&m, tile);
        let brightest = smooth.sum.brightest();
        prop_assert!(exact.iter().all(|&x| x <= brightest * f64::from(m.oversample).powi(2) * (1.0 + 1e-9)));
        for target in [1.0, 1e-2, 1e-4, 1e-7] {
            let Some(nodes) = [0, 1].map(|axis| growth[axis].nodes(target, 150)).into_iter().collect::<Option<Vec<_>>>() else {
                continue;
            };
            let nodes = [nodes[0].next_multiple_of(2), nodes[1].next_multiple_of(2)];
            let plan = smooth.of_nodes(tile, &growth, brightest, nodes);
            let error = worst(&m, &interpolated(&m, &smooth, tile, nodes), &exact);
            // Rounding of h up to some hundred, times N.
            prop_assert!(error <= plan.bound + 1e-10 * brightest, "{nodes:?}: {error:e} > {:e}", plan.bound);
        }
    }

    #[test]
    fn every_orientation_lies_in_a_bundle(spread in 0.0..3.0, count in 1_u32..200, range in 0.0..2.0) {
        let mut e = benchmark(2);
        e.crystal.mosaic_spread = Some(spread);
        e.crystal.mosaic_domains = Some(count);
        e.sampling.oscillation = Steps { range: Some(range), step: None, count: Some(3) };
        let m = model(&e);
        let bundles = Sum::new(&m).unwrap().bundles;
        prop_assert!(bundles.len() <= 16);
        for orientation in m.orientations.usual.iter().flatten() {
            let vectors = orientation.direct.map(|v| v / m.wavelength);
            let within = |b: &Bundle| (0..3).all(|i| (vectors[i] - b.centre[i]).norm() <= b.radius[i]);
            prop_assert!(bundles.iter().any(within));
        }
    }
}

#[test]
fn few_nodes_are_wrong_and_the_bound_is_not_far_above() {
    for which in 1..=3 {
        let m = model(&benchmark(which));
        let smooth = smooth(&m);
        let middle = m.geometry.pixels[0] / 2;
        for (first, pixels) in [([middle - 64; 2], 128), ([middle - 64, middle + 200], 128), ([100, 30], 64)]
        {
            let tile = Tile { first, pixels: [pixels, pixels] };
            let growth = smooth.growth(tile);
            let exact = pixel_sums(&m, tile);
            for target in [1e-5, 1e-7] {
                let nodes = [0, 1].map(|axis| growth[axis].nodes(target, 99).unwrap().next_multiple_of(2));
                let plan = smooth.of_nodes(tile, &growth, smooth.sum.brightest(), nodes);
                let error = worst(&m, &interpolated(&m, &smooth, tile, nodes), &exact);
                let sharpness = plan.bound / error;
                println!("W{which} {first:?}: {nodes:?} {:.1e} {sharpness:.1e}", plan.bound);
                assert!((1.0..1e5).contains(&sharpness), "W{which} {nodes:?}: {:e} {error:e}", plan.bound);
                // With half the nodes the error is above what was asked for.
                let few = nodes.map(|m| m / 4 * 2);
                let error = worst(&m, &interpolated(&m, &smooth, tile, few), &exact);
                assert!(error > target * smooth.sum.brightest(), "{few:?}: {error:e}");
                assert!(smooth.of_nodes(tile, &growth, smooth.sum.brightest(), few).bound >= error);
            }
        }
    }
}

#[test]
fn a_rendered_tile_is_the_reference_to_a_millionth_of_a_millionth() {
    for which in 1..=3 {
        let m = model(&benchmark(which));
        let smooth = Smooth::new(Sum::new(&m).unwrap(), FREE, Tolerance::F64, [16, 4], 64.0);
        for (first, pixels) in [([448, 448], [128, 128]), ([0, 0], [104, 33]), ([700, 3], [1, 77])] {
            let tile = Tile { first, pixels };
            let mut out = vec![0.0; 130 * pixels[1]];
            let calls = AtomicUsize::new(0);
            let evaluate = |s: &[f64], f: &[f64], out: &mut [f64]| {
                calls.fetch_add(out.len(), Ordering::Relaxed);
                let places = s.iter().flat_map(|s| f.iter().map(move |f| (*s, *f)));
                out.iter_mut().zip(places).for_each(|(out, (s, f))| *out = sum_at(&m, s, f) / 64.0);
            };
            let mut buffers = Buffers::default();
            let begun = smooth.begin::<Plain, 4, 1>(tile, evaluate, &mut buffers).unwrap();
            for (i, strip) in out.chunks_mut(130 * 8).enumerate() {
                begun.rows::<Plain, 4, 2>([8 * i, strip.len() / 130], &buffers, strip, 130);
            }
            let plan = begun.plan;
            assert_eq!(calls.into_inner(), plan.nodes[0] * plan.nodes[1] + GLANCE * GLANCE);
            let exact = pixel_sums(&m, tile);
            let out: Vec<f64> = out.chunks(130).flat_map(|row| &row[..pixels[0]]).map(|x| 64.0 * x).collect();
            let top = exact.iter().copied().fold(0.0, f64::max) / f64::from(m.oversample).powi(2);
            let error = worst(&m, &out, &exact);
            assert!(worst(&m, &out, &reference_sums(&m, tile)) < 1e-7 * top);
            assert!(plan.reached > 0.05 * top, "{plan:?} {top}");
            // What the direct sum itself loses by rounding goes with what it could be.
            assert!(
                error < 1e-12 * top + 3e-15 * smooth.sum.brightest(),
                "W{which} {tile:?} {plan:?}: {:e}",
                error / top
            );
            assert!(plan.nodes[0] < 70 && plan.nodes[1] < 70 && plan.bound < 1e-12 * plan.reached);
            let loose = Smooth::<f64>::new(Sum::new(&m).unwrap(), FREE, Tolerance::F32, [16, 4], 1.0);
            let loose = loose.plan(tile, &loose.growth(tile), plan.reached).unwrap();
            assert!(
                loose.nodes < plan.nodes && loose.bound < 1e-7 * plan.reached && loose.bound > plan.bound
            );
        }
    }
}

#[test]
fn what_is_not_band_limited_or_does_not_pay_is_refused() {
    let refused = |change: fn(&mut Experiment)| {
        let mut e = benchmark(2);
        change(&mut e);
        Sum::new(&model(&e)).unwrap_err()
    };
    assert_eq!(refused(|e| e.crystal.shape = Shape::Gauss), Direct::Shape);
    assert_eq!(refused(|e| e.detector.curved = true), Direct::Curved);
    assert_eq!(refused(|e| e.beam.dmin = 1e-10), Direct::Resolution);
    assert_eq!(refused(|e| e.sampling.oversample_omega = true), Direct::Factors);
    assert_eq!(refused(|e| e.oddities = crate::oddities::Oddities::none()), Direct::Factors);
    let mut askew = model(&benchmark(2));
    askew.geometry.slow = askew.geometry.slow * 1.1;
    assert_eq!(Sum::new(&askew).unwrap_err(), Direct::Degenerate);

    let tile = Tile { first: [448, 448], pixels: [128, 128] };
    let refused = |smooth: &Smooth<f64>, value: f64| {
        let fill = |_: &[f64], _: &[f64], out: &mut [f64]| out.fill(value);
        smooth.begin::<Plain, 4, 1>(tile, fill, &mut Buffers::default()).unwrap_err()
    };
    let sum = Sum::new(&model(&benchmark(2))).unwrap();
    let with =
        |costs, error| Smooth::new(sum.clone(), costs, Tolerance { error, ..Tolerance::F64 }, [16, 4], 1.0);
    assert_eq!(refused(&with(FREE, 1e-12), 0.0), Direct::Dark);
    assert_eq!(refused(&with(FREE, 1e-12), f64::NAN), Direct::Dark);
    assert_eq!(refused(&with(FREE, 1e-16), 1.0), Direct::Rounding);
    assert_eq!(refused(&with(Costs { tile: 1e9, ..FREE }, 1e-12), 1.0), Direct::Cheaper);
    let mut e = benchmark(2);
    e.crystal.cells = [Some(100); 3];
    let fine = Smooth::new(Sum::new(&model(&e)).unwrap(), FREE, Tolerance::F64, [16, 4], 1.0);
    assert_eq!(refused(&fine, 1.0), Direct::Unproven);
}

#[test]
fn larger_tiles_pay_for_more_combinations() {
    let costs = Costs { term: 1.1, multiply_add: 0.05, tile: 2000.0, lanes: 8 };
    let edge = |cells| {
        let mut e = benchmark(2);
        e.crystal.cells = [Some(cells); 3];
        Smooth::<f64>::new(Sum::new(&model(&e)).unwrap(), costs, Tolerance::F64, [16, 4], 1.0)
            .best_edge(&[16, 32, 64, 128, 256])
    };
    assert_eq!(edge(5), Some(256));
    assert!(edge(30) < edge(5));
}

#[test]
fn polynomials_are_interpolated_exactly_and_sub_pixels_summed() {
    for (m, pixels, oversample) in [(2, 1, 1), (8, 5, 3), (30, 16, 2), (64, 128, 1), (64, 7, 4)] {
        let matrix = Interpolation::<f64>::new(m, pixels, oversample, 4);
        for degree in [0, 1, m / 2, m - 1] {
            let chebyshev = |x: f64| (degree as f64 * x.clamp(-1.0, 1.0).acos()).cos();
            let values: Vec<f64> = nodes(m).into_iter().map(chebyshev).collect();
            for t in 0..pixels {
                let row = t.min(pixels - 1 - t);
                let sign = if row == t { 1.0 } else { -1.0 };
                let mut sum = 0.0;
                for k in 0..m / 2 {
                    let at = (row / 4 * (m / 2) + k) * 4 + row % 4;
                    sum += matrix.even[at] * (values[k] + values[m - 1 - k]);
                    sum += sign * matrix.odd[at] * (values[k] - values[m - 1 - k]);
                }
                let sub =
                    |i: usize| (2 * (t * oversample + i) + 1) as f64 / (pixels * oversample) as f64 - 1.0;
                let exact: f64 = (0..oversample).map(|i| chebyshev(sub(i))).sum();
                assert!(
                    (sum - exact).abs() < 1e-13 * oversample as f64,
                    "{m} {pixels} T{degree} {t}: {sum} {exact}"
                );
            }
        }
    }
}

#[test]
fn lebesgues_constant_is_below_rivlins_bound() {
    for m in [2, 10, 64] {
        let matrix = Interpolation::<f64>::new(m, 40000, 1, 1);
        let (even, odd) = (&matrix.even, &matrix.odd);
        let sum = |t: usize| -> f64 {
            (t * m / 2..(t + 1) * m / 2).map(|i| (even[i] + odd[i]).abs() + (even[i] - odd[i]).abs()).sum()
        };
        let largest = (0..20000).map(sum).fold(0.0, f64::max);
        assert!(largest <= lebesgue(m) && largest > lebesgue(m) - 0.3, "{m}: {largest} {}", lebesgue(m));
    }
}

#[test]
fn rounding_in_single_precision_stays_below_its_bound() {
    let (m, pixels) = (64, 100);
    let of = |x: f64, y: f64| (9.0 * x + 0.2).sin() * (11.0 * y - 0.5 * x).cos() + 1.0;
    let x = nodes(m);
    let values: Vec<f32> = x.iter().flat_map(|&s| x.iter().map(move |&f| of(s, f) as f32)).collect();
    let [slow, fast] = [4, 16].map(|group| Interpolation::<f32>::new(m, pixels, 1, group));
    let mut scratch = Scratch::default();
    let mut out = vec![0.0_f32; pixels * pixels];
    columns::<Array<f32, 16>, 4, 1>(&slow, m, &values, &mut scratch);
    rows::<Array<f32, 16>, 4, 1>(&fast, [0, pixels], &scratch, &mut out, pixels);
    let at = |i: usize| (2 * i + 1) as f64 / pixels as f64 - 1.0;
    let error = |i: usize| (f64::from(out[i]) - of(at(i / pixels), at(i % pixels))).abs();
    let largest = (0..pixels * pixels).map(error).fold(0.0, f64::max) / 2.0;
    assert!(largest < 1e-6 && largest < round_off([m, m], f64::from(f32::EPSILON) / 2.0), "{largest:e}");
}
