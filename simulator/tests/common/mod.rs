//! Runs the command in a directory of its own.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs a line of words.
pub(crate) fn run(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nanobragg"))
        .current_dir(directory)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

/// A directory with files in it.
pub(crate) fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// The float image of a line that must succeed.
pub(crate) fn image_in(directory: &Path, line: &str) -> Vec<f32> {
    let run = run(directory, &format!("{line} -floatfile image.bin -nonoise -nopgm --quiet"));
    assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
    let bytes = std::fs::read(directory.join("image.bin")).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_ne_bytes(b)).collect()
}

/// The same with files to read.
pub(crate) fn image_of(files: &[(&str, &str)], line: &str) -> Vec<f32> {
    image_in(directory(files).path(), line)
}

/// Asserts that two images agree within a relative error, except where both are next to nothing.
pub(crate) fn assert_close(found: &[f32], expected: &[f64], relative: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let top = expected.iter().copied().fold(0.0, f64::max);
    assert!(top > 0.0, "{what}: the expected image is empty");
    for (i, (&x, &y)) in found.iter().zip(expected).enumerate() {
        let (x, limit) = (f64::from(x), relative * y.abs() + 1e-9 * top);
        assert!((x - y).abs() <= limit, "{what}: pixel {i} is {x} instead of {y}");
    }
}

/// An image of f64.
pub(crate) fn wide(image: &[f32]) -> Vec<f64> {
    image.iter().map(|&x| f64::from(x)).collect()
}

/// Whether some pixel differs by more than a part in a thousand of the brightest.
pub(crate) fn differ(a: &[f32], b: &[f32]) -> bool {
    let top = a.iter().chain(b).copied().fold(0.0, f32::max);
    a.iter().zip(b).any(|(x, y)| (x - y).abs() > 1e-3 * top)
}
