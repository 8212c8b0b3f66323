//! The intermediate values of a pixel, recorded by a tap on the code that renders, as text or as JSON.

use crate::physics::tap::{PixelTotal, Scattering, SubPixel, Tap, Term};
use crate::physics::vector::Vec3;
use serde::Serialize;
use std::fmt::Write;

/// Everything of one pixel in the order in which it comes about.
#[derive(Debug, Default, Serialize)]
pub(super) struct PixelRecord {
    fpixel: usize,
    spixel: usize,
    sub_pixels: Vec<SubPixelRecord>,
    #[serde(flatten)]
    total: TotalRecord,
    /// The engine that rendered the image.
    engine: &'static str,
    /// What it gave for the pixel.
    image: f64,
    /// That less what is recorded here.
    difference: f64,
}

#[derive(Debug, Serialize)]
struct SubPixelRecord {
    layer: u32,
    sub_s: u32,
    sub_f: u32,
    position: [f64; 3],
    #[serde(rename = "R")]
    distance: f64,
    omega: f64,
    d: [f64; 3],
    capture: f64,
    sources: Vec<SourceRecord>,
}

#[derive(Debug, Serialize)]
struct SourceRecord {
    source: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    scattering: Option<ScatteringRecord>,
    resolution: f64,
    terms: Vec<TermRecord>,
}

#[derive(Debug, Serialize)]
struct ScatteringRecord {
    s: [f64; 3],
    wavelength: f64,
    q: [f64; 3],
    polarization: f64,
}

#[derive(Debug, Serialize)]
struct TermRecord {
    phi_step: usize,
    domain: usize,
    phi: f64,
    a: [f64; 3],
    b: [f64; 3],
    c: [f64; 3],
    hkl: [f64; 3],
    nearest: [f64; 3],
    #[serde(rename = "F_cell")]
    f_cell: f64,
    #[serde(rename = "F_latt")]
    f_latt: f64,
    term: f64,
    sum: f64,
}

#[derive(Debug, Default, Serialize)]
struct TotalRecord {
    sum: f64,
    steps: f64,
    scale: f64,
    omega: f64,
    polarization: f64,
    capture: f64,
    background: f64,
    pixel: f64,
}

impl Tap for PixelRecord {
    fn sub_pixel(&mut self, sub: &SubPixel) {
        let &SubPixel { layer, sub_s, sub_f, position, distance, diffracted, omega, capture } = sub;
        let (position, d) = (position.0, diffracted.0);
        let sources = Vec::new();
        self.sub_pixels.push(SubPixelRecord {
            layer,
            sub_s,
            sub_f,
            position,
            distance,
            omega,
            d,
            capture,
            sources,
        });
    }

    fn scattering(&mut self, scattering: &Scattering) {
        let &Scattering { index, source, q, polarization } = scattering;
        let record =
            ScatteringRecord { s: source.incident.0, wavelength: source.wavelength, q: q.0, polarization };
        self.push(index, Some(record), 1.0 / q.norm());
    }

    fn skipped(&mut self, index: usize, resolution: f64) {
        self.push(index, None, resolution);
    }

    fn term(&mut self, term: &Term) {
        let &Term { phi_step, domain, orientation, hkl, nearest, f_cell, f_latt, term, sum } = term;
        let [a, b, c] = orientation.direct.map(|Vec3(v)| v);
        let phi = orientation.phi;
        let sources = self.sub_pixels.last_mut().map(|sub| &mut sub.sources);
        if let Some(source) = sources.and_then(|sources| sources.last_mut()) {
            source.terms.push(TermRecord {
                phi_step,
                domain,
                phi,
                a,
                b,
                c,
                hkl,
                nearest,
                f_cell,
                f_latt,
                term,
                sum,
            });
        }
    }

    fn total(&mut self, total: &PixelTotal) {
        let &PixelTotal { sum, steps, scale, omega, polarization, capture, background, value } = total;
        self.total =
            TotalRecord { sum, steps, scale, omega, polarization, capture, background, pixel: value };
    }
}

impl PixelRecord {
    pub(super) fn new(fpixel: usize, spixel: usize) -> PixelRecord {
        PixelRecord { fpixel, spixel, ..PixelRecord::default() }
    }

    fn push(&mut self, source: usize, scattering: Option<ScatteringRecord>, resolution: f64) {
        if let Some(sub) = self.sub_pixels.last_mut() {
            sub.sources.push(SourceRecord { source, scattering, resolution, terms: Vec::new() });
        }
    }

    /// What the chosen engine has for the pixel.
    pub(super) fn compare(&mut self, engine: &'static str, image: f32) {
        self.engine = engine;
        self.image = f64::from(image);
        self.difference = self.image - self.total.pixel;
    }

    /// A line for every value: its name, then numbers that read back exactly.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "pixel {} {}", self.fpixel, self.spixel)?;
        for sub in &self.sub_pixels {
            writeln!(out, " layer {} sub_s {} sub_f {}", sub.layer, sub.sub_s, sub.sub_f)?;
            vector(out, "  position", sub.position)?;
            writeln!(out, "  R {:e}\n  omega {:e}", sub.distance, sub.omega)?;
            vector(out, "  d", sub.d)?;
            writeln!(out, "  capture {:e}", sub.capture)?;
            for source in &sub.sources {
                writeln!(out, "  source {}", source.source)?;
                let Some(scattering) = &source.scattering else {
                    writeln!(out, "   resolution {:e}\n   skipped", source.resolution)?;
                    continue;
                };
                vector(out, "   s", scattering.s)?;
                writeln!(out, "   wavelength {:e}", scattering.wavelength)?;
                vector(out, "   q", scattering.q)?;
                writeln!(out, "   resolution {:e}", source.resolution)?;
                writeln!(out, "   polarization {:e}", scattering.polarization)?;
                for term in &source.terms {
                    term.write(out)?;
                }
            }
        }
        let total = &self.total;
        for (name, value) in [
            ("sum", total.sum),
            ("steps", total.steps),
            ("scale", total.scale),
            ("omega", total.omega),
            ("polarization", total.polarization),
            ("capture", total.capture),
            ("background", total.background),
            ("pixel", total.pixel),
            ("image", self.image),
            ("difference", self.difference),
        ] {
            writeln!(out, " {name} {value:e}")?;
        }
        writeln!(out, " engine {}", self.engine)
    }
}

impl TermRecord {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "   phi_step {} domain {}", self.phi_step, self.domain)?;
        writeln!(out, "    phi {:e}", self.phi)?;
        vector(out, "    a", self.a)?;
        vector(out, "    b", self.b)?;
        vector(out, "    c", self.c)?;
        vector(out, "    hkl", self.hkl)?;
        vector(out, "    nearest", self.nearest)?;
        writeln!(out, "    F_cell {:e}\n    F_latt {:e}", self.f_cell, self.f_latt)?;
        writeln!(out, "    term {:e}\n    sum {:e}", self.term, self.sum)
    }
}

fn vector(out: &mut String, name: &str, [x, y, z]: [f64; 3]) -> std::fmt::Result {
    writeln!(out, "{name} {x:e} {y:e} {z:e}")
}
