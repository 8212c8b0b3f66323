//! Counters over time, and the memory events of `torch.profiler`: only their extremes are kept.

use std::collections::HashMap;

use serde::Serialize;

use super::event::Event;
use super::scan::Raw;

/// Distinct series that are told apart.
const MOST: usize = 10_000;

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
}

impl Counters {
    /// Every number among the arguments of a `C` event is a series.
    pub(super) fn counter(&mut self, event: &Event<'_>) {
        let mut name = event.name.text().into_owned();
        let id = event.id.text();
        if !id.is_empty() {
            name = format!("{name} {id}");
        }
        event.arguments(|key, value| {
            if let Some(number) = value.number() {
                self.add(event, &name, key, number);
            }
        });
    }

    /// The totals after an allocation, and its size.
    pub(super) fn memory(&mut self, event: &Event<'_>) {
        let device = |key: &[u8]| event.argument(key).text().into_owned();
        let kind = match device(b"Device Type").as_str() {
            "0" | "" => "CPU".to_owned(),
            "1" => format!("CUDA {}", device(b"Device Id")),
            other => format!("device type {other} {}", device(b"Device Id")),
        };
        event.arguments(|key, value| {
            let wanted = matches!(key, b"Total Allocated" | b"Total Reserved" | b"Bytes");
            if let Some(number) = value.number().filter(|_| wanted) {
                self.add(event, &format!("[memory] {kind}"), key, number);
            }
        });
    }

    fn add(&mut self, event: &Event<'_>, name: &str, series: &[u8], number: f64) {
        let at_ns = event.time.nanoseconds().unwrap_or(0);
        let pid = event.pid.text();
        let place = [pid.as_bytes(), b"\0", name.as_bytes(), b"\0", series].concat();
        let index = match self.known.get(&place) {
            Some(&index) => index,
            None if self.list.len() >= MOST || place.len() > 4096 => return,
            None => {
                let series = Raw::Text(series).text().into_owned();
                self.list.push(Counter {
                    pid: pid.into_owned(),
                    name: name.into(),
                    series,
                    max: number,
                    max_at_ns: at_ns,
                    min: number,
                    ..Counter::default()
                });
                self.known.insert(place, self.list.len() - 1);
                self.list.len() - 1
            }
        };
        let counter = &mut self.list[index];
        counter.values += 1;
        counter.last = number;
        counter.min = counter.min.min(number);
        if number > counter.max {
            (counter.max, counter.max_at_ns) = (number, at_ns);
        }
    }

    /// By process, name and series.
    pub(super) fn finish(mut self) -> Vec<Counter> {
        let place = |c: &Counter| (c.pid.clone(), c.name.clone(), c.series.clone());
        self.list.sort_by_key(place);
        self.list
    }
}
