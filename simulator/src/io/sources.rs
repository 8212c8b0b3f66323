//! Explicit sources: `x y z weight wavelength` a line, in metres; missing columns have their defaults.

use super::text::{ReadError, lines, number, problem, read, words};
use crate::experiment::SourceLine;
use std::path::Path;

/// Reads all sources.
///
/// # Errors
/// With file and line where a word is not a number, a position has no direction, a weight is negative or a
/// wavelength not positive; when there is no source.
pub fn read_sources(path: &Path) -> Result<Vec<SourceLine>, ReadError> {
    let bytes = read(path)?;
    let read = lines(&bytes).map(|(line, text)| source(text).map_err(|why| problem(path, Some(line), why)));
    let sources = read.collect::<Result<Vec<_>, _>>()?;
    if sources.is_empty() {
        return Err(problem(path, None, "no source; give one `x y z weight wavelength` a line"));
    }
    Ok(sources)
}

fn source(line: &[u8]) -> Result<SourceLine, String> {
    let columns = words(line).take(5).map(number).collect::<Result<Vec<_>, _>>()?;
    let column = |i: usize| columns.get(i).copied();
    let source =
        SourceLine { position: [column(0), column(1), column(2)], weight: column(3), wavelength: column(4) };
    if source.position == [Some(0.0); 3] {
        return Err("a source at 0 0 0 has no direction".to_owned());
    }
    if source.weight.is_some_and(|weight| weight < 0.0) {
        return Err("the weight must not be negative".to_owned());
    }
    if source.wavelength.is_some_and(|wavelength| wavelength <= 0.0) {
        return Err("the wavelength must be more than 0 m".to_owned());
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<SourceLine>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sources.txt");
        std::fs::write(&path, text).unwrap();
        read_sources(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_may_be_left_out() {
        let sources = of("-10 0 0.1 2 1e-10\r\n-10 0\n").unwrap();
        assert_eq!(sources[0].wavelength, Some(1e-10));
        assert_eq!(sources[1].position, [Some(-10.0), Some(0.0), None]);
        assert_eq!((sources[1].weight, sources[1].wavelength), (None, None));
    }

    #[test]
    fn impossible_sources_are_named() {
        for (text, part) in [
            ("", "no source"),
            ("0 0 0\n", "line 1: a source at 0 0 0"),
            ("1 0 0\n1 0 0 -1\n", "line 2: the weight"),
            ("1 0 0 1 0\n", "line 1: the wavelength"),
            ("1 0 x\n", "line 1: `x`"),
        ] {
            let message = of(text).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
