//! The first pass: sums, extremes, and the same for every tile and every cell.

use super::histogram::{self, Histogram};
use super::radial::Rings;
use super::view::{Pair, Pixel, Rows};
use super::wide::wide;
use rayon::prelude::*;
use std::sync::Mutex;

/// A factor that leaves 0 of a number, and NaN of an infinity or NaN.
const NOTHING: f64 = 0.0;
/// Edge of a tile, pixels.
pub const TILE: usize = 64;
/// Edge of a cell, pixels: what is near enough to share a scale.
pub const CELL: usize = 8;

/// Sums over one tile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) abs_a: f64,
    pub(super) abs_d: f64,
}

impl Sums {
    fn add(&mut self, o: &Self) {
        self.a += o.a;
        self.b += o.b;
        self.abs_a += o.abs_a;
        self.abs_d += o.abs_d;
    }
}

/// What is kept of a cell of 8 × 8 pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) max_a: f32,
    pub(super) max_b: f32,
    pub(super) top: f32,
    pub(super) difference: f32,
}

/// Everything the first pass found.
pub(super) struct First {
    pub(super) total: Sums,
    pub(super) tiles: Vec<Sums>,
    pub(super) cells: Vec<Cell>,
    pub(super) cells_across: usize,
    pub(super) histogram: Histogram,
    pub(super) rings: Rings,
    pub(super) max_a: f32,
    pub(super) max_b: f32,
    pub(super) top: f32,
    pub(super) differing: usize,
    pub(super) finite: bool,
}

/// What one row of tiles adds.
struct Band {
    tiles: Vec<Sums>,
    cells: Vec<Cell>,
    rings: Rings,
    differing: usize,
    finite: bool,
}

/// Reads both images once.
pub(super) fn pass<T: Pixel>(pair: &Pair<'_>) -> First {
    let shape = pair.shape();
    let bands = shape.height.div_ceil(TILE);
    let pool: Mutex<Vec<Histogram>> = Mutex::new(Vec::new());
    let found: Vec<Band> = (0..bands)
        .into_par_iter()
        .map(|i| {
            let mut histogram = take(&pool, Histogram::new);
            let band = band::<T>(pair, i, &mut histogram);
            put(&pool, histogram);
            band
        })
        .collect();
    let cells_across = shape.width.div_ceil(CELL);
    let mut first = First {
        total: Sums::default(),
        tiles: Vec::with_capacity(bands * shape.width.div_ceil(TILE)),
        cells: Vec::with_capacity(cells_across * shape.height.div_ceil(CELL)),
        cells_across,
        histogram: Histogram::new(),
        rings: Rings::new(pair),
        max_a: f32::NEG_INFINITY,
        max_b: f32::NEG_INFINITY,
        top: 0.0,
        differing: 0,
        finite: true,
    };
    for band in found {
        for tile in &band.tiles {
            first.total.add(tile);
        }
        for cell in &band.cells {
            first.max_a = first.max_a.max(cell.max_a);
            first.max_b = first.max_b.max(cell.max_b);
            first.top = first.top.max(cell.top);
        }
        first.tiles.extend(band.tiles);
        first.cells.extend(band.cells);
        first.rings.add(&band.rings);
        first.differing += band.differing;
        first.finite &= band.finite;
    }
    for histogram in pool.into_inner().unwrap_or_default() {
        first.histogram.add(&histogram);
    }
    first
}

/// Whole numbers are counted in any order: threads hand a table on instead of each band having its own.
pub(super) fn take<H>(pool: &Mutex<Vec<H>>, new: impl Fn() -> H) -> H {
    pool.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_else(new)
}

pub(super) fn put<H>(pool: &Mutex<Vec<H>>, table: H) {
    if let Ok(mut pool) = pool.lock() {
        pool.push(table);
    }
}

fn band<T: Pixel>(pair: &Pair<'_>, index: usize, histogram: &mut Histogram) -> Band {
    let shape = pair.shape();
    let across = shape.width.div_ceil(TILE);
    let mut out = Band {
        tiles: vec![Sums::default(); across],
        cells: Vec::new(),
        rings: Rings::new(pair),
        differing: 0,
        finite: true,
    };
    let end = shape.height.min((index + 1) * TILE);
    for y in (index * TILE..end).step_by(CELL) {
        let rows = T::rows(pair, y, CELL.min(end - y));
        for x in (0..shape.width).step_by(CELL) {
            let width = CELL.min(shape.width - x);
            let found = if width == CELL { whole(&rows, x) } else { cell(&rows, x, width) };
            out.tiles[x / TILE].add(&found.sums);
            out.cells.push(found.cell);
            out.differing += found.differing as usize;
            out.finite &= found.finite;
            out.rings.add_cell(x, y, [width, rows.count], &found.sums);
        }
        out.rings.add_pixels(&rows, y);
        for r in 0..rows.count {
            for &value in rows.row(r).0 {
                histogram.count(histogram::bin(value.single()));
            }
        }
    }
    out
}

struct Found {
    sums: Sums,
    cell: Cell,
    differing: u32,
    finite: bool,
}

wide! {
    fn whole<T: Pixel>(rows: &Rows<'_, T>, x: usize) -> Found {
        cell(rows, x, CELL)
    }
}

/// One cell: eight columns side by side, rows one after another.
#[inline(always)]
fn cell<T: Pixel>(rows: &Rows<'_, T>, x: usize, width: usize) -> Found {
    let mut sum_a = [0.0; CELL];
    let mut sum_b = [0.0; CELL];
    let mut abs_a = [0.0; CELL];
    let mut abs_d = [0.0; CELL];
    let mut max_d = [0.0; CELL];
    let mut max_a = [f32::NEG_INFINITY; CELL];
    let mut max_b = [f32::NEG_INFINITY; CELL];
    let mut top = [0.0_f32; CELL];
    let mut bad = [0.0; CELL];
    let mut differing = [0_u32; CELL];
    for r in 0..rows.count {
        let (a, b) = rows.row(r);
        let (a, b) = (&a[x..x + width], &b[x..x + width]);
        for i in 0..width {
            let (p, q) = (a[i].single(), b[i].single());
            differing[i] += u32::from(a[i] != b[i]);
            max_a[i] = if p > max_a[i] { p } else { max_a[i] };
            max_b[i] = if q > max_b[i] { q } else { max_b[i] };
            top[i] = if p.abs() > top[i] { p.abs() } else { top[i] };
            let (p, q) = (a[i].wide(), b[i].wide());
            let d = (q - p).abs();
            bad[i] += p * NOTHING + q * NOTHING; // 0 for numbers, NaN for infinities and NaN
            sum_a[i] += p;
            sum_b[i] += q;
            abs_a[i] += p.abs();
            abs_d[i] += d;
            max_d[i] = if d > max_d[i] { d } else { max_d[i] };
        }
    }
    let add = |lanes: [f64; CELL]| {
        let [a, b, c, d, e, f, g, h] = lanes;
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    };
    let largest = |lanes: [f32; CELL]| lanes.into_iter().fold(f32::NEG_INFINITY, f32::max);
    Found {
        sums: Sums { a: add(sum_a), b: add(sum_b), abs_a: add(abs_a), abs_d: add(abs_d) },
        cell: Cell {
            max_a: largest(max_a),
            max_b: largest(max_b),
            top: largest(top),
            difference: max_d.into_iter().fold(0.0, f64::max) as f32,
        },
        differing: differing.iter().sum(),
        finite: add(bad) == 0.0,
    }
}
