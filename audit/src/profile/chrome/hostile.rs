//! Files made to take time or memory: both stay in proportion to what the constants say, and what was lost is counted.

use std::io::Read;

use super::building::MOST_HELD;
use super::{Trace, input, reader};
use crate::profile::allocated::most_in;

/// A trace of so many events that is never in memory as a whole.
struct Made<E> {
    event: E,
    next: usize,
    events: usize,
    text: Vec<u8>,
    at: usize,
}

impl<E: Fn(usize) -> String> Read for Made<E> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.text.len() && self.next < self.events {
            self.text =
                format!("{}{}", if self.next == 0 { "[" } else { "," }, (self.event)(self.next)).into();
            self.next += 1;
            self.at = 0;
        }
        let count = into.len().min(self.text.len() - self.at);
        into[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// The trace, and the most memory it took to read it and add it up.
fn read(events: usize, event: impl Fn(usize) -> String) -> (Trace, usize) {
    most_in(|| {
        let made = Made { event, next: 0, events, text: Vec::new(), at: 0 };
        let trace = reader::read(input::Input::new(made).unwrap()).unwrap().expect("starts like a trace");
        trace.totals().unwrap();
        trace
    })
}

fn parse(text: &str) -> Trace {
    Trace::parse(text.as_bytes()).expect("starts like a trace")
}

/// Of many open or many distinct things.
#[test]
fn files_of_many_things_are_read() {
    let nested = format!("[{}", "{\"a\":[".repeat(100_000));
    assert!(parse(&nested).counts.cut);
    let begun: String = (0..50_000).map(|i| format!(r#"{{"ph":"B","ts":{i},"name":"n{i}"}},"#)).collect();
    assert_eq!(parse(&format!("[{begun}")).counts.unclosed, 50_000);
    let overlapping: String =
        (0..50_000).map(|i| format!(r#"{{"ph":"X","ts":{i},"dur":100000,"name":"n{}"}},"#, i % 7)).collect();
    let trace = parse(&format!("[{overlapping}"));
    let sum = trace.totals().unwrap().of_keys.iter().map(|t| t.total().self_ns).sum::<u64>();
    assert_eq!(sum, 149_999_000);
}

/// A million beginnings and a million ends of other names, known and unknown: to look through what is open for each would
/// take an hour.
#[test]
fn ends_without_a_beginning_cost_no_search() {
    const MANY: usize = 1_000_000;
    let (trace, _) = read(2 * MANY, |i| match i {
        0 => r#"{"ph":"B","ts":0,"tid":1,"name":"known"}"#.to_owned(),
        i if i < MANY => format!(r#"{{"ph":"B","ts":{i},"name":"a{}"}}"#, i % 3),
        i if i % 2 == 0 => format!(r#"{{"ph":"E","ts":{i},"name":"known"}}"#),
        i => format!(r#"{{"ph":"E","ts":{i},"name":"unknown"}}"#),
    });
    assert_eq!((trace.counts.unmatched_ends, trace.counts.unclosed), (MANY as u64, MANY as u64));
    assert_eq!(trace.counts.events, 2 * MANY as u64);
}

/// A broken event whose brackets do not close, again and again: to look for its end through all that was read each time
/// would take minutes.
#[test]
fn broken_events_cost_no_search_through_the_file() {
    const MANY: usize = 1_000_000;
    let text = format!("[{}", r#"{x{"ph":"X","ts":1,"dur":1,"name":"a"},"#.repeat(MANY));
    let trace = Trace::of_memory(text.as_bytes()).expect("starts like a trace");
    assert_eq!((trace.counts.spans, trace.counts.broken), (MANY as u64, MANY as u64));
}

/// Spans each of which begins before the one before it ends: a chain takes no more memory when it is longer.
#[test]
fn a_chain_of_overlapping_spans_takes_no_memory() {
    let chain = |i| format!(r#"{{"ph":"X","ts":{},"dur":15,"name":"n{}"}}"#, 10 * i, i % 7);
    let (short, least) = read(20_000, chain);
    let (long, most) = read(400_000, chain);
    for (trace, spans) in [(short, 20_000), (long, 400_000)] {
        let totals = trace.totals().unwrap();
        let sum: u64 = totals.of_keys.iter().map(|t| t.total().self_ns).sum();
        assert_eq!((sum, totals.left_out), ((10 * spans + 5) * 1000, 0));
    }
    // but for the spans themselves, twice while they are sorted
    assert!(most - least < 400_000 * 80 + (2 << 20), "{least} and {most} bytes");
}

#[test]
fn of_spans_that_are_all_open_at_once_some_are_left_out() {
    let (trace, most) =
        read(600_000, |i| format!(r#"{{"ph":"X","ts":{i},"dur":1000000,"name":"n{}"}}"#, i % 7));
    let totals = trace.totals().unwrap();
    let calls: u64 = totals.of_keys.iter().map(|t| t.calls).sum();
    assert_eq!((trace.counts.spans, calls + totals.left_out), (600_000, 600_000));
    assert!(totals.left_out > 300_000 && most < 120 << 20, "{} left out, {most} bytes", totals.left_out);
}

/// Names, threads, processes, counters, pairs: whatever there is much of, what is held stays within the room.
#[test]
fn tables_are_bounded() {
    // the window, the spans that are sorted, the beginnings that wait
    const BESIDE: usize = 64 << 20;
    let long = "x".repeat(20_000);
    type Kind<'a> = (usize, &'a str, &'a dyn Fn(usize) -> String);
    let kinds: [Kind<'_>; 9] = [
        (400_000, "pairs that wait", &|i| format!(r#"{{"ph":"b","id":{i},"ts":1,"name":"n"}}"#)),
        (30_000, "long pairs", &|i| format!(r#"{{"ph":"b","id":{i},"ts":1,"name":"{}"}}"#, &long[..4000])),
        (300_000, "threads", &|i| format!(r#"{{"ph":"X","tid":"{i:0200}","ts":{i},"dur":1,"name":"n"}}"#)),
        (20_000, "names of threads", &|i| {
            format!(r#"{{"ph":"M","tid":{i},"name":"thread_name","args":{{"name":"{long}"}}}}"#)
        }),
        (20_000, "names of processes", &|i| {
            format!(r#"{{"ph":"M","pid":{i},"name":"process_name","args":{{"name":"{long}"}}}}"#)
        }),
        (20_000, "instants", &|i| format!(r#"{{"ph":"i","ts":1,"name":"{i}{long}"}}"#)),
        (20_000, "names", &|i| format!(r#"{{"ph":"X","ts":{i},"dur":1,"name":"{i}{long}"}}"#)),
        (400_000, "names that wait", &|i| format!(r#"{{"ph":"B","ts":{i},"name":"some name {i:0100}"}}"#)),
        (50_000, "counters", &|i| {
            format!(r#"{{"ph":"C","ts":{i},"name":"{i}","args":{{"{}":1}}}}"#, &long[..4000])
        }),
    ];
    for (events, kind, event) in kinds {
        let (trace, most) = read(events, event);
        assert_eq!(trace.counts.events, events as u64, "{kind}");
        assert!(most < MOST_HELD + BESIDE, "{kind}: {most} bytes");
    }
}
