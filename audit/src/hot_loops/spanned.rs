//! Loops from spans: a span's thread time goes to the `loop_id` that it carries; in traces of others Python functions
//! count for their loops.

use std::collections::HashMap;
use std::path::Path;

use super::{HotLoopsError, Index, Measured, SPANS, TRACE, Time, python};
use crate::profile::chrome::{ChromeError, Span, Stack, Trace, Walk};
use crate::profile::top::idle_threads;

/// Spans whose time is not of the render phase, with all that is inside them.
const OTHER_PHASES: [&str; 2] = ["setup", "output"];
/// Spans that only hold others: their own time is waiting for other threads.
const CONTAINERS: [&str; 1] = ["render"];
const NS_PER_MS: f64 = 1e6;

/// What a key of the trace means here.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    OtherPhase,
    Container,
    Loop(usize),
    Unknown,
}

/// Reads a trace of our own and adds up its render phase.
pub(super) fn measure(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let trace = Trace::read(path)?;
    let mut measured = Measured { problems: problems(path, &trace, index), ..Measured::default() };
    measured.summary.name = SPANS.into();
    measured.summary.method =
        "wall time between the ends of our own spans, per thread; measured, not sampled".into();
    measured = along(path, &trace, meanings(&trace, index), Vec::new(), measured)?;
    if measured.total == 0.0 {
        measured.problems.push(format!("{}: no span of the render phase", path.display()));
    }
    Ok(measured)
}

/// Reads anybody's trace: all of its time counts, but for stacks of idle threads and for what recorders write about
/// themselves.
pub(super) fn measure_foreign(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let trace = Trace::read(path)?;
    let mut measured = Measured::default();
    measured.summary.name = TRACE.into();
    measured.summary.method =
        "wall time between the ends of spans, per thread; Python functions joined by file and name".into();
    let counts = &trace.counts;
    if !counts.whole() {
        measured.problems.push(format!(
            "{}: not whole: {} events lost{}",
            path.display(),
            counts.lost(),
            if counts.cut {
                format!(", cut off {} bytes before its end", counts.bytes_lost)
            } else {
                String::new()
            }
        ));
    }
    let joined = python::join(&trace, index, &mut measured);
    let meanings = joined.into_iter().zip(&trace.keys).map(|(one, key)| match one {
        Some(one) => Meaning::Loop(one),
        None if key.category == "Trace" => Meaning::Container,
        None => Meaning::Unknown,
    });
    let idle = idle_threads(&trace);
    let mut measured = along(path, &trace, meanings.collect(), idle, measured)?;
    if measured.total == 0.0 {
        measured.problems.push(format!("{}: no span in it has a time that counts", path.display()));
    }
    Ok(measured)
}

fn along(
    path: &Path,
    trace: &Trace,
    meanings: Vec<Meaning>,
    idle: Vec<bool>,
    measured: Measured,
) -> Result<Measured, HotLoopsError> {
    let io = |source| ChromeError::Io { path: path.to_owned(), source };
    let mut along = Along { meanings, idle, measured, ..Along::default() };
    let left_out = trace.walk(&mut along).map_err(io)?;
    along.threads += u64::from(along.rendered);
    let Along { mut measured, total_ns, threads, .. } = along;
    measured.total = total_ns as f64 / NS_PER_MS;
    let summary = &mut measured.summary;
    summary.file = path.to_owned();
    summary.total_ms = Some(measured.total);
    summary.threads = threads;
    summary.spans = Some(trace.counts.spans);
    summary.lost = Some(trace.counts.lost() + left_out);
    if left_out > 0 {
        let problem =
            format!("{}: {left_out} spans left out, because too many were open at once", path.display());
        measured.problems.push(problem);
    }
    Ok(measured)
}

/// Adds up along a trace.
#[derive(Default)]
struct Along {
    meanings: Vec<Meaning>,
    /// Threads that do not count.
    idle: Vec<bool>,
    skip: bool,
    measured: Measured,
    total_ns: u64,
    threads: u64,
    /// Whether the current thread had render time.
    rendered: bool,
    /// Time of this thread that counts, nanoseconds.
    clock: u64,
    other_phases: u64,
    /// Spans open that are not containers.
    working: u64,
    loops: Stack<usize>,
    /// How often each open loop is open, and the clock when it was opened.
    open: HashMap<usize, (u64, u64)>,
}

impl Along {
    fn time(&mut self, one: usize) -> &mut Time {
        self.measured.loops.entry(one).or_default()
    }
}

impl Walk for Along {
    fn thread(&mut self, thread: u32) {
        self.skip = self.idle.get(thread as usize).copied().unwrap_or(false);
        self.threads += u64::from(self.rendered);
        self.rendered = false;
    }

    fn open(&mut self, ticket: u64, span: &Span) {
        match self.meanings[span.key as usize] {
            Meaning::OtherPhase => self.other_phases += 1,
            Meaning::Container => return,
            Meaning::Unknown => {}
            Meaning::Loop(_) if self.skip => {}
            Meaning::Loop(one) => {
                self.loops.push(ticket, one);
                let (times, _) = self.open.entry(one).or_insert((0, self.clock));
                *times += 1;
                // a function and a comprehension in it may stand for the same loop
                *self.measured.calls.entry(one).or_default() += u64::from(*times == 1);
            }
        }
        self.working += 1;
    }

    fn close(&mut self, ticket: u64, span: &Span) {
        match self.meanings[span.key as usize] {
            Meaning::OtherPhase => self.other_phases -= 1,
            Meaning::Container => return,
            Meaning::Unknown => {}
            Meaning::Loop(one) => {
                self.loops.remove(ticket);
                if let Some((times, since)) = self.open.get_mut(&one) {
                    *times -= 1;
                    if *times == 0 {
                        let ns = self.clock - *since;
                        self.open.remove(&one);
                        self.time(one).inclusive += ns as f64 / NS_PER_MS;
                    }
                }
            }
        }
        self.working -= 1;
    }

    fn pass(&mut self, ns: u64) {
        if self.skip || self.other_phases > 0 || self.working == 0 {
            return;
        }
        self.rendered = true;
        self.total_ns += ns;
        self.clock += ns;
        let ms = ns as f64 / NS_PER_MS;
        match self.loops.last_mut().copied() {
            Some(innermost) => self.time(innermost).own += ms,
            None => self.measured.unmatched += ms,
        }
    }
}

fn meanings(trace: &Trace, index: &Index<'_>) -> Vec<Meaning> {
    let meaning = |key: &crate::profile::chrome::Key| match key.name.as_str() {
        name if OTHER_PHASES.contains(&name) => Meaning::OtherPhase,
        name if CONTAINERS.contains(&name) && key.loop_id.is_none() => Meaning::Container,
        _ => key.loop_id.as_deref().and_then(|id| index.id(id)).map_or(Meaning::Unknown, Meaning::Loop),
    };
    trace.keys.iter().map(meaning).collect()
}

fn problems(path: &Path, trace: &Trace, index: &Index<'_>) -> Vec<String> {
    let (file, counts) = (path.display(), &trace.counts);
    let mut found = Vec::new();
    if counts.cut {
        found.push(format!(
            "{file}: the trace is cut off: {} bytes at its end are no whole event",
            counts.bytes_lost
        ));
    }
    if counts.lost() > 0 {
        found.push(format!(
            "{file}: spans lost: {} broken events, {} ends without a beginning, {} beginnings without an end",
            counts.broken, counts.unmatched_ends, counts.unclosed
        ));
    }
    for loop_id in trace.keys.iter().filter_map(|key| key.loop_id.as_deref()) {
        if index.id(loop_id).is_none() {
            found.push(format!("{file}: a span names the loop {loop_id}, which the inventory does not have"));
        }
    }
    found
}
