//! Pictures that look like the detector.

use super::canvas::{BLACK, Canvas, LETTER};
use super::colours::Map;
use crate::formats::Array2;
use crate::metrics::{Maps, Roi, Tile};

/// Larger images are reduced to this edge, smaller ones enlarged towards half of it.
const EDGE: usize = 1024;
const MARGIN: usize = 12;
const BAR: usize = 14;

/// Both images at the size they are drawn, slow-major. Where several pixels share one, the reference and the candidate
/// show their brightest, difference and ratio the one that is farthest off: nothing small is averaged away.
pub(super) struct Reduced {
    width: usize,
    height: usize,
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    difference: Vec<f64>,
    ratio: Vec<f64>,
    every: usize,
}

/// `floor`: where the reference is dimmer there is no ratio.
pub(super) fn reduce(a: &Array2, b: &Array2, roi: Roi, floor: f64) -> Reduced {
    let shape = roi.shape();
    let every = shape.width.max(shape.height).div_ceil(EDGE).max(1);
    let (width, height) = (shape.width.div_ceil(every), shape.height.div_ceil(every));
    let n = width * height;
    let mut out = Reduced {
        width,
        height,
        a: vec![f64::NEG_INFINITY; n],
        b: vec![f64::NEG_INFINITY; n],
        difference: vec![0.0; n],
        ratio: vec![f64::NAN; n],
        every,
    };
    let (mut row_a, mut row_b) = (vec![0.0; shape.width], vec![0.0; shape.width]);
    for y in 0..shape.height {
        let start = (roi.y0 + y) * a.width() + roi.x0;
        a.read_into(start, &mut row_a);
        b.read_into(start, &mut row_b);
        for (x, (&p, &q)) in row_a.iter().zip(&row_b).enumerate() {
            let i = y / every * width + x / every;
            out.a[i] = out.a[i].max(p);
            out.b[i] = out.b[i].max(q);
            if (q - p).abs() > out.difference[i].abs() {
                out.difference[i] = q - p;
            }
            let off = if p.abs() > floor { q / p - 1.0 } else { f64::NAN };
            if out.ratio[i].is_nan() || off.abs() > out.ratio[i].abs() {
                out.ratio[i] = off;
            }
        }
    }
    out
}

/// One scale for both images: arcsinh(I/s) from the dimmest to the brightest of either.
pub(super) struct IntensityScale {
    s: f64,
    low: f64,
    high: f64,
}

impl IntensityScale {
    pub(super) fn new(reduced: &Reduced, s: f64) -> Self {
        let all = || reduced.a.iter().chain(&reduced.b).copied();
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        Self { s, low: low.min(0.0), high }
    }

    fn place(&self, value: f64) -> f64 {
        let curve = |v: f64| (v / self.s).asinh();
        let (low, high) = (curve(self.low), curve(self.high));
        if high > low { (curve(value) - low) / (high - low) } else { 0.0 }
    }

    fn value(&self, place: f64) -> f64 {
        if place == 0.0 {
            return self.low; // the curve and back would not be exact
        }
        let (low, high) = ((self.low / self.s).asinh(), (self.high / self.s).asinh());
        (low + place * (high - low)).sinh() * self.s
    }
}

pub(super) fn intensity(r: &Reduced, values: &[f64], scale: &IntensityScale, name: &str) -> Canvas {
    let colours = values.iter().map(|&v| Map::Magnitude.colour(scale.place(v))).collect::<Vec<_>>();
    let title = format!("{name}, photons, arcsinh scale{}", reduced_by(r));
    let labels = [0.0, 0.5, 1.0].map(|p| label(scale.value(p)));
    frame([r.width, r.height], &colours, &title, Map::Magnitude, &labels)
}

pub(super) fn difference(r: &Reduced) -> Canvas {
    let most = r.difference.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    // a hundredth of the largest is where the curve bends: small differences stay visible beside large ones
    let curve = |v: f64| (v / (0.01 * most)).asinh();
    let place = |v: f64| if most > 0.0 { curve(v) / curve(most) } else { 0.0 };
    let colours = r.difference.iter().map(|&v| Map::Sign.colour(place(v))).collect::<Vec<_>>();
    let title = format!("candidate - reference, arcsinh scale{}", reduced_by(r));
    frame([r.width, r.height], &colours, &title, Map::Sign, &[label(-most), "0".into(), label(most)])
}

pub(super) fn ratio(r: &Reduced) -> Canvas {
    let mut off: Vec<f64> = r.ratio.iter().copied().filter(|v| v.is_finite()).map(f64::abs).collect();
    off.sort_by(f64::total_cmp);
    // the curve bends where one pixel of a thousand is: a single zero neither washes out everything else nor is lost in it
    let bend = off.get(off.len() * 999 / 1000).or(off.last()).copied().unwrap_or(0.0);
    let most = off.last().copied().unwrap_or(0.0);
    let bend = if bend > 0.0 { bend } else { most };
    let curve = |v: f64| (v / bend).asinh();
    let place = |v: f64| if most > 0.0 || v.is_nan() { curve(v) / curve(most) } else { 0.0 };
    let colours = r.ratio.iter().map(|&v| Map::Sign.colour(place(v))).collect::<Vec<_>>();
    let title = format!("candidate / reference - 1, arcsinh scale (grey: too dim){}", reduced_by(r));
    frame([r.width, r.height], &colours, &title, Map::Sign, &[label(-most), "0".into(), label(most)])
}

pub(super) fn tiles(maps: &Maps, title: &str, map: Map, of: fn(&Tile) -> f64) -> Canvas {
    let most = maps.tiles.iter().map(|t| of(t).abs()).fold(0.0, f64::max);
    let place = |v: f64| if most > 0.0 { v / most } else { 0.0 };
    let colours = maps.tiles.iter().map(|t| map.colour(place(of(t)))).collect::<Vec<_>>();
    let labels = match map {
        Map::Sign => [label(-most), "0".into(), label(most)],
        Map::Magnitude => ["0".into(), label(most / 2.0), label(most)],
    };
    frame([maps.across, maps.tiles.len() / maps.across.max(1)], &colours, title, map, &labels)
}

fn reduced_by(r: &Reduced) -> String {
    if r.every > 1 { format!(", 1:{}", r.every) } else { String::new() }
}

pub(super) fn label(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if (0.01..10_000.0).contains(&v) => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

/// A title, the pixels (enlarged where they are few), a colour bar with three labels.
fn frame(
    [width, height]: [usize; 2],
    colours: &[[u8; 3]],
    title: &str,
    map: Map,
    labels: &[String; 3],
) -> Canvas {
    let zoom = (EDGE / 2 / width.max(height)).max(1);
    let (w, h) = (width * zoom, height * zoom);
    let least = title.chars().count().max(40) * LETTER;
    let top = MARGIN + LETTER + 6;
    let mut canvas = Canvas::new(w.max(least) + 2 * MARGIN, top + h + 10 + BAR + 6 + LETTER + MARGIN);
    canvas.text(MARGIN, MARGIN, title, BLACK);
    for (i, &colour) in colours.iter().enumerate() {
        canvas.fill([MARGIN + i % width * zoom, top + i / width * zoom, zoom, zoom], colour);
    }
    let (bar, y) = (w.max(least), top + h + 10);
    for i in 0..bar {
        let t = i as f64 / (bar - 1) as f64;
        let colour = map.colour(if map == Map::Sign { 2.0 * t - 1.0 } else { t });
        canvas.fill([MARGIN + i, y, 1, BAR], colour);
    }
    let below = y + BAR + 6;
    canvas.text(MARGIN, below, &labels[0], BLACK);
    canvas.text(MARGIN + bar / 2 - labels[1].len() * LETTER / 2, below, &labels[1], BLACK);
    canvas.text_before(MARGIN + bar, below, &labels[2]);
    canvas
}
