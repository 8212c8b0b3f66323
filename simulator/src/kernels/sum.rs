//! The inner loops: all combinations at a block of pixels.

use super::combos::{Combos, Point};
use super::factor::{Cells, Factor, Pixels, Table};
use super::lanes::Lanes;
use super::lattice::{Params, Shape};

/// What the terms are made of.
#[derive(Debug)]
pub(crate) struct Terms<'a, R> {
    /// Lattice transform.
    pub(crate) lattice: Params,
    /// Structure factors.
    pub(crate) table: Table<'a, R>,
    /// Whether a sample whose lattice transform vanishes is left out: there is no water.
    pub(crate) dry: bool,
}

/// A block of pixels. All slices of numbers are of one length, a multiple of the group's.
pub(crate) struct Block<'a, R, const K: usize> {
    /// Coordinates of the samples.
    pub(crate) coordinates: [&'a [R]; K],
    /// For each vector, its pixels whose interpolation has ended. Only read where there is any.
    pub(crate) latched: &'a mut [u32],
    /// For each vector, its pixels that are sampled.
    pub(crate) active: &'a [u32],
    /// Whether every sample of every combination, and all that it needs, lies in the table of structure factors.
    pub(crate) covered: bool,
    /// Polynomials of the cells between structure factors.
    pub(crate) cells: &'a mut Cells<R>,
}

/// What is multiplied into a running sum: sum ← (sum + weight·term)·factor.
pub(crate) struct Running<'a> {
    pub(crate) sum: &'a mut [f64],
    pub(crate) weight: &'a [f64],
    pub(crate) factor: &'a [f64],
}

/// Coordinates of a group.
#[inline(always)]
fn load<V: Lanes, const G: usize, const K: usize>(from: &[&[V::Real]; K], at: usize) -> [[V; G]; K] {
    let mut out = [[V::of(0.0); G]; K];
    for k in 0..K {
        for g in 0..G {
            out[k][g] = V::load(&from[k][at + g * V::LANES..]);
        }
    }
    out
}

/// The group's part of what is kept for each vector.
macro_rules! pixels {
    ($block:ident, $vector:expr, $g:expr) => {
        Pixels {
            latched: &mut $block.latched[$vector..$vector + $g],
            active: &$block.active[$vector..$vector + $g],
            cells: &mut *$block.cells,
        }
    };
}

/// `out` = Σ F²·F_latt² over the combinations, over the scales of both: G vectors together, so that none waits for itself,
/// then one by one.
#[inline(always)]
pub(crate) fn plain<
    V: Lanes,
    S: Shape,
    F: Factor<V, G>,
    F1: Factor<V, 1>,
    const G: usize,
    const K: usize,
    const A: usize,
>(
    terms: &Terms<V::Real>,
    combos: Combos<V::Real, K, A>,
    block: &mut Block<V::Real, K>,
    out: &mut [V::Real],
) {
    let mut at = 0;
    let mut factor = F::new(&terms.table, block.covered);
    while at + G * V::LANES <= out.len() {
        group::<V, S, F, G, K, A>(terms, combos, block, &mut factor, at, out);
        at += G * V::LANES;
    }
    let mut factor = F1::new(&terms.table, block.covered);
    while G > 1 && at + V::LANES <= out.len() {
        group::<V, S, F1, 1, K, A>(terms, combos, block, &mut factor, at, out);
        at += V::LANES;
    }
}

/// The sum of a group.
#[inline(always)]
fn group<V: Lanes, S: Shape, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
    terms: &Terms<V::Real>,
    combos: Combos<V::Real, K, A>,
    block: &mut Block<V::Real, K>,
    factor: &mut F,
    at: usize,
    out: &mut [V::Real],
) {
    let coordinates = load::<V, G, K>(&block.coordinates, at);
    let mut pixels = pixels!(block, at / V::LANES, G);
    let mut sum = [V::of(0.0); G];
    for (coefficients, start) in combos.coefficients.iter().zip(combos.starts) {
        let point = Point { coefficients, start, coordinates: &coordinates, at };
        let mut squares = S::squares(&terms.lattice, &point, factor);
        if !(S::CAN_VANISH && terms.dry) {
            squares.vanished = [0; G];
        }
        let [mut one, other] = squares.factors;
        // While indices are kept for the structure factors, there are no registers for both.
        if F::WANTS_INDICES {
            for g in 0..G {
                one[g] = one[g] * other[g];
            }
        }
        let weighed = factor.weigh(&terms.table, one, &squares.vanished, &mut pixels);
        for g in 0..G {
            sum[g] =
                if F::WANTS_INDICES { sum[g] + weighed[g] } else { weighed[g].mul_add(other[g], sum[g]) };
        }
    }
    for g in 0..G {
        sum[g].store(&mut out[at + g * V::LANES..]);
    }
}

/// The same where the running sum is multiplied after every term. One vector after another: terms of the next
/// combinations can be computed while the sum waits.
#[inline(always)]
pub(crate) fn running<V: Lanes<Real = f64>, S: Shape, F: Factor<V, 1>, const K: usize>(
    terms: &Terms<f64>,
    combos: Combos<f64, K, 1>,
    block: &mut Block<f64, K>,
    running: &mut Running,
) {
    let mut factor = F::new(&terms.table, block.covered);
    let mut at = 0;
    while at + V::LANES <= running.sum.len() {
        let coordinates = load::<V, 1, K>(&block.coordinates, at);
        let mut pixels = pixels!(block, at / V::LANES, 1);
        let mut sum = V::load(&running.sum[at..]);
        let (weight, multiplier) = (V::load(&running.weight[at..]), V::load(&running.factor[at..]));
        for (coefficients, start) in combos.coefficients.iter().zip(combos.starts) {
            let point = Point { coefficients, start, coordinates: &coordinates, at };
            let squares = S::squares(&terms.lattice, &point, &mut factor);
            let vanished = if S::CAN_VANISH && terms.dry { squares.vanished } else { [0] };
            let [[one], [other]] = squares.factors;
            let [weighed] = factor.weigh(&terms.table, [one * other], &vanished, &mut pixels);
            let next = weight.mul_add(weighed, sum) * multiplier;
            sum = V::select(V::mask(vanished[0]), sum, next);
        }
        sum.store(&mut running.sum[at..]);
        at += V::LANES;
    }
}
