//! From the command line to the phases, and from what they found to what a person or a machine reads.

use crate::capture::Settings;
use crate::capture::model::Capture;
use crate::cli::{CaptureArgs, Cli, Command, Dtype};
use crate::config;
use crate::engines::Engine;
use crate::engines::render::{Conditions, Inherited};
use crate::exit::{AuditError, Exit, Result};
use crate::gates::Verdict;
use crate::hot_loops::HotLoops;
use crate::phases::suite::SuiteArgs;
use crate::phases::{self, Context, Done, engines};
use crate::{case, environment, paths, stamp};
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Carries out a command; the exit status.
///
/// # Errors
/// Everything that ends a command, with the exit status it stands for.
pub fn execute(cli: &Cli) -> Result<Exit> {
    if let Command::Verify { stamp } = &cli.command {
        return verify(stamp, cli.json);
    }
    if let Command::Init(args) = &cli.command {
        let file = phases::init::init(args, cli.initiative.as_deref())?;
        let text = format!("wrote {}\nNext     bragg-audit capture\n", file.display());
        return print(&if cli.json {
            pretty(&json!({ "file": paths::text(&file), "exit": 0 }))?
        } else {
            text
        });
    }
    if let Command::TraceTop(args) = &cli.command {
        return print(&phases::trace_top::trace_top(args, cli.json)?);
    }
    let ctx = context(cli)?;
    match &cli.command {
        Command::Run(args) => {
            let settings = settings(&ctx, &args.capture)?;
            let outcome = phases::run::run(&ctx, &settings, args.evidence, args.capture.outdir.as_deref())?;
            report_run(&ctx, cli.json, &outcome)
        }
        Command::Inventory(args) => {
            let done = phases::inventory::inventory(&ctx, args, args.outdir.as_deref())?;
            report(&ctx, cli.json, &done, None)
        }
        Command::Capture(args) => {
            let (done, record) =
                phases::capture::capture(&ctx, &settings(&ctx, args)?, args.outdir.as_deref())?;
            report_capture(&ctx, cli.json, &done, &record)
        }
        Command::Diagnose(args) => {
            let settings = match phases::diagnose::last_blocked(&ctx, &args.capture)? {
                Some(last) => {
                    if !ctx.quiet {
                        eprintln!("diagnosing what blocked {}", short(&ctx, &last.stamp));
                    }
                    let mut settings = settings(&ctx, &last.words)?;
                    settings.case.name = last.case;
                    settings
                }
                None => settings(&ctx, &args.capture)?,
            };
            let done =
                phases::diagnose::diagnose(&ctx, &settings, args.budget, args.capture.outdir.as_deref())?;
            report_diagnosis(&ctx, cli.json, &done)
        }
        Command::Bisect(args) if args.step => Ok(bisect_settings(&ctx, args).map_or_else(
            |e| {
                eprintln!("bragg-audit: {e}");
                Exit::StopBisection
            },
            |s| phases::bisect::step(&ctx, args, &s),
        )),
        Command::Bisect(args) => {
            let done = phases::bisect::bisect(&ctx, args, &bisect_settings(&ctx, args)?)?;
            let exit = if done.state.found.is_some() { Exit::Pass } else { Exit::Blocked };
            let text = if cli.json {
                pretty(
                    &json!({ "exit": exit.code(), "found": done.state.found, "among": done.state.among, "runs": done.state.runs.len(), "skipped": done.state.skipped, "summary": done.summary, "folder": done.folder }),
                )?
            } else {
                let report = short(&ctx, &done.folder.join("bisect.md"));
                format!(
                    "First bad commit: {}\nSpent    {} runs of the case, {} commits skipped\nReport   {report}\n",
                    done.summary,
                    done.state.runs.len(),
                    done.state.skipped.len()
                )
            };
            print(&text)?;
            Ok(exit)
        }
        Command::History(args) => {
            let history = phases::history::history(&ctx, args)?;
            let text = if cli.json { pretty(&history)? } else { history.text(args.limit) };
            print(&text)
        }
        Command::Doctor => {
            let found = phases::doctor::doctor(&ctx);
            let text = if cli.json { pretty(&found)? } else { phases::doctor::text(&found) };
            print(&text)?;
            Ok(if phases::doctor::usable(&found) { Exit::Pass } else { Exit::Failed })
        }
        Command::Suite(args) => suite(&ctx, cli.json, args),
        Command::HotLoops(args) if args.others.given() => {
            let (listed, outdir) = (args.inventory.as_deref(), args.outdir.as_deref());
            let done = phases::foreign::foreign(&ctx, &args.others, listed, args.threshold, outdir)?;
            let text = if cli.json {
                pretty(&json!({ "reliable": false, "exit": 0, "done": done }))?
            } else {
                format!("{}Written  {}\n", phases::foreign::lines(&done), short(&ctx, &done.folder))
            };
            print(&text)
        }
        Command::HotLoops(args) => {
            let (done, hot) = phases::hot_loops::hot_loops(&ctx, args, args.outdir.as_deref())?;
            report(&ctx, cli.json, &done, Some(&hot))
        }
        Command::Backlog(args) => {
            let (done, _) = phases::backlog::backlog(&ctx, args, args.outdir.as_deref())?;
            report(&ctx, cli.json, &done, None)
        }
        Command::Diff(args) => {
            let (text, exit) = phases::diff::diff(&ctx, args, cli.json)?;
            print(&text)?;
            Ok(exit)
        }
        Command::Packet(args) => report(&ctx, cli.json, &phases::packet::packet(&ctx, args)?, None),
        Command::Compare(args) => report(&ctx, cli.json, &phases::compare::compare(&ctx, args)?.0, None),
        Command::Status => {
            let status = phases::status::status(&ctx)?;
            let text = if cli.json { pretty(&status)? } else { status.text(&ctx.root) };
            print(&text)
        }
        Command::Prune(args) => {
            let pruned = phases::prune::prune(&ctx, args)?;
            print(&if cli.json { pretty(&pruned)? } else { pruned.text() })
        }
        Command::Verify { .. }
        | Command::Init(_)
        | Command::TraceTop(_)
        | Command::Engine(_)
        | Command::Guardian => {
            Ok(Exit::Pass) // dealt with before
        }
    }
}

fn context(cli: &Cli) -> Result<Context> {
    let located = config::locate(cli.config.as_deref())?;
    let reports = match &cli.reports {
        Some(dir) => std::path::absolute(dir).map_err(|e| AuditError::failed(dir.display(), e))?,
        None => located.root.join("reports"),
    };
    let initiative = cli.initiative.clone().unwrap_or_else(|| located.config.initiative.clone());
    if initiative.is_empty()
        || initiative.starts_with('.')
        || !initiative.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(AuditError::usage(format!(
            "--initiative {initiative}: letters, digits, `-`, `_` and `.` only"
        )));
    }
    let words: Vec<OsString> =
        std::iter::once("bragg-audit".into()).chain(std::env::args_os().skip(1)).collect();
    let command = case::paste(&words);
    let environment = environment::collect(&located.root);
    Ok(Context {
        root: located.root,
        config: located.config,
        reports,
        initiative,
        quiet: cli.quiet || cli.json,
        command,
        environment,
    })
}

/// As [`settings`]; a candidate of `audit.toml` need not be built here, for each commit has its own.
fn bisect_settings(ctx: &Context, args: &phases::bisect::BisectArgs) -> Result<Settings> {
    settings(ctx, &args.capture).or_else(|e| {
        if !phases::bisect::is_defined(ctx, args) {
            return Err(e);
        }
        let reference =
            args.capture.reference.clone().unwrap_or_else(|| ctx.config.engines.reference.clone());
        let stand_in = CaptureArgs { candidate: Some(reference), ..args.capture.clone() };
        settings(ctx, &stand_in).map_err(|_| e)
    })
}

fn settings(ctx: &Context, args: &CaptureArgs) -> Result<Settings> {
    let config = &ctx.config;
    let own = !args.args.is_empty();
    let (name, words) = if own {
        ("own case", args.args.clone())
    } else {
        (config.case.name.as_str(), case::split_words("audit.toml [case] args", &config.case.args)?)
    };
    let sizes: Vec<Option<u32>> = match (args.sizes.is_empty(), own || config.case.sizes.is_empty()) {
        (false, _) => args.sizes.iter().copied().map(Some).collect(),
        (true, true) => vec![None],
        (true, false) => config.case.sizes.iter().copied().map(Some).collect(),
    };
    let in_place = match &args.in_place {
        Some(dir) if !dir.is_dir() => {
            return Err(AuditError::usage(format!("--in-place {}: not a directory", dir.display())));
        }
        Some(dir) => Some(std::fs::canonicalize(dir).map_err(|e| AuditError::failed(dir.display(), e))?),
        None => None,
    };
    let c_bin = engines::c_binary(args.c_bin.as_deref());
    let engine = |name: &str| engines::engine(ctx, c_bin.as_deref(), name);
    let more =
        |flag: &str, words: Option<&String>| words.map_or(Ok(Vec::new()), |w| case::split_words(flag, w));
    let candidate = args.candidate.as_ref().unwrap_or(&config.engines.candidate);
    let candidate = match (args.dtype, candidate.as_str()) {
        (Dtype::F64, _) | (Dtype::F32, "rust-f32") => candidate.clone(),
        (Dtype::F32, "rust") => "rust-f32".to_owned(),
        (Dtype::F32, other) => {
            let why = "only the candidate rust computes in f32; leave the flag out or give --candidate rust";
            return Err(AuditError::usage(format!("--dtype f32: `{other}` does not: {why}")));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let reference = engine(args.reference.as_ref().unwrap_or(&config.engines.reference))?;
    let candidate = engine(&candidate)?;
    let referee = args.referee.as_deref().map(engine).transpose()?;
    let referee = referee.map(|r| phases::suite::third(r, &reference, &candidate)).transpose()?;
    // what `[case]` declares belongs to its own arguments
    let declared = if own { config::CaseConfig::default() } else { config.case.clone() };
    let all: Vec<&Engine> = [&reference, &candidate].into_iter().chain(&referee).collect();
    let case = case::for_engines(name, words, &all, &declared, &ctx.root)?;
    Ok(Settings {
        case,
        sizes,
        reference,
        candidate,
        referee,
        reference_args: more("--reference-args", args.reference_args.as_ref())?,
        candidate_args: more("--candidate-args", args.candidate_args.as_ref())?,
        iterations: args.iterations.unwrap_or(config.capture.iterations),
        conditions: Conditions {
            limits: engines::limits(ctx, args.time_limit, args.memory_limit, args.disk_limit),
            threads: args.threads.map_or(cores, |n| n as usize),
            // where a person's own directory is used, so is their environment: that is what they run
            inherited: if in_place.is_some() { Inherited::All } else { Inherited::Allowed },
            in_place,
            environment: Vec::new(),
        },
        gates: args.gates.over(&config.gates)?,
        speed_target: config.capture.speed_target,
        warm_setup_limit_ms: config.capture.warm_setup_limit_ms,
        blocking_patterns: config.capture.blocking_patterns.clone(),
        profile: !args.no_profile,
        keep_artifacts: args.keep_artifacts,
        force: args.force,
    })
}

fn suite(ctx: &Context, as_json: bool, args: &SuiteArgs) -> Result<Exit> {
    if args.list {
        let rows = phases::suite::list(ctx, args)?;
        let word = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let size = |row: &serde_json::Value| {
            row["size"].as_u64().map_or(String::new(), |n| format!(" ({n} pixels)"))
        };
        let lines = rows
            .iter()
            .map(|r| format!("{}{}\t{}\n", word(r, "name").escape_debug(), size(r), word(r, "args")));
        return print(&if as_json { pretty(&rows)? } else { lines.collect() });
    }
    let suite = phases::suite::suite(ctx, args)?;
    if as_json {
        let record: serde_json::Value = stamp::read_json(&suite.done.stamp, "suite.json")?;
        print(&pretty(
            &json!({ "exit": suite.exit.code(), "line": suite.done.line, "stamp": paths::text(&suite.done.stamp), "suite": record }),
        )?)?;
    } else {
        print(&format!("{}Summary  {}\n", suite.text, short(ctx, &summary_of(&suite.done.stamp))))?;
    }
    Ok(suite.exit)
}

/// A path as people near the root write it.
fn short(ctx: &Context, path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let base = here.as_deref().unwrap_or(&ctx.root);
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

fn report(ctx: &Context, as_json: bool, done: &Done, hot: Option<&HotLoops>) -> Result<Exit> {
    if as_json {
        let value = json!({ "verdict": done.verdict, "loosened": loosened(&done.stamp)?, "exit": done.exit().code(), "phase": done.phase, "stamp": paths::text(&done.stamp), "line": done.line, "hottest": hottest(hot) });
        print(&pretty(&value)?)?;
        return Ok(done.exit());
    }
    let mut text = done.line.clone() + "\n";
    if let Some(hot) = hot {
        text.push_str(&hottest_lines(hot));
    }
    text.push_str(&format!("Summary  {}\n", short(ctx, &summary_of(&done.stamp))));
    if done.verdict != Verdict::Pass {
        text.push_str(&format!("Why      {}\n", short(ctx, &done.stamp.join("blockers.md"))));
        text.push_str("Next     read it, mend the cause, then capture again\n");
    } else {
        text.push_str(&format!("Next     {}\n", phases::status::status(ctx)?.next));
    }
    print(&text)?;
    Ok(done.exit())
}

/// As [`report`]; an engine that failed is quoted and has an exit status of its own.
fn report_capture(ctx: &Context, as_json: bool, done: &Done, record: &Capture) -> Result<Exit> {
    let Some(failure) = &record.failure else { return report(ctx, as_json, done, None) };
    let exit = Exit::EngineFailed;
    if as_json {
        print(&pretty(&json!({
            "verdict": done.verdict, "exit": exit.code(), "phase": done.phase, "stamp": paths::text(&done.stamp), "line": done.line,
            "failure": failure,
        }))?)?;
    } else {
        print(&format!(
            "ENGINE FAILED — {failure}\nWhy      {}\n",
            short(ctx, &done.stamp.join("blockers.md"))
        ))?;
    }
    Ok(exit)
}

fn report_run(ctx: &Context, as_json: bool, outcome: &phases::run::Outcome) -> Result<Exit> {
    let capture = &outcome.phases[1];
    let last = outcome.phases.last().unwrap_or(capture);
    let exit = outcome.stopped.as_ref().map_or(capture.exit(), |e| e.exit);
    if as_json {
        let value = json!({
            "verdict": capture.verdict, "loosened": loosened(&capture.stamp)?, "exit": exit.code(), "line": capture.line, "phases": outcome.phases,
            "summary": paths::text(&summary_of(&last.stamp)), "hottest": hottest(outcome.hot.as_ref()),
            "evidence_missing": outcome.hot.as_ref().and_then(|h| h.evidence_missing.as_ref()),
            "stopped": outcome.stopped.as_ref().map(|e| e.message.clone()),
        });
        print(&pretty(&value)?)?;
        return Ok(exit);
    }
    let failed = outcome.stopped.as_ref().filter(|e| e.exit == Exit::EngineFailed);
    let mut text = failed.map_or_else(|| capture.line.clone(), |e| format!("ENGINE FAILED — {e}")) + "\n";
    if let Some(hot) = &outcome.hot {
        text.push_str(&hottest_lines(hot));
        if let Some(missing) = &hot.evidence_missing {
            text.push_str(&format!("Evidence {missing}.\n         {}\n", phases::hot_loops::ask("run")));
        }
    }
    text.push_str(&format!("Summary  {}\n", short(ctx, &summary_of(&last.stamp))));
    if capture.verdict != Verdict::Pass {
        text.push_str(&format!("Why      {}\n", short(ctx, &capture.stamp.join("blockers.md"))));
        text.push_str("Next     read it, mend the cause, then: bragg-audit run\n");
    } else if let Some(error) = &outcome.stopped {
        text.push_str(&format!("Stopped  {error}\n"));
    } else {
        text.push_str(&format!("Next     less {}\n", short(ctx, &last.stamp.join("backlog.md"))));
    }
    print(&text)?;
    Ok(exit)
}

fn report_diagnosis(ctx: &Context, as_json: bool, done: &phases::diagnose::Diagnosed) -> Result<Exit> {
    use crate::diagnose::{markdown, model::Class};
    let d = &done.diagnosis;
    let failed = d.causes.iter().any(|c| c.class == Class::Failure);
    let exit = if failed { Exit::EngineFailed } else { phases::exit_of(done.verdict) };
    if as_json {
        let value = json!({
            "verdict": done.verdict, "exit": exit.code(), "found": d.found, "stamp": done.stamp, "line": markdown::headline(d),
            "first_divergence": d.first_divergence().map(|x| &x.name), "causes": d.causes, "excluded": d.excluded,
        });
        print(&pretty(&value)?)?;
        return Ok(exit);
    }
    let mut text = markdown::headline(d) + "\n";
    for c in &d.causes {
        if let Some(switch) = &c.switch {
            text.push_str(&format!("  {}: {switch}\n", c.class.title()));
        }
    }
    if let Some(first) = d.first_divergence() {
        text.push_str(&format!("First    `{}` is the first value that differs\n", first.name));
    }
    if !d.found && d.disagree {
        for e in &d.excluded {
            text.push_str(&format!("Not      {e}\n"));
        }
    }
    if let Some(referee) = &d.referee {
        text.push_str(&format!("Referee  {referee}\n"));
    }
    text.push_str(&format!("Spent    {} runs, {:.1} s\n", d.runs, d.elapsed_s));
    text.push_str(&format!("Report   {}\n", short(ctx, &done.stamp.join("diagnosis.md"))));
    text.push_str(&format!("Again    sh {}\n", short(ctx, &done.stamp.join("reproduce.sh"))));
    print(&text)?;
    Ok(exit)
}

/// The gates of a stamp that let more through than those that ship.
fn loosened(stamp: &Path) -> Result<Vec<crate::gates::Loosened>> {
    stamp::read_json::<phases::PhaseVerdict>(stamp, "verdict.json").map(|v| v.loosened)
}

fn summary_of(stamp: &Path) -> PathBuf {
    let plain = stamp.join("summary.md");
    if plain.is_file() { plain } else { stamp.join("summary.UNRELIABLE.md") }
}

fn hottest(hot: Option<&HotLoops>) -> serde_json::Value {
    let rows = hot.map(phases::hot_loops::ranked).unwrap_or_default();
    rows.iter()
        .take(3)
        .map(|r| json!({ "loop_id": r.loop_id, "self_pct": r.self_pct, "time_pct": r.time_pct }))
        .collect()
}

fn hottest_lines(hot: &HotLoops) -> String {
    let mut text = String::from(
        "Hottest loops (self time of the render's thread time, 95 % interval of the inclusive share)\n",
    );
    for (i, r) in phases::hot_loops::ranked(hot).iter().take(3).enumerate() {
        let ci = r.ci_low.zip(r.ci_high).map_or(String::new(), |(a, b)| format!(" [{a:.1}, {b:.1}]"));
        text.push_str(&format!(
            "  {}. {:5.1} % self, {:5.1} %{ci} with what it contains  {}\n",
            i + 1,
            r.self_pct,
            r.time_pct,
            r.loop_id
        ));
    }
    text
}

fn verify(path: &Path, as_json: bool) -> Result<Exit> {
    if !path.join(stamp::CHECKSUMS).is_file() {
        return Err(AuditError::usage(format!(
            "{}: not a finished stamp (it has no {})",
            path.display(),
            stamp::CHECKSUMS
        )));
    }
    let problems = stamp::verify(path)?;
    let exit = if problems.is_empty() { Exit::Pass } else { Exit::Blocked };
    if as_json {
        print(&pretty(&json!({ "stamp": paths::text(path), "exit": exit.code(), "problems": problems }))?)?;
    } else if problems.is_empty() {
        print(&format!("{}: every file is as it was written\n", path.display()))?;
    } else {
        print(&format!("{}: changed since it was written\n  {}\n", path.display(), problems.join("\n  ")))?;
    }
    Ok(exit)
}

fn pretty(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map(|t| t + "\n").map_err(|e| AuditError::failed("writing JSON", e))
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) -> Result<Exit> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(AuditError::failed("writing to standard output", e))
        }
        _ => Ok(Exit::Pass),
    }
}
