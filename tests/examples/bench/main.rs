//! Measures the engines against each other: `scripts/bench` and `scripts/instructions` run this.
//!
//! `bench [--quick] [--rounds N] [--no-flatness] [--out FOLDER] [CASE…]` writes `bench.md`, `bench.json` and two pictures,
//! and prints the table; `instructions [--record]` counts instructions and compares them with the recorded ones.

mod cases;
mod cores;
mod figures;
mod flatness;
mod instructions;
mod machine;
mod measure;
mod picture;
mod quantiles;
mod rounds;
mod subjects;
mod table;
mod targets;

use bragg_tests::programs::workspace_root;
use rounds::Effort;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::Record;

/// Rounds of the full table, and of the quick one.
const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.split_first() {
        Some((first, rest)) if first == "bench" => bench(rest),
        Some((first, rest)) if first == "instructions" => match rest {
            [] => instructions::check(false),
            [word] if word == "--record" => instructions::check(true),
            _ => Err(format!("instructions [--record], not {}", rest.join(" "))),
        },
        _ => Err("give `bench` or `instructions`".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn bench(words: &[String]) -> Result<(), String> {
    let mut effort = Effort { quick: false, rounds: 0 };
    let (mut out, mut with_flatness, mut only) = (workspace_root().join("reports/bench"), true, Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--quick" => effort.quick = true,
            "--rounds" => effort.rounds = value()?.parse().map_err(|e| format!("--rounds: {e}"))?,
            "--out" => out = PathBuf::from(value()?),
            "--no-flatness" => with_flatness = false,
            case if cases::CASES.iter().any(|known| known.name == case) => only.push(case.to_owned()),
            _ => {
                return Err(format!(
                    "`{word}` is none of --quick, --rounds N, --out FOLDER, --no-flatness, W1 to W5"
                ));
            }
        }
    }
    if effort.rounds == 0 {
        effort.rounds = if effort.quick { QUICK_ROUNDS } else { ROUNDS };
    }
    let named = subjects::named()?.map(|subject| subject.program.display().to_string());
    let cases = rounds::all(effort, &only)?;
    let flatness = if with_flatness { flatness::measure(effort.quick)? } else { Vec::new() };
    let facts = if only.is_empty() { figures::measure(effort.quick)? } else { Vec::new() };
    let counted_now = instructions::possible();
    let instructions = if counted_now { instructions::count_c_engine()? } else { instructions::recorded()? };
    let record = Record {
        machine: machine::Machine::here(),
        words: words.join(" "),
        quick: effort.quick,
        rounds: effort.rounds,
        named,
        cases,
        flatness,
        facts,
        instructions,
        counted_now,
    };
    write(&record, &out)
}

fn write(record: &Record, folder: &Path) -> Result<(), String> {
    let text = record.markdown().map_err(|e| e.to_string())?;
    let json = serde_json::to_string_pretty(record).map_err(|e| e.to_string())? + "\n";
    let bars = picture::bars(&record.cases).map_err(|e| e.to_string())?;
    let curves = picture::curves(&record.flatness).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for (name, content) in
        [("bench.md", &text), ("bench.json", &json), ("bench.svg", &bars), ("flatness.svg", &curves)]
    {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| e.to_string())
}
