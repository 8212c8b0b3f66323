//! Progress of long work on standard error: a bar on a terminal, plain lines elsewhere, nothing when asked to be
//! quiet.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Tells a person how far the work is.
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Progress {
    /// Progress of `steps` steps, or silence.
    #[must_use]
    pub fn new(quiet: bool, steps: u64) -> Self {
        if quiet {
            return Self { bar: None, lines: false };
        }
        if !std::io::stderr().is_terminal() {
            return Self { bar: None, lines: true };
        }
        let bar = ProgressBar::new(steps);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {pos}/{len} {elapsed} {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar: Some(bar), lines: false }
    }

    /// The next step begins.
    pub fn step(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(what.to_owned());
        } else if self.lines {
            say(&format!("{what} …"));
        }
    }

    /// A step has ended; its line stays where there is no bar.
    pub fn done(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(what.to_owned());
        } else if self.lines {
            say(what);
        }
    }

    /// A line that stays.
    pub fn note(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| say(what));
        } else if self.lines {
            say(what);
        }
    }
}

/// A line on standard error; that nobody reads it any more is no reason to stop.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
