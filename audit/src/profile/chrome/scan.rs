//! Just enough JSON, over bytes: finds where values end and checks them on the way, decodes only what is asked for.
//!
//! Strings are searched eight bytes at a time. Whether the text is UTF-8 is checked by the caller, once per event.

use std::borrow::Cow;

use super::gaps::{Gaps, Key};

/// Why a value could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end inside it.
    End,
    /// It is no JSON.
    Bad,
}

/// Structures nested deeper than this are refused, as by other readers.
const DEPTH: usize = 128;

/// A value as it stands in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Raw<'a> {
    /// Not there, `null`, `true` or `false`.
    #[default]
    Nothing,
    /// Between the quotes, escapes and all.
    Text(&'a [u8]),
    Number(&'a [u8]),
    /// With its brackets.
    Structure(&'a [u8]),
}

impl<'a> Raw<'a> {
    /// As text: strings decoded, numbers as they are written (so that none loses digits), structures as nothing.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Raw::Nothing | Raw::Structure(_) => Cow::Borrowed(""),
            Raw::Text(raw) => decoded(raw),
            Raw::Number(raw) => {
                let raw = String::from_utf8_lossy(raw);
                match raw.parse::<f64>() {
                    Ok(real) if raw.contains(['.', 'e', 'E']) => Cow::Owned(real.to_string()),
                    _ => raw,
                }
            }
        }
    }

    /// As it stands in the file, without quotes.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Raw::Nothing => &[],
            Raw::Text(raw) | Raw::Number(raw) | Raw::Structure(raw) => raw,
        }
    }

    pub(super) fn number(self) -> Option<f64> {
        let (Raw::Text(raw) | Raw::Number(raw)) = self else { return None };
        let (digits, sign) = raw.strip_prefix(b"-").map_or((raw, 1.0), |rest| (rest, -1.0));
        if digits.len() < 16 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            return Some(sign * digits.iter().fold(0u64, |n, digit| 10 * n + u64::from(digit - b'0')) as f64);
        }
        std::str::from_utf8(raw).ok()?.trim().parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// Microseconds, as the format has them, in whole nanoseconds; saturating.
    pub(super) fn nanoseconds(self) -> Option<i64> {
        match self {
            Raw::Number(raw) => thousandfold(raw),
            _ => None,
        }
        .or_else(|| self.number().map(|us| (us * 1e3).round() as i64))
    }
}

/// `digits.digits` times a thousand, rounded, without the detour of binary fractions; `None` for what needs more care.
fn thousandfold(raw: &[u8]) -> Option<i64> {
    let (negative, raw) = match raw {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // 18 digits fit
    if raw.len() > 18 {
        return None;
    }
    let whole = behind_digits(raw, 0);
    let decimals = match &raw[whole..] {
        [] => &[],
        [b'.', decimals @ ..] if behind_digits(decimals, 0) == decimals.len() => decimals,
        _ => return None,
    };
    let (eights, ones) = raw[..whole].as_chunks();
    let value = eights.iter().fold(0, |value, digits| 100_000_000 * value + eight_digits(*digits));
    let value = ones.iter().fold(value, |value, digit| 10 * value + i64::from(digit - b'0'));
    let up = i64::from(decimals.get(3).is_some_and(|&digit| digit >= b'5'));
    let fraction =
        decimals.iter().zip([100, 10, 1]).fold(up, |sum, (digit, unit)| sum + unit * i64::from(digit - b'0'));
    let value = value.checked_mul(1000)?.checked_add(fraction)?;
    Some(if negative { -value } else { value })
}

/// What eight digits say: neighbours are joined to pairs, pairs to fours, fours to eight. What runs over the top of a word is
/// not wanted.
fn eight_digits(digits: [u8; 8]) -> i64 {
    let ones = u64::from_le_bytes(digits) & (ONES * 0xf);
    let pairs = ones.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000 << 32 | 1) >> 32).cast_signed()
}

/// A string's text; halves of surrogate pairs become `\u{fffd}`.
fn decoded(raw: &[u8]) -> Cow<'_, str> {
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    match serde_json::from_slice::<String>(&quoted) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(String::from_utf8_lossy(raw).replace("\\u", "\u{fffd}u")),
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;
/// The eight bytes from `at` on, the first one lowest; `None` where there are fewer.
#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Behind the blanks that start at `at`.
#[inline]
pub(super) fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Behind the string whose text starts at `at`; `at` is behind the opening quote.
#[inline(always)]
pub(super) fn string(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        // Eight bytes at once: a quote, a backslash or a control character stops the run.
        while let Some(chunk) = bytes.get(at..at + 8).and_then(|c| <[u8; 8]>::try_from(c).ok()) {
            let found = stops(u64::from_le_bytes(chunk));
            if found != 0 {
                at += (found.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match *bytes.get(at).ok_or(Fault::End)? {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(bytes, at + 1)?,
            0..0x20 => return Err(Fault::Bad),
            _ => at += 1,
        }
    }
}

/// The high bit of the first byte that is a quote, a backslash or below 0x20 (and possibly of later bytes).
#[inline]
fn stops(word: u64) -> u64 {
    let zero = |w: u64| w.wrapping_sub(ONES) & !w;
    let quote = zero(word ^ (ONES * 0x22));
    let backslash = zero(word ^ (ONES * 0x5c));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

/// Behind the escape whose letter is at `at`.
#[cold]
fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match *bytes.get(at).ok_or(Fault::End)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' => {
            for digit in at + 1..at + 5 {
                if !bytes.get(digit).ok_or(Fault::End)?.is_ascii_hexdigit() {
                    return Err(Fault::Bad);
                }
            }
            Ok(at + 5)
        }
        _ => Err(Fault::Bad),
    }
}

/// The value that starts at `at`, and the place behind it.
#[inline(always)]
pub(super) fn value<'a>(bytes: &'a [u8], at: usize, gaps: &mut Gaps) -> Result<(Raw<'a>, usize), Fault> {
    match *bytes.get(at).ok_or(Fault::End)? {
        b'"' => {
            let end = string(bytes, at + 1)?;
            Ok((Raw::Text(&bytes[at + 1..end - 1]), end))
        }
        b'{' | b'[' => {
            let end = skip(bytes, at, 0, gaps)?;
            Ok((Raw::Structure(&bytes[at..end]), end))
        }
        b'0'..=b'9' => number(bytes, at).map(|end| (Raw::Number(&bytes[at..end]), end)),
        b'-' if bytes.get(at + 1) != Some(&b'I') => {
            number(bytes, at).map(|end| (Raw::Number(&bytes[at..end]), end))
        }
        _ => word(bytes, at).map(|end| (Raw::Nothing, end)),
    }
}

/// Behind the value that starts at `at`.
fn skip(bytes: &[u8], at: usize, depth: usize, gaps: &mut Gaps) -> Result<usize, Fault> {
    match *bytes.get(at).ok_or(Fault::End)? {
        b'"' => string(bytes, at + 1),
        b'{' if depth < DEPTH => members(bytes, at, gaps, |gaps, _, at| skip(bytes, at, depth + 1, gaps)),
        b'[' if depth < DEPTH => {
            let mut at = blanks(bytes, at + 1);
            if bytes.get(at) == Some(&b']') {
                return Ok(at + 1);
            }
            loop {
                // Lists of empty lists are frequent.
                at = if bytes.get(at..at + 2) == Some(b"[]") {
                    at + 2
                } else {
                    skip(bytes, at, depth + 1, gaps)?
                };
                at = blanks(bytes, at);
                match *bytes.get(at).ok_or(Fault::End)? {
                    b',' => at = blanks(bytes, at + 1),
                    b']' => return Ok(at + 1),
                    _ => return Err(Fault::Bad),
                }
            }
        }
        b'0'..=b'9' => number(bytes, at),
        b'-' if bytes.get(at + 1) != Some(&b'I') => number(bytes, at),
        _ => word(bytes, at),
    }
}

/// Goes through the object that starts at `at`: `member` gets each key and the place of its value, and tells the place
/// behind that. Returns the place behind the object.
#[inline(always)]
pub(super) fn members<'a>(
    bytes: &'a [u8],
    mut at: usize,
    gaps: &mut Gaps,
    mut member: impl FnMut(&mut Gaps, Key<'a>, usize) -> Result<usize, Fault>,
) -> Result<usize, Fault> {
    let mut first = true;
    loop {
        let (key, to) = match gaps.expected(bytes, at, first) {
            Some(gap) => gap,
            None => gaps.read(bytes, at, first)?,
        };
        match key {
            Some(key) => at = member(gaps, key, to)?,
            None => return Ok(to),
        }
        first = false;
    }
}

/// Behind the number that starts at `at`.
#[inline(always)]
fn number(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    // Most numbers are whole and short.
    if let Some(word) = word_at(bytes, at) {
        let digits = (no_digits(word).trailing_zeros() / 8) as usize;
        if digits < 8
            && (digits == 1 || word as u8 > b'0')
            && !matches!(bytes[at + digits], b'.' | b'e' | b'E')
        {
            return Ok(at + digits);
        }
    }
    any_number(bytes, at)
}

/// The same for those that are longer.
fn any_number(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    let digits = |mut at: usize| {
        let from = at;
        at = behind_digits(bytes, at);
        match bytes.get(at) {
            None => Err(Fault::End), // more digits may follow
            Some(_) if at == from => Err(Fault::Bad),
            Some(_) => Ok(at),
        }
    };
    at += usize::from(bytes[at] == b'-');
    let leading_zero = bytes.get(at) == Some(&b'0');
    let whole = digits(at)?;
    if leading_zero && whole > at + 1 {
        return Err(Fault::Bad);
    }
    at = whole;
    if bytes[at] == b'.' {
        at = digits(at + 1)?;
    }
    if matches!(bytes[at], b'e' | b'E') {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    Ok(at)
}

/// Behind the digits that start at `at`.
fn behind_digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word_at(bytes, at) {
        let others = no_digits(word);
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// The high bit of every byte that is no digit.
#[inline(always)]
fn no_digits(word: u64) -> u64 {
    // digits become 0 to 9, and 0x76 lifts what is above to 0x80
    let digits = word ^ (ONES * 0x30);
    (((digits & !HIGHS) + ONES * 0x76) | digits) & HIGHS
}

/// `null`, `true`, `false`, and the words for what is no number that Python writes.
fn word(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let known: &[u8] = match *bytes.get(at).ok_or(Fault::End)? {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        b'N' => b"NaN",
        b'I' => b"Infinity",
        b'-' => b"-Infinity",
        _ => return Err(Fault::Bad),
    };
    for (place, letter) in (at..).zip(known) {
        if bytes.get(place).ok_or(Fault::End)? != letter {
            return Err(Fault::Bad);
        }
    }
    Ok(at + known.len())
}
