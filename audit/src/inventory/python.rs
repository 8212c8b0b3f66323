//! Loops and functions of a Python source, from its syntax tree.
//!
//! Loops are `for` and `while` statements (also `async for`), list, set and dictionary comprehensions, and generator
//! expressions that something runs to the end here: an argument of a call (but of the lazy ones in [`LAZY`]), the
//! iterable of a loop, what is unpacked with `*`, the right side of `in`. A comprehension is one loop however many `for`
//! it has. Recursion and loops inside library calls (`map`, `np.sum`) are not listed.

use super::facts::{Facts, RawFunction, RawLoop};
use super::spell::{spelled, text};
use super::text::Text;
use super::trips::Trips;
use super::walk::{self, Hashes, Next, View, is_comment, walk};
use super::{InventoryError, LoopKind};
use std::ops::Range;
use tree_sitter::{Node, Parser};

/// Calls that hand a generator on without running it.
const LAZY: [&str; 12] = [
    "iter",
    "map",
    "filter",
    "zip",
    "enumerate",
    "islice",
    "chain",
    "from_iterable",
    "takewhile",
    "dropwhile",
    "cycle",
    "tee",
];

/// A parser of Python.
pub(super) fn parser() -> Result<Parser, InventoryError> {
    walk::parser("python", &tree_sitter_python::LANGUAGE.into())
}

/// Everything the inventory wants to know of one file.
pub(super) fn facts(parser: &mut Parser, text: &Text) -> Facts {
    let (view, facts) = walk::whole(parser, text);
    let Some(view) = view else { return facts };
    let mut reader = Reader { facts, ..Reader::default() };
    walk(
        view.tree.root_node(),
        &mut reader,
        |reader, node| reader.enter(&view, node),
        |reader, node| reader.leave(node),
    );
    reader.facts
}

#[derive(Default)]
struct Reader {
    facts: Facts,
    hashes: Option<Hashes>,
    open: Vec<(usize, RawLoop)>,
    /// Names and nodes of the functions and classes around the current node.
    scopes: Vec<(String, usize)>,
}

impl Reader {
    fn enter(&mut self, view: &View, node: Node) -> Next {
        let hashes = self.hashes.get_or_insert_with(Hashes::new);
        if is_comment(node) {
            hashes.comment(view, node);
            return Next::Over;
        }
        match node.kind() {
            "function_definition" | "class_definition" => {
                let name = node.child_by_field_name("name").map_or("(unnamed)", |n| view.str(n)).to_string();
                self.scopes.push((name, node.id()));
                if node.kind() == "function_definition" {
                    // interpreters count a function's lines from its first decorator
                    let decorated =
                        node.parent().filter(|p| p.kind() == "decorated_definition").unwrap_or(node);
                    let range = view.range(decorated).start..view.range(node).end;
                    self.facts.functions.push(RawFunction { name: self.scope(), range });
                }
            }
            _ => {
                if let Some(raw) = raw(view, node, || self.scope()) {
                    if let Some(hashes) = &mut self.hashes {
                        hashes.begin(node.start_byte());
                    }
                    self.open.push((node.id(), raw));
                }
            }
        }
        if node.child_count() == 0
            && let Some(hashes) = &mut self.hashes
        {
            hashes.token(view, node);
        }
        Next::Descend
    }

    fn leave(&mut self, node: Node) {
        if self.open.last().is_some_and(|(id, _)| *id == node.id())
            && let (Some((_, mut raw)), Some(hashes)) = (self.open.pop(), &mut self.hashes)
        {
            raw.hash = hashes.end(node.end_byte());
            self.facts.loops.push(raw);
        }
        if self.scopes.last().is_some_and(|(_, id)| *id == node.id()) {
            self.scopes.pop();
        }
    }

    /// As in Python's `__qualname__`, without `<locals>`.
    fn scope(&self) -> String {
        let names: Vec<&str> = self.scopes.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "(file)".to_string() } else { names.join(".") }
    }
}

/// The loop that a node is, without its hash.
fn raw(view: &View, node: Node, function: impl FnOnce() -> String) -> Option<RawLoop> {
    let field = |name: &str| node.child_by_field_name(name);
    let ranges = |fields: &[&str]| fields.iter().filter_map(|f| field(f)).map(|n| view.range(n)).collect();
    let body = field("body").map_or(node.end_byte(), |b| b.start_byte());
    let (kind, repeated, hint, range) = match node.kind() {
        "for_statement" => {
            let hint = field("right").filter(|_| !is_async(node)).and_then(|iterable| trips(view, iterable));
            (LoopKind::For, ranges(&["left", "body"]), hint, node.start_byte()..body)
        }
        "while_statement" => (LoopKind::While, ranges(&["condition", "body"]), None, node.start_byte()..body),
        "list_comprehension" | "set_comprehension" | "dictionary_comprehension" => comprehension(view, node),
        "generator_expression" if is_run(view, node) => comprehension(view, node),
        _ => return None,
    };
    let header = spelled(&view.bytes, node, range, |_| None);
    let header = header.trim_end().trim_end_matches(':').trim_end().to_string();
    Some(RawLoop {
        range: view.range(node),
        kind,
        header,
        function: function(),
        repeated,
        hint,
        hash: String::new(),
        safe: None,
    })
}

type Parts = (LoopKind, Vec<Range<usize>>, Option<String>, Range<usize>);

/// All of a comprehension is repeated but its first iterable.
fn comprehension(view: &View, node: Node) -> Parts {
    let mut cursor = node.walk();
    let clauses: Vec<Node> =
        node.named_children(&mut cursor).filter(|n| n.kind() == "for_in_clause").collect();
    let first = clauses.first().and_then(|c| c.child_by_field_name("right"));
    let whole = view.range(node);
    let repeated = match first {
        Some(first) => vec![whole.start..view.at(first.start_byte()), view.at(first.end_byte())..whole.end],
        None => vec![whole],
    };
    let known = clauses.len() == 1 && !clauses.iter().any(|c| is_async(*c));
    let hint = first.filter(|_| known).and_then(|iterable| trips(view, iterable));
    (LoopKind::Comprehension, repeated, hint, node.byte_range())
}

/// What is awaited one by one has no length.
fn is_async(node: Node) -> bool {
    node.child(0).is_some_and(|first| first.kind() == "async")
}

/// Whether what stands around a generator expression runs it.
fn is_run(view: &View, node: Node) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is = |name: &str| parent.child_by_field_name(name).is_some_and(|n| n.id() == node.id());
    match parent.kind() {
        "call" => is("arguments") && !is_lazy(view, parent),
        "argument_list" => parent.parent().is_some_and(|call| call.kind() == "call" && !is_lazy(view, call)),
        "keyword_argument" | "list_splat" => true,
        "for_statement" | "for_in_clause" => is("right"),
        "comparison_operator" => parent.child(0).is_some_and(|first| first.id() != node.id()),
        "parenthesized_expression" => false,
        _ => false,
    }
}

fn is_lazy(view: &View, call: Node) -> bool {
    let function = call.child_by_field_name("function").map_or("", |f| view.str(f));
    LAZY.contains(&function.rsplit('.').next().unwrap_or(function).trim())
}

/// How often an iterable yields: `range` by its arguments, names by their length.
fn trips(view: &View, iterable: Node) -> Option<String> {
    match iterable.kind() {
        "identifier" | "attribute" => Some(format!("len({})", text(&view.bytes, iterable))),
        "list" | "tuple" | "set" => {
            let mut cursor = iterable.walk();
            let items: Vec<Node> = iterable.named_children(&mut cursor).filter(|n| !is_comment(*n)).collect();
            (!items.iter().any(|n| n.kind() == "list_splat")).then(|| items.len().to_string())
        }
        "call" => called(view, iterable),
        _ => None,
    }
}

fn called(view: &View, call: Node) -> Option<String> {
    let arguments = call.child_by_field_name("arguments").filter(|a| a.kind() == "argument_list")?;
    let mut cursor = arguments.walk();
    let given: Vec<Node> = arguments.named_children(&mut cursor).filter(|n| !is_comment(*n)).collect();
    if given.iter().any(|n| matches!(n.kind(), "list_splat" | "keyword_argument" | "dictionary_splat")) {
        return None;
    }
    let function = view.str(call.child_by_field_name("function")?);
    let words: Vec<String> = match function {
        "range" => given.iter().map(|n| text(&view.bytes, *n)).collect(),
        _ => Vec::new(),
    };
    match (function, words.as_slice()) {
        ("range", [end]) => Trips::range("0", end, false).hint(),
        ("range", [start, end]) => Trips::range(start, end, false).hint(),
        ("range", [start, end, step]) if !step.starts_with('-') => {
            Trips::range(start, end, false).divided(step).hint()
        }
        ("enumerate" | "reversed" | "sorted" | "list" | "tuple", _) => trips(view, *given.first()?),
        _ => None,
    }
}
