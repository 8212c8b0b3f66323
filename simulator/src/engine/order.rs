//! What the raster order of the pixels implies, worked out so that pixels may be computed in any order.
//!
//! Two of nanoBragg's oddities make a pixel depend on those before it. The first pass through the spindle steps is
//! known beforehand. The sample that ends interpolation is not: it is looked for while rendering, and what turns out
//! to have been rendered with interpolation after it is rendered again.

use crate::physics::Model;
use crate::physics::intensity::Inherited;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is known, in the course of one render, of the order of its pixels.
#[derive(Debug)]
pub struct Order {
    first_pass: Option<usize>,
    may_latch: bool,
    /// The first pixel known so far that switches interpolation off.
    latch: AtomicUsize,
}

impl Order {
    /// At the start of a render.
    pub fn new(model: &Model) -> Order {
        let may_latch = model.interpolate && model.factors.latch;
        Order { first_pass: model.first_pass, may_latch, latch: AtomicUsize::new(usize::MAX) }
    }

    /// Whether a pixel may switch interpolation off for those after it.
    pub fn may_latch(&self) -> bool {
        self.may_latch
    }

    /// What the pixel at a position of the image inherits, as far as is known.
    #[inline]
    pub fn inherited(&self, position: usize) -> Inherited {
        Inherited {
            first_pass: self.first_pass == Some(position),
            latched: self.may_latch && position > self.latch.load(Ordering::Relaxed),
        }
    }

    /// Notes that a pixel, rendered with interpolation at its start, has switched it off.
    #[inline]
    pub fn note_latch(&self, position: usize) {
        self.latch.fetch_min(position, Ordering::Relaxed);
    }

    /// Of a render that is done: the pixel that switched interpolation off.
    pub fn known(model: &Model, latch: usize) -> Order {
        Order { latch: AtomicUsize::new(latch), ..Order::new(model) }
    }

    /// The first pixel known so far that switches interpolation off; `usize::MAX` for none.
    pub fn latch(&self) -> usize {
        self.latch.load(Ordering::Relaxed)
    }

    /// Whether a pixel that was rendered with interpolation comes after the one that ends it.
    pub fn comes_too_late(&self, position: usize) -> bool {
        position > self.latch.load(Ordering::Relaxed)
    }
}
