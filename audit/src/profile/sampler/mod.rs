//! A sampler inside the process: interrupts every thread about once a millisecond and keeps where it was.
//!
//! The clock is `CLOCK_MONOTONIC` because CPU-time timers tick at the kernel's 4 ms at best. Timers thus expire also for
//! threads that do not run. A sample counts, and then always for one period, exactly if its thread was running when the
//! timer expired: not if it was asleep in a system call, which the interrupted instruction tells, nor if it was waiting
//! for a processor, which the handler's delay tells. Both are counted apart. (Weighting each sample by the thread time
//! since the last one instead loses the end of every burst: a loop run in bursts of two periods came out a fifth too
//! small.) The period is jittered so that no loop keeps step with it.
//!
//! Cost, measured by `cargo bench -p bragg-audit --bench sampling` on a virtual machine with two processors: 3.4 % more
//! thread time at 1 kHz (25 pairs, quartiles 3.0 and 4.0 %), more where stacks are deep. It falls on all code alike and
//! moves no share, but timings belong to runs without it.
//!
//! Addresses and stacks, not functions: `pprof` merges samples per function and keeps the first line of each, which is
//! of no use for loops.

use std::path::Path;
use std::time::Duration;

use super::samples::{Samples, SamplesError};

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "linux/mod.rs"]
mod native;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "unsupported.rs"]
mod native;

/// The usual time between two samples of a thread.
pub const DEFAULT_PERIOD: Duration = Duration::from_millis(1);

/// Why sampling failed.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// No Linux, or another processor.
    #[error(
        "the sampler is not supported on this system: it needs Linux on x86-64 or aarch64; profile by spans alone"
    )]
    NotSupported,
    /// One at a time.
    #[error("this process is being sampled already: stop the other sampler first")]
    Busy,
    /// Out of range.
    #[error("a sampling period of {0:?} is not possible: take 50 µs to 1 s")]
    Period(Duration),
    /// The operating system said no.
    #[error("the sampler could not be set up: {0}")]
    System(std::io::Error),
    /// A fault of ours.
    #[error("the sampler's thread died; its samples are lost")]
    Died,
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] SamplesError),
}

/// Counts of a finished run, for logs and for the decision whether the profile is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleStats {
    /// All of them.
    pub samples: u64,
    /// Of threads that were asleep.
    pub idle: u64,
    /// Of threads that were waiting for a processor.
    pub late: u64,
    /// Lost: the profile is not whole.
    pub dropped: u64,
    /// Stacks cut at the copied bytes.
    pub truncated: u64,
    /// Stacks cut elsewhere.
    pub unwind_failures: u64,
    /// Threads seen.
    pub threads: usize,
    /// Thread time of the sampled threads.
    pub cpu: Duration,
    /// What went wrong: the profile is not whole.
    pub errors: Vec<String>,
}

/// A running sampler of this process: all its threads but the sampler's own.
pub struct Sampler {
    running: native::Running,
}

impl Sampler {
    /// Starts sampling every thread, one sample per `period` of wall time on average. `phase` is called in a signal
    /// handler: it may read an atomic and nothing more. The handler of one real-time signal stays installed for good.
    ///
    /// # Errors
    /// When the system is not supported, another sampler runs, or the kernel refuses.
    pub fn start(period: Duration, phase: fn() -> u8) -> Result<Sampler, SamplerError> {
        Ok(Sampler { running: native::Running::start(period, phase)? })
    }

    /// Stops and writes the samples file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn stop(self, to: &Path) -> Result<SampleStats, SamplerError> {
        let samples = self.finish()?;
        samples.write(to)?;
        Ok(SampleStats::of(&samples))
    }

    /// Stops and hands over the samples; the files that they fell in are hashed.
    ///
    /// # Errors
    /// When the sampler's thread has died.
    pub fn finish(self) -> Result<Samples, SamplerError> {
        let mut samples = self.running.finish()?;
        for module in &mut samples.modules {
            match super::sha256_of(&module.path) {
                Ok(sha256) => module.sha256 = Some(sha256),
                Err(error) => samples.errors.push(format!("{}: {error}", module.path.display())),
            }
        }
        Ok(samples)
    }
}

impl SampleStats {
    /// Sums over a samples file.
    #[must_use]
    pub fn of(samples: &Samples) -> SampleStats {
        SampleStats {
            samples: samples.totals.iter().map(|t| t.samples).sum(),
            idle: samples.idle,
            late: samples.late,
            dropped: samples.dropped,
            truncated: samples.truncated,
            unwind_failures: samples.unwind_failures,
            threads: samples.threads.len(),
            cpu: Duration::from_nanos(samples.totals.iter().map(|t| t.cpu_ns).sum()),
            errors: samples.errors.clone(),
        }
    }
}
