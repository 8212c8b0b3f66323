//! Where and with what a table was made.

use bragg_audit::environment::processor;
use bragg_tests::programs::workspace_root;
use serde::Serialize;
use std::process::Command;

/// The facts that stand beside every figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) rustc: String,
    pub(crate) cc: String,
    pub(crate) commit: String,
    /// UTC, to the minute.
    pub(crate) date: String,
}

impl Machine {
    /// As they are now; what cannot be found out is said to be unknown.
    pub(crate) fn here() -> Machine {
        let changed = !output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
        Machine {
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: known(output("uname", &["-sr"])),
            rustc: known(output("rustc", &["--version"])),
            cc: known(output(&std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()), &["--version"])),
            commit: known(commit) + if changed { " with changes" } else { "" },
            date: known(output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        }
    }
}

fn known(text: String) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The first line that a command prints in the workspace; empty if it fails.
fn output(program: &str, words: &[&str]) -> String {
    let out = Command::new(program).args(words).current_dir(workspace_root()).output();
    let text = out.ok().filter(|out| out.status.success()).map(|out| out.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
}
