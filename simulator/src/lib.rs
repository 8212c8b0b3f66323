//! Diffraction images of small crystals, pixel by pixel, in photons: a drop-in for the C program nanoBragg.
//!
//! [`experiment`] says what is simulated, [`physics`] how, [`engine`] runs it, [`cli`] is nanoBragg's command line.
//!
//! # Example
//!
//! The spot at the direct beam of a cubic crystal of 5 × 5 × 5 cells, on a detector of 9 × 9 pixels:
//!
//! ```
//! use nanobragg::experiment::{Cell, Crystal, Detector, Experiment, Sampling};
//! use nanobragg::Simulator;
//!
//! let experiment = Experiment {
//!     crystal: Crystal {
//!         cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)), // Å and degrees
//!         cells: [Some(5); 3],
//!         default_f: 100.0, // electrons
//!         ..Crystal::default()
//!     },
//!     detector: Detector { pixels: [Some(9), Some(9)], distance: 0.1, pixel: 4e-5, ..Detector::default() },
//!     sampling: Sampling { oversample: Some(1), ..Sampling::default() },
//!     ..Experiment::default()
//! };
//! let mut simulator = Simulator::new(&experiment)?; // the set-up, once
//! let mut image = vec![0.0; 9 * 9]; // photons, slow-major
//! simulator.render_into(&mut image)?;
//!
//! let top = image.iter().copied().fold(0.0, f32::max);
//! let rows: Vec<String> = image
//!     .chunks(9)
//!     .map(|row| row.iter().map(|x| [' ', '.', '+', '#'][(3.99 * (x / top).sqrt()) as usize]).collect())
//!     .collect();
//! assert_eq!(
//!     rows,
//!     [
//!         "         ",
//!         "         ",
//!         "  ...+...",
//!         "  .++#++.",
//!         "  .+###+.",
//!         "  +#####+",
//!         "  .+###+.",
//!         "  .++#++.",
//!         "  ...+...",
//!     ]
//! );
//!
//! // The set-up is kept: this only renders.
//! simulator.render_into(&mut image)?;
//!
//! // Another distance: the sources, the orientations of the crystal and so on stay as they are.
//! let further = Experiment { detector: Detector { distance: 0.2, ..experiment.detector.clone() }, ..experiment };
//! simulator.change(&further)?;
//! simulator.render_into(&mut image)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod buffer;
pub mod build_info;
pub mod c_engine;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod image;
pub mod io;
pub mod kernels;
pub mod memory;
pub mod oddities;
pub mod physics;
pub mod source_hash;
pub mod spans;
pub mod statistics;
pub mod units;
mod wide;

pub use engine::Simulator;
pub use experiment::Experiment;
