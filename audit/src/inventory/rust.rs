//! Loops, functions and tests of a Rust source, from its syntax tree.

use super::chains;
use super::facts::{Facts, ModuleDeclaration, RawFunction, RawLoop, TestFunction};
use super::macros;
use super::spell::{spelled, text};
use super::text::Text;
use super::trips::Trips;
use super::walk::{self, Hashes, Next, View, is_comment, walk};
use super::{InventoryError, LoopKind};
use std::ops::Range;
use tree_sitter::{Node, Parser};

/// Rule of `safe`: such code is in no build that users run.
const TEST_ONLY: &str = "compiled only for tests: inside #[cfg(test)] or a test function";
/// Rule of `safe`: nothing is left of such a loop at run time.
const CONSTANT: &str = "run by the compiler: initialiser of a constant";

/// A parser of Rust.
pub(super) fn parser() -> Result<Parser, InventoryError> {
    walk::parser("rust", &tree_sitter_rust::LANGUAGE.into())
}

/// Everything the inventory wants to know of one file.
pub(super) fn facts(parser: &mut Parser, text: &Text) -> Facts {
    let (view, facts) = walk::whole(parser, text);
    let Some(view) = view else { return facts };
    let mut reader =
        Reader { parser, text, facts, scopes: Vec::new(), attributes: Vec::new(), macro_depth: 0 };
    reader.read(&view, view.tree.root_node());
    reader.facts
}

/// What surrounds the current node.
struct Scope {
    kind: ScopeKind,
    /// Everything inside is compiled only for tests.
    test: bool,
    /// Id of the node, to know when it ends; `None` for scopes that the macro reader opens and closes.
    node: Option<usize>,
}

enum ScopeKind {
    /// Module, impl or trait; or a function.
    Named { name: String, function: bool, module: bool },
    /// `const` or `static`.
    Constant(String),
    /// A closure, which may run later than what surrounds it.
    Closure,
    /// Only carries `test`.
    Plain,
}

/// Collects facts over one file and the macro bodies in it.
pub(super) struct Reader<'p, 't> {
    pub(super) parser: &'p mut Parser,
    pub(super) text: &'t Text<'t>,
    facts: Facts,
    scopes: Vec<Scope>,
    /// Attributes read since the last item.
    attributes: Vec<String>,
    pub(super) macro_depth: usize,
}

impl Reader<'_, '_> {
    pub(super) fn problem(&mut self, line: u32, what: String) {
        self.facts.problems.push((Some(line), what));
    }

    /// Reads a subtree.
    pub(super) fn read(&mut self, view: &View, root: Node) {
        let source = view.slice(0..view.bytes.len());
        let mut state = (self, Hashes::new(), Vec::<OpenLoop>::new());
        walk(
            root,
            &mut state,
            |(reader, hashes, open), node| reader.enter(view, source, node, hashes, open),
            |(reader, hashes, open), node| reader.leave(node, hashes, open),
        );
    }

    fn enter(
        &mut self,
        view: &View,
        source: &str,
        node: Node,
        hashes: &mut Hashes,
        open: &mut Vec<OpenLoop>,
    ) -> Next {
        if is_comment(node) {
            hashes.comment(view, node);
            return Next::Over;
        }
        match node.kind() {
            "attribute_item" => {
                self.attributes.push(spaceless(view.str(node)));
                hashes.subtree(view, node);
                return Next::Over;
            }
            "inner_attribute_item" => {
                self.inner_attribute(&spaceless(view.str(node)));
                hashes.subtree(view, node);
                return Next::Over;
            }
            _ => {}
        }
        let attributes = std::mem::take(&mut self.attributes);
        if let Some(found) = find(node, source) {
            hashes.begin(node.start_byte());
            open.push(OpenLoop { node: node.id(), raw: self.raw(view, node, found) });
        }
        self.open_scope(view, node, &attributes);
        match node.kind() {
            "macro_invocation" => {
                hashes.subtree(view, node);
                macros::invocation(self, view, node);
                Next::Over
            }
            "macro_rule" => {
                hashes.subtree(view, node);
                macros::rule(self, view, node);
                Next::Over
            }
            _ if node.child_count() == 0 => {
                hashes.token(view, node);
                Next::Over
            }
            _ => Next::Descend,
        }
    }

    fn leave(&mut self, node: Node, hashes: &mut Hashes, open: &mut Vec<OpenLoop>) {
        if open.last().is_some_and(|l| l.node == node.id())
            && let Some(OpenLoop { mut raw, .. }) = open.pop()
        {
            raw.hash = hashes.end(node.end_byte());
            self.facts.loops.push(raw);
        }
        while self.scopes.last().is_some_and(|s| s.node == Some(node.id())) {
            self.scopes.pop();
        }
    }

    /// The loop without its hash.
    fn raw(&self, view: &View, node: Node, found: Found) -> RawLoop {
        let file = |r: Range<usize>| view.at(r.start)..view.at(r.end);
        let constant = self.scopes.iter().rev().find(|s| !matches!(s.kind, ScopeKind::Plain));
        let constant = constant.is_some_and(|s| matches!(s.kind, ScopeKind::Constant(_)));
        let safe = if self.test() { Some(TEST_ONLY) } else { constant.then_some(CONSTANT) };
        let range = found.start..node.end_byte();
        RawLoop {
            header: spelled(&view.bytes, node, range.start..found.header_end.unwrap_or(range.end), shortened),
            range: file(range),
            kind: found.kind,
            function: self.function(),
            repeated: found.repeated.into_iter().map(file).collect(),
            hint: found.trips.hint(),
            hash: String::new(),
            safe,
        }
    }

    fn open_scope(&mut self, view: &View, node: Node, attributes: &[String]) {
        let name = |field: &str| node.child_by_field_name(field).map(|n| view.str(n).to_string());
        let named = |name: Option<String>, function: bool, module: bool| {
            name.map(|name| ScopeKind::Named { name, function, module })
        };
        let test = attributes.iter().any(|a| test_only(a));
        let kind = match node.kind() {
            "mod_item" => {
                self.declare_module(node, name("name"), attributes, test);
                named(name("name"), false, true)
            }
            "impl_item" => named(node.child_by_field_name("type").map(|t| type_name(view, t)), false, false),
            "trait_item" => named(name("name"), false, false),
            "function_item" => {
                let name = name("name").unwrap_or_default();
                return self.open_function(view.range(node), Some(node.id()), &name, attributes, test);
            }
            "macro_definition" => {
                let name = format!("{}!", name("name").unwrap_or_default());
                return self.open_function(view.range(node), Some(node.id()), &name, &[], test);
            }
            "const_item" | "static_item" => name("name").map(ScopeKind::Constant),
            "const_block" => Some(ScopeKind::Constant(String::new())),
            "closure_expression" | "async_block" => Some(ScopeKind::Closure),
            _ => test.then_some(ScopeKind::Plain),
        };
        if let Some(kind) = kind {
            self.scopes.push(Scope { kind, test, node: Some(node.id()) });
        }
    }

    /// Enters a function; the macro reader closes it with [`Reader::close`].
    pub(super) fn open_function(
        &mut self,
        range: Range<usize>,
        node: Option<usize>,
        name: &str,
        attributes: &[String],
        test: bool,
    ) {
        let is_test = attributes.iter().any(|a| test_attribute(a));
        let kind = ScopeKind::Named { name: name.to_string(), function: true, module: false };
        let line = self.text.line(range.start);
        self.scopes.push(Scope { kind, test: test || is_test, node });
        if is_test {
            let generated = self.scopes.iter().any(
                |s| matches!(&s.kind, ScopeKind::Named { name, function: true, .. } if name.ends_with('!')),
            );
            self.facts.tests.push(TestFunction { name: self.modules(name), line, generated });
        }
        self.facts.functions.push(RawFunction { name: self.function(), range });
    }

    /// Leaves a function that [`Reader::open_function`] entered without a node.
    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    fn declare_module(&mut self, node: Node, name: Option<String>, attributes: &[String], test: bool) {
        if node.child_by_field_name("body").is_some() {
            return;
        }
        let path = self.scopes.iter().filter_map(|s| match &s.kind {
            ScopeKind::Named { name, module: true, .. } => Some(name.clone()),
            _ => None,
        });
        let path: Vec<String> = path.chain(name).collect();
        let file = attributes
            .iter()
            .find_map(|a| a.strip_prefix("#[path=\"")?.strip_suffix("\"]").map(String::from));
        let test = test || self.test();
        self.facts.modules.push(ModuleDeclaration { path, file, test });
    }

    /// `#![cfg(test)]` makes what it stands in test code.
    fn inner_attribute(&mut self, text: &str) {
        if !test_only(&text.replacen("#!", "#", 1)) {
            return;
        }
        match self.scopes.last_mut() {
            Some(scope) => scope.test = true,
            None => {
                self.facts.test_file = true;
                self.scopes.push(Scope { kind: ScopeKind::Plain, test: true, node: None });
            }
        }
    }

    fn test(&self) -> bool {
        self.scopes.iter().any(|s| s.test)
    }

    /// Name of the current function as in loop ids: of the constant outside functions, else `(file)`.
    fn function(&self) -> String {
        let mut names = Vec::new();
        for scope in &self.scopes {
            match &scope.kind {
                ScopeKind::Named { name, .. } => names.push(name.as_str()),
                ScopeKind::Constant(name) if !name.is_empty() => names.push(name),
                _ => {}
            }
        }
        let owned = self
            .scopes
            .iter()
            .any(|s| matches!(&s.kind, ScopeKind::Named { function: true, .. } | ScopeKind::Constant(_)));
        let mut name = names.join("::");
        if !owned {
            name = if name.is_empty() { "(file)".to_string() } else { format!("{name}::(items)") };
        }
        name
    }

    /// `name` below the inline modules around it.
    fn modules(&self, name: &str) -> String {
        let mut path = String::new();
        for scope in &self.scopes {
            if let ScopeKind::Named { name, module: true, .. } = &scope.kind {
                path.push_str(name);
                path.push_str("::");
            }
        }
        path + name
    }
}

struct OpenLoop {
    node: usize,
    raw: RawLoop,
}

/// A loop at a node, in positions of the buffer.
struct Found {
    kind: LoopKind,
    start: usize,
    /// Start of the body, for loops that have one.
    header_end: Option<usize>,
    repeated: Vec<Range<usize>>,
    trips: Trips,
}

fn find(node: Node, source: &str) -> Option<Found> {
    let start = node.start_byte();
    let with_body = |kind, repeated: Vec<Node>, trips| {
        // looked up here, since most nodes are no loops
        let body = node.child_by_field_name("body");
        let repeated = repeated.into_iter().chain(body).map(|n| n.byte_range()).collect();
        Some(Found { kind, start, header_end: body.map(|b| b.start_byte()), repeated, trips })
    };
    match node.kind() {
        "for_expression" => {
            let iterated = node.child_by_field_name("value");
            let lazy = iterated.and_then(|value| chains::lazy(value, source));
            let trips = match (&lazy, iterated) {
                (Some(chain), _) => chain.trips.clone(),
                (None, Some(value)) if value.kind() == "reference_expression" => {
                    Trips::length_of(&text(source.as_bytes(), value))
                }
                _ => Trips::Unknown,
            };
            let mut found = with_body(LoopKind::For, Vec::new(), trips)?;
            found.repeated.extend(lazy.into_iter().flat_map(|chain| chain.closures));
            Some(found)
        }
        "while_expression" => {
            let condition = node.child_by_field_name("condition").into_iter().collect();
            with_body(LoopKind::While, condition, Trips::Unknown)
        }
        "loop_expression" => with_body(LoopKind::Loop, Vec::new(), Trips::Unknown),
        "call_expression" => {
            let chain = chains::consumed(node, source)?;
            let kind = if chain.rayon { LoopKind::Rayon } else { LoopKind::Iterator };
            Some(Found {
                kind,
                start: chain.start,
                header_end: None,
                repeated: chain.closures,
                trips: chain.trips,
            })
        }
        _ => None,
    }
}

/// What a header shows of a node's code.
fn shortened(node: Node) -> Option<&'static str> {
    matches!(node.kind(), "block" | "match_block").then_some("{…}")
}

/// The name of an impl's type, generics and references stripped.
fn type_name(view: &View, node: Node) -> String {
    match node.kind() {
        "generic_type" | "reference_type" | "pointer_type" => {
            node.child_by_field_name("type").map_or_else(String::new, |inner| type_name(view, inner))
        }
        "scoped_type_identifier" => {
            node.child_by_field_name("name").map_or_else(String::new, |name| view.str(name).to_string())
        }
        _ => spaceless(view.str(node)),
    }
}

fn spaceless(text: &str) -> String {
    text.split_whitespace().collect()
}

/// `#[cfg(test)]` or `#[cfg(all(…, test, …))]`, spaces removed.
fn test_only(attribute: &str) -> bool {
    let Some(condition) = attribute.strip_prefix("#[cfg(").and_then(|c| c.strip_suffix(")]")) else {
        return false;
    };
    let Some(all) = condition.strip_prefix("all(").and_then(|c| c.strip_suffix(')')) else {
        return condition.trim_end_matches(',') == "test";
    };
    let mut depth = 0i32;
    let top_level = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    all.split(top_level).any(|part| part == "test")
}

/// `#[test]`, `#[tokio::test(…)]` and the like, spaces removed.
pub(super) fn test_attribute(attribute: &str) -> bool {
    let inner = attribute.trim_start_matches("#[").trim_end_matches(']');
    let path = inner.split(['(', '=']).next().unwrap_or("");
    matches!(path.rsplit("::").next(), Some("test" | "rstest"))
}
