//! Runs of one program: its times, and whether its answer is right.

use crate::cases::Case;
use crate::subjects::{Kind, Subject};
use bragg_tests::compare::compare;
use bragg_tests::image::Image;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Seconds of one run.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Times {
    /// The loop over the pixels, as the program says.
    pub(crate) pixel_loop: f64,
    /// From the start of the process to its end, files written.
    pub(crate) whole: f64,
}

/// How far an image may be from the C engine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    miss: f64,
    sum: f64,
}

impl Limits {
    /// Two programs in f64.
    pub(crate) const F64: Limits = Limits { miss: 1e-12, sum: 1e-9 };
    /// Kernels in f32.
    pub(crate) const F32: Limits = Limits { miss: 1e-9, sum: 1e-6 };
    /// Another implementation, as the golden cases are held.
    pub(crate) const GOLDEN: Limits = Limits { miss: 1e-9, sum: 1e-7 };
}

/// A case with a folder to render it in.
pub(crate) struct Bench<'a> {
    pub(crate) case: &'a Case,
    pub(crate) pixels: u32,
    pub(crate) folder: &'a Path,
}

impl Bench<'_> {
    /// One render.
    ///
    /// # Errors
    /// A sentence, when the program fails or does not tell its time.
    pub(crate) fn run(&self, subject: &Subject, threads: usize) -> Result<Times, String> {
        let (whole, stdout) = self.process(subject, threads, &[])?;
        let pixel_loop = match subject.kind {
            Kind::Ours => {
                pixel_loop(&stdout).ok_or_else(|| format!("{}: no pixel loop in its output", subject.name))?
            }
            Kind::Foreign => whole - self.process(subject, threads, &["-roi", "0", "0", "0", "0"])?.0,
        };
        Ok(Times { pixel_loop, whole })
    }

    /// Wall-clock seconds of a process, and what it printed.
    fn process(&self, subject: &Subject, threads: usize, more: &[&str]) -> Result<(f64, String), String> {
        let mut command = self.command(subject, threads);
        command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let out = command.output().map_err(|e| format!("{}: {e}", subject.program.display()))?;
        let elapsed = start.elapsed().as_secs_f64();
        if !out.status.success() {
            let stderr = String::from_utf8_lossy(&out.stderr);
            return Err(format!("{} of {}: {}: {stderr}", subject.name, self.case.name, out.status));
        }
        Ok((elapsed, String::from_utf8_lossy(&out.stdout).into_owned()))
    }

    /// The command, ready to be started.
    pub(crate) fn command(&self, subject: &Subject, threads: usize) -> Command {
        let mut command = Command::new(&subject.program);
        command.args(self.words(subject, threads)).current_dir(self.folder);
        command.env("OMP_NUM_THREADS", threads.to_string());
        command
    }

    /// Its words.
    pub(crate) fn words(&self, subject: &Subject, threads: usize) -> Vec<String> {
        let mut words = self.case.words(self.pixels);
        words.extend(subject.words.iter().cloned());
        if subject.kind == Kind::Ours {
            words.extend(["--threads".to_owned(), threads.to_string()]);
        }
        words
    }

    /// The float image of the last run.
    pub(crate) fn image(&self) -> Image {
        Image::read(&self.folder.join("float.bin"), self.pixels as usize, self.pixels as usize)
    }

    /// Holds the image of the last run against that of the C engine.
    ///
    /// # Errors
    /// A sentence, when it is another image.
    pub(crate) fn check(&self, subject: &Subject, want: &Image) -> Result<Checked, String> {
        let found = compare(want, &self.image())?;
        let checked = Checked { miss: found.miss.max(0.0), sum_ratio_off: found.sum_ratio_off };
        let Limits { miss, sum } = subject.limits;
        if found.miss <= miss && found.sum_ratio_off <= sum {
            return Ok(checked);
        }
        Err(format!("{} of {}: {checked:?}, limits {:?}", subject.name, self.case.name, subject.limits))
    }
}

/// How far an image was from the C engine's.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Checked {
    /// 1 − correlation.
    pub(crate) miss: f64,
    /// |sum ratio − 1|.
    pub(crate) sum_ratio_off: f64,
}

/// The seconds in a line `pixel loop: 1.234 s on 2 threads`.
fn pixel_loop(stdout: &str) -> Option<f64> {
    let line = stdout.lines().find_map(|line| line.trim().strip_prefix("pixel loop: "))?;
    line.split_whitespace().next()?.parse().ok()
}
