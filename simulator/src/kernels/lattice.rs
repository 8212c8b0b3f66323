//! The lattice transform, squared and over the square of its scale, many samples at a time.
//!
//! For a parallelepiped the transform along one axis is sin(Nx)/sin(x) with x = πh. With Y = 2cos 2x:
//!
//! - N = 2k + 1: W₀ = 1, W₁ = Y + 1, W₍ₖ₊₁₎ = Y·Wₖ − W₍ₖ₋₁₎ (Chebyshev polynomials of the third kind);
//! - N = 2M: sin²(2Mx)/sin²(x) = (2 + Y)·sin²(M·2x)/sin²(2x), and 2cos(4x) = Y² − 2.
//!
//! There is no division and nothing special at the lattice points. An error of Y grows by N² at most, which is why
//! [`Gratings::new`] leaves large N to the quotient of two sines.

use super::combos::Point;
use super::factor::Factor;
use super::lanes::{Lanes, Real};
use super::math::{
    exp, five_cells, four_sine2_of_half_turn, nearest, scale_of_five_cells, sine_of_half_turn,
    sphere_of_half_turns, two_cos_of_turn,
};
use crate::experiment::Shape as ShapeName;
use crate::physics::lattice::{GAUSS_WIDTH, Lattice, ROUND_SCALE, TOPHAT_EDGE};

/// The largest number of cells for which the polynomial is used.
const MOST_CELLS_OF_POLYNOMIAL: f64 = 64.0;
/// The largest odd factor for which it is cheaper than two sines.
const MOST_STEPS: u32 = 9;
/// The exponent beyond which exp(−x) is 0 in f64, and so the reference's Gaussian spot.
const VANISHES: f64 = 745.133_219_101_941_1;
/// Indices nearer than this to a lattice point are at it, in f64 and in f32: a product of three such sines would vanish.
const AT_THE_POINT: [f64; 2] = [1e-60, 1e-12];

/// N = 2^doublings · (2·steps + 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grating {
    pub(crate) doublings: u32,
    pub(crate) steps: u32,
}

impl Grating {
    /// How to compute a grating of so many cells, if the polynomial is good for it.
    pub(crate) fn new(cells: f64) -> Option<Grating> {
        if !(1.0..=MOST_CELLS_OF_POLYNOMIAL).contains(&cells) || cells.fract() != 0.0 {
            return (cells < 1.0).then(Grating::default);
        }
        let doublings = (cells as u32).trailing_zeros();
        let steps = ((cells as u32) >> doublings) / 2;
        (steps <= MOST_STEPS).then_some(Grating { doublings, steps })
    }
}

/// The numbers of a lattice transform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params {
    /// Which form is used.
    pub(crate) form: Form,
    gratings: [Grating; 3],
    /// Five cells each way, as crystals often have in tests and benches, have polynomials of their own.
    five: bool,
    /// Unit cells along each axis.
    cells: [f64; 3],
    /// Fudge factor; of spots with an exponent, that times what the square of a distance is multiplied by.
    factor: f64,
    /// a*, b*, c* in 1/Å.
    reciprocal: [[f64; 3]; 3],
    /// What the squares are to be multiplied by.
    pub(crate) scale: f64,
}

/// The forms that have a kernel each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Parallelepiped with odd numbers of cells.
    Odd,
    /// Parallelepiped with any numbers of cells.
    Even,
    /// Parallelepiped with large numbers of cells.
    Sines,
    /// Ellipsoid.
    Round,
    /// Gaussian spots.
    Gauss,
    /// Top-hat spots.
    Tophat,
}

impl Form {
    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Odd => "Chebyshev polynomials (odd numbers of cells)",
            Form::Even => "Chebyshev polynomials",
            Form::Sines => "quotients of sines (large numbers of cells)",
            Form::Round => "transform of a sphere",
            Form::Gauss => "Gaussian spots",
            Form::Tophat => "top-hat spots",
        }
    }
}

impl Params {
    /// Of a lattice, without the scale of the type, which [`Params::in_type`] brings in.
    pub(crate) fn new(lattice: &Lattice) -> Params {
        let volume2 = (lattice.cells[0] * lattice.cells[1] * lattice.cells[2]).powi(2);
        let gratings = lattice.cells.map(Grating::new);
        let (form, factor, scale) = match lattice.shape {
            ShapeName::Square => match gratings {
                [Some(a), Some(b), Some(c)] if a.doublings + b.doublings + c.doublings == 0 => {
                    (Form::Odd, 0.0, 1.0)
                }
                [Some(_), Some(_), Some(_)] => (Form::Even, 0.0, 1.0),
                _ => (Form::Sines, 0.0, 1.0),
            },
            ShapeName::Round => (Form::Round, lattice.fudge, volume2 * ROUND_SCALE * ROUND_SCALE),
            ShapeName::Gauss => (Form::Gauss, volume2 * lattice.fudge / GAUSS_WIDTH, volume2),
            ShapeName::Tophat => (Form::Tophat, volume2 * lattice.fudge, volume2),
        };
        Params {
            form,
            gratings: gratings.map(Option::unwrap_or_default),
            five: form == Form::Odd && lattice.cells == [5.0; 3],
            cells: lattice.cells,
            factor,
            reciprocal: lattice.reciprocal.map(|v| [v[0], v[1], v[2]]),
            scale,
        }
    }
}

impl Params {
    /// With the scale that the squares have in f32 (`narrow`) or f64.
    pub(crate) fn in_type(mut self, narrow: bool) -> Params {
        if self.five {
            self.scale *= scale_of_five_cells(narrow);
        }
        self
    }
}

/// A group of squares, each as the product of two numbers, so that one instruction adds it to a sum; and which of them the
/// reference skips.
pub(crate) struct Squares<V: Lanes, const G: usize> {
    pub(crate) factors: [[V; G]; 2],
    /// Where the transform is exactly 0; only filled by shapes that can vanish.
    pub(crate) vanished: [u32; G],
}

/// A shape of the crystal.
pub(crate) trait Shape: 'static {
    /// Whether the transform of the reference can be exactly 0.
    const CAN_VANISH: bool;

    /// F_latt² over its scale at a group of samples; shows each index to the structure factor as it comes about.
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G>;
}

/// The variable of x = πr: Y = 2cos 2x in f64, and E = 2 − Y = 4sin² x in f32, which is as good as exact at the lattice
/// points, where the light is.
#[inline(always)]
fn variable<V: Lanes, const G: usize>(r: [V; G]) -> [V; G] {
    if V::Real::NARROW { four_sine2_of_half_turn(r) } else { two_cos_of_turn(r) }
}

/// Half the cells, twice the turns: `doubled` times 4cos² x, and the variable of 2x.
#[inline(always)]
fn double<V: Lanes>(doubled: V, variable: V) -> (V, V) {
    if V::Real::NARROW {
        let cos2 = V::of(4.0) - variable;
        (doubled * cos2, variable * cos2)
    } else {
        (doubled * (variable + V::of(2.0)), variable.mul_sub(variable, V::of(2.0)))
    }
}

/// W₂ of the same variable: five cells.
#[inline(always)]
fn five<V: Lanes>(variable: V) -> V {
    if V::Real::NARROW {
        (variable - V::of(5.0)).mul_add(variable, V::of(5.0))
    } else {
        variable.mul_sub(variable + V::of(1.0), V::of(1.0))
    }
}

/// Wₖ of the same variable, for k ≥ 1.
#[inline(always)]
fn odd<V: Lanes>(k: u32, variable: V) -> V {
    if V::Real::NARROW {
        let e = variable;
        // By the differences of neighbours: W₍ₖ₊₁₎ − Wₖ = Wₖ − W₍ₖ₋₁₎ − E·Wₖ.
        let mut difference = V::of(2.0) - e;
        let mut w = V::of(3.0) - e;
        for _ in 1..k {
            difference = e.neg_mul_add(w, difference);
            w = w + difference;
        }
        w
    } else {
        let y = variable;
        let (mut before, mut w) = (V::of(1.0), y + V::of(1.0));
        for _ in 1..k {
            (before, w) = (w, y.mul_sub(w, before));
        }
        w
    }
}

/// Parallelepiped by polynomials; `EVEN`: a number of cells may be even.
pub(crate) struct Polynomial<const EVEN: bool>;

impl<const EVEN: bool> Shape for Polynomial<EVEN> {
    const CAN_VANISH: bool = false;

    #[inline(always)]
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G> {
        let mut doubled = [V::of(1.0); G];
        // All offsets first: what comes next would wait for each in turn. Written out: the compiler would keep a loop,
        // and with it a multiplication by 1.
        let a = point.offset(0, factor);
        let b = point.offset(1, factor);
        let c = point.offset(2, factor);
        if !EVEN && p.five {
            let (x, y, z) = (five_cells(a), five_cells(b), five_cells(c));
            let mut product = x;
            for g in 0..G {
                product[g] = x[g] * y[g] * z[g];
            }
            return Squares { factors: [product, product], vanished: [0; G] };
        }
        let a = along::<V, G, EVEN>(p, 0, a, &mut doubled);
        let b = along::<V, G, EVEN>(p, 1, b, &mut doubled);
        let c = along::<V, G, EVEN>(p, 2, c, &mut doubled);
        let mut product = a;
        for g in 0..G {
            product[g] = a[g] * b[g] * c[g];
            doubled[g] = if EVEN { product[g] * doubled[g] } else { product[g] };
        }
        Squares { factors: [product, doubled], vanished: [0; G] }
    }
}

/// The transform along one axis, of the odd factor of its number of cells; what even factors contribute to the square
/// is multiplied into `doubled`.
#[inline(always)]
fn along<V: Lanes, const G: usize, const EVEN: bool>(
    p: &Params,
    axis: usize,
    r: [V; G],
    doubled: &mut [V; G],
) -> [V; G] {
    let mut w = [V::of(1.0); G];
    let grating = p.gratings[axis];
    if grating.steps == 0 && (!EVEN || grating.doublings == 0) {
        return w;
    }
    let mut variable = variable(r);
    if EVEN {
        for _ in 0..grating.doublings {
            for g in 0..G {
                (doubled[g], variable[g]) = double(doubled[g], variable[g]);
            }
        }
        if grating.steps == 0 {
            return w;
        }
    }
    if grating.steps == 2 {
        for g in 0..G {
            w[g] = five(variable[g]);
        }
    } else {
        for g in 0..G {
            w[g] = odd(grating.steps, variable[g]);
        }
    }
    w
}

/// Parallelepiped by quotients of sines.
pub(crate) struct Sines;

impl Shape for Sines {
    const CAN_VANISH: bool = false;

    #[inline(always)]
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G> {
        let mut above = [V::of(1.0); G];
        let mut below = [V::of(1.0); G];
        for axis in 0..3 {
            let r = point.offset(axis, factor);
            if p.cells[axis] <= 1.0 {
                continue;
            }
            let n = V::of(p.cells[axis]);
            for g in 0..G {
                let at_the_point = r[g].abs().lt(V::of(AT_THE_POINT[usize::from(V::Real::NARROW)]));
                let turns = nearest(n * r[g]);
                let phase = n.mul_sub(r[g], turns);
                above[g] = above[g] * V::select(at_the_point, n, sine_of_half_turn(phase));
                below[g] = below[g] * V::select(at_the_point, V::of(1.0), sine_of_half_turn(r[g]));
            }
        }
        for g in 0..G {
            above[g] = above[g] / below[g];
        }
        Squares { factors: [above, above], vanished: [0; G] }
    }
}

/// Ellipsoid.
pub(crate) struct Round;

impl Shape for Round {
    const CAN_VANISH: bool = false;

    #[inline(always)]
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G> {
        let mut radius2 = [V::of(0.0); G];
        for axis in 0..3 {
            let r = point.offset(axis, factor);
            for g in 0..G {
                let x = r[g] * V::of(p.cells[axis]);
                radius2[g] = x.mul_add(x, radius2[g]);
            }
        }
        for value in &mut radius2 {
            *value = sphere_of_half_turns((*value * V::of(p.factor)).sqrt());
        }
        Squares { factors: [radius2, radius2], vanished: [0; G] }
    }
}

/// The square of the distance from the nearest lattice point in 1/Å².
#[inline(always)]
fn distance2<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
    p: &Params,
    point: &Point<V, G, K, A>,
    factor: &mut F,
) -> [V; G] {
    let mut d = [[V::of(0.0); 3]; G];
    for axis in 0..3 {
        let r = point.offset(axis, factor);
        for g in 0..G {
            for i in 0..3 {
                d[g][i] = r[g].mul_add(V::of(p.reciprocal[axis][i]), d[g][i]);
            }
        }
    }
    let mut out = [V::of(0.0); G];
    for g in 0..G {
        out[g] = d[g][0].mul_add(d[g][0], d[g][1].mul_add(d[g][1], d[g][2] * d[g][2]));
    }
    out
}

/// Gaussian spots.
pub(crate) struct Gauss;

impl Shape for Gauss {
    const CAN_VANISH: bool = true;

    #[inline(always)]
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G> {
        let mut values = distance2(p, point, factor);
        let mut vanished = [0; G];
        for g in 0..G {
            let exponent = values[g] * V::of(p.factor);
            vanished[g] = super::lanes::Mask::bits(V::of(VANISHES).lt(exponent));
            // The root of it: the square of that is a product like the others.
            values[g] = exp(exponent * V::of(-1.0));
        }
        Squares { factors: [values, values], vanished }
    }
}

/// Top-hat spots.
pub(crate) struct Tophat;

impl Shape for Tophat {
    const CAN_VANISH: bool = true;

    #[inline(always)]
    fn squares<V: Lanes, F: Factor<V, G>, const G: usize, const K: usize, const A: usize>(
        p: &Params,
        point: &Point<V, G, K, A>,
        factor: &mut F,
    ) -> Squares<V, G> {
        let mut values = distance2(p, point, factor);
        let mut vanished = [0; G];
        for g in 0..G {
            let inside = (values[g] * V::of(p.factor)).lt(V::of(TOPHAT_EDGE));
            values[g] = V::select(inside, V::of(1.0), V::of(0.0));
            vanished[g] = super::lanes::Mask::bits(!inside);
        }
        Squares { factors: [values, values], vanished }
    }
}
