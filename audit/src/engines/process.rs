//! One child process under control: a process group of its own, limits of time, memory and disk, a cleaned environment,
//! captured output with a cap. Nothing passes a shell, and nothing that it started outlives the run.

use super::family::{self, Family, signal};
use crate::interrupt;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a run may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Resident memory of the process and all it started, in bytes; `None` for no limit.
    pub memory: Option<u64>,
    /// Bytes kept of each output stream, of its beginning and its end; the rest is counted.
    pub output: usize,
    /// Bytes of any file it writes, and of all files below `folder` together; `None` for no limit.
    pub disk: Option<u64>,
    /// The folder whose size is watched.
    pub folder: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_mins(10), memory: None, output: 1 << 20, disk: None, folder: None }
    }
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
    /// It took more memory than its limit and was killed.
    OutOfMemory,
    /// It wrote more to disk than its limit and was killed.
    DiskFull,
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

/// How often the peak memory is read and the clock looked at while a process runs.
const LOOK: Duration = Duration::from_millis(10);

/// Every how many looks the whole family's memory and the folder's size are read, which costs more.
const THOROUGH: u32 = 20;

/// Runs `program` with `args` in `dir` until it ends or a limit is reached. The environment is `environment` and a mark
/// by which what it starts is known.
///
/// # Errors
/// When the process cannot be started or waited for.
pub fn run(
    program: &Path,
    args: &[OsString],
    dir: &Path,
    environment: &[(OsString, OsString)],
    limits: &Limits,
) -> std::io::Result<Ended> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    family::adopt_orphans();
    let mark = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_clear().process_group(0);
    command.envs(environment.iter().map(|(k, v)| (k, v))).env(family::MARK, &mark);
    restrict(&mut command, limits);
    let start = Instant::now();
    let (mut child, all_of_it) = Family::start(&mut command, mark)?;
    let pid = child.id() as libc::pid_t;
    let stdout = drain(child.stdout.take(), limits.output);
    let stderr = drain(child.stderr.take(), limits.output);
    let watch = Watch::new(pid);
    let mut peak = None;
    let mut forced = None;
    let mut looks = 0;
    let (status, usage) = loop {
        if let Some(done) = reap(pid)? {
            break done;
        }
        let (now, high) = memory(pid);
        peak = high.or(peak);
        looks += 1;
        let thorough = looks % THOROUGH == 0;
        if forced.is_none()
            && let Some(why) = over(limits, pid, now, thorough, start)
        {
            forced = Some(why);
            stop(pid, &watch, why);
        }
        watch.wait(LOOK);
    };
    let wall = start.elapsed();
    all_of_it.end(); // whatever it forked and left behind, wherever that went
    let ending = forced.unwrap_or_else(|| match ending(status) {
        Ending::Signalled(libc::SIGXFSZ) => Ending::DiskFull,
        // a shell tells its child's end by its own status
        Ending::Exited(code) if code == 128 + libc::SIGXFSZ && limits.disk.is_some() => Ending::DiskFull,
        other => other,
    });
    Ok(Ended {
        ending,
        wall,
        cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_bytes: peak,
        stdout: collect(&stdout),
        stderr: collect(&stderr),
    })
}

/// Which limit is passed, if any.
fn over(
    limits: &Limits,
    pid: libc::pid_t,
    resident: Option<u64>,
    thorough: bool,
    start: Instant,
) -> Option<Ending> {
    if interrupt::requested() {
        return Some(Ending::Interrupted);
    }
    if start.elapsed() > limits.time {
        return Some(Ending::TimedOut);
    }
    if let Some(limit) = limits.memory {
        let all = || {
            let everybody = family::processes();
            family::tree(pid, &everybody).into_iter().filter_map(|p| memory(p).0).sum::<u64>()
        };
        if resident.is_some_and(|r| r > limit) || (thorough && all() > limit) {
            return Some(Ending::OutOfMemory);
        }
    }
    let disk = limits.disk.zip(limits.folder.as_deref());
    if thorough && disk.is_some_and(|(limit, folder)| size_of(folder) > limit) {
        return Some(Ending::DiskFull);
    }
    None
}

/// Bytes that the files below a folder take.
fn size_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |e: std::fs::DirEntry| match e.file_type() {
        Ok(t) if t.is_dir() => size_of(&e.path()),
        Ok(t) if t.is_file() => e.metadata().map_or(0, |m| m.blocks() * 512),
        _ => 0,
    };
    entries.map(size).sum()
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

/// In the child, between fork and exec: dies with the audit, and has its files limited.
#[expect(unsafe_code, reason = "limits are set between fork and exec")]
fn restrict(command: &mut Command, limits: &Limits) {
    let disk = limits.disk;
    // where nobody can watch the memory, the address space is limited instead
    let address_space = limits.memory.filter(|_| !cfg!(target_os = "linux"));
    let prepare = move || {
        let set = |what, bytes: u64| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
            // SAFETY: setrlimit is async-signal-safe and reads a live value.
            match unsafe { libc::setrlimit(what, &raw const limit) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        #[cfg(target_os = "linux")]
        // SAFETY: prctl is async-signal-safe and touches only the calling (child) process.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        }
        set(libc::RLIMIT_CORE, 0)?;
        if let Some(bytes) = disk {
            set(libc::RLIMIT_FSIZE, bytes)?;
        }
        if let Some(bytes) = address_space {
            set(libc::RLIMIT_AS, bytes)?;
        }
        Ok(())
    };
    // SAFETY: the closure only makes the async-signal-safe calls above and allocates nothing.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Asks the group to end, and insists when it does not. What eats memory or disk is not asked.
fn stop(pid: libc::pid_t, watch: &Watch, why: Ending) {
    if !matches!(why, Ending::OutOfMemory | Ending::DiskFull) {
        signal(-pid, libc::SIGTERM);
        let grace = Instant::now() + Duration::from_secs(2);
        while Instant::now() < grace && !watch.wait(LOOK) {}
    }
    signal(-pid, libc::SIGKILL);
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

/// Resident set of a running process now and at its highest, bytes.
fn memory(pid: libc::pid_t) -> (Option<u64>, Option<u64>) {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return (None, None) };
    let of = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
    };
    (of("VmRSS:"), of("VmHWM:"))
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

/// The beginning and the end of a stream.
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    lost: u64,
}

/// Reads a stream to its end in a thread, keeping at most `cap` bytes.
fn drain(stream: Option<impl Read + Send + 'static>, cap: usize) -> Receiver<Kept> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let half = cap / 2;
        let mut kept = Kept { head: Vec::new(), tail: VecDeque::new(), lost: 0 };
        let mut buffer = vec![0; 1 << 16];
        if let Some(mut stream) = stream {
            while let Ok(n) = stream.read(&mut buffer)
                && n > 0
            {
                let room = half.saturating_sub(kept.head.len()).min(n);
                kept.head.extend_from_slice(&buffer[..room]);
                let rest = &buffer[room..n];
                kept.tail.extend(&rest[rest.len().saturating_sub(half)..]);
                let skipped = rest.len().saturating_sub(half);
                let over = kept.tail.len().saturating_sub(half);
                kept.tail.drain(..over);
                kept.lost += (skipped + over) as u64;
            }
        }
        send.send(kept).ok()
    });
    receive
}

/// What was captured; a stream that a stray process still holds open is given up after a moment.
fn collect(stream: &Receiver<Kept>) -> String {
    match stream.recv_timeout(Duration::from_secs(2)) {
        Ok(mut kept) => {
            let head = String::from_utf8_lossy(&kept.head).into_owned();
            let tail = String::from_utf8_lossy(kept.tail.make_contiguous()).into_owned();
            match kept.lost {
                0 if kept.tail.is_empty() => head,
                0 => {
                    kept.head.extend(kept.tail); // no character is torn where nothing is missing
                    String::from_utf8_lossy(&kept.head).into_owned()
                }
                lost => format!("{head}\n[cut: {lost} bytes are left out here]\n{tail}"),
            }
        }
        Err(_) => "[lost: a process that could not be ended keeps this stream open]\n".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh_with(script: &str, limits: &Limits) -> Ended {
        let environment = [("NB_TEST".into(), "7".into()), ("PATH".into(), "/usr/bin:/bin".into())];
        let dir = limits.folder.as_deref().unwrap_or(Path::new("/"));
        run(Path::new("/bin/sh"), &["-c".into(), script.into()], dir, &environment, limits).unwrap()
    }

    fn sh(script: &str, time: Duration) -> Ended {
        sh_with(script, &Limits { time, output: 1000, ..Limits::default() })
    }

    const LONG: Duration = Duration::from_secs(60);

    /// Whether a process has ended, although perhaps nobody has collected it yet.
    fn gone(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    }

    #[test]
    fn status_output_and_environment() {
        let e = sh("echo out $NB_TEST $HOME; echo err >&2; exit 3", LONG);
        assert_eq!((e.ending, e.stdout.as_str(), e.stderr.as_str()), (Ending::Exited(3), "out 7\n", "err\n"));
        assert_eq!(sh("kill -SEGV $$", LONG).ending, Ending::Signalled(libc::SIGSEGV));
    }

    #[test]
    fn floods_are_cut_in_the_middle_with_a_note() {
        let e = sh("i=0; while [ $i -lt 300 ]; do echo $((1000000000 + i)); i=$((i+1)); done", LONG);
        assert!(e.stdout.contains("[cut: 2300 bytes are left out here]\n"), "{}", e.stdout);
        assert!(e.stdout.starts_with("1000000000\n") && e.stdout.ends_with("1000000299\n"), "{}", e.stdout);
        let exact = sh("head -c 1000 /dev/zero | tr '\\0' x", LONG);
        assert_eq!(exact.stdout, "x".repeat(1000));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn whatever_it_started_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        for (name, script) in [
            ("ignores SIGTERM", "trap '' TERM; (trap '' TERM; exec tail -f /dev/null) & echo $! > PID; wait"),
            ("a group of its own", "setsid tail -f /dev/null & echo $! > PID; exec tail -f /dev/null"),
            // a daemon: its parent is gone, its streams are closed, nothing in its environment tells whose it is
            (
                "a daemon",
                "(env -i setsid sh -c 'echo $$ > PID; exec tail -f /dev/null' </dev/null >/dev/null 2>&1 &) ; \
                 while [ ! -s PID ]; do :; done; exit 0",
            ),
        ] {
            let pid_file = dir.path().join("pid");
            std::fs::remove_file(&pid_file).ok();
            let script = script.replace("PID", &pid_file.display().to_string());
            let ended = sh(&script, Duration::from_millis(500)).ending;
            assert_ne!(ended, Ending::Signalled(libc::SIGKILL), "{name}");
            let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
            // while other engines run, a daemon may be theirs: it ends at the end of a run that is alone
            let deadline = Instant::now() + LONG;
            while name == "a daemon" && !gone(pid) && Instant::now() < deadline {
                sh("exit 0", LONG);
            }
            assert!(gone(pid), "{name}: process {pid} is still there");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_and_disk_have_limits() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Some(dir.path().to_owned());
        let limits = Limits { time: LONG, memory: Some(64 << 20), ..Limits::default() };
        // a child's memory counts too; `tail` keeps what has no end of line
        for script in ["exec tail -n 1 /dev/zero", "tail -n 1 /dev/zero; true"] {
            assert_eq!(sh_with(script, &limits).ending, Ending::OutOfMemory, "{script}");
        }
        let limits = Limits { time: LONG, disk: Some(1 << 20), folder: folder.clone(), ..Limits::default() };
        assert_eq!(sh_with("exec head -c 3000000 /dev/zero > big", &limits).ending, Ending::DiskFull);
        assert_eq!(sh_with("truncate -s 900G sparse", &limits).ending, Ending::DiskFull);
        let many = "i=0; while :; do head -c 900000 /dev/zero > f$i; i=$((i+1)); done";
        assert_eq!(sh_with(many, &limits).ending, Ending::DiskFull);
    }
}
