//! What the tests rely on, tested itself: comparing images, moving them, reading stamps, seeing processes.

use bragg_tests::compare::{Agreement, LIMITS, compare, sum};
use bragg_tests::image::Image;
#[cfg(target_os = "linux")]
use bragg_tests::processes::{descendants, signal};
use bragg_tests::stamps::{is_stamp_name, values_of};

fn ramp() -> Image {
    Image::new(4, 3, (1..=12_u8).map(f32::from).collect())
}

#[test]
fn equal_images_agree_exactly() {
    let agreement = compare(&ramp(), &ramp()).unwrap();
    assert!(agreement.miss.abs() < 1e-15 && agreement.sum_ratio_off == 0.0 && agreement.worst == 0.0);
}

#[test]
fn a_scale_shows_in_the_sum_and_not_in_the_correlation() {
    let agreement = compare(&ramp(), &ramp().scaled(1.01)).unwrap();
    assert!(agreement.miss.abs() < 1e-12);
    assert!((agreement.sum_ratio_off - 0.01).abs() < 1e-6, "{agreement:?}");
    assert!((agreement.worst - 0.01).abs() < 1e-6, "{agreement:?}");
    assert!(!agreement.within(&LIMITS));
}

#[test]
fn a_known_correlation() {
    // x = −1, 0, 1 and y = 0, 1, 0 about their means: no correlation at all.
    let agreement =
        compare(&Image::new(3, 1, vec![0.0, 1.0, 2.0]), &Image::new(3, 1, vec![0.0, 1.0, 0.0])).unwrap();
    assert!((agreement.miss - 1.0).abs() < 1e-15, "{agreement:?}");
}

#[test]
fn constants_nan_and_other_shapes() {
    let flat = Image::new(2, 1, vec![3.0, 3.0]);
    assert_eq!(compare(&flat, &flat).unwrap().miss, 0.0);
    assert_eq!(compare(&flat, &Image::new(2, 1, vec![3.0, 4.0])).unwrap().miss, 1.0);
    assert!(compare(&flat, &Image::new(2, 1, vec![3.0, f32::NAN])).is_err());
    assert!(compare(&flat, &Image::new(1, 2, vec![3.0, 3.0])).is_err());
    let nan = Agreement { miss: f64::NAN, sum_ratio_off: 0.0, worst: 0.0 };
    assert!(!nan.within(&LIMITS));
}

#[test]
fn compensated_sum_keeps_small_terms() {
    assert_eq!(sum([1e16, 1.0, -1e16].into_iter()), 1.0);
}

#[test]
fn quadrants_give_the_odd_middle_to_the_bottom_and_the_right() {
    let image = Image::new(3, 3, (0..9_u8).map(f32::from).collect());
    assert_eq!(image.quadrant_sums(), [0.0, 1.0 + 2.0, 3.0 + 6.0, 4.0 + 5.0 + 7.0 + 8.0]);
}

#[test]
fn moves() {
    let image = Image::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(image.transposed().pixels, [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(image.rolled(1, 0).pixels, [2.0, 1.0, 4.0, 3.0]);
    assert_eq!(image.rolled(0, 1).pixels, [3.0, 4.0, 1.0, 2.0]);
    assert_eq!(image.cut(1, 0, 1, 2).pixels, [2.0, 4.0]);
    assert_eq!(image.argmax(), 3);
}

#[test]
fn names_of_stamps() {
    for name in ["20260102T030405Z", "20260102T030405Z-2", "20260102T030405Z_1"] {
        assert!(is_stamp_name(name), "{name}");
    }
    for name in
        [".20260102T030405Z.tmp", "20260102T03040Z", "20260102t030405Z", "latest", "20260102T030405Zx", ""]
    {
        assert!(!is_stamp_name(name), "{name}");
    }
}

#[test]
fn values_are_found_at_any_depth() {
    let value = serde_json::json!({"a": 1, "b": [{"a": 2}, {"c": {"a": [3]}}]});
    let found: Vec<String> = values_of(&value, "a").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["1", "2", "[3]"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_is_seen_while_it_runs_and_not_after() {
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let seen = descendants(std::process::id());
    assert!(seen.iter().any(|process| process.pid == child.id()), "{seen:?}");
    signal(child.id(), libc::SIGTERM);
    child.wait().unwrap();
    assert!(descendants(std::process::id()).iter().all(|process| process.pid != child.id()));
}
