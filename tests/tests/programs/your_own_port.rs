//! The guide for a port of one's own, word for word: its commands run in a copy of `examples/heat`, end as it says, and print what it
//! shows. And mistakes in that port that the guide does not make: their kinds and places are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bragg_tests::audits::BLOCKED;
use bragg_tests::engines::installed;
use bragg_tests::programs::{Ran, binary, not_run, run_with, temporary_folder, workspace_root};
use serde_json::Value;

/// A fenced block of the guide.
struct Block {
    language: String,
    lines: Vec<String>,
}

fn blocks() -> Vec<Block> {
    let text = std::fs::read_to_string(workspace_root().join("docs/your-own-port.md"))
        .expect("docs/your-own-port.md");
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                found.push(Block { language: language.to_owned(), lines: Vec::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => found.last_mut().expect("an open block").lines.push(line.to_owned()),
            (None, false) => {}
        }
    }
    assert!(!open, "a block is not closed");
    found
}

/// The commands of a block, each with the exit status that its comment tells; a line that ends in `\` goes on.
fn commands(block: &Block) -> Vec<(String, i32)> {
    let text = block.lines.join("\n").replace("\\\n", " ");
    let status = |line: &str| {
        let told = line.split_once("# exit status ").map(|(_, t)| t.split([' ', ':']).next().unwrap_or(t));
        told.map_or(0, |t| t.parse().expect("a number after `# exit status`"))
    };
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| (l.to_owned(), status(l))).collect()
}

/// Whether a line is what the guide shows, where `…` stands for anything.
fn shows(line: &str, shown: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// A copy of the example, and how programs are run in it.
struct Copy {
    dir: tempfile::TempDir,
    path: String,
}

impl Copy {
    /// `None`, and said, when this machine lacks what the example needs.
    fn new(what: &str) -> Option<Self> {
        let numpy = std::process::Command::new("python3").args(["-c", "import numpy"]).output();
        let missing = match numpy {
            Err(_) => Some("python3"),
            Ok(out) if !out.status.success() => Some("numpy"),
            Ok(_) => ["cc", "sh", "sed"].into_iter().find(|p| !installed(p)),
        };
        if let Some(missing) = missing {
            not_run(&format!("{what} (no {missing})"));
            return None;
        }
        let dir = temporary_folder();
        std::fs::create_dir(dir.path().join("heat")).expect("the copy");
        let example = workspace_root().join("examples/heat");
        for file in std::fs::read_dir(&example).expect("examples/heat").flatten() {
            if file.path().is_file() {
                std::fs::copy(file.path(), dir.path().join("heat").join(file.file_name())).expect("a copy");
            }
        }
        let audit = binary("bragg-audit");
        let folder = audit.parent().expect("its folder").display();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        Some(Self { dir, path })
    }

    fn heat(&self) -> PathBuf {
        self.dir.path().join("heat")
    }

    fn sh(&self, command: &str) -> Ran {
        let environment = BTreeMap::from([("PATH", self.path.as_str()), ("PYTHONDONTWRITEBYTECODE", "1")]);
        run_with(Path::new("/bin/sh"), &["-c", command], &self.heat(), &environment)
    }
}

#[test]
fn the_guide_word_for_word() {
    let Some(copy) = Copy::new("docs/your-own-port.md word for word") else { return };
    let profiler = installed("perf") || installed("valgrind");
    let mut said = String::new();
    let mut ran = 0;
    for block in blocks() {
        match block.language.as_str() {
            "sh" => {
                said.clear();
                let commands = commands(&block);
                if !profiler && commands.iter().any(|(c, _)| c.contains("--program")) {
                    not_run(
                        "the profile of a compiled program in docs/your-own-port.md (no perf, no valgrind)",
                    );
                    return;
                }
                for (command, status) in commands {
                    let done = copy.sh(&command);
                    assert_eq!(done.code(), status, "{done}");
                    said.push_str(&done.stdout);
                    said.push_str(&done.stderr);
                    ran += 1;
                }
            }
            "text" => {
                let mut lines = said.lines();
                for shown in &block.lines {
                    assert!(
                        lines.by_ref().any(|line| shows(line, shown)),
                        "the guide shows `{shown}`, which is not printed there:\n{said}"
                    );
                }
            }
            other => unreachable!("a block of `{other}`"),
        }
    }
    assert!(ran >= 15, "only {ran} commands");
}

#[test]
fn lines_are_compared_as_shown() {
    assert!(shows("PASS — 1.5e-3 x", "PASS — … x") && shows("abc", "abc") && shows("a b c", "…b…"));
    assert!(!shows("PASS", "BLOCKED…") && !shows("abcd", "abc") && !shows("a c", "a…b"));
}

/// Mistakes in the port, which `diagnose` has never heard of: what is replaced, by what, the kind of cause, and the first
/// variable that differs.
const MISTAKES: [(&str, &str, &str, &str); 5] = [
    ("+ q[y, 1:-1] - p.cooling", "- p.cooling", "accumulation", "rate"),
    ("for _ in range(p.steps)", "for _ in range(p.steps - 1)", "counts", "count:curve_x"),
    ("p.dt = 0.2 /", "p.dt = 0.02 /", "scale", "dt"),
    ("np.save(file, u)", "np.save(file, u[:, ::-1])", "pixel-order", "none"),
    ("np.save(file, u)", "np.save(file, u * 1.8)", "scale", "none"),
];

#[test]
fn mistakes_in_a_port_that_nobody_told_of() {
    let Some(copy) = Copy::new("diagnose on a port of the heat equation") else { return };
    let init = "cc -O2 -o heat heat.c -lm && bragg-audit init --reference './heat {args} -out {out}' \
                --candidate 'python3 heat.py {args} -out {out}' --args '-nx 24 -ny 18 -steps 12 -dy 1.5 -heater 40 -cooling 0.02' \
                --trace-args '-trace {fast},{slow}'";
    copy.sh(init).expect_code(0);
    let right = std::fs::read_to_string(copy.heat().join("heat.py")).expect("heat.py");
    copy.sh("bragg-audit diagnose").expect_code(0);
    for (from, to, class, first) in MISTAKES {
        assert_eq!(right.matches(from).count(), 1, "`{from}` in heat.py");
        std::fs::write(copy.heat().join("heat.py"), right.replace(from, to)).expect("heat.py");
        let ran = copy.sh("bragg-audit diagnose --json");
        ran.expect_code(BLOCKED);
        let found: Value = serde_json::from_str(&ran.stdout).expect("JSON on standard output");
        let cause = &found["causes"][0];
        let place = found["first_divergence"].as_str().unwrap_or("none");
        assert_eq!((cause["class"].as_str(), place), (Some(class), first), "`{to}`: {found:#}");
    }
}
