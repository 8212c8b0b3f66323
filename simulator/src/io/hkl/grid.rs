//! The grid that reflections are put into, and where they wait for it.

use super::line::Reflection;
use super::waves::Block;
use crate::buffer::{Buffer, OutOfMemory};

/// Reflections that are kept until the box is known.
const MOST_KEPT: usize = if cfg!(test) { 30_000 } else { 2_000_000 };
/// Bytes of `0 0 0 0` and the end of the line.
const SHORTEST_LINE: usize = 8;

/// The smallest and the largest indices.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) min: [i32; 3],
    pub(super) max: [i32; 3],
}

impl Limits {
    pub(super) const NONE: Limits = Limits { min: [i32::MAX; 3], max: [i32::MIN; 3] };

    pub(super) fn and(self, other: Limits) -> Limits {
        Limits {
            min: [0, 1, 2].map(|axis| self.min[axis].min(other.min[axis])),
            max: [0, 1, 2].map(|axis| self.max[axis].max(other.max[axis])),
        }
    }
}

/// Reflections that wait until the box is known.
pub(super) struct Kept {
    hkl: Buffer<[i32; 3]>,
    f: Buffer<f64>,
    count: usize,
    /// Length of the text that they stand in.
    pub(super) text: usize,
    full: bool,
}

impl Kept {
    /// Room for the reflections of a text, within limits.
    pub(super) fn new(text: &[u8]) -> Result<Kept, OutOfMemory> {
        let most = (text.len() / SHORTEST_LINE + 1).min(MOST_KEPT);
        Ok(Kept { hkl: Buffer::zeroed(most)?, f: Buffer::zeroed(most)?, count: 0, text: 0, full: false })
    }

    pub(super) fn keep(&mut self, blocks: &[Block], length: usize) {
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

    pub(super) fn reflections(&self) -> impl Iterator<Item = Reflection> {
        let both = self.hkl[..self.count].iter().zip(&self.f[..self.count]);
        both.map(|(&hkl, &f)| Reflection { hkl, f })
    }
}

/// Where reflections stand in a grid.
pub(super) struct Place {
    min: [i32; 3],
    sides: [u64; 3],
}

impl Place {
    pub(super) fn new(limits: Limits) -> Place {
        let Limits { min, max } = limits;
        Place { min, sides: [0, 1, 2].map(|axis| u64::from(max[axis].abs_diff(min[axis])) + 1) }
    }

    /// Values of the grid, which fit into memory.
    pub(super) fn count(&self) -> usize {
        self.sides.iter().product::<u64>() as usize
    }

    /// Puts reflections into a grid, in their order; `None` if one is outside.
    pub(super) fn put(
        &self,
        values: &mut [f64],
        reflections: impl Iterator<Item = Reflection>,
    ) -> Option<()> {
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
