//! Test build only: what stands for the kernels where the planted delay is compiled in. They take most of the time that the
//! library takes to compile, and nothing is measured with them there.
#![expect(clippy::panic, reason = "an image that this build cannot compute must not look like one")]

use super::combos::ANCHORS;
use super::entry::{BeginTile, FactorKind, Nodes, Render, RenderStrip, RunningSum, Sum};
use super::lattice::Form;

fn none() -> ! {
    panic!("this build is for tests of the engine rust-reference and has no other (feature planted-delay)")
}

pub(super) fn choose64<const K: usize>(_: Form, _: FactorKind) -> Sum<f64, K, 1> {
    |_, _, _, _| none()
}

pub(super) fn choose32<const K: usize>(_: Form, _: FactorKind) -> Sum<f32, K, ANCHORS> {
    |_, _, _, _| none()
}

pub(super) fn choose_running<const K: usize>(_: Form, _: FactorKind) -> RunningSum<K> {
    |_, _, _, _| none()
}

pub(super) fn render<const K: usize>() -> Render<K> {
    |_| none()
}

pub(super) fn nodes<const K: usize>() -> Nodes<K> {
    |_, _, _| none()
}

pub(super) fn begin<const K: usize>() -> BeginTile<K> {
    |_| none()
}

pub(super) fn strip<const K: usize>() -> RenderStrip<K> {
    |_| none()
}
