//! What compilers made of the loops of an inventory.
//!
//! - Rust: the workspace is built once more as it is released, in a directory of its own, with its optimised LLVM IR
//!   (`cargo.rs`, `wrapper.rs`); `ir` reads that and joins it with the sources.
//! - C: the compiler's vectorisation report, with the flags of the C engine's build (`c.rs`).
//!
//! Building takes minutes, so the findings are kept (`record.rs`) and hold as long as no source and no compiler changes
//! (`conditions.rs`). `rules.rs` says how they become a status, `overrides.rs` how people overrule them, `standing.rs` what
//! to say where there are none.

mod c;
mod cargo;
mod conditions;
pub(crate) mod ir;
mod model;
pub mod overrides;
mod record;
pub mod rules;
mod standing;
pub mod wrapper;

pub(crate) use model::NOT_INLINED;
pub use model::{Code, CodeState, CompilerRun, How, Instance};
pub use record::Record;
pub use standing::missing;

use crate::exit::{AuditError, Result};
use crate::inventory::{Inventory, Language};
use crate::progress::Progress;
use conditions::Conditions;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Asks the compilers about the loops of an inventory's files and keeps what they say; C files with `c_flags`, or with the
/// flags of the C engine's build.
///
/// # Errors
/// When a Rust workspace does not build, or the findings cannot be kept.
pub fn collect(
    inventory: &Inventory,
    root: &Path,
    c_flags: Option<&[String]>,
    progress: &Progress,
) -> Result<Record> {
    let mut record = Record::new();
    let rust = inventory.files.iter().filter(|f| f.language == Language::Rust);
    let manifests: BTreeSet<PathBuf> =
        rust.filter_map(|f| cargo::manifest_above(&root.join(&f.path), root)).collect();
    let mut done: BTreeSet<PathBuf> = BTreeSet::new();
    for manifest in manifests {
        if done.contains(&manifest) {
            continue;
        }
        let built = cargo::build(&manifest, root, "rustc", progress)?;
        for file in &built.files {
            record.depends_on(root, file);
        }
        done.extend(built.files);
        record.conditions.push(built.conditions);
        record.codes.extend(built.codes);
        record.runs.push(built.run);
    }
    let built_with: Vec<String> =
        nanobragg::build_info::C_FLAGS.split_whitespace().map(str::to_owned).collect();
    let flags = c_flags.unwrap_or(&built_with);
    if let Some((run, codes)) = c::report(inventory, root, &c_compiler(), flags, progress) {
        let known = c_flags.is_none().then_some(nanobragg::build_info::C_FLAGS);
        record.conditions.push(Conditions::of_c(known));
        for file in inventory.files.iter().filter(|f| f.language == Language::C) {
            record.depends_on(root, Path::new(&file.path));
        }
        record.codes.extend(codes);
        record.runs.push(run);
    }
    record.write(root).map_err(|e| AuditError::failed(Record::place(root).display(), e))?;
    Ok(record)
}

/// The command of the C compiler: `CC`, which may be several words, else `cc`.
fn c_compiler() -> Vec<String> {
    let named = std::env::var("CC").ok().and_then(|cc| shlex::split(&cc)).filter(|cc| !cc.is_empty());
    named.unwrap_or_else(|| vec!["cc".into()])
}
