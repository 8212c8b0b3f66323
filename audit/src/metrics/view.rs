//! What is measured: an image or a rectangle of it, read strip by strip in its own type.

use super::CompareError;
use crate::formats::{Array2, Element, Shape};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A rectangle of pixels: fast from `x0` to `x1` and slow from `y0` to `y1`, the ends left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "explained above")]
pub struct Roi {
    pub x0: usize,
    pub x1: usize,
    pub y0: usize,
    pub y1: usize,
}

impl Roi {
    /// The whole image.
    #[must_use]
    pub fn full(shape: Shape) -> Self {
        Self { x0: 0, x1: shape.width, y0: 0, y1: shape.height }
    }

    /// Width and height.
    #[must_use]
    pub fn shape(self) -> Shape {
        Shape::new(self.x1.saturating_sub(self.x0), self.y1.saturating_sub(self.y0))
    }
}

/// Rows of two images, side by side.
pub(super) struct Rows<'a, T: Clone> {
    a: Cow<'a, [T]>,
    b: Cow<'a, [T]>,
    strides: [usize; 2],
    width: usize,
    /// How many rows.
    pub(super) count: usize,
}

impl<T: Clone> Rows<'_, T> {
    /// One row of both.
    pub(super) fn row(&self, r: usize) -> (&[T], &[T]) {
        let [sa, sb] = self.strides;
        (&self.a[r * sa..][..self.width], &self.b[r * sb..][..self.width])
    }
}

/// A value that metrics can be taken of.
pub(super) trait Pixel: Copy + Send + Sync + PartialOrd + 'static {
    /// As f64, exactly.
    fn wide(self) -> f64;
    /// As f32, rounded.
    fn single(self) -> f32;
    /// Rows of a pair whose images both hold this type.
    fn rows<'a>(pair: &'a Pair<'a>, y: usize, count: usize) -> Rows<'a, Self>;
}

impl Pixel for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn single(self) -> f32 {
        self
    }
    fn rows<'a>(pair: &'a Pair<'a>, y: usize, count: usize) -> Rows<'a, Self> {
        let whole = |array: &'a Array2| array.as_f32().unwrap_or_default();
        pair.borrowed(whole(pair.a), whole(pair.b), y, count)
    }
}

impl Pixel for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn single(self) -> f32 {
        self as f32
    }
    fn rows<'a>(pair: &'a Pair<'a>, y: usize, count: usize) -> Rows<'a, Self> {
        if pair.scale == 1.0
            && let (Some(a), Some(b)) = (pair.a.as_f64(), pair.b.as_f64())
        {
            return pair.borrowed(a, b, y, count);
        }
        let width = pair.shape().width;
        let copied = |array: &Array2| {
            let mut out = vec![0.0; width * count];
            for (r, row) in out.chunks_exact_mut(width).enumerate() {
                array.read_into((y + pair.roi.y0 + r) * array.width() + pair.roi.x0, row);
                row.iter_mut().for_each(|v| *v *= pair.scale);
            }
            out
        };
        Rows {
            a: Cow::Owned(copied(pair.a)),
            b: Cow::Owned(copied(pair.b)),
            strides: [width; 2],
            width,
            count,
        }
    }
}

/// Two images of one shape, and the rectangle that is compared.
pub(super) struct Pair<'a> {
    pub(super) a: &'a Array2,
    pub(super) b: &'a Array2,
    pub(super) roi: Roi,
    /// A power of two that brings f64 images of extreme size to where squares neither overflow nor vanish.
    pub(super) scale: f64,
}

impl<'a> Pair<'a> {
    pub(super) fn new(a: &'a Array2, b: &'a Array2, roi: Option<Roi>) -> Result<Self, CompareError> {
        if a.shape() != b.shape() {
            let (reference, candidate) = (a.shape().to_string(), b.shape().to_string());
            return Err(CompareError::Shape { reference, candidate });
        }
        let roi = roi.unwrap_or_else(|| Roi::full(a.shape()));
        if roi.x0 >= roi.x1 || roi.y0 >= roi.y1 || roi.x1 > a.width() || roi.y1 > a.height() {
            return Err(CompareError::Roi { roi, shape: a.shape() });
        }
        let mut pair = Self { a, b, roi, scale: 1.0 };
        if a.element() == Element::F64 || b.element() == Element::F64 {
            let top = pair.largest();
            if top > 0.0 && !(1e-20..1e20).contains(&top) {
                pair.scale = (-top.log2().floor()).clamp(-1000.0, 1000.0).exp2();
            }
        }
        Ok(pair)
    }

    /// Whether both hold f32 as this machine stores them.
    pub(super) fn single(&self) -> bool {
        self.a.as_f32().is_some() && self.b.as_f32().is_some()
    }

    /// Width and height of what is compared.
    pub(super) fn shape(&self) -> Shape {
        self.roi.shape()
    }

    /// The largest finite magnitude in either.
    fn largest(&self) -> f64 {
        let mut top = 0.0_f64;
        let height = self.shape().height;
        for y in 0..height {
            let rows = f64::rows(self, y, 1);
            let (a, b) = rows.row(0);
            for v in a.iter().chain(b).filter(|v| v.is_finite()) {
                top = top.max(v.abs());
            }
        }
        top
    }

    fn borrowed<T: Clone>(&self, a: &'a [T], b: &'a [T], y: usize, count: usize) -> Rows<'a, T> {
        let width = self.shape().width;
        let stride = self.a.width();
        let start = (self.roi.y0 + y) * stride + self.roi.x0;
        let end = start + (count - 1) * stride + width;
        Rows {
            a: Cow::Borrowed(&a[start..end]),
            b: Cow::Borrowed(&b[start..end]),
            strides: [stride; 2],
            width,
            count,
        }
    }
}
