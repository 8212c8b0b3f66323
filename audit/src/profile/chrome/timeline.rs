//! A thread's time, cut at every beginning and end of a span, and the sums that follow.
//!
//! The latest beginning that is still open gets a piece as self time, so self times add up to the covered time even
//! where spans overlap without one holding the other. Every step costs the same however many spans are open.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Key, Span, Trace};

/// Sums over all spans of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanTotal {
    /// Index into [`Trace::keys`].
    pub key: u32,
    /// Spans.
    pub calls: u64,
    /// By index into [`Trace::threads`], in its order.
    pub threads: Vec<(u32, Share)>,
}

/// Time on one thread, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Spans.
    pub calls: u64,
    /// Wall time while a span of the key was open, counted once.
    pub inclusive_ns: u64,
    /// Wall time while it was the innermost.
    pub self_ns: u64,
    /// Wall time while it was the innermost of its category.
    pub category_self_ns: u64,
    /// Thread time of the outermost spans of the key, where it was measured.
    pub cpu_ns: Option<u64>,
    /// The same without the thread time of the spans inside.
    pub cpu_self_ns: Option<u64>,
}

impl SpanTotal {
    /// Over all threads.
    #[must_use]
    pub fn total(&self) -> Share {
        self.threads.iter().fold(Share::default(), |sum, (_, one)| sum.and(*one))
    }
}

impl Share {
    /// The sum of two.
    #[must_use]
    pub fn and(self, other: Share) -> Share {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, None) | (None, one) => one,
        };
        Share {
            calls: self.calls + other.calls,
            inclusive_ns: self.inclusive_ns.saturating_add(other.inclusive_ns),
            self_ns: self.self_ns.saturating_add(other.self_ns),
            category_self_ns: self.category_self_ns.saturating_add(other.category_self_ns),
            cpu_ns: sum(self.cpu_ns, other.cpu_ns),
            cpu_self_ns: sum(self.cpu_self_ns, other.cpu_self_ns),
        }
    }
}

/// Sums over all spans of a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// In the order of [`Trace::keys`].
    pub of_keys: Vec<SpanTotal>,
    /// Spans that are in no sum: too many were open at once, or too many names are on too many threads.
    pub left_out: u64,
}

/// Who goes along a trace, thread by thread and in order of time.
pub trait Walk {
    /// A thread begins; nothing is open.
    fn thread(&mut self, thread: u32);
    /// A span begins; `ticket` counts up. Spans without length are opened and closed at once.
    fn open(&mut self, ticket: u64, span: &Span);
    /// It ends.
    fn close(&mut self, ticket: u64, span: &Span);
    /// So many nanoseconds pass with what is open, which is never nothing.
    fn pass(&mut self, ns: u64);
}

/// What is open, by ticket. Taking one out of the middle costs no more than taking the last.
#[derive(Debug)]
pub struct Stack<T> {
    /// `None`: closed already. At most half of them, and never the last.
    open: Vec<(u64, Option<T>)>,
    closed: usize,
}

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Stack { open: Vec::new(), closed: 0 }
    }
}

impl<T> Stack<T> {
    /// Opens one; tickets count up.
    pub fn push(&mut self, ticket: u64, what: T) {
        self.open.push((ticket, Some(what)));
    }

    /// Closes one.
    pub fn remove(&mut self, ticket: u64) -> Option<T> {
        let at = self.open.binary_search_by_key(&ticket, |(t, _)| *t).ok()?;
        let what = self.open[at].1.take()?;
        self.closed += 1;
        while let Some((_, None)) = self.open.last() {
            self.open.pop();
            self.closed -= 1;
        }
        // seldom enough: it takes as many steps as were closed since the last time
        if self.closed > self.open.len() / 2 {
            self.open.retain(|(_, what)| what.is_some());
            self.closed = 0;
        }
        Some(what)
    }

    /// The latest that is open.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.open.last_mut().and_then(|(_, what)| what.as_mut())
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len() - self.closed
    }

    /// Nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl Trace {
    /// Leads `along` through the trace. Returns how many spans were left out because `MOST_OPEN` were open on their thread.
    ///
    /// # Errors
    /// Those of the temporary file that holds the spans of a large trace.
    pub fn walk(&self, along: &mut impl Walk) -> std::io::Result<u64> {
        let (mut now, mut left_out) = (Now::default(), 0);
        self.spans.each(|span| {
            if now.thread != Some(span.thread) {
                now.until(i64::MAX, along);
                (now.thread, now.time) = (Some(span.thread), i64::MIN);
                along.thread(span.thread);
            }
            now.until(span.start_ns, along);
            if now.open.len() == MOST_OPEN {
                left_out += 1;
                return;
            }
            now.ticket += 1;
            along.open(now.ticket, span);
            if span.duration_ns == 0 {
                along.close(now.ticket, span);
            } else {
                now.ends.push(Reverse((span.end_ns(), Reverse(now.ticket))));
                now.open.push(now.ticket, *span);
            }
        })?;
        now.until(i64::MAX, along);
        Ok(left_out)
    }

    /// Call count, inclusive and self time of every key, per thread.
    ///
    /// # Errors
    /// As [`Trace::walk`].
    pub fn totals(&self) -> std::io::Result<Totals> {
        let mut categories: HashMap<&str, usize> = HashMap::new();
        let of_key: Vec<usize> = self.keys.iter().map(|key| category_of(&mut categories, key)).collect();
        let total = |key: usize| SpanTotal { key: key as u32, ..SpanTotal::default() };
        let mut sums = Sums {
            running: of_key.iter().map(|_| Running::default()).collect(),
            by_category: of_key.iter().map(|_| Stack::default()).take(MOST_CATEGORIES).collect(),
            totals: (0..of_key.len()).map(total).collect(),
            of_key,
            ..Sums::default()
        };
        let left_out = self.walk(&mut sums)?;
        sums.leave();
        Ok(Totals { of_keys: sums.totals, left_out: left_out + sums.left_out })
    }
}

/// Spans that are followed at once; a recorder's are nested as its program's calls are, some dozens.
const MOST_OPEN: usize = 1 << 18;
/// Pairs of key and thread that have sums of their own.
const MOST_SHARES: usize = 1 << 19;
/// Categories with a self time of their own; the rest shares one.
const MOST_CATEGORIES: usize = 64;

fn category_of<'a>(known: &mut HashMap<&'a str, usize>, key: &'a Key) -> usize {
    let next = known.len().min(MOST_CATEGORIES - 1);
    *known.entry(&key.category).or_insert(next)
}

/// Where the walk is.
#[derive(Default)]
struct Now {
    thread: Option<u32>,
    time: i64,
    ticket: u64,
    /// Of those that end together the latest first.
    ends: BinaryHeap<Reverse<(i64, Reverse<u64>)>>,
    open: Stack<Span>,
}

impl Now {
    /// Closes what ends until `time`, and goes there.
    fn until(&mut self, time: i64, along: &mut impl Walk) {
        while let Some(&Reverse((end, Reverse(ticket)))) = self.ends.peek()
            && end <= time
        {
            self.pass(end, along);
            self.ends.pop();
            if let Some(span) = self.open.remove(ticket) {
                along.close(ticket, &span);
            }
        }
        if !self.ends.is_empty() {
            self.pass(time, along);
        }
        self.time = time;
    }

    fn pass(&mut self, to: i64, along: &mut impl Walk) {
        if to > self.time {
            along.pass(to.abs_diff(self.time));
            self.time = to;
        }
    }
}

/// Adds up.
#[derive(Default)]
struct Sums {
    /// Category of each key.
    of_key: Vec<usize>,
    /// Of each key on the current thread.
    running: Vec<Running>,
    touched: Vec<u32>,
    open: Stack<Frame>,
    by_category: Vec<Stack<u32>>,
    categories_open: Vec<usize>,
    totals: Vec<SpanTotal>,
    shares: usize,
    left_out: u64,
    thread: u32,
    /// Covered time of all threads so far.
    clock: u64,
}

/// Sums of a key on the current thread.
#[derive(Default)]
struct Running {
    share: Share,
    open: u64,
    /// Covered time when it was opened.
    since: u64,
}

struct Frame {
    key: u32,
    inner_cpu_ns: u64,
}

impl Sums {
    /// Books the sums of the thread.
    fn leave(&mut self) {
        for key in self.touched.drain(..) {
            let running = std::mem::take(&mut self.running[key as usize]);
            if self.shares == MOST_SHARES {
                self.left_out += running.share.calls;
                continue;
            }
            self.shares += 1;
            let total = &mut self.totals[key as usize];
            total.calls += running.share.calls;
            total.threads.push((self.thread, running.share));
        }
    }
}

impl Walk for Sums {
    fn thread(&mut self, thread: u32) {
        self.leave();
        self.thread = thread;
    }

    fn open(&mut self, ticket: u64, span: &Span) {
        let running = &mut self.running[span.key as usize];
        if running.share.calls == 0 {
            self.touched.push(span.key);
        }
        running.share.calls += 1;
        if running.open == 0 {
            running.since = self.clock;
        }
        running.open += 1;
        self.open.push(ticket, Frame { key: span.key, inner_cpu_ns: 0 });
        let category = self.of_key[span.key as usize];
        if self.by_category[category].is_empty() {
            self.categories_open.push(category);
        }
        self.by_category[category].push(ticket, span.key);
    }

    fn close(&mut self, ticket: u64, span: &Span) {
        let frame = self.open.remove(ticket);
        let category = self.of_key[span.key as usize];
        self.by_category[category].remove(ticket);
        if self.by_category[category].is_empty() {
            self.categories_open.retain(|&open| open != category);
        }
        let running = &mut self.running[span.key as usize];
        running.open -= 1;
        if running.open == 0 {
            running.share.inclusive_ns += self.clock - running.since;
        }
        let Some(cpu_ns) = span.cpu() else { return };
        let inner = frame.map_or(0, |f| f.inner_cpu_ns);
        let share = &mut running.share;
        share.cpu_self_ns = Some(share.cpu_self_ns.unwrap_or(0).saturating_add(cpu_ns.saturating_sub(inner)));
        let outermost = if running.open == 0 { cpu_ns } else { 0 };
        share.cpu_ns = Some(share.cpu_ns.unwrap_or(0).saturating_add(outermost));
        if let Some(outer) = self.open.last_mut() {
            outer.inner_cpu_ns = outer.inner_cpu_ns.saturating_add(cpu_ns);
        }
    }

    fn pass(&mut self, ns: u64) {
        self.clock = self.clock.saturating_add(ns);
        if let Some(frame) = self.open.last_mut() {
            let share = &mut self.running[frame.key as usize].share;
            share.self_ns = share.self_ns.saturating_add(ns);
        }
        for &category in &self.categories_open {
            if let Some(&mut key) = self.by_category[category].last_mut() {
                let share = &mut self.running[key as usize].share;
                share.category_self_ns = share.category_self_ns.saturating_add(ns);
            }
        }
    }
}
