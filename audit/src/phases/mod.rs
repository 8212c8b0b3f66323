//! The phases: what each needs, what it leaves, and when it refuses.

pub mod backlog;
pub mod bisect;
pub mod capture;
pub mod compare;
pub mod diagnose;
pub mod diff;
pub mod doctor;
pub mod engines;
pub mod foreign;
pub mod history;
pub mod hot_loops;
pub mod init;
pub mod inventory;
pub mod packet;
pub mod prune;
pub mod run;
pub mod status;
pub mod suite;
pub mod trace_top;

use crate::config::Config;
use crate::environment::Environment;
use crate::exit::{AuditError, Exit, Result};
use crate::gates::{self, Gate, Loosened, Outcome, Verdict};
use crate::ledger;
use crate::stamp::{self, Parent, Place, Writer};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `--gate`, the same for every command that judges.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GateArgs {
    /// Change a limit, with the reason that every record repeats: 'metric<=value: reason', 'metric>=value: reason',
    /// 'metric off: reason' (may be repeated); a pass by a loosened limit says so
    #[arg(long = "gate", value_name = "GATE")]
    pub gates: Vec<String>,
}

impl GateArgs {
    /// `gates` with these changes.
    ///
    /// # Errors
    /// A change that makes no sense or has no reason (usage).
    pub fn over(&self, gates: &[Gate]) -> Result<Vec<Gate>> {
        gates::with_words(gates, &self.gates).map_err(|e| AuditError::usage(format!("--gate: {e}")))
    }
}

/// What every phase knows.
pub struct Context {
    /// The directory that relative paths of the configuration start from.
    pub root: PathBuf,
    /// `audit.toml`, or the defaults.
    pub config: Config,
    /// Where stamps go.
    pub reports: PathBuf,
    /// Phases and attempts under this name belong together.
    pub initiative: String,
    /// No progress.
    pub quiet: bool,
    /// The command line that was given, ready to paste.
    pub command: String,
    /// The machine, the build, the commit.
    pub environment: Environment,
}

/// The form of [`PhaseVerdict`].
pub const VERDICT_SCHEMA: &str = "bragg-audit/verdict/1";

/// `verdict.json`, the same form in every phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhaseVerdict {
    /// The form of this record.
    pub schema: String,
    /// `a`, `b1`, `b2`, `b3`, `c` or `d`.
    pub phase: String,
    /// The stamp's name.
    pub stamp: String,
    /// What the phase is worth.
    pub verdict: Verdict,
    /// The exit status that says so.
    pub exit: u8,
    /// False when a gate before was overridden.
    pub reliable: bool,
    /// Whether the next phase may use the profile (B1).
    pub profile_whole: Option<bool>,
    /// Why it is not a pass, or why the profile is not whole.
    pub reasons: Vec<String>,
    /// Gates that let more through than those that ship: a pass by them is no ordinary pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loosened: Vec<Loosened>,
    /// Stamps this one builds on.
    pub parents: Vec<Parent>,
    /// Every gate of every image.
    pub gates: Vec<GateLine>,
}

/// One gate of one image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GateLine {
    /// Which image: size and render.
    pub image: String,
    /// The gate and its value.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A phase that has left its stamp.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// Which phase.
    pub phase: String,
    /// Its stamp's folder.
    #[serde(with = "crate::paths")]
    pub stamp: PathBuf,
    /// What it is worth.
    pub verdict: Verdict,
    /// One line about it.
    pub line: String,
}

impl Done {
    /// The exit status.
    #[must_use]
    pub fn exit(&self) -> Exit {
        exit_of(self.verdict)
    }
}

/// The exit status that stands for a verdict.
#[must_use]
pub fn exit_of(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Blocked => Exit::Blocked,
        Verdict::NotComparable => Exit::NotComparable,
    }
}

impl Context {
    /// The folder of a phase's stamps.
    #[must_use]
    pub fn phase_dir(&self, phase: &str) -> PathBuf {
        self.reports.join(&self.initiative).join(format!("phase_{phase}"))
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.reports.join(&self.initiative).join("ledger.jsonl")
    }

    /// Begins a stamp of `phase`, in `outdir` when that is given.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self, phase: &str, outdir: Option<&Path>) -> Result<Writer> {
        match outdir {
            Some(dir) => Writer::begin(&Place::Exactly(dir)),
            None => Writer::begin(&Place::Under(&self.phase_dir(phase))),
        }
    }

    /// Writes what every stamp has.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_common(&self, writer: &Writer, verdict: &PhaseVerdict, commands: &[String]) -> Result<()> {
        let mut text = format!("# this phase\n{}\n", self.command);
        if !commands.is_empty() {
            text.push_str("\n# the engines alone (images into the working directory)\n");
            for c in commands {
                text.push_str(c);
                text.push('\n');
            }
        }
        writer.write("commands.txt", text)?;
        writer.write_json("env.json", &self.environment)?;
        writer.write_json("verdict.json", verdict)?;
        let tests = crate::tests_list::TestList::of(&self.root);
        writer.write("collect.log", tests.text())
    }

    /// Adds an attempt to the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn record(&self, done: &Done, capture: Option<&crate::capture::model::Capture>) -> Result<()> {
        self.record_attempt(done, capture, None)
    }

    /// As [`Context::record`], with the key by which a repetition is known.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn record_attempt(
        &self,
        done: &Done,
        capture: Option<&crate::capture::model::Capture>,
        attempt_key: Option<String>,
    ) -> Result<()> {
        let verdict = serde_json::to_value(done.verdict)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let sizes = capture.iter().flat_map(|c| &c.sizes).map(|z| {
            let judged = crate::report::capture::worst(z);
            ledger::SizeLine {
                size: z.numbers.size,
                one_minus_correlation: judged.and_then(|j| j.comparison.one_minus_correlation),
                sum_ratio: judged.and_then(|j| j.comparison.sum_ratio),
                speedup_warm: z.numbers.speedup_warm,
            }
        });
        let line = ledger::Line {
            schema: ledger::SCHEMA.into(),
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            phase: done.phase.clone(),
            stamp: stamp::name_of(&done.stamp),
            path: done.stamp.clone(),
            verdict,
            case: capture.map(|c| c.case.clone()),
            commit: self.environment.commit.clone(),
            dirty_diff_sha256: self.environment.dirty_diff_sha256.clone(),
            candidate_sha256: capture.map(|c| c.candidate.sha256.clone()),
            reference_sha256: capture.map(|c| c.reference.sha256.clone()),
            attempt_key,
            cause: None,
            loosened: capture
                .map(|c| gates::loosened(&c.gates).into_iter().map(|l| l.text).collect())
                .unwrap_or_default(),
            sizes: sizes.collect(),
        };
        ledger::append(&self.ledger(), &line)
    }
}

impl PhaseVerdict {
    /// The stamp of `phase` that `stamp`, whose verdict this is, was made from.
    ///
    /// # Errors
    /// When it names none.
    pub fn parent(&self, phase: &str, stamp: &Path) -> Result<Parent> {
        self.parents.iter().find(|p| p.phase == phase).cloned().ok_or_else(|| {
            AuditError::failed(
                stamp.join("verdict.json").display(),
                format!("names no parent of phase {}", phase.to_uppercase()),
            )
        })
    }
}

/// Bits of the widest vector registers of this machine.
fn register_bits(ctx: &Context) -> u32 {
    crate::backlog::Vectors::of(&ctx.environment.cpu_features, "f64").bits
}

/// What a stamp has, and what of `expected` it lacks, for the checklist in `summary.md`.
fn checklist(writer: &Writer, expected: &[(&str, &str)]) -> Vec<(String, std::result::Result<u64, String>)> {
    let files = writer.files();
    let mut list: Vec<_> = files.iter().map(|(name, size)| (name.clone(), Ok(*size))).collect();
    for (name, why) in expected {
        if !files.iter().any(|(f, _)| f == name) {
            list.push(((*name).to_string(), Err((*why).to_string())));
        }
    }
    list
}
