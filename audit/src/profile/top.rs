//! What a Chrome trace says at a glance: operators, Python functions, threads, peaks of memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::chrome::{
    ChromeError, Counter, Key, PYTHON_FUNCTION, RECORDER, Share, SpanTotal, Thread, Totals, Trace,
};

/// The form of the JSON.
pub const SCHEMA: &str = "bragg-audit/trace-top/1";
/// A thread whose stack stays the same for this part of the recording did nothing in it.
const IDLE_PART: f64 = 0.99;

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Top {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Never: nothing vouches for a trace of others.
    pub reliable: bool,
    /// Whether every event of the file was read and has its partner.
    pub whole: bool,
    /// Events that were understood.
    pub events: u64,
    /// By phase letter, spans left out.
    pub others: BTreeMap<String, u64>,
    /// Spans by category.
    pub categories: BTreeMap<String, u64>,
    /// Instant events by name.
    pub instants: BTreeMap<String, u64>,
    /// What was not read; absent when nothing was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// The first start, nanoseconds on the trace's clock.
    pub recording_start_ns: i64,
    /// From the first start to the last end, milliseconds.
    pub recording_ms: f64,
    /// 100 %: time covered by spans, over the threads that count, milliseconds.
    pub total_ms: f64,
    /// Tables, each by inclusive time.
    pub sections: Vec<Section>,
    /// The first Python function that is not of the file that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_below_script: Option<Row>,
    /// The threads that count.
    pub threads: Vec<ThreadRow>,
    /// Threads whose stack never changed.
    pub idle: Idle,
    /// Counters and memory events.
    pub counters: Vec<Counter>,
}

/// What was lost of a file.
#[derive(Debug, Clone, Serialize)]
pub struct Lost {
    /// Events skipped because they are broken.
    pub broken_events: u64,
    /// Ends without a beginning.
    pub unmatched_ends: u64,
    /// Beginnings without an end.
    pub unclosed: u64,
    /// Spans that are in no sum: too many were open at once, or too many names are on too many threads.
    pub left_out: u64,
    /// The file stops before its end.
    pub cut: bool,
    /// Bytes after the last whole event of a file that is cut.
    pub bytes: u64,
    /// Why reading ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Spans of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// `operators`, `python functions`, `device`, `spans` or `asynchronous`.
    pub name: &'static str,
    /// By inclusive time.
    pub rows: Vec<Row>,
}

/// All spans of one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The name.
    pub name: String,
    /// Its category as the file has it.
    pub category: String,
    /// Number of spans.
    pub calls: u64,
    /// Wall time while one was open, counted once a thread, milliseconds.
    pub inclusive_ms: f64,
    /// Of [`Top::total_ms`].
    pub inclusive_pct: f64,
    /// Wall time while it was the innermost of its category, milliseconds.
    pub self_ms: f64,
    /// Of [`Top::total_ms`].
    pub self_pct: f64,
    /// Wall time while it was the innermost of all, milliseconds.
    pub innermost_ms: f64,
    /// Thread time, milliseconds, where the trace has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<f64>,
    /// Thread time without that of the spans inside, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_self_ms: Option<f64>,
    /// The same thread by thread; asynchronous events are of none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Part>,
}

/// Spans of one name on one thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// `pid/tid`, as `--thread` takes it.
    #[serde(serialize_with = "shared")]
    pub thread: Arc<str>,
    /// Number of spans.
    pub calls: u64,
    /// See [`Row::inclusive_ms`].
    pub inclusive_ms: f64,
    /// See [`Row::self_ms`].
    pub self_ms: f64,
    /// See [`Row::cpu_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<f64>,
    /// See [`Row::cpu_self_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_self_ms: Option<f64>,
}

/// One thread.
#[derive(Debug, Clone, Serialize)]
pub struct ThreadRow {
    /// Process.
    pub pid: String,
    /// Thread.
    pub tid: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Number of spans.
    pub spans: u64,
    /// Time covered by them, milliseconds.
    pub covered_ms: f64,
    /// Thread time in them, milliseconds, where the trace has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<f64>,
}

/// Stacks of threads that only waited.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Idle {
    /// Threads of the file; some recorders put the stacks of several under one number.
    pub threads: u64,
    /// Stacks: runs of spans that start with the same function.
    pub stacks: u64,
    /// Spans in them.
    pub spans: u64,
}

impl Top {
    /// Reads a trace and sums it up. With `thread`, only threads whose number or `pid/tid` it is, or whose name
    /// contains it.
    ///
    /// # Errors
    /// When the file cannot be read or is no trace.
    pub fn of(path: &Path, thread: Option<&str>) -> Result<Top, ChromeError> {
        let trace = Trace::read(path)?;
        Top::of_trace(&trace, thread).map_err(|source| ChromeError::Io { path: path.to_owned(), source })
    }

    /// The same of a trace that was read.
    ///
    /// # Errors
    /// Those of the temporary file that holds a large trace.
    pub fn of_trace(trace: &Trace, thread: Option<&str>) -> std::io::Result<Top> {
        let recording = recording(&trace.threads);
        let idle = idle_threads(trace);
        let counts = |i: u32| {
            !idle[i as usize] && thread.is_none_or(|wanted| is_thread(&trace.threads[i as usize], wanted))
        };
        let totals = trace.totals()?;
        let mut categories: BTreeMap<String, u64> = BTreeMap::new();
        let mut covered = vec![Share::default(); trace.threads.len()];
        for total in &totals.of_keys {
            let key = &trace.keys[total.key as usize];
            *categories.entry(key.category.clone()).or_default() += total.calls;
            for (thread, share) in total.threads.iter().filter(|_| key.category != RECORDER) {
                let sum = &mut covered[*thread as usize];
                *sum = sum.and(*share);
            }
        }
        let total_ns: u64 = (0..).zip(&covered).filter(|(i, _)| counts(*i)).map(|(_, sum)| sum.self_ns).sum();
        let names: Vec<Arc<str>> = trace.threads.iter().map(|t| number_of(t).into()).collect();
        let mut sections: Vec<Section> =
            KINDS.iter().map(|(name, _)| Section { name, rows: Vec::new() }).collect();
        for total in &totals.of_keys {
            let key = &trace.keys[total.key as usize];
            let counted: Vec<&(u32, Share)> = total.threads.iter().filter(|(i, _)| counts(*i)).collect();
            if counted.is_empty() || key.category == RECORDER {
                continue;
            }
            let share = counted.iter().fold(Share::default(), |sum, (_, share)| sum.and(*share));
            let parts = counted.iter().map(|(i, share)| part(&names[*i as usize], *share)).collect();
            let kind = KINDS.iter().position(|(_, of)| of(&key.category)).unwrap_or(KINDS.len() - 1);
            sections[kind].rows.push(Row { threads: parts, ..row(key, share, total_ns) });
        }
        let asyncs = trace.asyncs.iter().map(|a| {
            let share = Share { calls: a.calls, inclusive_ns: a.total_ns, ..Share::default() };
            row(&trace.keys[a.key as usize], share, total_ns)
        });
        if thread.is_none() {
            sections.push(Section { name: "asynchronous", rows: asyncs.collect() });
        }
        sections.retain(|s| !s.rows.is_empty());
        for section in &mut sections {
            section.rows.sort_by(|a, b| b.inclusive_ms.total_cmp(&a.inclusive_ms).then(a.name.cmp(&b.name)));
        }
        let first_below_script =
            sections.iter().find(|s| s.name == PYTHON).and_then(|s| first_below_script(&s.rows));
        let threads =
            (0..).zip(&trace.threads).filter(|(i, _)| covered[*i as usize].self_ns > 0 && counts(*i));
        Ok(Top {
            schema: SCHEMA,
            reliable: false,
            whole: trace.counts.whole() && totals.left_out == 0,
            events: trace.counts.events,
            others: trace.counts.others.clone(),
            categories,
            instants: trace.instants.clone(),
            lost: lost(trace, &totals),
            recording_start_ns: recording.0,
            recording_ms: ms(recording.1),
            total_ms: ms(total_ns),
            sections,
            first_below_script,
            threads: threads.map(|(i, t)| thread_row(t, &covered[i as usize])).collect(),
            idle: idle_stacks(trace, &idle, &totals.of_keys),
            counters: trace.counters.clone(),
        })
    }
}

const PYTHON: &str = "python functions";

/// A section's name and whether a category belongs to it.
type Kind = (&'static str, fn(&str) -> bool);

/// Sections and the categories that belong to them; the last takes the rest.
const KINDS: [Kind; 4] = [
    ("operators", |c| matches!(c, "cpu_op" | "Operator" | "operator")),
    (PYTHON, |c| c == PYTHON_FUNCTION),
    ("device", |c| matches!(c, "kernel" | "gpu_memcpy" | "gpu_memset" | "gpu_op")),
    ("spans", |_| true),
];

/// Whether a thread's stack stayed the same throughout: it waited, and the recorder wrote down where.
fn is_idle(thread: &Thread, recording: u64) -> bool {
    let extent = &thread.extent;
    let same = extent.first_end_ns.saturating_sub(extent.last_start_ns).max(0) as f64;
    extent.spans > 0 && extent.python == extent.spans && same >= IDLE_PART * recording as f64
}

fn is_thread(thread: &Thread, wanted: &str) -> bool {
    let named = |name: &Option<String>| name.as_ref().is_some_and(|n| n.contains(wanted));
    thread.tid == wanted || number_of(thread) == wanted || named(&thread.name)
}

fn number_of(thread: &Thread) -> String {
    format!("{}/{}", thread.pid, thread.tid)
}

/// Which threads only waited, by index into [`Trace::threads`]. None where no other thread worked: then a stack that
/// stayed the same may as well be of a function that took all the time.
#[must_use]
pub fn idle_threads(trace: &Trace) -> Vec<bool> {
    let (_, recording) = recording(&trace.threads);
    let mut idle: Vec<bool> = trace.threads.iter().map(|t| is_idle(t, recording)).collect();
    let works = |t: &Thread| t.extent.spans > t.extent.recorder;
    if !idle.iter().zip(&trace.threads).any(|(&idle, thread)| !idle && works(thread)) {
        idle.fill(false);
    }
    idle
}

/// The first start, and the time from there to the last end, nanoseconds.
fn recording(threads: &[Thread]) -> (i64, u64) {
    let extents = || threads.iter().map(|t| &t.extent).filter(|e| e.spans > 0);
    let (first, last) = (extents().map(|e| e.first_start_ns).min(), extents().map(|e| e.last_end_ns).max());
    first.zip(last).map_or((0, 0), |(first, last)| (first, last.abs_diff(first)))
}

fn idle_stacks(trace: &Trace, idle: &[bool], totals: &[SpanTotal]) -> Idle {
    let mut found = Idle::default();
    for (index, thread) in (0u32..).zip(&trace.threads).filter(|(i, _)| idle[*i as usize]) {
        found.threads += 1;
        found.spans += thread.extent.spans;
        // Every stack starts with the same function: the one with the most inclusive time.
        let shares = totals.iter().filter_map(|t| {
            let at = t.threads.binary_search_by_key(&index, |(thread, _)| *thread).ok()?;
            Some(&t.threads[at].1)
        });
        found.stacks += shares.max_by_key(|s| s.inclusive_ns).map_or(0, |s| s.calls);
    }
    found
}

/// The first row of another file than the first row's, in a table of Python functions.
fn first_below_script(rows: &[Row]) -> Option<Row> {
    let script = file_of(&rows.first()?.name)?;
    rows.iter().find(|row| file_of(&row.name).is_some_and(|file| file != script)).cloned()
}

/// `file` of `file(line): function`.
#[must_use]
pub fn file_of(name: &str) -> Option<&str> {
    super::python::place(name).map(|place| place.file)
}

fn row(key: &Key, share: Share, total_ns: u64) -> Row {
    let percent = |ns: u64| if total_ns > 0 { 100.0 * ns as f64 / total_ns as f64 } else { 0.0 };
    Row {
        name: key.name.clone(),
        category: key.category.clone(),
        calls: share.calls,
        inclusive_ms: ms(share.inclusive_ns),
        inclusive_pct: percent(share.inclusive_ns),
        self_ms: ms(share.category_self_ns),
        self_pct: percent(share.category_self_ns),
        innermost_ms: ms(share.self_ns),
        cpu_ms: share.cpu_ns.map(ms),
        cpu_self_ms: share.cpu_self_ns.map(ms),
        threads: Vec::new(),
    }
}

fn part(thread: &Arc<str>, share: Share) -> Part {
    Part {
        thread: Arc::clone(thread),
        calls: share.calls,
        inclusive_ms: ms(share.inclusive_ns),
        self_ms: ms(share.category_self_ns),
        cpu_ms: share.cpu_ns.map(ms),
        cpu_self_ms: share.cpu_self_ns.map(ms),
    }
}

fn shared<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn thread_row(thread: &Thread, covered: &Share) -> ThreadRow {
    ThreadRow {
        pid: thread.pid.clone(),
        tid: thread.tid.clone(),
        name: thread.name.clone(),
        process: thread.process.clone(),
        spans: thread.extent.spans,
        covered_ms: ms(covered.self_ns),
        // what spans have beyond those inside them adds up to the outermost ones'
        cpu_ms: covered.cpu_self_ns.map(ms),
    }
}

fn lost(trace: &Trace, totals: &Totals) -> Option<Lost> {
    let counts = &trace.counts;
    (!counts.whole() || totals.left_out > 0).then(|| Lost {
        broken_events: counts.broken,
        unmatched_ends: counts.unmatched_ends,
        unclosed: counts.unclosed,
        left_out: totals.left_out,
        cut: counts.cut,
        bytes: counts.bytes_lost,
        fault: counts.fault.clone(),
    })
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(events: &str) -> Top {
        let trace = Trace::parse(format!("[{events}]").as_bytes()).expect("a trace");
        Top::of_trace(&trace, None).expect("no temporary file")
    }

    const ONLY: &str =
        r#"{"ph":"X","pid":1,"tid":1,"cat":"python_function","ts":0,"dur":1000,"name":"a.py(1): f"}"#;
    const RECORDED: &str =
        r#"{"ph":"X","pid":"Spans","tid":"x","cat":"Trace","ts":0,"dur":1000,"name":"PyTorch Profiler (0)"}"#;
    const WAITING: &str = r#"{"ph":"X","pid":1,"tid":2,"cat":"python_function","ts":0,"dur":1000,"name":"threading.py(9): wait"}"#;
    const WORKING: &str = r#"{"ph":"X","pid":1,"tid":3,"cat":"cpu_op","ts":0,"dur":900,"name":"aten::mul"}"#;

    /// A stack that never changes is set apart only beside one that does.
    #[test]
    fn the_last_thread_that_counts_is_not_set_apart() {
        for events in [ONLY.to_owned(), format!("{ONLY},{RECORDED}")] {
            let top = top(&events);
            assert_eq!((top.total_ms, top.idle.threads), (1.0, 0), "{events}");
            assert_eq!(top.sections[0].rows[0].inclusive_pct, 100.0);
        }
        assert_eq!(top(&format!("{ONLY},{WAITING}")).total_ms, 2.0);
        let beside = top(&format!("{WORKING},{WAITING},{RECORDED}"));
        assert_eq!((beside.total_ms, beside.idle.threads, beside.idle.stacks), (0.9, 1, 1));
    }

    #[test]
    fn rows_and_threads_have_the_thread_time_of_each_thread() {
        let event = |tid, ts, dur, cpu, name| {
            format!(r#"{{"ph":"X","pid":1,"tid":{tid},"ts":{ts},"dur":{dur},"tdur":{cpu},"name":"{name}"}}"#)
        };
        let events =
            [event(1, 0, 10_000, 8000, "f"), event(1, 2000, 6000, 5000, "g"), event(2, 0, 4000, 3000, "f")];
        let top = top(&events.join(","));
        let threads: Vec<_> = top.threads.iter().map(|t| (t.tid.as_str(), t.covered_ms, t.cpu_ms)).collect();
        assert_eq!(threads, [("1", 10.0, Some(8.0)), ("2", 4.0, Some(3.0))]);
        let f = &top.sections[0].rows[0];
        let parts: Vec<_> = f
            .threads
            .iter()
            .map(|p| (&*p.thread, p.inclusive_ms, p.self_ms, p.cpu_ms, p.cpu_self_ms))
            .collect();
        assert_eq!(
            parts,
            [("1/1", 10.0, 4.0, Some(8.0), Some(3.0)), ("1/2", 4.0, 4.0, Some(3.0), Some(3.0))]
        );
        assert_eq!((f.name.as_str(), f.calls, f.inclusive_ms, f.cpu_ms), ("f", 2, 14.0, Some(11.0)));
    }
}
