//! A tap on the sum over a pixel: it is shown every intermediate value by the code that renders, so that what is
//! printed is what was computed. The empty tap costs nothing.

use super::beam::Source;
use super::spindle::Orientation;
use super::vector::Vec3;

/// One sub-pixel in one layer of the sensor.
#[derive(Clone, Copy, Debug)]
pub struct SubPixel {
    /// Layer of the sensor.
    pub layer: u32,
    /// Sub-pixel along slow.
    pub sub_s: u32,
    /// Sub-pixel along fast.
    pub sub_f: u32,
    /// Position in the laboratory, m.
    pub position: Vec3,
    /// Distance from the crystal, m.
    pub distance: f64,
    /// Unit vector from the crystal to the sub-pixel.
    pub diffracted: Vec3,
    /// Solid angle of the pixel as seen from here, sr.
    pub omega: f64,
    /// Fraction that the layer captures.
    pub capture: f64,
}

/// One source as seen by a sub-pixel.
#[derive(Clone, Copy, Debug)]
pub struct Scattering<'a> {
    /// Number of the source.
    pub index: usize,
    /// The source.
    pub source: &'a Source,
    /// Scattering vector, 1/m.
    pub q: Vec3,
    /// Polarization factor in force; `None` where the source is skipped, finer than the resolution limit.
    pub polarization: Option<f64>,
}

/// One term of the sum.
#[derive(Clone, Copy, Debug)]
pub struct Term<'a> {
    /// Number of the spindle step.
    pub phi_step: usize,
    /// Number of the mosaic domain.
    pub domain: usize,
    /// Spindle angle and cell vectors.
    pub orientation: &'a Orientation,
    /// Fractional Miller indices.
    pub hkl: [f64; 3],
    /// Nearest integers.
    pub nearest: [f64; 3],
    /// Structure factor of the cell.
    pub f_cell: f64,
    /// Lattice transform.
    pub f_latt: f64,
    /// What is added to the sum.
    pub term: f64,
    /// The sum with it.
    pub sum: f64,
}

/// What becomes of the sum.
#[derive(Clone, Copy, Debug)]
pub struct PixelTotal {
    /// Photons per steradian of the water, wherever they are added.
    pub background: f64,
    /// The sum over all terms.
    pub sum: f64,
    /// r_e²·fluence / steps, times the factors that are applied at the end.
    pub scale: f64,
    /// Photons.
    pub value: f64,
}

/// Receives the intermediate values of one pixel in the order in which they come about.
pub trait Tap {
    /// A sub-pixel begins.
    #[inline]
    fn sub_pixel(&mut self, _: &SubPixel) {}
    /// A source begins, or is skipped.
    #[inline]
    fn scattering(&mut self, _: &Scattering) {}
    /// A term was added.
    #[inline]
    fn term(&mut self, _: &Term) {}
    /// The pixel is done.
    #[inline]
    fn total(&mut self, _: &PixelTotal) {}
}

/// Looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTap;

impl Tap for NoTap {}
