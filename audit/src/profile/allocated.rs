//! How many bytes a test holds at most: the readers' bounds are measured, not believed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts for each thread apart.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// Held now, and the most since [`most_in`] began. Needs no destructor, so that it may be touched at any time.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    let (held, most) = HELD.get();
    HELD.set((held + bytes, most.max(held + bytes)));
}

#[expect(unsafe_code, reason = "an allocator that counts")]
// SAFETY: everything is the system allocator's; counting touches no memory but a number of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Runs `work`; also the most bytes that this thread had allocated in it, beyond what it had before.
pub(super) fn most_in<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (before, _) = HELD.get();
    HELD.set((before, before));
    let done = work();
    let (_, most) = HELD.get();
    (done, (most - before).unsigned_abs())
}

#[test]
fn the_most_is_seen_after_it_is_gone() {
    let (length, most) = most_in(|| vec![1u8; 5_000_000].len() + vec![1u8; 3_000_000].len());
    assert_eq!(length, 8_000_000);
    assert!((8_000_000..8_100_000).contains(&most), "{most}");
}
