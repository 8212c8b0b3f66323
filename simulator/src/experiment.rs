//! What is simulated. Nothing is computed here: a field that is `None` is left to the default rule of its part of
//! the physics. Lengths are in metres and angles in radians unless a field says otherwise.

use crate::oddities::Oddities;
use crate::physics::structure_factor::HklGrid;
use crate::physics::vector::Vec3;
use std::sync::Arc;

/// A crystal in a beam before a detector, and how finely each is sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experiment {
    /// What scatters.
    pub crystal: Crystal,
    /// What is scattered.
    pub beam: Beam,
    /// What is hit.
    pub detector: Detector,
    /// Rotation, sub-pixels, the part of the image that is computed.
    pub sampling: Sampling,
    /// Which of nanoBragg's oddities are reproduced.
    pub oddities: Oddities,
}

/// The crystal: its cell, orientation, size, shape, structure factors, mosaic spread, and the water around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Crystal {
    /// Unit cell.
    pub cell: Option<Cell>,
    /// Orientation matrix: row 1 holds the x components of a*, b*, c*, row 2 the y, row 3 the z; to be divided by
    /// the wavelength in Å.
    pub matrix: Option<[[f64; 3]; 3]>,
    /// A further rotation.
    pub misset: Misset,
    /// Unit cells along a, b, c (default: 1).
    pub cells: [Option<u32>; 3],
    /// Size along x, y, z, which takes the place of `cells`.
    pub size: [Option<f64>; 3],
    /// Shape of the lattice transform.
    pub shape: Shape,
    /// Factor on the argument of the round, Gaussian and top-hat shapes (default: 1).
    pub fudge: f64,
    /// Structure factor of every reflection that is not in `structure_factors`, electrons (default: 0).
    pub default_f: f64,
    /// Structure factors by Miller index.
    pub structure_factors: Option<Arc<HklGrid>>,
    /// Whether structure factors are interpolated between Miller indices.
    pub interpolate: Option<bool>,
    /// Mosaic spread.
    pub mosaic_spread: Option<f64>,
    /// Number of mosaic domains.
    pub mosaic_domains: Option<u32>,
    /// Seed of the domains (default: 12345678).
    pub mosaic_seed: i64,
    /// Thickness of the water that scatters along (default: 0).
    pub water: f64,
}

/// A unit cell: edges in Å, angles in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Edges a, b, c in Å.
    pub edges: [f64; 3],
    /// Angles α, β, γ in degrees.
    pub angles: [f64; 3],
}

/// A rotation of the crystal away from its orientation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Misset {
    /// None.
    None,
    /// About x, then y, then z.
    Angles([f64; 3]),
    /// To a random orientation.
    Random {
        /// Seed of the random numbers.
        seed: i64,
    },
}

/// Shape of the lattice transform, after the shape of the crystal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A parallelepiped of unit cells.
    Square,
    /// An ellipsoid.
    Round,
    /// Gaussian spots.
    Gauss,
    /// Spots of constant value with a sharp edge.
    Tophat,
}

/// A range that is sampled: two of the three, or one, or none may be left to the default rules.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steps {
    /// Full range.
    pub range: Option<f64>,
    /// Distance of two steps.
    pub step: Option<f64>,
    /// Number of steps.
    pub count: Option<u32>,
}

/// The beam: wavelength, strength, polarization, spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    /// Wavelength (default: 1 Å).
    pub wavelength: f64,
    /// Photons/m² (default: 1.25932015286227086e29).
    pub fluence: f64,
    /// Photons/s; when not 0, fluence = flux·exposure/size².
    pub flux: f64,
    /// Seconds (default: 1).
    pub exposure: f64,
    /// Edge of the beam (default: 0.1 mm); limits the crystal too.
    pub size: f64,
    /// Kahn's polarization factor (default: 0); `None` leaves the polarization factor out.
    pub polarization: Option<f64>,
    /// Spectral width as a fraction of the wavelength.
    pub dispersion: Steps,
    /// Horizontal divergence.
    pub horizontal_divergence: Steps,
    /// Vertical divergence.
    pub vertical_divergence: Steps,
    /// Whether the corners of the two divergences are left out (default: true).
    pub round_divergence: bool,
    /// Explicit sources, which take the place of divergence and dispersion.
    pub sources: Option<Arc<[SourceLine]>>,
    /// Resolution beyond which a source does not count, m.
    pub dmin: f64,
}

/// One line of a source file; what is `None` has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SourceLine {
    /// Position; default 10 m before the crystal.
    pub position: [Option<f64>; 3],
    /// Weight; default 1.
    pub weight: Option<f64>,
    /// Wavelength; default that of the beam.
    pub wavelength: Option<f64>,
}

/// Who fixes the meaning of the beam centre and the axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// MOSFLM.
    Mosflm,
    /// DENZO.
    Denzo,
    /// ADXV.
    Adxv,
    /// XDS.
    Xds,
    /// DIALS.
    Dials,
    /// Vectors given one by one.
    Custom,
}

/// What stays in place when the detector turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pivot {
    /// The crystal.
    Sample,
    /// The point where the direct beam hits.
    Beam,
}

/// The detector: pixels, place, orientation, sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    /// Along the beam (default: 100 mm).
    pub distance: f64,
    /// Along the normal.
    pub close_distance: Option<f64>,
    /// Size along fast and slow (default: 102.4 mm).
    pub size: [f64; 2],
    /// Pixels along fast and slow; sets the size.
    pub pixels: [Option<u32>; 2],
    /// Edge of a pixel (default: 0.1 mm).
    pub pixel: f64,
    /// Direct beam X, Y in the sense of the convention.
    pub beam_centre: [Option<f64>; 2],
    /// Xclose, Yclose.
    pub close: [Option<f64>; 2],
    /// ORGX, ORGY: the nearest point in pixels, after XDS.
    pub origin_pixels: [Option<f64>; 2],
    /// Rotations about x, y, z.
    pub rotation: [f64; 3],
    /// Swing about the 2θ axis.
    pub twotheta: f64,
    /// The pivot that was asked for last.
    pub pivot: Option<Pivot>,
    /// Convention (default: MOSFLM).
    pub convention: Convention,
    /// Vectors of the convention `Custom`.
    pub vectors: CustomVectors,
    /// Pixels on a sphere about the crystal.
    pub curved: bool,
    /// Solid angle 1/R², as of a pixel that is a point.
    pub point_pixel: bool,
    /// Absorption depth of the sensor; infinite or 0: no thickness.
    pub absorption_depth: Option<f64>,
    /// Thickness of the sensor.
    pub thickness: Option<f64>,
    /// Layers of the sensor.
    pub layers: Option<u32>,
}

/// Vectors that were given; those that were not have the default of the convention `Custom`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CustomVectors {
    /// Direction of the beam.
    pub beam: Option<Vec3>,
    /// Fast axis.
    pub fast: Option<Vec3>,
    /// Slow axis.
    pub slow: Option<Vec3>,
    /// Normal.
    pub normal: Option<Vec3>,
    /// Axis of the 2θ swing.
    pub twotheta_axis: Option<Vec3>,
    /// Direction of the E-vector.
    pub polar: Option<Vec3>,
    /// Spindle axis.
    pub spindle: Option<Vec3>,
    /// Corner of the detector, m.
    pub pix0: Option<Vec3>,
}

/// Rotation, sub-pixels and the part of the image that is computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// Spindle angle at the start.
    pub phi: f64,
    /// Rotation during the exposure.
    pub oscillation: Steps,
    /// Sub-pixels along each axis of a pixel.
    pub oversample: Option<u32>,
    /// Capture fraction for every sub-pixel.
    pub oversample_thick: bool,
    /// Polarization for every sub-pixel.
    pub oversample_polar: bool,
    /// Solid angle for every sub-pixel.
    pub oversample_omega: bool,
    /// First and last fast pixel, first and last slow pixel, inclusive.
    pub roi: Option<[u32; 4]>,
    /// Slow-major; pixels that are `false` are skipped.
    pub mask: Option<Arc<[bool]>>,
}

impl Default for Crystal {
    fn default() -> Crystal {
        Crystal {
            cell: None,
            matrix: None,
            misset: Misset::None,
            cells: [None; 3],
            size: [None; 3],
            shape: Shape::Square,
            fudge: 1.0,
            default_f: 0.0,
            structure_factors: None,
            interpolate: None,
            mosaic_spread: None,
            mosaic_domains: None,
            mosaic_seed: 12345678,
            water: 0.0,
        }
    }
}

impl Default for Beam {
    fn default() -> Beam {
        Beam {
            wavelength: 1e-10,
            fluence: 1.2593201528622709e29,
            flux: 0.0,
            exposure: 1.0,
            size: 1e-4,
            polarization: Some(0.0),
            dispersion: Steps::default(),
            horizontal_divergence: Steps::default(),
            vertical_divergence: Steps::default(),
            round_divergence: true,
            sources: None,
            dmin: 0.0,
        }
    }
}

impl Default for Detector {
    fn default() -> Detector {
        Detector {
            distance: 0.1,
            close_distance: None,
            size: [0.1024; 2],
            pixels: [None; 2],
            pixel: 0.1e-3,
            beam_centre: [None; 2],
            close: [None; 2],
            origin_pixels: [None; 2],
            rotation: [0.0; 3],
            twotheta: 0.0,
            pivot: None,
            convention: Convention::Mosflm,
            vectors: CustomVectors::default(),
            curved: false,
            point_pixel: false,
            absorption_depth: None,
            thickness: None,
            layers: None,
        }
    }
}

impl Cell {
    /// From edges in Å and angles in degrees.
    pub fn new(a: f64, b: f64, c: f64, alpha: f64, beta: f64, gamma: f64) -> Cell {
        Cell { edges: [a, b, c], angles: [alpha, beta, gamma] }
    }
}
