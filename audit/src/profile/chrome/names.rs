//! A table of names in three parts, made for many look-ups of few names: nothing is copied to look one up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::super::budget::{Budget, ENTRY};

/// Distinct names that are told apart.
const MOST: usize = 100_000;
/// Names of one hash that are told apart: two of a hundred thousand hardly ever share one, unless somebody wants them to.
const MOST_ALIKE: usize = 16;

/// How tables are made whose keys are numbers.
pub(super) type Hashing = BuildHasherDefault<Hashed>;

/// The table.
#[derive(Default)]
pub(super) struct Names {
    /// By hash; names that collide take the next free one.
    places: HashMap<u64, Known, Hashing>,
}

/// A name and its number.
type Known = (u32, [Box<[u8]>; 3]);

impl Names {
    /// The number of a name, which `new` gives where it is new; `None` when there is no room for another.
    pub(super) fn find_or_add(
        &mut self,
        parts: [&[u8]; 3],
        budget: &mut Budget,
        new: impl FnOnce() -> u32,
    ) -> Option<u32> {
        let mut hash = hash(parts);
        for _ in 0..MOST_ALIKE {
            let Some((number, known)) = self.places.get(&hash) else {
                let length: usize = parts.iter().map(|p| p.len()).sum();
                // here as it stands in the file, and decoded
                if self.places.len() >= MOST || !budget.take(2 * length + 2 * ENTRY) {
                    return None;
                }
                let number = new();
                self.places.insert(hash, (number, parts.map(Into::into)));
                return Some(number);
            };
            if known.iter().zip(parts).all(|(a, b)| **a == *b) {
                return Some(*number);
            }
            hash = hash.wrapping_add(1);
        }
        None
    }
}

/// Eight bytes at a time, as in rustc's hash (Firefox's before); the last eight may overlap those before them.
fn hash(parts: [&[u8]; 3]) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut hash = 0u64;
    let mut add = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    for part in parts {
        add(part.len() as u64);
        let (words, rest) = part.as_chunks::<8>();
        words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
        match (rest, part.last_chunk::<8>(), part.first_chunk::<4>(), part.last_chunk::<4>()) {
            ([], ..) => {}
            (_, Some(last), ..) => add(u64::from_le_bytes(*last)),
            (_, None, Some(first), Some(last)) => {
                add(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
            }
            _ => add(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))),
        }
    }
    hash ^ hash >> 32
}

/// For what is a hash already.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_every_part() {
        let (mut names, mut budget) = (Names::default(), Budget::new(1 << 20));
        let mut next = 0..;
        let texts: Vec<String> = (0..50).map(|i| "x".repeat(i)).collect();
        let mut numbers = Vec::new();
        for _ in 0..2 {
            for a in &texts {
                for b in ["", "b", "xxxxxxxxxxxxxxxxx"] {
                    let parts = [a.as_bytes(), b.as_bytes(), b""];
                    numbers.push(names.find_or_add(parts, &mut budget, || next.next().unwrap()).unwrap());
                }
            }
        }
        assert_eq!(numbers[..150], (0..150).collect::<Vec<u32>>());
        assert_eq!(numbers[150..], numbers[..150]);
    }
}
