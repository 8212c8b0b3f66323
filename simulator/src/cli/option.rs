//! What an option is: names, values, units, default, and what it does to a request.

use super::request::Request;
use std::path::PathBuf;

/// Part of the help that an option belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Cell, orientation, size, structure factors.
    Crystal,
    /// Wavelength, strength, spread.
    Beam,
    /// Pixels, place, sensor.
    Detector,
    /// Sub-pixels, rotation, region of interest.
    Sampling,
    /// Files.
    Output,
    /// How it runs.
    Running,
}

impl Group {
    /// In the order of the help.
    pub const ALL: &'static [Group] =
        &[Group::Crystal, Group::Beam, Group::Detector, Group::Sampling, Group::Output, Group::Running];

    /// Heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Crystal => "Crystal",
            Group::Beam => "Beam",
            Group::Detector => "Detector",
            Group::Sampling => "Sampling",
            Group::Output => "Output",
            Group::Running => "Running",
        }
    }
}

/// What an option does with its values. An error is a sentence without the name of the option.
#[derive(Clone, Copy)]
pub enum Apply {
    /// No value.
    Flag(fn(&mut Request)),
    /// One number.
    Number(fn(&mut Request, f64) -> Result<(), String>),
    /// One number, or `inf`.
    NumberOrInfinity(fn(&mut Request, f64) -> Result<(), String>),
    /// One whole number.
    Integer(fn(&mut Request, i64) -> Result<(), String>),
    /// Three numbers.
    Vector(fn(&mut Request, [f64; 3]) -> Result<(), String>),
    /// From the first to the second number of numbers.
    Numbers(usize, usize, fn(&mut Request, &[f64]) -> Result<(), String>),
    /// Numbers, or one word that is not a number.
    WordOrVector(&'static str, fn(&mut Request, Option<[f64; 3]>) -> Result<(), String>),
    /// Whole numbers, so many of them.
    Integers(usize, fn(&mut Request, &[i64]) -> Result<(), String>),
    /// A file.
    File(fn(&mut Request, PathBuf)),
    /// The next word, if there is one.
    MaybeWord(fn(&mut Request, Option<String>)),
    /// A word.
    Word(fn(&mut Request, &str) -> Result<(), String>),
}

/// One option.
pub struct OptionSpec {
    /// All names; a `*` at the end stands for anything that follows.
    pub names: &'static [&'static str],
    /// Part of the help.
    pub group: Group,
    /// Its values as the help shows them.
    pub values: &'static str,
    /// Unit of the values.
    pub unit: &'static str,
    /// Default; empty where there is none.
    pub default: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// What it does.
    pub apply: Apply,
}

impl OptionSpec {
    /// Whether a word is a name of this option.
    pub fn is_called(&self, word: &str) -> bool {
        self.names.iter().any(|name| match name.strip_suffix('*') {
            Some(stem) => word.starts_with(stem),
            None => *name == word,
        })
    }

    /// The name and the values as the help shows them.
    pub fn synopsis(&self) -> String {
        if self.values.is_empty() {
            return self.names.join(" ");
        }
        format!("{} {}", self.names.join(" "), self.values)
    }
}

/// An option without a unit and a default.
const fn plain(
    group: Group,
    names: &'static [&'static str],
    values: &'static str,
    help: &'static str,
    apply: Apply,
) -> OptionSpec {
    OptionSpec { names, group, values, unit: "", default: "", help, apply }
}

impl Group {
    /// An option without a value.
    pub(super) const fn flag(
        self,
        names: &'static [&'static str],
        help: &'static str,
        apply: fn(&mut Request),
    ) -> OptionSpec {
        plain(self, names, "", help, Apply::Flag(apply))
    }

    /// An option with values.
    pub(super) const fn option(
        self,
        names: &'static [&'static str],
        values: &'static str,
        help: &'static str,
        apply: Apply,
    ) -> OptionSpec {
        plain(self, names, values, help, apply)
    }
}

impl OptionSpec {
    /// With a unit.
    pub(super) const fn unit(mut self, unit: &'static str) -> OptionSpec {
        self.unit = unit;
        self
    }

    /// With a default.
    pub(super) const fn default(mut self, default: &'static str) -> OptionSpec {
        self.default = default;
        self
    }
}
