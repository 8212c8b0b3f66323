//! The samples file: addresses relative to the modules they fell in, aggregated, so that it can be resolved later and elsewhere.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The form of the file that this version writes.
pub const SCHEMA: &str = "bragg-audit/samples/1";

/// One sampled run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// [`SCHEMA`].
    pub schema: String,
    /// How the samples were taken: clock, signal, unwinder.
    pub method: String,
    /// Mean time between two samples of a thread, nanoseconds of wall time.
    pub period_ns: u64,
    /// From start to stop, nanoseconds of wall time.
    pub duration_ns: u64,
    /// Files that code was running from.
    pub modules: Vec<Module>,
    /// Threads that were sampled.
    pub threads: Vec<Thread>,
    /// Sums per thread and phase, idle samples included.
    pub totals: Vec<Total>,
    /// Distinct call stacks of the samples that count.
    pub stacks: Vec<Stack>,
    /// Samples lost because the ring was full.
    pub dropped: u64,
    /// Samples of threads that were asleep; set apart.
    pub idle: u64,
    /// Samples of threads that were waiting for a processor when their timer expired; set apart.
    pub late: u64,
    /// Stacks deeper than the bytes that were copied; their inner frames are kept.
    pub truncated: u64,
    /// Stacks that could not be followed to their root for another reason; their inner frames are kept.
    pub unwind_failures: u64,
    /// Thread time spent before late threads were noticed, nanoseconds.
    pub unsampled_cpu_ns: u64,
    /// What went wrong: each makes the profile not whole.
    pub errors: Vec<String>,
}

/// A file mapped into the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// As in the process's map.
    pub path: PathBuf,
    /// The linker's note, hexadecimal, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub build_id: Option<String>,
    /// Of the file's bytes, hexadecimal; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// Address in the process minus address in the file.
    pub load_bias: u64,
}

/// A sampled thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The kernel's number.
    pub tid: i32,
    /// The kernel's name, cut at 15 bytes.
    pub name: String,
}

/// Sums of one thread in one phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Index into [`Samples::threads`].
    pub thread: u32,
    /// See [`super::phase`].
    pub phase: u8,
    /// All samples.
    pub samples: u64,
    /// Those of them when it was asleep.
    pub idle: u64,
    /// Those of them when it was waiting for a processor.
    pub late: u64,
    /// Wall time up to these samples, nanoseconds.
    pub wall_ns: u64,
    /// Thread time in it, nanoseconds, without:
    pub cpu_ns: u64,
    /// Thread time of a thread that slept through, nanoseconds: the sampler's own.
    pub idle_cpu_ns: u64,
}

/// Samples that had the same call stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Index into [`Samples::threads`].
    pub thread: u32,
    /// See [`super::phase`].
    pub phase: u8,
    /// How many; each stands for one period of thread time.
    pub count: u64,
    /// Innermost first.
    pub frames: Vec<Frame>,
}

/// One address of a call stack, ready for looking up: for a caller it points into the call, not behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(i32, u64)", into = "(i32, u64)")]
pub struct Frame {
    /// Index into [`Samples::modules`]; `None` (−1 in the file) for code of no file.
    pub module: Option<u32>,
    /// As stated in the file; in the process where there is no file.
    pub address: u64,
}

impl From<(i32, u64)> for Frame {
    fn from((module, address): (i32, u64)) -> Frame {
        Frame { module: u32::try_from(module).ok(), address }
    }
}

impl From<Frame> for (i32, u64) {
    fn from(frame: Frame) -> (i32, u64) {
        (frame.module.and_then(|module| i32::try_from(module).ok()).unwrap_or(-1), frame.address)
    }
}

/// Why a samples file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Not our JSON.
    #[error("{path}: not a samples file: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: serde_json::Error,
    },
    /// Written by another version.
    #[error("{path}: form {found:?}, expected {SCHEMA:?}; capture again with this version")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// An index points nowhere.
    #[error("{path}: {what}; the file is damaged, capture again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which one.
        what: String,
    },
}

impl Samples {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, is not of this form, or an index in it points nowhere.
    pub fn read(path: &Path) -> Result<Samples, SamplesError> {
        let io = |source| SamplesError::Io { path: path.to_owned(), source };
        Samples::from_json(&std::fs::read(path).map_err(io)?, path)
    }

    /// Parses and checks the bytes of a file; `path` is only for messages.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn from_json(bytes: &[u8], path: &Path) -> Result<Samples, SamplesError> {
        let json = |source| SamplesError::Json { path: path.to_owned(), source };
        let samples: Samples = serde_json::from_slice(bytes).map_err(json)?;
        if samples.schema != SCHEMA {
            return Err(SamplesError::Schema { path: path.to_owned(), found: samples.schema });
        }
        match samples.first_fault() {
            Some(what) => Err(SamplesError::Damaged { path: path.to_owned(), what }),
            None => Ok(samples),
        }
    }

    /// Writes the file, complete or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SamplesError> {
        let io = |source| SamplesError::Io { path: path.to_owned(), source };
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        let mut out = std::io::BufWriter::new(file.as_file_mut());
        serde_json::to_writer(&mut out, self).map_err(|e| io(e.into()))?;
        out.flush().map_err(io)?;
        drop(out);
        file.persist(path).map_err(|e| io(e.error))?;
        Ok(())
    }

    fn first_fault(&self) -> Option<String> {
        let thread = |i: u32| (i as usize) < self.threads.len();
        let module = |f: &Frame| f.module.is_none_or(|i| (i as usize) < self.modules.len());
        let stacks = self.stacks.iter().enumerate().find_map(|(i, stack)| {
            (!thread(stack.thread) || !stack.frames.iter().all(module))
                .then(|| format!("stack {i} points to a thread or module that is not there"))
        });
        let stray = || self.totals.iter().any(|t| !thread(t.thread));
        stacks.or_else(|| stray().then(|| "a total names a thread that is not there".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> Samples {
        Samples {
            schema: SCHEMA.into(),
            modules: vec![Module { path: "/bin/x".into(), load_bias: u64::MAX - 3, ..Module::default() }],
            threads: vec![Thread { tid: 7, name: "w".into() }],
            stacks: vec![Stack {
                count: 2,
                frames: vec![
                    Frame { module: Some(0), address: 1 << 60 },
                    Frame { module: None, address: u64::MAX },
                ],
                ..Stack::default()
            }],
            ..Samples::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.json");
        small().write(&path).unwrap();
        assert_eq!(Samples::read(&path).unwrap(), small());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_index_that_points_nowhere_is_named() {
        let mut samples = small();
        samples.stacks[0].frames[0].module = Some(1);
        let bytes = serde_json::to_vec(&samples).unwrap();
        let message = Samples::from_json(&bytes, Path::new("s.json")).unwrap_err().to_string();
        assert!(message.contains("s.json: stack 0"), "{message}");
    }

    #[test]
    fn another_form_is_refused() {
        let bytes = serde_json::to_vec(&Samples { schema: "other/1".into(), ..small() }).unwrap();
        assert!(matches!(Samples::from_json(&bytes, Path::new("s")), Err(SamplesError::Schema { .. })));
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let bytes = serde_json::to_vec(&small()).unwrap();
        for end in 0..bytes.len() {
            assert!(Samples::from_json(&bytes[..end], Path::new("s")).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..600, byte: u8, garbage in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = serde_json::to_vec(&small()).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Samples::from_json(&bytes, Path::new("s"));
            let _ = Samples::from_json(&garbage, Path::new("s"));
        }
    }
}
