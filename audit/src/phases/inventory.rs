//! Phase A as a command: the inventory of loops, with what compilers, people and measurements say about each.

mod since;

use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist};
use crate::evidence::{self, overrides, rules};
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::hot_loops::HotLoops;
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::report::summary::{Loops, Summary, summary};
use crate::stamp;
use clap::Args;
use since::{CHANGES, Since};
use std::path::{Path, PathBuf};

/// The inventory's file in its stamp.
pub const FILE: &str = "loop_inventory.json";
/// The same as a table.
const CSV: &str = "loop_inventory.csv";

/// What `inventory` takes.
#[derive(Debug, Default, Args)]
#[command(after_help = HELP)]
pub struct InventoryArgs {
    /// Files and directories of any tree [default: `[inventory] paths` of audit.toml]
    pub paths: Vec<PathBuf>,
    /// Ask the compilers: build the Rust workspace once more with its LLVM IR (minutes; kept in target/evidence until a
    /// source changes), and take the C compiler's vectorisation report
    #[arg(long)]
    pub evidence: bool,
    /// Flags for the C compiler's report, quoted as for a shell [default: those of the bundled C engine]
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub c_flags: Option<String>,
    /// People's classifications, which win over the evidence [default: loops.toml beside audit.toml]
    #[arg(long, value_name = "FILE")]
    pub overrides: Option<PathBuf>,
    /// Take each loop's heat from this hot-loops stamp (phase B2): scalar and hot is todo, cold is safe
    #[arg(long, value_name = "STAMP")]
    pub heat: Option<PathBuf>,
    /// Compare with this inventory: a stamp or a loop_inventory.json [default: the newest stamp of the same tree]
    #[arg(long, value_name = "STAMP|FILE")]
    pub against: Option<PathBuf>,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

const HELP: &str = "Examples:
  bragg-audit inventory                          the configured sources; evidence of the last --evidence if it still holds
  bragg-audit inventory --evidence               with what rustc and the C compiler made of every loop
  bragg-audit inventory ~/other/src              the loops of any Rust, C or Python tree
  bragg-audit inventory --heat reports/x/phase_b2/STAMP   statuses from evidence and measured heat";

/// Lists the loops of the given paths (relative to the root, or anywhere), or of the configured ones.
///
/// # Errors
/// When there are no sources, a compiler that was asked fails, or the stamp cannot be written.
pub fn inventory(ctx: &Context, args: &InventoryArgs, outdir: Option<&Path>) -> Result<Done> {
    let wanted: Vec<PathBuf> = if args.paths.is_empty() {
        ctx.config.inventory.paths.iter().map(|p| ctx.root.join(p)).collect()
    } else {
        // words are meant from where they were typed; the root's own paths work everywhere below it
        let typed = |p: &PathBuf| if p.exists() { std::path::absolute(p).ok() } else { None };
        args.paths.iter().map(|p| typed(p).unwrap_or_else(|| ctx.root.join(p))).collect()
    };
    let (root, paths) = rooted(&ctx.root, &wanted);
    let progress = Progress::new(ctx.quiet, 100);
    progress.step("inventory: reading the sources");
    let mut inventory = scan_in(&root, &paths)?;
    crate::interrupt::check()?;
    let record = if args.evidence {
        let given =
            args.c_flags.as_ref().map(|text| crate::case::split_words("--c-flags", text)).transpose()?;
        let words: Option<Vec<String>> =
            given.map(|g| g.into_iter().map(|w| w.to_string_lossy().into_owned()).collect());
        Some(evidence::collect(&inventory, &root, words.as_deref(), &progress)?)
    } else {
        evidence::Record::read(&root)
    };
    if let Some(record) = &record {
        record.attach(&mut inventory, &root, &root);
    }
    let register_bits = super::register_bits(ctx);
    inventory.loops.iter_mut().for_each(|one| rules::on_processor(one, register_bits));
    let file = args.overrides.clone().unwrap_or_else(|| root.join(overrides::FILE));
    if args.overrides.is_some() && !file.is_file() {
        return Err(AuditError::usage(format!("--overrides {}: no such file", file.display())));
    }
    overrides::apply(&mut inventory, &file).map_err(AuditError::usage)?;
    if let Some(stamp) = &args.heat {
        heat(&mut inventory, stamp, register_bits)?;
    }
    drop(progress);
    // from the project, so that its stamps go with it where it is moved
    let project = std::fs::canonicalize(&ctx.root).unwrap_or_else(|_| ctx.root.clone());
    let tree = root.strip_prefix(project).map_or_else(|_| root.clone(), |below| Path::new(".").join(below));
    let since = match &args.against {
        Some(path) => Since::named(path, &tree)?,
        None => Since::newest(&stamp::all(&ctx.phase_dir("a")), &tree, &inventory),
    };
    let record = since.record(&inventory);
    let writer = ctx.begin("a", outdir)?;
    let line = format!("{} loops in {} files", inventory.loops.len(), inventory.files.len());
    let verdict = PhaseVerdict {
        loosened: Vec::new(),
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
    writer.write_json(CHANGES, &record)?;
    ctx.write_common(&writer, &verdict, &[])?;
    let text = summary(&Summary {
        title: "Inventory of loops (phase A)",
        stamp: &writer.name,
        reliable: true,
        verdict: (Verdict::Pass, line.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: None,
        own: demoted(&inventory.summary(record.changes.as_ref())) + &record.text(),
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

/// The root and the paths below it. Paths outside of the configured root have their own: the deepest directory that holds
/// them all. A path that does not exist is left for the scan to complain about.
fn rooted(root: &Path, paths: &[PathBuf]) -> (PathBuf, Vec<PathBuf>) {
    let whole: Vec<PathBuf> = paths.iter().filter_map(|p| std::fs::canonicalize(p).ok()).collect();
    let base = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    if whole.len() < paths.len() {
        return (root.to_owned(), paths.to_vec());
    }
    if whole.iter().all(|p| p.starts_with(&base)) {
        return (base, whole);
    }
    let Some(first) = whole.first() else { return (root.to_owned(), paths.to_vec()) };
    let directory = if first.is_dir() { first.as_path() } else { first.parent().unwrap_or(first) };
    let shared = directory.ancestors().find(|dir| whole.iter().all(|p| p.starts_with(dir)));
    (shared.unwrap_or(Path::new("/")).to_owned(), whole)
}

/// Sets statuses and priorities from the measured shares of a hot-loops stamp; loops that were edited since keep theirs.
fn heat(inventory: &mut Inventory, stamp: &Path, register_bits: u32) -> Result<()> {
    let hot: HotLoops = stamp::read_json(stamp, super::hot_loops::FILE).map_err(|e| {
        AuditError::usage(format!(
            "--heat {}: not a reliable hot-loops stamp: {}",
            stamp.display(),
            e.message
        ))
    })?;
    let before: PhaseVerdict = stamp::read_json(stamp, "verdict.json")?;
    let old = before
        .parents
        .iter()
        .find(|p| p.phase == "a")
        .and_then(|p| Inventory::read_json(&p.path.join(FILE)).ok());
    let measured = hot.heat();
    for one in &mut inventory.loops {
        let then = old.as_ref().and_then(|o| o.by_id(&one.loop_id));
        let same_text = then.is_none_or(|o| o.content_hash == one.content_hash);
        if !same_text || old.is_some() && then.is_none() {
            continue;
        }
        measured.warm(one, register_bits);
    }
    Ok(())
}

/// Reads the sources; no loops at all is an error, because every later phase would be empty without a word.
fn scan_in(root: &Path, paths: &[PathBuf]) -> Result<Inventory> {
    let inventory = Inventory::scan_known(root, paths).map_err(|e| AuditError::usage(e.to_string()))?;
    if inventory.loops.is_empty() {
        let list: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(AuditError::usage(format!(
            "no loops found in {} below {}: name the sources (`bragg-audit inventory PATH…` or `[inventory] paths` in audit.toml), or run where they are",
            list.join(", "),
            root.display()
        )));
    }
    Ok(inventory)
}

/// The inventory's own report as a section of a summary: every heading one level down.
fn demoted(report: &str) -> String {
    let lines = report.lines().map(|l| if l.starts_with('#') { format!("#{l}\n") } else { format!("{l}\n") });
    lines.collect()
}
