//! Renders what a request asks for, as often as it asks, and writes the files.

use super::inputs;
use super::parse::UsageError;
use super::printout::PixelRecord;
use super::progress::ProgressLine;
use super::render::{self, Image};
use super::report::{Report, Written};
use super::request::{Printout, Request};
use super::timings::{self, Render, Timings};
use crate::buffer::OutOfMemory;
use crate::engine::{Explanation, RenderError, Simulator, SimulatorError, ThreadsError, pool, thread_count};
use crate::experiment::Experiment;
use crate::image::{self, Noise};
use crate::io::atomic::{self, WriteError};
use crate::io::{ReadError, float, npy, pgm, png, smv};
use crate::physics::ModelError;
use crate::spans::{self, InPhase, Phase};
use crate::statistics::Statistics;
use std::path::Path;
use std::time::Instant;
use tracing::field::Empty;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// The command line.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The experiment.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The threads.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The set-up.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The buffer.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The image.
    #[error("the image: {0}")]
    Memory(#[from] OutOfMemory),
    /// A file that is read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file that is written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The report.
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    /// A number that JSON has no word for.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl RunError {
    /// 1 for files, 2 for everything that the caller can put right.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            RunError::Write(_) | RunError::Stdout(_) | RunError::Read(ReadError::Io { .. }) => 1,
            _ => 2,
        }
    }
}

/// Renders, writes, reports. `started` is when the command began.
pub(super) fn run(request: &Request, started: Instant) -> Result<(), RunError> {
    let running = &request.running;
    let ours = [running.timings.as_ref(), running.trace.as_ref()];
    for path in request.output.files().chain(ours.into_iter().flatten()) {
        atomic::check_writable(path)?;
    }
    match &running.trace {
        Some(path) => super::trace::traced(path, || renders(request, started))?,
        None => renders(request, started),
    }
}

fn renders(request: &Request, started: Instant) -> Result<(), RunError> {
    let running = &request.running;
    let pool = pool(thread_count(running.threads)?)?;
    let mut experiment: Option<Experiment> = None;
    let mut before: Option<Simulator> = None;
    let mut image: Option<Image> = None;
    let mut renders = Vec::new();
    loop {
        // The first render answers for the reading of the command line and of the headers.
        let start = if renders.is_empty() { started } else { Instant::now() };
        let (simulator, cache_hit) = {
            let _phase = InPhase::new(Phase::Setup);
            let span =
                tracing::info_span!(target: spans::TARGET, "setup", engine = Empty, simd = Empty, dtype = Empty)
                    .entered();
            let experiment = match &mut experiment {
                Some(known) => known,
                unread => unread.insert(inputs::load(request)?),
            };
            let (simulator, cache_hit) = match before.take() {
                Some(mut simulator) => {
                    let changed = simulator.change(experiment)?;
                    (simulator, !changed)
                }
                None => (Simulator::with_pool(experiment, pool.clone(), &running.choice)?, false),
            };
            if !span.is_disabled() {
                let Explanation { engine, level, dtype, .. } = simulator.explain();
                // As `Display`: tracing-chrome puts quotes into text that is recorded as such.
                for (field, value) in [("engine", engine), ("simd", level), ("dtype", dtype)] {
                    span.record(field, tracing::field::display(value));
                }
            }
            (simulator, cache_hit)
        };
        check_printout(request, &simulator)?;
        let setup_s = start.elapsed().as_secs_f64();

        let line = running.progress.unwrap_or(true).then(ProgressLine::on_terminal).flatten();
        let show = |done, all| {
            if let Some(line) = &line {
                line.show(done, all);
            }
        };
        let loop_and_float = Instant::now();
        let made = render::render(request, &simulator, image.take(), &show)?;
        let (image, statistics, rendered) = (&*image.insert(made.image), made.statistics, made.rendered);
        drop(line);
        let written = {
            // On this thread: the threads of the pool have no subscriber.
            let _phase = InPhase::new(Phase::Output);
            let _span = tracing::info_span!(target: spans::TARGET, "output").entered();
            pool.install(|| write_files(request, &simulator, image, statistics))?
        };
        renders.push(Render {
            kind: if renders.is_empty() { "cold" } else { "warm" },
            cache_hit,
            setup_s,
            sim_s: rendered.elapsed.as_secs_f64(),
            output_s: loop_and_float.elapsed().saturating_sub(rendered.elapsed).as_secs_f64(),
            total_s: start.elapsed().as_secs_f64(),
            peak_bytes: crate::memory::peak(),
            planted_s: planted_s(),
        });
        if renders.len() > running.repeat as usize {
            print_pixels(request, &simulator, image)?;
            return report(request, &simulator, &written, renders);
        }
        before = Some(simulator);
    }
}

fn write_files(
    request: &Request,
    simulator: &Simulator,
    image: &Image,
    statistics: Statistics,
) -> Result<Written, RunError> {
    // A float image in memory is written as it lies there, while the others are made.
    let (float, written) = rayon::join(
        || match image {
            Image::Kept(image) => float::write(&request.output.float, image),
            Image::Written(_) => Ok(()),
        },
        || write_converted(request, simulator, image, statistics),
    );
    float?;
    Ok(written?)
}

/// Writes the files that are made of the float image.
fn write_converted(
    request: &Request,
    simulator: &Simulator,
    image: &[f32],
    statistics: Statistics,
) -> Result<Written, WriteError> {
    let (model, output) = (simulator.model(), &request.output);
    let (size, count) = (simulator.size(), image.len());
    let scale = image::integer_scale(output.scale, &statistics);
    let header = smv::header(model, request.experiment.sampling.phi);
    smv::write(&output.integer, &header, count, image::integers(model, image, scale, output.adc))?;
    let pgm_scale = image::grey_scale(output.pgm_scale, &statistics, scale);
    if let Some(path) = &output.pgm {
        pgm::write(path, size, pgm_scale, image::greys(model, image, pgm_scale))?;
    }
    let seed = output.seed.unwrap_or(0);
    let mut noise = None;
    if let Some(path) = &output.noise {
        let mut drawn = Noise::new(model, image, output.adc, seed, output.noise_stream);
        smv::write(path, &header, count, |first, out| drawn.fill(first, out))?;
        noise = Some((seed, drawn.photons(), drawn.overloads()));
    }
    if let Some(path) = &output.npy {
        npy::write(path, size[0], image)?;
    }
    if let Some(path) = &output.png {
        png::write(path, size[0], image, statistics.max)?;
    }
    Ok(Written { statistics, scale, pgm_scale, noise })
}

/// A pixel whose values are to be printed must be one.
fn check_printout(request: &Request, simulator: &Simulator) -> Result<(), RunError> {
    let [fast, slow] = simulator.size();
    match request.output.printout {
        Printout::One(f, s) if f >= fast || s >= slow => {
            let text = format!("-printout_pixel: {f} {s} is outside the detector of {fast} × {slow} pixels");
            Err(UsageError(text).into())
        }
        _ => Ok(()),
    }
}

/// Prints the intermediate values of the pixels that were asked for.
fn print_pixels(request: &Request, simulator: &Simulator, image: &[f32]) -> Result<(), RunError> {
    let [f0, f1, s0, s1] = match request.output.printout {
        Printout::None => return Ok(()),
        Printout::All => simulator.model().roi,
        Printout::One(f, s) => [f, f, s, s],
    };
    for spixel in s0..=s1 {
        for fpixel in f0..=f1 {
            let value = image[spixel * simulator.size()[0] + fpixel];
            let mut record = PixelRecord::new(simulator.engine(), fpixel, spixel, value);
            let computed = simulator.trace_pixel(fpixel, spixel, &mut record);
            record.finish(computed);
            if !computed && request.output.printout == Printout::All {
                continue;
            }
            if request.output.printout_json || request.running.json {
                super::print(&format!("{}\n", serde_json::to_string(&record)?))?;
            } else {
                super::print(&record.text())?;
            }
        }
    }
    Ok(())
}

fn report(
    request: &Request,
    simulator: &Simulator,
    written: &Written,
    renders: Vec<Render>,
) -> Result<(), RunError> {
    let [fpixels, spixels] = simulator.size();
    let explanation = simulator.explain();
    let timings = Timings {
        schema: timings::SCHEMA,
        engine: explanation.engine,
        simd: explanation.level,
        dtype: explanation.dtype,
        threads: simulator.threads(),
        fpixels,
        spixels,
        renders,
    };
    if let Some(path) = &request.running.timings {
        write_json(path, &timings)?;
    }
    let report = Report::new(request, simulator, written, &timings, &explanation);
    super::warn(report.warnings());
    match (request.running.quiet, request.running.json) {
        (true, _) => Ok(()),
        (false, true) => super::print(&format!("{}\n", serde_json::to_string_pretty(&report)?)),
        (false, false) => super::print(&report.text()),
    }
}

fn write_json(path: &Path, timings: &Timings) -> Result<(), RunError> {
    let mut text = serde_json::to_string_pretty(timings)?;
    text.push('\n');
    Ok(atomic::write(path, text.as_bytes())?)
}

/// Test build only: time in the planted delay since the last render.
fn planted_s() -> Option<f64> {
    #[cfg(feature = "planted-delay")]
    return Some(crate::engine::planted::take().as_secs_f64());
    #[cfg(not(feature = "planted-delay"))]
    None
}
