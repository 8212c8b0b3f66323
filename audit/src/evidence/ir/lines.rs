//! Lines of a text of any size, in bounded memory.

use std::io::{self, BufRead};

/// Longest line that is read whole, bytes. Functions and metadata have none near it; data has.
const LIMIT: usize = 1 << 20;

/// Reads line by line; what is longer than the limit is cut there.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new() }
    }

    /// The next line without its end, and whether it was cut; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        self.line.clear();
        let (mut cut, mut any) = (false, false);
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(any.then_some((&self.line, cut)));
            }
            any = true;
            let end = buffer.iter().position(|&b| b == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = LIMIT - self.line.len();
            cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(buffer.len(), |e| e + 1);
            self.reader.consume(used);
            if end.is_some() {
                if self.line.last() == Some(&b'\r') {
                    self.line.pop();
                }
                return Ok(Some((&self.line, cut)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_next_one_is_whole() {
        let text = [vec![b'x'; LIMIT + 5], b"\nend\r\nlast".to_vec()].concat();
        let mut lines = Lines::new(io::BufReader::with_capacity(7, &text[..]));
        let (first, cut) = lines.next().unwrap().unwrap();
        assert_eq!((first.len(), cut), (LIMIT, true));
        assert_eq!(lines.next().unwrap(), Some((&b"end"[..], false)));
        assert_eq!(lines.next().unwrap(), Some((&b"last"[..], false)));
        assert_eq!(lines.next().unwrap(), None);
    }
}
