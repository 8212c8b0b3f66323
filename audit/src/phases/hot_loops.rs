//! Phase B2 as a command: the profile of a passing capture, joined with the inventory. Refuses when parity does not
//! hold, when the profile is not whole, or when sources, binary or arguments are not those of the capture.

use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist, inventory};
use crate::capture::model::Capture;
use crate::capture::{FAILED, MEASURED};
use crate::cli::HotLoopsArgs;
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::hash;
use crate::hot_loops::{self, HotLoops, Inputs, Others};
use crate::inventory::{Inventory, SourceFile};
use crate::progress::Progress;
use crate::report::summary::{LoopRow, Loops, Summary, summary};
use crate::report::table;
use crate::stamp;
use std::path::{Path, PathBuf};

/// The table's record in JSON.
pub const FILE: &str = "hot_loops.json";

/// Marks a file's name when its content may not be relied on.
#[must_use]
pub fn marked(name: &str, reliable: bool) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !reliable => format!("{stem}.UNRELIABLE.{extension}"),
        _ => name.to_owned(),
    }
}

/// Joins profile and inventory.
///
/// # Errors
/// [`crate::exit::Exit::Blocked`] when a need is not met.
pub fn hot_loops(ctx: &Context, args: &HotLoopsArgs, outdir: Option<&Path>) -> Result<(Done, HotLoops)> {
    if let Some(file) = args.others.counts.as_deref().filter(|file| !file.is_file()) {
        return Err(AuditError::usage(format!("--counts {}: no such file", file.display())));
    }
    let flags = super::capture::reports_flag(ctx);
    let capture_stamp = need(
        args.capture.as_deref(),
        &ctx.phase_dir("b1"),
        "a capture (phase B1)",
        &format!("bragg-audit capture{flags}"),
    )?;
    let inventories = ctx.phase_dir("a");
    let of_this_tree = || newest_of_tree(&inventories, &ctx.root);
    let inventory_stamp = need(
        args.inventory.clone().or_else(of_this_tree).as_deref(),
        &inventories,
        "an inventory (phase A)",
        &format!("bragg-audit inventory{flags}"),
    )?;
    let record: Capture = stamp::read_json(&capture_stamp, "capture.json")?;
    let listed: Inventory = stamp::read_json(&inventory_stamp, inventory::FILE)?;
    let mut obstacles = unmet(&record, &capture_stamp, &flags);
    obstacles.extend(altered(ctx, &record, &listed, &capture_stamp, &inventory_stamp, &flags));
    let reliable = obstacles.is_empty();
    if !reliable && !args.allow_blocked {
        return Err(refusal("hot-loops", &obstacles));
    }
    let size = record.sizes.iter().max_by_key(|z| z.numbers.pixels).ok_or_else(|| {
        AuditError::blocked(format!(
            "hot-loops refuses: capture {} holds no measurement",
            capture_stamp.display()
        ))
    })?;
    let measured = if record.verdict == Verdict::Pass { MEASURED } else { FAILED };
    let folder = capture_stamp.join(measured).join(Capture::profile_folder(size));
    let (samples, trace) = (folder.join("samples.json"), folder.join("trace.json"));
    if !samples.is_file() && !trace.is_file() {
        return Err(AuditError::blocked(no_profile(&record, &capture_stamp)));
    }
    let progress = Progress::new(ctx.quiet, 1);
    progress.step("hot loops: resolving samples and spans");
    let trace = trace.is_file().then_some(trace.as_path());
    // an engine of audit.toml profiles itself in its own words, and not with our spans
    let (ours, theirs) = if record.candidate.is_built_in() { (trace, None) } else { (None, trace) };
    let inputs = Inputs {
        inventory: &listed,
        samples: samples.is_file().then_some(samples.as_path()),
        trace: ours,
        others: Others { trace: theirs, counts: args.others.counts.as_deref(), ..Others::default() },
        threshold_pct: args.threshold,
        register_bits: super::register_bits(ctx),
    };
    let hot = hot_loops::build(inputs).map_err(|e| AuditError::failed("joining profile and inventory", e))?;
    drop(progress);
    if !hot.problems.is_empty() && !args.allow_blocked {
        let problems: Vec<Obstacle> = hot
            .problems
            .iter()
            .map(|p| Obstacle {
                what: format!("the profile is not whole: {p}"),
                stamp: capture_stamp.clone(),
                clear: format!("bragg-audit capture{flags}"),
            })
            .collect();
        return Err(refusal("hot-loops", &problems));
    }
    let reliable = reliable && hot.problems.is_empty();
    write(ctx, outdir, hot, &record, reliable, &capture_stamp, &inventory_stamp)
}

/// A capture without a profile: how to get one.
fn no_profile(record: &Capture, stamp: &Path) -> String {
    let name = &record.candidate.name;
    let way = if name.starts_with("rust") && record.candidate.is_built_in() {
        "take one without --no-profile: bragg-audit capture".to_owned()
    } else if record.candidate.is_built_in() {
        "it is profiled from outside, not gated: bragg-audit hot-loops --program PROGRAM --inventory SOURCES -- ARGS".to_owned()
    } else {
        format!(
            "tell in audit.toml how it writes a Chrome trace of itself ([engines.{name}] profile_args = [\"-profile\", \"{{profile}}\"]) and \
             capture again; or, not gated, profile the program from outside: bragg-audit hot-loops --program PROGRAM --inventory SOURCES -- ARGS"
        )
    };
    format!(
        "hot-loops refuses: the capture holds no profile of the candidate `{name}`\n    stamp: {}\n    clear it with: {way}",
        stamp.display()
    )
}

/// A need that is not met.
pub(super) struct Obstacle {
    /// The gate, or what changed.
    pub what: String,
    /// The stamp it concerns.
    pub stamp: PathBuf,
    /// The command that clears it.
    pub clear: String,
}

/// The refusal of a phase whose needs are not met.
pub(super) fn refusal(phase: &str, obstacles: &[Obstacle]) -> AuditError {
    let mut text = format!("{phase} refuses:");
    for o in obstacles {
        text.push_str(&format!(
            "\n  {}\n    stamp: {}\n    clear it with: {}",
            o.what,
            o.stamp.display(),
            o.clear
        ));
    }
    text.push_str("\n  (--allow-blocked goes on and marks every file UNRELIABLE)");
    AuditError::blocked(text)
}

/// The given stamp, or the newest of a phase.
pub(super) fn need(given: Option<&Path>, dir: &Path, what: &str, command: &str) -> Result<PathBuf> {
    match given {
        Some(path) if path.join(stamp::CHECKSUMS).is_file() => {
            std::fs::canonicalize(path).map_err(|e| AuditError::failed(path.display(), e))
        }
        Some(path) => Err(AuditError::usage(format!(
            "{}: not a finished stamp (it has no {})",
            path.display(),
            stamp::CHECKSUMS
        ))),
        None => stamp::latest(dir).ok_or_else(|| {
            AuditError::blocked(format!(
                "there is no stamp of {what} in {}: run `{command}` first",
                dir.display()
            ))
        }),
    }
}

/// The newest inventory with a file that is the same under `root`: `inventory PATH…` lists other trees too.
fn newest_of_tree(inventories: &Path, root: &Path) -> Option<PathBuf> {
    let same = |file: &SourceFile| hash::file(&root.join(&file.path)).is_ok_and(|now| now == file.sha256);
    stamp::all(inventories).into_iter().rev().find(|stamp| {
        let listed = stamp::read_json::<Inventory>(stamp, inventory::FILE);
        listed.is_ok_and(|listed| listed.files.iter().any(same))
    })
}

fn unmet(record: &Capture, stamp: &Path, flags: &str) -> Vec<Obstacle> {
    let clear = format!("bragg-audit capture{flags} {}", record.same_case());
    let obstacle = |what: String| Obstacle { what, stamp: stamp.to_owned(), clear: clear.clone() };
    if record.verdict != Verdict::Pass {
        return vec![obstacle(format!("parity: {}", crate::report::capture::verdict_line(record)))];
    }
    record.profile_problems.iter().map(|p| obstacle(format!("the profile is not whole: {p}"))).collect()
}

/// What is no longer as it was at the capture or the inventory.
fn altered(
    ctx: &Context,
    record: &Capture,
    listed: &Inventory,
    b1: &Path,
    a: &Path,
    flags: &str,
) -> Vec<Obstacle> {
    let mut list = Vec::new();
    for (stamp, command) in [(b1, "capture"), (a, "inventory")] {
        match stamp::verify(stamp) {
            Ok(problems) if problems.is_empty() => {}
            Ok(problems) => list.push(Obstacle {
                what: format!("the stamp was changed after it was written: {}", problems.join("; ")),
                stamp: stamp.to_owned(),
                clear: format!("bragg-audit {command}{flags}"),
            }),
            Err(e) => list.push(Obstacle {
                what: e.message,
                stamp: stamp.to_owned(),
                clear: format!("bragg-audit {command}{flags}"),
            }),
        }
    }
    let changed: Vec<String> = listed
        .files
        .iter()
        .filter(|f| hash::file(&ctx.root.join(&f.path)).ok().as_deref() != Some(f.sha256.as_str()))
        .map(|f| f.path.clone())
        .collect();
    if !changed.is_empty() {
        let what = format!("sources are not those of the inventory any more: {}", shortened(&changed));
        list.push(Obstacle { what, stamp: a.to_owned(), clear: format!("bragg-audit run{flags}") });
    }
    let candidate = &record.candidate;
    for path in candidate.changed_files() {
        let what = format!("the candidate's program {} is not the one that was captured", path.display());
        list.push(Obstacle { what, stamp: b1.to_owned(), clear: format!("bragg-audit capture{flags}") });
    }
    if let Some(then) = &candidate.source_hash
        && let Some(now) = nanobragg::source_hash::of_package(&ctx.root.join("simulator")).ok()
        && *then != now
    {
        let what = "the captured executable was built from other sources of the simulator than are here now"
            .to_string();
        list.push(Obstacle {
            what,
            stamp: b1.to_owned(),
            clear: format!("cargo run --release -p bragg-audit -- run{flags}"),
        });
    }
    list
}

fn shortened(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}

fn write(
    ctx: &Context,
    outdir: Option<&Path>,
    hot: HotLoops,
    record: &Capture,
    reliable: bool,
    b1: &Path,
    a: &Path,
) -> Result<(Done, HotLoops)> {
    let writer = ctx.begin("b2", outdir)?;
    let parents = vec![stamp::parent("b1", b1)?, stamp::parent("a", a)?];
    let mut csv = Vec::new();
    hot.write_csv(&mut csv, reliable).map_err(|e| AuditError::failed("hot_loops.csv", e))?;
    writer.write(&marked("hot_loops.csv", reliable), csv)?;
    let mut json = Vec::new();
    hot.write_json(&mut json, reliable).map_err(|e| AuditError::failed(FILE, e))?;
    writer.write(&marked(FILE, reliable), json)?;
    let picture = hot.flame_graph(reliable);
    let shown = picture.as_ref().map_or(String::new(), |_| {
        format!("\n![Loops by their share of samples]({})\n", marked("loops.svg", reliable))
    });
    if let Some(picture) = picture {
        writer.write(&marked("loops.svg", reliable), picture)?;
    }
    let line = headline(&hot);
    let verdict = PhaseVerdict {
        loosened: crate::gates::loosened(&record.gates),
        schema: VERDICT_SCHEMA.into(),
        phase: "b2".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable,
        profile_whole: Some(hot.problems.is_empty()),
        reasons: hot.problems.clone(),
        parents: parents.clone(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &verdict, &[])?;
    let text = summary(&Summary {
        title: "Hot loops (phase B2)",
        stamp: &writer.name,
        reliable,
        verdict: (Verdict::Pass, line.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: Some(record),
        own: format!("## Sources of the profile\n\n{}{shown}", sources(&hot)),
        loops: measured(&hot),
        parents: &parents,
        previous: None,
        blockers: Vec::new(),
        artifacts: checklist(&writer, &[]),
        next: vec![(
            format!("bragg-audit backlog{}", super::capture::reports_flag(ctx)),
            "Rank the loops by what working on them can give".into(),
        )],
    });
    writer.write(&marked("summary.md", reliable), text)?;
    let done = Done { phase: "b2".into(), stamp: writer.finish()?, verdict: Verdict::Pass, line };
    ctx.record(&done, None)?;
    Ok((done, hot))
}

/// The rows of real loops, of the primary source, hottest first.
#[must_use]
pub fn ranked(hot: &HotLoops) -> Vec<&hot_loops::HotLoop> {
    let mut rows: Vec<_> =
        hot.rows.iter().filter(|r| r.source == hot.primary && !r.loop_id.starts_with('(')).collect();
    rows.sort_by(|a, b| b.self_pct.total_cmp(&a.self_pct));
    rows
}

fn headline(hot: &HotLoops) -> String {
    match ranked(hot).first() {
        Some(r) => {
            format!("hottest loop `{}`: {:.1} % of the render's thread time to itself", r.loop_id, r.self_pct)
        }
        None => "no loop reaches the threshold".into(),
    }
}

/// The measured loops for a summary.
pub(super) fn measured(hot: &HotLoops) -> Loops {
    let rows = ranked(hot).into_iter().map(|r| LoopRow {
        loop_id: r.loop_id.clone(),
        share: format!("{:.1} %", r.time_pct),
        self_share: format!("{:.1} %", r.self_pct),
        status: r.status.map_or("—".to_owned(), |s| s.name().to_owned()),
        notes: r.notes.clone(),
    });
    let mut source = format!(
        "From {}; shares of the summed thread time of the render phase; loops below the threshold and unmatched time are in `hot_loops.csv`.",
        hot.primary
    );
    if let Some(missing) = &hot.evidence_missing {
        source.push_str(&format!("\n\n**{missing}.** {}", ask("inventory")));
    }
    Loops::Measured(source, rows.collect())
}

/// How to get the compilers' evidence.
#[must_use]
pub fn ask(command: &str) -> String {
    format!(
        "`bragg-audit {command} --evidence` asks the compilers (minutes; kept until a source or a compiler changes)."
    )
}

/// 100 % of a source.
fn amount(source: &hot_loops::SourceSummary) -> String {
    match (source.total_ms, source.total_events, &source.event) {
        (Some(ms), _, _) => format!("{ms:.1} ms on {} threads", source.threads),
        (None, Some(n), Some(event)) => format!("{n} {event}"),
        _ => "—".into(),
    }
}

pub(super) fn sources(hot: &HotLoops) -> String {
    let count = |n: Option<u64>| n.map_or("—".into(), |n| n.to_string());
    let rows: Vec<Vec<String>> = hot
        .sources
        .iter()
        .map(|s| {
            let lost = [s.dropped, s.lost].into_iter().flatten().reduce(|a, b| a + b);
            let cut = match (s.cut_stacks, s.samples) {
                (Some(cut), Some(all)) if all > 0 => {
                    format!("{cut} ({:.2} %)", 100.0 * cut as f64 / all as f64)
                }
                (cut, _) => count(cut),
            };
            vec![
                s.name.clone(),
                s.method.clone(),
                amount(s),
                count(s.samples.or(s.spans)),
                count(s.idle_samples),
                count(lost),
                cut,
                format!("{:.2} %", s.unmatched_pct),
            ]
        })
        .collect();
    table(
        &[
            "source",
            "how",
            "thread time of the render",
            "samples or spans",
            "idle",
            "dropped or lost",
            "stacks without their outer frames",
            "matched to no loop",
        ],
        &rows,
    )
}
