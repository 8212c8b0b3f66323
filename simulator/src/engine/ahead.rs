//! Memory for bands, touched by a thread that would be idle while the experiment is set up.
//!
//! The system clears a huge page when it is touched for the first time. That takes some hundred microseconds, a tenth of
//! the time of a smooth image, and while it lasts every other thread that has a band in the page waits.

use crate::buffer::{Buffer, HUGE_PAGE, SMALLEST_MAPPED};
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

/// Values of a page.
const VALUES: usize = HUGE_PAGE / size_of::<f32>();

/// One huge page, or none.
#[derive(Clone, Debug, Default)]
pub(super) struct Page(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    /// Nobody has begun with it.
    Wanted,
    Touched(Buffer<f32>),
    /// In use, or nobody needs it.
    #[default]
    Gone,
}

impl Page {
    /// A page for an image of so many pixels, if it is large enough for one. The only thread of a pool is not idle, and
    /// touches its memory itself.
    pub(super) fn ahead(pool: &rayon::ThreadPool, pixels: usize) -> Page {
        let page = Page::default();
        if pool.current_num_threads() > 1 && serves(pixels.min(VALUES)) {
            page.set(State::Wanted);
            let theirs = page.clone();
            pool.spawn(move || theirs.touch());
        }
        page
    }

    fn touch(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Wanted)
            && let Ok(mut buffer) = Buffer::zeroed(VALUES)
        {
            buffer[0] = black_box(0.0);
            *state = State::Touched(buffer);
        }
    }

    /// Memory for `len` values, which can be any, or more of them: this page if it will do and is ready.
    pub(super) fn take(&self, len: usize) -> Option<Buffer<f32>> {
        // Whoever is touching it may have been stopped halfway, for longer than a render takes.
        let mut state = self.0.try_lock().ok().filter(|_| serves(len))?;
        match std::mem::take(&mut *state) {
            State::Touched(buffer) => Some(buffer),
            State::Wanted | State::Gone => None,
        }
    }

    /// Keeps memory for the next render, if it is a page.
    pub(super) fn give_back(&self, buffer: Buffer<f32>) {
        if buffer.len() == VALUES {
            self.set(State::Touched(buffer));
        }
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Whether so many values lie in one huge page, and fill enough of it.
fn serves(len: usize) -> bool {
    (SMALLEST_MAPPED..=HUGE_PAGE).contains(&(len * size_of::<f32>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn a_page_is_touched_once_and_comes_back() {
        let pool = pool(2);
        let page = Page::ahead(&pool, 1 << 20);
        // Whoever comes first touches it, and the other finds that it is done.
        page.touch();
        assert!(page.take(VALUES + 1).is_none(), "too small for that");
        let mut buffer = page.take(VALUES).unwrap();
        assert!(page.take(VALUES).is_none(), "it is in use");
        buffer[7] = 7.0;
        page.give_back(buffer);
        assert_eq!(page.take(1 << 16).unwrap()[7], 7.0);
    }

    #[test]
    fn whoever_comes_first_needs_no_page_any_more() {
        let page = Page::default();
        page.set(State::Wanted);
        assert!(page.take(VALUES).is_none());
        page.touch();
        assert!(page.take(VALUES).is_none());
    }

    #[test]
    fn small_images_and_single_threads_have_none() {
        for (threads, pixels) in [(1, 1 << 20), (2, 1 << 10)] {
            let page = Page::ahead(&pool(threads), pixels);
            assert!(matches!(*page.0.lock().unwrap(), State::Gone));
        }
        let page = Page::default();
        page.give_back(Buffer::zeroed(1 << 10).unwrap());
        assert!(page.take(1 << 10).is_none());
    }
}
