//! Structure factors as text: one `h k l F` a line.
//!
//! The text is mapped and cut at line ends into blocks for the threads. What they read is put into the grid in the order
//! of the file, because of a reflection that is listed twice the last counts. The box of the indices must be known
//! before: what was read until then is kept, up to a limit, and the rest of a large file is read a second time.

mod grid;
mod line;
mod waves;

use super::map::Bytes;
use super::text::{ReadError, lines, problem};
use crate::physics::structure_factor::HklGrid;
use grid::{Kept, Limits, Place};
use line::Line;
use std::path::Path;
use waves::each_wave;

/// Reads a file into the box of its indices; reflections of the box that it lacks have `default_f`. Of a reflection
/// that is listed twice the last counts. With `stop_at_text` reading ends at the first line that is not four
/// numbers (oddity `hkl-stops-at-text`).
///
/// # Errors
/// With file and line where a line is not three whole numbers and a number; when there is no reflection; when the
/// box does not fit into memory.
pub fn read_hkl(path: &Path, default_f: f64, stop_at_text: bool) -> Result<HklGrid, ReadError> {
    let bytes = Bytes::open(path)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if stop_at_text {
        return read_text(path, &bytes, before_text(text), default_f);
    }
    // Whatever is wrong, the first line that is wrong is told.
    read_text(path, &bytes, text, default_f).map_err(|error| first_problem(path, &bytes).unwrap_or(error))
}

fn read_text(path: &Path, bytes: &Bytes, text: &[u8], default_f: f64) -> Result<HklGrid, ReadError> {
    let unread = || problem(path, None, "the file changed while it was read");
    let mut limits = Limits::NONE;
    let mut kept = Kept::new(text).map_err(|error| problem(path, None, error.to_string()))?;
    each_wave(bytes, text, |blocks, length| {
        limits = blocks.iter().fold(limits, |limits, block| limits.and(block.limits));
        kept.keep(blocks, length);
        Some(())
    })
    .ok_or_else(unread)?;
    if limits.min[0] > limits.max[0] {
        return Err(problem(path, None, "no reflection; give one `h k l F` a line"));
    }
    let mut values = reserved(path, limits.min, limits.max)?;
    let place = Place::new(limits);
    values.resize(place.count(), default_f);
    place.put(&mut values, kept.reflections()).ok_or_else(unread)?;
    let rest = &text[kept.text..];
    drop(kept);
    each_wave(bytes, rest, |blocks, _| {
        place.put(&mut values, blocks.iter().flat_map(|block| block.reflections.iter().copied()))
    })
    .ok_or_else(unread)?;
    Ok(HklGrid { min: limits.min, max: limits.max, values })
}

/// The text before the first line that is not four numbers.
fn before_text(text: &[u8]) -> &[u8] {
    let mut end = 0;
    while end < text.len() {
        match line::first(&text[end..]) {
            (Line::Bad, _) => break,
            (_, length) => end += length,
        }
    }
    &text[..end]
}

/// What is wrong with the first line that is wrong.
fn first_problem(path: &Path, text: &[u8]) -> Option<ReadError> {
    lines(text).find_map(|(number, text)| line::read(text).err().map(|why| problem(path, Some(number), why)))
}

/// An empty list for the values of a grid, if they fit into memory.
pub(super) fn reserved(path: &Path, min: [i32; 3], max: [i32; 3]) -> Result<Vec<f64>, ReadError> {
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
    Ok(values)
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
            (b"\xef\xbb\xbf\xef\xbb\xbf1 2 3 4\n", "line 1: `"),
            (b"1 2 3 4\n-2000000000 2000000000 2000000000 5", "GB"),
        ] {
            let message = of(text, 0.0, false).unwrap_err();
            assert!(message.contains("a.hkl") && message.contains(part), "{message}");
        }
    }

    /// A text of many blocks, with a reflection twice in different blocks.
    fn long(extra: &[(usize, &str)]) -> Vec<u8> {
        let mut text = String::new();
        for i in 0..100_000 {
            let f = f64::from(i) / 7.0;
            text += &format!("{} {} {}\t{f:.3}\n", i % 50, i / 50 % 50 - 25, -(i / 2500));
            for (_, line) in extra.iter().filter(|(at, _)| *at == i as usize) {
                text += line;
                text += "\r\n";
            }
        }
        text.into_bytes()
    }

    #[test]
    fn long_files_are_read_as_short_ones() {
        let twice = [
            (10, "0 -25 0 7777"),
            (50_000, "0 -25 0 8888"),
            (99_000, "# 0 -25 0 1"),
            (99_999, "3 3 -3 5 # z"),
        ];
        let text = long(&twice);
        assert!(text.len() > 4 * waves::BLOCK);
        let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
        let [one, three] = pools.each_ref().map(|pool| pool.install(|| of(&text, -1.0, false)).unwrap());
        assert_eq!(one, three);
        assert_eq!((one.min, one.max), ([0, -25, -39], [49, 24, 0]));
        assert_eq!(one.get([0.0, -25.0, 0.0]), Some(8888.0));
        assert_eq!(one.get([3.0, 3.0, -3.0]), Some(5.0));
        for i in [1, 2499, 2500, 77_777, 99_999_usize] {
            let hkl = [i % 50, i / 50 % 50, i / 2500].map(|n| n as f64);
            let f = (i as f64 / 7.0 * 1000.0).round() / 1000.0;
            assert_eq!(one.get([hkl[0], hkl[1] - 25.0, -hkl[2]]), Some(f), "{i}");
        }
        for _ in 0..3 {
            let message = of(&long(&[(30_000, "1 2 x 4"), (90_000, "bad")]), 0.0, false).unwrap_err();
            assert!(message.contains("line 30002: `x`"), "{message}");
            let message = of(&long(&[(80_000, "1 2 3 nan"), (90_000, "1 y")]), 0.0, false).unwrap_err();
            assert!(message.contains("line 80002: `nan`"), "{message}");
        }
        let stopped = of(&long(&[(60_000, "1 2 3 nan"), (90_000, "1 2 3 5")]), 0.0, true).unwrap();
        assert_eq!(stopped.max, [49, 24, 0]);
        assert_eq!(stopped.min, [0, -25, -24]);
    }

    #[test]
    fn a_bad_line_is_told_before_a_box_that_is_too_large() {
        let message =
            of(b"1 2 3 4\n1 2 3 nan\n-2000000000 2000000000 2000000000 5\n", 0.0, false).unwrap_err();
        assert!(message.contains("line 2: `nan`"), "{message}");
    }

    #[test]
    fn nanobragg_stops_at_text() {
        let text = b"1 2 3 4\nend\n7 7 7 7\n";
        assert!(of(text, 0.0, false).is_err());
        assert_eq!(of(text, 0.0, true).unwrap().max, [1, 2, 3]);
    }
}
