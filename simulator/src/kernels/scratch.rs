//! Numbers of a block of pixels, kept from block to block.

use super::aligned::Aligned;
use super::combos::{ANCHORED, ANCHORS, Coefficients, Start};
use super::entry::FactorKind;
use super::factor::Cells;
use super::plan::Plan;
use super::slim::Row;

/// Pixels of a block: the coordinates of all its samples stay in the first level of the cache.
pub(crate) const BLOCK: usize = 512;
/// Combinations that are taken at a time, so that their coefficients stay in the cache as well.
pub(crate) const CHUNK: usize = 96;
/// Pixels of a part of a block in f32.
pub(crate) const PART: usize = ANCHORS * ANCHORED;

/// Numbers of a block, one for each pixel unless it says otherwise. Kept from block to block.
#[derive(Debug)]
pub(crate) struct Scratch<const K: usize> {
    pub(crate) coefficients: Vec<Coefficients<f64, K>>,
    /// The same in f32.
    pub(crate) narrow_coefficients: Vec<Coefficients<f32, K>>,
    /// Starts of a chunk at the anchors of a part.
    pub(crate) narrow_starts: Vec<Start<f32, ANCHORS>>,
    pub(crate) coordinates: [Aligned<f64>; K],
    pub(crate) narrow: [Aligned<f32>; K],
    /// 1/R.
    pub(crate) inverse: Aligned<f64>,
    /// A sum over combinations.
    pub(crate) terms: Aligned<f64>,
    pub(crate) narrow_terms: Aligned<f32>,
    /// The sum so far.
    pub(crate) sum: Aligned<f64>,
    /// Ω·P in f32.
    pub(crate) narrow_factor: Aligned<f32>,
    /// Solid angle of this sample, and of the first.
    pub(crate) omega: Aligned<f64>,
    pub(crate) first_omega: Aligned<f64>,
    /// Polarization factor of this source, and of the first that was not skipped; 0 as long as all were.
    pub(crate) polarization: Aligned<f64>,
    pub(crate) first_polarization: Aligned<f64>,
    /// Capture fraction of this sample, and of the first of its layer.
    pub(crate) capture: Aligned<f64>,
    pub(crate) first_capture: Aligned<f64>,
    pub(crate) weight: Aligned<f64>,
    pub(crate) running: Aligned<f64>,
    /// Interpolated sums of some rows of a tile.
    pub(crate) strip: Vec<f64>,
    pub(crate) narrow_strip: Vec<f32>,
    /// For each vector, bits of its pixels.
    pub(crate) latched: Vec<u32>,
    pub(crate) active: Vec<u32>,
    /// Interpolation had ended before the pixel.
    pub(crate) before: Vec<u32>,
    /// Sampled, and within the resolution limit.
    pub(crate) sampled: Vec<u32>,
    /// Polynomials of the cells between structure factors.
    pub(crate) cells: Cells<f64>,
    pub(crate) narrow_cells: Cells<f32>,
    /// Where the last coordinate's coefficients were set for.
    pub(crate) line: Option<[u64; 3]>,
    /// The row or sub-row that was rendered last, and its place along slow.
    pub(crate) row: Option<([usize; 2], Row<K>)>,
    /// Whether nothing was added to the raw sums yet.
    pub(crate) empty: bool,
}

impl<const K: usize> Scratch<K> {
    /// For one thread.
    pub(crate) fn new(plan: &Plan<K>) -> Scratch<K> {
        let numbers = || Aligned::zeros(BLOCK);
        let narrow = || Aligned::zeros(if plan.narrow { BLOCK } else { 0 });
        Scratch {
            coefficients: plan.coefficients.clone(),
            narrow_coefficients: plan
                .coefficients
                .iter()
                .take(if plan.narrow { usize::MAX } else { 0 })
                .map(|of| of.map(|axes| axes.map(|x| x as f32)))
                .collect(),
            narrow_starts: vec![Start::zero(); if plan.narrow { plan.starts.len().min(CHUNK) } else { 0 }],
            coordinates: std::array::from_fn(|_| numbers()),
            narrow: std::array::from_fn(|_| narrow()),
            inverse: numbers(),
            terms: numbers(),
            narrow_terms: narrow(),
            sum: numbers(),
            narrow_factor: narrow(),
            omega: numbers(),
            first_omega: numbers(),
            polarization: numbers(),
            first_polarization: numbers(),
            capture: numbers(),
            first_capture: numbers(),
            weight: numbers(),
            running: numbers(),
            strip: Vec::new(),
            narrow_strip: Vec::new(),
            latched: vec![0; BLOCK],
            active: vec![0; BLOCK],
            before: vec![0; BLOCK],
            sampled: vec![0; BLOCK],
            cells: Cells::new(plan.kind == FactorKind::Tricubic && !plan.narrow),
            narrow_cells: Cells::new(plan.kind == FactorKind::Tricubic && plan.narrow),
            line: None,
            row: None,
            empty: true,
        }
    }
}
