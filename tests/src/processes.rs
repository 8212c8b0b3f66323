//! Looking at running processes, and signalling those that a test started. Linux only where it reads `/proc`.

use std::path::PathBuf;

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Id of the parent.
    pub parent: u32,
    /// State letter; `Z` is a process that has ended and waits to be collected.
    pub state: char,
    /// The program file, where it may be read.
    pub program: Option<PathBuf>,
    /// The words of the command line.
    pub words: Vec<String>,
}

/// All processes that can be read now and have not ended.
#[must_use]
pub fn running() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(process).filter(|process| process.state != 'Z').collect()
}

/// Children, grandchildren and so on of `ancestor` among the running processes.
#[must_use]
pub fn descendants(ancestor: u32) -> Vec<Process> {
    let all = running();
    let mut family = vec![ancestor];
    let mut found: Vec<Process> = Vec::new();
    while let Some(parent) = family.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            family.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = command_line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    Some(Process { pid, parent, state, program: std::fs::read_link(format!("/proc/{pid}/exe")).ok(), words })
}

/// Sends a signal to one process that the test started.
#[expect(unsafe_code, reason = "the standard library has no call that sends a signal other than SIGKILL")]
pub fn signal(pid: u32, signal: i32) {
    let Ok(pid) = i32::try_from(pid) else { return };
    // SAFETY: kill(2) reads no memory of ours; a wrong id makes it return an error.
    unsafe { libc::kill(pid, signal) };
}

/// Sends a signal to the process group that a program of the test leads.
pub fn signal_group(leader: u32, what: i32) {
    let Ok(group) = i32::try_from(leader) else { return };
    #[expect(unsafe_code, reason = "the standard library has no call that signals a process group")]
    // SAFETY: killpg(3) reads no memory of ours; a wrong id makes it return an error.
    unsafe {
        libc::killpg(group, what)
    };
}
