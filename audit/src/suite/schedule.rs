//! Many pieces of work on a few threads: in the order they are given, as long as their memory fits.

use crate::exit::{AuditError, Result};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// Work that waits, and what is left of the budget.
struct Queue {
    waiting: VecDeque<usize>,
    free: u64,
    running: usize,
    failed: Option<AuditError>,
}

/// Does the work `order` (indices), at most `workers` at a time and within `memory` bytes by the needs in `needs`. A piece
/// that needs more than there is runs alone. After an error nothing new is begun, and the first one is returned.
///
/// # Errors
/// The first error of `work`.
pub fn run(
    order: &[usize],
    needs: &[u64],
    workers: usize,
    memory: u64,
    work: impl Fn(usize) -> Result<()> + Sync,
) -> Result<()> {
    let queue = Queue { waiting: order.iter().copied().collect(), free: memory, running: 0, failed: None };
    let (queue, changed) = (Mutex::new(queue), Condvar::new());
    let lock = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let next = || -> Option<(usize, u64)> {
        let mut q: MutexGuard<'_, Queue> = lock();
        loop {
            if q.failed.is_some() || q.waiting.is_empty() {
                return None;
            }
            let fits = q.waiting.iter().position(|i| needs[*i] <= q.free).or((q.running == 0).then_some(0));
            if let Some(i) = fits.and_then(|at| q.waiting.remove(at)) {
                let taken = needs[i].min(q.free);
                q.free -= taken;
                q.running += 1;
                return Some((i, taken));
            }
            q = changed.wait(q).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                while let Some((i, taken)) = next() {
                    let result = work(i);
                    let mut q = lock();
                    q.free += taken;
                    q.running -= 1;
                    if let Err(e) = result {
                        q.failed.get_or_insert(e);
                    }
                    drop(q);
                    changed.notify_all();
                }
            });
        }
    });
    let failed = lock().failed.take();
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    #[test]
    fn the_budget_holds_and_everything_is_done_once() {
        let needs: Vec<u64> = (0..200).map(|i| 1 + i % 7).collect();
        let (in_use, most, most_at_once, at_once) =
            (AtomicU64::new(0), AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let done: Vec<AtomicUsize> = needs.iter().map(|_| AtomicUsize::new(0)).collect();
        let order: Vec<usize> = (0..needs.len()).collect();
        run(&order, &needs, 4, 10, |i| {
            let now = in_use.fetch_add(needs[i], Ordering::SeqCst) + needs[i];
            most.fetch_max(now, Ordering::SeqCst);
            most_at_once.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            at_once.fetch_sub(1, Ordering::SeqCst);
            in_use.fetch_sub(needs[i], Ordering::SeqCst);
            done[i].fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        assert!(done.iter().all(|d| d.load(Ordering::SeqCst) == 1));
        assert!(most.load(Ordering::SeqCst) <= 10 && most_at_once.load(Ordering::SeqCst) <= 4);
    }

    #[test]
    fn what_is_too_large_runs_alone_and_errors_stop_the_rest() {
        let order = Mutex::new(Vec::new());
        run(&[0, 1, 2], &[1, 100, 1], 2, 10, |i| {
            order.lock().unwrap().push(i);
            Ok(())
        })
        .unwrap();
        let mut seen = order.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
        let begun = AtomicUsize::new(0);
        let error = run(&(0..100).collect::<Vec<_>>(), &[1; 100], 1, 10, |i| {
            begun.fetch_add(1, Ordering::SeqCst);
            if i == 3 { Err(AuditError::usage("three")) } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err().message, "three");
        assert_eq!(begun.load(Ordering::SeqCst), 4);
    }
}
