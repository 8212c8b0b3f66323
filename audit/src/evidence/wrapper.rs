//! This executable as the compiler that cargo calls for a workspace's own crates: rustc with `--emit=llvm-ir` added.
//!
//! Cargo can give flags to all crates or to one target, but not to a workspace's own crates alone; its
//! `RUSTC_WORKSPACE_WRAPPER` is called for exactly those. Everything else stays as cargo asked for it: with
//! `--emit=llvm-ir` rustc would fall back to one codegen unit, so its default of 16 is said aloud.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

/// Set by the audit when it starts cargo; cargo hands it on.
pub(super) const VARIABLE: &str = "BRAGG_AUDIT_EMIT_IR";
/// rustc's own number for optimised builds without incremental compilation.
const UNITS: &str = "codegen-units=16";

/// Whether this process was started by cargo in rustc's place.
#[must_use]
pub fn requested() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs rustc; its exit status.
#[must_use]
pub fn run() -> u8 {
    let mut words = std::env::args_os().skip(1);
    let Some(rustc) = words.next() else { return 2 };
    let given: Vec<OsString> = words.collect();
    let arguments = with_ir(given);
    note_flags(&arguments);
    match Command::new(&rustc).args(&arguments).status() {
        Ok(status) => status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1),
        Err(_) => 127,
    }
}

/// Adds what is needed to a call that links or makes a library; others (`-vV`, `--print`) pass.
fn with_ir(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let crate_of_sources =
        arguments.iter().any(|a| a == "--crate-name") && arguments.iter().any(|a| a == "--out-dir");
    if crate_of_sources && value(&arguments, "--crate-name").is_none_or(|n| n != "build_script_build") {
        if flags(&arguments).all(|f| !f.starts_with("codegen-units=")) {
            arguments.extend(["-C".into(), UNITS.into()]);
        }
        arguments.push("--emit=llvm-ir".into());
    }
    arguments
}

/// Leaves the flags of code generation beside the outputs.
fn note_flags(arguments: &[OsString]) {
    let (Some(name), Some(directory)) = (value(arguments, "--crate-name"), value(arguments, "--out-dir"))
    else {
        return;
    };
    let suffix = flags(arguments)
        .find_map(|f| f.strip_prefix("extra-filename=").map(str::to_owned))
        .unwrap_or_default();
    let kept: Vec<String> = flags(arguments)
        .filter(|f| {
            !["metadata=", "extra-filename=", "incremental=", "linker", "link-arg"]
                .iter()
                .any(|p| f.starts_with(p))
        })
        .map(|f| format!("-C {f}"))
        .collect();
    let file = PathBuf::from(directory).join(format!("{}{suffix}.flags", name.to_string_lossy()));
    // without it the evidence says that the flags are not known
    let _ = std::fs::write(file, kept.join(" "));
}

fn value<'a>(arguments: &'a [OsString], name: &str) -> Option<&'a OsStr> {
    let at = arguments.iter().position(|a| a == name)?;
    arguments.get(at + 1).map(OsString::as_os_str)
}

/// Values of `-C x` and `-Cx`.
fn flags(arguments: &[OsString]) -> impl Iterator<Item = &str> {
    arguments.iter().enumerate().filter_map(|(at, a)| match a.to_str()? {
        "-C" | "--codegen" => arguments.get(at + 1)?.to_str(),
        joined => joined.strip_prefix("-C").filter(|rest| !rest.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn only_crates_get_flags() {
        let plain = words("-vV");
        assert_eq!(with_ir(plain.clone()), plain);
        let with = with_ir(words("--crate-name a --out-dir d -C opt-level=3"));
        assert!(with.ends_with(&words("-C codegen-units=16 --emit=llvm-ir")), "{with:?}");
        let own = with_ir(words("--crate-name a --out-dir d -Ccodegen-units=1"));
        assert!(own.ends_with(&words("-Ccodegen-units=1 --emit=llvm-ir")), "{own:?}");
        let script = words("--crate-name build_script_build --out-dir d");
        assert_eq!(with_ir(script.clone()), script);
    }
}
