//! The compilers' evidence about loops whose machine code is known (`fixtures/loops`), checked against what a disassembler
//! shows; and what people say about loops.

use bragg_tests::programs::{binary, not_run, run, temporary_folder, workspace_root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A copy of the fixture with its inventory, made once.
fn fixture() -> &'static (PathBuf, Value) {
    static MADE: OnceLock<(PathBuf, Value)> = OnceLock::new();
    MADE.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loops");
        // what an earlier test run left; absent the first time
        let _ = std::fs::remove_dir_all(&place);
        for file in ["Cargo.toml", "src/lib.rs", "c/loops.c"] {
            let to = place.join(file);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder of the copy");
            std::fs::copy(workspace_root().join("tests/fixtures/loops").join(file), to).expect("a copy");
        }
        // a root of its own
        std::fs::write(place.join("audit.toml"), "").expect("audit.toml");
        let found = inventory(&place, "first", &["--evidence"]);
        (place, found)
    })
}

/// Runs the inventory in `place` and reads what it leaves.
fn inventory(place: &Path, name: &str, more: &[&str]) -> Value {
    let out = place.join("reports").join(name);
    let mut args = vec!["--quiet", "inventory", "src", "c", "--outdir", out.to_str().expect("a path")];
    args.extend(more);
    run(&binary("bragg-audit"), &args, place).expect_code(0);
    let text = std::fs::read(out.join("loop_inventory.json")).expect("the inventory");
    serde_json::from_slice(&text).expect("JSON")
}

fn loops(of: &Value) -> &Vec<Value> {
    of["loops"].as_array().expect("a list of loops")
}

/// What the source says about each loop, and what the evidence says, by id.
fn states(place: &Path, found: &Value) -> BTreeMap<String, (String, String)> {
    let mut states = BTreeMap::new();
    for one in loops(found) {
        let file = place.join(one["module"].as_str().expect("a module"));
        let text = std::fs::read_to_string(file).expect("a source");
        let line = one["line"].as_u64().expect("a line") as usize;
        let header = text.lines().nth(line - 1).expect("the header");
        let Some((_, said)) = header.split_once("//= ").or_else(|| header.split_once("/*= ")) else {
            continue;
        };
        let said = said.trim_end_matches("*/").trim().to_string();
        let state = one["code"]["state"].as_str().unwrap_or("none").to_string();
        states.insert(one["loop_id"].as_str().expect("an id").to_string(), (said, state));
    }
    states
}

/// Where the source and the evidence do not agree.
fn wrong(states: &BTreeMap<String, (String, String)>) -> Vec<String> {
    let right =
        |wanted: &str, got: &str| if wanted == "not vector" { got != "vector" } else { wanted == got };
    let all = states.iter().filter(|(_, (wanted, got))| !right(wanted, got));
    all.map(|(id, (wanted, got))| format!("{id}: is {wanted}, the evidence says {got}")).collect()
}

#[test]
fn every_loop_is_classified_right() {
    if cfg!(not(target_arch = "x86_64")) {
        return not_run("evidence on known loops: what they become is written down for x86-64");
    }
    let (place, found) = fixture();
    let states = states(place, found);
    assert!(states.len() >= 35, "{} loops are marked", states.len());
    let c = states.keys().any(|id| id.starts_with("c/"));
    assert!(c, "no C loop was read");
    assert_eq!(wrong(&states), Vec::<String>::new());
}

/// A command that is clang: its own name, or the one in zig, also as Python's package `ziglang`.
fn clang() -> Option<Vec<&'static str>> {
    let commands = [vec!["clang"], vec!["zig", "cc"], vec!["python3", "-m", "ziglang", "cc"]];
    commands.into_iter().find(|words| {
        let out = Command::new(words[0]).args(&words[1..]).arg("--version").output();
        out.is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).contains("clang"))
    })
}

#[test]
fn clang_reports_the_marked_loops_too() {
    let Some(clang) = clang() else {
        return not_run(
            "the report of clang: there is neither clang nor zig (`pip install ziglang`); its texts alone are tested",
        );
    };
    if cfg!(not(target_arch = "x86_64")) {
        return not_run("the report of clang on known loops: what they become is written down for x86-64");
    }
    let copy = temporary_folder();
    let place = copy.path();
    std::fs::create_dir_all(place.join("c")).expect("a folder of the copy");
    let source = workspace_root().join("tests/fixtures/loops/c/loops.c");
    std::fs::copy(source, place.join("c/loops.c")).expect("a copy");
    std::fs::write(place.join("audit.toml"), "").expect("audit.toml");
    // zig compiles for the machine at hand unless it is told otherwise
    let portable = if clang.len() > 1 { "-mcpu=x86_64" } else { "-march=x86-64" };
    let flags = format!("-O3 -ffp-contract=off {portable}");
    let out = place.join("found");
    let words = [
        "--quiet",
        "inventory",
        "c",
        "--evidence",
        "--c-flags",
        &flags,
        "--outdir",
        out.to_str().expect("a path"),
    ];
    let mut command = Command::new(binary("bragg-audit"));
    let done = command.args(words).env("CC", clang.join(" ")).current_dir(place).output().expect("a run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read(out.join("loop_inventory.json")).expect("the inventory");
    let found: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(found["compilers"][0]["name"], "clang", "{}", found["compilers"]);
    assert_eq!(found["compilers"][0]["problems"], Value::Null, "{}", found["compilers"]);
    let states = states(place, &found);
    assert!(states.len() >= 9, "{} loops are marked", states.len());
    assert_eq!(wrong(&states), Vec::<String>::new());
    // a disassembler, which knows nothing of the report
    let object = place.join("loops.o");
    let mut compile = Command::new(clang[0]);
    compile.args(&clang[1..]).args(flags.split(' ')).args(["-w", "-c", "c/loops.c", "-o"]).arg(&object);
    assert!(compile.current_dir(place).status().expect("clang").success());
    let Some(vector) = with_packed_arithmetic(&object) else {
        return not_run("the report of clang against the disassembly: there is no objdump");
    };
    for one in loops(&found).iter().filter(|l| l["code"]["state"] == "vector") {
        let function = one["function"].as_str().expect("a function");
        let there = vector.iter().any(|name| name == function || function.is_empty());
        assert!(there || function.starts_with("SCALED"), "{function}: no packed arithmetic: {vector:?}");
    }
}

/// Arithmetic on packed values in x86 assembly; `xorps` and moves also serve scalars.
fn packed(instruction: &str) -> bool {
    let name = instruction.trim_start_matches('v');
    let float =
        ["add", "sub", "mul", "div", "sqrt", "max", "min", "fmadd"].iter().any(|op| name.starts_with(op))
            && (name.ends_with("ps") || name.ends_with("pd"));
    float || ["padd", "psub", "pmul"].iter().any(|op| name.starts_with(op))
}

/// Names of functions with packed arithmetic among those of an object file.
fn with_packed_arithmetic(file: &Path) -> Option<Vec<String>> {
    let out = Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(file).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let (mut found, mut current) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|l| l.split_once('<')) {
            current = name.to_string();
        } else if let Some((_, code)) = line.split_once(":\t")
            && packed(code.split_whitespace().next().unwrap_or(""))
            && found.last() != Some(&current)
        {
            found.push(current.clone());
        }
    }
    Some(found)
}

/// A disassembler, which knows nothing of sources or IR, agrees about every function that holds one loop.
#[test]
fn the_disassembly_agrees() {
    if cfg!(not(target_arch = "x86_64")) {
        return not_run("evidence against the disassembly: the mnemonics are those of x86-64");
    }
    let (place, found) = fixture();
    let library = std::fs::read_dir(place.join("target/evidence/release/deps"))
        .expect("the evidence build")
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "rlib"))
        .expect("a library");
    let object = place.join("loops.o");
    let compiled = Command::new("cc")
        .args(["-O3", "-ffp-contract=off", "-c", "c/loops.c", "-o"])
        .arg(&object)
        .current_dir(place)
        .status();
    if !compiled.is_ok_and(|s| s.success()) {
        return not_run("evidence against the disassembly: there is no C compiler");
    }
    let (Some(mut vector), Some(c)) = (with_packed_arithmetic(&library), with_packed_arithmetic(&object))
    else {
        return not_run("evidence against the disassembly: there is no objdump");
    };
    vector.extend(c);
    let mut by_function: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in loops(found) {
        let state = one["code"]["state"].as_str().unwrap_or("none");
        by_function.entry(one["function"].as_str().expect("a function")).or_default().push(state);
    }
    let mut compared = 0;
    for (function, states) in by_function {
        // partly vector code may or may not keep packed arithmetic; generic functions have other names
        let ([state @ ("vector" | "scalar")], false) = (states.as_slice(), function.contains("::")) else {
            continue;
        };
        if ["apply", "generic"].contains(&function) {
            continue;
        }
        assert_eq!(*state == "vector", vector.iter().any(|name| name == function), "{function}: {state}");
        compared += 1;
    }
    assert!(compared >= 24, "only {compared} functions were compared");
}

#[test]
fn compilers_flags_and_reasons_are_part_of_it() {
    let (_, found) = fixture();
    let compilers = found["compilers"].as_array().expect("the compiler runs");
    let rustc = compilers.iter().find(|c| c["name"] == "rustc").expect("rustc");
    assert!(rustc["compiler"].as_str().is_some_and(|v| v.contains("LLVM")), "{rustc}");
    for flag in ["opt-level=3", "debuginfo=line-tables-only", "codegen-units=16"] {
        assert!(rustc["flags"].as_str().is_some_and(|f| f.contains(flag)), "{flag}: {rustc}");
    }
    let reason = |id: &str| {
        let one = loops(found).iter().find(|l| l["loop_id"] == id).expect("the loop");
        one["code"]["reason"].as_str().unwrap_or("").to_string()
    };
    for (id, word) in [
        ("src/lib.rs::sum_in_order#1", "order of a sum"),
        ("src/lib.rs::early_exit#1", "left at 2 places"),
        ("src/lib.rs::gather#1", "panic"),
        ("src/lib.rs::nested#1", "runs other loops"),
        ("src/lib.rs::calls_a_library#1", "for each lane alone"),
    ] {
        assert!(reason(id).contains(word), "{id}: {}", reason(id));
    }
}

#[test]
fn evidence_is_kept_until_a_source_changes() {
    let (place, found) = fixture();
    let again = inventory(place, "again", &[]);
    assert_eq!(&again, found, "without a change the kept evidence is the same");
    let copy = temporary_folder();
    for file in
        ["Cargo.toml", "Cargo.lock", "src/lib.rs", "c/loops.c", "target/evidence/bragg-audit-evidence.json"]
    {
        let to = copy.path().join(file);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder of the copy");
        std::fs::copy(place.join(file), to).expect("a copy");
    }
    assert_eq!(loops(&inventory(copy.path(), "moved", &[])), loops(found), "the same tree elsewhere");
    // another compiler: what it makes of the loops is not known
    let record = copy.path().join("target/evidence/bragg-audit-evidence.json");
    let kept = std::fs::read_to_string(&record).expect("the record");
    std::fs::write(&record, kept.replace("rustc 1.", "rustc 0.")).expect("an older record");
    let older = inventory(copy.path(), "older", &[]);
    let code = |l: &&Value| l["language"] == "rust" && l.get("code").is_some();
    assert_eq!(loops(&older).iter().filter(code).count(), 0, "evidence of another compiler was used");
    assert!(older["skipped"].to_string().contains("when the compilers were asked"), "{}", older["skipped"]);
    std::fs::write(&record, kept).expect("the record again");
    let source = copy.path().join("src/lib.rs");
    let text = std::fs::read_to_string(&source).expect("the source");
    std::fs::write(&source, format!("// a new first line\n{text}")).expect("the edit");
    let edited = inventory(copy.path(), "edited", &[]);
    assert_eq!(loops(&edited).iter().filter(code).count(), 0, "stale evidence was used");
    assert!(edited["skipped"].to_string().contains("--evidence"), "{}", edited["skipped"]);
}

#[test]
fn a_persons_word_wins_and_is_shown() {
    let (place, _) = fixture();
    let file = place.join("words.toml");
    let entry = |more: &str| {
        format!(
            "[[loop]]\nloop_id = \"src/lib.rs::gather#1\"\nstatus = \"safe\"\nname = \"A. Person\"\nreason = \"set-up\"\ndate = \"2026-11-21\"\n{more}"
        )
    };
    std::fs::write(&file, entry("")).expect("the file");
    let found = inventory(place, "words", &["--overrides", "words.toml"]);
    let one = loops(&found).iter().find(|l| l["loop_id"] == "src/lib.rs::gather#1").expect("the loop");
    assert_eq!((&one["status"], &one["person"]["name"]), (&"safe".into(), &"A. Person".into()));
    let summary = std::fs::read_to_string(place.join("reports/words/summary.md")).expect("the summary");
    assert!(summary.contains("safe by A. Person (2026-11-21): set-up"), "{summary}");
    std::fs::write(&file, entry("stattus = 1\n")).expect("the file");
    let wrong =
        run(&binary("bragg-audit"), &["--quiet", "inventory", "src", "--overrides", "words.toml"], place);
    wrong.expect_code(2);
    assert!(wrong.stderr.contains("stattus") && wrong.stderr.trim_end().lines().count() == 1, "{wrong}");
}
