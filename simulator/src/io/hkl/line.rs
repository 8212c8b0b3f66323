//! Lines of a list of structure factors.

use crate::io::decimal;
use crate::io::text::{integer, number, words};

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reflection {
    pub(super) hkl: [i32; 3],
    pub(super) f: f64,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    Reflection(Reflection),
    /// Blank, or a comment.
    Nothing,
    Bad,
}

/// The first line of a text, and how many bytes it takes with its end.
#[inline(always)]
pub(super) fn first(text: &[u8]) -> (Line, usize) {
    match plain(text) {
        Some((reflection, end)) => (Line::Reflection(reflection), end),
        None => careful(text),
    }
}

/// A line as programs write it.
#[inline(always)]
fn plain(text: &[u8]) -> Option<(Reflection, usize)> {
    let mut at = 0;
    let mut hkl = [0; 3];
    for index in &mut hkl {
        at = after_blanks(text, at);
        let (value, length) = decimal::short_integer(&text[at..])?;
        (*index, at) = (value, at + length);
        if !matches!(text.get(at), Some(b' ' | b'\t')) {
            return None;
        }
    }
    at = after_blanks(text, at);
    let (f, length) = decimal::exact(&text[at..]).or_else(|| word(&text[at..]))?;
    at += length;
    let end = match text.get(at) {
        None => at,
        Some(b'\n') => at + 1,
        Some(b' ' | b'\t' | b'\r') => at + end_of_line(&text[at..]),
        Some(_) => return None,
    };
    Some((Reflection { hkl, f }, end))
}

/// The number that a text begins with, and its length.
#[inline(never)]
fn word(text: &[u8]) -> Option<(f64, usize)> {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    number(&text[..end]).ok().map(|f| (f, end))
}

#[inline(always)]
fn after_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// Bytes up to the end of the line and with it.
#[inline(always)]
fn end_of_line(text: &[u8]) -> usize {
    text.iter().position(|&byte| byte == b'\n').map_or(text.len(), |i| i + 1)
}

/// Any line.
#[inline(never)]
fn careful(text: &[u8]) -> (Line, usize) {
    let end = end_of_line(text);
    let line = text[..end].trim_ascii();
    let kind = match line.first() {
        None | Some(b'#') => Line::Nothing,
        Some(_) => read(line).map_or(Line::Bad, Line::Reflection),
    };
    (kind, end)
}

/// A line that is not blank and no comment.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn read(line: &[u8]) -> Result<Reflection, String> {
    let mut columns = words(line);
    let mut next = || columns.next().ok_or_else(|| "fewer than the four columns `h k l F`".to_owned());
    Ok(Reflection { hkl: [integer(next()?)?, integer(next()?)?, integer(next()?)?], f: number(next()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn the_fast_way_and_the_safe_way_agree(
            start in "[ \t]{0,2}#?",
            indices in prop::collection::vec("[-+]?[0-9]{1,3}(\\.0|[0-9]{7})?( | |\t|  |[ \t\r\x0c\x0b]{0,2})", 2..5),
            f in "([-+]?[0-9]{0,17}\\.?[0-9]{0,9}(e[-+]?[0-9]{1,3})?)?",
            end in "[ \t\r\x0c,]{0,2}(\n| 7\n|x\n)?.{0,3}",
        ) {
            let text = format!("{start}{}{f}{end}", indices.concat()).into_bytes();
            let text = &text[..];
            let (expected, end) = careful(text);
            let (line, used) = first(text);
            prop_assert_eq!(used, end);
            prop_assert_eq!(line, expected);
            if let (Line::Reflection(found), Line::Reflection(expected)) = (line, expected) {
                prop_assert_eq!(found.f.to_bits(), expected.f.to_bits());
            }
        }
    }
}
