//! The metrics by the names that gates, tables and the command line use.

use super::{Comparison, Extended};

/// A named number of a comparison.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Whether more is better (a correlation, a recall); else less is.
    pub more_is_better: bool,
    get: fn(&Comparison) -> Option<f64>,
}

impl Metric {
    /// Its value; `None` when undefined.
    #[must_use]
    pub fn of(&self, comparison: &Comparison) -> Option<f64> {
        (self.get)(comparison)
    }
}

/// The metric of a name.
#[must_use]
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.name == name)
}

/// All metrics that a gate can be put on, in the order of tables.
#[must_use]
pub fn metrics() -> &'static [Metric] {
    METRICS
}

fn x(c: &Comparison) -> Option<&Extended> {
    c.extended.as_ref()
}

macro_rules! less {
    ($name:literal, $about:literal, $get:expr) => {
        Metric { name: $name, about: $about, more_is_better: false, get: $get }
    };
}
macro_rules! more {
    ($name:literal, $about:literal, $get:expr) => {
        Metric { name: $name, about: $about, more_is_better: true, get: $get }
    };
}

const METRICS: &[Metric] = &[
    more!("correlation", "Pearson correlation", |c| c.correlation),
    less!("|sum_ratio - 1|", "|Σ candidate / Σ reference − 1|", |c| c.sum_ratio.map(|r| (r - 1.0).abs())),
    more!("sum_ratio", "Σ candidate / Σ reference", |c| c.sum_ratio),
    less!("arcsinh_miss", "1 − correlation of arcsinh(I/s): weak and strong pixels alike", |c| x(c)?
        .arcsinh_one_minus_correlation),
    less!("dim_miss", "1 − correlation without the brightest 0.1 %", |c| x(c)?.dim_one_minus_correlation),
    less!("relative_l1", "Σ|difference| / Σ|reference|", |c| c.relative_l1),
    less!("tile_sum_error", "worst tile: |Σ candidate − Σ reference| / Σ|reference|", |c| x(c)?
        .tiles
        .sum_error),
    less!("tile_l1", "worst tile: Σ|difference| / Σ|reference|", |c| x(c)?.tiles.l1),
    less!("tile_z", "worst tile: |difference of the sums| in units of counting noise", |c| Some(
        x(c)?.tiles.z
    )),
    less!("local_error", "largest |difference| over the brightest pixel of its 8 × 8 cell", |c| x(c)?
        .local_error
        .max),
    less!("vanished_pixels", "pixels that are exactly 0 in one image alone", |c| Some(
        x(c)?.vanished.pixels as f64
    )),
    less!("relative_error_p50", "relative error that half of the lit pixels do not exceed", |c| x(c)?
        .relative_error
        .p50),
    less!("relative_error_p90", "relative error that 90 % of the lit pixels do not exceed", |c| x(c)?
        .relative_error
        .p90),
    less!("relative_error_p99", "relative error that 99 % of the lit pixels do not exceed", |c| x(c)?
        .relative_error
        .p99),
    less!("relative_error_p999", "relative error that 99.9 % of the lit pixels do not exceed", |c| x(c)?
        .relative_error
        .p999),
    less!("relative_error_max", "largest relative error", |c| x(c)?.relative_error.max),
    less!("ulp_p50", "f32 numbers between the values, half of the pixels", |c| x(c)?.ulp.p50.map(f64::from)),
    less!("ulp_p99", "f32 numbers between the values, 99 % of the pixels", |c| x(c)?.ulp.p99.map(f64::from)),
    less!("ulp_max", "f32 numbers between the values, largest", |c| Some(f64::from(x(c)?.ulp.max))),
    less!("max_abs_difference", "largest |difference|", |c| Some(x(c)?.max_abs)),
    less!("rmse_over_mean", "root mean square difference over the mean", |c| c.rmse_over_mean),
    less!("rmse_over_sigma", "root mean square difference over the standard deviation", |c| x(c)?
        .rmse_over_sigma),
    less!("radial_error", "worst ring around the centre: |ratio − 1|", |c| x(c)?.radial.error),
    less!("radial_slope", "|change of the ratio from the centre to the corner|", |c| x(c)?
        .radial
        .slope
        .map(f64::abs)),
    more!("peak_recall", "share of the reference's peaks that the candidate has", |c| x(c)?.peaks.recall),
    more!("peak_precision", "share of the candidate's peaks that the reference has", |c| x(c)?
        .peaks
        .precision),
    less!("peak_offset", "largest distance of a peak's centroids, pixels", |c| x(c)?.peaks.offset_max),
    less!("peak_offset_median", "median distance of the peaks' centroids, pixels", |c| x(c)?
        .peaks
        .offset_median),
    less!("peak_intensity_error", "worst peak: |ratio of the 5 × 5 sums − 1|", |c| x(c)?
        .peaks
        .intensity_max),
    less!("peak_intensity_error_median", "median peak: |ratio of the 5 × 5 sums − 1|", |c| x(c)?
        .peaks
        .intensity_median),
];
