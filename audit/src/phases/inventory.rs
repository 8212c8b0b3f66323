//! Phase A as a command: the inventory of loops.

use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist};
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::inventory::{Inventory, changes};
use crate::progress::Progress;
use crate::report::summary::{Loops, Summary, summary};
use crate::stamp;
use std::path::{Path, PathBuf};

/// The inventory's file in its stamp.
pub const FILE: &str = "loop_inventory.json";
/// The same as a table.
const CSV: &str = "loop_inventory.csv";

/// Lists the loops of `paths` (relative to the root), or of the configured ones.
///
/// # Errors
/// When there are no sources, or the stamp cannot be written.
pub fn inventory(ctx: &Context, paths: &[PathBuf], outdir: Option<&Path>) -> Result<Done> {
    let paths = if paths.is_empty() { &ctx.config.inventory.paths } else { paths };
    let progress = Progress::new(ctx.quiet, 1);
    progress.step("inventory: reading the sources");
    let inventory = scan(ctx, paths)?;
    drop(progress);
    // what changed since the newest inventory of this initiative, if it can be read
    let earlier = stamp::latest(&ctx.phase_dir("a")).and_then(|s| Inventory::read_json(&s.join(FILE)).ok());
    let changes = earlier.as_ref().map(|old| changes(old, &inventory));
    let writer = ctx.begin("a", outdir)?;
    let line = format!("{} loops in {} files", inventory.loops.len(), inventory.files.len());
    let verdict = PhaseVerdict {
        schema: VERDICT_SCHEMA.into(),
        phase: "a".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable: true,
        profile_whole: None,
        reasons: inventory.skipped.iter().map(|s| format!("{}: {}", s.path, s.reason)).collect(),
        parents: Vec::new(),
        gates: Vec::new(),
    };
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    inventory.write_json(&mut json).map_err(|e| AuditError::failed(FILE, e))?;
    inventory.write_csv(&mut csv).map_err(|e| AuditError::failed(CSV, e))?;
    writer.write(FILE, json)?;
    writer.write(CSV, csv)?;
    ctx.write_common(&writer, &verdict, &[])?;
    let text = summary(&Summary {
        title: "Inventory of loops (phase A)",
        stamp: &writer.name,
        reliable: true,
        verdict: (Verdict::Pass, line.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: None,
        own: demoted(&inventory.summary(changes.as_ref())),
        loops: Loops::Unknown("Not measured in this phase: `loop_inventory.csv` lists every loop with what is known from the sources.".into()),
        parents: &[],
        previous: None,
        blockers: Vec::new(),
        artifacts: checklist(&writer, &[]),
        next: vec![(format!("bragg-audit capture{}", super::capture::reports_flag(ctx)), "Check parity and take a profile".into())],
    });
    writer.write("summary.md", text)?;
    let done = Done { phase: "a".into(), stamp: writer.finish()?, verdict: Verdict::Pass, line };
    ctx.record(&done, None)?;
    Ok(done)
}

/// Reads the sources; no loops at all is an error, because every later phase would be empty without a word.
pub(super) fn scan(ctx: &Context, paths: &[PathBuf]) -> Result<Inventory> {
    let inventory = Inventory::scan(&ctx.root, paths).map_err(|e| AuditError::usage(e.to_string()))?;
    if inventory.loops.is_empty() {
        let list: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(AuditError::usage(format!(
            "no loops found in {} below {}: name the sources (`bragg-audit inventory PATH…` or `[inventory] paths` in audit.toml), or run where they are",
            list.join(", "),
            ctx.root.display()
        )));
    }
    Ok(inventory)
}

/// The inventory's own report as a section of a summary: every heading one level down.
fn demoted(report: &str) -> String {
    let lines = report.lines().map(|l| if l.starts_with('#') { format!("#{l}\n") } else { format!("{l}\n") });
    lines.collect()
}
