//! Where a run took place: commit, machine, compilers, variables that change results. Kept with every stamp.

use crate::hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variables that can change what engines compute or how fast.
const MATTERS: &[&str] = &[
    "OMP_",
    "RAYON_",
    "GOMP_",
    "KMP_",
    "NB_",
    "LD_",
    "MALLOC_",
    "RUST",
    "CARGO_ENCODED_RUSTFLAGS",
    "LC_",
    "LANG",
    "TZ",
    "TMPDIR",
];

/// `env.json`. What is not known is absent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Environment {
    /// The form of this record.
    pub schema: String,
    /// Version of this program.
    pub bragg_audit: String,
    /// sha256 of this executable.
    pub executable_sha256: Option<String>,
    /// Hash of the simulator's sources this executable was built from.
    pub simulator_source_hash: String,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// sha256 of `git diff HEAD` and the list of untracked files; absent when there is no change.
    pub dirty_diff_sha256: Option<String>,
    /// The Rust compiler of the build.
    pub rustc: String,
    /// Cargo profile of the build.
    pub profile: String,
    /// Target triple.
    pub target: String,
    /// The C compiler of the bundled C engine.
    pub c_compiler: String,
    /// Its flags.
    pub c_flags: String,
    /// Whether the bundled C engine runs on several threads.
    pub c_openmp: bool,
    /// The processor.
    pub cpu: Option<String>,
    /// Vector instruction sets it has, of those that matter here.
    pub cpu_features: Vec<String>,
    /// Processors available to this process.
    pub cores: usize,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Operating system and kernel.
    pub os: Option<String>,
    /// Whether tiny results are flushed to zero in this process (FTZ).
    pub ftz: Option<bool>,
    /// Whether tiny operands are read as zero in this process (DAZ).
    pub daz: Option<bool>,
    /// Load average over one minute when the run began.
    pub load_1min: Option<f64>,
    /// Environment variables that matter.
    pub variables: BTreeMap<String, String>,
}

/// Reads all that.
#[must_use]
pub fn collect(root: &Path) -> Environment {
    use nanobragg::build_info as build;
    let commit = git(root, &["rev-parse", "HEAD"]).map(|t| t.trim().to_owned());
    let (ftz, daz) = flush_modes();
    Environment {
        schema: "bragg-audit/env/1".into(),
        bragg_audit: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: std::env::current_exe().ok().and_then(|p| hash::file(&p).ok()),
        simulator_source_hash: build::SOURCE_HASH.into(),
        dirty_diff_sha256: commit.as_ref().and_then(|_| dirty(root)),
        commit,
        rustc: build::RUSTC.into(),
        profile: build::PROFILE.into(),
        target: build::TARGET.into(),
        c_compiler: build::C_COMPILER.into(),
        c_flags: build::C_FLAGS.into(),
        c_openmp: build::C_OPENMP,
        cpu: processor(),
        cpu_features: cpu_features(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: memory(),
        os: os(),
        ftz,
        daz,
        load_1min: std::fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|t| t.split(' ').next()?.parse().ok()),
        variables: std::env::vars_os()
            .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
            .filter(|(k, _)| MATTERS.iter().any(|m| k.starts_with(m)))
            .collect(),
    }
}

/// Memory of the machine, bytes.
#[must_use]
pub fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let out = Command::new("git").arg("-C").arg(root).args(args).stdin(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

fn dirty(root: &Path) -> Option<String> {
    let status = git(root, &["status", "--porcelain"])?;
    if status.trim().is_empty() {
        return None;
    }
    let diff = git(root, &["diff", "HEAD", "--binary"])?;
    Some(hash::bytes(format!("{status}\n{diff}").as_bytes()))
}

/// Name and generation of the processor; `None` where the system does not tell.
#[must_use]
pub fn processor() -> Option<String> {
    processor_of(&std::fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// Of a text as Linux has it in /proc/cpuinfo. The numbers stand beside the name because virtual machines shorten that:
/// three generations are all "AMD EPYC".
fn processor_of(text: &str) -> Option<String> {
    let value = |key: &str| {
        let values = text.lines().filter_map(|line| line.split_once(':'));
        values.map(|(k, v)| (k.trim(), v.trim())).find(|(k, v)| *k == key && !v.is_empty()).map(|(_, v)| v)
    };
    let numbers = |keys: &[[&str; 2]]| {
        let known = keys.iter().filter_map(|[key, name]| Some(format!("{name} {}", value(key)?)));
        known.collect::<Vec<_>>().join(", ")
    };
    // Of x86, and of ARM, which has no name there.
    let x86 = numbers(&[["cpu family", "family"], ["model", "model"], ["stepping", "stepping"]]);
    let arm = numbers(&[["CPU implementer", "implementer"], ["CPU part", "part"]]);
    match (value("model name"), x86.is_empty(), arm.is_empty()) {
        (Some(name), false, _) => Some(format!("{name} ({x86})")),
        (Some(name), true, _) => Some(name.to_owned()),
        (None, _, false) => Some(format!("ARM ({arm})")),
        (None, _, true) => None,
    }
}

fn cpu_features() -> Vec<String> {
    #[cfg(target_arch = "x86_64")]
    {
        let have = [
            ("sse2", true),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("avx512dq", std::arch::is_x86_feature_detected!("avx512dq")),
        ];
        have.iter().filter(|(_, yes)| *yes).map(|(name, _)| (*name).to_string()).collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        vec!["neon".into()]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}

fn os() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|l| l.strip_prefix("PRETTY_NAME="))
        .unwrap_or("Linux")
        .trim_matches('"')
        .to_owned();
    Some(format!("{name}, kernel {}", kernel.trim()))
}

/// FTZ and DAZ of this thread, from the control register.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the control register is read by an instruction")]
fn flush_modes() -> (Option<bool>, Option<bool>) {
    let mut mxcsr: u32 = 0;
    // SAFETY: stmxcsr stores 32 bits at the given address; SSE is part of x86-64.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags));
    }
    (Some(mxcsr & (1 << 15) != 0), Some(mxcsr & (1 << 6) != 0))
}

#[cfg(not(target_arch = "x86_64"))]
fn flush_modes() -> (Option<bool>, Option<bool>) {
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::processor_of;

    #[test]
    fn processors_are_told_apart_by_their_numbers() {
        let of = |model: u32| {
            format!(
                "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: {model}\n\
                 model name\t: AMD EPYC\nstepping\t: 1\nmicrocode\t: 0x1\n\nprocessor\t: 1\nmodel\t\t: 9\n"
            )
        };
        assert_eq!(processor_of(&of(17)).as_deref(), Some("AMD EPYC (family 25, model 17, stepping 1)"));
        assert_ne!(processor_of(&of(17)), processor_of(&of(1)));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n";
        assert_eq!(processor_of(arm).as_deref(), Some("ARM (implementer 0x41, part 0xd0c)"));
        assert_eq!(processor_of("model name : Some CPU\n").as_deref(), Some("Some CPU"));
        for garbage in ["", ":", "model name", "model name :\n", "\u{0}::\n"] {
            assert_eq!(processor_of(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_folder_without_git_has_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        let environment = super::collect(dir.path());
        assert_eq!((environment.commit, environment.dirty_diff_sha256), (None, None));
        assert!(environment.cores >= 1);
    }
}
