//! Tests of the inventory: sources written here, the project's own, and garbage.

mod c;
mod changes;
mod garbage;
mod lookup;
mod macros;
mod oracle;
mod python;
mod rust;
mod spacing;
mod tree;

use super::{Inventory, Loop};
use std::path::Path;

/// A directory with the given files.
pub(super) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(dir.path(), name, text.as_bytes());
    }
    dir
}

pub(super) fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The inventory of one file.
pub(super) fn scan(name: &str, text: &str) -> Inventory {
    Inventory::scan(tree(&[(name, text)]).path(), &[]).unwrap()
}

/// `kind depth function: header` of every loop of a Rust source.
pub(super) fn rust(text: &str) -> Vec<String> {
    let inventory = scan("a.rs", text);
    assert_eq!(inventory.skipped, [], "{text}");
    inventory.loops.iter().map(line).collect()
}

/// The same for a C source.
pub(super) fn c(text: &str) -> Vec<String> {
    scan("a.c", text).loops.iter().map(line).collect()
}

fn line(l: &Loop) -> String {
    format!("{} {} {}: {}", l.kind.name(), l.depth, l.function, l.header)
}

/// The trip-count hint of the first loop of a function body in Rust.
pub(super) fn trips(body: &str) -> Option<String> {
    let inventory = scan("a.rs", &format!("fn f() {{ {body} }}"));
    inventory.loops.first().unwrap_or_else(|| panic!("no loop in {body}")).trip_count_hint.clone()
}
