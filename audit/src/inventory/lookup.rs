//! From a place that a compiler's debug information names to the loops around it.

use super::{Inventory, Loop, SourceFile};

/// Directories that hold other people's sources: a path through them is not a file of the tree, however much
/// its end looks like one.
const FOREIGN: [&str; 3] = ["/rustc/", "/registry/src/", "/git/checkouts/"];

impl Inventory {
    /// The loop with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Loop> {
        let (module, _) = id.split_once("::")?;
        self.loops_of(module).iter().find(|l| l.loop_id == id)
    }

    /// The loops of one file, by start.
    #[must_use]
    pub fn loops_of(&self, module: &str) -> &[Loop] {
        let start = self.loops.partition_point(|l| l.module.as_str() < module);
        let end = start + self.loops[start..].partition_point(|l| l.module == module);
        &self.loops[start..end]
    }

    /// The file of the inventory that debug information means by `file`: the one that shares the longest end
    /// with it, on component boundaries, where one of the two paths must lie in the other whole. `None` when
    /// two files fit as well, or for sources of the toolchain and of the registry.
    #[must_use]
    pub fn file(&self, file: &str) -> Option<&SourceFile> {
        let wanted = components(file);
        let foreign = |path: &str| FOREIGN.iter().any(|f| path.contains(f));
        let mut best: Option<(usize, &SourceFile)> = None;
        let mut tie = false;
        for candidate in &self.files {
            if !candidate.path.ends_with(wanted.last()?) {
                continue;
            }
            let own = components(&candidate.path);
            let shared = own.iter().rev().zip(wanted.iter().rev()).take_while(|(a, b)| a == b).count();
            if shared < own.len().min(wanted.len()) || foreign(file) && !foreign(&candidate.path) {
                continue;
            }
            match best {
                Some((most, _)) if shared < most => {}
                Some((most, _)) if shared == most => tie = true,
                _ => (best, tie) = (Some((shared, candidate)), false),
            }
        }
        best.filter(|_| !tie).map(|(_, file)| file)
    }

    /// The loops around a place, outermost first: those that run the code there, of the function that the
    /// code belongs to.
    ///
    /// `file` is matched as in [`Inventory::file`]. With a column the place is exact. Without one, loops
    /// that merely share the line cannot be told apart: then only those around all of them are given, and
    /// for a `for` whose header holds another loop, the `for`.
    #[must_use]
    pub fn enclosing(&self, file: &str, line: u32, column: Option<u32>) -> Vec<&Loop> {
        let Some(file) = self.file(file) else { return Vec::new() };
        let column = column.filter(|&c| c > 0);
        let around: Vec<&Loop> = self
            .loops_of(&file.path)
            .iter()
            .filter(|l| l.holds(line, column) && !inner_function(file, l, line))
            .collect();
        match column {
            Some(column) => exact(&around, line, column),
            None => by_line(&around),
        }
    }
}

impl Loop {
    /// Whether the place is between the loop's first and last character.
    fn holds(&self, line: u32, column: Option<u32>) -> bool {
        match column {
            None => self.line <= line && line <= self.end_line,
            Some(column) => {
                (self.line, self.column) <= (line, column)
                    && (line, column) < (self.end_line, self.end_column)
            }
        }
    }

    fn contains(&self, other: &Self) -> bool {
        (self.line, self.column) <= (other.line, other.column)
            && (other.end_line, other.end_column) <= (self.end_line, self.end_column)
    }
}

fn components(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// Whether the line belongs to another function that is defined inside the loop.
fn inner_function(file: &SourceFile, l: &Loop, line: u32) -> bool {
    file.functions.iter().any(|f| {
        f.line <= line
            && line <= f.end_line
            && l.line <= f.line
            && f.end_line <= l.end_line
            && f.name != l.function
    })
}

/// The loops that run the innermost one, with it; `around` is sorted by start.
fn exact<'i>(around: &[&'i Loop], line: u32, column: u32) -> Vec<&'i Loop> {
    let mut inside = around.to_vec();
    // What stands at the first character of a chain in the header of a `for` is the `for`'s own step.
    if let [.., outer, inner] = inside[..]
        && outer.depth == inner.depth
        && (inner.line, inner.column) == (line, column)
    {
        inside.pop();
    }
    let mut chain: Vec<&Loop> = Vec::new();
    for candidate in inside.into_iter().rev() {
        if chain.last().is_none_or(|inner| candidate.depth < inner.depth) {
            chain.push(candidate);
        }
    }
    chain.reverse();
    chain
}

/// The loops around every loop on the line; `around` is sorted by start.
fn by_line<'i>(around: &[&'i Loop]) -> Vec<&'i Loop> {
    let mut chain: Vec<&Loop> = Vec::new();
    let mut limit = usize::MAX;
    for candidate in around {
        let shared = chain.iter().take_while(|outer| outer.contains(candidate)).count();
        if shared < chain.len() {
            chain.truncate(shared);
            limit = limit.min(shared);
        }
        let nested = chain.last().is_none_or(|outer| outer.depth < candidate.depth);
        if nested && chain.len() < limit {
            chain.push(candidate);
        }
    }
    chain
}
