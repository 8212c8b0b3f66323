//! How much a reader may still hold, so that a hostile file cannot take more memory than its reader's constant says.

/// Bytes, by estimate: callers ask before they keep something and name all copies of it.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

/// What a table of short things needs for an entry besides its text: its place in a hash table that may be half empty and
/// holds its old self while it grows, and the allocator's share of each text.
pub(super) const ENTRY: usize = 256;

impl Budget {
    pub(super) fn new(bytes: usize) -> Budget {
        Budget { left: bytes }
    }

    /// Whether there is room, which is then taken.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Gives room back that was taken.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.left += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let mut budget = Budget::new(10);
        assert!(budget.take(6) && !budget.take(5) && budget.take(4) && !budget.take(1));
        budget.give_back(6);
        assert!(budget.take(6) && budget.take(0));
    }
}
