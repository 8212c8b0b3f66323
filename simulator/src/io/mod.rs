//! Files, one format a module.

pub mod atomic;
pub(crate) mod blocks;
mod decimal;
pub mod dump;
pub mod float;
mod g_format;
pub mod hkl;
mod map;
pub mod matrix;
pub mod npy;
pub mod pgm;
pub mod png;
pub mod smv;
pub mod sources;
pub mod text;

pub use text::ReadError;
