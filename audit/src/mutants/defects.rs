//! The defects that gates must see.

use crate::formats::{Array2, Shape};
use crate::metrics::{self, TILE};

/// When the gates must see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// On every case on which it changes a bit.
    Always,
    /// Where the mutant is not too much like the image.
    WhereItShows,
}

/// A mutant, or why there is none.
pub(super) enum Made {
    /// The image, and what exactly was done where that depends on the case.
    Image(Array2, Option<String>),
    /// Nothing to do it to.
    NotHere(&'static str),
}

/// One defect.
pub(super) struct Defect {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) need: Need,
    pub(super) make: fn(&Array2) -> Made,
}

pub(super) const DEFECTS: &[Defect] = &[
    Defect { name: "scale", what: "every pixel × 1.006", need: Need::Always, make: scale },
    Defect {
        name: "zeroed tile",
        what: "a 64-pixel tile of middling signal set to 0",
        need: Need::Always,
        make: zeroed_tile,
    },
    Defect { name: "one NaN", what: "the middle pixel is NaN", need: Need::Always, make: one_nan },
    Defect { name: "shift", what: "shifted by one pixel along fast", need: Need::WhereItShows, make: shift },
    Defect {
        name: "weak peaks deleted",
        what: "every second peak below 10 % of the brightest is flattened",
        need: Need::WhereItShows,
        make: weak_peaks,
    },
    Defect { name: "transpose", what: "fast and slow exchanged", need: Need::WhereItShows, make: transpose },
    Defect {
        name: "halves",
        what: "left half × 1.02, right half × 0.98",
        need: Need::WhereItShows,
        make: halves,
    },
    Defect {
        name: "background",
        what: "pixels below the median × 1.3",
        need: Need::WhereItShows,
        make: background,
    },
    Defect {
        name: "brightest peak",
        what: "the 5 × 5 pixels around the brightest × 0.95",
        need: Need::WhereItShows,
        make: brightest,
    },
];

/// Changes the values; the type stays.
fn mutate(image: &Array2, change: impl Fn(usize, f64) -> f64) -> Made {
    let made = match image.as_f32() {
        Some(values) => {
            let out = values.iter().enumerate().map(|(i, &v)| change(i, f64::from(v)) as f32).collect();
            Array2::owning_f32(out, image.shape())
        }
        None => {
            let out = image.to_f64().into_iter().enumerate().map(|(i, v)| change(i, v)).collect();
            Array2::owning_f64(out, image.shape())
        }
    };
    made.map_or(Made::NotHere("the image is empty"), |image| Made::Image(image, None))
}

/// Takes every value from somewhere else.
fn rearrange(image: &Array2, from: impl Fn(usize, usize) -> usize) -> Made {
    let width = image.width();
    mutate_from(image, |i| from(i % width, i / width))
}

fn mutate_from(image: &Array2, from: impl Fn(usize) -> usize) -> Made {
    let made = match image.as_f32() {
        Some(values) => {
            Array2::owning_f32((0..values.len()).map(|i| values[from(i)]).collect(), image.shape())
        }
        None => {
            let values = image.to_f64();
            Array2::owning_f64((0..values.len()).map(|i| values[from(i)]).collect(), image.shape())
        }
    };
    made.map_or(Made::NotHere("the image is empty"), |image| Made::Image(image, None))
}

fn scale(image: &Array2) -> Made {
    mutate(image, |_, v| v * 1.006)
}

fn zeroed_tile(image: &Array2) -> Made {
    let Shape { width, height } = image.shape();
    let across = width.div_ceil(TILE);
    let mut sums = vec![0.0; across * height.div_ceil(TILE)];
    let mut row = vec![0.0; width];
    for y in 0..height {
        image.read_into(y * width, &mut row);
        for (x, v) in row.iter().enumerate() {
            sums[y / TILE * across + x / TILE] += v.abs();
        }
    }
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let mut lit: Vec<usize> = (0..sums.len()).filter(|&i| sums[i] > 1e-6 * mean).collect();
    lit.sort_by(|&i, &j| sums[i].total_cmp(&sums[j]).then(i.cmp(&j)));
    let Some(&tile) = lit.get(lit.len() / 2) else { return Made::NotHere("no tile has signal") };
    let (tx, ty) = (tile % across, tile / across);
    match mutate(image, |i, v| if (i % width / TILE, i / width / TILE) == (tx, ty) { 0.0 } else { v }) {
        Made::Image(mutant, _) => {
            let what = format!("the 64-pixel tile from fast {}, slow {} on set to 0", tx * TILE, ty * TILE);
            Made::Image(mutant, Some(what))
        }
        other => other,
    }
}

fn one_nan(image: &Array2) -> Made {
    let middle = image.height() / 2 * image.width() + image.width() / 2;
    mutate(image, |i, v| if i == middle { f64::NAN } else { v })
}

/// By as many pixels as it takes to be seen: a smooth image hardly changes by one.
fn shift(image: &Array2) -> Made {
    let width = image.width();
    let mut by = 1;
    loop {
        let made = rearrange(image, |x, y| y * width + x.saturating_sub(by));
        let Made::Image(mutant, _) = made else { return made };
        let local =
            metrics::measure(image, &mutant, None).ok().and_then(|(c, _)| c.extended?.local_error.max);
        if by * 2 >= width.min(128) || local.is_none_or(|far| far > super::ALIKE) {
            let pixels = if by == 1 { "a pixel".into() } else { format!("{by} pixels") };
            return Made::Image(mutant, Some(format!("shifted by {pixels} along fast")));
        }
        by *= 2;
    }
}

fn weak_peaks(image: &Array2) -> Made {
    let width = image.width();
    let value = |[x, y]: [usize; 2]| image.get(y * width + x);
    let peaks = metrics::firm_peaks(image);
    let top = peaks.iter().map(|&p| value(p)).fold(0.0, f64::max);
    let weak: Vec<[usize; 2]> = peaks.into_iter().filter(|&p| value(p) < 0.1 * top).step_by(2).collect();
    if weak.is_empty() {
        return Made::NotHere("no peak is weak here");
    }
    let mut flat: std::collections::HashMap<usize, f64> = std::collections::HashMap::new();
    for [x, y] in weak {
        let around = |by: usize| {
            let columns = x.saturating_sub(by)..(x + by + 1).min(width);
            let rows = y.saturating_sub(by)..(y + by + 1).min(image.height());
            rows.flat_map(move |j| columns.clone().map(move |i| j * width + i))
        };
        let low = around(3).map(|i| image.get(i)).fold(f64::INFINITY, f64::min);
        around(2).for_each(|i| {
            flat.insert(i, low);
        });
    }
    mutate(image, |i, v| flat.get(&i).copied().unwrap_or(v))
}

fn transpose(image: &Array2) -> Made {
    let Shape { width, height } = image.shape();
    if width == height {
        return rearrange(image, |x, y| x * width + y);
    }
    match rearrange(image, |x, y| y * width + (width - 1 - x)) {
        Made::Image(mutant, _) => {
            Made::Image(mutant, Some("left and right exchanged (the image is not square)".into()))
        }
        other => other,
    }
}

fn halves(image: &Array2) -> Made {
    let width = image.width();
    mutate(image, |i, v| if i % width < width / 2 { v * 1.02 } else { v * 0.98 })
}

fn background(image: &Array2) -> Made {
    let scale =
        metrics::measure(image, image, None).ok().and_then(|(c, _)| c.extended).map(|x| x.arcsinh_scale);
    let Some(median) = scale else { return Made::NotHere("the image has no median") };
    mutate(image, |_, v| if v < median { v * 1.3 } else { v })
}

fn brightest(image: &Array2) -> Made {
    let width = image.width();
    let (mut top, mut at) = (f64::NEG_INFINITY, 0);
    let mut row = vec![0.0; width];
    for y in 0..image.height() {
        image.read_into(y * width, &mut row);
        for (x, &v) in row.iter().enumerate() {
            if v > top {
                (top, at) = (v, y * width + x);
            }
        }
    }
    let (x, y) = (at % width, at / width);
    mutate(
        image,
        |i, v| if (i % width).abs_diff(x) <= 2 && (i / width).abs_diff(y) <= 2 { v * 0.95 } else { v },
    )
}
