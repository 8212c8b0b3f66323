//! Source text on one line, spelled from its tokens: the same tokens give the same text, whatever white space stands
//! between them, and it reads as such code is usually written: `0..n`, `i < n`, `v.iter().map(|x| x + 1)`.
//!
//! Comments are left out. Strings and characters stay as they are, but for line breaks in them, which become `\n`.

mod space;

use super::walk::{Next, is_comment, walk};
use space::{Spacing, Token};
use std::ops::Range;
use tree_sitter::Node;

/// Syntax nodes that are looked at: what has more is too long to read anyway, and chains may nest deep.
const NODES: usize = 1000;

/// Nodes that are one token, whatever the parser sees in them.
const WHOLE: [&str; 9] = [
    "string_literal",
    "raw_string_literal",
    "char_literal",
    "system_lib_string",
    "string",
    "lifetime",
    "label",
    "float_literal",
    "escape_sequence",
];

/// The tokens of `root` that stand in `range`, positions in `bytes`; nodes for which `cut` has a text are replaced by it. What
/// is not shown ends in `…`.
pub(super) fn spelled<'t>(
    bytes: &[u8],
    root: Node<'t>,
    range: Range<usize>,
    cut: impl Fn(Node<'t>) -> Option<&'static str>,
) -> String {
    let seen = range.start;
    let mut line = Line { bytes, range, seen, left: NODES, around: Vec::new(), line: Spacing::default() };
    walk(
        root,
        &mut line,
        |line, node| {
            let parent = line.around.last_mut();
            let (kind, place) = parent.map_or(("", 0), |(kind, children)| {
                *children += 1;
                (*kind, *children)
            });
            line.around.push((node.kind(), 0));
            line.enter(node, kind, place == 1, cut(node))
        },
        |line, _| {
            line.around.pop();
        },
    );
    line.line.text + if line.left == 0 { "…" } else { "" }
}

/// All of a node.
pub(super) fn text(bytes: &[u8], node: Node) -> String {
    spelled(bytes, node, node.byte_range(), |_| None)
}

struct Line<'b, 't> {
    bytes: &'b [u8],
    range: Range<usize>,
    /// End of the last token.
    seen: usize,
    left: usize,
    /// Kinds of the nodes around the current one, and how many of their children were seen.
    around: Vec<(&'t str, usize)>,
    line: Spacing,
}

impl Line<'_, '_> {
    fn enter(&mut self, node: Node, parent: &str, first: bool, instead: Option<&str>) -> Next {
        let (start, end) = (node.start_byte(), node.end_byte());
        if self.left == 0 || start >= self.range.end || end <= self.range.start {
            return Next::Over;
        }
        self.left -= 1;
        let whole = WHOLE.contains(&node.kind()) || node.child_count() == 0;
        if start >= self.range.start && (whole || is_comment(node) || instead.is_some()) {
            self.gap(start, parent);
            self.seen = self.seen.max(end);
            if let Some(instead) = instead {
                self.line.push(instead, Token::Value, parent, false);
            } else if !is_comment(node) {
                self.leaf(node, parent, first);
            }
            return Next::Over;
        }
        Next::Descend
    }

    fn leaf(&mut self, node: Node, parent: &str, first: bool) {
        let text = String::from_utf8_lossy(self.bytes.get(node.byte_range()).unwrap_or(&[]));
        let mut text = text.as_ref();
        let token = match node.kind() {
            "lifetime" | "label" | "mutable_specifier" => Token::Word,
            "preproc_arg" => return self.loose(text, parent),
            "number_literal" => {
                // the parser takes a sign in where no space follows it
                let (sign, digits) = signed(text);
                self.line.push(sign, Token::Any, "unary_expression", true);
                text = digits;
                Token::Value
            }
            _ if node.is_named() => Token::Value,
            _ => Token::Any,
        };
        self.line.push(&text.replace("\r\n", "\\n").replace('\n', "\\n"), token, parent, first);
    }

    /// What stands between the last token and `start` without a node of its own.
    fn gap(&mut self, start: usize, parent: &str) {
        let gap = self.bytes.get(self.seen..start).unwrap_or(&[]);
        if gap.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let gap = String::from_utf8_lossy(gap).into_owned();
        self.loose(&gap, parent);
    }

    fn loose(&mut self, text: &str, parent: &str) {
        loose(text).for_each(|token| self.line.push(token, Token::Any, parent, false));
    }
}

/// Operators of more than one character, longest first.
const OPERATORS: [&str; 26] = [
    "<<=", ">>=", "..=", "...", "**=", "//=", "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "+=",
    "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<", ">>", "..",
];

/// The sign of a number, and the number.
pub(super) fn signed(number: &str) -> (&str, &str) {
    number.split_at(usize::from(number.len() > 1 && number.starts_with(['-', '+'])))
}

/// The tokens of a text that no parser took apart; a backslash at a line's end is none.
pub(super) fn loose(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\\');
        let first = rest.chars().next()?;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if matches!(first, '"' | '\'') {
            quoted(rest, first)
        } else {
            OPERATORS.iter().find(|o| rest.starts_with(**o)).map_or(first.len_utf8(), |o| o.len())
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// Length of a string or character at the start of `text`; of the mark alone when it does not end.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return at + 1,
            _ => {}
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::loose;

    #[test]
    fn loose_text_is_taken_apart() {
        let tokens = |text| loose(text).collect::<Vec<_>>().join("|");
        assert_eq!(tokens("a<=b ->c \\\n ( x ) "), "a|<=|b|->|c|(|x|)");
        assert_eq!(tokens(r#"f("a \" b", 'c')"#), r#"f|(|"a \" b"|,|'c'|)"#);
        assert_eq!(tokens("it's é1..=2"), "it|'|s|é1|..=|2");
    }
}
