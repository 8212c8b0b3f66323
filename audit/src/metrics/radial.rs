//! The radial profile: sums over rings around the centre of the image.

use super::first::{CELL, Sums};
use super::view::{Pair, Pixel, Rows};
use serde::{Deserialize, Serialize};

/// Rings from the centre to the farthest corner, at most.
const MOST: usize = 64;
/// Images with a smaller edge are assigned pixel by pixel, larger ones cell by cell.
const FINE: usize = 512;

/// Sums by distance from the centre of the whole image.
#[derive(Clone)]
pub(super) struct Rings {
    centre: [f64; 2],
    width: f64,
    fine: bool,
    rings: Vec<[f64; 3]>,
}

/// One ring.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ring {
    /// Middle radius, pixels.
    pub radius: f64,
    /// Pixels in it.
    pub pixels: u64,
    /// Mean of the reference.
    pub reference: f64,
    /// Mean of the candidate.
    pub candidate: f64,
}

impl Rings {
    pub(super) fn new(pair: &Pair<'_>) -> Self {
        let roi = pair.roi;
        // pixel i covers i … i + 1
        let middle = [pair.a.width() as f64 / 2.0, pair.a.height() as f64 / 2.0];
        let centre = [middle[0] - roi.x0 as f64, middle[1] - roi.y0 as f64];
        let shape = pair.shape();
        let reach = |from: f64, edge: usize| from.abs().max((edge as f64 - from).abs());
        let farthest = reach(centre[0], shape.width).hypot(reach(centre[1], shape.height));
        let count = ((farthest / 2.0) as usize).clamp(1, MOST);
        let fine = shape.width.min(shape.height) < FINE;
        Self { centre, width: farthest / count as f64, fine, rings: vec![[0.0; 3]; count] }
    }

    fn at(&mut self, x: f64, y: f64) -> Option<&mut [f64; 3]> {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let ring = ((dx * dx + dy * dy).sqrt() / self.width) as usize;
        let last = self.rings.len() - 1;
        self.rings.get_mut(ring.min(last))
    }

    /// Large images: a whole cell goes where its middle is.
    pub(super) fn add_cell(&mut self, x: usize, y: usize, [width, height]: [usize; 2], sums: &Sums) {
        if self.fine {
            return;
        }
        let (w, h) = (width as f64, height as f64);
        if let Some(ring) = self.at(x as f64 + w / 2.0, y as f64 + h / 2.0) {
            ring[0] += sums.a;
            ring[1] += sums.b;
            ring[2] += w * h;
        }
    }

    /// Small images: every pixel of a strip of rows.
    pub(super) fn add_pixels<T: Pixel>(&mut self, rows: &Rows<'_, T>, y: usize) {
        if !self.fine {
            return;
        }
        for r in 0..rows.count {
            let (a, b) = rows.row(r);
            for (x, (a, b)) in a.iter().zip(b).enumerate() {
                if let Some(ring) = self.at(x as f64 + 0.5, (y + r) as f64 + 0.5) {
                    ring[0] += a.wide();
                    ring[1] += b.wide();
                    ring[2] += 1.0;
                }
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.rings.iter_mut().zip(&other.rings) {
            for (m, t) in mine.iter_mut().zip(theirs) {
                *m += t;
            }
        }
    }

    /// The profile: rings that hold pixels.
    pub(super) fn profile(&self, scale: f64) -> Vec<Ring> {
        let ring = |(i, [a, b, n]): (usize, &[f64; 3])| Ring {
            radius: (i as f64 + 0.5) * self.width,
            pixels: *n as u64,
            reference: a / n / scale,
            candidate: b / n / scale,
        };
        self.rings.iter().enumerate().filter(|(_, r)| r[2] > 0.0).map(ring).collect()
    }
}

/// (largest |ratio − 1|, change of the ratio from the centre to the edge) over the rings whose mean is at least `floor`
/// times that of all; the slope is a straight line fitted to the rings, each weighted by its pixels.
pub(super) fn figures(profile: &[Ring], floor: f64) -> (Option<f64>, Option<f64>) {
    let pixels: u64 = profile.iter().map(|r| r.pixels).sum();
    let mean = profile.iter().map(|r| r.reference.abs() * r.pixels as f64).sum::<f64>() / pixels as f64;
    let lit: Vec<&Ring> = profile.iter().filter(|r| r.reference.abs() > floor * mean).collect();
    let worst = lit.iter().map(|r| (r.candidate / r.reference - 1.0).abs()).reduce(f64::max);
    let edge = profile.last().map_or(1.0, |r| r.radius);
    let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for r in &lit {
        // the ratio's distance from 1 keeps the digits
        let (w, at, off) = (r.pixels as f64, r.radius / edge, (r.candidate - r.reference) / r.reference);
        n += w;
        x += w * at;
        y += w * off;
        xx += w * at * at;
        xy += w * at * off;
    }
    let spread = xx - x * x / n;
    let slope = (lit.len() >= 3 && spread > 0.0).then(|| (xy - x * y / n) / spread);
    (worst, slope)
}

const _: () = assert!(FINE.is_multiple_of(CELL));
