//! nanoBragg's command line: words → [`request::Request`] → renders, files and a report.

mod experiment_file;
pub mod help;
mod inputs;
pub mod option;
pub mod options;
pub mod parse;
mod print_experiment;
mod printout;
mod progress;
mod render;
mod report;
pub mod request;
mod run;
mod timings;
mod trace;

use request::Action;
use std::ffi::OsString;
use std::io::Write;
use std::time::Instant;

/// Runs the command of the Rust engine; `args` without the name of the program. Returns the exit code: 0 done, 1 a
/// file could not be read or written, 2 a wrong command line or bad input.
pub fn main_with(args: Vec<OsString>) -> u8 {
    match command(args) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "nanobragg: error: {error}");
            error.exit_code()
        }
    }
}

fn command(args: Vec<OsString>) -> Result<(), run::RunError> {
    let started = Instant::now();
    let request = inputs::request(args)?;
    match &request.action {
        Action::Render => run::run(&request, started),
        Action::Help(None) => print(&help::all()),
        Action::Help(Some(word)) => print(&help::one(word)?),
        Action::Version => print(&version()),
        Action::PrintExperiment => print(&print_experiment::text(&request)?),
    }
}

/// The version, and what this build was made of.
fn version() -> String {
    use crate::build_info::{RUSTC, SOURCE_HASH, TARGET, VERSION};
    format!("nanobragg {VERSION}\nsources {SOURCE_HASH}\n{RUSTC}, {TARGET}\n")
}

/// Writes to standard output. A reader that went away is no error.
fn print(text: &str) -> Result<(), run::RunError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(run::RunError::Stdout(error)),
        _ => Ok(()),
    }
}

/// Writes warnings to standard error.
fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "nanobragg: warning: {warning}");
    }
}
