//! Reads Chrome traces (the JSON of `chrome://tracing`, Perfetto, `tracing-chrome`, `torch.profiler`), also packed by
//! gzip: event by event through a window that slides over the file, so that memory does not grow with it.
//!
//! Damage costs the damaged event only: it is skipped and counted. A file cut off at any byte gives what stands before
//! the cut. Complete (`X`) and paired (`B`, `E`) events become spans; asynchronous ones are paired by their id; of
//! counters the extremes are kept; instants are counted by name, and everything by its phase letter.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

mod building;
mod counters;
mod event;
mod gaps;
#[cfg(test)]
mod hostile;
mod input;
mod names;
mod pairs;
mod reader;
mod scan;
mod spans;
#[cfg(test)]
mod tests;
mod timeline;
mod waiting;

pub use counters::Counter;
pub use spans::Span;
pub use timeline::{Share, SpanTotal, Stack, Totals, Walk};

/// What a trace file holds.
#[derive(Debug, Default)]
pub struct Trace {
    /// In order of appearance.
    pub threads: Vec<Thread>,
    /// Distinct triples of name, category and loop.
    pub keys: Vec<Key>,
    /// What was read and what was lost.
    pub counts: Counts,
    /// Instant events by name.
    pub instants: BTreeMap<String, u64>,
    /// Asynchronous events that have both ends, the longest first.
    pub asyncs: Vec<Async>,
    /// Extremes of counters and of memory events.
    pub counters: Vec<Counter>,
    /// What [`Trace::walk`] goes along.
    spans: spans::Spans,
}

/// Asynchronous events of one key: they belong to no thread and may overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Async {
    /// Index into [`Trace::keys`].
    pub key: u32,
    /// Pairs.
    pub calls: u64,
    /// Sum of their lengths, nanoseconds.
    pub total_ns: u64,
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
    /// Name of its process.
    pub process: Option<String>,
    /// Where its spans lie.
    pub extent: Extent,
}

/// Category of Python functions.
pub const PYTHON_FUNCTION: &str = "python_function";
/// Category of what `torch.profiler` writes about its own recording.
pub const RECORDER: &str = "Trace";

/// Where the spans of a thread lie on the trace's clock, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Spans.
    pub spans: u64,
    /// Those of the category `python_function`.
    pub python: u64,
    /// Those of the category [`RECORDER`].
    pub recorder: u64,
    /// Earliest start.
    pub first_start_ns: i64,
    /// Latest start.
    pub last_start_ns: i64,
    /// Earliest end.
    pub first_end_ns: i64,
    /// Latest end.
    pub last_end_ns: i64,
}

/// What a span is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// The event's name.
    pub name: String,
    /// Its categories as they stand in the file.
    pub category: String,
    /// Its argument `loop_id`, where it has one.
    pub loop_id: Option<String>,
}

/// How much of a file was read, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events understood, of any phase.
    pub events: u64,
    /// Spans made of them.
    pub spans: u64,
    /// Spans that tell their thread time.
    pub cpu_times: u64,
    /// Events that make no span, by phase letter; `?` for what is none.
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
    /// Why reading ended before the file did: the system's or the unpacker's words.
    pub fault: Option<String>,
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
    /// Reads a file, unpacking it where it starts like gzip.
    ///
    /// # Errors
    /// When it cannot be opened or does not look like a trace, or the temporary file for many spans cannot be written.
    /// Damage inside is counted instead.
    pub fn read(path: &Path) -> Result<Trace, ChromeError> {
        let io = |source| ChromeError::Io { path: path.to_owned(), source };
        let input = input::Input::new(File::open(path).map_err(io)?).map_err(io)?;
        reader::read(input).map_err(io)?.ok_or_else(|| ChromeError::NotATrace { path: path.to_owned() })
    }

    /// Reads the bytes of a file; `None` when they do not look like a trace.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Trace> {
        reader::read(input::Input::new(bytes).ok()?).ok()?
    }

    /// The same without a window that slides over them: for a file that is mapped into memory and that nobody shortens.
    #[must_use]
    pub fn of_memory(bytes: &[u8]) -> Option<Trace> {
        reader::read(input::Input::of_bytes(bytes).ok()?).ok()?
    }
}

impl Extent {
    fn take_in(&mut self, start_ns: i64, end_ns: i64, category: &str) {
        if self.spans == 0 {
            (self.first_start_ns, self.last_start_ns) = (start_ns, start_ns);
            (self.first_end_ns, self.last_end_ns) = (end_ns, end_ns);
        }
        self.spans += 1;
        self.python += u64::from(category == PYTHON_FUNCTION);
        self.recorder += u64::from(category == RECORDER);
        self.first_start_ns = self.first_start_ns.min(start_ns);
        self.last_start_ns = self.last_start_ns.max(start_ns);
        self.first_end_ns = self.first_end_ns.min(end_ns);
        self.last_end_ns = self.last_end_ns.max(end_ns);
    }
}
