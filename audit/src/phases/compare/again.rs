//! Runs both programs of a comparison now, taking turns.

use super::CompareArgs;
use crate::capture::model::Capture;
use crate::case::{self, Case};
use crate::compare::{Instructions, Ratio, paired};
use crate::engines::process::Limits;
use crate::engines::render::{self, Conditions, Extras};
use crate::engines::{Engine, Kind};
use crate::exit::{AuditError, Result};
use crate::progress::Progress;
use crate::{environment, hash};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// What was measured.
pub(super) struct Taken {
    /// Size, name of the time, samples before and after.
    samples: Vec<(u32, &'static str, Vec<f64>, Vec<f64>)>,
    /// How it was done.
    pub(super) text: String,
    pub(super) instructions: Option<Instructions>,
    pub(super) no_instructions: Option<String>,
}

impl Taken {
    /// The ratio of one time.
    pub(super) fn ratio(&self, size: u32, name: &str) -> Option<Ratio> {
        let (.., before, after) = self.samples.iter().find(|(s, n, ..)| *s == size && *n == name)?;
        paired(
            before,
            after,
            "again: both programs in turns, first one then the other; Student's t on the logarithms of the ratios of each round",
        )
    }
}

/// One run of one program.
struct Run {
    name: &'static str,
    seconds: f64,
}

pub(super) fn run(
    args: &CompareArgs,
    before: &Capture,
    after: &Capture,
    progress: &Progress,
) -> Result<Taken> {
    let programs = [
        engine(before, args.before_bin.as_deref(), "--before-bin")?,
        engine(after, args.after_bin.as_deref(), "--after-bin")?,
    ];
    let words = case::split_words("the capture's arguments", &after.args)?;
    let plain = Case::new(&after.case, words)?;
    let more = [
        case::split_words("the candidate's arguments", &before.candidate_args)?,
        case::split_words("the candidate's arguments", &after.candidate_args)?,
    ];
    let conditions = Conditions {
        limits: Limits {
            time: Duration::from_secs(3600),
            memory: environment::memory(),
            output: 4 << 20,
            ..Limits::default()
        },
        threads: after.threads,
        in_place: None,
        inherited: render::Inherited::Allowed,
        environment: Vec::new(),
    };
    let mut samples: Vec<(u32, &'static str, Vec<f64>, Vec<f64>)> = Vec::new();
    for size in &after.sizes {
        let case = plain.sized(size.sized.then_some(size.numbers.size));
        for round in 0..args.rounds {
            // who begins changes, so that neither always follows the other
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for which in order {
                let role = ["before", "after"][which];
                progress.step(&format!(
                    "{}: round {} of {}, {role}",
                    size.numbers.size,
                    round + 1,
                    args.rounds
                ));
                for run in timed(&programs[which], &case, &more[which], &conditions)? {
                    let key = |s: &&mut (u32, &'static str, Vec<f64>, Vec<f64>)| {
                        s.0 == size.numbers.size && s.1 == run.name
                    };
                    if samples.iter_mut().find(key).is_none() {
                        samples.push((size.numbers.size, run.name, Vec::new(), Vec::new()));
                    }
                    if let Some(entry) = samples.iter_mut().find(key) {
                        if which == 0 { &mut entry.2 } else { &mut entry.3 }.push(run.seconds);
                    }
                }
            }
        }
    }
    progress.step("counting instructions");
    let (instructions, no_instructions) = match instructions(&programs, &plain, &more, &conditions) {
        Ok(found) => (Some(found), None),
        Err(why) => (None, Some(why)),
    };
    let text = format!("Both programs were run again now in {} rounds, taking turns.", args.rounds);
    Ok(Taken { samples, text, instructions, no_instructions })
}

/// The candidate of a capture, with the very program that was captured.
fn engine(record: &Capture, given: Option<&Path>, flag: &str) -> Result<Engine> {
    let mut engine = Engine::resolve(&record.candidate.name)?;
    let program = given.unwrap_or(&record.candidate.program);
    let found = hash::file(program).map_err(|e| {
        AuditError::usage(format!(
            "{flag} {}: {e}; keep a copy of the program of each capture",
            program.display()
        ))
    })?;
    if found != record.candidate.sha256 {
        return Err(AuditError::blocked(format!(
            "compare --again refuses: {} is not the program that was captured (it was built again since?); name a copy of that one with {flag}",
            program.display()
        )));
    }
    engine.identity = record.candidate.clone();
    engine.identity.program =
        std::path::absolute(program).map_err(|e| AuditError::failed(program.display(), e))?;
    Ok(engine)
}

fn timed(engine: &Engine, case: &Case, more: &[OsString], conditions: &Conditions) -> Result<Vec<Run>> {
    let repeat = u32::from(engine.kind == Kind::Rust);
    let extras = Extras { repeat, ..Extras::default() };
    let done = render::render(engine, case, more, &extras, conditions)?;
    let renders = done.timings.as_ref().map_or(&[][..], |t| &t.renders[..]);
    let mut runs = Vec::new();
    if let Some(cold) = renders.first() {
        runs.push(Run { name: "rust_sim_cold", seconds: cold.sim_s });
        runs.push(Run { name: "rust_setup_cold", seconds: cold.setup_s });
    } else {
        runs.push(Run { name: "rust_time_cold", seconds: done.ended.wall.as_secs_f64() });
    }
    if let Some(warm) = renders.get(1) {
        runs.push(Run { name: "rust_time_warm", seconds: warm.total_s });
        runs.push(Run { name: "rust_sim_warm", seconds: warm.sim_s });
    }
    Ok(runs)
}

/// Instructions of both programs on one thread, the case as small as a self-check.
fn instructions(
    programs: &[Engine; 2],
    plain: &Case,
    more: &[Vec<OsString>; 2],
    conditions: &Conditions,
) -> std::result::Result<Instructions, String> {
    let valgrind = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|d| d.join("valgrind")).find(|p| p.is_file()))
        .ok_or("valgrind is not installed")?;
    let case = plain.sized(plain.inputs.is_empty().then_some(256)).reduced();
    let mut counts = [0; 2];
    for (which, program) in programs.iter().enumerate() {
        let mut engine = program.clone();
        let counted = engine
            .identity
            .program
            .to_str()
            .ok_or("the program's path is not text, which valgrind's command line here needs")?;
        let mut command: Vec<String> =
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", counted]
                .map(str::to_owned)
                .to_vec();
        command.extend_from_slice(engine.definition.command.get(1..).unwrap_or_default());
        engine.definition.command = command;
        engine.identity.program.clone_from(&valgrind);
        // what the Rust engine is asked for besides the image would change the count
        engine.kind = Kind::Program;
        let alone = Conditions { threads: 1, ..conditions.clone() };
        let done = render::render(&engine, &case, &more[which], &Extras::default(), &alone).map_err(|e| {
            format!("a run under valgrind failed: {}", e.message.lines().next().unwrap_or("").trim())
        })?;
        let line = done
            .ended
            .stderr
            .lines()
            .find_map(|l| l.split_once("I refs:")?.1.split_whitespace().next().map(str::to_owned));
        let line = line.or_else(|| {
            done.ended
                .stderr
                .lines()
                .find_map(|l| l.split_once("I   refs:")?.1.split_whitespace().next().map(str::to_owned))
        });
        counts[which] = line.and_then(|n| n.replace(',', "").parse().ok()).ok_or("valgrind told no count")?;
    }
    Ok(Instructions { case: case::paste(&case.args), counts: (counts[0], counts[1]) })
}
