//! Everything that an engine's process has started, also what left its group or its parent. This process adopts
//! orphans below it (Linux), so that none of them can get away.

use super::guardian;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The environment variable that marks what belongs to a run.
pub(super) const MARK: &str = "BRAGG_AUDIT_RUN";

/// Engines that run now: process id and mark.
static LIVE: Mutex<Vec<(libc::pid_t, String)>> = Mutex::new(Vec::new());

/// Held while an engine is started and while strays are looked for: one that is started and not yet in the list would
/// look like a stray.
fn live() -> MutexGuard<'static, Vec<(libc::pid_t, String)>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of what its descendants leave behind.
pub(super) fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        #[expect(unsafe_code, reason = "prctl is a C interface")]
        // SAFETY: sets an attribute of this process and touches no memory.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        }
    });
}

/// A run that has begun; ends its whole family when dropped.
pub(super) struct Family {
    pid: libc::pid_t,
    mark: String,
}

impl Family {
    /// Starts an engine, whose environment holds `mark`.
    pub(super) fn start(command: &mut Command, mark: String) -> std::io::Result<(Child, Self)> {
        let mut live = live();
        guardian::expect(&mark)?;
        let child = command.spawn().inspect_err(|_| guardian::ended(&mark))?;
        let pid = child.id() as libc::pid_t;
        live.push((pid, mark.clone()));
        drop(live);
        let family = Self { pid, mark };
        guardian::started(&family.mark, pid)?;
        Ok((child, family))
    }

    /// Ends every process of the run; the engine itself has been waited for.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        signal(-self.pid, libc::SIGKILL);
        live().retain(|(pid, _)| *pid != self.pid);
        sweep(self.pid, &self.mark);
        guardian::ended(&self.mark);
    }
}

#[expect(unsafe_code, reason = "kill is a C interface")]
pub(super) fn signal(pid: libc::pid_t, signal: libc::c_int) {
    // SAFETY: plain system call without memory. The number is that of our child or its group, or was read a moment
    // ago from the list of processes below us, which only this process can collect.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// A process as the system lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) pid: libc::pid_t,
    parent: libc::pid_t,
    pub(super) group: libc::pid_t,
    /// Waits to be collected.
    pub(super) ended: bool,
}

/// All processes that can be seen; empty where there is no `/proc`.
pub(super) fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    ids.filter_map(|pid: libc::pid_t| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // the name in parentheses may hold anything: the fields are counted from its end
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let ended = fields.next()? == "Z";
        Some(Process {
            pid,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            ended,
        })
    })
    .collect()
}

/// `root` and everything below it.
pub(super) fn tree(root: libc::pid_t, all: &[Process]) -> Vec<libc::pid_t> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = all.iter().filter(|p| p.parent == parent).map(|p| p.pid);
        let new: Vec<_> = children.filter(|pid| !found.contains(pid)).collect();
        found.extend(new);
        next += 1;
    }
    found
}

/// Kills and collects what a run left behind, until nothing is found any more. An orphan whose group and environment do
/// not tell whose it is waits for the end of a run beside which no other goes on.
fn sweep(leader: libc::pid_t, mark: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let others = live();
        let all = processes();
        let own = std::process::id() as libc::pid_t;
        let mine = all.iter().find(|p| p.pid == own).map_or(0, |p| p.group);
        let of_others = |p: &Process| others.iter().any(|(pid, m)| p.pid == *pid || marked(p.pid, m));
        // orphans are our children; what this process started itself is in its own group, registered, or its guardian
        let guardian = guardian::pid();
        let own_work = |p: &Process| p.group == mine || Some(p.pid) == guardian;
        let orphans = all.iter().filter(|p| p.parent == own && !own_work(p) && !of_others(p));
        let strays = orphans.filter(|p| p.group == leader || marked(p.pid, mark) || others.is_empty());
        let mut doomed: Vec<libc::pid_t> = strays.flat_map(|p| tree(p.pid, &all)).collect();
        doomed.extend(all.iter().filter(|p| p.group == leader && !p.ended).map(|p| p.pid));
        doomed.sort_unstable();
        doomed.dedup();
        if doomed.is_empty() || std::time::Instant::now() > deadline {
            return;
        }
        for pid in &doomed {
            signal(*pid, libc::SIGKILL);
        }
        for pid in doomed {
            collect(pid);
        }
        drop(others);
        std::thread::yield_now();
    }
}

/// Whether a process's environment holds the mark of a run.
pub(super) fn marked(pid: libc::pid_t, mark: &str) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    let wanted = format!("{MARK}={mark}");
    environment.split(|b| *b == 0).any(|v| v == wanted.as_bytes())
}

/// Takes the exit status of an adopted process that has ended.
#[expect(unsafe_code, reason = "waitpid is a C interface")]
fn collect(pid: libc::pid_t) {
    // SAFETY: no memory is passed; a process that is not our child gives an error and nothing else.
    unsafe {
        libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
    }
}
