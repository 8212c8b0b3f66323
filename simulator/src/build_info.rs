//! What this build was made of, as the stamps of the audit record it. `build.rs` finds it out.

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// SHA-256 (hexadecimal) over the sources of both engines: `src/`, `c_engine/` and `build.rs`, by path.
pub const SOURCE_HASH: &str = env!("NANOBRAGG_SOURCE_HASH");

/// SHA-256 (hexadecimal) over the sources of the C engine alone.
pub const C_SOURCE_HASH: &str = env!("NANOBRAGG_C_SOURCE_HASH");

/// The C compiler's own version line.
pub const C_COMPILER: &str = env!("NANOBRAGG_C_COMPILER");

/// The flags that the C engine was compiled with, separated by spaces.
pub const C_FLAGS: &str = env!("NANOBRAGG_C_FLAGS");

/// Whether the C engine was compiled with OpenMP; without it, it runs on one thread.
pub const C_OPENMP: bool = matches!(env!("NANOBRAGG_C_OPENMP").as_bytes(), b"true");

/// The Rust compiler's own version line.
pub const RUSTC: &str = env!("NANOBRAGG_RUSTC");

/// Cargo's profile: `release` or `debug` (profiles of other names report the one they inherit from).
pub const PROFILE: &str = env!("NANOBRAGG_PROFILE");

/// The target triple.
pub const TARGET: &str = env!("NANOBRAGG_TARGET");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_engine_is_compiled_with_the_flags_that_it_is_compared_under() {
        for flag in ["-O3", "-ffp-contract=off"] {
            assert!(C_FLAGS.split(' ').any(|f| f == flag), "{flag} is missing in {C_FLAGS}");
        }
        assert!(!C_FLAGS.contains("-ffast-math"), "{C_FLAGS}");
        assert_eq!(C_FLAGS.contains("-fopenmp"), C_OPENMP);
    }

    #[test]
    fn hashes_are_sha256_and_differ() {
        for hash in [SOURCE_HASH, C_SOURCE_HASH] {
            assert_eq!(hash.len(), 64);
            assert!(hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
        }
        assert_ne!(SOURCE_HASH, C_SOURCE_HASH);
    }
}
