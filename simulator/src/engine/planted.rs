//! Test build only: work without a purpose in the loop over the pixels of a row, measured, so that a profile can be
//! checked for naming that loop with the right share.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Pixels between two delays.
const PIXELS: usize = 64;
/// Numbers that one delay writes.
const LENGTH: usize = 1 << 17;

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

/// Processor time spent in delays since the last call, over all threads.
pub fn take() -> Duration {
    Duration::from_nanos(NANOSECONDS.swap(0, Ordering::Relaxed))
}

/// The delay of one band.
pub(super) struct Delay {
    scratch: Vec<f64>,
    spent: Duration,
}

impl Delay {
    pub(super) fn new() -> Delay {
        Delay { scratch: vec![0.0; LENGTH], spent: Duration::ZERO }
    }

    /// Has no loop in its source: the time belongs to the loop that calls it.
    #[inline]
    pub(super) fn spend(&mut self, fpixel: usize) {
        if fpixel.is_multiple_of(PIXELS) {
            let start = thread_time();
            black_box(&mut self.scratch).fill(black_box(fpixel as f64));
            self.spent += thread_time().saturating_sub(start);
        }
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        NANOSECONDS.fetch_add(self.spent.as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Processor time of this thread: a thread that waits for a processor spends none, and is not sampled either.
#[expect(unsafe_code, reason = "std has no clock of a thread")]
fn thread_time() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every system with POSIX threads; the pointer is to a live value.
    unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t);
    }
    Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32)
}
