//! Rounds in which the programs take turns.

use crate::cases::{CASES, Case};
use crate::cores;
use crate::measure::{Bench, Checked, Times};
use crate::quantiles::Quartiles;
use crate::subjects::{Subject, c_engine, kernels, named};
use bragg_tests::programs::temporary_folder;
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs of a fast program in one round: their median is the round's, whatever else the machine did for a moment.
const TURNS: usize = 5;
const QUICK_TURNS: usize = 3;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
}

/// One program on one case and one number of threads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) subject: String,
    pub(crate) threads: usize,
    /// Against the C engine's image.
    pub(crate) checked: Checked,
    /// By round.
    pub(crate) times: Vec<Times>,
    /// The C engine's time over this one's at the same number of threads, round by round.
    pub(crate) loop_ratio: Quartiles,
    pub(crate) whole_ratio: Quartiles,
    /// The same to the binary of `NB_C_BIN`.
    pub(crate) named_loop_ratio: Option<Quartiles>,
    pub(crate) named_whole_ratio: Option<Quartiles>,
}

/// All programs on one case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) case: &'static str,
    pub(crate) what: &'static str,
    pub(crate) pixels: u32,
    pub(crate) measured: Vec<Measured>,
}

/// Measures every case.
///
/// # Errors
/// A sentence, when a program fails or gives a wrong image.
pub(crate) fn all(effort: Effort, only: &[String]) -> Result<Vec<CaseResult>, String> {
    let cases = CASES.iter().filter(|case| only.is_empty() || only.iter().any(|name| name == case.name));
    cases.map(|case| one(case, effort)).collect()
}

fn one(case: &'static Case, effort: Effort) -> Result<CaseResult, String> {
    let folder = temporary_folder();
    let pixels = if effort.quick { case.quick } else { case.full };
    let bench = Bench { case, pixels, folder: folder.path() };
    if case.reads_hkl() {
        crate::cases::write_hkl(&folder.path().join("hkl.txt"), 40)?;
    }
    let named = named()?;
    let mut subjects = vec![c_engine()];
    subjects.extend(named.clone());
    subjects.extend(kernels(case));

    eprintln!("{}: {} at {pixels} × {pixels}: answers", case.name, case.what);
    bench.run(&subjects[0], 2)?;
    let want = bench.image();
    let mut checked = Vec::new();
    for subject in &subjects {
        bench.run(subject, 1)?;
        checked.push(bench.check(subject, &want)?);
    }

    let mut times: BTreeMap<(usize, usize), Vec<Times>> = BTreeMap::new();
    for round in 0..effort.rounds {
        eprintln!("{}: round {} of {}", case.name, round + 1, effort.rounds);
        for place in 0..subjects.len() {
            // Each round begins with another program.
            let subject = (place + round) % subjects.len();
            let [one, two] = turns(&bench, &subjects[subject], effort)?;
            times.entry((subject, 1)).or_default().push(one);
            times.entry((subject, 2)).or_default().push(two);
        }
    }

    let mut measured = Vec::new();
    for ((subject, threads), own) in &times {
        let ratio = |to: usize, time: fn(&Times) -> f64| {
            let pairs = times[&(to, *threads)].iter().zip(own);
            Quartiles::of(&pairs.map(|(to, own)| time(to) / time(own)).collect::<Vec<f64>>())
        };
        let pixel_loop: fn(&Times) -> f64 = |t| t.pixel_loop;
        let whole: fn(&Times) -> f64 = |t| t.whole;
        let to_named = |time| named.as_ref().and_then(|_| ratio(1, time));
        measured.push(Measured {
            subject: subjects[*subject].name.clone(),
            threads: *threads,
            checked: checked[*subject],
            times: own.clone(),
            loop_ratio: ratio(0, pixel_loop).ok_or("no rounds")?,
            whole_ratio: ratio(0, whole).ok_or("no rounds")?,
            named_loop_ratio: to_named(pixel_loop),
            named_whole_ratio: to_named(whole),
        });
    }
    Ok(CaseResult { case: case.name, what: case.what, pixels, measured })
}

/// On one thread and on two: one run, or the medians of some that are short and take turns.
fn turns(bench: &Bench, subject: &Subject, effort: Effort) -> Result<[Times; 2], String> {
    let turns = match (subject.fast, effort.quick) {
        (false, _) => 1,
        (true, true) => QUICK_TURNS,
        (true, false) => TURNS,
    };
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..turns {
        for (runs, threads) in runs.iter_mut().zip([1, 2]) {
            if threads > 1 && !cores::apart() {
                eprintln!("{}: two threads are not as fast as one just now: they share a core", subject.name);
            }
            runs.push(bench.run(subject, threads)?);
        }
    }
    let median = |runs: &[Times], time: fn(&Times) -> f64| {
        Quartiles::of(&runs.iter().map(time).collect::<Vec<f64>>()).map_or(f64::NAN, |q| q.median)
    };
    let medians = |runs: &[Times]| Times {
        pixel_loop: median(runs, |t| t.pixel_loop),
        whole: median(runs, |t| t.whole),
    };
    Ok([medians(&runs[0]), medians(&runs[1])])
}
