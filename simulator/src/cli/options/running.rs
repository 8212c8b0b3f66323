//! Options of how it runs, which nanoBragg does not have.

use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};
use crate::cli::request::Action;
use crate::engine::EngineName;
use crate::kernels::{Dtype, Level};
use crate::oddities::Oddities;

const G: Group = Group::Running;

/// The only word that is allowed so far.
fn only(word: &str, allowed: &str, advice: &str) -> Result<(), String> {
    if word == allowed {
        Ok(())
    } else {
        Err(format!("`{word}` is not available {advice}; give `{allowed}`"))
    }
}

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["--threads"],
        "N",
        "threads; RAYON_NUM_THREADS and OMP_NUM_THREADS are obeyed",
        Integer(|r, n| {
            r.running.threads = Some(
                usize::try_from(n)
                    .ok()
                    .filter(|n| (1..=1 << 16).contains(n))
                    .ok_or_else(|| format!("must be from 1 to 65536, and is {n}"))?,
            );
            Ok(())
        }),
    )
    .default("all cores"),
    G.option(
        &["--oddities"],
        "SET",
        "oddities of nanoBragg: nanobragg, none, oracle, a list, or +name,-name",
        Word(|r, w| {
            r.experiment.oddities = Oddities::parse(w)?;
            Ok(())
        }),
    )
    .default("nanobragg"),
    G.option(
        &["--engine"],
        "NAME",
        "the engine: rust-fast (vector kernels) or rust-reference (the equations, pixel by pixel)",
        Word(|r, w| {
            let engine = EngineName::ALL.into_iter().find(|engine| engine.name() == w);
            let all = EngineName::ALL.map(EngineName::name).join(" or ");
            r.running.choice.engine = engine.ok_or_else(|| format!("`{w}` is no engine; give {all}"))?;
            Ok(())
        }),
    )
    .default("rust-fast"),
    G.option(
        &["--dtype"],
        "f64|f32",
        "type of the numbers inside the sum; f32 is about twice as fast",
        Word(|r, w| {
            let dtype = [Dtype::F64, Dtype::F32].into_iter().find(|dtype| dtype.name() == w);
            r.running.choice.dtype = dtype.ok_or_else(|| format!("`{w}` is no type; give f64 or f32"))?;
            Ok(())
        }),
    )
    .default("f64"),
    G.option(&["--device"], "cpu", "where it runs", Word(|_, w| only(w, "cpu", "as a device")))
        .default("cpu"),
    G.option(
        &["--simd"],
        "LEVEL",
        "instruction set of the fast engine: auto, avx512, avx2, neon or plain",
        Word(|r, w| {
            r.running.choice.level =
                if w == "auto" { None } else { Some(Level::named(w).map_err(|error| error.to_string())?) };
            Ok(())
        }),
    )
    .default("auto"),
    G.option(
        &["--tiles"],
        "auto|off",
        "interpolate smooth images where that is proven to be as good, and faster",
        Word(|r, w| {
            r.running.choice.tiles = match w {
                "auto" => true,
                "off" => false,
                _ => return Err(format!("`{w}` is no choice; give auto or off")),
            };
            Ok(())
        }),
    )
    .default("auto"),
    G.flag(&["--explain"], "say which kernels run, and why", |r| r.running.explain = true),
    G.option(
        &["--trace"],
        "FILE",
        "Chrome trace of the stages, for Perfetto",
        File(|r, p| r.running.trace = Some(p)),
    ),
    G.option(
        &["--timings"],
        "FILE",
        "timings of every render as JSON",
        File(|r, p| r.running.timings = Some(p)),
    ),
    G.option(
        &["--repeat"],
        "N",
        "renders after the first, with the set-up kept",
        Integer(|r, n| {
            r.running.repeat =
                u32::try_from(n).map_err(|_| format!("must be a number of renders, and is {n}"))?;
            Ok(())
        }),
    )
    .default("0"),
    G.flag(&["--quiet"], "nothing on standard output", |r| r.running.quiet = true),
    G.flag(&["--json"], "the report as one JSON object", |r| r.running.json = true),
    G.option(
        &["--experiment"],
        "FILE",
        "experiment file: a section for each group, a key for each option; the command line comes after it",
        File(|r, path| r.input.experiment = Some(path)),
    ),
    G.flag(
        &["--print-experiment"],
        "print the resolved experiment as such a file, and render nothing",
        |r| {
            r.action = Action::PrintExperiment;
        },
    ),
    G.flag(&["--version"], "the version", |r| r.action = Action::Version),
    G.option(
        &["--help", "-h", "-help"],
        "[OPTION]",
        "this text, or what one option does",
        MaybeWord(|r, word| r.action = Action::Help(word)),
    ),
];
