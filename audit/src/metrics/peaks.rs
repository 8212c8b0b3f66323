//! Peaks: pixels that are the brightest of their 7 × 7 neighbourhood and stand out of the ring around it, matched one
//! to one between the two images.

use super::first::{CELL, Cell};
use super::view::{Pair, Roi};
use crate::formats::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Half the edge of the neighbourhood that a peak is the maximum of.
const REACH: usize = 3;
/// Distance of the ring that a peak must stand out of.
const RING: usize = 4;
/// Half the edge of the box that a centroid is taken over.
const BOX: usize = 2;
/// A firm peak is at least this many times as bright as its ring. It must have a partner.
const FIRM: f64 = 2.0;
/// A peak that may be a partner: less, so that rounding cannot take a firm peak's partner away.
const FAINT: f64 = 1.5;
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

/// A rectangle of an image, row by row.
struct Window<'a> {
    array: &'a Array2,
    roi: Roi,
    scale: f64,
}

impl Window<'_> {
    fn at(&self, x: usize, y: usize) -> f64 {
        self.scale * self.array.get((self.roi.y0 + y) * self.array.width() + self.roi.x0 + x)
    }
    fn row(&self, x: usize, y: usize, out: &mut [f64]) {
        self.array.read_into((self.roi.y0 + y) * self.array.width() + self.roi.x0 + x, out);
        if self.scale != 1.0 {
            out.iter_mut().for_each(|v| *v *= self.scale);
        }
    }
}

/// Finds and matches. `floor`: what is dimmer is no peak.
pub(super) fn compare(pair: &Pair<'_>, cells: &[Cell], across: usize, floor: f64) -> Peaks {
    let (roi, scale) = (pair.roi, pair.scale);
    let (wa, wb) = (Window { array: pair.a, roi, scale }, Window { array: pair.b, roi, scale });
    let found_a = find(&wa, cells, across, floor, |c| c.max_a);
    let found_b = find(&wb, cells, across, floor, |c| c.max_b);
    let matched = partners(&found_a, &found_b, across, cells.len() / across);
    let mut out = Peaks::default();
    let mut firm: Vec<(usize, &Peak)> = found_a.iter().enumerate().filter(|(_, p)| p.firm).collect();
    firm.sort_by(|(_, p), (_, q)| q.value.total_cmp(&p.value).then((p.y, p.x).cmp(&(q.y, q.x))));
    out.reference = firm.len();
    out.candidate = found_b.iter().filter(|p| p.firm).count();
    let held = firm.iter().filter(|(i, _)| matched.of_a[*i]).count();
    let held_b = found_b.iter().zip(&matched.of_b).filter(|(p, held)| p.firm && **held).count();
    out.recall = (out.reference > 0).then(|| held as f64 / out.reference as f64);
    out.precision = (out.candidate > 0).then(|| held_b as f64 / out.candidate as f64);
    let full = |p: &Peak| [roi.x0 + p.x, roi.y0 + p.y];
    out.missing = firm.iter().filter(|(i, _)| !matched.of_a[*i]).take(20).map(|(_, p)| full(p)).collect();
    let measured: Vec<(f64, f64)> = firm.par_iter().map(|(_, p)| box_figures(&wa, &wb, p)).collect();
    if let Some(at) =
        (0..measured.len()).max_by(|&i, &j| measured[i].1.total_cmp(&measured[j].1).then(j.cmp(&i)))
    {
        out.intensity_at = Some(full(firm[at].1));
    }
    let spread = |mut list: Vec<f64>| -> (Option<f64>, Option<f64>) {
        list.sort_by(f64::total_cmp);
        (list.get(list.len() / 2).copied(), list.last().copied())
    };
    (out.offset_median, out.offset_max) = spread(measured.iter().map(|m| m.0).collect());
    (out.intensity_median, out.intensity_max) = spread(measured.iter().map(|m| m.1).collect());
    out
}

/// At most one peak a cell: two within seven pixels cannot both be the maximum.
fn find(
    image: &Window<'_>,
    cells: &[Cell],
    across: usize,
    floor: f64,
    top: impl Fn(&Cell) -> f32 + Sync,
) -> Vec<Peak> {
    let shape = image.roi.shape();
    let rows: Vec<Vec<Peak>> = cells
        .par_chunks(across)
        .enumerate()
        .map(|(cy, row)| {
            let bright = |c: &Cell| f64::from(top(c)) > floor;
            if !row.iter().any(bright) {
                return Vec::new();
            }
            let y0 = (cy * CELL).saturating_sub(RING);
            let y1 = (cy * CELL + CELL + RING).min(shape.height);
            // the rows around, once, as f64: every cell of the row looks at them
            let mut around = vec![0.0; (y1 - y0) * shape.width];
            for (y, line) in (y0..y1).zip(around.chunks_exact_mut(shape.width)) {
                image.row(0, y, line);
            }
            let strip = Strip { values: &around, width: shape.width, y0, y1 };
            let cells = row.iter().enumerate().filter(|(_, c)| bright(c));
            cells.filter_map(|(cx, _)| strip.peak(cx, cy)).filter(|p| p.value > floor).collect()
        })
        .collect();
    rows.into_iter().flatten().collect()
}

struct Strip<'a> {
    values: &'a [f64],
    width: usize,
    y0: usize,
    y1: usize,
}

impl Strip<'_> {
    fn at(&self, x: usize, y: usize) -> f64 {
        self.values[(y - self.y0) * self.width + x]
    }

    /// The brightest pixel of a cell, if it is a peak.
    fn peak(&self, cx: usize, cy: usize) -> Option<Peak> {
        let (x0, x1) = (cx * CELL, (cx * CELL + CELL).min(self.width));
        let mut best = (f64::NEG_INFINITY, 0, 0);
        for y in cy * CELL..(cy * CELL + CELL).min(self.y1) {
            let line = &self.values[(y - self.y0) * self.width..][x0..x1];
            for (i, &v) in line.iter().enumerate() {
                if v > best.0 {
                    best = (v, x0 + i, y);
                }
            }
        }
        let (value, x, y) = best;
        let span = |at: usize, by: usize, from: usize, to: usize| {
            at.saturating_sub(by).max(from)..(at + by + 1).min(to)
        };
        for j in span(y, REACH, self.y0, self.y1) {
            for i in span(x, REACH, 0, self.width) {
                let v = self.at(i, j);
                // of equal pixels the first is the peak
                if v > value || (v == value && (j, i) < (y, x)) {
                    return None;
                }
            }
        }
        let (mut sum, mut n) = (0.0, 0);
        for j in span(y, RING, self.y0, self.y1) {
            for i in span(x, RING, 0, self.width) {
                if i.abs_diff(x).max(j.abs_diff(y)) == RING {
                    sum += self.at(i, j);
                    n += 1;
                }
            }
        }
        // a corner of the image tells too little of what is around
        let ring = sum / f64::from(n);
        (n >= 8 && value > FAINT * ring).then(|| Peak { x, y, value, firm: value >= FIRM * ring })
    }
}

struct Matched {
    of_a: Vec<bool>,
    of_b: Vec<bool>,
}

/// One to one, the brightest first, each with its nearest partner that is still free.
fn partners(a: &[Peak], b: &[Peak], across: usize, down: usize) -> Matched {
    let mut by_cell = vec![u32::MAX; across * down];
    for (i, p) in b.iter().enumerate() {
        by_cell[p.y / CELL * across + p.x / CELL] = i as u32;
    }
    let mut out = Matched { of_a: vec![false; a.len()], of_b: vec![false; b.len()] };
    let mut order: Vec<usize> = (0..a.len()).collect();
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

/// Distance of the centroids and |ratio of the sums − 1| over the reference's box.
fn box_figures(a: &Window<'_>, b: &Window<'_>, p: &Peak) -> (f64, f64) {
    let shape = a.roi.shape();
    let figures = |w: &Window<'_>| {
        let (x0, x1) = (p.x.saturating_sub(BOX), (p.x + BOX + 1).min(shape.width));
        let (y0, y1) = (p.y.saturating_sub(BOX), (p.y + BOX + 1).min(shape.height));
        let mut low = f64::INFINITY;
        for y in y0..y1 {
            for x in x0..x1 {
                low = low.min(w.at(x, y));
            }
        }
        let (mut sum, mut over, mut sx, mut sy) = (0.0, 0.0, 0.0, 0.0);
        for y in y0..y1 {
            for x in x0..x1 {
                let v = w.at(x, y);
                sum += v;
                over += v - low;
                sx += (v - low) * x as f64;
                sy += (v - low) * y as f64;
            }
        }
        if over > 0.0 { (sum, sx / over, sy / over) } else { (sum, p.x as f64, p.y as f64) }
    };
    let ((sa, xa, ya), (sb, xb, yb)) = (figures(a), figures(b));
    ((xb - xa).hypot(yb - ya), (sb / sa - 1.0).abs())
}
