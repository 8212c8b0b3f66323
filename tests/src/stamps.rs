//! Finding and reading the stamps that the audit leaves: `<reports>/<initiative>/phase_<x>/<STAMP>/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// True for `YYYYMMDDTHHMMSSZ`, with or without a suffix that keeps two of one second apart.
#[must_use]
pub fn is_stamp_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let form = digits(0..8) && bytes.get(8) == Some(&b'T') && digits(9..15) && bytes.get(15) == Some(&b'Z');
    form && bytes.get(16).is_none_or(|next| !next.is_ascii_alphanumeric())
}

/// Every stamp of a phase (`a`, `b1`, `b2`, `b3`) below `reports`, oldest first.
#[must_use]
pub fn stamps(reports: &Path, phase: &str) -> Vec<PathBuf> {
    let folder = format!("phase_{phase}");
    let of_phase = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let parent = path.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or_default();
        path.is_dir() && is_stamp_name(name) && parent.eq_ignore_ascii_case(&folder)
    };
    everything(reports).into_iter().filter(of_phase).collect()
}

/// The only stamp of a phase.
#[must_use]
pub fn only_stamp(reports: &Path, phase: &str) -> PathBuf {
    let found = stamps(reports, phase);
    assert!(
        found.len() == 1,
        "stamps of phase {phase} in {}: {found:?}\n{:#?}",
        reports.display(),
        everything(reports)
    );
    found[0].clone()
}

/// Everything below a folder, sorted.
#[must_use]
pub fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The names of the files below a folder, relative to it, with `/`.
#[must_use]
pub fn file_names(folder: &Path) -> BTreeSet<String> {
    let relative =
        |path: &PathBuf| Some(path.strip_prefix(folder).ok()?.to_string_lossy().replace('\\', "/"));
    everything(folder).iter().filter(|path| !path.is_dir()).filter_map(relative).collect()
}

/// A text file of a stamp.
#[must_use]
pub fn text(stamp: &Path, name: &str) -> String {
    let path = stamp.join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}\n{:#?}", path.display(), file_names(stamp)))
}

/// A JSON file of a stamp.
#[must_use]
pub fn json(stamp: &Path, name: &str) -> Value {
    serde_json::from_str(&text(stamp, name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", stamp.display()))
}

/// Checks `checksums.txt`: every other file of the stamp is in it, and `sha256sum` (or `shasum`) finds them all unchanged.
pub fn verify_checksums(stamp: &Path) {
    let listed: BTreeSet<String> = text(stamp, "checksums.txt")
        .lines()
        .map(|line| {
            let (sum, name) = line.split_at_checked(64).unwrap_or_else(|| panic!("checksums.txt: {line}"));
            assert!(sum.bytes().all(|b| b.is_ascii_hexdigit()), "checksums.txt: {line}");
            name.trim_start_matches([' ', '*']).trim_start_matches("./").to_owned()
        })
        .collect();
    let mut there = file_names(stamp);
    there.remove("checksums.txt");
    assert_eq!(listed, there, "files in checksums.txt and in {}", stamp.display());
    for (tool, args) in
        [("sha256sum", ["-c", "checksums.txt"].as_slice()), ("shasum", &["-a", "256", "-c", "checksums.txt"])]
    {
        if let Ok(out) = Command::new(tool).args(args).current_dir(stamp).output() {
            assert!(out.status.success(), "{tool}: {}", String::from_utf8_lossy(&out.stdout));
            return;
        }
    }
    panic!(
        "neither sha256sum (coreutils) nor shasum (perl) is there to check {}/checksums.txt",
        stamp.display()
    );
}

/// Every value of the key `name` anywhere in a JSON value.
#[must_use]
pub fn values_of<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| {
                let own = (key == name).then_some(inner);
                own.into_iter().chain(values_of(inner, name))
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(|inner| values_of(inner, name)).collect(),
        _ => Vec::new(),
    }
}
