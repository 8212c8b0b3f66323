//! Instructions of whole processes, counted by callgrind: the same on every run, and so free of noise.

use crate::cases::{CASES, Case};
use crate::measure::Bench;
use crate::subjects::{Subject, c_engine, kernel};
use bragg_tests::programs::{temporary_folder, workspace_root};
use nanobragg::kernels::{Dtype, Level};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// Reach of the structure factors where instructions are counted: reading the file shall not be most of it.
const REACH: i32 = 6;
/// Counts may differ by so much from the recorded ones: libraries of another version, other flags of a C compiler.
const TOLERANCE: f64 = 0.03;

/// Every ratio is to the C engine, which must not need more than so many times nanoBragg's instructions: it would be
/// easy to be faster than a slow one.
const HONEST: f64 = 1.1;

/// Millions of instructions by program and case, with where they were counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) rustc: String,
    pub(crate) cc: String,
    pub(crate) millions: BTreeMap<String, BTreeMap<String, f64>>,
}

fn recorded_path() -> PathBuf {
    workspace_root().join("tests/recorded/instructions.json")
}

/// The counts that are in the tree.
///
/// # Errors
/// A sentence, when they cannot be read.
pub(crate) fn recorded() -> Result<Counts, String> {
    let path = recorded_path();
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Whether valgrind is here.
pub(crate) fn possible() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|out| out.status.success())
}

/// The C engine, and the fast engine at AVX2: valgrind knows no AVX-512.
fn subjects() -> Vec<Subject> {
    let level = if Level::Avx2.is_available() { Level::Avx2 } else { Level::Plain };
    let mut subjects = vec![c_engine()];
    for dtype in [Dtype::F64, Dtype::F32] {
        for tiles in [false, true] {
            subjects.push(kernel(level, dtype, tiles));
        }
    }
    subjects
}

/// Counts all programs on all cases.
///
/// # Errors
/// A sentence, when a program fails.
pub(crate) fn count() -> Result<Counts, String> {
    count_all(subjects())
}

/// Counts the C engine on all cases.
///
/// # Errors
/// A sentence, when it fails.
pub(crate) fn count_c_engine() -> Result<Counts, String> {
    count_all(vec![c_engine()])
}

/// Side by side, as many as there are processors: what else runs changes no count.
fn count_all(subjects: Vec<Subject>) -> Result<Counts, String> {
    let machine = crate::machine::Machine::here();
    let counted = |subject: &Subject, case: &Case| !(case.reads_hkl() && subject.name.contains("tiles"));
    let pairs: Vec<_> = subjects
        .iter()
        .flat_map(|subject| CASES.iter().map(move |case| (subject, case)))
        .filter(|(subject, case)| counted(subject, case))
        .collect();
    let counts: Result<Vec<f64>, String> = pairs
        .par_iter()
        .map(|(subject, case)| {
            let count = one(case, subject)?;
            eprintln!("{:>8.2} M  {} {}", count, case.name, subject.name);
            Ok(count)
        })
        .collect();
    let mut millions: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for ((subject, case), count) in pairs.into_iter().zip(counts?) {
        let cases = millions.entry(subject.name.clone()).or_default();
        cases.insert(case.name.to_owned(), (count * 100.0).round() / 100.0);
    }
    Ok(Counts { date: machine.date, commit: machine.commit, rustc: machine.rustc, cc: machine.cc, millions })
}

/// Millions of instructions of a whole process on one thread.
fn one(case: &'static Case, subject: &Subject) -> Result<f64, String> {
    let folder = temporary_folder();
    if case.reads_hkl() {
        crate::cases::write_hkl(&folder.path().join("hkl.txt"), REACH)?;
    }
    let bench = Bench {
        case,
        pixels: if subject.fast { case.counted_kernels } else { case.counted },
        folder: folder.path(),
    };
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&subject.program);
    command.args(bench.words(subject, 1)).current_dir(folder.path()).env("OMP_NUM_THREADS", "1");
    let out = command.output().map_err(|e| format!("valgrind: {e}"))?;
    let text = String::from_utf8_lossy(&out.stderr);
    let line = text.lines().find_map(|line| Some(line.split_once("Collected : ")?.1));
    let count = line.and_then(|n| n.trim().parse::<f64>().ok()).filter(|_| out.status.success());
    count.map(|n| n / 1e6).ok_or_else(|| format!("{} {} under valgrind: {text}", case.name, subject.name))
}

/// Counts, and compares with what is recorded; or records.
///
/// # Errors
/// Sentences, when a count is another.
pub(crate) fn check(record: bool) -> Result<(), String> {
    if !possible() {
        bragg_tests::programs::not_run("instruction counts: there is no valgrind");
        return Ok(());
    }
    let found = count()?;
    let mut complaints = Vec::new();
    for case in CASES.iter().filter(|case| case.nanobragg_millions.is_some()) {
        match normalisation(&found, case) {
            Some(n) if n <= HONEST => eprintln!("{} C engine: {n:.3} × nanoBragg's instructions", case.name),
            n => complaints.push(format!(
                "{} C engine: {n:?} × nanoBragg's instructions, at most {HONEST}: no honest baseline",
                case.name
            )),
        }
    }
    if record && complaints.is_empty() {
        let mut text = serde_json::to_string_pretty(&found).map_err(|e| e.to_string())?;
        text.push('\n');
        let path = recorded_path();
        return std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()));
    }
    let recorded = recorded()?;
    for (subject, cases) in &recorded.millions {
        for (case, want) in cases {
            let got = found.millions.get(subject).and_then(|cases| cases.get(case));
            let Some(got) = got else {
                bragg_tests::programs::not_run(&format!("instruction count of {case} {subject}"));
                continue;
            };
            let off = (got / want - 1.0).abs();
            if off.is_nan() || off > TOLERANCE {
                complaints.push(format!("{case} {subject}: {got:.2} M instructions, recorded {want:.2} M"));
            }
        }
    }
    if complaints.is_empty() {
        return Ok(());
    }
    complaints.push("if this is meant, record them: scripts/instructions --record".to_owned());
    Err(complaints.join("\n"))
}

/// What a ratio to the C engine is to be divided by for one to nanoBragg: our instructions over nanoBragg's.
pub(crate) fn normalisation(counts: &Counts, case: &Case) -> Option<f64> {
    let ours = counts.millions.get(&c_engine().name)?.get(case.name)?;
    Some(ours / case.nanobragg_millions?)
}
