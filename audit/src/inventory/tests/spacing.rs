//! White space between tokens changes no list but for places: real files, and sources with what is hard to space.

use super::{tree, write};
use crate::inventory::Inventory;
use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::ops::Range;
use std::path::Path;

/// How the white space between two tokens is changed.
#[derive(Clone, Copy, Debug)]
enum Blanks {
    /// Put between all tokens.
    Everywhere,
    /// Removed where two tokens stay two.
    Nowhere,
}

/// JSON and CSV without lines, columns and hashes of whole files.
fn but_for_places(mut inventory: Inventory) -> (String, String) {
    for file in &mut inventory.files {
        (file.sha256, file.lines) = (String::new(), 0);
        file.functions.iter_mut().for_each(|f| (f.line, f.end_line) = (0, 0));
    }
    for l in &mut inventory.loops {
        (l.line, l.end_line, l.column, l.end_column) = (0, 0, 0, 0);
        l.body = l.body.map(|_| (0, 0));
    }
    inventory.skipped.iter_mut().for_each(|s| s.line = None);
    // two notes of one line are one
    inventory.skipped.dedup();
    (inventory.to_json().unwrap(), inventory.to_csv().unwrap())
}

/// The same lists of all texts before and after; the number of loops.
fn compared(before: &[(String, String)], blanks: Blanks, change: impl Fn(&str) -> String) -> usize {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, text) in before {
        write(old.path(), name, text.as_bytes());
        write(new.path(), name, change(text).as_bytes());
    }
    let scan = |dir: &Path| Inventory::scan(dir, &[]).unwrap();
    let (listed, again) = (scan(old.path()), scan(new.path()));
    for (a, b) in listed.loops.iter().zip(&again.loops) {
        let of =
            |l: &crate::inventory::Loop| (l.loop_id.clone(), l.header.clone(), l.trip_count_hint.clone());
        assert_eq!(of(a), of(b), "{blanks:?}");
        assert_eq!(a.content_hash, b.content_hash, "{blanks:?}: {}", a.loop_id);
    }
    let loops = listed.loops.len();
    let ((json, csv), (json_again, csv_again)) = (but_for_places(listed), but_for_places(again));
    for (a, b) in json.lines().zip(json_again.lines()) {
        assert_eq!(a, b, "{blanks:?}");
    }
    assert!(json == json_again, "{blanks:?}: the JSON forms differ");
    assert!(csv == csv_again, "{blanks:?}: the CSV forms differ");
    loops
}

/// Every file of the tree with this extension, that the inventory reads.
fn own(extension: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = Inventory::scan(root, &[]).unwrap().files;
    let wanted = files.into_iter().filter(|f| f.path.ends_with(extension));
    wanted.filter_map(|f| Some((f.path.clone(), std::fs::read_to_string(root.join(&f.path)).ok()?))).collect()
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '"' | '\'')
}

/// Whether two pieces stay two without a blank between them.
fn apart(left: &str, right: &str) -> bool {
    let (Some(a), Some(b)) = (left.chars().next_back(), right.chars().next()) else { return false };
    let bracket = |c: char| "()[]{},;".contains(c);
    // `$name` is read as a word
    let word = |c: char| word(c) || c == '$';
    bracket(a) || bracket(b) || word(a) != word(b)
}

/// `text` with other white space between the tokens at `places`; `glued[i]`: what follows token i follows it as it did.
fn respaced(text: &str, places: &[(Range<usize>, bool)], blanks: Blanks, newlines: bool) -> String {
    let mut out = text[..places.first().map_or(0, |(p, _)| p.start)].to_string();
    for (i, (place, glued)) in places.iter().enumerate() {
        out.push_str(&text[place.clone()]);
        let end = places.get(i + 1).map_or(text.len(), |(next, _)| next.start);
        let gap = &text[place.end..end];
        let next = &text[end..];
        match blanks {
            _ if *glued || !gap.trim().is_empty() => out.push_str(gap),
            Blanks::Everywhere if newlines && i % 3 == 0 => out.push('\n'),
            Blanks::Everywhere => out.push_str("  "),
            Blanks::Nowhere if newlines && apart(&text[place.clone()], next) => {}
            Blanks::Nowhere if !gap.contains('\n') && apart(&text[place.clone()], next) => {}
            Blanks::Nowhere => out.push_str(gap),
        }
    }
    out
}

/// Adds a place that begins after the last one: a doc comment is one place, though it stands for several tokens.
fn put(places: &mut Vec<(Range<usize>, bool)>, range: Range<usize>, glued: bool) {
    if places.last().is_none_or(|(last, _)| last.end <= range.start) {
        places.push((range, glued));
    }
}

fn rust_tokens(stream: TokenStream, places: &mut Vec<(Range<usize>, bool)>) {
    for token in stream {
        let range = token.span().byte_range();
        match token {
            TokenTree::Group(group) => {
                put(places, group.span_open().byte_range(), false);
                rust_tokens(group.stream(), places);
                put(places, group.span_close().byte_range(), false);
            }
            TokenTree::Punct(p) => put(places, range, p.spacing() == Spacing::Joint || p.as_char() == '$'),
            _ => put(places, range, false),
        }
    }
}

fn rust(text: &str, blanks: Blanks) -> String {
    let mut places = Vec::new();
    rust_tokens(text.parse().unwrap(), &mut places);
    for (place, glued) in &mut places {
        // doc comments; `macro_rules!` is one word to the parser, and `#!` without `[` begins a script
        *glued |= text[place.clone()].starts_with("//") || text[place.clone()].starts_with("/*");
        *glued |= &text[place.clone()] == "macro_rules" || text[..place.end].ends_with("#!");
    }
    respaced(text, &places, blanks, true)
}

/// Tokens of C and Python, as far as spacing needs them: words and numbers, strings, operators, and comments and directives,
/// which keep what follows them.
fn plain_tokens(text: &str, python: bool) -> Vec<(Range<usize>, bool)> {
    const OPERATORS: [&str; 27] = [
        "^=", "|=", "&=", "%=", "**=", "//=", ">>=", "<<=", "...", "->", "++", "--", "+=", "-=", "*=", "/=",
        "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "**", "//", ":=",
    ];
    let mut places: Vec<(Range<usize>, bool)> = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let until = |end: &str| rest.find(end).map_or(rest.len(), |n| n + end.len());
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            // the ends of Python's lines, and what they begin with, mean something
            if let Some((_, glued)) = places.last_mut().filter(|_| python && rest[..blank].contains('\n')) {
                *glued = true;
            }
            at += blank;
            continue;
        }
        let long = ["\"\"\"", "'''"].into_iter().find(|mark| python && rest.starts_with(mark));
        let (length, glued) = match first {
            '#' => {
                let mut end = until("\n");
                while !python && rest[..end].ends_with("\\\n") {
                    end += rest[end..].find('\n').map_or(rest.len() - end, |n| n + 1);
                }
                (rest[..end].trim_end().len(), true)
            }
            '/' if !python && rest.starts_with("//") => (until("\n") - 1, true),
            '/' if !python && rest.starts_with("/*") => (until("*/"), true),
            '\\' => (1, true),
            _ if let Some(mark) = long => (3 + rest[3..].find(mark).map_or(rest.len() - 3, |n| n + 3), false),
            '"' | '\'' => (quoted(rest, first), false),
            _ if first.is_alphanumeric() || first == '_' => {
                let length = word_length(rest);
                // the prefix of a string belongs to it
                (length, rest[length..].starts_with(['"', '\'']))
            }
            _ => (
                OPERATORS.iter().find(|o| rest.starts_with(**o)).map_or(first.len_utf8(), |o| o.len()),
                false,
            ),
        };
        places.push((at..at + length, glued));
        at += length;
    }
    places
}

fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    let ends = |(_, c): &(usize, char)| {
        let ends = *c == mark && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    };
    rest.char_indices().skip(1).find(ends).map_or(rest.len(), |(n, _)| n + 1)
}

fn word_length(rest: &str) -> usize {
    let number = rest.starts_with(|c: char| c.is_ascii_digit());
    let mut last = ' ';
    let ends = |c: char| {
        let sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E') && !rest.starts_with("0x");
        last = c;
        !(c.is_alphanumeric() || c == '_' || number && (c == '.' || sign))
    };
    rest.find(ends).unwrap_or(rest.len())
}

fn plain(text: &str, python: bool, blanks: Blanks) -> String {
    respaced(text, &plain_tokens(text, python), blanks, false)
}

const HARD_RUST: &str = "fn f<'a, T: Ord>(v: &'a mut [f64], n: usize) {
    for (i, x) in v.iter_mut().enumerate().skip(n - 1) { *x -= -1.0 * g(&v[i..], &mut n, !b); }
    'outer: while i < n && -j >= 0 || !done { loop { break 'outer; } }
    while let Some(Point { x, y: (_, z), .. }) = stack.pop() && x as usize > 0 {}
    for i in 0..n + 1 {} for i in (a - 1)..=(n >> 1) {}
    for k in 1..rows[i].len() - 1 {}
    v.iter().zip(w).map(|(a, b)| a * b - *c).fold(|| 0.0, |a, &b| a + b);
    (0..n).map(move |i| <T as Trait<u8>>::h::<Vec<Vec<_>>>(i, 'x', \"a  b\", r#\"c  \\\" d\"#)?).collect::<Vec<_>>();
    v.par_chunks_mut(2 * width).for_each(|row| { m!(a, b -> c, |x| x + 1, i<n, &&y, z::<T>()); });
    w.iter().all(|x| m!(a, |x| -x + 1, &y, i < n, b != c, d::e(1)[0]));
    std::iter::repeat::<u8>(1).take(n).sum::<u8>();
    v.windows(k + 1).any(|w| matches!(w, [a, .., b] | [a, b] if a < b && f(-1) != c[0]));
    self.rows.chunks(n)
        .map(|r| r.iter().copied().max())
        .for_each(drop);
    assert!(v.iter().all(|x| x > 0), \"{}\", w.iter().sum::<f64>());
}
macro_rules! m { ($($v:expr),* $(,)?) => { $( for i in 0..$v { g(i, $v); } )* }; }
";

const HARD_C: &str = "void f(struct s *p, double *restrict x) {
    for (int i = 0, j = n; i < (int)sizeof(a) / 2 - 1; i++, --j) x[i] += -p->y[j] * *x - (n)-1;
    for (i = n-1; i >= 0; i -= 2) {} for (;;) {} for (i = 0; i < (n)-1; ++i) {}
    while (*p && !q[i - 1] || (a ? b : ~c & 1)) p++;
    do { x--; } while ((x = g(\"a  b\", 'c', (double *)y, &z)) != -1);
    for (double d = -1.5e-3; d < 1; d += 0.1) {}
}
";

const HARD_PYTHON: &str = "@deco(a = 1)
def f(xs, *args, k = 2, **kw):
    for i in range(n - 1, len(xs) ** 2): pass
    for i, (a, b) in enumerate(xs [1 : n - 1], start = 1): pass
    while not a and b is not None or c not in d and -x < ~y:
        t = [x if x > 0 else -x for x in (1, 2, 3) if x != y]
    u = {k: v for k, v in zip(*xs, strict = True)}
    w = sum(f'{x  + 1}' + \"a  b\" for x in map(lambda q, *r: q @ r, xs) if (y := x))
    for x in xs . rows [ i ] [ : -1 ]: pass
    return {c for c in 'abc'}, max((k for k in xs), default = 0)
";

/// How the loops above are shown, however they are spaced.
const HEADERS: [&str; 34] = [
    "for (i, x) in v.iter_mut().enumerate().skip(n - 1)",
    "'outer: while i < n && -j >= 0 || !done",
    "loop",
    "while let Some(Point { x, y: (_, z), .. }) = stack.pop() && x as usize > 0",
    "for i in 0..n + 1",
    "for i in (a - 1)..=(n >> 1)",
    "for k in 1..rows[i].len() - 1",
    "v.iter().zip(w).map(|(a, b)| a * b - *c).fold(|| 0.0, |a, &b| a + b)",
    r##"(0..n).map(move |i| <T as Trait<u8>>::h::<Vec<Vec<_>>>(i, 'x', "a  b", r#"c  \" d"#)?).collect::<Vec<_>>()"##,
    "v.par_chunks_mut(2 * width).for_each(|row| {…})",
    "w.iter().all(|x| m!(a, |x| -x + 1, &y, i < n, b != c, d::e(1)[0]))",
    "std::iter::repeat::<u8>(1).take(n).sum::<u8>()",
    "v.windows(k + 1).any(|w| matches!(w, [a, .., b] | [a, b] if a < b && f(-1) != c[0]))",
    "self.rows.chunks(n).map(|r| r.iter().copied().max()).for_each(drop)",
    "r.iter().copied().max()",
    "v.iter().all(|x| x > 0)",
    "w.iter().sum::<f64>()",
    "for i in 0.._v",
    "for (int i = 0, j = n; i < (int)sizeof(a) / 2 - 1; i++, --j)",
    "for (i = n - 1; i >= 0; i -= 2)",
    "for (;;)",
    "for (i = 0; i < (n) - 1; ++i)",
    "while (*p && !q[i - 1] || (a ? b : ~c & 1))",
    r##"do {…} while ((x = g("a  b", 'c', (double *)y, &z)) != -1)"##,
    "for (double d = -1.5e-3; d < 1; d += 0.1)",
    "for i in range(n - 1, len(xs) ** 2)",
    "for i, (a, b) in enumerate(xs[1:n - 1], start=1)",
    "while not a and b is not None or c not in d and -x < ~y",
    "[x if x > 0 else -x for x in (1, 2, 3) if x != y]",
    "{k: v for k, v in zip(*xs, strict=True)}",
    r##"(f'{x  + 1}' + "a  b" for x in map(lambda q, *r: q @ r, xs) if (y := x))"##,
    "for x in xs.rows[i][:-1]",
    "{c for c in 'abc'}",
    "(k for k in xs)",
];

#[test]
fn hard_cases_keep_their_lists() {
    let one = |name: &str, text: &str| [(name.to_string(), text.to_string())];
    for blanks in [Blanks::Everywhere, Blanks::Nowhere] {
        assert_eq!(compared(&one("a.rs", HARD_RUST), blanks, |t| rust(t, blanks)), 18);
        assert_eq!(compared(&one("a.c", HARD_C), blanks, |t| plain(t, false, blanks)), 7);
        assert_eq!(compared(&one("a.py", HARD_PYTHON), blanks, |t| plain(t, true, blanks)), 9);
    }
}

#[test]
fn real_files_keep_their_lists() {
    for blanks in [Blanks::Everywhere, Blanks::Nowhere] {
        let rust_files: Vec<_> =
            own(".rs").into_iter().filter(|(_, t)| t.parse::<TokenStream>().is_ok()).collect();
        let found = compared(&rust_files, blanks, |t| rust(t, blanks));
        assert!(found > 1000, "{found} loops of Rust");
        let found = compared(&own(".c"), blanks, |t| plain(t, false, blanks));
        assert!(found > 50, "{found} loops of C");
    }
}

#[test]
fn headers_read_like_code() {
    let inventory = tree(&[("a.rs", HARD_RUST), ("b.c", HARD_C), ("c.py", HARD_PYTHON)]);
    let inventory = Inventory::scan(inventory.path(), &[]).unwrap();
    let found: Vec<&str> = inventory.loops.iter().map(|l| l.header.as_str()).collect();
    assert_eq!(found, HEADERS);
}
