//! Places in a source text.

/// A source text with the starts of its lines.
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    line_starts: Vec<usize>,
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let after_newlines = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1);
        Self { bytes, line_starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Line and column of a byte, both from 1, the column in bytes.
    pub(super) fn place(&self, byte: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|&start| start <= byte);
        let start = line.checked_sub(1).and_then(|i| self.line_starts.get(i)).copied().unwrap_or(0);
        (count(line), count(byte - start + 1))
    }

    pub(super) fn line(&self, byte: usize) -> u32 {
        self.place(byte).0
    }

    /// Number of lines; a last line without newline counts.
    pub(super) fn lines(&self) -> u32 {
        let open = usize::from(self.line_starts.last().is_some_and(|&start| start < self.bytes.len()));
        count(self.line_starts.len() - 1 + open)
    }
}

/// Saturating conversion: files above 4 GiB are not read.
pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// At most `limit` characters, the rest replaced by `…`.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}
