//! Ids and hashes over edits.

use super::scan;
use crate::inventory::{Changes, changes};

const BEFORE: &str = "fn f(v: &[f64]) -> f64 {
    let mut s = 0.0;
    for x in v.iter() { s += x; }
    for i in 0..3 { for j in 0..i { s += v[j]; } }
    s + v.iter().map(|x| { x * 2.0 }).sum::<f64>()
}
";

fn between(old: &str, new: &str) -> Changes {
    changes(&scan("a.rs", old), &scan("a.rs", new))
}

#[test]
fn whitespace_and_comments_change_neither_ids_nor_hashes() {
    let after = "// a comment
fn f(v: &[f64]) -> f64
{
    let mut s = 0.0; /* for x in y {} */
    for x
        in v.iter( ) // here
    { s+=x ; }

    for i in 0 .. 3 { /* outer */ for j in 0..i {
            // inner
            s += v [ j ] ; } }
    s + v
        .iter()
        // doubled
        .map(|x| { x*2.0 })
        .sum :: <f64> ()
}
";
    let (old, new) = (scan("a.rs", BEFORE), scan("a.rs", after));
    let essence = |i: &crate::inventory::Inventory| -> Vec<_> {
        i.loops
            .iter()
            .map(|l| (l.loop_id.clone(), l.content_hash.clone(), l.depth, l.trip_count_hint.clone()))
            .collect()
    };
    assert_eq!(essence(&old), essence(&new));
    assert_ne!(old.loops[0].line, new.loops[0].line);
    assert_eq!(between(BEFORE, after), Changes { unchanged: 4, ..Changes::default() });
}

#[test]
fn the_same_holds_for_c_and_macros() {
    for (name, before, after) in [
        (
            "a.c",
            "void f(){for(i=0;i<n;i++){s+=a[i];}}",
            "void f()\n{ /* x */ for ( i = 0; i < n; i ++ ) // y\n { s += a [ i ]; } }",
        ),
        (
            "a.rs",
            "fn f(){m!(for i in 0..3{g(i)});}",
            "fn f(){ m! ( for i in 0 .. 3 { /* x */ g ( i ) } ) ; }",
        ),
        ("a.rs", "fn f(){for i in v{m!(a,b);}}", "fn f(){ for i in v { m! ( a , /* x */ b ) ; } }"),
    ] {
        let (old, new) = (scan(name, before), scan(name, after));
        assert_eq!(old.loops.len(), 1);
        assert_eq!(old.loops[0].content_hash, new.loops[0].content_hash, "{before}");
        assert_eq!(old.loops[0].loop_id, new.loops[0].loop_id);
    }
}

#[test]
fn spaces_in_strings_and_joined_words_are_content() {
    for (a, b) in [
        ("fn f() { loop { g(\"a b\"); } }", "fn f() { loop { g(\"a  b\"); } }"),
        ("fn f() { loop { return x; } }", "fn f() { loop { returnx; } }"),
        ("fn f() { loop { a += 1; } }", "fn f() { loop { a += 2; } }"),
        ("fn f() { loop { m!(a b); } }", "fn f() { loop { m!(ab); } }"),
    ] {
        assert_ne!(scan("a.rs", a).loops[0].content_hash, scan("a.rs", b).loops[0].content_hash, "{a} | {b}");
    }
}

#[test]
fn edits_of_every_sort() {
    let edited = BEFORE.replace("s += v[j]", "s -= v[j]");
    assert_eq!(
        between(BEFORE, &edited),
        Changes { unchanged: 2, edited: vec!["a.rs::f#2".into(), "a.rs::f#3".into()], ..Changes::default() }
    );
    let renamed = between(BEFORE, &BEFORE.replace("fn f", "fn g"));
    assert_eq!((renamed.moved.len(), renamed.moved[3].from.as_str()), (4, "a.rs::f#4"));
    assert_eq!(renamed.moved[3].to, "a.rs::g#4");
    let inserted = between(BEFORE, &BEFORE.replace("let mut s = 0.0;", "let mut s = 0.0; loop { break }"));
    assert_eq!((inserted.new, inserted.moved.len()), (vec!["a.rs::f#1".to_string()], 4));
    assert_eq!((inserted.edited, inserted.gone), (vec![], vec![]));
}

#[test]
fn removed_loops_are_gone() {
    let removed = between(BEFORE, &BEFORE.replace("for x in v.iter() { s += x; }", ""));
    assert_eq!(removed.gone, ["a.rs::f#1".to_string()]);
    assert_eq!(removed.unchanged + removed.moved.len(), 3);
}
