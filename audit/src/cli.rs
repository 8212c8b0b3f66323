//! The command line: what can be asked, and in which words it is explained.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Parity first, then speed: proves that a port of a simulator gives the same answer, then says which loop to work on.
#[derive(Debug, Parser)]
#[command(name = "bragg-audit", version, after_help = EXIT_HELP, arg_required_else_help = true)]
pub struct Cli {
    /// Read this configuration instead of the nearest audit.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where stamps go [default: reports/ beside audit.toml, else in the working directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub reports: Option<PathBuf>,
    /// The named effort that stamps belong to [default: of audit.toml, else nanobragg]
    #[arg(long, global = true, value_name = "NAME")]
    pub initiative: Option<String>,
    /// No progress on standard error
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_HELP: &str = "Exit status: 0 pass; 1 the audit itself failed; 2 usage; 3 blocked (parity, or a phase whose need is not met); \
4 not comparable (shape, non-finite values, missing or empty image, an engine that differs from itself); 5 an engine failed or timed out.

Examples:
  bragg-audit run                                  the whole way on the benchmark case, 4096x4096
  bragg-audit run --sizes 1024 --iterations 3      smaller and faster
  bragg-audit run --evidence                       with what the compilers made of every loop
  bragg-audit capture --candidate-args \"-default_F 101\"   what a wrong candidate looks like (exit 3)
  bragg-audit capture -- -default_F 100 -cell 70 80 90 90 90 90 -lambda 1 -N 5 -detpixels 512   a case of your own
  NB_C_BIN=~/nanoBragg bragg-audit run             against a nanoBragg binary instead of the bundled C engine";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do it all: inventory, capture, hot loops, backlog (phases A to B3)
    Run(RunArgs),
    /// Write an audit.toml for a pair of engines, by asking or from flags
    Init(crate::phases::init::InitArgs),
    /// Phase A: list every loop of the sources
    Inventory(crate::phases::inventory::InventoryArgs),
    /// Phase B1: render with both engines, judge parity, take times and a profile
    Capture(CaptureArgs),
    /// Compare two image files: metrics, gates, verdict, pictures
    Diff(crate::phases::diff::DiffArgs),
    /// Run many cases from a file, side by side; leaves a matrix, JSON and JUnit XML
    Suite(crate::phases::suite::SuiteArgs),
    /// Phase B2: join the profile of a passing capture with the inventory
    HotLoops(HotLoopsArgs),
    /// Phase B3: rank the hot loops by what working on them can give
    Backlog(BacklogArgs),
    /// Find out by experiment why two engines disagree
    Diagnose(crate::phases::diagnose::DiagnoseArgs),
    /// Find the git commit that made two engines disagree
    Bisect(crate::phases::bisect::BisectArgs),
    /// Show all attempts: verdicts, figures, speed, failures in a row, and a plot
    History(crate::phases::history::HistoryArgs),
    /// Check this machine: what is there, what is missing, and what it is needed for
    Doctor,
    /// Sum up a Chrome trace of anybody: operators, Python functions, threads, peaks of memory
    TraceTop(crate::phases::trace_top::TraceTopArgs),
    /// Phase C: what is needed to change one loop: its design page, and a bench of its stage
    Packet(crate::phases::packet::PacketArgs),
    /// Phase D: what a change did: two captures that pass, times with intervals, loop by loop
    Compare(crate::phases::compare::CompareArgs),
    /// Show the phases of an initiative: what is done, what blocks what, and the command that comes next
    Status,
    /// Remove old stamps, but not what newer ones build on
    Prune(crate::phases::prune::PruneArgs),
    /// Check the files of a stamp against its checksums
    Verify {
        /// The stamp's folder
        stamp: PathBuf,
    },
    /// Be an engine's process (used by the audit itself)
    #[command(name = crate::engines::CHILD_COMMAND, hide = true)]
    Engine(EngineArgs),
    /// End what is left of a killed audit's engines (used by the audit itself)
    #[command(name = crate::engines::guardian::COMMAND, hide = true)]
    Guardian,
}

/// Arithmetic of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// Double precision
    #[value(alias = "float64")]
    F64,
    /// Single precision
    #[value(alias = "float32")]
    F32,
}

/// Where the candidate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor
    Cpu,
}

/// What `run` takes.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What the capture takes.
    #[command(flatten)]
    pub capture: CaptureArgs,
    /// First ask the compilers what they made of every loop, so that no hot loop stays uncertain (minutes the first time;
    /// kept until a source or a compiler changes)
    #[arg(long)]
    pub evidence: bool,
}

/// What `capture` and `run` take.
#[derive(Clone, Debug, Args)]
pub struct CaptureArgs {
    /// Detector edges in pixels, each rendered and judged [default: of audit.toml, 4096]
    #[arg(long, value_delimiter = ',', value_name = "N,N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub sizes: Vec<u32>,
    /// Timed rounds, the engines alternating [default: of audit.toml, 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub iterations: Option<u32>,
    /// Arithmetic of the candidate
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// Where the candidate computes
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Device,
    /// Take a profile (trace and samples); this is the default
    #[arg(long, overrides_with = "no_profile")]
    pub profile: bool,
    /// Take no profile; phase B2 then refuses
    #[arg(long)]
    pub no_profile: bool,
    /// Keep the images in the stamp
    #[arg(long)]
    pub keep_artifacts: bool,
    /// Write the stamp into this very folder (`run`: its phases into folders below it)
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
    /// A nanoBragg binary in place of the bundled C engine [default: $NB_C_BIN]
    #[arg(long, value_name = "PATH")]
    pub c_bin: Option<PathBuf>,
    /// What is believed: c, c:PATH, rust, rust-f32, rust-reference, one of audit.toml [default: of audit.toml, c]
    #[arg(long, value_name = "ENGINE")]
    pub reference: Option<String>,
    /// What has to prove itself: the same names [default: of audit.toml, rust]
    #[arg(long, value_name = "ENGINE")]
    pub candidate: Option<String>,
    /// A third engine, asked which of two that disagree is wrong, such as rust-reference
    #[arg(long, value_name = "ENGINE")]
    pub referee: Option<String>,
    /// Run the engines in this directory instead of an empty one; the stamp says so loudly
    #[arg(long, value_name = "DIR")]
    pub in_place: Option<PathBuf>,
    /// Capture although nothing has changed since the last attempt, which failed
    #[arg(long)]
    pub force: bool,
    /// More arguments for the candidate alone, quoted as for a shell
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub candidate_args: Option<String>,
    /// More arguments for the reference alone, quoted as for a shell
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub reference_args: Option<String>,
    /// Limits of the command line.
    #[command(flatten)]
    pub gates: crate::phases::GateArgs,
    /// Threads of each engine [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub threads: Option<u32>,
    /// Limit of one run of one engine, seconds [default: of audit.toml, 600]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: Option<u64>,
    /// Resident memory that one run of one engine may take, MB [default: of audit.toml, nine tenths of the machine's]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub memory_limit: Option<u64>,
    /// Disk that one run of one engine may fill, MB [default: of audit.toml, 20000]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub disk_limit: Option<u64>,
    /// A case of one's own: arguments for both engines
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
}

/// What `hot-loops` takes.
#[derive(Debug, Args)]
#[command(after_help = crate::phases::foreign::HELP)]
pub struct HotLoopsArgs {
    /// The capture's stamp [default: the newest]
    #[arg(long, value_name = "STAMP")]
    pub capture: Option<PathBuf>,
    /// The inventory's stamp [default: the newest]; for profiles of others also a source directory or a JSON file
    #[arg(long, value_name = "STAMP")]
    pub inventory: Option<PathBuf>,
    /// Profiles of others.
    #[command(flatten)]
    pub others: crate::phases::foreign::OthersArgs,
    /// Smallest inclusive share of a row of its own, percent
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = percent)]
    pub threshold: f64,
    /// Go on although a need is not met; everything written is marked UNRELIABLE
    #[arg(long)]
    pub allow_blocked: bool,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// What `backlog` takes.
#[derive(Debug, Args)]
pub struct BacklogArgs {
    /// The hot loops' stamp [default: the newest]
    #[arg(long, value_name = "STAMP")]
    pub hot_loops: Option<PathBuf>,
    /// Go on although a need is not met; everything written is marked UNRELIABLE
    #[arg(long)]
    pub allow_blocked: bool,
    /// Write the stamp into this very folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// What an engine's process takes.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// `rust` or `c`
    pub engine: String,
    /// Sample all threads into this file
    #[arg(long)]
    pub samples: Option<PathBuf>,
    /// Profile functions into this file
    #[arg(long)]
    pub functions: Option<PathBuf>,
    /// The engine's own arguments
    #[arg(last = true)]
    pub args: Vec<OsString>,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if (0.0..=100.0).contains(&v) => Ok(v),
        _ => Err("a number from 0 to 100 is wanted".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_for_engines_pass_through() {
        let cli = Cli::parse_from([
            "bragg-audit",
            "capture",
            "--candidate-args",
            "-default_F 101",
            "--sizes",
            "64,128",
            "--",
            "-N",
            "5",
        ]);
        let Command::Capture(args) = cli.command else { panic!("not capture") };
        assert_eq!(args.candidate_args.as_deref(), Some("-default_F 101"));
        assert_eq!((args.sizes, args.args), (vec![64, 128], vec!["-N".into(), "5".into()]));
        assert!(Cli::try_parse_from(["bragg-audit", "run", "--sizes", "0"]).is_err());
        assert!(Cli::try_parse_from(["bragg-audit", "run", "--sizes", "big"]).is_err());
        assert!(Cli::try_parse_from(["bragg-audit", "run", "--device", "cuda"]).is_err());
    }
}
