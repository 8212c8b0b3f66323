//! The image is the same, bit by bit, for any number of threads and any way to ask for them.

use std::collections::BTreeMap;

use bragg_tests::programs::{ENGINES, binary, run_with, temporary_folder};

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
fn repeated_renders_give_identical_bytes() {
    let engine = "nanobragg";
    let one = image(engine, &["--threads", "2"], &BTreeMap::new());
    assert!(one == image(engine, &["--threads", "2", "--repeat", "2"], &BTreeMap::new()), "--repeat 2");
}
