//! Smooth tiles in the engine: what they cost at each level, and one tile from its nodes to its pixels, in parts that
//! threads can share.

use super::block::{Pixels, Rows};
use super::entry::Nodes;
use super::lanes::Isa;
use super::plan::Plan;
use super::scratch::BLOCK;
use super::slim;
use super::tiles::{self, Buffers, Costs, Direct, Smooth, Sum, Tile, Tolerance};
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
pub(crate) const STRIP: usize = 32;

/// Buffers for one tile, in the type of the sums.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    wide: Buffers<f64>,
    narrow: Buffers<f32>,
}

/// What somebody does with rows that are lent.
pub(crate) type Work<'a, const K: usize> = &'a mut dyn FnMut(&mut Rows<K>);

/// One tile.
pub(crate) struct Job<'a, const K: usize> {
    pub(crate) tile: Tile,
    pub(crate) tiles: &'a Tiles,
    pub(crate) memory: &'a mut Memory,
    pub(crate) nodes: Nodes<K>,
    /// Lets a thread work with scratch memory of its own.
    pub(crate) lend: &'a (dyn Fn(Work<K>) + Sync),
}

/// A tile that was summed at its nodes.
pub(crate) enum Begun {
    Wide(tiles::Begun<f64>),
    Narrow(tiles::Begun<f32>),
}

/// Sums a tile at its nodes, or says why it must be summed pixel by pixel.
#[inline(always)]
pub(crate) fn begin<I: Isa, const K: usize, const ROWS: usize, const COLS: usize>(
    job: &mut Job<K>,
) -> Result<Begun, Direct> {
    let Job { tile, tiles, memory, nodes, lend } = job;
    match &tiles.smooth {
        Typed::Wide(smooth) => {
            let evaluate = |s: &[f64], f: &[f64], values: &mut [f64]| {
                lend(&mut |rows| {
                    at_nodes(*nodes, rows, s, f, values, |values, sums| values.copy_from_slice(sums))
                });
            };
            smooth.begin::<I::F64, ROWS, COLS>(*tile, evaluate, &mut memory.wide).map(Begun::Wide)
        }
        Typed::Narrow(smooth) => {
            let evaluate = |s: &[f64], f: &[f64], values: &mut [f32]| {
                lend(&mut |rows| {
                    at_nodes(*nodes, rows, s, f, values, |values, sums| {
                        values.iter_mut().zip(sums).for_each(|(value, sum)| *value = *sum as f32);
                    });
                });
            };
            smooth.begin::<I::F32, ROWS, COLS>(*tile, evaluate, &mut memory.narrow).map(Begun::Narrow)
        }
    }
}

/// The sums at each of `s` along slow and each of `f` along fast, given to `keep` block by block.
fn at_nodes<T, const K: usize>(
    nodes: Nodes<K>,
    rows: &mut Rows<K>,
    s: &[f64],
    f: &[f64],
    values: &mut [T],
    keep: impl Fn(&mut [T], &[f64]),
) {
    rows.scratch.line = None;
    for (&s, values) in s.iter().zip(values.chunks_mut(f.len())) {
        for (f, values) in f.chunks(BLOCK).zip(values.chunks_mut(BLOCK)) {
            // SAFETY: the plan's kernels are those of a level that is available.
            #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
            unsafe {
                nodes(rows, s, f);
            }
            keep(values, &rows.scratch.sum[..f.len()]);
        }
    }
}

/// Some rows of a tile, at most [`STRIP`].
pub(crate) struct Strip<'a, 'b, 'c: 'b, const K: usize> {
    pub(crate) begun: &'a Begun,
    /// That with which the tile was begun.
    pub(crate) memory: &'a Memory,
    /// The columns of the tile, and its first row.
    pub(crate) rows: &'a mut Rows<'b, K>,
    /// First row, counted from that of the tile; a multiple of `ROWS`.
    pub(crate) first: usize,
    /// Where the rows belong.
    pub(crate) place: &'a mut [&'c mut [f32]],
}

/// Renders rows of a tile that was begun.
#[inline(always)]
pub(crate) fn strip<I: Isa, const K: usize, const ROWS: usize, const WIDE: usize>(strip: &mut Strip<K>) {
    let Strip { begun, memory, rows, first, place } = strip;
    let (width, count) = (rows.columns[1], place.len());
    rows.scratch.line = None;
    // No closures here: they would not be compiled for the level.
    match begun {
        Begun::Wide(begun) => {
            let mut sums = std::mem::take(&mut rows.scratch.strip);
            sums.resize(width * STRIP, 0.0);
            begun.rows::<I::F64, ROWS, WIDE>([*first, count], &memory.wide, &mut sums, width);
            let mut at = 0;
            while at < width * count {
                let pixels = next(rows, place, *first, at);
                slim::render64::<I, K>(&pixels, rows, Some(&sums[at..at + pixels.count]));
                pixels.special(rows);
                at += pixels.count;
            }
            rows.scratch.strip = sums;
        }
        Begun::Narrow(begun) => {
            let mut sums = std::mem::take(&mut rows.scratch.narrow_strip);
            sums.resize(width * STRIP, 0.0);
            begun.rows::<I::F32, ROWS, WIDE>([*first, count], &memory.narrow, &mut sums, width);
            let mut at = 0;
            while at < width * count {
                let pixels = next(rows, place, *first, at);
                slim::render32::<I, K>(&pixels, rows, Some(&sums[at..at + pixels.count]));
                pixels.special(rows);
                at += pixels.count;
            }
            rows.scratch.narrow_strip = sums;
        }
    }
}

/// The block of a strip that begins at a position of its pixels. With the first block of a row, the row becomes what is
/// rendered to.
fn next<'b, 'c: 'b, const K: usize>(
    rows: &mut Rows<'b, K>,
    place: &mut [&'c mut [f32]],
    first: usize,
    at: usize,
) -> Pixels {
    let [column, width] = rows.columns;
    let (row, start) = (at / width, at % width);
    if start == 0 {
        rows.out = std::mem::take(&mut place[row]);
    }
    let spixel = rows.first_row + first + row;
    Pixels { spixel, fpixel: column + start, count: BLOCK.min(width - start), at: start }
}
