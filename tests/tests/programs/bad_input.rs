//! Bad input: one clear line on standard error that names the flag or the file, the exit status of the contract, and no file
//! left behind.

use std::path::Path;

use bragg_tests::programs::{ENGINES, Ran, binary, run, temporary_folder};
use bragg_tests::stamps::file_names;

/// A small case that renders when nothing is wrong with it.
const GOOD: &str = "-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detsize 1.6 \
    -noprogress -nonoise -nopgm -floatfile out.bin";

/// Usage and bad input.
const USAGE: i32 = 2;
/// Input and output.
const IO: i32 = 1;

struct Bad {
    what: &'static str,
    /// Words after the good case: the last of an option counts.
    words: &'static str,
    exit: &'static [i32],
    /// The line must hold each of these.
    names: &'static [&'static str],
}

const fn bad(
    what: &'static str,
    words: &'static str,
    exit: &'static [i32],
    names: &'static [&'static str],
) -> Bad {
    Bad { what, words, exit, names }
}

/// For both engines. `plain` is a regular file, `there.bin` an image that must stay as it is.
const TABLE: &[Bad] = &[
    bad("unknown option", "-nonsense", &[USAGE], &["-nonsense"]),
    bad("a near miss", "-lamda 1", &[USAGE], &["-lamda", "-lambda"]),
    bad("another near miss", "-detpixel 8", &[USAGE], &["-detpixel", "-detpixels"]),
    bad("a prefix is no option", "-dist 100", &[USAGE], &["-dist"]),
    bad("a longer word is no option", "-distances 100", &[USAGE], &["-distances", "-distance"]),
    bad("a word without dash", "stray", &[USAGE], &["stray"]),
    bad("unknown double dash", "--nonsense", &[USAGE], &["--nonsense"]),
    bad("missing value", "-lambda", &[USAGE], &["-lambda"]),
    bad("missing last value of three", "-roi 1 2 3", &[USAGE], &["-roi"]),
    bad("missing file name", "-floatfile", &[USAGE], &["-floatfile"]),
    bad("text for a number", "-distance far", &[USAGE], &["-distance", "far"]),
    bad("number with text behind", "-distance 100mm", &[USAGE], &["-distance", "100mm"]),
    bad("text for an integer", "-N five", &[USAGE], &["-N", "five"]),
    bad("fraction for an integer", "-detpixels 16.5", &[USAGE], &["-detpixels", "16.5"]),
    bad("integer beyond all bounds", "-detpixels 99999999999999999999", &[USAGE], &["-detpixels"]),
    bad("not a number", "-lambda nan", &[USAGE], &["-lambda"]),
    bad("infinite", "-distance inf", &[USAGE], &["-distance"]),
    bad("number too large", "-default_F 1e400", &[USAGE], &["-default_F"]),
    bad("option for a value", "-lambda -N 5", &[USAGE], &["-lambda"]),
    bad("zero wavelength", "-lambda 0", &[USAGE], &["-lambda"]),
    bad("negative wavelength", "-lambda -1", &[USAGE], &["-lambda"]),
    bad("zero energy", "-energy 0", &[USAGE], &["-energy"]),
    bad("zero distance", "-distance 0", &[USAGE], &["-distance"]),
    bad("zero pixel size", "-pixel 0", &[USAGE], &["-pixel"]),
    bad("negative pixel size", "-pixel -0.1", &[USAGE], &["-pixel"]),
    bad("impossible angles", "-cell 100 100 100 30 30 120", &[USAGE], &["-cell"]),
    bad("angles that sum to 360", "-cell 100 100 100 120 120 120", &[USAGE], &["-cell"]),
    bad("angle of 180", "-cell 100 100 100 90 90 180", &[USAGE], &["-cell"]),
    bad("edge of 0", "-cell 100 0 100 90 90 90", &[USAGE], &["-cell"]),
    bad("negative edge", "-cell -100 100 100 90 90 90", &[USAGE], &["-cell"]),
    bad("zero pixels", "-detpixels 0", &[USAGE], &["-detpixels"]),
    bad("negative pixels", "-detpixels -5", &[USAGE], &["-detpixels"]),
    bad("100000 × 100000 pixels", "-detpixels 100000", &[USAGE], &["-detpixels"]),
    bad("size smaller than a pixel", "-pixel 5 -detsize 1", &[USAGE], &["-detsize|-pixel"]),
    bad("region turned round", "-roi 5 3 0 5", &[USAGE], &["-roi"]),
    bad("no threads", "--threads 0", &[USAGE], &["--threads"]),
    bad("missing input file", "-hkl no-such.hkl", &[IO], &["no-such.hkl"]),
    bad("missing matrix", "-mat no-such.mat", &[IO], &["no-such.mat"]),
    bad("missing sources", "-sourcefile no-such.txt", &[IO], &["no-such.txt"]),
    bad("missing mask", "-mask no-such.img", &[IO], &["no-such.img"]),
    bad("missing header", "-img no-such.img", &[IO], &["no-such.img"]),
    bad("text for a matrix", "-mat plain", &[USAGE, IO], &["plain"]),
    bad("text for structure factors", "-hkl plain", &[USAGE, IO], &["plain"]),
    bad("text for an image", "-mask plain", &[USAGE, IO], &["plain"]),
    bad("no such folder", "-floatfile no-such-folder/out.bin", &[IO], &["no-such-folder"]),
    bad("a folder below a regular file", "-floatfile plain/out.bin", &[IO], &["plain"]),
    bad("a folder for a file", "-floatfile .", &[IO, USAGE], &["."]),
    bad("an empty file name", "-floatfile ''", &[IO, USAGE], &["-floatfile"]),
];

/// Options of the Rust engine's command.
const RUST_ONLY: &[Bad] = &[
    bad("no such instruction set", "--simd sse9", &[USAGE], &["--simd", "sse9", "plain"]),
    bad("an instruction set of another machine", "--simd neon", &[USAGE], &["--simd", "neon|avx2"]),
    bad("no such type", "--dtype f16", &[USAGE], &["--dtype", "f16"]),
    bad("no such device", "--device cuda", &[USAGE], &["--device", "cuda"]),
    bad("no such engine", "--engine none", &[USAGE], &["--engine", "none"]),
    bad("near miss of a double dash", "--thread 2", &[USAGE], &["--thread", "--threads"]),
    bad("trace without a folder", "--trace no-such-folder/t.json", &[IO], &["no-such-folder"]),
    bad("timings without a folder", "--timings no-such-folder/t.json", &[IO], &["no-such-folder"]),
];

/// Words of a line; `''` is an empty one.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().map(|word| if word == "''" { "" } else { word }).collect()
}

/// What is wrong with how a program refused, if anything.
fn complaints(ran: &Ran, exit: &[i32], names: &[&str], dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    match ran.status.code() {
        Some(code) if exit.contains(&code) => {}
        _ => found.push(format!("ended with {} instead of exit {exit:?}", ran.status)),
    }
    if ran.stderr.lines().count() != 1 || ran.stderr.trim().is_empty() {
        found.push(format!("{} lines on standard error instead of one", ran.stderr.lines().count()));
    }
    for name in names {
        if !name.split('|').any(|name| ran.stderr.contains(name)) {
            found.push(format!("the message does not name {name}"));
        }
    }
    if ran.stderr.contains("panicked") || ran.stderr.contains("RUST_BACKTRACE") {
        found.push("it panicked".to_owned());
    }
    let left: Vec<String> =
        file_names(dir).into_iter().filter(|name| name != "plain" && name != "there.bin").collect();
    if !left.is_empty() {
        found.push(format!("left behind: {left:?}"));
    }
    if std::fs::read(dir.join("there.bin")).ok().as_deref() != Some(b"as it was") {
        found.push("it changed a file that was there".to_owned());
    }
    found
}

/// Runs every row of a table with each program and stops the test with the list of all that went wrong.
fn check_table(programs: &[&str], prefix: &str, rows: &[Bad]) {
    let mut all = Vec::new();
    for (program, row) in programs.iter().flat_map(|program| rows.iter().map(move |row| (*program, row))) {
        let dir = temporary_folder();
        std::fs::write(dir.path().join("plain"), "a regular file").expect("a file in the way");
        std::fs::write(dir.path().join("there.bin"), "as it was").expect("a file that must stay");
        let words: Vec<&str> = words(prefix).into_iter().chain(words(row.words)).collect();
        let ran = run(&binary(program), &words, dir.path());
        let found = complaints(&ran, row.exit, row.names, dir.path());
        if !found.is_empty() {
            let error = ran.stderr.trim();
            all.push(format!("{program}, {} (`{}`): {}\n    {error}", row.what, row.words, found.join("; ")));
        }
    }
    assert!(all.is_empty(), "{} rows:\n{}", all.len(), all.join("\n"));
}

#[test]
fn the_good_case_is_good() {
    for engine in ENGINES {
        let dir = temporary_folder();
        run(&binary(engine), &words(GOOD), dir.path()).expect_code(0);
        let mut written = file_names(dir.path());
        assert!(written.remove("out.bin"), "{engine}: {written:?}");
        // Written by default, once the engine can.
        written.remove("intimage.img");
        assert!(written.is_empty(), "{engine}: files that were not asked for: {written:?}");
    }
}

#[test]
fn engines_refuse_bad_input() {
    check_table(&ENGINES, GOOD, TABLE);
}

#[test]
fn the_rust_command_refuses_bad_options_of_its_own() {
    check_table(&["nanobragg"], GOOD, RUST_ONLY);
}

#[test]
fn an_image_that_was_there_survives_a_refusal() {
    let rows =
        [bad("bad input beside an old image", "-floatfile there.bin -lambda 0", &[USAGE], &["-lambda"])];
    check_table(&ENGINES, GOOD, &rows);
}

#[test]
fn no_arguments_at_all_is_a_usage_error() {
    for program in ENGINES.into_iter().chain(["bragg-audit"]) {
        let dir = temporary_folder();
        let ran = run::<&str>(&binary(program), &[], dir.path());
        assert_eq!(ran.code(), USAGE, "{ran}");
        assert!(!ran.stderr.trim().is_empty(), "{ran}");
        assert!(file_names(dir.path()).is_empty(), "{program}: {:?}", file_names(dir.path()));
    }
}

/// For the audit's command. Every row names `--reports out` where it would write, and nothing may be there afterwards.
const AUDIT: &[Bad] = &[
    bad("unknown option", "run --nonsense", &[USAGE], &["--nonsense"]),
    bad("a near miss", "run --size 64", &[USAGE], &["--size", "--sizes"]),
    bad("unknown command", "captur", &[USAGE], &["captur", "capture"]),
    bad("text for sizes", "run --reports out --sizes big", &[USAGE], &["--sizes", "big"]),
    bad("size 0", "run --reports out --sizes 0", &[USAGE], &["--sizes"]),
    bad("negative size", "run --reports out --sizes=-64", &[USAGE], &["--sizes"]),
    bad("an empty size", "run --reports out --sizes 64,,128", &[USAGE], &["--sizes"]),
    bad("a size beyond all bounds", "run --reports out --sizes 100000", &[USAGE], &["--sizes"]),
    bad("missing value", "run --reports out --sizes", &[USAGE], &["--sizes"]),
    bad("no iterations", "capture --reports out --sizes 64 --iterations 0", &[USAGE], &["--iterations"]),
    bad(
        "text for iterations",
        "capture --reports out --iterations some",
        &[USAGE],
        &["--iterations", "some"],
    ),
    bad("no such type", "capture --reports out --dtype f16", &[USAGE], &["--dtype", "f16"]),
    bad("no such device", "capture --reports out --device cuda", &[USAGE], &["--device", "cuda"]),
    bad(
        "missing C program",
        "capture --reports out --sizes 64 --c-bin no-such-program",
        &[IO, USAGE],
        &["no-such-program"],
    ),
    bad(
        "a C program that is a text",
        "capture --reports out --sizes 64 --c-bin plain",
        &[IO, USAGE, 5],
        &["plain"],
    ),
    bad(
        "reports below a regular file",
        "capture --sizes 64 --iterations 1 --reports plain/out",
        &[IO],
        &["plain"],
    ),
    bad(
        "outdir below a regular file",
        "capture --sizes 64 --iterations 1 --outdir plain/out",
        &[IO],
        &["plain"],
    ),
    bad(
        "in-place folder missing",
        "capture --reports out --sizes 64 --in-place no-such-folder",
        &[IO, USAGE],
        &["no-such-folder"],
    ),
    bad(
        "a text in place of a command line",
        "capture --reports out --candidate-args '",
        &[USAGE],
        &["--candidate-args"],
    ),
];

#[test]
fn the_audit_refuses_bad_input() {
    check_table(&["bragg-audit"], "", AUDIT);
}
