//! A criterion bench of the stage that holds a loop, on the recorded case. It is a package of its own, so that it can be built
//! wherever the packet lies.

use crate::case;
use crate::hash;
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

/// What a bench is made of.
pub struct Recorded<'a> {
    /// The part of a run that it times.
    pub stage: Stage,
    /// The loop.
    pub loop_id: &'a str,
    /// The workspace.
    pub root: &'a Path,
    /// The case's arguments with the candidate's own, in nanoBragg's words; input files by their names in `inputs/`.
    pub args: &'a [OsString],
    /// The candidate's recorded command line.
    pub command: &'a str,
    /// A command that shows the loop's share in the bench; `{bench}` stands for the bench's executable.
    pub profile: &'a str,
}

/// The files of the bench package: path in it and content.
#[must_use]
pub fn files(recorded: &Recorded<'_>) -> Vec<(String, String)> {
    let words: Vec<String> = recorded.args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let case = serde_json::to_string_pretty(&serde_json::json!({
        "loop_id": recorded.loop_id,
        "arguments": words,
        "pasted": case::paste(recorded.args),
        "command": recorded.command,
    }))
    .unwrap_or_default();
    let mut files = vec![
        ("Cargo.toml".to_string(), manifest(recorded)),
        ("src/lib.rs".to_string(), "//! Nothing: this package is its bench.\n".to_string()),
        ("benches/stage.rs".to_string(), source(recorded, &words)),
        ("case.json".to_string(), case + "\n"),
    ];
    // the same versions of everything as the workspace has, so that it builds offline
    if let Ok(lock) = std::fs::read_to_string(recorded.root.join("Cargo.lock")) {
        files.push(("Cargo.lock".to_string(), lock));
    }
    files
}

fn manifest(recorded: &Recorded<'_>) -> String {
    let simulator = match recorded.stage {
        Stage::Process => String::new(),
        _ => format!(
            "nanobragg = {{ path = {} }}\n",
            toml::Value::String(recorded.root.join("simulator").display().to_string())
        ),
    };
    // Packages of one name in one target folder are one package to Cargo: it would run the bench of another loop.
    let name = format!("loop-bench-{:.12}", hash::bytes(recorded.loop_id.as_bytes()));
    format!(
        "# A bench of one loop's stage, made by `bragg-audit packet`. Run it with `cargo bench --offline`.
[package]
name = \"{name}\"
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

fn source(recorded: &Recorded<'_>, words: &[String]) -> String {
    let list = |words: &[String]| words.iter().map(|w| format!("    {w:?},\n")).collect::<String>();
    let head = format!(
        "//! Times {}.\n//!\n//! Made for the loop `{}`.\n\nuse criterion::{{Criterion, criterion_group, criterion_main}};\n",
        recorded.stage.text(),
        recorded.loop_id
    );
    // Criterion keeps the times of each name, for the next run to be compared with.
    let (module, function) = recorded.loop_id.split_once("::").unwrap_or(("", recorded.loop_id));
    let stage = format!(
        "/// What is timed.\nconst STAGE: &str = {:?};\n",
        format!("stage of {function} in {module}")
    );
    let arguments =
        format!("{stage}\n/// The recorded case.\nconst ARGUMENTS: &[&str] = &[\n{}];\n", list(words));
    let body = match recorded.stage {
        Stage::Sum => format!("{SUM_USES}\n{arguments}\n{SUM}{CORRELATION}"),
        Stage::Run => {
            format!("{WHOLE_USES}\n{arguments}\n{}{CORRELATION}{FOLDER}", whole("nanobragg::cli::main_with"))
        }
        Stage::CEngine => format!(
            "{WHOLE_USES}\n{arguments}\n{}{CORRELATION}{FOLDER}",
            whole("nanobragg::c_engine::main_with")
        ),
        Stage::Process => {
            let words = shlex::split(recorded.command).unwrap_or_default();
            let command = format!(
                "{stage}\n/// The recorded command.\nconst COMMAND: &[&str] = &[\n{}];\n",
                list(&words)
            );
            format!("{PROCESS_USES}\n{command}\n{PROCESS}{FOLDER}")
        }
    };
    let profile = format!(
        "\n/// Prints the command that shows which loops this bench spends its time in.\nfn how_to_profile() {{\n    if let Ok(bench) = std::env::current_exe() {{\n        println!(\"profile it: {{}}\", {:?}.replace(\"{{bench}}\", &bench.display().to_string()));\n    }}\n}}\n",
        recorded.profile
    );
    format!(
        "{head}{body}{profile}\ncriterion_group! {{\n    name = benches;\n    config = Criterion::default().sample_size(20);\n    targets = stage\n}}\ncriterion_main!(benches);\n"
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
    let simulator = Simulator::with(&request.experiment, 1, &request.running.choice).expect(\"the set-up\");
    let [fast, slow] = simulator.size();
    let mut image = vec![0.0f32; fast * slow];
    if !std::env::args().any(|word| word == \"--profile-time\") {
        verify(&request, &simulator, &mut image);
    }
    criterion.bench_function(STAGE, |b| b.iter(|| simulator.render_into(&mut image).expect(\"an image\").elapsed));
}

/// A timing without a verified answer is not a result. (Under a profiler it would only be in the way.)
fn verify(request: &Request, simulator: &Simulator, image: &mut [f32]) {
    let [fast, slow] = simulator.size();
    simulator.render_into(image).expect(\"an image\");
    let choice = Choice { engine: EngineName::Reference, ..Choice::default() };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let scalar = Simulator::with(&request.experiment, threads, &choice).expect(\"the set-up\").render();
    let apart = one_minus_correlation(image, &scalar);
    assert!(apart <= LIMIT, \"1 - correlation with the scalar engine is {apart:e}\");
    println!(\"{fast} x {slow} pixels; 1 - correlation with the scalar engine: {apart:e}\");
    how_to_profile();
}
";

const CORRELATION: &str = "
/// Half the mean square difference of the standardised images; 0 for equal ones, NaN (which passes no limit) for others
/// that cannot be compared.
fn one_minus_correlation(a: &[f32], b: &[f32]) -> f64 {
    let moments = |v: &[f32]| {
        let n = v.len() as f64;
        let mean = v.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let variance = v.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    };
    if a.len() != b.len() {
        return f64::NAN;
    }
    if a == b {
        return 0.0;
    }
    let ((ma, sa), (mb, sb)) = (moments(a), moments(b));
    let apart = |(x, y): (&f32, &f32)| ((f64::from(*x) - ma) / sa - (f64::from(*y) - mb) / sb).powi(2);
    a.iter().zip(b).map(apart).sum::<f64>() / (2.0 * a.len() as f64)
}
";

const WHOLE_USES: &str = "use std::ffi::OsString;
use std::path::PathBuf;
";

/// A whole run in this process, checked against the scalar engine's image.
fn whole(function: &str) -> String {
    format!(
        "/// 1 − correlation with the scalar engine that is still the same answer.
const LIMIT: f64 = 1e-9;

fn image(path: &str) -> Vec<f32> {{
    let bytes = std::fs::read(path).expect(\"an image\");
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}}

fn stage(criterion: &mut Criterion) {{
    let folder = folder();
    let words = |more: &[&str]| -> Vec<OsString> {{
        ARGUMENTS.iter().chain(&[\"-nonoise\", \"-nopgm\", \"-noprogress\"]).chain(more).map(OsString::from).collect()
    }};
    let timed = words(&[\"-floatfile\", \"image.bin\"]);
    if !std::env::args().any(|word| word == \"--profile-time\") {{
        verify(&timed, words(&[\"-floatfile\", \"scalar.bin\", \"--engine\", \"rust-reference\"]));
    }}
    criterion.bench_function(STAGE, |b| b.iter(|| assert_eq!({function}(timed.clone()), 0)));
    std::env::set_current_dir(\"/\").expect(\"the root folder\");
    std::fs::remove_dir_all(&folder).expect(\"removing the outputs\");
}}

/// A timing without a verified answer is not a result. (Under a profiler it would only be in the way.)
fn verify(timed: &[OsString], scalar: Vec<OsString>) {{
    assert_eq!(nanobragg::cli::main_with(scalar), 0, \"the recorded arguments\");
    assert_eq!({function}(timed.to_vec()), 0, \"the recorded arguments\");
    let apart = one_minus_correlation(&image(\"image.bin\"), &image(\"scalar.bin\"));
    assert!(apart <= LIMIT, \"1 - correlation with the scalar engine is {{apart:e}}\");
    println!(\"1 - correlation with the scalar engine: {{apart:e}}\");
    how_to_profile();
}}
"
    )
}

/// A folder with the inputs, which becomes the current one.
const FOLDER: &str = "
/// A new folder with copies of the recorded inputs; outputs go there too. It becomes the current one.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!(\"loop-bench-{}\", std::process::id()));
    std::fs::create_dir_all(&folder).expect(\"a folder for outputs\");
    let inputs = std::fs::read_dir(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/inputs\"));
    for input in inputs.into_iter().flatten().flatten() {
        std::fs::copy(input.path(), folder.join(input.file_name())).expect(\"a copy of an input\");
    }
    std::env::set_current_dir(&folder).expect(\"that folder\");
    folder
}
";

const PROCESS_USES: &str = "use std::path::PathBuf;
use std::process::Command;
";

const PROCESS: &str = "/// Every file of the current folder with its content.
fn files() -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(\".\").into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.filter_map(|e| Some((e.file_name(), std::fs::read(e.path()).ok()?))).collect();
    files.sort();
    files
}

fn stage(criterion: &mut Criterion) {
    let folder = folder();
    let run = || Command::new(COMMAND[0]).args(&COMMAND[1..]).output().expect(\"the recorded program\");
    assert!(run().status.success(), \"the recorded command\");
    let first = files();
    assert!(run().status.success(), \"the recorded command\");
    let same = first == files();
    println!(\"files of two runs are {}\", if same { \"the same, byte for byte\" } else { \"NOT the same\" });
    println!(\"whether they are right is not known here: `bragg-audit capture` compares them with the reference\");
    how_to_profile();
    criterion.bench_function(STAGE, |b| b.iter(run));
    std::env::set_current_dir(\"/\").expect(\"the root folder\");
    std::fs::remove_dir_all(&folder).expect(\"removing the outputs\");
}
";

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
            let files = files(&Recorded {
                stage,
                loop_id: "a.rs::f#1",
                root: Path::new("/w \"x\""),
                args: &args,
                command: "prog 'a b' -N 5",
                profile: "look at '{bench}'",
            });
            let find = |name: &str| files.iter().find(|(n, _)| n == name).unwrap().1.clone();
            syn::parse_file(&find("benches/stage.rs")).unwrap_or_else(|e| panic!("{stage:?}: {e}"));
            find("Cargo.toml").parse::<toml::Table>().unwrap();
            assert!(find("case.json").contains("a \\\"b\\\".hkl"));
        }
    }
}
