//! A Chrome trace of a run, complete also when the run fails.

use crate::io::atomic::{Pending, WriteError};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing_chrome::ChromeLayerBuilder;
use tracing_subscriber::layer::SubscriberExt;

/// Runs `work` with its spans going to a Chrome trace.
///
/// # Errors
/// Outside, when the trace cannot be written; inside is what `work` says.
pub(super) fn traced<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, WriteError> {
    let pending = Pending::new(path)?;
    let failed = Arc::new(Mutex::new(None));
    let ended = Arc::new(Ended::default());
    let rests = Rests { ended: Arc::clone(&ended), working_since: None };
    let writer = Kept { file: BufWriter::new(pending.handle()?), failed: Arc::clone(&failed), rests };
    let (layer, guard) = ChromeLayerBuilder::new().writer(writer).include_args(true).build();
    // The first rest.
    guard.flush();
    // Also when `work` panics; dropped before the guard, which waits for the thread that writes.
    let end = End(ended);
    // No filter, which every span would pay for: nothing else in this program has spans.
    let subscriber = tracing_subscriber::registry().with(layer);
    let done = tracing::subscriber::with_default(subscriber, work);
    drop(end);
    // Joins the thread that writes.
    drop(guard);
    let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    match failed {
        Some(source) => Err(WriteError { path: path.to_owned(), source }),
        None => pending.finish().map(|()| done),
    }
}

/// How long the thread that writes rests, and how long it then works at least.
const REST: Duration = Duration::from_millis(250);
const WORK: Duration = Duration::from_millis(25);

/// A span that has to wake the thread that writes costs a render some five microseconds, one that finds it busy a tenth of that. So that
/// thread rests while spans queue up, and works them off together.
struct Rests {
    ended: Arc<Ended>,
    working_since: Option<Instant>,
}

impl Rests {
    fn rest(&mut self) {
        if self.working_since.is_some_and(|since| since.elapsed() < WORK) {
            return;
        }
        let ended = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        // whether it was time or the end, it is time to work
        drop(self.ended.1.wait_timeout_while(ended, REST, |ended| !*ended));
        self.working_since = Some(Instant::now());
    }
}

/// Whether there will be no more spans.
#[derive(Default)]
struct Ended(Mutex<bool>, Condvar);

/// Says so when it is dropped.
struct End(Arc<Ended>);

impl Drop for End {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

/// A writer that keeps its first error, because the thread that uses it cannot tell anybody.
struct Kept {
    file: BufWriter<File>,
    failed: Arc<Mutex<Option<io::Error>>>,
    rests: Rests,
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
        self.rests.rest();
        let result = self.file.write(bytes);
        Ok(self.keep(result, bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rests.rest();
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
