//! Why two engines disagree, found by experiment: cheapest first, until a cause is proven or the budget is spent. A cause
//! is proven when an experiment switches the disagreement off and on with it; without one it stays a hypothesis, and
//! when nothing is proven the record says what was excluded and how.

pub mod arguments;
pub mod classify;
pub mod ddmin;
pub mod directory;
pub mod flow;
pub mod lab;
pub mod markdown;
pub mod model;
pub mod opened;
pub mod parameters;
pub mod pixels;
pub mod place;
pub mod ratio;
pub mod residual;
pub mod taps;
pub mod tracing;
pub mod transplant;

use crate::capture::Settings;
use crate::case::paste;
use crate::engines::Engine;
use crate::exit::Result;
use crate::progress::Progress;
use lab::{Lab, Outcome, Recipe, Role, differing};
use model::{Cause, Class, Diagnosis};
use std::time::Duration;
use taps::Trace;

/// Diagnoses the pair of `settings` at its first size.
///
/// # Errors
/// When the audit itself fails or a person interrupts; engines that fail are findings.
pub fn diagnose(settings: &Settings, budget: Duration, progress: &Progress) -> Result<Diagnosis> {
    let mut lab = Lab::new(settings, budget, progress);
    let size = settings.sizes.first().copied().flatten();
    let case = settings.case.sized(size);
    let mut recipe = Recipe {
        args: case.args.clone(),
        size: case.size,
        own: [settings.reference_args.clone(), settings.candidate_args.clone()],
        place: None,
        environment: None,
    };
    let mut d = Diagnosis {
        schema: model::SCHEMA.into(),
        case: settings.case.name.clone(),
        reference: (settings.reference.name().into(), paste(&settings.reference_args)),
        candidate: (settings.candidate.name().into(), paste(&settings.candidate_args)),
        in_place: settings.conditions.in_place.clone(),
        budget_s: budget.as_secs_f64(),
        ..Diagnosis::default()
    };
    let small = Recipe { size: case.reduced().size, ..recipe.clone() };
    if small.size != recipe.size {
        // a small frame that fails alike is as good, and much cheaper
        let outcome = lab.pair(&small)?;
        lab.note("the pair on a smaller frame", outcome.text());
        if outcome.disagrees() || settings.conditions.in_place.is_some() {
            recipe = small;
        }
    }
    d.args = paste(&recipe.args);
    d.size = recipe.size;
    investigate(&mut lab, &recipe, &mut d)?;
    d.sort();
    d.trials = std::mem::take(&mut lab.trials);
    d.elapsed_s = lab.elapsed();
    d.runs = lab.runs;
    Ok(d)
}

fn investigate(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    let outcome = lab.pair(recipe)?;
    lab.note("the pair in empty directories", outcome.text());
    d.disagree = !outcome.agrees();
    d.outcome = outcome.text();
    if let Outcome::Failed(why) = &outcome {
        d.add(Cause {
            class: Class::Failure,
            title: why.clone(),
            proven: true,
            switch: Some("it fails each time it is run like this".into()),
            evidence: Vec::new(),
            weight: 1.0,
        });
        return Ok(());
    }
    if !repeats(lab, recipe, d)? {
        return Ok(());
    }
    if let Some(dir) = lab.settings.conditions.in_place.clone() {
        directory::examine(lab, recipe, &dir, d)?;
        if outcome.agrees() || proven(d) {
            return Ok(());
        }
    }
    if outcome.agrees() {
        return Ok(());
    }
    own_arguments(lab, recipe, d)?;
    if proven(d) {
        return Ok(());
    }
    allowed_variables(lab, recipe, d)?;
    if proven(d) {
        return Ok(());
    }
    inside(lab, recipe, d)
}

fn proven(d: &Diagnosis) -> bool {
    d.causes.iter().any(|c| c.proven)
}

/// Each engine against itself.
fn repeats(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<bool> {
    let mut all = true;
    for role in Role::BOTH {
        let (Ok(a), Ok(b)) = (lab.shot(role, recipe, 0)?, lab.shot(role, recipe, 1)?) else { continue };
        let n = differing(&a.image, &b.image);
        let name = lab.engine(role).name().to_owned();
        lab.note(&format!("the {} ({name}) against itself", role.word()), format!("{n} of {} values differ", a.image.len()));
        if n == 0 {
            d.excluded.push(format!("non-determinism of the {}: two runs are the same bit for bit", role.word()));
            continue;
        }
        all = false;
        d.disagree = true;
        // one thread against many: the usual switch
        let mut single = recipe.clone();
        let mut list = crate::engines::render::allowed_environment();
        list.extend([("OMP_NUM_THREADS".into(), "1".into()), ("RAYON_NUM_THREADS".into(), "1".into())]);
        single.environment = Some(list);
        single.own[role as usize].extend(["--threads".into(), "1".into()]);
        let again = match (lab.shot(role, &single, 0)?, lab.shot(role, &single, 1)?) {
            (Ok(a), Ok(b)) if differing(&a.image, &b.image) == 0 => "with one thread it repeats itself".to_owned(),
            (Ok(_), Ok(_)) => "with one thread it differs from itself, too: a clock, a random seed, uninitialised memory".to_owned(),
            _ => "it cannot be run with --threads 1".to_owned(),
        };
        d.add(Cause {
            class: Class::NonDeterminism,
            title: format!("the {} ({name}) differs from itself in {n} values between two runs of the same command", role.word()),
            proven: true,
            switch: Some(format!("nothing is changed between the two runs; {again}")),
            evidence: Vec::new(),
            weight: 1.0,
        });
    }
    Ok(all)
}

/// Arguments that one engine alone got.
fn own_arguments(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    for role in Role::BOTH {
        let i = role as usize;
        if recipe.own[i].is_empty() {
            continue;
        }
        let mut without = recipe.clone();
        without.own[i].clear();
        let off = lab.pair(&without)?;
        lab.note(&format!("the pair without the arguments of the {} alone", role.word()), off.text());
        if !off.agrees() {
            d.excluded.push(format!("the arguments of the {} alone: without them the engines {}", role.word(), off.text()));
            continue;
        }
        let part = arguments::own(lab, recipe, i)?;
        let words = paste(&arguments::words(&part));
        let on = lab.pair(recipe)?;
        d.add(Cause {
            class: Class::ArgumentOfOneEngine,
            title: format!("the {} alone was given `{words}`", role.word()),
            proven: true,
            switch: Some(format!("without it the engines {}; with it they {}", off.text(), on.text())),
            evidence: Vec::new(),
            weight: 1.0,
        });
    }
    Ok(())
}

/// Variables that isolation lets through.
fn allowed_variables(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    let all = crate::engines::render::allowed_environment();
    let bare: Vec<_> = all.iter().filter(|(n, _)| n == "PATH").cloned().collect();
    let poor = Recipe { environment: Some(bare.clone()), ..recipe.clone() };
    for role in Role::BOTH {
        let (Ok(a), Ok(b)) = (lab.shot(role, recipe, 0)?, lab.shot(role, &poor, 0)?) else { continue };
        if differing(&a.image, &b.image) == 0 {
            continue;
        }
        let others: Vec<_> = all.iter().filter(|(n, _)| n != "PATH").cloned().collect();
        let found = ddmin::ddmin(&others, |part| {
            let list = bare.iter().chain(part).cloned().collect();
            let shot = lab.shot(role, &Recipe { environment: Some(list), ..recipe.clone() }, 0)?;
            let shows = shot.is_ok_and(|s| differing(&s.image, &b.image) > 0);
            Ok::<_, crate::exit::AuditError>(Some(if shows { ddmin::Test::Shows } else { ddmin::Test::Hides }))
        })?;
        let names: Vec<String> = found.iter().map(|(n, v)| format!("{}={}", n.to_string_lossy(), v.to_string_lossy())).collect();
        let off = lab.pair(&poor)?;
        lab.note(&format!("the {} without the variables that isolation lets through", role.word()), names.join(" "));
        d.add(Cause {
            class: Class::EnvironmentVariable,
            title: format!("the {} obeys {}", role.word(), names.join(" and ")),
            proven: off.agrees(),
            switch: off.agrees().then(|| format!("without it the engines {}", off.text())),
            evidence: vec!["its image changes with it".into()],
            weight: 0.5,
        });
    }
    d.excluded.push("the environment: engines got an empty directory and the allowed variables only".into());
    Ok(())
}

/// The engines themselves: parameters, residual, traces, arguments, a third engine.
fn inside(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    let (Ok(a), Ok(b)) = (lab.shot(Role::Reference, recipe, 0)?, lab.shot(Role::Candidate, recipe, 0)?) else {
        return Ok(());
    };
    d.parameters = parameters::side_by_side(&a.log, &b.log);
    let wrong: Vec<&str> = d.parameters.iter().filter(|p| !p.agrees).map(|p| p.name.as_str()).collect();
    let said = if d.parameters.is_empty() {
        "the logs have none in common".into()
    } else if wrong.is_empty() {
        format!("{} agree", d.parameters.len())
    } else {
        format!("differ: {}", wrong.join("; "))
    };
    lab.note("the parameters that both logs tell", said);
    let shape = a.shape.or(b.shape);
    if let Some(shape) = shape
        && a.image.len() == b.image.len()
    {
        d.shapes = residual::shapes(&lab.settings.gates, &a.image, &b.image, shape);
        let best = d.shapes.first().map_or("none fits".into(), |s| {
            format!("{} ({}) explains {:.2} %", s.name, s.fit, s.explained * 100.0)
        });
        lab.note("the residual as a known shape", best);
    }
    let pinned = pin_sampling(lab, recipe, d)?;
    let (recipe, a, b) = match &pinned {
        Some(pinned) => match (lab.shot(Role::Reference, pinned, 0)?, lab.shot(Role::Candidate, pinned, 0)?) {
            (Ok(a), Ok(b)) => (pinned, a, b),
            _ => (recipe, a, b),
        },
        None => (recipe, a, b),
    };
    if proven(d) {
        return Ok(());
    }
    let mut traces: Vec<(Trace, Trace)> = Vec::new();
    if let Some(shape) = shape
        && a.image.len() == b.image.len()
        && !a.image.is_empty()
    {
        let chosen = pixels::choose(&a.image, &b.image, shape);
        let places: Vec<(usize, usize)> = chosen.iter().map(|(p, _)| *p).collect();
        match tracing::traces(lab, recipe, &places, a.image.len())? {
            Ok(found) => {
                d.traced = chosen.into_iter().take(found.len()).collect();
                traces = found;
                d.divergences = flow::compare(&traces);
                let first = d.first_divergence().map_or("none differs".into(), |x| format!("first that differs: {}", x.name));
                lab.note("intermediate values at chosen pixels", first);
            }
            Err(why) => {
                lab.note("intermediate values at chosen pixels", why.clone());
                d.not_tried.push(why);
            }
        }
    }
    suspects(lab, recipe, d, &traces)?;
    referee(lab, recipe, d)?;
    if lab.has_time() {
        let smallest = arguments::smallest_failing(lab, recipe)?;
        d.smallest_failing = Some(paste(&smallest));
    } else {
        d.not_tried.push("a smaller case that fails: the budget was spent".into());
    }
    Ok(())
}

/// Engines may choose the number of sub-pixels from the rest of the case. Where they choose differently, that is said, and the
/// case goes on with the reference's choice, so that what misled the other one can be seen.
fn pin_sampling(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<Option<Recipe>> {
    let mut own = Vec::new();
    for role in Role::BOTH {
        let Some(trace) = tracing::any(lab, recipe, role)? else { return Ok(None) };
        own.push(trace.count("sub_fast").max(trace.count("sub_slow")));
    }
    if own[0] == own[1] || own[0] == 0 {
        return Ok(None);
    }
    let mut pinned = recipe.clone();
    pinned.args.extend(["-oversample".into(), own[0].to_string().into()]);
    let outcome = lab.pair(&pinned)?;
    lab.note(&format!("the pair with `-oversample {}`: one engine chose {}, the other {}", own[0], own[0], own[1]), outcome.text());
    if !outcome.agrees() {
        return Ok(Some(pinned));
    }
    d.nearest_passing = Some(paste(&pinned.args));
    d.causes.push(Cause {
        class: Class::Counts,
        title: format!("the engines choose another number of sub-pixels: {} and {}", own[0], own[1]),
        proven: true,
        switch: Some(format!("with `-oversample {}` given to both the engines agree, without it they do not", own[0])),
        evidence: Vec::new(),
        weight: 0.9,
    });
    Ok(None)
}

/// Causes from the divergences, the switches and the residual.
fn suspects(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis, traces: &[(Trace, Trace)]) -> Result<()> {
    let known = transplant::Known { cells: arguments::cells(&recipe.args) };
    let roots: Vec<flow::Divergence> = d.divergences.iter().filter(|x| x.root).cloned().collect();
    let judged: Vec<(flow::Divergence, classify::Verdict)> =
        roots.into_iter().map(|r| { let v = classify::classify(&r, traces); (r, v) }).collect();
    let classes: Vec<Class> = judged.iter().map(|(_, v)| v.class).collect();
    let switches = arguments::switches(lab, recipe, &classes)?;
    d.nearest_passing = switches.first().map(|s| format!("{} ({})", paste(&s.passing), s.text));
    let mut named: Vec<Class> = Vec::new();
    for (rank, (root, verdict)) in judged.into_iter().enumerate() {
        let mut verdict = verdict;
        refine(&root, &mut verdict, &switches);
        if named.contains(&verdict.class) {
            continue; // the axes of one cell are one cause
        }
        named.push(verdict.class);
        let (works, of) = transplant::both_ways(traces, &root.name, &known);
        let switch = switches.iter().find(|s| s.class == verdict.class);
        let shape = d.shapes.iter().find(|s| s.passes);
        let mut proofs = Vec::new();
        if of > 0 && works == of {
            proofs.push(format!(
                "with the reference's `{0}` in its place the candidate's arithmetic gives the reference's pixel, and the other way round, at {works} of {of} traced pixels that differ",
                root.name
            ));
        }
        if let Some(s) = switch {
            proofs.push(format!("{} the engines agree, with it they do not", s.text));
        }
        if let (Some(s), true) = (shape, agrees_with(shape, verdict.class)) {
            proofs.push(format!("once the candidate's image is corrected ({}: {}) the gates pass", s.name, s.fit));
        }
        let places = root.pairs.len();
        let mut evidence = vec![format!(
            "`{}` is the first value that differs although everything it is made from agrees: at {} of {places} places, by {:.3e} at most",
            root.name, root.differing, root.largest
        )];
        evidence.extend(verdict.ratio.iter().map(|r| format!("the ratio candidate / reference is {r}")));
        evidence.extend(d.parameters.iter().filter(|p| !p.agrees).map(|p| {
            format!("the logs differ: `{}`: {} in the reference, {} in the candidate", p.name, p.reference, p.candidate)
        }));
        d.causes.push(Cause {
            class: verdict.class,
            title: verdict.text,
            proven: !proofs.is_empty(),
            switch: (!proofs.is_empty()).then(|| proofs.join("; ")),
            evidence,
            weight: 0.8 - 0.01 * rank as f64,
        });
    }
    without_taps(d, &switches);
    Ok(())
}

/// What an argument switches says more about the cell than where it first shows.
fn refine(root: &flow::Divergence, verdict: &mut classify::Verdict, switches: &[arguments::Switch]) {
    if !["a", "b", "c"].contains(&root.name.as_str()) {
        return;
    }
    // what turns the cell last comes first: without it, only an undisturbed cell can agree
    for class in [Class::Mosaic, Class::Phi] {
        if verdict.class != class && switches.iter().any(|s| s.class == class) {
            verdict.class = class;
            verdict.text = format!("{}; without {} the engines agree", verdict.text, class.title());
            return;
        }
    }
}

/// Whether a residual shape speaks for a class.
fn agrees_with(shape: Option<&model::Shape>, class: Class) -> bool {
    shape.is_some_and(|s| match class {
        Class::Scale | Class::Counts => s.name == "scale",
        Class::Geometry | Class::PixelOrder => ["transposed", "flipped", "turned", "shifted"].iter().any(|w| s.name.starts_with(w)),
        Class::Background => s.name.contains("background") || s.name == "offset",
        Class::Polarization | Class::SolidAngle => s.name.contains("radius") || s.name == "scale",
        _ => false,
    })
}

/// Engines that tell nothing of themselves: the residual and the arguments speak alone.
fn without_taps(d: &mut Diagnosis, switches: &[arguments::Switch]) {
    if !d.divergences.is_empty() {
        return;
    }
    for (i, s) in d.shapes.clone().iter().enumerate().filter(|(_, s)| s.passes || s.explained > 0.5) {
        let class = match s.name.as_str() {
            "scale" => Class::Scale,
            "offset" | "a smooth background" | "scale and offset" => Class::Background,
            n if n.contains("radius") => Class::Polarization,
            "transposed" => Class::PixelOrder,
            _ => Class::Geometry,
        };
        d.causes.push(Cause {
            class,
            title: format!("{}: {}", s.name, s.fit),
            proven: s.passes,
            switch: s.passes.then(|| "once the candidate's image is corrected by it the gates pass; uncorrected they block".into()),
            evidence: vec![format!("explains {:.3} % of the squared difference", s.explained * 100.0)],
            weight: 0.5 + 0.2 * s.explained - 0.01 * i as f64,
        });
    }
    for s in switches {
        d.causes.push(Cause {
            class: s.class,
            title: format!("{}: {} the engines agree", s.class.title(), s.text),
            proven: true,
            switch: Some(format!("{} the engines agree, with it they do not", s.text)),
            evidence: Vec::new(),
            weight: 0.4,
        });
    }
}

/// A third engine, scalar and f64: which of the two does it side with?
fn referee(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    let name = "rust-reference";
    if [&d.reference.0, &d.candidate.0].iter().any(|n| n.as_str() == name) || !lab.has_time() {
        return Ok(());
    }
    let Ok(third) = Engine::resolve(name) else { return Ok(()) };
    let shared = Recipe { own: [Vec::new(), Vec::new()], ..recipe.clone() };
    let Ok(image) = lab.take(&third, &shared, &[])? else {
        d.not_tried.push(format!("{name} as a referee: it cannot run this case"));
        return Ok(());
    };
    let mut sides = Vec::new();
    for role in Role::BOTH {
        if let Ok(shot) = lab.shot(role, recipe, 0)? {
            sides.push(lab.judge(&image, &shot).agrees());
        }
    }
    let text = match sides.as_slice() {
        [true, false] => format!("{name} agrees with the reference: the candidate is wrong"),
        [false, true] => format!("{name} agrees with the candidate: the reference is wrong"),
        [true, true] => format!("{name} lies between the two and agrees with both"),
        _ => format!("{name} agrees with neither"),
    };
    lab.note("a third engine", text.clone());
    d.referee = Some(text);
    Ok(())
}
