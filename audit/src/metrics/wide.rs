//! Loops that the compiler turns into vector instructions, in two widths: that of every processor of the
//! architecture, and AVX2 where it is there. Both do the same operations in the same order: the same digits.

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
