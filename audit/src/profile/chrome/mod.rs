//! Reads Chrome traces (the JSON of `chrome://tracing`, Perfetto, `tracing-chrome`, `torch.profiler`): event by event
//! from the bytes of the file, never the whole as a tree.
//!
//! Damage costs the damaged event only: it is skipped and counted. A file cut off at any byte gives what stands before
//! the cut. Complete (`X`) and paired (`B`, `E`) events become spans; the others are counted by their phase letter.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

mod event;
mod reader;
#[cfg(test)]
mod tests;
mod timeline;

pub use timeline::{Share, SpanTotal};

/// What a trace file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// In order of appearance.
    pub threads: Vec<Thread>,
    /// Distinct pairs of name and loop.
    pub keys: Vec<Key>,
    /// What was read and what was lost.
    pub counts: Counts,
}

/// A thread of the traced program.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thread {
    /// Process, as text: some tools write numbers, some names.
    pub pid: String,
    /// Thread, likewise.
    pub tid: String,
    /// From its metadata event.
    pub name: Option<String>,
    /// Sorted by start, the longer first.
    pub spans: Vec<Span>,
}

/// What a span is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// The event's name.
    pub name: String,
    /// Its argument `loop_id`, where it has one.
    pub loop_id: Option<String>,
}

/// A stretch of a thread's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Nanoseconds on the trace's clock.
    pub start_ns: i64,
    /// Nanoseconds.
    pub duration_ns: u64,
    /// Index into [`Trace::keys`].
    pub key: u32,
}

/// How much of a file was read, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events understood, of any phase.
    pub events: u64,
    /// Spans made of them.
    pub spans: u64,
    /// Events that make no span, by phase letter (metadata, instants, counters, unknown ones).
    pub others: BTreeMap<String, u64>,
    /// Events skipped: bad JSON, bad text, no time.
    pub broken: u64,
    /// Ends without a beginning.
    pub unmatched_ends: u64,
    /// Beginnings without an end.
    pub unclosed: u64,
    /// The file stops before its end.
    pub cut: bool,
    /// Bytes between the last whole event and the end of a file that is cut.
    pub bytes_lost: u64,
}

impl Counts {
    /// Events that were lost, in whole or in part.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.broken + self.unmatched_ends + self.unclosed
    }

    /// Nothing was lost.
    #[must_use]
    pub fn whole(&self) -> bool {
        !self.cut && self.lost() == 0
    }
}

/// Why a trace could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ChromeError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Not JSON of that kind.
    #[error("{path}: not a Chrome trace: it starts with neither `[` nor `{{`")]
    NotATrace {
        /// The file.
        path: PathBuf,
    },
}

impl Trace {
    /// Reads a file through a memory map.
    ///
    /// # Errors
    /// When it cannot be opened or does not look like a trace. Damage inside is counted instead.
    pub fn read(path: &Path) -> Result<Trace, ChromeError> {
        let io = |source| ChromeError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let not = || ChromeError::NotATrace { path: path.to_owned() };
        if file.metadata().map_err(io)?.len() == 0 {
            return Trace::parse(&[]).ok_or_else(not);
        }
        Trace::parse(&map(&file).map_err(io)?).ok_or_else(not)
    }

    /// Reads the bytes of a file; `None` when they do not look like a trace.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Trace> {
        reader::read(bytes)
    }
}

#[expect(unsafe_code, reason = "memory map of a file")]
fn map(file: &File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: read only. A file that somebody shortens meanwhile ends this process by SIGBUS; it cannot corrupt it.
    unsafe { memmap2::Mmap::map(file) }
}
