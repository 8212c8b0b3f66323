//! Phase C as a command: what someone needs to change one loop.

use super::hot_loops::{FILE as HOT_LOOPS, Obstacle, marked, need, refusal};
use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, checklist, inventory};
use crate::backlog::{self, Backlog, Speedup, Vectors};
use crate::capture::model::Capture;
use crate::case::{self, Case};
use crate::exit::{AuditError, Result};
use crate::gates::Verdict;
use crate::hot_loops::HotLoops;
use crate::inventory::{Inventory, Loop};
use crate::packet::{self, Machine, Packet, Recorded, Stage};
use crate::report::summary::{Summary, summary};
use crate::stamp;
use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Calls that are listed at most.
const CALLERS: usize = 20;

/// The bench renders with our library, whose words are nanoBragg's.
const SIZE: [&str; 2] = ["-detpixels", "{size}"];

/// What `packet` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bragg-audit packet 1                         the backlog's first candidate
  bragg-audit packet simulator/src/kernels/block.rs::row#1   any loop of the inventory

Leaves <loop>/design.md, <loop>/bench/ (cargo bench --offline) and commands.txt in a stamp of phase C.")]
pub struct PacketArgs {
    /// A loop's id, or its rank in the backlog
    pub loop_id: String,
    /// The backlog's stamp [default: the newest]
    #[arg(long, value_name = "STAMP")]
    pub backlog: Option<PathBuf>,
    /// Go on although a need is not met; everything written is marked UNRELIABLE
    #[arg(long)]
    pub allow_blocked: bool,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// Writes the packet of one loop.
///
/// # Errors
/// [`crate::exit::Exit::Blocked`] when there is no reliable backlog; [`crate::exit::Exit::Usage`] for an unknown loop.
pub fn packet(ctx: &Context, args: &PacketArgs) -> Result<Done> {
    let flags = super::capture::reports_flag(ctx);
    let b3 = need(
        args.backlog.as_deref(),
        &ctx.phase_dir("b3"),
        "a backlog (phase B3)",
        &format!("bragg-audit backlog{flags}"),
    )?;
    let above: PhaseVerdict = stamp::read_json(&b3, "verdict.json")?;
    let b2 = above.parent("b2", &b3)?.path;
    let before: PhaseVerdict = stamp::read_json(&b2, "verdict.json")?;
    let (b1, a) = (before.parent("b1", &b2)?.path, before.parent("a", &b2)?.path);
    let mut obstacles = Vec::new();
    if !above.reliable {
        let what = "the backlog is UNRELIABLE: a gate before it was overridden".to_string();
        obstacles.push(Obstacle { what, stamp: b3.clone(), clear: format!("bragg-audit run{flags}") });
    }
    for (phase, path) in [("b3", &b3), ("b2", &b2), ("b1", &b1), ("a", &a)] {
        let problems = stamp::verify(path).unwrap_or_else(|e| vec![e.message]);
        if !problems.is_empty() {
            let what = format!(
                "the stamp of phase {} is not what was written: {}",
                phase.to_uppercase(),
                problems.join("; ")
            );
            obstacles.push(Obstacle { what, stamp: path.clone(), clear: format!("bragg-audit run{flags}") });
        }
    }
    let reliable = obstacles.is_empty();
    if !reliable && !args.allow_blocked {
        return Err(refusal("packet", &obstacles));
    }
    let ranked: Backlog = stamp::read_json(&b3, &marked("backlog.json", above.reliable))?;
    let hot: HotLoops = stamp::read_json(&b2, &marked(HOT_LOOPS, before.reliable))?;
    let listed: Inventory = stamp::read_json(&a, inventory::FILE)?;
    let record: Capture = stamp::read_json(&b1, "capture.json")?;
    let dtype = if record.candidate.name == "rust-f32" { "f32" } else { "f64" };
    let vectors = Vectors::of(&ctx.environment.cpu_features, dtype);
    let listed = backlog::warmed(&hot, &listed, vectors.bits);
    let found = chosen(&args.loop_id, &ranked, &listed)?;
    let candidate = ranked.candidates.iter().find(|c| c.loop_id == found.loop_id);
    let row = hot.rows.iter().find(|r| r.source == hot.primary && r.loop_id == found.loop_id);
    let stage = Stage::of(&found.module, found.language);
    let inputs = inputs(&record, stage)?;
    let wide = Vectors::of(&ctx.environment.cpu_features, "f64");
    let acceptance = candidate.map_or_else(
        || vec!["scripts/test".to_string(), format!("bragg-audit run{flags}")],
        |c| c.acceptance.clone(),
    );
    let writer = ctx.begin("c", args.outdir.as_deref())?;
    let folder = folder_name(&found.loop_id);
    let text = packet::design(&Packet {
        found,
        row,
        candidate,
        compilers: &listed.compilers,
        excerpt: excerpt(ctx, &listed, found)?,
        callers: callers(ctx, &listed, found),
        shapes: shapes(&record),
        machine: Machine::measure(wide.lanes, &wide.instruction_set),
        risks: backlog::risks(found, &Speedup::expected(found, &vectors)),
        acceptance: acceptance.clone(),
        stage: inputs.stage,
        register_bits: wide.bits,
        reliable,
    });
    writer.write(&format!("{folder}/{}", marked("design.md", reliable)), text)?;
    let command = candidates_command(&record);
    let sources = case::paste(&[ctx.root.join(source_folder(&found.module)).into_os_string()]);
    let recorded = Recorded {
        stage: inputs.stage,
        loop_id: &found.loop_id,
        root: &ctx.root,
        args: &inputs.args,
        command: &command,
        profile: &format!(
            "bragg-audit hot-loops --program '{{bench}}' --inventory {sources} -- --bench --profile-time 5"
        ),
    };
    for (name, content) in packet::bench_files(&recorded) {
        writer.write(&format!("{folder}/bench/{name}"), content)?;
    }
    for (name, path) in &inputs.files {
        writer.take(&format!("{folder}/bench/inputs/{name}"), path)?;
    }
    let stage = inputs.stage;
    let place = args.outdir.clone().unwrap_or_else(|| ctx.phase_dir("c").join(&writer.name));
    let bench = bench_command(&ctx.root, &place.join(&folder).join("bench"), &folder);
    let mut commands = vec![bench.clone()];
    commands.extend(acceptance);
    let line = format!("packet of `{}`: {}", found.loop_id, stage.text());
    let parents = vec![stamp::parent("b3", &b3)?];
    let verdict = PhaseVerdict {
        loosened: crate::gates::loosened(&record.gates),
        schema: VERDICT_SCHEMA.into(),
        phase: "c".into(),
        stamp: writer.name.clone(),
        verdict: Verdict::Pass,
        exit: 0,
        reliable,
        profile_whole: None,
        reasons: obstacles.iter().map(|o| o.what.clone()).collect(),
        parents: parents.clone(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &verdict, &[])?;
    writer.write(
        "commands.txt",
        format!(
            "# this phase\n{}\n\n# the bench, then what must succeed after the change\n{}\n",
            ctx.command,
            commands.join("\n")
        ),
    )?;
    let page = summary(&Summary {
        title: "Design packet (phase C)",
        stamp: &writer.name,
        reliable,
        verdict: (Verdict::Pass, line.clone()),
        command: &ctx.command,
        environment: &ctx.environment,
        capture: Some(&record),
        own: format!("## Packet\n\nSee `{folder}/design.md`; the bench is in `{folder}/bench/`.\n"),
        loops: super::hot_loops::measured(&hot),
        parents: &parents,
        previous: None,
        blockers: Vec::new(),
        artifacts: checklist(&writer, &[]),
        next: vec![(bench, "Time the stage before the change".into())],
    });
    writer.write(&marked("summary.md", reliable), page)?;
    let done = Done { phase: "c".into(), stamp: writer.finish()?, verdict: Verdict::Pass, line };
    ctx.record(&done, None)?;
    Ok(done)
}

/// What a bench runs on.
struct Inputs {
    stage: Stage,
    args: Vec<OsString>,
    /// Name in the bench's folder of inputs, and where the file is.
    files: Vec<(String, PathBuf)>,
    /// Holds copies under the names that the arguments use.
    _copies: tempfile::TempDir,
}

/// The recorded case at its largest size, in nanoBragg's words, with copies of its files.
fn inputs(record: &Capture, stage: Stage) -> Result<Inputs> {
    let mut words = case::split_words("the capture's arguments", &record.args)?;
    let largest = record.sizes.iter().max_by_key(|z| z.numbers.pixels);
    let size = largest.filter(|z| z.sized).map(|z| z.numbers.size);
    let folder = tempfile::tempdir().map_err(|e| AuditError::failed("a temporary folder", e))?;
    let case = Case::new(&record.case, words.clone());
    let mut stage = stage;
    if let Ok(case) = &case {
        // the library reads input files only on its way through a whole run
        if stage == Stage::Sum && !case.inputs.is_empty() {
            stage = Stage::Run;
        }
        words = case.sized(size).words(&case.install_inputs(folder.path())?.0, &SIZE.map(String::from));
    } else if stage != Stage::Process {
        return Err(case
            .err()
            .unwrap_or_else(|| AuditError::usage("packet: the recorded case is not readable")));
    }
    if stage != Stage::CEngine {
        let own = match record.candidate.name.as_str() {
            "rust-f32" => "--dtype f32",
            "rust-reference" => "--engine rust-reference",
            _ => "",
        };
        words.extend(case::split_words("the candidate's arguments", own)?);
        words.extend(case::split_words("the candidate's arguments", &record.candidate_args)?);
    }
    let entries = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
    let mut files: Vec<(String, PathBuf)> =
        entries.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())).collect();
    files.sort();
    Ok(Inputs { stage, args: words, files, _copies: folder })
}

/// How to run a bench: on a copy, because cargo writes into the package (its lock file), and a stamp is not to be changed.
fn bench_command(root: &Path, bench: &Path, name: &str) -> String {
    let copy = root.join("target/loop-bench").join(name);
    let pasted = |path: &Path| case::paste(&[path.as_os_str().to_owned()]);
    format!(
        "mkdir -p {copy} && cp -r {from} {copy} && CARGO_TARGET_DIR={target} cargo bench --offline --manifest-path {manifest}",
        from = pasted(&bench.join(".")),
        target = pasted(&root.join("target")),
        manifest = pasted(&copy.join("Cargo.toml")),
        copy = pasted(&copy),
    )
}

/// The candidate's command line of the first round: the reference's comes before it.
fn candidates_command(record: &Capture) -> String {
    let program = case::paste(&[record.candidate.program.clone().into_os_string()]);
    let built_in = format!("{program} __engine {} ", record.candidate.name.split('-').next().unwrap_or(""));
    let with = |start: &str| record.engine_commands.iter().find(|c| c.starts_with(start)).cloned();
    with(&built_in).or_else(|| with(&program)).unwrap_or_default()
}

/// The folder of the sources that a module belongs to.
fn source_folder(module: &str) -> &str {
    module.split_once("/src/").map_or_else(
        || Path::new(module).parent().and_then(Path::to_str).unwrap_or("."),
        |(package, _)| package,
    )
}

/// The loop that is meant by an id or a rank.
fn chosen<'i>(wanted: &str, ranked: &Backlog, listed: &'i Inventory) -> Result<&'i Loop> {
    let id = match wanted.parse::<u32>() {
        Ok(rank) => {
            let of_rank = ranked.candidates.iter().find(|c| c.rank == rank).map(|c| c.loop_id.as_str());
            of_rank.ok_or_else(|| {
                AuditError::usage(format!(
                    "rank {rank}: the backlog has {} candidates; name one of them or a loop id",
                    ranked.candidates.len()
                ))
            })?
        }
        Err(_) => wanted,
    };
    listed.by_id(id).ok_or_else(|| {
        let near = listed
            .loops
            .iter()
            .map(|l| (strsim::jaro_winkler(id, &l.loop_id), &l.loop_id))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = near.map(|(_, id)| format!("; the nearest is `{id}`")).unwrap_or_default();
        AuditError::usage(format!("loop `{id}` is not in the inventory{hint}"))
    })
}

/// A loop's id as the name of a folder.
fn folder_name(id: &str) -> String {
    let name: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    name.trim_start_matches('.').chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect()
}

/// The lines of the loop's file that are shown.
fn excerpt(ctx: &Context, listed: &Inventory, found: &Loop) -> Result<Vec<(u32, String)>> {
    let path = ctx.root.join(&found.module);
    let text = std::fs::read(&path).map_err(|e| AuditError::failed(path.display(), e))?;
    let text = String::from_utf8_lossy(&text);
    let function = listed.files.iter().find(|f| f.path == found.module).and_then(|f| {
        f.functions
            .iter()
            .find(|f| f.name == found.function && f.line <= found.line && found.line <= f.end_line)
    });
    Ok(packet::excerpt(&text, function.map_or(found.line, |f| f.line), (found.line, found.end_line)))
}

/// Lines that call something with the name of the loop's function.
fn callers(ctx: &Context, listed: &Inventory, found: &Loop) -> Vec<(String, String)> {
    let name = packet::plain_name(&found.function);
    if name.is_empty() {
        return Vec::new();
    }
    let mut list = Vec::new();
    for file in &listed.files {
        let Ok(text) = std::fs::read(ctx.root.join(&file.path)) else { continue };
        let text = String::from_utf8_lossy(&text);
        for (number, line) in (1u32..).zip(text.lines()) {
            let function = file.functions.iter().rev().find(|f| f.line <= number && number <= f.end_line);
            let own = file.path == found.module && function.is_some_and(|f| f.line == number);
            if !own && packet::calls(line, name, file.language) {
                let within = function.map(|f| format!(", in `{}`", f.name)).unwrap_or_default();
                list.push((format!("{}:{number}{within}", file.path), line.trim().to_string()));
                if list.len() == CALLERS {
                    return list;
                }
            }
        }
    }
    list
}

fn shapes(record: &Capture) -> Vec<String> {
    let of = |z: &crate::capture::model::SizeResult| match z.shape {
        Some([f, s]) => format!("image {f} × {s} (fast × slow), {} pixels of f32", z.numbers.pixels),
        None => format!("image of {} pixels", z.numbers.pixels),
    };
    let mut list: Vec<String> = record.sizes.iter().map(of).collect();
    list.push(format!(
        "case `{}`, {} threads, candidate {}",
        record.args, record.threads, record.candidate.name
    ));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_plain_names() {
        assert_eq!(folder_name("a/b.rs::A::f#1"), "a_b.rs__A__f_1");
        assert_eq!(folder_name("../x"), "_x");
        assert!(folder_name(&"long/".repeat(100)).len() <= 120);
    }
}
