//! Images of any program: raw f32 and f64, NPY, SMV and PGM, memory-mapped and never converted as a whole.
//!
//! [`read`] opens a file. What is not said (format, shape) is taken from the file itself, else from its name and
//! length; what then stays unknown is an error that says which flag is missing. Values are what the file holds:
//! NaN and infinities stay, nothing is scaled.

mod array;
mod foreign;
mod npy;
mod pgm;
mod raw;
mod shape;
mod smv;
#[cfg(test)]
mod tests;

pub use array::{Array2, Element};
pub use shape::Shape;

use crate::exit::{AuditError, Exit};
use std::fs::File;
use std::path::{Path, PathBuf};

/// How an image is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Raw 4-byte floats, little endian, slow-major (nanoBragg's `-floatfile`)
    F32,
    /// Raw 8-byte floats, little endian, slow-major
    F64,
    /// NumPy's array file
    Npy,
    /// SMV: a text header, then integers
    Smv,
    /// Portable grey map, P5 or P2
    Pgm,
}

impl Format {
    /// The name that flags and `audit.toml` use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Npy => "npy",
            Self::Smv => "smv",
            Self::Pgm => "pgm",
        }
    }
}

/// Why a file is no image that can be compared.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// No such file.
    #[error("{0}: no such file (no image was written)")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A directory, a pipe, a device.
    #[error("{0}: not a regular file")]
    NotAFile(PathBuf),
    /// The file holds nothing.
    #[error("{0}: the image is empty")]
    Empty(PathBuf),
    /// The header makes no sense or says something that is not supported.
    #[error("{path}: {what}")]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A format that is not read.
    #[error("{path}: {kind}; what is read: raw f32 and f64, NPY, SMV, PGM. {advice}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        kind: &'static str,
        /// How to make one of the formats that are read out of it.
        advice: String,
    },
    /// The length is not what shape and type need.
    #[error(
        "{path}: {have} bytes of pixels, but {shape} values of type {element} take {want} ({})",
        if (*have as u128) < *want { "cut off?" } else { "another shape or type?" }
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes of pixels there.
        have: usize,
        /// Bytes of pixels needed.
        want: u128,
        /// The shape it was read with.
        shape: Shape,
        /// The type it was read with.
        element: &'static str,
    },
    /// A raw file and nothing that tells its shape.
    #[error("{path}: a raw file does not tell its shape: give --shape WIDTHxHEIGHT{hint}")]
    NeedsShape {
        /// The file.
        path: PathBuf,
        /// Such as ` (64x64 would fit)`.
        hint: String,
    },
    /// A shape was given, and the file has another one.
    #[error("{path}: the file says {file}, but {given} was given")]
    OtherShape {
        /// The file.
        path: PathBuf,
        /// What its header says.
        file: Shape,
        /// What was asked for.
        given: Shape,
    },
}

impl FormatError {
    /// The exit status: 2 when a flag is missing or wrong, 4 when there is no image to compare.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NeedsShape { .. } => Exit::Usage,
            _ => Exit::NotComparable,
        }
    }
}

impl From<FormatError> for AuditError {
    fn from(error: FormatError) -> Self {
        Self::new(error.exit(), error.to_string())
    }
}

/// Opens the image at `path`.
///
/// `format`: `None` looks at the content (NPY, SMV and PGM begin with marks of their own), then at the name
/// (`.f64`), then at the length. `shape`: needed for raw files; files that tell their own must agree with it.
/// The file must not change while the array lives: it is mapped, not copied.
///
/// # Errors
/// A missing, empty, cut-off or garbled file; a raw file without a shape; a format or type that is not supported.
pub fn read(path: &Path, format: Option<Format>, shape: Option<Shape>) -> Result<Array2, FormatError> {
    let map = map(path)?;
    if format.is_none()
        && let Some(error) = foreign::recognised(path, &map, shape)
    {
        return Err(error);
    }
    let array = match format.unwrap_or_else(|| guess(path, &map, shape)) {
        Format::F32 => raw::read(path, map, Element::F32, shape)?,
        Format::F64 => raw::read(path, map, Element::F64, shape)?,
        Format::Npy => npy::read(path, map, shape)?,
        Format::Smv => smv::read(path, map)?,
        Format::Pgm => pgm::read(path, map)?,
    };
    match shape {
        Some(given) if given != array.shape() => {
            Err(FormatError::OtherShape { path: path.to_owned(), file: array.shape(), given })
        }
        _ => Ok(array),
    }
}

/// The format that a file seems to have.
fn guess(path: &Path, bytes: &[u8], shape: Option<Shape>) -> Format {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let extension = extension.as_deref().unwrap_or_default();
    if bytes.starts_with(npy::MAGIC) {
        return Format::Npy;
    }
    if smv::looks_like(bytes) {
        return Format::Smv;
    }
    // three bytes are a thin mark: raw pixels may begin with them by chance
    if pgm::looks_like(bytes) && (extension == "pgm" || pgm::header(path, bytes).is_ok()) {
        return Format::Pgm;
    }
    match (extension, shape) {
        ("npy", _) => Format::Npy,
        ("smv" | "img", _) => Format::Smv,
        ("pgm", _) => Format::Pgm,
        ("f64" | "double", _) => Format::F64,
        (_, Some(shape)) if shape.values().checked_mul(8) == Some(bytes.len()) => Format::F64,
        _ => Format::F32,
    }
}

fn map(path: &Path) -> Result<memmap2::Mmap, FormatError> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => FormatError::Missing(path.to_owned()),
        _ => FormatError::Io { path: path.to_owned(), source },
    };
    // looked at before it is opened: opening a pipe would wait for its writer
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(FormatError::NotAFile(path.to_owned()));
    }
    if metadata.len() == 0 {
        return Err(FormatError::Empty(path.to_owned()));
    }
    let file = File::open(path).map_err(io)?;
    #[expect(unsafe_code, reason = "mapping a file is how large frames are compared without copies")]
    // SAFETY: the bytes are only read. The contract of `read` says that nobody may write to the file meanwhile; an
    // engine's output lies in a directory of this run's own and the engine has ended.
    unsafe { memmap2::Mmap::map(&file) }.map_err(io)
}

fn header(path: &Path, what: impl Into<String>) -> FormatError {
    FormatError::Header { path: path.to_owned(), what: what.into() }
}
