//! `--gate` means the same in every command that judges, and a pass by a loosened limit never looks like an ordinary one.

use bragg_tests::audits::{PASS, audit, ledger};
use bragg_tests::programs::{binary, run, temporary_folder};
use bragg_tests::stamps::{json, only_stamp, text};

const CONTRACT: &str = "correlation>=0.9: a sketch for <the> talk";
const OFF: &str = "peak_offset off: the detector model moves them";

/// What every loosened record says.
fn says(place: &str, text: &str) {
    for word in ["LOOSENED", "≥ 0.9 instead of ≥ 0.999", "a sketch for"] {
        assert!(text.contains(word), "{place}: nothing of `{word}` in\n{text}");
    }
}

#[test]
fn a_run_by_a_loosened_contract_says_so_everywhere() {
    let reports = temporary_folder();
    let words = ["--sizes", "64", "--iterations", "1", "--gate", CONTRACT, "--gate", OFF];
    let ran = audit("run", &words, reports.path());
    ran.expect_code(PASS);
    assert!(ran.stdout.starts_with("PASS BY A LOOSENED CONTRACT: "), "{ran}");
    says("the terminal", &ran.stdout);
    for phase in ["b1", "b2", "b3"] {
        let stamp = only_stamp(reports.path(), phase);
        let verdict = json(&stamp, "verdict.json");
        assert_eq!(verdict["loosened"][0]["contract"], true, "{phase}: {verdict}");
        assert_eq!(verdict["loosened"][1]["metric"], "peak_offset", "{phase}: {verdict}");
        let summary = text(&stamp, "summary.md");
        says(&format!("summary.md of {phase}"), summary.split("# ").next().unwrap_or_default());
        assert!(summary.contains("**PASS BY A LOOSENED CONTRACT"), "{phase}: {summary}");
    }
    let b1 = text(&only_stamp(reports.path(), "b1"), "summary.md");
    assert!(b1.contains("**not judged**") && b1.contains("**taken out** by --gate"), "{b1}");
    let line = &ledger(reports.path())[1];
    says("the ledger", &format!("LOOSENED {line}"));
    let status = audit("status", &[], reports.path());
    says("status", &status.stdout);
    let history = audit("history", &[], reports.path());
    assert!(history.stdout.contains("pass, LOOSE"), "{history}");
    // an ordinary run says nothing of the kind
    let plain = temporary_folder();
    let words = ["--sizes", "64", "--iterations", "1", "--no-profile", "--gate", "ulp_p50<=100: stricter"];
    let ran = audit("capture", &words, plain.path());
    ran.expect_code(PASS);
    let stamp = only_stamp(plain.path(), "b1");
    assert!(!format!("{}{}", ran.stdout, text(&stamp, "summary.md")).contains("LOOSENED"), "{ran}");
    assert!(json(&stamp, "verdict.json").get("loosened").is_none());
    assert!(text(&stamp, "summary.md").contains("(**added** by --gate)"));
}

#[test]
fn a_suite_by_a_loosened_contract_says_so() {
    let reports = temporary_folder();
    let words = ["suites/parity.toml", "--filter", "cubic-64", "--gate", CONTRACT];
    let ran = audit("suite", &words, reports.path());
    ran.expect_code(PASS);
    assert!(ran.stdout.starts_with("PASS BY A LOOSENED CONTRACT — suite"), "{ran}");
    says("the terminal", &ran.stdout);
    let stamp = only_stamp(reports.path(), "suite");
    let suite = json(&stamp, "suite.json");
    assert_eq!(suite["loosened"][0]["cases"], 1, "{}", suite["loosened"]);
    assert_eq!(json(&stamp, "verdict.json")["loosened"][0]["metric"], "correlation");
    says("summary.md", &text(&stamp, "summary.md"));
    assert!(text(&stamp, "summary.md").contains("**PASS, LOOSENED CONTRACT**"));
    let junit = text(&stamp, "junit.xml");
    assert!(junit.contains("passes by loosened gates") && junit.contains("&lt;the&gt;"), "{junit}");
}

#[test]
fn a_limit_without_a_reason_is_refused_by_every_command() {
    let reports = temporary_folder();
    std::fs::write(reports.path().join("a"), [0; 16]).expect("a file");
    let folder = reports.path().to_str().expect("a readable path");
    for command in [
        &["diff", "a", "a", "--shape", "2x2"][..],
        &["capture", "--reports", folder, "--sizes", "64"],
        &["run", "--reports", folder, "--sizes", "64"],
        &["suite", "s.toml", "--reports", folder],
    ] {
        std::fs::write(reports.path().join("s.toml"), "[[case]]\nname = 'x'\n").expect("a file");
        for (gate, word) in [
            ("correlation>=0.9", "no reason"),
            ("corelation>=0.9: x", "no such metric"),
            ("correlation>=often: x", "not a number"),
        ] {
            let mut words = command.to_vec();
            words.extend(["--gate", gate]);
            let ran = run(&binary("bragg-audit"), &words, reports.path());
            ran.expect_code(2);
            assert!(ran.stderr.contains("--gate") && ran.stderr.contains(word), "{words:?}: {ran}");
        }
    }
}
