//! Numbers that are computed side by side, one for each pixel: what the kernels ask of an instruction set.
//!
//! Kernels are written once, over [`Lanes`]. Every method is inlined into a function that was compiled for its level
//! (see [`super::entry`]); a level's vectors are made nowhere else, so that its instructions only run where the machine
//! has them.

#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod plain;
#[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
pub(crate) mod x86;

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

/// A type of floating-point numbers.
pub(crate) trait Real: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// The nearest to an f64.
    fn of(x: f64) -> Self;
    /// As an f64.
    fn wide(self) -> f64;
    /// Whether it has so few digits that it matters where they are spent.
    const NARROW: bool;
    /// Coefficients in z = t² of P, with sin(2πt) = t·P(t²) for |t| ≤ ¼; minimax, relative error 1.4e-16 in f64,
    /// 5.3e-9 in f32. Highest power first.
    const SINE: &'static [f64];
    /// Terms of the series of exp, that is the degree of its polynomial.
    const EXP_TERMS: u32;
    /// The argument below which 3(sin u/u − cos u)/u² is taken from its series.
    const SPHERE_SERIES: f64;
    /// Arguments from here to there have an exponential that is a normal number.
    const EXP_RANGE: [f64; 2];
    /// The first digits of ln 2, and what they leave.
    const LN_2: [f64; 2];
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    const NARROW: bool = false;

    const SINE: &'static [f64] = &[
        -0.6921569231319828,
        3.8172886386299187,
        -15.094499474806419,
        42.058689667354976,
        -76.70585968329084,
        81.60524927551285,
        -41.34170224039802,
        6.283185307179585,
    ];
    const EXP_TERMS: u32 = 12;
    const SPHERE_SERIES: f64 = 0.5;
    const EXP_RANGE: [f64; 2] = [-708.0, 709.0];
    const LN_2: [f64; 2] = [0.693145751953125, 1.4286068203094173e-06];
}

impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    const NARROW: bool = true;

    const SINE: &'static [f64] =
        &[39.71091806525497, -76.57499217308477, 81.60223124245607, -41.341677478390764, 6.2831852737908065];
    const EXP_TERMS: u32 = 7;
    const SPHERE_SERIES: f64 = 1.0;
    const EXP_RANGE: [f64; 2] = [-87.0, 88.0];
    const LN_2: [f64; 2] = [0.693359375, -0.00021219444005469057];
}

/// One truth value for each lane.
pub(crate) trait Mask:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self>
{
    /// Bit i is lane i.
    fn bits(self) -> u32;
}

/// A vector of numbers.
pub(crate) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Type of one number.
    type Real: Real;
    /// Result of a comparison.
    type Mask: Mask;
    /// How many numbers.
    const LANES: usize;
    /// How many vectors the kernels advance together, so that the latency of the instructions is hidden and the
    /// registers are enough.
    const GROUP: usize;

    /// The same number in every lane.
    fn splat(x: Self::Real) -> Self;
    /// The first numbers of a slice.
    fn load(from: &[Self::Real]) -> Self;
    /// Writes the numbers to the start of a slice.
    fn store(self, to: &mut [Self::Real]);
    /// `self·b + c`, rounded once where the level can.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self·b − c`, rounded once where the level can.
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// `c − self·b`, rounded once where the level can.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// 1/√x of a normal positive number, to the last two bits.
    fn rsqrt(self) -> Self;
    /// The next whole number above.
    fn ceil(self) -> Self;
    /// Without its sign.
    fn abs(self) -> Self;
    /// Less than.
    fn lt(self, other: Self) -> Self::Mask;
    /// Less than or equal.
    fn le(self, other: Self) -> Self::Mask;
    /// Equal.
    fn eq(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is set, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The mask of all lanes.
    const ALL: u32 = ((1_u64 << Self::LANES) - 1) as u32;
    /// The mask whose bit i is lane i.
    fn mask(bits: u32) -> Self::Mask;
    /// 2ⁿ for whole n within the exponents of the type.
    fn power_of_two(n: Self) -> Self;
    /// `table[index]` for whole numbers `index` where the mask is set and the index is inside; else `otherwise`.
    fn gather(table: &[Self::Real], index: Self, mask: Self::Mask, otherwise: Self) -> Self;

    /// The first lane.
    #[inline(always)]
    fn first(self) -> Self::Real {
        let mut lanes = [Self::Real::default(); 16];
        self.store(&mut lanes);
        lanes[0]
    }

    /// What it is away from the nearest whole number; either way at halves.
    #[inline(always)]
    fn off_nearest(self) -> Self {
        self - (self - Self::of(0.5)).ceil()
    }

    /// A positive number with the sign of another.
    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        Self::select(other.lt(Self::of(0.0)), Self::of(0.0) - self, self)
    }

    /// From an f64.
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self::splat(Self::Real::of(x))
    }
}

/// A level: its vectors of both types.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// f64.
    type F64: Lanes<Real = f64>;
    /// f32.
    type F32: Lanes<Real = f32>;
    /// Writes a vector of f64 to the start of a slice of f32.
    fn store_narrow(x: Self::F64, to: &mut [f32]);
}
