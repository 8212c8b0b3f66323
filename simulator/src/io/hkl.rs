//! Structure factors as text: one `h k l F` a line.

use super::text::{ReadError, integer, lines, number, problem, read, words};
use crate::physics::structure_factor::HklGrid;
use std::path::Path;

/// One line.
struct Reflection {
    hkl: [i32; 3],
    f: f64,
}

/// Reads a file into the box of its indices; reflections of the box that it lacks have `default_f`. Of a reflection
/// that is listed twice the last counts. With `stop_at_text` reading ends at the first line that is not four
/// numbers (oddity `hkl-stops-at-text`).
///
/// # Errors
/// With file and line where a line is not three whole numbers and a number; when there is no reflection; when the
/// box does not fit into memory.
pub fn read_hkl(path: &Path, default_f: f64, stop_at_text: bool) -> Result<HklGrid, ReadError> {
    let bytes = read(path)?;
    // Twice over the text in place of once over a list: no memory beyond the file and the grid.
    let (mut min, mut max) = ([i32::MAX; 3], [i32::MIN; 3]);
    for reflection in reflections(path, &bytes, stop_at_text) {
        let hkl = reflection?.hkl;
        for axis in 0..3 {
            min[axis] = min[axis].min(hkl[axis]);
            max[axis] = max[axis].max(hkl[axis]);
        }
    }
    if min[0] > max[0] {
        return Err(problem(path, None, "no reflection; give one `h k l F` a line"));
    }
    let mut grid = empty_grid(path, min, max, default_f)?;
    for reflection in reflections(path, &bytes, stop_at_text) {
        let Reflection { hkl, f } = reflection?;
        if let Some(index) = grid.index(hkl.map(f64::from)) {
            grid.values[index] = f;
        }
    }
    Ok(grid)
}

/// A grid of one value, if it fits into memory.
pub(super) fn empty_grid(
    path: &Path,
    min: [i32; 3],
    max: [i32; 3],
    value: f64,
) -> Result<HklGrid, ReadError> {
    let sides = [0, 1, 2].map(|axis| f64::from(max[axis]) - f64::from(min[axis]) + 1.0);
    let needed = 8.0 * sides.iter().product::<f64>();
    let free = crate::memory::free().map_or(1e15, |n| n as f64).min(1e15);
    let count = (needed / 8.0) as usize;
    let mut values = Vec::new();
    if needed > free || values.try_reserve_exact(count).is_err() {
        let text = format!(
            "the indices h {} to {}, k {} to {}, l {} to {} make a grid of {:.1} GB, which does not fit into memory",
            min[0],
            max[0],
            min[1],
            max[1],
            min[2],
            max[2],
            needed / 1e9
        );
        return Err(problem(path, None, text));
    }
    values.resize(count, value);
    Ok(HklGrid { min, max, values })
}

fn reflections(
    path: &Path,
    bytes: &[u8],
    stop_at_text: bool,
) -> impl Iterator<Item = Result<Reflection, ReadError>> {
    let read =
        lines(bytes).map(move |(line, text)| reflection(text).map_err(|why| problem(path, Some(line), why)));
    read.take_while(move |reflection| reflection.is_ok() || !stop_at_text)
}

fn reflection(line: &[u8]) -> Result<Reflection, String> {
    let mut columns = words(line);
    let mut next = || columns.next().ok_or_else(|| "fewer than the four columns `h k l F`".to_owned());
    Ok(Reflection { hkl: [integer(next()?)?, integer(next()?)?, integer(next()?)?], f: number(next()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8], default_f: f64, stop: bool) -> Result<HklGrid, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.hkl");
        std::fs::write(&path, text).unwrap();
        read_hkl(&path, default_f, stop).map_err(|e| e.to_string())
    }

    #[test]
    fn reflections_are_found_whatever_the_text_looks_like() {
        let grid =
            of(b"\xef\xbb\xbf# h k l F\r\n1 0 -2 5.5\r\n\r\n2.0 1 0 -7 0.1 extra\n1 0 -2 6", 3.0, false)
                .unwrap();
        assert_eq!((grid.min, grid.max), ([1, 0, -2], [2, 1, 0]));
        assert_eq!(grid.get([1.0, 0.0, -2.0]), Some(6.0));
        assert_eq!(grid.get([2.0, 1.0, 0.0]), Some(-7.0));
        assert_eq!(grid.get([2.0, 0.0, 0.0]), Some(3.0));
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, part) in [
            (&b""[..], "no reflection"),
            (b"# only a comment\n", "no reflection"),
            (b"1 2 3 4\n1 2 3\n", "line 2: fewer than"),
            (b"1 2 3 4\n\n1 2 x 4\n", "line 3: `x`"),
            (b"1 2.5 3 4\n", "line 1: `2.5`"),
            (b"1 2 3 nan\n", "line 1: `nan`"),
            (b"1 2 3 1e400\n", "line 1: `1e400`"),
            (b"\0\0\0\0", "line 1: `\\0"),
            (b"1 2 3 4\n-2000000000 2000000000 2000000000 5", "GB"),
        ] {
            let message = of(text, 0.0, false).unwrap_err();
            assert!(message.contains("a.hkl") && message.contains(part), "{message}");
        }
    }

    #[test]
    fn nanobragg_stops_at_text() {
        let text = b"1 2 3 4\nend\n7 7 7 7\n";
        assert!(of(text, 0.0, false).is_err());
        assert_eq!(of(text, 0.0, true).unwrap().max, [1, 2, 3]);
    }
}
