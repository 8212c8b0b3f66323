//! Building the workspace's programs, and running them as people do.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

use crate::image::Image;
use crate::processes;

/// The two simulators: one body of a test runs on both.
pub const ENGINES: [&str; 2] = ["nanobragg", "nanobragg-c"];

/// A program that takes longer than this hangs: the longest test run takes seconds.
const HANGS_AFTER: Duration = Duration::from_mins(10);

/// The workspace's root folder.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", root.display()))
}

/// A fresh temporary folder, removed when it is dropped.
#[must_use]
pub fn temporary_folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("bragg-tests-")
        .tempdir()
        .unwrap_or_else(|e| panic!("a temporary folder: {e}"))
}

/// A program of the workspace as its sources are now, built once per test process.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    existing(built(), name)
}

/// An example of this package, built once per test process.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    existing(&built().join("examples"), name)
}

/// The programs and the examples of the workspace. Together, because examples have the tests' dependencies: with them
/// Cargo chooses the features of all packages as for the tests, and builds nothing anew.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["--workspace", "--bins", "--examples"]))
}

/// `bragg-audit` with the planted delay, built once per test process. What is timed and counted is the scalar engine, which is
/// built as ever; the audit around it is not optimised, which takes a third of the time.
#[must_use]
pub fn planted_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let audit = "profile.release.package.bragg-audit";
    let [level, units] = [format!("{audit}.opt-level=0"), format!("{audit}.codegen-units=64")];
    let planted = ["--features", "bragg-audit/planted-delay", "--example", "planted"];
    let words = [&["--workspace", "--config", &level, "--config", &units][..], &planted].concat();
    existing(&BUILT.get_or_init(|| build(&words)).join("examples"), "planted")
}

fn existing(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{}: not built", path.display());
    path
}

/// Cargo's target folder, from where the running test lies: `<target>/<profile>/deps/<test>`.
fn target_folder() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_else(|e| panic!("the path of this test: {e}"));
    let folder =
        this.ancestors().nth(3).unwrap_or_else(|| panic!("{}: no target folder above", this.display()));
    folder.to_path_buf()
}

/// Builds into the target folder; where the programs are then.
fn build(what: &[&str]) -> PathBuf {
    let target = target_folder();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let out = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(&target)
        .args(what)
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("cargo build: {e}"));
    assert!(out.status.success(), "cargo build {what:?}:\n{}", String::from_utf8_lossy(&out.stderr));
    target.join("release")
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Ran {
    /// The exit status; stops the test when a signal ended the program.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self}"))
    }

    /// Stops the test unless the exit status is `code`.
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), code, "exit status of {self}");
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, status, stdout, stderr } = self;
        write!(f, "`{line}` ({status})\n--- standard output\n{stdout}\n--- standard error\n{stderr}")
    }
}

/// Runs a program to its end in the folder `dir`, with nothing on its standard input.
///
/// A program that does not end is killed with its process group, and stops the test.
#[must_use]
pub fn run<S: AsRef<OsStr>>(program: &Path, args: &[S], dir: &Path) -> Ran {
    run_with(program, args, dir, &BTreeMap::new())
}

/// As [`run`], with further environment variables.
#[must_use]
pub fn run_with<S: AsRef<OsStr>>(
    program: &Path,
    args: &[S],
    dir: &Path,
    environment: &BTreeMap<&str, &str>,
) -> Ran {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).envs(environment);
    let line = describe(program, args);
    let mut child = spawn(&mut command);
    let (ended, watch) = mpsc::channel::<()>();
    let pid = child.id();
    let watchdog = std::thread::spawn(move || {
        let hangs = watch.recv_timeout(HANGS_AFTER) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            processes::signal_group(pid, libc::SIGKILL);
        }
        hangs
    });
    let stdout = child.stdout.take().map(|pipe| std::thread::spawn(move || drain(pipe)));
    let stderr = child.stderr.take().map(|pipe| std::thread::spawn(move || drain(pipe)));
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    let status = child.wait().unwrap_or_else(|e| panic!("waiting for `{line}`: {e}"));
    drop(ended);
    let ran = Ran { line, status, stdout, stderr };
    assert!(!watchdog.join().unwrap_or(false), "killed after {HANGS_AFTER:?}: {ran}");
    ran
}

/// Starts a program in a process group of its own, its output captured.
#[must_use]
pub fn spawn(command: &mut Command) -> std::process::Child {
    use std::os::unix::process::CommandExt;
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // What a script starts behind itself ignores SIGINT, and so would all that the tests start.
    let obey = || {
        // SAFETY: signal(2) may be called between fork and exec, and reads no memory of ours.
        #[expect(unsafe_code, reason = "the standard library has no call that restores a signal")]
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
        }
        Ok(())
    };
    // SAFETY: the closure makes one call that may be made there, and touches nothing else.
    #[expect(unsafe_code, reason = "runs between fork and exec")]
    unsafe {
        command.pre_exec(obey);
    }
    command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

fn drain(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    let read = pipe.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if let Err(e) = read { format!("{text}\n(output cut off: {e})") } else { text }
}

fn describe<S: AsRef<OsStr>>(program: &Path, args: &[S]) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    args.iter().fold(name, |line, word| format!("{line} {}", word.as_ref().to_string_lossy()))
}

/// Renders a float image with `engine` in an empty folder, by the given words and the ones that scripts pass.
#[must_use]
pub fn render(engine: &str, args: &[&str], width: usize, height: usize) -> Image {
    let dir = temporary_folder();
    let mut words = args.to_vec();
    words.extend(["-noprogress", "-nonoise", "-nopgm", "-floatfile", "out.bin"]);
    run(&binary(engine), &words, dir.path()).expect_code(0);
    Image::read(&dir.path().join("out.bin"), width, height)
}

/// Says, past the harness's capture, that something was not tested; `scripts/test` lists it at the end.
pub fn not_run(what: &str) {
    static LOCK: Mutex<()> = Mutex::new(());
    let _one_line_at_a_time = LOCK.lock();
    // Nobody reads a failure to print; the list below is what counts.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {what}");
    if let Some(list) = std::env::var_os("BRAGG_TESTS_NOT_RUN") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&list);
        let written = file.and_then(|mut file| writeln!(file, "{what}"));
        written.unwrap_or_else(|e| panic!("{}: {e}", list.display()));
    }
}
