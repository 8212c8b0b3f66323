//! Peaks: pixels that are the brightest of their 7 × 7 neighbourhood and of their 8 × 8 cell and stand out of the ring
//! around them, matched one to one between the two images.

use super::first::{CELL, Cell, First};
use super::view::{Pair, Pixel};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Half the edge of the neighbourhood that a peak is the maximum of.
const REACH: usize = 3;
/// Distance of the ring that a peak must stand out of.
const RING: usize = 4;
/// Half the edge of the box that a centroid is taken over.
const BOX: usize = 2;
const BOX_PIXELS: usize = (2 * BOX + 1) * (2 * BOX + 1);
/// A firm peak is at least this many times as bright as its ring. It must have a partner.
const FIRM: f64 = 2.0;
/// A peak that may be a partner: less, so that rounding cannot take a firm peak's partner away.
const FAINT: f64 = 1.5;
/// Pixels that differ by less than this share are level: which of them is the brightest is a matter of rounding.
const LEVEL: f64 = 1e-3;
/// A partner lies at most this many pixels away along each axis: where two pixels share a maximum, rounding decides.
const NEAR: usize = 2;

/// What the peaks say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// Firm peaks of the reference.
    pub reference: usize,
    /// Firm peaks of the candidate.
    pub candidate: usize,
    /// Share of the reference's firm peaks that the candidate has.
    pub recall: Option<f64>,
    /// Share of the candidate's firm peaks that the reference has.
    pub precision: Option<f64>,
    /// Distance of the centroids in the same box, pixels: median.
    pub offset_median: Option<f64>,
    /// The same: largest.
    pub offset_max: Option<f64>,
    /// |Σ candidate / Σ reference − 1| over the box: median.
    pub intensity_median: Option<f64>,
    /// The same: largest.
    pub intensity_max: Option<f64>,
    /// Where the largest intensity error is (fast, slow), full image.
    pub intensity_at: Option<[usize; 2]>,
    /// The first peaks of the reference that have no partner, brightest first (fast, slow).
    pub missing: Vec<[usize; 2]>,
}

#[derive(Clone, Copy)]
struct Peak {
    x: usize,
    y: usize,
    value: f64,
    firm: bool,
}

/// Finds and matches. `floor`: what is dimmer is no peak.
pub(super) fn compare<T: Pixel>(pair: &Pair<'_>, cells: &[Cell], across: usize, floor: f64) -> Peaks {
    let (found_a, found_b) = find::<T>(pair, cells, across, floor as f32);
    let mut matched = partners(&found_a, &found_b, across, cells.len() / across);
    // where several pixels share a maximum, rounding decides which is the peak: what is level with it is there
    for (i, p) in found_a.iter().enumerate().filter(|(_, p)| p.firm) {
        matched.of_a[i] = matched.of_a[i] || stands::<T>(pair, p, |(_, b)| b);
    }
    for (i, p) in found_b.iter().enumerate().filter(|(_, p)| p.firm) {
        matched.of_b[i] = matched.of_b[i] || stands::<T>(pair, p, |(a, _)| a);
    }
    let mut out = Peaks::default();
    let firm: Vec<(usize, &Peak)> = found_a.iter().enumerate().filter(|(_, p)| p.firm).collect();
    out.reference = firm.len();
    out.candidate = found_b.iter().filter(|p| p.firm).count();
    let held = firm.iter().filter(|(i, _)| matched.of_a[*i]).count();
    let held_b = found_b.iter().zip(&matched.of_b).filter(|(p, held)| p.firm && **held).count();
    out.recall = (out.reference > 0).then(|| held as f64 / out.reference as f64);
    out.precision = (out.candidate > 0).then(|| held_b as f64 / out.candidate as f64);
    let full = |p: &Peak| [pair.roi.x0 + p.x, pair.roi.y0 + p.y];
    let mut missing: Vec<&Peak> = firm.iter().filter(|(i, _)| !matched.of_a[*i]).map(|(_, p)| *p).collect();
    missing.sort_by(|p, q| q.value.total_cmp(&p.value).then((p.y, p.x).cmp(&(q.y, q.x))));
    out.missing = missing.into_iter().take(20).map(full).collect();
    let measured: Vec<(f64, f64)> = firm.par_iter().map(|(_, p)| box_figures::<T>(pair, p)).collect();
    if let Some(at) =
        (0..measured.len()).max_by(|&i, &j| measured[i].1.total_cmp(&measured[j].1).then(j.cmp(&i)))
    {
        out.intensity_at = Some(full(firm[at].1));
    }
    let spread = |mut list: Vec<f64>| -> (Option<f64>, Option<f64>) {
        if list.is_empty() {
            return (None, None);
        }
        let middle = list.len() / 2;
        let (_, median, above) = list.select_nth_unstable_by(middle, f64::total_cmp);
        let median = *median;
        (
            Some(median),
            Some(above.iter().copied().fold(median, |m, v| if m.total_cmp(&v).is_lt() { v } else { m })),
        )
    };
    (out.offset_median, out.offset_max) = spread(measured.iter().map(|m| m.0).collect());
    (out.intensity_median, out.intensity_max) = spread(measured.iter().map(|m| m.1).collect());
    out
}

/// Where the reference's firm peaks are.
pub(super) fn positions<T: Pixel>(pair: &Pair<'_>, first: &First, floor: f64) -> Vec<[usize; 2]> {
    let (found, _) = find::<T>(pair, &first.cells, first.cells_across, floor as f32);
    found.iter().filter(|p| p.firm).map(|p| [p.x, p.y]).collect()
}

/// At most one peak a cell, its brightest pixel: a dimmer maximum within the same eight pixels is left to the gates on
/// every pixel.
fn find<T: Pixel>(pair: &Pair<'_>, cells: &[Cell], across: usize, floor: f32) -> (Vec<Peak>, Vec<Peak>) {
    let height = pair.shape().height;
    let rows: Vec<(Vec<Peak>, Vec<Peak>)> = cells
        .par_chunks(across)
        .enumerate()
        .map(|(cy, row)| {
            let y0 = (cy * CELL).saturating_sub(RING);
            let rows = T::rows(pair, y0, (cy * CELL + CELL + RING).min(height) - y0);
            let lines: Vec<(&[T], &[T])> = (0..rows.count).map(|r| rows.row(r)).collect();
            let (lines_a, lines_b): (Vec<&[T]>, Vec<&[T]>) = lines.into_iter().unzip();
            let pick = |lines: Vec<&[T]>, top: fn(&Cell) -> f32| -> Vec<Peak> {
                let strip = Strip { lines, y0 };
                let bright = row.iter().enumerate().filter(|(_, c)| top(c) > floor);
                bright.filter_map(|(cx, c)| strip.peak(cx, cy, top(c))).collect()
            };
            (pick(lines_a, |c| c.max_a), pick(lines_b, |c| c.max_b))
        })
        .collect();
    let (a, b): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    (a.concat(), b.concat())
}

/// Rows around a row of cells.
struct Strip<'a, T> {
    lines: Vec<&'a [T]>,
    y0: usize,
}

impl<T: Pixel> Strip<'_, T> {
    /// The brightest pixel of a cell, whose value is known, if it is a peak.
    fn peak(&self, cx: usize, cy: usize, value: f32) -> Option<Peak> {
        let (width, y1) = (self.lines[0].len(), self.y0 + self.lines.len());
        let (x0, x1) = (cx * CELL, (cx * CELL + CELL).min(width));
        let (x, y) = (cy * CELL..(cy * CELL + CELL).min(y1)).find_map(|y| {
            let line = &self.lines[y - self.y0][x0..x1];
            line.iter().position(|v| v.single() == value).map(|i| (x0 + i, y))
        })?;
        let span = |at: usize, by: usize, low: usize, end: usize| {
            at.saturating_sub(by).max(low)..(at + by + 1).min(end)
        };
        // of equal pixels the first is the peak; on a slope the nearest row tells already
        for j in [y].into_iter().chain(span(y, REACH, self.y0, y1)) {
            let range = span(x, REACH, 0, width);
            let first = range.start;
            for (i, v) in self.lines[j - self.y0][range].iter().enumerate() {
                let v = v.single();
                if v > value || (v == value && (j, first + i) < (y, x)) {
                    return None;
                }
            }
        }
        let (mut sum, mut n) = (0.0, 0_u32);
        let mut add = |v: T| {
            sum += v.wide();
            n += 1;
        };
        for j in span(y, RING, self.y0, y1) {
            let line = self.lines[j - self.y0];
            if j.abs_diff(y) == RING {
                line[span(x, RING, 0, width)].iter().for_each(|&v| add(v));
            } else {
                x.checked_sub(RING).and_then(|i| line.get(i)).into_iter().for_each(|&v| add(v));
                line.get(x + RING).into_iter().for_each(|&v| add(v));
            }
        }
        // a corner of the image tells too little of what is around
        let (ring, value) = (sum / f64::from(n), f64::from(value));
        (n >= 8 && value > FAINT * ring).then_some(Peak { x, y, value, firm: value >= FIRM * ring })
    }
}

struct Matched {
    of_a: Vec<bool>,
    of_b: Vec<bool>,
}

/// One to one: first those at the same pixel, then the brightest first, each with its nearest partner that is still free.
fn partners(a: &[Peak], b: &[Peak], across: usize, down: usize) -> Matched {
    let mut by_cell = vec![u32::MAX; across * down];
    for (i, p) in b.iter().enumerate() {
        by_cell[p.y / CELL * across + p.x / CELL] = i as u32;
    }
    let mut out = Matched { of_a: vec![false; a.len()], of_b: vec![false; b.len()] };
    // the same pixel is the nearest there is
    for (i, p) in a.iter().enumerate() {
        let j = by_cell[p.y / CELL * across + p.x / CELL] as usize;
        if b.get(j).is_some_and(|q| (q.x, q.y) == (p.x, p.y)) {
            (out.of_a[i], out.of_b[j]) = (true, true);
        }
    }
    let mut order: Vec<usize> = (0..a.len()).filter(|&i| !out.of_a[i]).collect();
    order.sort_by(|&i, &j| a[j].value.total_cmp(&a[i].value).then(i.cmp(&j)));
    for i in order {
        let p = &a[i];
        let cells =
            |at: usize, end: usize| at.saturating_sub(NEAR) / CELL..=((at + NEAR) / CELL).min(end - 1);
        let mut best: Option<(usize, usize)> = None;
        for cy in cells(p.y, down) {
            for cx in cells(p.x, across) {
                let j = by_cell[cy * across + cx] as usize;
                if let Some(q) = b.get(j).filter(|_| j != u32::MAX as usize && !out.of_b[j]) {
                    let (dx, dy) = (q.x.abs_diff(p.x), q.y.abs_diff(p.y));
                    let far = dx * dx + dy * dy;
                    if dx.max(dy) <= NEAR && best.is_none_or(|(d, _)| far < d) {
                        best = Some((far, j));
                    }
                }
            }
        }
        if let Some((_, j)) = best {
            (out.of_a[i], out.of_b[j]) = (true, true);
        }
    }
    out
}

/// One of the two lines of a row.
type Other<T> = for<'a> fn((&'a [T], &'a [T])) -> &'a [T];

/// Whether the other image, at this pixel, is as bright as the brightest around it (but for rounding) and stands out.
fn stands<T: Pixel>(pair: &Pair<'_>, p: &Peak, other: Other<T>) -> bool {
    let shape = pair.shape();
    let y0 = p.y.saturating_sub(RING);
    let rows = T::rows(pair, y0, (p.y + RING + 1).min(shape.height) - y0);
    let columns = p.x.saturating_sub(RING)..(p.x + RING + 1).min(shape.width);
    let here = other(rows.row(p.y - y0))[p.x].wide();
    let (mut top, mut sum, mut n) = (here, 0.0, 0_u32);
    for r in 0..rows.count {
        let line = other(rows.row(r));
        for x in columns.clone() {
            let (v, far) = (line[x].wide(), x.abs_diff(p.x).max((y0 + r).abs_diff(p.y)));
            if far == RING {
                sum += v;
                n += 1;
            } else {
                top = top.max(v);
            }
        }
    }
    here >= (1.0 - LEVEL) * top && here * f64::from(n) > FAINT * sum
}

/// Distance of the centroids and |ratio of the sums − 1| over the reference's box.
fn box_figures<T: Pixel>(pair: &Pair<'_>, p: &Peak) -> (f64, f64) {
    let shape = pair.shape();
    let (x0, x1) = (p.x.saturating_sub(BOX), (p.x + BOX + 1).min(shape.width));
    let (y0, y1) = (p.y.saturating_sub(BOX), (p.y + BOX + 1).min(shape.height));
    let rows = T::rows(pair, y0, y1 - y0);
    let (mut a, mut b) = ([0.0; BOX_PIXELS], [0.0; BOX_PIXELS]);
    let width = x1 - x0;
    for (r, (a, b)) in a.chunks_mut(width).zip(b.chunks_mut(width)).take(y1 - y0).enumerate() {
        let (line_a, line_b) = rows.row(r);
        a.iter_mut().zip(&line_a[x0..x1]).for_each(|(out, v)| *out = v.wide());
        b.iter_mut().zip(&line_b[x0..x1]).for_each(|(out, v)| *out = v.wide());
    }
    let n = width * (y1 - y0);
    let figures = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let (mut sum, mut over, mut sx, mut sy) = (0.0, 0.0, 0.0, 0.0);
        for (y, line) in values.chunks(width).enumerate() {
            for (x, v) in line.iter().enumerate() {
                sum += v;
                over += v - low;
                sx += (v - low) * x as f64;
                sy += (v - low) * y as f64;
            }
        }
        if over > 0.0 { (sum, sx / over, sy / over) } else { (sum, (p.x - x0) as f64, (p.y - y0) as f64) }
    };
    let ((sa, xa, ya), (sb, xb, yb)) = (figures(&a[..n]), figures(&b[..n]));
    ((xb - xa).hypot(yb - ya), (sb / sa - 1.0).abs())
}
