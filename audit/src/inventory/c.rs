//! Loops and functions of a C source, from its syntax tree.
//!
//! Bodies of `#define`s are parsed again as statements; a macro that only opens a loop (`#define EACH(i, n)
//! for (…)`) holds no whole loop: the macro is recorded as skipped, because its uses look like calls.

use super::facts::{Facts, RawFunction, RawLoop};
use super::spell::{spelled, text};
use super::text::Text;
use super::trips::Trips;
use super::walk::{self, Hashes, Next, View, each, is_comment, walk};
use super::{InventoryError, LoopKind};
use std::ops::Range;
use tree_sitter::{Node, Parser};

/// Rule of `safe`: the usual wrapper of macro bodies.
const ONCE: &str = "runs once: do { … } while (0)";

/// A parser of C.
pub(super) fn parser() -> Result<Parser, InventoryError> {
    walk::parser("c", &tree_sitter_c::LANGUAGE.into())
}

/// Everything the inventory wants to know of one file.
pub(super) fn facts(parser: &mut Parser, text: &Text) -> Facts {
    let (view, facts) = walk::whole(parser, text);
    let Some(view) = view else { return facts };
    let mut reader = Reader { parser, text, facts, functions: Vec::new() };
    reader.read(&view, view.tree.root_node());
    reader.facts
}

struct Reader<'p, 't> {
    parser: &'p mut Parser,
    text: &'t Text<'t>,
    facts: Facts,
    /// Name and node of the functions around the current node.
    functions: Vec<(String, Option<usize>)>,
}

struct OpenLoop {
    node: usize,
    raw: RawLoop,
}

impl Reader<'_, '_> {
    fn problem(&mut self, line: u32, what: String) {
        self.facts.problems.push((Some(line), what));
    }

    fn read(&mut self, view: &View, root: Node) {
        let mut state = (self, Hashes::new(), Vec::<OpenLoop>::new());
        walk(
            root,
            &mut state,
            |(reader, hashes, open), node| reader.enter(view, node, hashes, open),
            |(reader, hashes, open), node| {
                if open.last().is_some_and(|l| l.node == node.id())
                    && let Some(OpenLoop { mut raw, .. }) = open.pop()
                {
                    raw.hash = hashes.end(node.end_byte());
                    reader.facts.loops.push(raw);
                }
                if reader.functions.last().is_some_and(|(_, id)| *id == Some(node.id())) {
                    reader.functions.pop();
                }
            },
        );
    }

    fn enter(&mut self, view: &View, node: Node, hashes: &mut Hashes, open: &mut Vec<OpenLoop>) -> Next {
        if is_comment(node) {
            hashes.comment(view, node);
            return Next::Over;
        }
        match node.kind() {
            "function_definition" => {
                let name = declared_name(view, node);
                self.functions.push((name, Some(node.id())));
                self.facts.functions.push(RawFunction { name: self.function(), range: view.range(node) });
            }
            "preproc_def" | "preproc_function_def" => {
                hashes.subtree(view, node);
                self.definition(view, node);
                return Next::Over;
            }
            "for_statement" | "while_statement" | "do_statement" => {
                hashes.begin(node.start_byte());
                open.push(OpenLoop { node: node.id(), raw: raw(view, node, self.function()) });
            }
            _ => {}
        }
        if node.child_count() == 0 {
            hashes.token(view, node);
        }
        Next::Descend
    }

    fn function(&self) -> String {
        let names: Vec<&str> = self.functions.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "(file)".to_string() } else { names.join("::") }
    }

    /// The body of a `#define`.
    fn definition(&mut self, view: &View, node: Node) {
        let (Some(name), Some(value)) = (node.child_by_field_name("name"), node.child_by_field_name("value"))
        else {
            return;
        };
        let body = view.str(value);
        let words = body.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        if !words.into_iter().any(|word| matches!(word, "for" | "while" | "do")) {
            return;
        }
        let joined = body.replace("\\\n", " \n").replace("\\\r\n", " \r\n");
        let base = view.at(value.start_byte());
        // A macro's last `;` is usually left to its user, and so is the body of a loop that it only opens.
        let again = ["\n}", ";\n}"].into_iter().find_map(|end| {
            let again = View::parse(self.parser, "void m(void){", joined.as_bytes(), end, base)?;
            let whole = !again.tree.root_node().has_error();
            (whole && !takes_body_from(&again, again.bytes.len() - end.len())).then_some(again)
        });
        let Some(again) = again else {
            let line = self.text.line(base);
            let name = view.str(name);
            self.problem(
                line,
                format!("macro {name} opens a loop that it does not hold whole; its uses are not listed"),
            );
            return;
        };
        let body = again.tree.root_node().named_child(0).and_then(|f| f.child_by_field_name("body"));
        if let Some(body) = body {
            self.functions.push((view.str(name).to_string(), None));
            self.facts.functions.push(RawFunction { name: self.function(), range: view.range(node) });
            self.read(&again, body);
            self.functions.pop();
        }
    }
}

/// Whether the body of a loop is what was added after `end`.
fn takes_body_from(view: &View, end: usize) -> bool {
    let mut takes = false;
    each(view.tree.root_node(), |node| {
        takes |= node.child_by_field_name("body").is_some_and(|body| body.start_byte() >= end);
        Next::Descend
    });
    takes
}

/// The name that a function definition declares.
fn declared_name(view: &View, definition: Node) -> String {
    let mut node = definition.child_by_field_name("declarator");
    while let Some(inner) = node {
        if matches!(inner.kind(), "identifier" | "field_identifier") {
            return view.str(inner).to_string();
        }
        let parenthesized = || {
            let mut cursor = inner.walk();
            inner
                .named_children(&mut cursor)
                .find(|n| n.kind().ends_with("declarator") || n.kind() == "identifier")
        };
        node = inner.child_by_field_name("declarator").or_else(parenthesized);
    }
    "(unnamed)".to_string()
}

/// The loop at a node, without its hash.
fn raw(view: &View, node: Node, function: String) -> RawLoop {
    let field = |name: &str| node.child_by_field_name(name);
    let ranges = |fields: &[&str]| fields.iter().filter_map(|f| field(f)).map(|n| view.range(n)).collect();
    let body = field("body").map_or(node.end_byte(), |b| b.start_byte());
    let (kind, repeated, hint, header) = match node.kind() {
        "for_statement" => {
            let trips = counted(view, node).unwrap_or_default();
            (
                LoopKind::For,
                ranges(&["condition", "update", "body"]),
                trips.hint(),
                header(view, node, node.start_byte()..body),
            )
        }
        "while_statement" => (
            LoopKind::While,
            ranges(&["condition", "body"]),
            None,
            header(view, node, node.start_byte()..body),
        ),
        _ => {
            let end = field("body").map_or(node.start_byte(), |b| b.end_byte());
            let tail = header(view, node, end..node.end_byte());
            let once = never(view, node).then(|| "1".to_string());
            (
                LoopKind::Do,
                ranges(&["body", "condition"]),
                once,
                format!("do {{…}} {}", tail.trim_end_matches(';')),
            )
        }
    };
    let safe = (kind == LoopKind::Do && hint.is_some()).then_some(ONCE);
    let safe = safe.filter(|_| hint.as_deref() == Some("1"));
    RawLoop { range: view.range(node), kind, header, function, repeated, hint, hash: String::new(), safe }
}

/// Whether a `do` loop's condition is the constant 0 or false.
fn never(view: &View, node: Node) -> bool {
    let condition = node.child_by_field_name("condition").map_or("", |c| view.str(c));
    matches!(condition.trim_matches(|c: char| c == '(' || c == ')' || c.is_whitespace()), "0" | "false")
}

fn header(view: &View, node: Node, range: Range<usize>) -> String {
    spelled(&view.bytes, node, range, |_| None)
}

/// Trips of a `for` that counts one variable up or down by a fixed step to a bound.
fn counted(view: &View, node: Node) -> Option<Trips> {
    let condition = node.child_by_field_name("condition").filter(|c| c.kind() == "binary_expression")?;
    let (variable, start) = initial(view, node.child_by_field_name("initializer")?)?;
    let (up, step) = advance(view, node.child_by_field_name("update")?, &variable)?;
    let (left, right) = (condition.child_by_field_name("left")?, condition.child_by_field_name("right")?);
    if text(&view.bytes, left) != variable {
        return None;
    }
    let (start, step, bound) = (start.as_str(), step.as_str(), &text(&view.bytes, right));
    let operator = condition.child_by_field_name("operator")?.kind();
    let trips = match (operator, up) {
        ("<", true) => Trips::range(start, bound, false),
        ("<=", true) => Trips::range(start, bound, true),
        (">", false) => Trips::range(bound, start, false),
        (">=", false) => Trips::range(bound, start, true),
        ("!=", true) if step == "1" => Trips::range(start, bound, false),
        _ => return None,
    };
    Some(trips.divided(step))
}

/// Variable and value of `int i = a` or `i = a`.
fn initial(view: &View, node: Node) -> Option<(String, String)> {
    let (variable, value) = match node.kind() {
        "declaration" => {
            let first = node.child_by_field_name("declarator").filter(|d| d.kind() == "init_declarator")?;
            (first.child_by_field_name("declarator")?, first.child_by_field_name("value")?)
        }
        "assignment_expression" => (node.child_by_field_name("left")?, node.child_by_field_name("right")?),
        "comma_expression" => return initial(view, node.child_by_field_name("left")?),
        _ => return None,
    };
    Some((text(&view.bytes, variable), text(&view.bytes, value)))
}

/// Direction and step of `i++`, `--i`, `i += k`, `i -= k`.
fn advance(view: &View, node: Node, variable: &str) -> Option<(bool, String)> {
    let operator = node.child_by_field_name("operator")?.kind();
    match (node.kind(), operator) {
        ("update_expression", "++" | "--") => {
            let argument = text(&view.bytes, node.child_by_field_name("argument")?);
            (argument == variable).then(|| (operator == "++", "1".to_string()))
        }
        ("assignment_expression", "+=" | "-=") => {
            let left = text(&view.bytes, node.child_by_field_name("left")?);
            let step = text(&view.bytes, node.child_by_field_name("right")?);
            (left == variable).then_some((operator == "+=", step))
        }
        _ => None,
    }
}
