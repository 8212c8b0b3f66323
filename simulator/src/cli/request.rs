//! What a command line asks for.

use crate::engine::Choice;
use crate::experiment::Experiment;
use crate::image::NoiseStream;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that a command line says.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What is done.
    pub action: Action,
    /// What is simulated, but for what the input files say.
    pub experiment: Experiment,
    /// Files that are read.
    pub input: Input,
    /// Files that are written.
    pub output: Output,
    /// How it runs.
    pub running: Running,
    /// Options that were given, by their first name, with where they came from.
    pub given: BTreeMap<&'static str, Given>,
}

/// An option that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its values as they were written.
    pub values: Vec<String>,
    /// Where.
    pub origin: Origin,
}

/// Where an option was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In an experiment file.
    File(PathBuf),
    /// In the header of an image.
    Header(PathBuf),
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
    /// The experiment, resolved, as an experiment file.
    PrintExperiment,
}

/// Files that are read.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Experiment file.
    pub experiment: Option<PathBuf>,
    /// Structure factors.
    pub hkl: Option<PathBuf>,
    /// Cache of structure factors: written with `hkl`, read without.
    pub dump: Option<PathBuf>,
    /// Orientation matrix.
    pub matrix: Option<PathBuf>,
    /// Sources.
    pub sources: Option<PathBuf>,
    /// Mask.
    pub mask: Option<PathBuf>,
    /// Image whose header is taken.
    pub image: Option<PathBuf>,
    /// Seed of a random misset.
    pub misset_seed: Option<i64>,
}

/// Files that are written.
#[derive(Clone, Debug)]
pub struct Output {
    /// Float image.
    pub float: PathBuf,
    /// Integer image.
    pub integer: PathBuf,
    /// PGM image.
    pub pgm: Option<PathBuf>,
    /// Noise image.
    pub noise: Option<PathBuf>,
    /// NumPy array.
    pub npy: Option<PathBuf>,
    /// PNG image.
    pub png: Option<PathBuf>,
    /// Scale of the integer image.
    pub scale: Option<f64>,
    /// Scale of the PGM image.
    pub pgm_scale: Option<f64>,
    /// Offset of the integer and noise images.
    pub adc: f64,
    /// Seed of the noise.
    pub seed: Option<i64>,
    /// Random numbers of the noise.
    pub noise_stream: NoiseStream,
    /// Pixels whose intermediate values are printed.
    pub printout: Printout,
    /// Whether they are printed as JSON.
    pub printout_json: bool,
}

/// Pixels whose intermediate values are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Printout {
    /// None.
    #[default]
    None,
    /// All that are computed.
    All,
    /// One: fast, slow.
    One(usize, usize),
}

impl Default for Output {
    fn default() -> Output {
        Output {
            float: PathBuf::from("floatimage.bin"),
            integer: PathBuf::from("intimage.img"),
            pgm: Some(PathBuf::from("image.pgm")),
            noise: Some(PathBuf::from("noiseimage.img")),
            npy: None,
            png: None,
            scale: None,
            pgm_scale: None,
            adc: 40.0,
            seed: None,
            noise_stream: NoiseStream::Nanobragg,
            printout: Printout::None,
            printout_json: false,
        }
    }
}

impl Output {
    /// All files that are written.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let always = [&self.float, &self.integer].into_iter();
        always.chain([&self.pgm, &self.noise, &self.npy, &self.png].into_iter().flatten())
    }
}

/// How it runs.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Number of threads.
    pub threads: Option<usize>,
    /// The engine.
    pub choice: Choice,
    /// Whether it says what it does and why.
    pub explain: bool,
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
