//! Which engine renders, with which instructions, in which type of numbers.

use crate::kernels::{Dtype, Here, Level, LevelError};

/// An engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineName {
    /// The kernels.
    #[default]
    Fast,
    /// The equations, pixel by pixel.
    Reference,
}

impl EngineName {
    /// All engines.
    pub const ALL: [EngineName; 2] = [EngineName::Fast, EngineName::Reference];

    /// Its name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            EngineName::Fast => "rust-fast",
            EngineName::Reference => "rust-reference",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The engine.
    pub engine: EngineName,
    /// Instructions; `None`: the fastest that this machine has. Of the fast engine only.
    pub level: Option<Level>,
    /// Type of the numbers inside the sum. Of the fast engine only.
    pub dtype: Dtype,
    /// Whether smooth images are interpolated where that is as good and faster. Of the fast engine only.
    pub tiles: bool,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice { engine: EngineName::Fast, level: None, dtype: Dtype::F64, tiles: true }
    }
}

impl Choice {
    /// The reference engine.
    pub fn reference() -> Choice {
        Choice { engine: EngineName::Reference, ..Choice::default() }
    }

    /// The level that is used.
    ///
    /// # Errors
    /// When this machine does not have the one that is asked for.
    pub(crate) fn here(&self) -> Result<Here, LevelError> {
        self.level.map_or_else(|| Ok(Here::fastest()), Level::here)
    }
}

/// What an engine does with an experiment, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The engine.
    pub engine: &'static str,
    /// Instructions.
    pub level: &'static str,
    /// Type of the numbers inside the sum.
    pub dtype: &'static str,
    /// Why that is f64 although f32 was asked for.
    pub not_f32: Option<&'static str>,
    /// Edge of smooth tiles, pixels; `None` where every pixel is summed.
    pub tile_edge: Option<usize>,
    /// What is computed how, one line each.
    pub lines: Vec<String>,
}
