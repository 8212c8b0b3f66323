//! The reference engine: [`crate::physics`], pixel by pixel.

use super::{Engine, Explanation, Order};
use crate::physics::Model;
use crate::physics::intensity;
use crate::physics::tap::NoTap;

/// What it says to who asks for f32.
const NOT_F32: &str = "rust-reference computes in f64 alone";

/// Scalar f64, as the equations read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Engine for Reference {
    fn name(&self) -> &'static str {
        "rust-reference"
    }

    #[inline(never)]
    fn render_band(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        let width = model.geometry.pixels[0];
        let mut last_unlatched = None;
        #[cfg(feature = "planted-delay")]
        let mut delay = super::planted::Delay::new();
        for (spixel, row) in (first_row..).zip(out.chunks_exact_mut(width)) {
            for (fpixel, value) in row.iter_mut().enumerate() {
                #[cfg(feature = "planted-delay")]
                delay.spend(fpixel);
                if !model.computes(fpixel, spixel) {
                    *value = 0.0;
                    continue;
                }
                let position = spixel * width + fpixel;
                let inherited = order.inherited(position);
                let pixel = intensity::pixel(model, fpixel, spixel, inherited, &mut NoTap);
                if !inherited.latched {
                    last_unlatched = Some(position);
                    if pixel.latched {
                        order.note_latch(position);
                    }
                }
                *value = pixel.value as f32;
            }
        }
        last_unlatched
    }

    fn explain(&self, _: &Model) -> Explanation {
        let lines = vec!["every pixel by itself, as the equations read".to_owned()];
        let (level, dtype, not_f32) = ("scalar", "f64", Some(NOT_F32));
        Explanation { engine: self.name(), level, dtype, not_f32, tile_edge: None, lines }
    }
}
