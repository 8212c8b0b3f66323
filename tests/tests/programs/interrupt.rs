//! Ctrl-C and worse while engines run: no stamp that looks finished, no engine left behind.
//!
//! A file of its own, so that no other test of this process runs the audit meanwhile.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bragg_tests::engines::Yard;
use bragg_tests::processes::{Process, descendants, running, signal};
use bragg_tests::programs::{binary, spawn, temporary_folder, workspace_root};
use bragg_tests::stamps::{everything, is_stamp_name};

/// Long enough for a slow machine; reaching it is a failure, not a wait.
const DEADLINE: Duration = Duration::from_mins(2);

/// Looks until `find` has an answer.
fn eventually<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

fn is_engine(process: &Process) -> bool {
    process.words.iter().any(|word| word == "__engine")
        && process.words.iter().any(|word| word == "-floatfile")
}

fn finished_looking(reports: &Path) -> Vec<std::path::PathBuf> {
    let named_like_a_stamp = |path: &std::path::PathBuf| {
        path.is_dir() && path.file_name().and_then(|n| n.to_str()).is_some_and(is_stamp_name)
    };
    everything(reports).into_iter().filter(named_like_a_stamp).collect()
}

fn alive(pid: u32) -> bool {
    running().iter().any(|process| process.pid == pid)
}

/// Starts a capture whose renders take long, waits for an engine to appear, and sends `what` to the audit alone.
fn interrupted_by(what: i32) -> (std::process::ExitStatus, Vec<u32>, tempfile::TempDir) {
    let reports = temporary_folder();
    let mut command = Command::new(binary("bragg-audit"));
    // The self-check runs at a reduced size, so a region and many sub-pixels keep every render long.
    command.args(["capture", "--iterations", "3", "--reports"]).arg(reports.path()).arg("--");
    command.args("-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100".split(' '));
    command.args("-detpixels 3000 -roi 0 2999 0 2999 -oversample 8".split(' ')).current_dir(workspace_root());
    let mut audit = spawn(&mut command);
    let engines = eventually("an engine of the capture", || {
        assert!(
            audit.try_wait().is_ok_and(|ended| ended.is_none()),
            "the capture ended before an engine ran"
        );
        let engines: Vec<u32> =
            descendants(audit.id()).iter().filter(|p| is_engine(p)).map(|p| p.pid).collect();
        (!engines.is_empty()).then_some(engines)
    });
    signal(audit.id(), what);
    let status = eventually("the end of the interrupted audit", || audit.try_wait().ok().flatten());
    (status, engines, reports)
}

#[test]
fn interrupts_leave_no_stamp_and_no_engine() {
    for (name, what) in [("SIGINT", libc::SIGINT), ("SIGTERM", libc::SIGTERM)] {
        let (status, engines, reports) = interrupted_by(what);
        let left: Vec<&u32> = engines.iter().filter(|pid| alive(**pid)).collect();
        assert!(left.is_empty(), "{name}: engines {left:?} are still there");
        assert!(!status.success(), "{name}: {status}");
        assert_eq!(finished_looking(reports.path()), Vec::<std::path::PathBuf>::new(), "{name}");
    }
}

#[test]
fn a_killed_audit_leaves_no_stamp_that_looks_finished() {
    let (_, engines, reports) = interrupted_by(libc::SIGKILL);
    for engine in &engines {
        eventually("the engine's end after its audit was killed", || (!alive(*engine)).then_some(()));
    }
    assert_eq!(finished_looking(reports.path()), Vec::<std::path::PathBuf>::new());
}

/// The system ends a killed audit's children and not theirs, whatever process group they are in, stopped or not: `strace` starts
/// such ones, and so may any engine.
#[test]
fn a_killed_audit_leaves_nothing_of_what_its_engine_had_started() {
    let yard = Yard::new();
    let script = "setsid tail -f YARD/audit.toml & setsid sh -c 'kill -STOP $$; : YARD' & wait";
    let script = script.replace("YARD", yard.root().to_str().expect("a readable path"));
    let pair =
        "[engines]\nreference = \"slow\"\ncandidate = \"slow\"\n[case]\nname = \"small\"\nargs = \"\"\n";
    yard.engines(&[("slow", &script)], pair);
    let mut command = Command::new(binary("bragg-audit"));
    let mut audit = spawn(command.args(["capture", "--iterations", "1"]).current_dir(yard.root()));
    let mut family = eventually("an engine with two children, one of them stopped", || {
        assert!(audit.try_wait().is_ok_and(|ended| ended.is_none()), "the capture ended too early");
        let family = descendants(audit.id());
        let tail = family.iter().any(|p| p.words.first().is_some_and(|word| word == "tail"));
        // `t`, where strace looks on
        let stopped =
            |p: &Process| "Tt".contains(p.state) && p.words.iter().any(|word| word.starts_with("kill -STOP"));
        (tail && family.iter().any(stopped)).then_some(family)
    });
    family.retain(|process| process.words.iter().any(|word| word.contains("yard")));
    assert!(family.len() >= 3, "{family:?}");
    signal(audit.id(), libc::SIGKILL);
    eventually("the end of the killed audit", || audit.try_wait().ok().flatten());
    for process in family {
        eventually(&format!("the end of {process:?}"), || (!alive(process.pid)).then_some(()));
    }
}
