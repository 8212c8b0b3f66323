//! The sum: photons in one pixel, over layers, sub-pixels, sources, spindle steps and mosaic domains.

use super::lattice::Lattice;
use super::model::{Applied, Model};
use super::spindle::Orientation;
use super::structure_factor::nearest;
use super::tap::{PixelTotal, Scattering, SubPixel, Tap, Term};
use super::vector::Vec3;
use super::{beam::Source, polarization};
use crate::units::R_E_SQUARED;

/// What a pixel inherits from those before it in raster order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// The first pass through the spindle steps happens in this pixel.
    pub first_pass: bool,
    /// A sample before this pixel has switched interpolation off for good.
    pub latched: bool,
}

/// A pixel, and what it leaves to those after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixel {
    /// Photons.
    pub value: f64,
    /// Whether interpolation is switched off now.
    pub latched: bool,
}

/// Photons in pixel (`fpixel`, `spixel`), shown to `tap` as they come about.
///
/// A function of its own in the machine code, so that samples of a profiler stay with its loops.
#[inline(never)]
pub fn pixel<T: Tap>(m: &Model, fpixel: usize, spixel: usize, inherited: Inherited, tap: &mut T) -> Pixel {
    let mut sum = if m.factors.background_in_sum { m.water } else { 0.0 };
    let mut factors = Found { omega: None, polarization: None, capture: 1.0 };
    let mut latched = inherited.latched;
    let mut first_pass = inherited.first_pass;

    for layer in 0..m.sensor.layers {
        for sub_s in 0..m.oversample {
            for sub_f in 0..m.oversample {
                let sub = sub_pixel(m, fpixel, spixel, layer, sub_s, sub_f);
                tap.sub_pixel(&sub);
                factors.omega.get_or_insert(sub.omega);
                if sub_s == 0 && sub_f == 0 {
                    factors.capture = sub.capture;
                }

                for (index, source) in m.sources.iter().enumerate() {
                    let q = (sub.diffracted - source.incident) / source.wavelength;
                    if m.dmin > 0.0 && m.dmin > 1.0 / q.norm() {
                        tap.scattering(&Scattering { index, source, q, polarization: None });
                        continue;
                    }
                    let polarization = factors.polarization(m, source, sub.diffracted);
                    tap.scattering(&Scattering { index, source, q, polarization: Some(polarization) });
                    let weight = m.weight(source, &sub, polarization, factors.capture);
                    let running = m.running(&sub, polarization);

                    let pass = match &m.orientations.first {
                        Some(first) if first_pass => first,
                        _ => &m.orientations.usual,
                    };
                    first_pass = false;
                    for (phi_step, domains) in pass.iter().enumerate() {
                        for (domain, orientation) in domains.iter().enumerate() {
                            let sample = Sample::new(&m.lattice, orientation, q);
                            if sample.f_latt == 0.0 && !m.wet {
                                continue;
                            }
                            let f_cell = m.structure_factor(&sample, &mut latched);
                            let amplitude = f_cell * sample.f_latt;
                            let term = weight * (amplitude * amplitude);
                            sum = (sum + term) * running;
                            let Sample { hkl, f_latt } = sample;
                            let nearest = hkl.map(nearest);
                            tap.term(&Term {
                                phi_step,
                                domain,
                                orientation,
                                hkl,
                                nearest,
                                f_cell,
                                f_latt,
                                term,
                                sum,
                            });
                        }
                    }
                }
            }
        }
    }

    let total = m.total(sum, &factors);
    tap.total(&total);
    Pixel { value: total.value, latched }
}

/// Factors as they were met, for those that are applied at the end.
struct Found {
    /// Of the first sub-pixel of the first layer.
    omega: Option<f64>,
    /// Of the first source that was not skipped; 1 without the correction; none as long as all were skipped.
    polarization: Option<f64>,
    /// Of the first sub-pixel of this layer; in the end, of the last.
    capture: f64,
}

impl Found {
    /// The polarization factor in force: each its own, or that of the first.
    #[inline]
    fn polarization(&mut self, m: &Model, source: &Source, diffracted: Vec3) -> f64 {
        let Some(kahn) = m.polarization else { return *self.polarization.get_or_insert(1.0) };
        match self.polarization {
            Some(first) if m.factors.polarization == Applied::AtTheEnd => first,
            _ => {
                let own = polarization::factor(kahn, source.incident, diffracted, m.geometry.polar);
                self.polarization.get_or_insert(own);
                own
            }
        }
    }
}

/// One point of reciprocal space in the frame of one orientation.
struct Sample {
    hkl: [f64; 3],
    f_latt: f64,
}

impl Sample {
    #[inline]
    fn new(lattice: &Lattice, orientation: &Orientation, q: Vec3) -> Sample {
        let [a, b, c] = orientation.direct;
        let hkl = [a.dot(q), b.dot(q), c.dot(q)];
        Sample { hkl, f_latt: lattice.transform(hkl) }
    }
}

#[inline]
fn sub_pixel(m: &Model, fpixel: usize, spixel: usize, layer: u32, sub_s: u32, sub_f: u32) -> SubPixel {
    let geometry = &m.geometry;
    let edge = geometry.pixel / f64::from(m.oversample);
    let centre = |pixel: usize, sub: u32| {
        edge * (pixel as f64 * f64::from(m.oversample) + f64::from(sub)) + edge / 2.0
    };
    let depth = f64::from(layer) * m.sensor.step;
    let position = geometry.position(centre(fpixel, sub_f), centre(spixel, sub_s), depth);
    let distance = position.norm();
    let diffracted = position / distance;
    let omega = geometry.solid_angle(distance);
    let capture = m.sensor.capture_fraction(layer, diffracted.dot(geometry.normal));
    SubPixel { layer, sub_s, sub_f, position, distance, diffracted, omega, capture }
}

impl Model {
    /// F of the cell at a sample: interpolated where that is possible, else that of the nearest reflection.
    #[inline]
    fn structure_factor(&self, sample: &Sample, latched: &mut bool) -> f64 {
        let Some(grid) = &self.grid else { return self.default_f };
        if self.interpolate && !*latched {
            if grid.surrounds(sample.hkl) {
                return grid.tricubic(sample.hkl);
            }
            *latched = self.factors.latch;
        }
        grid.get(sample.hkl.map(nearest)).unwrap_or(self.default_f)
    }

    /// What each term of a source and sub-pixel is multiplied by.
    #[inline]
    fn weight(&self, source: &Source, sub: &SubPixel, polarization: f64, capture_of_layer: f64) -> f64 {
        let mut weight = if self.factors.weighted { source.weight } else { 1.0 };
        if self.factors.omega == Applied::PerTerm {
            weight *= sub.omega;
        }
        if self.factors.polarization == Applied::PerTerm {
            weight *= polarization;
        }
        if self.factors.capture == Applied::PerTerm {
            weight *= if self.factors.capture_everywhere { sub.capture } else { capture_of_layer };
        }
        weight
    }

    /// What the running sum is multiplied by after each term of a source and sub-pixel.
    #[inline]
    fn running(&self, sub: &SubPixel, polarization: f64) -> f64 {
        let mut factor = 1.0;
        if self.factors.capture == Applied::ToTheRunningSum {
            factor *= sub.capture;
        }
        if self.factors.polarization == Applied::ToTheRunningSum {
            factor *= polarization;
        }
        if self.factors.omega == Applied::ToTheRunningSum {
            factor *= sub.omega;
        }
        factor
    }

    /// Photons: r_e²·fluence·I / steps, times the factors that are applied at the end.
    #[inline]
    fn total(&self, sum: f64, found: &Found) -> PixelTotal {
        let first_omega = found.omega.unwrap_or(0.0);
        // A pixel whose sources were all skipped has no polarization factor, and so no photons.
        let first_polarization = found.polarization.unwrap_or(0.0);
        let at_the_end =
            |applied: Applied, factor: f64| if applied == Applied::AtTheEnd { factor } else { 1.0 };
        let scale = R_E_SQUARED * self.fluence / self.steps()
            * at_the_end(self.factors.capture, found.capture)
            * at_the_end(self.factors.polarization, first_polarization)
            * at_the_end(self.factors.omega, first_omega);
        let added = if self.factors.background_in_sum || !self.wet {
            0.0
        } else {
            self.water * first_omega * first_polarization
        };
        PixelTotal { background: self.water, sum, scale, value: sum * scale + added }
    }
}

/// The pixel in which the first pass through the spindle steps happens, in raster order.
pub fn first_pass(m: &Model) -> Option<usize> {
    let [f0, f1, s0, s1] = m.roi;
    for spixel in s0..=s1 {
        for fpixel in f0..=f1 {
            if m.computes(fpixel, spixel) && reaches_crystal(m, fpixel, spixel) {
                return Some(spixel * m.geometry.pixels[0] + fpixel);
            }
        }
    }
    None
}

/// Whether any source of a pixel is within the resolution limit.
fn reaches_crystal(m: &Model, fpixel: usize, spixel: usize) -> bool {
    struct Reached(bool);
    impl Tap for Reached {
        fn scattering(&mut self, scattering: &Scattering) {
            self.0 |= scattering.polarization.is_some();
        }
    }
    if m.dmin <= 0.0 {
        return true;
    }
    let mut reached = Reached(false);
    pixel(m, fpixel, spixel, Inherited::default(), &mut reached);
    reached.0
}
