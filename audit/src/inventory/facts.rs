//! What the parser of one file found, in byte positions, and how it becomes loops with ids.

use super::text::{Text, shortened};
use super::{Function, Language, Loop, LoopKind, Status};
use std::collections::HashMap;
use std::ops::Range;

/// Longest header kept, in characters.
const HEADER_LIMIT: usize = 160;

/// Everything one file holds that matters here.
#[derive(Clone, Default)]
pub(super) struct Facts {
    pub(super) loops: Vec<RawLoop>,
    pub(super) functions: Vec<RawFunction>,
    pub(super) tests: Vec<TestFunction>,
    pub(super) modules: Vec<ModuleDeclaration>,
    /// The whole file stands under `#![cfg(test)]`.
    pub(super) test_file: bool,
    pub(super) problems: Vec<(Option<u32>, String)>,
}

#[derive(Clone)]
pub(super) struct RawLoop {
    pub(super) range: Range<usize>,
    pub(super) kind: LoopKind,
    pub(super) header: String,
    pub(super) function: String,
    /// The parts that run once per iteration.
    pub(super) repeated: Vec<Range<usize>>,
    pub(super) hint: Option<String>,
    pub(super) hash: String,
    /// The rule by which the loop needs no work.
    pub(super) safe: Option<&'static str>,
}

#[derive(Clone)]
pub(super) struct RawFunction {
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

/// A test function as the source declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestFunction {
    /// With inline modules, as libtest prints it below the file's own module.
    pub(crate) name: String,
    pub(crate) line: u32,
    /// The name is made by a `macro_rules!` macro, so this is not one test but as many as the macro makes.
    pub(crate) generated: bool,
}

/// `mod name;`
#[derive(Clone)]
pub(super) struct ModuleDeclaration {
    /// Inline modules around it, then its own name.
    pub(super) path: Vec<String>,
    /// `#[path = "…"]`
    pub(super) file: Option<String>,
    /// Compiled only for tests.
    pub(super) test: bool,
}

/// What a loop's evidence says before any compiler was asked.
const NO_EVIDENCE: &str = "no compiler evidence yet";
/// The same where there is none to ask.
const INTERPRETED: &str = "run by the interpreter, one iteration after the other";

impl Facts {
    /// Loops with ids, depths and places; `safe_file` is the rule that holds for the whole file, if any.
    pub(super) fn into_loops(
        mut self,
        text: &Text,
        path: &str,
        language: Language,
        safe_file: Option<&str>,
    ) -> Vec<Loop> {
        self.loops.sort_by_key(|l| (l.range.start, std::cmp::Reverse(l.range.end)));
        let depths = depths(&self.loops);
        let mut ordinals: HashMap<String, u32> = HashMap::new();
        let mut loops = Vec::with_capacity(self.loops.len());
        for (raw, depth) in self.loops.into_iter().zip(depths) {
            let ordinal = ordinals.entry(raw.function.clone()).or_insert(0);
            *ordinal += 1;
            let (line, column) = text.place(raw.range.start);
            // a Python block whose last line is continued by nothing has the end of that line in it
            let code = text.bytes.get(raw.range.clone()).unwrap_or_default().trim_ascii_end();
            let (end_line, end_column) = text.place(raw.range.start + code.len());
            // the body ends last
            let body = matches!(raw.kind, LoopKind::For | LoopKind::While | LoopKind::Loop)
                .then(|| raw.repeated.iter().max_by_key(|r| r.end))
                .flatten();
            let (status, evidence) = match (raw.safe, safe_file) {
                (Some(rule), _) => (Status::Safe, rule.to_string()),
                (None, Some(rule)) => (Status::Safe, rule.to_string()),
                (None, None) if language == Language::Python => (Status::Uncertain, INTERPRETED.to_string()),
                (None, None) => (Status::Uncertain, NO_EVIDENCE.to_string()),
            };
            loops.push(Loop {
                loop_id: format!("{path}::{}#{ordinal}", raw.function),
                module: path.to_string(),
                line,
                end_line,
                column,
                end_column,
                language,
                kind: raw.kind,
                header: shortened(&raw.header, HEADER_LIMIT),
                function: raw.function,
                depth,
                body: body.map(|b| text.place(b.start)),
                leaves_early: text.bytes.get(raw.range.clone()).is_some_and(leaves_early),
                trip_count_hint: raw.hint,
                content_hash: raw.hash,
                status,
                priority: None,
                evidence,
                code: None,
                person: None,
            });
        }
        loops
    }

    /// The functions by start.
    pub(super) fn functions(&self, text: &Text) -> Vec<Function> {
        let mut found: Vec<&RawFunction> = self.functions.iter().collect();
        found.sort_by_key(|f| (f.range.start, std::cmp::Reverse(f.range.end)));
        let function = |f: &RawFunction| Function {
            name: f.name.clone(),
            line: text.line(f.range.start),
            end_line: text.line(f.range.end.saturating_sub(1).max(f.range.start)),
        };
        found.into_iter().map(function).collect()
    }
}

/// Whether words that leave a loop stand in its text. In a comment they count too: what is not sure is not claimed.
fn leaves_early(source: &[u8]) -> bool {
    let text = String::from_utf8_lossy(source);
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    text.contains('?') || words.any(|w| ["break", "return", "goto", "exit", "longjmp", "panic"].contains(&w))
}

/// Depth of each loop, for loops sorted by start: one more than the loops of the same function that repeat it.
fn depths(loops: &[RawLoop]) -> Vec<u32> {
    let mut open: Vec<&RawLoop> = Vec::new();
    let mut depths = Vec::with_capacity(loops.len());
    for inner in loops {
        while open.last().is_some_and(|outer| outer.range.end <= inner.range.start) {
            open.pop();
        }
        let repeats = |outer: &&&RawLoop| {
            outer.function == inner.function
                && outer.repeated.iter().any(|r| r.start <= inner.range.start && inner.range.end <= r.end)
        };
        depths.push(super::text::count(open.iter().filter(repeats).count() + 1));
        open.push(inner);
    }
    depths
}
