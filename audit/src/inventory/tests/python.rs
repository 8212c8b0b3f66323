//! Python sources: what is listed, and Python's own parser as a second opinion.

use super::{line, scan, tree};
use crate::inventory::{Inventory, LoopKind};
use std::collections::BTreeSet;
use std::process::Command;

const SOURCE: &str = r#"
import asyncio

for i in range(3):  # a comment
    pass

class Sim:
    sizes = [n * 2 for n in (1, 2, 3)]

    @property
    @cached
    def run(self, xs):
        total = sum(x * y for x in xs for y in self.ys if y)
        while total > 0:
            for k in range(2, 10, 4):
                total -= k
        else:
            total = max((k for k in xs), default=0)
        lazy = (x for x in xs)
        mapped = map(str, (x for x in xs))
        return {k: v for k, v in zip(xs, lazy)}, {c for c in "abc"}

    async def later(self):
        async for message in self.queue:
            def inner():
                return any(m in (q for q in message) for m in message)
            print(*(m for m in message), inner())

f = lambda n: [i for i in range(n)]
"#;

#[test]
fn loops_of_every_kind_are_listed() {
    let inventory = scan("a.py", SOURCE);
    assert_eq!(inventory.skipped, []);
    let found: Vec<String> = inventory.loops.iter().map(line).collect();
    let expected = [
        "for 1 (file): for i in range(3)",
        "comprehension 1 Sim: [n * 2 for n in (1, 2, 3)]",
        "comprehension 1 Sim.run: (x * y for x in xs for y in self.ys if y)",
        "while 1 Sim.run: while total > 0",
        "for 2 Sim.run: for k in range(2, 10, 4)",
        "comprehension 1 Sim.run: (k for k in xs)",
        "comprehension 1 Sim.run: {k: v for k, v in zip(xs, lazy)}",
        r#"comprehension 1 Sim.run: {c for c in "abc"}"#,
        "for 1 Sim.later: async for message in self.queue",
        "comprehension 1 Sim.later.inner: (m in (q for q in message) for m in message)",
        "comprehension 2 Sim.later.inner: (q for q in message)",
        "comprehension 2 Sim.later: (m for m in message)",
        "comprehension 1 (file): [i for i in range(n)]",
    ];
    assert_eq!(found, expected);
    let hints: Vec<Option<&str>> =
        inventory.loops.iter().map(|l| l.trip_count_hint.as_deref()).take(5).collect();
    assert_eq!(hints, [Some("3"), Some("3"), None, None, Some("2")]);
    let queue = inventory.loops.iter().find(|l| l.header.starts_with("async for")).unwrap();
    assert_eq!(queue.trip_count_hint, None, "what is awaited has no length");
    let functions: Vec<(&str, u32, u32)> =
        inventory.files[0].functions.iter().map(|f| (f.name.as_str(), f.line, f.end_line)).collect();
    assert_eq!(functions, [("Sim.run", 10, 21), ("Sim.later", 23, 27), ("Sim.later.inner", 25, 26)]);
    assert_eq!(inventory.loops[4].loop_id, "a.py::Sim.run#3");
}

#[test]
fn white_space_changes_no_hash() {
    let spaced = SOURCE.replace("    ", "        ").replace(", ", ",   ").replace("# a comment", "");
    let hashes = |text: &str| -> Vec<String> {
        scan("a.py", text).loops.into_iter().map(|l| l.loop_id + &l.content_hash).collect()
    };
    assert_eq!(hashes(SOURCE), hashes(&spaced));
    assert_ne!(hashes(SOURCE), hashes(&SOURCE.replace("total -= k", "total -= i")));
}

/// Every place (line, column from 0) of a loop that Python's parser sees; generator expressions apart.
const ORACLE: &str = r#"
import ast, sys
for path in sys.argv[1:]:
    with open(path, "rb") as f:
        tree = ast.parse(f.read())
    for node in ast.walk(tree):
        kind = {"For": "for", "AsyncFor": "for", "While": "while", "ListComp": "comprehension", "SetComp": "comprehension",
                "DictComp": "comprehension", "GeneratorExp": "generator"}.get(type(node).__name__)
        if kind:
            print(path, kind, node.lineno, node.col_offset + 1, node.end_lineno, sep="\t")
"#;

#[test]
fn pythons_own_parser_sees_the_same_loops() {
    let python = |args: &[&std::ffi::OsStr]| Command::new("python3").arg("-c").args(args).output().ok();
    let library = python(&["import sysconfig; print(sysconfig.get_paths()['stdlib'])".as_ref()]);
    let Some(library) = library.filter(|o| o.status.success()) else {
        eprintln!("NOT RUN: no python3 to compare Python loops with");
        return;
    };
    let library = String::from_utf8(library.stdout).unwrap();
    let own = tree(&[("own.py", SOURCE)]);
    let mut compared = 0;
    let mut files = vec![own.path().join("own.py")];
    for name in
        ["argparse.py", "ast.py", "difflib.py", "tarfile.py", "typing.py", "statistics.py", "inspect.py"]
    {
        files.push(std::path::Path::new(library.trim()).join(name));
    }
    for file in files.iter().filter(|f| f.is_file()) {
        let said = python(&[ORACLE.as_ref(), file.as_os_str()]).unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said = String::from_utf8(said.stdout).unwrap();
        let (mut loops, mut generators) = (BTreeSet::new(), BTreeSet::new());
        for row in said.lines() {
            let row: Vec<&str> = row.split('\t').collect();
            let place = (row[2].parse::<u32>().unwrap(), row[3].parse::<u32>().unwrap());
            if row[1] == "generator" {
                generators.insert(place);
            } else {
                loops.insert((row[1].to_string(), place, row[4].parse::<u32>().unwrap()));
            }
        }
        let inventory = Inventory::scan(file.parent().unwrap(), std::slice::from_ref(file)).unwrap();
        assert_eq!(inventory.skipped, [], "{}", file.display());
        let mut ours = BTreeSet::new();
        for l in &inventory.loops {
            let place = (l.line, l.column);
            if l.kind == LoopKind::Comprehension && l.header.starts_with('(') {
                assert!(generators.contains(&place), "{}: no generator at {place:?}", file.display());
            } else {
                ours.insert((l.kind.name().to_string(), place, l.end_line));
            }
        }
        assert_eq!(ours, loops, "{}", file.display());
        compared += ours.len();
    }
    assert!(compared > 100, "{compared} loops compared");
}
