//! NEON of AArch64.
#![expect(unsafe_code, reason = "instructions of one instruction set")]

use super::{Isa, Lanes, Mask};
use std::arch::aarch64::*;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Not, Sub};

// SAFETY of every block in this file: the instructions exist. Vectors of these types are made only by code that is
// inlined into the functions of `entry.rs` for their level, and those are called only for a `Level` that was found
// available. Loads and stores are within slices whose length is checked.

/// The level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon;

impl Isa for Neon {
    type F64 = F64x2;
    type F32 = F32x4;

    #[inline(always)]
    fn store_narrow(x: F64x2, to: &mut [f32]) {
        let to = &mut to[..2];
        // SAFETY: as above; `to` has room for two numbers.
        unsafe { vst1_f32(to.as_mut_ptr(), vcvt_f32_f64(x.0)) }
    }
}

/// The operators and what is alike in both types.
macro_rules! vector {
    ($name:ident, $raw:ident, $real:ident, $lanes:literal, $mask:ident, $bits:ident, $add:ident, $sub:ident, $mul:ident,
     $div:ident, $splat:ident, $load:ident, $store:ident, $fma:ident, $fms:ident, $sqrt:ident, $ceil:ident, $abs:ident,
     $lt:ident, $le:ident, $eq:ident, $select:ident, $neg:ident, $and:ident, $or:ident, $xor:ident, $ones:ident,
     $load_bits:ident, $store_bits:ident, $word:ident, $bias:literal, $mantissa:literal) => {
        #[doc = concat!("Vector of ", stringify!($real), ".")]
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $name($raw);

        #[doc = "All bits of a lane set, or none."]
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $mask($bits);

        vector!(operator $name, Add, add, $add);
        vector!(operator $name, Sub, sub, $sub);
        vector!(operator $name, Mul, mul, $mul);
        vector!(operator $name, Div, div, $div);
        vector!(operator $mask, BitAnd, bitand, $and);
        vector!(operator $mask, BitOr, bitor, $or);

        impl Not for $mask {
            type Output = Self;

            #[inline(always)]
            fn not(self) -> Self {
                // SAFETY: as above.
                $mask(unsafe { $xor(self.0, $ones($word::MAX)) })
            }
        }

        impl Mask for $mask {
            #[inline(always)]
            fn bits(self) -> u32 {
                let mut lanes: [$word; $lanes] = [0; $lanes];
                // SAFETY: as above.
                unsafe { $store_bits(lanes.as_mut_ptr(), self.0) };
                let mut bits = 0;
                for (i, lane) in lanes.into_iter().enumerate() {
                    bits |= u32::from(lane != 0) << i;
                }
                bits
            }
        }

        impl Lanes for $name {
            type Real = $real;
            type Mask = $mask;
            const LANES: usize = $lanes;
            const GROUP: usize = 4;

            #[inline(always)]
            fn splat(x: $real) -> Self {
                // SAFETY: as above.
                $name(unsafe { $splat(x) })
            }

            #[inline(always)]
            fn load(from: &[$real]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: as above; `from` has as many numbers as are read.
                $name(unsafe { $load(from.as_ptr()) })
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
                $name(unsafe { $fma(c.0, self.0, b.0) })
            }

            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $neg($fms(c.0, self.0, b.0)) })
            }

            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $fms(c.0, self.0, b.0) })
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $sqrt(self.0) })
            }

            #[inline(always)]
            fn rsqrt(self) -> Self {
                Self::splat(1.0) / self.sqrt()
            }

            #[inline(always)]
            fn ceil(self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $ceil(self.0) })
            }

            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $abs(self.0) })
            }

            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $lt(self.0, other.0) })
            }

            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $le(self.0, other.0) })
            }

            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $eq(self.0, other.0) })
            }

            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $select(mask.0, yes.0, no.0) })
            }

            #[inline(always)]
            fn mask(bits: u32) -> $mask {
                let mut lanes: [$word; $lanes] = [0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate() {
                    *lane = if bits >> i & 1 == 1 { $word::MAX } else { 0 };
                }
                // SAFETY: as above.
                $mask(unsafe { $load_bits(lanes.as_ptr()) })
            }

            #[inline(always)]
            fn power_of_two(n: Self) -> Self {
                let mut lanes = [0.0; $lanes];
                n.store(&mut lanes);
                for lane in &mut lanes {
                    *lane = $real::from_bits(((*lane as i32 + $bias) as $word) << $mantissa);
                }
                Self::load(&lanes)
            }

            /// There is no such instruction: number by number.
            #[inline(always)]
            fn gather(table: &[$real], index: Self, mask: $mask, otherwise: Self) -> Self {
                let (mut indices, mut values) = ([0.0; $lanes], [0.0; $lanes]);
                index.store(&mut indices);
                otherwise.store(&mut values);
                let bits = mask.bits();
                for lane in 0..$lanes {
                    if bits >> lane & 1 == 1
                        && let Some(&value) = table.get(indices[lane] as usize)
                    {
                        values[lane] = value;
                    }
                }
                Self::load(&values)
            }
        }
    };
    (operator $name:ident, $trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for $name {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $instruction(self.0, other.0) })
            }
        }
    };
}

vector!(
    F64x2,
    float64x2_t,
    f64,
    2,
    Lanes64,
    uint64x2_t,
    vaddq_f64,
    vsubq_f64,
    vmulq_f64,
    vdivq_f64,
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    vfmaq_f64,
    vfmsq_f64,
    vsqrtq_f64,
    vrndpq_f64,
    vabsq_f64,
    vcltq_f64,
    vcleq_f64,
    vceqq_f64,
    vbslq_f64,
    vnegq_f64,
    vandq_u64,
    vorrq_u64,
    veorq_u64,
    vdupq_n_u64,
    vld1q_u64,
    vst1q_u64,
    u64,
    1023,
    52
);
vector!(
    F32x4,
    float32x4_t,
    f32,
    4,
    Lanes32,
    uint32x4_t,
    vaddq_f32,
    vsubq_f32,
    vmulq_f32,
    vdivq_f32,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vfmaq_f32,
    vfmsq_f32,
    vsqrtq_f32,
    vrndpq_f32,
    vabsq_f32,
    vcltq_f32,
    vcleq_f32,
    vceqq_f32,
    vbslq_f32,
    vnegq_f32,
    vandq_u32,
    vorrq_u32,
    veorq_u32,
    vdupq_n_u32,
    vld1q_u32,
    vst1q_u32,
    u32,
    127,
    23
);
