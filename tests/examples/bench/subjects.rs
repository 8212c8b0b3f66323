//! What is measured: programs with the words that choose their kernels.

use crate::cases::Case;
use crate::measure::Limits;
use bragg_tests::programs::binary;
use nanobragg::kernels::{Dtype, Level};
use std::path::PathBuf;

/// How a program is told its number of threads, and how it tells its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `--threads`, and a line `pixel loop: … s`.
    Ours,
    /// `OMP_NUM_THREADS`. Its pixel loop is the whole process less one whose region of interest is one pixel.
    Foreign,
}

/// One way to render.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) words: Vec<String>,
    pub(crate) kind: Kind,
    /// How far its image may be from that of the C engine.
    pub(crate) limits: Limits,
    /// Whether it is rendered so fast that several renders make one round.
    pub(crate) fast: bool,
}

/// Levels of this machine.
pub(crate) fn levels() -> Vec<Level> {
    Level::available()
}

/// The C engine, which everything is a ratio to.
pub(crate) fn c_engine() -> Subject {
    Subject {
        name: "C engine".to_owned(),
        program: binary("nanobragg-c"),
        words: Vec::new(),
        kind: Kind::Ours,
        limits: Limits::F64,
        fast: false,
    }
}

/// The binary that `NB_C_BIN` names, if it does.
///
/// # Errors
/// When it names no file.
pub(crate) fn named() -> Result<Option<Subject>, String> {
    let Some(path) = std::env::var_os("NB_C_BIN").map(PathBuf::from) else { return Ok(None) };
    let program = path.canonicalize().map_err(|e| format!("NB_C_BIN={}: {e}", path.display()))?;
    let name = "nanoBragg (NB_C_BIN)".to_owned();
    let kind = Kind::Foreign;
    Ok(Some(Subject { name, program, words: Vec::new(), kind, limits: Limits::GOLDEN, fast: false }))
}

/// The fast engine at every level, in both types, and with tiles where they may win.
pub(crate) fn kernels(case: &Case) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for dtype in [Dtype::F64, Dtype::F32] {
        for level in levels() {
            subjects.push(kernel(level, dtype, false));
        }
        if !case.reads_hkl() {
            subjects.push(kernel(Level::detect(), dtype, true));
        }
    }
    subjects
}

/// The fast engine as it is asked for.
pub(crate) fn kernel(level: Level, dtype: Dtype, tiles: bool) -> Subject {
    let words =
        ["--simd", level.name(), "--dtype", dtype.name(), "--tiles", if tiles { "auto" } else { "off" }];
    Subject {
        name: format!("{} {level}{}", dtype.name(), if tiles { ", tiles" } else { "" }),
        program: binary("nanobragg"),
        words: words.map(str::to_owned).to_vec(),
        kind: Kind::Ours,
        limits: if dtype == Dtype::F64 { Limits::F64 } else { Limits::F32 },
        fast: true,
    }
}
