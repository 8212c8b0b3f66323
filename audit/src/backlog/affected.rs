//! Which tests a change of a loop can break.

use super::Candidate;
use crate::inventory::Inventory;
use crate::tests_list::{TestEntry, TestList};
use serde::{Deserialize, Serialize};

/// How the tests were chosen, as it is printed.
const RULE: &str = "tests in the loop's file or in its `tests` module, and tests anywhere whose name holds the loop's \
                    function, type or module as whole words";
/// Names that say too little to look for.
const COMMON: [&str; 12] =
    ["new", "run", "main", "test", "tests", "build", "mod", "lib", "from", "next", "default", "value"];

/// The tests that are likeliest to break.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedTests {
    /// How they were chosen.
    pub rule: String,
    /// In the loop's file or its `tests` module.
    pub same_module: Vec<String>,
    /// Elsewhere, by name, with their file.
    pub by_name: Vec<String>,
    /// Other tests of the same package.
    pub others_in_package: usize,
    /// Why the list of tests is not whole.
    pub problem: Option<String>,
}

impl AffectedTests {
    pub(super) fn of(candidate: &Candidate, inventory: &Inventory, tests: &TestList) -> Self {
        let own = test_home(&candidate.module);
        let function = inventory.by_id(&candidate.loop_id).map_or("", |l| l.function.as_str());
        let stem = candidate.module.rsplit('/').next().unwrap_or("").split('.').next().unwrap_or("");
        let words: Vec<String> = function
            .split("::")
            .chain([stem])
            .map(snake)
            .filter(|w| w.len() > 3 && !COMMON.contains(&w.as_str()))
            .collect();
        let package = package_directory(&candidate.module);
        let mut affected = Self { rule: RULE.into(), problem: tests.problem.clone(), ..Self::default() };
        for test in &tests.tests {
            let same_file = test.path == candidate.module || test.path == format!("{own}/tests.rs");
            if same_file || test.path.starts_with(&format!("{own}/tests/")) {
                affected.same_module.push(test.name.clone());
            } else if words.iter().any(|word| names(test, word)) {
                affected.by_name.push(format!("{} ({})", test.name, test.path));
            } else if package.is_some() && package == package_directory(&test.path) {
                affected.others_in_package += 1;
            }
        }
        affected
    }
}

/// Directory of the `tests` module of a file: that of the file for `lib.rs`, `main.rs` and `mod.rs`.
fn test_home(module: &str) -> String {
    let (directory, file) = module.rsplit_once('/').unwrap_or(("", module));
    let stem = file.trim_end_matches(".rs");
    match stem {
        "lib" | "main" | "mod" => directory.to_string(),
        stem if directory.is_empty() => stem.to_string(),
        stem => format!("{directory}/{stem}"),
    }
}

/// Directory of a file's package with its `/`, by cargo's layout.
pub(super) fn package_directory(path: &str) -> Option<&str> {
    ["src/", "tests/", "benches/", "examples/"].iter().find_map(|dir| {
        let inner = path.rfind(&format!("/{dir}")).map(|at| &path[..=at]);
        inner.or_else(|| path.starts_with(dir).then_some(""))
    })
}

/// `RowSums` and `row_sums` as `row_sums`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Whether the test's name holds `word`, bounded by `_`, `::` or the ends.
fn names(test: &TestEntry, word: &str) -> bool {
    let name = test.name.replace("::", "_");
    format!("_{name}_").contains(&format!("_{word}_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_homes() {
        assert_eq!(package_directory("simulator/src/physics/x.rs"), Some("simulator/"));
        assert_eq!(package_directory("tests/src/lib.rs"), Some("tests/"));
        assert_eq!(package_directory("src/lib.rs"), Some(""));
        assert_eq!(package_directory("a/tests/cli.rs"), Some("a/"));
        assert_eq!(package_directory("x.rs"), None);
        assert_eq!(test_home("a/src/lib.rs"), "a/src");
        assert_eq!(test_home("a/src/x.rs"), "a/src/x");
        assert_eq!(test_home("a/src/x/mod.rs"), "a/src/x");
    }

    #[test]
    fn whole_words_only() {
        let test = TestEntry { path: "t.rs".into(), name: "tests::row_sums_are_exact".into(), line: 1 };
        assert!(names(&test, "row_sums") && names(&test, &snake("RowSums")) && names(&test, "sums"));
        assert!(!names(&test, "row_sum") && !names(&test, "exac"));
    }
}
