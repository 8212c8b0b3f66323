//! The random numbers that nanoBragg draws: the minimal standard generator of Park and Miller (1988) with the
//! shuffle of Bays and Durham, so that a seed gives the same domains and the same noise.

const MULTIPLIER: i64 = 16807;
const MODULUS: i64 = 2147483647;
const TABLE: usize = 32;
const WARM_UPS: usize = 8;
/// Range of x that one entry of the table stands for.
const SLOT: i64 = 1 + (MODULUS - 1) / TABLE as i64;
/// The largest number that is handed out.
const LARGEST: f32 = 1.0 - 1.2e-7;

/// A stream of uniform deviates.
#[derive(Clone, Debug)]
pub struct Uniform {
    x: i64,
    last: i64,
    table: [i64; TABLE],
}

impl Uniform {
    /// The stream of a seed; its sign does not count, and 0 is as 1.
    pub fn new(seed: i64) -> Uniform {
        let mut x = (seed.unsigned_abs() % MODULUS as u64).max(1) as i64;
        for _ in 0..WARM_UPS {
            x = step(x);
        }
        let mut table = [0; TABLE];
        for entry in table.iter_mut().rev() {
            x = step(x);
            *entry = x;
        }
        Uniform { x, last: table[0], table }
    }

    /// The next deviate, above 0 and below 1.
    pub fn draw(&mut self) -> f32 {
        self.x = step(self.x);
        let slot = (self.last / SLOT) as usize;
        self.last = self.table[slot];
        self.table[slot] = self.x;
        ((1.0 / MODULUS as f64 * self.last as f64) as f32).min(LARGEST)
    }
}

/// Multiplication modulo 2³¹ − 1.
fn step(x: i64) -> i64 {
    MULTIPLIER * x % MODULUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn park_and_millers_check_value() {
        // Ten thousand steps from 1 (Communications of the ACM 31, 1192).
        assert_eq!((0..10_000).fold(1, |x, _| step(x)), 1043618065);
    }

    #[test]
    fn uniform_deviates_have_their_mean_and_variance() {
        let mut stream = Uniform::new(-12345678);
        let n = 100_000;
        let (mut sum, mut sum2) = (0.0, 0.0);
        for _ in 0..n {
            let u = f64::from(stream.draw());
            assert!(u > 0.0 && u < 1.0);
            sum += u;
            sum2 += u * u;
        }
        let mean = sum / f64::from(n);
        assert!((mean - 0.5).abs() < 5.0 / (12.0 * f64::from(n)).sqrt());
        assert!((sum2 / f64::from(n) - mean * mean - 1.0 / 12.0).abs() < 2e-3);
    }
}
