//! The intermediate values of a pixel, recorded by a tap on the code that renders, as text or as JSON
//! (`nanobragg-trace/1`: both engines print the same names in the same order).

use crate::physics::tap::{PixelTotal, Scattering, SubPixel, Tap, Term};
use crate::physics::vector::Vec3;
use serde::Serialize;
use std::fmt::Write;

/// Everything of one pixel in the order in which it comes about.
#[derive(Debug, Serialize)]
pub(super) struct PixelRecord {
    schema: &'static str,
    /// The engine that rendered the image.
    engine: &'static str,
    fpixel: usize,
    spixel: usize,
    /// Whether the pixel is in the region of interest and not masked.
    computed: bool,
    samples: Vec<SubPixelRecord>,
    #[serde(flatten)]
    total: Option<TotalRecord>,
    /// What the image has for the pixel.
    image: f64,
    /// That less what is recorded here.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SubPixelRecord {
    layer: u32,
    sub_slow: u32,
    sub_fast: u32,
    position: [f64; 3],
    #[serde(rename = "R")]
    distance: f64,
    solid_angle: f64,
    d: [f64; 3],
    capture: f64,
    sources: Vec<SourceRecord>,
}

#[derive(Debug, Serialize)]
struct SourceRecord {
    source: usize,
    s: [f64; 3],
    lambda: f64,
    q: [f64; 3],
    skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    polarization: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terms: Vec<TermRecord>,
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
    #[serde(rename = "F_latt")]
    f_latt: f64,
    #[serde(rename = "F_cell")]
    f_cell: f64,
    term: f64,
    sum_so_far: f64,
}

#[derive(Debug, Serialize)]
struct TotalRecord {
    background: f64,
    sum: f64,
    scale: f64,
    pixel: f64,
}

impl Tap for PixelRecord {
    fn sub_pixel(&mut self, sub: &SubPixel) {
        let &SubPixel { layer, sub_s, sub_f, position, distance, diffracted, omega, capture } = sub;
        self.samples.push(SubPixelRecord {
            layer,
            sub_slow: sub_s,
            sub_fast: sub_f,
            position: position.0,
            distance,
            solid_angle: omega,
            d: diffracted.0,
            capture,
            sources: Vec::new(),
        });
    }

    fn scattering(&mut self, scattering: &Scattering) {
        let &Scattering { index, source, q, polarization } = scattering;
        if let Some(sub) = self.samples.last_mut() {
            sub.sources.push(SourceRecord {
                source: index,
                s: source.incident.0,
                lambda: source.wavelength,
                q: q.0,
                skipped: polarization.is_none(),
                polarization,
                terms: Vec::new(),
            });
        }
    }

    fn term(&mut self, term: &Term) {
        let &Term { phi_step, domain, orientation, hkl, nearest, f_cell, f_latt, term, sum } = term;
        let [a, b, c] = orientation.direct.map(|Vec3(v)| v);
        let (phi, sum_so_far) = (orientation.phi, sum);
        let sources = self.samples.last_mut().map(|sub| &mut sub.sources);
        if let Some(source) = sources.and_then(|sources| sources.last_mut()) {
            let record =
                TermRecord { phi_step, domain, phi, a, b, c, hkl, nearest, f_latt, f_cell, term, sum_so_far };
            source.terms.push(record);
        }
    }

    fn total(&mut self, total: &PixelTotal) {
        let &PixelTotal { background, sum, scale, value } = total;
        self.total = Some(TotalRecord { background, sum, scale, pixel: value });
    }
}

impl PixelRecord {
    /// Of a pixel for which the engine gave `image`.
    pub(super) fn new(engine: &'static str, fpixel: usize, spixel: usize, image: f32) -> PixelRecord {
        PixelRecord {
            schema: "nanobragg-trace/1",
            engine,
            fpixel,
            spixel,
            computed: false,
            samples: Vec::new(),
            total: None,
            image: f64::from(image),
            difference: None,
        }
    }

    /// When everything was recorded.
    pub(super) fn finish(&mut self, computed: bool) {
        self.computed = computed;
        self.difference = self.total.as_ref().map(|total| self.image - total.pixel);
    }

    /// A line for every value: its name, then numbers that read back exactly.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "schema = {}\nengine = {}", self.schema, self.engine)?;
        writeln!(out, "fpixel = {}\nspixel = {}\ncomputed = {}", self.fpixel, self.spixel, self.computed)?;
        for sub in &self.samples {
            writeln!(
                out,
                "layer {}\n  sub_slow = {}\n  sub_fast = {}",
                sub.layer, sub.sub_slow, sub.sub_fast
            )?;
            vector(out, "  position", sub.position)?;
            number(out, "  R", sub.distance)?;
            number(out, "  solid_angle", sub.solid_angle)?;
            vector(out, "  d", sub.d)?;
            number(out, "  capture", sub.capture)?;
            for source in &sub.sources {
                source.write(out)?;
            }
        }
        if let Some(total) = &self.total {
            number(out, "background", total.background)?;
            number(out, "sum", total.sum)?;
            number(out, "scale", total.scale)?;
            number(out, "pixel", total.pixel)?;
        }
        number(out, "image", self.image)?;
        self.difference.map_or(Ok(()), |difference| number(out, "difference", difference))
    }
}

impl SourceRecord {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "  source {}", self.source)?;
        vector(out, "    s", self.s)?;
        number(out, "    lambda", self.lambda)?;
        vector(out, "    q", self.q)?;
        writeln!(out, "    skipped = {}", self.skipped)?;
        if let Some(polarization) = self.polarization {
            number(out, "    polarization", polarization)?;
        }
        for term in &self.terms {
            writeln!(out, "    phi_step {}\n      domain = {}", term.phi_step, term.domain)?;
            number(out, "      phi", term.phi)?;
            vector(out, "      a", term.a)?;
            vector(out, "      b", term.b)?;
            vector(out, "      c", term.c)?;
            vector(out, "      hkl", term.hkl)?;
            vector(out, "      nearest", term.nearest)?;
            number(out, "      F_latt", term.f_latt)?;
            number(out, "      F_cell", term.f_cell)?;
            number(out, "      term", term.term)?;
            number(out, "      sum_so_far", term.sum_so_far)?;
        }
        Ok(())
    }
}

fn number(out: &mut String, name: &str, x: f64) -> std::fmt::Result {
    writeln!(out, "{name} = {}", exact(x))
}

fn vector(out: &mut String, name: &str, v: [f64; 3]) -> std::fmt::Result {
    let [x, y, z] = v.map(exact);
    writeln!(out, "{name} = {x} {y} {z}")
}

/// The shortest text that reads back as the same number.
fn exact(x: f64) -> String {
    let text = format!("{x:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
