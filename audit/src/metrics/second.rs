//! The second pass: centred products, and the distributions that need a scale from the first.

use super::arcsinh::{SMALL, arcsinh, arcsinh_pair};
use super::first::{TILE, put, take};
use super::histogram::{self, Histogram, Steps};
use super::view::{Pair, Pixel};
use super::wide::wide;
use rayon::prelude::*;
use std::sync::Mutex;

/// Pixels taken at a time: what fits the nearest cache.
const RUN: usize = 1024;
const LANES: usize = 8;

/// What the second pass takes from the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Mean of the reference.
    pub(super) mean: f64,
    /// Σ candidate / Σ reference, or 1: how the candidate is expected to scale.
    pub(super) ratio: f64,
    /// Mean of the candidate minus ratio · mean of the reference.
    pub(super) offset: f64,
    /// Brighter values of the reference are left out of the dim set.
    pub(super) bright: f64,
    /// About the mean of the dim set.
    pub(super) dim_mean: f64,
    /// s of arcsinh(I/s).
    pub(super) scale: f64,
    /// About the mean of arcsinh(I/s).
    pub(super) arcsinh_mean: f64,
    /// Relative errors are over |reference|, or over this where that is smaller.
    pub(super) floor: f64,
    /// Whether the reference may have pixels that are 0: mostly it has none.
    pub(super) zeros: bool,
    /// A pixel that is 0 in one image alone counts as vanished where the other is brighter than this.
    pub(super) lit: f64,
}

/// Sums of u (the reference, shifted) and e (the candidate's departure from ratio · reference).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) n: f64,
    u: f64,
    e: f64,
    uu: f64,
    ue: f64,
    ee: f64,
}

impl Moments {
    fn add(&mut self, o: &Self) {
        self.n += o.n;
        self.u += o.u;
        self.e += o.e;
        self.uu += o.uu;
        self.ue += o.ue;
        self.ee += o.ee;
    }

    /// 1 − correlation of x and y = ratio · x + e, without subtracting nearly equal numbers: from the part of y that
    /// is not a multiple of x. Absent where x or y is constant.
    pub(super) fn one_minus_correlation(&self, ratio: f64) -> Option<f64> {
        let uu = self.uu - self.u * self.u / self.n;
        let ue = self.ue - self.u * self.e / self.n;
        let ee = (self.ee - self.e * self.e / self.n).max(0.0);
        let yy = ratio * ratio * uu + 2.0 * ratio * ue + ee;
        let tiny = 1e-28 * (self.uu + self.ee); // rounding of a constant
        if !(uu > tiny && yy > tiny) {
            return None;
        }
        let residual = (ee - ue * ue / uu).max(0.0);
        let covariance = ratio * uu + ue;
        let miss_of_square = (residual / yy).min(1.0);
        let r = (1.0 - miss_of_square).sqrt();
        Some(if covariance >= 0.0 { miss_of_square / (1.0 + r) } else { 1.0 + r })
    }

    /// Standard deviation of the reference over its mean; `shift` is what was taken off every value. Absent where
    /// there is a deviation but no mean.
    pub(super) fn spread(&self, shift: f64) -> Option<f64> {
        let (sigma, mean) = (self.sigma(), (shift + self.u / self.n).abs());
        if sigma == 0.0 { Some(0.0) } else { (mean > 0.0).then(|| sigma / mean) }
    }

    /// Root of the mean square about the mean, of the reference.
    pub(super) fn sigma(&self) -> f64 {
        ((self.uu - self.u * self.u / self.n).max(0.0) / self.n).sqrt()
    }
}

/// The pixel with the largest relative error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worst {
    pub(super) error: f32,
    pub(super) x: usize,
    pub(super) y: usize,
}

/// Everything the second pass found.
pub(super) struct Second {
    pub(super) all: Moments,
    pub(super) dim: Moments,
    pub(super) arcsinh: Moments,
    /// Σ (candidate − reference)².
    pub(super) squares: f64,
    pub(super) errors: Histogram,
    pub(super) steps: Steps,
    pub(super) most_steps: u32,
    pub(super) worst: Option<Worst>,
    /// Pixels that are 0 in one image alone, and the first of them.
    pub(super) vanished: usize,
    pub(super) vanished_at: Option<[usize; 2]>,
}

#[derive(Default)]
struct Band {
    all: Moments,
    dim: Moments,
    arcsinh: Moments,
    squares: f64,
    most_steps: u32,
    worst: Option<Worst>,
    dark: usize,
    vanished: usize,
    vanished_at: Option<[usize; 2]>,
}

/// Reads both images once more.
pub(super) fn pass<T: Pixel>(pair: &Pair<'_>, plan: &Plan) -> Second {
    let height = pair.shape().height;
    let pool: Mutex<Vec<(Histogram, Steps)>> = Mutex::new(Vec::new());
    let bands: Vec<Band> = (0..height.div_ceil(TILE))
        .into_par_iter()
        .map(|i| {
            let mut tables = take(&pool, || (Histogram::new(), Steps::new()));
            let band = band::<T>(pair, plan, i, &mut tables);
            put(&pool, tables);
            band
        })
        .collect();
    let mut out = Second {
        all: Moments::default(),
        dim: Moments::default(),
        arcsinh: Moments::default(),
        squares: 0.0,
        errors: Histogram::new(),
        steps: Steps::new(),
        most_steps: 0,
        worst: None,
        vanished: 0,
        vanished_at: None,
    };
    let mut dark = 0;
    for band in bands {
        out.all.add(&band.all);
        out.dim.add(&band.dim);
        out.arcsinh.add(&band.arcsinh);
        out.squares += band.squares;
        out.most_steps = out.most_steps.max(band.most_steps);
        out.worst = worse(out.worst, band.worst);
        out.vanished += band.vanished;
        out.vanished_at = out.vanished_at.or(band.vanished_at);
        dark += band.dark;
    }
    for (errors, steps) in pool.into_inner().unwrap_or_default() {
        out.errors.add(&errors);
        out.steps.add(&steps);
    }
    // a gap of the detector is no agreement: quantiles are those of the pixels that are lit in either image
    out.errors.forget(histogram::bin(0.0), dark);
    out
}

fn worse(a: Option<Worst>, b: Option<Worst>) -> Option<Worst> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.error > a.error { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn band<T: Pixel>(pair: &Pair<'_>, plan: &Plan, index: usize, tables: &mut (Histogram, Steps)) -> Band {
    let mut out = Band::default();
    let shape = pair.shape();
    let mut errors = vec![0_f32; RUN];
    let mut steps = vec![0_u32; RUN];
    for y in index * TILE..shape.height.min((index + 1) * TILE) {
        let rows = T::rows(pair, y, 1);
        let (a, b) = rows.row(0);
        for (i, (a, b)) in a.chunks(RUN).zip(b.chunks(RUN)).enumerate() {
            let (all, dim, squares) = products(a, b, plan);
            out.all.add(&all);
            out.dim.add(&dim);
            out.squares += squares;
            out.arcsinh.add(&arcsinh_products(a, b, plan));
            let n = a.len();
            let most = relative_errors(a, b, plan.floor, &mut errors[..n]);
            // where the candidate alone is 0, the error is 1
            if plan.zeros || most >= 1.0 {
                let [dark, vanished] = zeros(a, b, plan.lit);
                out.dark += dark as usize;
                out.vanished += vanished as usize;
                if vanished > 0 && out.vanished_at.is_none() {
                    let at = a.iter().zip(b).position(|(a, b)| vanishes(a.wide(), b.wide(), plan.lit));
                    out.vanished_at = at.map(|at| [i * RUN + at, y]);
                }
            }
            let far = float_steps(a, b, &mut steps[..n]);
            out.most_steps = out.most_steps.max(far);
            // most runs of two right images are equal: no need to look at their pixels
            if most > 0.0 {
                errors[..n].iter().for_each(|&error| tables.0.count(histogram::bin(error)));
            } else {
                tables.0.count_many(histogram::bin(0.0), n);
            }
            if far > 0 {
                steps[..n].iter().for_each(|&s| tables.1.count(s.min(Steps::LAST) as u16));
            } else {
                tables.1.count_many(0, n);
            }
            if most > 0.0 && out.worst.is_none_or(|w| most > w.error) {
                let at = errors[..n].iter().position(|&e| e == most).unwrap_or_default();
                out.worst = Some(Worst { error: most, x: i * RUN + at, y });
            }
        }
    }
    out
}

/// Whether one of two values is exactly 0 and the other is brighter than `lit`.
#[inline(always)]
fn vanishes(x: f64, y: f64, lit: f64) -> bool {
    ((x == 0.0) != (y == 0.0)) & ((x.abs() > lit) | (y.abs() > lit))
}

fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

wide! {
    /// Sums over all pixels, over the dim ones, and Σ (candidate − reference)².
    fn products<T: Pixel>(a: &[T], b: &[T], plan: &Plan) -> (Moments, Moments, f64) {
        let mut s = [[0.0; LANES]; 6];
        let mut d = [[0.0; LANES]; 6];
        let mut one = |i: usize, x: T, y: T| {
            let (x, y) = (x.wide(), y.wide());
            let e = (y - plan.ratio * x) - plan.offset;
            let u = x - plan.mean;
            s[0][i] += u;
            s[1][i] += e;
            s[2][i] += u * u;
            s[3][i] += u * e;
            s[4][i] += e * e;
            s[5][i] += (y - x) * (y - x);
            let dim = x <= plan.bright;
            let u = if dim { x - plan.dim_mean } else { 0.0 };
            let e = if dim { e } else { 0.0 };
            d[0][i] += if dim { 1.0 } else { 0.0 };
            d[1][i] += u;
            d[2][i] += e;
            d[3][i] += u * u;
            d[4][i] += u * e;
            d[5][i] += e * e;
        };
        let (whole_a, rest_a) = a.as_chunks::<LANES>();
        let (whole_b, rest_b) = b.as_chunks::<LANES>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            for i in 0..LANES {
                one(i, a[i], b[i]);
            }
        }
        for (i, (&a, &b)) in rest_a.iter().zip(rest_b).enumerate() {
            one(i, a, b);
        }
        let [u, e, uu, ue, ee, squares] = s.map(total);
        let all = Moments { n: a.len() as f64, u, e, uu, ue, ee };
        let [n, u, e, uu, ue, ee] = d.map(total);
        (all, Moments { n, u, e, uu, ue, ee }, squares)
    }

    /// The same of arcsinh(I/s), expected to be equal.
    fn arcsinh_products<T: Pixel>(a: &[T], b: &[T], plan: &Plan) -> Moments {
        let inverse = 1.0 / plan.scale;
        // plain loops over buffers: the compiler then takes the whole width
        let mut p = [0.0; RUN];
        let mut e = [0.0; RUN];
        let mut far = [0.0; LANES];
        for (((p, e), x), y) in p.iter_mut().zip(&mut e).zip(a).zip(b) {
            let found = arcsinh_pair(x.wide() * inverse, y.wide() * inverse);
            (*p, *e) = (found.value, found.step);
        }
        let (whole, rest) = e[..a.len()].as_chunks::<LANES>();
        for chunk in whole {
            for i in 0..LANES {
                far[i] = if chunk[i].abs() > far[i] { chunk[i].abs() } else { far[i] };
            }
        }
        // a difference that is not small is taken as it is: the series is for small ones
        if rest.iter().fold(far.into_iter().fold(0.0, f64::max), |m, e| m.max(e.abs())) > SMALL {
            for ((e, p), y) in e.iter_mut().zip(&p).zip(b) {
                *e = arcsinh(y.wide() * inverse) - p;
            }
        }
        let mut s = [[0.0; LANES]; 5];
        let mut one = |i: usize, p: f64, e: f64| {
            let u = p - plan.arcsinh_mean;
            s[0][i] += u;
            s[1][i] += e;
            s[2][i] += u * u;
            s[3][i] += u * e;
            s[4][i] += e * e;
        };
        let (whole_p, rest_p) = p[..a.len()].as_chunks::<LANES>();
        let (whole_e, rest_e) = e[..a.len()].as_chunks::<LANES>();
        for (p, e) in whole_p.iter().zip(whole_e) {
            for i in 0..LANES {
                one(i, p[i], e[i]);
            }
        }
        for (i, (&p, &e)) in rest_p.iter().zip(rest_e).enumerate() {
            one(i, p, e);
        }
        let [u, e, uu, ue, ee] = s.map(total);
        Moments { n: a.len() as f64, u, e, uu, ue, ee }
    }

    /// How many pixels are 0 in both, and how many in one alone.
    fn zeros<T: Pixel>(a: &[T], b: &[T], lit: f64) -> [u32; 2] {
        let (mut dark, mut vanished) = (0, 0);
        for (a, b) in a.iter().zip(b) {
            let (x, y) = (a.wide(), b.wide());
            dark += u32::from((x == 0.0) & (y == 0.0));
            vanished += u32::from(vanishes(x, y, lit));
        }
        [dark, vanished]
    }

    /// |b − a| / max(|a|, floor) of every pixel; the largest.
    fn relative_errors<T: Pixel>(a: &[T], b: &[T], floor: f64, out: &mut [f32]) -> f32 {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            let (x, y) = (a.wide(), b.wide());
            let over = if x.abs() > floor { x.abs() } else { floor };
            // equal values have no error, whatever the floor
            *out = if x == y { 0.0 } else { ((y - x).abs() / over) as f32 };
        }
        let mut most = [0_f32; LANES];
        let (whole, rest) = out.as_chunks::<LANES>();
        for chunk in whole {
            for i in 0..LANES {
                most[i] = if chunk[i] > most[i] { chunk[i] } else { most[i] };
            }
        }
        most.iter().chain(rest).fold(0.0, |m, &v| if v > m { v } else { m })
    }

    /// How many f32 lie between the two values; the largest such number.
    fn float_steps<T: Pixel>(a: &[T], b: &[T], out: &mut [u32]) -> u32 {
        // order as the values have; −0 and 0 are the same
        let key = |v: T| {
            let bits = v.single().to_bits() as i32;
            if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
        };
        let mut most = 0;
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let (p, q) = (key(a), key(b));
            *out = if p > q { p.wrapping_sub(q) as u32 } else { q.wrapping_sub(p) as u32 };
            most = if *out > most { *out } else { most };
        }
        most
    }
}
