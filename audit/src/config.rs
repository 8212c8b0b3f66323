//! `audit.toml`: what is audited when the command line does not say. Without the file the same defaults hold.

use crate::exit::{AuditError, Result};
use crate::gates::{self, Gate};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file's name, looked for in the working directory and the directories above it.
pub const FILE: &str = "audit.toml";

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Phases and attempts under this name belong together.
    pub initiative: String,
    /// What both engines render.
    pub case: CaseConfig,
    /// Which engines.
    pub engines: EngineConfig,
    /// How phase B1 measures.
    pub capture: CaptureConfig,
    /// Which sources phase A reads.
    pub inventory: InventoryConfig,
    /// Limits that differ from those that ship, each with its reason.
    #[serde(rename = "gates")]
    pub gate_changes: Vec<gates::Change>,
    /// The gates in force: those that ship, with the changes.
    #[serde(skip)]
    pub gates: Vec<Gate>,
}

/// `[case]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaseConfig {
    /// Its name in reports.
    pub name: String,
    /// Its arguments, quoted as for a shell.
    pub args: String,
    /// Detector edges in pixels.
    pub sizes: Vec<u32>,
}

/// `[engines]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// What is believed.
    pub reference: String,
    /// What has to prove itself.
    pub candidate: String,
}

/// `[capture]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureConfig {
    /// Timed rounds.
    pub iterations: u32,
    /// Limit of one run of one engine, seconds.
    pub time_limit_s: u64,
    /// Warm speed aimed at, in multiples of the reference's.
    pub speed_target: f64,
    /// A warm set-up above this is reported, milliseconds.
    pub warm_setup_limit_ms: f64,
    /// Engine warnings that make a profile unusable.
    pub blocking_patterns: Vec<String>,
}

/// `[inventory]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InventoryConfig {
    /// Files and directories, relative to the root.
    pub paths: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initiative: "nanobragg".into(),
            case: CaseConfig::default(),
            engines: EngineConfig::default(),
            capture: CaptureConfig::default(),
            inventory: InventoryConfig::default(),
            gate_changes: Vec::new(),
            gates: gates::defaults(),
        }
    }
}

impl Default for CaseConfig {
    fn default() -> Self {
        Self {
            name: "benchmark".into(),
            args: "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100".into(),
            sizes: vec![4096],
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { reference: "c".into(), candidate: "rust".into() }
    }
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            iterations: 5,
            time_limit_s: 600,
            speed_target: 1.0,
            warm_setup_limit_ms: 50.0,
            blocking_patterns: vec!["warning: results are unreliable".into()],
        }
    }
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self { paths: ["simulator/src", "simulator/c_engine", "audit/src"].map(PathBuf::from).to_vec() }
    }
}

/// The configuration and the directory that relative paths in it start from.
#[derive(Clone, Debug)]
pub struct Located {
    /// The directory of the file, or the working directory.
    pub root: PathBuf,
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// What it says.
    pub config: Config,
}

/// Reads `given`, or the nearest `audit.toml` at or above the working directory, or takes the defaults.
///
/// # Errors
/// A file that cannot be read or does not make sense; the message has its line.
pub fn locate(given: Option<&Path>) -> Result<Located> {
    let here = std::env::current_dir().map_err(|e| AuditError::failed("the working directory", e))?;
    let file = match given {
        Some(path) => Some(path.to_owned()),
        None => here.ancestors().map(|d| d.join(FILE)).find(|p| p.is_file()),
    };
    let Some(file) = file else {
        return Ok(Located { root: here, file: None, config: Config::default() });
    };
    let text =
        std::fs::read_to_string(&file).map_err(|e| AuditError::usage(format!("{}: {e}", file.display())))?;
    let config = parse(&text).map_err(|e| AuditError::usage(format!("{}: {e}", file.display())))?;
    let absolute = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
    let root = absolute.parent().map_or(here, Path::to_owned);
    Ok(Located { root, file: Some(absolute), config })
}

fn parse(text: &str) -> std::result::Result<Config, String> {
    let mut config: Config = toml::from_str(text).map_err(|e| e.to_string())?;
    config.gates = gates::changed(gates::defaults(), &config.gate_changes, FILE)?;
    if config.initiative.is_empty()
        || !config.initiative.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        || config.initiative.starts_with('.')
    {
        return Err(format!("initiative `{}`: letters, digits, `-`, `_` and `.` only", config.initiative));
    }
    if config.capture.iterations == 0 || config.case.sizes.contains(&0) {
        return Err("iterations and sizes are at least 1".into());
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_ships_says_what_the_defaults_say() {
        let shipped = parse(include_str!("../../audit.toml")).unwrap();
        assert_eq!(format!("{shipped:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("inititive = 'x'", "inititive"),
            ("[[gates]]\nmetric='correlation'\nlimit=0.5\nreason='x'\nlimits=3", "limits"),
            ("[[gates]]\nmetric='correlation'\nlimit=0.5\ndirection='at_least'\nreason=' '", "reason"),
            ("[[gates]]\nmetric='corelation'\nlimit=0.5\ndirection='at_least'\nreason='x'", "corelation"),
            ("[[gates]]\nmetric='correlation'\nlimit=nan\ndirection='at_least'\nreason='x'", "limit"),
            ("initiative = '../x'", "../x"),
            ("[capture]\niterations = 0", "at least 1"),
            ("[case]\nsizes = 'big'", "line 2"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
