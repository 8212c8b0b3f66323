//! How fast a large Chrome trace is read, beside a bare `serde_json` visitor over a memory map, which keeps nothing; both
//! on one core, in turns, as medians. Every count is checked. `cargo bench -p bragg-audit --bench traces [MEGABYTES]`
//!
//! The trace is a real one of `torch.profiler` repeated with other process ids (`../shared/samples/torch_trace.json`), or
//! made-up events of the same shape where that is not there. Its spans are nested. A second one, a chain of spans of which
//! each begins before the one before it ends, shows that memory does not grow with it either. Both are written to temporary
//! files and removed.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bragg_audit::profile::chrome::Trace;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

const ROUNDS: usize = 5;
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/samples/torch_trace.json");

/// What both readers have to find.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    events: u64,
    complete: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let megabytes: u64 = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1000);
    let file = tempfile::NamedTempFile::new()?;
    let (bytes, expected) = write_trace(file.as_file(), megabytes * 1_000_000)?;
    println!(
        "{:.0} MB, {} events, {} of them complete",
        bytes as f64 / 1e6,
        expected.events,
        expected.complete
    );
    let speed = |seconds: f64| bytes as f64 / 1e6 / seconds;
    let (mut ours, mut with_times, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut mapped, mut against) = (Vec::new(), Vec::new());
    let mut most = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        assert_eq!(visit(file.path())?, expected, "the bare visitor found something else");
        bare.push(speed(start.elapsed().as_secs_f64()));
        let watch = Watch::start();
        let start = Instant::now();
        let trace = Trace::read(file.path())?;
        ours.push(speed(start.elapsed().as_secs_f64()));
        let totals = trace.totals()?;
        with_times.push(speed(start.elapsed().as_secs_f64()));
        most = most.max(watch.stop());
        let calls = totals.of_keys.iter().map(|t| t.calls).sum();
        assert_eq!(Counts { events: trace.counts.events, complete: calls }, expected);
        assert!(trace.counts.whole(), "{:?}", trace.counts);
        mapped.push(speed(map_and_read(file.path(), expected)?));
        against.push(ours[ours.len() - 1] / mapped[mapped.len() - 1]);
        ratios.push(ours[ours.len() - 1] / bare[bare.len() - 1]);
    }
    println!("bare serde_json visitor          {:6.0} MB/s", median(&mut bare));
    println!("our reader                       {:6.0} MB/s", median(&mut ours));
    println!("the same over a memory map       {:6.0} MB/s", median(&mut mapped));
    println!("our reader / over a memory map   {:6.2} (median of {ROUNDS} pairs)", median(&mut against));
    println!("our reader, and all times        {:6.0} MB/s", median(&mut with_times));
    println!("our reader / bare visitor        {:6.2} (median of {ROUNDS} pairs)", median(&mut ratios));
    println!("most private memory of ours      {:6.0} MB", most as f64 / 1e6);
    drop(file);
    for part in [4, 1] {
        overlapping(megabytes * 1_000_000 / part)?;
    }
    Ok(())
}

/// Reads and adds up a chain of spans of so many bytes.
fn overlapping(size: u64) -> Result<(), Box<dyn std::error::Error>> {
    let file = tempfile::NamedTempFile::new()?;
    let mut out = std::io::BufWriter::with_capacity(1 << 20, file.as_file());
    let (mut written, mut spans) = (0, 0u64);
    while written < size {
        let open = if spans == 0 { "[" } else { ",\n" };
        let event = format!(
            "{open}{{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"op{}\", \"pid\": 1, \"tid\": 1, \"ts\": {}, \"dur\": 15}}",
            spans % 50,
            10 * spans
        );
        out.write_all(event.as_bytes())?;
        written += event.len() as u64;
        spans += 1;
    }
    out.write_all(b"]")?;
    out.flush()?;
    let watch = Watch::start();
    let start = Instant::now();
    let totals = Trace::read(file.path())?.totals()?;
    let seconds = start.elapsed().as_secs_f64();
    let most = watch.stop();
    let sum: u64 = totals.of_keys.iter().map(|t| t.total().self_ns).sum();
    assert_eq!((sum, totals.left_out), ((10 * spans + 5) * 1000, 0), "the chain covers its time once");
    println!(
        "overlapping spans, {:5.0} MB: all times {:.0} MB/s, most private memory {:.0} MB",
        written as f64 / 1e6,
        written as f64 / 1e6 / seconds,
        most as f64 / 1e6
    );
    Ok(())
}

/// The same events from a memory map, without copies; seconds.
fn map_and_read(path: &Path, expected: Counts) -> Result<f64, Box<dyn std::error::Error>> {
    let start = Instant::now();
    #[expect(unsafe_code, reason = "memory map of the bench's own file")]
    // SAFETY: nobody else knows the file.
    let map = unsafe { memmap2::Mmap::map(&std::fs::File::open(path)?)? };
    let trace = Trace::of_memory(&map).ok_or("no trace")?;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(trace.counts.events, expected.events);
    Ok(seconds)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Repeats the sample's events until the file has `size` bytes.
fn write_trace(file: &std::fs::File, size: u64) -> std::io::Result<(u64, Counts)> {
    let (events, pid) = match std::fs::read_to_string(SAMPLE) {
        Ok(text) => {
            let start = text.find("\"traceEvents\": [").map_or(0, |at| at + 16);
            let end = text.rfind("\n  ],").unwrap_or(text.len());
            (text[start..end].trim().to_owned(), "194596")
        }
        Err(_) => (made_up(), "194596"),
    };
    let one = Trace::parse(format!("[{events}]").as_bytes()).map(|t| t.counts).unwrap_or_default();
    let mut out = std::io::BufWriter::with_capacity(1 << 20, file);
    out.write_all(b"{\"schemaVersion\": 1, \"traceEvents\": [\n")?;
    let (mut written, mut repeats) = (40, 0u64);
    while written < size {
        let again = events.replace(pid, &(1_000_000 + repeats).to_string());
        if repeats > 0 {
            out.write_all(b",\n")?;
        }
        out.write_all(again.as_bytes())?;
        written += again.len() as u64 + 2;
        repeats += 1;
    }
    out.write_all(b"\n], \"displayTimeUnit\": \"ms\"}\n")?;
    out.flush()?;
    let counts = Counts { events: repeats * one.events, complete: repeats * one.spans };
    Ok((file.metadata()?.len(), counts))
}

fn made_up() -> String {
    let event = |i: u64| {
        format!(
            "{{\n    \"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::op{}\", \"pid\": 194596, \"tid\": 194596,\n    \"ts\": {}.279, \"dur\": 3.215,\n    \"args\": {{\n      \"External id\": {i},\"Record function id\": 0, \"Input type\": [\"Scalar\", \"Scalar\", \"\"], \"finished\": true, \"Input Dims\": [[], [], []], \"Ev Idx\": {i}\n    }}\n  }}",
            i % 50,
            693_476_729_596 + 4 * i
        )
    };
    (0..5000).map(event).collect::<Vec<_>>().join(",\n")
}

/// Watches this process's anonymous memory.
struct Watch {
    thread: std::thread::JoinHandle<()>,
}

static DONE: AtomicBool = AtomicBool::new(false);
static MOST: AtomicU64 = AtomicU64::new(0);

impl Watch {
    fn start() -> Watch {
        DONE.store(false, Ordering::Relaxed);
        MOST.store(0, Ordering::Relaxed);
        let watch = || {
            while !DONE.load(Ordering::Relaxed) {
                MOST.fetch_max(anonymous(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        Watch { thread: std::thread::spawn(watch) }
    }

    fn stop(self) -> u64 {
        DONE.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        MOST.load(Ordering::Relaxed)
    }
}

/// `RssAnon` of this process, bytes.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The bare visitor.
fn visit(path: &Path) -> Result<Counts, Box<dyn std::error::Error>> {
    #[expect(unsafe_code, reason = "memory map of the bench's own file")]
    // SAFETY: nobody else knows the file.
    let map = unsafe { memmap2::Mmap::map(&std::fs::File::open(path)?)? };
    Ok(serde_json::from_slice::<Whole>(&map)?.0)
}

struct Whole(Counts);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Whole;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a trace")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Whole, A::Error> {
                let mut counts = Counts::default();
                while let Some(key) = map.next_key::<&str>()? {
                    if key == "traceEvents" {
                        counts = map.next_value::<Events>()?.0;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Whole(counts))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

struct Events(Counts);

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Events, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Events;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("events")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Events, A::Error> {
                let mut counts = Counts::default();
                while let Some(event) = seq.next_element::<Bare<'de>>()? {
                    counts.events += 1;
                    counts.complete +=
                        u64::from(event.ph == "X" && event.ts + event.dur > 0.0 && !event.name.is_empty());
                }
                Ok(Events(counts))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[derive(serde::Deserialize)]
struct Bare<'a> {
    ph: &'a str,
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    #[serde(default)]
    ts: f64,
    #[serde(default)]
    dur: f64,
}
