//! A text in blocks of whole lines, which the threads read wave after wave.

use super::grid::Limits;
use super::line::{self, Line, Reflection};
use crate::io::map::Bytes;
use rayon::prelude::*;

/// Bytes that a thread reads at a time.
pub(super) const BLOCK: usize = 1 << 17;
/// Blocks that each thread has before their text is let go.
const BLOCKS: usize = 4;
/// Threads beyond this would take too much memory.
const MOST_THREADS: usize = 8;
/// Reads a text in waves of blocks. `take` is given the blocks of a wave and the length of its text, in the order of the
/// file, while the next wave is read. `None` if a line is bad, or `take` says so.
pub(super) fn each_wave(
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

/// What stands in some lines.
pub(super) struct Block {
    pub(super) reflections: Vec<Reflection>,
    pub(super) limits: Limits,
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
