//! `prune`: removes old stamps. What later stamps build on stays, and so does the newest pass of each phase; the ledger
//! keeps every attempt.

use super::{Context, PhaseVerdict};
use crate::engines::run_dir;
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::stamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What `prune` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bragg-audit prune --keep 5 --dry-run     what would go
  bragg-audit prune --keep 5               the five newest stamps of each phase stay, with what they build on")]
pub struct PruneArgs {
    /// How many stamps of each phase stay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Serialize)]
pub struct Pruned {
    /// The stamps' folders, sorted.
    #[serde(with = "crate::paths")]
    pub removed: Vec<PathBuf>,
    /// Bytes that they took.
    pub bytes: u64,
    /// Stamps that stay.
    pub kept: usize,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Removes the old stamps of the initiative.
///
/// # Errors
/// A stamp that cannot be removed.
pub fn prune(ctx: &Context, args: &PruneArgs) -> Result<Pruned> {
    let folder = ctx.reports.join(&ctx.initiative);
    let phases = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let phases: Vec<PathBuf> = phases
        .filter(|e| {
            e.file_type().is_ok_and(|t| t.is_dir()) && e.file_name().to_string_lossy().starts_with("phase_")
        })
        .map(|e| e.path())
        .collect();
    let mut all = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for phase in &phases {
        let stamps = stamp::all(phase);
        kept.extend(stamps.iter().rev().take(args.keep as usize).cloned());
        kept.extend(
            stamps.iter().rev().find(|s| verdict(s).is_none_or(|v| v.verdict == Verdict::Pass)).cloned(),
        );
        all.extend(stamps);
    }
    // what a kept stamp builds on stays, and what that builds on
    let mut open: Vec<PathBuf> = kept.iter().cloned().collect();
    while let Some(next) = open.pop() {
        for parent in verdict(&next).map_or(Vec::new(), |v| v.parents) {
            let path = folder.join(format!("phase_{}", parent.phase)).join(&parent.stamp);
            if all.contains(&path) && kept.insert(path.clone()) {
                open.push(path);
            }
        }
    }
    let removed: Vec<PathBuf> = all.difference(&kept).cloned().collect();
    let bytes = removed.iter().flat_map(|s| stamp::list(s)).map(|(_, size)| size).sum();
    if !args.dry_run {
        run_dir::remove_abandoned();
        for path in &removed {
            // hidden first: what is half removed must not look like a stamp
            let hidden = path.with_file_name(format!(".{}.pruned", stamp::name_of(path)));
            let gone = std::fs::rename(path, &hidden).and_then(|()| std::fs::remove_dir_all(&hidden));
            gone.map_err(|e| AuditError::failed(path.display(), e))?;
        }
    }
    Ok(Pruned { removed, bytes, kept: kept.len(), dry_run: args.dry_run })
}

/// One that cannot be read is treated as a pass: better kept.
fn verdict(stamp: &std::path::Path) -> Option<PhaseVerdict> {
    stamp::read_json(stamp, "verdict.json").ok()
}

impl Pruned {
    /// The same for people.
    #[must_use]
    pub fn text(&self) -> String {
        let list: String = self.removed.iter().map(|p| format!("  {}\n", p.display())).collect();
        let word = if self.dry_run { "would remove" } else { "removed" };
        format!(
            "{word} {} stamps, {}; {} stay\n{list}",
            self.removed.len(),
            crate::report::bytes(self.bytes),
            self.kept
        )
    }
}
