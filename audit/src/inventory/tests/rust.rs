//! Rust loops: every kind, and what looks like one and is none.

use super::{rust, scan, trips};
use crate::inventory::Status;

#[test]
fn keyword_loops_of_all_kinds() {
    let found = rust(
        "fn f(v: &[f64]) {
            for x in v { g(x); }
            'outer: while running() { loop { break 'outer; } }
            while let Some(x) = stack.pop() /* last in */ && x > 0 {}
        }",
    );
    assert_eq!(
        found,
        [
            "for 1 f: for x in v",
            "while 1 f: 'outer: while running()",
            "loop 2 f: loop",
            "while 1 f: while let Some(x) = stack.pop() && x > 0",
        ]
    );
}

#[test]
fn chains_end_at_a_consuming_adapter() {
    for chain in [
        "v.iter().for_each(|x| g(x))",
        "v.iter().sum()",
        "v.iter().copied().sum::<f64>()",
        "v.iter().map(f).product::<f64>()",
        "v.iter().fold(0.0, |a, b| a + b)",
        "v.iter().try_fold(0, |a, b| g(a, b))",
        "v.iter().try_for_each(g)",
        "v.iter().collect::<Vec<_>>()",
        "v.iter().count()",
        "v.iter().min()",
        "v.iter().max_by(|a, b| a.total_cmp(b))",
        "v.iter().max_by_key(|a| a.0)",
        "v.iter().any(|x| x.is_nan())",
        "v.iter().all(is_finite)",
        "v.iter().find(|x| x > 0)",
        "v.iter().find_map(g)",
        "v.iter().position(|x| x > 0)",
        "v.iter().rev().last()",
        "v.iter().map(pair).unzip()",
        "v.iter().partition(g)",
        "v.iter().eq(w.iter())",
        "v.chunks_exact(8).map(g).count()",
        "v.windows(2).all(|w| w[0] < w[1])",
        "(0..n).map(g).max()",
        "(0..=n).for_each(g)",
        "std::iter::repeat(1).take(n).sum()",
        "a.zip(b).map(g).collect()",
        "self.rows().map(g).collect()",
        "rows().enumerate().filter(g).count()",
        "text.lines().count()",
        "re.captures_iter(text).count()",
        "iter.reduce(|a, b| a.max(b))",
        "list.extend(v.iter().map(g))",
        "list.extend(0..n)",
        "Vec::from_iter(v.iter().map(g))",
    ] {
        let found = rust(&format!("fn f() {{ {chain}; }}"));
        assert_eq!(found, [format!("iterator 1 f: {chain}")]);
    }
}

#[test]
fn rayon_chains_are_told_apart() {
    for chain in [
        "rows.par_iter().map(g).sum()",
        "image.par_chunks_mut(n).enumerate().for_each(g)",
        "(0..n).into_par_iter().map(g).collect()",
        "v.par_iter().fold(|| 0.0, |a, b| a + b).sum()",
        "v.par_iter().map(g).reduce(|| 0.0, |a, b| a + b)",
        "v.iter().par_bridge().for_each(g)",
        "rows.with_min_len(4).for_each(g)",
        "list.par_extend(v.par_iter().map(g))",
    ] {
        let found = rust(&format!("fn f() {{ {chain}; }}"));
        assert_eq!(found, [format!("rayon 1 f: {chain}")]);
    }
}

#[test]
fn what_only_looks_like_a_loop() {
    for body in [
        "option.map(|x| x + 1)",
        "option.iter().next()",
        "x.max(y).min(z)",
        "option.filter(g).and_then(h)",
        "v.iter().map(g)",
        "(0..n).rev()",
        "v.iter().next().unwrap().max(1)",
        "v.iter().len()",
        "text.find('x')",
        "text.find(|c| c == 'x')",
        "cursor.position()",
        "slice.last()",
        "a.cmp(&b)",
        "self.collect()",
        "simd.sum()",
        "counter.count()",
        "result.iter().next().copied().unwrap_or(0).eq(&1)",
        "pivot.partition(3)",
        "list.extend(other)",
        "list.extend_from_slice(&v)",
        "v.par_sort_unstable()",
        "quote(\"for x in y { }\")",
        "/* for x in y {} */ g()",
        "impl Trait for Type {}",
        "let h: for<'a> fn(&'a u8) = g",
    ] {
        assert_eq!(rust(&format!("fn f() {{ {body}; }}")), [""; 0], "{body}");
    }
}

#[test]
fn a_chain_of_two_loops_is_two() {
    let found =
        rust("fn f() { v.iter().map(g).collect::<Vec<_>>()\n // then\n .into_iter().map(h).sum::<f64>(); }");
    assert_eq!(
        found,
        [
            "iterator 1 f: v.iter().map(g).collect::<Vec<_>>()",
            "iterator 1 f: .into_iter().map(h).sum::<f64>()"
        ]
    );
}

#[test]
fn depth_counts_what_repeats_the_loop() {
    let found = rust(
        "fn f() {
            for x in v.iter().map(|a| a.iter().sum::<f64>()).collect::<Vec<_>>() {
                while x.iter().any(g) {}
                rows.par_iter().for_each(|r| for p in r { h(p) });
                w.iter().fold(u.iter().sum::<f64>(), |a, b| a * b);
            }
            let late = || for x in v {};
        }",
    );
    assert_eq!(
        found,
        [
            "for 1 f: for x in v.iter().map(|a| a.iter().sum::<f64>()).collect::<Vec<_>>()",
            "iterator 1 f: v.iter().map(|a| a.iter().sum::<f64>()).collect::<Vec<_>>()",
            "iterator 2 f: a.iter().sum::<f64>()",
            "while 2 f: while x.iter().any(g)",
            "iterator 3 f: x.iter().any(g)",
            "rayon 2 f: rows.par_iter().for_each(|r| for p in r {…})",
            "for 3 f: for p in r",
            "iterator 2 f: w.iter().fold(u.iter().sum::<f64>(), |a, b| a * b)",
            "iterator 2 f: u.iter().sum::<f64>()",
            "for 1 f: for x in v",
        ]
    );
}

#[test]
fn ids_name_module_type_function_and_ordinal() {
    let inventory = scan(
        "simulator/src/engine.rs",
        "mod inner {
            impl<'a, T: Real> Trait<T> for Grid<'a, T> {
                fn fill(&mut self) { for x in a {} fn deep() { loop {} } for y in b {} }
            }
            impl Other for Grid<'_, f64> { fn fill(&mut self) { loop {} } }
            impl crate::a::B<u8> { fn g() { loop {} } }
            trait Engine { fn run(&self) { loop {} } }
        }
        const TABLE: [u8; 4] = { let mut i = 0; while i < 4 { i += 1; } [0; 4] };
        static LATE: Lazy = Lazy::new(|| { loop {} });",
    );
    let ids: Vec<&str> = inventory
        .loops
        .iter()
        .map(|l| l.loop_id.strip_prefix("simulator/src/engine.rs::").unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "inner::Grid::fill#1",
            "inner::Grid::fill::deep#1",
            "inner::Grid::fill#2",
            "inner::Grid::fill#3",
            "inner::B::g#1",
            "inner::Engine::run#1",
            "TABLE#1",
            "LATE#1",
        ]
    );
    let status: Vec<Status> = inventory.loops.iter().map(|l| l.status).collect();
    assert_eq!(status[6], Status::Safe, "a constant's initialiser runs in the compiler");
    assert_eq!(status[7], Status::Uncertain, "a closure in a static runs later");
    assert_eq!(inventory.loops[6].evidence, "run by the compiler: initialiser of a constant");
    assert_eq!(inventory.loops[0].evidence, "no compiler evidence yet");
    assert!(inventory.loops.iter().all(|l| l.priority.is_none()));
}

#[test]
fn places_are_those_of_the_source() {
    let inventory = scan("a.rs", "fn f() {\n    let é = 1; for i in 0..3 {\n        g(i);\n    }\n}\n");
    let l = &inventory.loops[0];
    // The é takes two bytes, and compilers count bytes.
    assert_eq!((l.line, l.column, l.end_line, l.end_column), (2, 17, 4, 6));
    let f = &inventory.files[0].functions[0];
    assert_eq!((f.name.as_str(), f.line, f.end_line), ("f", 1, 5));
    assert_eq!(inventory.files[0].lines, 5);
}

#[test]
fn trip_counts_come_from_the_header() {
    let hint = |body| trips(body).unwrap_or_default();
    assert_eq!(hint("for i in 0..n {}"), "n");
    assert_eq!(hint("for i in 0..4096 {}"), "4096");
    assert_eq!(hint("for i in (0..n).rev().step_by(2) {}"), "n / 2");
    assert_eq!(hint("for x in &self.rows {}"), "self.rows.len()");
    assert_eq!(hint("for (i, x) in v.iter_mut().enumerate().skip(1) {}"), "v.len() - 1");
    assert_eq!(hint("v.chunks_exact(8).for_each(g)"), "v.len() / 8");
    assert_eq!(hint("v.par_chunks_mut(width).for_each(g)"), "v.len() / width");
    assert_eq!(hint("v.windows(2).map(g).sum::<f64>()"), "v.len() - 1");
    assert_eq!(hint("(0..10).take(3).for_each(g)"), "3");
    assert_eq!(hint("v.iter().any(|x| x > 0)"), "≤ v.len()");
    assert_eq!(hint("v.iter().take_while(g).count()"), "≤ v.len()");
    for unknown in [
        "for x in v {}",
        "for i in 0.. {}",
        "v.iter().flat_map(g).count()",
        "option().into_iter().count()",
        "while i < n {}",
        "loop {}",
        "v.iter().map(g).collect::<Vec<_>>().iter().sum::<f64>()",
    ] {
        let inventory = scan("a.rs", &format!("fn f() {{ {unknown}; }}"));
        assert_eq!(inventory.loops.last().unwrap().trip_count_hint, None, "{unknown}");
    }
}

#[test]
fn test_code_is_safe_and_says_so() {
    let inventory = scan(
        "a.rs",
        "#[cfg(test)] mod tests { fn helper() { loop {} } }
         #[test] fn t() { loop {} }
         #[cfg(all(unix, test))] fn u() { loop {} }
         #[cfg(any(test, feature = \"x\"))] fn v() { loop {} }
         #[cfg(not(test))] fn w() { loop {} }
         fn x() { #[cfg(test)] for i in v {} loop {} }
         mod y { #![cfg(test)] fn z() { loop {} } }
         fn after() { loop {} }",
    );
    let safe: Vec<(&str, bool)> =
        inventory.loops.iter().map(|l| (l.function.as_str(), l.status == Status::Safe)).collect();
    assert_eq!(
        safe,
        [
            ("tests::helper", true),
            ("t", true),
            ("u", true),
            ("v", false),
            ("w", false),
            ("x", true),
            ("x", false),
            ("y::z", true),
            ("after", false),
        ]
    );
}
