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
