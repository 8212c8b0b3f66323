//! Renders what a request asks for, as often as it asks, and writes the files.

use super::parse::UsageError;
use super::progress::ProgressLine;
use super::report::Report;
use super::request::Request;
use super::timings::{self, Render, Timings};
use crate::engine::{RenderError, SetupCache, Simulator, ThreadsError, pool, thread_count};
use crate::io::atomic::{self, WriteError};
use crate::io::float;
use crate::physics::ModelError;
use crate::physics::statistics::Statistics;
use crate::spans::{self, InPhase, Phase};
use std::path::Path;
use std::time::Instant;

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
    /// The buffer.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The report.
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    /// A number that JSON has no word for.
    #[error("cannot write the timings: {0}")]
    Json(#[from] serde_json::Error),
}

impl RunError {
    /// 1 for files, 2 for everything that the caller can put right.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            RunError::Write(_) | RunError::Stdout(_) => 1,
            _ => 2,
        }
    }
}

/// Renders, writes, reports.
pub(super) fn run(request: &Request) -> Result<(), RunError> {
    let running = &request.running;
    let files = [Some(&request.output.float), running.timings.as_ref(), running.trace.as_ref()];
    for path in files.into_iter().flatten() {
        atomic::check_writable(path)?;
    }
    match &running.trace {
        Some(path) => super::trace::traced(path, || renders(request))?,
        None => renders(request),
    }
}

fn renders(request: &Request) -> Result<(), RunError> {
    let running = &request.running;
    let pool = pool(thread_count(running.threads)?)?;
    let cache = SetupCache::new();
    let mut image = Vec::new();
    let mut renders = Vec::new();
    for _ in 0..=running.repeat {
        let start = Instant::now();
        let (simulator, cache_hit) = {
            let _phase = InPhase::new(Phase::Setup);
            let _span = tracing::info_span!(target: spans::TARGET, "setup").entered();
            let (model, hit) = cache.model(&request.experiment)?;
            (Simulator::of_model(model, pool.clone()), hit)
        };
        let setup_s = start.elapsed().as_secs_f64();

        let [fast, slow] = simulator.size();
        image.resize(fast * slow, 0.0);
        let line = running.progress.unwrap_or(true).then(ProgressLine::on_terminal).flatten();
        let show = |done, all| {
            if let Some(line) = &line {
                line.show(done, all);
            }
        };
        let rendered = simulator.render_with_progress(&mut image, Some(&show))?;
        drop(line);

        let output = Instant::now();
        let statistics = write_files(request, &simulator, &image)?;
        let output_s = output.elapsed().as_secs_f64();
        renders.push(Render {
            kind: if renders.is_empty() { "cold" } else { "warm" },
            cache_hit,
            setup_s,
            sim_s: rendered.elapsed.as_secs_f64(),
            output_s,
            total_s: start.elapsed().as_secs_f64(),
            peak_bytes: crate::memory::peak(),
            planted_s: planted_s(),
        });
        if renders.len() == 1 + running.repeat as usize {
            report(request, &simulator, &statistics, renders)?;
            return Ok(());
        }
    }
    Ok(())
}

fn write_files(request: &Request, simulator: &Simulator, image: &[f32]) -> Result<Statistics, RunError> {
    let _phase = InPhase::new(Phase::Output);
    let _span = tracing::info_span!(target: spans::TARGET, "output").entered();
    let statistics = simulator.statistics(image);
    float::write(&request.output.float, image)?;
    Ok(statistics)
}

fn report(
    request: &Request,
    simulator: &Simulator,
    statistics: &Statistics,
    renders: Vec<Render>,
) -> Result<(), RunError> {
    let [fpixels, spixels] = simulator.size();
    let timings = Timings {
        schema: timings::SCHEMA,
        engine: simulator.engine(),
        dtype: "f64",
        threads: simulator.threads(),
        fpixels,
        spixels,
        renders,
    };
    if let Some(path) = &request.running.timings {
        write_json(path, &timings)?;
    }
    let report = Report::new(request, simulator, statistics, &timings);
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
