//! Buffers and stack frames that begin at a cache line: a vector that lies across two lines takes twice as long to load.

use crate::kernels::lanes::Real;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// Numbers from the beginning of a cache line on.
#[derive(Debug, Default)]
pub(crate) struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Aligned<T> {
    /// As many zeros.
    pub(crate) fn zeros(len: usize) -> Aligned<T> {
        let mut new = Aligned { buffer: Vec::new(), start: 0, len: 0 };
        new.resize(len);
        new
    }

    /// Changes the length; what is in it afterwards is anything.
    pub(crate) fn resize(&mut self, len: usize) {
        let enough = len + LINE / size_of::<T>();
        if self.buffer.len() < enough {
            self.buffer = vec![T::default(); enough];
            self.start = self.buffer.as_ptr().align_offset(LINE).min(enough - len);
        }
        self.len = len;
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.buffer[self.start..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.len]
    }
}

/// A variable that makes the compiler align the stack frame of the function that it is inlined into.
///
/// The compiler finds out that vectors do not fit into the registers when it is too late for that, and then keeps them
/// wherever the caller's frame ended: across two lines, or not, by the depth of the stack. The same term then took 2.0 to
/// 2.7 ns.
#[inline(always)]
pub(crate) fn align_frame() {
    #[repr(align(64))]
    struct Line(#[expect(dead_code, reason = "it is there for its place")] [u8; LINE]);
    black_box(&MaybeUninit::<Line>::uninit());
}
