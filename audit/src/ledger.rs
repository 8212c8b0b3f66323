//! The ledger: one line of JSON per attempt, appended and never changed.

use crate::exit::{AuditError, Result};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One size of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SizeLine {
    /// Detector edge along fast, pixels.
    pub size: u32,
    /// 1 − correlation, cold.
    pub one_minus_correlation: Option<f64>,
    /// Sum ratio, cold.
    pub sum_ratio: Option<f64>,
    /// Speed relative to the reference, warm.
    pub speedup_warm: Option<f64>,
}

/// One attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The form of this record.
    pub schema: String,
    /// When it ended (UTC).
    pub time: String,
    /// The phase (`a`, `b1`, `b2`, `b3`).
    pub phase: String,
    /// The stamp's name.
    pub stamp: String,
    /// The stamp's folder.
    #[serde(with = "crate::paths")]
    pub path: PathBuf,
    /// `pass`, `blocked`, `not_comparable`.
    pub verdict: String,
    /// The case's name.
    pub case: Option<String>,
    /// The commit, where there is one.
    pub commit: Option<String>,
    /// sha256 of the uncommitted change, where there is one.
    pub dirty_diff_sha256: Option<String>,
    /// The candidate's executable, sha256.
    pub candidate_sha256: Option<String>,
    /// The reference's executable, sha256.
    pub reference_sha256: Option<String>,
    /// Hash of everything that decides what an attempt gives: case, engines, inputs, directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_key: Option<String>,
    /// The cause, where a diagnosis proved one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Gates that let more through than those that ship, each in a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loosened: Vec<String>,
    /// What was measured.
    pub sizes: Vec<SizeLine>,
}

impl Line {
    /// Whether it compared two engines.
    #[must_use]
    pub fn is_attempt(&self) -> bool {
        self.phase == "b1"
    }

    /// 1 − correlation and sum ratio of every size, to the last digit.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let bits = |v: Option<f64>| v.map(f64::to_bits);
        self.sizes.iter().map(|z| (z.size, bits(z.one_minus_correlation), bits(z.sum_ratio))).collect()
    }
}

/// Size, 1 − correlation and sum ratio, bit by bit.
pub type Figures = (u32, Option<u64>, Option<u64>);

/// A lock on a file that holds until it is dropped; other processes wait for it.
pub struct Lock(std::fs::File);

/// Waits for the lock on `file`, which is made if it is not there.
///
/// # Errors
/// When the file cannot be made, or the wait is interrupted for good.
pub fn lock(file: &Path) -> Result<Lock> {
    let problem = |e: std::io::Error| AuditError::failed(file.display(), e);
    let handle = std::fs::OpenOptions::new().create(true).append(true).open(file).map_err(problem)?;
    exclusive(&handle).map_err(problem)?;
    Ok(Lock(handle))
}

/// Takes the lock of an open file.
fn exclusive(file: &std::fs::File) -> std::io::Result<()> {
    loop {
        match file.lock() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {
                if crate::interrupt::requested() {
                    return Err(e);
                }
            }
            other => return other,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

/// The form of [`Line`].
pub const SCHEMA: &str = "bragg-audit/ledger/1";

/// Appends a line.
///
/// # Errors
/// When the file cannot be written.
pub fn append(file: &Path, line: &Line) -> Result<()> {
    let problem = |e: std::io::Error| AuditError::failed(file.display(), e);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(problem)?;
    }
    let mut text = serde_json::to_string(line).map_err(|e| AuditError::failed(file.display(), e))?;
    text.push('\n');
    let mut out =
        std::fs::OpenOptions::new().create(true).read(true).append(true).open(file).map_err(problem)?;
    exclusive(&out).map_err(problem)?; // released when the file is closed
    // a writer that was killed may have left half a line: begin a new one
    if !ends_with_newline(file).map_err(problem)? {
        text.insert(0, '\n');
    }
    // one write: a kill leaves the whole line or none of it but for a full disk, which the next writer and readers tolerate
    out.write_all(text.as_bytes()).map_err(problem)?;
    out.sync_data().map_err(problem)
}

fn ends_with_newline(file: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(file)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// All whole lines, and how many could not be read.
#[must_use]
pub fn read(file: &Path) -> (Vec<Line>, usize) {
    let Ok(bytes) = std::fs::read(file) else { return (Vec::new(), 0) };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = Vec::new();
    let mut broken = 0;
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(_) => broken += 1,
        }
    }
    (lines, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stamp: &str) -> Line {
        Line {
            schema: SCHEMA.into(),
            time: String::new(),
            phase: "b1".into(),
            stamp: stamp.into(),
            path: PathBuf::new(),
            verdict: "pass".into(),
            case: None,
            commit: None,
            dirty_diff_sha256: None,
            candidate_sha256: None,
            reference_sha256: None,
            attempt_key: None,
            cause: None,
            loosened: Vec::new(),
            sizes: vec![],
        }
    }

    #[test]
    fn half_a_line_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x/ledger.jsonl");
        append(&file, &line("1")).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(b"{\"schema\":\"bra")
            .unwrap();
        append(&file, &line("2")).unwrap();
        let (lines, broken) = read(&file);
        assert_eq!((lines.len(), broken, lines[1].stamp.as_str()), (2, 1, "2"));
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ledger.jsonl");
        std::thread::scope(|s| {
            for t in 0..4 {
                let file = &file;
                s.spawn(move || (0..50).for_each(|i| append(file, &line(&format!("{t}-{i}"))).unwrap()));
            }
        });
        let (lines, broken) = read(&file);
        assert_eq!((lines.len(), broken), (200, 0));
    }
}
