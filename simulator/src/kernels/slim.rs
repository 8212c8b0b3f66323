//! Blocks of which nothing is wanted but the sum, and Ω and P of the first sample: on a flat detector without sensor
//! layers, with all factors applied at the end.
//!
//! In f32, what would lose digits is computed in f64 once for each few neighbours, at an anchor (f₀, R₀): the indices
//! there, and 1/R₀. Around it everything is small: with δ = f − f₀ and ε = δ(2f₀ + δ)/R₀², 1/R is (1 + g)/R₀, where
//! g = (1 + ε)^−½ − 1 comes from its series without a difference of large numbers.

use super::aligned::Aligned;
use super::block::{BLOCK, CHUNK, Line, PART, Pixels, Rows, Scratch, add, plain_sum};
use super::combos::{self, ANCHORED, ANCHORS, Combos};
use super::entry::FactorKind;
use super::lanes::{Isa, Lanes};
use super::sum::Block;
use crate::physics::Model;
use crate::units::R_E_SQUARED;

/// Largest |ε| for which the series is good: what is left out is below 2e-10.
const LARGEST: f64 = 0.015;
/// Coefficients of ε⁴ … ε in (1 + ε)^−½ − 1.
const SERIES: [f64; 4] = [35.0 / 128.0, -5.0 / 16.0, 3.0 / 8.0, -0.5];

/// Renders a block in f64; the raw sums of its pixels may be `given`.
#[inline(always)]
pub(crate) fn render64<I: Isa, const K: usize>(
    pixels: &Pixels,
    rows: &mut Rows<K>,
    given: Option<&[f64]>,
) {
    let (model, plan) = (rows.model, rows.plan);
    let scratch = &mut *rows.scratch;
    let n = pixels.padded(I::F64::LANES * I::F64::GROUP);
    scratch.empty = true;
    let vectors = n / I::F64::LANES;
    let Scratch { sampled, active, .. } = &mut *scratch;
    sampled[..vectors].copy_from_slice(&active[..vectors]);
    let samples = if given.is_some() { 1 } else { model.oversample };
    for sub_s in 0..samples {
        let line = Line::new(model, plan, pixels.spixel, 0, sub_s, scratch);
        for sub_f in 0..samples {
            if sub_s == 0 && sub_f == 0 {
                coordinates64::<I, K, true>(model, &line, pixels.fpixel, sub_f, n, scratch);
            } else {
                coordinates64::<I, K, false>(model, &line, pixels.fpixel, sub_f, n, scratch);
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
    let counting: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    first = I::F64::load(&counting).mul_add(step, first);
    let offset2 = I::F64::of(line.offset2);
    let field = Field::new(model, line);
    let (half, one) = (I::F64::of(0.5), I::F64::of(1.0));
    let scale = I::F64::of(geometry.pixel * geometry.pixel * geometry.close_distance);
    let [of_u, of_v] = field.cosine;
    let (of_u, of_v) = (I::F64::of(of_u), I::F64::of(of_v));
    let Scratch { coordinates, first_omega, .. } = scratch;
    let [u, v] = &mut coordinates[..] else { return };
    let lanes = I::F64::LANES;
    let all = u[..n].chunks_exact_mut(lanes).zip(v[..n].chunks_exact_mut(lanes));
    let mut at = 0.0;
    for ((to_u, to_v), to_factor) in all.zip(first_omega[..n].chunks_exact_mut(lanes)) {
        let f = step.mul_add(I::F64::of(at), first);
        let v = f.mul_add(f, offset2).rsqrt();
        let u = f * v;
        u.store(to_u);
        v.store(to_v);
        at += lanes as f64;
        if !FIRST {
            continue;
        }
        let square = v * v;
        let mut factor = if geometry.point_pixel { square } else { square * (v * scale) };
        if let Some(kahn) = model.polarization {
            let cos = of_u.mul_add(u, of_v * v);
            let cos2 = cos * cos;
            let mut sum = cos2 + one;
            if kahn != 0.0 {
                let b = I::F64::of(field.b[0]).mul_add(u, I::F64::of(field.b[1]) * v);
                let e = I::F64::of(field.e[0]).mul_add(u, I::F64::of(field.e[1]) * v);
                let turned = if field.across { e.mul_sub(e, b * b) } else { one - cos2 };
                sum = turned.neg_mul_add(I::F64::of(kahn), sum);
            }
            factor = factor * (sum * half);
        }
        factor.store(to_factor);
    }
}

/// What the polarization factor of the first source needs: coefficients of s, B and E' in two coordinates.
struct Field {
    cosine: [f64; 2],
    b: [f64; 2],
    e: [f64; 2],
    /// Whether the field lies across the beam.
    across: bool,
}

impl Field {
    #[inline(always)]
    fn new<const K: usize>(model: &Model, line: &Line<K>) -> Field {
        let incident = model.sources[0].incident;
        let b = model.geometry.polar.cross(incident).unit();
        let e = incident.cross(b).unit();
        let of = |v| {
            let products = line.products(v);
            [products[0], products[K - 1]]
        };
        Field { cosine: of(incident), b: of(b), e: of(e), across: b.norm() != 0.0 }
    }
}

/// Renders a block in f32; the raw sums of its pixels may be `given`.
#[inline(always)]
pub(crate) fn render32<I: Isa, const K: usize>(
    pixels: &Pixels,
    rows: &mut Rows<K>,
    given: Option<&[f32]>,
) {
    let n = pixels.padded(I::F32::LANES * I::F32::GROUP);
    let mut start = 0;
    while start < n {
        let end = n.min(start + PART);
        part::<I, K>(pixels, rows, given, start, end);
        start = end;
    }
}

/// Renders the pixels of a block that share an anchor.
#[inline(always)]
fn part<I: Isa, const K: usize>(
    pixels: &Pixels,
    rows: &mut Rows<K>,
    given: Option<&[f32]>,
    start: usize,
    end: usize,
) {
    let (model, plan) = (rows.model, rows.plan);
    let scratch = &mut *rows.scratch;
    let n = end - start;
    let once = given.is_some() || (model.oversample == 1 && plan.starts.len() <= CHUNK);
    let samples = if given.is_some() { 1 } else { model.oversample };
    if !once {
        scratch.sum[..n].fill(0.0);
    }
    let lanes = I::F32::LANES;
    for sub_s in 0..samples {
        let line = Line::new(model, plan, pixels.spixel, 0, sub_s, scratch);
        for sub_f in 0..samples {
            let centres = coordinates::<I, K>(rows.model, &line, pixels.fpixel + start, sub_f, n, scratch);
            if sub_s == 0 && sub_f == 0 {
                factors::<I, K>(rows.model, &line, &centres, n, scratch);
            }
            if given.is_some() {
                continue;
            }
            let Scratch {
                coefficients,
                narrow_coefficients,
                narrow_starts,
                narrow,
                narrow_terms,
                sum,
                latched,
                active,
                ..
            } = &mut *scratch;
            let mut first = 0;
            while first < plan.starts.len() {
                let chunk = first..plan.starts.len().min(first + CHUNK);
                first = chunk.end;
                let starts = &mut narrow_starts[..chunk.len()];
                combos::anchor::<I, K>(
                &coefficients[chunk.clone()],
                &plan.starts[chunk.clone()],
                &centres,
                plan.kind != FactorKind::Constant,
                starts,
            );
                let chunk = Combos { coefficients: &narrow_coefficients[chunk], starts };
                let mut block = Block {
                    coordinates: std::array::from_fn(|k| &narrow[k][..n]),
                    latched: &mut latched[start / lanes..end / lanes],
                    active: &active[start / lanes..end / lanes],
                };
                // SAFETY: the plan's kernels are those of a level that is available.
                #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
                unsafe {
                    (plan.kernels.sum32)(&plan.terms32(), chunk, &mut block, &mut narrow_terms[..n]);
                }
                if !once {
                    add(&mut sum[..n], &narrow_terms[..n], None);
                }
            }
        }
    }

    let scale = R_E_SQUARED * model.fluence / model.steps();
    let water = if model.factors.background_in_sum { model.water * scale } else { 0.0 };
    let scale = scale * plan.scale;
    let last = pixels.count.min(end);
    if let Some(given) = given {
        let given = &given[start.min(last)..last];
        scratch.narrow_terms[..given.len()].copy_from_slice(given);
    }
    let out = &mut rows.out[pixels.at + start.min(last)..pixels.at + last];
    let Scratch { narrow_terms, narrow_factor, sum, .. } = scratch;
    // Ω·P·scale may be far from 1: the scale is split so that neither part leaves the range of f32.
    if once && water == 0.0 && scale.is_finite() && (1e-30..1e30).contains(&scale.abs()) {
        let scale = scale as f32;
        for ((out, term), factor) in out.iter_mut().zip(&**narrow_terms).zip(&**narrow_factor) {
            *out = term * scale * factor;
        }
    } else {
        if once {
            sum[..n].fill(0.0);
            add(&mut sum[..n], &narrow_terms[..n], None);
        }
        for ((out, sum), factor) in out.iter_mut().zip(&**sum).zip(&**narrow_factor) {
            *out = ((sum * scale + water) * f64::from(*factor)) as f32;
        }
    }
}

/// Coordinates of the samples from those of their anchor on; returns those of the anchors, f₀/R₀ and 1/R₀.
#[inline(always)]
fn coordinates<I: Isa, const K: usize>(
    model: &Model,
    line: &Line<K>,
    fpixel: usize,
    sub_f: u32,
    n: usize,
    scratch: &mut Scratch<K>,
) -> [[f64; ANCHORS]; K] {
    let edge = model.geometry.pixel / f64::from(model.oversample);
    let step = model.geometry.pixel;
    let first =
        edge * (fpixel as f64 * f64::from(model.oversample) + f64::from(sub_f)) + edge / 2.0 - line.nearest;
    let mut centres = [[0.0; ANCHORS]; K];
    for anchor in 0..ANCHORS {
        let f = first + step * (anchor * ANCHORED + ANCHORED / 2) as f64;
        let inverse = 1.0 / (f * f + line.offset2).sqrt();
        centres[0][anchor] = f * inverse;
        centres[K - 1][anchor] = inverse;
    }
    let [u, v] = &mut scratch.narrow[..] else { return centres };
    let counting: [f32; ANCHORED] = std::array::from_fn(|i| i as f32);
    let furthest = step * (ANCHORED / 2) as f64;
    let mut at = 0;
    while at < n {
        let anchor = at / ANCHORED % ANCHORS;
        let (f0, inverse) = (centres[0][anchor], centres[K - 1][anchor]);
        let furthest = furthest * inverse;
        if furthest * (2.0 * f0.abs() + furthest) > LARGEST {
            // So close that the series would be long.
            for i in at..n.min(at + I::F32::LANES) {
                let f = first + step * i as f64;
                let v_i = 1.0 / (f * f + line.offset2).sqrt();
                u[i] = (f * v_i - f0) as f32;
                v[i] = (v_i - inverse) as f32;
            }
        } else {
            // In units of R₀: all numbers are about 1 then, however large the detector.
            let place = at % ANCHORED;
            let lanes = I::F32::load(&counting[place..]) - I::F32::of((ANCHORED / 2) as f64);
            let delta = lanes * I::F32::of(step * inverse);
            let f0 = I::F32::of(f0);
            let f = f0 + delta;
            let epsilon = delta * (f0 + f);
            let mut g = I::F32::of(SERIES[0]);
            let mut i = 1;
            while i < SERIES.len() {
                g = g.mul_add(epsilon, I::F32::of(SERIES[i]));
                i += 1;
            }
            g = g * epsilon;
            g.mul_add(f, delta).store(&mut u[at..]);
            (g * I::F32::of(inverse)).store(&mut v[at..]);
        }
        at += I::F32::LANES;
    }
    centres
}

/// Ω·P of the first sample of each pixel.
#[inline(always)]
fn factors<I: Isa, const K: usize>(
    model: &Model,
    line: &Line<K>,
    centres: &[[f64; ANCHORS]; K],
    n: usize,
    scratch: &mut Scratch<K>,
) {
    let geometry = &model.geometry;
    let Scratch { narrow, narrow_factor, .. } = scratch;
    // **v**·**d** is that at the anchor and a little more.
    let field = Field::new(model, line);
    let (one, half) = (I::F32::of(1.0), I::F32::of(0.5));
    let kahn = I::F32::of(model.polarization.unwrap_or(0.0));
    let mut at = 0;
    while at < n {
        let anchor = at / ANCHORED % ANCHORS;
        let inverse = centres[K - 1][anchor];
        // 1/R₀³ may be beyond f32 where Ω is not.
        let scale = if geometry.point_pixel {
            inverse * inverse
        } else {
            geometry.pixel * geometry.pixel * geometry.close_distance * (inverse * inverse * inverse)
        };
        let relative = I::F32::load(&narrow[K - 1][at..]).mul_add(I::F32::of(1.0 / inverse), one);
        let square = relative * relative;
        let mut omega = square * I::F32::of(scale);
        if !geometry.point_pixel {
            omega = omega * relative;
        }
        if model.polarization.is_some() {
            let cos = little::<I, K>(field.cosine, centres, anchor, narrow, at);
            let cos2 = cos * cos;
            let mut sum = cos2 + one;
            if model.polarization != Some(0.0) {
                let b = little::<I, K>(field.b, centres, anchor, narrow, at);
                let e = little::<I, K>(field.e, centres, anchor, narrow, at);
                let turned = if field.across { e.mul_sub(e, b * b) } else { one - cos2 };
                sum = turned.neg_mul_add(kahn, sum);
            }
            omega = omega * (sum * half);
        }
        omega.store(&mut narrow_factor[at..]);
        at += I::F32::LANES;
    }
}

/// A product with coefficients, from that at the anchor on.
#[inline(always)]
fn little<I: Isa, const K: usize>(
    of: [f64; 2],
    centres: &[[f64; ANCHORS]; K],
    anchor: usize,
    narrow: &[Aligned<f32>; K],
    at: usize,
) -> I::F32 {
    let at_anchor = I::F32::of(of[0] * centres[0][anchor] + of[1] * centres[K - 1][anchor]);
    let along_u = I::F32::of(of[0]).mul_add(I::F32::load(&narrow[0][at..]), at_anchor);
    I::F32::of(of[1]).mul_add(I::F32::load(&narrow[K - 1][at..]), along_u)
}

/// The raw sums at places `f` along fast of a line at `s` along slow, into the scratch memory's sums.
#[inline(always)]
pub(crate) fn nodes<I: Isa, const K: usize>(rows: &mut Rows<K>, s: f64, f: &[f64]) {
    let (model, plan) = (rows.model, rows.plan);
    let scratch = &mut *rows.scratch;
    let group = if plan.narrow { I::F32::LANES * I::F32::GROUP } else { I::F64::LANES * I::F64::GROUP };
    let n = f.len().next_multiple_of(group).min(BLOCK);
    let line = Line::at(model, plan, s, 0.0, scratch);
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
