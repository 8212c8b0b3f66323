//! The two matrix products of a tile: rows first, then columns, even and odd parts apart.
//!
//! Written once over [`Lanes`] and always inlined, so that it becomes part of the function of a level that it is called
//! from.

use super::nodes::Interpolation;
use crate::kernels::aligned::Aligned;
use crate::kernels::lanes::{Lanes, Real};

/// Most columns that are summed at a time.
const MOST_COLUMNS: usize = 64;

/// Room for the values at the nodes and for what lies between the two products.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    /// V⁺⁺, V⁻⁺, V⁺⁻, V⁻⁻ (sign along slow, then along fast), each in panels of columns, `[panel][k][column]`.
    quadrants: [Aligned<T>; 4],
    /// Half a row of values and its mirror image, near and far along slow.
    corners: [Aligned<T>; 4],
    /// After the first product: even and odd along fast, `[slow pixel][column]`.
    halfway: [Aligned<T>; 2],
    /// Columns of that.
    width: usize,
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Scratch<T> {
        let empty = |_| Aligned::zeros(0);
        Scratch {
            quadrants: std::array::from_fn(empty),
            corners: std::array::from_fn(empty),
            halfway: std::array::from_fn(empty),
            width: 0,
        }
    }
}

/// The first product, Σ E_s(s, k) · values(k, j): from `slow.m × m_f` values to `slow.pixels` rows, kept in the scratch
/// memory for [`rows`].
///
/// The sums of `ROWS` rows by `COLS` vectors are kept in registers: the interpolation must have been made for groups of
/// `ROWS`.
#[inline(always)]
pub(crate) fn columns<V: Lanes, const ROWS: usize, const COLS: usize>(
    slow: &Interpolation<V::Real>,
    m_f: usize,
    values: &[V::Real],
    scratch: &mut Scratch<V::Real>,
) {
    let half_s = slow.m / 2;
    let columns = COLS * V::LANES;
    let width = (m_f / 2).next_multiple_of(columns);
    split::<V>(values, [slow.m, m_f], columns, &mut scratch.corners, &mut scratch.quadrants);
    scratch.width = width;
    let height = slow.pixels.next_multiple_of(ROWS);
    for (parity, halfway) in scratch.halfway.iter_mut().enumerate() {
        halfway.resize(height * width);
        let [plus, minus] = [&scratch.quadrants[2 * parity], &scratch.quadrants[2 * parity + 1]];
        let size = half_s * columns;
        let panels = plus.chunks_exact(size).zip(minus.chunks_exact(size));
        for (panel, (plus, minus)) in panels.enumerate() {
            let size = half_s * ROWS;
            let groups = slow.even.chunks_exact(size).zip(slow.odd.chunks_exact(size));
            for (group, (even, odd)) in groups.enumerate() {
                let even = sums::<V, ROWS, COLS>(half_s, by_group::<_, ROWS>(even, half_s), plus);
                let odd = sums::<V, ROWS, COLS>(half_s, by_group::<_, ROWS>(odd, half_s), minus);
                let first = group * ROWS;
                for r in 0..ROWS.min(slow.pixels.div_ceil(2) - first) {
                    let row = first + r;
                    let mirror = slow.pixels - 1 - row;
                    for c in 0..COLS {
                        let at = panel * columns + c * V::LANES;
                        (even[r][c] + odd[r][c]).store(&mut halfway[row * width + at..]);
                        (even[r][c] - odd[r][c]).store(&mut halfway[mirror * width + at..]);
                    }
                }
            }
        }
    }
}

/// The second product, for `count` rows from `first`, a multiple of `ROWS`, on: out(s, f) = Σ halfway(s, j) · E_f(f, j),
/// in rows of `stride`.
///
/// The interpolation must have been made for groups of `WIDE` vectors, whose sums for `ROWS` rows are kept in registers.
#[inline(always)]
pub(crate) fn rows<V: Lanes, const ROWS: usize, const WIDE: usize>(
    fast: &Interpolation<V::Real>,
    [first, count]: [usize; 2],
    scratch: &Scratch<V::Real>,
    out: &mut [V::Real],
    stride: usize,
) {
    let (half_f, width) = (fast.m / 2, scratch.width);
    let [plus, minus] = &scratch.halfway;
    let size = half_f * WIDE * V::LANES;
    // A panel stays in the first cache while the rows go by.
    let panels = fast.even.chunks_exact(size).zip(fast.odd.chunks_exact(size));
    for (panel, (even, odd)) in panels.enumerate() {
        for row in (0..count).step_by(ROWS) {
            let start = (first + row) * width;
            let [plus, minus] = [&plus[start..][..ROWS * width], &minus[start..][..ROWS * width]];
            let even = sums::<V, ROWS, WIDE>(half_f, by_row::<_, ROWS>(plus, width, half_f), even);
            let odd = sums::<V, ROWS, WIDE>(half_f, by_row::<_, ROWS>(minus, width, half_f), odd);
            for r in 0..ROWS.min(count - row) {
                let line = &mut out[(row + r) * stride..][..fast.pixels];
                write_mirrored(line, panel * WIDE * V::LANES, &even[r], &odd[r]);
            }
        }
    }
}

/// Σ_k factor(k, row) · columns[k], for `WIDE` vectors of columns.
#[inline(always)]
fn sums<V: Lanes, const ROWS: usize, const WIDE: usize>(
    depth: usize,
    factor: impl Fn(usize, usize) -> V::Real,
    columns: &[V::Real],
) -> [[V; WIDE]; ROWS] {
    let mut sums = [[V::splat(V::Real::default()); WIDE]; ROWS];
    for (k, columns) in (0..depth).zip(columns.chunks_exact(WIDE * V::LANES)) {
        let from = columns;
        let mut columns = [V::splat(V::Real::default()); WIDE];
        for c in 0..WIDE {
            columns[c] = V::load(&from[c * V::LANES..]);
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = V::splat(factor(k, r));
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = factor.mul_add(column, *sum);
            }
        }
    }
    sums
}

/// Factors of a group of rows, `[k][row]`.
#[inline(always)]
fn by_group<T: Real, const ROWS: usize>(group: &[T], depth: usize) -> impl Fn(usize, usize) -> T {
    let group = &group.as_chunks::<ROWS>().0[..depth];
    |k, r| group[k][r]
}

/// Factors of rows that lie one after the other, `[row][k]`.
#[inline(always)]
fn by_row<T: Real, const ROWS: usize>(rows: &[T], width: usize, depth: usize) -> impl Fn(usize, usize) -> T {
    let rows: [&[T]; ROWS] = std::array::from_fn(|r| &rows[r * width..][..depth]);
    move |k, r| rows[r][k]
}

/// even + odd at the columns from `first` on, even − odd at their mirror images, as far as they lie in the line.
#[inline(always)]
fn write_mirrored<V: Lanes, const WIDE: usize>(
    line: &mut [V::Real],
    first: usize,
    even: &[V; WIDE],
    odd: &[V; WIDE],
) {
    let columns = WIDE * V::LANES;
    let mut mirrored = [V::Real::default(); MOST_COLUMNS];
    let mirrored = &mut mirrored[..columns];
    for c in 0..WIDE {
        (even[c] - odd[c]).store(&mut mirrored[c * V::LANES..]);
    }
    mirrored.reverse();
    let count = columns.min(line.len().div_ceil(2) - first);
    let end = line.len() - first;
    let (left, right) = (first..first + count, end - count..end);
    if count == columns {
        // Vectors, not the general copy, which would be a call.
        let right = &mut line[right];
        for c in 0..WIDE {
            V::load(&mirrored[c * V::LANES..]).store(&mut right[c * V::LANES..]);
        }
        let left = &mut line[left];
        for c in 0..WIDE {
            (even[c] + odd[c]).store(&mut left[c * V::LANES..]);
        }
    } else {
        line[right].copy_from_slice(&mirrored[columns - count..]);
        let mut sum = [V::Real::default(); MOST_COLUMNS];
        for c in 0..WIDE {
            (even[c] + odd[c]).store(&mut sum[c * V::LANES..]);
        }
        line[left].copy_from_slice(&sum[..count]);
    }
}

/// Even and odd parts of the values in both directions, in panels of columns.
#[inline(always)]
fn split<V: Lanes>(
    values: &[V::Real],
    [m_s, m_f]: [usize; 2],
    columns: usize,
    corners: &mut [Aligned<V::Real>; 4],
    quadrants: &mut [Aligned<V::Real>; 4],
) {
    let (half_s, half_f) = (m_s / 2, m_f / 2);
    let width = half_f.next_multiple_of(columns);
    corners.iter_mut().for_each(|corner| corner.resize(width));
    quadrants.iter_mut().for_each(|quadrant| quadrant.resize(half_s * width));
    let corners = corners.each_mut().map(|corner| &mut **corner);
    let [pp, mp, pm, mm] = quadrants.each_mut().map(|quadrant| &mut **quadrant);
    let [near, near_mirror, far, far_mirror] = corners;
    for k in 0..half_s {
        let rows = [(k, &mut *near, &mut *near_mirror), (m_s - 1 - k, &mut *far, &mut *far_mirror)];
        for (row, left, right) in rows {
            let (from_left, from_right) = values[row * m_f..][..m_f].split_at(half_f);
            left[..half_f].copy_from_slice(from_left);
            right[..half_f].copy_from_slice(from_right);
            right[..half_f].reverse();
        }
        for first in (0..width).step_by(V::LANES) {
            // Without closures here and below: they would not be compiled for the level.
            let (a, b) = (V::load(&near[first..]), V::load(&near_mirror[first..]));
            let (c, d) = (V::load(&far[first..]), V::load(&far_mirror[first..]));
            let (even, odd, even_far, odd_far) = (a + b, a - b, c + d, c - d);
            let at = (first / columns * half_s + k) * columns + first % columns;
            (even + even_far).store(&mut pp[at..]);
            (even - even_far).store(&mut mp[at..]);
            (odd + odd_far).store(&mut pm[at..]);
            (odd - odd_far).store(&mut mm[at..]);
        }
    }
}
