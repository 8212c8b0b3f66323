//! A bounded queue that signal handlers fill and one thread empties: preallocated, lock-free, full means dropped.
//!
//! Each cell carries a sequence number that says whose turn it is: `position` for the producer of that position,
//! `position + 1` for its consumer, `position + capacity` for the next producer. A handler that is suspended while it
//! writes holds up only the consumer, never another handler.
#![expect(
    unsafe_code,
    reason = "cells are shared between signal handlers and the collector by sequence number"
)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::profile::unwind::Registers;

/// The most that is copied of a thread's stack. Rayon's workers nest deeper the longer they steal from each other; beyond this
/// the outer frames are cut, and counted. The memory is taken page by page as stacks need it.
pub(super) const STACK_BYTES: usize = 128 << 10;

/// What a handler saw.
#[derive(Clone)]
pub(super) struct RawSample {
    /// Which thread: index into the table of timers.
    pub(super) slot: u32,
    pub(super) phase: u8,
    /// The timer expired this long before the handler ran, nanoseconds of wall time.
    pub(super) late_ns: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(super) wall_ns: u64,
    /// `CLOCK_THREAD_CPUTIME_ID`, nanoseconds.
    pub(super) cpu_ns: u64,
    pub(super) registers: Registers,
    /// The register that a system call returns its result in.
    pub(super) result: u64,
    pub(super) stack_len: u32,
    /// From the stack pointer upwards; only the first `stack_len` bytes mean anything.
    pub(super) stack: Box<[u8]>,
}

impl RawSample {
    fn empty() -> RawSample {
        RawSample {
            slot: 0,
            phase: 0,
            late_ns: 0,
            wall_ns: 0,
            cpu_ns: 0,
            registers: Registers { ip: 0, sp: 0, fp: 0, lr: 0 },
            result: 0,
            stack_len: 0,
            // zeroed by the system, so pages that no stack reaches take no memory
            stack: vec![0; STACK_BYTES].into_boxed_slice(),
        }
    }
}

struct Cell {
    sequence: AtomicU64,
    sample: UnsafeCell<RawSample>,
}

/// The queue.
pub(super) struct Ring {
    cells: Box<[Cell]>,
    head: AtomicU64,
    tail: AtomicU64,
    dropped: AtomicU64,
}

// SAFETY: a cell's sample is touched only by whoever's turn its sequence number says it is (see `push` and `pop`).
unsafe impl Sync for Ring {}

impl Ring {
    /// A queue for `capacity` samples.
    pub(super) fn new(capacity: u32) -> Ring {
        let cell =
            |i| Cell { sequence: AtomicU64::new(u64::from(i)), sample: UnsafeCell::new(RawSample::empty()) };
        Ring {
            cells: (0..capacity.max(1)).map(cell).collect(),
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Samples that found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn cell(&self, position: u64) -> &Cell {
        &self.cells[(position % self.cells.len() as u64) as usize]
    }

    /// Lets `fill` write one sample, or counts a drop. Allocates nothing, takes no lock: safe in a signal handler.
    pub(super) fn push(&self, fill: impl FnOnce(&mut RawSample)) {
        let mut position = self.head.load(Ordering::Relaxed);
        let cell = loop {
            let cell = self.cell(position);
            let sequence = cell.sequence.load(Ordering::Acquire);
            if sequence == position {
                let claim = self.head.compare_exchange_weak(
                    position,
                    position + 1,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                match claim {
                    Ok(_) => break cell,
                    Err(now) => position = now,
                }
            } else if sequence < position {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            } else {
                position = self.head.load(Ordering::Relaxed);
            }
        };
        // SAFETY: the exchange above gave this position to us alone, and the consumer waits for the store below.
        fill(unsafe { &mut *cell.sample.get() });
        cell.sequence.store(position + 1, Ordering::Release);
    }

    /// Hands the oldest sample to `take`; false when there is none. One thread only.
    pub(super) fn pop(&self, take: impl FnOnce(&RawSample)) -> bool {
        let position = self.tail.load(Ordering::Relaxed);
        let cell = self.cell(position);
        if cell.sequence.load(Ordering::Acquire) != position + 1 {
            return false;
        }
        // SAFETY: the producer of this position has published it, and the next one waits for the store below.
        take(unsafe { &*cell.sample.get() });
        cell.sequence.store(position + self.cells.len() as u64, Ordering::Release);
        self.tail.store(position + 1, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_drops_and_counts() {
        let ring = Ring::new(4);
        for i in 0..7 {
            ring.push(|sample| sample.cpu_ns = i);
        }
        assert_eq!(ring.dropped(), 3);
        let mut seen = Vec::new();
        while ring.pop(|sample| seen.push(sample.cpu_ns)) {}
        assert_eq!(seen, [0, 1, 2, 3]);
        ring.push(|sample| sample.cpu_ns = 9);
        assert!(ring.pop(|sample| assert_eq!(sample.cpu_ns, 9)));
        assert!(!ring.pop(|_| ()));
    }

    #[test]
    fn several_threads_lose_nothing_that_is_not_counted() {
        const EACH: u64 = 20_000;
        let ring = Ring::new(64);
        let (mut seen, mut last) = (0u64, [0u64; 3]);
        std::thread::scope(|scope| {
            let producers: Vec<_> = (0..3u32)
                .map(|slot| {
                    let ring = &ring;
                    scope.spawn(move || {
                        for i in 1..=EACH {
                            ring.push(|sample| {
                                sample.slot = slot;
                                sample.cpu_ns = i;
                                sample.wall_ns = i ^ u64::from(slot);
                            });
                        }
                    })
                })
                .collect();
            loop {
                let done = producers.iter().all(|p| p.is_finished());
                while ring.pop(|sample| {
                    assert_eq!(sample.wall_ns, sample.cpu_ns ^ u64::from(sample.slot), "torn sample");
                    assert!(sample.cpu_ns > last[sample.slot as usize], "out of order");
                    last[sample.slot as usize] = sample.cpu_ns;
                    seen += 1;
                }) {}
                if done {
                    break;
                }
            }
        });
        assert_eq!(seen + ring.dropped(), 3 * EACH);
    }
}
