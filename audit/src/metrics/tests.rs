//! Tests of `metrics`.

use super::*;
use crate::formats::Array2;

/// 100 × 70 values that NumPy computes alike (f32 arithmetic), and the same a little off.
fn pair() -> (Array2, Array2) {
    let shape = Shape::new(100, 70);
    let a: Vec<f32> = (0..7000_u64).map(|i| (i * 2_654_435_761 % 1000) as f32 * 0.37 + 1.0).collect();
    let b: Vec<f32> = a.iter().enumerate().map(|(i, x)| x + (i % 7) as f32 * 0.01).collect();
    (Array2::from_f32(&a, shape).unwrap(), Array2::from_f32(&b, shape).unwrap())
}

fn extended(a: &Array2, b: &Array2, roi: Option<Roi>) -> (Comparison, Extended) {
    let (c, _) = measure(a, b, roi).unwrap();
    let x = c.extended.clone().unwrap();
    (c, x)
}

fn near(got: Option<f64>, want: f64) {
    let got = got.unwrap();
    assert!((got - want).abs() <= 1e-10 * want.abs(), "{got:e} instead of {want:e}");
}

/// Figures of NumPy 2.4 for the same images, by the definitions in the documentation.
#[test]
fn numbers_are_those_of_numpy() {
    let (a, b) = pair();
    let (c, x) = extended(&a, &b, None);
    near(c.one_minus_correlation, 1.752_980_533_761_419e-8);
    assert_eq!(x.arcsinh_scale, 185.0);
    near(x.arcsinh_one_minus_correlation, 1.858_726_062_784_357e-8);
    near(c.relative_l1, 1.614_464_631_757_638_7e-4);
    near(x.tiles.sum_error, 1.632_213_047_891_759_5e-4);
    near(x.tiles.l1, 1.632_213_047_891_759_5e-4);
    near(Some(x.tiles.z), 0.140_822_876_002_103_58);
    assert!((x.local_error.max.unwrap() - 1.691_513_675_139_039_7e-4).abs() < 1e-10); // kept as f32
    near(c.rmse_over_mean, 1.940_340_036_828_135e-4);
    near(x.rmse_over_sigma, 3.375_574_757_200_485e-4);
    near(x.radial.error, 1.865_250_327_112_542_5e-4);
    assert!((x.radial.slope.unwrap() - 1.367_714_658_600_635_8e-6).abs() < 1e-14);
    assert_eq!((x.radial.profile.len(), x.ulp.p50, x.ulp.max), (30, Some(1966), 503_316));
    assert_eq!(x.ulp.p99, None); // 83 886: beyond what is counted one by one
    for (quantile, exact) in [
        (x.relative_error.p50, 1.613_999_142_566_804e-4),
        (x.relative_error.p99, 6.858_736_762_208_961e-3),
        (x.relative_error.max, 5.999_994_277_954_101_6e-2),
    ] {
        let ratio = quantile.unwrap() / exact;
        assert!((0.992..=1.000_001).contains(&ratio), "{ratio}");
    }
}

#[test]
fn without_the_brightest_is_without_the_brightest() {
    // two spikes in 2500 pixels, of which 0.1 % is 2
    let values = |off: f32| -> Vec<f32> {
        (0..2500_u32)
            .map(|i| match i {
                700 => 5000.0,
                1900 => 9000.0,
                _ => ((i * 37) % 101) as f32 + off * (i % 5) as f32,
            })
            .collect()
    };
    let shape = Shape::new(50, 50);
    let (a, b) = (values(0.0), values(0.3));
    let (c, x) = extended(&Array2::from_f32(&a, shape).unwrap(), &Array2::from_f32(&b, shape).unwrap(), None);
    let dim = |v: &[f32]| -> Vec<f32> { v.iter().copied().filter(|v| *v < 4000.0).collect() };
    let want = compare(&dim(&a), &dim(&b)).unwrap().one_minus_correlation.unwrap();
    assert_eq!(x.dim_pixels, 2498);
    assert!((x.dim_one_minus_correlation.unwrap() / want - 1.0).abs() < 1e-9);
    assert!(want > 50.0 * c.one_minus_correlation.unwrap(), "the spikes hide the rest");
}

#[test]
fn digits_do_not_depend_on_threads() {
    let (a, b) = pair();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| measure(&a, &b, None).unwrap())
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn a_region_is_what_a_cut_out_image_gives() {
    let (a, b) = pair();
    let roi = Roi { x0: 13, x1: 90, y0: 5, y1: 62 };
    let cut = |image: &Array2| {
        let rows = (roi.y0..roi.y1)
            .flat_map(|y| image.as_f32().unwrap()[y * 100 + roi.x0..y * 100 + roi.x1].to_vec());
        Array2::from_f32(&rows.collect::<Vec<f32>>(), roi.shape()).unwrap()
    };
    let (c, x) = extended(&a, &b, Some(roi));
    let (d, y) = extended(&cut(&a), &cut(&b), None);
    assert_eq!(
        (c.one_minus_correlation, c.relative_l1, c.sum_ratio),
        (d.one_minus_correlation, d.relative_l1, d.sum_ratio)
    );
    assert_eq!(
        (x.relative_error, x.arcsinh_one_minus_correlation),
        (y.relative_error, y.arcsinh_one_minus_correlation)
    );
    assert_eq!((x.tiles.l1, x.tiles.z, x.peaks.reference), (y.tiles.l1, y.tiles.z, y.peaks.reference));
    for bad in [Roi { x1: 101, ..roi }, Roi { x0: 90, ..roi }, Roi { y1: 71, ..roi }] {
        assert!(matches!(measure(&a, &b, Some(bad)), Err(CompareError::Roi { .. })), "{bad:?}");
    }
}

#[test]
fn size_and_type_of_the_numbers_do_not_matter() {
    let (a, b) = pair();
    let plain = extended(&a, &b, None);
    for factor in [1.0, 1e-300, 1e200, 2.0_f64.powi(-900)] {
        let scaled = |image: &Array2| {
            let values: Vec<f64> = image.to_f64().iter().map(|v| v * factor).collect();
            Array2::from_f64(&values, image.shape()).unwrap()
        };
        let (c, x) = extended(&scaled(&a), &scaled(&b), None);
        let close = |p: Option<f64>, q: Option<f64>| (p.unwrap() / q.unwrap() - 1.0).abs() < 1e-6;
        assert!(close(c.one_minus_correlation, plain.0.one_minus_correlation), "{factor:e}");
        assert!(
            close(c.relative_l1, plain.0.relative_l1) && close(x.local_error.max, plain.1.local_error.max)
        );
        assert_eq!(x.peaks.reference, plain.1.peaks.reference);
    }
}

#[test]
fn undefined_is_absent_and_equal_is_exact() {
    let image = |values: &[f32]| Array2::from_f32(values, Shape::new(values.len(), 1)).unwrap();
    let of = |a: &[f32], b: &[f32]| measure(&image(a), &image(b), None).unwrap().0;
    let flat = of(&[3.0; 10], &[3.0; 10]);
    assert_eq!((flat.correlation, flat.differing, flat.relative_l1), (None, 0, Some(0.0)));
    let black = of(&[0.0; 10], &[0.0; 10]);
    let x = black.extended.clone().unwrap();
    assert_eq!(
        (black.sum_ratio, black.relative_l1, x.local_error.max, x.relative_error.max),
        (None, None, None, None)
    );
    let bad = of(&[1.0, f32::NAN, f32::INFINITY], &[1.0, 2.0, 3.0]);
    assert_eq!((bad.reference_non_finite, bad.candidate_non_finite, bad.extended), (2, 0, None));
    let same = of(&[1.0, 2.0, 5.0], &[1.0, 2.0, 5.0]);
    assert_eq!((same.one_minus_correlation, same.sum_ratio), (Some(0.0), Some(1.0)));
    let denormal = of(&[1e-45, 3e-45, 0.0], &[1e-45, 3e-45, 1e-45]);
    assert!(denormal.relative_l1.unwrap() > 0.2 && denormal.one_minus_correlation.unwrap() > 0.01);
}

#[test]
fn peaks_are_found_moved_and_missed() {
    // round spots of different height on a flat ground
    let image = |spots: &[(f64, f64, f64)]| {
        let value = |i: usize| {
            let (x, y) = ((i % 96) as f64, (i / 96) as f64);
            let spot =
                |&(cx, cy, h): &(f64, f64, f64)| h * (-((x - cx).powi(2) + (y - cy).powi(2)) / 2.0).exp();
            1.0 + spots.iter().map(spot).sum::<f64>()
        };
        Array2::from_f64(&(0..96 * 64).map(value).collect::<Vec<_>>(), Shape::new(96, 64)).unwrap()
    };
    let spots = [(20.0, 20.0, 100.0), (50.0, 30.0, 10.0), (80.0, 50.0, 40.0)];
    let right = image(&spots);
    let mut at = firm_peaks(&right);
    at.sort_unstable();
    assert_eq!(at, [[20, 20], [50, 30], [80, 50]]);
    let mut moved = spots;
    moved[1].0 += 0.1;
    let p = extended(&right, &image(&moved), None).1.peaks;
    assert_eq!((p.recall, p.precision), (Some(1.0), Some(1.0)));
    // a box of 5 pixels around a spot of σ = 1 sees about nine tenths of the shift
    assert!((0.06..0.1).contains(&p.offset_max.unwrap()) && p.offset_median.unwrap() < 1e-9, "{p:?}");
    let p = extended(&right, &image(&spots[..2]), None).1.peaks;
    assert_eq!((p.recall, p.precision, p.missing), (Some(2.0 / 3.0), Some(1.0), vec![[80, 50]]));
    let p = extended(&image(&spots[..2]), &right, None).1.peaks;
    assert_eq!((p.recall, p.precision), (Some(1.0), Some(2.0 / 3.0)));
}
