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

    /// Whether it interpolates smooth images.
    pub(crate) fn has_tiles(&self) -> bool {
        self.choice.tiles
    }

    /// What interpolation on smooth tiles may add, as a share of the largest sum on the tile: their bound, in f32 with
    /// what rounding adds in their products.
    pub(crate) fn of_tile(&self) -> f64 {
        match self.choice.dtype {
            Dtype::F64 => 1e-12,
            Dtype::F32 => 5e-7,
        }
    }

    /// The image, slow-major, on a number of threads, and the edge of its tiles.
    pub(crate) fn rendered(&self, experiment: &Experiment, threads: usize) -> (Vec<f32>, Option<usize>) {
        let simulator = Simulator::with(experiment, threads, &self.choice).expect("a possible experiment");
        (simulator.render(), simulator.explain().tile_edge)
    }

    /// The image alone.
    pub(crate) fn render(&self, experiment: &Experiment, threads: usize) -> Vec<f32> {
        self.rendered(experiment, threads).0
    }
}

const DTYPES: [Dtype; 2] = [Dtype::F64, Dtype::F32];

/// Every level that this machine has, or those of them that `NB_LEVELS` names, with commas between.
fn levels() -> Vec<Level> {
    let Ok(named) = std::env::var("NB_LEVELS") else { return Level::available() };
    let levels: Result<Vec<Level>, _> = named.split(',').map(Level::named).collect();
    levels.expect("NB_LEVELS names levels of this machine")
}

/// Every level that this machine has, in both types, pixel by pixel.
pub(crate) fn direct() -> Vec<Variant> {
    let variants = |level| DTYPES.map(|dtype| Variant::new(level, dtype, false));
    levels().into_iter().flat_map(variants).collect()
}

/// The same with smooth tiles where they win.
pub(crate) fn with_tiles() -> Vec<Variant> {
    let variants = |level| DTYPES.map(|dtype| Variant::new(level, dtype, true));
    levels().into_iter().flat_map(variants).collect()
}

/// f32 at the fastest level, pixel by pixel and with tiles.
pub(crate) fn narrow_with_and_without_tiles() -> [Variant; 2] {
    [false, true].map(|tiles| Variant::new(Level::detect(), Dtype::F32, tiles))
}

/// Whether an experiment is computed in f32 if that is asked for.
pub(crate) fn is_narrow(experiment: &Experiment) -> bool {
    let choice = Choice { dtype: Dtype::F32, ..Choice::default() };
    Simulator::with(experiment, 1, &choice).expect("a possible experiment").explain().not_f32.is_none()
}

/// Levels that this machine does not have.
pub(crate) fn not_here() -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| !level.is_available()).collect()
}
