//! Curves: the radial profile, and the error against the intensity.

use super::canvas::{BLACK, Canvas, GREY, LETTER, Rgb};
use super::colours::Map;
use super::frames::label;
use crate::formats::Array2;
use crate::metrics::{Ring, Roi};

const WIDTH: usize = 760;
const HEIGHT: usize = 420;
const LEFT: usize = 96;
const RIGHT: usize = 20;
const TOP: usize = 34;
const BOTTOM: usize = 44;
const BLUE: Rgb = [38, 110, 180];
const ORANGE: Rgb = [214, 96, 20];

/// An axis: from, to, in plain or decimal-logarithmic steps.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let usable = values.filter(|v| v.is_finite() && (!log || *v > 0.0));
        let (low, high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        if log {
            return Self { low: low.log10().floor(), high: (high.log10().floor() + 1.0), log };
        }
        let pad = if high > low { 0.05 * (high - low) } else { (0.05 * high.abs()).max(1e-12) };
        Self { low: low - pad, high: high + pad, log }
    }

    /// 0 at the low end, 1 at the high one.
    fn place(self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }

    fn label(self, place: f64) -> String {
        let value = self.low + place * (self.high - self.low);
        if self.log { format!("1e{value:.0}") } else { label(value) }
    }

    /// Where marks stand.
    fn marks(self) -> Vec<f64> {
        if !self.log {
            return (0..5).map(|i| f64::from(i) / 4.0).collect();
        }
        let decades = (self.high - self.low).round().max(1.0);
        let step = (decades / 6.0).ceil();
        (0..=(decades / step) as usize).map(|i| i as f64 * step / decades).collect()
    }
}

struct Panel {
    canvas: Canvas,
    x: Axis,
    y: Axis,
    top: usize,
    height: usize,
}

impl Panel {
    fn at(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        let (p, q) = (self.x.place(x), self.y.place(y));
        let inside = (-1e-9..=1.0 + 1e-9).contains(&p) && (-1e-9..=1.0 + 1e-9).contains(&q);
        let width = (WIDTH - LEFT - RIGHT) as f64;
        inside.then_some([LEFT as f64 + p * width, self.top as f64 + (1.0 - q) * self.height as f64])
    }

    fn axes(&mut self, title: &str, below: &str) {
        let right = WIDTH - RIGHT;
        self.canvas.text(LEFT, self.top - 16, title, BLACK);
        for p in self.y.marks() {
            let y = self.top + ((1.0 - p) * self.height as f64) as usize;
            self.canvas.fill([LEFT, y, right - LEFT, 1], [225; 3]);
            self.canvas.text_before(LEFT - 6, y.saturating_sub(LETTER / 2), &self.y.label(p));
        }
        let bottom = self.top + self.height;
        for p in self.x.marks() {
            let x = LEFT + (p * (right - LEFT) as f64) as usize;
            self.canvas.fill([x, bottom, 1, 5], BLACK);
            let text = self.x.label(p);
            self.canvas.text(
                x.saturating_sub(text.len() * LETTER / 2).min(WIDTH - text.len() * LETTER),
                bottom + 9,
                &text,
                BLACK,
            );
        }
        self.canvas.fill([LEFT, bottom, right - LEFT, 1], BLACK);
        self.canvas.fill([LEFT, self.top, 1, self.height], BLACK);
        self.canvas.text(LEFT, bottom + 24, below, BLACK);
    }

    fn curve(&mut self, points: impl Iterator<Item = (f64, f64)>, colour: Rgb) {
        let mut last: Option<[f64; 2]> = None;
        for (x, y) in points {
            let here = self.at(x, y);
            if let (Some(from), Some(to)) = (last, here) {
                self.canvas.line(from, to, colour);
            }
            last = here;
        }
    }
}

/// Mean intensity of both against the radius, and below it their ratio.
pub(super) fn radial(profile: &[Ring]) -> Canvas {
    let half = 250;
    let radii = Axis { low: 0.0, high: profile.last().map_or(1.0, |r| r.radius), log: false };
    let means = Axis::over(profile.iter().flat_map(|r| [r.reference, r.candidate]), true);
    let off = |r: &Ring| if r.reference > 0.0 { r.candidate / r.reference - 1.0 } else { f64::NAN };
    let ratios = Axis::over(profile.iter().map(off).chain([0.0]), false);
    let canvas = Canvas::new(WIDTH, 2 * (half + TOP + BOTTOM));
    let mut panel = Panel { canvas, x: radii, y: means, top: TOP, height: half };
    panel.axes("mean intensity: reference blue, candidate orange (hides blue where equal)", "");
    panel.curve(profile.iter().map(|r| (r.radius, r.reference)), BLUE);
    panel.curve(profile.iter().map(|r| (r.radius, r.candidate)), ORANGE);
    (panel.top, panel.y) = (half + BOTTOM + 2 * TOP, ratios);
    panel.axes("candidate / reference - 1", "radius, pixels");
    if let (Some(from), Some(to)) =
        (panel.at(0.0, 0.0), panel.at(profile.last().map_or(0.0, |r| r.radius), 0.0))
    {
        panel.canvas.line(from, to, GREY);
    }
    panel.curve(profile.iter().map(|r| (r.radius, off(r))), ORANGE);
    panel.canvas
}

const BINS: [usize; 2] = [160, 110];

/// How many pixels have which intensity and which relative error, both logarithmic.
pub(super) struct Density {
    counts: Vec<u32>,
    intensity: Axis,
    error: Axis,
    equal: u64,
    pixels: u64,
}

/// `floor`: dimmer pixels are left out. Two readings of the images: the first finds the range.
pub(super) fn density(a: &Array2, b: &Array2, roi: Roi, floor: f64) -> Density {
    let shape = roi.shape();
    let (mut row_a, mut row_b) = (vec![0.0; shape.width], vec![0.0; shape.width]);
    let mut each = |visit: &mut dyn FnMut(f64, f64)| {
        for y in roi.y0..roi.y1 {
            a.read_into(y * a.width() + roi.x0, &mut row_a);
            b.read_into(y * a.width() + roi.x0, &mut row_b);
            for (p, q) in row_a.iter().zip(&row_b).filter(|(p, _)| p.abs() > floor) {
                visit(p.abs(), (q - p).abs() / p.abs());
            }
        }
    };
    let (mut range, mut errors) = ([f64::INFINITY, 0.0_f64], [f64::INFINITY, 0.0_f64]);
    let (mut equal, mut pixels) = (0, 0);
    each(&mut |p, e| {
        range = [range[0].min(p), range[1].max(p)];
        pixels += 1;
        if e > 0.0 {
            errors = [errors[0].min(e), errors[1].max(e)];
        } else {
            equal += 1;
        }
    });
    errors[0] = errors[0].max(1e-12 * errors[1]);
    let (intensity, error) = (Axis::over(range.into_iter(), true), Axis::over(errors.into_iter(), true));
    let mut counts = vec![0_u32; BINS[0] * BINS[1]];
    each(&mut |p, e| {
        if e >= errors[0] && e > 0.0 {
            let bin = |place: f64, n: usize| ((place * n as f64) as usize).min(n - 1);
            let at = bin(error.place(e), BINS[1]) * BINS[0] + bin(intensity.place(p), BINS[0]);
            counts[at] = counts[at].saturating_add(1);
        }
    });
    Density { counts, intensity, error, equal, pixels }
}

/// Many pixels are light, few are dark.
pub(super) fn error_against_intensity(d: &Density) -> Canvas {
    let canvas = Canvas::new(WIDTH, HEIGHT + TOP + BOTTOM);
    let mut panel = Panel { canvas, x: d.intensity, y: d.error, top: TOP, height: HEIGHT };
    let share = if d.pixels > 0 { d.equal as f64 / d.pixels as f64 * 100.0 } else { 0.0 };
    panel.axes(
        &format!("relative error against intensity ({share:.1} % of the pixels are equal)"),
        "intensity of the reference, photons; light: many pixels",
    );
    let most = f64::from(d.counts.iter().copied().max().unwrap_or(0)).max(1.0);
    let (w, h) = ((WIDTH - LEFT - RIGHT) as f64 / BINS[0] as f64, HEIGHT as f64 / BINS[1] as f64);
    for (i, &n) in d.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let (x, y) = (i % BINS[0], BINS[1] - 1 - i / BINS[0]);
        let left = LEFT + (x as f64 * w) as usize;
        let top = TOP + (y as f64 * h) as usize;
        let size = [w.ceil() as usize, h.ceil() as usize];
        panel
            .canvas
            .fill([left, top, size[0], size[1]], Map::Magnitude.colour(f64::from(n).ln_1p() / most.ln_1p()));
    }
    panel.canvas
}
