//! The command as people use it: files, reports, exit codes and messages.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use std::path::Path;
use std::process::{Command, Output};

const CASE: &str =
    "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detpixels 32 -nonoise -nopgm";

fn nanobragg(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nanobragg"))
        .current_dir(directory)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The message of a run that must fail with this code and write nothing.
fn refused(line: &str, code: i32) -> String {
    let directory = tempfile::tempdir().unwrap();
    let run = nanobragg(directory.path(), line);
    let message = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(code), "{line}: {message}");
    assert!(message.starts_with("nanobragg: error: ") && message.lines().count() == 1, "{message}");
    assert_eq!(names(directory.path()), [""; 0], "{line}");
    message
}

#[test]
fn bad_input_is_named_on_one_line_and_nothing_is_written() {
    for (line, code, parts) in [
        ("-lamda 1", 2, ["-lamda", "-lambda"]),
        ("-distence 1", 2, ["-distence", "-distance"]),
        ("-lambda", 2, ["-lambda", "missing"]),
        ("-lambda -N 5", 2, ["-lambda", "missing before -N"]),
        ("-lambda one", 2, ["-lambda", "`one` is not a number"]),
        ("-lambda nan", 2, ["-lambda", "not a number"]),
        ("-lambda inf", 2, ["-lambda", "not a number"]),
        ("-lambda 1e400", 2, ["-lambda", "too large"]),
        ("-lambda 0", 2, ["-lambda", "more than 0"]),
        ("-N 2.5", 2, ["-N", "whole number"]),
        ("-misset 1 2", 2, ["-misset", "missing"]),
        ("-floatfile -N 5", 2, ["-floatfile", "missing before -N"]),
        ("stray", 2, ["`stray`", "not an option"]),
        ("-pivot middle", 2, ["-pivot", "middle"]),
        ("--oddities phi-cary-over", 2, ["--oddities", "phi-carry-over"]),
        ("--dtype f16", 2, ["--dtype", "f16"]),
        ("--simd sse9", 2, ["--simd", "plain"]),
        ("--tiles maybe", 2, ["--tiles", "maybe"]),
        ("--device cuda", 2, ["--device", "cuda"]),
        ("--engine fast", 2, ["--engine", "fast"]),
        ("-default_F 1", 2, ["-cell", "-mat"]),
        ("-default_F 1 -cell 10 10 10 10 20 170", 2, ["-cell", "angles"]),
        ("-default_F 1 -cell 0", 2, ["-cell", "0 Å"]),
        ("-default_F 1 -cell 100 -detpixels 0", 2, ["-detpixels", "at least 1"]),
        ("-default_F 1 -cell 100 -detsize 0.01", 2, ["-detpixels", "0 × 0"]),
        ("-default_F 1 -cell 100 -detpixels 100000", 2, ["-detpixels", "40.0 GB"]),
        ("-default_F 1 -cell 100 -pixel 1e-9", 2, ["-detpixels", "TB"]),
        (
            "-default_F 1 -cell 100 -mosaic 1 -mosaic_domains 2000000000 -osc 1 -phisteps 2000",
            2,
            ["-mosaic_domains", "TB"],
        ),
        ("-default_F 1 -cell 100 -beam_vector 0 1 0", 2, ["detector", "-twotheta"]),
        ("-default_F 1 -cell 100 -roi 2000 3000 0 5", 2, ["-roi", "1024"]),
        (
            "-default_F 1 -cell 100 -floatfile no/such/directory.bin",
            1,
            ["no/such/directory.bin", "cannot write"],
        ),
        ("-default_F 1 -cell 100 --trace no/such/trace.json", 1, ["no/such/trace.json", "cannot write"]),
        ("-default_F 1 -cell 100 --timings no/such/t.json", 1, ["no/such/t.json", "cannot write"]),
    ] {
        let message = refused(line, code);
        for part in parts {
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}

#[test]
fn a_run_writes_its_image_and_tells_about_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = nanobragg(directory.path(), CASE);
    assert!(run.status.success());
    assert_eq!(names(directory.path()), ["floatimage.bin", "intimage.img"]);
    assert_eq!(std::fs::metadata(directory.path().join("floatimage.bin")).unwrap().len(), 4 * 32 * 32);
    let text = String::from_utf8(run.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("pixel loop: ")).unwrap();
    assert!(line.contains(" s on ") && line.ends_with(" threads"), "{line}");
    assert!(run.stderr.is_empty());
}

#[test]
fn reports_can_be_json_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let json = nanobragg(directory.path(), &format!("{CASE} --json")).stdout;
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(report["pixels"], serde_json::json!([32, 32]));
    assert_eq!(report["written"], serde_json::json!(["floatimage.bin", "intimage.img"]));
    assert!(nanobragg(directory.path(), &format!("{CASE} --quiet")).stdout.is_empty());
}

#[test]
fn a_repeated_run_is_warm_and_writes_the_same() {
    let directory = tempfile::tempdir().unwrap();
    assert!(nanobragg(directory.path(), CASE).status.success());
    let once = std::fs::read(directory.path().join("floatimage.bin")).unwrap();
    assert!(nanobragg(directory.path(), &format!("{CASE} --repeat 2 --timings t.json")).status.success());
    assert_eq!(std::fs::read(directory.path().join("floatimage.bin")).unwrap(), once);
    let text = std::fs::read_to_string(directory.path().join("t.json")).unwrap();
    let timings: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(timings["schema"], "nanobragg-timings/1");
    let renders = timings["renders"].as_array().unwrap();
    let kinds: Vec<_> =
        renders.iter().map(|r| (r["kind"].as_str().unwrap(), r["cache_hit"].as_bool().unwrap())).collect();
    assert_eq!(kinds, [("cold", false), ("warm", true), ("warm", true)]);
    for render in renders {
        let part = |name: &str| render[name].as_f64().unwrap();
        assert!(part("setup_s") + part("sim_s") + part("output_s") <= part("total_s") * 1.000001);
    }
}

#[test]
fn a_trace_is_json_with_every_stage_and_the_image_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    // So many sub-pixels that every row is a band.
    let case = format!("{CASE} -oversample 91 --tiles off");
    assert!(nanobragg(directory.path(), &case).status.success());
    let plain = std::fs::read(directory.path().join("floatimage.bin")).unwrap();
    assert!(nanobragg(directory.path(), &format!("{case} --trace trace.json")).status.success());
    assert_eq!(std::fs::read(directory.path().join("floatimage.bin")).unwrap(), plain);
    let text = std::fs::read_to_string(directory.path().join("trace.json")).unwrap();
    let events: serde_json::Value = serde_json::from_str(&text).unwrap();
    let begun = |name: &str| {
        let begins = |e: &&serde_json::Value| e["name"] == name && e["ph"] == "B";
        events.as_array().unwrap().iter().filter(begins).count()
    };
    // Every band is written when it is done; the last output is the other files.
    assert_eq!((begun("setup"), begun("band"), begun("output")), (1, 32, 33));
    let band = events.as_array().unwrap().iter().find(|e| e["name"] == "band").unwrap();
    assert_eq!(band["args"]["loop_id"], nanobragg::spans::BAND_OF_PIXELS.loop_id.unwrap());
}

#[test]
fn a_trace_of_a_run_that_fails_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let run = nanobragg(directory.path(), "-cell 10 10 10 10 20 170 --trace trace.json");
    assert_eq!(run.status.code(), Some(2));
    let text = std::fs::read_to_string(directory.path().join("trace.json")).unwrap();
    let events: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(events.as_array().unwrap().iter().any(|e| e["name"] == "setup" && e["ph"] == "E"));
}

#[test]
fn threads_of_the_environment_are_obeyed() {
    let directory = tempfile::tempdir().unwrap();
    let threads = |variable: &str, value: &str, more: &str| {
        let run = Command::new(env!("CARGO_BIN_EXE_nanobragg"))
            .current_dir(directory.path())
            .env_remove("RAYON_NUM_THREADS")
            .env_remove("OMP_NUM_THREADS")
            .env(variable, value)
            .args(format!("{CASE} --json {more}").split_whitespace())
            .output()
            .unwrap();
        serde_json::from_slice::<serde_json::Value>(&run.stdout).ok().map(|report| report["threads"].clone())
    };
    assert_eq!(threads("RAYON_NUM_THREADS", "3", ""), Some(3.into()));
    assert_eq!(threads("OMP_NUM_THREADS", "5,2", ""), Some(5.into()));
    assert_eq!(threads("OMP_NUM_THREADS", "5", "--threads 2"), Some(2.into()));
    assert_eq!(threads("OMP_NUM_THREADS", "many", ""), None);
}

#[test]
fn help_and_version_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let help = String::from_utf8(nanobragg(directory.path(), "--help").stdout).unwrap();
    for part in ["-lambda", "Å", "[1.25932015286227086e29]", "--threads", "Detector:"] {
        assert!(help.contains(part), "{part}");
    }
    let version = String::from_utf8(nanobragg(directory.path(), "--version").stdout).unwrap();
    assert!(version.starts_with("nanobragg "));
}
