//! What is told about a run, as text or as JSON.

use super::request::Request;
use super::timings::{Render, Timings};
use crate::build_info;
use crate::engine::{Explanation, Simulator};
use crate::image::NoiseStream;
use crate::kernels::Dtype;
use crate::statistics::Statistics;
use crate::units::{ANGSTROM, to_degrees};
use serde::Serialize;
use std::fmt::Write;

/// What was written beside the float image.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) statistics: Statistics,
    /// Of the integer image.
    pub(super) scale: f64,
    /// Of the PGM image.
    pub(super) pgm_scale: f64,
    /// Seed, photons and overloads of the noise image.
    pub(super) noise: Option<(i64, u64, u64)>,
}

/// The noise image.
#[derive(Debug, Serialize)]
struct Noise {
    seed: i64,
    stream: &'static str,
    photons: u64,
    overloads: u64,
}

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    program: &'static str,
    version: &'static str,
    source_hash: &'static str,
    rustc: &'static str,
    engine: &'static str,
    simd: &'static str,
    dtype: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kernels: Vec<String>,
    threads: usize,
    oddities: Vec<&'static str>,
    pixels: [usize; 2],
    roi: [usize; 4],
    pixel_mm: f64,
    distance_mm: f64,
    wavelength_angstrom: f64,
    cell_angstrom: [f64; 3],
    cell_degrees: [f64; 3],
    cells: [f64; 3],
    fluence: f64,
    oversample: u32,
    sources: usize,
    spindle_steps: u32,
    mosaic_domains: u32,
    sensor_layers: u32,
    interpolate: bool,
    statistics: Statistics,
    renders: Vec<Render>,
    scale: f64,
    pgm_scale: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<Noise>,
    misset_degrees: [f64; 3],
    written: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    pub(super) fn new(
        request: &Request,
        simulator: &Simulator,
        written: &Written,
        timings: &Timings,
        explanation: &Explanation,
    ) -> Report {
        let model = simulator.model();
        let geometry = &model.geometry;
        let direct = model.crystal.direct;
        let angle =
            |i: usize, j: usize| to_degrees(direct[i].unit().dot(direct[j].unit()).clamp(-1.0, 1.0).acos());
        let mut warnings = Vec::new();
        if let (Dtype::F32, Some(why)) = (request.running.choice.dtype, explanation.not_f32) {
            warnings.push(format!("--dtype f32: the sums are in f64 all the same: {why}"));
        }
        if model.oversample < model.recommended_oversample {
            warnings.push(format!(
                "-oversample {} is too coarse for this crystal: {} is needed to see its fringes",
                model.oversample, model.recommended_oversample
            ));
        }
        if !written.statistics.sum.is_finite() {
            warnings.push(
                "the image has values that are not finite numbers; check -default_F, -hkl and -fluence"
                    .to_owned(),
            );
        }
        let stream = match request.output.noise_stream {
            NoiseStream::Nanobragg => "nanobragg",
            NoiseStream::Parallel => "parallel",
        };
        let noise =
            written.noise.map(|(seed, photons, overloads)| Noise { seed, stream, photons, overloads });
        Report {
            program: "nanobragg",
            version: build_info::VERSION,
            source_hash: build_info::SOURCE_HASH,
            rustc: build_info::RUSTC,
            engine: timings.engine,
            simd: timings.simd,
            dtype: timings.dtype,
            kernels: if request.running.explain { explanation.lines.clone() } else { Vec::new() },
            threads: timings.threads,
            oddities: model.oddities.names(),
            pixels: geometry.pixels,
            roi: model.roi,
            pixel_mm: 1000.0 * geometry.pixel,
            distance_mm: 1000.0 * geometry.distance,
            wavelength_angstrom: model.wavelength / ANGSTROM,
            cell_angstrom: direct.map(|v| v.norm() / ANGSTROM),
            cell_degrees: [angle(1, 2), angle(2, 0), angle(0, 1)],
            cells: model.lattice.cells,
            fluence: model.fluence,
            oversample: model.oversample,
            sources: model.sources.len(),
            spindle_steps: model.spindle_steps.count,
            mosaic_domains: model.domains,
            sensor_layers: model.sensor.layers,
            interpolate: model.interpolate,
            statistics: written.statistics,
            renders: timings.renders.clone(),
            scale: written.scale,
            pgm_scale: written.pgm_scale,
            noise,
            misset_degrees: model.crystal.misset.map(to_degrees),
            written: request.output.files().map(|path| path.display().to_string()).collect(),
            warnings,
        }
    }

    /// What the user should know.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let [a, b, c] = self.cell_angstrom;
        let [al, be, ga] = self.cell_degrees;
        let [na, nb, nc] = self.cells;
        writeln!(out, "nanobragg {}", self.version)?;
        writeln!(
            out,
            "detector: {} × {} pixels of {:.6} mm at {:.6} mm",
            self.pixels[0], self.pixels[1], self.pixel_mm, self.distance_mm
        )?;
        if self.roi != [0, self.pixels[0] - 1, 0, self.pixels[1] - 1] {
            let [f0, f1, s0, s1] = self.roi;
            writeln!(out, "region of interest: fast {f0} to {f1}, slow {s0} to {s1}")?;
        }
        writeln!(out, "beam: {:.6} Å, {:.6e} photons/m²", self.wavelength_angstrom, self.fluence)?;
        writeln!(
            out,
            "crystal: {na} × {nb} × {nc} cells of {a:.4} {b:.4} {c:.4} Å, {al:.3} {be:.3} {ga:.3} degrees"
        )?;
        writeln!(
            out,
            "steps: {} sources, {} spindle steps, {} mosaic domains, oversample {}, {} sensor layers{}",
            self.sources,
            self.spindle_steps,
            self.mosaic_domains,
            self.oversample,
            self.sensor_layers,
            if self.interpolate { ", interpolated structure factors" } else { "" }
        )?;
        writeln!(
            out,
            "oddities: {}",
            if self.oddities.is_empty() { "none".to_owned() } else { self.oddities.join(",") }
        )?;
        writeln!(out, "engine: {}, {}, {}, {} threads", self.engine, self.simd, self.dtype, self.threads)?;
        for line in &self.kernels {
            writeln!(out, "  {line}")?;
        }
        for render in &self.renders {
            writeln!(out, "pixel loop: {:.6} s on {} threads", render.sim_s, self.threads)?;
        }
        let s = &self.statistics;
        writeln!(out, "maximum: {:.6e} photons at pixel {} {}", s.max, s.max_pixel[0], s.max_pixel[1])?;
        writeln!(
            out,
            "mean: {:.6e}  rms: {:.6e}  rmsd: {:.6e}  pixels: {}",
            s.mean, s.rms, s.rmsd, s.pixels
        )?;
        writeln!(out, "solid angle: {:.6e} sr", s.solid_angle)?;
        if self.misset_degrees != [0.0; 3] {
            let [x, y, z] = self.misset_degrees;
            writeln!(out, "misset: {x} {y} {z} degrees")?;
        }
        if let Some(noise) = &self.noise {
            writeln!(
                out,
                "noise: {} photons, {} overloads, seed {}, stream {}",
                noise.photons, noise.overloads, noise.seed, noise.stream
            )?;
        }
        writeln!(out, "written: {}", self.written.join(", "))
    }
}
