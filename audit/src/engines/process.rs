//! One child process under control: a process group of its own, a time and a memory limit, a cleaned environment,
//! captured output with a cap. Nothing passes a shell, and nothing of the group outlives the run.

use crate::interrupt;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a run may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Address space in bytes; `None` for no limit.
    pub memory: Option<u64>,
    /// Bytes kept of each output stream; the rest is counted.
    pub output: usize,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// It was ended by this signal.
    Signalled(i32),
    /// It ran past its time limit and was killed.
    TimedOut,
    /// The audit was asked to end, and killed it.
    Interrupted,
}

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
    /// From before the fork to after the wait.
    pub wall: Duration,
    /// User and system time of the process, seconds.
    pub cpu_s: f64,
    /// Largest resident set seen (`VmHWM`), bytes; absent where the system does not tell or the run was too short.
    pub peak_bytes: Option<u64>,
    /// Captured standard output.
    pub stdout: String,
    /// Captured standard error.
    pub stderr: String,
}

/// Environment variables that reach an engine; everything else is left out.
pub const ALLOWED_ENVIRONMENT: &[&str] =
    &["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "OMP_PROC_BIND", "OMP_PLACES"];

/// How often the peak memory is read and the clock looked at while a process runs.
const LOOK: Duration = Duration::from_millis(10);

/// The variables of this process that reach an isolated engine.
#[must_use]
pub fn allowed_environment() -> Vec<(OsString, OsString)> {
    ALLOWED_ENVIRONMENT.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect()
}

/// Runs `program` with `args` in `dir` until it ends or a limit is reached; of this process's environment it gets
/// what is allowed, and `environment` after it.
///
/// # Errors
/// When the process cannot be started or waited for.
pub fn run(
    program: &Path,
    args: &[OsString],
    dir: &Path,
    environment: &[(String, String)],
    limits: &Limits,
) -> std::io::Result<Ended> {
    let mut all = allowed_environment();
    all.extend(environment.iter().map(|(k, v)| (k.into(), v.into())));
    run_exactly(program, args, dir, &all, limits)
}

/// As [`run`], with exactly these environment variables (the last of a name counts).
///
/// # Errors
/// When the process cannot be started or waited for.
pub fn run_exactly(
    program: &Path,
    args: &[OsString],
    dir: &Path,
    environment: &[(OsString, OsString)],
    limits: &Limits,
) -> std::io::Result<Ended> {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_clear().process_group(0);
    command.envs(environment.iter().map(|(k, v)| (k, v)));
    restrict(&mut command, limits.memory);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let pid = child.id() as libc::pid_t;
    let stdout = drain(child.stdout.take(), limits.output);
    let stderr = drain(child.stderr.take(), limits.output);
    let watch = Watch::new(pid);
    let mut peak = None;
    let mut forced = None;
    let (status, usage) = loop {
        if let Some(done) = reap(pid)? {
            break done;
        }
        peak = high_water(pid).or(peak);
        let late = start.elapsed() > limits.time;
        if forced.is_none() && (late || interrupt::requested()) {
            forced = Some(if late { Ending::TimedOut } else { Ending::Interrupted });
            stop(pid, &watch);
        }
        watch.wait(LOOK);
    };
    let wall = start.elapsed();
    signal_group(pid, libc::SIGKILL); // whatever it forked and left behind
    Ok(Ended {
        ending: forced.unwrap_or_else(|| ending(status)),
        wall,
        cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_bytes: peak,
        stdout: collect(&stdout),
        stderr: collect(&stderr),
    })
}

fn seconds(t: libc::timeval) -> f64 {
    t.tv_sec as f64 + t.tv_usec as f64 * 1e-6
}

fn ending(status: libc::c_int) -> Ending {
    if libc::WIFEXITED(status) {
        Ending::Exited(libc::WEXITSTATUS(status))
    } else {
        Ending::Signalled(libc::WTERMSIG(status))
    }
}

/// In the child, between fork and exec: dies with the audit, and has its memory limited.
#[expect(unsafe_code, reason = "limits are set between fork and exec")]
fn restrict(command: &mut Command, memory: Option<u64>) {
    let prepare = move || {
        // SAFETY: prctl and setrlimit are async-signal-safe and touch only the calling (child) process.
        unsafe {
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if let Some(bytes) = memory {
                let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
                if libc::setrlimit(libc::RLIMIT_AS, &raw const limit) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes the async-signal-safe calls above and allocates nothing.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Asks the group to end, and insists when it does not.
fn stop(pid: libc::pid_t, watch: &Watch) {
    signal_group(pid, libc::SIGTERM);
    let grace = Instant::now() + Duration::from_secs(2);
    while Instant::now() < grace && !watch.wait(LOOK) {}
    signal_group(pid, libc::SIGKILL);
}

#[expect(unsafe_code, reason = "kill is a C interface")]
fn signal_group(pid: libc::pid_t, signal: libc::c_int) {
    // SAFETY: plain system call. The group's leader is our child, which is not yet reaped or was its leader
    // a moment ago, so that the number cannot name another group yet.
    unsafe {
        libc::kill(-pid, signal);
    }
}

/// The exit status and resource usage once the child has ended.
#[expect(unsafe_code, reason = "wait4 tells the processor time, which std does not")]
fn reap(pid: libc::pid_t) -> std::io::Result<Option<(libc::c_int, libc::rusage)>> {
    let mut status = 0;
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; the pid is our own child's.
    let got = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) };
    match got {
        0 => Ok(None),
        p if p == pid => Ok(Some((status, usage))),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Peak resident set of a running process, bytes.
fn high_water(pid: libc::pid_t) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

/// Wakes at once when a process ends (Linux), or looks again after a moment (elsewhere).
struct Watch {
    #[cfg(target_os = "linux")]
    fd: Option<std::os::fd::OwnedFd>,
}

impl Watch {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "pidfd_open has no wrapper in std")]
    fn new(pid: libc::pid_t) -> Self {
        use std::os::fd::FromRawFd;
        // SAFETY: plain system call; a non-negative result is a new descriptor that nothing else owns.
        let fd = unsafe {
            let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0) as libc::c_int;
            (fd >= 0).then(|| std::os::fd::OwnedFd::from_raw_fd(fd))
        };
        Self { fd }
    }

    #[cfg(not(target_os = "linux"))]
    fn new(_: libc::pid_t) -> Self {
        Self {}
    }

    /// Waits for the end or for `time`; whether the process has ended.
    #[cfg_attr(target_os = "linux", expect(unsafe_code, reason = "poll is a C interface"))]
    fn wait(&self, time: Duration) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(fd) = &self.fd {
            use std::os::fd::AsRawFd;
            let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one valid pollfd.
            return unsafe { libc::poll(&raw mut poll, 1, time.as_millis() as libc::c_int) } > 0;
        }
        std::thread::sleep(time.min(Duration::from_millis(1)));
        false
    }
}

/// Reads a stream to its end in a thread, keeping at most `cap` bytes.
fn drain(stream: Option<impl Read + Send + 'static>, cap: usize) -> Receiver<(Vec<u8>, u64)> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let (mut kept, mut lost) = (Vec::new(), 0u64);
        let mut buffer = vec![0; 1 << 16];
        if let Some(mut stream) = stream {
            while let Ok(n) = stream.read(&mut buffer)
                && n > 0
            {
                let room = cap.saturating_sub(kept.len()).min(n);
                kept.extend_from_slice(&buffer[..room]);
                lost += (n - room) as u64;
            }
        }
        send.send((kept, lost)).ok()
    });
    receive
}

/// What was captured; a stream that a stray process still holds open is given up after a moment.
fn collect(stream: &Receiver<(Vec<u8>, u64)>) -> String {
    match stream.recv_timeout(Duration::from_secs(2)) {
        Ok((bytes, 0)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok((bytes, lost)) => format!("{}\n[cut: {lost} more bytes]\n", String::from_utf8_lossy(&bytes)),
        Err(_) => "[lost: a process outside the engine's group keeps this stream open]\n".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, time: Duration) -> Ended {
        let limits = Limits { time, memory: None, output: 1000 };
        run(
            Path::new("/bin/sh"),
            &["-c".into(), script.into()],
            Path::new("/"),
            &[("NB_TEST".into(), "7".into())],
            &limits,
        )
        .unwrap()
    }

    #[test]
    fn status_output_and_environment() {
        let e = sh("echo out $NB_TEST $HOME; echo err >&2; exit 3", Duration::from_secs(20));
        assert_eq!((e.ending, e.stdout.as_str(), e.stderr.as_str()), (Ending::Exited(3), "out 7\n", "err\n"));
        assert_eq!(sh("kill -SEGV $$", Duration::from_secs(20)).ending, Ending::Signalled(libc::SIGSEGV));
    }

    #[test]
    fn floods_are_cut_with_a_note() {
        let e =
            sh("i=0; while [ $i -lt 300 ]; do echo 0123456789; i=$((i+1)); done", Duration::from_secs(20));
        assert!(e.stdout.ends_with("[cut: 2300 more bytes]\n"), "{}", e.stdout);
    }

    #[test]
    fn one_that_ignores_sigterm_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!(
            "trap '' TERM; (trap '' TERM; exec tail -f /dev/null) & echo $! > '{}'; wait; tail -f /dev/null",
            pid_file.display()
        );
        assert_eq!(sh(&script, Duration::from_millis(300)).ending, Ending::TimedOut);
        let grandchild: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        let gone = |pid: i32| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !gone(grandchild) {
            assert!(Instant::now() < deadline, "process {grandchild} outlived its group");
            std::thread::yield_now();
        }
    }

    #[test]
    fn memory_beyond_the_limit_is_refused() {
        let limits = Limits { time: Duration::from_secs(20), memory: Some(64 << 20), output: 1000 };
        let args = ["-c".into(), "ulimit -v".into()];
        let e = run(Path::new("/bin/sh"), &args, Path::new("/"), &[], &limits).unwrap();
        assert_eq!(e.stdout.trim(), "65536");
    }
}
