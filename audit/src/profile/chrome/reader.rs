//! Finds the events of a file one after the other and survives what is broken.

use super::Trace;
use super::building::Building;
use super::event::event;
use super::gaps::Gaps;
use super::input::Input;
use super::scan::{Fault, Raw};

/// Reads a whole file; `None` when it starts like nothing that we know.
pub(super) fn read(mut input: Input<'_>) -> std::io::Result<Option<Trace>> {
    let mut reader = Reader {
        input: &mut input,
        building: Building::default(),
        gaps: Gaps::default(),
        last_good: 0,
        looked: 0,
    };
    reader.input.skip_blanks();
    match reader.input.peek() {
        None => reader.building.counts.cut = true,
        Some(b'[') => reader.events()?,
        Some(b'{') => reader.object()?,
        Some(_) => return Ok(None),
    }
    let mut building = reader.building;
    if let Some(fault) = input.fault.take() {
        building.counts.cut = true;
        building.counts.fault = Some(fault);
    }
    building.finish().map(Some)
}

struct Reader<'i, 's> {
    input: &'i mut Input<'s>,
    building: Building,
    gaps: Gaps,
    /// Position behind the last thing that was understood.
    last_good: u64,
    /// Bytes looked through for the ends of broken events.
    looked: u64,
}

/// Bytes that may be looked through for the ends of broken events, whatever was read; beyond it as many as were read.
const LOOKED: u64 = 1 << 20;

impl Reader<'_, '_> {
    /// `{"traceEvents": [ … ], …}`; the other members may come before or after.
    fn object(&mut self) -> std::io::Result<()> {
        self.input.at += 1;
        loop {
            self.input.skip_blanks();
            self.last_good = self.input.position();
            match self.input.peek() {
                Some(b'}') => return Ok(()),
                Some(b'"') => {}
                _ => return self.cut(),
            }
            let Some(events) = self.key(b"traceEvents") else { return self.cut() };
            self.input.skip_blanks();
            if self.input.peek() != Some(b':') {
                return self.cut();
            }
            self.input.at += 1;
            self.input.skip_blanks();
            if events && self.input.peek() == Some(b'[') {
                self.events()?;
                if self.building.counts.cut {
                    return Ok(());
                }
            } else if !self.skip() {
                return self.cut();
            }
        }
    }

    /// Reads a key; whether it is `wanted`.
    fn key(&mut self, wanted: &[u8]) -> Option<bool> {
        let mut same = true;
        let mut length = 0;
        self.input.at += 1;
        loop {
            let byte = self.input.peek()?;
            self.input.at += 1;
            match byte {
                b'"' => return Some(same && length == wanted.len()),
                b'\\' => {
                    same = false;
                    self.input.peek()?;
                    self.input.at += 1;
                }
                byte => {
                    same &= wanted.get(length) == Some(&byte);
                    length += 1;
                }
            }
        }
    }

    /// Passes over a value of any length by counting brackets outside of strings; false at the end of the file.
    fn skip(&mut self) -> bool {
        let (mut depth, mut in_text, mut seen) = (0usize, false, false);
        loop {
            let Some(byte) = self.input.peek() else { return false };
            match byte {
                b'\\' if in_text => {
                    self.input.at += 1;
                    if self.input.peek().is_none() {
                        return false;
                    }
                }
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return seen,
                b',' if depth == 0 => return seen,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.input.at += 1;
            seen |= !byte.is_ascii_whitespace();
            if depth == 0 && !in_text && matches!(byte, b'"' | b'}' | b']') {
                return true;
            }
        }
    }

    /// `[ … ]`, the input at the bracket.
    fn events(&mut self) -> std::io::Result<()> {
        self.input.at += 1;
        loop {
            self.input.skip_blanks();
            self.last_good = self.input.position();
            match self.input.peek() {
                None => return self.cut(),
                Some(b']') => {
                    self.input.at += 1;
                    return Ok(());
                }
                Some(b'{') => {
                    if !self.one_event()? {
                        return self.cut();
                    }
                }
                Some(_) => {
                    self.building.counts.broken += 1;
                    while self.input.peek().is_some_and(|b| !matches!(b, b'{' | b']' | b',')) {
                        self.input.at += 1;
                    }
                }
            }
        }
    }

    /// The event that starts here; false when the file ends in it.
    fn one_event(&mut self) -> std::io::Result<bool> {
        loop {
            let fault = match event(self.input.bytes(), self.input.at, &mut self.gaps) {
                Ok((event, end)) => {
                    self.building.event(&event)?;
                    self.input.at = end;
                    return Ok(true);
                }
                Err(fault) => fault,
            };
            if fault != Fault::End || !self.input.more() {
                self.building.counts.broken += 1;
                return Ok(self.recover(fault));
            }
        }
    }

    /// Moves behind a broken event: behind its closing bracket where that leads to something that can follow, else to
    /// the next place where an event starts. False when there is none.
    fn recover(&mut self, fault: Fault) -> bool {
        if fault == Fault::Bad {
            // as far as it pays: brackets that never close must not be looked for through the file again and again
            let far = (LOOKED + self.input.position()).saturating_sub(self.looked);
            let window = &self.input.bytes()[self.input.at..];
            let (looked, end) = bracketed(&window[..window.len().min(usize::try_from(far).unwrap_or(0))]);
            self.looked += looked as u64;
            if let Some(end) = end.map(|end| self.input.at + end)
                && self.may_follow(end)
            {
                self.input.at = end;
                return true;
            }
        }
        self.input.at += 1;
        loop {
            let from = self.input.at;
            let next = memchr::memchr(b'{', &self.input.bytes()[from..]);
            self.input.at = next.map_or(self.input.bytes().len(), |n| from + n);
            let found = next.map(|_| {
                event(self.input.bytes(), self.input.at, &mut self.gaps).map(|(e, _)| e.phase != Raw::Nothing)
            });
            match found {
                Some(Ok(true)) => return true,
                Some(Ok(false) | Err(Fault::Bad)) => self.input.at += 1,
                // It may be whole with what comes.
                Some(Err(Fault::End)) if !self.input.ended() => {
                    if !self.input.more() {
                        self.input.at += 1;
                    }
                }
                Some(Err(Fault::End)) => self.input.at += 1,
                None if self.input.more() => {}
                None => return false,
            }
        }
    }

    /// Whether what stands at `at` can come after an event.
    fn may_follow(&self, at: usize) -> bool {
        let rest = &self.input.bytes()[at..];
        rest.iter().find(|b| !b.is_ascii_whitespace()).is_none_or(|b| matches!(b, b',' | b']' | b'{'))
    }

    /// Notes that the file ends too early.
    fn cut(&mut self) -> std::io::Result<()> {
        self.building.counts.cut = true;
        while self.input.peek().is_some() {
            self.input.at = self.input.bytes().len();
        }
        self.building.counts.bytes_lost = self.input.position().saturating_sub(self.last_good);
        Ok(())
    }
}

/// How far it looked for the end of the structure that `bytes` start with, by counting brackets outside of strings, and the
/// place behind it; `None` when it does not end, or when a bracket closes another kind.
fn bracketed(bytes: &[u8]) -> (usize, Option<usize>) {
    let (mut open, mut at, mut in_text) = (Vec::new(), 0, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => at += 1,
            _ if in_text => {}
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    return (at, None);
                }
                if open.is_empty() {
                    return (at, Some(at));
                }
            }
            _ => {}
        }
    }
    (bytes.len(), None)
}
