//! What ends the engines when this process is killed. No handler sees SIGKILL, and the system ends only a killed process's
//! children, not theirs; so a second process reads from a pipe which runs there are, and its end is the end of this one.

use super::family::{self, Process, signal};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The hidden subcommand by which this executable becomes a guardian.
pub const COMMAND: &str = "__guardian";

/// Whether this program knows the subcommand; the tests of this library do not.
static KNOWN: AtomicBool = AtomicBool::new(false);

/// The guardian, from the first run on.
static GUARDIAN: Mutex<Option<Child>> = Mutex::new(None);

/// How long what was found is ended again and again.
const PATIENCE: Duration = Duration::from_secs(10);

/// From now on runs are guarded. For programs that call [`run`] when their first word is [`COMMAND`].
pub fn enable() {
    KNOWN.store(true, Ordering::Relaxed);
}

/// A run is about to start: what it starts has `mark` in its environment.
pub(super) fn expect(mark: &str) -> std::io::Result<()> {
    tell(&format!("run {mark}\n"))
}

/// The run's process group.
pub(super) fn started(mark: &str, group: libc::pid_t) -> std::io::Result<()> {
    tell(&format!("group {mark} {group}\n"))
}

/// Nothing of the run is left, or it did not start.
pub(super) fn ended(mark: &str) {
    // a guardian that is gone has nobody to end either
    let _ = tell(&format!("end {mark}\n"));
}

/// The guardian's process id.
pub(super) fn pid() -> Option<libc::pid_t> {
    guardian().as_ref().map(|child| child.id() as libc::pid_t)
}

fn guardian() -> std::sync::MutexGuard<'static, Option<Child>> {
    GUARDIAN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(line: &str) -> std::io::Result<()> {
    if !KNOWN.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut guardian = guardian();
    if guardian.is_none() {
        *guardian = Some(start()?);
    }
    match guardian.as_mut().and_then(|child| child.stdin.as_mut()) {
        Some(pipe) => pipe.write_all(line.as_bytes()),
        None => Ok(()),
    }
}

/// In a group of its own, where no Ctrl-C reaches it, and holding nothing of this process's but the pipe.
fn start() -> std::io::Result<Child> {
    // the file may have been replaced since this process began
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let mut command = Command::new(program);
    command.arg0("bragg-audit").arg(COMMAND).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Is the guardian of the process at the other end of standard input, until that ends.
pub fn run() {
    let runs = unended(std::io::stdin().lock());
    let deadline = Instant::now() + PATIENCE;
    while !runs.is_empty() && Instant::now() < deadline {
        let all = family::processes();
        let of_a_run = |p: &&Process| {
            runs.iter().any(|(mark, group)| *group == Some(p.group) || family::marked(p.pid, mark))
        };
        let found = all.iter().filter(|p| !p.ended).filter(of_a_run);
        let doomed: Vec<_> = found.flat_map(|p| family::tree(p.pid, &all)).collect();
        if doomed.is_empty() {
            return;
        }
        for pid in doomed {
            signal(pid, libc::SIGKILL);
        }
        std::thread::yield_now();
    }
}

/// The runs that the words of a pipe begin and do not end: mark and process group.
fn unended(words: impl BufRead) -> BTreeMap<String, Option<libc::pid_t>> {
    let mut runs = BTreeMap::new();
    for line in words.lines().map_while(Result::ok) {
        match *line.split(' ').collect::<Vec<_>>() {
            ["run", mark] => {
                runs.insert(mark.to_owned(), None);
            }
            ["group", mark, group] => {
                runs.insert(mark.to_owned(), group.parse().ok());
            }
            ["end", mark] => {
                runs.remove(mark);
            }
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_one_from_before_its_start_to_its_end() {
        let words = "run 7-0\ngroup 7-0 10\nrun 7-1\nrun 7-2\ngroup 7-2 x\nend 7-1\nnonsense\n";
        let runs: Vec<_> = unended(words.as_bytes()).into_iter().collect();
        assert_eq!(runs, [("7-0".to_owned(), Some(10)), ("7-2".to_owned(), None)]);
        assert!(unended("run 7-0\nend 7-0\n".as_bytes()).is_empty());
    }
}
