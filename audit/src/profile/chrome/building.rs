//! A trace in the making: names, threads, spans; beginnings paired with ends.
//!
//! What the tables hold together is bounded by [`MOST_HELD`]: a hostile file cannot take more memory than that, beside the
//! window of the reader, the spans that are sorted and the beginnings that wait, which have limits of their own.

use std::collections::{BTreeMap, HashMap};

use super::super::budget::{Budget, ENTRY};
use super::counters::{Counters, is_memory};
use super::event::Event;
use super::gaps::Gaps;
use super::names::Names;
use super::pairs::Pairs;
use super::scan::Raw;
use super::spans::{NO_CPU, Span, Spans};
use super::waiting::{Begun, Waiting};
use super::{Counts, Key, Thread, Trace};

/// Distinct threads and instants that are told apart; the rest goes under [`FURTHER`].
const MOST: usize = 100_000;
/// Bytes of all tables together: names, threads, what waits for its end.
pub(super) const MOST_HELD: usize = 96 << 20;
/// Longest number of a thread with its process's, bytes.
const LONGEST_NUMBER: usize = 256;
/// Longest name of a thread or a process, characters; the rest is cut off.
const LONGEST_LABEL: usize = 200;
/// Name of what is beyond [`MOST`] or [`MOST_HELD`].
const FURTHER: &str = "(further names)";

pub(super) struct Building {
    budget: Budget,
    threads: Vec<Thread>,
    waiting: Waiting,
    thread_ids: HashMap<Vec<u8>, u32>,
    further_thread: Option<u32>,
    /// The thread of the last event: most events have the one before's.
    last_thread: Option<([Vec<u8>; 2], u32)>,
    keys: Vec<Key>,
    key_ids: Names,
    further_key: Option<u32>,
    finder: LoopIds,
    spans: Spans,
    pairs: Pairs,
    counters: Counters,
    /// Between arguments.
    gaps: Gaps,
    /// By letter.
    others: Vec<u64>,
    instants: Instants,
    processes: HashMap<String, String>,
    pub(super) counts: Counts,
}

impl Default for Building {
    fn default() -> Self {
        Building {
            budget: Budget::new(MOST_HELD),
            threads: Vec::new(),
            waiting: Waiting::default(),
            thread_ids: HashMap::new(),
            further_thread: None,
            last_thread: None,
            keys: Vec::new(),
            key_ids: Names::default(),
            further_key: None,
            finder: LoopIds::default(),
            spans: Spans::default(),
            pairs: Pairs::default(),
            counters: Counters::default(),
            gaps: Gaps::default(),
            others: vec![0; 256],
            instants: Instants::default(),
            processes: HashMap::new(),
            counts: Counts::default(),
        }
    }
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
                } else {
                    let (thread, key) = (self.thread(event), self.key(event));
                    let begun = Begun { key, start_ns: time, thread_ns };
                    let name = &self.keys[key as usize].name;
                    let kept = self.waiting.begin(thread, name, begun, &mut self.budget);
                    self.counts.unclosed += u64::from(!kept);
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
        let Some((begun, left)) = self.waiting.end(thread, &event.name.text()) else {
            self.counts.unmatched_ends += 1;
            return Ok(());
        };
        self.counts.unclosed += left;
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
        thread.extent.take_in(span.start_ns, end, &self.keys[span.key as usize].category);
        self.spans.push(span)
    }

    fn other(&mut self, letter: u8, event: &Event<'_>) {
        self.others[usize::from(letter)] += 1;
        match letter {
            b'M' => self.metadata(event),
            b'C' => self.counters.counter(event, &mut self.gaps, &mut self.budget),
            b'i' | b'I' | b'R' => {
                if is_memory(event) {
                    self.counters.memory(event, &mut self.gaps, &mut self.budget);
                }
                if let Raw::Text(name) = event.name {
                    self.instants.count(name, &mut self.budget);
                }
            }
            b'b' | b'e' | b'S' | b'F' => self.asynchronous(letter, event),
            _ => {}
        }
    }

    fn metadata(&mut self, event: &Event<'_>) {
        let name = |gaps| label(&event.argument(b"name", gaps).text());
        match event.name {
            Raw::Text(b"thread_name") => {
                let (thread, name) = (self.thread(event), name(&mut self.gaps));
                if self.budget.take(name.len()) {
                    let before = self.threads[thread as usize].name.replace(name);
                    self.budget.give_back(before.map_or(0, |name| name.len()));
                }
            }
            Raw::Text(b"process_name") if event.pid.bytes().len() <= LONGEST_NUMBER => {
                let (pid, name) = (event.pid.text(), name(&mut self.gaps));
                let beside = pid.len() + ENTRY;
                if self.budget.take(beside + name.len()) {
                    let before = self.processes.insert(pid.into_owned(), name);
                    self.budget.give_back(before.map_or(0, |name| beside + name.len()));
                }
            }
            _ => {}
        }
    }

    /// Beginnings and ends that may lie on different threads and overlap.
    fn asynchronous(&mut self, letter: u8, event: &Event<'_>) {
        let Some(time) = event.time.nanoseconds() else {
            self.counts.broken += 1;
            return;
        };
        if matches!(letter, b'b' | b'S') {
            let kept = self.pairs.begin(event, time, &mut self.budget);
            self.counts.unclosed += u64::from(!kept);
        } else if let Some(start) = self.pairs.end(event, &mut self.budget) {
            let key = self.key(event);
            self.pairs.add(key, time.saturating_sub(start).max(0).unsigned_abs());
        } else {
            self.counts.unmatched_ends += 1;
        }
    }

    fn thread(&mut self, event: &Event<'_>) -> u32 {
        let place = [event.pid.bytes(), event.tid.bytes()];
        if let Some((last, index)) = &self.last_thread
            && last.iter().zip(place).all(|(a, b)| a == b)
        {
            return *index;
        }
        if place.iter().map(|p| p.len()).sum::<usize>() > LONGEST_NUMBER {
            return self.further_thread();
        }
        let joined = place.join(&0);
        let index = match self.thread_ids.get(&joined) {
            Some(&index) => index,
            // its numbers stand here and decoded
            None if self.threads.len() < MOST && self.budget.take(2 * joined.len() + 2 * ENTRY) => {
                let index = self.add_thread(event.pid.text().into_owned(), event.tid.text().into_owned());
                self.thread_ids.insert(joined, index);
                index
            }
            None => self.further_thread(),
        };
        self.last_thread = Some((place.map(<[u8]>::to_vec), index));
        index
    }

    fn further_thread(&mut self) -> u32 {
        if let Some(index) = self.further_thread {
            return index;
        }
        let index = self.add_thread(FURTHER.into(), String::new());
        self.further_thread = Some(index);
        index
    }

    fn add_thread(&mut self, pid: String, tid: String) -> u32 {
        self.threads.push(Thread { pid, tid, ..Thread::default() });
        self.threads.len() as u32 - 1
    }

    fn key(&mut self, event: &Event<'_>) -> u32 {
        let loop_id = match event.args {
            Raw::Structure(args) if self.finder.0.find(args).is_some() => {
                event.argument(b"loop_id", &mut self.gaps)
            }
            _ => Raw::Nothing,
        };
        let parts = [event.name, event.category, loop_id].map(Raw::bytes);
        let keys = &mut self.keys;
        let new = || {
            keys.push(key_of(event, loop_id));
            keys.len() as u32 - 1
        };
        match self.key_ids.find_or_add(parts, &mut self.budget, new) {
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
        self.counts.unclosed += self.waiting.len() as u64 + self.pairs.waiting();
        drop(self.waiting);
        for thread in &mut self.threads {
            let process = self.processes.get(&thread.pid);
            thread.process = process.filter(|name| self.budget.take(name.len())).cloned();
        }
        let others = (0..=u8::MAX).zip(self.others).filter(|(_, n)| *n > 0);
        self.counts.others = others.map(|(letter, n)| (char::from(letter).to_string(), n)).collect();
        self.spans.sort()?;
        Ok(Trace {
            threads: self.threads,
            keys: self.keys,
            counts: self.counts,
            instants: self.instants.finish(),
            asyncs: self.pairs.finish(),
            counters: self.counters.finish(),
            spans: self.spans,
        })
    }
}

/// How often each instant event was met.
#[derive(Default)]
struct Instants {
    ids: Names,
    list: Vec<(Vec<u8>, u64)>,
    further: u64,
}

impl Instants {
    fn count(&mut self, name: &[u8], budget: &mut Budget) {
        let list = &mut self.list;
        let new = || {
            list.push((name.to_vec(), 0));
            list.len() as u32 - 1
        };
        match self.ids.find_or_add([name, b"", b""], budget, new) {
            Some(index) => self.list[index as usize].1 += 1,
            None => self.further += 1,
        }
    }

    fn finish(self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        let further = (self.further > 0).then(|| (FURTHER.to_owned(), self.further));
        let known = self.list.iter().map(|(name, n)| (Raw::Text(name).text().into_owned(), *n));
        // two spellings of one name may differ in their escapes
        known.chain(further).for_each(|(name, n)| *all.entry(name).or_default() += n);
        all
    }
}

/// An `X` event's; absent counts as 0, negative or nonsense as broken.
fn duration(event: &Event<'_>) -> Option<u64> {
    match event.duration {
        Raw::Nothing => Some(0),
        given => u64::try_from(given.nanoseconds()?).ok(),
    }
}

/// A name that is only shown, cut where it is too long for that.
fn label(name: &str) -> String {
    match name.char_indices().nth(LONGEST_LABEL) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
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
