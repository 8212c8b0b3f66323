//! The few things bisecting needs of git. Arguments are passed as words; hooks of the repository do not run.

use crate::exit::{AuditError, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs git in `dir`; its standard output.
///
/// # Errors
/// When git cannot be started or says no.
pub fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| AuditError::failed("git (needed for bisecting)", e))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(AuditError::failed(
        format!("git {}", args.first().unwrap_or(&"")),
        said.lines().next().unwrap_or("failed"),
    ))
}

/// The commit that a word means.
///
/// # Errors
/// When it means none.
pub fn commit(repository: &Path, word: &str) -> Result<String> {
    if word.starts_with('-') {
        return Err(AuditError::usage(format!("{word}: not a commit")));
    }
    git(repository, &["rev-parse", "--verify", "--quiet", &format!("{word}^{{commit}}")])
        .map(|t| t.trim().to_owned())
        .map_err(|_| AuditError::usage(format!("{word}: no commit of {}", repository.display())))
}

/// The commits after `good` up to `bad`, oldest first, along first parents.
///
/// # Errors
/// When there are none.
pub fn range(repository: &Path, good: &str, bad: &str) -> Result<Vec<String>> {
    let text = git(repository, &["rev-list", "--reverse", "--first-parent", &format!("{good}..{bad}")])?;
    let list: Vec<String> = text.lines().map(str::to_owned).collect();
    if list.is_empty() {
        return Err(AuditError::usage(format!(
            "no commits lie between --good {good} and --bad {bad}: is the order right?"
        )));
    }
    Ok(list)
}

/// A work tree of the repository at one commit, somewhere else.
pub struct Tree<'a> {
    repository: &'a Path,
    path: std::path::PathBuf,
    keep_ignored: bool,
}

impl<'a> Tree<'a> {
    /// Makes it at `path`; what an earlier run left there is removed.
    ///
    /// # Errors
    /// When git cannot make it.
    pub fn new(repository: &'a Path, path: &Path, at: &str, keep_ignored: bool) -> Result<Self> {
        if path.exists() {
            git(repository, &["worktree", "remove", "--force", "--force", &path.to_string_lossy()]).ok();
            std::fs::remove_dir_all(path).ok();
        }
        git(repository, &["worktree", "prune"])?;
        git(repository, &["worktree", "add", "--quiet", "--detach", "--force", &path.to_string_lossy(), at])?;
        Ok(Self { repository, path: path.to_owned(), keep_ignored })
    }

    /// Goes to a commit and removes what builds left (but for ignored files, when they may stay).
    ///
    /// # Errors
    /// When git cannot.
    pub fn go(&self, commit: &str) -> Result<()> {
        git(&self.path, &["checkout", "--quiet", "--detach", "--force", commit])?;
        git(&self.path, &["clean", if self.keep_ignored { "-ffdq" } else { "-ffdxq" }])?;
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        git(self.repository, &["worktree", "remove", "--force", "--force", &self.path.to_string_lossy()])
            .ok();
        std::fs::remove_dir_all(&self.path).ok();
        git(self.repository, &["worktree", "prune"]).ok();
    }
}
