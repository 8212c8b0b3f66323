//! A program whose loops have known costs: every loop does the same piece of arithmetic, a known number of times, and hardly
//! anything else. `tests/tests/known_costs.rs` profiles it in several ways and looks whether the shares come out.
//!
//! `known_costs ROUNDS UNIT [SAMPLES_FILE]`: each round calls every function once; a percent is UNIT pieces a round. With a
//! file, the program samples itself.
#![expect(clippy::print_stdout, reason = "the checksum shows that nothing was optimised away")]

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bragg_audit::profile::phase;
use bragg_audit::profile::sampler::Sampler;
use rayon::prelude::*;

/// Pieces of a share of one percent in one round.
static UNIT: AtomicU64 = AtomicU64::new(1);

fn percent(share: u64) -> u64 {
    share * UNIT.load(Ordering::Relaxed)
}

/// One piece: a chain of 96 dependent multiplications; every loop feeds one piece into the next, so that neither vectors nor
/// reordering change its cost.
#[inline(always)]
fn piece(seed: u64) -> u64 {
    let mut x = seed | 1;
    macro_rules! times {
        ($($again:tt)*) => { $( let _ = stringify!($again); x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ seed; )* };
    }
    times!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    times!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    times!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    x
}

/// 18 %
#[inline(never)]
fn plain(seed: u64) -> u64 {
    let mut x = seed;
    for i in 0..percent(18) {
        x ^= piece(x ^ i);
    }
    x
}

/// 20 %, of which 15 in the inner loop.
#[inline(never)]
fn nested(seed: u64) -> u64 {
    let mut x = seed;
    for i in 0..percent(5) {
        x ^= piece(x ^ i);
        for j in 0..black_box(3) {
            x ^= piece(x.wrapping_add(j));
        }
    }
    x
}

/// 12 %, inlined through iterator adapters.
#[inline(never)]
fn chain(seed: u64) -> u64 {
    (0..percent(24)).filter(|i| i % 2 == 0).map(|i| i ^ seed).fold(seed, |a, i| a ^ piece(a ^ i))
}

/// 8 %
#[inline(never)]
fn counted(seed: u64) -> u64 {
    let (mut x, mut left) = (seed, percent(8));
    while left > 0 {
        x ^= piece(x);
        left -= 1;
    }
    x
}

trait Weight {
    const SHARE: u64;
}
struct Light;
struct Heavy;
impl Weight for Light {
    const SHARE: u64 = 4;
}
impl Weight for Heavy {
    const SHARE: u64 = 8;
}

/// 12 % in two instances.
#[inline(never)]
fn generic<W: Weight>(seed: u64) -> u64 {
    let mut x = seed;
    for i in 0..percent(W::SHARE) {
        x ^= piece(x ^ i);
    }
    x
}

macro_rules! generated {
    ($name:ident, $pieces:expr) => {
        #[inline(never)]
        fn $name(seed: u64) -> u64 {
            let mut x = seed;
            for i in 0..percent($pieces) {
                x ^= piece(x ^ i);
            }
            x
        }
    };
}

// 10 %
generated!(made_by_macro, 10);

/// 20 %, on all threads.
#[inline(never)]
fn parallel(seed: u64) -> u64 {
    (0..percent(20)).into_par_iter().fold_with(seed, |a, i| a ^ piece(a ^ i)).reduce(|| 0, |a, b| a ^ b)
}

fn round(seed: u64) -> u64 {
    let serial = plain(seed) ^ nested(seed) ^ chain(seed) ^ counted(seed) ^ made_by_macro(seed);
    serial ^ generic::<Light>(seed) ^ generic::<Heavy>(seed) ^ parallel(seed)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let mut number = || words.next().ok_or("known_costs ROUNDS UNIT [SAMPLES_FILE]").map(|w| w.parse());
    let rounds: u64 = number()??;
    UNIT.store(number()??, Ordering::Relaxed);
    let file = words.next();
    let sampler =
        file.as_ref().map(|_| Sampler::start(Duration::from_millis(1), || phase::RENDER)).transpose()?;
    let sum = (0..rounds).fold(0, |sum: u64, seed| sum ^ round(black_box(seed)));
    println!("{sum:x}");
    if let (Some(sampler), Some(file)) = (sampler, file) {
        sampler.stop(Path::new(&file))?;
    }
    Ok(())
}
