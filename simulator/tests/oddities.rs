//! Every oddity makes a difference to an image, and without it the image is what physics says.

mod common;

use common::{assert_close, differ, directory, image_in, image_of, run, wide};
use nanobragg::oddities::Oddity;

const CRYSTAL: &str = "-cell 70 80 90 75 85 95 -misset 15 25 35 -N 4 -default_F 100 -lambda 1.5";
const DETECTOR: &str = "-detpixels 24 -pixel 0.4 -distance 40 -oversample 1";

/// A small case; words that follow take precedence.
fn case(more: &str) -> String {
    format!("{CRYSTAL} {DETECTOR} {more}")
}

/// The weighted mean of images.
fn mean(images: &[Vec<f32>], weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    (0..images[0].len())
        .map(|i| images.iter().zip(weights).map(|(image, w)| w * f64::from(image[i])).sum::<f64>() / sum)
        .collect()
}

/// Images with an oddity and without it.
fn both(oddity: Oddity, more: &str) -> [Vec<f32>; 2] {
    ['+', '-'].map(|sign| image_of(&[], &case(&format!("{more} --oddities {sign}{}", oddity.name()))))
}

/// The same, where the difference must show.
fn both_differ(oddity: Oddity, more: &str) -> [Vec<f32>; 2] {
    let [with, without] = both(oddity, more);
    assert!(differ(&with, &without), "{} makes no difference", oddity.name());
    [with, without]
}

/// Structure factors of a box of indices around 0, each another.
fn hkl(h: i32) -> String {
    let mut text = String::new();
    for i in -h..=h {
        for j in -h..=h {
            for k in -h..=h {
                let f = 60.0 + 25.0 * (f64::from(3 * i + 5 * j + 7 * k) * 0.9).sin();
                text.push_str(&format!("{i} {j} {k} {f:.3}\n"));
            }
        }
    }
    text
}

#[test]
fn implicit_dump_is_a_hidden_input() {
    let text = hkl(4);
    let with_cache = directory(&[("a.hkl", &text)]);
    let line = case("-default_F 0 -nointerpolate --oddities +implicit-dump");
    let written = image_in(with_cache.path(), &format!("{line} -hkl a.hkl"));
    assert!(with_cache.path().join("Fdump.bin").exists());
    assert_eq!(image_in(with_cache.path(), &line), written);
    assert!(written.iter().any(|&x| x > 0.0));
    let without = case("-default_F 0 -nointerpolate");
    assert!(image_in(with_cache.path(), &without).iter().all(|&x| x == 0.0));
    let clean = directory(&[("a.hkl", &text)]);
    assert_eq!(image_in(clean.path(), &format!("{without} -hkl a.hkl")), written);
    assert!(!clean.path().join("Fdump.bin").exists());
}

#[test]
fn hkl_stops_at_text_loses_what_follows() {
    let (first, second) = ("0 0 0 50\n0 0 1 60\n", "1 0 0 70\n0 1 0 80\n-1 0 0 20\n0 -1 0 30\n");
    let files = [("half.hkl", first), ("whole.hkl", &format!("{first}and then\n{second}")[..])];
    let directory = directory(&files);
    let line = |file: &str, more: &str| case(&format!("-default_F 0 -nointerpolate -hkl {file} {more}"));
    let odd = image_in(directory.path(), &line("whole.hkl", "--oddities +hkl-stops-at-text"));
    assert_eq!(odd, image_in(directory.path(), &line("half.hkl", "")));
    let refused = run(directory.path(), &line("whole.hkl", ""));
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("whole.hkl, line 3"));
}

#[test]
fn convention_forces_pivot() {
    // XDS turns about the sample, whatever is asked for.
    let [with, without] =
        both_differ(Oddity::ConventionForcesPivot, "-xds -detector_rotx 6 -Xbeam 4 -Ybeam 6 -pivot beam");
    assert_eq!(with, image_of(&[], &case("-xds -detector_rotx 6 -Xbeam 4 -Ybeam 6")));
    // About the beam, the direct beam stays on the pixel that was asked for.
    let moved = image_of(
        &[],
        &case("-xds -detector_rotx 6 -Xbeam 4.4 -Ybeam 6 -pivot beam --oddities -convention-forces-pivot"),
    );
    let shifted: Vec<f64> = (0..24)
        .flat_map(|s| (0..23).map(move |f| (f, s)))
        .map(|(f, s)| f64::from(without[s * 24 + f]))
        .collect();
    let found: Vec<f32> =
        (0..24).flat_map(|s| (1..24).map(move |f| (f, s))).map(|(f, s)| moved[s * 24 + f]).collect();
    assert_close(&found, &shifted, 1e-5, "moved by one pixel");
}

#[test]
fn normal_regenerated() {
    let vectors =
        "-fdet_vector 0 0 1 -sdet_vector 0 -1 0 -Xbeam 5 -Ybeam 4 -detector_thick 300 -detector_abs 200";
    let [with, _] = both_differ(Oddity::NormalRegenerated, &format!("{vectors} -odet_vector 2 0.9 0"));
    assert_eq!(with, image_of(&[], &case(&format!("{vectors} -odet_vector 1 0 0"))));
}

#[test]
fn close_is_a_default() {
    let [with, without] = both_differ(Oddity::CloseIsADefault, "-xds -Xclose 3 -Yclose 6 -detector_rotx 4");
    assert_eq!(with, image_of(&[], &case("-xds -detector_rotx 4")));
    // ORGX counts pixels from ½.
    assert_close(
        &without,
        &wide(&image_of(&[], &case("-xds -ORGX 8 -ORGY 15.5 -detector_rotx 4"))),
        1e-5,
        "as ORGX",
    );
}

#[test]
fn ratio_before_twotheta() {
    let [_, without] = both_differ(Oddity::RatioBeforeTwotheta, "-close_distance 36 -twotheta 25");
    // With the true ratio, the distance along the normal is the one that was asked for.
    let directory = directory(&[]);
    let again = image_in(
        directory.path(),
        &case("-close_distance 36 -twotheta 25 --oddities -ratio-before-twotheta"),
    );
    let header = std::fs::read(directory.path().join("intimage.img")).unwrap();
    assert!(String::from_utf8_lossy(&header[..512]).contains("\nCLOSE_DISTANCE=36;"));
    assert_close(&without, &wide(&again), 1e-6, "the same");
}

#[test]
fn triclinic_cell() {
    // The cell as its own matrix, in the orientation of -cell, has the angles that were given.
    let [_, without] = both_differ(Oddity::TriclinicCell, "-misset 0 0 0");
    let report = run(directory(&[]).path(), &case("-misset 0 0 0 --oddities none --json -nonoise -nopgm"));
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    for (angle, given) in report["cell_degrees"].as_array().unwrap().iter().zip([75.0, 85.0, 95.0]) {
        assert!((angle.as_f64().unwrap() - given).abs() < 1e-9);
    }
    assert!(without.iter().any(|&x| x > 0.0));
}

#[test]
fn pix0_ignored() {
    // MOSFLM's default corner: 12·0.4 + 0.4 mm along both axes.
    let [_, without] = both_differ(Oddity::Pix0Ignored, "-pix0_vector 0.04 0.0052 -0.0052");
    assert_close(&without, &wide(&image_of(&[], &case("-mosflm"))), 1e-5, "MOSFLM's corner");
}

#[test]
fn interpolation_latch() {
    let text = hkl(6);
    let files = [("a.hkl", &text[..])];
    let line = |more: &str| case(&format!("-hkl a.hkl -N 3 -pixel 0.8 {more}"));
    let with = image_of(&files, &line("-interpolate"));
    let without = image_of(&files, &line("-interpolate --oddities -interpolation-latch"));
    let never = image_of(&files, &line("-nointerpolate"));
    assert!(differ(&with, &without));
    // The first pixel that is not interpolated throughout ends it for all that follow.
    let last = (0..with.len()).rev().find(|&i| with[i] != never[i]);
    let first = (0..with.len()).find(|&i| with[i] != without[i]).unwrap();
    assert!(last.is_none_or(|last| last < first));
    assert!((first..with.len()).any(|i| without[i] != never[i]));
}

#[test]
fn interpolation_latch_in_the_middle_of_an_image() {
    // Started so near the origin that the first rows are inside the box.
    let text = hkl(5);
    let files = [("a.hkl", &text[..])];
    let line = |more: &str| case(&format!("-hkl a.hkl -N 3 -Xbeam 1 -Ybeam 5 -distance 120 {more}"));
    let with = image_of(&files, &line("-interpolate"));
    let without = image_of(&files, &line("-interpolate --oddities -interpolation-latch"));
    let never = image_of(&files, &line("-nointerpolate"));
    let change = (0..with.len()).find(|&i| with[i] != without[i]).unwrap();
    assert!(change > 24, "the box ends at pixel {change}");
    assert_eq!(with[..change], without[..change]);
    assert_eq!(with[change..], never[change..]);
    assert!(with[..change] != never[..change]);
    for threads in [1, 2, 5, 16] {
        assert_eq!(
            image_of(&files, &line(&format!("-interpolate --threads {threads}"))),
            with,
            "{threads} threads"
        );
    }
}

const SOURCES: [(&str, f64); 3] = [("-10 0 0", 1.0), ("-10 0.4 -0.2", 0.25), ("-10 -0.3 0.5", 3.0)];

/// All sources, and each alone.
fn sources() -> [String; 4] {
    let line = |(position, weight): (&str, f64)| format!("{position} {weight} 1.5e-10\n");
    [SOURCES.map(line).concat(), line(SOURCES[0]), line(SOURCES[1]), line(SOURCES[2])]
}

#[test]
fn source_weights_ignored() {
    let [all, one, two, three] = sources();
    let image = |text: &str, more: &str| {
        image_of(&[("s.txt", text)], &case(&format!("-nopolar -sourcefile s.txt {more}")))
    };
    let alone = [image(&one, ""), image(&two, ""), image(&three, "")];
    assert_close(&image(&all, ""), &mean(&alone, &[1.0; 3]), 1e-5, "every source counts the same");
    let weighted = image(&all, "--oddities -source-weights-ignored");
    assert_close(&weighted, &mean(&alone, &SOURCES.map(|s| s.1)), 1e-5, "as its weight");
}

#[test]
fn first_source_polarization() {
    let [all, one, two, three] = sources();
    let image = |text: &str, more: &str| {
        image_of(&[("s.txt", text)], &case(&format!("-polar 0.9 -sourcefile s.txt {more}")))
    };
    let alone = [image(&one, ""), image(&two, ""), image(&three, "")];
    let own = image(&all, "--oddities -first-source-polarization");
    assert_close(&own, &mean(&alone, &[1.0; 3]), 1e-5, "each source its own factor");
    assert!(differ(&image(&all, ""), &own));
}

#[test]
fn last_layer_capture() {
    // So thin that the layers are at one place: together they capture what one layer of that thickness does.
    let layers = "-detector_thick 0.0004 -detector_abs 0.0005 -thicksteps 5";
    let [_, without] = both_differ(Oddity::LastLayerCapture, layers);
    let bare = image_of(&[], &case(""));
    let expected: Vec<f64> = (0..24 * 24)
        .map(|i| {
            let at = |pixel: usize| (pixel as f64 + 0.5) * 0.4 - 5.2;
            let slope = at(i % 24).hypot(at(i / 24)) / 40.0;
            let depth = 5.0 * 0.1 / 0.5 * slope.hypot(1.0);
            f64::from(bare[i]) * (1.0 - (-depth).exp())
        })
        .collect();
    assert_close(&without, &expected, 1e-3, "all layers");
}

#[test]
fn compounded_oversample() {
    let switches = "-xds -oversample 2 -oversample_omega -oversample_polar";
    let [_, without] = both_differ(Oddity::CompoundedOversample, switches);
    // Four pixels of half the size are the same as one.
    let fine = image_of(&[], &case("-xds -detpixels 48 -pixel 0.2"));
    let pixel = |i: usize| {
        let (f, s) = (2 * (i % 24), 2 * (i / 24));
        [0, 1, 48, 49].iter().map(|j| f64::from(fine[s * 48 + f + j])).sum()
    };
    assert_close(&without, &(0..576).map(pixel).collect::<Vec<f64>>(), 1e-5, "four fine pixels");
}

#[test]
fn background_scaling() {
    let water = "-water 30 -fluence 1e24 -oversample 2 -nopolar -point_pixel";
    let [with, without] = both_differ(Oddity::BackgroundScaling, water);
    let dry = image_of(&[], &case(&water.replace("-water 30", "")));
    // 2.57²·r_e²·fluence·water³·1e6·Avogadro/18, over the solid angle 1/R² of the first sub-pixel.
    let per_steradian =
        2.57_f64.powi(2) * 7.94079248018965e-30 * 1e24 * 30e-6_f64.powi(3) * 1e6 * 6.02214179e23 / 18.0;
    let background = |i: usize| {
        let at = |pixel: usize| (pixel as f64 + 0.25) * 0.4e-3 - 5.2e-3;
        per_steradian / (0.04_f64.powi(2) + at(i % 24).powi(2) + at(i / 24).powi(2))
    };
    let expected: Vec<f64> = (0..576).map(|i| f64::from(dry[i]) + background(i)).collect();
    assert_close(&without, &expected, 1e-5, "once");
    let squared = 7.94079248018965e-30 * 1e24 / 4.0;
    let expected: Vec<f64> = (0..576).map(|i| f64::from(dry[i]) + squared * background(i)).collect();
    assert_close(&with, &expected, 1e-5, "divided by the steps and multiplied by r_e²·fluence");
}

#[test]
fn phi_carry_over() {
    let [with, without] = both_differ(Oddity::PhiCarryOver, "-phi 0 -osc 6 -phisteps 3");
    let still = |phi: u32| image_of(&[], &case(&format!("-phi {phi}")));
    let stills = [still(0), still(2), still(4)];
    assert_close(&without, &mean(&stills, &[1.0; 3]), 1e-5, "the mean of three stills");
    // The first step is computed at the last step's angle, but for the very first pixel.
    let mut carried = mean(&stills[1..], &[1.0, 2.0]);
    carried[0] = mean(&stills, &[1.0; 3])[0];
    assert_close(&with, &carried, 1e-5, "the last step's angle");
    for threads in [1, 2, 5, 16] {
        assert_eq!(image_of(&[], &case(&format!("-phi 0 -osc 6 -phisteps 3 --threads {threads}"))), with);
    }
}

#[test]
fn phi_carry_over_begins_where_the_first_source_counts() {
    // The first pixels are beyond the resolution limit: the first pass happens in the middle of the image.
    let more = "-phi 0 -osc 6 -phisteps 3 -dmin 14";
    let with = image_of(&[], &case(more));
    let first = with.iter().position(|&x| x > 0.0).unwrap();
    assert!(first > 24);
    let stills = [0, 2, 4].map(|phi| image_of(&[], &case(&format!("-phi {phi} -dmin 14"))));
    let mut carried = mean(&stills[1..], &[1.0, 2.0]);
    carried[first] = mean(&stills, &[1.0; 3])[first];
    assert_close(&with, &carried, 1e-5, "the last step's angle");
}
