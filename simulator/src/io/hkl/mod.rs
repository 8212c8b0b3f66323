//! Structure factors as text: one `h k l F` a line.
//!
//! The text is mapped and cut at line ends into blocks for the threads. What they read is put into the grid in the order
//! of the file, because of a reflection that is listed twice the last counts. The box of the indices must be known
//! before: what was read until then is kept, up to a limit, and the rest of a large file is read a second time.

mod line;

use super::map::Bytes;
use super::text::{ReadError, lines, problem};
use crate::buffer::{Buffer, OutOfMemory};
use crate::physics::structure_factor::HklGrid;
use line::{Line, Reflection};
use rayon::prelude::*;
use std::path::Path;

/// Bytes that a thread reads at a time.
const BLOCK: usize = 1 << 17;
/// Blocks that each thread has before their text is let go.
const BLOCKS: usize = 4;
/// Threads beyond this would take too much memory.
const MOST_THREADS: usize = 16;
/// Reflections that are kept until the box is known.
const MOST_KEPT: usize = 2_000_000;
/// Bytes of `0 0 0 0` and the end of the line.
const SHORTEST_LINE: usize = 8;

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
    let text = if stop_at_text { before_text(text) } else { text };
    // Whatever is wrong, the first line that is wrong is told.
    read_text(path, &bytes, text, default_f).map_err(|error| first_problem(path, text).unwrap_or(error))
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
    let mut grid = empty_grid(path, limits.min, limits.max, default_f)?;
    let place = Place::new(limits);
    place.put(&mut grid.values, kept.reflections()).ok_or_else(unread)?;
    let rest = &text[kept.text..];
    drop(kept);
    each_wave(bytes, rest, |blocks, _| {
        place.put(&mut grid.values, blocks.iter().flat_map(|block| block.reflections.iter().copied()))
    })
    .ok_or_else(unread)?;
    Ok(grid)
}

/// Reads a text in waves of blocks. `take` is given the blocks of a wave and the length of its text, in the order of the
/// file, while the next wave is read. `None` if a line is bad, or `take` says so.
fn each_wave(
    bytes: &Bytes,
    text: &[u8],
    mut take: impl FnMut(&[Block], usize) -> Option<()> + Send,
) -> Option<()> {
    let (mut read, mut next) = (Vec::new(), Vec::new());
    let mut length = 0;
    for wave in pieces(text, wave()) {
        let (ready, taken) = rayon::join(|| read_wave(wave, &mut next), || take(&read, length));
        bytes.release(wave);
        ready?;
        taken?;
        std::mem::swap(&mut read, &mut next);
        length = wave.len();
    }
    take(&read, length)
}

/// Reads a wave into blocks, whose memory is used again.
fn read_wave(wave: &[u8], blocks: &mut Vec<Block>) -> Option<()> {
    let parts: Vec<&[u8]> = pieces(wave, BLOCK).collect();
    blocks.resize_with(parts.len(), || Block { reflections: Vec::new(), limits: Limits::NONE });
    blocks.par_iter_mut().zip(parts).try_for_each(|(block, part)| block.read(part))
}

/// Bytes that all threads together read before their memory is let go.
fn wave() -> usize {
    BLOCK * BLOCKS * rayon::current_num_threads().min(MOST_THREADS)
}

/// A text in pieces of whole lines, all but the last at least of a size.
fn pieces(mut text: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let near = text.len().min(size);
        let end = text[near..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |i| near + i + 1);
        let (piece, rest) = text.split_at(end);
        text = rest;
        Some(piece)
    })
}

/// The smallest and the largest indices.
#[derive(Clone, Copy)]
struct Limits {
    min: [i32; 3],
    max: [i32; 3],
}

impl Limits {
    const NONE: Limits = Limits { min: [i32::MAX; 3], max: [i32::MIN; 3] };

    fn and(self, other: Limits) -> Limits {
        Limits {
            min: [0, 1, 2].map(|axis| self.min[axis].min(other.min[axis])),
            max: [0, 1, 2].map(|axis| self.max[axis].max(other.max[axis])),
        }
    }
}

/// What stands in some lines.
struct Block {
    reflections: Vec<Reflection>,
    limits: Limits,
}

impl Block {
    /// `None` if a line is bad.
    fn read(&mut self, mut text: &[u8]) -> Option<()> {
        self.reflections.clear();
        let mut limits = Limits::NONE;
        while !text.is_empty() {
            let (line, end) = line::first(text);
            text = &text[end..];
            match line {
                Line::Reflection(reflection) => {
                    let hkl = reflection.hkl;
                    limits = limits.and(Limits { min: hkl, max: hkl });
                    self.reflections.push(reflection);
                }
                Line::Nothing => {}
                Line::Bad => return None,
            }
        }
        self.limits = limits;
        Some(())
    }
}

/// Reflections that wait until the box is known.
struct Kept {
    hkl: Buffer<[i32; 3]>,
    f: Buffer<f64>,
    count: usize,
    /// Length of the text that they stand in.
    text: usize,
    full: bool,
}

impl Kept {
    /// Room for the reflections of a text, within limits.
    fn new(text: &[u8]) -> Result<Kept, OutOfMemory> {
        let most = (text.len() / SHORTEST_LINE + 1).min(MOST_KEPT);
        Ok(Kept { hkl: Buffer::zeroed(most)?, f: Buffer::zeroed(most)?, count: 0, text: 0, full: false })
    }

    fn keep(&mut self, blocks: &[Block], length: usize) {
        let count = blocks.iter().map(|block| block.reflections.len()).sum::<usize>();
        self.full |= self.count + count > self.f.len();
        if self.full {
            return;
        }
        let all = self.count..self.count + count;
        let places = self.hkl[all.clone()].iter_mut().zip(&mut self.f[all]);
        for (place, reflection) in places.zip(blocks.iter().flat_map(|block| &block.reflections)) {
            (*place.0, *place.1) = (reflection.hkl, reflection.f);
        }
        self.count += count;
        self.text += length;
    }

    fn reflections(&self) -> impl Iterator<Item = Reflection> {
        let both = self.hkl[..self.count].iter().zip(&self.f[..self.count]);
        both.map(|(&hkl, &f)| Reflection { hkl, f })
    }
}

/// Where reflections stand in a grid.
struct Place {
    min: [i32; 3],
    sides: [u64; 3],
}

impl Place {
    fn new(limits: Limits) -> Place {
        let Limits { min, max } = limits;
        Place { min, sides: [0, 1, 2].map(|axis| u64::from(max[axis].abs_diff(min[axis])) + 1) }
    }

    /// Puts reflections into a grid, in their order; `None` if one is outside.
    fn put(&self, values: &mut [f64], reflections: impl Iterator<Item = Reflection>) -> Option<()> {
        for Reflection { hkl, f } in reflections {
            let at = [0, 1, 2].map(|axis| (i64::from(hkl[axis]) - i64::from(self.min[axis])) as u64);
            if at.iter().zip(&self.sides).any(|(at, side)| at >= side) {
                return None;
            }
            let [h, k, l] = at;
            *values.get_mut(((h * self.sides[1] + k) * self.sides[2] + l) as usize)? = f;
        }
        Some(())
    }
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
        assert!(text.len() > 4 * BLOCK);
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
