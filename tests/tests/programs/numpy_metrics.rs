//! Every metric against NumPy, on random images: the script is written from the definitions and shares no code.

use std::process::Command;

use bragg_audit::formats::{Array2, Shape};
use bragg_audit::metrics;
use bragg_tests::programs::{not_run, temporary_folder, workspace_root};

const WIDTH: usize = 150;
const HEIGHT: usize = 110;

/// Numbers from 0 to 1 (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spots of any height and place on a sloping ground, with a gap of dark pixels; and the same with spots that moved,
/// changed, came and went, and pixels that are off a little or are gone.
fn pair(seed: u64) -> [Vec<f32>; 2] {
    let mut random = Random(seed);
    let spots: Vec<[f64; 4]> = (0..60)
        .map(|_| {
            let height = 10_f64.powf(4.0 * random.next() - 0.5);
            [random.next() * WIDTH as f64, random.next() * HEIGHT as f64, height, random.next()]
        })
        .collect();
    let tilt = random.next();
    let value = |i: usize, second: bool| {
        let (x, y) = ((i % WIDTH) as f64, (i / WIDTH) as f64);
        if (70.0..74.0).contains(&x) {
            return 0.0; // a gap between two panels
        }
        let ground = 0.5 + tilt * x / WIDTH as f64;
        spots.iter().fold(ground, |sum, &[cx, cy, height, u]| {
            let (cx, height) = match second {
                true => (cx + 0.02 * u, height * if u < 0.05 { 0.0 } else { 1.0 + 0.01 * u }),
                false => (cx, height),
            };
            sum + height * (-((x - cx).powi(2) + (y - cy).powi(2)) / 2.4).exp()
        })
    };
    let a: Vec<f32> = (0..WIDTH * HEIGHT).map(|i| value(i, false) as f32).collect();
    let mut b: Vec<f32> =
        (0..WIDTH * HEIGHT).map(|i| (value(i, true) * (1.0 + 1e-3 * (random.next() - 0.5))) as f32).collect();
    for _ in 0..3 {
        b[(random.next() * (WIDTH * HEIGHT) as f64) as usize] = 0.0;
    }
    [a, b]
}

/// How far a metric may be from NumPy's: sums in another order; a quantile is the lower edge of a bin; single precision
/// where the largest difference of a cell is kept.
fn agrees(name: &str, got: f64, want: f64) -> bool {
    let far = (got - want).abs();
    match name {
        _ if name.starts_with("relative_error_p") => got <= want * (1.0 + 1e-6) && got >= 0.992 * want,
        _ if name.starts_with("ulp") => far == 0.0,
        "local_error" | "max_abs_difference" | "relative_error_max" => far <= 1e-6 * want,
        "correlation" | "sum_ratio" | "|sum_ratio - 1|" => far <= 1e-13,
        "peak_offset" | "peak_offset_median" => far <= 1e-10,
        "peak_intensity_error" | "peak_intensity_error_median" => far <= 1e-12,
        _ => far <= 1e-8 * want.abs(),
    }
}

#[test]
fn every_metric_is_what_numpy_computes() {
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|out| out.status.success()) {
        not_run("metrics against NumPy: python3 with NumPy is not installed");
        return;
    }
    let dir = temporary_folder();
    let script = workspace_root().join("tests/fixtures/numpy_metrics.py");
    let mut missed = 0;
    for seed in [1, 2, 3] {
        let images = pair(seed);
        let shape = Shape::new(WIDTH, HEIGHT);
        let [a, b] = images.each_ref().map(|v| Array2::from_f32(v, shape).expect("an image"));
        for (name, values) in ["a", "b"].iter().zip(&images) {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(dir.path().join(name), bytes).expect("a file");
        }
        let out = Command::new("python3")
            .arg(&script)
            .args(["a", "b", &WIDTH.to_string(), &HEIGHT.to_string()])
            .current_dir(dir.path())
            .output()
            .expect("python3");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let wanted: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
        let (comparison, _) = metrics::measure(&a, &b, None).expect("one shape");
        let mut wrong = Vec::new();
        for metric in metrics::metrics() {
            let want =
                wanted[metric.name].as_f64().unwrap_or_else(|| panic!("the script lacks {}", metric.name));
            match metric.of(&comparison) {
                Some(got) if agrees(metric.name, got, want) => {}
                // beyond what is counted one by one
                None if metric.name.starts_with("ulp_p") && want >= 65_535.0 => {}
                got => wrong.push(format!("{}: {got:?} instead of {want:e}", metric.name)),
            }
        }
        let miss = comparison.one_minus_correlation.expect("defined");
        let want = wanted["one_minus_correlation"].as_f64().expect("a number");
        if (miss / want - 1.0).abs() > 1e-8 {
            wrong.push(format!("1 − correlation: {miss:e} instead of {want:e}"));
        }
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
        let peaks = &comparison.extended.expect("metrics").peaks;
        assert_eq!(wanted["peaks"].as_u64(), Some(peaks.reference as u64), "seed {seed}");
        assert!(peaks.reference >= 10, "something to see: {peaks:?}");
        missed += peaks.missing.len();
    }
    assert!(missed > 0, "no peak is gone in any of them");
}
