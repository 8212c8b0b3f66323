//! One hash over all sources of this package: `build.rs` compiles it in, and the audit compares it with the sources
//! that lie there now.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// SHA-256 (hexadecimal) over both engines' sources, `build.rs` included, of the package in `package`.
///
/// # Errors
/// When a source cannot be read.
pub fn of_package(package: &Path) -> io::Result<String> {
    let mut all = sorted_files(package, Path::new("c_engine"))?;
    all.extend(sorted_files(package, Path::new("src"))?);
    all.push("build.rs".into());
    all.sort();
    of_files(package, &all)
}

/// All files below `package/folder`, as paths from `package`, sorted.
///
/// # Errors
/// When a folder cannot be listed.
pub fn sorted_files(package: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(package.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            files.extend(sorted_files(package, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// SHA-256 over the names and contents of `files` (paths from `package`), in the order given.
///
/// # Errors
/// When a file cannot be read.
pub fn of_files(package: &Path, files: &[PathBuf]) -> io::Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        let content = fs::read(package.join(file))?;
        let name: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
        digest.update(format!("{}\0{}\0", name.join("/"), content.len()));
        digest.update(&content);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
