//! How far a pixel may be from the scalar engine's, and why.
//!
//! Two correct programs round differently. The position of a sub-pixel, x = F·fast + S·slow + depth·normal + corner, has
//! an error of a few ε·M, where M is the sum of the lengths that are added; so the direction d = x/R has one of
//! ε·(1 + M/R), and a Miller index h = a·(d − s)/λ one of
//!
//! > δ = c·ε·(|a|/λ)·(1 + M/R).
//!
//! For f32, whose indices are taken from the centre of a block of pixels, δ is besides c·ε₃₂·(1 + |a|/λ·(reach of the
//! block as an angle)). A term w·(F_cell·F_latt)² may then move by
//!
//! - what F_latt and F_cell do within h ± δ ([`crate::lattice`]; a cubic has a known steepest slope);
//! - what an error of c·ε in cos 2πh does, and in cos 4πh and so on, where F_latt² is computed as a polynomial of them:
//!   next to the zeros of a grating that is as if h were less certain;
//! - its jump, where h ± δ holds a boundary: a half between two reflections, the edge of a top-hat spot, the end of the
//!   range of interpolation. Either side is right there;
//! - the rounding of its factors: solid angle, capture and polarization depend on d too.
//!
//! The errors of terms add up, and a running sum that is multiplied carries its error along.
//!
//! A pixel is exempt from all this, and counted, where the choice decides more than one term: a source at the limit of
//! resolution, a sample of F_latt = 0 that is not so within its error, and every pixel that inherits the end of
//! interpolation from a sample at the end of the range.

use crate::lattice::{Uncertain, transform};
use nanobragg::experiment::Shape;
use nanobragg::physics::Model;
use nanobragg::physics::beam::Source;
use nanobragg::physics::model::Applied;
use nanobragg::physics::structure_factor::{HklGrid, nearest};
use nanobragg::physics::tap::{PixelTotal, Scattering, SubPixel, Tap, Term};

/// How finely a program computes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Precision {
    /// c·ε of directions.
    pub(crate) direction: f64,
    /// c·ε of the phase within a block of pixels.
    pub(crate) phase: f64,
    /// Relative error of a chain of a few operations.
    pub(crate) arithmetic: f64,
    /// Error of cos 2πh where polynomials of it are taken.
    pub(crate) cosine: f64,
    /// An exponential below this may be taken for 0.
    pub(crate) smallest: f64,
    /// A square below this, as a share of the largest that the crystal can give, may be taken for 0.
    pub(crate) least: f64,
}

/// The scalar engine: c is 6, found by turning and scaling experiments, which leaves them the same but for their rounding.
pub(crate) const SCALAR: Precision = Precision {
    direction: 6.0 * f64::EPSILON,
    phase: 0.0,
    arithmetic: 16.0 * f64::EPSILON,
    cosine: 0.0,
    smallest: 1e-290,
    least: f64::MIN_POSITIVE,
};

/// Kernels in f64.
pub(crate) const F64: Precision = Precision { cosine: 4.0 * f64::EPSILON, ..SCALAR };

/// Kernels in f32, which take the centres of blocks in f64.
pub(crate) const F32: Precision = Precision {
    direction: SCALAR.direction,
    phase: 2.0 * SINGLE,
    arithmetic: 8.0 * SINGLE,
    cosine: 4.0 * SINGLE,
    smallest: 1e-15,
    least: f32::MIN_POSITIVE as f64,
};

/// Distance of 1 and the next f32.
const SINGLE: f64 = f32::EPSILON as f64;

/// Pixels from the centre of a block of f32 to its edge.
const HALF_BLOCK: f64 = 8.0;

/// What a pixel may be off by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PixelBound {
    /// The scalar engine's value, photons.
    pub(crate) value: f64,
    /// The bound, photons.
    pub(crate) error: f64,
    /// Photons for each unit of the sum.
    pub(crate) scale: f64,
    /// Whether nobody has looked at the pixel.
    pub(crate) passed_over: bool,
    /// Whether the pixel is exempt.
    pub(crate) exempt: bool,
    /// Whether the end of interpolation hangs on this pixel's rounding.
    pub(crate) latch_hangs: bool,
}

/// Follows the terms of one pixel.
pub(crate) struct Bound<'a> {
    model: &'a Model,
    precision: Precision,
    pixel: [usize; 2],
    latched: bool,
    out: PixelBound,
    sub: Option<SubState>,
    source: SourceState,
    at_end: AtEnd,
    error: f64,
    /// The largest square that a term can have.
    largest: f64,
}

/// Of the sub-pixel at hand.
#[derive(Clone, Copy, Debug)]
struct SubState {
    /// Error of a direction.
    direction: f64,
    omega: Uncertain,
    capture: Uncertain,
    capture_of_layer: Uncertain,
    /// Largest angle to the centre of its block.
    reach: f64,
}

/// Of the source at hand: what its terms are multiplied by, and what the sum is after each of them.
#[derive(Clone, Copy, Debug, Default)]
struct SourceState {
    wavelength: f64,
    weight: f64,
    weight_error: f64,
    running: f64,
    running_error: f64,
}

/// Relative errors of the factors that are applied at the end.
#[derive(Clone, Copy, Debug, Default)]
struct AtEnd {
    omega: Option<f64>,
    polarization: Option<f64>,
    capture: f64,
}

impl<'a> Bound<'a> {
    /// For one pixel, which may come after the end of interpolation.
    /// `largest` is that of the structure factors.
    pub(crate) fn new(
        model: &'a Model,
        precision: Precision,
        pixel: [usize; 2],
        latched: bool,
        largest: f64,
    ) -> Bound<'a> {
        let [na, nb, nc] = model.lattice.cells;
        Bound {
            largest: (largest * na * nb * nc).powi(2),
            model,
            precision,
            pixel,
            latched,
            out: PixelBound::default(),
            sub: None,
            source: SourceState::default(),
            at_end: AtEnd::default(),
            error: 0.0,
        }
    }

    /// The bound, after the pixel.
    pub(crate) fn result(&self) -> PixelBound {
        self.out
    }

    fn delta(&self, direct: nanobragg::physics::crystal::Direct) -> [f64; 3] {
        let Some(sub) = self.sub else { return [f64::NAN; 3] };
        direct.map(|v| {
            let cycles = v.norm() / self.source.wavelength;
            cycles * sub.direction + self.precision.phase * (1.0 + cycles * sub.reach)
        })
    }

    /// Whether interpolation is on and the end of its range within reach, and whether the sample is in the range.
    fn range(&self, hkl: [f64; 3], delta: [f64; 3]) -> Option<(bool, bool)> {
        let grid = self.model.grid.as_ref().filter(|_| self.model.interpolate && !self.latched)?;
        let near = (0..3).any(|i| {
            let end = |bound: i32, inwards: f64| (hkl[i] - f64::from(bound) - inwards).abs() <= delta[i];
            end(grid.min[i], 2.0) || end(grid.max[i], -2.0)
        });
        Some((near, grid.surrounds(hkl)))
    }

    /// Terms that the sum passes over because F_latt is exactly 0: some may not be within their error.
    fn passed_over(&mut self, scattering: &Scattering) {
        let model = self.model;
        let first = model.orientations.first.iter();
        let all = first.chain([&model.orientations.usual]).flatten().flatten();
        for orientation in all {
            let hkl = orientation.direct.map(|v| v.dot(scattering.q));
            if model.lattice.transform(hkl) != 0.0 {
                continue;
            }
            let delta = self.delta(orientation.direct);
            let doubtful = points(hkl, delta).any(|point| {
                transform(&model.lattice, hkl, point, delta, &self.precision)
                    .iter()
                    .any(|f| f.error > 1e-12 * f.value.abs().max(1.0))
            });
            self.out.exempt |= doubtful;
            self.out.latch_hangs |=
                doubtful && self.range(hkl, delta).is_some_and(|(near, inside)| near || !inside);
        }
    }
}

impl Tap for Bound<'_> {
    fn sub_pixel(&mut self, sub: &SubPixel) {
        let (m, precision) = (self.model, self.precision);
        let geometry = &m.geometry;
        let across = |pixel: usize| geometry.pixel * (pixel as f64 + 1.0);
        let added = across(self.pixel[0])
            + across(self.pixel[1])
            + f64::from(sub.layer) * m.sensor.step
            + geometry.pix0.norm();
        let relative = 1.0 + added / sub.distance;
        let direction = precision.direction * relative + precision.phase;
        // Ω falls with the third power of R, or the second.
        let omega =
            Uncertain { value: sub.omega, error: sub.omega.abs() * (4.0 * direction + precision.arithmetic) };
        let capture = capture(m, sub, direction, precision.arithmetic);
        let first = sub.sub_s == 0 && sub.sub_f == 0;
        let capture_of_layer = match self.sub {
            Some(before) if !first => before.capture_of_layer,
            _ => capture,
        };
        let reach = (HALF_BLOCK * geometry.pixel / sub.distance).min(2.0);
        self.at_end.omega.get_or_insert(relative_error(omega));
        self.at_end.capture = relative_error(capture_of_layer);
        self.sub = Some(SubState { direction, omega, capture, capture_of_layer, reach });
    }

    fn scattering(&mut self, scattering: &Scattering) {
        let (m, precision) = (self.model, self.precision);
        let Some(sub) = self.sub else { return };
        let Scattering { source, q, .. } = *scattering;
        if m.dmin > 0.0 {
            let error = sub.direction / source.wavelength;
            let limit = 1.0 / m.dmin;
            self.out.exempt |= (q.norm() - limit).abs() <= 2.0 * error + precision.arithmetic * limit;
        }
        let Some(value) = scattering.polarization else { return };
        let error = polarization_error(m, source, sub.direction, precision.arithmetic);
        let polarization = Uncertain { value, error };
        self.at_end.polarization.get_or_insert(relative_error(polarization));
        // The one in force is that of the first source, where the end has it.
        let factors = &m.factors;
        let capture = if factors.capture_everywhere { sub.capture } else { sub.capture_of_layer };
        let applied = [
            (factors.omega, sub.omega, sub.omega),
            (factors.polarization, polarization, polarization),
            (factors.capture, capture, sub.capture),
        ];
        let weight = if factors.weighted { source.weight } else { 1.0 };
        let mut state =
            SourceState { wavelength: source.wavelength, weight, running: 1.0, ..Default::default() };
        for (how, per_term, running) in applied {
            match how {
                Applied::AtTheEnd => {}
                Applied::PerTerm => {
                    state.weight *= per_term.value;
                    state.weight_error += relative_error(per_term);
                }
                Applied::ToTheRunningSum => {
                    state.running *= running.value;
                    state.running_error += relative_error(running);
                }
            }
        }
        self.source = state;
        if !m.wet && m.lattice.shape != Shape::Gauss {
            self.passed_over(scattering);
        }
    }

    fn term(&mut self, t: &Term) {
        let (m, source, precision) = (self.model, self.source, self.precision);
        let delta = self.delta(t.orientation.direct);
        let range = self.range(t.hkl, delta);
        if let Some((near, inside)) = range {
            // A sample whose F_latt may be taken for 0 may be passed over.
            let f_latt = transform(&m.lattice, t.hkl, t.nearest, delta, &precision);
            let vanishing = !m.wet && f_latt.iter().any(|f| f.value.abs() <= f.error.max(precision.smallest));
            self.out.latch_hangs |= m.factors.latch && (near || (!inside && vanishing));
            self.latched |= m.factors.latch && !inside;
        }
        let mut error = 0.0_f64;
        for point in points(t.hkl, delta) {
            let f_latt = transform(&m.lattice, t.hkl, point, delta, &precision);
            for f_cell in cell_factors(m, t, point, delta, range, &precision) {
                let [a, b, c] = f_latt;
                let moved = Uncertain::square_of_product(&[f_cell, a, b, c]);
                let amplitude = f_cell.value * a.value * b.value * c.value;
                let jump = (source.weight * amplitude * amplitude - t.term).abs();
                error = error.max(jump + source.weight.abs() * moved);
            }
        }
        error += t.term.abs() * (source.weight_error + precision.arithmetic)
            + source.weight.abs() * self.largest * precision.least;
        self.error = (self.error + error) * source.running.abs()
            + t.sum.abs() * (source.running_error + 4.0 * f64::EPSILON);
    }

    fn total(&mut self, total: &PixelTotal) {
        let factors = &self.model.factors;
        let end = |applied: Applied, error: f64| if applied == Applied::AtTheEnd { error } else { 0.0 };
        let (omega, polarization) =
            (self.at_end.omega.unwrap_or(0.0), self.at_end.polarization.unwrap_or(0.0));
        let relative = end(factors.omega, omega)
            + end(factors.polarization, polarization)
            + end(factors.capture, self.at_end.capture)
            + self.precision.arithmetic;
        let added = (total.value - total.sum * total.scale).abs();
        self.out.value = total.value;
        self.out.scale = total.scale.abs();
        self.out.error =
            self.error * total.scale.abs() + total.value.abs() * relative + added * (omega + polarization);
    }
}

fn relative_error(x: Uncertain) -> f64 {
    if x.error == 0.0 { 0.0 } else { x.error / x.value.abs() }
}

/// The lattice points that may be the nearest to a sample: one, or two an axis.
fn points(hkl: [f64; 3], delta: [f64; 3]) -> impl Iterator<Item = [f64; 3]> {
    let low: [f64; 3] = std::array::from_fn(|i| nearest(hkl[i] - delta[i]));
    let high: [f64; 3] = std::array::from_fn(|i| nearest(hkl[i] + delta[i]));
    (0..8_usize)
        .filter(move |corner| (0..3).all(|i| corner >> i & 1 == 0 || high[i] != low[i]))
        .map(move |corner| std::array::from_fn(|i| if corner >> i & 1 == 0 { low[i] } else { high[i] }))
}

/// What F_cell may be: of the reflection `point`, or interpolated, or both at the end of the range.
fn cell_factors(
    m: &Model,
    t: &Term,
    point: [f64; 3],
    delta: [f64; 3],
    range: Option<(bool, bool)>,
    precision: &Precision,
) -> impl Iterator<Item = Uncertain> {
    let of_point = || {
        let value = m.grid.as_ref().and_then(|grid| grid.get(point)).unwrap_or(m.default_f);
        Uncertain { value, error: precision.arithmetic * value.abs() }
    };
    let interpolated = range.filter(|(near, inside)| *near || *inside).and(m.grid.as_ref());
    let interpolated = interpolated.map(|grid| tricubic(grid, t.hkl, delta, precision));
    let nearest = range.is_none_or(|(near, inside)| near || !inside).then(of_point);
    interpolated.into_iter().chain(nearest)
}

/// Between the middle two of four values a cubic is steeper than their largest by at most 3, and no larger than 1.25 of it
/// along each axis.
fn tricubic(grid: &HklGrid, hkl: [f64; 3], delta: [f64; 3], precision: &Precision) -> Uncertain {
    let base = hkl.map(|x| x.floor() - 1.0);
    let mut largest = 0.0_f64;
    for i in 0..64_u32 {
        let at = [i >> 4, i >> 2 & 3, i & 3];
        let at = std::array::from_fn(|axis| base[axis] + f64::from(at[axis]));
        largest = largest.max(grid.get(at).unwrap_or(0.0).abs());
    }
    let slope = 3.0 * 1.25 * 1.25;
    let error = largest * (slope * delta.iter().sum::<f64>() + 4.0 * precision.arithmetic);
    Uncertain { value: grid.tricubic(hkl), error }
}

/// P = ½(1 + cos²2θ − K·cos 2ψ·sin²2θ) changes by at most six times what the directions do; the E-vector across the beam
/// is the less certain the more it points along it.
fn polarization_error(m: &Model, source: &Source, direction: f64, arithmetic: f64) -> f64 {
    match m.polarization {
        None => 0.0,
        Some(0.0) => 2.0 * direction + arithmetic,
        Some(kahn) => {
            let across = m.geometry.polar.cross(source.incident).norm();
            let axes = if across > 0.0 { f64::EPSILON / across } else { 0.0 };
            6.0 * direction + arithmetic + 4.0 * kahn.abs() * axes
        }
    }
}

/// exp(−t·u) − exp(−(t+1)·u), u = µ·Δ/cosine; the cosine is as uncertain as the direction.
fn capture(m: &Model, sub: &SubPixel, direction: f64, arithmetic: f64) -> Uncertain {
    if m.sensor.thickness <= 0.0 {
        return Uncertain { value: 1.0, error: 0.0 };
    }
    let cosine = sub.diffracted.dot(m.geometry.normal);
    let u = m.sensor.absorption * m.sensor.step / cosine;
    let relative = direction / cosine.abs() + arithmetic;
    let part = |t: u32| {
        let exponent = f64::from(t) * u;
        (-exponent).exp() * (exponent.abs() * relative + arithmetic)
    };
    Uncertain { value: sub.capture, error: part(sub.layer) + part(sub.layer + 1) }
}
