//! `bisect`: which commit made the engines disagree; `bisect --step`: one test for `git bisect run`.

use super::Context;
use crate::bisect::test_step::{Defined, Source, Step, Tester};
use crate::bisect::{self, State, git};
use crate::capture::Settings;
use crate::cli::CaptureArgs;
use crate::diagnose::lab::Lab;
use crate::engines::process::Limits;
use crate::exit::{AuditError, Exit, Result};
use crate::progress::Progress;
use crate::{case, hash};
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `bisect` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Halves a range of git commits with the audit as the test. Each commit is built in a work tree of its own and runs the \
case twice; one that cannot be built or run is skipped. The ends are believed until the answer rests on one of them: then it is run, \
too. What is known is kept before and after every run: the same command line goes on where it was stopped.

Only first parents are followed, so a merge counts as one commit with all that it brought in. When the commit that is found is a merge, \
bisect.md has the command line that goes on along the merged branch.

  bragg-audit bisect --good v1.0 --bad HEAD --build 'make engine' --program engine -- -default_F 100 -cell 100 -N 5 -detpixels 128
  git bisect run bragg-audit bisect --step --build 'make engine' --program engine -- -default_F 100 -cell 100 -N 5 -detpixels 128

Exit status: 0 found; 3 not found (commits between cannot be tested). With --step git's language: 0 good, 1 bad, 125 cannot be tested, \
128 the audit itself failed."
)]
pub struct BisectArgs {
    /// A commit that passes
    #[arg(long, value_name = "COMMIT", required_unless_present = "step")]
    pub good: Option<String>,
    /// A later commit that blocks
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    pub bad: String,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repository: PathBuf,
    /// The build command, quoted as for a shell (no shell runs); it runs in the work tree
    #[arg(long, value_name = "COMMAND")]
    pub build: Option<String>,
    /// The candidate's executable, relative to the work tree [default: what the candidate of audit.toml names there]
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
    /// Limit of one build, seconds
    #[arg(long, value_name = "S", default_value = "3600", value_parser = clap::value_parser!(u64).range(1..))]
    pub build_limit: u64,
    /// Keep files that git ignores from commit to commit: faster builds, if the build can be trusted
    #[arg(long)]
    pub keep_ignored: bool,
    /// Forget what an earlier search of this range found
    #[arg(long)]
    pub restart: bool,
    /// Test what is checked out here, once, for `git bisect run`
    #[arg(long)]
    pub step: bool,
    /// The words of the capture
    #[command(flatten)]
    pub capture: CaptureArgs,
}

/// What a search left.
pub struct Bisected {
    /// Its folder.
    pub folder: PathBuf,
    /// What is known.
    pub state: State,
    /// The found commit in a few lines.
    pub summary: String,
}

/// The candidate that is meant.
fn candidate<'a>(ctx: &'a Context, args: &'a BisectArgs) -> &'a str {
    args.capture.candidate.as_ref().unwrap_or(&ctx.config.engines.candidate)
}

/// Whether the candidate is one of `audit.toml`: it need not be built where the search starts.
#[must_use]
pub fn is_defined(ctx: &Context, args: &BisectArgs) -> bool {
    ctx.config.engines.defined.contains_key(candidate(ctx, args))
}

/// Where each commit of `repository` has its candidate.
fn source(ctx: &Context, args: &BisectArgs, settings: &Settings, repository: &Path) -> Result<Source> {
    let name = candidate(ctx, args);
    let Some(definition) = ctx.config.engines.defined.get(name) else {
        return Source::of(&settings.candidate, args.program.clone(), repository);
    };
    let root = std::fs::canonicalize(&ctx.root).map_err(|e| AuditError::failed(ctx.root.display(), e))?;
    Ok(Source::Defined(Box::new(Defined {
        name: name.into(),
        definition: definition.clone(),
        repository: repository.to_owned(),
        folder: root.strip_prefix(repository).unwrap_or(&root).to_owned(),
        program: args.program.clone(),
    })))
}

/// The top of a repository: work trees are copies of that.
fn top(folder: &Path) -> Result<PathBuf> {
    let top = git::git(folder, &["rev-parse", "--show-toplevel"])?;
    std::fs::canonicalize(top.trim()).map_err(|e| AuditError::failed(top.trim(), e))
}

fn repository(args: &BisectArgs) -> Result<PathBuf> {
    std::fs::canonicalize(&args.repository)
        .map_err(|e| AuditError::usage(format!("--repository {}: {e}", args.repository.display())))
}

fn tester<'a>(
    args: &BisectArgs,
    source: Source,
    settings: &'a Settings,
    progress: &'a Progress,
) -> Result<Tester<'a>> {
    let build = args.build.as_ref().map_or(Ok(Vec::new()), |b| case::split_words("--build", b))?;
    let limits = Limits { time: Duration::from_secs(args.build_limit), output: 1 << 20, ..Limits::default() };
    let lab = Lab::new(settings, Duration::from_secs(u64::from(u32::MAX)), progress);
    Ok(Tester::new(lab, settings, build, source, limits))
}

/// One test of what is checked out; the exit status in git's language.
#[must_use]
pub fn step(ctx: &Context, args: &BisectArgs, settings: &Settings) -> Exit {
    let progress = Progress::new(ctx.quiet, 2);
    // what is checked out here is the tree
    let tested = repository(args).and_then(|tree| {
        let source = source(ctx, args, settings, &tree)?;
        let mut tester = tester(args, source, settings, &progress)?;
        match tester.build(&tree)? {
            Some(why) => Ok(Step::Untestable(why)),
            None => tester.run(&tree),
        }
    });
    match tested {
        Ok(Step::Compared { passed, outcome, .. }) => {
            eprintln!("bragg-audit: the engines {outcome}");
            if passed { Exit::Pass } else { Exit::Failed } // git's 0 and 1
        }
        Ok(Step::Untestable(why)) => {
            eprintln!("bragg-audit: cannot be tested: {why}");
            Exit::Untestable
        }
        Err(e) => {
            eprintln!("bragg-audit: {e}");
            Exit::StopBisection
        }
    }
}

/// Searches the range and leaves `bisect.md` and `bisect.log` beside its state.
///
/// # Errors
/// When an end is not what it was said to be, when git fails, or when a person interrupts.
pub fn bisect(ctx: &Context, args: &BisectArgs, settings: &Settings) -> Result<Bisected> {
    let repository = top(&repository(args)?)?;
    let source = source(ctx, args, settings, &repository)?;
    let good = git::commit(&repository, args.good.as_deref().unwrap_or_default())?;
    let bad = git::commit(&repository, &args.bad)?;
    // the same search again goes on; another one has a folder of its own
    let key = format!(
        "{}\n{good}\n{bad}\n{:?}\n{source:?}\n{}\n{:?}\n{:?}\n{:?}\n{}",
        repository.display(),
        args.build,
        case::paste(&settings.case.args),
        settings.sizes,
        settings.reference_args,
        settings.candidate_args,
        settings.reference.identity.sha256,
    );
    let name = hash::text(&key);
    let folder = ctx.reports.join(&ctx.initiative).join("bisect").join(name.get(..16).unwrap_or(&name));
    if args.restart && folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| AuditError::failed(folder.display(), e))?;
    }
    std::fs::create_dir_all(&folder).map_err(|e| AuditError::failed(folder.display(), e))?;
    let _one = crate::ledger::lock(&folder.join("lock"))?;
    let progress = Progress::new(ctx.quiet, 16);
    let mut tester = tester(args, source, settings, &progress)?;
    let quiet = ctx.quiet;
    let state =
        bisect::bisect(&repository, (&good, &bad), &folder, &mut tester, args.keep_ignored, |line| {
            if !quiet {
                progress.note(line);
            }
        })?;
    let summary = match &state.found {
        Some(commit) => git::git(&repository, &["show", "--no-patch", "--format=%h %an %as %s", commit])?
            .trim()
            .to_owned(),
        None => {
            format!("not found: {} commits between cannot be tested", state.among.len().saturating_sub(1))
        }
    };
    write(&folder, "bisect.md", &markdown(&repository, &state, &summary)?)?;
    write(&folder, "bisect.log", &log(&state))?;
    Ok(Bisected { folder, state, summary })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|e| AuditError::failed(path.display(), e))
}

/// Lines of the diff that are shown.
const DIFF_LINES: usize = 400;

fn markdown(repository: &Path, state: &State, summary: &str) -> Result<String> {
    let mut t = format!("# Bisect\n\n{summary}\n\n");
    let _ = writeln!(
        t,
        "{} commits, {} runs of the case, {} commits skipped.\n",
        state.commits.len(),
        state.runs.len(),
        state.skipped.len()
    );
    if let Some(commit) = &state.found {
        t.push_str(&merged(repository, commit)?);
    }
    for commit in state.found.iter().chain(&state.among) {
        let stat = git::git(
            repository,
            &["show", "--stat=100", "--format=commit %H%nAuthor: %an%nDate: %ad%n%n    %s%n", commit],
        )?;
        let _ = write!(t, "```text\n{}\n```\n\n", stat.trim_end());
    }
    if let Some(commit) = &state.found {
        let diff =
            git::git(repository, &["show", "--format=", "--patch", "--no-color", "--no-ext-diff", commit])?;
        let lines: Vec<&str> = diff.lines().collect();
        let _ = write!(t, "```diff\n{}\n```\n", lines[..lines.len().min(DIFF_LINES)].join("\n"));
        if lines.len() > DIFF_LINES {
            let _ = writeln!(t, "\n{} more lines: `git show {commit}`", lines.len() - DIFF_LINES);
        }
    }
    t.push_str("\n## Runs\n\n| commit | verdict | comparison |\n|---|---|---|\n");
    for r in &state.runs {
        let _ = writeln!(
            t,
            "| {} | {} | {} |",
            r.commit.get(..12).unwrap_or(&r.commit),
            if r.passed { "good" } else { "bad" },
            r.outcome
        );
    }
    for (commit, why) in &state.skipped {
        let _ =
            writeln!(t, "| {} | skipped | {} |", commit.get(..12).unwrap_or(commit), why.replace('|', "\\|"));
    }
    Ok(t)
}

/// How to go on when the commit that was found is a merge: the search saw it as one commit.
fn merged(repository: &Path, commit: &str) -> Result<String> {
    let text = git::git(repository, &["rev-list", "--parents", "-n", "1", commit])?;
    let parents: Vec<&str> = text.split_whitespace().skip(1).collect();
    let [first, others @ ..] = parents.as_slice() else { return Ok(String::new()) };
    let mut t = String::new();
    for other in others {
        // unrelated histories have no base: then there is no range to search
        let Ok(base) = git::git(repository, &["merge-base", first, other]) else { continue };
        let _ = write!(
            t,
            "This commit is a merge, and only first parents were followed. The branch that it brought in is searched by the same command \
             line with\n\n```text\n--good {} --bad {other}\n```\n\nwhen its last commit passes, the merge itself is at fault.\n\n",
            base.trim()
        );
    }
    Ok(t)
}

fn log(state: &State) -> String {
    let mut t = format!("# good: {}\n# bad: {}\n", state.good, state.bad);
    for r in &state.runs {
        let _ =
            writeln!(t, "{} {} {} {}", r.time, r.commit, if r.passed { "good" } else { "bad" }, r.outcome);
    }
    for (commit, why) in &state.skipped {
        let _ = writeln!(t, "- {commit} skip {}", why.replace('\n', " "));
    }
    if let Some(found) = &state.found {
        let _ = writeln!(t, "# first bad commit: {found}");
    }
    t
}
