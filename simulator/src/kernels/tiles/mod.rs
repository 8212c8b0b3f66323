//! Smooth tiles: with a constant structure factor the sum over a tile of pixels is band-limited, so that it is summed at
//! a few Chebyshev nodes only and interpolated, where the error of that is proven to be small.
//!
//! `docs/smooth-tiles.md` derives the bound. [`Smooth`] is made once for an experiment; [`Smooth::begin`] begins
//! one tile, whose rows [`Begun::rows`] gives, or says why it has to be summed pixel by pixel.

mod bound;
mod nodes;
mod product;
mod sum;
#[cfg(test)]
mod tests;

pub(crate) use bound::{Growth, lebesgue};
pub(crate) use nodes::{Interpolation, nodes};
pub(crate) use product::{Scratch, columns, rows};
pub(crate) use sum::{Direct, Sum};

use crate::kernels::lanes::{Lanes, Real};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A tile is worth its while if it takes less than this part of the time that its pixels take: costs are estimates.
const WORTH_IT: f64 = 0.8;
/// Most nodes in one direction.
const MOST_NODES: usize = 512;
/// Points in each direction at which a tile is looked at before it is planned.
const GLANCE: usize = 8;
/// Nodes are shared among threads by lines that take at least so long, in the unit of [`Costs`] (nanoseconds): to share
/// takes less than a hundredth of it.
const WORTH_SHARING: f64 = 50_000.0;
/// Roundings of an element of an interpolation matrix and of the sums of even and odd parts, in units of the last place.
const ELEMENT_ROUNDINGS: f64 = 12.0;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// First pixel along fast and slow.
    pub(crate) first: [usize; 2],
    /// Pixels along fast and slow.
    pub(crate) pixels: [usize; 2],
}

/// What things cost, in any unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// One combination of source, spindle step and domain at one point of one layer.
    pub(crate) term: f64,
    /// One multiplication and addition of the products.
    pub(crate) multiply_add: f64,
    /// What a tile costs besides.
    pub(crate) tile: f64,
    /// Points that are summed together: numbers of nodes along fast are multiples of it.
    pub(crate) lanes: usize,
}

/// Nodes along fast and slow for a tile, and how wrong it can become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Nodes along fast and slow, even numbers.
    pub(crate) nodes: [usize; 2],
    /// Bound of the error of interpolation at every point of the tile, in units of the sum.
    pub(crate) bound: f64,
    /// A value that the sum reaches or exceeds somewhere on the tile.
    pub(crate) reached: f64,
    /// Time for the tile and for summing it pixel by pixel, in units of [`Costs`].
    pub(crate) cost: [f64; 2],
}

/// Limits of the error as multiples of the tile's maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerance {
    /// Of interpolation, and of rounding in the products if `unit` is not 0.
    pub(crate) error: f64,
    /// Half the distance from 1 to the next number, for rounding; 0 leaves rounding out.
    pub(crate) unit: f64,
}

impl Tolerance {
    /// 1e-12, rounding included.
    pub(crate) const F64: Tolerance = Tolerance { error: 1e-12, unit: f64::EPSILON / 2.0 };
    /// 1e-7 for the interpolation. Rounding in f32 comes on top, as it does in the sum itself.
    pub(crate) const F32: Tolerance = Tolerance { error: 1e-7, unit: 0.0 };

    /// What is left for interpolation.
    fn left(self, nodes: [usize; 2]) -> f64 {
        self.error - round_off(nodes, self.unit)
    }
}

/// Bound of what rounding in the products adds, as a multiple of the largest value at a node; `unit` is half the distance
/// from 1 to the next number.
pub(crate) fn round_off(nodes: [usize; 2], unit: f64) -> f64 {
    let additions = (nodes[0] + nodes[1]) as f64 + 2.0 * ELEMENT_ROUNDINGS;
    lebesgue(nodes[0]) * lebesgue(nodes[1]) * additions * unit
}

/// Interpolations by axis, number of nodes and of pixels. Different ones are made at the same time.
type Known<T> = BTreeMap<[usize; 3], Arc<OnceLock<Arc<Interpolation<T>>>>>;

/// How the tiles of an experiment are done.
#[derive(Debug)]
pub(crate) struct Smooth<T> {
    sum: Sum,
    costs: Costs,
    tolerance: Tolerance,
    /// Pixels along fast and slow that the products take together.
    groups: [usize; 2],
    /// What the values that are evaluated are to be multiplied by to be the sum.
    scale: f64,
    /// Those that were needed so far.
    interpolations: Mutex<Known<T>>,
}

/// A tile whose rows can be had.
#[derive(Debug)]
pub(crate) struct Begun<T> {
    /// How it is done.
    #[cfg(test)]
    pub(crate) plan: Plan,
    fast: Arc<Interpolation<T>>,
}

impl<T: Real> Begun<T> {
    /// Sums over the sub-pixels of each pixel of `count` rows from `first`, a multiple of `ROWS`, on, in rows of `stride`;
    /// from the buffers with which the tile was begun.
    #[inline(always)]
    pub(crate) fn rows<V: Lanes<Real = T>, const ROWS: usize, const WIDE: usize>(
        &self,
        range: [usize; 2],
        buffers: &Buffers<T>,
        out: &mut [T],
        stride: usize,
    ) {
        rows::<V, ROWS, WIDE>(&self.fast, range, &buffers.scratch, out, stride);
    }
}

/// Buffers for one tile.
#[derive(Debug)]
pub(crate) struct Buffers<T> {
    /// Nodes along fast and slow, metres from the corner of the detector.
    nodes: [Vec<f64>; 2],
    values: Vec<T>,
    scratch: Scratch<T>,
}

impl<T: Real> Default for Buffers<T> {
    fn default() -> Buffers<T> {
        Buffers { nodes: Default::default(), values: Vec::new(), scratch: Scratch::default() }
    }
}

impl<T: Real> Smooth<T> {
    /// For a sum. `groups` are `WIDE · V::LANES` of the [`rows`] and `ROWS` of the [`columns`] that will be used; values
    /// that are evaluated, times `scale`, are the sum.
    pub(crate) fn new(
        sum: Sum,
        costs: Costs,
        tolerance: Tolerance,
        groups: [usize; 2],
        scale: f64,
    ) -> Smooth<T> {
        Smooth { sum, costs, tolerance, groups, scale, interpolations: Mutex::default() }
    }

    /// Growth of the sum over a tile, along fast and along slow.
    pub(crate) fn growth(&self, tile: Tile) -> [Growth; 2] {
        // The tile's maximum is some hundredth of what it could be.
        let depth = 6.0 - self.tolerance.error.ln();
        [0, 1].map(|axis| {
            let patch = self.sum.patch(tile, axis);
            Growth::new(&patch, self.sum.cells, &self.sum.bundles, depth)
        })
    }

    /// Nodes for a tile whose sum reaches `reached` somewhere.
    ///
    /// # Errors
    /// Why it must be summed pixel by pixel.
    pub(crate) fn plan(&self, tile: Tile, growth: &[Growth; 2], reached: f64) -> Result<Plan, Direct> {
        if !(reached > 0.0 && reached.is_finite()) {
            return Err(Direct::Dark);
        }
        let rounded = |m: usize, axis: usize| {
            // Along slow in coarse steps too, so that few different matrices are made.
            let unit = if axis == 0 { self.costs.lanes.next_multiple_of(2) } else { 4 };
            m.next_multiple_of(unit)
        };
        // The products' rounding depends on the number of nodes, and they on it: the second time it is known.
        let mut nodes = [64; 2];
        for _ in 0..3 {
            let target = self.tolerance.left(nodes) * reached / self.sum.brightest();
            if target.is_nan() || target <= 0.0 {
                return Err(Direct::Rounding);
            }
            // An error along fast is multiplied by the Lebesgue constant along slow (equation 10).
            let share = [0.5 * target / lebesgue(nodes[1]), 0.5 * target];
            for axis in 0..2 {
                let m = growth[axis].nodes(share[axis], MOST_NODES).ok_or(Direct::Unproven)?;
                nodes[axis] = rounded(m, axis);
            }
            let plan = self.of_nodes(tile, growth, reached, nodes);
            if plan.bound <= self.tolerance.left(nodes) * reached {
                return if plan.cost[0] < WORTH_IT * plan.cost[1] { Ok(plan) } else { Err(Direct::Cheaper) };
            }
        }
        Err(Direct::Rounding)
    }

    fn of_nodes(&self, tile: Tile, growth: &[Growth; 2], reached: f64, nodes: [usize; 2]) -> Plan {
        let along = [0, 1].map(|axis| growth[axis].error(nodes[axis]));
        let relative =
            (lebesgue(nodes[1]) * along[0] + along[1]).min(lebesgue(nodes[0]) * along[1] + along[0]);
        let [m_f, m_s, p_f, p_s] = [nodes[0], nodes[1], tile.pixels[0], tile.pixels[1]].map(|n| n as f64);
        let terms = self.sum.combinations * self.sum.layers * self.costs.term;
        let sub_pixels = f64::from(self.sum.oversample).powi(2);
        let product = 0.5 * (p_s * m_s * m_f + p_s * p_f * m_f) * self.costs.multiply_add;
        let glance = (GLANCE * GLANCE) as f64;
        let smooth = (m_f * m_s + glance) * terms + product + self.costs.tile;
        Plan {
            nodes,
            bound: relative * self.sum.brightest(),
            reached,
            cost: [smooth, p_f * p_s * sub_pixels * terms],
        }
    }

    /// Whether it may pay for a tile: whether it would if the tile were as bright as can be.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn pays(&self, tile: Tile) -> Result<(), Direct> {
        self.plan(tile, &self.growth(tile), self.sum.brightest()).map(drop)
    }

    /// Begins a tile: its sums over the sub-pixels of each pixel can be had row by row then, from the same buffers. Or says
    /// why it must be summed pixel by pixel.
    ///
    /// `evaluate(s, f, values)` gives the sum over layers and combinations, over the scale, at each of `s` along slow and each of
    /// `f` along fast, metres from the corner of the detector; slow-major. Threads that have nothing else to do help with it.
    ///
    /// # Errors
    /// Why not.
    #[inline(always)]
    pub(crate) fn begin<V: Lanes<Real = T>, const ROWS: usize, const COLS: usize>(
        &self,
        tile: Tile,
        evaluate: impl Fn(&[f64], &[f64], &mut [T]) + Sync,
        buffers: &mut Buffers<T>,
    ) -> Result<Begun<T>, Direct> {
        let growth = self.growth(tile);
        // If it does not pay for a tile as bright as can be, it never does.
        self.plan(tile, &growth, self.sum.brightest())?;
        self.values(tile, [GLANCE; 2], &evaluate, buffers);
        let plan = self.plan(tile, &growth, largest(&buffers.values) * self.scale)?;
        self.values(tile, plan.nodes, &evaluate, buffers);
        let along = |axis: usize| self.interpolation(axis, plan.nodes[axis], tile.pixels[axis]);
        // Threads that begin together need the same two: each makes one of them first.
        let (fast, slow) = if rayon::current_thread_index().is_some_and(|thread| thread % 2 == 1) {
            let slow = along(1);
            (along(0), slow)
        } else {
            (along(0), along(1))
        };
        columns::<V, ROWS, COLS>(&slow, plan.nodes[0], &buffers.values, &mut buffers.scratch);
        Ok(Begun {
            #[cfg(test)]
            plan,
            fast,
        })
    }

    /// The sum at nodes of a tile, slow-major.
    fn values(
        &self,
        tile: Tile,
        nodes: [usize; 2],
        evaluate: &(impl Fn(&[f64], &[f64], &mut [T]) + Sync),
        buffers: &mut Buffers<T>,
    ) {
        let Buffers { nodes: [fast, slow], values, .. } = buffers;
        for (axis, at) in [&mut *fast, &mut *slow].into_iter().enumerate() {
            at.clear();
            at.extend(self::nodes(nodes[axis]).into_iter().map(|node| self.sum.position(tile, axis, node)));
        }
        values.resize(nodes[0] * nodes[1], T::default());
        let line = nodes[0] as f64 * self.sum.combinations * self.sum.layers * self.costs.term;
        let lines = (WORTH_SHARING / line).ceil().clamp(1.0, nodes[1] as f64) as usize;
        let parts = values.par_chunks_mut(lines * nodes[0]).zip(slow.par_chunks(lines)).with_max_len(1);
        parts.for_each(|(values, slow)| evaluate(slow, fast, values));
    }

    /// Along an axis; whoever is first makes it, and whoever wants the same waits for that.
    fn interpolation(&self, axis: usize, nodes: usize, pixels: usize) -> Arc<Interpolation<T>> {
        let place = {
            let mut known = self.interpolations.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry([axis, nodes, pixels]).or_default())
        };
        let (oversample, group) = (self.sum.oversample as usize, self.groups[axis]);
        Arc::clone(place.get_or_init(|| Arc::new(Interpolation::new(nodes, pixels, oversample, group))))
    }

    /// The edge of square tiles, out of `edges`, with which the whole image is done soonest.
    pub(crate) fn best_edge(&self, edges: &[usize]) -> Option<usize> {
        let [width, height] = self.sum.pixels;
        // Where the beam hits is where the sum changes fastest; corners and edges stand for the rest.
        let places = |edge: usize| {
            let along = move |n: usize| [0, n.saturating_sub(edge) / 2, n.saturating_sub(edge)];
            along(height).into_iter().flat_map(move |s| along(width).map(|f| [f, s]))
        };
        let cost = |&edge: &usize| {
            let of = |first: [usize; 2]| {
                let tile = Tile { first, pixels: [edge.min(width), edge.min(height)] };
                let growth = self.growth(tile);
                let reached = 0.01 * self.sum.brightest();
                let direct = self.of_nodes(tile, &growth, reached, [2; 2]).cost[1];
                let cost = self.plan(tile, &growth, reached).map_or(direct, |plan| plan.cost[0]);
                cost / (tile.pixels[0] * tile.pixels[1]) as f64
            };
            places(edge).map(of).sum::<f64>()
        };
        edges.iter().map(|edge| (cost(edge), *edge)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, edge)| edge)
    }
}

/// The largest of values; NaN if one is NaN.
fn largest<T: Real>(values: &[T]) -> f64 {
    let larger = |a: f64, b: &T| if b.wide() > a || b.wide().is_nan() { b.wide() } else { a };
    values.iter().fold(0.0, larger)
}
