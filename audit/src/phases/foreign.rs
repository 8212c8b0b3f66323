//! Hot loops from profiles that other tools wrote, and of other people's programs: joined with an inventory like our own,
//! but no parity was checked and no source or binary was vouched for. So every form of the result is marked UNRELIABLE,
//! and it lies beside the stamps of phase B2, not among them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use super::hot_loops::{marked, ranked, sources};
use super::{Context, PhaseVerdict, VERDICT_SCHEMA, inventory};
use crate::evidence::{Record, overrides};
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::hot_loops::{self, HotLoops, Inputs, Others};
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::report::table;
use crate::stamp;

/// Samples a second of `perf record`: a prime, so as not to run in step with the program.
const FREQUENCY_HZ: &str = "997";

/// Profiles of others.
#[derive(Debug, Default, Args)]
#[group(id = "profiles of others", multiple = true)]
pub struct OthersArgs {
    /// A Chrome trace of anybody (torch.profiler, Perfetto JSON): Python functions are joined by file and name
    #[arg(long, value_name = "FILE", help_heading = "Profiles of others (not gated)")]
    pub trace: Option<PathBuf>,
    /// What `perf script` printed after `perf record -g`
    #[arg(long, value_name = "FILE", help_heading = "Profiles of others (not gated)")]
    pub perf_script: Option<PathBuf>,
    /// What callgrind wrote, best with --dump-instr=yes
    #[arg(long, value_name = "FILE", help_heading = "Profiles of others (not gated)")]
    pub callgrind: Option<PathBuf>,
    /// Exact counts of a coverage build of the same sources, beside one of the profiles or the capture's: what `llvm-cov export`
    /// or `gcov --json-format -b` printed. Its times are never used
    #[arg(long, value_name = "FILE")]
    pub counts: Option<PathBuf>,
    /// Profile this program, which has to have debug information (-g); its arguments come after `--`
    #[arg(long, value_name = "PROGRAM", help_heading = "Profiles of others (not gated)")]
    pub program: Option<PathBuf>,
    /// With which tool the program is profiled
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        requires = "program",
        help_heading = "Profiles of others (not gated)"
    )]
    pub with: Tool,
    /// Run the program in this directory instead of an empty one
    #[arg(long, value_name = "DIR", requires = "program", help_heading = "Profiles of others (not gated)")]
    pub in_place: Option<PathBuf>,
    /// The program's arguments
    #[arg(last = true, value_name = "ARGS", requires = "program")]
    pub args: Vec<OsString>,
}

/// Tools that profile a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// perf where it works, else callgrind
    #[default]
    Auto,
    /// Samples by `perf record`
    Perf,
    /// Exact instruction counts by callgrind, some fifty times slower
    Callgrind,
}

/// What the help of `hot-loops` adds.
pub const HELP: &str = "\
Without profiles of others, phase B2: the newest capture and inventory of the initiative. With them, any program: \
--inventory is then a source directory, a loop_inventory.json or the stamp of an inventory. Nothing vouches for such a \
profile, so its result is marked UNRELIABLE and written beside the stamps of phase B2.

Examples:
  bragg-audit hot-loops
  bragg-audit hot-loops --trace torch_trace.json --inventory ~/project/src
  bragg-audit hot-loops --program ~/nanoBragg/nanoBragg --inventory ~/nanoBragg -- -lambda 1 -cell 50 60 70 90 90 90 -default_F 100 -N 5
  valgrind --tool=callgrind --dump-instr=yes --callgrind-out-file=prog.callgrind ./prog
  bragg-audit hot-loops --callgrind prog.callgrind --inventory src
  gcc --coverage -O0 prog.c -o prog-counted && ./prog-counted && gcov --json-format -b --stdout *.gcda > counts.json
  bragg-audit hot-loops --program ./prog --counts counts.json --inventory src
  bragg-audit hot-loops --counts counts.json     the capture's own profile, gated, with exact counts";

impl OthersArgs {
    /// Whether any is given. Counts alone go with the capture's own profile.
    #[must_use]
    pub fn given(&self) -> bool {
        self.trace.is_some()
            || self.perf_script.is_some()
            || self.callgrind.is_some()
            || self.program.is_some()
    }
}

/// What a profile of others gave.
#[derive(Debug, serde::Serialize)]
pub struct Foreign {
    /// The folder with the files.
    pub folder: PathBuf,
    /// The table.
    pub hot: HotLoops,
}

/// Joins profiles of others with an inventory, and writes the result.
///
/// # Errors
/// When an input cannot be read, or the program cannot be profiled.
pub fn foreign(
    ctx: &Context,
    args: &OthersArgs,
    listed: Option<&Path>,
    threshold_pct: f64,
    outdir: Option<&Path>,
) -> Result<Foreign> {
    let Some(listed) = listed else {
        return Err(AuditError::usage(
            "hot-loops: profiles of others need --inventory: the directory of the program's sources, a loop_inventory.json, or an inventory's stamp",
        ));
    };
    for file in [&args.trace, &args.perf_script, &args.callgrind, &args.counts].into_iter().flatten() {
        if !file.is_file() {
            return Err(AuditError::usage(format!("hot-loops: {}: no such file", file.display())));
        }
    }
    let inventory = read_inventory(listed)?;
    let progress = Progress::new(ctx.quiet, 2);
    let folder = tempfile::tempdir().map_err(|e| AuditError::failed("a temporary folder", e))?;
    let (mut perf_script, mut callgrind) = (args.perf_script.clone(), args.callgrind.clone());
    if let Some(program) = &args.program {
        progress.step(&format!("profiling {}", program.display()));
        match profile(program, args, folder.path())? {
            (Tool::Callgrind, file) => callgrind = Some(file),
            (_, file) => perf_script = Some(file),
        }
    }
    progress.step("hot loops: resolving the profile");
    let others = Others {
        perf_script: perf_script.as_deref(),
        callgrind: callgrind.as_deref(),
        trace: args.trace.as_deref(),
        counts: args.counts.as_deref(),
    };
    let inputs = Inputs {
        inventory: &inventory,
        samples: None,
        trace: None,
        others,
        threshold_pct,
        register_bits: super::register_bits(ctx),
    };
    let hot = hot_loops::build(inputs).map_err(|e| AuditError::usage(format!("hot-loops: {e}")))?;
    drop(progress);
    let kept =
        args.program.is_some().then(|| [perf_script, callgrind].into_iter().flatten().collect::<Vec<_>>());
    write(ctx, outdir, hot, &inventory, kept.as_deref().unwrap_or(&[]))
}

/// A stamp's, a file's, or a fresh one of a directory, with what is known about it: evidence kept there, people's words.
fn read_inventory(given: &Path) -> Result<Inventory> {
    let usage =
        |e: &dyn std::fmt::Display| AuditError::usage(format!("--inventory {}: {e}", given.display()));
    if given.is_file() {
        return Inventory::read_json(given).map_err(|e| usage(&e));
    }
    if given.join(stamp::CHECKSUMS).is_file() {
        return Inventory::read_json(&given.join(inventory::FILE)).map_err(|e| usage(&e));
    }
    let root = given.canonicalize().map_err(|e| usage(&e))?;
    let mut inventory = Inventory::scan_known(&root, &[]).map_err(|e| usage(&e))?;
    crate::interrupt::check()?;
    if let Some((above, record)) = Record::above(&root) {
        record.attach(&mut inventory, &above, &root);
    }
    overrides::apply(&mut inventory, &root.join(overrides::FILE)).map_err(AuditError::usage)?;
    if inventory.loops.is_empty() {
        return Err(usage(&"no loops in it: name the directory of the program's Rust, C or Python sources"));
    }
    Ok(inventory)
}

/// Runs the program under a tool; which one, and its output.
fn profile(program: &Path, args: &OthersArgs, folder: &Path) -> Result<(Tool, PathBuf)> {
    let program = program
        .canonicalize()
        .map_err(|e| AuditError::usage(format!("--program {}: {e}", program.display())))?;
    let empty = folder.join("run");
    let dir = match &args.in_place {
        Some(dir) => dir.clone(),
        None => {
            std::fs::create_dir(&empty).map_err(|e| AuditError::failed(empty.display(), e))?;
            empty
        }
    };
    let tried = match args.with {
        Tool::Auto => perf(&program, &args.args, &dir, folder).or_else(|e| {
            callgrind(&program, &args.args, &dir, folder).map_err(|other| format!("{e}; {other}"))
        }),
        Tool::Perf => perf(&program, &args.args, &dir, folder),
        Tool::Callgrind => callgrind(&program, &args.args, &dir, folder),
    };
    tried.map_err(|e| AuditError::failed(format!("profiling {}", program.display()), e))
}

type Profiled = std::result::Result<(Tool, PathBuf), String>;

fn perf(program: &Path, args: &[OsString], dir: &Path, folder: &Path) -> Profiled {
    let data = folder.join("perf.data");
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock", "-F", FREQUENCY_HZ, "--call-graph", "dwarf", "-o"]);
    finished(record.arg(&data).arg("--").arg(program).args(args).current_dir(dir), "perf record")?;
    let text = folder.join("perf_script.txt");
    let out = std::fs::File::create(&text).map_err(|e| e.to_string())?;
    let mut script = Command::new("perf");
    finished(script.args(["script", "--no-inline", "-i"]).arg(&data).stdout(out), "perf script")?;
    Ok((Tool::Perf, text))
}

fn callgrind(program: &Path, args: &[OsString], dir: &Path, folder: &Path) -> Profiled {
    let out = folder.join("callgrind.out");
    let mut file = OsString::from("--callgrind-out-file=");
    file.push(&out);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--tool=callgrind", "--dump-instr=yes"]).arg(file).arg(program).args(args);
    finished(valgrind.current_dir(dir), "valgrind --tool=callgrind")?;
    Ok((Tool::Callgrind, out))
}

/// Runs a tool to its end; its last words when it fails.
fn finished(command: &mut Command, name: &str) -> std::result::Result<(), String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|e| format!("{name} cannot be run ({e}); install it, or choose another with --with"))?;
    if out.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&out.stderr);
    let last = words.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{name} ended with {}: {last}", out.status))
}

fn write(
    ctx: &Context,
    outdir: Option<&Path>,
    hot: HotLoops,
    listed: &Inventory,
    keep: &[PathBuf],
) -> Result<Foreign> {
    let writer = ctx.begin("b2_not_gated", outdir)?;
    for file in keep {
        let name = file.file_name().map_or("profile".into(), |n| n.to_string_lossy().into_owned());
        writer.take(&name, file)?;
    }
    // what the loop ids mean: `backlog --hot-loops` reads it
    writer.write_json(inventory::FILE, listed)?;
    let mut csv = Vec::new();
    hot.write_csv(&mut csv, false).map_err(|e| AuditError::failed("hot_loops.csv", e))?;
    writer.write(&marked("hot_loops.csv", false), csv)?;
    let mut json = Vec::new();
    hot.write_json(&mut json, false).map_err(|e| AuditError::failed("hot_loops.json", e))?;
    writer.write(&marked("hot_loops.json", false), json)?;
    if let Some(picture) = hot.flame_graph(false) {
        writer.write(&marked("loops.svg", false), picture)?;
    }
    let verdict = PhaseVerdict {
        loosened: Vec::new(),
        schema: VERDICT_SCHEMA.into(),
        phase: "b2".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable: false,
        profile_whole: Some(hot.problems.is_empty()),
        reasons: std::iter::once(NOT_GATED.to_owned()).chain(hot.problems.iter().cloned()).collect(),
        parents: Vec::new(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &verdict, &[])?;
    writer.write(&marked("summary.md", false), summary(ctx, &writer.name, &hot))?;
    Ok(Foreign { folder: writer.finish()?, hot })
}

const NOT_GATED: &str = "not gated: the profile is of a program whose parity was not checked, from files that nothing vouches for";

fn summary(ctx: &Context, stamp: &str, hot: &HotLoops) -> String {
    let rows: Vec<Vec<String>> = hot
        .rows
        .iter()
        .map(|r| {
            let interval = r.ci_low.zip(r.ci_high).map_or("—".into(), |(a, b)| format!("{a:.1} to {b:.1}"));
            vec![
                r.source.clone(),
                format!("`{}`", r.loop_id),
                format!("{:.2} %", r.self_pct),
                format!("{:.2} %", r.time_pct),
                interval,
                r.notes.clone(),
            ]
        })
        .collect();
    let mut text = format!(
        "# Hot loops of a profile that passed no gate\n\n> **UNRELIABLE** — {NOT_GATED}\n\nStamp {stamp}\n\n```sh\n{}\n```\n\n## Sources of the profile\n\n{}",
        ctx.command,
        sources(hot)
    );
    for problem in &hot.problems {
        text.push_str(&format!("\n- {problem}\n"));
    }
    if let Some(missing) = &hot.evidence_missing {
        text.push_str(&format!("\n{missing}. {}\n", super::hot_loops::ask("inventory SOURCES")));
    }
    text.push_str("\n## Loops\n\n");
    text.push_str(&table(
        &["source", "loop", "self", "with what it contains", "95 % interval", "notes"],
        &rows,
    ));
    text
}

/// What the command prints.
#[must_use]
pub fn lines(done: &Foreign) -> String {
    let mut text = format!("UNRELIABLE ({NOT_GATED})\n");
    for source in &done.hot.sources {
        text.push_str(&format!(
            "{}: {}; {:.2} % matched to no loop, {:.2} % in loops below the threshold\n",
            source.name, source.method, source.unmatched_pct, source.below_threshold_pct
        ));
    }
    text.push_str("    self  inclusive  loop\n");
    for row in ranked(&done.hot).into_iter().take(20) {
        let notes = if row.notes.is_empty() { String::new() } else { format!("  ({})", row.notes) };
        text.push_str(&format!(
            "  {:5.1} %    {:5.1} %  {}{notes}\n",
            row.self_pct, row.time_pct, row.loop_id
        ));
    }
    for problem in &done.hot.problems {
        text.push_str(&format!("Problem  {problem}\n"));
    }
    if let Some(missing) = &done.hot.evidence_missing {
        text.push_str(&format!(
            "Evidence {missing}.\n         {}\n",
            super::hot_loops::ask("inventory SOURCES")
        ));
    }
    text
}
