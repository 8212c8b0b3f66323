//! Loops that the compiler turns into vector instructions, in several widths: that of every processor of
//! the architecture, AVX2 and AVX-512 where they are there. All do the same operations in the same order: the same digits.

/// Defines functions over a pixel type that choose their width when they are called.
macro_rules! wide {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident<$t:ident: $bound:ident>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $($(#[$meta])*
        $visibility fn $name<$t: $bound>($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body<$t: $bound>($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<$t: $bound>($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
                fn avx512<$t: $bound>($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                let detected = std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                    && std::arch::is_x86_feature_detected!("avx512bw");
                if detected {
                    #[expect(unsafe_code, reason = "instructions that not every processor has")]
                    // SAFETY: the processor has these parts of AVX-512, as was just seen.
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

pub(super) use wide;
