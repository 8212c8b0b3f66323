//! Whether two processors are two cores just now.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Longest time that is waited for it.
pub(crate) const LONGEST: Duration = Duration::from_millis(600);
/// Times that [`work`] goes through its numbers: some milliseconds.
const STEPS: u32 = 400_000;
/// Two threads take at most this many times the time of one, if each has a core.
const TOGETHER: f64 = 1.1;

/// Keeps two threads busy until they are as fast together as one is alone; false if they are not in the longest time.
///
/// A virtual machine that was idle may have both its processors on one core for some tenths of a second. Whoever renders for ten
/// milliseconds then finds that a second thread is no help, as does a loop that touches nothing but registers.
pub(crate) fn apart() -> bool {
    let start = Instant::now();
    let alone = (0..3).map(|_| time(work)).min().unwrap_or_default();
    while start.elapsed() < LONGEST {
        let both = time(|| {
            std::thread::scope(|scope| {
                scope.spawn(work);
                work();
            });
        });
        if both.as_secs_f64() <= TOGETHER * alone.as_secs_f64() {
            return true;
        }
    }
    false
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Additions and multiplications in registers, as many at a time as a core can do: two threads on one core take twice as long.
fn work() {
    let mut numbers = black_box([1.0_f32; 48]);
    for _ in 0..STEPS {
        for number in &mut numbers {
            *number = *number * 0.999 + 0.1;
        }
    }
    black_box(numbers);
}
