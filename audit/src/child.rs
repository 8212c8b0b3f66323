//! This executable as an engine's process: the Rust engine with or without a profiler around it, or the C engine.

use crate::cli::EngineArgs;
use crate::exit::{AuditError, Result};
use crate::profile::functions;
use crate::profile::sampler::Sampler;
use std::time::Duration;

/// One sample a millisecond and thread.
const PERIOD: Duration = Duration::from_millis(1);

/// Renders as the engine asked for; the engine's own exit status.
///
/// # Errors
/// An unknown engine, or a profiler that cannot run.
pub fn run(args: &EngineArgs) -> Result<u8> {
    match args.engine.as_str() {
        "c" => Ok(nanobragg::c_engine::main_with(args.args.clone())),
        "rust" => rust(args),
        other => Err(AuditError::usage(format!("unknown engine `{other}`"))),
    }
}

fn rust(args: &EngineArgs) -> Result<u8> {
    let render = || nanobragg::cli::main_with(args.args.clone());
    if let Some(file) = &args.samples {
        let sampler = Sampler::start(PERIOD, nanobragg::spans::phase)
            .map_err(|e| AuditError::failed("starting the sampler", e))?;
        let code = render();
        sampler.stop(file).map_err(|e| AuditError::failed(file.display(), e))?;
        return Ok(code);
    }
    if let Some(file) = &args.functions {
        // the crate's name in a stack keeps to our own threads' work and leaves waiting threads out
        let (code, found) = functions::profile(functions::FREQUENCY_HZ, Some("nanobragg"), render)
            .map_err(|e| AuditError::failed("profiling functions", e))?;
        let mut folded = Vec::new();
        let written = found.write_folded(&mut folded).and_then(|()| std::fs::write(file, folded));
        written.map_err(|e| AuditError::failed(file.display(), e))?;
        return Ok(code);
    }
    Ok(render())
}
