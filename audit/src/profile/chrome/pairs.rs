//! Asynchronous events (`b`, `e`, `S`, `F`): they belong to no thread and may overlap, and are paired by category, id and
//! name.

use std::collections::HashMap;

use super::super::budget::{Budget, ENTRY};
use super::Async;
use super::event::Event;

/// Longest category, id and name together that are paired, bytes.
const LONGEST: usize = 4096;
/// What a beginning takes: its time, in a list that grows.
const ONE: usize = 2 * size_of::<i64>();

/// Those that wait, and the sums of those that have both ends.
#[derive(Default)]
pub(super) struct Pairs {
    /// When they began, by [`place`].
    begun: HashMap<Vec<u8>, Vec<i64>>,
    totals: HashMap<u32, (u64, u64)>,
}

fn place(event: &Event<'_>) -> Vec<u8> {
    [event.id, event.category, event.name].map(|part| part.bytes()).join(&0)
}

/// What a place takes with its list.
fn size(place: &[u8]) -> usize {
    place.len() + ENTRY
}

impl Pairs {
    /// Takes a beginning in; false where there is no room.
    pub(super) fn begin(&mut self, event: &Event<'_>, time: i64, budget: &mut Budget) -> bool {
        let place = place(event);
        if place.len() > LONGEST || !budget.take(ONE) {
            return false;
        }
        if let Some(times) = self.begun.get_mut(&place) {
            times.push(time);
            return true;
        }
        if !budget.take(size(&place)) {
            budget.give_back(ONE);
            return false;
        }
        self.begun.insert(place, vec![time]);
        true
    }

    /// When the latest beginning was that this event ends.
    pub(super) fn end(&mut self, event: &Event<'_>, budget: &mut Budget) -> Option<i64> {
        let place = place(event);
        let times = self.begun.get_mut(&place)?;
        let time = times.pop()?;
        budget.give_back(ONE);
        if times.is_empty() {
            self.begun.remove(&place);
            budget.give_back(size(&place));
        }
        Some(time)
    }

    /// Adds a pair of that length to its key's.
    pub(super) fn add(&mut self, key: u32, ns: u64) {
        let total = self.totals.entry(key).or_default();
        total.0 += 1;
        total.1 = total.1.saturating_add(ns);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> u64 {
        self.begun.values().map(|times| times.len() as u64).sum()
    }

    /// The longest first.
    pub(super) fn finish(self) -> Vec<Async> {
        let pair = |(key, (calls, total_ns))| Async { key, calls, total_ns };
        let mut found: Vec<Async> = self.totals.into_iter().map(pair).collect();
        found.sort_by_key(|a| (std::cmp::Reverse(a.total_ns), a.key));
        found
    }
}
