//! Bands of rows on threads: into an image in memory, or past it to wherever they are wanted.

use super::{Order, Progress, Simulator, Sink};
use crate::buffer::{Buffer, HUGE_PAGE};
use crate::spans::{self, InPhase, Phase, ThreadInPhase};
use rayon::prelude::*;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Rows that are done at once still make so many bands, for as many threads.
const FEWEST_BANDS: usize = 16;
/// Parts in which a band is written.
const MOST_PARTS: usize = 4;
/// A file that is written by such pieces lies in large pages of the system's cache, which cost less than small ones.
const PIECE: usize = 1 << 18;

/// So many rows, a multiple of those that are rendered `together`; or more of them, less than twice as many, that fill
/// whole pieces of a file.
fn whole_pieces(height: usize, together: usize, row: usize) -> usize {
    // A piece is a power of two: the rows that fill some bring the factors of two that are missing.
    let missing = PIECE.trailing_zeros().saturating_sub(row.trailing_zeros());
    let step = together << missing.saturating_sub(together.trailing_zeros());
    if step <= height { height.next_multiple_of(step) } else { height }
}

/// The bands of one render.
pub(super) struct Bands<'a> {
    simulator: &'a Simulator,
    order: Order,
    /// First row, and the one after the last.
    rows: [usize; 2],
    /// Pixels of a row, and rows of a band.
    width: usize,
    height: usize,
    progress: Option<Progress<'a>>,
    done: AtomicUsize,
    /// The threads of the pool have no subscriber of their own: they use the caller's.
    dispatch: tracing::Dispatch,
    _phase: InPhase,
}

impl<'a> Bands<'a> {
    pub(super) fn new(simulator: &'a Simulator, progress: Option<Progress<'a>>) -> Bands<'a> {
        let order = Order::new(&simulator.model);
        let [_, _, first, last] = simulator.model.roi;
        let rows = last + 1 - first;
        // A second pass may follow, and both together keep to the limit.
        let most = if order.may_latch() { spans::MOST_BANDS / 2 } else { spans::MOST_BANDS };
        let width = simulator.size()[0];
        let together = simulator.engine.rows_together();
        let least = simulator.engine.least_rows(&simulator.model).min(rows.div_ceil(FEWEST_BANDS));
        let height = rows.div_ceil(most).max(least).next_multiple_of(together);
        Bands {
            simulator,
            order,
            rows: [first, last + 1],
            width,
            height: whole_pieces(height, together, width * size_of::<f32>()),
            progress,
            done: AtomicUsize::new(0),
            dispatch: tracing::dispatcher::get_default(Clone::clone),
            _phase: InPhase::new(Phase::Render),
        }
    }

    /// Renders into an image.
    pub(super) fn into_image(self, image: &mut [f32]) {
        let [first, end] = self.rows.map(|row| row * self.width);
        let (before, rest) = image.split_at_mut(first);
        let (rows, after) = rest.split_at_mut(end - first);
        before.fill(0.0);
        after.fill(0.0);
        let size = self.height * self.width;
        self.in_passes(|wanted| {
            let bands =
                rows.par_chunks_mut(size).with_max_len(1).enumerate().filter(|(band, _)| wanted(*band));
            bands.map(|(band, out)| (band, self.render(band, out))).collect()
        });
    }

    /// Renders into memory for a band, and lets it be written from there, in a few parts; returns the time of writing over all threads.
    pub(super) fn into_sink(self, sink: Sink) -> io::Result<Duration> {
        let [first, end] = self.rows;
        let nanoseconds = AtomicU64::new(0);
        let failed: Mutex<Option<io::Error>> = Mutex::new(None);
        let all = (end - first).div_ceil(self.height);
        let size = self.height * self.width;
        let row = self.width * size_of::<f32>();
        let part = PIECE.div_ceil(row).max(self.height.div_ceil(MOST_PARTS));
        let part = whole_pieces(part, 1, row).min(self.height) * self.width;
        // A thread that waits for parts of its band may begin another. Small ones lie side by side in one huge page.
        let side_by_side = (HUGE_PAGE / (size * size_of::<f32>())).min(2 * self.simulator.threads());
        let no_memory = |error| io::Error::new(io::ErrorKind::OutOfMemory, error);
        let len = side_by_side.clamp(1, all) * size;
        let mut usual =
            self.simulator.page.take(len).map_or_else(|| Buffer::zeroed(len), Ok).map_err(no_memory)?;
        let memory: Mutex<Vec<Memory>> =
            Mutex::new(usual[..len].chunks_exact_mut(size).rev().map(Memory::Usual).collect());
        self.in_passes(|wanted| {
            let bands = (0..all).into_par_iter().with_max_len(1).filter(|band| wanted(*band));
            let render = |band: usize| {
                if lock(&failed).is_some() {
                    return (band, None);
                }
                let [from, to] = [band, band + 1].map(|n| (first + n * self.height).min(end));
                let known = lock(&memory).pop();
                let mut buffer = match known.map_or_else(|| Buffer::zeroed(size).map(Memory::More), Ok) {
                    Ok(buffer) => buffer,
                    Err(error) => {
                        lock(&failed).get_or_insert(no_memory(error));
                        return (band, None);
                    }
                };
                let out = &mut buffer.pixels()[..(to - from) * self.width];
                let unlatched = self.render(band, out);
                // By parts: while the last bands are written, some threads have nothing else to do.
                out.par_chunks(part).with_max_len(1).enumerate().for_each(|(i, pixels)| {
                    if lock(&failed).is_some() {
                        return;
                    }
                    let start = Instant::now();
                    if let Err(error) = self.write(sink, from * self.width + i * part, pixels) {
                        lock(&failed).get_or_insert(error);
                    }
                    nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                });
                lock(&memory).push(buffer);
                (band, unlatched)
            };
            bands.map(render).collect()
        });
        drop(memory);
        self.simulator.page.give_back(usual);
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(Duration::from_nanos(nanoseconds.into_inner())),
        }
    }

    /// Renders all bands, then those again that went on interpolating after the pixel that ends it. A pass renders the
    /// bands that are wanted; it tells of each its last pixel that was rendered with interpolation.
    fn in_passes(
        &self,
        mut pass: impl FnMut(&(dyn Fn(usize) -> bool + Sync)) -> Vec<(usize, Option<usize>)> + Send,
    ) {
        self.simulator.pool.install(|| {
            let unlatched = pass(&|_| true);
            let late = |last: Option<usize>| last.is_some_and(|last| self.order.comes_too_late(last));
            let stale: Vec<bool> = unlatched.into_iter().map(|(_, last)| late(last)).collect();
            if stale.contains(&true) {
                pass(&|band| stale[band]);
            }
        });
        self.simulator.latch.store(self.order.latch(), Ordering::Relaxed);
    }

    /// Lets a band be written.
    fn write(&self, sink: Sink, first: usize, pixels: &[f32]) -> io::Result<()> {
        tracing::dispatcher::with_default(&self.dispatch, || {
            let _phase = ThreadInPhase::new(Phase::Output);
            let _span = tracing::info_span!(target: spans::TARGET, "output").entered();
            sink(first, pixels)
        })
    }

    /// Renders one band; the last pixel that was rendered with interpolation on.
    fn render(&self, band: usize, out: &mut [f32]) -> Option<usize> {
        let engine = &self.simulator.engine;
        let [first, end] = self.rows;
        let (row, count) = (first + band * self.height, out.len() / self.width);
        let unlatched = tracing::dispatcher::with_default(&self.dispatch, || {
            // As `Display`: tracing-chrome puts quotes into text that is recorded as such.
            let loop_id = engine.band().loop_id.map(tracing::field::display);
            let _span =
                tracing::info_span!(target: spans::TARGET, "band", loop_id, first_row = row, rows = count)
                    .entered();
            engine.render_band(&self.simulator.model, &self.order, row, out)
        });
        if let Some(progress) = self.progress {
            progress(self.done.fetch_add(count, Ordering::Relaxed) + count, end - first);
        }
        unlatched
    }
}

/// Memory for a band.
enum Memory<'a> {
    Usual(&'a mut [f32]),
    /// Of its own, where so many bands are begun that there is no other.
    More(Buffer<f32>),
}

impl Memory<'_> {
    fn pixels(&mut self) -> &mut [f32] {
        match self {
            Memory::Usual(pixels) => pixels,
            Memory::More(buffer) => buffer,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{PIECE, whole_pieces};

    #[test]
    fn bands_fill_whole_pieces_where_that_makes_them_little_higher() {
        for together in [1, 7, 48, 96, 128] {
            for height in (together..300).step_by(together) {
                for row in [4, 400, 4096, 9852, 16384, 65536, 1 << 20] {
                    let filled = whole_pieces(height, together, row);
                    let case = format!("{height} rows of {row} bytes, {together} together: {filled}");
                    assert!(
                        (height..2 * height).contains(&filled) && filled.is_multiple_of(together),
                        "{case}"
                    );
                    let some = (1..=height / together).any(|n| (n * together * row).is_multiple_of(PIECE));
                    assert_eq!(some, (filled * row).is_multiple_of(PIECE), "{case}");
                }
            }
        }
        assert_eq!(whole_pieces(22, 1, 16384), 32);
    }
}
