//! Parity first, then speed: runs two engines side by side on the same cases, judges whether they give the same
//! answer, and only then says which loops of the candidate to work on. Each phase leaves a stamp of evidence.

pub mod backlog;
pub mod bisect;
pub mod capture;
pub mod case;
pub mod child;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod config;
pub mod diagnose;
pub mod engines;
pub mod environment;
pub mod evidence;
pub mod exit;
pub mod formats;
pub mod gates;
pub mod hash;
pub mod hot_loops;
pub mod image_cache;
pub mod interrupt;
pub mod inventory;
pub mod ledger;
pub mod metrics;
pub mod mutants;
pub mod packet;
pub mod paths;
pub mod phases;
pub mod pictures;
pub mod profile;
pub mod progress;
pub mod report;
pub mod stamp;
pub mod stats;
pub mod suite;
pub mod tests_list;
