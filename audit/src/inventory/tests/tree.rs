//! Whole trees: what is read, what is left out, and the forms that are written.

use super::{scan, tree, write};
use crate::inventory::{Inventory, InventoryError, Status};
use std::path::{Path, PathBuf};

const LOOP: &str = "fn f() { loop {} }\n";

fn modules(root: &Path, paths: &[&str]) -> Vec<String> {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    Inventory::scan(root, &paths).unwrap().files.into_iter().map(|f| f.path).collect()
}

#[test]
fn ignored_files_are_left_out_without_git() {
    let dir = tree(&[
        (".gitignore", "/target\n*.gen.rs\n"),
        ("a.rs", LOOP),
        ("a.gen.rs", LOOP),
        ("target/b.rs", LOOP),
        (".hidden/c.rs", LOOP),
        ("sub/.gitignore", "d.rs\n"),
        ("sub/d.rs", LOOP),
        ("sub/e.c", "int x;\n"),
        ("sub/e.h", "int y;\n"),
        ("notes.txt", "for x in y {}"),
    ]);
    assert_eq!(modules(dir.path(), &[]), ["a.rs", "sub/e.c", "sub/e.h"]);
    assert_eq!(modules(dir.path(), &["sub"]), ["sub/e.c", "sub/e.h"]);
    assert_eq!(modules(dir.path(), &["./sub/e.c", "a.rs"]), ["a.rs", "sub/e.c"]);
    assert_eq!(modules(dir.path(), &["target/b.rs"]), ["target/b.rs"], "named: read although ignored");
    let absolute = dir.path().join("sub");
    assert_eq!(modules(dir.path(), &[absolute.to_str().unwrap()]), ["sub/e.c", "sub/e.h"]);
}

#[test]
fn wrong_paths_are_errors_that_name_them() {
    let dir = tree(&[("a.rs", LOOP)]);
    let error = Inventory::scan(dir.path(), &[PathBuf::from("no.rs")]).unwrap_err();
    assert!(matches!(error, InventoryError::Path { .. }) && error.to_string().contains("no.rs"), "{error}");
    let error = Inventory::scan(dir.path(), &[PathBuf::from("/")]).unwrap_err();
    assert!(matches!(error, InventoryError::Outside { .. }), "{error}");
    assert!(Inventory::scan(&dir.path().join("none"), &[]).is_err());
}

#[test]
fn what_cannot_be_read_is_recorded() {
    let dir =
        tree(&[("a.rs", LOOP), ("broken.rs", "fn f() {\n  loop {}\n}\nfn ) {\n"), ("named.txt", "x = 1\n")]);
    write(dir.path(), "latin.c", b"/* caf\xe9 */ void f(void) { for (;;) ; }\n");
    write(dir.path(), "binary.rs", b"fn f() {}\0\0");
    let inventory = Inventory::scan(dir.path(), &[PathBuf::new(), PathBuf::from("named.txt")]).unwrap();
    let notes: Vec<String> =
        inventory.skipped.iter().map(|s| format!("{}:{:?} {}", s.path, s.line, s.reason)).collect();
    assert_eq!(
        notes,
        [
            "binary.rs:None not read: binary (contains NUL bytes)",
            "broken.rs:Some(4) syntax not understood here; loops inside it may be missing",
            "latin.c:Some(1) not UTF-8: 1 bytes read as `?`",
            "named.txt:None not read: neither Rust (.rs) nor C (.c, .h) nor Python (.py, .pyi)",
        ]
    );
    let ids: Vec<&str> = inventory.loops.iter().map(|l| l.loop_id.as_str()).collect();
    assert_eq!(ids, ["a.rs::f#1", "broken.rs::f#1", "latin.c::f#1"], "what could be read is listed");
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    let dir = tree(&[("src/a.rs", LOOP)]);
    std::os::unix::fs::symlink(dir.path(), dir.path().join("src/up")).unwrap();
    std::os::unix::fs::symlink("a.rs", dir.path().join("src/b.rs")).unwrap();
    let inventory = Inventory::scan(dir.path(), &[]).unwrap();
    assert_eq!(inventory.files.len(), 1);
    let skipped: Vec<&str> = inventory.skipped.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(skipped, ["src/b.rs", "src/up"]);
}

#[test]
fn cargo_tells_what_is_not_shipped() {
    let dir = tree(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"p\", \"tests\"]\n"),
        ("p/Cargo.toml", "[package]\nname = \"p\"\n[[bin]]\nname = \"x\"\npath = \"examples/x.rs\"\n"),
        ("p/build.rs", LOOP),
        ("p/benches/b.rs", LOOP),
        ("p/tests/t.rs", LOOP),
        ("p/examples/x.rs", LOOP),
        ("p/src/lib.rs", "#[cfg(test)] mod tests; mod a; #[cfg(test)] #[path = \"odd.rs\"] mod o; mod both;"),
        ("p/src/tests.rs", "mod deep; fn f() { loop {} }"),
        ("p/src/tests/deep.rs", LOOP),
        ("p/src/odd.rs", LOOP),
        ("p/src/a.rs", LOOP),
        ("p/src/both.rs", LOOP),
        ("p/src/main.rs", "#[cfg(test)] mod both;"),
        ("tests/Cargo.toml", "[package]\nname = \"tests\"\n"),
        ("tests/src/lib.rs", LOOP),
    ]);
    let inventory = Inventory::scan(dir.path(), &[]).unwrap();
    let safe: Vec<(&str, bool)> =
        inventory.loops.iter().map(|l| (l.module.as_str(), l.status == Status::Safe)).collect();
    assert_eq!(
        safe,
        [
            ("p/benches/b.rs", true),
            ("p/build.rs", true),
            ("p/examples/x.rs", false),
            ("p/src/a.rs", false),
            ("p/src/both.rs", false),
            ("p/src/odd.rs", true),
            ("p/src/tests.rs", true),
            ("p/src/tests/deep.rs", true),
            ("p/tests/t.rs", true),
            ("tests/src/lib.rs", false),
        ]
    );
}

#[test]
fn every_form_is_the_same_from_run_to_run() {
    let dir = tree(&[
        ("a.rs", LOOP),
        ("b/c.c", "void f(void) { for (;;) ; }\n"),
        ("b/d.rs", LOOP),
        ("bad.rs", "fn ("),
    ]);
    let forms = || {
        let inventory = Inventory::scan(dir.path(), &[]).unwrap();
        (inventory.to_json().unwrap(), inventory.to_csv().unwrap(), inventory.summary(None))
    };
    let (json, csv, page) = forms();
    assert_eq!((json.clone(), csv.clone(), page.clone()), forms());
    assert!(!json.contains(dir.path().to_str().unwrap()), "no place of the machine in the file");
    assert!(csv.starts_with("module,line,end_line,column,"));
    assert_eq!(csv.lines().count(), 4);
    for part in ["| c | 1 |", "| rust | 2 |", "| uncertain | 3 |", "| b/c.c | 1 |", "bad.rs:1: "] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn json_is_read_back() {
    let inventory = scan("a.rs", "fn f() { for i in 0..n {} }\nfn ) {");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i.json");
    inventory.write_json(std::fs::File::create(&path).unwrap()).unwrap();
    assert_eq!(Inventory::read_json(&path).unwrap(), inventory);
    for (wrong, says) in [
        ("{}", "schema"),
        ("[", "EOF"),
        ("{\"schema\":\"x\",\"files\":[],\"loops\":[],\"skipped\":[]}", "\"x\""),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = Inventory::read_json(&path).unwrap_err().to_string();
        assert!(error.contains("i.json") && error.contains(says), "{error}");
    }
    assert!(matches!(Inventory::read_json(&dir.path().join("none")), Err(InventoryError::Path { .. })));
}

#[test]
fn known_texts_give_the_same_list_and_edited_ones_are_read_anew() {
    // one text under two names: what depends on the place is not remembered
    let text = "pub fn known_text() { for i in 0..9 { g(i); } }\n";
    let dir = tree(&[("a.rs", text), ("b.rs", text), ("c.c", "void f(void) { for (;;) g(); }\n")]);
    let both = || {
        let known = Inventory::scan_known(dir.path(), &[]).unwrap();
        assert_eq!(known, Inventory::scan(dir.path(), &[]).unwrap());
        known.loops.len()
    };
    assert_eq!((both(), both()), (3, 3));
    write(dir.path(), "b.rs", text.replace("g(i);", "loop {}").as_bytes());
    assert_eq!(both(), 4);
}
