//! The files of the tree, as the tidy tests read them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::workspace_root;
use crate::stamps::file_names;

/// A text file of the tree.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Path from the workspace's root, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl TextFile {
    /// The file's extension, empty where there is none.
    #[must_use]
    pub fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|e| e.to_str()).unwrap_or_default()
    }
}

/// Paths from the root of everything that belongs to the tree: what git tracks and what it would offer to track; in a
/// copy without git, everything but build results and reports.
#[must_use]
pub fn paths() -> Vec<String> {
    let root = workspace_root();
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let git = Command::new("git").arg("-C").arg(&root).args(list).output();
    let mut paths: Vec<String> = match git {
        Ok(out) if out.status.success() && root.join(".git").exists() => {
            let names = out.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        }
        _ => {
            let built = |name: &String| {
                [".git/", "target/", "reports/"].iter().any(|folder| name.starts_with(folder))
            };
            file_names(&root).into_iter().filter(|name| !built(name)).collect()
        }
    };
    // A file that was deleted and not yet committed is in git's list.
    paths.retain(|path| root.join(path).is_file());
    paths.sort();
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "the tree was not found in {}", root.display());
    paths
}

/// The text files among [`paths`].
#[must_use]
pub fn text_files() -> Vec<TextFile> {
    let read = |path: String| {
        let text = std::fs::read_to_string(workspace_root().join(&path)).ok()?;
        Some(TextFile { path, text })
    };
    paths().into_iter().filter_map(read).collect()
}

/// One text file, which must be there.
#[must_use]
pub fn text_of(path: &str) -> String {
    let path: PathBuf = workspace_root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
