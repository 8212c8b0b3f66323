//! One function of a module: its blocks, where they lead, and what is in them.

use super::instruction::{self, Class, Width};
use std::collections::HashMap;

/// Bytes of a function's text that are read; lines beyond are counted and left out. A large one has two million.
const TEXT_LIMIT: usize = 32 << 20;
/// Most instructions of one function; more are counted and left out.
const INSTRUCTION_LIMIT: usize = 1_000_000;
/// Most blocks of one function, and places that one block leads to.
const BLOCK_LIMIT: usize = 1 << 16;
const SUCCESSOR_LIMIT: usize = 4096;

/// A function's body.
#[derive(Debug, Default)]
pub(super) struct Function {
    /// Its name in the object file.
    pub(super) name: String,
    /// Its group of attributes.
    pub(super) attributes: Option<u32>,
    pub(super) blocks: Vec<Block>,
    pub(super) instructions: Vec<Instruction>,
    /// Names of called functions; instructions refer to them by place.
    pub(super) callees: Vec<Box<str>>,
    /// Operands of scalar floating-point arithmetic by its result, for recurrences.
    pub(super) arithmetic: HashMap<u64, Vec<u64>>,
    /// Results of the phis of scalar floating-point values with what flows in, by block.
    pub(super) phis: Vec<(usize, u64, Vec<u64>)>,
    /// Instructions left out.
    pub(super) skipped: u64,
    labels: HashMap<Box<str>, usize>,
    known_callees: HashMap<Box<str>, u32>,
    open: Option<usize>,
    /// Bytes read so far.
    text: usize,
}

/// A basic block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Where control can go from here.
    pub(super) successors: Vec<usize>,
    /// The identity of the loop that its jump closes.
    pub(super) loop_id: Option<u32>,
    /// It ends where control never arrives: after a panic, mostly.
    pub(super) dead_end: bool,
}

/// An instruction of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instruction {
    pub(super) block: u32,
    pub(super) class: Class,
    pub(super) width: Width,
    /// Floating-point operations per lane.
    pub(super) flops: u32,
    /// Place in [`Function::callees`].
    pub(super) callee: Option<u32>,
    /// Number of its location.
    pub(super) location: Option<u32>,
}

impl Function {
    /// Begins with the line that says `define`.
    pub(super) fn begin(line: &str) -> Self {
        let name = line.split_once('@').map_or("", |(_, after)| match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or(""),
            None => after.split('(').next().unwrap_or(""),
        });
        let group = line.split(" #").filter_map(|after| after.split(' ').next()?.parse().ok()).last();
        Self { name: name.to_string(), attributes: group, ..Self::default() }
    }

    /// Takes a line of the body in.
    pub(super) fn line(&mut self, line: &str) {
        self.text += line.len();
        if self.text > TEXT_LIMIT || self.blocks.len() >= BLOCK_LIMIT {
            self.skipped += 1;
            return;
        }
        if let Some(label) = label(line) {
            let block = self.block(label);
            self.open = Some(block);
            return;
        }
        // the entry of a function made by clang has no label
        let current = match self.open {
            Some(open) => open,
            None if line.trim().is_empty() => return,
            None => {
                let block = self.block("");
                self.open = Some(block);
                block
            }
        };
        if line.contains("label %") {
            let targets: Vec<usize> =
                instruction::targets(line).take(SUCCESSOR_LIMIT).map(|t| self.block(t)).collect();
            for target in targets {
                let known = &self.blocks[current].successors;
                if known.len() < SUCCESSOR_LIMIT && !known.contains(&target) {
                    self.blocks[current].successors.push(target);
                }
            }
            if let Some(id) = instruction::attached(line, "!llvm.loop") {
                self.blocks[current].loop_id = Some(id);
            }
        }
        if line.trim_start().starts_with("unreachable") {
            self.blocks[current].dead_end = true;
        }
        self.instruction(current, line);
    }

    /// Blocks by number with their successors.
    pub(super) fn successors(&self) -> Vec<Vec<usize>> {
        self.blocks.iter().map(|b| b.successors.clone()).collect()
    }

    fn instruction(&mut self, current: usize, line: &str) {
        let Some(read) = instruction::read(line) else { return };
        let scalar_float = read.width.lanes == 1 && read.width.float;
        if let Some(result) = read.result.filter(|_| scalar_float) {
            let operands = || instruction::operands(line).collect();
            if read.phi {
                self.phis.push((current, result, operands()));
            } else if read.class == Class::Float && !read.reorders {
                self.arithmetic.insert(result, operands());
            }
        }
        if read.class == Class::Other && read.width.lanes <= 1 && read.callee.is_none() {
            // of no weight, but its place says which loop the block belongs to
            if instruction::attached(line, "!dbg").is_none() {
                return;
            }
        }
        if self.instructions.len() >= INSTRUCTION_LIMIT {
            self.skipped += 1;
            return;
        }
        let callee = read.callee.map(|name| self.callee(name));
        self.instructions.push(Instruction {
            block: u32::try_from(current).unwrap_or(u32::MAX),
            class: read.class,
            width: read.width,
            flops: read.flops,
            callee,
            location: instruction::attached(line, "!dbg"),
        });
    }

    fn block(&mut self, label: &str) -> usize {
        if let Some(&block) = self.labels.get(label) {
            return block;
        }
        self.blocks.push(Block::default());
        self.labels.insert(label.into(), self.blocks.len() - 1);
        self.blocks.len() - 1
    }

    fn callee(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.known_callees.get(name) {
            return known;
        }
        let place = u32::try_from(self.callees.len()).unwrap_or(u32::MAX);
        self.callees.push(name.into());
        self.known_callees.insert(name.into(), place);
        place
    }
}

/// `name:` at the start of a line, plain or in quotes (which stay, as in `label %"name"`).
fn label(line: &str) -> Option<&str> {
    let end = match line.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 2,
        None => line.find(|c: char| !(c.is_ascii_alphanumeric() || "-$._".contains(c)))?,
    };
    (end > 0 && line[end..].starts_with(':')).then(|| &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_end_is_read_as_far_as_the_limits() {
        let mut function = Function::begin("define void @f() {");
        for block in 0..BLOCK_LIMIT + 10 {
            function.line(&format!("b{block}:"));
        }
        assert_eq!((function.blocks.len(), function.skipped), (BLOCK_LIMIT, 10));
        let mut function = Function::begin("define void @f() {");
        let jump = |to: usize| format!("  br i1 %c, label %a{to}, label %b{to}");
        (0..SUCCESSOR_LIMIT).for_each(|to| function.line(&jump(to)));
        assert_eq!(function.blocks[0].successors.len(), SUCCESSOR_LIMIT);
    }

    #[test]
    fn blocks_and_jumps() {
        let mut function = Function::begin(r#"define void @"a.b"(ptr %x) unnamed_addr #0 !dbg !1 {"#);
        for line in [
            "start:",
            "  br label %\"x y\", !dbg !3",
            "\"x y\":                          ; preds = %start",
            "  %1 = fadd double %0, 1.0, !dbg !4",
            "  switch i32 %i, label %end [",
            "    i32 0, label %\"x y\"",
            "  ]",
            "end:",
            "  unreachable",
        ] {
            function.line(line);
        }
        assert_eq!((function.name.as_str(), function.attributes), ("a.b", Some(0)));
        assert_eq!(function.successors(), [vec![1], vec![2, 1], vec![]]);
        assert!(function.blocks[2].dead_end);
        assert_eq!(function.instructions.iter().filter(|i| i.class == Class::Float).count(), 1);
    }
}
