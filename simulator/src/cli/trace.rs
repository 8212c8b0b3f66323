//! A Chrome trace of a run, complete also when the run fails.

use crate::io::atomic::{Pending, WriteError};
use crate::spans;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_chrome::ChromeLayerBuilder;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// Runs `work` with its spans going to a Chrome trace.
///
/// # Errors
/// Outside, when the trace cannot be written; inside is what `work` says.
pub(super) fn traced<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, WriteError> {
    let pending = Pending::new(path)?;
    let failed = Arc::new(Mutex::new(None));
    let writer = Kept { file: BufWriter::new(pending.handle()?), failed: Arc::clone(&failed) };
    let (layer, guard) = ChromeLayerBuilder::new().writer(writer).include_args(true).build();
    let ours = filter_fn(|metadata| metadata.target() == spans::TARGET);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(ours));
    let done = tracing::subscriber::with_default(subscriber, work);
    // Joins the thread that writes.
    drop(guard);
    let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    match failed {
        Some(source) => Err(WriteError { path: path.to_owned(), source }),
        None => pending.finish().map(|()| done),
    }
}

/// A writer that keeps its first error, because the thread that uses it cannot tell anybody.
struct Kept {
    file: BufWriter<File>,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Kept {
    fn keep<T>(&self, result: io::Result<T>, instead: T) -> T {
        result.unwrap_or_else(|error| {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            instead
        })
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        Ok(self.keep(result, bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.keep(result, ());
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
