//! Orientation matrices: the first nine numbers of a text.

use super::text::{ReadError, lines, number, problem, read, words};
use std::path::Path;

/// Reads a matrix: row 1 holds the x components of a*, b*, c*, row 2 the y, row 3 the z.
///
/// # Errors
/// With file and line where a word is not a number; when there are fewer than nine numbers.
pub fn read_matrix(path: &Path) -> Result<[[f64; 3]; 3], ReadError> {
    let bytes = read(path)?;
    let mut numbers = Vec::with_capacity(9);
    for (line, text) in lines(&bytes) {
        for word in words(text) {
            if numbers.len() == 9 {
                break;
            }
            numbers.push(number(word).map_err(|why| problem(path, Some(line), why))?);
        }
    }
    if numbers.len() < 9 {
        let text = format!("{} numbers; an orientation matrix has nine", numbers.len());
        return Err(problem(path, None, text));
    }
    Ok([0, 3, 6].map(|i| [numbers[i], numbers[i + 1], numbers[i + 2]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<[[f64; 3]; 3], String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mat");
        std::fs::write(&path, text).unwrap();
        read_matrix(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn nine_numbers_are_read_and_what_follows_is_not() {
        let rows = of("# A\r\n1 2 3\r\n4 5 6 7 8 9\r\n 0 0 0\r\ntext\r\n").unwrap();
        assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
    }

    #[test]
    fn fewer_numbers_or_text_are_errors() {
        assert!(of("1 2 3\n4 5 6\n").unwrap_err().contains("6 numbers"));
        assert!(of("1 2 3\n4 five 6\n").unwrap_err().contains("line 2: `five`"));
        assert!(of("").unwrap_err().contains("0 numbers"));
    }
}
