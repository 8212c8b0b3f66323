//! Both engines against the original nanoBragg: golden figures everywhere, whole images where they are at hand.

use bragg_tests::compare::{LIMITS, compare};
use bragg_tests::golden::{
    self, cases, disagreements, figures, needs_inputs, render_case, whole_disagreement, whole_image,
    whole_images,
};
use bragg_tests::image::Image;
use bragg_tests::programs::{ENGINES, not_run};

#[test]
fn every_engine_agrees_with_the_original() {
    let (cases, figures, golden) = (cases(), figures(), whole_images());
    if golden.is_none() {
        not_run(
            "whole golden images were not compared (no ../shared/golden, NB_GOLDEN not set); their figures were",
        );
    }
    let (mut complaints, mut compared) = (Vec::new(), 0);
    for case in &cases {
        let id = &case.id;
        if golden.is_none() && needs_inputs(case) {
            not_run(&format!("golden case {id}: its input files are not in the tree"));
            continue;
        }
        let figures = figures.get(id).unwrap_or_else(|| panic!("no figures of case {id}"));
        for engine in ENGINES {
            let image = render_case(engine, case, figures, &[]);
            compared += 1;
            let mut found = disagreements(figures, &image);
            if let Some(golden) = &golden {
                found.extend(whole_disagreement(&whole_image(golden, id, figures), &image));
            }
            complaints.extend(found.into_iter().map(|complaint| format!("{engine} {id}: {complaint}")));
        }
    }
    assert!(compared >= 85 * ENGINES.len(), "only {compared} images were compared");
    assert!(complaints.is_empty(), "{} disagreements:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_figures_are_complete() {
    let (cases, figures) = (cases(), figures());
    assert!(cases.len() >= 103, "only {} golden cases", cases.len());
    for case in &cases {
        assert!(figures.contains_key(&case.id), "no figures of case {}", case.id);
    }
    assert_eq!(figures.len(), cases.len(), "cases and figures");
    for (id, figures) in &figures {
        assert_eq!(figures.index.len(), figures.value.len(), "{id}: sampled pixels");
        assert!(figures.index.len() >= 50, "{id}: only {} sampled pixels", figures.index.len());
        assert!(
            figures.index.iter().all(|index| *index < figures.width * figures.height),
            "{id}: pixels outside"
        );
    }
}

/// Parity cannot see an error that both engines share; the figures must. Every fault below keeps the two engines equal.
#[test]
fn the_figures_catch_what_both_engines_would_share() {
    let (cases, figures) = (cases(), figures());
    let id = "na-nb-nc";
    let figures = &figures[id];
    let case = cases.iter().find(|case| case.id == id).expect("the case");
    let good = render_case(ENGINES[0], case, figures, &[]);
    assert_eq!(disagreements(figures, &good), Vec::<String>::new());
    let dim = figures
        .index
        .iter()
        .zip(&figures.value)
        .find(|(_, v)| **v > 1e-4 * figures.max && **v < 1e-2 * figures.max);
    let (dim, _) = dim.expect("a sampled pixel between the peaks");
    let changed = |at: usize, value: &dyn Fn(f32) -> f32| {
        let mut image = good.clone();
        image.pixels[at] = value(image.pixels[at]);
        image
    };
    let faults = [
        ("scale 1.01", good.scaled(1.01)),
        ("scale 1 + 1e-6", good.scaled(1.000_001)),
        ("transpose", good.transposed()),
        ("shift by one pixel, fast", good.rolled(1, 0)),
        ("shift by one pixel, slow", good.rolled(0, 1)),
        ("mirror, fast", Image::from_fn(good.width, good.height, |f, s| good.at(good.width - 1 - f, s))),
        ("mirror, slow", Image::from_fn(good.width, good.height, |f, s| good.at(f, good.height - 1 - s))),
        ("a sampled pixel off by 1e-3", changed(*dim, &|p| p * 1.001)),
        ("a pixel that is 0", changed(0, &|_| 0.0)),
        ("a pixel that is NaN", changed(figures.argmax, &|_| f32::NAN)),
        ("all zero", good.scaled(0.0)),
        ("one row short", good.cut(0, 0, good.width, good.height - 1)),
        (
            "weak pixels deleted",
            Image::from_fn(good.width, good.height, |f, s| {
                let pixel = good.at(f, s);
                if f64::from(pixel) < 1e-3 * figures.max { 0.0 } else { pixel }
            }),
        ),
    ];
    for (fault, image) in faults {
        assert!(!disagreements(figures, &image).is_empty(), "the figures do not see: {fault}");
    }
}

#[test]
fn whole_images_catch_faults_that_the_figures_may_not_sample() {
    let figures = &figures()["na-nb-nc"];
    let Some(golden) = whole_images() else {
        not_run("the self-test of the whole-image comparison: there are no whole images");
        return;
    };
    let want = whole_image(&golden, "na-nb-nc", figures);
    assert_eq!(whole_disagreement(&want, &want), None);
    for (fault, image) in [
        ("scale", want.scaled(1.000_001)),
        ("transpose", want.transposed()),
        ("shift", want.rolled(0, 1)),
        (
            "NaN",
            Image::from_fn(want.width, want.height, |f, s| if f + s == 0 { f32::NAN } else { want.at(f, s) }),
        ),
    ] {
        assert!(whole_disagreement(&want, &image).is_some(), "whole images do not see: {fault}");
    }
    // The original's images and its figures are of the same run.
    for (id, figures) in golden::figures() {
        let image = whole_image(&golden, &id, &figures);
        assert_eq!(disagreements(&figures, &image), Vec::<String>::new(), "{id}");
        assert!(compare(&image, &image).is_ok_and(|agreement| agreement.within(&LIMITS)), "{id}");
    }
}

/// The corrected physics has two implementations as well, and no golden image: they must agree with each other.
#[test]
fn the_engines_agree_with_each_other_without_oddities() {
    let (figures, mut complaints, mut differ_from_original) = (figures(), Vec::new(), 0);
    for case in cases().iter().filter(|case| whole_images().is_some() || !needs_inputs(case)) {
        let figures = figures.get(&case.id).unwrap_or_else(|| panic!("no figures of case {}", case.id));
        let [rust, c] = ENGINES.map(|engine| render_case(engine, case, figures, &["--oddities", "none"]));
        differ_from_original += usize::from(!disagreements(figures, &rust).is_empty());
        complaints
            .extend(whole_disagreement(&c, &rust).into_iter().map(|found| format!("{}: {found}", case.id)));
    }
    assert!(differ_from_original > 10, "only {differ_from_original} images show that oddities were off");
    assert!(complaints.is_empty(), "{} disagreements:\n{}", complaints.len(), complaints.join("\n"));
}
