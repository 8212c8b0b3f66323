//! The tests of a Rust workspace, listed from its sources without building anything.
//!
//! A test is a function under `#[test]`, an attribute whose path ends in `::test` (as async runtimes have), or
//! `#[rstest]`; also inside macro calls such as `proptest!`. Doc tests are not listed. Each has the name that
//! cargo's test runner prints: the module path that the file's place implies, inline modules, the function.
//! Tests that a configuration leaves out are listed too, since sources alone do not tell the configuration.
//! A test function in a `macro_rules!` body stands for as many tests as the macro makes: it is not counted,
//! and the list says so.

use crate::inventory::{TestFunction, Texts, read_tree};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The tests of a source tree, sorted by file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestList {
    /// One entry per test function.
    pub tests: Vec<TestEntry>,
    /// Number of entries.
    pub count: usize,
    /// Why the list is missing or not whole.
    pub problem: Option<String>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestEntry {
    /// File, from the root, with `/`.
    pub path: String,
    /// As the test runner prints it.
    pub name: String,
    /// Line of the function, from 1.
    pub line: u32,
}

impl TestList {
    /// Lists the tests below `root`. What goes wrong is told in `problem`; the list then holds what was found.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let found = match read_tree(root, &[], Texts::Known) {
            Ok(found) => found,
            Err(error) => return Self { problem: Some(error.to_string()), ..Self::default() },
        };
        let (generated, listed): (Vec<_>, Vec<_>) = found.tests.into_iter().partition(|(_, t)| t.generated);
        let mut tests: Vec<TestEntry> = listed.into_iter().map(entry).collect();
        tests.sort_by(|a, b| (&a.path, a.line, &a.name).cmp(&(&b.path, b.line, &b.name)));
        let rust = |path: &str| path.ends_with(".rs");
        let partly = found.inventory.skipped.iter().filter(|s| rust(&s.path)).count();
        let mut problems = Vec::new();
        if !generated.is_empty() {
            let places: Vec<String> =
                generated.iter().map(|(path, t)| format!("{path}:{}", t.line)).collect();
            problems.push(format!("tests made by macros are not counted: {}", places.join(", ")));
        }
        if partly > 0 {
            problems
                .push(format!("{partly} places in Rust files were not read, see `skipped` of the inventory"));
        }
        if tests.is_empty() {
            problems.push(format!("no test function below {}", root.display()));
        }
        Self { count: tests.len(), tests, problem: (!problems.is_empty()).then(|| problems.join("; ")) }
    }

    /// One test per line, then the problem if there is one, then the count.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for test in &self.tests {
            text.push_str(&format!("{}:{}: {}\n", test.path, test.line, test.name));
        }
        if let Some(problem) = &self.problem {
            text.push_str(&format!("problem: {problem}\n"));
        }
        text + &format!("{} tests\n", self.count)
    }
}

fn entry((path, test): (String, TestFunction)) -> TestEntry {
    let module = file_module(&path);
    let name = if module.is_empty() { test.name } else { format!("{module}::{}", test.name) };
    TestEntry { path, name, line: test.line }
}

/// Module path of a file within its crate, by where it lies: below the last `src/`, or the root of a crate of
/// its own in `tests/`, `benches/`, `examples/` and `src/bin/`.
fn file_module(path: &str) -> String {
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let below = |name: &str| parts.iter().rposition(|part| *part == name).map(|i| &parts[i + 1..]);
    let inside = match below("src") {
        Some(["bin", _, rest @ ..]) => rest,
        Some(inside) => inside,
        None => {
            let target = ["tests", "benches", "examples"].into_iter().find_map(below);
            target.map_or(&[][..], |inside| inside.get(1..).unwrap_or(&[]))
        }
    };
    match inside {
        ["lib" | "main"] => String::new(),
        [path @ .., "mod"] => path.join("::"),
        path => path.join("::"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(files: &[(&str, &str)]) -> TestList {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        TestList::of(dir.path())
    }

    #[test]
    fn names_are_those_of_the_test_runner() {
        let found = list(&[
            (
                "p/src/lib.rs",
                "/// ```\n/// #[test]\n/// fn doc() {}\n/// ```\n#[cfg(test)] mod tests { #[test] fn a() {} fn b() {} }",
            ),
            ("p/src/deep/mod.rs", "#[test]\n#[should_panic]\nfn c() {}"),
            ("p/src/deep/x/tests.rs", "#[tokio::test(flavor = \"multi_thread\")] async fn d() {}"),
            ("p/src/bin/tool.rs", "mod tests { #[test] fn e() {} }"),
            (
                "p/tests/cli.rs",
                "#[test] fn f() {}\n// #[test] fn no() {}\nconst S: &str = \"#[test] fn no() {}\";",
            ),
            (
                "p/src/props.rs",
                "proptest! {\n #[test]\n fn g(x in 0..3) { check(x) }\n #[test] fn h(y in 0..3) {} }",
            ),
        ]);
        assert_eq!(
            found.text(),
            "p/src/bin/tool.rs:1: tests::e
p/src/deep/mod.rs:3: deep::c
p/src/deep/x/tests.rs:1: deep::x::tests::d
p/src/lib.rs:5: tests::a
p/src/props.rs:3: props::g
p/src/props.rs:4: props::h
p/tests/cli.rs:1: f
7 tests
"
        );
        assert_eq!((found.count, found.problem), (7, None));
    }

    #[test]
    fn what_is_missing_is_said() {
        let found = list(&[(
            "a.rs",
            "macro_rules! m { ($n:ident) => { #[test] fn $n() {} }; }\n#[test] fn t() {}\nfn )",
        )]);
        assert_eq!(found.count, 1);
        let problem = found.problem.clone().unwrap();
        assert!(problem.contains("a.rs:1") && problem.contains("1 places"), "{problem}");
        assert!(found.text().ends_with("1 tests\n") && found.text().contains("\nproblem: "));
        assert!(list(&[("a.txt", "")]).problem.unwrap().starts_with("no test function"));
        let none = TestList::of(Path::new("/nowhere/at/all"));
        assert_eq!((none.count, none.problem.is_some()), (0, true));
    }

    #[test]
    fn our_own_tests_are_listed() {
        let found = TestList::of(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let me = "tests_list::tests::our_own_tests_are_listed";
        assert_eq!(found.tests.iter().filter(|t| t.name == me).count(), 1);
        assert!(found.tests.iter().any(|t| t.name == "inventory::tests::garbage::any_bytes"));
    }
}
