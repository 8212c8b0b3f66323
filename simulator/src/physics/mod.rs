//! The physics of the diffraction image, one file an idea, in scalar f64 and in the order of the equations.
//!
//! Inside: metres, radians, seconds, photons; reciprocal lengths of the cell in 1/Å until the direct vectors are
//! scaled to metres. Nothing here knows of engines, files or tracing.

pub mod absorption;
pub mod background;
pub mod beam;
pub mod crystal;
pub mod detector;
pub mod intensity;
pub mod kept;
pub mod lattice;
pub mod model;
pub mod mosaic;
pub mod noise;
pub mod polarization;
pub mod random;
pub mod spindle;
pub mod steps;
pub mod structure_factor;
pub mod tap;
pub mod vector;

pub use model::{Model, ModelError};
