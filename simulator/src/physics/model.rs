//! An experiment with every default decided and everything computed that is the same for all pixels.

use super::absorption::Sensor;
use super::beam::{self, Axes, Rays, Source, Spread};
use super::crystal::{self, CrystalError};
use super::detector::{Geometry, pixel_counts};
use super::kept::{Kept, Same};
use super::lattice::Lattice;
use super::spindle::{Orientations, Turns};
use super::steps::{self, Sampled};
use super::structure_factor::HklGrid;
use super::vector::Matrix3;
use super::{background, intensity, mosaic};
use crate::experiment::Experiment;
use crate::oddities::{Oddities, Oddity};
use crate::units::degrees;
use std::sync::Arc;

/// Positions of pixels are kept as 32-bit numbers in the files of this field.
const MOST_PIXELS: f64 = 2147483647.0;
/// Memory of one source or orientation, bytes, rounded up.
const BYTES_PER_STEP: f64 = 96.0;

/// What is summed over, decided once for the whole image.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The detector.
    pub geometry: Geometry,
    /// Its sensor.
    pub sensor: Sensor,
    /// The crystal at rest.
    pub crystal: crystal::Lattice,
    /// Its lattice transform.
    pub lattice: Lattice,
    /// The sources.
    pub sources: Arc<[Source]>,
    /// How the beam was sampled.
    pub spread: Spread,
    /// The spindle steps.
    pub spindle_steps: Sampled,
    /// Number of mosaic domains.
    pub domains: u32,
    /// The crystal at every spindle step in every domain.
    pub orientations: Arc<Orientations>,
    /// Sub-pixels along each axis.
    pub oversample: u32,
    /// Sub-pixels that the size of the crystal asks for.
    pub recommended_oversample: u32,
    /// Photons/m².
    pub fluence: f64,
    /// Wavelength of the beam, m.
    pub wavelength: f64,
    /// Kahn's factor; `None`: no polarization factor.
    pub polarization: Option<f64>,
    /// Resolution limit, m; 0: none.
    pub dmin: f64,
    /// Structure factor of reflections that are not in the grid.
    pub default_f: f64,
    /// Structure factors.
    pub grid: Option<Arc<HklGrid>>,
    /// Whether structure factors are interpolated.
    pub interpolate: bool,
    /// Photons per steradian of the water.
    pub water: f64,
    /// Whether there is water.
    pub wet: bool,
    /// First and last fast pixel, first and last slow pixel, inclusive.
    pub roi: [usize; 4],
    /// Pixels that are `false` are skipped.
    pub mask: Option<Arc<[bool]>>,
    /// The pixel in which the first pass through the spindle steps happens, where that pass is not as the others.
    pub first_pass: Option<usize>,
    /// How the factors enter the sum.
    pub factors: Factors,
    /// Oddities that are on.
    pub oddities: Oddities,
}

/// Where a factor of the intensity is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Once, at the end, as it was found first (or last).
    AtTheEnd,
    /// To each term, its own.
    PerTerm,
    /// To the running sum after each term.
    ToTheRunningSum,
}

/// How the factors of the intensity are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// Solid angle.
    pub omega: Applied,
    /// Polarization.
    pub polarization: Applied,
    /// Capture fraction.
    pub capture: Applied,
    /// Whether every sub-pixel has its own capture fraction; else it is that of the first of its layer.
    pub capture_everywhere: bool,
    /// Whether terms are weighted by their source.
    pub weighted: bool,
    /// Whether the first sample outside the range ends interpolation for the rest of the run.
    pub latch: bool,
    /// Whether the background is part of the sum.
    pub background_in_sum: bool,
}

/// Why an experiment cannot be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// No crystal.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
    /// No pixels.
    #[error(
        "-detpixels: the detector has {fast:.0} × {slow:.0} pixels; give at least one each way (or a -detsize of at least one -pixel)"
    )]
    NoPixels {
        /// Pixels along fast.
        fast: f64,
        /// Pixels along slow.
        slow: f64,
    },
    /// Too many pixels.
    #[error("-detpixels: {fast:.0} × {slow:.0} pixels need {} for the image alone; the limit is {MOST_PIXELS} pixels", bytes(4.0 * .fast * .slow))]
    TooManyPixels {
        /// Pixels along fast.
        fast: f64,
        /// Pixels along slow.
        slow: f64,
    },
    /// More memory than there is.
    #[error("{what} need {}, but only {} are free; use fewer", bytes(*.needed), bytes(*.free))]
    OutOfMemory {
        /// Of what.
        what: String,
        /// Bytes needed.
        needed: f64,
        /// Bytes free.
        free: f64,
    },
    /// A number that must be positive is not.
    #[error("{0}")]
    Impossible(String),
}

/// A number of bytes for people.
fn bytes(n: f64) -> String {
    let (scale, unit) = if n >= 1e12 {
        (1e12, "TB")
    } else if n >= 1e9 {
        (1e9, "GB")
    } else {
        (1e6, "MB")
    };
    format!("{:.1} {unit}", n / scale)
}

/// Parts of a set-up that take time, as they were for the last experiment.
#[derive(Debug, Default)]
pub struct Parts {
    /// By number, spread and seed.
    domains: Kept<(u32, f64, i64), [Matrix3]>,
    sources: Kept<Rays, [Source]>,
    orientations: Kept<Turns, Orientations>,
}

impl Parts {
    /// How often the mosaic domains, the sources and the orientations were worked out.
    pub fn made(&self) -> [usize; 3] {
        [self.domains.made(), self.sources.made(), self.orientations.made()]
    }
}

impl Model {
    /// Decides everything. `free_memory` in bytes, where it is known.
    ///
    /// # Errors
    /// When the experiment is impossible or needs more memory than there is.
    pub fn new(experiment: &Experiment, free_memory: Option<u64>) -> Result<Model, ModelError> {
        Model::with_parts(experiment, free_memory, &mut Parts::default())
    }

    /// The same; parts that depend on nothing that has changed are those of the experiment before.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn with_parts(
        experiment: &Experiment,
        free_memory: Option<u64>,
        parts: &mut Parts,
    ) -> Result<Model, ModelError> {
        let Experiment { crystal, beam, detector, sampling, oddities } = experiment;
        let oddities = *oddities;
        check_numbers(experiment)?;
        let free = free_memory.map_or(f64::INFINITY, |n| n as f64);
        let fits = |what: &str, needed: f64| {
            let what = what.to_owned();
            if needed <= free { Ok(()) } else { Err(ModelError::OutOfMemory { what, needed, free }) }
        };
        let [fast, slow] = pixel_counts(detector);
        if !(fast >= 1.0 && slow >= 1.0) {
            return Err(ModelError::NoPixels { fast, slow });
        }
        if fast * slow > MOST_PIXELS {
            return Err(ModelError::TooManyPixels { fast, slow });
        }
        fits(&format!("-detpixels: {fast} × {slow} pixels"), 4.0 * fast * slow)?;
        let geometry = Geometry::new(detector, oddities);
        if !(geometry.distance.is_finite() && geometry.pix0.norm().is_finite()) {
            let text =
                "the detector lies in the plane of the beam; change the rotations, -twotheta or the vectors";
            return Err(ModelError::Impossible(text.to_owned()));
        }

        let sampled = beam::sampled(beam);
        let counts = [sampled.horizontal, sampled.vertical, sampled.dispersion].map(|s| f64::from(s.count));
        fits("-divsteps, -dispsteps: sources", BYTES_PER_STEP * counts.iter().product::<f64>())?;
        let axes = Axes { beam: geometry.beam, polar: geometry.polar };
        let sources = parts.sources.of(Rays::new(beam, axes), |rays| rays.sources().into());
        if sources.is_empty() {
            return Err(ModelError::Impossible(
                "no source is left; check the divergence or -sourcefile".to_owned(),
            ));
        }

        if sources.iter().any(|source| !source.weight.is_finite())
            && !oddities.has(Oddity::SourceWeightsIgnored)
        {
            return Err(ModelError::Impossible("-sourcefile: the weights add up to 0".to_owned()));
        }

        let at_rest = crystal::orient(crystal, beam.wavelength, oddities)?;
        let cells = crystal::cells(crystal, at_rest.direct, beam.size);
        let lattice =
            Lattice { shape: crystal.shape, cells, fudge: crystal.fudge, reciprocal: at_rest.reciprocal };
        let spindle_steps = steps::rotation(sampling.oscillation, degrees(1.0));
        let domains = steps::domains(crystal.mosaic_spread, crystal.mosaic_domains);
        fits(
            "-phisteps, -mosaic_domains: orientations",
            2.0 * BYTES_PER_STEP * f64::from(spindle_steps.count) * f64::from(domains),
        )?;
        let spread = (domains, crystal.mosaic_spread.unwrap_or(0.0), crystal.mosaic_seed);
        let rotations =
            parts.domains.of(spread, |&(count, spread, seed)| mosaic::domains(count, spread, seed).into());
        let turns = Turns {
            direct: at_rest.direct,
            spindle: geometry.spindle,
            phi: sampling.phi,
            steps: spindle_steps,
            domains: Same(rotations),
            carry_over: oddities.has(Oddity::PhiCarryOver),
        };
        let orientations = parts.orientations.of(turns, |turns| Arc::new(turns.orientations()));

        let sensor = sensor(experiment);
        let largest = (0..3).map(|i| cells[i] * at_rest.direct[i].norm()).fold(0.0, f64::max);
        let fringe = beam.wavelength * geometry.distance / geometry.pixel;
        let recommended_oversample = (3.0 * largest / fringe).ceil().max(1.0) as u32;
        let oversample = sampling.oversample.filter(|&n| n > 0).unwrap_or(recommended_oversample);
        let fluence = beam::fluence(beam);
        let few_cells = crystal.cells.iter().any(|n| n.unwrap_or(1) <= 2);
        let [last_f, last_s] = geometry.pixels.map(|n| n - 1);
        let roi = match sampling.roi {
            Some([f0, f1, s0, s1]) => {
                [f0 as usize, last_f.min(f1 as usize), s0 as usize, last_s.min(s1 as usize)]
            }
            None => [0, last_f, 0, last_s],
        };
        if roi[0] > roi[1] || roi[2] > roi[3] {
            let text = format!(
                "-roi: no pixel of the detector ({fast} × {slow}) lies in it; give xmin xmax ymin ymax"
            );
            return Err(ModelError::Impossible(text));
        }
        if let Some(mask) = &sampling.mask
            && mask.len() != geometry.pixels[0] * geometry.pixels[1]
        {
            let text = format!("-mask: it has {} pixels, the detector {fast} × {slow}", mask.len());
            return Err(ModelError::Impossible(text));
        }
        let mut model = Model {
            sensor,
            lattice,
            sources,
            spread: sampled,
            spindle_steps,
            domains,
            orientations,
            oversample,
            recommended_oversample,
            fluence,
            wavelength: beam.wavelength,
            polarization: beam.polarization,
            dmin: beam.dmin,
            default_f: crystal.default_f,
            interpolate: crystal.structure_factors.is_some() && crystal.interpolate.unwrap_or(few_cells),
            grid: crystal.structure_factors.clone(),
            water: background::water(crystal.water, fluence),
            wet: crystal.water != 0.0,
            roi,
            mask: sampling.mask.clone(),
            first_pass: None,
            factors: factors(experiment),
            oddities,
            crystal: at_rest,
            geometry,
        };
        if model.orientations.first.is_some() {
            model.first_pass = intensity::first_pass(&model);
        }
        Ok(model)
    }

    /// Number of terms that a pixel is divided by: sources × domains × spindle steps × sub-pixels. Layers do not count.
    pub fn steps(&self) -> f64 {
        self.sources.len() as f64
            * f64::from(self.domains)
            * f64::from(self.spindle_steps.count)
            * f64::from(self.oversample)
            * f64::from(self.oversample)
    }

    /// Whether a pixel is computed: in the region of interest and not masked.
    #[inline]
    pub fn computes(&self, fpixel: usize, spixel: usize) -> bool {
        let [f0, f1, s0, s1] = self.roi;
        let inside = f0 <= fpixel && fpixel <= f1 && s0 <= spixel && spixel <= s1;
        inside && self.mask.as_ref().is_none_or(|mask| mask[spixel * self.geometry.pixels[0] + fpixel])
    }
}

fn check_numbers(experiment: &Experiment) -> Result<(), ModelError> {
    let Experiment { beam, detector, .. } = experiment;
    let positive = [
        ("-lambda: the wavelength", beam.wavelength),
        ("-pixel: the edge of a pixel", detector.pixel),
        ("-beamsize: the size of the beam", beam.size),
    ];
    for (what, value) in positive {
        if !(value > 0.0 && value.is_finite()) {
            return Err(ModelError::Impossible(format!("{what} must be more than 0, and is {value}")));
        }
    }
    Ok(())
}

fn sensor(experiment: &Experiment) -> Sensor {
    let detector = &experiment.detector;
    let depth = detector.absorption_depth;
    // A depth of infinity or 0 means that there is no thickness to speak of.
    let thickness =
        if depth.is_some_and(|d| d.is_infinite() || d == 0.0) { None } else { detector.thickness };
    let sampled = steps::layers(thickness, detector.layers);
    let absorption = match depth {
        Some(depth) if sampled.range > 0.0 => 1.0 / depth,
        _ if sampled.range > 0.0 => 1.0 / sampled.range,
        _ => 0.0,
    };
    Sensor { layers: sampled.count, thickness: sampled.range, step: sampled.step, absorption }
}

fn factors(experiment: &Experiment) -> Factors {
    let Experiment { sampling, oddities, .. } = experiment;
    let applied = |asked: bool, at_the_end: bool| match (asked, oddities.has(Oddity::CompoundedOversample)) {
        (true, true) => Applied::ToTheRunningSum,
        (true, false) => Applied::PerTerm,
        (false, _) if at_the_end => Applied::AtTheEnd,
        (false, _) => Applied::PerTerm,
    };
    Factors {
        omega: applied(sampling.oversample_omega, true),
        polarization: applied(sampling.oversample_polar, oddities.has(Oddity::FirstSourcePolarization)),
        capture: applied(sampling.oversample_thick, oddities.has(Oddity::LastLayerCapture)),
        capture_everywhere: sampling.oversample_thick,
        weighted: !oddities.has(Oddity::SourceWeightsIgnored),
        latch: oddities.has(Oddity::InterpolationLatch),
        background_in_sum: oddities.has(Oddity::BackgroundScaling),
    }
}
