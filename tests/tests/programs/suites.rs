//! Suites as people run them: the one that ships, what is expected and what is news, kills, missing inputs, the cache.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::{Duration, Instant};

use bragg_tests::audits::{ENGINE_FAILED, NOT_COMPARABLE, PASS, audit};
use bragg_tests::engines::{Yard, installed};
use bragg_tests::golden;
use bragg_tests::processes::signal;
use bragg_tests::programs::{binary, not_run, run, spawn, temporary_folder, workspace_root};
use bragg_tests::stamps::{everything, file_names, json, only_stamp, stamps, text, verify_checksums};
use serde_json::Value;

/// Says which case it is into `runs`, then writes an image that the case's words choose: `-wrong`, `-fail`, `-wait FILE`.
const ENGINE: &str = r#"out=$1; shift
echo "NAME $*" >> YARD/runs
image=AAAABBBBCCCCDDDD
while [ $# -gt 0 ]; do
    case $1 in
        -wrong) image=WRONG ;;
        -fail) exit 9 ;;
        -wait) while [ ! -e "$2" ]; do :; done; shift ;;
    esac
    shift
done
printf "$image" > "$out"
"#;

fn yard() -> Yard {
    let yard = Yard::new();
    let here = yard.root();
    let engine = |name: &str, wrong: &str| {
        ENGINE
            .replace("YARD", here.to_str().expect("a readable path"))
            .replace("NAME", name)
            .replace("WRONG", wrong)
    };
    let (a, b) = (engine("old", "AAAABBBBCCCCDDDD"), engine("new", "DDDDCCCCBBBBAAAA"));
    yard.engines(&[("old", &a), ("new", &b)], "[engines]\nreference = \"old\"\ncandidate = \"new\"\n");
    yard
}

/// How often an engine ran a case whose words contain a text.
fn runs(yard: &Yard, engine: &str, word: &str) -> usize {
    let all = std::fs::read_to_string(yard.root().join("runs")).unwrap_or_default();
    all.lines().filter(|line| line.starts_with(engine) && line.contains(word)).count()
}

fn results(stamp: &std::path::Path) -> Vec<(String, String)> {
    let suite = json(stamp, "suite.json");
    let cases = suite["cases"].as_array().expect("cases").clone();
    let word = |case: &Value, key: &str| case[key].as_str().expect("a word").to_owned();
    cases.iter().map(|case| (word(case, "name"), word(case, "result"))).collect()
}

#[test]
fn the_suite_that_ships_holds_the_golden_cases() {
    let text =
        std::fs::read_to_string(workspace_root().join("suites/parity.toml")).expect("suites/parity.toml");
    let suite: toml::Table = text.parse().unwrap_or_else(|e| panic!("{e}"));
    let cases = suite["case"].as_array().expect("cases");
    for golden in golden::cases() {
        let same = |case: &&toml::Value| case["name"].as_str() == Some(&golden.id);
        let case = cases.iter().find(same).unwrap_or_else(|| panic!("{} is missing", golden.id));
        let words: Vec<&str> = case["args"].as_str().expect("args").split(' ').collect();
        assert_eq!(words, golden.args, "{}", golden.id);
    }
    assert_eq!(cases.len(), golden::cases().len() + 1);
    assert!(cases.iter().any(|case| case["name"].as_str() == Some("simple_cubic")));
    let reports = temporary_folder();
    let ran = audit(
        "suite",
        &["suites/parity.toml", "--filter", "conv-", "--referee", "rust-reference"],
        reports.path(),
    );
    ran.expect_code(PASS);
    let stamp = only_stamp(reports.path(), "suite");
    verify_checksums(&stamp);
    assert_eq!(results(&stamp).len(), 13);
}

#[test]
fn what_is_expected_and_what_is_news() {
    let yard = yard();
    yard.write(
        "s.toml",
        "[[case]]\nname = 'fine'\n\
         [[case]]\nname = 'known'\nargs = '-wrong'\nexpected = 'blocked'\nreason = 'ticket 7'\nexpires = '2999-01-01'\n\
         [[case]]\nname = 'mended'\nexpected = 'blocked'\nreason = 'ticket 8'\nexpires = '2999-01-01'\n\
         [[case]]\nname = 'expired'\nargs = '-wrong'\nexpected = 'blocked'\nreason = 'ticket 9'\nexpires = '2001-01-01'\n\
         [[case]]\nname = 'broken'\nargs = '-wrong'\n\
         [[case]]\nname = \"a<b> & \\\"c\\\"\\n../../x $(touch pwned) \\u0007\"\nargs = '-fail'\n\
         [[case]]\nname = 'lost'\ninputs = ['nowhere.dat']\n",
    );
    let ran = yard.audit(&["suite", "s.toml"]);
    ran.expect_code(ENGINE_FAILED);
    for word in ["NOT RUN: 1 case", "nowhere.dat", "expired on 2001-01-01", "mended", "broken"] {
        assert!(ran.stdout.contains(word), "nothing of `{word}`: {ran}");
    }
    let stamp = yard.stamp("suite");
    verify_checksums(&stamp);
    let suite = json(&stamp, "suite.json");
    let accepted: Vec<(String, bool, bool)> = suite["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .map(|c| {
            (
                c["name"].as_str().unwrap_or_default()[..4].to_owned(),
                c["accepted"] == true,
                c.get("news").is_some(),
            )
        })
        .collect();
    let want = [
        ("fine", true, false),
        ("know", true, false),
        ("mend", false, true),
        ("expi", false, true),
        ("brok", false, true),
        ("a<b>", false, true),
        ("lost", true, false),
    ];
    assert_eq!(accepted, want.map(|(n, a, b)| (n.to_owned(), a, b)), "{suite:#}");
    assert!(file_names(&stamp).iter().any(|name| name.starts_with("logs/") && name.ends_with(".log")));
    assert!(text(&stamp, "summary.md").contains("## NOT RUN"));
    yard.assert_tidy("a suite");
    let names: Vec<_> =
        everything(&yard.root()).into_iter().filter(|p| p.ends_with("pwned") || p.ends_with("x")).collect();
    assert!(names.is_empty(), "{names:?}");
    if !installed("python3") {
        not_run("JUnit XML read by another program (no python3)");
        return;
    }
    let script = "import sys, xml.etree.ElementTree as t\nr = t.parse(sys.argv[1]).getroot()\ns = r[0]\n\
                  print(s.get('tests'), s.get('failures'), s.get('errors'), s.get('skipped'))\n\
                  [print(repr(c.get('name')), [k.tag for k in c]) for c in s]";
    let xml = stamp.join("junit.xml");
    let read = run(
        std::path::Path::new("/usr/bin/env"),
        &["python3", "-c", script, xml.to_str().expect("a path")],
        &yard.root(),
    );
    read.expect_code(0);
    assert!(read.stdout.starts_with("7 3 1 1\n"), "{read}");
    assert!(read.stdout.contains(r#"'a<b> & "c"\n../../x $(touch pwned) \\u{7}' ['error']"#), "{read}");
}

#[test]
fn a_killed_run_loses_nothing_that_was_finished() {
    let yard = yard();
    let gate = yard.root().join("go");
    let mut suite = String::new();
    for i in 0..5 {
        suite += &format!("[[case]]\nname = 'c{i}'\nargs = '-id c{i}.'\ncost = {i}\n");
    }
    suite += &format!("[[case]]\nname = 'late'\nargs = '-id late. -wait {}'\ncost = 9\n", gate.display());
    yard.write("s.toml", &suite);
    let mut command = Command::new(binary("bragg-audit"));
    command.args(["suite", "s.toml", "--cores", "1", "--no-cache"]).current_dir(yard.root());
    let mut killed = spawn(&mut command);
    let start = Instant::now();
    while runs(&yard, "old", "late.") == 0 {
        assert!(start.elapsed() < Duration::from_mins(2), "the last case was never begun");
        assert!(killed.try_wait().is_ok_and(|ended| ended.is_none()), "the suite ended");
        std::thread::yield_now();
    }
    signal(killed.id(), libc::SIGKILL);
    killed.wait().expect("the killed audit");
    assert!(stamps(&yard.root().join("reports"), "suite").is_empty(), "a killed suite looks finished");
    let before: Vec<usize> = (0..5).map(|i| runs(&yard, "new", &format!("c{i}."))).collect();
    assert!(before.iter().all(|n| *n > 0), "cheapest first: {before:?}");
    std::fs::write(&gate, "").expect("the gate");
    let ran = yard.audit(&["suite", "s.toml", "--cores", "1", "--no-cache"]);
    ran.expect_code(PASS);
    assert!(ran.stderr.contains("5 of 6 cases are finished"), "{ran}");
    let after: Vec<usize> = (0..5).map(|i| runs(&yard, "new", &format!("c{i}."))).collect();
    assert_eq!(before, after, "finished cases were run again");
    let stamp = yard.stamp("suite");
    assert_eq!(json(&stamp, "suite.json")["resumed"], 5);
    assert_eq!(results(&stamp).len(), 6);
    // and a third time everything is new
    let ran = yard.audit(&["suite", "s.toml", "--no-cache"]);
    assert!(!ran.stderr.contains("are finished"), "{ran}");
    yard.assert_tidy("a suite that was killed");
}

#[test]
fn reference_images_are_kept_and_not_for_longer_than_they_hold() {
    let yard = yard();
    yard.write("s.toml", "[[case]]\nname = 'a'\nargs = '-id a.'\n[[case]]\nname = 'b'\nargs = '-id b.'\n");
    yard.audit(&["suite", "s.toml"]).expect_code(PASS);
    let first = runs(&yard, "old", "a.");
    assert!(first >= 2, "twice, to know that it repeats itself");
    yard.audit(&["suite", "s.toml"]).expect_code(PASS);
    assert_eq!(runs(&yard, "old", "a."), first, "the reference was rendered although its image is kept");
    yard.audit(&["suite", "s.toml", "--no-cache"]).expect_code(PASS);
    assert!(runs(&yard, "old", "a.") > first);
    // another engine has other images
    let script = std::fs::read_to_string(yard.root().join("old.sh")).expect("old.sh");
    yard.write("old.sh", &script.replace("AAAABBBBCCCCDDDD", "AAAADDDDCCCCBBBB"));
    let ran = yard.audit(&["suite", "s.toml"]);
    assert_ne!(ran.code(), PASS, "an image of another engine was used: {ran}");
}

#[test]
fn yaml_lists_and_suites_of_which_nothing_can_be_run() {
    let yard = yard();
    yard.write(
        "s.yaml",
        "cases:\n  - id: one\n    base_args: \"-n 1\"\n    thresholds: {corr_min: 0.9, sum_ratio_min: 0.9, sum_ratio_max: 1.1, max_abs_max: 1}\n    runs:\n      - name: plain\n        extra_args: \"\"\n      - name: wrong\n        extra_args: [\"-wrong\"]\n",
    );
    let listed = yard.audit(&["suite", "s.yaml", "--list"]);
    listed.expect_code(PASS);
    assert!(listed.stdout.contains("one/wrong\t-n 1 -wrong"), "{listed}");
    assert_eq!(runs(&yard, "old", ""), 0, "--list runs nothing");
    yard.audit(&["suite", "s.yaml"]).expect_code(3);
    let want = [("one/plain", "pass"), ("one/wrong", "blocked")];
    assert_eq!(results(&yard.stamp("suite")), want.map(|(a, b)| (a.to_owned(), b.to_owned())));
    yard.write("none.jsonl", "{\"id\": \"x\", \"inputs\": [\"nowhere\"]}\n");
    yard.audit(&["suite", "none.jsonl"]).expect_code(NOT_COMPARABLE);
}
