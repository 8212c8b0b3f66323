//! The story that the audit was built on: an engine reads what nobody named. A cache in the working directory, a variable of the
//! environment, a configuration in a directory above: each blocks where it lies, passes isolated, and is found and proven.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use bragg_tests::audits::{BLOCKED, NOT_COMPARABLE, PASS};
use bragg_tests::c_copies::engine;
use bragg_tests::programs::{Ran, binary, run, run_with, temporary_folder};
use bragg_tests::stamps::{file_names, only_stamp, text, verify_checksums};
use serde_json::Value;

/// The benchmark case; its size is set apart.
const BENCHMARK: &str = "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100";

/// An engine with a configuration file, looked for upwards, and a variable.
const CONFIGURED: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int nanobragg_c_main(int, char **);
int main(int c, char **v)
{
    static char f[64];
    char path[512] = ".beamrc";
    char **w = calloc((size_t)c + 3, sizeof *w);
    const char *said = getenv("BEAM_F");
    if (said) snprintf(f, sizeof f, "%s", said);
    for (int up = 0; up < 8 && !f[0]; ++up) {
        FILE *file = fopen(path, "r");
        if (file) { if (fscanf(file, "%63s", f) != 1) f[0] = 0; fclose(file); }
        memmove(path + 3, path, strlen(path) + 1);
        memcpy(path, "../", 3);
    }
    memcpy(w, v, (size_t)c * sizeof *w);
    if (f[0]) { w[c++] = "-default_F"; w[c++] = f; }
    return nanobragg_c_main(c, w);
}
"#;

fn words<'a>(command: &'a str, reports: &'a Path, more: &[&'a str], sizes: &'a str) -> Vec<&'a str> {
    let mut list = vec![command, "--reports", reports.to_str().expect("a readable path"), "--sizes", sizes];
    if command == "capture" {
        list.extend(["--iterations", "1", "--no-profile"]);
    }
    list.extend_from_slice(more);
    list.push("--");
    list.extend(BENCHMARK.split_whitespace());
    list
}

fn audit(command: &str, more: &[&str], sizes: &str, reports: &Path, variables: &BTreeMap<&str, &str>) -> Ran {
    run_with(&binary("bragg-audit"), &words(command, reports, more, sizes), reports, variables)
}

fn found(reports: &Path) -> Value {
    let stamp = only_stamp(reports, "diagnose");
    verify_checksums(&stamp);
    for name in ["diagnosis.md", "first_divergence.md", "reproduce.sh", "verdict.json"] {
        assert!(stamp.join(name).is_file(), "{name}: {:?}", file_names(&stamp));
    }
    serde_json::from_str(&text(&stamp, "diagnosis.json")).expect("diagnosis.json")
}

#[test]
fn a_cache_in_the_directory() {
    let (place, reports) = (temporary_folder(), temporary_folder());
    // structure factors of another run: some 0, the others about 108
    let mut list = String::new();
    for (h, k, l) in
        (-10i32..=10).flat_map(|h| (-10i32..=10).flat_map(move |k| (-10i32..=10).map(move |l| (h, k, l))))
    {
        let f = if (h * 31 + k * 17 + l * 7).rem_euclid(3) == 0 { 0.0 } else { 108.2 };
        list.push_str(&format!("{h} {k} {l} {f}\n"));
    }
    std::fs::write(reports.path().join("x.hkl"), list).expect("x.hkl");
    let hkl = reports.path().join("x.hkl").to_string_lossy().into_owned();
    let make = format!("-hkl {hkl} {BENCHMARK} -detpixels 32 --oddities +implicit-dump -nonoise -nopgm");
    run(&binary("nanobragg-c"), &make.split_whitespace().collect::<Vec<_>>(), place.path()).expect_code(0);
    for other in ["floatimage.bin", "intimage.img"] {
        std::fs::remove_file(place.path().join(other)).expect("an output goes");
    }
    assert!(place.path().join("Fdump.bin").is_file());
    for i in 0..20 {
        std::fs::write(place.path().join(format!("notes {i}.txt")), "nothing").expect("a file beside it");
    }
    let dir = place.path().to_str().expect("a readable path");
    let odd = ["--reference-args", "--oddities +implicit-dump"];
    let there = [odd[0], odd[1], "--in-place", dir];
    let none = BTreeMap::new();
    audit("capture", &odd, "512", reports.path(), &none).expect_code(PASS);
    audit("capture", &there, "512", reports.path(), &none).expect_code(BLOCKED);
    let before = file_names(place.path());
    let start = Instant::now();
    let ran = audit("diagnose", &there, "512", reports.path(), &none);
    ran.expect_code(BLOCKED);
    let took = start.elapsed().as_secs();
    assert!(took < 60, "{took} s: {ran}");
    assert_eq!(file_names(place.path()), before, "diagnose worked in the directory itself");
    let d = found(reports.path());
    let cause = &d["causes"][0];
    assert_eq!(
        (cause["class"].as_str(), cause["proven"].as_bool()),
        (Some("hidden-file"), Some(true)),
        "{cause:#}"
    );
    let title = cause["title"].as_str().expect("a title");
    assert!(
        title.contains("Fdump.bin") && title.contains("reference") && !title.contains("notes"),
        "{title}"
    );
    assert!(ran.stdout.contains("Fdump.bin") && ran.stdout.contains("PROVEN"), "{ran}");
    assert_eq!(d["causes"].as_array().map(Vec::len), Some(1), "{d:#}");

    // the script shows it again
    let script = only_stamp(reports.path(), "diagnose").join("reproduce.sh");
    run(Path::new("/bin/sh"), &[script.to_str().expect("a readable path")], reports.path())
        .expect_code(BLOCKED);
    // and nothing has changed since the capture that blocked
    let again = audit("capture", &there, "512", reports.path(), &none);
    assert!(again.code() == BLOCKED || again.code() == PASS, "{again}");
}

#[test]
fn a_variable_and_a_configuration_above() {
    let (place, build) = (temporary_folder(), temporary_folder());
    let program = engine(build.path(), None, CONFIGURED);
    let candidate = format!("c:{}", program.display());
    let inside = place.path().join("project/run 1");
    std::fs::create_dir_all(&inside).expect("the directory");
    std::fs::write(inside.join("readme"), "nothing").expect("a file");
    let dir = inside.to_str().expect("a readable path");
    let there = ["--candidate", candidate.as_str(), "--in-place", dir];
    let variable = BTreeMap::from([("BEAM_F", "140"), ("BEAM_NOTE", "nothing")]);
    let none = BTreeMap::new();
    for (variables, rc, class, name) in [
        (&variable, None, "environment-variable", "BEAM_F=140"),
        (&none, Some("120\n"), "parent-file", "project/.beamrc"),
    ] {
        let reports = temporary_folder();
        if let Some(content) = rc {
            std::fs::write(place.path().join("project/.beamrc"), content).expect(".beamrc");
        }
        audit("capture", &there[..2], "64", reports.path(), variables).expect_code(PASS);
        audit("capture", &there, "64", reports.path(), variables).expect_code(BLOCKED);
        let ran = audit("diagnose", &there, "64", reports.path(), variables);
        ran.expect_code(BLOCKED);
        let d = found(reports.path());
        let cause = &d["causes"][0];
        assert_eq!((cause["class"].as_str(), cause["proven"].as_bool()), (Some(class), Some(true)), "{d:#}");
        assert!(
            cause["title"].as_str().is_some_and(|t| t.contains(name) && !t.contains("NOTE")),
            "{cause:#}"
        );
    }
}

#[test]
fn not_found_is_said_with_what_was_excluded() {
    // an engine without taps whose image is noise that depends on the case: nothing switches it
    let (reports, build) = (temporary_folder(), temporary_folder());
    let script = build.path().join("noise");
    let text = "#!/bin/sh\nset -eu\nwhile [ $# -gt 0 ]; do case $1 in -floatfile) out=$2; shift;; --*) exit 2;; -printout*) exit 2;; esac; shift; done\n\
                awk 'BEGIN { for (i = 0; i < 4096; ++i) { x = (x * 16807 + 12345) % 2147483647; printf \"%c%c%c%c\", 65 + x % 26, 65 + int(x / 31) % 26, 65 + int(x / 977) % 26, 66 } }' > \"$out\"\n";
    std::fs::write(&script, text).expect("the engine");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("executable");
    let candidate = format!("c:{}", script.display());
    let ran = audit("diagnose", &["--candidate", &candidate], "64", reports.path(), &BTreeMap::new());
    ran.expect_code(BLOCKED);
    assert!(ran.stdout.contains("NOT FOUND"), "{ran}");
    let d = found(reports.path());
    assert_eq!(d["found"], false);
    assert!(d["causes"].as_array().expect("causes").iter().all(|c| c["proven"] == false), "{d:#}");
    let excluded = d["excluded"].to_string();
    assert!(excluded.contains("non-determinism") && excluded.contains("environment"), "{excluded}");
    assert!(d["not_tried"].to_string().contains("no intermediate values"), "{d:#}");
}

#[test]
fn an_engine_that_differs_from_itself_comes_first() {
    let reports = temporary_folder();
    let restless = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/engine-restless");
    let candidate = format!("c:{}", restless.display());
    let ran = audit("diagnose", &["--candidate", &candidate], "64", reports.path(), &BTreeMap::new());
    ran.expect_code(NOT_COMPARABLE);
    let d = found(reports.path());
    assert_eq!(d["causes"][0]["class"], "non-determinism", "{d:#}");
}

/// An engine of a pair of one's own that looks at a folder beside its working directory, at a lock, at the directory's
/// name, and at two variables, each of which is enough.
const CURIOUS: &str = r#"#!/bin/sh
set -eu
out=$2
scale=65
[ ! -e lock ] || { echo 'locked by another run' >&2; exit 3; }
case $PWD in */special) scale=67;; esac
if [ -e ../config/settings ]; then read -r scale < ../config/settings; fi
[ -z "${ALPHA+set}" ] || scale=$((scale + 2))
[ -z "${BETA+set}" ] || scale=$((scale + 4))
awk -v s="$scale" 'BEGIN { for (i = 0; i < 1024; ++i) printf "%c%c%c%c", 97, 98, s + i % 7, 66 }' > "$out"
"#;

#[test]
fn a_folder_above_a_lock_the_directorys_name_and_two_variables_at_once() {
    let place = temporary_folder();
    let engine = place.path().join("engine");
    std::fs::write(&engine, CURIOUS).expect("the engine");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&engine, mode).expect("executable");
    // the same program looks at nothing when it runs elsewhere: both engines of the pair are it, the reference always isolated
    let plain = place.path().join("plain");
    std::fs::write(&plain, CURIOUS.replace("[ ! -e lock ]", "cd /; unset ALPHA BETA; [ ! -e lock ]"))
        .expect("the reference");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&plain, mode).expect("executable");
    let config = "initiative = \"pair\"\n[engines]\nreference = \"old\"\ncandidate = \"new\"\n\
                  [engines.old]\ncommand = [\"./plain\", \"-o\", \"{out}\", \"{args}\"]\nformat = \"f32\"\nshape = [32, 32]\n\
                  [engines.new]\ncommand = [\"./engine\", \"-o\", \"{out}\", \"{args}\"]\nformat = \"f32\"\nshape = [32, 32]\n\
                  [case]\nname = \"first\"\nargs = \"\"\n";
    std::fs::write(place.path().join("audit.toml"), config).expect("audit.toml");
    for dir in ["project/config", "project/run", "locked", "special", "empty"] {
        std::fs::create_dir_all(place.path().join(dir)).expect("a directory");
    }
    std::fs::write(place.path().join("project/config/settings"), "70\n").expect("the configuration");
    std::fs::write(place.path().join("locked/lock"), "").expect("the lock");
    std::fs::write(place.path().join("locked/notes"), "nothing").expect("a file beside it");
    let none = BTreeMap::new();
    let both = BTreeMap::from([("ALPHA", ""), ("BETA", "1")]);
    for (dir, variables, expected) in [
        ("project/run", &none, &[("parent-file", "project/config")][..]),
        ("locked", &none, &[("hidden-file", "locked/lock")]),
        ("special", &none, &[("working-directory", "path of the working directory")]),
        ("empty", &both, &[("environment-variable", "ALPHA"), ("environment-variable", "BETA")]),
    ] {
        let reports = temporary_folder();
        let words =
            ["diagnose", "--json", "--in-place", dir, "--reports", reports.path().to_str().expect("a path")];
        let ran = run_with(&binary("bragg-audit"), &words, place.path(), variables);
        ran.expect_code(BLOCKED);
        let d: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        for (class, name) in expected {
            let named = d["causes"].as_array().expect("causes").iter().any(|c| {
                c["class"] == *class
                    && c["proven"] == true
                    && c["title"].as_str().is_some_and(|t| t.contains(name))
            });
            assert!(named, "{dir}: no proven {class} {name} in {d:#}");
        }
        assert_eq!(d["causes"].as_array().map(Vec::len), Some(expected.len()), "{dir}: {d:#}");
    }
}
