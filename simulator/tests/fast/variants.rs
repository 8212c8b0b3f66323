//! The engines, levels and types of numbers that are held against the scalar engine.

use nanobragg::engine::Choice;
use nanobragg::kernels::{Dtype, Level};
use nanobragg::{Experiment, Simulator};

/// One way to render.
pub(crate) struct Variant {
    pub(crate) name: String,
    choice: Choice,
}

impl Variant {
    fn new(level: Level, dtype: Dtype, tiles: bool) -> Variant {
        Variant {
            name: format!("{level} {} {}", dtype.name(), if tiles { "with tiles" } else { "direct" }),
            choice: Choice { level: Some(level), dtype, tiles, ..Choice::default() },
        }
    }

    /// Whether it computes in f32.
    pub(crate) fn narrow(&self) -> bool {
        self.choice.dtype == Dtype::F32
    }

    /// What a pixel may be off by besides, as a share of the brightest pixel: the bound of smooth tiles.
    pub(crate) fn of_brightest(&self) -> f64 {
        match (self.choice.tiles, self.choice.dtype) {
            (false, _) => 0.0,
            (true, Dtype::F64) => 1e-12,
            (true, Dtype::F32) => 1e-7,
        }
    }

    /// The image, slow-major, on a number of threads.
    pub(crate) fn render(&self, experiment: &Experiment, threads: usize) -> Vec<f32> {
        Simulator::with(experiment, threads, &self.choice).expect("a possible experiment").render()
    }
}

/// All that this machine can run: levels and types of numbers without tiles, and the fastest level with them.
pub(crate) fn all() -> Vec<Variant> {
    let dtypes = [Dtype::F64, Dtype::F32];
    let direct = |level| dtypes.map(|dtype| Variant::new(level, dtype, false));
    let with_tiles = dtypes.map(|dtype| Variant::new(Level::detect(), dtype, true));
    Level::available().into_iter().flat_map(direct).chain(with_tiles).collect()
}

/// Levels that this machine does not have.
pub(crate) fn not_here() -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| !level.is_available()).collect()
}
