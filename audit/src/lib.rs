//! bragg-audit

pub mod hot_loops;
pub mod inventory;
pub mod profile;
