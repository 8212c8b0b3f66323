//! Structure factors interpolated in the 64 nearest reflections, as long as they are all in the table.

use super::{Anchor, Cells, Factor, Nearest, Pixels, Table};
use crate::kernels::lanes::{Lanes, Mask, Real};

/// The most numbers in a vector.
const MOST_LANES: usize = 16;

/// Cells of the samples, and where in them they are.
pub(crate) struct Tricubic<V: Lanes, const G: usize> {
    covered: bool,
    nearest: Nearest<V, G>,
    /// First of the 64 places in the table; of covered samples, more by `beyond`.
    base: [V; G],
    beyond: V,
    surrounded: [V::Mask; G],
    /// From the second of the four neighbours along each axis; of covered samples, from the middle of the cell.
    fraction: [[V; G]; 3],
}

impl<V: Lanes, const G: usize> Factor<V, G> for Tricubic<V, G> {
    #[inline(always)]
    fn new(table: &Table<V::Real>, covered: bool) -> Self {
        let zero = [V::of(0.0); G];
        let [a, b, c] = table.stride;
        Tricubic {
            covered,
            nearest: Nearest::new(table, covered),
            base: zero,
            beyond: V::of(1.5 * (a + b + c) as f64),
            surrounded: [V::mask(0); G],
            fraction: [zero; 3],
        }
    }

    #[inline(always)]
    fn index(&mut self, axis: usize, g: usize, anchor: Anchor<V::Real>, whole: V, offset: V) {
        if !self.covered {
            self.guarded(axis, g, anchor.whole, whole, offset);
            return;
        }
        // The cell's middle is half way to the next whole number in the sample's direction. Half-integers below 2²³ are
        // exact in f32 too.
        let half = V::of(0.5).with_sign_of(offset);
        self.fraction[axis][g] = offset - half;
        let before = if axis == 0 { V::splat(anchor.place) } else { self.base[g] };
        self.base[g] = (whole + half).mul_add(self.nearest.stride[axis], before);
    }

    #[inline(always)]
    fn weigh(
        &mut self,
        table: &Table<V::Real>,
        mut squares: [V; G],
        skipped: &[u32; G],
        pixels: &mut Pixels<V::Real>,
    ) -> [V; G] {
        for g in 0..G {
            if self.covered {
                let f = self.cell_by_cell(table, g, pixels.cells);
                squares[g] = squares[g] * (f * f);
                continue;
            }
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
                f = self.one_by_one(table, g, interpolated & sampled, f);
            }
            squares[g] = squares[g] * (f * f);
        }
        squares
    }
}

// No closures in here: they would not be compiled for the level.
impl<V: Lanes, const G: usize> Tricubic<V, G> {
    /// An index along an axis, where it may be outside the table.
    #[inline(always)]
    fn guarded(&mut self, axis: usize, g: usize, anchor: V::Real, whole: V, offset: V) {
        self.nearest.guarded(axis, g, anchor, whole);
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

    /// All lanes, cell by cell: neighbouring pixels mostly lie in the same.
    #[inline(always)]
    fn cell_by_cell(&self, table: &Table<V::Real>, g: usize, cells: &mut Cells<V::Real>) -> V {
        let base = self.base[g] - self.beyond;
        let at = [self.fraction[0][g], self.fraction[1][g], self.fraction[2][g]];
        let mut first = base.first();
        let mut same = base.eq(V::splat(first)).bits();
        let mut out = in_cell(table, at, first.wide() as usize, cells);
        let mut todo = V::ALL & !same;
        if todo == 0 {
            return out;
        }
        let mut bases = [V::Real::default(); MOST_LANES];
        base.store(&mut bases);
        while todo != 0 {
            first = bases[todo.trailing_zeros() as usize % MOST_LANES];
            same = base.eq(V::splat(first)).bits() & todo;
            out = V::select(V::mask(same), in_cell(table, at, first.wide() as usize, cells), out);
            // At least the lane that was looked at is done.
            todo &= !same & (todo - 1);
        }
        out
    }

    /// The lanes `todo`, cell by cell.
    #[inline(always)]
    fn one_by_one(&self, table: &Table<V::Real>, g: usize, mut todo: u32, otherwise: V) -> V {
        let f = &self.fraction;
        let weights = [lagrange(f[0][g]), lagrange(f[1][g]), lagrange(f[2][g])];
        let mut bases = [V::Real::default(); MOST_LANES];
        self.base[g].store(&mut bases);
        let mut out = otherwise;
        while todo != 0 {
            let base = bases[todo.trailing_zeros() as usize % MOST_LANES];
            let f = weighted(table, &weights, base.wide() as usize);
            let same = self.base[g].eq(V::splat(base)).bits() & todo;
            out = V::select(V::mask(same), f, out);
            todo &= !same & (todo - 1);
        }
        out
    }
}

/// The structure factor at `at` from the middle of a cell.
#[inline(always)]
fn in_cell<V: Lanes>(table: &Table<V::Real>, at: [V; 3], first: usize, cells: &mut Cells<V::Real>) -> V {
    let Some(coefficients) = cells.polynomial(table, first) else { return V::of(0.0) };
    let mut f = V::of(0.0);
    let mut i = 4;
    while i > 0 {
        i -= 1;
        let mut along_k = V::of(0.0);
        let mut j = 4;
        while j > 0 {
            j -= 1;
            let c = &coefficients[16 * i + 4 * j..16 * i + 4 * j + 4];
            let mut along_l = V::splat(c[3]).mul_add(at[2], V::splat(c[2]));
            along_l = along_l.mul_add(at[2], V::splat(c[1]));
            along_l = along_l.mul_add(at[2], V::splat(c[0]));
            along_k = if j == 3 { along_l } else { along_k.mul_add(at[1], along_l) };
        }
        f = if i == 3 { along_k } else { f.mul_add(at[0], along_k) };
    }
    f
}

/// Σ of the 64 values of a cell times their weights.
#[inline(always)]
fn weighted<V: Lanes>(table: &Table<V::Real>, weights: &[[V; 4]; 3], first: usize) -> V {
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
    f
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
