//! Loops from `perf script`: every frame's address becomes one of its file, and from there the loops around it.
//!
//! Depending on its version perf prints addresses of the process or of the file. Which, and where the file lay, follows
//! from frames whose function is in the file's symbol table: printed address minus symbol's address minus offset. The
//! difference that most frames agree on holds for the file.

use std::collections::HashMap;
use std::path::Path;

use super::places::Places;
use super::{HotLoopsError, Index, Measured, PERF, interval};
use crate::profile::perf_script::PerfScript;

/// Reads the text of `perf script`.
pub(super) fn measure(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let wrong = |reason: String| HotLoopsError::Perf { path: path.to_owned(), reason };
    let read = PerfScript::read(path).map_err(|e| wrong(e.to_string()))?.ok_or_else(|| {
        wrong("no sample in it: make it with `perf script > FILE` after `perf record -g`".into())
    })?;
    let mut places = Places::new(index);
    let bases = bases(&read, &mut places);
    let mut measured = Measured::default();
    let mut samples = 0;
    let clock =
        read.events.keys().all(|event| event.starts_with("cpu-clock") || event.starts_with("task-clock"));
    for (stack, weight) in &read.stacks {
        let mut loops: Vec<usize> = Vec::new();
        for (depth, &frame) in stack.iter().enumerate() {
            let frame = &read.frames[frame as usize];
            let Some(file) = frame.file else { continue };
            // a caller's address is behind its call
            let behind = u64::from(depth > 0);
            let address =
                frame.address.wrapping_sub(bases.get(&file).copied().unwrap_or(0)).wrapping_sub(behind);
            for &one in places.around(&read.files[file as usize], address).iter() {
                if !loops.contains(&one) {
                    loops.push(one);
                }
            }
        }
        samples += weight.samples;
        let amount = weight.period as f64 / if clock { 1e6 } else { 1.0 };
        measured.total += amount;
        for &one in &loops {
            measured.loops.entry(one).or_default().inclusive += amount;
        }
        match loops.first() {
            Some(innermost) => measured.loops.entry(*innermost).or_default().own += amount,
            None => measured.unmatched += amount,
        }
        *measured.stacks.entry(loops).or_default() += amount;
    }
    let mut events: Vec<&str> = read.events.keys().map(String::as_str).collect();
    events.sort_unstable();
    let summary = &mut measured.summary;
    summary.name = PERF.into();
    summary.file = path.to_owned();
    summary.method = format!("samples of perf ({})", events.join(", "));
    summary.threads = read.threads;
    summary.samples = Some(samples);
    summary.interval = Some(interval::NAME.into());
    summary.lost = Some(read.skipped);
    if clock {
        summary.total_ms = Some(measured.total);
    } else {
        summary.total_events = Some(measured.total as u64);
        summary.event = Some(events.join(", "));
    }
    measured.problems = std::mem::take(&mut places.problems);
    if read.skipped > 0 {
        measured.problems.push(format!("{}: {} lines were not understood", path.display(), read.skipped));
    }
    Ok(measured)
}

/// For each file, what to subtract from printed addresses.
fn bases(read: &PerfScript, places: &mut Places<'_>) -> HashMap<u32, u64> {
    let mut tables: HashMap<u32, HashMap<String, u64>> = HashMap::new();
    let mut votes: HashMap<u32, HashMap<u64, u64>> = HashMap::new();
    for frame in &read.frames {
        let (Some(file), Some((function, offset))) = (frame.file, frame.function) else { continue };
        let table = tables.entry(file).or_insert_with(|| {
            let path = &read.files[file as usize];
            places
                .symbols(path)
                .map(|_| crate::profile::symbols::functions(Path::new(path)))
                .unwrap_or_default()
        });
        if let Some(&symbol) = table.get(read.functions[function as usize].as_str()) {
            let base = frame.address.wrapping_sub(symbol).wrapping_sub(offset);
            *votes.entry(file).or_default().entry(base).or_default() += 1;
        }
    }
    let winner =
        |votes: HashMap<u64, u64>| votes.into_iter().max_by_key(|&(base, n)| (n, base)).map(|(base, _)| base);
    votes.into_iter().filter_map(|(file, votes)| Some((file, winner(votes)?))).collect()
}
