//! Phase A: the inventory of every loop of a source tree, with ids that survive line shifts.
//!
//! What counts as a loop:
//! - Rust: `for`, `while` (also `while let`), `loop`; iterator chains that a consuming adapter runs to
//!   the end (`chains.rs` states the rule); rayon chains. Also inside macro calls and `macro_rules!`
//!   bodies, whose tokens are parsed again (`macros.rs`).
//! - C: `for`, `while`, `do`, also inside `#define` bodies that hold the whole loop.
//! - Python: `for`, `while`, comprehensions, generator expressions that something runs (`python.rs`).
//!
//! Not listed, because their loop is not in the source read: loops inside library calls (`sort`, `fill`,
//! `memcpy`, `Vec::extend(v)`), lazy chains that nothing consumes here, recursion, and `goto` loops.
//!
//! A `loop_id` is `<path from the root>::<function>#<ordinal>`. The function carries its inline modules,
//! its impl or trait type (generics stripped) and its enclosing functions; closures belong to their
//! function; a loop in an initialiser belongs to the constant, one in a `macro_rules!` body to `name!`.
//! The ordinal counts the loops of that function by their start, from 1; when a file has several functions
//! of one name (implementations of two traits, `cfg` alternatives), they share one count in file order.

mod c;
mod chains;
mod changes;
mod facts;
mod layout;
mod lookup;
mod macros;
mod methods;
mod output;
mod python;
mod rust;
mod scan;
mod spell;
mod summary;
mod text;
mod trips;
mod walk;

#[cfg(test)]
mod tests;

pub use changes::{Change, Changes, changes};
pub(crate) use facts::TestFunction;
pub(crate) use scan::{Texts, read_tree};
pub(crate) use summary::cell;

use crate::evidence::overrides::Person;
use crate::evidence::{Code, CompilerRun};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "bragg-audit/inventory/1";

/// Every loop of a source tree, sorted by file and start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// [`SCHEMA`].
    pub schema: String,
    /// The files that were read, sorted by path.
    pub files: Vec<SourceFile>,
    /// The loops, sorted by path and start; an outer loop comes before those inside it.
    pub loops: Vec<Loop>,
    /// What was not read, or only in part, and why.
    pub skipped: Vec<Skipped>,
    /// The compiler runs that the evidence comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compilers: Vec<CompilerRun>,
}

/// One source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path from the root, with `/`.
    pub path: String,
    /// Told by the file's extension.
    pub language: Language,
    /// SHA-256 of the file's bytes, in hex.
    pub sha256: String,
    /// Number of lines.
    pub lines: u32,
    /// The functions of the file, by start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
}

/// Where a function stands: its name as in `loop_id`s, its first and last line (1-based).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// As in `loop_id`s.
    pub name: String,
    /// First line.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
}

/// One loop. Lines and columns count from 1, columns in bytes as compilers write them into debug information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loop {
    /// `<path>::<function>#<ordinal>`.
    pub loop_id: String,
    /// The file's path from the root, with `/`.
    pub module: String,
    /// First line.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// First column.
    pub column: u32,
    /// The column after the last one, on `end_line`.
    pub end_column: u32,
    /// Language of the file.
    pub language: Language,
    /// What kind of loop.
    pub kind: LoopKind,
    /// The loop's header on one line, comments removed, bodies shortened to `{…}`.
    pub header: String,
    /// Enclosing function, as in the id.
    pub function: String,
    /// 1 for a loop that no other loop of its function repeats. What a loop evaluates once (the iterated
    /// expression of a `for`, the initialiser of a C `for`) is not inside it.
    pub depth: u32,
    /// Where the body of a `for`, `while` or `loop` starts: line and column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<(u32, u32)>,
    /// Whether something in it may leave it before its condition does: `break`, `return`, `goto`, `?` stand in its text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_early: bool,
    /// How often the body runs per entry, as the header tells: a number, an expression, `≤ expression`.
    pub trip_count_hint: Option<String>,
    /// 32 hex digits over the loop's tokens: whitespace and comments do not count.
    pub content_hash: String,
    /// Whether it needs work.
    pub status: Status,
    /// Set from measured self time; `None` until then.
    pub priority: Option<Priority>,
    /// Why the status is what it is.
    pub evidence: String,
    /// What a compiler made of it, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// A person's word, which wins over the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
}

/// Something that was not read, or only in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    /// Path from the root, with `/`.
    pub path: String,
    /// The line, where the reason has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is missing from the inventory and why.
    pub reason: String,
}

/// Languages that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// `.rs`
    Rust,
    /// `.c` and `.h`
    C,
    /// `.py` and `.pyi`
    Python,
}

/// Kinds of loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoopKind {
    /// `for`
    For,
    /// `while`, `while let`
    While,
    /// Rust's `loop`
    Loop,
    /// C's `do … while`
    Do,
    /// An iterator chain with a consuming adapter
    Iterator,
    /// The same over a rayon iterator
    Rayon,
    /// Python's comprehensions, and generator expressions that are run where they stand
    Comprehension,
}

/// Whether a loop needs work. Evidence decides, and its text says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The compiler's evidence shows vector code.
    Vectorized,
    /// Needs no work, by a rule that the evidence text names.
    Safe,
    /// Scalar and hot.
    Todo,
    /// No evidence yet.
    Uncertain,
}

/// Rank by measured self time: HIGH from 10 %, MEDIUM from 1 %, LOW below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    /// From 10 % self time.
    High,
    /// From 1 %.
    Medium,
    /// Below 1 %.
    Low,
}

/// Why an inventory could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A path to scan does not exist or cannot be read.
    #[error("{}: {source}; name an existing file or directory", path.display())]
    Path {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A path to scan lies outside the root, so its loops would have no path from the root.
    #[error("{} is not inside {}; choose a root that holds it", path.display(), root.display())]
    Outside {
        /// As given.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A JSON inventory cannot be read.
    #[error("{}: not an inventory: {reason}; make one with `bragg-audit inventory`", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The inventory cannot be written.
    #[error("cannot write the inventory: {0}")]
    Write(#[source] std::io::Error),
    /// The parser of a language does not fit the parsing library.
    #[error("the {language} grammar does not fit the parser: {reason}")]
    Grammar {
        /// Which.
        language: &'static str,
        /// What the library says.
        reason: String,
    },
}

impl Language {
    /// `rust`, `c` or `python`, as in the JSON form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Python => "python",
        }
    }
}

impl LoopKind {
    /// As in the JSON form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::While => "while",
            Self::Loop => "loop",
            Self::Do => "do",
            Self::Iterator => "iterator",
            Self::Rayon => "rayon",
            Self::Comprehension => "comprehension",
        }
    }
}

impl Status {
    /// As in the JSON form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectorized => "vectorized",
            Self::Safe => "safe",
            Self::Todo => "todo",
            Self::Uncertain => "uncertain",
        }
    }
}

impl Priority {
    /// As in the JSON form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}
