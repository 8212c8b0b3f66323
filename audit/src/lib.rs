//! bragg-audit

pub mod inventory;
