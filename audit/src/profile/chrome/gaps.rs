//! What stands between the values of objects, by what stood there last time.
//!
//! A program writes its events in a few shapes: behind `"ph": "X"` came `, "cat": ` last time, and most likely comes again. To
//! compare a text that was read and found right is cheaper than to read it, and to know its key cheaper than to look it up. Only
//! what is the same byte for byte, at the same place of an object, is taken so; everything else is read.

use std::ops::Range;

use super::event::Field;
use super::scan::{Fault, blanks, string};

/// A key as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) text: &'a [u8],
    /// What it means in an event.
    pub(super) field: Field,
}

/// Longest text that is remembered.
const LONGEST: usize = 32;
/// How many of them.
const MOST: usize = 256;

/// The texts that were met: comma, key, colon and blanks, or the closing bracket.
pub(super) struct Gaps {
    /// By hash; one that has the place of another takes it.
    known: Box<[Gap; MOST]>,
    /// The latest.
    last: u8,
}

/// A key and the place of its value, or no key and the place behind the object.
type Next<'a> = (Option<Key<'a>>, usize);

/// A text that was read and found right.
#[derive(Debug, Clone, Copy)]
struct Gap {
    text: Window,
    /// The bytes of a window that count.
    mask: Window,
    length: u8,
    /// Where the key starts and ends; none in a closing bracket's.
    key: [u8; 2],
    field: Field,
    place: Place,
    /// What came behind its value when nothing was expected or something else, the latest first.
    next: [u8; EXPECTED],
}

/// How many texts are compared before one is read.
const EXPECTED: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Nowhere,
    /// From the opening bracket.
    First,
    /// From a value.
    Later,
}

/// Words, the first byte lowest.
type Window = [u64; LONGEST / 8];

impl Default for Gaps {
    fn default() -> Self {
        let none = Gap {
            text: Window::default(),
            mask: Window::default(),
            length: 0,
            key: [0; 2],
            field: Field::Other,
            place: Place::Nowhere,
            next: [0; EXPECTED],
        };
        Gaps { known: Box::new([none; MOST]), last: 0 }
    }
}

impl Gaps {
    /// What comes next in the object, if it is among what came here before. `at` is the place behind a value, or that of the opening
    /// bracket when `first`.
    #[inline(always)]
    pub(super) fn expected<'a>(&mut self, bytes: &'a [u8], at: usize, first: bool) -> Option<Next<'a>> {
        let window = words(bytes.get(at..)?.first_chunk()?);
        let place = if first { Place::First } else { Place::Later };
        for next in self.known[usize::from(self.last)].next {
            let gap = &self.known[usize::from(next)];
            let differs = (0..LONGEST / 8).fold(0, |d, i| d | (window[i] ^ gap.text[i]) & gap.mask[i]);
            if differs == 0 && gap.place == place {
                self.last = next;
                let [start, end] = gap.key.map(usize::from);
                let to = at + usize::from(gap.length);
                return Some(if end == 0 {
                    (None, to)
                } else {
                    (Some(Key { text: &bytes[at + start..at + end], field: gap.field }), blanks(bytes, to))
                });
            }
        }
        None
    }

    /// The same for anything else, which is expected from now on.
    #[inline(never)]
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8], at: usize, first: bool) -> Result<Next<'a>, Fault> {
        let (range, to) = read(bytes, at, first)?;
        let key = range.clone().map(|r| Key { field: Field::of(&bytes[r.clone()]), text: &bytes[r] });
        let window = bytes.get(at..).and_then(<[u8]>::first_chunk);
        if let Some(window) = window
            && to - at <= LONGEST
        {
            let mask = std::array::from_fn(|i| match (to - at).saturating_sub(8 * i) {
                0 => 0,
                n @ 1..8 => (1 << (8 * n)) - 1,
                _ => u64::MAX,
            });
            let mut text = words(window);
            text.iter_mut().zip(mask).for_each(|(word, mask)| *word &= mask);
            self.learn(Gap {
                text,
                mask,
                length: (to - at) as u8,
                key: range.map_or([0; 2], |r| [(r.start - at) as u8, (r.end - at) as u8]),
                field: key.map_or(Field::Other, |k| k.field),
                place: if first { Place::First } else { Place::Later },
                next: [0; EXPECTED],
            });
        }
        Ok((key, to))
    }

    /// Keeps `gap`, and that it came behind the latest.
    fn learn(&mut self, gap: Gap) {
        let mixed = gap.text.iter().fold(u64::from(gap.length), |mixed, word| {
            (mixed.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        let index = (mixed >> 56) as u8;
        let known = &mut self.known[usize::from(index)];
        *known = Gap { next: known.next, ..gap };
        let before = &mut self.known[usize::from(self.last)].next;
        *before = [index, before[0], before[1]];
        self.last = index;
    }
}

/// Reads from `at` to the next value of the object or to its end: where the key is, and the place behind.
fn read(bytes: &[u8], at: usize, first: bool) -> Result<(Option<Range<usize>>, usize), Fault> {
    let mut at = blanks(bytes, at + usize::from(first));
    match *bytes.get(at).ok_or(Fault::End)? {
        b'}' => return Ok((None, at + 1)),
        _ if first => {}
        b',' => at = blanks(bytes, at + 1),
        _ => return Err(Fault::Bad),
    }
    if *bytes.get(at).ok_or(Fault::End)? != b'"' {
        return Err(Fault::Bad);
    }
    let end = string(bytes, at + 1)?;
    let key = at + 1..end - 1;
    at = blanks(bytes, end);
    if *bytes.get(at).ok_or(Fault::End)? != b':' {
        return Err(Fault::Bad);
    }
    Ok((Some(key), blanks(bytes, at + 1)))
}

#[inline(always)]
fn words(window: &[u8; LONGEST]) -> Window {
    let (words, _) = window.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

#[cfg(test)]
mod tests {
    use super::super::event::event;
    use super::*;
    use proptest::prelude::*;

    /// Pieces of which events are made, right and wrong.
    const PIECES: [&str; 24] = [
        "{",
        "}",
        ",",
        ":",
        " ",
        "\n  ",
        "\"ph\"",
        "\"name\"",
        "\"args\"",
        "\"X\"",
        "1",
        "-2.5e3",
        "\"ph\": ",
        ", \"name\": ",
        ", \"ts\": ",
        "{\"ph\": ",
        "{\"args\": ",
        "{}",
        "[1, {}]",
        "null",
        "\"a\\n\"",
        "\"",
        "{\"ph\": \"X\", \"name\": \"b\"}",
        ", \"a key that is longer than what is remembered\": ",
    ];

    proptest! {
        /// Whatever was met before, an event is read as if nothing had been.
        #[test]
        fn what_was_expected_changes_nothing(
            texts in proptest::collection::vec(proptest::collection::vec(0..PIECES.len(), 1..12), 1..40)
        ) {
            let mut gaps = Gaps::default();
            let behind = " ".repeat(LONGEST);
            // twice: what is new the first time is known the second
            for text in texts.iter().chain(&texts) {
                let text: String = text.iter().map(|&piece| PIECES[piece]).collect();
                for text in [format!("{{\"ph\": {text}}}{behind}"), format!("{{{text}{behind}"), format!("{{{text}")] {
                    let fresh = event(text.as_bytes(), 0, &mut Gaps::default());
                    prop_assert_eq!(format!("{:?}", event(text.as_bytes(), 0, &mut gaps)), format!("{fresh:?}"));
                }
            }
        }
    }

    #[test]
    fn a_text_is_known_only_where_it_stood() {
        let mut gaps = Gaps::default();
        let right = format!("{{\"a\": 1, \"b\": {{\"a\": 1}}}}{}", " ".repeat(LONGEST));
        for _ in 0..3 {
            assert!(event(right.as_bytes(), 0, &mut gaps).is_ok());
        }
        for wrong in ["{\"a\": 1{\"a\": 1}}", "{\"a\": 1, \"b\": , \"b\": {}}", "{, \"b\": 1}"] {
            let wrong = format!("{wrong}{}", " ".repeat(LONGEST));
            assert_eq!(event(wrong.as_bytes(), 0, &mut gaps).map(|_| ()), Err(Fault::Bad), "{wrong}");
        }
    }
}
