//! Numbers that compare two images. No thresholds here: what is good enough is the business of the gates.
//!
//! All sums are f64, in two passes (means first, then centred products), over rows of 64-pixel tiles that are added in
//! a fixed order, so that every digit is the same for any number of threads. The images are read strip by strip:
//! besides them, a comparison needs 16 bytes for every 64 pixels.

mod arcsinh;
mod basic;
mod extended;
mod first;
mod histogram;
mod names;
mod peaks;
mod radial;
mod second;
#[cfg(test)]
mod tests;
mod view;
mod wide;

pub use basic::compare;
pub use extended::{
    Extended, LocalError, Maps, Quantiles, Radial, Steps, Tile, Tiles, Vanished, firm_peaks, measure,
};
pub use first::{CELL, TILE};
pub use names::{Metric, metric, metrics};
pub use peaks::Peaks;
pub use radial::Ring;
pub use view::Roi;

use crate::formats::Shape;
use serde::{Deserialize, Serialize};

/// Where two images differ most, by relative error.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Worst {
    /// Index into the image (slow · width + fast).
    pub index: usize,
    /// The reference's value there.
    pub reference: f64,
    /// The candidate's value there.
    pub candidate: f64,
    /// |candidate − reference| / |reference|.
    pub relative_error: f64,
}

/// How two images of the same shape compare. What is undefined (a constant image has no correlation) is absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Comparison {
    /// Values in each image.
    pub pixels: usize,
    /// NaN or infinite values in the reference.
    pub reference_non_finite: usize,
    /// NaN or infinite values in the candidate.
    pub candidate_non_finite: usize,
    /// Values that differ (0 and −0 do not).
    pub differing: usize,
    /// Pearson correlation.
    pub correlation: Option<f64>,
    /// 1 − correlation, computed without cancellation.
    pub one_minus_correlation: Option<f64>,
    /// Σ candidate / Σ reference.
    pub sum_ratio: Option<f64>,
    /// Σ reference.
    pub reference_sum: f64,
    /// Σ candidate.
    pub candidate_sum: f64,
    /// Largest value of the reference.
    pub reference_max: f64,
    /// Largest value of the candidate.
    pub candidate_max: f64,
    /// Σ|candidate − reference| / Σ|reference|.
    pub relative_l1: Option<f64>,
    /// Root mean square of the difference over the mean of the reference.
    pub rmse_over_mean: Option<f64>,
    /// The largest relative error among pixels that are not nearly 0.
    pub worst: Option<Worst>,
    /// What needs the shape of the image; absent when only lists of values were compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extended: Option<Extended>,
}

/// Why two images cannot be compared at all.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CompareError {
    /// Different shapes.
    #[error("shapes differ: the reference has {reference}, the candidate {candidate}")]
    Shape {
        /// Of the reference.
        reference: String,
        /// Of the candidate.
        candidate: String,
    },
    /// No values.
    #[error("the images are empty")]
    Empty,
    /// A region of interest that is empty or outside.
    #[error("the region of interest {} {} {} {} does not lie within the image of {shape} pixels", roi.x0, roi.x1, roi.y0, roi.y1)]
    Roi {
        /// The region (ends left out).
        roi: Roi,
        /// The image.
        shape: Shape,
    },
}
