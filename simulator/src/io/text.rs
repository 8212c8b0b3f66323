//! Reading text of numbers that people wrote: Windows line ends, byte-order marks and comments are taken as they
//! come; everything else that is not a number is named by file and line.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most that is read from a pipe or a device, which may never end.
const ENDLESS: u64 = 1 << 30;
/// How much of a bad word a message shows.
const SHOWN: usize = 40;

/// A file that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says no.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The content makes no sense.
    #[error("{}{}: {problem}", path.display(), line.map_or(String::new(), |n| format!(", line {n}")))]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// A problem with the content of a file.
pub(super) fn problem(path: &Path, line: Option<usize>, problem: impl Into<String>) -> ReadError {
    ReadError::Content { path: path.to_owned(), line, problem: problem.into() }
}

/// Reads a whole file that must fit into memory.
///
/// # Errors
/// When it cannot be read, or is larger than the memory, or never ends.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let limit = if metadata.is_file() { crate::memory::free().unwrap_or(u64::MAX - 1) } else { ENDLESS };
    let mut bytes = Vec::new();
    if metadata.is_file() && metadata.len() <= limit {
        bytes.reserve_exact(metadata.len() as usize + 1);
    }
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(problem(path, None, format!("more than {} MB, which is too much to read", limit >> 20)));
    }
    Ok(bytes)
}

/// The lines that hold data, numbered from 1: without line ends, byte-order mark, blank lines and lines that begin
/// with `#`.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let numbered = bytes.split(|&byte| byte == b'\n').enumerate();
    numbered
        .map(|(i, line)| (i + 1, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty() && line[0] != b'#')
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A finite number.
///
/// # Errors
/// A sentence that shows the word.
pub fn number(word: &[u8]) -> Result<f64, String> {
    let text = std::str::from_utf8(word).ok();
    match text.and_then(|text| text.parse::<f64>().ok()) {
        Some(x) if x.is_finite() => Ok(x),
        Some(_) => Err(format!("`{}` is not a finite number", shown(word))),
        None => Err(format!("`{}` is not a number", shown(word))),
    }
}

/// A whole number; 1.0 is one.
///
/// # Errors
/// A sentence that shows the word.
pub fn integer(word: &[u8]) -> Result<i32, String> {
    if let Some(n) = std::str::from_utf8(word).ok().and_then(|text| text.parse().ok()) {
        return Ok(n);
    }
    let x = number(word)?;
    if x.fract() == 0.0 && x.abs() <= f64::from(i32::MAX) {
        Ok(x as i32)
    } else {
        Err(format!("`{}` is not a whole number that can be an index", shown(word)))
    }
}

/// The beginning of a word, fit to be printed.
fn shown(word: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(word).chars().take(SHOWN).collect();
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let text = b"\xef\xbb\xbf1 2\r\n\r\n# comment\n  \t\n3\t4 ";
        let found: Vec<_> = lines(text).collect();
        assert_eq!(found, [(1, &b"1 2"[..]), (5, &b"3\t4"[..])]);
        assert_eq!(words(found[1].1).collect::<Vec<_>>(), [b"3", b"4"]);
    }

    #[test]
    fn numbers_are_finite_and_indices_whole() {
        assert_eq!(number(b"-1.5e3"), Ok(-1500.0));
        for bad in ["nan", "inf", "1e400", "1,5", "x", "\u{7f}"] {
            assert!(number(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(number(b"\xff\xfe").is_err());
        assert_eq!(integer(b"-3.0"), Ok(-3));
        assert!(integer(b"1.5").is_err() && integer(b"1e10").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_never_ends_is_given_up() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("too much"), "{error}");
    }
}
