//! Files, one format a module.

pub mod atomic;
pub mod float;
