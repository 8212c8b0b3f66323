//! What the documents say about the tree is true, and the tree keeps its own rules.
#![expect(clippy::panic, reason = "helpers of tests stop the test that called them")]

use std::collections::BTreeSet;

use bragg_tests::programs::workspace_root;
use bragg_tests::tree::{TextFile, paths, text_files, text_of};
use toml::{Table, Value};

const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONVENTIONS.md"];

fn toml_of(path: &str) -> Table {
    text_of(path).parse().unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// The table at a path of keys; empty where there is none.
fn table(root: &Table, keys: &[&str]) -> Table {
    let mut at = root.clone();
    for key in keys {
        at = at.get(*key).and_then(Value::as_table).cloned().unwrap_or_default();
    }
    at
}

#[test]
fn paths_in_the_documents_exist() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        for (number, line) in text_of(document).lines().enumerate() {
            for path in tree_paths(line) {
                if !exists(&path) {
                    missing.push(format!("{document}:{}: {path}", number + 1));
                }
            }
        }
    }
    assert_none(&missing, "paths that are not in the tree");
}

/// Words of a line that mean a file or a folder of the tree, with braces expanded.
fn tree_paths(line: &str) -> Vec<String> {
    const PLACES: [&str; 8] =
        ["simulator/", "audit/", "tests/", "scripts/", ".ci/", "src/", "c_engine/", "benches/"];
    const ROOT_FILES: [&str; 3] = [".toml", ".md", ".lock"];
    let separators = |c: char| c.is_whitespace() || "`\"'()[],;→=|".contains(c);
    // A comma inside braces separates alternatives, not words.
    let mut depth = 0;
    let kept: String = line
        .chars()
        .map(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if c == ',' && depth > 0 { '\u{1}' } else { c }
        })
        .collect();
    kept.split(separators)
        .map(|word| word.trim_end_matches(['.', ':', '!', '?']))
        .filter(|word| {
            let placeholder = word.contains(['<', '*', '…', '$', '#', ':', '>']) || word.contains("..");
            let in_tree = PLACES.iter().any(|place| word.starts_with(place));
            let at_root = !word.contains('/')
                && ROOT_FILES.iter().any(|end| word.len() > end.len() && word.ends_with(end));
            !placeholder && (in_tree || at_root)
        })
        .flat_map(expand)
        .collect()
}

/// `a/{b,c}.rs` as `a/b.rs`, `a/c.rs`; the commas are the marks that `tree_paths` put there.
fn expand(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![word.to_owned()] };
    choices.split('\u{1}').flat_map(|choice| expand(&format!("{before}{choice}{after}"))).collect()
}

/// A path counts from the root, or, as in a drawing of the tree, from a package.
fn exists(path: &str) -> bool {
    // Written by the audit, not part of the tree.
    const WRITTEN: [&str; 6] =
        ["summary.md", "blockers.md", "backlog.md", "design.md", "Cargo.lock", "config.toml"];
    let root = workspace_root();
    WRITTEN.contains(&path)
        || ["", "simulator", "audit", "tests", "simulator/src", "audit/src"]
            .iter()
            .any(|place| root.join(place).join(path).exists())
}

#[test]
fn expanding_and_finding_paths() {
    assert_eq!(expand("a/{b\u{1}c}.rs"), ["a/b.rs", "a/c.rs"]);
    assert_eq!(
        tree_paths("see `simulator/src/{cli,image}.rs`, audit.toml."),
        ["simulator/src/cli.rs", "simulator/src/image.rs", "audit.toml"]
    );
    assert_eq!(
        tree_paths("reports/<initiative>/x.md, http://a/simulator/b, simulator/c_engine/sum.c::f#1"),
        Vec::<String>::new()
    );
    assert!(!exists("simulator/no-such-file.rs"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in text_files().iter().filter(|file| file.extension() == "md") {
        let folder = workspace_root().join(&file.path);
        let folder = folder.parent().expect("a file lies in a folder");
        for link in file.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            let elsewhere = link.is_empty() || link.contains("://") || link.starts_with("mailto:");
            if !elsewhere && !folder.join(link).exists() {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert_none(&broken, "links to nothing");
}

fn members() -> Vec<String> {
    let workspace = toml_of("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().expect("members").clone();
    members.iter().filter_map(|member| member.as_str().map(str::to_owned)).collect()
}

#[test]
fn every_dependency_has_its_reason_and_is_used() {
    let architecture = text_of("ARCHITECTURE.md");
    let declared = table(&toml_of("Cargo.toml"), &["workspace", "dependencies"]);
    assert!(declared.len() > 10, "the workspace's dependencies were not found");
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for member in members() {
        let manifest = toml_of(&format!("{member}/Cargo.toml"));
        let mut tables = vec![manifest.clone()];
        tables.extend(table(&manifest, &["target"]).values().filter_map(|target| target.as_table().cloned()));
        for (tables, kind) in tables
            .iter()
            .flat_map(|t| ["dependencies", "dev-dependencies", "build-dependencies"].map(|k| (t, k)))
        {
            for (name, value) in table(tables, &[kind]) {
                if value.get("workspace") != Some(&Value::Boolean(true)) {
                    found.push(format!("{member}/Cargo.toml: {name} does not take the workspace's version"));
                }
                used.insert(name);
            }
        }
    }
    for (name, value) in &declared {
        let ours = value.get("path").is_some();
        if !ours && !has_reason(&architecture, name) {
            found.push(format!("ARCHITECTURE.md has no row for {name} with why it is there"));
        }
        if !ours && !used.contains(name) {
            found.push(format!("Cargo.toml: no member uses {name}"));
        }
    }
    assert_none(&found, "dependencies");
}

/// A row `| name | why |` of a table; several names of one purpose share a row.
fn has_reason(architecture: &str, dependency: &str) -> bool {
    architecture.lines().any(|line| {
        let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
        let (names, reason) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let named = names.split([',', ' ', '`']).any(|name| name == dependency);
        named && line.trim().starts_with('|') && reason.len() >= 5
    })
}

#[test]
fn every_lint_says_why() {
    let text = text_of("Cargo.toml");
    let mut section = "";
    let mut silent = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.starts_with("[workspace.lints")
            && line.contains('=')
            && !line.trim_start().starts_with('#')
        {
            count += 1;
            let reason = line.split_once('#').map_or("", |(_, reason)| reason.trim());
            if reason.len() < 5 {
                silent.push(line.to_owned());
            }
        }
    }
    assert!(count >= 5, "only {count} workspace lints were found");
    assert_none(&silent, "lints without a reason");
    for member in members() {
        let lints = table(&toml_of(&format!("{member}/Cargo.toml")), &["lints"]);
        assert_eq!(
            lints.get("workspace"),
            Some(&Value::Boolean(true)),
            "{member} does not take the workspace's lints"
        );
    }
}

#[test]
fn what_users_run_is_what_is_profiled() {
    let manifest = toml_of("Cargo.toml");
    let release = table(&manifest, &["profile", "release"]);
    assert_eq!(release.get("debug").and_then(Value::as_str), Some("line-tables-only"));
    assert_eq!(release.get("lto").and_then(Value::as_bool), Some(false));
    assert_eq!(release.get("strip").and_then(Value::as_str), Some("none"));
    assert!(
        release.keys().all(|key| ["debug", "lto", "strip"].contains(&key.as_str())),
        "further keys: {release:?}"
    );
    let mut found = Vec::new();
    for file in text_files() {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let config = file.path.contains(".cargo/config");
        let build = config
            || name == "build.rs"
            || file.path.starts_with("scripts/")
            || file.path.starts_with(".ci/");
        for (number, line) in file.text.lines().enumerate().filter(|_| build) {
            let code = line.split("//").next().unwrap_or_default();
            let code = if code.trim_start().starts_with('#') { "" } else { code };
            for flag in ["target-cpu", "-march", "-mtune", "-ffast-math", "-Ofast", "target-feature"] {
                if code.contains(flag) {
                    found.push(format!("{}:{}: {flag}", file.path, number + 1));
                }
            }
        }
        if config && file.text.contains("[profile") {
            found.push(format!("{}: a profile outside Cargo.toml", file.path));
        }
    }
    assert_none(&found, "flags that make the build of one machine another");
}

fn sources(extensions: &[&str]) -> Vec<TextFile> {
    let sources: Vec<TextFile> =
        text_files().into_iter().filter(|file| extensions.contains(&file.extension())).collect();
    assert!(!sources.is_empty(), "no sources with {extensions:?}");
    sources
}

#[test]
fn files_are_short_or_say_why_not() {
    let long = sources(&["rs", "c", "h", "py", "sh"]).into_iter().filter(|file| {
        let lines = file.text.lines().count();
        let reason = file.text.lines().take(30).any(|line| line.contains("Long because "));
        lines > 500 && !reason
    });
    let long: Vec<String> =
        long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect();
    assert_none(&long, "files over 500 lines without `Long because …` in their header");
}

#[test]
fn every_source_says_what_it_is() {
    let silent = |file: &TextFile| match file.extension() {
        "rs" => !file.text.starts_with("//! ") || file.text.starts_with("//! \n"),
        _ => !(file.text.starts_with("/*") || file.text.starts_with("// ")),
    };
    let silent: Vec<String> =
        sources(&["rs", "c", "h"]).into_iter().filter(silent).map(|file| file.path).collect();
    assert_none(&silent, "sources that do not begin with what they are");
}

#[test]
fn nothing_in_the_tree_knows_the_machine_it_was_written_on() {
    // Written in halves, so that this file does not find itself.
    let places = [
        ["/work/", "main"],
        ["/work/", "shared"],
        ["/tmp", "/wt"],
        ["/ro", "ot/"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["crates.io", "-index"],
        ["registry.", "npmjs"],
        ["files.python", "hosted"],
    ];
    let words = [
        ["ses", "sion"],
        ["ses", "sions"],
        ["age", "nt"],
        ["age", "nts"],
        ["cla", "ude"],
        ["anth", "ropic"],
        ["chat", "gpt"],
        ["ll", "m"],
        ["co", "pilot"],
    ];
    // Where such a word has its technical meaning: phrases, and folders (a sampler's run from start to stop).
    let technical = ["user agent", "user-agent", "session leader", "setsid"];
    let technical_folders = ["audit/src/profile/"];
    let mut found = Vec::new();
    for file in text_files().iter().filter(|file| file.path != "Cargo.lock") {
        for (number, line) in file.text.lines().enumerate() {
            let lower = line.to_lowercase();
            let mut complain = |what: &str| found.push(format!("{}:{}: {what}", file.path, number + 1));
            for place in &places {
                if lower.contains(&place.concat()) {
                    complain(&place.concat());
                }
            }
            let harmless = technical.iter().any(|phrase| lower.contains(phrase))
                || technical_folders.iter().any(|folder| file.path.starts_with(folder));
            let mut in_line = lower.split(|c: char| !c.is_alphanumeric());
            if let Some(word) = in_line.find(|word| words.iter().any(|halves| halves.concat() == **word))
                && !harmless
            {
                complain(word);
            }
        }
    }
    assert_none(&found, "words that do not belong in the tree");
}

#[test]
fn the_two_commands_of_the_readme_are_real() {
    let readme = text_of("README.md");
    for command in ["cargo run --release -p bragg-audit -- run", "scripts/test"] {
        assert!(readme.lines().any(|line| line.contains(command)), "README.md does not give `{command}`");
    }
    let test = text_of("scripts/test");
    for step in ["cargo fmt", "cargo clippy", "cargo build", "cargo test", "cargo doc"] {
        assert!(
            test.contains(step.trim_start_matches("cargo ")) && test.contains("cargo"),
            "scripts/test has no {step}"
        );
    }
    assert!(text_of(".ci/run").contains("scripts/test"), ".ci/run does not call scripts/test");
    let audit =
        std::process::Command::new(bragg_tests::programs::binary("bragg-audit")).arg("--help").output();
    let help = String::from_utf8_lossy(&audit.expect("bragg-audit --help").stdout).into_owned();
    for command in ["run", "inventory", "capture", "hot-loops", "backlog", "status"] {
        let listed = help.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(listed, "bragg-audit --help does not list {command}:\n{help}");
    }
}

#[test]
fn scripts_can_be_run_and_stop_at_the_first_failure() {
    use std::os::unix::fs::PermissionsExt;
    let scripts: Vec<String> =
        paths().into_iter().filter(|p| p.starts_with("scripts/") || p == ".ci/run").collect();
    assert!(scripts.len() >= 3, "{scripts:?}");
    for script in scripts {
        let mode = std::fs::metadata(workspace_root().join(&script)).expect("a script").permissions().mode();
        assert!(mode & 0o111 == 0o111, "{script} cannot be run: chmod +x");
        let text = text_of(&script);
        assert!(text.starts_with("#!/usr/bin/env bash\n"), "{script}: the first line");
        assert!(text.contains("set -euo pipefail"), "{script}: set -euo pipefail");
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let version =
        toml_of("Cargo.toml")["workspace"]["package"]["version"].as_str().expect("a version").to_owned();
    let changelog = text_of("CHANGELOG.md");
    let headed = changelog.lines().any(|line| line.starts_with('#') && line.contains(&version));
    assert!(headed, "CHANGELOG.md has no heading for {version}");
}

#[test]
fn the_licences_are_there() {
    assert!(text_of("LICENSE-MIT").starts_with("MIT License\n"));
    assert!(text_of("LICENSE-APACHE").contains("Version 2.0, January 2004"));
    let manifest = toml_of("Cargo.toml");
    assert_eq!(manifest["workspace"]["package"]["license"].as_str(), Some("MIT OR Apache-2.0"));
    for member in members() {
        let package = table(&toml_of(&format!("{member}/Cargo.toml")), &["package"]);
        let taken = package.get("license").and_then(|l| l.get("workspace")) == Some(&Value::Boolean(true));
        assert!(taken, "{member}: license.workspace = true");
    }
    let readme = text_of("README.md");
    assert!(readme.contains("MIT") && readme.contains("Apache-2.0"), "README.md does not name the licences");
}

#[test]
fn the_pinned_compiler_is_the_one_that_is_promised() {
    let pinned =
        toml_of("rust-toolchain.toml")["toolchain"]["channel"].as_str().expect("a channel").to_owned();
    let promised =
        toml_of("Cargo.toml")["workspace"]["package"]["rust-version"].as_str().expect("a version").to_owned();
    assert!(
        pinned.starts_with(&promised),
        "rust-toolchain.toml pins {pinned}, Cargo.toml promises {promised}"
    );
}
