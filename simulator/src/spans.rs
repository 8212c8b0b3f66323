//! Names of the stages that are traced, and the phase that a sampling profiler is told.
//!
//! A stage has a span where it runs as a code section or a loop of its own. What is fused into the sum over a pixel
//! has none: its share comes from samples.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};

/// Target of all spans.
pub const TARGET: &str = "nanobragg";

/// A stage that has a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Name of the span.
    pub name: &'static str,
    /// The loop that it stands for, if it is one: `path::function#ordinal`.
    pub loop_id: Option<&'static str>,
}

/// Everything before the first pixel: reading, deciding defaults, orienting.
pub const SETUP: Stage = Stage { name: "setup", loop_id: None };
/// A band of rows of the reference engine; at most [`MOST_BANDS`] a render, as for every engine.
pub const BAND: Stage =
    Stage { name: "band", loop_id: Some("simulator/src/engine/reference.rs::Reference::render_band#1") };
/// A band of rows that the kernels render pixel by pixel.
pub const BAND_OF_PIXELS: Stage =
    Stage { name: "band", loop_id: Some("simulator/src/kernels/block.rs::render#1") };
/// A band of smooth tiles.
pub const BAND_OF_TILES: Stage = Stage { name: "band", loop_id: None };
/// Statistics and files.
pub const OUTPUT: Stage = Stage { name: "output", loop_id: None };
/// All stages.
pub const STAGES: &[Stage] = &[SETUP, BAND, BAND_OF_PIXELS, BAND_OF_TILES, OUTPUT];

/// The most bands that a render is cut into, so that tracing stays cheap and traces small, and a band of the benchmark case is
/// written from the second-level cache.
pub const MOST_BANDS: usize = 192;

/// The loop that the test build delays: the one over the pixels of a row.
#[cfg(feature = "planted-delay")]
pub const PLANTED_LOOP_ID: &str = "simulator/src/engine/reference.rs::Reference::render_band#2";

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing that counts.
    None = 0,
    /// Set-up.
    Setup = 1,
    /// The image.
    Render = 2,
    /// Files.
    Output = 3,
}

static PHASE: AtomicU8 = AtomicU8::new(0);

thread_local! {
    /// What this thread does, where it is not what the process does. No destructor: it is there as long as the thread.
    static OF_THREAD: Cell<u8> = const { Cell::new(0) };
}

/// The phase of this thread as a number, safe to read in a signal handler.
pub fn phase() -> u8 {
    match OF_THREAD.get() {
        0 => PHASE.load(Ordering::Relaxed),
        own => own,
    }
}

/// Sets the phase until it is dropped.
#[derive(Debug)]
pub struct InPhase(u8);

impl InPhase {
    /// Begins a phase.
    pub fn new(phase: Phase) -> InPhase {
        InPhase(PHASE.swap(phase as u8, Ordering::Relaxed))
    }
}

impl Drop for InPhase {
    fn drop(&mut self) {
        PHASE.store(self.0, Ordering::Relaxed);
    }
}

/// Sets the phase of this thread alone until it is dropped.
#[derive(Debug)]
pub(crate) struct ThreadInPhase(std::marker::PhantomData<*const ()>);

impl ThreadInPhase {
    pub(crate) fn new(phase: Phase) -> ThreadInPhase {
        OF_THREAD.set(phase as u8);
        ThreadInPhase(std::marker::PhantomData)
    }
}

impl Drop for ThreadInPhase {
    fn drop(&mut self) {
        OF_THREAD.set(0);
    }
}
