//! Loops that the compiler turns into vector instructions, in three widths: that of every processor of the architecture,
//! AVX2 and AVX-512 where they are there. All do the same operations in the same order, so that results are the same bit
//! by bit.

/// Defines functions that choose their width when they are called. The body must be one that the compiler vectorises
/// by itself.
macro_rules! wide {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $($(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                if $crate::wide::has_avx512() {
                    #[expect(unsafe_code, reason = "instructions that not every processor has")]
                    // SAFETY: the processor has them, as was just seen.
                    return unsafe { avx512($($argument),*) };
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    #[expect(unsafe_code, reason = "instructions that not every processor has")]
                    // SAFETY: the processor has AVX2, as was just seen.
                    return unsafe { avx2($($argument),*) };
                }
            }
            body($($argument),*)
        })*
    };
}

/// Whether the processor has the parts of AVX-512 that are used here.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
}

pub(crate) use wide;
