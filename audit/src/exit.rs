//! Exit statuses, and the error that carries one. The statuses are an interface: scripts and CI branch on them.

use std::fmt;

/// What a command's exit status says, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The gates passed, or the command did what it was asked.
    Pass = 0,
    /// The audit itself failed (a disk, a missing tool, a broken stamp).
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A gate blocks: parity is not reached, or a phase's need is not met.
    Blocked = 3,
    /// The images cannot be compared: shape, non-finite values, missing, empty, or an engine that differs from itself.
    NotComparable = 4,
    /// An engine failed or ran out of its limits.
    EngineFailed = 5,
    /// `bisect --step` alone, in git's language: this commit cannot be tested.
    Untestable = 125,
    /// `bisect --step` alone: the audit itself failed, the bisection stops.
    StopBisection = 128,
}

impl Exit {
    /// The number the process exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An error that knows the exit status it stands for.
#[derive(Debug)]
pub struct AuditError {
    /// The exit status.
    pub exit: Exit,
    /// One or more lines for a person: what is wrong, where, and what to do.
    pub message: String,
}

impl AuditError {
    /// An error with its exit status.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The audit itself failed while it did `what`.
    pub fn failed(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, format!("{what}: {cause}"))
    }

    /// The command line or a configuration file is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A phase's need is not met.
    pub fn blocked(message: impl Into<String>) -> Self {
        Self::new(Exit::Blocked, message)
    }

    /// A person pressed Ctrl-C (or the process was asked to end).
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Exit::Failed, "interrupted: no stamp was written")
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AuditError {}

/// The result of what may end a command.
pub type Result<T> = std::result::Result<T, AuditError>;
