//! Figures beside the ratios: set-up, memory, reading, tracing, and the image made in memory; each with a verified answer.

use crate::cases::{CASES, Case, factor, write_hkl};
use crate::flatness::experiment;
use crate::measure::Bench;
use crate::quantiles::Quartiles;
use crate::subjects::kernel;
use bragg_tests::programs::{binary, run, temporary_folder};
use nanobragg::Simulator;
use nanobragg::buffer::Buffer;
use nanobragg::engine::Choice;
use nanobragg::io::hkl::read_hkl;
use nanobragg::kernels::{Dtype, Level};
use serde::Serialize;
use std::time::Instant;

/// What must hold.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// Shown beside the others.
    None,
}

/// One figure: the median, and between what half of its values lie.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) value: Quartiles,
    pub(crate) limit: Limit,
}

impl Fact {
    fn new(
        what: impl Into<String>,
        unit: &'static str,
        values: &[f64],
        limit: Limit,
    ) -> Result<Fact, String> {
        let what = what.into();
        let value = Quartiles::of(values).ok_or_else(|| format!("{what}: nothing measured"))?;
        Ok(Fact { what, unit, value, limit })
    }

    /// What is said of the median.
    pub(crate) fn verdict(&self, quick: bool) -> &'static str {
        let median = self.value.median;
        match self.limit {
            Limit::None => "not judged",
            _ if quick => "not judged: small images",
            Limit::AtMost(most) if median <= most => "met",
            Limit::AtLeast(least) if median >= least => "met",
            _ => "**missed**",
        }
    }
}

/// How often something short is measured.
const TIMES: usize = 41;

/// All of them.
///
/// # Errors
/// A sentence, when a program fails or an answer is wrong.
pub(crate) fn measure(quick: bool) -> Result<Vec<Fact>, String> {
    let mut facts = Vec::new();
    for part in [set_up, in_memory, memory, reading, tracing] {
        facts.extend(part(quick)?);
    }
    Ok(facts)
}

fn size(quick: bool) -> u32 {
    let Case { quick: small, full, .. } = CASES[0];
    if quick { small } else { full }
}

/// Of W1: again with the same experiment, as in warm renders, and with another distance each time.
fn set_up(quick: bool) -> Result<Vec<Fact>, String> {
    eprintln!("set-up");
    let at = |distance: f64| experiment([size(quick); 2], |e| e.detector.distance = distance);
    let [here, there] = [at(0.1), at(0.11)];
    let mut simulator = Simulator::with(&here, 1, &Choice::default()).map_err(|e| e.to_string())?;
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for round in 0..TIMES {
        let now = if round % 2 == 0 { &there } else { &here };
        for times in [&mut other, &mut same] {
            let start = Instant::now();
            simulator.change(now).map_err(|e| e.to_string())?;
            times.push(1e3 * start.elapsed().as_secs_f64());
        }
    }
    simulator.change(&here).map_err(|e| e.to_string())?;
    let fresh = Simulator::with(&here, 1, &Choice::default()).map_err(|e| e.to_string())?;
    if simulator.render() != fresh.render() {
        return Err("set-up: a changed simulator renders another image than a new one".to_owned());
    }
    Ok(vec![
        Fact::new("W1, set-up of a warm render", "ms", &same, Limit::AtMost(1.0))?,
        Fact::new("W1, set-up after a change of the distance", "ms", &other, Limit::AtMost(1.0))?,
    ])
}

/// W1 into memory that nobody has touched: what the pixel loop takes where the image is not written band by band.
fn in_memory(quick: bool) -> Result<Vec<Fact>, String> {
    eprintln!("the image in memory");
    let mut facts = Vec::new();
    for dtype in [Dtype::F64, Dtype::F32] {
        let choice = Choice { dtype, ..Choice::default() };
        let experiment = experiment([size(quick); 2], |_| {});
        let simulator = Simulator::with(&experiment, 1, &choice).map_err(|e| e.to_string())?;
        let want = simulator.render();
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let mut image = Buffer::<f32>::zeroed(want.len()).map_err(|e| e.to_string())?;
            let start = Instant::now();
            simulator.render_into(&mut image).map_err(|e| e.to_string())?;
            times.push(1e3 * start.elapsed().as_secs_f64());
            if image[..] != want[..] {
                return Err("two renders of one experiment differ".to_owned());
            }
        }
        let what = format!("W1, pixel loop into memory touched for the first time, {}", dtype.name());
        facts.push(Fact::new(what, "ms", &times, Limit::None)?);
    }
    Ok(facts)
}

/// The most memory of an ordinary run beside its float image.
fn memory(quick: bool) -> Result<Vec<Fact>, String> {
    let side: u32 = if quick { 4096 } else { 16384 };
    let mut facts = Vec::new();
    for dtype in ["f64", "f32"] {
        eprintln!("memory of {side} × {side} pixels, {dtype}");
        let folder = temporary_folder();
        let mut words = CASES[0].words(side);
        words.extend(["--dtype", dtype, "--timings", "t.json"].map(str::to_owned));
        let ran = run(&binary("nanobragg"), &words, folder.path());
        if ran.code() != 0 {
            return Err(ran.to_string());
        }
        let read = |name: &str| std::fs::read(folder.path().join(name)).map_err(|e| format!("{name}: {e}"));
        let timings: serde_json::Value =
            serde_json::from_slice(&read("t.json")?).map_err(|e| format!("t.json: {e}"))?;
        let peak = timings["renders"][0]["peak_bytes"].as_f64().ok_or("t.json tells no peak")?;
        let image = 4.0 * f64::from(side).powi(2);
        let length = std::fs::metadata(folder.path().join("float.bin")).map_err(|e| e.to_string())?.len();
        if length as f64 != image {
            return Err(format!("float.bin has {length} bytes, not {image}"));
        }
        let mib = 1024.0 * 1024.0;
        let what = format!("most memory of {side} × {side} pixels, {dtype}");
        facts.push(Fact::new(what, "MiB", &[peak / mib], Limit::AtMost(image / mib + 64.0))?);
    }
    Ok(facts)
}

/// A list of structure factors as programs write it.
fn reading(quick: bool) -> Result<Vec<Fact>, String> {
    eprintln!("reading structure factors");
    let reach = if quick { 40 } else { 59 };
    let folder = temporary_folder();
    let path = folder.path().join("hkl.txt");
    write_hkl(&path, reach)?;
    let bytes = std::fs::metadata(&path).map_err(|e| e.to_string())?.len();
    let range = || -reach..=reach;
    let want: Vec<f64> =
        range().flat_map(|h| range().flat_map(move |k| range().map(move |l| factor(h, k, l)))).collect();
    let mut facts = Vec::new();
    for (threads, limit) in [(1, Limit::None), (2, Limit::AtLeast(500.0))] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        let mut rates = Vec::new();
        for _ in 0..TIMES {
            let start = Instant::now();
            let grid = pool.install(|| read_hkl(&path, 0.0, false)).map_err(|e| e.to_string())?;
            rates.push(1e-6 * bytes as f64 / start.elapsed().as_secs_f64());
            if grid.values != want {
                return Err("the grid of structure factors is not what was written".to_owned());
            }
        }
        let what = format!("text of structure factors, {threads} threads");
        facts.push(Fact::new(what, "MB/s", &rates, limit)?);
    }
    Ok(facts)
}

/// W1 with and without `--trace`, in turns.
fn tracing(quick: bool) -> Result<Vec<Fact>, String> {
    eprintln!("tracing");
    let folder = temporary_folder();
    let bench = Bench { case: &CASES[0], pixels: size(quick), folder: folder.path() };
    let plain = kernel(Level::detect(), Dtype::F64, false);
    let mut traced = plain.clone();
    traced.words.extend(["--trace", "trace.json"].map(str::to_owned));
    bench.run(&plain, 1)?;
    let want = bench.image();
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..TIMES {
        let mut pair = [&plain, &traced];
        // the order alternates, so that a drift of the machine favours neither
        if round % 2 == 1 {
            pair.reverse();
        }
        let mut times = [bench.run(pair[0], 1)?, bench.run(pair[1], 1)?];
        if round % 2 == 1 {
            times.reverse();
        }
        let [plain, traced] = times;
        ratios[0].push(traced.pixel_loop / plain.pixel_loop);
        ratios[1].push(traced.whole / plain.whole);
    }
    bench.run(&traced, 1)?;
    bench.check(&traced, &want)?;
    let [pixel_loop, whole] = ratios;
    Ok(vec![
        Fact::new("W1, pixel loop with a trace over without", "×", &pixel_loop, Limit::AtMost(1.02))?,
        Fact::new("W1, whole process with a trace over without", "×", &whole, Limit::None)?,
    ])
}
