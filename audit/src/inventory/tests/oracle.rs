//! Our own sources, read by another parser.
//!
//! Rule of comparison: outside macro calls and definitions, which `syn` leaves unread, the `for`, `while` and
//! `loop` expressions are the same ones at the same places; every method call that ends an iterator by name
//! and arguments alone (`collect()`, `for_each(f)`, `fold(a, f)`) ends one of our chains; and every chain of
//! ours ends at a call that `syn` sees.

use crate::inventory::{Inventory, Language, LoopKind};
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::{self, Visit};

/// Line and column (from 1) of an end.
type Place = (usize, usize);

#[derive(Default)]
struct Seen {
    keyword: BTreeSet<(Place, &'static str)>,
    ends: BTreeSet<Place>,
    calls: BTreeSet<Place>,
    macros: Vec<(Place, Place)>,
}

fn end(span: proc_macro2::Span) -> Place {
    (span.end().line, span.end().column + 1)
}

impl<'a> Visit<'a> for Seen {
    fn visit_expr_for_loop(&mut self, e: &'a syn::ExprForLoop) {
        self.keyword.insert((end(e.body.brace_token.span.close()), "for"));
        visit::visit_expr_for_loop(self, e);
    }
    fn visit_expr_while(&mut self, e: &'a syn::ExprWhile) {
        self.keyword.insert((end(e.body.brace_token.span.close()), "while"));
        visit::visit_expr_while(self, e);
    }
    fn visit_expr_loop(&mut self, e: &'a syn::ExprLoop) {
        self.keyword.insert((end(e.body.brace_token.span.close()), "loop"));
        visit::visit_expr_loop(self, e);
    }
    fn visit_expr_method_call(&mut self, e: &'a syn::ExprMethodCall) {
        let place = end(e.paren_token.span.close());
        let of_self = matches!(&*e.receiver, syn::Expr::Path(p) if p.path.is_ident("self"));
        let ends = match (e.method.to_string().as_str(), e.args.len()) {
            ("collect", 0) => !of_self,
            ("for_each", 1) | ("fold", 2) => true,
            _ => false,
        };
        if ends {
            self.ends.insert(place);
        }
        self.calls.insert(place);
        visit::visit_expr_method_call(self, e);
    }
    fn visit_expr_call(&mut self, e: &'a syn::ExprCall) {
        self.calls.insert(end(e.paren_token.span.close()));
        visit::visit_expr_call(self, e);
    }
    fn visit_macro(&mut self, m: &'a syn::Macro) {
        let span = m.delimiter.span();
        let open = span.open().start();
        self.macros.push(((open.line, open.column + 1), end(span.close())));
    }
}

#[test]
fn another_parser_sees_the_same_loops() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let inventory = Inventory::scan(root, &[]).unwrap();
    let mut compared = 0;
    for file in inventory.files.iter().filter(|f| f.language == Language::Rust) {
        let text = std::fs::read_to_string(root.join(&file.path)).unwrap();
        // syn counts columns in characters.
        let place = |line: u32, column: u32| -> Place {
            let bytes = text.lines().nth(line as usize - 1).unwrap().as_bytes();
            (line as usize, std::str::from_utf8(&bytes[..column as usize - 1]).unwrap().chars().count() + 1)
        };
        let mut seen = Seen::default();
        seen.visit_file(&syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.path)));
        let (mut keyword, mut chains) = (BTreeSet::new(), BTreeSet::new());
        for l in inventory.loops_of(&file.path) {
            let (start, end) = (place(l.line, l.column), place(l.end_line, l.end_column));
            if seen.macros.iter().any(|(open, close)| *open <= start && end <= *close) {
                continue;
            }
            match l.kind {
                LoopKind::Iterator | LoopKind::Rayon => chains.insert(end),
                kind => keyword.insert((end, kind.name())),
            };
        }
        assert_eq!(keyword, seen.keyword, "{}", file.path);
        let missed: Vec<_> = seen.ends.difference(&chains).collect();
        assert!(missed.is_empty(), "{}: chains end at {missed:?}", file.path);
        let invented: Vec<_> = chains.difference(&seen.calls).collect();
        assert!(invented.is_empty(), "{}: no call ends at {invented:?}", file.path);
        compared += keyword.len() + chains.len();
    }
    assert!(compared > 100, "{compared} loops compared");
}
