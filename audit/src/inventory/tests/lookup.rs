//! From debug information to loops.

use super::{scan, tree};
use crate::inventory::Inventory;

fn headers(inventory: &Inventory, line: u32, column: Option<u32>) -> Vec<&str> {
    inventory.enclosing("/somewhere/else/a.rs", line, column).into_iter().map(|l| l.header.as_str()).collect()
}

#[test]
fn the_innermost_loop_comes_last() {
    let inventory =
        scan("a.rs", "fn f() {\n  for a in x {\n    b();\n    loop {\n      c();\n    }\n  }\n}\n");
    assert_eq!(headers(&inventory, 5, None), ["for a in x", "loop"]);
    assert_eq!(headers(&inventory, 5, Some(7)), ["for a in x", "loop"]);
    assert_eq!(headers(&inventory, 3, Some(5)), ["for a in x"]);
    assert_eq!(headers(&inventory, 1, None), [""; 0]);
    assert_eq!(headers(&inventory, 99, Some(1)), [""; 0]);
}

#[test]
fn columns_separate_loops_of_one_line() {
    let inventory =
        scan("a.rs", "fn f() {\n v.iter().sum::<f64>() + w.iter().map(|x| x.iter().max()).min();\n}\n");
    assert_eq!(headers(&inventory, 2, Some(11)), ["v.iter().sum::<f64>()"]);
    assert_eq!(headers(&inventory, 2, Some(24)), [""; 0], "between the two");
    let second = "w.iter().map(|x| x.iter().max()).min()";
    assert_eq!(headers(&inventory, 2, Some(28)), [second]);
    assert_eq!(headers(&inventory, 2, Some(52)), [second, "x.iter().max()"]);
    assert_eq!(headers(&inventory, 2, None), [""; 0], "no column: no loop holds the whole line");
    assert_eq!(headers(&inventory, 2, Some(0)), [""; 0], "column 0 means none");
}

#[test]
fn a_loop_in_a_header_is_not_in_the_for() {
    let inventory =
        scan("a.rs", "fn f() {\n for x in v.iter().map(g).collect::<Vec<_>>() {\n  h(x);\n }\n}\n");
    let (outer, inner) =
        ("for x in v.iter().map(g).collect::<Vec<_>>()", "v.iter().map(g).collect::<Vec<_>>()");
    assert_eq!(headers(&inventory, 2, Some(27)), [inner], "the call of collect");
    assert_eq!(headers(&inventory, 2, Some(11)), [outer], "the step of the for stands at its iterator");
    assert_eq!(headers(&inventory, 2, None), [outer]);
    assert_eq!(headers(&inventory, 3, None), [outer]);
}

#[test]
fn functions_defined_in_a_loop_are_not_run_by_it() {
    let inventory = scan("a.rs", "fn f() {\n  loop {\n    fn g() {\n      h();\n    }\n    g();\n  }\n}\n");
    assert_eq!(headers(&inventory, 4, None), [""; 0]);
    assert_eq!(headers(&inventory, 6, None), ["loop"]);
}

#[test]
fn files_match_by_their_longest_end() {
    let text = "fn f() { loop {} }";
    let dir = tree(&[
        ("one/src/lib.rs", text),
        ("two/src/lib.rs", text),
        ("two/src/deep/x.rs", text),
        ("x.rs", text),
    ]);
    let inventory = Inventory::scan(dir.path(), &[]).unwrap();
    let file = |path: &str| inventory.file(path).map(|f| f.path.as_str());
    assert_eq!(file("/build/work/one/src/lib.rs"), Some("one/src/lib.rs"));
    assert_eq!(file("two/src/lib.rs"), Some("two/src/lib.rs"));
    assert_eq!(file("./two/src/../src/lib.rs"), Some("two/src/lib.rs"));
    assert_eq!(file("C:\\work\\two\\src\\lib.rs"), Some("two/src/lib.rs"));
    assert_eq!(file("src/lib.rs"), None, "two fit as well");
    assert_eq!(file("deep/x.rs"), Some("two/src/deep/x.rs"));
    assert_eq!(file("/a/two/src/deep/x.rs"), Some("two/src/deep/x.rs"), "longer than x.rs");
    assert_eq!(file("/a/y/x.rs"), Some("x.rs"));
    assert_eq!(file("/a/yx.rs"), None, "components, not letters");
    assert_eq!(file("/rustc/0a1b2c/library/core/src/x.rs"), None);
    assert_eq!(file("/home/u/.cargo/registry/src/index/one/src/lib.rs"), None);
    assert_eq!(file(""), None);
}

#[test]
fn ids_are_found() {
    let inventory = scan("a.rs", "fn f() { loop {} for x in y {} }");
    assert_eq!(inventory.by_id("a.rs::f#2").unwrap().header, "for x in y");
    assert!(inventory.by_id("a.rs::f#3").is_none());
    assert!(inventory.by_id("nonsense").is_none());
}
