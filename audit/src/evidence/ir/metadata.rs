//! The debug information and the loop marks at the end of a module of LLVM IR.
//!
//! Sources of the forms: LLVM Language Reference, "Specialized Metadata Nodes" and "llvm.loop".

use std::collections::HashMap;

/// Most nodes that are kept, some 100 MB; a module has some hundred thousand.
const NODE_LIMIT: usize = 2_000_000;
/// Most entries of a list that are kept: a loop's identity has a few marks.
const LIST_LIMIT: usize = 32;
/// Longest path of a file, bytes.
const PATH_LIMIT: usize = 4096;
/// SSE2 and NEON.
const PLAIN_BITS: u32 = 128;
/// Longest chain of inlined calls that is followed; also ends cycles.
const DEPTH_LIMIT: usize = 256;

/// A node that matters here.
enum Node {
    Location {
        line: u32,
        column: u32,
        scope: u32,
        inlined_at: Option<u32>,
    },
    /// A function or a block in one: a scope with its file.
    Scope {
        file: Option<u32>,
        parent: Option<u32>,
    },
    File(Box<str>),
    /// `!{!"llvm.loop.isvectorized", i32 1}`
    IsVectorized,
    /// A list of nodes: the identity of a loop with its marks.
    List(Box<[u32]>),
}

/// The nodes of one module by number, and its groups of function attributes.
#[derive(Default)]
pub(super) struct Metadata {
    nodes: HashMap<u32, Node>,
    /// Bits of the vector registers that functions with these attributes may use.
    registers: HashMap<u32, u32>,
    /// Nodes that were not understood or did not fit.
    pub(super) skipped: u64,
}

/// A place in a source, of one of the functions that an instruction was inlined through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Number of the file's node.
    pub(super) file: u32,
    /// From 1; 0 when the compiler does not say.
    pub(super) line: u32,
    /// From 1 in bytes; 0 when the compiler does not say.
    pub(super) column: u32,
    /// Number of the location that this function was inlined at; `None` in the outermost.
    pub(super) inlined_at: Option<u32>,
}

impl Metadata {
    /// Takes a line in that begins with `!` or `attributes #`.
    pub(super) fn line(&mut self, line: &[u8]) {
        if let Some((group, bits)) = attributes(line) {
            self.registers.insert(group, bits);
            return;
        }
        let Some((id, text)) = split(line) else { return };
        let node = match () {
            () if text.starts_with("!DILocation(") => location(text),
            () if text.starts_with("!DISubprogram(") || text.starts_with("!DILexicalBlock") => {
                Some(Node::Scope { file: reference(text, "file"), parent: reference(text, "scope") })
            }
            () if text.starts_with("!DIFile(") => file(text),
            () if text.starts_with("!{!\"llvm.loop.isvectorized\", i32 1}") => Some(Node::IsVectorized),
            () if text.starts_with("!{!") && !text.starts_with("!{!\"") => Some(Node::List(list(text))),
            () => return,
        };
        match node {
            Some(node) if self.nodes.len() < NODE_LIMIT => {
                self.nodes.insert(id, node);
            }
            _ => self.skipped += 1,
        }
    }

    /// The places of a location, innermost function first.
    pub(super) fn frames(&self, location: u32) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut next = Some(location);
        while let Some(id) = next
            && frames.len() < DEPTH_LIMIT
            && let Some(&Node::Location { line, column, scope, inlined_at }) = self.nodes.get(&id)
        {
            if let Some(file) = self.file_of(scope) {
                frames.push(Frame { file, line, column, inlined_at });
            }
            next = inlined_at;
        }
        frames
    }

    /// A file's path.
    pub(super) fn path(&self, file: u32) -> Option<&str> {
        match self.nodes.get(&file) {
            Some(Node::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether the loop with this identity came out of the loop vectorizer (its vector body, or the scalar rest).
    pub(super) fn is_vectorized(&self, loop_id: u32) -> bool {
        let Some(Node::List(marks)) = self.nodes.get(&loop_id) else { return false };
        marks.iter().any(|mark| matches!(self.nodes.get(mark), Some(Node::IsVectorized)))
    }

    /// Bits of the vector registers of a function with this group of attributes; without one, of the plainest processor.
    pub(super) fn register_bits(&self, group: Option<u32>) -> u32 {
        group.and_then(|g| self.registers.get(&g)).copied().unwrap_or(PLAIN_BITS)
    }

    fn file_of(&self, mut scope: u32) -> Option<u32> {
        for _ in 0..DEPTH_LIMIT {
            match self.nodes.get(&scope)? {
                Node::Scope { file: Some(file), .. } => return Some(*file),
                Node::Scope { parent: Some(parent), .. } => scope = *parent,
                _ => return None,
            }
        }
        None
    }
}

/// `attributes #3 = { … "target-cpu"="x86-64" "target-features"="+avx2,+fma" }`
fn attributes(line: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("attributes #")?;
    let group = leading_number(text)?;
    let has =
        |feature: &str| text.contains(&format!("+{feature},")) || text.contains(&format!("+{feature}\""));
    let bits = match () {
        () if has("avx512f") => 512,
        () if has("avx") || has("avx2") => 256,
        () => PLAIN_BITS,
    };
    Some((group, bits))
}

/// `!12 = distinct !Kind(…)` as 12 and `!Kind(…)`.
fn split(line: &[u8]) -> Option<(u32, &str)> {
    let text = std::str::from_utf8(line).ok()?;
    let (id, rest) = text.strip_prefix('!')?.split_once(" = ")?;
    Some((id.parse().ok()?, rest.strip_prefix("distinct ").unwrap_or(rest)))
}

fn location(text: &str) -> Option<Node> {
    Some(Node::Location {
        line: number(text, "line").unwrap_or(0),
        column: number(text, "column").unwrap_or(0),
        scope: reference(text, "scope")?,
        inlined_at: reference(text, "inlinedAt"),
    })
}

fn file(text: &str) -> Option<Node> {
    let name = string(text, "filename")?;
    let directory = string(text, "directory").unwrap_or_default();
    let absolute = name.starts_with('/') || directory.is_empty();
    let path = if absolute { name } else { format!("{directory}/{name}") };
    (path.len() <= PATH_LIMIT).then(|| Node::File(path.into()))
}

/// The value of a field, outside of strings: everything from after `name: `.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' | b' ' if !quoted => {
                let found = text.get(at + 1..).and_then(|t| t.strip_prefix(name)?.strip_prefix(": "));
                if found.is_some() {
                    return found;
                }
            }
            _ => {}
        }
    }
    None
}

fn number(text: &str, name: &str) -> Option<u32> {
    leading_number(field(text, name)?)
}

fn reference(text: &str, name: &str) -> Option<u32> {
    leading_number(field(text, name)?.strip_prefix('!')?)
}

/// Quotes and other bytes stand in strings as `\22`.
fn string(text: &str, name: &str) -> Option<String> {
    let inside = field(text, name)?.strip_prefix('"')?.split('"').next()?;
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.as_bytes();
    while let [first, more @ ..] = rest {
        let escaped = (*first == b'\\').then(|| std::str::from_utf8(more.get(..2)?).ok()).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn list(text: &str) -> Box<[u32]> {
    text.split('!').filter_map(leading_number).take(LIST_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_inlined_calls() {
        let mut metadata = Metadata::default();
        for line in [
            r#"!1 = !DIFile(filename: "src/li\22b.rs", directory: "/w x", checksumkind: CSK_MD5)"#,
            r#"!2 = distinct !DISubprogram(name: "f<file: !9>", scope: null, file: !1, line: 3)"#,
            "!3 = distinct !DILexicalBlock(scope: !2, line: 4)",
            "!4 = !DILocation(line: 7, column: 5, scope: !3, inlinedAt: !5)",
            "!5 = distinct !DILocation(line: 9, scope: !2)",
            "!6 = distinct !{!6, !7, !8}",
            r#"!7 = !{!"llvm.loop.isvectorized", i32 1}"#,
            "!9 = !DILocation(line: 1, scope: !3, inlinedAt: !9)",
        ] {
            metadata.line(line.as_bytes());
        }
        let inner = Frame { file: 1, line: 7, column: 5, inlined_at: Some(5) };
        assert_eq!(metadata.frames(4), [inner, Frame { file: 1, line: 9, column: 0, inlined_at: None }]);
        assert_eq!(metadata.path(1), Some("/w x/src/li\"b.rs"));
        assert!(metadata.is_vectorized(6) && !metadata.is_vectorized(4));
        assert_eq!(metadata.frames(9).len(), DEPTH_LIMIT, "a cycle ends");
    }
}
