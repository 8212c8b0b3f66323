//! Reads callgrind's output, line by line, with and without instruction addresses (`--dump-instr=yes`): compressed
//! names, relative positions, inlined files (`fi=`, `fe=`), jumps, several parts in one file.
//!
//! The format: <https://valgrind.org/docs/manual/cl-format.html>. Counts are exact. A line that makes no sense is skipped
//! and counted.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// Distinct positions that are kept.
const MOST: usize = 50_000_000;

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
    /// What the file says the sum is, where it does.
    pub stated_total: Option<u64>,
    /// Lines that were not understood.
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
        let mut reader = Reader::default();
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
    fn name(&mut self, text: &str) -> Option<String> {
        let Some((number, rest)) = text.strip_prefix('(').and_then(|t| t.split_once(')')) else {
            return Some(text.to_owned());
        };
        let Ok(number) = number.parse() else { return Some(text.to_owned()) };
        match rest.trim() {
            "" => self.numbered.get(&number).cloned(),
            name => {
                self.numbered.insert(number, name.to_owned());
                Some(name.to_owned())
            }
        }
    }
}

/// Distinct texts with a number for each.
#[derive(Default)]
struct Table {
    known: HashMap<String, u32>,
    list: Vec<String>,
}

impl Table {
    fn number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.known.get(&name) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.clone());
        self.known.insert(name, number);
        number
    }
}

struct Reader {
    found: Callgrind,
    object_names: Names,
    file_names: Names,
    function_names: Names,
    objects: Table,
    files: Table,
    functions: HashMap<(String, u32, u32), u32>,
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
    /// The place of a jump.
    Jump,
}

impl Default for Reader {
    fn default() -> Self {
        let mut objects = Table::default();
        let mut files = Table::default();
        objects.number("???".into());
        files.number("???".into());
        Reader {
            found: Callgrind::default(),
            object_names: Names::default(),
            file_names: Names::default(),
            function_names: Names::default(),
            objects,
            files,
            functions: HashMap::new(),
            costs: HashMap::new(),
            calls: HashMap::new(),
            has_line: true,
            event: 0,
            has_events: false,
            at: Position::default(),
            own_file: 0,
            called: Called::default(),
            expect: Expect::Cost,
        }
    }
}

impl Reader {
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
            "totals" | "summary" => {
                let stated: u64 = value.split_whitespace().nth(self.event)?.parse().ok()?;
                self.found.stated_total = Some(self.found.stated_total.unwrap_or(0).max(stated));
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
            "ob" => self.at.object = self.objects.number(self.object_names.name(value)?),
            "fl" => {
                self.own_file = self.files.number(self.file_names.name(value)?);
                self.at.file = self.own_file;
            }
            "fi" | "fe" => self.at.file = self.files.number(self.file_names.name(value)?),
            "fn" => {
                let name = self.function_names.name(value)?;
                self.at.file = self.own_file;
                self.at.function = self.function(name, self.at.object, self.own_file);
            }
            "cob" => self.called.object = Some(self.objects.number(self.object_names.name(value)?)),
            "cfi" | "cfl" => self.called.file = Some(self.files.number(self.file_names.name(value)?)),
            "cfn" => self.called.function = Some(self.function_names.name(value)?),
            "calls" => {
                let called = std::mem::take(&mut self.called);
                let count: u64 = value.split_whitespace().next()?.parse().ok()?;
                let object = called.object.unwrap_or(self.at.object);
                let to = self.function(called.function?, object, called.file.unwrap_or(self.own_file));
                let calls = &mut self.found.functions[to as usize].calls;
                *calls = calls.saturating_add(count);
                self.expect = Expect::Call(to, count);
            }
            "jump" | "jcnd" => self.expect = Expect::Jump,
            // frames above and jump targets elsewhere are of no interest, but may give names their numbers
            "frfn" | "jfn" => drop(self.function_names.name(value)?),
            "jfi" => drop(self.file_names.name(value)?),
            _ => return None,
        }
        Some(())
    }

    fn function(&mut self, name: String, object: u32, file: u32) -> u32 {
        let functions = &mut self.found.functions;
        *self.functions.entry((name, object, file)).or_insert_with_key(|(name, object, file)| {
            functions.push(Function { name: name.clone(), object: *object, file: *file, calls: 0 });
            functions.len() as u32 - 1
        })
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
        if expected == Expect::Jump {
            return Some(());
        }
        // costs at the end of the line that are 0 may be left out
        let cost: u64 = words.nth(self.event).map_or(Some(0), |w| w.parse().ok())?;
        if self.found.functions.is_empty() || self.costs.len() + self.calls.len() >= MOST {
            return None;
        }
        match expected {
            Expect::Call(to, count) => {
                let call = self.calls.entry((self.at, to)).or_default();
                call.0 = call.0.saturating_add(count);
                call.1 = call.1.saturating_add(cost);
            }
            _ => {
                let sum = self.costs.entry(self.at).or_default();
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
        self.found.total = self.found.costs.iter().fold(0, |sum: u64, (_, cost)| sum.saturating_add(*cost));
        Some(self.found)
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
