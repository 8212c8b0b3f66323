//! Bands that are written while they are rendered: the same image from any number of threads, and nothing in it of the
//! render before, whose memory they have.

use nanobragg::Simulator;
use nanobragg::engine::Choice;
use nanobragg::experiment::{Beam, Cell, Crystal, Detector, Experiment, Sampling};
use std::sync::{Mutex, PoisonError};

/// A smooth image, worth tiles, of which a band is as large as memory that is kept.
fn smooth(spread: f64, roi: Option<[u32; 4]>) -> Experiment {
    Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0)),
            cells: [Some(5); 3],
            default_f: 100.0,
            mosaic_spread: Some(spread),
            mosaic_domains: Some(30),
            ..Crystal::default()
        },
        beam: Beam { wavelength: 6.2e-10, ..Beam::default() },
        detector: Detector { pixels: [Some(1024), Some(700)], ..Detector::default() },
        sampling: Sampling { oversample: Some(1), roi, ..Sampling::default() },
        ..Experiment::default()
    }
}

/// The image put together of what a sink is given; NaN where it is given nothing.
fn streamed(simulator: &Simulator) -> std::io::Result<Vec<f32>> {
    let [fast, slow] = simulator.size();
    let image = Mutex::new(vec![f32::NAN; fast * slow]);
    let put = |first: usize, pixels: &[f32]| {
        assert!(first.is_multiple_of(fast) && pixels.len().is_multiple_of(fast), "whole rows");
        let mut image = image.lock().unwrap_or_else(PoisonError::into_inner);
        image[first..first + pixels.len()].copy_from_slice(pixels);
        Ok(())
    };
    simulator.render_to(&put, None)?;
    Ok(image.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn memory_of_the_render_before_leaves_no_trace() -> Result<(), Box<dyn std::error::Error>> {
    let first = smooth(0.01, None);
    for tiles in [true, false] {
        let choice = Choice { tiles, ..Choice::default() };
        let mut images = Vec::new();
        for threads in [1, 2, 3] {
            let mut simulator = Simulator::with(&first, threads, &choice)?;
            assert_eq!(simulator.explain().tile_edge.is_some(), tiles);
            let whole = streamed(&simulator)?;
            assert!(whole == simulator.render(), "{threads} threads");
            // Dimmer elsewhere, and dark around: whatever is left of the first image is too bright.
            let second = smooth(0.02, Some([100, 901, 7, 650]));
            simulator.change(&second)?;
            let part = streamed(&simulator)?;
            let rows = 7 * 1024..651 * 1024;
            assert!(part[rows.clone()] == simulator.render()[rows.clone()], "{threads} threads");
            assert!(part[..rows.start].iter().chain(&part[rows.end..]).all(|value| value.is_nan()));
            assert!(part[rows].chunks(1024).all(|row| row[..100].iter().all(|&value| value == 0.0)));
            simulator.change(&first)?;
            assert!(streamed(&simulator)? == whole, "{threads} threads");
            images.push(whole);
        }
        assert!(images.iter().all(|image| *image == images[0]));
    }
    Ok(())
}
