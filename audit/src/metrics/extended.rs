//! The whole comparison of two images: both passes, peaks, tiles, rings.

use super::first::{self, CELL, First, TILE};
use super::histogram::Histogram;
use super::peaks::{self, Peaks};
use super::radial::{self, Ring};
use super::second::{self, Plan, Second};
use super::view::{Pair, Pixel, Roi};
use super::{CompareError, Comparison, Worst};
use crate::formats::{Array2, Shape};
use serde::{Deserialize, Serialize};

/// Pixels dimmer than this share of the brightest tell nothing by their relative error: rounding of the brightest
/// reaches that far. Also the floor of tiles, as a share of the mean tile.
const FLOOR: f64 = 1e-8;
/// A pixel that is exactly 0 in one image alone is told from rounding where the other is brighter than this share of
/// the brightest (a right f32 engine lost pixels of up to 2e-8).
const LIT: f64 = 1e-6;
/// Peaks dimmer than this share of the brightest pixel are not looked for.
const PEAK_FLOOR: f64 = 1e-6;
/// Rings dimmer than this share of the mean are left out of the radial figures.
const RING_FLOOR: f64 = 1e-2;
/// The share of pixels that "without the brightest" leaves out, at most.
const BRIGHTEST: f64 = 1e-3;

/// Shares of the pixels that are not 0 in both images which do not exceed a value; each is the lower edge of a bin 2⁻⁷
/// wide (at most 0.8 % too small).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Smaller values of the reference count as this.
    pub floor: f64,
    /// Half of the pixels.
    pub p50: Option<f64>,
    /// 90 %.
    #[serde(default)]
    pub p90: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// 99.9 %.
    pub p999: Option<f64>,
    /// All (exact).
    pub max: Option<f64>,
}

/// Distances in f32 numbers (units in the last place).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// Half of the pixels; absent from 65 535 on.
    pub p50: Option<u32>,
    /// 99 %; absent from 65 535 on.
    pub p99: Option<u32>,
    /// All.
    pub max: u32,
}

/// Pixels that are exactly 0 in one image alone: holes, dead rows, values cut away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vanished {
    /// How many.
    pub pixels: usize,
    /// The first of them (fast, slow).
    pub at: Option<[usize; 2]>,
}

/// The largest difference relative to what is around: |candidate − reference| over the brightest of its 8 × 8 cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalError {
    /// Dimmer cells count as this.
    pub floor: f64,
    /// The largest; absent when the reference is zero everywhere.
    pub max: Option<f64>,
    /// The first pixel of that cell (fast, slow).
    pub at: [usize; 2],
    /// Cells above one in a thousand.
    pub cells_above_1e_3: usize,
}

/// The worst of the 64-pixel tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Tiles along fast.
    pub across: usize,
    /// Tiles along slow.
    pub down: usize,
    /// Tiles with less signal count as this.
    pub floor: f64,
    /// Largest |Σ candidate − Σ reference| / Σ|reference|.
    pub sum_error: Option<f64>,
    /// The first pixel of that tile (fast, slow).
    pub sum_error_at: [usize; 2],
    /// Largest Σ|candidate − reference| / Σ|reference|.
    pub l1: Option<f64>,
    /// The first pixel of that tile.
    pub l1_at: [usize; 2],
    /// Largest |Σ candidate − Σ reference| / √Σ reference: the difference in units of counting noise (of one photon
    /// at least).
    pub z: f64,
    /// The first pixel of that tile.
    pub z_at: [usize; 2],
}

/// The radial profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Radial {
    /// Largest |ratio − 1| of a ring.
    pub error: Option<f64>,
    /// Change of the ratio from the centre to the corner, along a fitted line.
    pub slope: Option<f64>,
    /// The rings.
    pub profile: Vec<Ring>,
}

/// What is measured beyond the contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extended {
    /// Width and height of the images.
    pub shape: Shape,
    /// What of them was compared.
    pub roi: Roi,
    /// s of arcsinh(I/s): the median magnitude of the reference's non-zero pixels.
    pub arcsinh_scale: f64,
    /// 1 − correlation of arcsinh(I/s).
    pub arcsinh_one_minus_correlation: Option<f64>,
    /// Pixels of the reference above this are left out of the dim set: at most 0.1 % of them.
    pub bright_cut: f64,
    /// Pixels in the dim set.
    pub dim_pixels: usize,
    /// 1 − correlation without the brightest 0.1 %.
    pub dim_one_minus_correlation: Option<f64>,
    /// Standard deviation over mean of the reference's dim set: what the correlation has to go by.
    #[serde(default)]
    pub dim_spread: Option<f64>,
    /// Root mean square of the difference over the standard deviation of the reference.
    pub rmse_over_sigma: Option<f64>,
    /// Largest |candidate − reference|.
    pub max_abs: f64,
    /// |candidate − reference| / max(|reference|, floor).
    pub relative_error: Quantiles,
    /// Pixels that are 0 in one image alone.
    #[serde(default)]
    pub vanished: Vanished,
    /// Distance in f32 numbers.
    pub ulp: Steps,
    /// The largest difference relative to its surroundings.
    pub local_error: LocalError,
    /// Tiles.
    pub tiles: Tiles,
    /// Rings around the centre.
    pub radial: Radial,
    /// Peaks.
    pub peaks: Peaks,
}

/// One tile of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tile {
    /// Σ candidate / Σ reference − 1, over the floor.
    pub sum_error: f64,
    /// Σ|candidate − reference| / Σ|reference|, over the floor.
    pub l1: f64,
    /// The signed difference in units of counting noise.
    pub z: f64,
}

/// Tile maps, slow-major; for pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maps {
    /// Tiles along fast.
    pub across: usize,
    /// All tiles; empty when the images hold NaN or infinities.
    pub tiles: Vec<Tile>,
}

/// Compares `candidate` with `reference`, the whole images or `roi`.
///
/// # Errors
/// Different shapes, and a region that is not within the image. Non-finite values are counted, and leave every other
/// number undefined.
pub fn measure(
    reference: &Array2,
    candidate: &Array2,
    roi: Option<Roi>,
) -> Result<(Comparison, Maps), CompareError> {
    let pair = Pair::new(reference, candidate, roi)?;
    Ok(if pair.single() { run::<f32>(&pair) } else { run::<f64>(&pair) })
}

/// The firm peaks of an image (fast, slow), in no order of brightness.
#[must_use]
pub fn firm_peaks(image: &Array2) -> Vec<[usize; 2]> {
    let Ok(pair) = Pair::new(image, image, None) else { return Vec::new() };
    let list = |first: First, find: fn(&Pair<'_>, &First, f64) -> Vec<[usize; 2]>| {
        let floor = PEAK_FLOOR * f64::from(first.top);
        if first.finite { find(&pair, &first, floor) } else { Vec::new() }
    };
    if pair.single() {
        list(first::pass::<f32>(&pair), peaks::positions::<f32>)
    } else {
        list(first::pass::<f64>(&pair), peaks::positions::<f64>)
    }
}

fn run<T: Pixel>(pair: &Pair<'_>) -> (Comparison, Maps) {
    let first = first::pass::<T>(pair);
    let pixels = pair.shape().values();
    let unscaled = 1.0 / pair.scale;
    let mut out = Comparison {
        pixels,
        differing: first.differing,
        reference_sum: first.total.a * unscaled,
        candidate_sum: first.total.b * unscaled,
        reference_max: f64::from(first.max_a) * unscaled,
        candidate_max: f64::from(first.max_b) * unscaled,
        ..Comparison::default()
    };
    if !first.finite {
        let [bad_a, bad_b] = non_finite::<T>(pair);
        (out.reference_non_finite, out.candidate_non_finite) = (bad_a, bad_b);
        // sums over NaN say nothing
        (out.reference_sum, out.candidate_sum) = (0.0, 0.0);
        return (out, Maps::default());
    }
    let plan = plan(&first, pixels as f64);
    let second = second::pass::<T>(pair, &plan);
    contract(&mut out, &first, &second, &plan);
    out.worst = second.worst.map(|w| {
        let index = (pair.roi.y0 + w.y) * pair.a.width() + pair.roi.x0 + w.x;
        let (reference, candidate) = (pair.a.get(index), pair.b.get(index));
        Worst { index, reference, candidate, relative_error: f64::from(w.error) }
    });
    let (tiles, maps) = tiles(pair, &first);
    let max_abs = first.cells.iter().fold(0.0, |m, c| c.difference.max(m));
    let profile = first.rings.profile(pair.scale);
    let (error, slope) = radial::figures(&profile, RING_FLOOR);
    let sigma = second.all.sigma();
    let rmse = (second.squares / pixels as f64).sqrt();
    let quantile = |q| second.errors.quantile(q);
    let lit = first.top > 0.0;
    out.extended = Some(Extended {
        shape: pair.a.shape(),
        roi: pair.roi,
        arcsinh_scale: plan.scale * unscaled,
        arcsinh_one_minus_correlation: second.arcsinh.one_minus_correlation(1.0),
        bright_cut: plan.bright * unscaled,
        dim_pixels: second.dim.n as usize,
        dim_one_minus_correlation: second.dim.one_minus_correlation(plan.ratio),
        dim_spread: second.dim.spread(plan.dim_mean),
        rmse_over_sigma: (out.correlation.is_some() && sigma > 0.0).then(|| rmse / sigma),
        max_abs: f64::from(max_abs) * unscaled,
        relative_error: Quantiles {
            floor: plan.floor * unscaled,
            p50: quantile(0.5).filter(|_| lit),
            p90: quantile(0.9).filter(|_| lit),
            p99: quantile(0.99).filter(|_| lit),
            p999: quantile(0.999).filter(|_| lit),
            max: lit.then(|| second.worst.map_or(0.0, |w| f64::from(w.error))),
        },
        vanished: Vanished {
            pixels: second.vanished,
            at: second.vanished_at.map(|[x, y]| [pair.roi.x0 + x, pair.roi.y0 + y]),
        },
        ulp: Steps {
            p50: second.steps.quantile(0.5),
            p99: second.steps.quantile(0.99),
            max: second.most_steps,
        },
        local_error: local_error(pair, &first, unscaled),
        tiles,
        radial: Radial { error, slope, profile },
        peaks: peaks::compare::<T>(pair, &first.cells, first.cells_across, PEAK_FLOOR * f64::from(first.top)),
    });
    (out, maps)
}

/// The numbers of the contract and their neighbours.
fn contract(out: &mut Comparison, first: &First, second: &Second, plan: &Plan) {
    out.one_minus_correlation = second.all.one_minus_correlation(plan.ratio);
    out.correlation = out.one_minus_correlation.map(|miss| 1.0 - miss);
    if first.total.a != 0.0 {
        out.sum_ratio = Some(first.total.b / first.total.a);
        out.rmse_over_mean = Some((second.squares / out.pixels as f64).sqrt() / plan.mean.abs());
    }
    if first.total.abs_a > 0.0 {
        out.relative_l1 = Some(first.total.abs_d / first.total.abs_a);
    }
}

/// Scales for the second pass.
fn plan(first: &First, pixels: f64) -> Plan {
    let histogram: &Histogram = &first.histogram;
    let (sum_a, sum_b) = (first.total.a, first.total.b);
    let ratio = if sum_a != 0.0 && sum_b != 0.0 { sum_b / sum_a } else { 1.0 };
    let keep = (pixels - (BRIGHTEST * pixels).floor()).max(1.0) as u64;
    let bright = histogram.at_rank(keep - 1).unwrap_or(f32::MAX);
    // the whole bin of that rank stays: no pixel is taken out that shares it
    let bright =
        f32::from_bits(if bright >= 0.0 { bright.to_bits() | 0xffff } else { bright.to_bits() & !0xffff });
    let top = f64::from(first.top);
    let scale = f64::from(histogram.median_magnitude().unwrap_or(1.0)).max(1e-12 * top);
    let scale = if scale > 0.0 { scale } else { 1.0 };
    Plan {
        mean: sum_a / pixels,
        ratio,
        offset: sum_b / pixels - ratio * (sum_a / pixels),
        bright: f64::from(bright),
        dim_mean: histogram.rough_mean(bright, |v| v),
        scale,
        arcsinh_mean: histogram.rough_mean(f32::MAX, |v| super::arcsinh::arcsinh(v / scale)),
        floor: FLOOR * top,
        zeros: histogram.near_zero() > 0,
        lit: LIT * top,
    }
}

fn local_error(pair: &Pair<'_>, first: &First, unscaled: f64) -> LocalError {
    let floor = FLOOR * f64::from(first.top);
    let (mut most, mut at, mut above) = (0.0, 0, 0);
    for (i, cell) in first.cells.iter().enumerate() {
        if cell.difference > 0.0 {
            let error = f64::from(cell.difference) / f64::from(cell.top).max(floor);
            above += usize::from(error > 1e-3);
            if error > most {
                (most, at) = (error, i);
            }
        }
    }
    let (x, y) = (at % first.cells_across * CELL, at / first.cells_across * CELL);
    LocalError {
        floor: floor * unscaled,
        max: (first.top > 0.0).then_some(most),
        at: [pair.roi.x0 + x, pair.roi.y0 + y],
        cells_above_1e_3: above,
    }
}

fn tiles(pair: &Pair<'_>, first: &First) -> (Tiles, Maps) {
    let across = pair.shape().width.div_ceil(TILE);
    let down = first.tiles.len() / across;
    let floor = FLOOR * first.total.abs_a / first.tiles.len() as f64;
    let unscaled = 1.0 / pair.scale;
    let tile = |s: &first::Sums| {
        let over = s.abs_a.max(floor);
        let divided = |v: f64| if v == 0.0 { 0.0 } else { v / over };
        let (difference, photons) = ((s.b - s.a) * unscaled, (s.a * unscaled).max(1.0));
        Tile { sum_error: divided(s.b - s.a), l1: divided(s.abs_d), z: difference / photons.sqrt() }
    };
    let maps = Maps { across, tiles: first.tiles.iter().map(tile).collect() };
    let worst = |of: fn(&Tile) -> f64| {
        let (at, value) = maps
            .tiles
            .iter()
            .map(of)
            .map(f64::abs)
            .enumerate()
            .fold((0, 0.0), |best, (i, v)| if v > best.1 || v.is_nan() { (i, v) } else { best });
        (value, [pair.roi.x0 + at % across * TILE, pair.roi.y0 + at / across * TILE])
    };
    let lit = first.total.abs_a > 0.0;
    let (sum_error, sum_error_at) = worst(|t| t.sum_error);
    let (l1, l1_at) = worst(|t| t.l1);
    let (z, z_at) = worst(|t| t.z);
    let tiles = Tiles {
        across,
        down,
        floor: floor * unscaled,
        sum_error: lit.then_some(sum_error),
        sum_error_at,
        l1: lit.then_some(l1),
        l1_at,
        z,
        z_at,
    };
    (tiles, maps)
}

fn non_finite<T: Pixel>(pair: &Pair<'_>) -> [usize; 2] {
    let mut bad = [0, 0];
    for y in 0..pair.shape().height {
        let rows = T::rows(pair, y, 1);
        let (a, b) = rows.row(0);
        bad[0] += a.iter().filter(|v| !v.wide().is_finite()).count();
        bad[1] += b.iter().filter(|v| !v.wide().is_finite()).count();
    }
    bad
}
