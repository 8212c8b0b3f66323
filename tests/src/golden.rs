//! The golden cases: what the original nanoBragg gives, and the checks that an image must pass to agree with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::compare::{FLOOR, LIMITS, compare, sum};
use crate::image::Image;
use crate::programs::{binary, run, temporary_folder, workspace_root};

/// One golden case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Name, unique.
    pub id: String,
    /// Group of cases that belong together.
    pub group: String,
    /// Words of nanoBragg's command line.
    pub args: Vec<String>,
}

/// Facts about the original's image of one case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Pixels along the fast axis.
    pub width: usize,
    /// Pixels along the slow axis.
    pub height: usize,
    /// Σ of all pixels, photons.
    pub sum: f64,
    /// Σ of the squares.
    pub sumsq: f64,
    /// Largest pixel.
    pub max: f64,
    /// Index of its first occurrence.
    pub argmax: usize,
    /// Pixels that are not 0.
    pub nonzero: usize,
    /// Sums of the top left, top right, bottom left and bottom right quarter.
    pub quadrant_sums: [f64; 4],
    /// Indices of the sampled pixels.
    pub index: Vec<usize>,
    /// Their values.
    pub value: Vec<f64>,
}

/// The folder of golden facts in the tree.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every golden case, in the order of the file.
#[must_use]
pub fn cases() -> Vec<Case> {
    read("cases.json")
}

/// The figures of every case, by id.
#[must_use]
pub fn figures() -> BTreeMap<String, Figures> {
    read("figures.json")
}

/// The folder that holds the original's whole images and the input files, if there is one:
/// `NB_GOLDEN`, else `../shared/golden` beside the workspace. A folder that was named must hold them.
#[must_use]
pub fn whole_images() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NB_GOLDEN") {
        let named = PathBuf::from(named);
        assert!(named.join("images").is_dir(), "NB_GOLDEN={}: no folder `images` in it", named.display());
        return Some(named);
    }
    let beside = workspace_root().join("../shared/golden");
    beside.join("images").is_dir().then_some(beside)
}

/// The original's whole image of a case, from the folder that [`whole_images`] found.
#[must_use]
pub fn whole_image(golden: &Path, id: &str, figures: &Figures) -> Image {
    Image::read(&golden.join("images").join(format!("{id}.bin")), figures.width, figures.height)
}

/// Renders a golden case in a folder that holds links to the input files, where there are any.
#[must_use]
pub fn render_case(engine: &str, case: &Case, figures: &Figures, more: &[&str]) -> Image {
    render_with(&binary(engine), case, figures, more)
}

/// The same with any program that takes nanoBragg's options.
#[must_use]
pub fn render_with(engine: &Path, case: &Case, figures: &Figures, more: &[&str]) -> Image {
    let dir = temporary_folder();
    let inputs = whole_images().map(|golden| golden.join("inputs")).filter(|inputs| inputs.is_dir());
    for input in inputs.into_iter().flat_map(|inputs| inputs.read_dir().into_iter().flatten().flatten()) {
        let input = input.path().canonicalize().unwrap_or_else(|e| panic!("{}: {e}", input.path().display()));
        let name = input.file_name().expect("a file name");
        std::os::unix::fs::symlink(&input, dir.path().join(name)).expect("a link to an input file");
    }
    let mut words: Vec<&str> = case.args.iter().map(String::as_str).collect();
    words.extend(["-noprogress", "-nonoise", "-nopgm", "-floatfile", "out.bin"]);
    words.extend(more);
    run(engine, &words, dir.path()).expect_code(0);
    Image::read(&dir.path().join("out.bin"), figures.width, figures.height)
}

/// Whether a case reads files that only the golden folder has.
#[must_use]
pub fn needs_inputs(case: &Case) -> bool {
    let extension =
        |word: &String| word.rsplit_once('.').is_some_and(|(_, e)| ["hkl", "mat", "img", "txt"].contains(&e));
    case.args.iter().any(extension)
}

/// Everything in which `image` differs from the figures of the original; empty when it agrees.
///
/// The sum keeps the limit of [`LIMITS`]; sums of squares and of quadrants have ten times that, because a quadrant may be
/// small and a square doubles an error; the maximum and sampled pixels have the limit of single pixels.
#[must_use]
pub fn disagreements(figures: &Figures, image: &Image) -> Vec<String> {
    let mut found = Vec::new();
    if (image.width, image.height) != (figures.width, figures.height) {
        let Figures { width, height, .. } = figures;
        return vec![format!("size {}×{} instead of {width}×{height}", image.width, image.height)];
    }
    let mut within = |what: &str, got: f64, want: f64, tolerance: f64| {
        let agrees = (got - want).abs() <= tolerance;
        if !agrees {
            found.push(format!("{what}: {got:e} instead of {want:e} (± {tolerance:e})"));
        }
    };
    let Figures { sum: total, sumsq, max, .. } = *figures;
    let sum_limit = LIMITS.sum_ratio_off;
    within("sum", image.sum(), total, sum_limit * total.abs());
    within("sum of squares", squares(image), sumsq, 10.0 * sum_limit * sumsq);
    within("maximum", f64::from(image.pixels[image.argmax()]), max, LIMITS.worst * max);
    let quadrants = image.quadrant_sums().into_iter().zip(figures.quadrant_sums);
    for (name, (got, want)) in ["top left", "top right", "bottom left", "bottom right"].iter().zip(quadrants)
    {
        within(&format!("sum of the {name} quadrant"), got, want, 10.0 * sum_limit * want.abs());
    }
    // Several pixels may share the maximum: the original's place must be one of them.
    within("pixel at the place of the maximum", pixel(image, figures.argmax), max, LIMITS.worst * max);
    for (index, want) in figures.index.iter().zip(&figures.value) {
        // Below the floor a pixel has no relative limit, but it must stay below the floor.
        let measurable = want.abs() > FLOOR * max;
        let tolerance = if measurable { LIMITS.worst * want.abs() } else { FLOOR * max };
        within(&format!("pixel {index}"), pixel(image, *index), *want, tolerance);
    }
    let nonzero = image.pixels.iter().filter(|p| **p != 0.0).count();
    if nonzero != figures.nonzero {
        found.push(format!("{nonzero} pixels are not 0, instead of {}", figures.nonzero));
    }
    found
}

/// The measures of a whole image against the original's, as a complaint when they are beyond the limits.
#[must_use]
pub fn whole_disagreement(want: &Image, got: &Image) -> Option<String> {
    match compare(want, got) {
        Ok(agreement) if agreement.within(&LIMITS) => None,
        Ok(agreement) => Some(format!("whole image: {agreement:?}, limits {LIMITS:?}")),
        Err(why) => Some(format!("whole image: {why}")),
    }
}

fn squares(image: &Image) -> f64 {
    sum(image.pixels.iter().map(|p| f64::from(*p).powi(2)))
}

fn pixel(image: &Image, index: usize) -> f64 {
    image.pixels.get(index).map_or(f64::NAN, |p| f64::from(*p))
}
