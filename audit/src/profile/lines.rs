//! Lines of a text of any size, one at a time; what is too long for a line is left out.

use std::io::{BufRead, Read};

/// Longest line that is read.
const LONGEST: u64 = 1 << 16;

/// Calls `line` with each line, without its end. Returns how many were too long and left out.
///
/// # Errors
/// Those of `from`.
pub(super) fn each(mut from: impl BufRead, mut line: impl FnMut(&str)) -> std::io::Result<u64> {
    let (mut bytes, mut left_out) = (Vec::new(), 0);
    loop {
        bytes.clear();
        if from.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(left_out);
        }
        if bytes.last() != Some(&b'\n') && bytes.len() as u64 == LONGEST {
            left_out += 1;
            skip(&mut from)?;
            continue;
        }
        line(String::from_utf8_lossy(&bytes).trim_end());
    }
}

/// Passes over the rest of a line.
fn skip(from: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = from.fill_buf()?;
        let (used, done) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        from.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_left_out_and_counted() {
        let long = "x".repeat(3 * LONGEST as usize);
        let text = format!("a \n{long}\nb\n\n{long}");
        let mut seen = Vec::new();
        assert_eq!(each(text.as_bytes(), |l| seen.push(l.to_owned())).unwrap(), 2);
        assert_eq!(seen, ["a", "b", ""]);
    }
}
