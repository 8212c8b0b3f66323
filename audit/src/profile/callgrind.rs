//! Reads callgrind's output, line by line, with and without instruction addresses (`--dump-instr=yes`): compressed
//! names, relative positions, inlined files (`fi=`, `fe=`), jumps, several parts in one file.
//!
//! The format: <https://valgrind.org/docs/manual/cl-format.html>. Counts are exact. A line that makes no sense is skipped
//! and counted; so is what would take more memory than `MOST_HELD`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::BufRead;
use std::path::Path;

use super::budget::{Budget, ENTRY};

/// Bytes that are held while reading, names, positions and calls together: some four million positions.
const MOST_HELD: usize = 1 << 30;
/// What a position with its cost, or a call, takes: in a hash table, and in the sorted list that is made of it.
const PLACE: usize = 256;
/// The function of costs for whose own there is no room.
const FURTHER: &str = "(further functions)";

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Callgrind {
    /// The event that costs count; `Ir` (instructions) where the file has it.
    pub event: String,
    /// Whether positions have instruction addresses.
    pub has_addresses: bool,
    /// The command line that was profiled.
    pub command: Option<String>,
    /// Files that code was running from.
    pub objects: Vec<String>,
    /// Source files.
    pub files: Vec<String>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Cost of positions themselves, sorted.
    pub costs: Vec<(Position, u64)>,
    /// Calls, sorted.
    pub calls: Vec<Call>,
    /// Sum of [`Callgrind::costs`].
    pub total: u64,
    /// What the file says the sum is over all its parts, where it does.
    pub stated_total: Option<u64>,
    /// Lines that were not understood, or that there was no room for.
    pub skipped: u64,
}

/// A function of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Function {
    /// As callgrind has it, demangled where callgrind did that.
    pub name: String,
    /// Index into [`Callgrind::objects`].
    pub object: u32,
    /// Index into [`Callgrind::files`].
    pub file: u32,
    /// Exact number of calls that were recorded.
    pub calls: u64,
}

/// Where a cost arises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Index into [`Callgrind::functions`]: the function of the machine code.
    pub function: u32,
    /// Index into [`Callgrind::objects`].
    pub object: u32,
    /// Index into [`Callgrind::files`]: of the source line, which inlining may have brought from elsewhere.
    pub file: u32,
    /// 0 where there is none.
    pub line: u32,
    /// As stated in the object's file; 0 without addresses.
    pub address: u64,
}

/// Calls of one function from one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The place.
    pub from: Position,
    /// Index into [`Callgrind::functions`].
    pub to: u32,
    /// How often.
    pub count: u64,
    /// Cost of all that they did.
    pub inclusive: u64,
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum CallgrindError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// Something else.
    #[error("{path}: not callgrind's output: no `events:` and `fn=` lines in it")]
    NotCallgrind {
        /// The file.
        path: String,
    },
}

impl Callgrind {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or has neither events nor functions.
    pub fn read(path: &Path) -> Result<Callgrind, CallgrindError> {
        let name = || path.display().to_string();
        let io = |source| CallgrindError::Io { path: name(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        let read = Callgrind::parse(std::io::BufReader::new(file)).map_err(io)?;
        read.ok_or_else(|| CallgrindError::NotCallgrind { path: name() })
    }

    /// Reads a text; `None` when nothing in it looks like callgrind's.
    ///
    /// # Errors
    /// Those of `from`.
    pub fn parse(from: impl BufRead) -> std::io::Result<Option<Callgrind>> {
        Callgrind::parse_within(from, MOST_HELD)
    }

    /// The same with so many bytes for what is held.
    fn parse_within(from: impl BufRead, bytes: usize) -> std::io::Result<Option<Callgrind>> {
        let mut reader = Reader::new(bytes);
        let left_out = super::lines::each(from, |line| {
            reader.found.skipped += u64::from(reader.line(line.trim()).is_none());
        })?;
        reader.found.skipped += left_out;
        Ok(reader.finish())
    }
}

/// Names by number, as `(7) name` defines and `(7)` repeats them.
#[derive(Default)]
struct Names {
    numbered: HashMap<u64, String>,
}

impl Names {
    fn name(&mut self, text: &str, budget: &mut Budget) -> Option<String> {
        let Some((number, rest)) = text.strip_prefix('(').and_then(|t| t.split_once(')')) else {
            return Some(text.to_owned());
        };
        let Ok(number) = number.parse() else { return Some(text.to_owned()) };
        match rest.trim() {
            "" => self.numbered.get(&number).cloned(),
            name => {
                // without room it is a name all the same, but nobody can repeat it
                if budget.take(name.len() + ENTRY) {
                    self.numbered.insert(number, name.to_owned());
                }
                Some(name.to_owned())
            }
        }
    }
}

/// Distinct texts with a number for each.
struct Table {
    known: HashMap<String, u32>,
    list: Vec<String>,
}

/// The number of what has no name, or no room for one.
const UNKNOWN: u32 = 0;

impl Table {
    fn new() -> Table {
        Table { known: HashMap::from([("???".to_owned(), UNKNOWN)]), list: vec!["???".to_owned()] }
    }

    fn number(&mut self, name: String, budget: &mut Budget) -> Option<u32> {
        if let Some(&number) = self.known.get(&name) {
            return Some(number);
        }
        if !budget.take(2 * name.len() + ENTRY) {
            return None;
        }
        let number = self.list.len() as u32;
        self.list.push(name.clone());
        self.known.insert(name, number);
        Some(number)
    }
}

struct Reader {
    /// Room for names and for positions: however many there are of the one, the other has its half.
    room_for_names: Budget,
    room: Budget,
    found: Callgrind,
    totals: Option<u64>,
    summaries: Option<u64>,
    object_names: Names,
    file_names: Names,
    function_names: Names,
    objects: Table,
    files: Table,
    functions: HashMap<(String, u32, u32), u32>,
    further: Option<u32>,
    costs: HashMap<Position, u64>,
    calls: HashMap<(Position, u32), (u64, u64)>,
    /// Kinds of the position's columns.
    has_line: bool,
    /// Column of the event.
    event: usize,
    has_events: bool,
    at: Position,
    /// File of the function itself.
    own_file: u32,
    called: Called,
    expect: Expect,
}

#[derive(Default)]
struct Called {
    object: Option<u32>,
    file: Option<u32>,
    function: Option<String>,
}

/// What the next line of numbers is.
#[derive(Default, Clone, Copy, PartialEq)]
enum Expect {
    #[default]
    Cost,
    /// The cost of a call to this function, so often.
    Call(u32, u64),
    /// No cost: the place of a jump, or of a call that was not understood.
    Nothing,
}

impl Reader {
    fn new(bytes: usize) -> Reader {
        Reader {
            room_for_names: Budget::new(bytes / 2),
            room: Budget::new(bytes / 2),
            found: Callgrind::default(),
            totals: None,
            summaries: None,
            object_names: Names::default(),
            file_names: Names::default(),
            function_names: Names::default(),
            objects: Table::new(),
            files: Table::new(),
            functions: HashMap::new(),
            further: None,
            costs: HashMap::new(),
            calls: HashMap::new(),
            has_line: true,
            event: 0,
            has_events: false,
            at: Position::default(),
            own_file: UNKNOWN,
            called: Called::default(),
            expect: Expect::Cost,
        }
    }

    /// `None` for what makes no sense.
    fn line(&mut self, line: &str) -> Option<()> {
        match line.as_bytes().first() {
            None | Some(b'#') => return Some(()),
            Some(b'0'..=b'9' | b'+' | b'-' | b'*') => return self.numbers(line),
            _ => {}
        }
        if let Some((key, value)) = line.split_once('=')
            && !key.contains([':', ' '])
        {
            return self.assign(key, value);
        }
        let (key, value) = line.split_once(':')?;
        self.header(key, value.trim())
    }

    fn header(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "positions" => {
                self.found.has_addresses = value.split_whitespace().any(|w| w == "instr");
                self.has_line = value.split_whitespace().any(|w| w == "line");
            }
            "events" => {
                let mut names = value.split_whitespace();
                self.event = names.clone().position(|n| n == "Ir").unwrap_or(0);
                self.found.event = names.nth(self.event)?.to_owned();
                self.has_events = true;
            }
            "cmd" => self.found.command = Some(value.to_owned()),
            // each part has its own; older versions write the first alone, newer ones both or the second
            "summary" | "totals" => {
                let stated: u64 = value.split_whitespace().nth(self.event)?.parse().ok()?;
                let sum = if key == "totals" { &mut self.totals } else { &mut self.summaries };
                *sum = Some(sum.unwrap_or(0).saturating_add(stated));
            }
            // a new part or thread: relative positions start again
            "part" | "thread" => self.at = Position::default(),
            "version" | "creator" | "pid" | "desc" | "event" | "rcalls" => {}
            _ => return None,
        }
        Some(())
    }

    fn assign(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "ob" => self.at.object = self.object(value)?,
            "fl" => {
                self.own_file = self.file(value)?;
                self.at.file = self.own_file;
            }
            "fi" | "fe" => self.at.file = self.file(value)?,
            "fn" => {
                let name = self.function_names.name(value, &mut self.room_for_names)?;
                self.at.file = self.own_file;
                self.at.function = self.function(name, self.at.object, self.own_file);
            }
            "cob" => self.called.object = Some(self.object(value)?),
            "cfi" | "cfl" => self.called.file = Some(self.file(value)?),
            "cfn" => self.called.function = Some(self.function_names.name(value, &mut self.room_for_names)?),
            "calls" => {
                let called = std::mem::take(&mut self.called);
                // whatever becomes of this line, the next one is no cost of the caller itself
                self.expect = Expect::Nothing;
                let count: u64 = value.split_whitespace().next()?.parse().ok()?;
                let object = called.object.unwrap_or(self.at.object);
                let to = self.function(called.function?, object, called.file.unwrap_or(self.own_file));
                let calls = &mut self.found.functions[to as usize].calls;
                *calls = calls.saturating_add(count);
                self.expect = Expect::Call(to, count);
            }
            "jump" | "jcnd" => self.expect = Expect::Nothing,
            // frames above and jump targets elsewhere are of no interest, but may give names their numbers
            "frfn" | "jfn" => drop(self.function_names.name(value, &mut self.room_for_names)?),
            "jfi" => drop(self.file_names.name(value, &mut self.room_for_names)?),
            _ => return None,
        }
        Some(())
    }

    fn object(&mut self, value: &str) -> Option<u32> {
        let name = self.object_names.name(value, &mut self.room_for_names)?;
        let number = self.objects.number(name, &mut self.room_for_names);
        self.found.skipped += u64::from(number.is_none());
        Some(number.unwrap_or(UNKNOWN))
    }

    fn file(&mut self, value: &str) -> Option<u32> {
        let name = self.file_names.name(value, &mut self.room_for_names)?;
        let number = self.files.number(name, &mut self.room_for_names);
        self.found.skipped += u64::from(number.is_none());
        Some(number.unwrap_or(UNKNOWN))
    }

    fn function(&mut self, name: String, object: u32, file: u32) -> u32 {
        let key = (name, object, file);
        if let Some(&known) = self.functions.get(&key) {
            return known;
        }
        let next = self.found.functions.len() as u32;
        let room = self.room_for_names.take(2 * key.0.len() + 2 * ENTRY);
        let name = if room { key.0.clone() } else { FURTHER.to_owned() };
        if room {
            self.functions.insert(key, next);
        } else {
            self.found.skipped += 1;
            if let Some(further) = self.further {
                return further;
            }
            self.further = Some(next);
        }
        let (object, file) = if room { (object, file) } else { (UNKNOWN, UNKNOWN) };
        self.found.functions.push(Function { name, object, file, calls: 0 });
        next
    }

    /// Positions, then costs.
    fn numbers(&mut self, line: &str) -> Option<()> {
        let expected = std::mem::take(&mut self.expect);
        let mut words = line.split_whitespace();
        if self.found.has_addresses {
            self.at.address = moved(self.at.address, words.next()?)?;
        }
        if self.has_line {
            self.at.line = u32::try_from(moved(self.at.line.into(), words.next()?)?).ok()?;
        }
        if expected == Expect::Nothing {
            return Some(());
        }
        // costs at the end of the line that are 0 may be left out
        let cost: u64 = words.nth(self.event).map_or(Some(0), |w| w.parse().ok())?;
        if self.found.functions.is_empty() {
            return None;
        }
        match expected {
            Expect::Call(to, count) => {
                let call = entry(&mut self.calls, (self.at, to), &mut self.room)?;
                call.0 = call.0.saturating_add(count);
                call.1 = call.1.saturating_add(cost);
            }
            _ => {
                let sum = entry(&mut self.costs, self.at, &mut self.room)?;
                *sum = sum.saturating_add(cost);
            }
        }
        Some(())
    }

    fn finish(mut self) -> Option<Callgrind> {
        if !self.has_events || self.found.functions.is_empty() {
            return None;
        }
        self.found.objects = self.objects.list;
        self.found.files = self.files.list;
        self.found.costs = self.costs.into_iter().collect();
        self.found.costs.sort_unstable();
        let call = |((from, to), (count, inclusive))| Call { from, to, count, inclusive };
        self.found.calls = self.calls.into_iter().map(call).collect();
        self.found.calls.sort_unstable();
        self.found.stated_total = self.totals.or(self.summaries);
        self.found.total = self.found.costs.iter().fold(0, |sum: u64, (_, cost)| sum.saturating_add(*cost));
        Some(self.found)
    }
}

/// What is known under `key`; `None` when it is new and there is no room.
fn entry<'k, K: std::hash::Hash + Eq, V: Default>(
    known: &'k mut HashMap<K, V>,
    key: K,
    budget: &mut Budget,
) -> Option<&'k mut V> {
    match known.entry(key) {
        Entry::Occupied(there) => Some(there.into_mut()),
        Entry::Vacant(free) => budget.take(PLACE).then(|| free.insert(V::default())),
    }
}

/// A position: absolute, or relative to the one before.
fn moved(before: u64, word: &str) -> Option<u64> {
    match word.as_bytes() {
        b"*" => Some(before),
        [b'+', ..] => before.checked_add(number(&word[1..])?),
        [b'-', ..] => before.checked_sub(number(&word[1..])?),
        _ => number(word),
    }
}

fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
