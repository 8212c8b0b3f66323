//! AVX-512 and AVX2.
#![expect(unsafe_code, reason = "instructions of one instruction set")]

use super::{Isa, Lanes, Mask};
use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

// SAFETY of every block in this file: the instructions exist. Vectors of these types are made only by code that is
// inlined into the functions of `entry.rs` for their level, and those are called only for a `Level` that was found
// available. Loads and stores are within slices whose length is checked.

/// The level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512;

/// The level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2;

impl Isa for Avx512 {
    type F64 = F64x8;
    type F32 = F32x16;

    #[inline(always)]
    fn store_narrow(x: F64x8, to: &mut [f32]) {
        let to = &mut to[..8];
        // SAFETY: as above; `to` has room for eight numbers.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), _mm512_cvtpd_ps(x.0)) }
    }
}

impl Isa for Avx2 {
    type F64 = F64x4;
    type F32 = F32x8;

    #[inline(always)]
    fn store_narrow(x: F64x4, to: &mut [f32]) {
        let to = &mut to[..4];
        // SAFETY: as above; `to` has room for four numbers.
        unsafe { _mm_storeu_ps(to.as_mut_ptr(), _mm256_cvtpd_ps(x.0)) }
    }
}

/// The operators and what is alike in all four types.
macro_rules! vector {
    ($name:ident, $raw:ident, $real:ident, $add:ident, $sub:ident, $mul:ident, $div:ident) => {
        #[doc = concat!("Vector of ", stringify!($real), ".")]
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $name($raw);

        impl Add for $name {
            type Output = Self;

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $add(self.0, other.0) })
            }
        }

        impl Sub for $name {
            type Output = Self;

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $sub(self.0, other.0) })
            }
        }

        impl Mul for $name {
            type Output = Self;

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $mul(self.0, other.0) })
            }
        }

        impl Div for $name {
            type Output = Self;

            #[inline(always)]
            fn div(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $div(self.0, other.0) })
            }
        }
    };
}

vector!(F64x8, __m512d, f64, _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd);
vector!(F32x16, __m512, f32, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps);
vector!(F64x4, __m256d, f64, _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd);
vector!(F32x8, __m256, f32, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps);

/// Masks of AVX-512: one bit a lane.
macro_rules! bit_mask {
    ($name:ident, $raw:ident) => {
        #[doc = "One bit for each lane."]
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $name($raw);

        impl BitAnd for $name {
            type Output = Self;

            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                $name(self.0 & other.0)
            }
        }

        impl BitOr for $name {
            type Output = Self;

            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                $name(self.0 | other.0)
            }
        }

        impl Not for $name {
            type Output = Self;

            #[inline(always)]
            fn not(self) -> Self {
                $name(!self.0)
            }
        }

        impl Mask for $name {
            #[inline(always)]
            fn bits(self) -> u32 {
                u32::from(self.0)
            }
        }
    };
}

bit_mask!(Bits8, u8);
bit_mask!(Bits16, u16);

/// Masks of AVX2: one sign a lane.
macro_rules! sign_mask {
    ($name:ident, $raw:ident, $and:ident, $or:ident, $xor:ident, $ones:expr, $bits:ident) => {
        #[doc = "All bits of a lane set, or none."]
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $name($raw);

        impl BitAnd for $name {
            type Output = Self;

            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $and(self.0, other.0) })
            }
        }

        impl BitOr for $name {
            type Output = Self;

            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $or(self.0, other.0) })
            }
        }

        impl Not for $name {
            type Output = Self;

            #[inline(always)]
            fn not(self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $xor(self.0, $ones) })
            }
        }

        impl Mask for $name {
            #[inline(always)]
            fn bits(self) -> u32 {
                // SAFETY: as above.
                unsafe { $bits(self.0) as u32 }
            }
        }
    };
}

sign_mask!(
    Signs4,
    __m256d,
    _mm256_and_pd,
    _mm256_or_pd,
    _mm256_xor_pd,
    _mm256_castsi256_pd(_mm256_set1_epi64x(-1)),
    _mm256_movemask_pd
);
sign_mask!(
    Signs8,
    __m256,
    _mm256_and_ps,
    _mm256_or_ps,
    _mm256_xor_ps,
    _mm256_castsi256_ps(_mm256_set1_epi32(-1)),
    _mm256_movemask_ps
);

/// The methods that differ in the names of the instructions only.
macro_rules! common {
    ($real:ident, $lanes:literal, $group:literal, $mask:ident, $splat:ident, $load:ident, $store:ident, $fma:ident,
     $fms:ident, $fnma:ident, $sqrt:ident) => {
        type Real = $real;
        type Mask = $mask;
        const LANES: usize = $lanes;
        const GROUP: usize = $group;

        #[inline(always)]
        fn splat(x: $real) -> Self {
            // SAFETY: as above.
            Self(unsafe { $splat(x) })
        }

        #[inline(always)]
        fn load(from: &[$real]) -> Self {
            let from = &from[..$lanes];
            // SAFETY: as above; `from` has as many numbers as are read.
            Self(unsafe { $load(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [$real]) {
            let to = &mut to[..$lanes];
            // SAFETY: as above; `to` has room for as many numbers as are written.
            unsafe { $store(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $fma(self.0, b.0, c.0) })
        }

        #[inline(always)]
        fn mul_sub(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $fms(self.0, b.0, c.0) })
        }

        #[inline(always)]
        fn neg_mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $fnma(self.0, b.0, c.0) })
        }

        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $sqrt(self.0) })
        }
    };
}

/// The largest table that 32-bit indices reach.
const REACH: usize = i32::MAX as usize;

/// A table beyond the reach of the gather instructions, number by number.
macro_rules! gather_one_by_one {
    ($table:ident, $index:ident, $mask:ident, $otherwise:ident, $lanes:literal) => {{
        let (mut indices, mut values) = ([0.0; $lanes], [0.0; $lanes]);
        $index.store(&mut indices);
        $otherwise.store(&mut values);
        for lane in 0..$lanes {
            if $mask.bits() >> lane & 1 == 1
                && let Some(&value) = $table.get(indices[lane] as usize)
            {
                values[lane] = value;
            }
        }
        Self::load(&values)
    }};
}

mod avx2;
mod avx512;
