//! Polynomials of the cells between structure factors, kept for the next samples in the same cell.
//!
//! Inside a cell the interpolated structure factor is a cubic polynomial in each of the three distances from the cell's
//! centre. Its 64 coefficients cost as much as a few samples, and thousands of samples lie in the same cell, most of them
//! in the rows that follow.

use super::Table;
use crate::kernels::lanes::Real;

/// Cells that are kept: half a megabyte of f64 at most, as it must stay in the second level of the cache.
const SLOTS: usize = 512;
/// What no cell's first place in the table is.
const NONE: usize = usize::MAX;

/// Polynomials by the first of a cell's 64 places in the table. What is kept changes no value.
#[derive(Debug)]
pub(crate) struct Cells<R> {
    /// Whose polynomial is in a slot.
    owners: Vec<usize>,
    polynomials: Vec<[R; 64]>,
}

impl<R: Real> Cells<R> {
    /// For a thread; empty if there is nothing to interpolate.
    pub(crate) fn new(wanted: bool) -> Cells<R> {
        let slots = if wanted { SLOTS } else { 0 };
        Cells { owners: vec![NONE; slots], polynomials: vec![[R::default(); 64]; slots] }
    }

    /// The coefficients of a cell, lowest power first, l fastest.
    #[inline(always)]
    pub(super) fn polynomial(&mut self, table: &Table<R>, first: usize) -> Option<&[R; 64]> {
        let slot = first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - SLOTS.trailing_zeros());
        let owner = self.owners.get_mut(slot)?;
        if *owner != first {
            fill(table, first, self.polynomials.get_mut(slot)?);
            *owner = first;
        }
        self.polynomials.get(slot)
    }
}

/// Computed in f64 for both types: the coefficients are differences.
#[cold]
#[inline(never)]
fn fill<R: Real>(table: &Table<R>, first: usize, out: &mut [R; 64]) {
    let mut values = [0.0; 64];
    for (row, values) in values.chunks_exact_mut(4).enumerate() {
        let four = table.four(first + row / 4 * table.stride[0] + row % 4 * table.stride[1]);
        for (value, of) in values.iter_mut().zip(four) {
            *value = of.wide();
        }
    }
    for four in values.as_chunks_mut().0 {
        *four = cubic(*four);
    }
    for sixteen in values.chunks_exact_mut(16) {
        across::<4>(sixteen);
    }
    across::<16>(&mut values);
    *out = values.map(R::of);
}

/// Turns values at distances of `N` into coefficients, `N` polynomials side by side.
#[inline(always)]
fn across<const N: usize>(values: &mut [f64]) {
    for at in 0..N {
        let of = cubic([values[at], values[at + N], values[at + 2 * N], values[at + 3 * N]]);
        (values[at], values[at + N], values[at + 2 * N], values[at + 3 * N]) = (of[0], of[1], of[2], of[3]);
    }
}

/// Coefficients, lowest power first, of the cubic polynomial through values at −3/2, −1/2, 1/2, 3/2.
#[inline(always)]
fn cubic([a, b, c, d]: [f64; 4]) -> [f64; 4] {
    [
        (9.0 * (b + c) - (a + d)) * (1.0 / 16.0),
        (a - d + 27.0 * (c - b)) * (1.0 / 24.0),
        (a + d - (b + c)) * 0.25,
        (d - a + 3.0 * (b - c)) * (1.0 / 6.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_goes_through_its_values() {
        let values = [3.0, -1.0, 4.0, 1.5];
        let p = cubic(values);
        for (i, value) in values.into_iter().enumerate() {
            let t = i as f64 - 1.5;
            let at = ((p[3] * t + p[2]) * t + p[1]) * t + p[0];
            assert!((at - value).abs() < 1e-14, "{at} is not {value}");
        }
    }
}
