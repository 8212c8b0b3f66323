//! Reads optimised LLVM IR as text and says, for every loop of an inventory, whether its code is vector code.
//!
//! A module is read twice: first its metadata, which stands at the end, then its functions one by one. Per function:
//! 1. Its natural loops are found from the control flow (`graph.rs`). Their identity is not trusted to metadata, which
//!    most loops do not have.
//! 2. Every instruction is placed: through its inlined-at chain, from the function it stands in to the innermost one, each
//!    frame in a file of the inventory gives the source loops around it. The list, outermost first, is its stack.
//! 3. A machine loop belongs to the last source loop that the stacks of all its instructions have in common. So an outer
//!    loop stays itself when the inner one is unrolled away. A machine loop inside one of the same source loop comes
//!    from a library function called in it.
//! 4. An instruction counts for the innermost source loop of its stack, as a sample's self time does. What such a loop
//!    does outside of its own machine loops (entry, set-up, rest) counts only when there is none: it was unrolled.
//! 5. `weigh.rs` judges every instance: every function and inlined copy that holds the loop.

mod function;
mod graph;
mod instruction;
mod lines;
mod metadata;
mod places;
mod reasons;
#[cfg(test)]
mod tests;
mod weigh;

pub(crate) use places::Places;

use super::model::{CodeState, Instance};
use function::Function;
use graph::Loops;
use lines::Lines;
use metadata::Metadata;
use places::{Entry, ModulePlaces, Spot};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use weigh::{Tally, Version};

/// Most instances of one loop that are kept with their names.
const INSTANCE_LIMIT: usize = 256;

/// Most steps that judging one function may take (instructions times loops times depth); real ones stay far below.
const WORK_LIMIT: usize = 1 << 31;

/// What modules said about loops, by the loop's place in the inventory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) instances: BTreeMap<usize, Vec<Instance>>,
    /// Instances beyond the limit.
    pub(crate) more: BTreeMap<usize, u32>,
    /// Functions read.
    pub(crate) functions: u64,
    /// Lines and nodes that were not understood, were too long or too many.
    pub(crate) skipped: u64,
}

/// Reads a module from a file.
///
/// # Errors
/// What reading gives. Text that is no IR is no error: it is counted.
pub(crate) fn read_file(path: &Path, places: &mut Places<'_>, found: &mut Found) -> io::Result<()> {
    read(File::open(path)?, places, found)
}

fn read(mut source: impl Read + Seek, places: &mut Places<'_>, found: &mut Found) -> io::Result<()> {
    let mut metadata = Metadata::default();
    let mut lines = Lines::new(BufReader::with_capacity(1 << 18, &mut source));
    while let Some((line, cut)) = lines.next()? {
        if matches!(line.first(), Some(b'!' | b'a')) && !cut {
            metadata.line(line);
        }
    }
    found.skipped += metadata.skipped;
    source.rewind()?;
    let mut lines = Lines::new(BufReader::with_capacity(1 << 18, &mut source));
    let mut places = ModulePlaces::new(places, &metadata);
    let mut open: Option<Function> = None;
    while let Some((line, cut)) = lines.next()? {
        let interesting = open.is_some() || line.starts_with(b"define ");
        if !interesting {
            continue;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            found.skipped += 1;
            continue;
        };
        found.skipped += u64::from(cut);
        match &mut open {
            Some(_) if text == "}" => {
                if let Some(function) = open.take() {
                    self::function(&function, &mut places, found);
                }
            }
            // a body that never ended: the text is broken
            _ if text.starts_with("define ") => {
                found.skipped += u64::from(open.is_some());
                open = Some(Function::begin(text));
            }
            Some(function) => function.line(text),
            None => {}
        }
    }
    found.skipped += u64::from(open.is_some());
    Ok(())
}

/// Judges the source loops that a function holds.
fn function(function: &Function, places: &mut ModulePlaces<'_, '_>, found: &mut Found) {
    found.functions += 1;
    found.skipped += function.skipped;
    let spots: Vec<Spot> = function
        .instructions
        .iter()
        .map(|i| i.location.map_or(Spot::Foreign, |location| places.spot(location)))
        .collect();
    if !spots.iter().any(|s| matches!(s, Spot::Here(stack) if !stack.is_empty())) {
        return;
    }
    let successors = function.successors();
    let loops = Loops::of(&successors);
    let depth =
        (0..loops.headers.len()).map(|l| loops.outwards(Some(l)).take(1000).count()).max().unwrap_or(0);
    if loops.cut || function.instructions.len().saturating_mul(loops.headers.len() * depth) > WORK_LIMIT {
        found.skipped += 1;
        return;
    }
    let owners = owners(function, &loops, &spots);
    let mut own: HashMap<Entry, BTreeMap<usize, Tally>> = HashMap::new();
    let mut straight: BTreeMap<Entry, Tally> = BTreeMap::new();
    for (one, spot) in function.instructions.iter().zip(&spots) {
        let block = one.block as usize;
        if function.blocks[block].dead_end {
            continue;
        }
        let innermost = loops.of_block[block];
        let entry = match spot {
            Spot::Here(stack) => stack.last().copied(),
            // library code in a function of its own that the loop's closure was inlined into
            Spot::Foreign => innermost.and_then(|l| owners[l]),
        };
        let Some(entry) = entry else { continue };
        let group = loops.outwards(innermost).filter(|&l| owners[l] == Some(entry)).last();
        let tally = match group {
            Some(group) => own.entry(entry).or_default().entry(group).or_default(),
            None => straight.entry(entry).or_default(),
        };
        tally.add(one, &function.callees);
    }
    let mut entries: Vec<Entry> = own.keys().chain(straight.keys()).copied().collect();
    entries.sort_unstable();
    entries.dedup();
    for entry in entries {
        let groups = own.remove(&entry).unwrap_or_default();
        let version = |(group, tally): (usize, Tally)| {
            let marked = |&latch: &usize| {
                function.blocks[latch].loop_id.is_some_and(|id| places.metadata.is_vectorized(id))
            };
            let marked = loops.latches[group].iter().any(marked)
                || nested_mark(function, &loops, &owners, group, entry, places.metadata);
            let others = owners.iter().enumerate().any(|(l, o)| {
                l != group && *o != Some(entry) && loops.outwards(Some(l)).any(|outer| outer == group)
            });
            let shared = others || holds_others(function, &spots, &loops, group, entry);
            let reason = reasons::against(function, &loops, group, &tally, shared);
            Version { tally, marked, reason }
        };
        let versions: Vec<Version> = groups.into_iter().map(version).collect();
        let around = straight.remove(&entry).unwrap_or_default();
        if let Some((state, how, tally, reason)) = weigh::judge(&versions, &around) {
            let registers = places.metadata.register_bits(function.attributes);
            let widest = tally.widest().filter(|_| state != CodeState::Scalar).map(|w| w.fitted(registers));
            let (bits, lanes) = (widest.map(|w| w.bits), widest.map(|w| w.lanes));
            let element = widest.map(weigh::Vectors::element);
            let share_pct =
                (tally.any_vector() || tally.floats() > 0).then(|| (100.0 * tally.share()).round() as u32);
            let reason = (!reason.is_empty()).then_some(reason);
            let name = addr2line::demangle_auto(function.name.as_str().into(), None).into_owned();
            keep(
                found,
                entry.index,
                Instance {
                    function: name,
                    registers: Some(registers),
                    state,
                    how,
                    bits,
                    lanes,
                    element,
                    share_pct,
                    flops: tally.flops,
                    bytes: tally.bytes,
                    reason,
                },
            );
        }
    }
}

/// Whether code of other source loops stands in a machine loop: loops inside it that were unrolled.
fn holds_others(function: &Function, spots: &[Spot], loops: &Loops, group: usize, entry: Entry) -> bool {
    function.instructions.iter().zip(spots).any(|(one, spot)| {
        let inside = loops.outwards(loops.of_block[one.block as usize]).any(|l| l == group);
        inside && matches!(spot, Spot::Here(stack) if stack.last().is_some_and(|last| *last != entry))
    })
}

/// Whether a library loop inside the group bears the vectorizer's mark.
fn nested_mark(
    function: &Function,
    loops: &Loops,
    owners: &[Option<Entry>],
    group: usize,
    entry: Entry,
    metadata: &Metadata,
) -> bool {
    (0..loops.headers.len())
        .filter(|&l| owners[l] == Some(entry) && loops.outwards(Some(l)).any(|o| o == group))
        .flat_map(|l| &loops.latches[l])
        .any(|&latch| function.blocks[latch].loop_id.is_some_and(|id| metadata.is_vectorized(id)))
}

fn keep(found: &mut Found, index: usize, instance: Instance) {
    let list = found.instances.entry(index).or_default();
    // the same function in two modules, or inlined twice with the same outcome, is one line with a count elsewhere
    if list.len() < INSTANCE_LIMIT {
        list.push(instance);
    } else {
        *found.more.entry(index).or_default() += 1;
    }
}

/// The source loop that each machine loop belongs to.
fn owners(function: &Function, loops: &Loops, spots: &[Spot]) -> Vec<Option<Entry>> {
    let mut common: Vec<Option<&[Entry]>> = vec![None; loops.headers.len()];
    let mut placed = vec![0u64; loops.headers.len()];
    let mut outside = vec![0u64; loops.headers.len()];
    for (one, spot) in function.instructions.iter().zip(spots) {
        let (Spot::Here(stack), block) = (spot, one.block as usize) else { continue };
        if function.blocks[block].dead_end {
            continue;
        }
        for l in loops.outwards(loops.of_block[block]) {
            placed[l] += 1;
            if stack.is_empty() {
                outside[l] += 1;
                continue;
            }
            common[l] = Some(match common[l] {
                None => stack,
                Some(prefix) => {
                    let shared = prefix.iter().zip(stack.iter()).take_while(|(a, b)| a == b).count();
                    &prefix[..shared]
                }
            });
        }
    }
    let owner = |l: usize| -> Option<Entry> {
        // a few instructions from outside of all loops were moved here; many mean that it is none of them
        (outside[l] * 10 <= placed[l]).then(|| common[l]?.last().copied()).flatten()
    };
    (0..loops.headers.len()).map(owner).collect()
}
