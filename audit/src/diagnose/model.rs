//! The record of a diagnosis (`diagnosis.json`). Reports are made from it alone.

use super::flow::Divergence;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Kinds of causes. docs/blocked.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`Class::title` says what each is")]
pub enum Class {
    NonDeterminism,
    Failure,
    HiddenFile,
    EnvironmentVariable,
    ParentFile,
    WorkingDirectory,
    ArgumentOfOneEngine,
    Scale,
    Counts,
    Geometry,
    Orientation,
    MillerIndex,
    ScatteringVector,
    Lattice,
    StructureFactor,
    Intensity,
    Polarization,
    SolidAngle,
    Absorption,
    Source,
    Phi,
    Mosaic,
    Background,
    Mask,
    Resolution,
    Precision,
    Accumulation,
    PixelOrder,
    Option,
    Computation,
    Unknown,
}

impl Class {
    /// In words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NonDeterminism => "an engine that does not repeat itself",
            Self::Failure => "an engine that fails or leaves no image",
            Self::HiddenFile => "a file in the working directory that nobody named",
            Self::EnvironmentVariable => "an environment variable",
            Self::ParentFile => "a file in a directory above the working directory",
            Self::WorkingDirectory => "the path of the working directory",
            Self::ArgumentOfOneEngine => "an argument that only one engine got",
            Self::Scale => "scale or units",
            Self::Counts => "normalisation by a number of steps",
            Self::Geometry => "detector geometry",
            Self::Orientation => "crystal orientation or unit cell",
            Self::MillerIndex => "Miller index",
            Self::ScatteringVector => "scattering vector",
            Self::Lattice => "lattice factor (number of cells, crystal shape)",
            Self::StructureFactor => "structure factor",
            Self::Intensity => "from amplitude to intensity",
            Self::Polarization => "polarization",
            Self::SolidAngle => "solid angle",
            Self::Absorption => "detector absorption (sensor layers)",
            Self::Source => "source: direction, wavelength, dispersion, weight",
            Self::Phi => "spindle rotation (phi)",
            Self::Mosaic => "mosaic domains",
            Self::Background => "background",
            Self::Mask => "mask or region of interest",
            Self::Resolution => "resolution limit",
            Self::Precision => "precision (single for double)",
            Self::Accumulation => "the sum of the terms",
            Self::PixelOrder => "the order in which pixels are stored",
            Self::Option => "an option",
            Self::Computation => "a step of the computation",
            Self::Unknown => "unknown",
        }
    }
}

/// A cause, with what was found for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// What kind.
    pub class: Class,
    /// What it is, in one line.
    pub title: String,
    /// Whether an experiment switched the disagreement off and on with it.
    pub proven: bool,
    /// That experiment.
    pub switch: Option<String>,
    /// What else was found for it.
    pub evidence: Vec<String>,
    /// For the order: more is likelier. Proven causes come first whatever it is.
    pub weight: f64,
}

/// One experiment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// What was tried.
    pub experiment: String,
    /// What it found.
    pub found: String,
    /// When it ended, seconds after the start.
    pub at_s: f64,
    /// Runs of an engine until then.
    pub runs: usize,
}

/// The images' difference as a known shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// Which.
    pub name: String,
    /// What was fitted, such as `factor 1.02`.
    pub fit: String,
    /// The share of the squared difference that it explains, 0 to 1.
    pub explained: f64,
    /// Whether the gates pass once the candidate's image is corrected by it.
    pub passes: bool,
}

impl Shape {
    /// The cause that it stands for.
    pub(super) fn cause(&self, class: Class, weight: f64) -> Cause {
        Cause {
            class,
            title: format!("{}: {}", self.name, self.fit),
            proven: self.passes,
            switch: self.passes.then(|| {
                "once the candidate's image is corrected by it the gates pass; uncorrected they block".into()
            }),
            evidence: vec![format!("explains {:.3} % of the squared difference", self.explained * 100.0)],
            weight,
        }
    }
}

/// A parameter that both engines print.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, or the line it stands in.
    pub name: String,
    /// The reference's value.
    pub reference: String,
    /// The candidate's.
    pub candidate: String,
    /// Whether they agree within the digits printed.
    pub agrees: bool,
}

/// The whole diagnosis.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The form of this record.
    pub schema: String,
    /// The case's name.
    pub case: String,
    /// Its arguments.
    pub args: String,
    /// The image's edge that engines were asked for, where the arguments do not say.
    pub size: Option<u32>,
    /// The reference's name and its own arguments.
    pub reference: (String, String),
    /// The candidate's name and its own arguments.
    pub candidate: (String, String),
    /// The directory whose content was examined.
    pub in_place: Option<PathBuf>,
    /// Environment variables of a cause, which the script that reproduces it sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<(String, String)>,
    /// Whether the engines disagree at all.
    pub disagree: bool,
    /// What the comparison said.
    pub outcome: String,
    /// Whether a cause is proven.
    pub found: bool,
    /// Causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// What was excluded, and how.
    pub excluded: Vec<String>,
    /// What could not be tried, and why.
    pub not_tried: Vec<String>,
    /// The experiments, in order.
    pub trials: Vec<Trial>,
    /// Values in which the engines differ, in data-flow order.
    pub divergences: Vec<Divergence>,
    /// The pixels that were traced, and why each.
    pub traced: Vec<((usize, usize), String)>,
    /// Parameters side by side.
    pub parameters: Vec<Parameter>,
    /// Shapes of the residual.
    pub shapes: Vec<Shape>,
    /// The smallest arguments found that still fail.
    pub smallest_failing: Option<String>,
    /// The nearest arguments found that pass.
    pub nearest_passing: Option<String>,
    /// What a third engine says.
    pub referee: Option<String>,
    /// The budget, seconds.
    pub budget_s: f64,
    /// Time used, seconds.
    pub elapsed_s: f64,
    /// Runs of an engine.
    pub runs: usize,
}

/// The form of [`Diagnosis`].
pub const SCHEMA: &str = "bragg-audit/diagnosis/1";

impl Diagnosis {
    /// Adds a cause.
    pub fn add(&mut self, cause: Cause) {
        self.causes.push(cause);
    }

    /// Puts the causes in order.
    pub fn sort(&mut self) {
        self.causes.sort_by(|a, b| b.proven.cmp(&a.proven).then(b.weight.total_cmp(&a.weight)));
        self.found = self.causes.iter().any(|c| c.proven);
    }

    /// The first value in which the engines part.
    #[must_use]
    pub fn first_divergence(&self) -> Option<&Divergence> {
        self.divergences.iter().find(|d| d.root)
    }
}
