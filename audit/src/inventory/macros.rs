//! Loops inside macro calls and `macro_rules!` bodies.
//!
//! To the syntax tree a macro's body is a flat list of tokens. It is parsed again as what it most likely is:
//! statements, arguments, or an array. Where none of these parses without error, it is taken apart at `,`
//! `;` and `=>`, and each piece, each `for/while/loop … {}` and each `fn name … {}` in it is tried alone,
//! then each group of tokens in it. In `macro_rules!` bodies `$name` reads as a name, and the marks of a
//! repetition `$( … ),*` as spaces. What parses only in pieces may hide a loop whose header is not Rust
//! before expansion (`for $($pattern)+ in …`); such a keyword without a loop is recorded as skipped.

use super::rust::Reader;
use super::walk::{Next, View, each};
use std::ops::Range;
use tree_sitter::Node;

/// Macro calls in macro calls, and token groups tried one by one.
const DEPTH_LIMIT: usize = 32;

/// Words without which a body holds no loop, no function and no test.
const WORDS: [&str; 4] = ["for", "while", "loop", "fn"];

/// `name!(…)`.
pub(super) fn invocation(reader: &mut Reader, view: &View, node: Node) {
    let mut cursor = node.walk();
    let body = node.children(&mut cursor).find(|child| child.kind() == "token_tree");
    if let Some(body) = body {
        tokens(reader, view, body);
    }
}

/// One rule of `macro_rules!`.
pub(super) fn rule(reader: &mut Reader, view: &View, node: Node) {
    let Some(body) = node.child_by_field_name("right") else { return };
    let mut bytes = view.bytes.clone();
    plain_rust(body, &mut bytes);
    let base = view.at(body.start_byte());
    let text = &bytes[body.byte_range()];
    if !promising(text) {
        return;
    }
    // As a call, so that the body is a token tree again, now without `$`.
    let Some(call) = View::parse(reader.parser, "m!", text, ";", base) else { return };
    let mut done = false;
    each(call.tree.root_node(), |child| {
        if child.kind() == "token_tree" && !done {
            done = true;
            tokens(reader, &call, child);
        }
        if done { Next::Over } else { Next::Descend }
    });
}

/// Replaces what only macro definitions have, byte for byte.
fn plain_rust(body: Node, bytes: &mut [u8]) {
    let blank = |bytes: &mut [u8], range: Range<usize>| {
        for byte in bytes[range].iter_mut().filter(|b| !b.is_ascii_whitespace()) {
            *byte = b' ';
        }
    };
    each(body, |node| {
        match node.kind() {
            "metavariable" => bytes[node.start_byte()] = b'_',
            "token_repetition" => {
                let mut cursor = node.walk();
                let children: Vec<Node> = node.children(&mut cursor).collect();
                if let Some(open) = children.iter().find(|c| c.kind() == "(") {
                    blank(bytes, node.start_byte()..open.end_byte());
                }
                if let Some(close) = children.iter().rev().find(|c| c.kind() == ")") {
                    blank(bytes, close.start_byte()..node.end_byte());
                }
            }
            _ => {}
        }
        Next::Descend
    });
}

/// A group of tokens with its delimiters.
fn tokens(reader: &mut Reader, view: &View, tree: Node) {
    let inner = tree.start_byte() + 1..tree.end_byte().saturating_sub(1).max(tree.start_byte() + 1);
    let Some(text) = view.bytes.get(inner.clone()) else { return };
    if !promising(text) {
        return;
    }
    if reader.macro_depth >= DEPTH_LIMIT {
        let line = reader.text.line(view.at(inner.start));
        reader.problem(line, format!("macro body not read: more than {DEPTH_LIMIT} levels of tokens"));
        return;
    }
    reader.macro_depth += 1;
    let statements = view.bytes.get(tree.start_byte()) == Some(&b'{');
    if !parsed(reader, view, inner, statements) {
        pieces(reader, view, tree);
    }
    reader.macro_depth -= 1;
}

/// Whether the text has a word that loops, functions or consuming chains are made of.
fn promising(text: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut after_dot = false;
    for piece in text.chunk_by(|a, b| word(a) == word(b)) {
        if piece.first().is_some_and(word) {
            let text = std::str::from_utf8(piece).unwrap_or("");
            if after_dot && !piece[0].is_ascii_digit() || WORDS.contains(&text) || text == "from_iter" {
                return true;
            }
        } else {
            after_dot = piece.trim_ascii_end().ends_with(b".");
        }
    }
    false
}

/// Tries a text as statements, arguments and array elements; reads the first that parses whole.
fn parsed(reader: &mut Reader, view: &View, range: Range<usize>, statements_first: bool) -> bool {
    const STATEMENTS: (&str, &str) = ("fn m(){", "\n}");
    const ARGUMENTS: (&str, &str) = ("fn m(){m(", "\n);}");
    const ARRAY: (&str, &str) = ("fn m(){[", "\n];}");
    let order =
        if statements_first { [STATEMENTS, ARGUMENTS, ARRAY] } else { [ARGUMENTS, ARRAY, STATEMENTS] };
    let base = view.at(range.start);
    for (prefix, suffix) in order {
        let Some(again) = View::parse(reader.parser, prefix, &view.bytes[range.clone()], suffix, base) else {
            continue;
        };
        let root = again.tree.root_node();
        let function = root.named_child(0).filter(|_| !root.has_error() && root.named_child_count() == 1);
        let body = function.and_then(|f| f.child_by_field_name("body"));
        if let Some(body) = body.filter(|b| b.end_byte() == again.bytes.len()) {
            reader.read(&again, body);
            return true;
        }
    }
    false
}

/// Takes apart a token tree that does not parse as a whole.
fn pieces(reader: &mut Reader, view: &View, tree: Node) {
    let mut cursor = tree.walk();
    let children: Vec<Node> = tree.children(&mut cursor).collect();
    let inner = children.get(1..children.len().saturating_sub(1)).unwrap_or(&[]);
    let separator = |node: &Node| matches!(node.kind(), "," | ";" | "=>");
    let groups: Vec<&[Node]> = inner.split(separator).filter(|piece| !piece.is_empty()).collect();
    let several = groups.len() > 1;
    for piece in groups {
        let range = piece[0].start_byte()..piece[piece.len() - 1].end_byte();
        let promising = view.bytes.get(range.clone()).is_some_and(promising);
        if promising && !(several && parsed(reader, view, range, false)) {
            words(reader, view, piece);
        }
    }
}

/// Looks for loops and functions word by word, and into the groups between.
fn words(reader: &mut Reader, view: &View, piece: &[Node]) {
    let mut attributes: Vec<String> = Vec::new();
    let mut i = 0;
    while let Some(node) = piece.get(i) {
        let group = |from: usize| {
            let braces = |n: &Node| n.kind() == "token_tree" && view.bytes.get(n.start_byte()) == Some(&b'{');
            piece[from..].iter().position(braces).map(|k| from + k)
        };
        let text = view.str(*node);
        match text {
            "#" => {
                if let Some(content) = piece.get(i + 1) {
                    attributes
                        .push(format!("#{}", view.str(*content).split_whitespace().collect::<String>()));
                    i += 1;
                }
            }
            "fn" => {
                let name = piece.get(i + 1).map_or("", |n| view.str(*n));
                if let Some(end) = group(i) {
                    let range = view.at(node.start_byte())..view.at(piece[end].end_byte());
                    reader.open_function(range, None, name, &attributes, false);
                    tokens(reader, view, piece[end]);
                    reader.close();
                    i = end;
                }
                attributes.clear();
            }
            "for" | "while" | "loop" if text != "for" || iterates(view, &piece[i..]) => {
                let end = group(i);
                let range = end.map(|end| node.start_byte()..piece[end].end_byte());
                if range.is_some_and(|range| parsed(reader, view, range, true)) {
                    i = end.unwrap_or(i);
                } else {
                    let line = reader.text.line(view.at(node.start_byte()));
                    let what = format!("a `{text}` loop in a macro body that is no Rust before expansion");
                    reader.problem(line, what);
                }
            }
            _ if node.kind() == "token_tree" => tokens(reader, view, *node),
            _ => {}
        }
        i += 1;
    }
}

/// Whether a `for` has its `in`: those of `impl … for` and `for<'a>` have none.
fn iterates(view: &View, from: &[Node]) -> bool {
    from.iter().take_while(|n| view.bytes.get(n.start_byte()) != Some(&b'{')).any(|n| view.str(*n) == "in")
}
