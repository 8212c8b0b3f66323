//! One event: the few members that matter, borrowed from the file, everything else checked and passed over.

use super::gaps::Gaps;
use super::scan::{self, Fault, Raw};

/// An event as it stands in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Event<'a> {
    pub(super) phase: Raw<'a>,
    pub(super) name: Raw<'a>,
    pub(super) category: Raw<'a>,
    pub(super) pid: Raw<'a>,
    pub(super) tid: Raw<'a>,
    /// Of an asynchronous event; a number, a text, or an object that says how far it is known.
    pub(super) id: Raw<'a>,
    /// Microseconds of wall time.
    pub(super) time: Raw<'a>,
    /// Microseconds of wall time.
    pub(super) duration: Raw<'a>,
    /// Microseconds of thread time.
    pub(super) thread_time: Raw<'a>,
    /// Microseconds of thread time.
    pub(super) thread_duration: Raw<'a>,
    pub(super) args: Raw<'a>,
}

/// What a member of an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Phase,
    Name,
    Category,
    Pid,
    Tid,
    Id,
    Time,
    Duration,
    ThreadTime,
    ThreadDuration,
    Args,
    Other,
}

const FIELDS: usize = Field::Other as usize + 1;

impl Field {
    /// By its key, as it stands between its quotes.
    pub(super) fn of(key: &[u8]) -> Field {
        match key {
            b"ph" => Field::Phase,
            b"name" => Field::Name,
            b"cat" => Field::Category,
            b"pid" => Field::Pid,
            b"tid" => Field::Tid,
            b"id" | b"id2" => Field::Id,
            b"ts" => Field::Time,
            b"dur" => Field::Duration,
            b"tts" => Field::ThreadTime,
            b"tdur" => Field::ThreadDuration,
            b"args" => Field::Args,
            _ => Field::Other,
        }
    }
}

/// Reads the event that starts at `at` with its brace; also the place behind it.
pub(super) fn event<'a>(bytes: &'a [u8], at: usize, gaps: &mut Gaps) -> Result<(Event<'a>, usize), Fault> {
    let mut values = [Raw::Nothing; FIELDS];
    let end = scan::members(bytes, at, gaps, |gaps, key, at| {
        let (value, end) = scan::value(bytes, at, gaps)?;
        values[key.field as usize] = value;
        Ok(end)
    })?;
    let whole = &bytes[at..end];
    if !whole.is_ascii() && std::str::from_utf8(whole).is_err() {
        return Err(Fault::Bad);
    }
    let of = |field: Field| values[field as usize];
    let event = Event {
        phase: of(Field::Phase),
        name: of(Field::Name),
        category: of(Field::Category),
        pid: of(Field::Pid),
        tid: of(Field::Tid),
        id: of(Field::Id),
        time: of(Field::Time),
        duration: of(Field::Duration),
        thread_time: of(Field::ThreadTime),
        thread_duration: of(Field::ThreadDuration),
        args: of(Field::Args),
    };
    Ok((event, end))
}

impl<'a> Event<'a> {
    /// The phase letter; `?` for what is none.
    pub(super) fn letter(&self) -> u8 {
        match self.phase {
            Raw::Text(&[letter]) if letter.is_ascii() => letter,
            _ => b'?',
        }
    }

    /// One argument.
    pub(super) fn argument(&self, wanted: &[u8], gaps: &mut Gaps) -> Raw<'a> {
        let mut found = Raw::Nothing;
        self.arguments(gaps, |key, value| {
            if key == wanted {
                found = value;
            }
            key != wanted
        });
        found
    }

    /// Every argument in order, while `each` wants more.
    pub(super) fn arguments(&self, gaps: &mut Gaps, mut each: impl FnMut(&'a [u8], Raw<'a>) -> bool) {
        let Raw::Structure(args) = self.args else { return };
        if args.first() != Some(&b'{') {
            return;
        }
        // They were checked as a part of the event: the only fault is our own stop.
        let _ = scan::members(args, 0, gaps, |gaps, key, at| {
            let (value, end) = scan::value(args, at, gaps)?;
            if each(key.text, value) { Ok(end) } else { Err(Fault::Bad) }
        });
    }
}
