//! AVX-512.
#![expect(unsafe_code, reason = "instructions of one instruction set")]

use super::*;

// SAFETY of every block in this file: as in the module above.

/// Comparisons and rounding of AVX-512.
macro_rules! wide {
    ($mask:ident, $bits:ident, $ceil:ident, $abs:ident, $cmp:ident, $blend:ident, $first:ident, $splat:ident, $and:ident,
     $or:ident, $reduce:ident) => {
        #[inline(always)]
        fn off_nearest(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { $reduce::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
        }

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

impl Lanes for F64x8 {
    common!(
        f64,
        8,
        4,
        Bits8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_fmsub_pd,
        _mm512_fnmadd_pd,
        _mm512_sqrt_pd
    );
    wide!(
        Bits8,
        u8,
        _mm512_roundscale_pd,
        _mm512_abs_pd,
        _mm512_cmp_pd_mask,
        _mm512_mask_blend_pd,
        _mm512_cvtsd_f64,
        _mm512_set1_pd,
        _mm512_and_pd,
        _mm512_or_pd,
        _mm512_reduce_pd
    );

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
    wide!(
        Bits16,
        u16,
        _mm512_roundscale_ps,
        _mm512_abs_ps,
        _mm512_cmp_ps_mask,
        _mm512_mask_blend_ps,
        _mm512_cvtss_f32,
        _mm512_set1_ps,
        _mm512_and_ps,
        _mm512_or_ps,
        _mm512_reduce_ps
    );

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
