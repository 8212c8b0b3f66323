//! The beam as a list of sources: each a direction and a wavelength.

use super::steps::{Sampled, spread};
use super::vector::Vec3;
use crate::experiment::{Beam, SourceLine};
use std::sync::Arc;

/// Distance at which a source without a position stands, m.
const SOURCE_DISTANCE: f64 = 10.0;
/// Range of a divergence of which only the number of steps is given, radians.
const LONELY_DIVERGENCE: f64 = 1.0;

/// One source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Unit vector along which the ray travels.
    pub incident: Vec3,
    /// Wavelength, m.
    pub wavelength: f64,
    /// Relative weight; the mean over all sources is 1.
    pub weight: f64,
}

/// Axes of the beam: unit vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axes {
    /// Direction of travel.
    pub beam: Vec3,
    /// E-vector.
    pub polar: Vec3,
}

/// How the beam is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Horizontal divergence.
    pub horizontal: Sampled,
    /// Vertical divergence.
    pub vertical: Sampled,
    /// Wavelengths.
    pub dispersion: Sampled,
}

/// Decides the steps that were left out.
pub fn sampled(beam: &Beam) -> Spread {
    Spread {
        horizontal: spread(beam.horizontal_divergence, LONELY_DIVERGENCE),
        vertical: spread(beam.vertical_divergence, LONELY_DIVERGENCE),
        dispersion: spread(beam.dispersion, 0.0),
    }
}

/// Photons/m².
pub fn fluence(beam: &Beam) -> f64 {
    if beam.flux != 0.0 { beam.flux * beam.exposure / (beam.size * beam.size) } else { beam.fluence }
}

/// All that the sources depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rays {
    axes: Axes,
    wavelength: f64,
    spread: Spread,
    round: bool,
    listed: Option<Arc<[SourceLine]>>,
}

impl Rays {
    /// Of a beam along some axes.
    pub fn new(beam: &Beam, axes: Axes) -> Rays {
        Rays {
            axes,
            wavelength: beam.wavelength,
            spread: sampled(beam),
            round: beam.round_divergence,
            listed: beam.sources.clone(),
        }
    }

    /// All sources, in the order in which they are summed.
    pub fn sources(&self) -> Vec<Source> {
        match &self.listed {
            Some(lines) => self.listed(lines),
            None => self.spread_out(),
        }
    }

    fn listed(&self, lines: &[SourceLine]) -> Vec<Source> {
        let default = self.axes.beam * -SOURCE_DISTANCE;
        let weight = |line: &SourceLine| line.weight.unwrap_or(1.0);
        let mean = lines.iter().map(weight).sum::<f64>() / lines.len() as f64;
        let source = |line: &SourceLine| {
            let [x, y, z] = [0, 1, 2].map(|i| line.position[i].unwrap_or(default[i]));
            Source {
                incident: -Vec3::new(x, y, z).unit(),
                wavelength: line.wavelength.unwrap_or(self.wavelength),
                weight: weight(line) / mean,
            }
        };
        lines.iter().map(source).collect()
    }

    fn spread_out(&self) -> Vec<Source> {
        let Spread { horizontal, vertical, dispersion } = self.spread;
        let Axes { beam, polar } = self.axes;
        let across = beam.cross(polar).unit();
        let mut sources = Vec::new();
        for i in 0..horizontal.count {
            for j in 0..vertical.count {
                let hd = horizontal.step * f64::from(i) - horizontal.range / 2.0;
                let vd = vertical.step * f64::from(j) - vertical.range / 2.0;
                if self.round && in_corner(hd, horizontal, vd, vertical) {
                    continue;
                }
                let position = (beam * -SOURCE_DISTANCE).rotate_axis(polar, vd).rotate_axis(across, hd);
                for k in 0..dispersion.count {
                    let shift = dispersion.step * f64::from(k) - dispersion.range / 2.0;
                    let wavelength = self.wavelength * (1.0 + shift);
                    sources.push(Source { incident: -position.unit(), wavelength, weight: 1.0 });
                }
            }
        }
        sources
    }
}

/// Whether a pair of divergence steps is outside the ellipse. A range of 0 makes this 0/0, which is inside.
fn in_corner(hd: f64, horizontal: Sampled, vd: f64, vertical: Sampled) -> bool {
    let term = |d: f64, s: Sampled| {
        let even = 1.0 - f64::from(s.count % 2);
        (d * d - s.step * s.step / 4.0 * even) / s.range / s.range
    };
    (term(hd, horizontal) + term(vd, vertical)) * 4.0 > 1.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Steps;

    const AXES: Axes = Axes { beam: Vec3::new(1.0, 0.0, 0.0), polar: Vec3::new(0.0, 0.0, 1.0) };

    fn sources(beam: &Beam, axes: Axes) -> Vec<Source> {
        Rays::new(beam, axes).sources()
    }

    #[test]
    fn a_plain_beam_is_one_source() {
        let [source] = sources(&Beam::default(), AXES)[..] else { panic!("one source") };
        assert_eq!(source, Source { incident: AXES.beam, wavelength: 1e-10, weight: 1.0 });
    }

    #[test]
    fn a_round_divergence_has_no_corners() {
        let steps = Steps { range: Some(4e-3), count: Some(5), step: None };
        let mut beam = Beam { horizontal_divergence: steps, vertical_divergence: steps, ..Beam::default() };
        let round = sources(&beam, AXES).len();
        beam.round_divergence = false;
        assert_eq!((round, sources(&beam, AXES).len()), (13, 25));
    }

    #[test]
    fn wavelengths_lie_about_the_mean() {
        let beam =
            Beam { dispersion: Steps { range: Some(0.02), count: Some(5), step: None }, ..Beam::default() };
        let wavelengths: Vec<f64> = sources(&beam, AXES).iter().map(|s| s.wavelength).collect();
        for (wavelength, expected) in
            wavelengths.iter().zip([0.99e-10, 0.995e-10, 1e-10, 1.005e-10, 1.01e-10])
        {
            assert!((wavelength - expected).abs() < 1e-24);
        }
    }

    #[test]
    fn weights_of_a_list_have_the_mean_one() {
        let line = |weight| SourceLine { weight: Some(weight), ..SourceLine::default() };
        let beam = Beam { sources: Some([line(1.0), line(3.0)].into()), ..Beam::default() };
        let weights: Vec<f64> = sources(&beam, AXES).iter().map(|s| s.weight).collect();
        assert_eq!(weights, [0.5, 1.5]);
    }

    #[test]
    fn flux_makes_fluence() {
        let beam = Beam { flux: 1e12, exposure: 0.5, size: 1e-5, ..Beam::default() };
        assert!((fluence(&beam) / 5e21 - 1.0).abs() < 1e-15);
    }
}
