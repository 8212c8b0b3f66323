//! A thread's time, cut at every beginning and end of a span: what was open in each piece.
//!
//! The latest beginning that is still open gets a piece as self time, so self times add up to the covered time even
//! where spans overlap without one holding the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Span, Thread, Trace};

/// Sums over all spans of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanTotal {
    /// Index into [`Trace::keys`].
    pub key: u32,
    /// Spans.
    pub calls: u64,
    /// By index into [`Trace::threads`].
    pub threads: BTreeMap<u32, Share>,
}

/// Wall time on one thread, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// While a span of the key was open, counted once.
    pub inclusive_ns: u64,
    /// While it was the innermost.
    pub self_ns: u64,
}

impl SpanTotal {
    /// Over all threads.
    #[must_use]
    pub fn total(&self) -> Share {
        self.threads.values().fold(Share::default(), |sum, one| Share {
            inclusive_ns: sum.inclusive_ns.saturating_add(one.inclusive_ns),
            self_ns: sum.self_ns.saturating_add(one.self_ns),
        })
    }
}

impl Thread {
    /// Hands every piece of the thread's covered time to `piece`: the keys open in it, outermost first, never none, and
    /// its length in nanoseconds.
    pub fn pieces(&self, mut piece: impl FnMut(&[u32], u64)) {
        let end = |span: &Span| span.start_ns.saturating_add_unsigned(span.duration_ns);
        let mut open: Vec<usize> = Vec::new();
        let mut keys: Vec<u32> = Vec::new();
        let mut ends: BinaryHeap<Reverse<(i64, Reverse<usize>)>> = BinaryHeap::new();
        let mut starts = self.spans.iter().enumerate().filter(|(_, span)| span.duration_ns > 0).peekable();
        let mut now = i64::MIN;
        loop {
            let next_start = starts.peek().map(|(_, span)| span.start_ns);
            let next_end = ends.peek().map(|Reverse((time, _))| *time);
            let Some(next) = next_start.into_iter().chain(next_end).min() else { return };
            if !open.is_empty() && next > now {
                piece(&keys, next.abs_diff(now));
            }
            now = next;
            if next_end == Some(next) {
                if let Some(Reverse((_, Reverse(ended)))) = ends.pop()
                    && let Some(at) = open.iter().rposition(|&one| one == ended)
                {
                    open.remove(at);
                    keys.remove(at);
                }
            } else if let Some((index, span)) = starts.next() {
                open.push(index);
                keys.push(span.key);
                ends.push(Reverse((end(span), Reverse(index))));
            }
        }
    }
}

impl Trace {
    /// Call count, inclusive and self wall time of every key, per thread; in the order of [`Trace::keys`].
    #[must_use]
    pub fn totals(&self) -> Vec<SpanTotal> {
        let mut totals: Vec<SpanTotal> =
            (0..self.keys.len()).map(|key| SpanTotal { key: key as u32, ..SpanTotal::default() }).collect();
        for (index, thread) in self.threads.iter().enumerate() {
            for span in &thread.spans {
                let total = &mut totals[span.key as usize];
                total.calls += 1;
                total.threads.entry(index as u32).or_default();
            }
            let mut shares = vec![Share::default(); self.keys.len()];
            thread.pieces(|keys, ns| {
                for (at, &key) in keys.iter().enumerate() {
                    if !keys[..at].contains(&key) {
                        let share = &mut shares[key as usize];
                        share.inclusive_ns = share.inclusive_ns.saturating_add(ns);
                    }
                }
                if let Some(&innermost) = keys.last() {
                    let share = &mut shares[innermost as usize];
                    share.self_ns = share.self_ns.saturating_add(ns);
                }
            });
            for (total, share) in totals.iter_mut().zip(shares) {
                if let Some(place) = total.threads.get_mut(&(index as u32)) {
                    *place = share;
                }
            }
        }
        totals
    }
}
