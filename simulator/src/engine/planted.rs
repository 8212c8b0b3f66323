//! Test build only: work without a purpose in the loop over the pixels of a row, measured, so that a profile can be
//! checked for naming that loop with the right share.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Pixels between two delays: few and long ones, so that little beside them is what reading the clock costs, and what of
/// their writing is still under way, or missing in the caches, when the loop goes on.
const PIXELS: usize = 512;
/// Numbers that one delay writes.
const LENGTH: usize = 1 << 20;

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What the delays of a thread write: taken once, so that no delay waits for fresh memory.
    static SCRATCH: RefCell<Vec<f64>> = RefCell::new(vec![1.0; LENGTH]);
}

/// Processor time spent in delays since the last call, over all threads.
pub fn take() -> Duration {
    Duration::from_nanos(NANOSECONDS.swap(0, Ordering::Relaxed))
}

/// The delay of one band.
pub(super) struct Delay {
    spent: Duration,
}

impl Delay {
    pub(super) fn new() -> Delay {
        Delay { spent: Duration::ZERO }
    }

    /// Has no loop in its source: the time belongs to the loop that calls it.
    #[inline]
    pub(super) fn spend(&mut self, fpixel: usize) {
        if fpixel.is_multiple_of(PIXELS) {
            let start = thread_time();
            SCRATCH.with_borrow_mut(|scratch| black_box(scratch).fill(black_box(fpixel as f64)));
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
fn thread_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec as u32)
}
