//! `suite`: many cases from a file, side by side, with a stamp that says what became of each.

use super::{Context, Done, PhaseVerdict, VERDICT_SCHEMA, engines};
use crate::engines::Engine;
use crate::engines::render::Conditions;
use crate::exit::{AuditError, Exit, Result};
use crate::gates::{Loosened, Verdict};
use crate::progress::Progress;
use crate::report::suite as report;
use crate::suite::outcome::{self, CaseResult, Outcome};
use crate::suite::state::State;
use crate::suite::{Bench, Suite, file, junit, run_case, schedule};
use crate::{environment, hash, interrupt};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// What `suite` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bragg-audit suite suites/parity.toml                     every case that ships, within all cores
  bragg-audit suite suites/parity.toml --filter simple     the cases whose name holds a text
  bragg-audit suite cases.yaml --reference c:./nanoBragg --candidate rust --referee rust-reference
  bragg-audit suite my.toml --list                         what would be run, cheapest first
  bragg-audit suite my.toml --gate 'local_error<=1e-2: tabulated sin'   over the limits of the file

A run that was stopped goes on where it was when the same command is given again. The forms of suite files are in
docs/suites.md.")]
pub struct SuiteArgs {
    /// The suite: .toml, .jsonl, .json, .yaml
    pub file: PathBuf,
    /// List the cases without running them
    #[arg(long)]
    pub list: bool,
    /// Only the cases whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// What is believed [default: of the suite, else of audit.toml]
    #[arg(long, value_name = "ENGINE")]
    pub reference: Option<String>,
    /// What has to prove itself [default: of the suite, else of audit.toml]
    #[arg(long, value_name = "ENGINE")]
    pub candidate: Option<String>,
    /// A third engine, asked which of two that disagree is wrong [default: of the suite, else none]
    #[arg(long, value_name = "ENGINE")]
    pub referee: Option<String>,
    /// A nanoBragg binary in place of the bundled C engine [default: $NB_C_BIN]
    #[arg(long, value_name = "PATH")]
    pub c_bin: Option<PathBuf>,
    /// Another folder in which input files are looked for (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub inputs: Vec<PathBuf>,
    /// Cores that all runs together may use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub cores: Option<u32>,
    /// Threads of one run of one engine [default: of the suite, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub threads: Option<u32>,
    /// Memory that all runs together may use, MB [default: three quarters of the machine's]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub memory: Option<u64>,
    /// Limit of one run of one engine, seconds [default: of the case, else of audit.toml]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: Option<u64>,
    /// Limits of the command line.
    #[command(flatten)]
    pub gates: super::GateArgs,
    /// Begin anew, although an earlier run of this suite was stopped half-way
    #[arg(long)]
    pub fresh: bool,
    /// Render every reference image, and keep none
    #[arg(long)]
    pub no_cache: bool,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// `suite.json`: everything that was found.
#[derive(Serialize)]
pub struct SuiteRecord<'a> {
    /// The form of this record.
    pub schema: &'static str,
    /// The suite's name.
    pub suite: &'a str,
    /// Its file.
    #[serde(serialize_with = "crate::paths::serialize")]
    pub file: PathBuf,
    /// sha256 of that file.
    pub file_sha256: Option<String>,
    /// What is believed.
    pub reference: &'a crate::engines::Identity,
    /// What has to prove itself.
    pub candidate: &'a crate::engines::Identity,
    /// Who is asked when the two disagree.
    pub referee: Option<&'a crate::engines::Identity>,
    /// The exit status.
    pub exit: u8,
    /// Cases by result.
    pub counts: BTreeMap<&'static str, usize>,
    /// Gates that let more through than those that ship, with the number of cases judged by them.
    pub loosened: Vec<LooseGate>,
    /// Cases that were finished by an earlier, stopped run.
    pub resumed: usize,
    /// Threads of one run.
    pub threads: usize,
    /// The cases in the order of the file.
    pub cases: &'a [Outcome],
}

/// A loosened gate of a suite.
#[derive(Serialize)]
pub struct LooseGate {
    /// The gate, who loosened it and why.
    #[serde(flatten)]
    pub gate: Loosened,
    /// Cases judged by it.
    pub cases: usize,
}

/// The loosened gates of all cases, each once.
fn loose_gates(outcomes: &[Outcome]) -> Vec<LooseGate> {
    let mut all: Vec<LooseGate> = Vec::new();
    for gate in outcomes.iter().flat_map(Outcome::loosened) {
        match all.iter_mut().find(|l| l.gate == gate) {
            Some(known) => known.cases += 1,
            None => all.push(LooseGate { gate, cases: 1 }),
        }
    }
    all
}

/// A suite that has left its stamp.
pub struct SuiteDone {
    /// Stamp and verdict.
    pub done: Done,
    /// The exit status.
    pub exit: Exit,
    /// Text for people.
    pub text: String,
}

/// Reads the suite and chooses its cases.
fn chosen(ctx: &Context, args: &SuiteArgs) -> Result<Suite> {
    let mut suite = file::read(&args.file, &ctx.config.gates)?;
    if let Some(text) = &args.filter {
        suite.cases.retain(|c| c.name.contains(text.as_str()));
        if suite.cases.is_empty() {
            return Err(AuditError::usage(format!(
                "--filter {text}: no case of {} is called so",
                args.file.display()
            )));
        }
    }
    for case in &mut suite.cases {
        case.gates = args.gates.over(&case.gates)?;
    }
    suite.input_dirs.extend(args.inputs.iter().cloned());
    Ok(suite)
}

/// The cases in the order in which they would be run.
///
/// # Errors
/// A suite that does not make sense.
pub fn list(ctx: &Context, args: &SuiteArgs) -> Result<Vec<serde_json::Value>> {
    let suite = chosen(ctx, args)?;
    let row = |i: usize| {
        let case = &suite.cases[i];
        let need = case.need();
        serde_json::json!({
            "name": case.name, "group": case.group, "args": crate::case::paste(&case.args), "size": case.size,
            "expected": case.expected, "cost": need.cost, "memory_mb": need.memory / 1_000_000,
        })
    };
    Ok(order(&suite).into_iter().map(row).collect())
}

/// Cheapest first; among equals the order of the file.
fn order(suite: &Suite) -> Vec<usize> {
    let mut order: Vec<usize> = (0..suite.cases.len()).collect();
    order.sort_by(|a, b| suite.cases[*a].need().cost.total_cmp(&suite.cases[*b].need().cost));
    order
}

/// Runs a suite, or what is left of it, and leaves a stamp.
///
/// # Errors
/// A suite or engines that do not make sense; the audit's own failures; interruption (what is finished is kept).
pub fn suite(ctx: &Context, args: &SuiteArgs) -> Result<SuiteDone> {
    let suite = chosen(ctx, args)?;
    let bench = bench(ctx, args, &suite)?;
    let state_file = ctx.phase_dir("suite").join(format!(".{}.state.jsonl", report::slug(&suite.name)));
    let (state, finished) = State::open(&state_file, &key(&suite, &bench)?, args.fresh)?;
    let total = suite.cases.len();
    let progress = Progress::new(ctx.quiet, total as u64);
    let resumed = suite.cases.iter().filter(|c| finished.contains_key(&c.name)).count();
    if resumed > 0 {
        progress.note(&format!(
            "going on where a run was stopped: {resumed} of {total} cases are finished (--fresh begins anew)"
        ));
    }
    let todo: Vec<usize> =
        order(&suite).into_iter().filter(|i| !finished.contains_key(&suite.cases[*i].name)).collect();
    let finished = Mutex::new(finished);
    run_all(args, &suite, &bench, &todo, &state, &finished, &progress)?;
    let mut finished = finished.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut outcomes: Vec<Outcome> = suite.cases.iter().filter_map(|c| finished.remove(&c.name)).collect();
    for outcome in &mut outcomes {
        outcome.settle(today());
    }
    drop(progress);
    let done = stamp(ctx, args, &suite, &bench, outcomes, resumed)?;
    state.remove();
    Ok(done)
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Runs what is left to do; every finished case goes into the state at once.
fn run_all(
    args: &SuiteArgs,
    suite: &Suite,
    bench: &Bench,
    todo: &[usize],
    state: &State,
    finished: &Mutex<BTreeMap<String, Outcome>>,
    progress: &Progress,
) -> Result<()> {
    let needs: Vec<u64> = suite.cases.iter().map(|c| c.need().memory).collect();
    let cores = args.cores.map_or_else(
        || std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        |n| n as usize,
    );
    let memory = args.memory.map_or_else(
        || environment::memory().map_or(u64::MAX, |all| all / 4 * 3),
        |mb| mb.saturating_mul(1_000_000),
    );
    let total = suite.cases.len();
    let work = |i: usize| -> Result<()> {
        let stopped = || {
            AuditError::new(
                Exit::Failed,
                "interrupted: the finished cases are kept; the same command goes on",
            )
        };
        interrupt::check().map_err(|_| stopped())?;
        let mut outcome = run_case(bench, suite, &suite.cases[i])
            .map_err(|e| if interrupt::requested() { stopped() } else { e })?;
        outcome.settle(today());
        state.add(&outcome)?;
        let mut all = finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let line = format!("[{}/{total}] {}", all.len() + 1, report::line(&outcome));
        all.insert(outcome.name.clone(), outcome);
        progress.done(&line);
        Ok(())
    };
    schedule::run(todo, &needs, cores / bench.conditions.threads.max(1), memory, work)
}

fn bench(ctx: &Context, args: &SuiteArgs, suite: &Suite) -> Result<Bench> {
    let c_bin = engines::c_binary(args.c_bin.as_deref());
    let named = |flag: &Option<String>, file: &Option<String>| flag.clone().or_else(|| file.clone());
    let find = |name: String| engines::engine(ctx, c_bin.as_deref(), &name);
    let config = &ctx.config.engines;
    let reference =
        find(named(&args.reference, &suite.reference).unwrap_or_else(|| config.reference.clone()))?;
    let candidate =
        find(named(&args.candidate, &suite.candidate).unwrap_or_else(|| config.candidate.clone()))?;
    let referee = named(&args.referee, &suite.referee).map(find).transpose()?;
    let referee = referee.map(|r| third(r, &reference, &candidate)).transpose()?;
    let conditions = Conditions {
        inherited: crate::engines::render::Inherited::Allowed,
        limits: engines::limits(ctx, args.time_limit, None, None),
        threads: args.threads.map_or(suite.threads.unwrap_or(1), |n| n as usize).max(1),
        in_place: None,
        environment: Vec::new(),
    };
    Ok(Bench { reference, candidate, referee, conditions, cache: engines::cache(ctx, args.no_cache) })
}

/// A referee is somebody else.
///
/// # Errors
/// When it is one of the two.
pub fn third(referee: Engine, reference: &Engine, candidate: &Engine) -> Result<Engine> {
    let same =
        |e: &Engine| e.identity == referee.identity && e.definition.command == referee.definition.command;
    if same(reference) || same(candidate) {
        let why =
            format!("--referee {}: a third engine is wanted, and this is one of the two", referee.name());
        return Err(AuditError::usage(why));
    }
    Ok(referee)
}

/// What finished cases belong to: the cases, the engines, the way they are run.
fn key(suite: &Suite, bench: &Bench) -> Result<String> {
    let engines = [Some(&bench.reference), Some(&bench.candidate), bench.referee.as_ref()];
    let engines: Vec<_> = engines.iter().flatten().map(|e| (&e.identity, &e.definition)).collect();
    let inputs: Vec<_> = suite.input_dirs.iter().map(|d| d.display().to_string()).collect();
    let all = serde_json::to_string(&(&suite.name, &suite.cases, engines, inputs, bench.conditions.threads));
    all.map(|text| hash::bytes(text.as_bytes())).map_err(|e| AuditError::failed("the suite's key", e))
}

fn stamp(
    ctx: &Context,
    args: &SuiteArgs,
    suite: &Suite,
    bench: &Bench,
    mut outcomes: Vec<Outcome>,
    resumed: usize,
) -> Result<SuiteDone> {
    let exit = outcome::exit(&outcomes);
    let verdict = match exit {
        Exit::Pass => Verdict::Pass,
        Exit::Blocked => Verdict::Blocked,
        _ => Verdict::NotComparable,
    };
    let writer = ctx.begin("suite", args.outdir.as_deref())?;
    let mut logs = BTreeMap::new();
    for (i, outcome) in outcomes.iter_mut().enumerate() {
        let log = std::mem::take(&mut outcome.log);
        if !log.is_empty() {
            let name = format!("logs/{:04}-{}.log", i + 1, report::slug(&outcome.name));
            writer.write(&name, log)?;
            logs.insert(outcome.name.clone(), name);
        }
    }
    let mut counts = BTreeMap::new();
    for o in &outcomes {
        *counts.entry(o.result.text()).or_insert(0) += 1;
    }
    let record = SuiteRecord {
        schema: "bragg-audit/suite/1",
        suite: &suite.name,
        file: suite.file.clone(),
        file_sha256: hash::file(&suite.file).ok(),
        reference: &bench.reference.identity,
        candidate: &bench.candidate.identity,
        referee: bench.referee.as_ref().map(|e| &e.identity),
        exit: exit.code(),
        counts,
        loosened: loose_gates(&outcomes),
        resumed,
        threads: bench.conditions.threads,
        cases: &outcomes,
    };
    writer.write_json("suite.json", &record)?;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    writer.write("junit.xml", junit::junit(&suite.name, &now, &outcomes))?;
    writer.write("summary.md", report::summary(&record, &writer.name, exit, &ctx.command, &logs))?;
    let reasons = outcomes.iter().filter(|o| !o.accepted || o.result == CaseResult::NotRun).map(report::line);
    let phase = PhaseVerdict {
        loosened: record.loosened.iter().map(|l| l.gate.clone()).collect(),
        schema: VERDICT_SCHEMA.into(),
        phase: "suite".into(),
        stamp: writer.name.clone(),
        verdict,
        exit: exit.code(),
        reliable: true,
        profile_whole: None,
        reasons: reasons.collect(),
        parents: Vec::new(),
        gates: Vec::new(),
    };
    ctx.write_common(&writer, &phase, &[])?;
    let text = report::text(&record, exit);
    let line = report::headline(&record, exit);
    let done = Done { phase: "suite".into(), stamp: writer.finish()?, verdict, line };
    ctx.record(&done, None)?;
    Ok(SuiteDone { done, exit, text })
}
