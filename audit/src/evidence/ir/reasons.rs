//! Why a machine loop is scalar, as far as its code shows.
//!
//! LLVM's own remarks cannot be joined with sources: in cargo's release profile rustc prints none for loops, and where it
//! prints them they name the innermost line, which is the standard library's. So the conditions that the loop
//! vectorizer demands (LLVM, "Auto-Vectorization in LLVM") are looked for in the code that is left.

use super::function::Function;
use super::graph::Loops;
use super::weigh::Tally;
use std::collections::{HashMap, HashSet};

/// What stands against vector code, the most telling first, joined by `; `. Empty when nothing was found.
pub(super) fn against(
    function: &Function,
    loops: &Loops,
    group: usize,
    tally: &Tally,
    holds_others: bool,
) -> String {
    let inside = |block: usize| loops.outwards(loops.of_block[block]).any(|l| l == group);
    let mut found = Vec::new();
    let nested = loops.parents.iter().filter(|p| **p == Some(group)).count();
    if nested > 0 || holds_others {
        found.push("it runs other loops, and only innermost loops are vectorized".to_string());
    }
    if let Some(length) = recurrence(function, loops, group) {
        let chain = if length == 1 { "one operation".to_string() } else { format!("{length} operations") };
        found.push(format!(
            "a floating-point value goes from each iteration to the next through {chain}: the order of a sum may not be changed"
        ));
    }
    if !tally.callees.is_empty() {
        let names: Vec<String> = tally.callees.iter().take(4).map(|name| short(name)).collect();
        found.push(format!("it calls {}", names.join(", ")));
    }
    let (mut ways_out, mut panics) = (HashSet::new(), 0);
    for (at, block) in function.blocks.iter().enumerate().filter(|(at, _)| inside(*at)) {
        for &to in block.successors.iter().filter(|&&to| !inside(to)) {
            if function.blocks[to].dead_end {
                panics += 1;
            } else {
                ways_out.insert(at);
            }
        }
    }
    if panics > 0 {
        let checks = if panics == 1 { "a check".to_string() } else { format!("{panics} checks") };
        found.push(format!("{checks} (bounds, overflow) can end it in a panic"));
    }
    if ways_out.len() > 1 {
        found.push(format!("it can be left at {} places", ways_out.len()));
    }
    if ways_out.is_empty() && panics == 0 {
        found.push("it has no end of its own".to_string());
    }
    if found.is_empty() && !tally.works() {
        found.push("nothing of its own but integers and jumps".into());
    }
    if found.is_empty() {
        found.push("nothing in its code forbids vectors: strides, possible overlap of memory, or the compiler's cost model".into());
    }
    found.join("; ")
}

/// Longest way of a scalar floating-point value through the arithmetic of one iteration back to where it entered.
fn recurrence(function: &Function, loops: &Loops, group: usize) -> Option<usize> {
    let header = loops.headers[group];
    let phis = function.phis.iter().filter(|(block, ..)| *block == header);
    phis.filter_map(|(_, phi, incoming)| {
        incoming.iter().filter_map(|value| distance(&function.arithmetic, *value, *phi)).max()
    })
    .max()
}

/// Operations between `from` (a result) and `to` (an operand), searching backwards; bounded.
fn distance(arithmetic: &HashMap<u64, Vec<u64>>, from: u64, to: u64) -> Option<usize> {
    let mut open = vec![(from, 0usize)];
    let mut seen = HashSet::new();
    while let Some((value, steps)) = open.pop() {
        if value == to {
            return (steps > 0).then_some(steps);
        }
        if seen.len() > 4096 || !seen.insert(value) {
            continue;
        }
        open.extend(arithmetic.get(&value).into_iter().flatten().map(|operand| (*operand, steps + 1)));
    }
    None
}

/// A function's name without its hash and the paths of its types.
fn short(name: &str) -> String {
    let whole = addr2line::demangle_auto(name.into(), None).into_owned();
    let plain = match whole.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        _ => &whole,
    };
    let cut: String = plain.chars().take(80).collect();
    if cut.len() < plain.len() { format!("`{cut}…`") } else { format!("`{cut}`") }
}
