//! Any bytes are a source file: no panic, the same answer twice, places inside the file.

use super::write;
use crate::inventory::Inventory;
use proptest::prelude::*;

fn check(name: &str, bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), name, bytes);
    let first = Inventory::scan(dir.path(), &[]).unwrap();
    assert_eq!(first, Inventory::scan(dir.path(), &[]).unwrap());
    for l in &first.loops {
        assert!(l.line >= 1 && l.end_line <= first.files[0].lines, "{l:?}");
        assert!((l.line, l.column) < (l.end_line, l.end_column), "{l:?}");
        assert!(l.depth >= 1 && !l.content_hash.is_empty(), "{l:?}");
        assert!(first.enclosing(name, l.line, Some(l.column)).len() <= first.loops.len());
    }
    let mut ids: Vec<&str> = first.loops.iter().map(|l| l.loop_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), first.loops.len(), "ids are unique");
}

/// Pieces of programs in any order.
fn tokens() -> impl Strategy<Value = String> {
    const WORDS: &str = "for while loop do in fn f x m! macro_rules! impl mod const # ! $x $( )* ( ) [ ] { } ; , . \
        .. => -> | 'a: 0 \" // /* */ \n .iter() .map( .sum() .collect() #[cfg(test)] #[test] #define \\\n é = < > \
        :: let if else extend";
    let words: Vec<&str> = WORDS.split(' ').collect();
    proptest::collection::vec(proptest::sample::select(words), 0..60).prop_map(|words| words.join(" "))
}

/// The same of Python, with line ends and indentations.
fn python() -> impl Strategy<Value = String> {
    const WORDS: [&str; 45] = [
        "for",
        "while",
        "in",
        "def",
        "class",
        "async",
        "await",
        "lambda",
        "yield",
        "not",
        "if",
        "else",
        "f",
        "x",
        "sum",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        ".",
        "=",
        ":=",
        "*",
        "**",
        "->",
        "@",
        "0",
        "'",
        "\"\"\"",
        "f'{",
        "}'",
        "#",
        "\\\n",
        "\n",
        "\n    ",
        "\n        ",
        "\t",
        "é",
        "<",
        "-",
        ";",
    ];
    proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..60)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_programs(text in tokens()) {
        check("a.rs", text.as_bytes());
        check("a.c", text.as_bytes());
        check("a.py", text.as_bytes());
    }

    #[test]
    fn pieces_of_python(text in python()) {
        check("a.py", text.as_bytes());
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check("a.rs", &bytes);
        check("a.c", &bytes);
        check("a.py", &bytes);
    }
}

/// On stacks of 512 KB, a quarter of what threads have: half a kilobyte for each of 1000 levels.
#[test]
fn deep_nesting_is_no_stack_overflow() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).stack_size(512 << 10).build().unwrap();
    pool.install(|| {
        for (open, close) in
            [("(", ")"), ("{", "}"), ("m!{", "}"), ("loop {", "}"), ("x.iter().map(|x| ", ").sum()")]
        {
            let text = format!("fn f() {{ {} {} }}", open.repeat(1000), close.repeat(1000));
            check("a.rs", text.as_bytes());
        }
        let text = format!("void f() {{ {} ; }}", "for (;;) ".repeat(1000));
        check("a.c", text.as_bytes());
        for (open, close) in [("(", ")"), ("[x for x in ", "]"), ("f(", ")"), ("lambda: ", "")] {
            let text = format!("y = {}z{}\n", open.repeat(1000), close.repeat(1000));
            check("a.py", text.as_bytes());
        }
        let text: String = (0..500).map(|n| format!("{}for x in y:\n", " ".repeat(n))).collect();
        check("a.py", (text + &" ".repeat(500) + "pass\n").as_bytes());
    });
}

#[test]
fn a_line_that_is_continued_by_nothing_is_the_last() {
    check("a.py", b"while .iter() :: # \n { \\\n");
}

#[test]
fn long_chains_are_followed_so_far() {
    let text =
        format!("fn f() {{ v.iter(){}.sum::<f64>(); }}", ".map(g).collect::<Vec<_>>().iter()".repeat(400));
    check("a.rs", text.as_bytes());
}
