//! `bisect` on a repository of 64 commits with a fault in one, some of which do not build; killed half-way; one step for git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bragg_tests::audits::PASS;
use bragg_tests::c_copies::{MAIN, engine};
use bragg_tests::processes;
use bragg_tests::programs::{Ran, binary, run, spawn, temporary_folder};
use serde_json::Value;

const COMMITS: usize = 64;
const CASE: &str = "-default_F 100 -cell 70 80 90 85 95 100 -misset 10 20 30 -N 4 -lambda 1 -distance 100 -detpixels 32 -pixel 1 -oversample 1";

fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args([
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .expect("git");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A repository whose `build` puts an engine together: commit 0 and 64 more, bad from `first` on, broken where `broken` says.
struct Repository {
    dir: tempfile::TempDir,
    commits: Vec<String>,
    runs: PathBuf,
}

fn repository(first: usize, broken: impl Fn(usize) -> bool) -> Repository {
    let dir = temporary_folder();
    let engines = dir.path().join("engines");
    let right = engine(&engines.join("right"), None, MAIN);
    let wrong = engine(
        &engines.join("wrong"),
        Some(("lattice.h", "sin(PI * N * h) / below", "sin(PI * (N - 1.0) * h) / below")),
        MAIN,
    );
    let runs = dir.path().join("runs");
    std::fs::write(&runs, "").expect("the count");
    let tree = dir.path().join("a repository");
    std::fs::create_dir(&tree).expect("the repository");
    git(&tree, &["init", "--quiet"]);
    let mut commits = Vec::new();
    for i in 0..=COMMITS {
        let target = if i >= first { &wrong } else { &right };
        // every run of the engine leaves a line; the engine itself is the C engine
        let wrapper =
            format!("#!/bin/sh\necho x >> '{}'\nexec '{}' \"$@\"\n", runs.display(), target.display());
        let build = if broken(i) {
            "#!/bin/sh\necho 'syntax error in line 7' >&2\nexit 1\n".to_owned()
        } else {
            "#!/bin/sh\nset -eu\ncp engine.in engine\nchmod +x engine\n".to_owned()
        };
        std::fs::write(tree.join("engine.in"), wrapper).expect("engine.in");
        std::fs::write(tree.join("build"), build).expect("build");
        std::fs::write(tree.join("notes.txt"), format!("change {i}\n")).expect("notes.txt");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tree.join("build"), mode).expect("executable");
        git(&tree, &["add", "-A"]);
        git(&tree, &["commit", "--quiet", "-m", &format!("change number {i}")]);
        commits.push(git(&tree, &["rev-parse", "HEAD"]));
    }
    Repository { dir, commits, runs }
}

impl Repository {
    fn words(&self) -> Vec<String> {
        self.words_between(&self.commits[0], &self.commits[COMMITS])
    }

    fn words_between(&self, good: &str, bad: &str) -> Vec<String> {
        let tree = self.dir.path().join("a repository").to_string_lossy().into_owned();
        let reports = self.dir.path().join("reports").to_string_lossy().into_owned();
        let mut words: Vec<String> = [
            "bisect",
            "--json",
            "--reports",
            &reports,
            "--repository",
            &tree,
            "--build",
            "./build",
            "--program",
            "engine",
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(["--good".into(), good.into(), "--bad".into(), bad.into(), "--".into()]);
        words.extend(CASE.split(' ').map(str::to_owned));
        words
    }

    fn bisect(&self) -> Ran {
        run(&binary("bragg-audit"), &self.words(), self.dir.path())
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(&self.runs).expect("the count").lines().count()
    }
}

fn found(ran: &Ran) -> String {
    ran.expect_code(PASS);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON on standard output");
    value["found"].as_str().expect("the commit that was found").to_owned()
}

/// 2 × ⌈log₂ 64⌉ + 2.
const MOST_RUNS: usize = 14;

#[test]
fn the_commit_is_named_over_some_that_do_not_build() {
    let first = 41;
    let repo = repository(first, |i| (20..38).contains(&i) || (i % 7 == 3 && i != COMMITS && i != first));
    let ran = repo.bisect();
    assert_eq!(found(&ran), repo.commits[first], "{ran}");
    assert!(repo.runs() <= MOST_RUNS, "{} runs", repo.runs());
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert!(value["summary"].as_str().is_some_and(|s| s.contains("change number 41")), "{value:#}");
    let folder = Path::new(value["folder"].as_str().expect("the folder"));
    let report = std::fs::read_to_string(folder.join("bisect.md")).expect("bisect.md");
    for word in ["change number 41", "engine.in", "+exec", "syntax error"] {
        assert!(report.contains(word), "{word} is not in\n{report}");
    }
    let log = std::fs::read_to_string(folder.join("bisect.log")).expect("bisect.log");
    assert!(log.contains("first bad commit") && log.contains("skip"), "{log}");
    // no work tree is left, and the same command line has nothing to do
    assert_eq!(git(&repo.dir.path().join("a repository"), &["worktree", "list"]).lines().count(), 1);
    let before = repo.runs();
    assert_eq!(found(&repo.bisect()), repo.commits[first]);
    assert_eq!(repo.runs(), before);
}

#[test]
fn a_killed_search_goes_on() {
    // in the middle, and where the answer rests on an end that has to be run, too
    for first in [9, 1, COMMITS] {
        killed_half_way(first);
    }
}

fn killed_half_way(first: usize) {
    let repo = repository(first, |_| false);
    let mut command = Command::new(binary("bragg-audit"));
    command.args(repo.words()).current_dir(repo.dir.path());
    let mut child = spawn(&mut command);
    // half of the runs, then the end at once
    let patience = std::time::Instant::now();
    while repo.runs() < 7 && child.try_wait().expect("the child").is_none() {
        assert!(patience.elapsed().as_secs() < 300, "no progress");
        std::thread::yield_now();
    }
    processes::signal_group(child.id(), libc::SIGKILL);
    child.wait().expect("the child ends");
    let killed_after = repo.runs();
    assert_eq!(found(&repo.bisect()), repo.commits[first]);
    // the run that was under way is lost, and no other; the limit holds all the same
    assert!(repo.runs() <= MOST_RUNS, "{} runs, killed after {killed_after}", repo.runs());
    assert_eq!(git(&repo.dir.path().join("a repository"), &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_merge_is_one_commit_and_its_branch_is_searched_next() {
    let repo = repository(COMMITS + 1, |_| false);
    let tree = repo.dir.path().join("a repository");
    git(&tree, &["checkout", "--quiet", "-b", "side", &repo.commits[60]]);
    let mut side = Vec::new();
    for i in 0..4 {
        if i == 2 {
            let right = std::fs::read_to_string(tree.join("engine.in")).expect("engine.in");
            std::fs::write(tree.join("engine.in"), right.replace("/right/", "/wrong/")).expect("engine.in");
        }
        std::fs::write(tree.join("side.txt"), format!("side {i}\n")).expect("side.txt");
        git(&tree, &["add", "-A"]);
        git(&tree, &["commit", "--quiet", "-m", &format!("side {i}")]);
        side.push(git(&tree, &["rev-parse", "HEAD"]));
    }
    git(&tree, &["checkout", "--quiet", "main"]);
    git(&tree, &["merge", "--quiet", "--no-ff", "-m", "merge side", "side"]);
    let merge = git(&tree, &["rev-parse", "HEAD"]);
    let between =
        |good: &str, bad: &str| run(&binary("bragg-audit"), &repo.words_between(good, bad), repo.dir.path());
    let ran = between(&repo.commits[50], &merge);
    assert_eq!(found(&ran), merge);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let folder = Path::new(value["folder"].as_str().expect("the folder"));
    let report = std::fs::read_to_string(folder.join("bisect.md")).expect("bisect.md");
    let line = report.lines().find(|l| l.starts_with("--good ")).expect("how to go on");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words, ["--good", &repo.commits[60], "--bad", &side[3]]);
    assert_eq!(found(&between(words[1], words[3])), side[2]);
}

#[test]
fn a_pair_of_ones_own_is_taken_from_each_tree() {
    let dir = temporary_folder();
    let tree = dir.path().join("pair");
    std::fs::create_dir(&tree).expect("the repository");
    git(&tree, &["init", "--quiet"]);
    let config = "initiative = \"pair\"\n[engines]\nreference = \"old\"\ncandidate = \"new\"\n\
                  [engines.old]\ncommand = [\"sh\", \"right.sh\", \"{out}\", \"{args}\"]\nformat = \"f32\"\nshape = [16, 16]\n\
                  [engines.new]\ncommand = [\"./build/new\", \"{out}\", \"{args}\"]\nformat = \"f32\"\nshape = [16, 16]\n\
                  [case]\nname = \"first\"\nargs = \"\"\n";
    std::fs::write(tree.join("audit.toml"), config).expect("audit.toml");
    std::fs::write(tree.join(".gitignore"), "build\nreports\n").expect(".gitignore");
    let program = |letter: u8| {
        format!(
            "#!/bin/sh\nawk 'BEGIN {{ for (i = 0; i < 256; ++i) printf \"%c%c%c%c\", 97, 98, {letter} + i % 7, 66 }}' > \"$1\"\n"
        )
    };
    std::fs::write(tree.join("right.sh"), program(65)).expect("right.sh");
    std::fs::write(tree.join("make.sh"), "mkdir -p build && cp new.sh build/new && chmod +x build/new\n")
        .expect("make.sh");
    let mut commits = Vec::new();
    for i in 0..=8 {
        let text =
            if i == 4 { "exit 1 # no program\n".to_owned() } else { program(if i < 6 { 65 } else { 68 }) };
        std::fs::write(tree.join("new.sh"), format!("{text}# {i}\n")).expect("new.sh");
        git(&tree, &["add", "-A"]);
        git(&tree, &["commit", "--quiet", "-m", &format!("change {i}")]);
        commits.push(git(&tree, &["rev-parse", "HEAD"]));
    }
    // nothing is built where the search starts
    let words = ["bisect", "--json", "--good", &commits[0], "--bad", "HEAD", "--build", "sh make.sh"];
    assert_eq!(found(&run(&binary("bragg-audit"), &words, &tree)), commits[6]);
    // an engine that no commit changes cannot be searched for
    let words =
        ["bisect", "--good", &commits[0], "--candidate", "rust", "--", "-cell", "70", "-detpixels", "8"];
    let ran = run(&binary("bragg-audit"), &words, &tree);
    ran.expect_code(2);
    assert!(ran.stderr.contains("--program"), "{ran}");
}

#[test]
fn one_step_speaks_gits_language() {
    let repo = repository(2, |i| i == 3);
    let tree = repo.dir.path().join("a repository");
    let step = |commit: usize, program: &str, case: &str| {
        git(&tree, &["checkout", "--quiet", "--force", &repo.commits[commit]]);
        let reports = repo.dir.path().join("reports").to_string_lossy().into_owned();
        let mut words: Vec<&str> =
            vec!["bisect", "--step", "--reports", &reports, "--build", "./build", "--program", program, "--"];
        words.extend(case.split(' '));
        run(&binary("bragg-audit"), &words, &tree).code()
    };
    assert_eq!((step(0, "engine", CASE), step(2, "engine", CASE), step(3, "engine", CASE)), (0, 1, 125));
    assert_eq!(step(0, "no-such-engine", CASE), 125);
    assert_eq!(step(0, "engine", "-hkl no-such.hkl -cell 70"), 128);
}

#[test]
fn ends_that_are_not_what_they_were_said_to_be() {
    let repo = repository(0, |_| false);
    let ran = repo.bisect();
    ran.expect_code(2);
    assert!(ran.stderr.contains("--good") && ran.stderr.contains("passes"), "{ran}");
}
