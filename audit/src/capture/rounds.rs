//! The timed rounds of one size and the comparison.

use super::compare;
use super::model::{Capture, Judged, Numbers, SizeResult};
use super::referee::{self, Opinion};
use super::{Log, MEASURED, Role, Settings};
use crate::case::Case;
use crate::engines::render::{self, Arithmetic, Extras, RenderTimes, Rendered, Timings};
use crate::engines::{Engine, Kind};
use crate::exit::{Exit, Result};
use crate::formats::Array2;
use crate::gates::Verdict;
use crate::metrics::{self, Maps};
use crate::pictures;
use crate::progress::Progress;
use crate::stamp::Writer;
use crate::stats;

/// Times by name, in the order they were taken.
#[derive(Default)]
struct Times {
    taken: Vec<(&'static str, f64)>,
}

impl Times {
    fn push(&mut self, name: &'static str, value: Option<f64>) {
        self.taken.extend(value.map(|v| (name, v)));
    }
    fn of(&self, name: &str) -> Vec<f64> {
        self.taken.iter().filter(|(n, _)| *n == name).map(|(_, v)| *v).collect()
    }
    fn median(&self, name: &str) -> Option<f64> {
        stats::median(&self.of(name))
    }
}

/// Pictures of a blocked comparison below `folder` of the stamp, and of the region around its largest local error; their
/// names, as the stamp of a blocked capture has them.
fn draw(
    stamp: &Writer,
    folder: &str,
    a: &Array2,
    b: &Array2,
    judged: &Judged,
    maps: &Maps,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut into = |folder: &str, roi, comparison: &_, maps: &_| -> Result<()> {
        let dir = stamp.path(&format!("{folder}/x"))?;
        let dir = dir.parent().unwrap_or(&dir);
        for path in pictures::write(dir, a, b, roi, comparison, maps)? {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            names.push(format!("{folder}/{name}").replacen(MEASURED, super::FAILED, 1));
        }
        Ok(())
    };
    into(folder, None, &judged.comparison, maps)?;
    if let Some(region) = judged.regions.iter().find(|r| r.name == compare::WORST_REGION)
        && let Ok((comparison, maps)) = metrics::measure(a, b, Some(region.roi))
    {
        into(&format!("{folder}/{}", compare::REGION_FOLDER), Some(region.roi), &comparison, &maps)?;
    }
    Ok(names)
}

/// One size: rounds, comparison, profile.
pub(super) fn run(
    settings: &Settings,
    size: Option<u32>,
    stamp: &Writer,
    log: &mut Log,
    progress: &Progress,
) -> Result<SizeResult> {
    let case = settings.case.sized(size);
    let label = size.map_or_else(|| "the case".to_string(), |s| format!("{s}x{s}"));
    let (mut times, mut numbers) =
        (Times::default(), Numbers { iterations: settings.iterations, ..Numbers::default() });
    let (mut reference, mut cold, mut warm): (Option<Rendered>, Option<Rendered>, Option<Rendered>) =
        (None, None, None);
    for round in 1..=settings.iterations {
        let of = format!("round {round} of {}", settings.iterations);
        progress.step(&format!("{label}: {of}, {}", settings.reference.name()));
        let what = format!("{label}, {of}: {}", settings.reference.name());
        let r = super::render(settings, Role::Reference, &case, &Extras::default(), &what, log)?;
        times.push("c_time", Some(r.ended.wall.as_secs_f64()));
        times.push("c_sim", r.pixel_loop_s());
        numbers.c_mem = numbers.c_mem.max(r.ended.peak_bytes);
        reference.get_or_insert(r);

        progress.step(&format!("{label}: {of}, {} cold", settings.candidate.name()));
        let what = format!("{label}, {of}: {} cold", settings.candidate.name());
        let c = super::render(settings, Role::Candidate, &case, &Extras::default(), &what, log)?;
        times.push("rust_time_cold", Some(c.ended.wall.as_secs_f64()));
        let first = c.timings.as_ref().and_then(|t| t.renders.first());
        times.push("rust_setup_cold", first.map(|t| t.setup_s).or_else(|| c.setup_s()));
        times.push("rust_sim_cold", first.map(|t| t.sim_s).or_else(|| c.pixel_loop_s()));
        numbers.rust_mem_cold =
            numbers.rust_mem_cold.max(first.and_then(|t| t.peak_bytes).or(c.ended.peak_bytes));
        numbers.cache_hit_cold = first.map(|t| t.cache_hit);
        cold.get_or_insert(c);

        if settings.candidate.kind == Kind::Rust {
            progress.step(&format!("{label}: {of}, {} warm", settings.candidate.name()));
            let extras = Extras { repeat: 1, ..Extras::default() };
            let what = format!("{label}, {of}: {} warm", settings.candidate.name());
            let w = super::render(settings, Role::Candidate, &case, &extras, &what, log)?;
            for t in warm_renders(w.timings.as_ref()) {
                times.push("rust_time_warm", Some(t.total_s));
                times.push("rust_setup_warm", Some(t.setup_s));
                times.push("rust_sim_warm", Some(t.sim_s));
                numbers.rust_mem_warm = numbers.rust_mem_warm.max(t.peak_bytes);
                numbers.cache_hit_warm = Some(t.cache_hit);
            }
            warm.get_or_insert(w);
        }
    }
    progress.step(&format!("{label}: comparing the images"));
    let mut out = SizeResult {
        verdict: Verdict::NotComparable,
        problem: None,
        sized: size.is_some(),
        reference_arithmetic: arithmetic(reference.as_ref()),
        candidate_arithmetic: arithmetic(cold.as_ref()),
        shape: shape(cold.as_ref(), reference.as_ref()),
        numbers,
        cold: None,
        warm: None,
        opinion: None,
        profiled_image_identical: None,
        profiled_renders: None,
        planted_s: None,
    };
    judge(settings, &mut out, reference.as_ref(), cold.as_ref(), warm.as_ref(), stamp)?;
    fill(&mut out.numbers, &times, size, out.shape);
    if out.verdict != Verdict::Pass
        && let (Some(third), Some(a), Some(b)) = (&settings.referee, &reference, &cold)
    {
        progress.step(&format!("{label}: asking {}", third.name()));
        out.opinion = ask(settings, third, &case, a, b, log)?;
    }
    let folder = format!("{MEASURED}/{}", Capture::profile_folder(&out));
    if settings.keep_artifacts {
        for (name, run) in [("reference", &reference), ("candidate_cold", &cold), ("candidate_warm", &warm)] {
            if let Some(run) = run
                && run.image().is_file()
            {
                let ending =
                    run.image().extension().map_or("bin".into(), |e| e.to_string_lossy().into_owned());
                stamp.take(&format!("{folder}/{name}.{ending}"), &run.image())?;
            }
        }
    }
    if settings.profile && super::profile::can(&settings.candidate) {
        let plain = cold.as_ref().map(Rendered::image);
        super::profile::run(settings, &case, &mut out, plain.as_deref(), &folder, stamp, log, progress)?;
    }
    Ok(out)
}

/// Renders the case with the third engine and asks which of the two it agrees with; none where the two left nothing.
fn ask(
    settings: &Settings,
    third: &Engine,
    case: &Case,
    reference: &Rendered,
    candidate: &Rendered,
    log: &mut Log,
) -> Result<Option<Opinion>> {
    let Ok(a) = reference.read(candidate.shape) else { return Ok(None) };
    let Ok(b) = candidate.read(Some(a.shape())) else { return Ok(None) };
    let names = [third.name(), settings.reference.name(), settings.candidate.name()];
    let image = match render::attempt(third, case, &[], &Extras::default(), &settings.conditions) {
        Ok(run) => {
            log.add(&format!("the referee: {}", third.name()), &run, &[]);
            match &run.failure {
                Some(failure) => Err(failure.lines().next().unwrap_or_default().to_owned()),
                None => run.read(Some(a.shape())).map_err(|e| e.to_string()),
            }
        }
        Err(e) if e.exit == Exit::EngineFailed => Err(e.message),
        Err(e) => return Err(e),
    };
    Ok(Some(referee::weigh(names, image.as_ref().map_err(Clone::clone), &a, &b, &settings.gates)))
}

/// Width and height, where one of the engines or its file tells.
fn shape(cold: Option<&Rendered>, reference: Option<&Rendered>) -> Option<[u32; 2]> {
    let known = [cold, reference]
        .into_iter()
        .flatten()
        .find_map(|r| r.shape.or_else(|| r.read(None).ok().map(|a| a.shape())))?;
    Some([u32::try_from(known.width).ok()?, u32::try_from(known.height).ok()?])
}

/// How an engine computes, if it told.
fn arithmetic(run: Option<&Rendered>) -> Option<Arithmetic> {
    Some(run?.timings.as_ref()?.arithmetic.clone())
}

fn warm_renders(timings: Option<&Timings>) -> impl Iterator<Item = &RenderTimes> {
    timings.into_iter().flat_map(|t| t.renders.iter().skip(1))
}

/// Compares and puts the comparisons through the gates.
fn judge(
    settings: &Settings,
    out: &mut SizeResult,
    reference: Option<&Rendered>,
    cold: Option<&Rendered>,
    warm: Option<&Rendered>,
    stamp: &Writer,
) -> Result<()> {
    let Some(reference) = reference else { return Ok(()) };
    let images = |candidate: &Rendered| -> std::result::Result<(Array2, Array2), String> {
        let a = reference.read(candidate.shape);
        let a = a.map_err(|e| format!("reference {}: {e}", settings.reference.name()))?;
        let b = candidate.read(Some(a.shape()));
        let b = b.map_err(|e| format!("candidate {}: {e}", settings.candidate.name()))?;
        Ok((a, b))
    };
    let mut verdict = Verdict::Pass;
    let folder = format!("{MEASURED}/{}/pictures", Capture::profile_folder(out));
    let mut first: Option<Array2> = None;
    for (run, render) in [(cold, "cold"), (warm, "warm")] {
        let Some(run) = run else { continue };
        let found = images(run).and_then(|(a, b)| {
            // the warm image is as a rule the cold one: judged once
            if let (Some(cold), Some(judged)) = (&first, &out.cold)
                && cold.shape() == b.shape()
                && cold.bytes() == b.bytes()
            {
                return Ok((judged.clone(), None));
            }
            let (judged, maps) = compare::judge(&a, &b, &settings.gates)?;
            Ok((judged, Some((a, b, maps))))
        });
        match found {
            Ok((mut judged, drawn)) => {
                verdict = verdict.and(judged.verdict);
                if judged.verdict == Verdict::NotComparable {
                    out.problem.clone_from(&judged.problem);
                }
                if let Some((a, b, maps)) = drawn {
                    if judged.verdict == Verdict::Blocked {
                        judged.pictures = draw(stamp, &format!("{folder}/{render}"), &a, &b, &judged, &maps)?;
                    }
                    first.get_or_insert(b);
                }
                *(if render == "cold" { &mut out.cold } else { &mut out.warm }) = Some(judged);
            }
            Err(problem) => {
                verdict = Verdict::NotComparable;
                out.problem = Some(problem);
            }
        }
    }
    out.verdict = if cold.is_some() { verdict } else { Verdict::NotComparable };
    let n = &mut out.numbers;
    if let Some(j) = &out.cold {
        n.pixels = j.comparison.pixels;
        n.correlation_cold = j.comparison.correlation;
        n.one_minus_correlation_cold = j.comparison.one_minus_correlation;
        n.sum_ratio_cold = j.comparison.sum_ratio;
    }
    if let Some(j) = &out.warm {
        n.correlation_warm = j.comparison.correlation;
        n.one_minus_correlation_warm = j.comparison.one_minus_correlation;
        n.sum_ratio_warm = j.comparison.sum_ratio;
    }
    Ok(())
}

fn fill(n: &mut Numbers, times: &Times, size: Option<u32>, shape: Option<[u32; 2]>) {
    n.size = size.or_else(|| shape.map(|[f, _]| f)).unwrap_or_default();
    n.c_time = times.median("c_time");
    n.c_sim = times.median("c_sim");
    n.rust_time_cold = times.median("rust_time_cold");
    n.rust_time_warm = times.median("rust_time_warm");
    n.rust_setup_cold = times.median("rust_setup_cold");
    n.rust_setup_warm = times.median("rust_setup_warm");
    n.rust_sim_cold = times.median("rust_sim_cold");
    n.rust_sim_warm = times.median("rust_sim_warm");
    let ratio = |a: Option<f64>, b: Option<f64>| a.zip(b).filter(|(_, b)| *b > 0.0).map(|(a, b)| a / b);
    n.speedup_cold = ratio(n.c_time, n.rust_time_cold);
    n.speedup_warm = ratio(n.c_time, n.rust_time_warm);
    n.cache_speedup = ratio(n.rust_setup_cold, n.rust_setup_warm);
    for (name, _) in &times.taken {
        if let Some(series) = stats::series(&times.of(name)) {
            n.times.insert((*name).to_string(), series);
        }
    }
}
