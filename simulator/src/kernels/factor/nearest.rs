//! The structure factor of the nearest reflection.

use super::{Anchor, Factor, Pixels, Table};
use crate::kernels::lanes::{Lanes, Mask};

/// Places of the nearest reflections in the table.
pub(crate) struct Nearest<V: Lanes, const G: usize> {
    covered: bool,
    pub(super) min: [V; 3],
    pub(super) max: [V; 3],
    pub(super) stride: [V; 3],
    index: [V; G],
    inside: [V::Mask; G],
}

impl<V: Lanes, const G: usize> Nearest<V, G> {
    /// The values of a vector: neighbouring pixels mostly have the same reflection.
    #[inline(always)]
    pub(super) fn find(&self, table: &Table<V::Real>, g: usize) -> V {
        let index = self.index[g];
        let first = index.first();
        let inside = if self.covered { V::mask(V::ALL) } else { self.inside[g] };
        if (index.eq(V::splat(first)) & inside).bits() == V::ALL {
            return V::splat(table.at(first));
        }
        V::gather(table.values, index, inside, V::splat(table.otherwise))
    }

    /// An index along an axis, where it may be outside the table.
    #[inline(always)]
    pub(super) fn guarded(&mut self, axis: usize, g: usize, anchor: V::Real, whole: V) {
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
}

impl<V: Lanes, const G: usize> Factor<V, G> for Nearest<V, G> {
    #[inline(always)]
    fn new(table: &Table<V::Real>, covered: bool) -> Self {
        let [a, b, c] = table.stride;
        let stride = [V::of(a as f64), V::of(b as f64), V::of(c as f64)];
        let min = [V::splat(table.min[0]), V::splat(table.min[1]), V::splat(table.min[2])];
        let max = [V::splat(table.max[0]), V::splat(table.max[1]), V::splat(table.max[2])];
        Nearest { covered, min, max, stride, index: [V::of(0.0); G], inside: [V::mask(0); G] }
    }

    #[inline(always)]
    fn index(&mut self, axis: usize, g: usize, anchor: Anchor<V::Real>, whole: V, _: V) {
        if !self.covered {
            self.guarded(axis, g, anchor.whole, whole);
            return;
        }
        let before = if axis == 0 { V::splat(anchor.place) } else { self.index[g] };
        // Neighbours along l are neighbours in the table.
        self.index[g] = if axis == 2 { before + whole } else { whole.mul_add(self.stride[axis], before) };
    }

    #[inline(always)]
    fn weigh(
        &mut self,
        table: &Table<V::Real>,
        mut squares: [V; G],
        _: &[u32; G],
        _: &mut Pixels<V::Real>,
    ) -> [V; G] {
        for g in 0..G {
            let f = self.find(table, g);
            squares[g] = squares[g] * (f * f);
        }
        squares
    }
}
