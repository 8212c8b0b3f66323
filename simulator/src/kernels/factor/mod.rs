//! Structure factors of a group of samples: constant, of the nearest reflection, or interpolated.

mod cells;
mod nearest;
mod tricubic;

pub(crate) use cells::Cells;
pub(crate) use nearest::Nearest;
pub(crate) use tricubic::Tricubic;

use super::lanes::{Lanes, Real};
use crate::physics::structure_factor::HklGrid;

/// The numbers of the structure factors.
#[derive(Debug)]
pub(crate) struct Table<'a, R> {
    /// Values of the box, over `scale`.
    values: &'a [R],
    min: [R; 3],
    max: [R; 3],
    /// Distance in `values` of neighbours along each axis.
    stride: [usize; 3],
    /// Value outside the box.
    otherwise: R,
    /// Whether the first sample outside ends the interpolation of its pixel, and of those after it.
    latch: bool,
}

impl<'a, R: Real> Table<'a, R> {
    /// Of a box of structure factors whose values were converted already.
    pub(crate) fn new(grid: &HklGrid, values: &'a [R], otherwise: R, latch: bool) -> Table<'a, R> {
        let count = |axis: usize| (i64::from(grid.max[axis]) - i64::from(grid.min[axis]) + 1) as usize;
        let of = |ends: [i32; 3]| ends.map(|end| R::of(f64::from(end)));
        let stride = [count(1) * count(2), count(2), 1];
        Table { values, min: of(grid.min), max: of(grid.max), stride, otherwise, latch }
    }

    /// Of no box at all.
    pub(crate) fn none() -> Table<'a, R> {
        let zero = R::default();
        Table { values: &[], min: [zero; 3], max: [zero; 3], stride: [0; 3], otherwise: zero, latch: false }
    }

    /// Distances of neighbours in the table and the place of the reflection (0, 0, 0), which may lie before it.
    pub(crate) fn places(grid: &HklGrid) -> ([f64; 3], f64) {
        let count = |axis: usize| f64::from(grid.max[axis]) - f64::from(grid.min[axis]) + 1.0;
        let stride = [count(1) * count(2), count(2), 1.0];
        let first = grid.min.map(f64::from);
        (stride, -(first[0] * stride[0] + first[1] * stride[1] + first[2]))
    }

    /// One value, if it is in the box.
    #[inline(always)]
    fn at(&self, place: R) -> R {
        self.values.get(place.wide() as usize).copied().unwrap_or(self.otherwise)
    }

    /// Four neighbours along l, if they are in the box.
    #[inline(always)]
    fn four(&self, at: usize) -> [R; 4] {
        match self.values.get(at..at + 4) {
            Some(&[a, b, c, d]) => [a, b, c, d],
            _ => [R::default(); 4],
        }
    }
}

/// What is kept for the pixels of a group: those whose interpolation has ended, and those that are sampled at all (bit i
/// is lane i); and the polynomials of cells that were met.
pub(crate) struct Pixels<'a, R> {
    pub(crate) latched: &'a mut [u32],
    pub(crate) active: &'a [u32],
    pub(crate) cells: &'a mut Cells<R>,
}

/// How structure factors are found. Told the indices axis by axis, then asked.
pub(crate) trait Factor<V: Lanes, const G: usize>: Sized {
    /// Whether it is told the indices at all.
    const WANTS_INDICES: bool = true;
    /// Before the first sample. `covered`: every sample and all that it needs lies in the table.
    fn new(table: &Table<V::Real>, covered: bool) -> Self;
    /// For a vector of the group, the nearest index along an axis, less the anchor's, and what the sample is away from
    /// it. Comes for all three axes in turn.
    fn index(&mut self, axis: usize, g: usize, anchor: Anchor<V::Real>, whole: V, offset: V);
    /// F² times `squares`, or times a factor of each. `skipped` samples do not count as samples.
    fn weigh(
        &mut self,
        table: &Table<V::Real>,
        squares: [V; G],
        skipped: &[u32; G],
        pixels: &mut Pixels<V::Real>,
    ) -> [V; G];
}

/// Where indices are counted from.
#[derive(Clone, Copy)]
pub(crate) struct Anchor<R> {
    /// The whole number along this axis; only set where something may lie outside the table.
    pub(crate) whole: R,
    /// The place in the table of the anchor's reflection.
    pub(crate) place: R,
}

/// A constant, which is multiplied in at the end.
pub(crate) struct Constant;

impl<V: Lanes, const G: usize> Factor<V, G> for Constant {
    const WANTS_INDICES: bool = false;

    #[inline(always)]
    fn new(_: &Table<V::Real>, _: bool) -> Self {
        Constant
    }

    #[inline(always)]
    fn index(&mut self, _: usize, _: usize, _: Anchor<V::Real>, _: V, _: V) {}

    #[inline(always)]
    fn weigh(
        &mut self,
        _: &Table<V::Real>,
        squares: [V; G],
        _: &[u32; G],
        _: &mut Pixels<V::Real>,
    ) -> [V; G] {
        squares
    }
}
