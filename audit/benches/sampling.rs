//! What sampling costs: thread time of the same work with and without the sampler, in pairs of one run, as the median of
//! their ratios. The work's result is checked in every run. `cargo bench -p bragg-audit`

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::hint::black_box;
use std::time::Duration;

use bragg_audit::profile::sampler::Sampler;

const PAIRS: usize = 25;
const STEPS: u64 = 60_000_000;

fn work() -> f64 {
    let mut x = 0.5;
    for i in 0..STEPS {
        x = x * 0.999_999 + f64::from(i as u32 & 7);
    }
    x
}

#[expect(unsafe_code, reason = "std has no clock of a thread")]
fn thread_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Thread time of the work on two threads at once, nanoseconds.
fn on_two_threads(answer: f64) -> u64 {
    let one = || {
        let before = thread_ns();
        assert_eq!(black_box(work()).to_bits(), answer.to_bits(), "the work gave another answer");
        thread_ns() - before
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(one), scope.spawn(one)];
        threads.into_iter().map(|t| t.join().expect("a thread of the bench")).sum()
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let answer = work();
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        let without = on_two_threads(answer);
        let sampler = Sampler::start(Duration::from_millis(1), || 2)?;
        let with = on_two_threads(answer);
        sampler.stop(&folder.path().join("samples.json"))?;
        ratios.push(with as f64 / without as f64);
    }
    ratios.sort_by(f64::total_cmp);
    let [low, median, high] = [PAIRS / 4, PAIRS / 2, 3 * PAIRS / 4].map(|i| ratios[i]);
    println!(
        "thread time with the sampler at 1 kHz / without: median {median:.4}, quartiles {low:.4} {high:.4}, {PAIRS} pairs"
    );
    Ok(())
}
