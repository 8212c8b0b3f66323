//! The image is the same, bit by bit, for any number of threads, any way to ask for them, and any neighbour.

use std::collections::BTreeMap;

use bragg_tests::programs::{ENGINES, binary, not_run, run, run_with, temporary_folder};
use nanobragg::kernels::Level;

const CASE: &str = "-default_F 50 -cell 100 120 140 90 90 90 -lambda 1 -Na 3 -Nb 7 -Nc 11 -distance 60 \
    -pixel 0.2 -detpixels_x 130 -detpixels_y 97 -polar 0.9 -oversample 2 -noprogress -nonoise -nopgm";

fn image(engine: &str, more: &[&str], environment: &BTreeMap<&str, &str>) -> Vec<u8> {
    let dir = temporary_folder();
    let words: Vec<&str> =
        CASE.split_whitespace().chain(more.iter().copied()).chain(["-floatfile", "out.bin"]).collect();
    run_with(&binary(engine), &words, dir.path(), environment).expect_code(0);
    let bytes = std::fs::read(dir.path().join("out.bin")).expect("the image");
    assert_eq!(bytes.len(), 4 * 130 * 97, "{engine}: bytes of the image");
    bytes
}

#[test]
fn one_two_and_three_threads_give_identical_bytes() {
    for engine in ENGINES {
        let one = image(engine, &["--threads", "1"], &BTreeMap::new());
        for threads in ["2", "3"] {
            assert!(
                one == image(engine, &["--threads", threads], &BTreeMap::new()),
                "{engine} --threads {threads}"
            );
            let environment = BTreeMap::from([("OMP_NUM_THREADS", threads), ("RAYON_NUM_THREADS", threads)]);
            assert!(one == image(engine, &[], &environment), "{engine}, {threads} threads by environment");
        }
        assert!(one == image(engine, &[], &BTreeMap::new()), "{engine}, threads left out");
    }
}

#[test]
fn no_level_and_no_type_of_numbers_depends_on_the_number_of_threads() {
    for level in Level::ALL {
        if !level.is_available() {
            not_run(&format!("threads with --simd {level}: this machine does not have it"));
            continue;
        }
        for dtype in ["f64", "f32"] {
            let words = |threads| ["--simd", level.name(), "--dtype", dtype, "--threads", threads];
            let one = image("nanobragg", &words("1"), &BTreeMap::new());
            for threads in ["2", "3"] {
                let more = image("nanobragg", &words(threads), &BTreeMap::new());
                assert!(one == more, "{level}, {dtype}, {threads} threads");
            }
        }
    }
}

#[test]
fn repeated_renders_give_identical_bytes() {
    let engine = "nanobragg";
    let one = image(engine, &["--threads", "2"], &BTreeMap::new());
    assert!(one == image(engine, &["--threads", "2", "--repeat", "2"], &BTreeMap::new()), "--repeat 2");
}

/// Ten times two processes at once in one directory, with names of their own and with a name in common.
#[test]
fn two_runs_in_one_directory_do_not_disturb_each_other() {
    for engine in ENGINES {
        let render = |dir: &std::path::Path, f: &str, own: &str| {
            let line =
                "-cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100 -detpixels 64 -nonoise -nopgm";
            let mut words: Vec<&str> = line.split(' ').collect();
            words.extend(["-default_F", f, "-intfile", own, "-floatfile", "shared.bin"]);
            run(&binary(engine), &words, dir).expect_code(0);
            std::fs::read(dir.join(own)).expect("its own image")
        };
        let (a, b, both) = (temporary_folder(), temporary_folder(), temporary_folder());
        let alone = [render(a.path(), "100", "a.img"), render(b.path(), "70", "b.img")];
        let shared = [a.path(), b.path()].map(|dir| std::fs::read(dir.join("shared.bin")).expect("an image"));
        for _ in 0..10 {
            let together = std::thread::scope(|scope| {
                let first = scope.spawn(|| render(both.path(), "100", "a.img"));
                let second = scope.spawn(|| render(both.path(), "70", "b.img"));
                [first, second].map(|run| run.join().expect("a run"))
            });
            assert_eq!(together, alone, "{engine}: the runs changed each other's images");
            let last = std::fs::read(both.path().join("shared.bin")).expect("an image");
            assert!(shared.contains(&last), "{engine}: the image that both wrote is neither's");
        }
        let files = std::fs::read_dir(both.path()).expect("the directory").count();
        assert_eq!(files, 3, "{engine}: files that nobody asked for");
    }
}
