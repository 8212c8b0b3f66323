//! The two matrix products of a tile: rows first, then columns, even and odd parts apart.
//!
//! Written once for any [`Vector`] and always inlined, so that it becomes part of the function with `#[target_feature]`
//! that it is called from.

use super::aligned::Aligned;
use super::nodes::Interpolation;
use std::ops::{Add, Sub};

/// Most columns that are summed at a time.
const MOST_COLUMNS: usize = 64;

/// f64 or f32.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + PartialOrd + Send + Sync + 'static {
    /// 0.
    const ZERO: Self;
    /// Half the distance from 1 to the next larger number.
    const UNIT: f64;
    /// Nearest to an f64.
    fn of(x: f64) -> Self;
    /// As f64.
    fn wide(self) -> f64;
    /// self·a + b, rounded once with `FMA`, which must only be set inside functions with that target feature: it is a
    /// slow library call elsewhere.
    fn times_plus<const FMA: bool>(self, a: Self, b: Self) -> Self;
}

macro_rules! real {
    ($type:ty) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const UNIT: f64 = <$type>::EPSILON as f64 / 2.0;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn times_plus<const FMA: bool>(self, a: Self, b: Self) -> Self {
                if FMA { self.mul_add(a, b) } else { self * a + b }
            }
        }
    };
}
real!(f64);
real!(f32);

/// A few numbers that are computed with together. All methods must be inlined into their callers.
pub trait Vector: Copy {
    /// f64 or f32.
    type Scalar: Real;
    /// How many.
    const WIDTH: usize;
    /// One number, everywhere.
    fn splat(x: Self::Scalar) -> Self;
    /// The first numbers of a slice that has at least as many.
    fn load(from: &[Self::Scalar]) -> Self;
    /// Into the first places of a slice that has at least as many.
    fn store(self, to: &mut [Self::Scalar]);
    /// self·a + b.
    fn times_plus(self, a: Self, b: Self) -> Self;
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self − other.
    fn minus(self, other: Self) -> Self;
}

/// A vector that is left to the compiler.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<T, const N: usize, const FMA: bool>([T; N]);

impl<T: Real, const N: usize, const FMA: bool> Vector for Lanes<T, N, FMA> {
    type Scalar = T;
    const WIDTH: usize = N;
    #[inline(always)]
    fn splat(x: T) -> Self {
        Lanes([x; N])
    }
    #[inline(always)]
    fn load(from: &[T]) -> Self {
        let from = &from[..N];
        Lanes(std::array::from_fn(|i| from[i]))
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..N].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn times_plus(self, a: Self, b: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i].times_plus::<FMA>(a.0[i], b.0[i])))
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

/// Room for the values at the nodes and for what lies between the two products.
#[derive(Debug)]
pub struct Scratch<T> {
    /// V⁺⁺, V⁻⁺, V⁺⁻, V⁻⁻ (sign along slow, then along fast), each in panels of columns, `[panel][k][column]`.
    quadrants: [Aligned<T>; 4],
    /// After the first product: even and odd along fast, `[slow pixel][column]`.
    halfway: [Aligned<T>; 2],
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Scratch<T> {
        let empty = |_| Aligned::zeros(0);
        Scratch { quadrants: std::array::from_fn(empty), halfway: std::array::from_fn(empty) }
    }
}

/// out(s, f) = Σ E_s(s, k) · values(k, j) · E_f(f, j), for `slow.m × fast.m` values and `slow.pixels × fast.pixels`
/// results in rows of `stride`.
///
/// The sums of `ROWS` rows by `COLS` vectors are kept in registers in the first product, of `ROWS` by `WIDE` in the
/// second: the interpolations must have been made for groups of `ROWS` rows and `WIDE` vectors of columns.
#[inline(always)]
pub fn product<V: Vector, const ROWS: usize, const COLS: usize, const WIDE: usize>(
    slow: &Interpolation<V::Scalar>,
    fast: &Interpolation<V::Scalar>,
    values: &[V::Scalar],
    scratch: &mut Scratch<V::Scalar>,
    out: &mut [V::Scalar],
    stride: usize,
) {
    let (half_s, half_f) = (slow.m / 2, fast.m / 2);
    let columns = COLS * V::WIDTH;
    let width = half_f.next_multiple_of(columns);
    split(values, slow.m, fast.m, columns, &mut scratch.quadrants);

    let rows = slow.pixels.next_multiple_of(ROWS);
    let matrix = &slow.by_rows;
    for (parity, halfway) in scratch.halfway.iter_mut().enumerate() {
        halfway.resize(rows * width);
        let [plus, minus] = [&scratch.quadrants[2 * parity], &scratch.quadrants[2 * parity + 1]];
        let size = half_s * columns;
        let panels = plus.chunks_exact(size).zip(minus.chunks_exact(size));
        for (panel, (plus, minus)) in panels.enumerate() {
            let size = half_s * ROWS;
            let groups = matrix.even.chunks_exact(size).zip(matrix.odd.chunks_exact(size));
            for (group, (even, odd)) in groups.enumerate() {
                let even = sums::<V, ROWS, COLS>(half_s, by_group::<_, ROWS>(even, half_s), plus);
                let odd = sums::<V, ROWS, COLS>(half_s, by_group::<_, ROWS>(odd, half_s), minus);
                let first = group * ROWS;
                for r in 0..ROWS.min(slow.pixels.div_ceil(2) - first) {
                    let row = first + r;
                    let mirror = slow.pixels - 1 - row;
                    for c in 0..COLS {
                        let at = panel * columns + c * V::WIDTH;
                        even[r][c].plus(odd[r][c]).store(&mut halfway[row * width + at..]);
                        even[r][c].minus(odd[r][c]).store(&mut halfway[mirror * width + at..]);
                    }
                }
            }
        }
    }

    let [plus, minus] = &scratch.halfway;
    let matrix = &fast.by_columns;
    let size = half_f * WIDE * V::WIDTH;
    for row in (0..slow.pixels).step_by(ROWS) {
        let [plus, minus] = [plus, minus].map(|half| &half[row * width..][..ROWS * width]);
        let panels = matrix.even.chunks_exact(size).zip(matrix.odd.chunks_exact(size));
        for (panel, (even, odd)) in panels.enumerate() {
            let even = sums::<V, ROWS, WIDE>(half_f, by_row::<_, ROWS>(plus, width, half_f), even);
            let odd = sums::<V, ROWS, WIDE>(half_f, by_row::<_, ROWS>(minus, width, half_f), odd);
            for r in 0..ROWS.min(slow.pixels - row) {
                let line = &mut out[(row + r) * stride..][..fast.pixels];
                write_mirrored(line, panel * WIDE * V::WIDTH, &even[r], &odd[r]);
            }
        }
    }
}

/// Σ_k factor(k, row) · columns[k], for `WIDE` vectors of columns.
#[inline(always)]
fn sums<V: Vector, const ROWS: usize, const WIDE: usize>(
    depth: usize,
    factor: impl Fn(usize, usize) -> V::Scalar,
    columns: &[V::Scalar],
) -> [[V; WIDE]; ROWS] {
    let mut sums = [[V::splat(V::Scalar::ZERO); WIDE]; ROWS];
    for (k, columns) in (0..depth).zip(columns.chunks_exact(WIDE * V::WIDTH)) {
        let columns: [V; WIDE] = std::array::from_fn(|c| V::load(&columns[c * V::WIDTH..]));
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = V::splat(factor(k, r));
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = factor.times_plus(column, *sum);
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
fn write_mirrored<V: Vector, const WIDE: usize>(
    line: &mut [V::Scalar],
    first: usize,
    even: &[V; WIDE],
    odd: &[V; WIDE],
) {
    let columns = WIDE * V::WIDTH;
    let mut mirrored = [V::Scalar::ZERO; MOST_COLUMNS];
    let mirrored = &mut mirrored[..columns];
    for c in 0..WIDE {
        even[c].minus(odd[c]).store(&mut mirrored[c * V::WIDTH..]);
    }
    mirrored.reverse();
    let count = columns.min(line.len().div_ceil(2) - first);
    let end = line.len() - first;
    let (left, right) = (first..first + count, end - count..end);
    if count == columns {
        // Vectors, not the general copy, which would be a call.
        let right = &mut line[right];
        for c in 0..WIDE {
            V::load(&mirrored[c * V::WIDTH..]).store(&mut right[c * V::WIDTH..]);
        }
        let left = &mut line[left];
        for c in 0..WIDE {
            even[c].plus(odd[c]).store(&mut left[c * V::WIDTH..]);
        }
    } else {
        line[right].copy_from_slice(&mirrored[columns - count..]);
        let mut sum = [V::Scalar::ZERO; MOST_COLUMNS];
        for c in 0..WIDE {
            even[c].plus(odd[c]).store(&mut sum[c * V::WIDTH..]);
        }
        line[left].copy_from_slice(&sum[..count]);
    }
}

/// Even and odd parts of the values in both directions.
#[inline(always)]
fn split<T: Real>(values: &[T], m_s: usize, m_f: usize, columns: usize, quadrants: &mut [Aligned<T>; 4]) {
    let (half_s, half_f) = (m_s / 2, m_f / 2);
    for quadrant in quadrants.iter_mut() {
        quadrant.resize(half_s * half_f.next_multiple_of(columns));
    }
    let [pp, mp, pm, mm] = quadrants.each_mut().map(|quadrant| &mut **quadrant);
    for k in 0..half_s {
        let near = values[k * m_f..][..m_f].split_at(half_f);
        let far = values[(m_s - 1 - k) * m_f..][..m_f].split_at(half_f);
        for first in (0..half_f).step_by(columns) {
            let at = (first / columns * half_s + k) * columns;
            let [pp, mp, pm, mm] = [&mut *pp, &mut *mp, &mut *pm, &mut *mm].map(|q| &mut q[at..][..columns]);
            let count = columns.min(half_f - first);
            let left = near.0[first..].iter().zip(&far.0[first..]);
            let right = near.1[..half_f - first].iter().rev().zip(far.1[..half_f - first].iter().rev());
            for (c, ((&a, &b), (&a_mirror, &b_mirror))) in left.zip(right).take(count).enumerate() {
                let (even, odd) = (a + a_mirror, a - a_mirror);
                let (even_far, odd_far) = (b + b_mirror, b - b_mirror);
                pp[c] = even + even_far;
                mp[c] = even - even_far;
                pm[c] = odd + odd_far;
                mm[c] = odd - odd_far;
            }
            for quadrant in [pp, mp, pm, mm] {
                quadrant[count..].fill(T::ZERO);
            }
        }
    }
}
