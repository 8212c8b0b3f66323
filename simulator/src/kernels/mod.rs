//! The sum over all combinations of source, spindle step and mosaic domain, many pixels at a time.
//!
//! The kernels compute what [`crate::physics::intensity`] defines, rearranged so that little is left to do for each
//! term:
//!
//! - Along a row of pixels x = x₀ + f·**fast**, where x₀ is the row's point nearest to the crystal, and
//!   h = **a**·q = A·f/R + B/R − C with A = **a**·**fast**/λ, B = **a**·x₀/λ, C = **a**·**s**/λ: two fused
//!   multiplications and additions for each Miller index.
//! - F_latt² has the period 1 in each index: r = h − nearest(h) is exact. For N cells it is the square of a Chebyshev
//!   polynomial in cos 2πr (`lattice`), and cos 2πr a polynomial in r (`math`).
//! - In f32 the index of a block's centre is computed and reduced in f64; what is left is small (`combos`).
//!
//! Everything is written once over the vectors of `lanes`, compiled for each [`Level`] in `entry`, and chosen when
//! the program runs.

#![cfg_attr(
    feature = "planted-delay",
    expect(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "only the kernels need it, which this build does not have"
    )
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over the vectors of a group, the coordinates and the axes read like the equations"
)]

pub(crate) mod add;
pub(crate) mod aligned;
pub(crate) mod block;
pub(crate) mod combos;
pub(crate) mod entry;
pub(crate) mod factor;
pub(crate) mod lanes;
pub(crate) mod lattice;
mod level;
mod line;
pub(crate) mod math;
#[cfg(feature = "planted-delay")]
mod no_kernels;
pub(crate) mod plan;
pub(crate) mod scratch;
pub(crate) mod slim;
pub(crate) mod smooth;
mod source;
pub(crate) mod sum;
pub(crate) mod tiles;

pub(crate) use level::Here;
pub use level::{Level, LevelError};

/// Type of the numbers inside the sum. Coordinates, phases and images of more than one sum are always computed in f64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// 53 bits.
    #[default]
    F64,
    /// 24 bits.
    F32,
}

impl Dtype {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F64 => "f64",
            Dtype::F32 => "f32",
        }
    }
}
