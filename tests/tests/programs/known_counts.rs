//! Entries and iterations of loops from coverage builds, of programs whose counts are known: `fixtures/counted` in Rust, and
//! `fixtures/known_costs_c` in C. Exact or absent, nothing between.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use bragg_audit::hot_loops::{Exact, exact};
use bragg_audit::inventory::Inventory;
use bragg_tests::programs::{not_run, temporary_folder, workspace_root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command; its output, or `None` when it cannot be run or fails.
fn output(command: &mut Command) -> Option<Vec<u8>> {
    command.output().ok().filter(|o| o.status.success()).map(|o| o.stdout)
}

/// `llvm-profdata` and `llvm-cov` of any toolchain's component `llvm-tools`, newest name last, then those on the path.
fn llvm_tools() -> Vec<(PathBuf, PathBuf)> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]));
    let sysroot = PathBuf::from(String::from_utf8(sysroot.unwrap_or_default()).unwrap_or_default().trim());
    let toolchains = sysroot.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut folders = vec![sysroot];
    folders.extend(std::fs::read_dir(toolchains).into_iter().flatten().flatten().map(|e| e.path()));
    let host = format!("lib/rustlib/{}-unknown-linux-gnu/bin", std::env::consts::ARCH);
    let mut found: Vec<(PathBuf, PathBuf)> = folders
        .iter()
        .map(|f| (f.join(&host).join("llvm-profdata"), f.join(&host).join("llvm-cov")))
        .filter(|(a, b)| a.is_file() && b.is_file())
        .collect();
    found.push(("llvm-profdata".into(), "llvm-cov".into()));
    found
}

/// The counts that `llvm-cov` exports of the fixture; `None` where no tool understands this compiler's profiles.
fn llvm_counts(folder: &Path) -> Option<PathBuf> {
    let source = workspace_root().join("tests/fixtures/counted/counted.rs");
    let program = folder.join("counted");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-C", "instrument-coverage", "-O", "-o"]);
    assert!(output(rustc.args([&program, &source])).is_some(), "rustc builds the fixture");
    let raw = folder.join("counted.profraw");
    assert!(output(Command::new(&program).env("LLVM_PROFILE_FILE", &raw)).is_some(), "it runs");
    llvm_tools().into_iter().find_map(|(profdata, cov)| {
        let merged = folder.join("counted.profdata");
        output(Command::new(profdata).args(["merge", "-sparse", "-o"]).args([&merged, &raw]))?;
        let mut export = Command::new(cov);
        export.arg("export").arg(&program).arg(format!("-instr-profile={}", merged.display()));
        let text = output(&mut export)?;
        let file = folder.join("counts.json");
        std::fs::write(&file, text).unwrap();
        Some(file)
    })
}

#[test]
fn coverage_of_rust_gives_every_count() {
    let folder = temporary_folder();
    let Some(file) = llvm_counts(folder.path()) else {
        return not_run(
            "exact counts of Rust: no llvm-tools for this compiler (`rustup component add llvm-tools`, or on the path \
             llvm-profdata and llvm-cov of the LLVM that `rustc -vV` names)",
        );
    };
    let sources = workspace_root().join("tests/fixtures/counted");
    let inventory = Inventory::scan(&sources, &[]).unwrap();
    let counts = exact(&file, &inventory).unwrap();
    let text = std::fs::read_to_string(sources.join("counted.rs")).unwrap();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (number, line) in (1u32..).zip(text.lines()) {
        let Some((_, said)) = line.split_once("//= ").filter(|_| !line.starts_with("//!")) else { continue };
        let mut words = said.split(' ').map(|w| w.parse::<u64>().ok());
        let expected = Exact { entries: words.next().unwrap(), trips: words.next().unwrap() };
        let one = inventory.loops.iter().find(|l| l.line == number).unwrap();
        let found = counts.get(&one.loop_id).copied().unwrap_or_default();
        compared += 1;
        if found != expected {
            wrong.push(format!("{}: {expected:?} expected, {found:?} found", one.loop_id));
        }
    }
    assert!(compared >= 11, "{compared} loops were compared");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn coverage_of_c_gives_every_count() {
    let folder = temporary_folder();
    let fixture = workspace_root().join("tests/fixtures/known_costs_c");
    let mut cc = Command::new("gcc");
    cc.args(["--coverage", "-O0", "-o", "loops"]).arg(fixture.join("loops.c")).current_dir(folder.path());
    if output(&mut cc).is_none() {
        return not_run("exact counts of C: gcc --coverage does not work here");
    }
    assert!(output(Command::new("./loops").arg("3").current_dir(folder.path())).is_some(), "it runs");
    let mut data = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.path());
    let data = data.find(|p| p.extension().is_some_and(|e| e == "gcda")).unwrap();
    let mut gcov = Command::new("gcov");
    gcov.args(["--json-format", "-b", "--stdout"]).arg(data).current_dir(folder.path());
    let Some(text) = output(&mut gcov) else {
        return not_run("exact counts of C: there is no gcov with --json-format");
    };
    let file = folder.path().join("counts.json");
    std::fs::write(&file, text).unwrap();
    let inventory = Inventory::scan(&fixture, &[]).unwrap();
    let counts = exact(&file, &inventory).unwrap();
    let of = |entries, trips| Exact { entries: Some(entries), trips: Some(trips) };
    // three rounds; UNIT is 60
    for (id, expected) in [
        ("loops.c::small#1", of(3, 1800)),
        ("loops.c::nested#1", of(3, 1800)),
        ("loops.c::nested#2", of(1800, 3600)),
        ("loops.c::large#1", of(3, 10_800)),
    ] {
        assert_eq!(counts.get(id), Some(&expected), "{id}: {counts:#?}");
    }
    // counts of another program are no counts of this one
    let strangers = Inventory::scan(&workspace_root().join("tests/fixtures/counted"), &[]).unwrap();
    assert!(exact(&file, &strangers).unwrap_err().contains("none of its files"));
}
