//! Smooth tiles in the engine: what they cost at each level, and one tile from its nodes to its pixels.

use super::block::{Pixels, Rows};
use super::entry::Nodes;
use super::lanes::Isa;
use super::plan::Plan;
use super::scratch::BLOCK;
use super::slim;
use super::tiles::{Buffers, Costs, Direct, Smooth, Sum, Tile, Tolerance};
use super::{Dtype, Level};
use crate::physics::Model;

/// Edges that tiles may have.
const EDGES: [usize; 4] = [64, 128, 192, 256];

/// Tiles in the type of the sums.
#[derive(Debug)]
pub(crate) enum Typed {
    Wide(Smooth<f64>),
    Narrow(Smooth<f32>),
}

/// The tiles of an experiment.
#[derive(Debug)]
pub(crate) struct Tiles {
    pub(crate) edge: usize,
    pub(crate) smooth: Typed,
}

impl Tiles {
    /// Tiles for an experiment, or why there are none.
    pub(crate) fn new<const K: usize>(model: &Model, plan: &Plan<K>, level: Level) -> Result<Tiles, Direct> {
        let sum = Sum::new(model)?;
        if let Some(why) = plan.not_slim {
            return Err(why);
        }
        let dtype = if plan.narrow { Dtype::F32 } else { Dtype::F64 };
        let (costs, groups) = costs(level, dtype);
        let scale = plan.lattice.scale;
        let (edge, smooth) = match dtype {
            Dtype::F64 => {
                let smooth = Smooth::new(sum, costs, Tolerance::F64, groups, scale);
                (smooth.best_edge(&EDGES), Typed::Wide(smooth))
            }
            Dtype::F32 => {
                let smooth = Smooth::new(sum, costs, Tolerance::F32, groups, scale);
                (smooth.best_edge(&EDGES), Typed::Narrow(smooth))
            }
        };
        let edge = edge.ok_or(Direct::Cheaper)?;
        let tiles = Tiles { edge, smooth };
        if tiles.never_pays(model) { Err(Direct::Cheaper) } else { Ok(tiles) }
    }

    /// Whether even the tile in the middle of the image, as bright as can be, is done sooner pixel by pixel, and those at
    /// the corners too.
    fn never_pays(&self, model: &Model) -> bool {
        let [width, height] = model.geometry.pixels;
        let pixels = [self.edge.min(width), self.edge.min(height)];
        let places = [
            [0, 0],
            [(width - pixels[0]) / 2, (height - pixels[1]) / 2],
            [width - pixels[0], height - pixels[1]],
        ];
        places.into_iter().all(|first| {
            let tile = Tile { first, pixels };
            match &self.smooth {
                Typed::Wide(smooth) => smooth.pays(tile).is_err(),
                Typed::Narrow(smooth) => smooth.pays(tile).is_err(),
            }
        })
    }
}

/// Nanoseconds as measured for one combination, one multiplication and addition of the products, and a tile besides; and
/// pixels along fast and slow that the products take together.
fn costs(level: Level, dtype: Dtype) -> (Costs, [usize; 2]) {
    let (term, multiply_add, lanes, groups) = match (level, dtype) {
        (Level::Avx512, Dtype::F64) => (1.5, 0.052, 8, [32, 4]),
        (Level::Avx512, Dtype::F32) => (0.65, 0.024, 16, [64, 4]),
        (Level::Avx2, Dtype::F64) => (1.9, 0.067, 4, [8, 4]),
        (Level::Avx2, Dtype::F32) => (0.85, 0.037, 8, [16, 4]),
        (Level::Neon, Dtype::F64) => (6.0, 0.2, 2, [4, 4]),
        (Level::Neon, Dtype::F32) => (3.0, 0.1, 4, [8, 4]),
        (Level::Plain, Dtype::F64) => (9.0, 0.11, 8, [8, 2]),
        (Level::Plain, Dtype::F32) => (6.0, 0.056, 16, [16, 2]),
    };
    (Costs { term, multiply_add, tile: 30000.0, lanes }, groups)
}

/// Rows of a tile that are interpolated together: few, so that they stay in the cache until they are pixels.
const STRIP: usize = 32;

/// One tile: the columns of `rows`, and a slice for each row.
pub(crate) struct Job<'a, 'b, const K: usize> {
    pub(crate) rows: &'a mut Rows<'b, K>,
    pub(crate) place: &'a mut [&'b mut [f32]],
    pub(crate) tiles: &'a Tiles,
    pub(crate) wide: &'a mut Buffers<f64>,
    pub(crate) narrow: &'a mut Buffers<f32>,
    pub(crate) nodes: Nodes<K>,
}

/// Renders a tile, or says why it must be summed pixel by pixel; nothing has happened to its place then.
#[inline(always)]
pub(crate) fn render<I: Isa, const K: usize, const ROWS: usize, const COLS: usize, const WIDE: usize>(
    job: &mut Job<K>,
) -> Result<(), Direct> {
    let Job { rows, place, tiles, wide, narrow, nodes } = job;
    let ([column, width], height, first_row) = (rows.columns, place.len(), rows.first_row);
    let tile = Tile { first: [column, first_row], pixels: [width, height] };
    rows.scratch.line = None;
    match &tiles.smooth {
        Typed::Wide(smooth) => {
            let evaluate = |s: f64, f: &[f64], values: &mut [f64]| {
                for (f, values) in f.chunks(BLOCK).zip(values.chunks_mut(BLOCK)) {
                    // SAFETY: the function is of the level that this one is compiled for.
                    #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
                    unsafe {
                        nodes(rows, s, f);
                    }
                    values.copy_from_slice(&rows.scratch.sum[..f.len()]);
                }
            };
            let begun = smooth.begin::<I::F64, ROWS, COLS>(tile, evaluate, wide)?;
            let mut sums = std::mem::take(&mut wide.sums);
            sums.resize(width * STRIP, 0.0);
            let mut row = 0;
            while row < height {
                let count = STRIP.min(height - row);
                begun.rows::<I::F64, ROWS, WIDE>([row, count], wide, &mut sums, width);
                // No closure here: it would not be compiled for the level.
                let mut at = 0;
                while at < width * count {
                    let pixels = next(rows, place, first_row + row, row, at);
                    slim::render64::<I, K>(&pixels, rows, Some(&sums[at..at + pixels.count]));
                    pixels.special(rows);
                    at += pixels.count;
                }
                row += count;
            }
            wide.sums = sums;
        }
        Typed::Narrow(smooth) => {
            let evaluate = |s: f64, f: &[f64], values: &mut [f32]| {
                for (f, values) in f.chunks(BLOCK).zip(values.chunks_mut(BLOCK)) {
                    // SAFETY: the function is of the level that this one is compiled for.
                    #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
                    unsafe {
                        nodes(rows, s, f);
                    }
                    for (value, sum) in values.iter_mut().zip(&*rows.scratch.sum) {
                        *value = *sum as f32;
                    }
                }
            };
            let begun = smooth.begin::<I::F32, ROWS, COLS>(tile, evaluate, narrow)?;
            let mut sums = std::mem::take(&mut narrow.sums);
            sums.resize(width * STRIP, 0.0);
            let mut row = 0;
            while row < height {
                let count = STRIP.min(height - row);
                begun.rows::<I::F32, ROWS, WIDE>([row, count], narrow, &mut sums, width);
                // No closure here: it would not be compiled for the level.
                let mut at = 0;
                while at < width * count {
                    let pixels = next(rows, place, first_row + row, row, at);
                    slim::render32::<I, K>(&pixels, rows, Some(&sums[at..at + pixels.count]));
                    pixels.special(rows);
                    at += pixels.count;
                }
                row += count;
            }
            narrow.sums = sums;
        }
    }
    Ok(())
}

/// The block of a strip that begins at a position of its pixels. With the first block of a row, the row becomes what is
/// rendered to.
fn next<'b, const K: usize>(
    rows: &mut Rows<'b, K>,
    place: &mut [&'b mut [f32]],
    first_row: usize,
    strip: usize,
    at: usize,
) -> Pixels {
    let [column, width] = rows.columns;
    let (row, start) = (at / width, at % width);
    if start == 0 {
        rows.out = std::mem::take(&mut place[strip + row]);
        rows.first_row = first_row + row;
    }
    Pixels { spixel: first_row + row, fpixel: column + start, count: BLOCK.min(width - start), at: start }
}
