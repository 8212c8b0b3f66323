//! The float image is written while it is rendered: the same bytes as from memory, and nothing is left of a run that was
//! killed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bragg_tests::processes::signal;
use bragg_tests::programs::{binary, not_run, run, spawn, temporary_folder};

const CASE: &str = "-default_F 50 -cell 100 120 140 90 90 90 -lambda 1 -Na 3 -Nb 7 -Nc 11 -distance 60 \
    -pixel 0.2 -detpixels_x 530 -detpixels_y 397 -seed 7 -noprogress";

#[test]
fn the_bytes_are_those_of_an_image_in_memory() {
    for more in
        ["", "-roi 100 399 50 333", "-roi 0 0 396 396", "--engine rust-reference", "--tiles off --threads 2"]
    {
        let dir = temporary_folder();
        let words = |float: &str| {
            let words = CASE.split_whitespace().chain(more.split_whitespace());
            words.chain(["-floatfile", float, "--quiet"]).map(str::to_owned).collect::<Vec<String>>()
        };
        run(&binary("nanobragg"), &words("streamed.bin"), dir.path()).expect_code(0);
        let others = ["intimage.img", "noiseimage.img", "image.pgm"].map(|name| dir.path().join(name));
        let streamed = others.each_ref().map(|path| std::fs::read(path).expect("an image"));

        // Into a pipe nothing can be written in any order: the image is made in memory first.
        let mut command = Command::new(binary("nanobragg"));
        command.args(words("/dev/stdout")).current_dir(dir.path());
        let kept = spawn(&mut command).wait_with_output().expect("an end");
        assert!(kept.status.success(), "{}", String::from_utf8_lossy(&kept.stderr));
        assert_eq!(kept.stdout.len(), 4 * 530 * 397, "{more}");
        let file = std::fs::read(dir.path().join("streamed.bin")).expect("the image");
        assert!(file == kept.stdout, "{more}: streamed and kept in memory are not the same");
        for (path, streamed) in others.iter().zip(streamed) {
            assert!(std::fs::read(path).expect("an image") == streamed, "{more}: {}", path.display());
        }
    }
}

/// Whether a process has a file open that has no name.
fn has_unnamed_file(pid: u32) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let target = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).unwrap_or_default();
    open.flatten().any(|entry| target(entry).to_string_lossy().ends_with(" (deleted)"))
}

/// Bytes that a process has written so far.
fn written(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn nothing_is_left_of_a_run_that_was_killed() {
    if !Path::new("/proc/self/io").exists() {
        not_run("what a killed run leaves: there is no /proc/self/io");
        return;
    }
    for what in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        let dir = temporary_folder();
        std::fs::write(dir.path().join("floatimage.bin"), "an older image").expect("a file");
        // A minute, if it were not killed.
        let words = "-default_F 50 -cell 100 120 140 90 90 90 -lambda 1 -N 5 -distance 60 -detpixels 4096 \
            -oversample 8 -noprogress --engine rust-reference --quiet --trace t.json";
        let mut command = Command::new(binary("nanobragg"));
        command.args(words.split_whitespace()).current_dir(dir.path());
        let mut child = spawn(&mut command);
        let start = Instant::now();
        while written(child.id()) < 4096 * 4 {
            assert!(start.elapsed() < Duration::from_mins(5), "no band was written");
            assert!(child.try_wait().is_ok_and(|ended| ended.is_none()), "the render ended");
            std::thread::yield_now();
        }
        let unnamed = has_unnamed_file(child.id());
        signal(child.id(), what);
        let ended = child.wait().expect("an end");
        assert!(!ended.success(), "signal {what}: {ended}");
        if !unnamed {
            not_run("what a killed run leaves: this file system has no files without a name");
            return;
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).expect("the folder").flatten().collect();
        assert_eq!(left.len(), 1, "signal {what}: {left:?}");
        assert_eq!(std::fs::read(left[0].path()).expect("the file"), b"an older image");
    }
}
