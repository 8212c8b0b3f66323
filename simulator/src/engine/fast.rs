//! The fast engine: the kernels for what an experiment asks for.

use super::{Choice, Engine, Explanation, Order};
use crate::kernels::block::Rows;
use crate::kernels::entry::FactorKind;
use crate::kernels::plan::{Parts, Plan, Split};
use crate::kernels::scratch::Scratch;
use crate::kernels::smooth::{self, Begun, Job, STRIP, Strip, Tiles};
use crate::kernels::tiles::{Direct, Tile};
use crate::kernels::{Dtype, Here, Level, LevelError};
use crate::physics::Model;
use crate::spans::{self, Stage};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far a fast axis may be from a unit vector to count as one.
const UNIT: f64 = 1e-9;

/// Terms that a band has at least, where the image has so many: a microsecond, which is what a band costs besides, is
/// little then.
const LEAST_TERMS: f64 = 131_072.0;
/// Terms that would take as long as what a pixel takes besides.
const TERMS_OF_A_PIXEL: f64 = 3.0;

/// The kernels, prepared for one experiment.
#[derive(Debug)]
pub struct Fast {
    level: Level,
    /// Whether that was asked for.
    asked: bool,
    dtype: Dtype,
    /// Why the sums are not in f32 although that was asked for.
    wide: Option<&'static str>,
    plan: Prepared,
}

/// Rows of a flat detector need two coordinates a sample; anything else three.
#[derive(Debug)]
enum Prepared {
    Flat(Stock<2>),
    General(Stock<3>),
}

/// A plan, and scratch memory that threads give back.
#[derive(Debug)]
struct Stock<const K: usize> {
    plan: Plan<K>,
    /// Smooth tiles, or why there are none.
    tiles: Result<Tiles, Direct>,
    scratch: Mutex<Vec<Scratch<K>>>,
    memory: Mutex<Vec<smooth::Memory>>,
    /// Tiles that were rendered so far: pixel by pixel, and interpolated.
    rendered: [AtomicUsize; 2],
}

impl<const K: usize> Stock<K> {
    fn new(
        model: &Model,
        level: Here,
        choice: &Choice,
        parts: &mut Parts,
    ) -> (Stock<K>, Option<&'static str>) {
        let (plan, wide) = Plan::new(model, level, choice.dtype, parts);
        let tiles =
            if choice.tiles { Tiles::new(model, &plan, level.level()) } else { Err(Direct::Unwanted) };
        let (scratch, memory) = (Mutex::default(), Mutex::default());
        (Stock { plan, tiles, scratch, memory, rendered: Default::default() }, wide)
    }

    fn render(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        let width = model.geometry.pixels[0];
        let Ok(tiles) = &self.tiles else {
            return self.lend(|scratch| {
                let mut rows = self.rows((model, order), [first_row, 0, width], out, scratch);
                self.pixels(&mut rows);
                rows.last_unlatched
            });
        };
        // Whole tiles: those at the edges may be narrower or lower.
        let [first, last, _, _] = model.roi;
        let per_row = (last + 1 - first).div_ceil(tiles.edge);
        let mut places: Vec<Vec<&mut [f32]>> = Vec::new();
        for (i, row) in out.chunks_exact_mut(width).enumerate() {
            if i % tiles.edge == 0 {
                places.resize_with(places.len() + per_row, Vec::new);
            }
            let (left, rest) = row.split_at_mut(first);
            let (within, right) = rest.split_at_mut(last + 1 - first);
            left.fill(0.0);
            right.fill(0.0);
            let start = places.len() - per_row;
            for (place, of_tile) in places[start..].iter_mut().zip(within.chunks_mut(tiles.edge)) {
                place.push(of_tile);
            }
        }
        places.into_par_iter().with_max_len(1).enumerate().for_each(|(i, place)| {
            let [row, column] = [i / per_row, i % per_row].map(|n| n * tiles.edge);
            let pixels = [place.first().map_or(0, |row| row.len()), place.len()];
            let tile = Tile { first: [first + column, first_row + row], pixels };
            self.tile(model, order, tiles, tile, place);
        });
        None
    }

    /// Renders a tile. Threads that have nothing else to do help with it: at the end of a render, tiles are so few that
    /// some threads would have none.
    fn tile(&self, model: &Model, order: &Order, tiles: &Tiles, tile: Tile, mut place: Vec<&mut [f32]>) {
        let experiment = (model, order);
        let ([column, first_row], width) = (tile.first, tile.pixels[0]);
        let known = lock(&self.memory).pop();
        let mut memory = known.unwrap_or_default();
        let begun = self.begin(&mut Job {
            tile,
            tiles,
            memory: &mut memory,
            nodes: self.plan.kernels.nodes,
            lend: &|work| {
                self.lend(|scratch| {
                    work(&mut self.rows(experiment, [first_row, column, width], &mut [], scratch));
                });
            },
        });
        self.rendered[usize::from(begun.is_ok())].fetch_add(1, Ordering::Relaxed);
        let strips = place.par_chunks_mut(STRIP).with_max_len(1).enumerate();
        strips.for_each(|(i, place)| {
            let first = i * STRIP;
            self.lend(|scratch| match &begun {
                Ok(begun) => {
                    let rows = &mut self.rows(experiment, [first_row, column, width], &mut [], scratch);
                    self.strip(&mut Strip { begun, memory: &memory, rows, first, place });
                }
                Err(_) => {
                    for (row, out) in (first_row + first..).zip(place) {
                        self.pixels(&mut self.rows(experiment, [row, column, width], out, scratch));
                    }
                }
            });
        });
        lock(&self.memory).push(memory);
    }

    /// Lets somebody have scratch memory that nobody else has.
    fn lend<R>(&self, work: impl FnOnce(&mut Scratch<K>) -> R) -> R {
        let known = lock(&self.scratch).pop();
        let mut scratch = known.unwrap_or_else(|| Scratch::new(&self.plan));
        let result = work(&mut scratch);
        lock(&self.scratch).push(scratch);
        result
    }

    /// Rows from `[row, column, width]` on, to be rendered to `out`.
    fn rows<'a>(
        &'a self,
        (model, order): (&'a Model, &'a Order),
        [first_row, column, width]: [usize; 3],
        out: &'a mut [f32],
        scratch: &'a mut Scratch<K>,
    ) -> Rows<'a, K> {
        let columns = [column, width];
        Rows { model, plan: &self.plan, order, first_row, columns, out, scratch, last_unlatched: None }
    }

    /// Renders rows pixel by pixel.
    fn pixels(&self, rows: &mut Rows<K>) {
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "functions of an instruction set that was found")]
        unsafe {
            (self.plan.kernels.render)(rows);
        }
    }

    /// Sums a tile at its nodes, if that will do.
    fn begin(&self, job: &mut Job<K>) -> Result<Begun, Direct> {
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "functions of an instruction set that was found")]
        unsafe {
            (self.plan.kernels.begin)(job)
        }
    }

    /// Renders rows of a tile that was begun.
    fn strip(&self, strip: &mut Strip<K>) {
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "functions of an instruction set that was found")]
        unsafe {
            (self.plan.kernels.strip)(strip);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fast {
    /// Prepares an experiment.
    ///
    /// # Errors
    /// When this machine does not have the level that is asked for.
    pub fn new(model: &Model, choice: &Choice) -> Result<Fast, LevelError> {
        Ok(Fast::with_parts(model, choice, choice.here()?, &mut Parts::default()))
    }

    /// The same; parts that depend on nothing that has changed are those of the experiment before.
    pub(super) fn with_parts(model: &Model, choice: &Choice, level: Here, parts: &mut Parts) -> Fast {
        let geometry = &model.geometry;
        let flat = !geometry.curved && (geometry.fast.dot(geometry.fast) - 1.0).abs() < UNIT;
        let (plan, wide) = if flat {
            let (stock, wide) = Stock::new(model, level, choice, parts);
            (Prepared::Flat(stock), wide)
        } else {
            let (stock, wide) = Stock::new(model, level, choice, parts);
            (Prepared::General(stock), wide)
        };
        let dtype = if wide.is_some() { Dtype::F64 } else { choice.dtype };
        Fast { level: level.level(), asked: choice.level.is_some(), dtype, wide, plan }
    }

    /// The edge of tiles, where there are any.
    fn tile_edge(&self) -> Option<usize> {
        match &self.plan {
            Prepared::Flat(Stock { tiles: Ok(tiles), .. }) => Some(tiles.edge),
            _ => None,
        }
    }
}

impl Engine for Fast {
    fn name(&self) -> &'static str {
        "rust-fast"
    }

    fn render_band(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        match &self.plan {
            Prepared::Flat(stock) => stock.render(model, order, first_row, out),
            Prepared::General(stock) => stock.render(model, order, first_row, out),
        }
    }

    fn rows_together(&self) -> usize {
        self.tile_edge().unwrap_or(1)
    }

    fn least_rows(&self, model: &Model) -> usize {
        let terms = (model.steps() + TERMS_OF_A_PIXEL) * model.geometry.pixels[0] as f64;
        (LEAST_TERMS / terms).ceil().max(1.0) as usize
    }

    fn band(&self) -> Stage {
        if self.tile_edge().is_some() { spans::BAND_OF_TILES } else { spans::BAND_OF_PIXELS }
    }

    fn explain(&self, model: &Model) -> Explanation {
        let (form, kind, split, combinations) = match &self.plan {
            Prepared::Flat(Stock { plan, .. }) => {
                (plan.lattice.form, plan.kind, plan.split, plan.starts.len())
            }
            Prepared::General(Stock { plan, .. }) => {
                (plan.lattice.form, plan.kind, plan.split, plan.starts.len())
            }
        };
        let why = if self.asked { "asked for" } else { "the fastest that this machine has" };
        let mut lines = vec![
            format!("instructions: {}, {why}", self.level),
            match &self.plan {
                Prepared::Flat(_) => "coordinates: two a sample, along rows of a flat detector".to_owned(),
                Prepared::General(_) => {
                    "coordinates: three a sample, computed one by one (curved detector)".to_owned()
                }
            },
            format!("lattice: {}", form.name()),
            match kind {
                FactorKind::Constant => "structure factors: one for all reflections".to_owned(),
                FactorKind::Nearest => "structure factors: that of the nearest reflection".to_owned(),
                FactorKind::Tricubic => "structure factors: interpolated, cell by cell".to_owned(),
            },
            format!(
                "sum: {combinations} combinations of source, spindle step and domain, {}",
                match split {
                    Split::Together => "in one",
                    Split::BySource =>
                        "source by source (resolution limit, weights or polarization of their own)",
                    Split::Running => "multiplied after every term (oddity compounded-oversample)",
                }
            ),
        ];
        lines.push(match &self.plan {
            Prepared::Flat(Stock { tiles: Ok(tiles), .. }) => format!(
                "smooth tiles of {0} × {0} pixels, interpolated where that is proven to be as good and faster",
                tiles.edge
            ),
            Prepared::Flat(Stock { tiles: Err(why), .. }) | Prepared::General(Stock { tiles: Err(why), .. }) => {
                format!("pixel by pixel: {why}")
            }
            Prepared::General(Stock { tiles: Ok(_), .. }) => "smooth tiles".to_owned(),
        });
        if let Prepared::Flat(Stock { tiles: Ok(_), rendered, .. }) = &self.plan {
            let [direct, interpolated] = [0, 1].map(|i| rendered[i].load(Ordering::Relaxed));
            if direct + interpolated > 0 {
                lines.push(format!("tiles so far: {interpolated} interpolated, {direct} pixel by pixel"));
            }
        }
        if let Some(why) = self.wide {
            lines.push(format!("f64 and not f32: {why}"));
        }
        if model.first_pass.is_some() {
            lines.push(
                "one pixel by the reference: the first pass through the spindle (oddity phi-carry-over)"
                    .to_owned(),
            );
        }
        Explanation {
            engine: self.name(),
            level: self.level.name(),
            dtype: self.dtype.name(),
            not_f32: self.wide,
            tile_edge: self.tile_edge(),
            lines,
        }
    }
}
