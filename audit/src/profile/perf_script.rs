//! Reads the text that `perf script` prints for samples with call stacks (`perf record -g` or `--call-graph dwarf`).
//!
//! A sample is a head line (`command thread [cpu] time: period event:`) and one indented line a frame
//! (`address function+offset (file)`), innermost first, ended by an empty line. Frames that perf made of inlining are left
//! out: the files' debug information gives them again, with columns. What makes no sense is skipped and counted; so is what
//! would take more memory than `MOST_HELD`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::path::Path;

use super::budget::{Budget, ENTRY};

/// Frames of one stack that are kept.
const DEEPEST: usize = 1024;
/// Bytes that are held while reading, names, frames and stacks together: some millions of distinct stacks.
const MOST_HELD: usize = 1 << 30;

/// All samples, summed up by stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerfScript {
    /// Files that frames fell in.
    pub files: Vec<String>,
    /// Function names of frames.
    pub functions: Vec<String>,
    /// Distinct frames.
    pub frames: Vec<Frame>,
    /// Stacks with their weight: the sum of periods, or the number of samples where there are none.
    pub stacks: Vec<(Vec<u32>, Weight)>,
    /// Events by name.
    pub events: HashMap<String, u64>,
    /// Threads seen.
    pub threads: u64,
    /// Lines that were not understood, and frames and samples that there was no room for.
    pub skipped: u64,
    /// Samples without any frame.
    pub empty: u64,
}

/// One frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// As printed: in the process, or from the file's start, depending on perf's version.
    pub address: u64,
    /// Index into [`PerfScript::files`].
    pub file: Option<u32>,
    /// Index into [`PerfScript::functions`] and the offset in it.
    pub function: Option<(u32, u64)>,
}

/// How much a stack counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Number of samples.
    pub samples: u64,
    /// Sum of their periods, in the event's unit; nanoseconds for `cpu-clock`.
    pub period: u64,
}

impl PerfScript {
    /// Reads a file; `None` when there is no sample in it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(path: &Path) -> std::io::Result<Option<PerfScript>> {
        PerfScript::parse(std::io::BufReader::new(std::fs::File::open(path)?))
    }

    /// Reads a text; `None` when there is no sample in it.
    ///
    /// # Errors
    /// Those of `from`.
    pub fn parse(from: impl BufRead) -> std::io::Result<Option<PerfScript>> {
        PerfScript::parse_within(from, MOST_HELD)
    }

    /// The same with so many bytes for what is held.
    fn parse_within(from: impl BufRead, bytes: usize) -> std::io::Result<Option<PerfScript>> {
        let mut reader = Reader {
            budget: Budget::new(bytes),
            found: PerfScript::default(),
            files: HashMap::new(),
            functions: HashMap::new(),
            frames: HashMap::new(),
            stacks: HashMap::new(),
            threads: HashSet::new(),
            open: None,
        };
        let left_out = super::lines::each(from, |line| reader.line(line))?;
        reader.found.skipped += left_out;
        reader.close();
        let Reader { mut found, stacks, threads, .. } = reader;
        found.threads = threads.len() as u64;
        found.stacks = stacks.into_iter().collect();
        found.stacks.sort_by(|a, b| a.0.cmp(&b.0));
        Ok((!found.stacks.is_empty()).then_some(found))
    }
}

struct Reader {
    budget: Budget,
    found: PerfScript,
    files: HashMap<String, u32>,
    functions: HashMap<String, u32>,
    frames: HashMap<Frame, u32>,
    stacks: HashMap<Vec<u32>, Weight>,
    threads: HashSet<String>,
    /// The sample whose frames are being read: its period and its frames.
    open: Option<(u64, Vec<u32>)>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return self.close();
        }
        if line.starts_with('#') || line.contains(" PERF_RECORD_") {
            return;
        }
        let known = if line.starts_with(['\t', ' ']) && self.open.is_some() {
            self.frame(line.trim_start())
        } else {
            self.close();
            self.head(line)
        };
        self.found.skipped += u64::from(known.is_none());
    }

    /// `command 1234/1235 [000] 12.345678:     250000 cpu-clock:u:` in many variants: what counts is the time, which ends
    /// in a colon, what stands before it, and the period and event after it.
    fn head(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let time = words
            .iter()
            .position(|w| w.strip_suffix(':').is_some_and(|t| t.parse::<f64>().is_ok_and(f64::is_finite)))?;
        let thread =
            words[..time].iter().rev().find(|w| w.bytes().all(|b| b.is_ascii_digit() || b == b'/'))?;
        let mut rest = words[time + 1..].iter();
        let mut event = *rest.next()?;
        let mut period = 1;
        if let Ok(number) = event.parse::<u64>() {
            period = number;
            event = rest.next()?;
        }
        if !self.threads.contains(*thread) && self.budget.take(thread.len() + ENTRY) {
            self.threads.insert((*thread).to_owned());
        }
        let event = event.trim_end_matches(':');
        if let Some(count) = self.found.events.get_mut(event) {
            *count += 1;
        } else if self.budget.take(event.len() + ENTRY) {
            self.found.events.insert(event.to_owned(), 1);
        }
        self.open = Some((period, Vec::new()));
        // without stacks the frame stands on the same line
        let rest: Vec<&str> = rest.copied().collect();
        if rest.first().is_some_and(|w| u64::from_str_radix(w, 16).is_ok()) {
            self.frame(&rest.join(" "));
        }
        Some(())
    }

    /// `55d6c0a01169 main+0x20 (/tmp/prog)`
    fn frame(&mut self, line: &str) -> Option<()> {
        let (address, rest) = line.split_once(' ').unwrap_or((line, ""));
        let address = u64::from_str_radix(address, 16).ok()?;
        let (symbol, file) = match rest.strip_suffix(')').and_then(|r| r.rsplit_once('(')) {
            Some((symbol, file)) => (symbol.trim(), Some(file)),
            None => (rest.trim(), None),
        };
        if file == Some("inlined") {
            return Some(());
        }
        let budget = &mut self.budget;
        // a frame may do without its function's name, which only tells where the file lay
        let function = symbol.rsplit_once("+0x").and_then(|(name, offset)| {
            let offset = u64::from_str_radix(offset, 16).ok()?;
            Some((number(&mut self.functions, &mut self.found.functions, name, budget)?, offset))
        });
        let file = match file.filter(|f| f.starts_with('/')) {
            Some(file) => Some(number(&mut self.files, &mut self.found.files, file, budget)?),
            None => None,
        };
        let frame = Frame { address, file, function };
        let index = match self.frames.entry(frame) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(_) if !budget.take(ENTRY) => return None,
            Entry::Vacant(free) => {
                self.found.frames.push(frame);
                *free.insert(self.found.frames.len() as u32 - 1)
            }
        };
        let (_, stack) = self.open.as_mut()?;
        if stack.len() < DEEPEST {
            stack.push(index);
        }
        Some(())
    }

    fn close(&mut self) {
        let Some((period, stack)) = self.open.take() else { return };
        self.found.empty += u64::from(stack.is_empty());
        let size = size_of::<u32>() * stack.capacity() + ENTRY;
        let weight = match self.stacks.entry(stack) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) if self.budget.take(size) => free.insert(Weight::default()),
            Entry::Vacant(_) => {
                self.found.skipped += 1;
                return;
            }
        };
        weight.samples += 1;
        weight.period = weight.period.saturating_add(period);
    }
}

/// The number of a name; `None` when it is new and there is no room.
fn number(
    known: &mut HashMap<String, u32>,
    list: &mut Vec<String>,
    name: &str,
    budget: &mut Budget,
) -> Option<u32> {
    if let Some(&number) = known.get(name) {
        return Some(number);
    }
    if !budget.take(2 * name.len() + ENTRY) {
        return None;
    }
    list.push(name.to_owned());
    known.insert(name.to_owned(), list.len() as u32 - 1);
    Some(list.len() as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::super::allocated::most_in;
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
# captured on: today
prog 25194 14782.149166: PERF_RECORD_MMAP2 25194/25194: [0x558381f94000(0x1000) @ 0x1000 fe:00 11436089 2160833213]: r-xp /tmp/prog
prog 25194 14782.149396:     250000 cpu-clock:u: 
\t           14645 inner+0x5 (inlined)
\t    558381f941a0 work+0x10 (/tmp/prog)
\t    558381f94080 main+0x20 (/tmp/prog)

my prog  25194/25195 [001] 14782.149700:     250000 cpu-clock:u: 
\tffffffff810a0000 [unknown] ([kernel.kallsyms])
\t    558381f941a0 work+0x10 (/tmp/prog)
\t    558381f94080 main+0x20 (/tmp/prog)

prog 25194 14782.150000:     250000 cpu-clock:u: 
\t    558381f941a0 work+0x10 (/tmp/prog)
\t    558381f94080 main+0x20 (/tmp/prog)
";

    #[test]
    fn samples_with_the_same_stack_are_one() {
        let read = PerfScript::parse(TEXT.as_bytes()).unwrap().unwrap();
        assert_eq!((read.skipped, read.empty, read.threads), (0, 0, 2));
        assert_eq!(read.events, HashMap::from([("cpu-clock:u".to_owned(), 3)]));
        assert_eq!(read.stacks.len(), 2);
        let two = read.stacks.iter().find(|(stack, _)| stack.len() == 2).unwrap();
        assert_eq!(two.1, Weight { samples: 2, period: 500_000 });
        let frame = read.frames[two.0[0] as usize];
        assert_eq!(frame.address, 0x5583_81f9_41a0);
        assert_eq!(read.files[frame.file.unwrap() as usize], "/tmp/prog");
        let (name, offset) = frame.function.unwrap();
        assert_eq!((read.functions[name as usize].as_str(), offset), ("work", 0x10));
    }

    #[test]
    fn without_stacks_the_frame_stands_in_the_head() {
        let text =
            "prog 7 1.5: 100 cycles:  5583 f+0x3 (/bin/prog)\nprog 7 1.6: cycles:  5584 f+0x4 (/bin/prog)\n";
        let read = PerfScript::parse(text.as_bytes()).unwrap().unwrap();
        let periods: Vec<u64> = read.stacks.iter().map(|(_, w)| w.period).collect();
        assert_eq!(periods, [100, 1]);
        assert!(read.stacks.iter().all(|(s, _)| s.len() == 1));
    }

    #[test]
    fn nonsense_is_skipped_and_counted() {
        let text = TEXT.replace("\t    558381f94080 main", "\t    zz main").replace("# captured", "captured");
        let read = PerfScript::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(read.skipped, 4);
        assert_eq!(PerfScript::parse("GIF89a".as_bytes()).unwrap(), None);
    }

    /// However many stacks, frames or names: what is held stays within the room, and the rest is counted.
    #[test]
    fn what_is_held_is_bounded() {
        const ROOM: usize = 4 << 20;
        const SAMPLES: usize = 100_000;
        type Sample = fn(usize) -> String;
        let kinds: [Sample; 4] = [
            |i| format!("p 1 1.0: c:\n\t{:x} f+0x1 (/p)\n\t{:x} f+0x1 (/p)\n\n", i % 400, i / 400),
            |i| format!("p 1 1.0: c:\n\t{i:x} f+0x1 (/p)\n\n"),
            |i| format!("p 1 1.0: c:\n\t1 f+0x1 (/a/file/{i:0200})\n\n"),
            |i| format!("p {i} 1.0: {i:0200}:\n\t{}2 g+0x1 (/p)\n\n", "1 f+0x1 (/p)\n\t".repeat(i % 40)),
        ];
        for (kind, sample) in kinds.into_iter().enumerate() {
            let text: String = (0..SAMPLES).map(sample).collect();
            let (read, most) = most_in(|| PerfScript::parse_within(text.as_bytes(), ROOM).unwrap().unwrap());
            assert!(most < ROOM + (1 << 20), "kind {kind}: {most} bytes");
            assert_eq!(PerfScript::parse(text.as_bytes()).unwrap().unwrap().skipped, 0, "kind {kind}");
            let kept: u64 = read.stacks.iter().map(|(_, weight)| weight.samples).sum();
            assert!(kind == 3 || read.skipped > SAMPLES as u64 / 2, "kind {kind}: {} skipped", read.skipped);
            assert!(kept + read.skipped >= SAMPLES as u64, "kind {kind}: {kept} kept");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..2000, byte: u8, cut in 0usize..2000) {
            let mut bytes = TEXT.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(at + 1));
            let _ = PerfScript::parse(bytes.as_slice()).unwrap();
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = PerfScript::parse(bytes.as_slice()).unwrap();
        }

        #[test]
        fn lines_of_any_kind_never_panic(lines in prop::collection::vec("p [0-9]{1,3} [0-9.]{1,4}: [0-9]{0,22} ?c:|\t[0-9a-f]{0,20} [a-z+0x]{0,9} ?[(]?[/a-z]{0,4}[)]?|", 0..30)) {
            let _ = PerfScript::parse(lines.join("\n").as_bytes()).unwrap();
        }
    }
}
