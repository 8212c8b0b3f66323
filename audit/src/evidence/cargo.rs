//! Builds a cargo workspace once more, as released, with its IR, and reads that.

use super::conditions::Conditions;
use super::ir::{self, Places};
use super::model::{Code, CompilerRun};
use super::wrapper;
use crate::exit::{AuditError, Result};
use crate::inventory::Inventory;
use crate::progress::Progress;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `cargo metadata` says, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

/// What a workspace's build said.
pub(super) struct Built {
    pub(super) run: CompilerRun,
    /// By loop id.
    pub(super) codes: BTreeMap<String, Code>,
    /// Everything that the build depends on and that is ours: sources and manifests.
    pub(super) files: BTreeSet<PathBuf>,
    /// What else the code depends on.
    pub(super) conditions: Conditions,
}

/// The manifest of the package or workspace around a path, not above `root`.
pub(super) fn manifest_above(path: &Path, root: &Path) -> Option<PathBuf> {
    let within = path.ancestors().take_while(|dir| dir.starts_with(root));
    within.map(|dir| dir.join("Cargo.toml")).find(|file| file.is_file())
}

/// Builds the workspace of `manifest` and reads its IR for the loops of its sources.
///
/// # Errors
/// When cargo is missing or the workspace does not build.
pub(super) fn build(manifest: &Path, root: &Path, name: &str, progress: &Progress) -> Result<Built> {
    progress.step(&format!("{name}: asking cargo what the workspace holds"));
    let metadata = metadata(manifest)?;
    // before the build: what changes while it runs counts as changed
    let directory = metadata.workspace_root.strip_prefix(root).unwrap_or(Path::new(""));
    let conditions = Conditions::of_rust(root, directory);
    let sources = sources(&metadata);
    let inventory = Inventory::scan_known(root, &sources).map_err(|e| AuditError::usage(e.to_string()))?;
    crate::interrupt::check()?;
    let target = target_directory(&metadata.workspace_root);
    let output = compile(manifest, &target, name, progress)?;
    let modules = modules(&output, &target);
    let mut problems = Vec::new();
    if modules.is_empty() {
        problems.push(format!("the build left no LLVM IR in {}", target.display()));
    }
    let flags = flags(&modules, &target);
    if flags.contains("-C lto") || flags.contains("linker-plugin-lto") {
        problems.push(
            "link-time optimisation comes after this IR: what it changes is not seen (set lto = false for evidence)".into(),
        );
    }
    let (places_root, mut found) = (canonical(root), ir::Found::default());
    let mut places = Places::new(&inventory, &places_root);
    for (at, module) in modules.iter().enumerate() {
        progress.step(&format!("{name}: reading IR, module {} of {}", at + 1, modules.len()));
        ir::read_file(module, &mut places, &mut found)
            .map_err(|e| AuditError::failed(module.display(), e))?;
        crate::interrupt::check()?;
    }
    if found.skipped > 0 {
        problems.push(format!(
            "{} lines or nodes of the IR were skipped: broken, too long or too many",
            found.skipped
        ));
    }
    let mut codes = BTreeMap::new();
    for (index, instances) in found.instances {
        let more = found.more.get(&index).copied().unwrap_or(0);
        if let (Some(one), Some(code)) = (inventory.loops.get(index), Code::of(instances, more, name)) {
            codes.insert(one.loop_id.clone(), code);
        }
    }
    let mut files: BTreeSet<PathBuf> = inventory.files.iter().map(|f| root.join(&f.path)).collect();
    let scripts = metadata.packages.iter().flat_map(|p| &p.targets);
    files.extend(scripts.filter(|t| t.kind.iter().any(|k| k == "custom-build")).map(|t| t.src_path.clone()));
    files.extend(metadata.packages.iter().map(|p| p.manifest_path.clone()));
    files.extend(
        ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"]
            .map(|f| metadata.workspace_root.join(f))
            .into_iter()
            .filter(|f| f.is_file()),
    );
    let what = format!(
        "optimised LLVM IR of `cargo build --release --workspace`, {} modules, {} functions",
        modules.len(),
        found.functions
    );
    let said = conditions.found.get("rustc").map_or("", String::as_str);
    let run = CompilerRun { name: name.to_string(), what, compiler: version(said), flags, problems };
    Ok(Built { run, codes, files, conditions })
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn metadata(manifest: &Path) -> Result<Metadata> {
    let output = Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        // a toolchain file counts from where cargo stands
        .current_dir(manifest.parent().unwrap_or(Path::new(".")))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| AuditError::failed("cargo metadata (is cargo installed?)", e))?;
    if !output.status.success() {
        return Err(AuditError::failed(
            "cargo metadata",
            last_lines(&String::from_utf8_lossy(&output.stderr)),
        ));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| AuditError::failed("cargo metadata", e))
}

/// Directories of the sources of libraries and binaries.
fn sources(metadata: &Metadata) -> Vec<PathBuf> {
    let shipped = |t: &&Target| t.kind.iter().any(|k| k == "bin" || k.ends_with("lib"));
    let targets = metadata.packages.iter().flat_map(|p| &p.targets).filter(shipped);
    let directories: BTreeSet<PathBuf> =
        targets.filter_map(|t| t.src_path.parent().map(Path::to_owned)).collect();
    // `src/bin` lies in `src`
    let inner = |d: &PathBuf| directories.iter().any(|other| other != d && d.starts_with(other));
    directories.iter().filter(|d| !inner(d)).cloned().collect()
}

/// Where the build and its findings are kept, beside the user's own builds, which stay untouched.
pub(super) fn target_directory(workspace: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from)
        .join("evidence")
}

/// Runs cargo; its messages.
fn compile(manifest: &Path, target: &Path, name: &str, progress: &Progress) -> Result<String> {
    let own = std::env::current_exe().map_err(|e| AuditError::failed("finding this executable", e))?;
    let mut child = Command::new(cargo())
        .args(["build", "--release", "--workspace", "--message-format=json", "--manifest-path"])
        .arg(manifest)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTC_WORKSPACE_WRAPPER", own)
        .env(wrapper::VARIABLE, "1")
        .current_dir(manifest.parent().unwrap_or(Path::new(".")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| AuditError::failed("cargo build (is cargo installed?)", e))?;
    let stderr = child.stderr.take();
    let stdout = child.stdout.take();
    // both pipes are emptied at once: cargo must never wait for a full one
    let (messages, log) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| stdout.map(read_all).unwrap_or_default());
        let mut log = Vec::new();
        for line in
            stderr.map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(std::io::Result::ok)
        {
            if line.trim_start().starts_with("Compiling") {
                progress.step(&format!("{name}: {}", line.trim()));
            }
            log.push(line);
        }
        (reader.join().unwrap_or_default(), log)
    });
    let status = child.wait().map_err(|e| AuditError::failed("cargo build", e))?;
    crate::interrupt::check()?;
    if !status.success() {
        let mut said = log.join("\n");
        for line in messages.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()) {
            said.push_str(line["message"]["rendered"].as_str().unwrap_or_default());
        }
        return Err(AuditError::failed("cargo build --release (for evidence)", last_lines(&said)));
    }
    Ok(messages)
}

fn read_all(mut from: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    // what was read before an error is still worth something
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The IR files of the crates that this build made or found made: older ones may lie beside them.
fn modules(messages: &str, target: &Path) -> Vec<PathBuf> {
    let deps = target.join("release/deps");
    let names: Vec<(PathBuf, String)> = std::fs::read_dir(&deps)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| (e.path(), e.file_name().to_string_lossy().into_owned()))
        .collect();
    let mut stems = BTreeSet::new();
    for message in messages.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()) {
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        for file in message["filenames"].as_array().into_iter().flatten().filter_map(|f| f.as_str()) {
            let path = Path::new(file);
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.parent() == Some(&deps) {
                stems.insert(stem.strip_prefix("lib").unwrap_or(&stem).to_string());
            } else {
                stems.extend(
                    names
                        .iter()
                        .filter(|(p, n)| !n.contains('.') && same_file(p, path))
                        .map(|(_, n)| n.clone()),
                );
                // a library that was given its final name
                let twin = |(p, n): &&(PathBuf, String)| n.ends_with(".rlib") && same_file(p, path);
                stems.extend(
                    names
                        .iter()
                        .find(twin)
                        .map(|(_, n)| n.trim_end_matches(".rlib").trim_start_matches("lib").to_string()),
                );
            }
        }
    }
    let wanted = |name: &str| name.ends_with(".ll") && stems.contains(name.split('.').next().unwrap_or(""));
    let mut found: Vec<PathBuf> = names.into_iter().filter(|(_, n)| wanted(n)).map(|(p, _)| p).collect();
    found.sort();
    found
}

/// Cargo links its results under their final names.
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |p: &Path| std::fs::metadata(p).ok().map(|m| (m.dev(), m.ino()));
    id(a).is_some() && id(a) == id(b)
}

/// The flags of the crates, each set once.
fn flags(modules: &[PathBuf], target: &Path) -> String {
    let stem = |m: &PathBuf| m.file_name()?.to_str()?.split('.').next().map(str::to_owned);
    let stems: BTreeSet<String> = modules.iter().filter_map(stem).collect();
    let sets: BTreeSet<String> = stems
        .iter()
        .filter_map(|s| std::fs::read_to_string(target.join("release/deps").join(format!("{s}.flags"))).ok())
        .collect();
    if sets.is_empty() { "not known".into() } else { Vec::from_iter(sets).join(" | ") }
}

/// The lines of `rustc -vV` that matter to people.
fn version(text: &str) -> String {
    let llvm = text.lines().find(|l| l.starts_with("LLVM version"));
    let parts: Vec<&str> = text.lines().take(1).chain(llvm).collect();
    if parts.is_empty() { "not known".into() } else { parts.join(", ") }
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n  ")
}
