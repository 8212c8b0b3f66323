//! Counters over time, and the memory events of `torch.profiler`: only their extremes are kept.

use std::collections::HashMap;

use serde::Serialize;

use super::super::budget::{Budget, ENTRY};
use super::event::Event;
use super::gaps::Gaps;
use super::scan::Raw;

/// Distinct series that are told apart.
const MOST: usize = 10_000;
/// Longest process, name and series together that are told apart, bytes.
const LONGEST: usize = 4096;

/// The extremes of one counter.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counter {
    /// Process.
    pub pid: String,
    /// The counter's name, for memory events with the device.
    pub name: String,
    /// Which of its values.
    pub series: String,
    /// Number of values.
    pub values: u64,
    /// The largest.
    pub max: f64,
    /// When it was first reached, nanoseconds on the trace's clock.
    pub max_at_ns: i64,
    /// The smallest.
    pub min: f64,
    /// The last in the file.
    pub last: f64,
}

/// Whether an instant event is one of `torch.profiler`'s memory events.
pub(super) fn is_memory(event: &Event<'_>) -> bool {
    matches!(event.name, Raw::Text(b"[memory]"))
}

#[derive(Default)]
pub(super) struct Counters {
    known: HashMap<Vec<u8>, usize>,
    list: Vec<Counter>,
    /// The device of the last memory event.
    last: Option<Last>,
}

struct Last {
    place: [Vec<u8>; 3],
    series: [Option<usize>; 3],
}

impl Counter {
    fn take_in(&mut self, number: f64, at_ns: i64) {
        if self.values == 0 || number > self.max {
            (self.max, self.max_at_ns) = (number, at_ns);
        }
        self.min = if self.values == 0 { number } else { self.min.min(number) };
        self.values += 1;
        self.last = number;
    }
}

impl Counters {
    /// Every number among the arguments of a `C` event is a series.
    pub(super) fn counter(&mut self, event: &Event<'_>, gaps: &mut Gaps, budget: &mut Budget) {
        let mut name = event.name.text().into_owned();
        let id = event.id.text();
        if !id.is_empty() {
            name = format!("{name} {id}");
        }
        event.arguments(gaps, |key, value| {
            if let Some(number) = value.number()
                && let Some(index) = self.series(event, &name, key, budget)
            {
                self.list[index].take_in(number, event.time.nanoseconds().unwrap_or(0));
            }
            true
        });
    }

    /// The totals after an allocation, and its size.
    pub(super) fn memory(&mut self, event: &Event<'_>, gaps: &mut Gaps, budget: &mut Budget) {
        let (mut device, mut found) = ([Raw::Nothing; 2], [Raw::Nothing; 3]);
        let mut missing = 5;
        event.arguments(gaps, |key, value| {
            missing -= 1;
            match key {
                b"Device Type" => device[0] = value,
                b"Device Id" => device[1] = value,
                b"Total Allocated" => found[0] = value,
                b"Total Reserved" => found[1] = value,
                b"Bytes" => found[2] = value,
                _ => missing += 1,
            }
            missing > 0
        });
        let place = [event.pid, device[0], device[1]].map(Raw::bytes);
        if !self.last.as_ref().is_some_and(|last| last.place.iter().zip(place).all(|(a, b)| a == b)) {
            let device = device.map(Raw::text);
            let name = match &*device[0] {
                "0" | "" => "[memory] CPU".to_owned(),
                "1" => format!("[memory] CUDA {}", device[1]),
                other => format!("[memory] device type {other} {}", device[1]),
            };
            let series = ["Total Allocated", "Total Reserved", "Bytes"]
                .map(|s| self.series(event, &name, s.as_bytes(), budget));
            self.last = Some(Last { place: place.map(<[u8]>::to_vec), series });
        }
        let series = self.last.as_ref().map_or([None; 3], |last| last.series);
        let at_ns = event.time.nanoseconds().unwrap_or(0);
        for (index, value) in series.into_iter().zip(found) {
            if let (Some(index), Some(number)) = (index, value.number()) {
                self.list[index].take_in(number, at_ns);
            }
        }
    }

    fn series(&mut self, event: &Event<'_>, name: &str, series: &[u8], budget: &mut Budget) -> Option<usize> {
        let pid = event.pid.text();
        let place = [pid.as_bytes(), b"\0", name.as_bytes(), b"\0", series].concat();
        if let Some(&index) = self.known.get(&place) {
            return Some(index);
        }
        // twice, and three texts a second time while they are sorted
        if self.list.len() >= MOST || place.len() > LONGEST || !budget.take(3 * place.len() + 2 * ENTRY) {
            return None;
        }
        let series = Raw::Text(series).text().into_owned();
        self.list.push(Counter { pid: pid.into_owned(), name: name.into(), series, ..Counter::default() });
        self.known.insert(place, self.list.len() - 1);
        Some(self.list.len() - 1)
    }

    /// By process, name and series.
    pub(super) fn finish(mut self) -> Vec<Counter> {
        let place = |c: &Counter| (c.pid.clone(), c.name.clone(), c.series.clone());
        self.list.retain(|c| c.values > 0);
        self.list.sort_by_key(place);
        self.list
    }
}
