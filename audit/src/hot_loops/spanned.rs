//! Loops from our own spans: a span's thread time goes to the `loop_id` that it carries.

use std::path::Path;

use super::{HotLoopsError, Index, Measured, SPANS, SourceSummary};
use crate::profile::chrome::Trace;

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

/// Reads a trace and adds up its render phase.
pub(super) fn measure(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let trace = Trace::read(path)?;
    let meanings = meanings(&trace, index);
    let mut measured = Measured { problems: problems(path, &trace, index), ..Measured::default() };
    let (mut total_ms, mut threads) = (0.0, 0);
    for thread in &trace.threads {
        let before = total_ms;
        thread.pieces(|keys, ns| {
            let open = || keys.iter().map(|&key| meanings[key as usize]);
            if open().any(|m| m == Meaning::OtherPhase) || open().all(|m| m == Meaning::Container) {
                return;
            }
            let ms = ns as f64 / NS_PER_MS;
            total_ms += ms;
            let mut loops: Vec<usize> = open().rev().filter_map(Meaning::index).collect();
            match loops.first() {
                Some(&innermost) => measured.loops.entry(innermost).or_default().self_ms += ms,
                None => measured.unmatched_ms += ms,
            }
            loops.sort_unstable();
            loops.dedup();
            for one in loops {
                measured.loops.entry(one).or_default().inclusive_ms += ms;
            }
        });
        threads += u64::from(total_ms > before);
        for span in &thread.spans {
            if let Some(one) = meanings[span.key as usize].index() {
                *measured.calls.entry(one).or_default() += 1;
            }
        }
    }
    if total_ms == 0.0 {
        measured.problems.push(format!("{}: no span of the render phase", path.display()));
    }
    measured.summary = SourceSummary {
        name: SPANS.into(),
        file: path.to_owned(),
        method: "wall time between the ends of our own spans, per thread; measured, not sampled".into(),
        total_ms,
        threads,
        spans: Some(trace.counts.spans),
        lost: Some(trace.counts.lost()),
        ..SourceSummary::default()
    };
    Ok(measured)
}

impl Meaning {
    fn index(self) -> Option<usize> {
        match self {
            Meaning::Loop(index) => Some(index),
            _ => None,
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
