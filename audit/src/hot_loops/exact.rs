//! Entries and iterations of loops from coverage builds. A number is exact or absent.
//!
//! In `llvm-cov`'s regions, per function: a loop's iterations are the count of the first piece of its body; where the body
//! begins with another loop, that loop's entries. Entries are the count of the iterated expression of a `for`, or, for a
//! `while` that nothing leaves early, what its condition was evaluated more often than its body. Of an iterator chain the
//! first closure tells the iterations, the piece it starts with the entries. Instances of a generic function are added up.
//!
//! In gcov's lines a loop's condition has two branches on the line of its header: into the body, and, falling through, out.
//! That holds for builds without optimisation; the first line of the body has to agree.

use std::collections::BTreeMap;
use std::path::Path;

use crate::inventory::{Inventory, Language, Loop, LoopKind};
use crate::profile::counts::{Counted, Counts, Line, Region};

/// How often a loop was entered and went round, where that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exact {
    /// Entries.
    pub entries: Option<u64>,
    /// Iterations, over all entries.
    pub trips: Option<u64>,
}

/// Counts of the inventory's loops, by id; loops about which the file says nothing are not among them.
///
/// # Errors
/// One line with what is wrong with the file.
pub fn exact(path: &Path, inventory: &Inventory) -> Result<BTreeMap<String, Exact>, String> {
    let counts = Counts::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let found = of(&counts, inventory);
    if found.is_empty() {
        return Err(format!(
            "{}: none of its files has a loop of the inventory: is it of these sources?",
            path.display()
        ));
    }
    Ok(found)
}

fn of(counts: &Counts, inventory: &Inventory) -> BTreeMap<String, Exact> {
    let mut found: BTreeMap<String, Exact> = BTreeMap::new();
    for (file, lines) in &counts.lines {
        let Some(file) = inventory.file(file) else { continue };
        for one in inventory.loops_of(&file.path).iter().filter(|l| l.language == Language::C) {
            let exact = by_lines(one, lines);
            if exact != Exact::default() {
                found.insert(one.loop_id.clone(), exact);
            }
        }
    }
    let mut by_file: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
    for counted in &counts.functions {
        if let Some(file) = inventory.file(&counted.file) {
            by_file.entry(&file.path).or_default().push(counted);
        }
    }
    for (path, functions) in by_file {
        let loops = inventory.loops_of(path);
        for one in loops {
            let exact = match one.kind {
                LoopKind::For | LoopKind::While | LoopKind::Loop => {
                    let of = functions.iter().filter_map(|f| by_regions(one, loops, &f.regions));
                    of.reduce(Exact::plus)
                }
                LoopKind::Iterator | LoopKind::Rayon => chain(one, &functions),
                LoopKind::Do | LoopKind::Comprehension => None,
            };
            if let Some(exact) = exact.filter(|e| *e != Exact::default()) {
                found.insert(one.loop_id.clone(), exact);
            }
        }
    }
    found
}

impl Exact {
    /// The sum over instances; unknown where one is unknown.
    fn plus(self, other: Exact) -> Exact {
        let sum = |a: Option<u64>, b: Option<u64>| a?.checked_add(b?);
        Exact { entries: sum(self.entries, other.entries), trips: sum(self.trips, other.trips) }
    }
}

fn start(one: &Loop) -> (u32, u32) {
    (one.line, one.column)
}

fn end(one: &Loop) -> (u32, u32) {
    (one.end_line, one.end_column)
}

/// A loop with a body, in the function whose pieces these are; `None` in other functions.
fn by_regions(one: &Loop, loops: &[Loop], regions: &[Region]) -> Option<Exact> {
    let body = one.body?;
    let within =
        |from: (u32, u32), to: (u32, u32)| regions.iter().filter(move |r| from <= r.start && r.start < to);
    // a closure inside the loop is a function of its own: its pieces do not tell how often the loop went round
    let own = regions.iter().any(|r| start(one) <= r.start && r.start < body)
        || one.kind == LoopKind::Loop && regions.iter().any(|r| r.start < start(one));
    if !own {
        return None;
    }
    let inner = loops
        .iter()
        .filter(|l| body <= start(l) && end(l) <= end(one) && start(l) != start(one))
        .min_by_key(|l| start(l));
    let first = within(body, end(one)).min_by_key(|r| r.start)?;
    let trips = match inner {
        Some(inner) if start(inner) <= first.start && first.start < end(inner) => match inner.kind {
            LoopKind::For | LoopKind::While => by_regions(inner, loops, regions).and_then(|e| e.entries),
            LoopKind::Iterator | LoopKind::Rayon => Some(first.count),
            _ => None,
        },
        _ => Some(first.count),
    };
    let header = within(start(one), body);
    let simple = !["?", "if ", "match ", "&&", "||"].iter().any(|word| one.header.contains(word));
    let entries = match one.kind {
        // the pattern comes first, then what is iterated over
        LoopKind::For if simple => header.max_by_key(|r| r.start).map(|r| r.count),
        LoopKind::While if !one.leaves_early => {
            header.map(|r| r.count).max().and_then(|evaluated| evaluated.checked_sub(trips?))
        }
        _ => None,
    };
    Some(Exact { entries, trips })
}

/// An iterator chain: its closures are functions of their own.
fn chain(one: &Loop, functions: &[&Counted]) -> Option<Exact> {
    let inside = |r: &Region| start(one) <= r.start && r.end <= end(one);
    let mut first: Option<((u32, u32), u64)> = None;
    let mut entries: Option<u64> = None;
    for function in functions {
        let Some(here) = function.regions.iter().find(|r| inside(r)) else { continue };
        if function.regions.iter().all(inside) {
            first = match first {
                Some((place, count)) if place == here.start => Some((place, count.checked_add(here.count)?)),
                Some((place, count)) if place < here.start => Some((place, count)),
                _ => Some((here.start, here.count)),
            };
        } else {
            entries = Some(entries.unwrap_or(0).checked_add(here.count)?);
        }
    }
    Some(Exact { entries, trips: first.map(|(_, count)| count) })
}

/// A C loop from the counts of lines.
fn by_lines(one: &Loop, lines: &BTreeMap<u32, Line>) -> Exact {
    let (Some((body_line, _)), LoopKind::For | LoopKind::While) = (one.body, one.kind) else {
        return Exact::default();
    };
    let Some(header) = lines.get(&one.line) else { return Exact::default() };
    let [(a, a_falls), (b, b_falls)] = header.branches[..] else { return Exact::default() };
    let (around, out) = match (a_falls, b_falls) {
        (false, true) => (a, b),
        (true, false) => (b, a),
        _ => return Exact::default(),
    };
    // a body on the header's line has no line of its own to agree with
    let first = lines.range(body_line.max(one.line + 1)..=one.end_line).next().map(|(_, line)| line);
    let agrees = first.is_none_or(|line| {
        line.count == around
            || line.branches.iter().map(|(n, _)| n).sum::<u64>() >= around && line.count >= around
    });
    if !agrees {
        return Exact::default();
    }
    Exact { entries: (!one.leaves_early).then_some(out), trips: Some(around) }
}
