//! Defects that a port, a detector model or a file conversion may bring: what a careful reviewer would call wrong. None
//! of them is taken from the audit's own mutants.

use crate::image::Image;

/// One defect.
pub struct Defect {
    /// What is wrong.
    pub name: &'static str,
    /// The image with it; `None` where there is nothing to do it to.
    pub make: fn(&Image) -> Option<Image>,
}

/// All of them, by kind.
pub const DEFECTS: &[Defect] = &[
    // holes
    Defect {
        name: "a 32 × 32 hole away from the brightest peak",
        make: |i| Some(hole(i, 32, far_from_the_brightest(i, 32))),
    },
    Defect {
        name: "an 8 × 8 hole away from the brightest peak",
        make: |i| Some(hole(i, 8, far_from_the_brightest(i, 8))),
    },
    Defect { name: "a 16 × 16 hole at the dimmest place", make: |i| Some(hole(i, 16, dimmest(i, 16))) },
    Defect {
        name: "one dead pixel of middling value",
        make: |i| Some(with_pixel(i, ranked(i, 0.5), |_| 0.0)),
    },
    Defect { name: "one hot pixel among the dim ones, 1 % of the brightest", make: |i| Some(hot(i)) },
    Defect {
        name: "a dead row",
        make: |i| Some(changed(i, |_, y, v| if y == i.height / 3 { 0.0 } else { v })),
    },
    Defect {
        name: "a dead column",
        make: |i| Some(changed(i, |x, _, v| if x == i.width / 3 { 0.0 } else { v })),
    },
    Defect {
        name: "a missing panel corner",
        make: |i| Some(changed(i, |x, y, v| if x + y < i.width / 8 { 0.0 } else { v })),
    },
    Defect {
        name: "the last row not written",
        make: |i| Some(changed(i, |_, y, v| if y + 1 == i.height { 0.0 } else { v })),
    },
    // rows and columns
    Defect {
        name: "a row twice",
        make: |i| Some(moved(i, |x, y| (x, if y == i.height / 3 { y - 1 } else { y }))),
    },
    Defect {
        name: "a column twice",
        make: |i| Some(moved(i, |x, y| (if x == i.width / 3 { x - 1 } else { x }, y))),
    },
    Defect {
        name: "two rows exchanged",
        make: |i| Some(moved(i, |x, y| (x, if y / 2 == i.height / 6 { y ^ 1 } else { y }))),
    },
    Defect {
        name: "rows from a third on one pixel late",
        make: |i| Some(moved(i, |x, y| (x, if y > i.height / 3 { y - 1 } else { y }))),
    },
    Defect {
        name: "every second row one pixel to the left",
        make: |i| Some(moved(i, |x, y| ((x + y % 2).min(i.width - 1), y))),
    },
    // scales that vary
    Defect {
        name: "left × 1.004, right × 0.996",
        make: |i| Some(changed(i, |x, _, v| v * if x < i.width / 2 { 1.004 } else { 0.996 })),
    },
    Defect {
        name: "top × 1.001, bottom × 0.999",
        make: |i| Some(changed(i, |_, y, v| v * if y < i.height / 2 { 1.001 } else { 0.999 })),
    },
    Defect {
        name: "quadrants ± 0.2 %",
        make: |i| {
            Some(changed(i, |x, y, v| {
                v * if (x < i.width / 2) == (y < i.height / 2) { 1.002 } else { 0.998 }
            }))
        },
    },
    Defect { name: "64-pixel tiles ± 0.1 %", make: |i| Some(tiles(i, 64, 0.001)) },
    Defect { name: "16-pixel tiles ± 0.1 %", make: |i| Some(tiles(i, 16, 0.001)) },
    Defect { name: "a ± 2 % checkerboard", make: |i| Some(tiles(i, 1, 0.02)) },
    Defect { name: "a ± 0.1 % checkerboard", make: |i| Some(tiles(i, 1, 0.001)) },
    Defect {
        name: "bands of 8 rows ± 0.2 %",
        make: |i| Some(changed(i, |_, y, v| v * if y / 8 % 2 == 0 { 1.002 } else { 0.998 })),
    },
    Defect {
        name: "every tenth column − 1 %",
        make: |i| Some(changed(i, |x, _, v| v * if x % 10 == 7 { 0.99 } else { 1.0 })),
    },
    Defect {
        name: "a gradient of 0.2 % from left to right",
        make: |i| Some(changed(i, |x, _, v| v * (1.0 + 0.002 * (x as f64 / i.width as f64 - 0.5)))),
    },
    Defect {
        name: "a fall of 0.5 % from the centre to the corner",
        make: |i| Some(radial(i, |r2, _| 1.0 - 0.005 * r2)),
    },
    Defect {
        name: "polarized by 0.3 % too much",
        make: |i| Some(radial(i, |r2, twice| 1.0 + 0.003 * r2 * twice)),
    },
    Defect { name: "every pixel × 1.006", make: |i| Some(changed(i, |_, _, v| 1.006 * v)) },
    Defect { name: "every pixel × 1.0005", make: |i| Some(changed(i, |_, _, v| 1.0005 * v)) },
    // curves
    Defect { name: "gamma 1.01", make: |i| Some(curve(i, |t| t.powf(1.01))) },
    Defect { name: "gamma 1.001", make: |i| Some(curve(i, |t| t.powf(1.001))) },
    Defect { name: "cut at 90 % of the brightest", make: |i| Some(curve(i, |t| t.min(0.9))) },
    Defect { name: "cut at 99 % of the brightest", make: |i| Some(curve(i, |t| t.min(0.99))) },
    Defect {
        name: "a dead time of 0.5 % at the brightest",
        make: |i| Some(curve(i, |t| t / (1.0 + 0.005 * t))),
    },
    Defect { name: "a pedestal of 1 % of the mean", make: |i| Some(pedestal(i, 0.01)) },
    Defect { name: "a pedestal of 0.1 % of the mean", make: |i| Some(pedestal(i, 0.001)) },
    Defect {
        name: "less than 1e-5 of the brightest set to 0",
        make: |i| Some(curve(i, |t| if t < 1e-5 { 0.0 } else { t })),
    },
    Defect { name: "the background × 1.3", make: |i| Some(background(i, 1.3)) },
    Defect { name: "the background × 1.01", make: |i| Some(background(i, 1.01)) },
    // digits
    Defect {
        name: "16 bits: steps of 1/65535 of the brightest",
        make: |i| Some(curve(i, |t| (t * 65535.0).round() / 65535.0)),
    },
    Defect {
        name: "8 bits: steps of 1/255 of the brightest",
        make: |i| Some(curve(i, |t| (t * 255.0).round() / 255.0)),
    },
    Defect { name: "three decimal digits", make: |i| Some(changed(i, |_, _, v| rounded(v, 10.0, 3))) },
    Defect { name: "half precision", make: |i| Some(changed(i, |_, _, v| rounded(v, 2.0, 11))) },
    Defect { name: "noise of ± 0.2 %", make: |i| Some(noise(i, 2e-3)) },
    // moves
    Defect { name: "shifted by 0.1 pixel along fast", make: |i| Some(resampled(i, |x, y| (x - 0.1, y))) },
    Defect { name: "shifted by 0.1 pixel along slow", make: |i| Some(resampled(i, |x, y| (x, y + 0.1))) },
    Defect {
        name: "shifted by 0.07 pixels along both",
        make: |i| Some(resampled(i, |x, y| (x + 0.07, y - 0.07))),
    },
    Defect {
        name: "shifted by half a pixel along both",
        make: |i| Some(resampled(i, |x, y| (x + 0.5, y + 0.5))),
    },
    Defect { name: "shifted by a pixel along slow", make: |i| Some(moved(i, |x, y| (x, y.max(1) - 1))) },
    Defect { name: "turned by 0.1°", make: |i| Some(turned(i, 0.1)) },
    Defect { name: "turned by 1°", make: |i| Some(turned(i, 1.0)) },
    Defect { name: "larger by 0.1 %", make: |i| Some(about_the_centre(i, |x, y| (x / 1.001, y / 1.001))) },
    Defect { name: "wider by 0.5 %", make: |i| Some(about_the_centre(i, |x, y| (x / 1.005, y))) },
    Defect { name: "transposed", make: |i| (i.width == i.height).then(|| i.transposed()) },
    Defect { name: "left and right exchanged", make: |i| Some(moved(i, |x, y| (i.width - 1 - x, y))) },
    Defect { name: "top and bottom exchanged", make: |i| Some(moved(i, |x, y| (x, i.height - 1 - y))) },
    Defect { name: "turned by 180°", make: |i| Some(moved(i, |x, y| (i.width - 1 - x, i.height - 1 - y))) },
    Defect { name: "blurred by 1 %", make: |i| Some(blurred(i, 0.01)) },
    // peaks
    Defect { name: "half of the weak peaks gone", make: |i| without_weak_peaks(i, 2) },
    Defect { name: "one weak peak gone", make: |i| without_weak_peaks(i, usize::MAX) },
    Defect { name: "the brightest peak − 5 %", make: |i| Some(around(i, i.argmax(), 0.95)) },
    Defect { name: "the brightest peak − 0.5 %", make: |i| Some(around(i, i.argmax(), 0.995)) },
    Defect { name: "a middling place − 5 %", make: |i| Some(around(i, ranked(i, 0.7), 0.95)) },
    Defect { name: "the brightest pixel − 1 %", make: |i| Some(with_pixel(i, i.argmax(), |v| 0.99 * v)) },
];

/// Changes pixels by their place and value.
#[must_use]
pub fn changed(image: &Image, change: impl Fn(usize, usize, f64) -> f64) -> Image {
    let pixels = image.pixels.iter().enumerate();
    let pixels = pixels.map(|(i, &v)| change(i % image.width, i / image.width, f64::from(v)) as f32);
    Image::new(image.width, image.height, pixels.collect())
}

/// Takes every pixel from somewhere else.
fn moved(image: &Image, from: impl Fn(usize, usize) -> (usize, usize)) -> Image {
    Image::from_fn(image.width, image.height, |x, y| {
        let (x, y) = from(x, y);
        image.at(x, y)
    })
}

/// Takes every pixel from between pixels (bilinear; the edge goes on).
fn resampled(image: &Image, from: impl Fn(f64, f64) -> (f64, f64)) -> Image {
    let at = |x: f64, edge: usize| {
        let x = x.clamp(0.0, (edge - 1) as f64);
        let low = (x as usize).min(edge.saturating_sub(2));
        (low, (low + 1).min(edge - 1), x - low as f64)
    };
    changed(image, |x, y, _| {
        let (x, y) = from(x as f64, y as f64);
        let ((x0, x1, u), (y0, y1, v)) = (at(x, image.width), at(y, image.height));
        let row = |y| f64::from(image.at(x0, y)) * (1.0 - u) + f64::from(image.at(x1, y)) * u;
        row(y0) * (1.0 - v) + row(y1) * v
    })
}

fn about_the_centre(image: &Image, from: impl Fn(f64, f64) -> (f64, f64)) -> Image {
    let (cx, cy) = ((image.width - 1) as f64 / 2.0, (image.height - 1) as f64 / 2.0);
    resampled(image, |x, y| {
        let (x, y) = from(x - cx, y - cy);
        (x + cx, y + cy)
    })
}

fn turned(image: &Image, degrees: f64) -> Image {
    let (sin, cos) = degrees.to_radians().sin_cos();
    about_the_centre(image, |x, y| (cos * x - sin * y, sin * x + cos * y))
}

/// `factor(r², cos 2φ)`, r from 0 at the centre to 1 at the corner.
fn radial(image: &Image, factor: impl Fn(f64, f64) -> f64) -> Image {
    let (cx, cy) = (image.width as f64 / 2.0, image.height as f64 / 2.0);
    changed(image, |x, y, v| {
        let (x, y) = (x as f64 + 0.5 - cx, y as f64 + 0.5 - cy);
        let r2 = x * x + y * y;
        v * factor(r2 / (cx * cx + cy * cy), if r2 > 0.0 { (x * x - y * y) / r2 } else { 0.0 })
    })
}

fn blurred(image: &Image, share: f64) -> Image {
    changed(image, |x, y, v| {
        let at = |x: usize, y: usize| f64::from(image.at(x.min(image.width - 1), y.min(image.height - 1)));
        let around = at(x.max(1) - 1, y) + at(x + 1, y) + at(x, y.max(1) - 1) + at(x, y + 1);
        v * (1.0 - share) + around * share / 4.0
    })
}

fn tiles(image: &Image, edge: usize, by: f64) -> Image {
    changed(image, |x, y, v| v * if (x / edge + y / edge).is_multiple_of(2) { 1.0 + by } else { 1.0 - by })
}

/// A curve on what is between 0 and 1, the brightest.
fn curve(image: &Image, f: impl Fn(f64) -> f64) -> Image {
    let top = f64::from(image.pixels[image.argmax()]);
    changed(image, |_, _, v| if top > 0.0 { top * f(v / top) } else { v })
}

fn pedestal(image: &Image, share: f64) -> Image {
    let height = share * image.sum() / image.pixels.len() as f64;
    changed(image, |_, _, v| v + height)
}

fn background(image: &Image, factor: f64) -> Image {
    let median = f64::from(image.pixels[ranked(image, 0.5)]);
    changed(image, |_, _, v| if v <= median { v * factor } else { v })
}

/// To so many digits of a base.
fn rounded(v: f64, base: f64, digits: i32) -> f64 {
    if v == 0.0 {
        return 0.0;
    }
    let step = base.powf(v.abs().log(base).floor() + 1.0 - f64::from(digits));
    (v / step).round() * step
}

/// Every pixel off by a random share of at most `by`, from a linear congruential generator.
#[must_use]
pub fn noise(image: &Image, by: f64) -> Image {
    let mut state = 7_u64;
    let pixels = image.pixels.iter().map(|&v| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (f64::from(v) * (1.0 + by * (2.0 * unit - 1.0))) as f32
    });
    Image::new(image.width, image.height, pixels.collect())
}

fn with_pixel(image: &Image, index: usize, change: fn(f64) -> f64) -> Image {
    let mut out = image.clone();
    out.pixels[index] = change(f64::from(out.pixels[index])) as f32;
    out
}

fn hot(image: &Image) -> Image {
    let mut out = image.clone();
    out.pixels[ranked(image, 0.25)] += 0.01 * image.pixels[image.argmax()];
    out
}

/// Where the pixel is that a share of all that are not 0 are dimmer than.
fn ranked(image: &Image, share: f64) -> usize {
    let mut lit: Vec<usize> = (0..image.pixels.len()).filter(|&i| image.pixels[i] != 0.0).collect();
    lit.sort_by(|&i, &j| image.pixels[i].total_cmp(&image.pixels[j]));
    lit.get((share * lit.len() as f64) as usize).copied().unwrap_or(0)
}

fn hole(image: &Image, edge: usize, [left, top]: [usize; 2]) -> Image {
    let inside = |at: usize, from: usize| (from..from + edge).contains(&at);
    changed(image, |x, y, v| if inside(x, left) && inside(y, top) { 0.0 } else { v })
}

fn far_from_the_brightest(image: &Image, edge: usize) -> [usize; 2] {
    let at = image.argmax();
    let far = |at: usize, size: usize| (at + size / 2) % size.saturating_sub(edge).max(1);
    [far(at % image.width, image.width), far(at / image.width, image.height)]
}

fn dimmest(image: &Image, edge: usize) -> [usize; 2] {
    let places = |size: usize| (0..=size.saturating_sub(edge)).step_by(8);
    let all = places(image.height).flat_map(|y| places(image.width).map(move |x| [x, y]));
    let sum = |[x, y]: [usize; 2]| image.cut(x, y, edge.min(image.width), edge.min(image.height)).sum();
    let lit = all.map(|at| (sum(at), at)).filter(|(sum, _)| *sum > 0.0);
    lit.min_by(|a, b| a.0.total_cmp(&b.0)).map_or([0, 0], |(_, at)| at)
}

fn around(image: &Image, index: usize, factor: f64) -> Image {
    let (cx, cy) = (index % image.width, index / image.width);
    changed(image, |x, y, v| if x.abs_diff(cx).max(y.abs_diff(cy)) <= 2 { v * factor } else { v })
}

/// Every `each`-th local maximum between 1e-4 and a tenth of the brightest, flattened to the lowest pixel around; `None`
/// where there are none, or only one to choose every second of.
pub fn without_weak_peaks(image: &Image, each: usize) -> Option<Image> {
    let top = f64::from(image.pixels[image.argmax()]);
    let around = |x: usize, y: usize, by: usize| {
        let rows = y.saturating_sub(by)..(y + by + 1).min(image.height);
        rows.flat_map(move |j| (x.saturating_sub(by)..(x + by + 1).min(image.width)).map(move |i| (i, j)))
    };
    let mut weak = Vec::new();
    for y in 4..image.height - 4 {
        for x in 4..image.width - 4 {
            let v = f64::from(image.at(x, y));
            let peak = around(x, y, 3).all(|(i, j)| f64::from(image.at(i, j)) <= v);
            let mean = around(x, y, 4).map(|(i, j)| f64::from(image.at(i, j))).sum::<f64>() / 81.0;
            if peak && v > 1e-4 * top && v < 0.1 * top && v > 2.0 * mean {
                weak.push((x, y));
            }
        }
    }
    if weak.is_empty() || (each == 2 && weak.len() < 2) {
        return None;
    }
    let mut out = image.clone();
    for (x, y) in weak.into_iter().step_by(each) {
        let low = around(x, y, 3).map(|(i, j)| image.at(i, j)).fold(f32::INFINITY, f32::min);
        around(x, y, 2).for_each(|(i, j)| out.pixels[j * image.width + i] = low);
    }
    Some(out)
}
