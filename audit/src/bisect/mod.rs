//! Which commit made two engines disagree: halving over a range of git commits, the audit as the test. Each commit is built in a
//! work tree of its own and runs the case twice; what is known is kept on disk after every run.

pub mod git;
pub mod search;
pub mod test_step;

use crate::exit::{AuditError, Result};
use search::{Mark, Next};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use test_step::{Step, Tester};

/// What is known, kept on disk (`state.json`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The form of this record.
    pub schema: String,
    /// The commit that passes.
    pub good: String,
    /// The commit that blocks.
    pub bad: String,
    /// The commits after `good`, oldest first; the last is `bad`.
    pub commits: Vec<String>,
    /// Every run: commit, verdict, figures.
    pub runs: Vec<Run>,
    /// Commits that cannot be tested, and why.
    pub skipped: BTreeMap<String, String>,
    /// The first bad commit, once it is known.
    pub found: Option<String>,
    /// The commit whose run was under way when this was written: the only run that a kill can lose.
    #[serde(default)]
    pub in_flight: Option<String>,
    /// The commits among which it is, when those between cannot be tested.
    pub among: Vec<String>,
}

/// One run of the case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// When it ended (UTC).
    pub time: String,
    /// The commit.
    pub commit: String,
    /// Whether the gates passed.
    pub passed: bool,
    /// What the comparison said.
    pub outcome: String,
    /// Hash of the image.
    pub image: String,
}

/// The form of [`State`].
pub const SCHEMA: &str = "bragg-audit/bisect/1";

/// How often each commit between the ends runs the case.
const TIMES: usize = 2;

/// Searches; what is known survives in `folder`.
///
/// # Errors
/// When an end is not what it was said to be, when git fails, or when a person interrupts.
pub fn bisect(
    repository: &Path,
    (good, bad): (&str, &str),
    folder: &Path,
    tester: &mut Tester<'_>,
    keep_ignored: bool,
    mut tell: impl FnMut(&str),
) -> Result<State> {
    let mut state = load(folder)?.unwrap_or_default();
    if state.schema.is_empty() {
        state = State {
            schema: SCHEMA.into(),
            good: good.into(),
            bad: bad.into(),
            commits: git::range(repository, good, bad)?,
            ..State::default()
        };
        save(folder, &state)?;
    } else if !state.runs.is_empty() {
        tell(&format!("going on after {} runs (--restart begins anew)", state.runs.len()));
        if let Some(commit) = &state.in_flight {
            tell(&format!("  the run of {} that was under way then is lost", short(commit)));
        }
    }
    if state.found.is_some() {
        return Ok(state);
    }
    let tree = git::Tree::new(repository, &folder.join("tree"), bad, keep_ignored)?;
    loop {
        let last = state.commits.len() - 1;
        let marks: Vec<Option<Mark>> = state
            .commits
            .iter()
            .enumerate()
            .map(|(i, c)| mark(&state, c, if i == last { 1 } else { TIMES }))
            .collect();
        match search::next(&marks) {
            Next::Test(i) => {
                let commit = state.commits[i].clone();
                let left = marks.iter().filter(|m| m.is_none()).count();
                tell(&format!("{} ({left} commits untested)", short(&commit)));
                run(&mut state, folder, &tree, tester, &commit, TIMES, &mut tell)?;
            }
            Next::Found(i) => {
                confirm(&mut state, folder, &tree, tester, (i == 0, i == last), &mut tell)?;
                state.found = Some(state.commits[i].clone());
                break;
            }
            Next::Among(from, to) => {
                confirm(&mut state, folder, &tree, tester, (from == 0, to == last), &mut tell)?;
                state.among = state.commits[from..=to].to_vec();
                break;
            }
        }
    }
    save(folder, &state)?;
    Ok(state)
}

/// Runs the ends on which the answer rests (good, bad), once each. An end that a tested commit stands in for needs no run: between
/// a commit that passes and a later one that blocks there is a first that blocks, whatever lies before and after.
fn confirm(
    state: &mut State,
    folder: &Path,
    tree: &git::Tree<'_>,
    tester: &mut Tester<'_>,
    rests_on: (bool, bool),
    tell: &mut impl FnMut(&str),
) -> Result<()> {
    let ends = [
        ("--good", state.good.clone(), Mark::Good, rests_on.0),
        ("--bad", state.bad.clone(), Mark::Bad, rests_on.1),
    ];
    for (end, commit, wanted, needed) in ends {
        if !needed {
            continue;
        }
        if mark(state, &commit, 1).is_none() {
            tell(&format!("{end} {}", short(&commit)));
            run(state, folder, tree, tester, &commit, 1, tell)?;
        }
        if mark(state, &commit, 1) == Some(wanted) {
            continue;
        }
        let why = state.skipped.get(&commit).cloned();
        let said = why.or_else(|| {
            state.runs.iter().rfind(|r| r.commit == commit).map(|r| format!("the engines {}", r.outcome))
        });
        std::fs::remove_file(folder.join(FILE)).ok(); // nothing of this search can be used
        return Err(AuditError::usage(format!(
            "{end} {}: {}; give a commit that {}",
            short(&commit),
            said.unwrap_or_default(),
            if wanted == Mark::Good { "passes" } else { "blocks" }
        )));
    }
    Ok(())
}

/// The commit's mark, once it has run often enough; runs that contradict each other make it untestable.
fn mark(state: &State, commit: &str, times: usize) -> Option<Mark> {
    if state.skipped.contains_key(commit) {
        return Some(Mark::Skip);
    }
    let runs: Vec<&Run> = state.runs.iter().filter(|r| r.commit == commit).collect();
    (runs.len() >= times).then(|| match (runs.iter().all(|r| r.passed), runs.iter().any(|r| r.passed)) {
        (true, _) => Mark::Good,
        (false, false) => Mark::Bad,
        (false, true) => Mark::Skip,
    })
}

/// Builds a commit and runs the case as often as is still wanted.
fn run(
    state: &mut State,
    folder: &Path,
    tree: &git::Tree<'_>,
    tester: &mut Tester<'_>,
    commit: &str,
    times: usize,
    tell: &mut impl FnMut(&str),
) -> Result<()> {
    tree.go(commit)?;
    if let Some(why) = tester.build(tree.path())? {
        tell(&format!("  cannot be built: {why}"));
        state.skipped.insert(commit.into(), why);
        return save(folder, state);
    }
    while state.runs.iter().filter(|r| r.commit == commit).count() < times {
        state.in_flight = Some(commit.into());
        save(folder, state)?;
        let step = tester.run(tree.path())?;
        state.in_flight = None;
        match step {
            Step::Compared { passed, outcome, image } => {
                tell(&format!("  {outcome}"));
                let before = state.runs.iter().find(|r| r.commit == commit).map(|r| r.image.clone());
                state.runs.push(Run {
                    time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    commit: commit.into(),
                    passed,
                    outcome,
                    image: image.clone(),
                });
                if before.is_some_and(|b| b != image) {
                    state.skipped.insert(commit.into(), "its two runs gave different images".into());
                }
            }
            Step::Untestable(why) => {
                tell(&format!("  cannot be tested: {why}"));
                state.skipped.insert(commit.into(), why);
                return save(folder, state);
            }
        }
        save(folder, state)?;
    }
    Ok(())
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The state's file.
pub const FILE: &str = "state.json";

fn load(folder: &Path) -> Result<Option<State>> {
    let path: PathBuf = folder.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| AuditError::failed(path.display(), format!("{e}; --restart begins anew"))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(AuditError::failed(path.display(), e)),
    }
}

/// Complete or as before: written beside, then renamed.
fn save(folder: &Path, state: &State) -> Result<()> {
    let path = folder.join(FILE);
    let problem = |e: std::io::Error| AuditError::failed(path.display(), e);
    std::fs::create_dir_all(folder).map_err(problem)?;
    let text = serde_json::to_vec_pretty(state).map_err(|e| AuditError::failed(path.display(), e))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(problem)?;
    std::io::Write::write_all(&mut file, &text).map_err(problem)?;
    file.persist(&path).map(|_| ()).map_err(|e| problem(e.error))
}
