//! Fast sums over sources, orientations and pixels.

pub mod tiles;
