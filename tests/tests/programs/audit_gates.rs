//! What the audit does with candidates, engines and phases that are not as they should be, and with its options.

use std::path::{Path, PathBuf};

use bragg_tests::audits::{BLOCKED, ENGINE_FAILED, NOT_COMPARABLE, PASS, SMALL, audit, ledger};
use bragg_tests::programs::{binary, run, temporary_folder, workspace_root};
use bragg_tests::stamps::{file_names, json, only_stamp, stamps, text, verify_checksums};
use serde_json::Value;

#[test]
fn every_attempt_is_a_line_of_the_ledger() {
    let reports = temporary_folder();
    for attempt in 1..=2 {
        audit("capture", &SMALL, reports.path()).expect_code(PASS);
        let lines = ledger(reports.path());
        assert_eq!(lines.iter().filter(|line| line["phase"] == "b1").count(), attempt, "{lines:#?}");
        let last = lines.last().expect("a line");
        let stamp = last["stamp"].as_str().expect("the stamp's name");
        assert_eq!(stamps(reports.path(), "b1").len(), attempt);
        assert!(stamps(reports.path(), "b1").iter().any(|path| path.ends_with(stamp)), "{stamp} is no stamp");
        assert_eq!(last["verdict"], "pass");
    }
}

#[test]
fn a_wrong_candidate_blocks_what_follows() {
    let reports = temporary_folder();
    let wrong: Vec<&str> = SMALL.into_iter().chain(["--candidate-args", "-default_F 101"]).collect();
    audit("inventory", &[], reports.path()).expect_code(PASS);
    audit("capture", &wrong, reports.path()).expect_code(BLOCKED);
    let stamp = only_stamp(reports.path(), "b1");
    let there = file_names(&stamp);
    assert!(there.iter().any(|name| name.starts_with("failed/")), "no failed/: {there:?}");
    assert!(
        !there.iter().any(|name| name.starts_with("profile/")),
        "profile/ of a blocked capture: {there:?}"
    );
    verify_checksums(&stamp);
    let blockers = text(&stamp, "blockers.md");
    // (101/100)² is the sum ratio of a wrong structure factor.
    for word in ["1.0201", "sum"] {
        assert!(blockers.contains(word), "blockers.md does not say {word}:\n{blockers}");
    }
    assert_eq!(json(&stamp, "verdict.json")["verdict"], "blocked");
    assert_eq!(ledger(reports.path()).last().expect("a line")["verdict"], "blocked");

    let name = stamp.file_name().and_then(|n| n.to_str()).expect("a stamp's name");
    let refused = audit("hot-loops", &[], reports.path());
    refused.expect_code(BLOCKED);
    for word in [name, "sum ratio", "bragg-audit capture"] {
        assert!(refused.stderr.contains(word), "the refusal does not name {word}: {refused}");
    }
    audit("backlog", &[], reports.path()).expect_code(BLOCKED);
    assert!(stamps(reports.path(), "b2").is_empty() && stamps(reports.path(), "b3").is_empty());
    let status = audit("status", &[], reports.path());
    assert!(status.stdout.to_lowercase().contains("block"), "{status}");

    // The whole chain stops too.
    let fresh = temporary_folder();
    audit("run", &wrong, fresh.path()).expect_code(BLOCKED);
    assert!(stamps(fresh.path(), "b2").is_empty() && stamps(fresh.path(), "b3").is_empty());
}

#[test]
fn going_on_in_spite_of_a_block_is_marked_everywhere() {
    let reports = temporary_folder();
    let wrong: Vec<&str> = SMALL.into_iter().chain(["--candidate-args", "-default_F 101"]).collect();
    audit("inventory", &[], reports.path()).expect_code(PASS);
    audit("capture", &wrong, reports.path()).expect_code(BLOCKED);
    audit("hot-loops", &["--allow-blocked"], reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b2");
    let there = file_names(&stamp);
    let csv = there.iter().find(|name| name.ends_with(".csv")).unwrap_or_else(|| panic!("no CSV: {there:?}"));
    assert!(csv.contains("UNRELIABLE"), "the file's name does not say it: {csv}");
    let rows = text(&stamp, csv);
    assert!(rows.lines().skip(1).all(|row| row.contains("UNRELIABLE")), "a row does not say it:\n{rows}");
    let marked = |name: &&String| name.ends_with(".md");
    for name in there.iter().filter(marked) {
        assert!(text(&stamp, name).contains("UNRELIABLE"), "{name} does not say it");
    }
}

#[test]
fn a_phase_without_its_need_refuses() {
    let reports = temporary_folder();
    for command in ["hot-loops", "backlog"] {
        let refused = audit(command, &[], reports.path());
        refused.expect_code(BLOCKED);
        assert!(refused.stderr.contains("bragg-audit"), "the command that would clear it: {refused}");
    }
    assert!(file_names(reports.path()).is_empty(), "{:?}", file_names(reports.path()));
}

#[test]
fn engines_that_misbehave_have_their_own_exit_status() {
    let table = [
        ("engine-nan", NOT_COMPARABLE, "finite"),
        ("engine-short", NOT_COMPARABLE, "size|shape|pixels|bytes"),
        ("engine-restless", NOT_COMPARABLE, "determin|differs from itself"),
        ("engine-silent", NOT_COMPARABLE, "out.bin|missing|image|no image"),
        ("engine-crash", ENGINE_FAILED, "no beam today"),
        ("engine-zero", BLOCKED, "constant|undefined|zero|correlation"),
    ];
    for (engine, exit, says) in table {
        let reports = temporary_folder();
        let path = fixture(engine);
        let more: Vec<&str> =
            SMALL.into_iter().chain(["--c-bin", path.to_str().expect("a readable path")]).collect();
        let ran = audit("capture", &more, reports.path());
        assert_eq!(ran.code(), exit, "{engine}: {ran}");
        let said = format!("{}{}", ran.stdout, ran.stderr).to_lowercase();
        assert!(says.split('|').any(|word| said.contains(word)), "{engine}: nothing of `{says}` in {ran}");
        assert_ne!(audit("hot-loops", &[], reports.path()).code(), PASS, "{engine}");
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

#[test]
fn an_engine_that_hangs_is_ended_at_its_time_limit() {
    let reports = temporary_folder();
    let path = fixture("engine-hang");
    let path = path.to_str().expect("a readable path");
    let more: Vec<&str> = SMALL.into_iter().chain(["--c-bin", path, "--time-limit", "1"]).collect();
    audit("capture", &more, reports.path()).expect_code(ENGINE_FAILED);
    assert!(
        stamps(reports.path(), "b1").is_empty()
            || !json(&only_stamp(reports.path(), "b1"), "verdict.json").to_string().contains("\"pass\"")
    );
}

#[test]
fn a_nanobragg_binary_can_take_the_place_of_the_c_engine() {
    let reports = temporary_folder();
    let program = binary("nanobragg-c");
    let program = program.to_str().expect("a readable path");
    let more: Vec<&str> = SMALL.into_iter().chain(["--c-bin", program]).collect();
    audit("capture", &more, reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b1");
    let named =
        file_names(&stamp).iter().any(|name| name.ends_with(".json") && text(&stamp, name).contains(program));
    assert!(named, "no JSON of the stamp names {program}");
    assert!(text(&stamp, "commands.txt").contains(program));
}

#[test]
fn outdir_is_this_very_folder() {
    let (reports, place) = (temporary_folder(), temporary_folder());
    let folder = place.path().join("mine");
    let folder_word = folder.to_str().expect("a readable path").to_owned();
    let more: Vec<&str> = SMALL.into_iter().chain(["--outdir", &folder_word]).collect();
    audit("capture", &more, reports.path()).expect_code(PASS);
    assert!(folder.join("verdict.json").is_file(), "{:?}", file_names(place.path()));
    verify_checksums(&folder);
    // A second time it is in use, and nothing of it may change.
    let before = text(&folder, "checksums.txt");
    let again = audit("capture", &more, reports.path());
    assert_ne!(again.code(), PASS, "{again}");
    assert_eq!(text(&folder, "checksums.txt"), before);
    verify_checksums(&folder);
}

#[test]
fn in_place_runs_where_the_user_says_and_says_so() {
    let (reports, place) = (temporary_folder(), temporary_folder());
    let folder = place.path().to_str().expect("a readable path").to_owned();
    let more: Vec<&str> = SMALL.into_iter().chain(["--in-place", &folder]).collect();
    audit("capture", &more, reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b1");
    let summary = text(&stamp, "summary.md");
    let loud = summary.lines().any(|line| line.contains(&folder) && line.contains("**"));
    assert!(loud, "summary.md does not say loudly that the engines ran in {folder}:\n{summary}");
}

#[test]
fn a_case_of_ones_own() {
    let reports = temporary_folder();
    let args = "-default_F 50 -cell 90 110 130 90 90 90 -lambda 2 -Na 3 -Nb 5 -Nc 4 -distance 60 -detpixels_x 100 -detpixels_y 70";
    let more: Vec<&str> = ["--iterations", "1", "--"].into_iter().chain(args.split_whitespace()).collect();
    audit("capture", &more, reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b1");
    assert!(text(&stamp, "commands.txt").contains("-Nb 5"), "{}", text(&stamp, "commands.txt"));
    let results = json(&stamp, "profile/benchmark_results.json");
    assert_eq!(results[0]["pixels"], 7000, "{results:#}");
}

#[test]
fn artifacts_are_kept_on_request() {
    let reports = temporary_folder();
    let more: Vec<&str> = SMALL.into_iter().chain(["--keep-artifacts"]).collect();
    audit("capture", &more, reports.path()).expect_code(PASS);
    let stamp = only_stamp(reports.path(), "b1");
    let images: Vec<String> = file_names(&stamp).into_iter().filter(|name| name.ends_with(".bin")).collect();
    assert!(images.len() >= 2, "the images of both engines: {:?}", file_names(&stamp));
    for image in images {
        assert_eq!(std::fs::metadata(stamp.join(&image)).expect("an image").len(), 4 * 128 * 128, "{image}");
    }
    verify_checksums(&stamp);
}

#[test]
fn json_is_for_programs_and_quiet_is_quiet() {
    let reports = temporary_folder();
    let with = |flag| SMALL.into_iter().chain([flag]).collect::<Vec<&str>>();
    let ran = audit("capture", &with("--json"), reports.path());
    ran.expect_code(PASS);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
    assert!(value.to_string().contains("pass"), "{value:#}");
    let ran = audit("capture", &with("--quiet"), reports.path());
    ran.expect_code(PASS);
    assert_eq!(ran.stderr, "", "{ran}");
}

/// Another folder than the workspace, without git: a copy of the sources, one of which then changes.
#[test]
fn hot_loops_refuses_when_a_source_has_changed_since() {
    let place = temporary_folder();
    let root = place.path();
    for name in file_names(&workspace_root().join("simulator")) {
        let (from, to) = (workspace_root().join("simulator").join(&name), root.join("simulator").join(&name));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(from, to).expect("a copy of a source");
    }
    std::fs::write(root.join("audit.toml"), "initiative = \"copy\"\n[inventory]\npaths = [\"simulator\"]\n")
        .expect("audit.toml");
    let here = |command: &str, more: &[&str]| {
        let words: Vec<&str> = [command].iter().chain(more).copied().collect();
        run(&binary("bragg-audit"), &words, root)
    };
    here("inventory", &[]).expect_code(PASS);
    here("capture", &SMALL).expect_code(PASS);
    // A newer inventory of another tree is not taken for this one's.
    let other = temporary_folder();
    std::fs::write(other.path().join("other.c"), "void f(int n) { for (int i = 0; i < n; i++) {} }")
        .expect("a source");
    here("inventory", &[&other.path().display().to_string()]).expect_code(PASS);
    assert_eq!(stamps(&root.join("reports"), "a").len(), 2);
    here("hot-loops", &[]).expect_code(PASS);
    let source = root.join("simulator/src/lib.rs");
    let changed = std::fs::read_to_string(&source).expect("a source") + "\n// changed\n";
    std::fs::write(&source, changed).expect("a changed source");
    let refused = here("hot-loops", &[]);
    refused.expect_code(BLOCKED);
    assert!(refused.stderr.contains("simulator/src/lib.rs"), "which source changed: {refused}");
    assert_eq!(stamps(&root.join("reports"), "b2").len(), 1);
}
