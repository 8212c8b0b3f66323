//! A trace in the making: names, threads, spans; beginnings paired with ends.
//!
//! Every table has a limit, so that a hostile file cannot take more memory than the constants here say.

use std::collections::HashMap;

use super::counters::{Counters, is_memory};
use super::event::Event;
use super::names::Names;
use super::scan::Raw;
use super::spans::{NO_CPU, Span, Spans};
use super::{Async, Counts, Key, Thread, Trace};

/// Distinct names and threads that are told apart; the rest goes under [`FURTHER`].
const MOST: usize = 100_000;
/// Bytes of the names of instants together.
const MOST_TEXT: usize = 32 << 20;
/// Beginnings that wait for their end.
const MOST_OPEN: usize = 1_000_000;
/// Name of what is beyond [`MOST`].
const FURTHER: &str = "(further names)";

#[derive(Default)]
pub(super) struct Building {
    threads: Vec<Thread>,
    open: Vec<Vec<Open>>,
    opened: usize,
    thread_ids: HashMap<Vec<u8>, u32>,
    /// The thread of the last event: most events have the one before's.
    last_thread: Option<([Vec<u8>; 2], u32)>,
    keys: Vec<Key>,
    key_ids: Names,
    further_key: Option<u32>,
    finder: LoopIds,
    text: usize,
    spans: Spans,
    asyncs: HashMap<Vec<u8>, Vec<i64>>,
    async_totals: HashMap<u32, (u64, u64)>,
    counters: Counters,
    others: HashMap<u8, u64>,
    instants: HashMap<Vec<u8>, u64>,
    processes: HashMap<String, String>,
    pub(super) counts: Counts,
}

struct Open {
    key: u32,
    start_ns: i64,
    thread_ns: Option<i64>,
}

impl Building {
    /// Takes an event in.
    ///
    /// # Errors
    /// Those of the temporary file that spans are put into when they are many.
    pub(super) fn event(&mut self, event: &Event<'_>) -> std::io::Result<()> {
        let letter = event.letter();
        match letter {
            b'X' => {
                let (Some(start_ns), Some(duration)) = (event.time.nanoseconds(), duration(event)) else {
                    self.counts.broken += 1;
                    return Ok(());
                };
                let cpu = event.thread_duration.nanoseconds().and_then(|ns| u64::try_from(ns).ok());
                let (thread, key) = (self.thread(event), self.key(event));
                self.span(Span {
                    thread,
                    key,
                    start_ns,
                    duration_ns: duration,
                    cpu_ns: cpu.unwrap_or(NO_CPU),
                })?;
            }
            b'B' | b'E' => {
                let Some(time) = event.time.nanoseconds() else {
                    self.counts.broken += 1;
                    return Ok(());
                };
                let thread_ns = event.thread_time.nanoseconds();
                if letter == b'E' {
                    self.end(event, time, thread_ns)?;
                } else if self.opened < MOST_OPEN {
                    let (thread, key) = (self.thread(event), self.key(event));
                    self.open[thread as usize].push(Open { key, start_ns: time, thread_ns });
                    self.opened += 1;
                } else {
                    self.counts.unclosed += 1;
                }
            }
            _ => self.other(letter, event),
        }
        self.counts.events += 1;
        Ok(())
    }

    /// Ends the latest beginning of that name; what had begun since stays without an end. An end without a name ends
    /// the latest.
    fn end(&mut self, event: &Event<'_>, end_ns: i64, thread_ns: Option<i64>) -> std::io::Result<()> {
        let thread = self.thread(event);
        let name = event.name.text();
        let open = &mut self.open[thread as usize];
        let named = |one: &Open| name.is_empty() || self.keys[one.key as usize].name == name;
        let Some(at) = open.iter().rposition(named) else {
            self.counts.unmatched_ends += 1;
            return Ok(());
        };
        self.counts.unclosed += (open.len() - at - 1) as u64;
        self.opened -= open.len() - at;
        let Some(begun) = open.drain(at..).next() else { return Ok(()) };
        let since = |from: i64, to: i64| to.saturating_sub(from).max(0).unsigned_abs();
        let cpu_ns = begun.thread_ns.zip(thread_ns).map_or(NO_CPU, |(from, to)| since(from, to));
        let duration_ns = since(begun.start_ns, end_ns);
        self.span(Span { thread, key: begun.key, start_ns: begun.start_ns, duration_ns, cpu_ns })
    }

    fn span(&mut self, span: Span) -> std::io::Result<()> {
        self.counts.spans += 1;
        self.counts.cpu_times += u64::from(span.cpu_ns != NO_CPU);
        let thread = &mut self.threads[span.thread as usize];
        let end = span.start_ns.saturating_add_unsigned(span.duration_ns);
        let python = self.keys[span.key as usize].category == "python_function";
        thread.extent.take_in(span.start_ns, end, python);
        self.spans.push(span)
    }

    fn other(&mut self, letter: u8, event: &Event<'_>) {
        *self.others.entry(letter).or_default() += 1;
        match letter {
            b'M' => self.metadata(event),
            b'C' => self.counters.counter(event),
            b'i' | b'I' | b'R' => {
                if is_memory(event) {
                    self.counters.memory(event);
                }
                let Raw::Text(name) = event.name else { return };
                if let Some(count) = self.instants.get_mut(name) {
                    *count += 1;
                } else if self.instants.len() < MOST && self.text < MOST_TEXT {
                    self.text += name.len();
                    self.instants.insert(name.to_vec(), 1);
                }
            }
            b'b' | b'e' | b'S' | b'F' => self.asynchronous(letter, event),
            _ => {}
        }
    }

    fn metadata(&mut self, event: &Event<'_>) {
        let name = || event.argument(b"name").text();
        match event.name {
            Raw::Text(b"thread_name") => {
                let thread = self.thread(event);
                self.threads[thread as usize].name = Some(name().into_owned());
            }
            Raw::Text(b"process_name") if self.processes.len() < MOST => {
                self.processes.insert(event.pid.text().into_owned(), name().into_owned());
            }
            _ => {}
        }
    }

    /// Beginnings and ends that may lie on different threads and overlap: paired by category, id and name.
    fn asynchronous(&mut self, letter: u8, event: &Event<'_>) {
        let Some(time) = event.time.nanoseconds() else {
            self.counts.broken += 1;
            return;
        };
        let id = event.id.bytes();
        let place = [id, event.category.bytes(), event.name.bytes()].join(&0);
        if matches!(letter, b'b' | b'S') {
            if self.asyncs.len() < MOST && place.len() < 4096 {
                self.asyncs.entry(place).or_default().push(time);
            } else {
                self.counts.unclosed += 1;
            }
            return;
        }
        let begun = self.asyncs.get_mut(&place).and_then(Vec::pop);
        if self.asyncs.get(&place).is_some_and(Vec::is_empty) {
            self.asyncs.remove(&place);
        }
        let Some(start) = begun else {
            self.counts.unmatched_ends += 1;
            return;
        };
        let key = self.key(event);
        let total = self.async_totals.entry(key).or_default();
        total.0 += 1;
        total.1 = total.1.saturating_add(time.saturating_sub(start).max(0).unsigned_abs());
    }

    fn thread(&mut self, event: &Event<'_>) -> u32 {
        let place = [event.pid.bytes(), event.tid.bytes()];
        if let Some((last, index)) = &self.last_thread
            && last.iter().zip(place).all(|(a, b)| a == b)
        {
            return *index;
        }
        let joined = place.join(&0);
        let index = match self.thread_ids.get(&joined) {
            Some(&index) => index,
            None if self.threads.len() >= MOST || joined.len() > 4096 => self.further_thread(),
            None => {
                let index = self.threads.len() as u32;
                self.thread_ids.insert(joined, index);
                self.add_thread(event.pid.text().into_owned(), event.tid.text().into_owned());
                index
            }
        };
        self.last_thread = Some((place.map(<[u8]>::to_vec), index));
        index
    }

    fn further_thread(&mut self) -> u32 {
        if let Some(&index) = self.thread_ids.get(FURTHER.as_bytes()) {
            return index;
        }
        self.thread_ids.insert(FURTHER.into(), self.threads.len() as u32);
        self.add_thread(FURTHER.into(), String::new());
        self.threads.len() as u32 - 1
    }

    fn add_thread(&mut self, pid: String, tid: String) {
        self.threads.push(Thread { pid, tid, ..Thread::default() });
        self.open.push(Vec::new());
    }

    fn key(&mut self, event: &Event<'_>) -> u32 {
        let loop_id = match event.args {
            Raw::Structure(args) if self.finder.0.find(args).is_some() => event.argument(b"loop_id"),
            _ => Raw::Nothing,
        };
        let parts = [event.name, event.category, loop_id].map(Raw::bytes);
        let keys = &mut self.keys;
        let new = || {
            keys.push(key_of(event, loop_id));
            keys.len() as u32 - 1
        };
        match self.key_ids.find_or_add(parts, new) {
            Some(key) => key,
            None => {
                let keys = &mut self.keys;
                *self.further_key.get_or_insert_with(|| {
                    keys.push(Key { name: FURTHER.into(), ..Key::default() });
                    keys.len() as u32 - 1
                })
            }
        }
    }

    /// Sorts what was read.
    ///
    /// # Errors
    /// Those of the temporary file.
    pub(super) fn finish(mut self) -> std::io::Result<Trace> {
        let waiting = self.open.iter().map(Vec::len).chain(self.asyncs.values().map(Vec::len));
        self.counts.unclosed += waiting.map(|n| n as u64).sum::<u64>();
        for thread in &mut self.threads {
            thread.process = self.processes.get(&thread.pid).cloned();
        }
        self.counts.others =
            self.others.into_iter().map(|(letter, n)| (char::from(letter).to_string(), n)).collect();
        let instants = self.instants.into_iter().map(|(name, n)| (Raw::Text(&name).text().into_owned(), n));
        let mut asyncs: Vec<Async> = self
            .async_totals
            .into_iter()
            .map(|(key, (calls, total_ns))| Async { key, calls, total_ns })
            .collect();
        asyncs.sort_by_key(|a| (std::cmp::Reverse(a.total_ns), a.key));
        self.spans.sort()?;
        Ok(Trace {
            threads: self.threads,
            keys: self.keys,
            counts: self.counts,
            instants: instants.collect(),
            asyncs,
            counters: self.counters.finish(),
            spans: self.spans,
        })
    }
}

/// An `X` event's; absent counts as 0, negative or nonsense as broken.
fn duration(event: &Event<'_>) -> Option<u64> {
    match event.duration {
        Raw::Nothing => Some(0),
        given => u64::try_from(given.nanoseconds()?).ok(),
    }
}

/// Finds the argument that most events do not have.
struct LoopIds(memchr::memmem::Finder<'static>);

impl Default for LoopIds {
    fn default() -> Self {
        LoopIds(memchr::memmem::Finder::new("\"loop_id\""))
    }
}

fn key_of(event: &Event<'_>, loop_id: Raw<'_>) -> Key {
    // `tracing-chrome` writes values as Rust's debug form, text in quotes.
    let loop_id = loop_id.text().trim_matches('"').to_owned();
    Key {
        name: event.name.text().into_owned(),
        category: event.category.text().into_owned(),
        loop_id: (!loop_id.is_empty()).then_some(loop_id),
    }
}
