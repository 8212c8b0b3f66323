//! The engines, levels and types of numbers that are held against the scalar engine.

use crate::bound::{F64, Precision};
use nanobragg::{Experiment, Simulator};

/// An experiment on a number of threads.
type Render = Box<dyn Fn(&Experiment, usize) -> Vec<f32>>;

/// One way to render.
pub(crate) struct Variant {
    pub(crate) name: String,
    /// What its bound is made with.
    pub(crate) precision: Precision,
    /// What a pixel may be off by besides, as a share of the brightest pixel.
    pub(crate) of_brightest: f64,
    render: Render,
}

impl Variant {
    /// The image, slow-major, on a number of threads.
    pub(crate) fn render(&self, experiment: &Experiment, threads: usize) -> Vec<f32> {
        (self.render)(experiment, threads)
    }
}

/// All that this machine can run.
pub(crate) fn all() -> Vec<Variant> {
    vec![Variant {
        name: "rust-reference".to_owned(),
        precision: F64,
        of_brightest: 0.0,
        render: Box::new(|experiment, threads| {
            Simulator::with_threads(experiment, threads).expect("a possible experiment").render()
        }),
    }]
}
