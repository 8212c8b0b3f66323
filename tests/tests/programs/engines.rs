//! Engines that `audit.toml` defines: a pair that is no nanoBragg, programs that misbehave in every way, and words that
//! would do harm if a shell or a path ever saw them.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bragg_tests::audits::{BLOCKED, ENGINE_FAILED, NOT_COMPARABLE, PASS};
use bragg_tests::engines::{Yard, installed};
use bragg_tests::programs::{not_run, run};
use bragg_tests::stamps::{everything, file_names, json, text, verify_checksums};

/// Writes a right image of 2 × 2 pixels.
const GOOD: &str = "printf AAAABBBBCCCCDDDD > \"$1\"";
const PAIR: &str =
    "[engines]\nreference = \"good\"\ncandidate = \"odd\"\n[case]\nname = \"small\"\nargs = \"-n 1\"\n";

#[test]
fn engines_that_misbehave() {
    // what the engine does, the exit status, and what the stamp's log or blockers.md must say
    let table = [
        ("hangs", "exec tail -f YARD/audit.toml".to_owned(), ENGINE_FAILED, "limit of 1 s"),
        (
            "ignores SIGTERM",
            "trap '' TERM INT HUP; while :; do tail -f YARD/audit.toml; done".into(),
            ENGINE_FAILED,
            "limit of 1 s",
        ),
        (
            "leaves a daemon",
            format!("{GOOD}; (env -i setsid tail -f YARD/audit.toml </dev/null >/dev/null 2>&1 &); exit 0"),
            PASS,
            "",
        ),
        (
            "leaves children with its output open",
            format!("{GOOD}; setsid tail -f YARD/audit.toml & exit 0"),
            PASS,
            "",
        ),
        (
            "prints without end",
            format!("{GOOD}; head -c 200000000 /dev/zero | tr '\\0' x"),
            PASS,
            "bytes are left out here",
        ),
        (
            "fills the disk with one file",
            "exec head -c 900000000 /dev/zero > \"$1\"".into(),
            ENGINE_FAILED,
            "more to disk",
        ),
        (
            "fills the disk with many files",
            "i=0; while :; do head -c 4000000 /dev/zero > f$i; i=$((i+1)); done".into(),
            ENGINE_FAILED,
            "more to disk",
        ),
        ("takes all memory", "exec tail -n 1 /dev/zero".into(), ENGINE_FAILED, "more memory"),
        ("crashes", "echo last words >&2; kill -SEGV $$".into(), ENGINE_FAILED, "last words"),
        ("fails", "echo 'no beam' >&2; exit 7".into(), ENGINE_FAILED, "no beam"),
        ("cuts its image short", "printf AAAABBBB > \"$1\"".into(), NOT_COMPARABLE, "bytes"),
        ("writes nothing", "true".into(), NOT_COMPARABLE, "no image"),
        ("writes an empty image", ": > \"$1\"".into(), NOT_COMPARABLE, "empty"),
        (
            "differs from itself",
            "printf 'AAAABBBBCCCC%04d' $(($$ % 10000)) > \"$1\"".into(),
            NOT_COMPARABLE,
            "differs from itself",
        ),
        ("is wrong", "printf DDDDCCCCBBBBAAAA > \"$1\"".into(), BLOCKED, "correlation"),
        (
            "changes its input",
            format!("{GOOD}; chmod u+w data.txt; echo more >> data.txt"),
            ENGINE_FAILED,
            "changed its copy",
        ),
        (
            "makes its image a huge file of nothing",
            "truncate -s 900G \"$1\"".into(),
            ENGINE_FAILED,
            "more to disk",
        ),
        ("makes its image a folder", "mkdir \"$1\"".into(), NOT_COMPARABLE, "not a regular file"),
        ("makes its image a pipe", "mkfifo \"$1\"".into(), NOT_COMPARABLE, "not a regular file"),
        (
            "makes its image a link to a device",
            "ln -s /dev/zero \"$1\"".into(),
            NOT_COMPARABLE,
            "not a regular file",
        ),
        (
            "leaves links to what is not its own",
            format!("{GOOD}; mkdir d; ln -s / d/root; ln -s YARD d/yard"),
            PASS,
            "",
        ),
        (
            "removes its working directory",
            format!("{GOOD}; d=$(pwd); cd /; rm -rf \"$d\""),
            ENGINE_FAILED,
            "removed its copy",
        ),
        (
            "calls its folders something else",
            "d=$(dirname \"$1\"); mv \"$d\" \"$d-gone\"".into(),
            ENGINE_FAILED,
            "removed its copy",
        ),
        (
            "makes its folder unreadable",
            format!("{GOOD}; mkdir d; touch d/f; chmod 000 d; chmod 500 ."),
            PASS,
            "",
        ),
    ];
    for (what, script, exit, says) in table {
        let yard = Yard::new();
        yard.write("data.txt", "input");
        let script = script.replace("YARD", yard.root().to_str().expect("a readable path"));
        yard.engines(&[("good", GOOD), ("odd", &script)], &format!("{PAIR}inputs = [\"data.txt\"]\n"));
        let limits = ["--time-limit", "1", "--memory-limit", "200", "--disk-limit", "100"];
        let limits = if says == "limit of 1 s" {
            limits
        } else {
            ["--time-limit", "100", "--memory-limit", "200", "--disk-limit", "100"]
        };
        let ran = yard.audit(&[&["capture", "--iterations", "1"][..], &limits].concat());
        assert_eq!(ran.code(), exit, "{what}: {ran}");
        yard.assert_tidy(what);
        assert_eq!(
            std::fs::read_to_string(yard.root().join("data.txt")).expect("the input"),
            "input",
            "{what}"
        );
        let stamp = yard.stamp("b1");
        verify_checksums(&stamp);
        assert_eq!(json(&stamp, "verdict.json")["exit"], exit, "{what}");
        let log = text(&stamp, "profile_run.log");
        let said = if exit == PASS { log.clone() } else { log.clone() + &text(&stamp, "blockers.md") };
        assert!(said.contains(says), "{what}: nothing of `{says}` in the log or blockers.md:\n{said}");
        assert!(log.contains("odd") && log.len() < 20_000_000, "{what}: {} bytes of log", log.len());
        assert_eq!(file_names(&stamp).contains("blockers.md"), exit != PASS, "{what}");
    }
}

#[test]
fn words_are_words_and_nothing_else() {
    // the engine's image is its arguments, separated by zero bytes and filled up: 1024 bytes are 16 × 16 f32
    let script =
        "out=$1; shift; { printf '%s\\0' \"$@\"; head -c 1024 /dev/zero; } | head -c 1024 > \"$out\"";
    let yard = Yard::new();
    yard.engines(&[("good", script), ("odd", script)], PAIR);
    let toml = std::fs::read_to_string(yard.root().join("audit.toml")).expect("audit.toml");
    yard.write("audit.toml", &toml.replace("shape = [2, 2]", "shape = [16, 16]"));
    let before = everything(&yard.root());
    let hostile: Vec<OsString> = vec![
        "$(touch pwned)".into(),
        "`touch pwned`".into(),
        "; touch pwned;".into(),
        "a b\tc\nd".into(),
        "it's \"quoted\" \\ {out} {args} %s".into(),
        "../../../tmp/x".into(),
        "--".into(),
        "".into(),
        "*".into(),
        OsString::from_vec(vec![b'x', 0xff, 0xfe, b'/', 0x80]),
    ];
    let mut words: Vec<OsString> =
        ["capture", "--iterations", "1", "--keep-artifacts", "--"].map(OsString::from).to_vec();
    words.extend(hostile.iter().cloned());
    let ran = yard.audit(&words);
    let stamp = yard.stamp("b1");
    let image =
        file_names(&stamp).into_iter().find(|name| name.contains("reference.")).expect("the kept image");
    let got = std::fs::read(stamp.join(image)).expect("the image");
    let mut want: Vec<u8> = hostile.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    want.resize(1024, 0);
    assert_eq!(got, want, "what the engine was given; {ran}");
    let new: Vec<_> = everything(&yard.root()).into_iter().filter(|path| !before.contains(path)).collect();
    assert!(new.iter().all(|path| path.starts_with(yard.root().join("reports"))), "{new:?}");
    yard.assert_tidy("hostile words");
}

#[test]
fn paths_need_not_be_text() {
    let yard = Yard::new();
    // the second word is the name under which the engine finds its input
    let script = format!("[ \"$2\" = -hkl ] && cat \"$3\" > /dev/null && {GOOD}");
    yard.engines(&[("good", &script), ("odd", &script)], PAIR);
    let odd = |name: &[u8]| yard.root().join(OsString::from_vec(name.to_vec()));
    std::fs::write(odd(b"in \xff $(touch pwned).hkl"), "input").expect("an input");
    let mut words: Vec<OsString> =
        ["capture", "--json", "--iterations", "1", "--reports"].map(OsString::from).to_vec();
    words.extend([
        odd(b"rep\xfeorts").into(),
        "--".into(),
        "-hkl".into(),
        odd(b"in \xff $(touch pwned).hkl").into(),
    ]);
    let ran = yard.audit(&words);
    ran.expect_code(PASS);
    assert!(ran.stdout.contains("bytes:") && ran.stdout.contains("rep%FEorts"), "{ran}");
    let stamps = bragg_tests::stamps::stamps(&odd(b"rep\xfeorts"), "b1");
    let inputs = json(&stamps[0], "inputs.json");
    assert!(
        inputs[0]["path"].as_str().expect("a path").ends_with("in%20%FF%20$(touch%20pwned).hkl"),
        "{inputs:#}"
    );
    assert!(!odd(b"pwned").exists());
    yard.assert_tidy("paths that are no text");
}

#[test]
fn old_stamps_go_and_what_newer_ones_build_on_stays() {
    let yard = Yard::new();
    yard.engines(&[("good", GOOD), ("odd", GOOD), ("wrong", "printf DDDDCCCCBBBBAAAA > \"$1\"")], PAIR);
    for candidate in ["odd", "wrong", "wrong", "wrong"] {
        let ran = yard.audit(&["capture", "--force", "--iterations", "1", "--candidate", candidate]);
        assert!([PASS, BLOCKED].contains(&ran.code()), "{ran}");
    }
    let reports = yard.root().join("reports");
    let before = bragg_tests::stamps::stamps(&reports, "b1");
    let dry = yard.audit(&["prune", "--keep", "1", "--dry-run"]);
    assert!(dry.stdout.contains("would remove 2 stamps"), "{dry}");
    assert_eq!(bragg_tests::stamps::stamps(&reports, "b1"), before);
    yard.audit(&["prune", "--keep", "1"]).expect_code(PASS);
    let left = bragg_tests::stamps::stamps(&reports, "b1");
    // the newest, and the last that passed
    assert_eq!(left, [before[0].clone(), before[3].clone()]);
    left.iter().for_each(|stamp| verify_checksums(stamp));
}

#[test]
fn files_that_nobody_declared_are_observed() {
    let yard = Yard::new();
    let hidden = yard.write("hidden cache.bin", "seven");
    let script = format!("echo reading '{0}'; cat '{0}' > /dev/null; {GOOD}", hidden.display());
    yard.engines(&[("good", GOOD), ("odd", &script)], PAIR);
    let toml = std::fs::read_to_string(yard.root().join("audit.toml")).expect("audit.toml");
    yard.write("audit.toml", &format!("{toml}log.opened = 'reading (.+)$'\n"));
    yard.audit(&["capture", "--iterations", "1"]).expect_code(PASS);
    let inputs = json(&yard.stamp("b1"), "inputs.json");
    let inputs = inputs.as_array().expect("a list");
    let path = hidden.to_str().expect("a readable path");
    let found = inputs.iter().find(|i| i["path"] == path).unwrap_or_else(|| panic!("{path}: {inputs:#?}"));
    assert_eq!((&found["kind"], &found["size"]), (&"observed".into(), &5.into()), "{inputs:#?}");
}

/// A C program that writes raw f64 and a Python script that writes NPY by the published layout of that format, taken
/// from `init` to a verdict.
#[test]
fn any_two_programs_that_write_an_array() {
    if !installed("cc") || !installed("python3") {
        not_run("a C and a Python engine side by side (no cc or no python3)");
        return;
    }
    let yard = Yard::new();
    yard.write(
        "old.c",
        r#"#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int n, char **v) {
    int nx = 4, ny = 3; double top = 1; const char *out = 0;
    for (int i = 1; i + 1 < n; i += 2) {
        if (!strcmp(v[i], "-nx")) nx = atoi(v[i + 1]);
        if (!strcmp(v[i], "-ny")) ny = atoi(v[i + 1]);
        if (!strcmp(v[i], "-top")) top = atof(v[i + 1]);
        if (!strcmp(v[i], "-o")) out = v[i + 1];
    }
    FILE *f = fopen(out, "wb");
    for (int y = 0; y < ny; y++) for (int x = 0; x < nx; x++) { double d = top * (1 + x * 0.1 + y * y); fwrite(&d, 8, 1, f); }
    printf("loop took 0.5 s\n");
    return fclose(f);
}
"#,
    );
    run(std::path::Path::new("/usr/bin/env"), &["cc", "-o", "old", "old.c"], &yard.root()).expect_code(0);
    yard.write(
        "new.py",
        r#"import struct, sys
given = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
nx, ny, top = int(given.get("-nx", 4)), int(given.get("-ny", 3)), float(given.get("-top", 1))
head = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" % (ny, nx)
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open(sys.argv[-1], "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    for y in range(ny):
        for x in range(nx):
            f.write(struct.pack("<d", top * (1 + x * 0.1 + y * y)))
"#,
    );
    let flags = [
        "init",
        "--reference",
        "./old {args} -o {out}",
        "--reference-format",
        "f64",
        "--reference-shape=-nx,-ny",
        "--candidate",
        "python3 new.py {args} {out}",
        "--args",
        "-nx 90 -ny 70",
    ];
    yard.audit(&flags).expect_code(PASS);
    let again = yard.audit(&flags);
    assert!(again.code() == 2 && again.stderr.contains("audit.toml"), "never overwritten: {again}");
    yard.audit(&["capture", "--iterations", "1"]).expect_code(PASS);
    let stamp = yard.stamp("b1");
    assert_eq!(json(&stamp, "profile/benchmark_results.json")[0]["pixels"], 6300);
    let capture = json(&stamp, "capture.json");
    let files = capture["candidate"]["files"].to_string();
    assert!(files.contains("new.py"), "the script is part of the engine: {files}");
    // f64 is compared as f64 would be told apart: a relative step that f32 rounds away is seen by nobody's luck
    yard.audit(&["capture", "--iterations", "1", "--candidate-args", "-top 1.02"]).expect_code(BLOCKED);
    yard.audit(&["capture", "--iterations", "1", "--candidate-args", "-nx 89"]).expect_code(NOT_COMPARABLE);
    let size = yard.audit(&["capture", "--sizes", "64"]);
    assert!(size.code() == 2 && size.stderr.contains("size"), "an engine that has no size option: {size}");
    yard.assert_tidy("a C and a Python engine");
}

#[test]
fn a_program_is_called_by_the_name_it_was_given() {
    // as the interpreter of a virtual environment, which is a link and looks around from where the link is
    let yard = Yard::new();
    let text =
        format!("#!/bin/sh\ncase $0 in */named) {GOOD} ;; *) echo \"called as $0\" >&2; exit 1 ;; esac\n");
    let program = yard.write("impl.sh", &text);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    std::os::unix::fs::symlink(&program, yard.root().join("named")).expect("a link");
    yard.engines(&[("good", GOOD)], &PAIR.replace("odd", "linked"));
    let toml = std::fs::read_to_string(yard.root().join("audit.toml")).expect("audit.toml");
    let linked = "[engines.linked]\ncommand = [\"./named\", \"{out}\", \"{args}\"]\nformat = \"f32\"\nshape = [2, 2]\n";
    yard.write("audit.toml", &format!("{toml}{linked}"));
    yard.audit(&["capture", "--iterations", "1"]).expect_code(PASS);
    yard.assert_tidy("a linked program");
}

#[test]
fn a_referee_names_the_one_that_stands_alone() {
    let scaled = |letter: &str| format!("printf {letter}AAABBBBCCCCDDDD > \"$1\"");
    let (right, wrong) = (GOOD.to_owned(), "printf DDDDCCCCBBBBAAAA > \"$1\"".to_owned());
    let other = "printf CCCCAAAADDDDBBBB > \"$1\"".to_owned();
    for (reference, candidate, referee, finding) in [
        (&right, &wrong, &right, "candidate_wrong"),
        (&wrong, &right, &scaled("A"), "reference_wrong"),
        (&right, &wrong, &other, "agrees_with_neither"),
        (&right, &wrong, &"exit 1".to_owned(), "cannot_say"),
    ] {
        let yard = Yard::new();
        yard.engines(&[("good", reference), ("odd", candidate), ("third", referee)], PAIR);
        yard.audit(&["capture", "--iterations", "1", "--referee", "third"]).expect_code(BLOCKED);
        let stamp = yard.stamp("b1");
        let opinion = &json(&stamp, "capture.json")["sizes"][0]["opinion"];
        assert_eq!(opinion["finding"], finding, "{opinion:#}");
        let said = opinion["text"].as_str().expect("a sentence");
        assert!(text(&stamp, "blockers.md").contains(said), "blockers.md does not say: {said}");
        yard.assert_tidy(finding);
    }
    let yard = Yard::new();
    yard.engines(&[("good", GOOD), ("odd", GOOD)], PAIR);
    yard.audit(&["capture", "--referee", "good"]).expect_code(2);
}
