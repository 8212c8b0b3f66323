//! Numbers as programs write them, read at the speed of the memory. What is written in another way is left to the
//! standard library, so that every number is the one that `str::parse` gives, bit by bit.

/// Powers of ten that an f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// The same as whole numbers, as far as 64 bits hold them.
const WHOLE_POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = 10 * powers[i - 1];
        i += 1;
    }
    powers
};
/// The most digits that always fit into 64 bits.
const MOST_DIGITS: usize = 19;
/// The largest number up to which an f64 holds every whole one.
const LARGEST_EXACT: u64 = 1 << 53;

/// Digits from `at` on: the number that they make, and where they end. More than [`MOST_DIGITS`] of them wrap around.
#[inline(always)]
fn digits(text: &[u8], mut at: usize) -> (u64, usize) {
    let mut value = 0_u64;
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// A whole number of at most nine digits at the beginning of a text: its value, and where it ends.
#[inline(always)]
pub(super) fn short_integer(text: &[u8]) -> Option<(i32, usize)> {
    let first = usize::from(text.first() == Some(&b'-'));
    let (value, end) = digits(text, first);
    if !(1..=9).contains(&(end - first)) {
        return None;
    }
    let value = value as i32;
    Some((if first == 1 { -value } else { value }, end))
}

/// A decimal number at the beginning of a text: its value, and where it ends. `None` where it is not exact by the rule
/// of Clinger (PLDI 1990): digits that an f64 holds, times or over a power of ten that it holds, is rounded once and so
/// rounded right.
#[inline(always)]
pub(super) fn exact(text: &[u8]) -> Option<(f64, usize)> {
    let first = usize::from(text.first() == Some(&b'-'));
    let (mut value, mut end) = digits(text, first);
    let mut count = end - first;
    let mut exponent = 0;
    if text.get(end) == Some(&b'.') {
        let point = end;
        let (fraction, stop) = digits(text, point + 1);
        let places = stop - point - 1;
        (end, count, exponent) = (stop, count + places, -(places as i32));
        // More places than there are powers make more digits than can be.
        let power = WHOLE_POWERS.get(places)?;
        value = value.wrapping_mul(*power).wrapping_add(fraction);
    }
    if count == 0 || count > MOST_DIGITS || value > LARGEST_EXACT {
        return None;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = text.get(end + 1).copied();
        let start = end + 1 + usize::from(matches!(sign, Some(b'-' | b'+')));
        let (size, stop) = digits(text, start);
        if !(1..=3).contains(&(stop - start)) {
            return None;
        }
        exponent += if sign == Some(b'-') { -(size as i32) } else { size as i32 };
        end = stop;
    }
    let power = POWERS.get(exponent.unsigned_abs() as usize)?;
    let value = if exponent < 0 { value as f64 / power } else { value as f64 * power };
    Some((if first == 1 { -value } else { value }, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> Result<(), TestCaseError> {
        for (text, end) in [(text.to_owned(), text.len()), (format!("{text} 7"), text.len())] {
            if let Some((value, used)) = exact(text.as_bytes()) {
                prop_assert_eq!(used, end, "{}", &text);
                let expected: f64 = text[..end].parse().unwrap();
                prop_assert_eq!(value.to_bits(), expected.to_bits(), "{}", &text);
            }
            if let Some((value, used)) = short_integer(text.as_bytes()) {
                prop_assert_eq!(text[..used].parse(), Ok(value));
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn numbers_are_those_of_the_standard_library(
            sign in "-?",
            whole in "[0-9]{0,21}",
            fraction in prop::option::of("[0-9]{0,21}"),
            exponent in prop::option::of("[eE][-+]?[0-9]{1,3}"),
        ) {
            if whole.is_empty() && fraction.as_ref().is_none_or(String::is_empty) {
                return Ok(());
            }
            let fraction = fraction.map_or(String::new(), |digits| format!(".{digits}"));
            check(&format!("{sign}{whole}{fraction}{}", exponent.unwrap_or_default()))?;
        }

        #[test]
        fn numbers_that_were_printed_come_back(x in any::<f64>(), y in -1e5..1e5_f64, n in any::<i32>()) {
            for text in [format!("{x}"), format!("{x:e}"), format!("{y}"), format!("{y:.3}"), format!("{n}")] {
                check(&text)?;
            }
        }
    }

    #[test]
    fn what_occurs_is_read_here() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("12.5", 12.5),
            ("1234.567890", 1234.56789),
            ("1.23457e+06", 1.23457e6),
            ("-3.1E-12", -3.1e-12),
            (".5", 0.5),
            ("5.", 5.0),
        ] {
            let found = exact(text.as_bytes());
            assert_eq!(
                found.map(|(x, end)| (x.to_bits(), end)),
                Some((f64::to_bits(value), text.len())),
                "{text}"
            );
        }
        for text in ["", "-", ".", "+1", "nan", "inf", "1e", "1e+", "1e23", "9007199254740993", "x"] {
            assert_eq!(exact(text.as_bytes()), None, "{text}");
        }
        assert_eq!(short_integer(b"-12 "), Some((-12, 3)));
        for text in ["", "-", "1234567890", "+1", "a"] {
            assert_eq!(short_integer(text.as_bytes()), None, "{text}");
        }
    }
}
