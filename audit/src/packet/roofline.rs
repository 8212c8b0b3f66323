//! Where a loop stands under the roofline: S. Williams, A. Waterman, D. Patterson, Comm. ACM 52 (2009) 65.
//!
//! Flops and bytes are counted in the optimised LLVM IR of the loop's own machine code: every floating-point addition,
//! multiplication, division and root by its lanes, a fused multiply-add twice; every load and store by its size. Every branch
//! counts once and caches do not count, so the intensity is one of instructions, a lower bound of that of memory.

use crate::evidence::Instance;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Values of one array of the measurement: 64 MiB each, larger than caches are.
const VALUES: usize = 8 << 20;
/// Best of so many.
const ROUNDS: usize = 5;

/// What the machine can do on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Bytes per second to and from memory, measured; absent when it could not be.
    pub bandwidth: Option<f64>,
    /// Floating-point operations per second in f64, from clock and width: an upper bound. Absent when the clock is not known.
    pub peak_flops: Option<f64>,
    /// Where both come from.
    pub basis: String,
}

/// A loop's position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Floating-point operations in one pass over the code.
    pub flops: u64,
    /// Bytes loaded and stored in one pass.
    pub bytes: u64,
    /// Flops per byte; absent without memory access.
    pub intensity: Option<f64>,
    /// Flops per byte above which arithmetic, not memory, is the limit.
    pub ridge: Option<f64>,
}

impl Machine {
    /// Measures the bandwidth (STREAM's triad, a = b + s·c, J. D. McCalpin 1995) and reckons the peak.
    #[must_use]
    pub fn measure(lanes: u32, instruction_set: &str) -> Self {
        let bandwidth = triad();
        let clock = clock_hz();
        let peak_flops = clock.map(|hz| hz * f64::from(lanes) * 4.0);
        let clock = clock.map_or("not known".to_string(), |hz| format!("{:.2} GHz", hz / 1e9));
        let basis = format!(
            "bandwidth: triad a = b + s·c over three arrays of {} MiB, one thread, best of {ROUNDS}, measured now; peak: clock {clock} × {lanes} lanes of f64 ({instruction_set}) × 2 units × 2 for multiply-add, an upper bound",
            (VALUES * 8) >> 20
        );
        Self { bandwidth, peak_flops, basis }
    }

    /// Flops per byte at which the two limits meet.
    #[must_use]
    pub fn ridge(&self) -> Option<f64> {
        self.peak_flops.zip(self.bandwidth).filter(|(_, b)| *b > 0.0).map(|(p, b)| p / b)
    }
}

impl Roofline {
    /// Of one instance of a loop; `None` without counts.
    #[must_use]
    pub fn of(instance: &Instance, machine: &Machine) -> Option<Self> {
        let (flops, bytes) = (instance.flops, instance.bytes);
        (flops + bytes > 0).then(|| Self {
            flops,
            bytes,
            intensity: (bytes > 0).then(|| flops as f64 / bytes as f64),
            ridge: machine.ridge(),
        })
    }

    /// The position in words.
    #[must_use]
    pub fn verdict(&self) -> String {
        match (self.intensity, self.ridge) {
            (None, _) => "it works in registers alone: arithmetic is the limit".into(),
            (Some(i), Some(ridge)) if i < ridge => format!(
                "{i:.2} flops a byte, left of the ridge at {ridge:.1}: if its data comes from memory, memory is the limit and lanes give little; if from caches, loads and stores are"
            ),
            (Some(i), Some(ridge)) => {
                format!(
                    "{i:.2} flops a byte, right of the ridge at {ridge:.1}: arithmetic is the limit, and lanes pay"
                )
            }
            (Some(i), None) => format!("{i:.2} flops a byte; the ridge of this machine is not known"),
        }
    }
}

/// Bytes per second of a = b + s·c.
fn triad() -> Option<f64> {
    let (b, c) = (vec![1.5f64; VALUES], vec![2.5f64; VALUES]);
    let mut a = vec![0.0f64; VALUES];
    let mut best: Option<f64> = None;
    for round in 0..ROUNDS {
        let s = 1.0 + round as f64;
        let start = Instant::now();
        for ((a, b), c) in a.iter_mut().zip(&b).zip(&c) {
            *a = b + s * c;
        }
        std::hint::black_box(&a);
        let seconds = start.elapsed().as_secs_f64();
        let rate = (seconds > 0.0).then(|| (3 * VALUES * 8) as f64 / seconds);
        best = rate.into_iter().chain(best).reduce(f64::max);
    }
    best
}

/// The processor's clock now, from the kernel.
fn clock_hz() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("cpu MHz"))?;
    line.split(':').nth(1)?.trim().parse::<f64>().ok().map(|mhz| mhz * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CodeState, Instance};

    #[test]
    fn both_sides_of_the_ridge() {
        let machine = Machine { bandwidth: Some(10e9), peak_flops: Some(40e9), basis: String::new() };
        assert_eq!(machine.ridge(), Some(4.0));
        let instance = |flops, bytes| Instance { flops, bytes, ..Instance::of(CodeState::Scalar) };
        // daxpy: 2 flops, two loads and a store of 8 bytes
        let daxpy = Roofline::of(&instance(2, 24), &machine).unwrap();
        assert!(
            (daxpy.intensity.unwrap() - 1.0 / 12.0).abs() < 1e-15
                && daxpy.verdict().contains("left of the ridge")
        );
        assert!(Roofline::of(&instance(100, 8), &machine).unwrap().verdict().contains("right of the ridge"));
        assert_eq!(Roofline::of(&instance(0, 0), &machine), None);
    }
}
