//! What the C compiler reports about loops: gcc's `-fopt-info-vec-all`, clang's `-Rpass…=loop-vectorize`.

mod reports;

use super::model::{Code, CompilerRun};
use crate::inventory::{Inventory, Language};
use crate::progress::Progress;
use reports::{Style, Verdicts};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Compiles every C file of the inventory for its report alone, with `flags` and the compiler's command (`cc`, or
/// `python3 -m ziglang cc`); `None` without a compiler or C files.
pub(super) fn report(
    inventory: &Inventory,
    root: &Path,
    compiler: &[String],
    flags: &[String],
    progress: &Progress,
) -> Option<(CompilerRun, BTreeMap<String, Code>)> {
    let files: Vec<&str> = inventory
        .files
        .iter()
        .filter(|f| f.language == Language::C && f.path.ends_with(".c"))
        .map(|f| f.path.as_str())
        .collect();
    let version = version(compiler).filter(|_| !files.is_empty())?;
    let style = if version.contains("clang") { Style::Clang } else { Style::Gcc };
    let name = if style == Style::Clang { "clang" } else { "gcc" };
    let mut verdicts = Verdicts::default();
    let mut problems = Vec::new();
    for file in &files {
        progress.step(&format!("{name}: report for {file}"));
        match compile(compiler, style, flags, root, file) {
            Ok((text, details)) => {
                verdicts.read(style, &text, inventory);
                verdicts.in_order(&details, inventory);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let run = CompilerRun {
        name: name.to_string(),
        what: format!("{}, {} files", style.options().join(" "), files.len()),
        compiler: version,
        flags: flags.join(" "),
        problems,
    };
    if style == Style::Clang {
        verdicts.around(inventory);
    }
    let codes = verdicts.codes(name);
    let by_id = |(index, code): (usize, Code)| Some((inventory.loops.get(index)?.loop_id.clone(), code));
    Some((run, codes.into_iter().filter_map(by_id).collect()))
}

fn command(compiler: &[String]) -> Option<Command> {
    let (program, words) = compiler.split_first()?;
    let mut command = Command::new(program);
    command.args(words);
    Some(command)
}

pub(super) fn version(compiler: &[String]) -> Option<String> {
    let output = command(compiler)?.arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().map(|l| l.trim().to_owned())).flatten()
}

/// The report of one file, and gcc's details: its report calls a sum in order vectorized, its details do not.
fn compile(
    compiler: &[String],
    style: Style,
    flags: &[String],
    root: &Path,
    file: &str,
) -> Result<(String, String), String> {
    let details = tempfile::NamedTempFile::new().map_err(|e| format!("{file}: {e}"))?;
    let mut more: Vec<OsString> = Vec::new();
    if style == Style::Gcc {
        let mut option = OsString::from("-fdump-tree-vect-details=");
        option.push(details.path());
        more.push(option);
    }
    let object = tempfile::NamedTempFile::new().map_err(|e| format!("{file}: {e}"))?;
    let text = |s: &str| format!("\"{s}\"");
    let output = command(compiler)
        .ok_or_else(|| format!("{file}: CC names no program"))?
        .args(flags)
        .args(style.options())
        .args(&more)
        .args(["-w", "-c"])
        .arg(file)
        .arg("-o")
        .arg(object.path())
        // names that simulator/build.rs gives; they change no loop
        .arg(format!("-DNB_VERSION={}", text("0")))
        .arg(format!("-DNB_COMPILER={}", text("")))
        .arg(format!("-DNB_FLAGS={}", text("")))
        .env("LC_ALL", "C")
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{file}: {}: {e}", compiler.join(" ")))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        let details = std::fs::read(details.path()).unwrap_or_default();
        return Ok((said, String::from_utf8_lossy(&details).into_owned()));
    }
    let error = said.lines().find(|l| l.contains("error")).unwrap_or("the compiler failed").to_string();
    Err(format!("{file}: not compiled with these flags: {error}"))
}
