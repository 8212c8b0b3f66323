//! Files that an engine opens, as strace sees them.

use super::lab::{Lab, Recipe, Role};
use crate::exit::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where strace is, if it can be used here.
#[must_use]
pub fn strace() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|d| d.join("strace")).find(|p| p.is_file())
}

/// The files that an engine opened for reading, in the words that it used; `None` when strace is missing or not allowed.
///
/// # Errors
/// Only when a person interrupts.
pub fn opened(lab: &mut Lab<'_>, role: Role, recipe: &Recipe) -> Result<Option<Vec<PathBuf>>> {
    let Some(program) = strace() else { return Ok(None) };
    let Ok(log) = tempfile::NamedTempFile::new() else { return Ok(None) };
    let mut engine = lab.engine(role).clone();
    let mut prefix: Vec<OsString> =
        ["-f", "-qq", "-s", "4096", "-e", "trace=open,openat,openat2", "-o"].iter().map(OsString::from).collect();
    prefix.push(log.path().into());
    prefix.push(engine.identity.program.clone().into_os_string());
    prefix.append(&mut engine.prefix);
    engine.prefix = prefix;
    engine.identity.program = program;
    let own = recipe.own[role as usize].clone();
    if lab.take(&engine, recipe, &own)?.is_err() {
        return Ok(None); // tracing may be forbidden here
    }
    let text = std::fs::read(log.path()).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    Ok(Some(parse(&text)))
}

/// Paths of successful opens for reading, without the system's own libraries and devices.
fn parse(text: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for line in text.lines() {
        let (Some(start), Some(result)) = (line.find('"'), line.rsplit_once(" = ").map(|(_, r)| r)) else { continue };
        let Some(len) = line[start + 1..].find('"') else { continue };
        let failed = result.trim_start().starts_with('-');
        let writes = line.contains("O_WRONLY") || line.contains("O_DIRECTORY");
        let path = Path::new(&line[start + 1..start + 1 + len]);
        let system = ["/proc", "/sys", "/dev", "/lib", "/usr/lib", "/etc/ld.so"].iter().any(|p| path.starts_with(p))
            || path.starts_with("/etc/ld.so.cache");
        if !failed && !writes && !system && !found.iter().any(|f| f == path) {
            found.push(path.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_that_succeed_are_told() {
        let text = "12 openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3\n\
                    12 openat(AT_FDCWD, \"Fdump.bin\", O_RDONLY) = 4\n\
                    13 open(\"../x.rc\", O_RDONLY) = -1 ENOENT (No such file or directory)\n\
                    12 openat(AT_FDCWD, \"out.bin\", O_WRONLY|O_CREAT, 0666) = 5\n12 +++ exited with 0 +++\n";
        assert_eq!(parse(text), [PathBuf::from("Fdump.bin")]);
    }
}
