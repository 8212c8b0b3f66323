//! `audit.toml`: what is audited when the command line does not say. Without the file the same defaults hold.

use crate::engines::{BUILT_IN, definition::Definition};
use crate::exit::{AuditError, Result};
use crate::gates::{self, Gate};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
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
    /// Reference images that are kept.
    pub cache: CacheConfig,
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
    /// Image edges in pixels; empty where the arguments say enough (also when a `[case]` does not name them).
    #[serde(default)]
    pub sizes: Vec<u32>,
    /// Files that engines read without being told, relative to this file.
    pub inputs: Vec<PathBuf>,
    /// Environment variables that engines get.
    pub environment: BTreeMap<String, String>,
}

/// `[engines]`
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// What is believed.
    pub reference: String,
    /// What has to prove itself.
    pub candidate: String,
    /// `[engines.NAME]`: programs of one's own.
    pub defined: BTreeMap<String, Definition>,
}

impl<'de> Deserialize<'de> for EngineConfig {
    /// Two names and any number of tables; by hand, so that a mistake in a table is found at its line.
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = EngineConfig;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`reference`, `candidate`, and a table for each engine")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<EngineConfig, M::Error> {
                let mut config = EngineConfig::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "reference" => config.reference = map.next_value()?,
                        "candidate" => config.candidate = map.next_value()?,
                        _ => {
                            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                            if key.is_empty() || !key.chars().all(plain) || BUILT_IN.contains(&key.as_str()) {
                                return Err(M::Error::custom(format!(
                                    "engine `{key}`: a name of letters, digits, `-`, `_` and `.` is wanted that is not built in"
                                )));
                            }
                            let definition: Definition = map.next_value()?;
                            definition
                                .check()
                                .map_err(|e| M::Error::custom(format!("[engines.{key}] {e}")))?;
                            config.defined.insert(key, definition);
                        }
                    }
                }
                Ok(config)
            }
        }
        from.deserialize_map(Table)
    }
}

/// `[capture]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureConfig {
    /// Timed rounds.
    pub iterations: u32,
    /// Limit of one run of one engine, seconds.
    pub time_limit_s: u64,
    /// Resident memory of one run, MB; absent: nine tenths of the machine's.
    pub memory_limit_mb: Option<u64>,
    /// Disk that one run may fill, MB.
    pub disk_limit_mb: u64,
    /// Warm speed aimed at, in multiples of the reference's.
    pub speed_target: f64,
    /// A warm set-up above this is reported, milliseconds.
    pub warm_setup_limit_ms: f64,
    /// Engine warnings that make a profile unusable.
    pub blocking_patterns: Vec<String>,
}

/// `[cache]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Size of all kept reference images together, MB; 0 keeps none.
    pub max_mb: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_mb: 2000 }
    }
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
            cache: CacheConfig::default(),
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
            inputs: Vec::new(),
            environment: BTreeMap::new(),
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { reference: "c".into(), candidate: "rust".into(), defined: BTreeMap::new() }
    }
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            iterations: 5,
            time_limit_s: 600,
            memory_limit_mb: None,
            disk_limit_mb: 20_000,
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

/// Reads the text of a configuration.
///
/// # Errors
/// What does not make sense, with its line where there is one.
pub fn parse(text: &str) -> std::result::Result<Config, String> {
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
            ("[engines]\nrefrence = 'c'", "line 2"),
            ("[engines.x]\ncommand = ['p', '{out}']\nformat = 'tiff'", "line 3"),
            ("[engines.x]\ncommand = ['p']", "{out}"),
            ("[engines.rust]\ncommand = ['p', '{out}']", "built in"),
            ("[engines.'a b']\ncommand = ['p', '{out}']", "a b"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
