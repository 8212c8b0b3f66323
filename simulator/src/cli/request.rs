//! What a command line asks for.

use crate::experiment::Experiment;
use std::path::PathBuf;

/// Everything that a command line says.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What is done.
    pub action: Action,
    /// What is simulated, but for what the input files say.
    pub experiment: Experiment,
    /// Files that are written.
    pub output: Output,
    /// How it runs.
    pub running: Running,
}

/// What is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// An image.
    #[default]
    Render,
    /// The help, of one option or of all.
    Help(Option<String>),
    /// The version.
    Version,
}

/// Files that are written.
#[derive(Clone, Debug)]
pub struct Output {
    /// Float image.
    pub float: PathBuf,
    /// Whether a noise image is wanted.
    pub noise: bool,
    /// Whether a PGM image is wanted.
    pub pgm: bool,
}

impl Default for Output {
    fn default() -> Output {
        Output { float: PathBuf::from("floatimage.bin"), noise: true, pgm: true }
    }
}

/// How it runs.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Number of threads.
    pub threads: Option<usize>,
    /// Chrome trace.
    pub trace: Option<PathBuf>,
    /// Timings as JSON.
    pub timings: Option<PathBuf>,
    /// Renders after the first.
    pub repeat: u32,
    /// Nothing on standard output.
    pub quiet: bool,
    /// One JSON object on standard output.
    pub json: bool,
    /// Progress on a terminal.
    pub progress: Option<bool>,
}
