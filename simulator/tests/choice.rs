//! Which engine, instructions and type of numbers a run takes is told wherever it leaves a record, and why; what cannot be
//! had is refused.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use nanobragg::engine::{Choice, EngineName, SimulatorError};
use nanobragg::experiment::{Cell, Crystal, Experiment};
use nanobragg::kernels::{Level, LevelError};
use nanobragg::{Simulator, engine};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Smooth, but not worth tiles.
const CASE: &str =
    "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detpixels 32 -nonoise -nopgm";
/// Many combinations on a smooth image.
const SMOOTH: &str = "-mosaic 0.5 -mosaic_domains 50 -detpixels 256";

fn nanobragg(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nanobragg"))
        .current_dir(directory)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

/// Standard output of a run that must succeed, and its warnings.
fn said(directory: &Path, line: &str) -> [String; 2] {
    let run = nanobragg(directory, line);
    let [out, errors] = [run.stdout, run.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(run.status.success(), "{line}: {errors}");
    [out, errors]
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Engine, instructions and type of numbers of every way to run on this machine.
fn ways() -> Vec<[&'static str; 3]> {
    let levels = Level::available().into_iter().map(Level::name);
    let fast = levels.flat_map(|level| ["f64", "f32"].map(|dtype| ["rust-fast", level, dtype]));
    fast.chain([["rust-reference", "scalar", "f64"]]).collect()
}

#[test]
fn log_report_timings_and_trace_say_what_ran() {
    let directory = tempfile::tempdir().unwrap();
    for way in ways() {
        let [name, simd, dtype] = way;
        let simd = if simd == "scalar" { String::new() } else { format!("--simd {simd}") };
        let line = format!("{CASE} --engine {name} {simd} --dtype {dtype} --threads 1");
        let [log, _] = said(directory.path(), &format!("{line} --timings t.json --trace trace.json"));
        let wanted = format!("engine: {}, {}, {}, 1 threads", way[0], way[1], way[2]);
        assert!(log.lines().any(|line| line == wanted), "{wanted}: {log}");
        let [report, _] = said(directory.path(), &format!("{line} --json"));
        let report: Value = serde_json::from_str(&report).unwrap();
        let timings = json(&directory.path().join("t.json"));
        let trace = json(&directory.path().join("trace.json"));
        let set_up = |e: &&Value| e["name"] == "setup" && e["ph"] == "E";
        let set_up = trace.as_array().unwrap().iter().find(set_up).unwrap();
        for record in [&report, &timings, &set_up["args"]] {
            let found = ["engine", "simd", "dtype"].map(|key| record[key].as_str().unwrap_or_default());
            assert_eq!(found, way, "{record}");
        }
    }
}

#[test]
fn what_this_machine_does_not_have_is_refused_and_not_replaced() {
    let experiment = Experiment {
        crystal: Crystal {
            cell: Some(Cell::new(70.0, 80.0, 90.0, 75.0, 85.0, 95.0)),
            default_f: 10.0,
            ..Crystal::default()
        },
        ..Experiment::default()
    };
    let missing = Level::ALL.into_iter().find(|level| !level.is_available()).unwrap();
    for engine in EngineName::ALL {
        let choice = Choice { engine, level: Some(missing), ..Choice::default() };
        match Simulator::with(&experiment, 1, &choice) {
            Err(SimulatorError::Level(error)) => assert_eq!(error, LevelError::Unavailable(missing)),
            Err(other) => unreachable!("{other}"),
            Ok(simulator) => unreachable!("{missing} became {}", simulator.explain().level),
        }
    }
    let simulator = Simulator::with(&experiment, 1, &Choice::default()).unwrap();
    let choice = Choice { level: Some(missing), ..Choice::default() };
    assert!(engine::Fast::new(simulator.model(), &choice).is_err());
    assert!(engine::Fast::new(simulator.model(), &Choice::default()).is_ok());
}

#[test]
fn instructions_are_not_asked_of_the_reference() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("e.toml"), "[running]\nsimd = \"plain\"\n").unwrap();
    for words in ["--simd plain --engine rust-reference", "--experiment e.toml --engine rust-reference"] {
        let run = nanobragg(directory.path(), &format!("{CASE} {words}"));
        let message = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(2), "{words}: {message}");
        assert!(message.contains("--simd plain") && message.contains("--engine rust-reference"), "{message}");
    }
    let words = "--experiment e.toml --engine rust-reference --simd auto";
    said(directory.path(), &format!("{CASE} {words}"));
}

#[test]
fn f64_instead_of_f32_is_warned_of_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    for (words, why) in [
        ("--engine rust-reference", "rust-reference computes in f64 alone"),
        ("-oversample 2 -oversample_omega", "f32 cannot hold a running product"),
        ("-N 30000 -oversample 1", "f32 would lose the phase between neighbouring pixels"),
    ] {
        let [out, warnings] = said(directory.path(), &format!("{CASE} {words} --dtype f32 --json"));
        let lines: Vec<&str> =
            warnings.lines().filter(|line| line.starts_with("nanobragg: warning: --dtype f32: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(why), "{words}: {warnings}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["dtype"], "f64");
        let [_, warnings] = said(directory.path(), &format!("{CASE} {words}"));
        assert!(!warnings.contains("f32"), "{warnings}");
    }
    let [_, warnings] = said(directory.path(), &format!("{CASE} --dtype f32"));
    assert!(warnings.is_empty(), "{warnings}");
}

#[test]
fn why_these_instructions_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let explained = |words: &str| said(directory.path(), &format!("{CASE} {words} --explain"))[0].clone();
    let fastest = Level::detect();
    let line = format!("  instructions: {fastest}, the fastest that this machine has\n");
    assert!(explained("").contains(&line) && explained("--simd auto").contains(&line));
    assert!(explained("--simd plain").contains("  instructions: plain, asked for\n"));
}

#[test]
fn why_there_are_no_tiles_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.hkl"), "0 0 0 10\n1 0 0 20\n0 1 1 30\n").unwrap();
    std::fs::write(directory.path().join("s.txt"), "0 0 1 1 6.2e-10\n0 0.01 1 2 6.2e-10\n").unwrap();
    for (words, why) in [
        ("--tiles off", "--tiles off"),
        ("-detpixels 32 -mosaic_domains 1", "summing pixel by pixel is faster"),
        ("-round_xtal", "only the square shape is band-limited"),
        ("-gauss_xtal", "only the square shape is band-limited"),
        ("-hkl a.hkl -nointerpolate", "structure factors differ from reflection to reflection"),
        ("-hkl a.hkl -interpolate", "structure factors differ from reflection to reflection"),
        ("-curved_det", "the detector is curved"),
        ("-dmin 3", "-dmin leaves sources out"),
        ("-oversample_omega", "a correction is applied to every term or sub-pixel"),
        ("--oddities none", "a correction is applied to every term or sub-pixel"),
        ("--oddities none -nopolar", "polarization would be applied to every term, although it is left out"),
        ("-oversample_thick", "the sum is multiplied after every term"),
        ("-sourcefile s.txt --oddities -source-weights-ignored", "sources have weights of their own"),
        ("-detector_thick 100 -detector_thicksteps 3", "the sensor has a thickness"),
        ("-water 100 --dtype f32", "digits that f32 does not have"),
        ("-water 100 --oddities -background-scaling", "the background of water is added beside the sum"),
    ] {
        let [log, _] = said(directory.path(), &format!("{CASE} {SMOOTH} {words} --explain"));
        let line = log.lines().find_map(|line| line.strip_prefix("  pixel by pixel: ")).unwrap_or_default();
        assert!(line.contains(why), "{words}: {log}");
    }
    for words in ["", "-water 100", "--dtype f32"] {
        let [log, _] = said(directory.path(), &format!("{CASE} {SMOOTH} {words} --explain"));
        assert!(log.contains("  smooth tiles of "), "{words}: {log}");
        let counts = log.lines().find_map(|line| line.strip_prefix("  tiles so far: ")).unwrap();
        assert!(counts.ends_with(" interpolated, 0 pixel by pixel") && !counts.starts_with('0'), "{counts}");
    }
}
