//! `doctor`: what this machine has of what the audit can use, and what each is needed for.

use super::Context;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How much is missing without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing works without it.
    Required,
    /// Some commands do less without it.
    Optional,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How much depends on it.
    pub need: Need,
    /// What was found.
    pub found: String,
    /// What it is needed for.
    pub needed_for: String,
    /// What to do when it is missing.
    pub remedy: String,
}

/// Tools: name, what for, what to install.
const TOOLS: &[(&str, &str, &str)] = &[
    (
        "cc",
        "building the C engine, and C candidates",
        "install gcc or clang (Debian, Ubuntu: apt install gcc)",
    ),
    ("cargo", "building the Rust engine", "install Rust from https://rustup.rs"),
    ("git", "commits in stamps, and `bisect`", "install git"),
    (
        "strace",
        "`diagnose`: the list of files that an engine opens; without it they are found by trying",
        "apt install strace",
    ),
    ("perf", "samples of engines that are not ours", "apt install linux-perf, or linux-tools"),
    ("valgrind", "exact instruction counts (callgrind)", "apt install valgrind"),
];

/// Looks at everything.
#[must_use]
pub fn doctor(ctx: &Context) -> Vec<Finding> {
    let mut all: Vec<Finding> = TOOLS.iter().map(|t| tool(*t)).collect();
    let environment = &ctx.environment;
    let mut add = |what: &str, ok: bool, need: Need, found: String, needed_for: &str, remedy: &str| {
        all.push(Finding {
            what: what.into(),
            ok,
            need,
            found,
            needed_for: needed_for.into(),
            remedy: remedy.into(),
        });
    };
    add(
        "cores",
        environment.cores > 1,
        Need::Optional,
        environment.cores.to_string(),
        "times that do not disturb each other",
        "use a machine with two cores or more",
    );
    let memory = environment.memory_bytes;
    add(
        "memory",
        memory.is_none_or(|m| m >= 2 << 30),
        Need::Optional,
        memory.map_or("unknown".into(), |m| format!("{:.1} GB", m as f64 / 1e9)),
        "frames of 4096 x 4096 and their comparison",
        "use smaller sizes (--sizes 1024)",
    );
    let temporary = std::env::temp_dir();
    for (what, dir, for_what) in [
        ("temporary directory", temporary.as_path(), "engines' working directories and images"),
        ("reports directory", ctx.reports.as_path(), "stamps and the ledger"),
    ] {
        let place = nearest(dir);
        let free = free_bytes(&place);
        let writes = tempfile::Builder::new().prefix(".bragg-doctor-").tempfile_in(&place).is_ok();
        let found = format!(
            "{}: {}, {}",
            dir.display(),
            if writes { "writable" } else { "not writable" },
            free.map_or("free space unknown".into(), |f| format!("{:.1} GB free", f as f64 / 1e9))
        );
        add(
            what,
            writes && free.is_none_or(|f| f >= 1 << 30),
            Need::Required,
            found,
            for_what,
            "make it writable and free 1 GB, or name another (TMPDIR, --reports)",
        );
    }
    let traced = traces();
    add(
        "permission to trace",
        traced == Some(true),
        Need::Optional,
        match traced {
            Some(true) => "strace works".into(),
            Some(false) => "strace is there and may not trace".into(),
            None => "not tried: no strace".into(),
        },
        "`diagnose`: the list of files that an engine opens",
        "allow ptrace (in containers: --cap-add=SYS_PTRACE)",
    );
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok();
    let level = paranoid.as_deref().and_then(|t| t.trim().parse::<i32>().ok());
    add(
        "permission to sample",
        level.is_none_or(|l| l <= 2),
        Need::Optional,
        level.map_or("unknown".into(), |l| format!("perf_event_paranoid = {l}")),
        "samples of engines that are not ours (perf)",
        "sysctl kernel.perf_event_paranoid=2",
    );
    all
}

/// The directory itself, or the nearest above it that exists.
fn nearest(dir: &Path) -> PathBuf {
    dir.ancestors().find(|d| d.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn tool((name, needed_for, remedy): (&str, &str, &str)) -> Finding {
    let path = std::env::var_os("PATH")
        .and_then(|p| std::env::split_paths(&p).map(|d| d.join(name)).find(|p| p.is_file()));
    let version = path.as_ref().and_then(|p| {
        let out =
            Command::new(p).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        String::from_utf8_lossy(&out.stdout).lines().next().map(|l| l.trim().to_owned())
    });
    let found = match (&path, version) {
        (Some(p), Some(v)) => format!("{} ({v})", p.display()),
        (Some(p), None) => p.display().to_string(),
        (None, _) => "not found".into(),
    };
    // the built program carries both engines: compilers are for building it anew
    Finding {
        what: name.into(),
        ok: path.is_some(),
        need: Need::Optional,
        found,
        needed_for: needed_for.into(),
        remedy: remedy.into(),
    }
}

/// Whether strace can trace a child here; absent without strace.
fn traces() -> Option<bool> {
    let strace = crate::diagnose::opened::strace()?;
    let out = tempfile::NamedTempFile::new().ok()?;
    let status = Command::new(strace)
        .args(["-f", "-o"])
        .arg(out.path())
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    Some(status.success())
}

/// Bytes that this user may still write there.
#[expect(unsafe_code, reason = "statvfs has no wrapper in std")]
fn free_bytes(dir: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(dir.as_os_str().as_bytes()).ok()?;
    // SAFETY: all-zero is a valid statvfs; the path is a NUL-terminated string that lives through the call.
    let (result, space) = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut space), space)
    };
    let bytes = space.f_bavail.checked_mul(space.f_frsize);
    (result == 0).then_some(bytes).flatten()
}

/// Whether the audit can run at all.
#[must_use]
pub fn usable(all: &[Finding]) -> bool {
    all.iter().all(|f| f.ok || f.need == Need::Optional)
}

/// For a terminal.
#[must_use]
pub fn text(all: &[Finding]) -> String {
    let mut t = String::new();
    for f in all {
        let mark = match (f.ok, f.need) {
            (true, _) => "ok  ",
            (false, Need::Optional) => "less",
            (false, Need::Required) => "FAIL",
        };
        t.push_str(&format!("{mark}  {:<20} {}\n", f.what, f.found));
        if !f.ok {
            t.push_str(&format!("      needed for: {}\n      to do: {}\n", f.needed_for, f.remedy));
        }
    }
    let missing = all.iter().filter(|f| !f.ok).count();
    t.push_str(&match (usable(all), missing) {
        (true, 0) => "Everything is there.\n".to_owned(),
        (true, n) => format!("The audit works; {n} things would let it do more.\n"),
        (false, _) => "The audit cannot work like this.\n".to_owned(),
    });
    t
}
