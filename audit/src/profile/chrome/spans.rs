//! All spans of a trace, sorted by thread and start, in memory that does not grow with the file: beyond a million they
//! go to a temporary file in sorted runs, which are merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

/// Spans held in memory.
const RUN: usize = 1 << 20;
/// Spans read at once from all runs together.
const READ: usize = 1 << 19;
/// Stands for "no thread time" in [`Span::cpu_ns`].
pub(super) const NO_CPU: u64 = u64::MAX;

/// A stretch of a thread's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Nanoseconds on the trace's clock.
    pub start_ns: i64,
    /// Nanoseconds.
    pub duration_ns: u64,
    /// Nanoseconds of thread time, or [`NO_CPU`].
    pub(super) cpu_ns: u64,
    /// Index into [`super::Trace::threads`].
    pub thread: u32,
    /// Index into [`super::Trace::keys`].
    pub key: u32,
}

impl Span {
    /// Thread time in it, nanoseconds, where it was measured.
    #[must_use]
    pub fn cpu(&self) -> Option<u64> {
        (self.cpu_ns != NO_CPU).then_some(self.cpu_ns)
    }

    /// Nanoseconds on the trace's clock.
    #[must_use]
    pub fn end_ns(&self) -> i64 {
        self.start_ns.saturating_add_unsigned(self.duration_ns)
    }

    /// As it lies in the temporary file.
    fn words(&self) -> Words {
        let names = u64::from(self.thread) << 32 | u64::from(self.key);
        [self.start_ns.cast_unsigned(), self.duration_ns, self.cpu_ns, names]
    }

    fn of_words([start, duration_ns, cpu_ns, names]: Words) -> Span {
        Span {
            start_ns: start.cast_signed(),
            duration_ns,
            cpu_ns,
            thread: (names >> 32) as u32,
            key: names as u32,
        }
    }

    fn order(&self) -> (u32, i64, Reverse<u64>) {
        (self.thread, self.start_ns, Reverse(self.duration_ns))
    }
}

type Words = [u64; 4];

/// The store.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// What was not written yet; all of it when there is no file.
    held: Vec<Span>,
    runs: Vec<usize>,
    file: Option<File>,
}

impl Spans {
    /// # Errors
    /// When a run cannot be written.
    pub(super) fn push(&mut self, span: Span) -> std::io::Result<()> {
        if self.held.len() == RUN {
            self.spill()?;
        }
        self.held.push(span);
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        self.held.sort_by_key(Span::order);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        for piece in self.held.chunks(1 << 13) {
            let words: Vec<Words> = piece.iter().map(Span::words).collect();
            file.write_all(bytemuck::cast_slice(&words))?;
        }
        self.runs.push(self.held.len());
        self.held.clear();
        Ok(())
    }

    /// To be called when all are there.
    ///
    /// # Errors
    /// When a run cannot be written.
    pub(super) fn sort(&mut self) -> std::io::Result<()> {
        if self.runs.is_empty() {
            self.held.sort_by_key(Span::order);
            return Ok(());
        }
        self.spill()?;
        self.held = Vec::new();
        Ok(())
    }

    /// Every span by thread, start, the longer first; in order of the file where these are the same.
    ///
    /// # Errors
    /// When the temporary file cannot be read, and those of `each`.
    pub(super) fn each(&self, mut each: impl FnMut(&Span)) -> std::io::Result<()> {
        let Some(file) = &self.file else {
            self.held.iter().for_each(each);
            return Ok(());
        };
        let at_once = (READ / self.runs.len()).max(64);
        let mut from = 0;
        let mut runs: Vec<Run<'_>> = Vec::with_capacity(self.runs.len());
        for &length in &self.runs {
            runs.push(Run { file, next: from, end: from + length, window: Vec::new(), at: 0 });
            from += length;
        }
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            if let Some(span) = run.head(at_once)? {
                heads.push(Reverse((span.order(), index)));
            }
        }
        while let Some(Reverse((_, index))) = heads.pop() {
            let run = &mut runs[index];
            if let Some(span) = run.head(at_once)? {
                each(&span);
                run.at += 1;
            }
            if let Some(span) = run.head(at_once)? {
                heads.push(Reverse((span.order(), index)));
            }
        }
        Ok(())
    }
}

/// A sorted run in the file, read a piece at a time.
struct Run<'f> {
    file: &'f File,
    next: usize,
    end: usize,
    window: Vec<Words>,
    at: usize,
}

impl Run<'_> {
    fn head(&mut self, at_once: usize) -> std::io::Result<Option<Span>> {
        if self.at == self.window.len() {
            let count = at_once.min(self.end - self.next);
            self.window.resize(count, Words::default());
            self.at = 0;
            let place = (self.next * size_of::<Words>()) as u64;
            self.file.read_exact_at(bytemuck::cast_slice_mut(&mut self.window), place)?;
            self.next += count;
        }
        Ok(self.window.get(self.at).copied().map(Span::of_words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More spans than fit in memory come back as the stable sort of all of them.
    #[test]
    fn runs_are_merged_as_one_sort() {
        let mut spans = Spans::default();
        let mut all = Vec::new();
        let mut random = 1u64;
        for key in 0..(2 * RUN + 77) as u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let span = Span {
                start_ns: (random >> 40) as i64,
                duration_ns: random >> 20 & 7,
                thread: (random >> 60) as u32,
                cpu_ns: NO_CPU,
                key,
            };
            spans.push(span).unwrap();
            all.push(span);
        }
        spans.sort().unwrap();
        assert_eq!(spans.runs.len(), 3);
        all.sort_by_key(Span::order);
        let mut at = 0;
        spans
            .each(|span| {
                assert_eq!(*span, all[at], "{at}");
                at += 1;
            })
            .unwrap();
        assert_eq!(at, all.len());
    }
}
