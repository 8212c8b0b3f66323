//! What must hold, in times faster than nanoBragg.

/// Which figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// The pixel loop on one thread.
    Loop,
    /// The whole process on one thread.
    Whole,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) case: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) figure: Figure,
    pub(crate) at_least: f64,
}

const fn target(case: &'static str, subject: &'static str, at_least: f64) -> Target {
    Target { case, subject, figure: Figure::Loop, at_least }
}

/// With AVX2 only: 80 % of what prototypes reached.
const AVX2: f64 = 0.8;

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    target("W1", "f64 avx512", 40.0),
    target("W2", "f64 avx512", 55.0),
    target("W2", "f64 avx512, tiles", 150.0),
    target("W3", "f64 avx512", 50.0),
    target("W3", "f64 avx512, tiles", 500.0),
    target("W4", "f64 avx512", 40.0),
    target("W5", "f64 avx512", 35.0),
    target("W1", "f32 avx512", 80.0),
    target("W2", "f32 avx512", 130.0),
    target("W2", "f32 avx512, tiles", 400.0),
    target("W3", "f32 avx512", 115.0),
    target("W3", "f32 avx512, tiles", 1200.0),
    target("W4", "f32 avx512", 80.0),
    target("W5", "f32 avx512", 55.0),
    target("W1", "f64 avx2", AVX2 * 27.0),
    target("W2", "f64 avx2", AVX2 * 34.0),
    target("W3", "f64 avx2", AVX2 * 30.0),
    target("W4", "f64 avx2", AVX2 * 24.0),
    target("W5", "f64 avx2", AVX2 * 22.0),
    target("W1", "f32 avx2", AVX2 * 63.0),
    target("W2", "f32 avx2", AVX2 * 85.0),
    target("W3", "f32 avx2", AVX2 * 75.0),
    target("W4", "f32 avx2", AVX2 * 54.0),
    target("W5", "f32 avx2", AVX2 * 41.0),
    Target { case: "W1", subject: "f64 avx512", figure: Figure::Whole, at_least: 28.0 },
    Target { case: "W1", subject: "f32 avx512", figure: Figure::Whole, at_least: 38.0 },
];
