//! Beginnings (`B`) that wait for their ends (`E`). Taking one in and ending it cost the same however many wait: each
//! knows the one under it on its thread and the one under it of its name.

use std::collections::HashMap;

use super::super::budget::{Budget, ENTRY};
use super::names::Hashing;

/// Beginnings that are kept at once, of all threads together.
pub(super) const MOST: usize = 1 << 18;
/// No other one.
const NONE: u32 = u32::MAX;

/// A beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) key: u32,
    pub(super) start_ns: i64,
    pub(super) thread_ns: Option<i64>,
}

/// One that waits.
#[derive(Clone, Copy)]
struct Place {
    begun: Begun,
    name: u32,
    /// The one before it on its thread.
    under: u32,
    /// The one before it on its thread that has its name.
    same: u32,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Waiting {
    /// Taken and free places.
    places: Vec<Place>,
    free: Vec<u32>,
    /// The latest of each thread, by its number.
    tops: Vec<u32>,
    /// The latest of each thread and name, by both their numbers.
    latest: HashMap<u64, u32, Hashing>,
    names: HashMap<String, u32>,
    /// The name of each key that began.
    names_of_keys: Vec<u32>,
}

impl Waiting {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Takes one in, whose key has this name; false where there is no room.
    pub(super) fn begin(&mut self, thread: u32, name: &str, begun: Begun, budget: &mut Budget) -> bool {
        if self.len() == MOST {
            return false;
        }
        let Some(name) = self.name_of(begun.key, name, budget) else { return false };
        let at = self.free.pop().unwrap_or(self.places.len() as u32);
        let under = std::mem::replace(at_number(&mut self.tops, thread), at);
        let same = self.latest.insert(both(thread, name), at).unwrap_or(NONE);
        let place = Place { begun, name, under, same };
        match self.places.get_mut(at as usize) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        true
    }

    /// The number of a key's name.
    fn name_of(&mut self, key: u32, name: &str, budget: &mut Budget) -> Option<u32> {
        let known = at_number(&mut self.names_of_keys, key);
        if *known == NONE {
            *known = match self.names.get(name) {
                Some(&number) => number,
                None if !budget.take(name.len() + ENTRY) => return None,
                None => {
                    let number = self.names.len() as u32;
                    self.names.insert(name.to_owned(), number);
                    number
                }
            };
        }
        Some(*known)
    }

    /// Ends the latest of that name, or the latest of all when the end has no name. Also how many had begun since: they
    /// do not wait any more.
    pub(super) fn end(&mut self, thread: u32, name: &str) -> Option<(Begun, u64)> {
        let wanted = if name.is_empty() {
            *self.tops.get(thread as usize)?
        } else {
            *self.latest.get(&both(thread, *self.names.get(name)?))?
        };
        let mut since = 0;
        loop {
            let (at, begun) = self.pop(thread)?;
            if at == wanted {
                return Some((begun, since));
            }
            since += 1;
        }
    }

    /// Takes the latest of a thread out.
    fn pop(&mut self, thread: u32) -> Option<(u32, Begun)> {
        let top = self.tops.get_mut(thread as usize)?;
        let at = *top;
        let Place { begun, name, under, same } = *self.places.get(at as usize)?;
        *top = under;
        if same == NONE {
            self.latest.remove(&both(thread, name));
        } else {
            self.latest.insert(both(thread, name), same);
        }
        self.free.push(at);
        Some((at, begun))
    }
}

fn both(thread: u32, name: u32) -> u64 {
    u64::from(thread) << 32 | u64::from(name)
}

/// The entry of a number in a list that grows.
fn at_number(list: &mut Vec<u32>, number: u32) -> &mut u32 {
    let number = number as usize;
    if number >= list.len() {
        list.resize(number + 1, NONE);
    }
    &mut list[number]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 64 << 20;

    fn begun(key: u32) -> Begun {
        Begun { key, start_ns: i64::from(key), thread_ns: None }
    }

    proptest! {
        /// The same as a search from the top of a list for each thread.
        #[test]
        fn ends_find_what_a_search_finds(events in prop::collection::vec((any::<bool>(), 0u32..3, 0usize..5), 0..200)) {
            let names = ["", "a", "b", "c", "d"];
            let (mut waiting, mut budget) = (Waiting::default(), Budget::new(ROOM));
            let mut lists: [Vec<(usize, Begun)>; 3] = Default::default();
            for (at, (begins, thread, name)) in (0..).zip(events) {
                let list = &mut lists[thread as usize];
                if begins {
                    // several keys have one name
                    let begun = Begun { start_ns: at, ..begun(2 * name as u32 + at as u32 % 2) };
                    prop_assert!(waiting.begin(thread, names[name], begun, &mut budget));
                    list.push((name, begun));
                } else {
                    let at = list.iter().rposition(|(other, _)| name == 0 || *other == name);
                    let expected = at.map(|at| (list[at].1, (list.len() - at - 1) as u64));
                    list.truncate(at.unwrap_or(list.len()));
                    prop_assert_eq!(waiting.end(thread, names[name]), expected);
                }
                prop_assert_eq!(waiting.len(), lists.iter().map(Vec::len).sum::<usize>());
            }
        }
    }

    /// As many wait as may while millions of ends come for another name, which is known: a search through them would take
    /// an hour.
    #[test]
    fn ends_that_find_nothing_search_nothing() {
        let (mut waiting, mut budget) = (Waiting::default(), Budget::new(ROOM));
        assert!(waiting.begin(1, "c", begun(2), &mut budget));
        for at in 1..=MOST as u32 {
            let (key, name) = if at % 2 == 0 { (0, "a") } else { (1, "b") };
            let begun = Begun { start_ns: at.into(), ..begun(key) };
            assert_eq!(waiting.begin(0, name, begun, &mut budget), at < MOST as u32);
        }
        assert_eq!(waiting.len(), MOST);
        for _ in 0..4_000_000 {
            assert_eq!(waiting.end(0, "c"), None);
        }
        let mut ended =
            |thread, name| waiting.end(thread, name).map(|(begun, since)| (begun.start_ns, since));
        assert_eq!(ended(0, "a"), Some((MOST as i64 - 2, 1)));
        assert_eq!(ended(0, ""), Some((MOST as i64 - 3, 0)));
        assert_eq!((ended(1, "c"), ended(1, "c")), (Some((2, 0)), None));
    }
}
