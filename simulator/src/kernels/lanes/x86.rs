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

/// Comparisons and rounding of AVX-512.
macro_rules! wide {
    ($mask:ident, $bits:ident, $ceil:ident, $abs:ident, $cmp:ident, $blend:ident) => {
        #[inline(always)]
        fn ceil(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $ceil::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0) })
        }

        #[inline(always)]
        fn abs(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $abs(self.0) })
        }

        #[inline(always)]
        fn lt(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_LT_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn le(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_LE_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn eq(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_EQ_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $blend(mask.0, no.0, yes.0) })
        }

        #[inline(always)]
        fn mask(bits: u32) -> Self::Mask {
            $mask(bits as $bits)
        }
    };
}

/// Comparisons and rounding of AVX2.
macro_rules! narrow {
    ($mask:ident, $ceil:ident, $andnot:ident, $splat:ident, $cmp:ident, $blend:ident) => {
        #[inline(always)]
        fn ceil(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $ceil::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0) })
        }

        #[inline(always)]
        fn abs(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $andnot($splat(-0.0), self.0) })
        }

        #[inline(always)]
        fn lt(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_LT_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn le(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_LE_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn eq(self, other: Self) -> Self::Mask {
            // SAFETY: as above.
            $mask(unsafe { $cmp::<_CMP_EQ_OQ>(self.0, other.0) })
        }

        #[inline(always)]
        fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $blend(no.0, yes.0, mask.0) })
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

impl Lanes for F64x8 {
    common!(
        f64, 8, 4,
        Bits8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_fmsub_pd,
        _mm512_fnmadd_pd,
        _mm512_sqrt_pd
    );
    wide!(Bits8, u8, _mm512_roundscale_pd, _mm512_abs_pd, _mm512_cmp_pd_mask, _mm512_mask_blend_pd);

    /// 14 bits from the instruction, then one step of third order: 1/√x = y(1 + e/2 + 3e²/8 + 5e³/16 …), e = 1 − xy².
    #[inline(always)]
    fn rsqrt(self) -> Self {
        // SAFETY: as above.
        let y = F64x8(unsafe { _mm512_rsqrt14_pd(self.0) });
        let e = (self * y).neg_mul_add(y, Self::splat(1.0));
        let series = e.mul_add(Self::splat(0.3125), Self::splat(0.375)).mul_add(e, Self::splat(0.5));
        (y * e).mul_add(series, y)
    }

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        // SAFETY: as above.
        F64x8(unsafe { _mm512_scalef_pd(_mm512_set1_pd(1.0), n.0) })
    }

    #[inline(always)]
    fn gather(table: &[f64], index: Self, mask: Bits8, otherwise: Self) -> Self {
        if table.len() > REACH {
            return gather_one_by_one!(table, index, mask, otherwise, 8);
        }
        // SAFETY: as above; only lanes whose index, as an unsigned number, is below the length are read.
        unsafe {
            let index = _mm512_cvttpd_epi32(index.0);
            let inside = _mm256_mask_cmplt_epu32_mask(mask.0, index, _mm256_set1_epi32(table.len() as i32));
            F64x8(_mm512_mask_i32gather_pd::<8>(otherwise.0, inside, index, table.as_ptr()))
        }
    }
}

impl Lanes for F32x16 {
    common!(
        f32,
        16,
        4,
        Bits16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_fmsub_ps,
        _mm512_fnmadd_ps,
        _mm512_sqrt_ps
    );
    wide!(Bits16, u16, _mm512_roundscale_ps, _mm512_abs_ps, _mm512_cmp_ps_mask, _mm512_mask_blend_ps);

    /// 14 bits from the instruction, then one step of Newton's.
    #[inline(always)]
    fn rsqrt(self) -> Self {
        // SAFETY: as above.
        let y = F32x16(unsafe { _mm512_rsqrt14_ps(self.0) });
        let e = (self * y).neg_mul_add(y, Self::splat(1.0));
        (y * e).mul_add(Self::splat(0.5), y)
    }

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        // SAFETY: as above.
        F32x16(unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n.0) })
    }

    #[inline(always)]
    fn gather(table: &[f32], index: Self, mask: Bits16, otherwise: Self) -> Self {
        if table.len() > REACH {
            return gather_one_by_one!(table, index, mask, otherwise, 16);
        }
        // SAFETY: as above; only lanes whose index, as an unsigned number, is below the length are read.
        unsafe {
            let index = _mm512_cvttps_epi32(index.0);
            let inside = _mm512_mask_cmplt_epu32_mask(mask.0, index, _mm512_set1_epi32(table.len() as i32));
            F32x16(_mm512_mask_i32gather_ps::<4>(otherwise.0, inside, index, table.as_ptr()))
        }
    }
}

impl Lanes for F64x4 {
    common!(
        f64,
        4,
        2,
        Signs4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_fmsub_pd,
        _mm256_fnmadd_pd,
        _mm256_sqrt_pd
    );
    narrow!(Signs4, _mm256_round_pd, _mm256_andnot_pd, _mm256_set1_pd, _mm256_cmp_pd, _mm256_blendv_pd);

    #[inline(always)]
    fn rsqrt(self) -> Self {
        Self::splat(1.0) / self.sqrt()
    }

    #[inline(always)]
    fn mask(bits: u32) -> Signs4 {
        // SAFETY: as above.
        unsafe {
            let bit = _mm256_set_epi64x(8, 4, 2, 1);
            let set = _mm256_and_si256(_mm256_set1_epi64x(i64::from(bits)), bit);
            Signs4(_mm256_castsi256_pd(_mm256_cmpeq_epi64(set, bit)))
        }
    }

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let exponent = _mm_add_epi32(_mm256_cvttpd_epi32(n.0), _mm_set1_epi32(1023));
            F64x4(_mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_cvtepi32_epi64(exponent))))
        }
    }

    #[inline(always)]
    fn gather(table: &[f64], index: Self, mask: Signs4, otherwise: Self) -> Self {
        if table.len() > REACH {
            return gather_one_by_one!(table, index, mask, otherwise, 4);
        }
        let inside = mask & Self::splat(-1.0).lt(index) & index.lt(Self::splat(table.len() as f64));
        // SAFETY: as above; only lanes whose index is from 0 to below the length are read.
        unsafe {
            let index = _mm256_cvttpd_epi32(index.0);
            F64x4(_mm256_mask_i32gather_pd::<8>(otherwise.0, table.as_ptr(), index, inside.0))
        }
    }
}

impl Lanes for F32x8 {
    common!(
        f32,
        8,
        2,
        Signs8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_fmsub_ps,
        _mm256_fnmadd_ps,
        _mm256_sqrt_ps
    );
    narrow!(Signs8, _mm256_round_ps, _mm256_andnot_ps, _mm256_set1_ps, _mm256_cmp_ps, _mm256_blendv_ps);

    /// 11 bits from the instruction, then one step of Newton's.
    #[inline(always)]
    fn rsqrt(self) -> Self {
        // SAFETY: as above.
        let y = F32x8(unsafe { _mm256_rsqrt_ps(self.0) });
        let e = (self * y).neg_mul_add(y, Self::splat(1.0));
        (y * e).mul_add(Self::splat(0.5), y)
    }

    #[inline(always)]
    fn mask(bits: u32) -> Signs8 {
        // SAFETY: as above.
        unsafe {
            let bit = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
            let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), bit);
            Signs8(_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bit)))
        }
    }

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvttps_epi32(n.0), _mm256_set1_epi32(127));
            F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }

    #[inline(always)]
    fn gather(table: &[f32], index: Self, mask: Signs8, otherwise: Self) -> Self {
        if table.len() > REACH {
            return gather_one_by_one!(table, index, mask, otherwise, 8);
        }
        // SAFETY: as above; only lanes whose index, as an unsigned number, is below the length are read: it is
        // neither negative (sign bit) nor above the length less one.
        unsafe {
            let index = _mm256_cvttps_epi32(index.0);
            let last = _mm256_set1_epi32(table.len().wrapping_sub(1) as i32);
            let inside = _mm256_cmpeq_epi32(_mm256_min_epu32(index, last), index);
            let empty = if table.is_empty() { _mm256_setzero_si256() } else { inside };
            let inside = _mm256_and_ps(mask.0, _mm256_castsi256_ps(empty));
            F32x8(_mm256_mask_i32gather_ps::<4>(otherwise.0, table.as_ptr(), index, inside))
        }
    }
}
