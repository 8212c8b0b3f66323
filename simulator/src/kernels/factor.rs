//! Structure factors of a group of samples: constant, of the nearest reflection, or interpolated.

use super::lanes::{Lanes, Mask, Real};
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

    /// Four neighbours along l, if they are in the box.
    #[inline(always)]
    fn four(&self, at: usize) -> [R; 4] {
        match self.values.get(at..at + 4) {
            Some(&[a, b, c, d]) => [a, b, c, d],
            _ => [R::default(); 4],
        }
    }
}

/// Pixels of a group whose interpolation has ended, and those that are sampled at all; bit i is lane i.
pub(crate) struct Pixels<'a> {
    pub(crate) latched: &'a mut [u32],
    pub(crate) active: &'a [u32],
}

/// How structure factors are found. Told the indices axis by axis, then asked.
pub(crate) trait Factor<V: Lanes, const G: usize>: Sized {
    /// Before the first sample.
    fn new(table: &Table<V::Real>) -> Self;
    /// For a vector of the group, the nearest index along an axis, less the anchor's, and what the sample is away from
    /// it. Comes for all three axes in turn.
    fn index(&mut self, axis: usize, g: usize, anchor: V::Real, whole: V, offset: V);
    /// `squares` times F². `skipped` samples do not count as samples.
    fn weigh(
        &mut self,
        table: &Table<V::Real>,
        squares: [V; G],
        skipped: &[u32; G],
        pixels: &mut Pixels,
    ) -> [V; G];
}

/// A constant, which is multiplied in at the end.
pub(crate) struct Constant;

impl<V: Lanes, const G: usize> Factor<V, G> for Constant {
    #[inline(always)]
    fn new(_: &Table<V::Real>) -> Self {
        Constant
    }

    #[inline(always)]
    fn index(&mut self, _: usize, _: usize, _: V::Real, _: V, _: V) {}

    #[inline(always)]
    fn weigh(&mut self, _: &Table<V::Real>, squares: [V; G], _: &[u32; G], _: &mut Pixels) -> [V; G] {
        squares
    }
}

/// The nearest reflection's.
pub(crate) struct Nearest<V: Lanes, const G: usize> {
    min: [V; 3],
    max: [V; 3],
    stride: [V; 3],
    index: [V; G],
    inside: [V::Mask; G],
}

impl<V: Lanes, const G: usize> Nearest<V, G> {
    #[inline(always)]
    fn find(&self, table: &Table<V::Real>, g: usize) -> V {
        V::gather(table.values, self.index[g], self.inside[g], V::splat(table.otherwise))
    }
}

impl<V: Lanes, const G: usize> Factor<V, G> for Nearest<V, G> {
    #[inline(always)]
    fn new(table: &Table<V::Real>) -> Self {
        let [a, b, c] = table.stride;
        let stride = [V::of(a as f64), V::of(b as f64), V::of(c as f64)];
        let min = [V::splat(table.min[0]), V::splat(table.min[1]), V::splat(table.min[2])];
        let max = [V::splat(table.max[0]), V::splat(table.max[1]), V::splat(table.max[2])];
        Nearest { min, max, stride, index: [V::of(0.0); G], inside: [V::mask(0); G] }
    }

    #[inline(always)]
    fn index(&mut self, axis: usize, g: usize, anchor: V::Real, whole: V, _: V) {
        // Of both differences the first is exact: anchor and box are whole numbers.
        let anchor = V::splat(anchor);
        let (first, last) = (self.min[axis] - anchor, self.max[axis] - anchor);
        let inside = first.le(whole) & whole.le(last);
        let at = whole - first;
        if axis == 0 {
            self.inside[g] = inside;
            self.index[g] = at * self.stride[0];
        } else {
            self.inside[g] = self.inside[g] & inside;
            self.index[g] = at.mul_add(self.stride[axis], self.index[g]);
        }
    }

    #[inline(always)]
    fn weigh(&mut self, table: &Table<V::Real>, mut squares: [V; G], _: &[u32; G], _: &mut Pixels) -> [V; G] {
        for g in 0..G {
            let f = self.find(table, g);
            squares[g] = squares[g] * (f * f);
        }
        squares
    }
}

/// Interpolated in the 64 nearest, as long as they are all in the box.
pub(crate) struct Tricubic<V: Lanes, const G: usize> {
    nearest: Nearest<V, G>,
    /// First of the 64 in the table.
    base: [V; G],
    surrounded: [V::Mask; G],
    /// From the second of the four neighbours along each axis.
    fraction: [[V; G]; 3],
}

impl<V: Lanes, const G: usize> Factor<V, G> for Tricubic<V, G> {
    #[inline(always)]
    fn new(table: &Table<V::Real>) -> Self {
        let zero = [V::of(0.0); G];
        Tricubic {
            nearest: Nearest::new(table),
            base: zero,
            surrounded: [V::mask(0); G],
            fraction: [zero; 3],
        }
    }

    #[inline(always)]
    fn index(&mut self, axis: usize, g: usize, anchor: V::Real, whole: V, offset: V) {
        self.nearest.index(axis, g, anchor, whole, offset);
        let anchor = V::splat(anchor);
        let first = self.nearest.min[axis] - anchor;
        let last = self.nearest.max[axis] - anchor;
        let below = offset.lt(V::of(0.0));
        let step = V::select(below, V::of(1.0), V::of(0.0));
        self.fraction[axis][g] = offset + step;
        // min + 2 ≤ h ≤ max − 2, with h in two parts
        let above = (whole - first - V::of(2.0)) + offset;
        let under = (last - whole - V::of(2.0)) - offset;
        let surrounded = V::of(0.0).le(above) & V::of(0.0).le(under);
        let at = whole - step - first - V::of(1.0);
        if axis == 0 {
            self.surrounded[g] = surrounded;
            self.base[g] = at * self.nearest.stride[0];
        } else {
            self.surrounded[g] = self.surrounded[g] & surrounded;
            self.base[g] = at.mul_add(self.nearest.stride[axis], self.base[g]);
        }
    }

    #[inline(always)]
    fn weigh(
        &mut self,
        table: &Table<V::Real>,
        mut squares: [V; G],
        skipped: &[u32; G],
        pixels: &mut Pixels,
    ) -> [V; G] {
        for g in 0..G {
            let sampled = pixels.active[g] & !skipped[g];
            let surrounded = self.surrounded[g].bits();
            let interpolated = surrounded & !pixels.latched[g];
            if table.latch {
                pixels.latched[g] |= sampled & !surrounded;
            }
            let mut f = V::of(0.0);
            if !interpolated & sampled != 0 {
                f = self.nearest.find(table, g);
            }
            if interpolated & sampled != 0 {
                f = self.interpolate(table, g, interpolated & sampled, f);
            }
            squares[g] = squares[g] * (f * f);
        }
        squares
    }
}

impl<V: Lanes, const G: usize> Tricubic<V, G> {
    /// Cubic Lagrange interpolation of the lanes `todo`, cell by cell: neighbouring pixels mostly lie in the same.
    #[inline(always)]
    fn interpolate(&self, table: &Table<V::Real>, g: usize, mut todo: u32, otherwise: V) -> V {
        // No closures here: they would not be compiled for the level.
        let f = &self.fraction;
        let weights = [lagrange(f[0][g]), lagrange(f[1][g]), lagrange(f[2][g])];
        let mut bases = [V::Real::default(); 16];
        self.base[g].store(&mut bases);
        let mut out = otherwise;
        while todo != 0 {
            let base = bases[todo.trailing_zeros() as usize & 15];
            let first = base.wide() as usize;
            let mut f = V::of(0.0);
            for i in 0..4 {
                let mut along_k = V::of(0.0);
                for j in 0..4 {
                    let four = table.four(first + i * table.stride[0] + j * table.stride[1]);
                    let mut along_l = V::splat(four[0]) * weights[2][0];
                    for n in 1..4 {
                        along_l = V::splat(four[n]).mul_add(weights[2][n], along_l);
                    }
                    along_k = along_l.mul_add(weights[1][j], along_k);
                }
                f = along_k.mul_add(weights[0][i], f);
            }
            let same = self.base[g].eq(V::splat(base)).bits() & todo;
            out = V::select(V::mask(same), f, out);
            // At least the lane that was looked at is done.
            todo &= !same & (todo - 1);
        }
        out
    }
}

/// Weights of the values at −1, 0, 1, 2 in the cubic polynomial through them, at x from 0 to 1.
#[inline(always)]
fn lagrange<V: Lanes>(x: V) -> [V; 4] {
    let (x0, x1, x2) = (x + V::of(1.0), x - V::of(1.0), x - V::of(2.0));
    let (outer, inner) = (x * x1, x0 * x2);
    [
        outer * x2 * V::of(-1.0 / 6.0),
        inner * x1 * V::of(0.5),
        inner * x * V::of(-0.5),
        outer * x0 * V::of(1.0 / 6.0),
    ]
}
