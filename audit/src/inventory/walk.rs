//! What both languages' walkers need: a parsed text with a fixed shift to the file it came from, tree
//! traversal without recursion (sources may nest deeper than a stack), and content hashes.

use super::InventoryError;
use super::facts::Facts;
use super::spell::{loose, signed};
use super::text::Text;
use sha2::{Digest, Sha256};
use std::ops::Range;
use tree_sitter::{Node, Parser, Tree, TreeCursor};

/// A parser of a language.
pub(super) fn parser(
    language: &'static str,
    grammar: &tree_sitter::Language,
) -> Result<Parser, InventoryError> {
    let mut parser = Parser::new();
    let wrong = |e: tree_sitter::LanguageError| InventoryError::Grammar { language, reason: e.to_string() };
    parser.set_language(grammar).map_err(wrong)?;
    Ok(parser)
}

/// A whole file, parsed, and the facts to begin with: where its syntax was not understood. No view when the
/// parser gives up.
pub(super) fn whole(parser: &mut Parser, text: &Text) -> (Option<View>, Facts) {
    let Some(view) = View::parse(parser, "", text.bytes, "", 0) else {
        let problems = vec![(None, "not read: the parser gave up".to_string())];
        return (None, Facts { problems, ..Facts::default() });
    };
    let mut facts = Facts::default();
    if let Some(error) = first_error(&view.tree) {
        let what = "syntax not understood here; loops inside it may be missing".to_string();
        facts.problems.push((Some(text.line(error.start_byte())), what));
    }
    (Some(view), facts)
}

/// A parsed buffer. It is the file itself, or a part of it (same bytes, same length) behind a short prefix
/// that makes it a whole program; then positions are shifted.
pub(super) struct View {
    pub(super) tree: Tree,
    pub(super) bytes: Vec<u8>,
    prefix: usize,
    base: usize,
}

impl View {
    /// Parses `prefix + body + suffix`, where `body` stands at byte `base` of the file. `None` when the
    /// parser gives up.
    pub(super) fn parse(
        parser: &mut Parser,
        prefix: &str,
        body: &[u8],
        suffix: &str,
        base: usize,
    ) -> Option<Self> {
        let bytes = [prefix.as_bytes(), body, suffix.as_bytes()].concat();
        let tree = parser.parse(&bytes, None)?;
        Some(Self { tree, bytes, prefix: prefix.len(), base })
    }

    /// Position in the file of a position in the buffer.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.base + byte.saturating_sub(self.prefix)
    }

    pub(super) fn range(&self, node: Node) -> Range<usize> {
        self.at(node.start_byte())..self.at(node.end_byte())
    }

    pub(super) fn str(&self, node: Node) -> &str {
        self.slice(node.byte_range())
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        self.bytes.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

/// What to do after entering a node.
pub(super) enum Next {
    /// Visit its children, then leave it.
    Descend,
    /// Leave it at once.
    Over,
}

/// Pre-order walk below and including `root`: `enter`, children, `leave`.
pub(super) fn walk<'t, S>(
    root: Node<'t>,
    state: &mut S,
    mut enter: impl FnMut(&mut S, Node<'t>) -> Next,
    mut leave: impl FnMut(&mut S, Node<'t>),
) {
    let mut cursor: TreeCursor<'t> = root.walk();
    loop {
        if let Next::Descend = enter(state, cursor.node())
            && cursor.goto_first_child()
        {
            continue;
        }
        loop {
            leave(state, cursor.node());
            if cursor.node() == root {
                return;
            }
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// Every node below `root` in source order, `root` first.
pub(super) fn each<'t>(root: Node<'t>, mut visit: impl FnMut(Node<'t>) -> Next) {
    walk(root, &mut (), |(), node| visit(node), |(), _| {});
}

/// First error of a tree, as a node.
fn first_error(tree: &Tree) -> Option<Node<'_>> {
    if !tree.root_node().has_error() {
        return None;
    }
    let mut found = None;
    each(tree.root_node(), |node| {
        if found.is_none() && (node.is_error() || node.is_missing()) {
            found = Some(node);
        }
        if found.is_none() && node.has_error() { Next::Descend } else { Next::Over }
    });
    found
}

/// Whether a node stands between tokens: a comment, or a line that goes on.
pub(super) fn is_comment(node: Node) -> bool {
    matches!(node.kind(), "line_comment" | "block_comment" | "comment" | "line_continuation")
}

/// The hashes of the loops around the current node. A loop's hash covers its tokens in order; a loop inside
/// it stands in it by its own hash, so that deep nesting costs no more than flat text.
pub(super) struct Hashes {
    open: Vec<(Sha256, usize)>,
}

impl Hashes {
    pub(super) fn new() -> Self {
        Self { open: Vec::new() }
    }

    pub(super) fn begin(&mut self, byte: usize) {
        self.open.push((Sha256::new(), byte));
    }

    /// Ends the innermost loop, which ends at `byte`.
    pub(super) fn end(&mut self, byte: usize) -> String {
        let Some((hasher, _)) = self.open.pop() else { return String::new() };
        let digest = hasher.finalize();
        if let Some((outer, seen)) = self.open.last_mut() {
            outer.update(b"\0loop\0");
            outer.update(digest);
            *seen = byte;
        }
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Takes a token in.
    pub(super) fn token(&mut self, view: &View, node: Node) {
        self.gap(view, node);
        let Some((hasher, _)) = self.open.last_mut() else { return };
        let mut take = |token: &[u8]| {
            hasher.update(token);
            hasher.update(b"\0");
        };
        match node.kind() {
            "preproc_arg" => loose(view.str(node)).for_each(|token| take(token.as_bytes())),
            "number_literal" => {
                let (sign, digits) = signed(view.str(node));
                [sign, digits].into_iter().filter(|t| !t.is_empty()).for_each(|t| take(t.as_bytes()));
            }
            _ => take(view.bytes.get(node.byte_range()).unwrap_or(&[])),
        }
    }

    /// Passes over a comment.
    pub(super) fn comment(&mut self, view: &View, node: Node) {
        self.gap(view, node);
    }

    /// What stands between the last token and `node` counts unless it is whitespace: some separators have
    /// no node of their own.
    fn gap(&mut self, view: &View, node: Node) {
        let Some((hasher, seen)) = self.open.last_mut() else { return };
        let gap = view.bytes.get(*seen..node.start_byte()).unwrap_or(&[]);
        if !gap.iter().all(u8::is_ascii_whitespace) {
            for token in loose(&String::from_utf8_lossy(gap)) {
                hasher.update(token);
                hasher.update(b"\0");
            }
        }
        *seen = node.end_byte();
    }

    /// Takes in all tokens of a subtree that is not walked.
    pub(super) fn subtree(&mut self, view: &View, root: Node) {
        if self.open.is_empty() {
            return;
        }
        each(root, |node| {
            if is_comment(node) {
                self.comment(view, node);
                return Next::Over;
            }
            if node.child_count() == 0 {
                self.token(view, node);
            }
            Next::Descend
        });
    }
}
