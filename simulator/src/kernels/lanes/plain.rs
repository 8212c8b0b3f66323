//! Arrays of numbers in plain Rust, for every machine.

use super::{Isa, Lanes, Mask, Real};
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

/// The level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Isa for Plain {
    type F64 = Array<f64, 8>;
    type F32 = Array<f32, 16>;

    #[inline(always)]
    fn store_narrow(x: Array<f64, 8>, to: &mut [f32]) {
        for (to, x) in to[..8].iter_mut().zip(x.0) {
            *to = x as f32;
        }
    }
}

/// `N` numbers.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Array<T, const N: usize>([T; N]);

/// `N` truth values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bools<const N: usize>([bool; N]);

macro_rules! mask_operator {
    ($trait:ident, $method:ident, $operator:tt) => {
        impl<const N: usize> $trait for Bools<N> {
            type Output = Self;

            #[inline(always)]
            fn $method(mut self, other: Self) -> Self {
                for i in 0..N {
                    self.0[i] $operator other.0[i];
                }
                self
            }
        }
    };
}

mask_operator!(BitAnd, bitand, &=);
mask_operator!(BitOr, bitor, |=);

impl<const N: usize> Not for Bools<N> {
    type Output = Self;

    #[inline(always)]
    fn not(mut self) -> Self {
        for i in 0..N {
            self.0[i] = !self.0[i];
        }
        self
    }
}

impl<const N: usize> Mask for Bools<N> {
    #[inline(always)]
    fn bits(self) -> u32 {
        let mut bits = 0;
        for i in 0..N {
            bits |= u32::from(self.0[i]) << i;
        }
        bits
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $operator:tt) => {
        impl<T: Real + $trait<Output = T>, const N: usize> $trait for Array<T, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(mut self, other: Self) -> Self {
                for i in 0..N {
                    self.0[i] = self.0[i] $operator other.0[i];
                }
                self
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
operator!(Div, div, /);

macro_rules! lanes {
    ($real:ident, $lanes:literal, $group:literal, $bits:ident, $bias:literal, $mantissa:literal) => {
        impl Array<$real, $lanes> {
            #[inline(always)]
            fn map(mut self, f: impl Fn($real) -> $real) -> Self {
                for i in 0..$lanes {
                    self.0[i] = f(self.0[i]);
                }
                self
            }

            #[inline(always)]
            fn compare(self, other: Self, f: impl Fn($real, $real) -> bool) -> Bools<$lanes> {
                let mut out = Bools([false; $lanes]);
                for i in 0..$lanes {
                    out.0[i] = f(self.0[i], other.0[i]);
                }
                out
            }
        }

        impl Lanes for Array<$real, $lanes> {
            type Real = $real;
            type Mask = Bools<$lanes>;
            const LANES: usize = $lanes;
            const GROUP: usize = $group;

            #[inline(always)]
            fn splat(x: $real) -> Self {
                Array([x; $lanes])
            }

            #[inline(always)]
            fn load(from: &[$real]) -> Self {
                let mut out = [0.0; $lanes];
                out.copy_from_slice(&from[..$lanes]);
                Array(out)
            }

            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                to[..$lanes].copy_from_slice(&self.0);
            }

            // `mul_add` would be a call of the mathematics library where the instruction set has no such instruction.
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                self * b + c
            }

            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                self * b - c
            }

            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                c - self * b
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.map($real::sqrt)
            }

            #[inline(always)]
            fn rsqrt(self) -> Self {
                self.map(|x| 1.0 / x.sqrt())
            }

            // `ceil` would be a call too. Adding 1.5·2^mantissa leaves the nearest whole number in the last bits.
            #[inline(always)]
            fn ceil(self) -> Self {
                const MAGIC: $real = 1.5 * (1_u64 << $mantissa) as $real;
                self.map(|x| {
                    let nearest = (x + MAGIC) - MAGIC;
                    if nearest < x { nearest + 1.0 } else { nearest }
                })
            }

            #[inline(always)]
            fn first(self) -> $real {
                self.0[0]
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.map($real::abs)
            }

            #[inline(always)]
            fn lt(self, other: Self) -> Self::Mask {
                self.compare(other, |a, b| a < b)
            }

            #[inline(always)]
            fn le(self, other: Self) -> Self::Mask {
                self.compare(other, |a, b| a <= b)
            }

            #[inline(always)]
            fn eq(self, other: Self) -> Self::Mask {
                self.compare(other, |a, b| a == b)
            }

            #[inline(always)]
            fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
                let mut out = no;
                for i in 0..$lanes {
                    out.0[i] = if mask.0[i] { yes.0[i] } else { no.0[i] };
                }
                out
            }

            #[inline(always)]
            fn mask(bits: u32) -> Self::Mask {
                let mut out = Bools([false; $lanes]);
                for i in 0..$lanes {
                    out.0[i] = bits >> i & 1 == 1;
                }
                out
            }

            #[inline(always)]
            fn power_of_two(n: Self) -> Self {
                n.map(|n| $real::from_bits(((n as i32 + $bias) as $bits) << $mantissa))
            }

            #[inline(always)]
            fn gather(table: &[$real], index: Self, mask: Self::Mask, otherwise: Self) -> Self {
                let mut out = otherwise;
                for i in 0..$lanes {
                    if mask.0[i]
                        && let Some(&value) = table.get(index.0[i] as usize)
                    {
                        out.0[i] = value;
                    }
                }
                out
            }
        }
    };
}

lanes!(f64, 8, 1, u64, 1023, 52);
lanes!(f32, 16, 1, u32, 127, 23);
