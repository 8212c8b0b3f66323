//! Finds the events of a file one after the other, survives what is broken, pairs beginnings with ends.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::de::{Deserialize, IgnoredAny};

use super::event::{Event, Scalar};
use super::{Counts, Key, Span, Thread, Trace};

/// Reads a whole file; `None` when it starts like nothing that we know.
pub(super) fn read(bytes: &[u8]) -> Option<Trace> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut building = Building::default();
    cursor.skip_blanks();
    match cursor.peek() {
        None => building.counts.cut = true,
        Some(b'[') => building.events(&mut cursor),
        Some(b'{') => building.object(&mut cursor),
        Some(_) => return None,
    }
    Some(building.finish())
}

/// A place in the file.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_whitespace() || b == b',' || b == 0xef || b == 0xbb || b == 0xbf)
        {
            self.at += 1;
        }
    }

    /// One JSON value from here on; moves behind it when it is whole.
    fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_slice(&self.bytes[self.at..]).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    /// Moves behind the object or list that starts here, by counting brackets outside of strings; false at the end of
    /// the file.
    fn skip_structure(&mut self) -> bool {
        let (mut depth, mut at) = (0usize, self.at);
        while let Some(&byte) = self.bytes.get(at) {
            at += 1;
            match byte {
                b'"' => match string_end(self.bytes, at) {
                    Some(end) => at = end,
                    None => return false,
                },
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.at = at;
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }
}

/// The place behind the quote that ends a string.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A trace in the making.
#[derive(Default)]
struct Building {
    threads: Vec<Thread>,
    open: Vec<Vec<(u32, i64)>>,
    thread_ids: HashMap<String, usize>,
    keys: Vec<Key>,
    key_ids: HashMap<String, Vec<u32>>,
    counts: Counts,
    scratch: String,
}

impl Building {
    /// `{"traceEvents": [ … ], …}`; the other members may come before or after.
    fn object(&mut self, cursor: &mut Cursor<'_>) {
        cursor.at += 1;
        loop {
            cursor.skip_blanks();
            let start = cursor.at;
            match cursor.peek() {
                Some(b'}') => return,
                Some(b'"') => {}
                _ => return self.cut(cursor, start),
            }
            let Some(key) = cursor.value::<Scalar<'_>>() else { return self.cut(cursor, start) };
            cursor.skip_blanks();
            if cursor.peek() != Some(b':') {
                return self.cut(cursor, start);
            }
            cursor.at += 1;
            cursor.skip_blanks();
            if key.text() == "traceEvents" && cursor.peek() == Some(b'[') {
                self.events(cursor);
                if self.counts.cut {
                    return;
                }
            } else if cursor.value::<IgnoredAny>().is_none() {
                return self.cut(cursor, start);
            }
        }
    }

    /// `[ … ]`, the cursor at the bracket.
    fn events(&mut self, cursor: &mut Cursor<'_>) {
        cursor.at += 1;
        loop {
            cursor.skip_blanks();
            let start = cursor.at;
            match cursor.peek() {
                None => return self.cut(cursor, start),
                Some(b']') => {
                    cursor.at += 1;
                    return;
                }
                Some(b'{') => {
                    if let Some(event) = cursor.value::<Event<'_>>() {
                        self.event(&event);
                    } else if cursor.skip_structure() {
                        self.counts.broken += 1;
                    } else {
                        self.counts.broken += 1;
                        return self.cut(cursor, start);
                    }
                }
                Some(_) => {
                    self.counts.broken += 1;
                    while cursor.peek().is_some_and(|b| !matches!(b, b'{' | b']' | b',')) {
                        cursor.at += 1;
                    }
                }
            }
        }
    }

    fn cut(&mut self, cursor: &Cursor<'_>, from: usize) {
        self.counts.cut = true;
        self.counts.bytes_lost = (cursor.bytes.len() - from) as u64;
    }

    fn event(&mut self, event: &Event<'_>) {
        let ns = |us: f64| (us * 1e3).round();
        let time = event.time.map(|us| ns(us) as i64);
        match (&*event.phase.text(), time) {
            ("X", Some(start_ns)) => {
                let (thread, key) = (self.thread(event), self.key(event));
                let duration_ns = event.duration.map_or(0, |us| ns(us) as u64);
                self.span(thread, Span { start_ns, duration_ns, key });
            }
            ("B", Some(start_ns)) => {
                let (thread, key) = (self.thread(event), self.key(event));
                self.open[thread].push((key, start_ns));
            }
            ("E", Some(end_ns)) => self.end(event, end_ns),
            ("X" | "B" | "E", None) => {
                self.counts.broken += 1;
                return;
            }
            (phase, _) => {
                if phase == "M" && event.name.text() == "thread_name" {
                    let thread = self.thread(event);
                    self.threads[thread].name = event.args.name.as_ref().map(|name| name.text().into_owned());
                }
                self.other(phase);
            }
        }
        self.counts.events += 1;
    }

    /// Ends the latest beginning of that name; what had begun since stays without an end. An end without a name ends
    /// the latest.
    fn end(&mut self, event: &Event<'_>, end_ns: i64) {
        let thread = self.thread(event);
        let name = event.name.text();
        let named = |&(key, _): &(u32, i64)| name.is_empty() || self.keys[key as usize].name == name;
        let Some(at) = self.open[thread].iter().rposition(named) else {
            self.counts.unmatched_ends += 1;
            return;
        };
        let (key, start_ns) = self.open[thread][at];
        self.counts.unclosed += (self.open[thread].len() - at - 1) as u64;
        self.open[thread].truncate(at);
        let duration_ns = end_ns.saturating_sub(start_ns).max(0) as u64;
        self.span(thread, Span { start_ns, duration_ns, key });
    }

    fn span(&mut self, thread: usize, span: Span) {
        self.counts.spans += 1;
        self.threads[thread].spans.push(span);
    }

    fn other(&mut self, phase: &str) {
        // Real phases are one letter; garbage must not grow the table.
        let phase = if phase.len() == 1 { phase } else { "?" };
        match self.counts.others.get_mut(phase) {
            Some(count) => *count += 1,
            None => {
                self.counts.others.insert(phase.to_owned(), 1);
            }
        }
    }

    fn thread(&mut self, event: &Event<'_>) -> usize {
        let (pid, tid) = (event.pid.text(), event.tid.text());
        self.scratch.clear();
        self.scratch.extend([&*pid, "\0", &*tid]);
        if let Some(&index) = self.thread_ids.get(&self.scratch) {
            return index;
        }
        self.thread_ids.insert(self.scratch.clone(), self.threads.len());
        self.threads.push(Thread { pid: pid.into_owned(), tid: tid.into_owned(), ..Thread::default() });
        self.open.push(Vec::new());
        self.threads.len() - 1
    }

    fn key(&mut self, event: &Event<'_>) -> u32 {
        let name = event.name.text();
        let loop_id = event.args.loop_id.as_ref().map(Scalar::text);
        // `tracing-chrome` writes values as Rust's debug form, text in quotes.
        let loop_id = loop_id.as_deref().map(|id| id.trim_matches('"')).filter(|id| !id.is_empty());
        let same = |&&key: &&u32| self.keys[key as usize].loop_id.as_deref() == loop_id;
        if let Some(&key) = self.key_ids.get(&*name).and_then(|ids| ids.iter().find(same)) {
            return key;
        }
        let key = self.keys.len() as u32;
        self.keys.push(Key { name: name.clone().into_owned(), loop_id: loop_id.map(str::to_owned) });
        self.key_ids.entry(name.into_owned()).or_default().push(key);
        key
    }

    fn finish(mut self) -> Trace {
        self.counts.unclosed += self.open.iter().map(|open| open.len() as u64).sum::<u64>();
        for thread in &mut self.threads {
            thread.spans.sort_by_key(|s| (s.start_ns, Reverse(s.duration_ns)));
        }
        Trace { threads: self.threads, keys: self.keys, counts: self.counts }
    }
}
