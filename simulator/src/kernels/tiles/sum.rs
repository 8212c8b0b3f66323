//! The sum that is interpolated: what of a model it depends on, and whether it is band-limited at all.

use super::Tile;
use super::bound::{Bundle, Patch, bundles};
use crate::experiment::Shape;
use crate::physics::Model;
use crate::physics::model::Applied;
use crate::physics::vector::Vec3;

/// Why a tile, or a whole image, is summed pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Direct {
    /// Nobody wants them.
    #[error("--tiles off")]
    Unwanted,
    /// The sum is not band-limited: its values have edges or cusps.
    #[error("only the square shape is band-limited")]
    Shape,
    /// Structure factors jump from reflection to reflection.
    #[error("structure factors differ from reflection to reflection")]
    StructureFactors,
    /// Not a plane.
    #[error("the detector is curved")]
    Curved,
    /// Sources come and go from pixel to pixel.
    #[error("-dmin leaves sources out")]
    Resolution,
    /// Terms have factors of their own.
    #[error("a correction is applied to every term or sub-pixel")]
    Factors,
    /// The same, of a correction that is left out: the kernels still ask for it there.
    #[error("polarization would be applied to every term, although it is left out")]
    Polarization,
    /// What is multiplied is the sum so far.
    #[error("the sum is multiplied after every term (oddity compounded-oversample)")]
    Running,
    /// Sources do not count alike.
    #[error("sources have weights of their own")]
    Weights,
    /// What the sensor captures changes within a pixel.
    #[error("the sensor has a thickness: each sample has a capture fraction of its own")]
    Layers,
    /// The background does not go through what the sum goes through.
    #[error("the background of water is added beside the sum (without oddity background-scaling)")]
    Background,
    /// Last digits would show.
    #[error("on a background of water the image shows digits that f32 does not have")]
    BackgroundInF32,
    /// Numbers that no bound can be made of.
    #[error("a direction of the detector or a wavelength is degenerate")]
    Degenerate,
    /// No number of nodes is proven to be enough.
    #[error("no number of nodes is proven to be enough")]
    Unproven,
    /// Rounding alone is above the tolerance.
    #[error("rounding alone would be above the tolerance")]
    Rounding,
    /// The sum is 0, or not a number, wherever it was looked at.
    #[error("the sum is nowhere known to be above 0")]
    Dark,
    /// As many nodes as sub-pixels, or nearly.
    #[error("summing pixel by pixel is faster")]
    Cheaper,
}

/// The sum over layers and combinations of source, spindle step and domain of the square of the lattice transform, as a
/// function of the place on a flat detector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sum {
    /// Unit cells along a, b, c.
    pub(crate) cells: [f64; 3],
    /// Orientations and wavelengths.
    pub(crate) bundles: Vec<Bundle>,
    /// Number of combinations of source, spindle step and domain.
    pub(crate) combinations: f64,
    /// Sum of the absolute weights of all combinations; the number of them where each counts as 1.
    pub(crate) weight: f64,
    /// Layers.
    pub(crate) layers: f64,
    /// Depth of the last layer.
    pub(crate) depth: f64,
    /// Fast axis, slow axis, normal and corner.
    pub(crate) fast: Vec3,
    /// Slow axis.
    pub(crate) slow: Vec3,
    /// Normal.
    pub(crate) normal: Vec3,
    /// Corner of the first pixel, m.
    pub(crate) corner: Vec3,
    /// Edge of a pixel, m.
    pub(crate) pixel: f64,
    /// Pixels along fast and slow.
    pub(crate) pixels: [usize; 2],
    /// Sub-pixels along each axis of a pixel.
    pub(crate) oversample: u32,
}

impl Sum {
    /// Of a model, without the structure factor and without what is applied at the end.
    ///
    /// # Errors
    /// Why the image is not band-limited.
    pub(crate) fn new(m: &Model) -> Result<Sum, Direct> {
        let per_term = |applied: Applied, present: bool| present && applied != Applied::AtTheEnd;
        let refusals = [
            (m.lattice.shape != Shape::Square, Direct::Shape),
            (m.grid.is_some(), Direct::StructureFactors),
            (m.geometry.curved, Direct::Curved),
            (m.dmin > 0.0, Direct::Resolution),
            (per_term(m.factors.omega, true), Direct::Factors),
            (per_term(m.factors.polarization, m.polarization.is_some()), Direct::Factors),
            (per_term(m.factors.capture, m.sensor.thickness > 0.0), Direct::Factors),
        ];
        if let Some((_, reason)) = refusals.iter().find(|(refused, _)| *refused) {
            return Err(*reason);
        }
        let mut wavelengths: Vec<f64> = m.sources.iter().map(|source| source.wavelength).collect();
        wavelengths.sort_by(f64::total_cmp);
        wavelengths.dedup();
        let orientations = m.orientations.usual.iter().flatten().count();
        let vectors: Vec<[Vec3; 3]> = wavelengths
            .iter()
            .flat_map(|&wavelength| {
                let scaled = move |v: Vec3| v / wavelength;
                m.orientations.usual.iter().flatten().map(move |o| o.direct.map(scaled))
            })
            .collect();
        let g = &m.geometry;
        let unit = |v: Vec3| (v.norm() - 1.0).abs() < 1e-12;
        let finite = vectors.iter().flatten().all(|v| v.norm().is_finite() && v.norm() > 0.0);
        if !(finite && unit(g.fast) && unit(g.slow) && g.pix0.norm().is_finite()) {
            return Err(Direct::Degenerate);
        }
        let weights = m.sources.iter().map(|s| if m.factors.weighted { s.weight.abs() } else { 1.0 });
        let layers = f64::from(m.sensor.layers);
        Ok(Sum {
            cells: m.lattice.cells.map(|n| n.max(1.0)),
            bundles: bundles(&vectors),
            combinations: (m.sources.len() * orientations) as f64,
            weight: weights.sum::<f64>() * orientations as f64,
            layers,
            depth: m.sensor.step * (layers - 1.0),
            fast: g.fast,
            slow: g.slow,
            normal: g.normal,
            corner: g.pix0,
            pixel: g.pixel,
            pixels: g.pixels,
            oversample: m.oversample,
        })
    }

    /// What the sum would be if all combinations were at a Bragg position; it is nowhere more.
    pub(crate) fn brightest(&self) -> f64 {
        self.weight * self.layers * self.cells.iter().map(|n| n * n).product::<f64>()
    }

    /// The place of a node between −1 and 1 on a tile, in metres from the corner along fast (axis 0) or slow (1).
    #[inline]
    pub(crate) fn position(&self, tile: Tile, axis: usize, node: f64) -> f64 {
        self.pixel * (tile.first[axis] as f64 + (0.5 * tile.pixels[axis] as f64) * (1.0 + node))
    }

    /// A tile for interpolation along fast (axis 0) or slow (1).
    pub(crate) fn patch(&self, tile: Tile, axis: usize) -> Patch {
        let half = [0, 1].map(|axis| 0.5 * self.pixel * tile.pixels[axis] as f64);
        let middle = [0, 1].map(|axis| self.position(tile, axis, 0.0));
        let directions = [self.fast, self.slow];
        Patch {
            centre: self.corner
                + self.fast * middle[0]
                + self.slow * middle[1]
                + self.normal * (0.5 * self.depth),
            along: directions[axis],
            across: directions[1 - axis],
            normal: self.normal,
            half_along: half[axis],
            half_across: half[1 - axis],
            half_depth: 0.5 * self.depth,
        }
    }
}
