//! Diffraction images of small crystals, pixel by pixel, in photons: a drop-in for the C program nanoBragg.
//!
//! [`experiment`] says what is simulated, [`physics`] how, [`engine`] runs it, [`cli`] is nanoBragg's command line.

pub mod build_info;
pub mod c_engine;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod image;
pub mod io;
pub mod memory;
pub mod oddities;
pub mod physics;
pub mod source_hash;
pub mod spans;
pub mod units;

pub use engine::Simulator;
pub use experiment::Experiment;
