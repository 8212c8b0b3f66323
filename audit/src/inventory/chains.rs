//! Which method chains are loops.
//!
//! A chain of method calls is read from its base outwards and is either *iterating* or not.
//! - It starts to iterate at a range `(a..b)`, at `iter::…` functions, at a method that only makes iterators
//!   (`iter`, `into_iter`, `chunks`, `windows`, `chars`, `drain`, `par_iter`, any name `…_iter` or `iter_…`),
//!   or at an adapter that nothing but iterators have (`enumerate`, `rev`, `step_by`, `filter_map` …).
//! - It goes on through iterator adapters, also those that `Option` and `Result` have too (`map`, `filter`,
//!   `zip`, `take`, `copied` …), and stops at anything else (`next`, `len`, `?`, a field, an index).
//! - A consuming adapter ends it and is a loop. Those whose name and arguments mean an iterator whatever they
//!   are called on (`for_each(f)`, `fold(a, f)`, `collect()` but for `self.collect()`, `sum::<T>()`,
//!   `any(|x| …)` …) are loops always; those that other types have too (`max()`, `count()`, `find(p)`, `eq(x)` …) only while iterating.
//!   So `option.map(f)`, `x.max(y)` and `text.find(p)` are no loops and `rows().map(f).collect()` is one.
//! - `target.extend(chain)` and `Type::from_iter(chain)` are loops when `chain` iterates.
//! - Rayon: chains from `par_…` and `into_par_iter`, and those with methods only rayon has. There `fold` is
//!   an adapter, not an end.
//!
//! The loop extends from the base, or from after the previous loop of the same chain, to the consumer's `)`.

use super::methods::{
    adapted_trips, adapter, ends_early, iterator_only, iterator_source, means_iterator, only_rayon,
    rayon_source, source_trips, while_iterating,
};
use super::spell::{spelled, text};
use super::trips::Trips;
use tree_sitter::Node;

/// Longest chain followed.
const LINK_LIMIT: usize = 256;

/// The loop that a consuming call ends.
pub(super) struct Chain {
    /// Byte of the buffer where the loop starts.
    pub(super) start: usize,
    pub(super) rayon: bool,
    /// Closures that run once per element.
    pub(super) closures: Vec<std::ops::Range<usize>>,
    pub(super) trips: Trips,
}

/// One step of a chain from its base outwards.
enum Link<'t> {
    Call {
        name: &'t str,
        turbofish: bool,
        args: Vec<Node<'t>>,
        call: Node<'t>,
        receiver: Node<'t>,
    },
    /// `?`, `.await`, a field, an index: what follows is another value.
    Exit,
}

struct Links<'t> {
    base: Node<'t>,
    /// Base first.
    links: Vec<Link<'t>>,
}

/// State of a chain at one point.
struct State {
    iterating: bool,
    rayon: bool,
    /// End of the last loop that the chain held so far.
    after: Option<usize>,
    closures: Vec<std::ops::Range<usize>>,
    trips: Trips,
}

/// The loop that `call` ends, if it is a consuming call.
pub(super) fn consumed<'t>(call: Node<'t>, source: &'t str) -> Option<Chain> {
    if let Some(argument) = consumed_argument(call, source) {
        let chain = lazy(argument, source)?;
        return Some(Chain { start: call.start_byte(), ..chain });
    }
    let mut found = links(call, source);
    let Some(Link::Call { name, turbofish, args, .. }) = found.links.pop() else { return None };
    if name == "collect" && found.links.is_empty() && found.base.kind() == "self" {
        return None;
    }
    let mut state = run(&found, source);
    if !consumes(name, &args, turbofish, &state) {
        return None;
    }
    state.take_closures(&args);
    let base = found.base.start_byte();
    let start = state.after.map_or(base, |end| next_token(source, end));
    let trips = if ends_early(name) { state.trips.at_most() } else { state.trips };
    Some(Chain { start, rayon: state.rayon || only_rayon(name), closures: state.closures, trips })
}

/// What is lazy in an expression: the part of a chain that whoever receives it will run.
pub(super) fn lazy<'t>(expression: Node<'t>, source: &'t str) -> Option<Chain> {
    let found = links(expression, source);
    let state = run(&found, source);
    let start = state.after.map_or(expression.start_byte(), |end| next_token(source, end));
    let chain = Chain { start, rayon: state.rayon, closures: state.closures, trips: state.trips };
    state.iterating.then_some(chain)
}

/// The argument of `extend(…)` or `…::from_iter(…)`.
fn consumed_argument<'t>(call: Node<'t>, source: &'t str) -> Option<Node<'t>> {
    let function = call.child_by_field_name("function")?;
    let name = match function.kind() {
        "field_expression" => function.child_by_field_name("field")?,
        "scoped_identifier" => function.child_by_field_name("name")?,
        _ => return None,
    };
    let takes = matches!(
        (function.kind(), &source[name.byte_range()]),
        ("field_expression", "extend" | "par_extend") | ("scoped_identifier", "from_iter" | "from_par_iter")
    );
    match arguments(call)[..] {
        [only] if takes => Some(only),
        _ => None,
    }
}

/// Takes a method chain apart.
fn links<'t>(expression: Node<'t>, source: &'t str) -> Links<'t> {
    let mut links = Vec::new();
    let mut node = expression;
    while links.len() < LINK_LIMIT {
        let (link, receiver) = match node.kind() {
            "call_expression" => match method(node, source) {
                Some((name, turbofish, receiver)) => {
                    (Link::Call { name, turbofish, args: arguments(node), call: node, receiver }, receiver)
                }
                None => break,
            },
            "try_expression" | "await_expression" | "field_expression" | "index_expression" => {
                let Some(receiver) = node.named_child(0) else { break };
                (Link::Exit, receiver)
            }
            "parenthesized_expression" => match inside(node) {
                Some(inner) if matches!(inner.kind(), "call_expression" | "parenthesized_expression") => {
                    node = inner;
                    continue;
                }
                _ => break,
            },
            _ => break,
        };
        links.push(link);
        node = receiver;
    }
    links.reverse();
    Links { base: node, links }
}

/// Name, turbofish and receiver of a method call.
fn method<'t>(call: Node<'t>, source: &'t str) -> Option<(&'t str, bool, Node<'t>)> {
    let function = call.child_by_field_name("function")?;
    let (function, turbofish) = match function.kind() {
        "generic_function" => (function.child_by_field_name("function")?, true),
        _ => (function, false),
    };
    if function.kind() != "field_expression" {
        return None;
    }
    let name = function.child_by_field_name("field")?;
    Some((&source[name.byte_range()], turbofish, function.child_by_field_name("value")?))
}

fn arguments(call: Node) -> Vec<Node> {
    let Some(list) = call.child_by_field_name("arguments") else { return Vec::new() };
    let mut cursor = list.walk();
    let plain = |n: &Node| !super::walk::is_comment(*n) && n.kind() != "attribute_item";
    list.named_children(&mut cursor).filter(plain).collect()
}

/// What stands in parentheses.
fn inside(node: Node) -> Option<Node> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).find(|n| !super::walk::is_comment(*n))
}

/// First byte after `end` that is neither whitespace nor part of a comment.
fn next_token(source: &str, end: usize) -> usize {
    let mut rest = &source[end..];
    loop {
        let trimmed = rest.trim_start();
        rest = if trimmed.starts_with("//") {
            trimmed.find('\n').map_or("", |newline| &trimmed[newline..])
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or("", |close| &trimmed[close + 2..])
        } else {
            return source.len() - trimmed.len();
        };
    }
}

/// Follows a chain from its base to its end.
fn run<'t>(found: &Links<'t>, source: &'t str) -> State {
    let (iterating, rayon, trips) = base(found.base, source);
    let mut state = State { iterating, rayon, after: None, closures: Vec::new(), trips };
    for link in &found.links {
        match link {
            Link::Exit => state.stop(None),
            Link::Call { name, turbofish, args, call, receiver } => {
                if consumes(name, args, *turbofish, &state) {
                    state.stop(Some(call.end_byte()));
                } else {
                    state.step(name, args, *receiver, source);
                }
            }
        }
    }
    state
}

/// Whether the base of a chain iterates, over rayon, and how often.
fn base(node: Node, source: &str) -> (bool, bool, Trips) {
    let range = match node.kind() {
        "range_expression" => Some(node),
        "parenthesized_expression" => inside(node).filter(|inner| inner.kind() == "range_expression"),
        _ => None,
    };
    if let Some(range) = range {
        return (true, false, range_trips(range, source));
    }
    let function = (node.kind() == "call_expression").then(|| node.child_by_field_name("function")).flatten();
    let path = function.map(|f| text(source.as_bytes(), f)).unwrap_or_default();
    let path = path.split_once("::<").map_or(path.as_str(), |(path, _)| path);
    let segments: Vec<&str> = path.split("::").collect();
    let of_iter = segments.len() > 1 && segments[segments.len() - 2] == "iter";
    let known = matches!(segments.last(), Some(&("successors" | "repeat_with" | "repeat_n")));
    (of_iter || known, of_iter && segments[0] == "rayon", Trips::Unknown)
}

/// Trips of `a..b`.
pub(super) fn range_trips(range: Node, source: &str) -> Trips {
    let operator = (0..range.child_count()).filter_map(|i| range.child(i)).find(|n| !n.is_named());
    let Some(operator) = operator else { return Trips::Unknown };
    let side = |at: std::ops::Range<usize>| spelled(source.as_bytes(), range, at, |_| None);
    let from = side(range.start_byte()..operator.start_byte());
    let to = side(operator.end_byte()..range.end_byte());
    if from.is_empty() || to.is_empty() {
        return Trips::Unknown;
    }
    Trips::range(&from, &to, operator.kind() == "..=")
}

impl State {
    /// The chain is another value from here on; `after` is the end of the loop that made it.
    fn stop(&mut self, after: Option<usize>) {
        self.iterating = false;
        self.rayon = false;
        self.trips = Trips::Unknown;
        self.closures.clear();
        self.after = after.or(self.after);
    }

    /// One method that does not consume.
    fn step(&mut self, name: &str, args: &[Node], receiver: Node, source: &str) {
        // what a closure says is no number
        let number = args.first().filter(|a| a.kind() != "closure_expression");
        let argument = number.map(|a| text(source.as_bytes(), *a)).unwrap_or_default();
        let parallel = rayon_source(name) || only_rayon(name);
        if !self.iterating && (parallel || iterator_source(name)) {
            self.iterating = true;
            // What a call gives to `into_iter` may be an option or already an iterator.
            let sized = name != "into_iter" || !source[receiver.byte_range()].ends_with(')');
            let whole = self.after.is_none() && sized;
            self.trips =
                if whole { Trips::length_of(&text(source.as_bytes(), receiver)) } else { Trips::Unknown };
            self.trips = source_trips(name, std::mem::take(&mut self.trips), &argument);
        } else if self.iterating && (parallel || adapter(name, args.len(), self.rayon))
            || iterator_only(name, args.len())
        {
            self.iterating = true;
            self.trips = adapted_trips(name, std::mem::take(&mut self.trips), &argument);
        } else {
            self.stop(None);
            return;
        }
        self.rayon |= parallel;
        self.take_closures(args);
    }

    fn take_closures(&mut self, args: &[Node]) {
        for arg in args {
            let mut node = *arg;
            while matches!(node.kind(), "reference_expression" | "parenthesized_expression") {
                let Some(inner) = node.named_child(node.named_child_count().saturating_sub(1) as u32) else {
                    break;
                };
                node = inner;
            }
            if node.kind() == "closure_expression" {
                self.closures.push(node.byte_range());
            }
        }
    }
}

/// Whether a call consumes the iterator it is called on.
fn consumes(name: &str, args: &[Node], turbofish: bool, state: &State) -> bool {
    if state.iterating && state.rayon && adapter(name, args.len(), true) {
        return false;
    }
    let closure = args.first().is_some_and(|a| a.kind() == "closure_expression");
    means_iterator(name, args.len(), closure, turbofish)
        || state.iterating && while_iterating(name, args.len())
}
