//! Loops in macro calls and definitions.

use super::{rust, scan};
use crate::inventory::Status;

#[test]
fn macro_arguments_are_read() {
    let found = rust(
        "fn f() {
            assert!(v.iter().all(|x| x > 0), \"{}\", w.iter().sum::<f64>());
            let a = vec![v.iter().count(); 3];
            println!(\"{x}\", x = (0..n).map(|i| i * i).max());
            for i in 0..3 { debug_assert!({ let mut j = 0; while j < 2 { j += 1 } true }); }
            assert!(matches!(x, Some(1) | None if v.iter().any(g)));
        }",
    );
    assert_eq!(
        found,
        [
            "iterator 1 f: v.iter().all(|x| x > 0)",
            "iterator 1 f: w.iter().sum::<f64>()",
            "iterator 1 f: v.iter().count()",
            "iterator 1 f: (0..n).map(|i| i * i).max()",
            "for 1 f: for i in 0..3",
            "while 2 f: while j < 2",
        ]
    );
}

#[test]
fn items_in_macros_keep_their_names() {
    let found = rust(
        "proptest! {
            #![proptest_config(config())]
            #[test]
            fn sums(x in 0..10u8, v in vec(any::<f64>(), 1..9)) { for a in &v { g(a); } }
            /// doc
            fn strategy()(a in 0..3) -> u8 { a }
        }
        thread_local! { static A: u8 = { loop { break 1 } }; }
        cfg_if! { if #[cfg(unix)] { fn g() { loop {} } } else { fn g() { while x {} } } }",
    );
    assert_eq!(found, ["for 1 sums: for a in &v", "loop 1 A: loop", "loop 1 g: loop", "while 1 g: while x"]);
}

#[test]
fn places_in_macros_are_those_of_the_file() {
    let inventory =
        scan("a.rs", "fn f() {\n  m! {\n    x => {\n      n!(for i in 0..3 { g(i) })\n    }\n  }\n}\n");
    assert_eq!(inventory.loops.len(), 1);
    let l = &inventory.loops[0];
    assert_eq!((l.line, l.column, l.end_line, l.end_column), (4, 10, 4, 32));
    assert_eq!((l.header.as_str(), l.trip_count_hint.as_deref()), ("for i in 0..3", Some("3")));
}

#[test]
fn definitions_are_read_once() {
    let inventory = scan(
        "a.rs",
        "macro_rules! lanes {
            ($($name:ident => $n:expr),* $(,)?) => { $(
                fn $name(a: &[f64]) -> f64 { let mut s = 0.0; for i in 0..$n { s += a[i]; } s }
            )* };
            (each $v:expr) => { $v.iter().sum::<f64>() };
            (@none) => { struct S; };
        }",
    );
    assert_eq!(inventory.skipped, []);
    let found: Vec<_> =
        inventory.loops.iter().map(|l| (l.loop_id.as_str(), l.header.as_str(), l.line)).collect();
    assert_eq!(
        found,
        [("a.rs::lanes!::_name#1", "for i in 0.._n", 3), ("a.rs::lanes!#1", "_v.iter().sum::<f64>()", 5)]
    );
    assert!(inventory.loops.iter().all(|l| l.status == Status::Uncertain));
}

#[test]
fn what_is_no_rust_before_expansion_is_recorded() {
    let inventory = scan(
        "a.rs",
        "macro_rules! m { ($p:pat, $b:block) => { for $p in 0..3 $b }; }\nfn f() { g!(for <- x in y {}); }\n",
    );
    let lines: Vec<_> = inventory.skipped.iter().map(|s| s.line).collect();
    assert_eq!(lines, [Some(1), Some(2)], "{:?}", inventory.skipped);
    assert!(inventory.loops.is_empty());
}

#[test]
fn names_of_loops_in_macro_text_are_no_loops() {
    let found =
        rust("fn f() { sql!(select a for update); h!(impl T for U {}); k!(loop_count, format_args); }");
    assert_eq!(found, [""; 0]);
}
