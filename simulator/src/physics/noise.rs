//! Photon counting noise: Poisson deviates of each pixel's mean.

use super::random::Uniform;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;
use std::f64::consts::PI;

/// Means above this are taken as Gaussian.
const GAUSSIAN_ABOVE: f32 = 1e6;
/// Means below this are drawn by multiplying uniform deviates.
const DIRECT_BELOW: f32 = 12.0;
/// Share of the comparison function that the rejection method uses.
const REJECTION: f64 = 0.9;
/// Words of 32 bits that the seed of a pixel takes.
const SEED_WORDS: u128 = 2;

/// Uniform deviates above 0 and below 1.
pub trait Stream {
    /// The next one.
    fn uniform(&mut self) -> f32;
}

impl Stream for Uniform {
    fn uniform(&mut self) -> f32 {
        self.draw()
    }
}

/// A counter-based stream: every pixel has a generator of its own (SplitMix64), whose seed stands at the pixel's place
/// in the stream of its row (ChaCha with 8 rounds). So the noise of a pixel depends on nothing but the seed, its position
/// and its mean, however many numbers the pixels before it took.
#[derive(Debug)]
pub struct Counter {
    row: ChaCha8Rng,
    pixel: SplitMix64,
}

impl Counter {
    /// The stream of a pixel.
    pub fn new(seed: i64, spixel: usize, fpixel: usize) -> Counter {
        let mut row = ChaCha8Rng::seed_from_u64(seed as u64);
        row.set_stream(spixel as u64);
        row.set_word_pos(SEED_WORDS * fpixel as u128);
        let pixel = SplitMix64::seed_from_u64(row.next_u64());
        Counter { row, pixel }
    }

    /// Goes on to the next pixel of the row.
    pub fn next_pixel(&mut self) {
        self.pixel = SplitMix64::seed_from_u64(self.row.next_u64());
    }
}

impl Stream for Counter {
    fn uniform(&mut self) -> f32 {
        // 24 bits are what an f32 holds; a half keeps 0 and 1 out.
        ((f64::from((self.pixel.next_u64() >> 40) as u32) + 0.5) / f64::from(1 << 24)) as f32
    }
}

/// Draws Poisson deviates as nanoBragg does: variables f32, the arithmetic between them f64.
#[derive(Debug)]
pub struct Poisson<S> {
    stream: S,
    /// Gaussian deviates come in pairs.
    kept: Option<f32>,
}

impl<S: Stream> Poisson<S> {
    /// With a stream of uniform deviates.
    pub fn new(stream: S) -> Poisson<S> {
        Poisson { stream, kept: None }
    }

    /// The stream, to move it; a Gaussian deviate that was kept is dropped.
    pub fn stream(&mut self) -> &mut S {
        self.kept = None;
        &mut self.stream
    }

    /// A number of photons where `mean` are expected.
    pub fn draw(&mut self, mean: f32) -> f32 {
        // No comparison below would ever end with a mean that is not a number.
        let mean = if mean.is_nan() { 0.0 } else { mean };
        if mean > GAUSSIAN_ABOVE {
            let mean64 = f64::from(mean);
            return (mean64 + mean64.sqrt() * f64::from(self.gaussian())) as f32;
        }
        if mean < DIRECT_BELOW { self.direct(mean) } else { self.rejection(mean) }
    }

    /// Counts how many uniform deviates can be multiplied before the product falls to exp(−mean).
    fn direct(&mut self, mean: f32) -> f32 {
        let mut product = self.stream.uniform();
        // exp(−m) is not less than 1 − m: dim pixels need no exponential.
        if f64::from(product) <= 1.0 - f64::from(mean) {
            return 0.0;
        }
        let limit = (-f64::from(mean)).exp() as f32;
        let mut count = 0.0;
        while product > limit {
            count += 1.0;
            product *= self.stream.uniform();
        }
        count
    }

    /// Deviates of a Lorentzian, some of which are thrown away.
    fn rejection(&mut self, mean: f32) -> f32 {
        let mean64 = f64::from(mean);
        let width = (2.0 * mean64).sqrt() as f32;
        let log_mean = mean64.ln() as f32;
        let top = mean * log_mean - ln_gamma(mean + 1.0);
        loop {
            let y = (PI * f64::from(self.stream.uniform())).tan() as f32;
            let count = width * y + mean;
            if count < 0.0 {
                continue;
            }
            let count = count.floor();
            let y64 = f64::from(y);
            let ratio = count * log_mean - ln_gamma(count + 1.0) - top;
            let accepted = (REJECTION * (1.0 + y64 * y64) * f64::from(ratio).exp()) as f32;
            if self.stream.uniform() <= accepted {
                return count;
            }
        }
    }

    /// A deviate of the normal distribution (Box and Muller's polar form).
    pub fn gaussian(&mut self) -> f32 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let mut symmetric = || (2.0 * f64::from(self.stream.uniform()) - 1.0) as f32;
            let (v1, v2) = (symmetric(), symmetric());
            let radius2 = v1 * v1 + v2 * v2;
            if radius2 > 0.0 && radius2 < 1.0 {
                let r2 = f64::from(radius2);
                let scale = (-2.0 * r2.ln() / r2).sqrt() as f32;
                self.kept = Some(v1 * scale);
                return v2 * scale;
            }
        }
    }
}

/// ln Γ(x) for x > 0 (Lanczos, six terms).
pub fn ln_gamma(x: f32) -> f32 {
    const TERMS: [f64; 6] = [
        76.18009172947146,
        -86.50532032941677,
        24.01409824083091,
        -1.231739572450155,
        1.208650973866179e-3,
        -5.395239384953e-6,
    ];
    let x = f64::from(x);
    let shifted = x + 5.5;
    let exponent = shifted - (x + 0.5) * shifted.ln();
    let mut series = 1.000000000190015;
    let mut y = x;
    for term in TERMS {
        y += 1.0;
        series += term / y;
    }
    (-exponent + (2.5066282746310005 * series / x).ln()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_of_whole_numbers_is_the_factorial() {
        let mut factorial = 0.0_f64;
        for n in 1..60 {
            factorial += f64::from(n).ln();
            let found = f64::from(ln_gamma(n as f32 + 1.0));
            assert!((found - factorial).abs() <= 2e-7 * factorial.max(1.0), "{n}! {found} {factorial}");
        }
    }

    /// Mean and variance of Poisson deviates are the mean asked for.
    fn check(mut draw: impl FnMut(f32) -> f32) {
        for mean in [0.1_f32, 3.0, 11.9, 12.1, 200.0, 5e4, 2e6] {
            let n = 20_000;
            let values: Vec<f64> = (0..n).map(|_| f64::from(draw(mean))).collect();
            let average = values.iter().sum::<f64>() / f64::from(n);
            let variance = values.iter().map(|v| (v - average).powi(2)).sum::<f64>() / f64::from(n - 1);
            let mean = f64::from(mean);
            assert!((average - mean).abs() < 5.0 * (mean / f64::from(n)).sqrt(), "mean {mean}: {average}");
            let spread = mean * ((2.0 + 1.0 / mean) / f64::from(n)).sqrt();
            assert!((variance - mean).abs() < 5.0 * spread, "variance {mean}: {variance}");
        }
    }

    #[test]
    fn nanobraggs_deviates_have_mean_and_variance() {
        let mut poisson = Poisson::new(Uniform::new(2024));
        check(|mean| poisson.draw(mean));
    }

    #[test]
    fn counted_deviates_have_mean_and_variance() {
        let mut poisson = Poisson::new(Counter::new(7, 3, 0));
        check(|mean| {
            let photons = poisson.draw(mean);
            poisson.stream().next_pixel();
            photons
        });
    }

    #[test]
    fn a_pixel_has_the_same_numbers_however_it_is_reached() {
        let mut along = Counter::new(5, 2, 0);
        for fpixel in 0..300 {
            let mut alone = Counter::new(5, 2, fpixel);
            for _ in 0..fpixel % 7 {
                assert_eq!(along.uniform(), alone.uniform());
            }
            along.next_pixel();
        }
        let first =
            [(5, 2, 0), (5, 2, 1), (5, 3, 0), (6, 2, 0)].map(|(a, b, c)| Counter::new(a, b, c).uniform());
        assert!((0..4).all(|i| (0..i).all(|j| first[i] != first[j])), "{first:?}");
    }

    #[test]
    fn nothing_gives_nothing_but_takes_a_number() {
        let mut poisson = Poisson::new(Uniform::new(1));
        assert_eq!(poisson.draw(0.0), 0.0);
        assert_eq!([f32::NAN, -3.0].map(|mean| Poisson::new(Uniform::new(1)).draw(mean)), [0.0, 0.0]);
        let mut other = Uniform::new(1);
        other.draw();
        assert_eq!(poisson.stream.draw(), other.draw());
    }
}
