//! Engines render a [`Model`]; the [`Simulator`] gives them rows and threads.

mod ahead;
mod bands;
mod choice;
mod fast;
mod order;
#[cfg(feature = "planted-delay")]
pub mod planted;
mod reference;
mod threads;

pub use choice::{Choice, EngineName, Explanation};
pub use fast::Fast;
pub use order::Order;
pub use reference::Reference;
pub(crate) use threads::pool;
pub use threads::{ThreadsError, thread_count};

use crate::experiment::Experiment;
use crate::kernels::{self, Here, LevelError};
use crate::physics::tap::Tap;
use crate::physics::{self, intensity};
use crate::physics::{Model, ModelError};
use crate::spans;
use crate::statistics::{Statistics, statistics};
use ahead::Page;
use bands::Bands;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Computes the pixels of a band of rows.
pub trait Engine: Send + Sync {
    /// The name that results carry.
    fn name(&self) -> &'static str;

    /// Renders the rows from `first_row` on that fit into `out` (slow-major, whole rows). Pixels that are not computed
    /// become 0. Returns the last pixel, as a position in the image, that was rendered with interpolation on.
    fn render_band(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize>;

    /// Bands should have a multiple of so many rows, counted from the first of the region of interest.
    fn rows_together(&self) -> usize {
        1
    }

    /// Rows that are so quickly done that fewer of them are no band of their own.
    fn least_rows(&self, _model: &Model) -> usize {
        1
    }

    /// The span of a band.
    fn band(&self) -> spans::Stage {
        spans::BAND
    }

    /// What it does with an experiment, and why.
    fn explain(&self, model: &Model) -> Explanation;
}

/// Called with the number of rows that are done and the number of all.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Takes some rows of the image: the position of their first pixel, and the pixels. Called on any thread, in any order, and
/// more than once for rows that are rendered again.
pub type Sink<'a> = &'a (dyn Fn(usize, &[f32]) -> io::Result<()> + Sync);

/// What a render was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Time in the loop over the pixels, without that of writing.
    pub elapsed: Duration,
    /// Time in which bands were written, shared out over the threads.
    pub writing: Duration,
    /// Threads that shared it.
    pub threads: usize,
}

/// Why no image was rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The buffer is not of the image's size.
    #[error("the buffer has {given} values, the image {fast} × {slow}")]
    WrongSize {
        /// Values of the buffer.
        given: usize,
        /// Pixels along fast.
        fast: usize,
        /// Pixels along slow.
        slow: usize,
    },
}

/// Why there is no simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The experiment is impossible.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There are no threads to render with.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The machine does not have the instructions.
    #[error(transparent)]
    Level(#[from] LevelError),
}

/// Parts of the set-up that may outlive an experiment.
#[derive(Debug, Default)]
struct Parts {
    model: physics::model::Parts,
    plan: kernels::plan::Parts,
}

impl Parts {
    fn engine(&mut self, model: &Model, choice: &Choice, level: Here) -> Box<dyn Engine> {
        match choice.engine {
            EngineName::Fast => Box::new(Fast::with_parts(model, choice, level, &mut self.plan)),
            EngineName::Reference => Box::new(Reference),
        }
    }
}

/// An experiment that is set up once and rendered as often as wanted.
pub struct Simulator {
    experiment: Experiment,
    model: Model,
    choice: Choice,
    level: Here,
    parts: Parts,
    pool: Arc<rayon::ThreadPool>,
    /// For bands that are not kept.
    page: Page,
    engine: Box<dyn Engine>,
    /// The pixel that ended interpolation in the last render.
    latch: AtomicUsize,
}

impl Simulator {
    /// Sets an experiment up for the fast engine and as many threads as the environment or the machine gives.
    ///
    /// # Errors
    /// When the experiment is impossible or too large for the memory, threads cannot be started, or the machine does not
    /// have the instructions that are asked for.
    pub fn new(experiment: &Experiment) -> Result<Simulator, SimulatorError> {
        Simulator::with(experiment, thread_count(None)?, &Choice::default())
    }

    /// The same with a number of threads.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    pub fn with_threads(experiment: &Experiment, threads: usize) -> Result<Simulator, SimulatorError> {
        Simulator::with(experiment, threads, &Choice::default())
    }

    /// The same with a number of threads and an engine.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    pub fn with(
        experiment: &Experiment,
        threads: usize,
        choice: &Choice,
    ) -> Result<Simulator, SimulatorError> {
        Simulator::with_pool(experiment, pool(threads)?, choice)
    }

    /// The same with threads that are there.
    pub(crate) fn with_pool(
        experiment: &Experiment,
        pool: Arc<rayon::ThreadPool>,
        choice: &Choice,
    ) -> Result<Simulator, SimulatorError> {
        let level = choice.here()?;
        let [fast, slow] = experiment.detector.pixels.map(|n| n.map_or(usize::MAX, |n| n as usize));
        let page = Page::ahead(&pool, fast.saturating_mul(slow));
        let mut parts = Parts::default();
        let model = Model::with_parts(experiment, crate::memory::free(), &mut parts.model)?;
        let engine = parts.engine(&model, choice, level);
        let (experiment, choice) = (experiment.clone(), *choice);
        let latch = AtomicUsize::new(usize::MAX);
        Ok(Simulator { experiment, model, choice, level, parts, pool, page, engine, latch })
    }

    /// Goes on with another experiment. What depends on nothing that has changed stays as it is: sources, mosaic domains,
    /// orientations and their combinations, structure factors in other numbers. False if nothing has changed at all.
    ///
    /// # Errors
    /// When the experiment is impossible; the simulator has the one before then.
    pub fn change(&mut self, experiment: &Experiment) -> Result<bool, ModelError> {
        if *experiment == self.experiment {
            return Ok(false);
        }
        self.model = Model::with_parts(experiment, crate::memory::free(), &mut self.parts.model)?;
        self.engine = self.parts.engine(&self.model, &self.choice, self.level);
        self.experiment = experiment.clone();
        self.latch = AtomicUsize::new(usize::MAX);
        Ok(true)
    }

    /// What the engine does with this experiment, and why.
    pub fn explain(&self) -> Explanation {
        self.engine.explain(&self.model)
    }

    /// The set-up.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Pixels along fast and slow.
    pub fn size(&self) -> [usize; 2] {
        self.model.geometry.pixels
    }

    /// The name of the engine.
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Renders into a new image, slow-major, in photons.
    pub fn render(&self) -> Vec<f32> {
        let mut image = vec![0.0; self.size()[0] * self.size()[1]];
        Bands::new(self, None).into_image(&mut image);
        image
    }

    /// Renders into a buffer, slow-major, in photons. The image does not depend on the number of threads.
    ///
    /// # Errors
    /// When the buffer is not of the image's size.
    pub fn render_into(&self, image: &mut [f32]) -> Result<Rendered, RenderError> {
        self.render_with_progress(image, None)
    }

    /// The same, telling how far it is.
    ///
    /// # Errors
    /// When the buffer is not of the image's size.
    pub fn render_with_progress(
        &self,
        image: &mut [f32],
        progress: Option<Progress>,
    ) -> Result<Rendered, RenderError> {
        let [fast, slow] = self.size();
        if image.len() != fast * slow {
            return Err(RenderError::WrongSize { given: image.len(), fast, slow });
        }
        let start = Instant::now();
        Bands::new(self, progress).into_image(image);
        Ok(Rendered { elapsed: start.elapsed(), writing: Duration::ZERO, threads: self.threads() })
    }

    /// Renders an image that is never whole in memory: every band goes to the `sink` while it is in the cache of the
    /// processor. Rows outside the region of interest are 0, and are left out.
    ///
    /// # Errors
    /// The first of the sink.
    pub fn render_to(&self, sink: Sink, progress: Option<Progress>) -> io::Result<Rendered> {
        let start = Instant::now();
        let writing = Bands::new(self, progress).into_sink(sink)? / self.threads() as u32;
        let elapsed = start.elapsed().saturating_sub(writing);
        Ok(Rendered { elapsed, writing, threads: self.threads() })
    }

    /// Shows a tap every intermediate value of one pixel of the last render, computed again by the code of the
    /// reference engine. False if the pixel is masked or outside the region of interest.
    pub fn trace_pixel<T: Tap>(&self, fpixel: usize, spixel: usize, tap: &mut T) -> bool {
        let [fast, slow] = self.size();
        if fpixel >= fast || spixel >= slow || !self.model.computes(fpixel, spixel) {
            return false;
        }
        let order = Order::known(&self.model, self.latch.load(Ordering::Relaxed));
        intensity::pixel(&self.model, fpixel, spixel, order.inherited(spixel * fast + fpixel), tap);
        true
    }

    /// Statistics of an image that was rendered.
    pub fn statistics(&self, image: &[f32]) -> Statistics {
        self.pool.install(|| statistics(&self.model, image))
    }
}

#[cfg(test)]
mod tests;
