//! The sampler for Linux on x86-64 and aarch64.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::collector::Collector;
use self::handler::Recording;
use super::SamplerError;
use crate::profile::samples::Samples;
use crate::profile::unwind::Code;

mod collector;
mod handler;
mod ring;

/// Cells of the ring, per processor: three times what all of them fill between two looks at 1 kHz.
const CELLS_PER_PROCESSOR: usize = 16;
/// At least: on a busy machine the collector waits for a processor itself, a fifth of a second can pass.
const CELLS: usize = 1024;

/// A collecting thread at work. Dropping it stops the timers.
pub(super) struct Running {
    stop: Sender<()>,
    collector: JoinHandle<Samples>,
}

impl Running {
    pub(super) fn start(period: Duration, phase: fn() -> u8) -> Result<Running, SamplerError> {
        let period_ns =
            u32::try_from(period.as_nanos()).ok().filter(|ns| (50_000..=1_000_000_000).contains(ns));
        let period_ns = period_ns.ok_or(SamplerError::Period(period))?;
        let code = Code::of_this_process().map_err(SamplerError::System)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let cells = CELLS.max(CELLS_PER_PROCESSOR * processors) as u32;
        let recording = Recording::open(period_ns, phase, cells).map_err(SamplerError::System)?;
        let recording = recording.ok_or(SamplerError::Busy)?;
        let (stop, stopped) = channel();
        let (ready, armed) = channel();
        let collector = std::thread::Builder::new()
            .name("sampler".into())
            .spawn(move || Collector::run(recording, code, period_ns.into(), &ready, &stopped))
            .map_err(SamplerError::System)?;
        armed.recv().map_err(|_| SamplerError::Died)?;
        Ok(Running { stop, collector })
    }

    pub(super) fn finish(self) -> Result<Samples, SamplerError> {
        drop(self.stop);
        self.collector.join().map_err(|_| SamplerError::Died)
    }
}
