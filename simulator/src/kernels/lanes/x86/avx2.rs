//! AVX2.
#![expect(unsafe_code, reason = "instructions of one instruction set")]

use super::*;

// SAFETY of every block in this file: as in the module above.

/// Comparisons and rounding of AVX2.
macro_rules! narrow {
    ($mask:ident, $ceil:ident, $andnot:ident, $splat:ident, $cmp:ident, $blend:ident, $first:ident, $and:ident, $or:ident) => {
        #[inline(always)]
        fn first(self) -> Self::Real {
            // SAFETY: as above.
            unsafe { $first(self.0) }
        }

        #[inline(always)]
        fn with_sign_of(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $or(self.0, $and($splat(-0.0), other.0)) })
        }

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
    narrow!(
        Signs4,
        _mm256_round_pd,
        _mm256_andnot_pd,
        _mm256_set1_pd,
        _mm256_cmp_pd,
        _mm256_blendv_pd,
        _mm256_cvtsd_f64,
        _mm256_and_pd,
        _mm256_or_pd
    );

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
    narrow!(
        Signs8,
        _mm256_round_ps,
        _mm256_andnot_ps,
        _mm256_set1_ps,
        _mm256_cmp_ps,
        _mm256_blendv_ps,
        _mm256_cvtss_f32,
        _mm256_and_ps,
        _mm256_or_ps
    );

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
