//! One event: the few members that matter, borrowed from the file, everything else checked and passed over.

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

macro_rules! keys {
    ($($name:ident $key:literal),*) => { $(const $name: u64 = scan::short($key);)* };
}
keys!(PH b"ph", NAME b"name", CAT b"cat", PID b"pid", TID b"tid", ID b"id", ID2 b"id2", TS b"ts", DUR b"dur", TTS b"tts", TDUR b"tdur", ARGS b"args");

/// Reads the event that starts at `at` with its brace; also the place behind it.
pub(super) fn event(bytes: &[u8], at: usize) -> Result<(Event<'_>, usize), Fault> {
    let mut event = Event::default();
    let end = scan::members(bytes, at, |key, at| {
        let (value, end) = scan::value(bytes, at)?;
        match scan::short(key) {
            PH => event.phase = value,
            NAME => event.name = value,
            CAT => event.category = value,
            PID => event.pid = value,
            TID => event.tid = value,
            ID | ID2 => event.id = value,
            TS => event.time = value,
            DUR => event.duration = value,
            TTS => event.thread_time = value,
            TDUR => event.thread_duration = value,
            ARGS => event.args = value,
            _ => {}
        }
        Ok(end)
    })?;
    let whole = &bytes[at..end];
    if !whole.is_ascii() && std::str::from_utf8(whole).is_err() {
        return Err(Fault::Bad);
    }
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
    pub(super) fn argument(&self, wanted: &[u8]) -> Raw<'a> {
        let mut found = Raw::Nothing;
        self.arguments(|key, value| {
            if key == wanted {
                found = value;
            }
            key != wanted
        });
        found
    }

    /// Every argument in order, while `each` wants more.
    pub(super) fn arguments(&self, mut each: impl FnMut(&'a [u8], Raw<'a>) -> bool) {
        let Raw::Structure(args) = self.args else { return };
        if args.first() != Some(&b'{') {
            return;
        }
        // They were checked as a part of the event: the only fault is our own stop.
        let _ = scan::members(args, 0, |key, at| {
            let (value, end) = scan::value(args, at)?;
            if each(key, value) { Ok(end) } else { Err(Fault::Bad) }
        });
    }
}
