//! Progress on a terminal; nothing anywhere else.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time between two lines.
const PERIOD: Duration = Duration::from_millis(200);

/// A line on standard error that is written over and over.
pub(super) struct ProgressLine {
    last: Mutex<Option<Instant>>,
}

impl ProgressLine {
    /// Where standard error is a terminal.
    pub(super) fn on_terminal() -> Option<ProgressLine> {
        std::io::stderr().is_terminal().then(|| ProgressLine { last: Mutex::new(Some(Instant::now())) })
    }

    /// Shows how many rows are done, now and then.
    pub(super) fn show(&self, done: usize, all: usize) {
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.is_none_or(|at| at.elapsed() < PERIOD) {
            return;
        }
        *last = Some(Instant::now());
        let _ = write!(std::io::stderr(), "\r{:3} % of {all} rows", 100 * done / all.max(1));
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        let _ = write!(std::io::stderr(), "\r{:40}\r", "");
    }
}
