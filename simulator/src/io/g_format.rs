//! Numbers as C's `%g` prints them: six significant digits, the exponent only where it is short.

/// Digits that count.
const PRECISION: i32 = 6;

/// The number as text.
pub(super) fn g(x: f64) -> String {
    if !x.is_finite() {
        return format!("{x}").to_lowercase();
    }
    // The exponent after rounding to the precision decides.
    let scientific = format!("{x:.*e}", PRECISION as usize - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..PRECISION).contains(&exponent) {
        trimmed(&format!("{x:.*}", (PRECISION - 1 - exponent) as usize)).to_owned()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
    }
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::g;

    #[test]
    fn as_c_prints_them() {
        for (x, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (100.0, "100"),
            (0.1, "0.1"),
            (-8.686_93, "-8.68693"),
            (1234567.0, "1.23457e+06"),
            (999999.5, "1e+06"),
            (123456.0, "123456"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (2e100, "2e+100"),
            (99.999_999, "100"),
            (6.2, "6.2"),
        ] {
            assert_eq!(g(x), text);
        }
    }
}
