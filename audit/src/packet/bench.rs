//! A criterion bench of the stage that holds a loop, on the recorded case. It is a package of its own, so that it can be built
//! wherever the packet lies.

use crate::case;
use crate::inventory::Language;
use std::ffi::OsString;
use std::path::Path;

/// The part of a run that a loop belongs to, and that can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The sum over all pixels, set-up done before: kernels, physics, engine of the Rust simulator.
    Sum,
    /// A whole run of the Rust simulator in its own process's memory: reading, set-up, sum, writing.
    Run,
    /// A whole run of the C engine.
    CEngine,
    /// The candidate's recorded command, as a process: the loop is not in a library that is known here.
    Process,
}

impl Stage {
    /// The smallest stage around a module.
    #[must_use]
    pub fn of(module: &str, language: Language) -> Self {
        let part =
            module.strip_prefix("simulator/src/").map(|rest| rest.split(['/', '.']).next().unwrap_or(""));
        match (part, language) {
            (Some("kernels" | "physics" | "engine" | "wide"), _) => Self::Sum,
            (Some(_), _) => Self::Run,
            (None, Language::C) if module.starts_with("simulator/c_engine/") => Self::CEngine,
            _ => Self::Process,
        }
    }

    /// What is timed, in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Sum => {
                "the sum over all pixels on one thread (`Simulator::render_into`); the set-up is done before, nothing is written"
            }
            Self::Run => {
                "one run of the Rust simulator (`nanobragg::cli::main_with`): reading, set-up, sum, writing"
            }
            Self::CEngine => "one run of the C engine (`nanobragg::c_engine::main_with`)",
            Self::Process => "the candidate's recorded command as a process",
        }
    }
}

/// The files of the bench package: path in it and content. `root` holds the workspace, `args` are those of the case.
#[must_use]
pub fn files(
    stage: Stage,
    loop_id: &str,
    root: &Path,
    args: &[OsString],
    command: &str,
) -> Vec<(String, String)> {
    let words: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let recorded = serde_json::to_string_pretty(&serde_json::json!({
        "loop_id": loop_id,
        "arguments": words,
        "pasted": case::paste(args),
        "command": command,
    }))
    .unwrap_or_default();
    let mut files = vec![
        ("Cargo.toml".to_string(), manifest(stage, root)),
        ("src/lib.rs".to_string(), "//! Nothing: this package is its bench.\n".to_string()),
        ("benches/stage.rs".to_string(), source(stage, loop_id, &words, command)),
        ("inputs/case.json".to_string(), recorded + "\n"),
    ];
    // the same versions of everything as the workspace has, so that it builds offline
    if let Ok(lock) = std::fs::read_to_string(root.join("Cargo.lock")) {
        files.push(("Cargo.lock".to_string(), lock));
    }
    files
}

fn manifest(stage: Stage, root: &Path) -> String {
    let simulator = match stage {
        Stage::Process => String::new(),
        _ => format!(
            "nanobragg = {{ path = {} }}\n",
            toml::Value::String(root.join("simulator").display().to_string())
        ),
    };
    format!(
        "# A bench of one loop's stage, made by `bragg-audit packet`. Run it with `cargo bench --offline`.
[package]
name = \"loop-bench\"
version = \"0.1.0\"
edition = \"2024\"
publish = false

[dependencies]
{simulator}criterion = {{ version = \"0.8\", default-features = false, features = [\"cargo_bench_support\"] }}

[lib]
bench = false

[[bench]]
name = \"stage\"
harness = false

# as the workspace is released
[profile.release]
debug = \"line-tables-only\"
lto = false
strip = \"none\"

[profile.bench]
inherits = \"release\"

[workspace]
"
    )
}

fn source(stage: Stage, loop_id: &str, words: &[String], command: &str) -> String {
    let list: Vec<String> = words.iter().map(|w| format!("    {w:?},\n")).collect();
    let head = format!(
        "//! Times {}.\n//!\n//! Made for the loop `{}`.\n\nuse criterion::{{Criterion, criterion_group, criterion_main}};\n",
        stage.text(),
        loop_id
    );
    let arguments = format!("/// The recorded case.\nconst ARGUMENTS: &[&str] = &[\n{}];\n", list.concat());
    let body = match stage {
        Stage::Sum => format!("{SUM_USES}\n{arguments}\n{SUM}"),
        Stage::Run => {
            format!("use std::ffi::OsString;\n\n{arguments}\n{}", whole("nanobragg::cli::main_with"))
        }
        Stage::CEngine => {
            format!("use std::ffi::OsString;\n\n{arguments}\n{}", whole("nanobragg::c_engine::main_with"))
        }
        Stage::Process => format!("use std::process::Command;\n\n{}", process(command)),
    };
    format!(
        "{head}{body}\ncriterion_group! {{\n    name = benches;\n    config = Criterion::default().sample_size(20);\n    targets = stage\n}}\ncriterion_main!(benches);\n"
    )
}

const SUM_USES: &str = "use nanobragg::Simulator;
use nanobragg::cli::parse::parse;
use nanobragg::cli::request::{Origin, Request};
use nanobragg::engine::{Choice, EngineName};
";

const SUM: &str = "/// 1 − correlation with the scalar engine that is still the same answer.
const LIMIT: f64 = 1e-9;

fn stage(criterion: &mut Criterion) {
    let words = ARGUMENTS.iter().map(std::ffi::OsString::from).collect();
    let request = parse(words, Request::default(), &Origin::Flag).expect(\"the recorded arguments\");
    let simulator = Simulator::with_threads(&request.experiment, 1).expect(\"the set-up\");
    let [fast, slow] = simulator.size();
    let mut image = vec![0.0f32; fast * slow];
    // a timing without a verified answer is not a result
    simulator.render_into(&mut image).expect(\"an image\");
    let choice = Choice { engine: EngineName::Reference, ..Choice::default() };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let scalar = Simulator::with(&request.experiment, threads, &choice).expect(\"the set-up\").render();
    let apart = one_minus_correlation(&image, &scalar);
    assert!(apart <= LIMIT, \"1 - correlation with the scalar engine is {apart:e}\");
    println!(\"{fast} x {slow} pixels; 1 - correlation with the scalar engine: {apart:e}\");
    criterion.bench_function(\"stage\", |b| b.iter(|| simulator.render_into(&mut image).expect(\"an image\").elapsed));
}

/// Half the mean square difference of the standardised images; 0 for equal ones.
fn one_minus_correlation(a: &[f32], b: &[f32]) -> f64 {
    let moments = |v: &[f32]| {
        let n = v.len() as f64;
        let mean = v.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let variance = v.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    };
    if a == b {
        return 0.0;
    }
    let ((ma, sa), (mb, sb)) = (moments(a), moments(b));
    let apart = |(x, y): (&f32, &f32)| ((f64::from(*x) - ma) / sa - (f64::from(*y) - mb) / sb).powi(2);
    a.iter().zip(b).map(apart).sum::<f64>() / (2.0 * a.len() as f64)
}
";

fn whole(function: &str) -> String {
    format!(
        "fn stage(criterion: &mut Criterion) {{
    // outputs go to a folder of this process, and away again
    let folder = std::env::temp_dir().join(format!(\"loop-bench-{{}}\", std::process::id()));
    std::fs::create_dir_all(&folder).expect(\"a folder for outputs\");
    std::env::set_current_dir(&folder).expect(\"that folder\");
    let words: Vec<OsString> = ARGUMENTS.iter().map(OsString::from).collect();
    assert_eq!({function}(words.clone()), 0, \"the recorded arguments\");
    criterion.bench_function(\"stage\", |b| b.iter(|| {function}(words.clone())));
    std::env::set_current_dir(\"/\").expect(\"the root folder\");
    std::fs::remove_dir_all(&folder).expect(\"removing the outputs\");
}}
"
    )
}

fn process(command: &str) -> String {
    let words = shlex::split(command).unwrap_or_default();
    let list: Vec<String> = words.iter().map(|w| format!("    {w:?},\n")).collect();
    format!(
        "/// The recorded command.
const COMMAND: &[&str] = &[\n{}];

fn stage(criterion: &mut Criterion) {{
    let run = || Command::new(COMMAND[0]).args(&COMMAND[1..]).output().expect(\"the recorded program\");
    assert!(run().status.success(), \"the recorded command\");
    criterion.bench_function(\"stage\", |b| b.iter(run));
}}
",
        list.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_of_our_own_modules() {
        let stage = |module: &str, language| Stage::of(module, language);
        assert_eq!(stage("simulator/src/kernels/block.rs", Language::Rust), Stage::Sum);
        assert_eq!(stage("simulator/src/io/smv.rs", Language::Rust), Stage::Run);
        assert_eq!(stage("simulator/c_engine/sum.c", Language::C), Stage::CEngine);
        assert_eq!(stage("other/src/a.rs", Language::Rust), Stage::Process);
    }

    #[test]
    fn what_is_written_is_rust() {
        let args = ["-N", "5", "-hkl", "a \"b\".hkl"].map(OsString::from);
        for stage in [Stage::Sum, Stage::Run, Stage::CEngine, Stage::Process] {
            let files = files(stage, "a.rs::f#1", Path::new("/w \"x\""), &args, "prog 'a b' -N 5");
            let find = |name: &str| files.iter().find(|(n, _)| n == name).unwrap().1.clone();
            syn::parse_file(&find("benches/stage.rs")).unwrap_or_else(|e| panic!("{stage:?}: {e}"));
            find("Cargo.toml").parse::<toml::Table>().unwrap();
            assert!(find("inputs/case.json").contains("a \\\"b\\\".hkl"));
        }
    }
}
