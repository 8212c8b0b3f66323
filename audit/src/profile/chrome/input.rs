//! A file as a window that slides over it, so that its size does not matter. Unpacks gzip.
//!
//! Read and not mapped: a window of some hundred kilobytes stays in the cache of the processor, its pages are not counted as this
//! process's memory, and a file that somebody shortens meanwhile is an end and no signal.

use std::io::Read;

/// Bytes read at once.
const CHUNK: usize = 1 << 18;
/// The window does not grow beyond this: no event is as long.
const LONGEST: usize = 64 << 20;

/// The window.
pub(super) struct Input<'a> {
    source: Box<dyn Read + 'a>,
    /// A text that lies in memory as a whole: then it is the window.
    whole: Option<&'a [u8]>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that hold text.
    filled: usize,
    /// Where the next thing starts in the buffer.
    pub(super) at: usize,
    /// Bytes of the text before the buffer.
    before: u64,
    ended: bool,
    /// What the system or the unpacker said when reading ended before its time.
    pub(super) fault: Option<String>,
}

impl<'a> Input<'a> {
    /// Over `source`, which is unpacked when it starts like gzip.
    pub(super) fn new(mut source: impl Read + 'a) -> std::io::Result<Input<'a>> {
        let mut start = Vec::new();
        source.by_ref().take(2).read_to_end(&mut start)?;
        let packed = start == [0x1f, 0x8b];
        let whole = std::io::Cursor::new(start).chain(source);
        let source: Box<dyn Read + 'a> =
            if packed { Box::new(flate2::read::MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Input {
            source,
            whole: None,
            buffer: Vec::new(),
            filled: 0,
            at: 0,
            before: 0,
            ended: false,
            fault: None,
        })
    }

    /// Over a text in memory, without copies; unpacked when it starts like gzip.
    pub(super) fn of_bytes(bytes: &'a [u8]) -> std::io::Result<Input<'a>> {
        let input = Input::new(bytes)?;
        let packed = bytes.starts_with(&[0x1f, 0x8b]);
        Ok(if packed {
            input
        } else {
            Input { whole: Some(bytes), filled: bytes.len(), ended: true, ..input }
        })
    }

    /// All that is in the window.
    pub(super) fn bytes(&self) -> &[u8] {
        match self.whole {
            Some(text) => text,
            None => &self.buffer[..self.filled],
        }
    }

    /// Bytes of the text before [`Input::at`].
    pub(super) fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Whether there is no more than what is in the window.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The byte at [`Input::at`]; fills the window where it has to.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.at >= self.filled {
            if !self.more() {
                return None;
            }
        }
        self.bytes().get(self.at).copied()
    }

    /// Passes over blanks and what else may stand between events.
    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | 0xef | 0xbb | 0xbf | 0x0b | 0x0c) = self.peek() {
            self.at += 1;
        }
    }

    /// Forgets what lies before [`Input::at`] and reads on; false when nothing came: at the end, or when the window is
    /// as large as it may be.
    pub(super) fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        self.before += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        if self.buffer.len() < self.filled + CHUNK {
            if self.filled >= LONGEST {
                return false;
            }
            self.buffer.resize(2 * self.filled.max(CHUNK), 0);
        }
        loop {
            let room = self.buffer.len().min(self.filled + CHUNK);
            match self.source.read(&mut self.buffer[self.filled..room]) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    self.filled += n;
                    return true;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.fault = Some(e.to_string());
                    self.ended = true;
                }
            }
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::chrome::Trace;

    #[test]
    fn a_text_in_memory_is_read_as_a_file_is() {
        let event = r#"{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a"}"#;
        for text in
            [format!("[{event}, {event}]"), format!("{{\"traceEvents\": [{event}, {event}"), "[]".to_owned()]
        {
            let [a, b] = [Trace::parse, Trace::of_memory].map(|read| read(text.as_bytes()).map(|t| t.counts));
            assert_eq!(a.as_ref().map(|c| c.events), b.as_ref().map(|c| c.events), "{text}");
            assert_eq!(a.is_some_and(|c| c.events == 2), text.len() > 2, "{text}");
        }
    }
}
