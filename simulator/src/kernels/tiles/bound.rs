//! How wrong an interpolated tile can be: a proven bound from the growth of the sum in the complex plane.
//!
//! The derivation is in `docs/smooth-tiles.md`; its numbers of equations are those of the comments here.

use crate::physics::vector::Vec3;
use std::f64::consts::PI;

/// Parts of the ellipse and of the real direction on which the growth is bounded one by one; more is tighter and
/// slower.
const ARCS: usize = 8;
const STRIPS: usize = 2;
/// What the best ln ρ is of that for a linear h, found by trying.
const BEST_SHARE: f64 = 0.87;
/// Distance kept from the points where 1/R is not analytic, as a share of the distance of the row from the crystal.
const CLEARANCE: f64 = 0.8;
/// Covers the rounding of the bound itself.
const INFLATION: f64 = 1.0 + 1e-9;
/// Bundles of orientations, and the least radius, as a share of the length of the vectors, with which one is begun.
const MOST_BUNDLES: usize = 16;
const LEAST_RADIUS: f64 = 0.01;

/// Orientations so close together that one bound serves all: each a/λ lies within a ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bundle {
    /// Centres: a/λ, b/λ, c/λ in 1 (metres over metres).
    pub(crate) centre: [Vec3; 3],
    /// Radii.
    pub(crate) radius: [f64; 3],
}

/// Gathers vectors (a, b, c)/λ of all combinations into a few bundles.
pub(super) fn bundles(vectors: &[[Vec3; 3]]) -> Vec<Bundle> {
    let mut share = LEAST_RADIUS;
    loop {
        if let Some(bundles) = gather(vectors, share) {
            return bundles;
        }
        share *= 2.0;
    }
}

/// Bundles about the first vectors that belong to no earlier bundle; `None` if they are too many.
fn gather(vectors: &[[Vec3; 3]], share: f64) -> Option<Vec<Bundle>> {
    let mut leaders: Vec<[Vec3; 3]> = Vec::new();
    let mut radii: Vec<[f64; 3]> = Vec::new();
    // Two opposite vectors are 2 apart: with a share of 4, one bundle takes nearly everything.
    let close = |a: &[Vec3; 3], b: &[Vec3; 3]| (0..3).all(|i| (a[i] - b[i]).norm() <= share * a[i].norm());
    for vector in vectors {
        let place = leaders.iter().position(|leader| close(leader, vector));
        let place = match place {
            Some(place) => place,
            None if leaders.len() == MOST_BUNDLES => return None,
            None => {
                leaders.push(*vector);
                radii.push([0.0; 3]);
                leaders.len() - 1
            }
        };
        for i in 0..3 {
            radii[place][i] = radii[place][i].max((vector[i] - leaders[place][i]).norm());
        }
    }
    Some(leaders.into_iter().zip(radii).map(|(centre, radius)| Bundle { centre, radius }).collect())
}

/// A patch of a flat detector: the points `centre + f·along + s·across + t·normal` with |f| ≤ half_along,
/// |s| ≤ half_across, |t| ≤ half_depth. `along` is the direction in which it is interpolated. Lengths in metres,
/// `along` a unit vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Patch {
    /// The middle, seen from the crystal.
    pub(crate) centre: Vec3,
    /// Direction of interpolation.
    pub(crate) along: Vec3,
    /// The other direction.
    pub(crate) across: Vec3,
    /// Direction of the sensor's depth.
    pub(crate) normal: Vec3,
    /// Half the length along.
    pub(crate) half_along: f64,
    /// Half the length across.
    pub(crate) half_across: f64,
    /// Half the depth of all layers.
    pub(crate) half_depth: f64,
}

/// Bound of the sum on an ellipse: what is needed to bound the error for any number of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// ln ρ of the ellipse.
    pub(crate) ln_rho: f64,
    /// ln of a bound of |sum| on it, as a multiple of the sum at a Bragg position; infinite where there is none.
    pub(crate) ln_growth: f64,
}

impl Growth {
    /// Of the sum over a patch, for `cells` unit cells along a, b, c. `depth` is about −ln of the relative error that
    /// will be asked for; it only decides which ellipse is taken.
    pub(crate) fn new(patch: &Patch, cells: [f64; 3], bundles: &[Bundle], depth: f64) -> Growth {
        let ln_rho = BEST_SHARE * best_ellipse(patch, cells, bundles, depth);
        Growth { ln_rho, ln_growth: ln_growth(patch, cells, bundles, ln_rho) }
    }

    /// Bound of the error of interpolation with `nodes` Chebyshev nodes, as a multiple of the sum at a Bragg
    /// position (equation 3).
    pub(crate) fn error(&self, nodes: usize) -> f64 {
        let degree = nodes as f64 - 1.0;
        INFLATION * 4.0 * (self.ln_growth - degree * self.ln_rho).exp() / self.ln_rho.exp_m1()
    }

    /// The least number of nodes whose error is at most `error`, or `None` if there is no bound or `most` is too few.
    pub(crate) fn nodes(&self, error: f64, most: usize) -> Option<usize> {
        let factor = 4.0 * INFLATION / (self.ln_rho.exp_m1() * error);
        let nodes = 1.0 + (self.ln_growth + factor.ln()) / self.ln_rho;
        if nodes.is_nan() || nodes > most as f64 {
            return None;
        }
        let nodes = nodes.ceil().max(1.0) as usize;
        (nodes..=most.min(nodes + 1)).find(|&nodes| self.error(nodes) <= error)
    }
}

/// Bound of the Lebesgue constant of `nodes` Chebyshev nodes of the first kind (Rivlin).
pub(crate) fn lebesgue(nodes: usize) -> f64 {
    2.0 / PI * (nodes as f64).ln() + 1.0
}

/// ln ρ of the ellipse that would be best if h were linear: c(s cosh s − sinh s) = depth for a phase of ±c.
fn best_ellipse(patch: &Patch, cells: [f64; 3], bundles: &[Bundle], depth: f64) -> f64 {
    let zeta = patch.centre.dot(patch.along);
    let foot = patch.centre - patch.along * zeta;
    let (w, r2) = (foot.norm(), patch.centre.dot(patch.centre));
    // d′ = (w² along − ζ w)/R³
    let gradient = (patch.along * (w * w) - foot * zeta) / (r2 * r2.sqrt());
    let phase = |bundle: &Bundle| -> f64 {
        (0..3).map(|i| 2.0 * PI * (cells[i] - 1.0).max(0.0) * bundle.centre[i].dot(gradient).abs()).sum()
    };
    let c = patch.half_along * bundles.iter().map(phase).fold(0.0, f64::max);
    let clear = (0.5 * CLEARANCE * w / patch.half_along).asinh();
    let upper = (3.0 * depth / c).cbrt().min(clear).min(4.0);
    let mut s = upper;
    // Newton's method on a convex increasing function, from the right.
    for _ in 0..6 {
        s -= ((s * s.cosh() - s.sinh() - depth / c) / (s * s.sinh())).max(0.0);
    }
    if s > 0.0 { s.min(upper) } else { upper }
}

/// ln of a bound of |sum|/(sum at a Bragg position) on the ellipse (equations 4 to 9); infinite where there is none.
fn ln_growth(patch: &Patch, cells: [f64; 3], bundles: &[Bundle], ln_rho: f64) -> f64 {
    let (major, minor) = (patch.half_along * ln_rho.cosh(), patch.half_along * ln_rho.sinh());
    let ends: [[f64; 2]; ARCS + 1] = std::array::from_fn(|i| {
        let (sin, cos) = (PI * i as f64 / ARCS as f64).sin_cos();
        [major * cos, minor * sin]
    });
    let lengths: Vec<[f64; 3]> = bundles.iter().map(|b| b.centre.map(Vec3::norm)).collect();
    let mut worst = f64::NEG_INFINITY;
    for strip in 0..STRIPS {
        let rows = Rows::new(patch, strip);
        // From the middle, where the sum grows most, outwards, so that most are passed over quickly.
        for arc in (0..ARCS / 2).rev().flat_map(|arc| [arc, ARCS - 1 - arc]) {
            let Some(cell) = rows.cell(ends[arc], ends[arc + 1]) else { return f64::INFINITY };
            for (bundle, length) in bundles.iter().zip(&lengths) {
                let im_h: [f64; 3] = std::array::from_fn(|i| {
                    let cosine = bundle.centre[i].dot(cell.tangent).abs();
                    cell.size * (cosine + length[i] * cell.spread + bundle.radius[i])
                });
                let at_most: f64 = (0..3).map(|i| 2.0 * PI * (cells[i] - 1.0) * im_h[i]).sum();
                if at_most.is_nan() {
                    return f64::INFINITY;
                }
                if at_most > worst {
                    worst = worst.max((0..3).map(|i| ln_grating(im_h[i], cells[i])).sum());
                }
            }
        }
    }
    worst
}

/// ln of [sin(πNh)/(N sin(πh))]² at h = iy, its largest value for all h with |Im h| ≤ y.
fn ln_grating(y: f64, n: f64) -> f64 {
    if n <= 1.0 {
        return 0.0;
    }
    let x = 2.0 * PI * y;
    if x * n < 1e-4 {
        // sinh(Nx/2)/(N sinh(x/2)) ≤ exp((N² − 1)x²/24)
        return (n * n - 1.0) * x * x / 12.0;
    }
    (n - 1.0) * x + 2.0 * ((-n * x).exp_m1() / (n * (-x).exp_m1())).ln()
}

/// The lines of a strip of the patch, all parallel to `along`.
struct Rows {
    along: Vec3,
    /// From the crystal to the nearest point of the middle line, a unit vector.
    toward: Vec3,
    /// How far that direction is from those of the other lines.
    turn: f64,
    /// Distance of the middle line, of the nearest and of the farthest from the crystal.
    distance: [f64; 3],
    /// Middle of the strip along the line, counted from the nearest point, and how much it differs between lines.
    zeta: f64,
    shift: f64,
}

/// A part of the ellipse times a strip: Im d is `size` times a unit vector that is within `spread` of `tangent`.
struct Cell {
    size: f64,
    tangent: Vec3,
    spread: f64,
}

impl Rows {
    fn new(patch: &Patch, strip: usize) -> Rows {
        let half = patch.half_across / STRIPS as f64;
        let middle = patch.centre + patch.across * (half * (2 * strip + 1) as f64 - patch.half_across);
        let split = |v: Vec3| {
            let part = v.dot(patch.along);
            (part, v - patch.along * part)
        };
        let (zeta, foot) = split(middle);
        let (across, step) = split(patch.across);
        let (depth, deep) = split(patch.normal);
        let deep = deep.norm() * patch.half_depth;
        let w = foot.norm();
        let at = |t: f64| (foot + step * t).norm();
        let step2 = step.dot(step);
        let nearest = if step2 > 0.0 { (-foot.dot(step) / step2).clamp(-half, half) } else { 0.0 };
        let near = at(nearest) - deep;
        let far = at(half).max(at(-half)) + deep;
        // |u/|u| − v/|v|| ≤ 2|u − v|/(|u| + |v|) (Dunkl and Williams)
        let turn = 2.0 * (step2.sqrt() * half + deep) / (w + near);
        let shift = across.abs() * half + depth.abs() * patch.half_depth;
        Rows { along: patch.along, toward: foot / w, turn, distance: [w, near, far], zeta, shift }
    }

    /// Bounds on the arc of the upper half of the ellipse between two points (x, y), the right one first, on which y does
    /// not turn; `None` if it is not clear of ζ = iw.
    fn cell(&self, right: [f64; 2], left: [f64; 2]) -> Option<Cell> {
        let [w, near, far] = self.distance;
        let x = [self.zeta + left[0] - self.shift, self.zeta + right[0] + self.shift];
        let y = [right[1].min(left[1]), right[1].max(left[1])];
        // Also refuses NaN.
        if !(y[1] <= CLEARANCE * near && near > 0.0) {
            return None;
        }
        let least_x = if x[0] <= 0.0 && x[1] >= 0.0 { 0.0 } else { x[0].abs().min(x[1].abs()) };
        let most_x = x[0].abs().max(x[1].abs());
        let x2 = least_x * least_x;

        // tanh 2θ″ = 2wy/(x² + y² + w²) grows with y and is largest at w² = x² + y²; then sinh θ″.
        let widest = (x2 + y[1] * y[1]).sqrt().clamp(near, far);
        let tanh = 2.0 * widest * y[1] / (x2 + y[1] * y[1] + widest * widest);
        let sech = (1.0 - tanh * tanh).sqrt();
        let size = tanh / (2.0 * sech * (1.0 + sech)).sqrt();

        // θ′ in the middle, and how far it is from that anywhere in the cell: |∂θ/∂ζ| = w/|w² + ζ²|, |∂θ/∂w| = |ζ|/|w² + ζ²|.
        let (mid_x, mid_y) = ((x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0);
        let (sin, cos) = half_angle(w * w - mid_x * mid_x - mid_y * mid_y, 2.0 * mid_x * w);
        let least = ((x2 + (near + y[0]).powi(2)) * (x2 + (near - y[1]).powi(2))).sqrt();
        let moved = length(x[1] - x[0], y[1] - y[0]) / 2.0;
        let other = (far - w).max(w - near);
        let angle = (far * moved + length(most_x, y[1]) * other) / least;
        let spread = angle + (sin.abs() + angle).min(1.0) * self.turn;
        Some(Cell { size, tangent: self.along * cos - self.toward * sin, spread: spread.min(2.0) })
    }
}

/// Sine and cosine of half the angle of the point (x, y); the angle is between −π and π.
fn half_angle(x: f64, y: f64) -> (f64, f64) {
    let length = length(x, y);
    if x > 0.0 {
        let cos = ((1.0 + x / length) / 2.0).sqrt();
        (y / (2.0 * length * cos), cos)
    } else {
        let sin = ((1.0 - x / length) / 2.0).sqrt().copysign(y);
        (sin, y / (2.0 * length * sin))
    }
}

/// Lengths here are far from the ends of the range of f64: no need of `hypot`, which is slow.
fn length(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1/√(x + iy), the root with the positive real part.
    fn inverse_root(x: f64, y: f64) -> (f64, f64) {
        let (size, half) = (length(x, y).sqrt(), y.atan2(x) / 2.0);
        (half.cos() / size, -half.sin() / size)
    }

    /// Im d at `point` + iη along.
    fn im_d(point: Vec3, along: Vec3, eta: f64) -> Vec3 {
        let (re, im) =
            inverse_root(point.dot(point) - eta * eta * along.dot(along), 2.0 * eta * point.dot(along));
        point * im + along * (eta * re)
    }

    prop_compose! {
        fn patch()(
            place in prop::array::uniform2(-2.0..2.0),
            turn in prop::array::uniform3(-1.0..1.0),
            skew in prop::array::uniform2(-0.9..0.9),
            half in prop::array::uniform2(1e-3..0.4),
            half_depth in prop_oneof![Just(0.0), 0.0..0.2],
        ) -> Patch {
            let [x, y, z] = crate::physics::vector::Matrix3::IDENTITY.0.map(|v| v.rotate_xyz(turn));
            Patch {
                centre: Vec3::new(1.0, place[0], place[1]),
                along: y,
                across: (z + y * skew[0]).unit(),
                normal: (x + y * skew[1]).unit(),
                half_along: half[0],
                half_across: half[1],
                half_depth,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// Everywhere on the ellipse and on every line, Im d is no longer than `size` and within `spread` of `tangent`.
        #[test]
        fn cells_contain_what_they_bound(
            patch in patch(), ln_rho in 0.01..2.0, part in prop::array::uniform3(-1.0..1.0), angle in 0.0..PI,
        ) {
            let (major, minor) = (patch.half_along * f64::cosh(ln_rho), patch.half_along * f64::sinh(ln_rho));
            let arc = (angle / PI * ARCS as f64) as usize;
            let end = |i: usize| {
                let (sin, cos) = (PI * i as f64 / ARCS as f64).sin_cos();
                [major * cos, minor * sin]
            };
            let strip = ((part[0] + 1.0) / 2.0 * STRIPS as f64) as usize;
            let Some(cell) = Rows::new(&patch, strip).cell(end(arc), end(arc + 1)) else { return Ok(()) };
            let point = patch.centre
                + patch.along * (major * angle.cos())
                + patch.across * (part[0] * patch.half_across)
                + patch.normal * (part[1] * patch.half_depth);
            let im = im_d(point, patch.along, minor * angle.sin());
            prop_assert!(im.norm() <= cell.size * (1.0 + 1e-12) + 1e-15, "{} > {}", im.norm(), cell.size);
            let off = (im.unit() - cell.tangent).norm();
            prop_assert!(off <= cell.spread + 1e-9 || im.norm() < 1e-6, "{off} > {}", cell.spread);
        }
    }

    proptest! {
        /// The bound is above the growth at every point of the ellipse for the worst orientation of a bundle.
        #[test]
        fn a_bundle_stands_for_all_that_is_in_it(
            patch in patch(), ln_rho in 0.01..1.0, angle in 0.0..PI, part in prop::array::uniform2(-1.0..1.0),
            centre in prop::array::uniform3(prop::array::uniform3(-20.0..20.0)),
            radius in prop::array::uniform3(0.0..3.0),
        ) {
            let (major, minor) = (patch.half_along * f64::cosh(ln_rho), patch.half_along * f64::sinh(ln_rho));
            let point = patch.centre
                + patch.along * (major * angle.cos())
                + patch.across * (part[0] * patch.half_across)
                + patch.normal * (part[1] * patch.half_depth);
            let im = im_d(point, patch.along, minor * angle.sin());
            let centre = centre.map(Vec3);
            let cells = [4.0, 1.0, 9.0];
            let worst = |i: usize| centre[i] + im.unit() * f64::copysign(radius[i], centre[i].dot(im));
            let growth: f64 = (0..3).map(|i| ln_grating(worst(i).dot(im).abs(), cells[i])).sum();
            let bound = ln_growth(&patch, cells, &[Bundle { centre, radius }], ln_rho);
            prop_assert!(growth <= bound * (1.0 + 1e-12) + 1e-12, "{growth} > {bound}");
        }
    }

    #[test]
    fn the_grating_grows_most_along_the_imaginary_axis() {
        for n in [2.0, 3.0, 5.0, 100.0] {
            for y in [1e-7, 1e-3, 0.1, 0.5] {
                // |sin(π(x + iy))|² = sin² πx + sinh² πy
                let size = |x: f64, y: f64| (PI * x).sin().powi(2) + (PI * y).sinh().powi(2);
                let at = |x: f64| (size(n * x, n * y) / size(x, y) / (n * n)).ln();
                let bound = ln_grating(y, n);
                assert!((at(0.0) - bound).abs() < 1e-9 * (1.0 + bound), "{n} {y}: {} {bound}", at(0.0));
                assert!((1..100).all(|i| at(f64::from(i) * 0.005) <= bound + 1e-12));
            }
        }
    }
}
