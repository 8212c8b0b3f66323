//! Parity first, then speed: runs two engines side by side on the same cases, judges whether they give the same
//! answer, and only then says which loops of the candidate to work on. Each phase leaves a stamp of evidence.

pub mod case;
pub mod config;
pub mod engines;
pub mod exit;
pub mod gates;
pub mod hash;
pub mod images;
pub mod interrupt;
pub mod inventory;
pub mod ledger;
pub mod metrics;
pub mod progress;
pub mod stamp;
pub mod stats;
