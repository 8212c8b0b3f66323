//! Blocks of which nothing is wanted but the sum, and Ω and P of the first sample: on a flat detector without sensor
//! layers, with all factors applied at the end.
//!
//! In f32, what would lose digits is computed in f64 once for each few neighbours, at an anchor (f₀, R₀): the indices
//! there, and 1/R₀. Around it everything is small: with δ = f − f₀ and ε = δ(2f₀ + δ)/R₀², 1/R is (1 + g)/R₀, where
//! g = (1 + ε)^−½ − 1 comes from its series without a difference of large numbers.

use super::add::{Added, add, narrow_part, plain_sum};
use super::block::{Pixels, Rows};
use super::combos::{self, ANCHORED, ANCHORS, Combos};
use super::lanes::{Isa, Lanes};
use super::line::Line;
use super::plan::{Field, Plan};
use super::scratch::{BLOCK, CHUNK, PART, Scratch};
use super::sum::Terms;
use crate::physics::Model;
use crate::units::R_E_SQUARED;
use std::ops::Range;

/// Largest |ε| for which the series is good: what is left out is below 6e-9.
const LARGEST: f64 = 0.03;
/// Coefficients of ε⁴ … ε in (1 + ε)^−½ − 1.
const SERIES: [f64; 4] = [35.0 / 128.0, -5.0 / 16.0, 3.0 / 8.0, -0.5];

/// Numbers of the anchors.
const COUNTING: [f64; ANCHORS] = {
    let mut of = [0.0; ANCHORS];
    let mut i = 0;
    while i < ANCHORS {
        of[i] = i as f64;
        i += 1;
    }
    of
};
/// Pixels from their anchor.
const FROM_ANCHOR: [f32; ANCHORED] = {
    let mut of = [0.0; ANCHORED];
    let mut i = 0;
    while i < ANCHORED {
        of[i] = i as f32 - (ANCHORED / 2) as f32;
        i += 1;
    }
    of
};

/// Renders a block in f64; the raw sums of its pixels may be `given`.
#[inline(always)]
pub(crate) fn render64<I: Isa, const K: usize>(pixels: &Pixels, rows: &mut Rows<K>, given: Option<&[f64]>) {
    let (model, plan) = (rows.model, rows.plan);
    let scratch = &mut *rows.scratch;
    let n = pixels.padded(I::F64::LANES);
    scratch.empty = true;
    let vectors = n / I::F64::LANES;
    let Scratch { sampled, active, .. } = &mut *scratch;
    sampled[..vectors].copy_from_slice(&active[..vectors]);
    let samples = if given.is_some() { 1 } else { model.oversample };
    for sub_s in 0..samples {
        let line = Line::new(model, pixels.spixel, 0, sub_s);
        if given.is_none() {
            line.set(plan, scratch);
        }
        for sub_f in 0..samples {
            if sub_s == 0 && sub_f == 0 {
                coordinates64::<I, K, true>(model, plan, &line, pixels.fpixel, sub_f, n, scratch);
            } else {
                coordinates64::<I, K, false>(model, plan, &line, pixels.fpixel, sub_f, n, scratch);
            }
            if given.is_some() {
                continue;
            }
            plain_sum::<I, K>(plan, 0..plan.starts.len(), n, scratch);
        }
    }
    let scale = R_E_SQUARED * model.fluence / model.steps();
    let water = if model.factors.background_in_sum { model.water * scale } else { 0.0 };
    let scale = scale * plan.scale;
    let out = &mut rows.out[pixels.at..pixels.at + pixels.count];
    let sums = given.unwrap_or(&scratch.sum);
    for ((out, sum), factor) in out.iter_mut().zip(sums).zip(&*scratch.first_omega) {
        *out = ((sum * scale + water) * factor) as f32;
    }
}

/// Coordinates of the samples and, with `FIRST`, Ω·P.
#[inline(always)]
fn coordinates64<I: Isa, const K: usize, const FIRST: bool>(
    model: &Model,
    plan: &Plan<K>,
    line: &Line<K>,
    fpixel: usize,
    sub_f: u32,
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let geometry = &model.geometry;
    let edge = geometry.pixel / f64::from(model.oversample);
    let along = edge * (fpixel as f64 * f64::from(model.oversample) + f64::from(sub_f)) + edge / 2.0;
    let (mut first, step) = (I::F64::of(along - line.nearest), I::F64::of(geometry.pixel));
    first = I::F64::load(&COUNTING).mul_add(step, first);
    let offset2 = I::F64::of(line.offset2);
    let factor = Factor::new(model, plan, line);
    let [c0, c1, c2] = factor.polynomial;
    let (c0, c1, c2) = (I::F64::of(c0), I::F64::of(c1), I::F64::of(c2));
    let Scratch { coordinates, first_omega, .. } = scratch;
    let [u, v] = &mut coordinates[..] else { return };
    let (u, v, factors) = (&mut u[..n], &mut v[..n], &mut first_omega[..n]);
    let [slope, constant] = plan.fifth;
    let (slope, constant) = (I::F64::of(slope), I::F64::of(constant));
    let mut at = 0;
    while at < n {
        let f = step.mul_add(I::F64::of(at as f64), first);
        let inverse = f.mul_add(f, offset2).rsqrt();
        (f * inverse).store(&mut u[at..]);
        inverse.store(&mut v[at..]);
        if FIRST {
            let polynomial = c2.mul_add(f, c1).mul_add(f, c0);
            let square = inverse * inverse;
            let power = square * square * slope.mul_add(inverse, constant);
            (power * polynomial).store(&mut factors[at..]);
        }
        at += I::F64::LANES;
    }
}

/// Ω·P of the first source along a row.
///
/// P is ½(A + a quadratic form in the diffracted direction) (see [`crate::physics::polarization`]), and that direction is
/// (f·**fast** + x₀)/R. With R² = f² + x₀² the whole is a polynomial of degree 2 in f, over R²; Ω is p²D/R³, or 1/R² for
/// points.
#[derive(Clone, Copy, Debug)]
struct Factor {
    /// Coefficients of 1, f, f² in Ω·P·R⁵, or Ω·P·R⁴ for points.
    polynomial: [f64; 3],
}

impl Factor {
    #[inline(always)]
    fn new<const K: usize>(model: &Model, plan: &Plan<K>, line: &Line<K>) -> Factor {
        let geometry = &model.geometry;
        let scale = if geometry.point_pixel {
            1.0
        } else {
            geometry.pixel * geometry.pixel * geometry.close_distance
        };
        let offset2 = line.offset2;
        let Some(kahn) = model.polarization else {
            return Factor { polynomial: [scale * offset2, 0.0, scale] };
        };
        // Products of two linear forms in the coordinates f/R and 1/R, as coefficients of 1, f, f².
        let square = |v| {
            let of = line.products(v);
            let (along, across) = (of[0], of[K - 1]);
            [across * across, 2.0 * along * across, along * along]
        };
        let Field { incident, b, e, across } = plan.fields[0];
        let (cos2, b2, e2) = (square(incident), square(b), square(e));
        // 1 + cos² 2θ − K·cos 2ψ·sin² 2θ, where the last product is E'² − B², or 1 − cos² 2θ without a field across.
        let one = [offset2, 0.0, 1.0];
        let polynomial = std::array::from_fn(|i| {
            let turned = if across { e2[i] - b2[i] } else { one[i] - cos2[i] };
            0.5 * scale * (one[i] + cos2[i] - kahn * turned)
        });
        Factor { polynomial }
    }
}

/// A row of pixels, or of sub-pixels, in f32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<const K: usize> {
    line: Line<K>,
    factor: Factor,
    /// Whether the series of g is good all along the row.
    series: bool,
}

impl<const K: usize> Row<K> {
    #[inline(always)]
    fn new(model: &Model, plan: &Plan<K>, line: Line<K>) -> Row<K> {
        // The widest series of all: for the sample that is nearest to the crystal.
        let furthest = model.geometry.pixel * (ANCHORED / 2) as f64 / line.offset2.sqrt();
        let series = furthest * (2.0 + furthest) <= LARGEST;
        Row { factor: Factor::new(model, plan, &line), line, series }
    }
}

/// Renders a block in f32; the raw sums of its pixels may be `given`.
#[inline(always)]
pub(crate) fn render32<I: Isa, const K: usize>(pixels: &Pixels, rows: &mut Rows<K>, given: Option<&[f32]>) {
    let n = pixels.padded(I::F32::LANES);
    let (model, plan) = (rows.model, rows.plan);
    let terms = plan.terms32();
    let once = given.is_some() || (model.oversample == 1 && plan.starts.len() <= CHUNK);
    let samples = if given.is_some() { 1 } else { model.oversample };
    let Scratch { sampled, active, sum, .. } = &mut *rows.scratch;
    let vectors = n / I::F32::LANES;
    sampled[..vectors].copy_from_slice(&active[..vectors]);
    if !once {
        sum[..n].fill(0.0);
    }
    for sub_s in 0..samples {
        let place = [pixels.spixel, sub_s as usize];
        let row = match rows.scratch.row {
            Some((known, row)) if known == place => row,
            _ => Row::new(model, plan, Line::new(model, pixels.spixel, 0, sub_s)),
        };
        rows.scratch.row = Some((place, row));
        if given.is_none() {
            row.line.set(plan, rows.scratch);
        }
        for sub_f in 0..samples {
            let mut start = 0;
            while start < n {
                let end = n.min(start + PART);
                let part = start..end;
                sample::<I, K>(pixels, rows, &row, &terms, [sub_s, sub_f], once, given.is_some(), part);
                start = end;
            }
        }
    }
    finish32(pixels, rows, once, given);
}

/// Sums the pixels of a part of a block at one of their samples.
#[expect(clippy::too_many_arguments, reason = "one step of one loop, apart to be read apart")]
#[inline(always)]
fn sample<I: Isa, const K: usize>(
    pixels: &Pixels,
    rows: &mut Rows<K>,
    row: &Row<K>,
    terms: &Terms<f32>,
    [sub_s, sub_f]: [u32; 2],
    once: bool,
    given: bool,
    part: Range<usize>,
) {
    let plan = rows.plan;
    let scratch = &mut *rows.scratch;
    let fpixel = pixels.fpixel + part.start;
    let centres = if sub_s == 0 && sub_f == 0 {
        coordinates32::<I, K, true>(rows.model, plan, row, fpixel, sub_f, part.clone(), scratch)
    } else {
        coordinates32::<I, K, false>(rows.model, plan, row, fpixel, sub_f, part.clone(), scratch)
    };
    if given {
        return;
    }
    let last = part.len().div_ceil(ANCHORED).min(ANCHORS) - 1;
    let covered = covered(plan, rows.model.geometry.pixel, &row.line, &centres, last, scratch);
    let added = if once { Added::Not } else { Added::Plain };
    narrow_part::<I, K>(plan, terms, 0..plan.starts.len(), &centres, part, (covered, added), scratch);
}

/// Whether the structure factors of all samples around the anchors, up to the last, lie in the table.
#[inline(always)]
fn covered<const K: usize>(
    plan: &Plan<K>,
    step: f64,
    line: &Line<K>,
    centres: &[[f64; ANCHORS]; K],
    last: usize,
    scratch: &Scratch<K>,
) -> bool {
    let Some(limits) = plan.limits.as_ref().filter(|_| !plan.covered) else { return true };
    let around = step * ANCHORED as f64;
    let [low, high] =
        [centres[0][0] / centres[K - 1][0] - around, centres[0][last] / centres[K - 1][last] + around];
    let inverse = [low, high].map(|f| 1.0 / (f * f + line.offset2).sqrt());
    let largest =
        if low < 0.0 && 0.0 < high { 1.0 / line.offset2.sqrt() } else { inverse[0].max(inverse[1]) };
    let mut ranges = [[0.0; 2]; K];
    ranges[0] = [low * inverse[0], high * inverse[1]];
    ranges[K - 1] = [inverse[0].min(inverse[1]), largest];
    let combos = Combos { coefficients: &scratch.coefficients, starts: &plan.starts };
    combos::within(combos, &ranges, limits)
}

/// The pixels of a block from their sums and factors.
#[inline(always)]
fn finish32<const K: usize>(pixels: &Pixels, rows: &mut Rows<K>, once: bool, given: Option<&[f32]>) {
    let (model, plan) = (rows.model, rows.plan);
    let n = pixels.count;
    let scale = R_E_SQUARED * model.fluence / model.steps();
    let water = if model.factors.background_in_sum { model.water * scale } else { 0.0 };
    let scale = scale * plan.scale;
    let out = &mut rows.out[pixels.at..pixels.at + n];
    let Scratch { narrow_terms, narrow_factor, sum, .. } = &mut *rows.scratch;
    let (sum, factors) = (&mut sum[..n], &narrow_factor[..n]);
    let terms = given.unwrap_or(&narrow_terms[..n]);
    // Neither the scale nor what it is multiplied by first may leave the range of f32.
    if once && water == 0.0 && (1e-30..1e30).contains(&scale.abs()) {
        let scale = scale as f32;
        for ((out, term), factor) in out.iter_mut().zip(terms).zip(factors) {
            *out = term * scale * factor;
        }
        return;
    }
    if once {
        sum.fill(0.0);
        add(sum, terms, None);
    }
    for ((out, sum), factor) in out.iter_mut().zip(sum).zip(factors) {
        *out = ((*sum * scale + water) * f64::from(*factor)) as f32;
    }
}

/// What is known at each anchor of a part, in f32.
struct Known {
    /// f₀/R₀ and 1/R₀.
    u: [f32; ANCHORS],
    v: [f32; ANCHORS],
    /// Distance of neighbouring pixels over R₀.
    step: [f32; ANCHORS],
    /// Ω·P at the anchor over (R₀/R)⁵ (⁴ for points), as coefficients of the powers of δ/R₀.
    polynomial: [[f32; ANCHORS]; 3],
}

/// Coordinates of the samples from those of their anchor on and, with `FIRST`, Ω·P; returns the coordinates of the
/// anchors, f₀/R₀ and 1/R₀.
#[inline(always)]
fn coordinates32<I: Isa, const K: usize, const FIRST: bool>(
    model: &Model,
    plan: &Plan<K>,
    row: &Row<K>,
    fpixel: usize,
    sub_f: u32,
    part: Range<usize>,
    scratch: &mut Scratch<K>,
) -> [[f64; ANCHORS]; K] {
    let geometry = &model.geometry;
    let edge = geometry.pixel / f64::from(model.oversample);
    let step = geometry.pixel;
    let first = edge * (fpixel as f64 * f64::from(model.oversample) + f64::from(sub_f)) + edge / 2.0
        - row.line.nearest;
    let (offset2, series) = (row.line.offset2, row.series);
    let [c0, c1, c2] = row.factor.polynomial;
    let (c0, c1, c2) = (I::F64::of(c0), I::F64::of(c1), I::F64::of(c2));
    let mut centres = [[0.0; ANCHORS]; K];
    let mut known =
        Known { u: [0.0; ANCHORS], v: [0.0; ANCHORS], step: [0.0; ANCHORS], polynomial: [[0.0; ANCHORS]; 3] };
    let between = I::F64::of(step * ANCHORED as f64);
    let middle = I::F64::of(first + step * (ANCHORED / 2) as f64);
    let mut at = 0;
    while at < ANCHORS.min(part.len().div_ceil(ANCHORED)) {
        let f = I::F64::load(&COUNTING[at..]).mul_add(between, middle);
        let v = f.mul_add(f, I::F64::of(offset2)).rsqrt();
        let u = f * v;
        u.store(&mut centres[0][at..]);
        v.store(&mut centres[K - 1][at..]);
        I::store_narrow(u, &mut known.u[at..]);
        I::store_narrow(v, &mut known.v[at..]);
        I::store_narrow(v * I::F64::of(step), &mut known.step[at..]);
        if FIRST {
            // Powers of 1/R₀ may be beyond f32 where Ω is not.
            let square = v * v;
            let omega = if geometry.point_pixel { square } else { square * v };
            let slope = c2.mul_add(f + f, c1) * v;
            let [p0, p1, p2] = &mut known.polynomial;
            I::store_narrow(c2.mul_add(f, c1).mul_add(f, c0) * square * omega, &mut p0[at..]);
            I::store_narrow(slope * omega, &mut p1[at..]);
            I::store_narrow(c2 * omega, &mut p2[at..]);
        }
        at += I::F64::LANES;
    }
    let Scratch { narrow, narrow_factor, .. } = scratch;
    let [to_u, to_v] = &mut narrow[..] else { return centres };
    let n = part.len();
    let (to_u, to_v, factors) = (&mut to_u[part.clone()], &mut to_v[part.clone()], &mut narrow_factor[part]);
    if !series {
        // So close that the series would be long.
        for (i, (u, v)) in to_u.iter_mut().zip(&mut *to_v).enumerate() {
            let anchor = i / ANCHORED % ANCHORS;
            let f = first + step * i as f64;
            let inverse = 1.0 / (f * f + offset2).sqrt();
            (*u, *v) = ((f * inverse - centres[0][anchor]) as f32, (inverse - centres[K - 1][anchor]) as f32);
        }
    }
    let one = I::F32::of(1.0);
    let [slope, constant] = plan.fifth;
    let (slope, constant) = (I::F32::of(slope), I::F32::of(constant));
    let mut at = 0;
    while at < n {
        let anchor = at / ANCHORED % ANCHORS;
        // In units of R₀: all numbers are about 1 then, however large the detector.
        let delta = I::F32::load(&FROM_ANCHOR[at % ANCHORED..]) * I::F32::splat(known.step[anchor]);
        let relative = if series {
            let f0 = I::F32::splat(known.u[anchor]);
            let f = f0 + delta;
            let epsilon = delta * (f0 + f);
            let mut g = I::F32::of(SERIES[0]);
            let mut i = 1;
            while i < SERIES.len() {
                g = g.mul_add(epsilon, I::F32::of(SERIES[i]));
                i += 1;
            }
            g = g * epsilon;
            g.mul_add(f, delta).store(&mut to_u[at..]);
            (g * I::F32::splat(known.v[anchor])).store(&mut to_v[at..]);
            g + one
        } else {
            I::F32::load(&to_v[at..]) / I::F32::splat(known.v[anchor]) + one
        };
        if FIRST {
            let [p0, p1, p2] = &known.polynomial;
            let (p0, p1) = (I::F32::splat(p0[anchor]), I::F32::splat(p1[anchor]));
            let p2 = I::F32::splat(p2[anchor]);
            let polynomial = p2.mul_add(delta, p1).mul_add(delta, p0);
            let square = relative * relative;
            let power = square * square * slope.mul_add(relative, constant);
            (power * polynomial).store(&mut factors[at..]);
        }
        at += I::F32::LANES;
    }
    centres
}

/// The raw sums at places `f` along fast of a line at `s` along slow, into the scratch memory's sums.
#[inline(always)]
pub(crate) fn nodes<I: Isa, const K: usize>(rows: &mut Rows<K>, s: f64, f: &[f64]) {
    let (model, plan) = (rows.model, rows.plan);
    let scratch = &mut *rows.scratch;
    let lanes = if plan.narrow { I::F32::LANES } else { I::F64::LANES };
    let n = f.len().next_multiple_of(lanes).min(BLOCK);
    let line = Line::at(model, s, 0.0);
    line.set(plan, scratch);
    let Scratch { coordinates, terms, .. } = &mut *scratch;
    let last = f.last().copied().unwrap_or_default();
    for (to, from) in terms[..n].iter_mut().zip(f.iter().copied().chain(std::iter::repeat(last))) {
        *to = from - line.nearest;
    }
    let [u, v] = &mut coordinates[..] else { return };
    let offset2 = I::F64::of(line.offset2);
    let mut at = 0;
    while at < n {
        let f = I::F64::load(&terms[at..]);
        let inverse = f.mul_add(f, offset2).rsqrt();
        (f * inverse).store(&mut u[at..]);
        inverse.store(&mut v[at..]);
        at += I::F64::LANES;
    }
    scratch.empty = true;
    scratch.sampled.fill(u32::MAX);
    plain_sum::<I, K>(plan, 0..plan.starts.len(), n, scratch);
}
