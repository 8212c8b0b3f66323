//! Inside the engines: parameters side by side, the residual as a known shape, intermediate values, arguments as switches, a
//! third engine; and the causes that follow from them.

use super::lab::{Lab, Recipe, Role};
use super::model::{self, Cause, Class, Diagnosis};
use super::taps::Trace;
use super::{any_pair, arguments, classify, flow, parameters, pixels, proven, residual, tracing, transplant};
use crate::case::paste;
use crate::engines::Engine;
use crate::exit::Result;

/// The engines themselves: parameters, residual, traces, arguments, a third engine.
pub(super) fn examine(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis) -> Result<()> {
    let (Ok(a), Ok(b)) = (lab.shot(Role::Reference, recipe, 0)?, lab.shot(Role::Candidate, recipe, 0)?)
    else {
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
    let other = any_pair::is(lab);
    let pinned = if other { None } else { pin_sampling(lab, recipe, d)? };
    let (recipe, a, b) = match &pinned {
        Some(pinned) => {
            match (lab.shot(Role::Reference, pinned, 0)?, lab.shot(Role::Candidate, pinned, 0)?) {
                (Ok(a), Ok(b)) => (pinned, a, b),
                _ => (recipe, a, b),
            }
        }
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
                let reason = |p: (usize, usize)| chosen.iter().find(|(c, _)| *c == p).cloned();
                d.traced = found.iter().filter_map(|(r, _)| reason(r.pixel)).collect();
                traces = found;
                if other {
                    any_pair::follow(lab, recipe, &mut traces, shape, &mut d.traced)?;
                }
                d.divergences = if other { any_pair::compare(&traces) } else { flow::compare(&traces) };
                let first = d
                    .first_divergence()
                    .map_or("none differs".into(), |x| format!("first that differs: {}", x.name));
                lab.note("intermediate values at chosen pixels", first);
            }
            Err(why) => {
                lab.note("intermediate values at chosen pixels", why.clone());
                d.not_tried.push(why);
            }
        }
    }
    if other {
        any_pair::suspects(lab, recipe, d, &traces)?;
    } else {
        suspects(lab, recipe, d, &traces)?;
        referee(lab, recipe, d)?;
    }
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
    let mut pixel = (0, 0);
    for role in Role::BOTH {
        let Some(trace) = tracing::any(lab, recipe, role)? else { return Ok(None) };
        pixel = trace.pixel;
        own.push(trace.count("sub_fast").max(trace.count("sub_slow")));
    }
    if own[0] == own[1] || own[0] == 0 {
        return Ok(None);
    }
    let mut pinned = recipe.clone();
    pinned.args.extend(["-oversample".into(), own[0].to_string().into()]);
    let outcome = lab.pair(&pinned)?;
    lab.note(
        &format!("the pair with `-oversample {}`: one engine chose {}, the other {}", own[0], own[0], own[1]),
        outcome.text(),
    );
    if !outcome.agrees() {
        return Ok(Some(pinned));
    }
    d.nearest_passing = Some(paste(&pinned.args));
    let (reference, candidate) = (own[0] as f64, own[1] as f64);
    let difference = (reference - candidate).abs() / reference.max(candidate);
    let (name, at) = ("count:sub_fast".to_owned(), Vec::new());
    let pair = flow::Pair { pixel, at, reference: vec![reference], candidate: vec![candidate], difference };
    d.traced.push((pixel, "the centre".into()));
    d.divergences.push(flow::Divergence {
        name,
        root: true,
        pairs: vec![pair],
        differing: 1,
        largest: difference,
    });
    d.causes.push(Cause {
        class: Class::Counts,
        title: format!("the engines choose another number of sub-pixels: {} and {}", own[0], own[1]),
        proven: true,
        switch: Some(format!(
            "with `-oversample {}` given to both the engines agree, without it they do not",
            own[0]
        )),
        evidence: Vec::new(),
        weight: 0.9,
    });
    Ok(None)
}

/// Causes from the divergences, the switches and the residual.
fn suspects(lab: &mut Lab<'_>, recipe: &Recipe, d: &mut Diagnosis, traces: &[(Trace, Trace)]) -> Result<()> {
    let known = transplant::Known { cells: arguments::cells(&recipe.args) };
    let roots: Vec<flow::Divergence> = d.divergences.iter().filter(|x| x.root).cloned().collect();
    let judged: Vec<(flow::Divergence, classify::Verdict)> = roots
        .into_iter()
        .map(|r| {
            let v = classify::classify(&r, traces);
            (r, v)
        })
        .collect();
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
            proofs.push(format!(
                "once the candidate's image is corrected ({}: {}) the gates pass",
                s.name, s.fit
            ));
        }
        let places = root.pairs.len();
        let mut evidence = vec![format!(
            "`{}` is the first value that differs although everything it is made from agrees: at {} of {places} places, by {:.3e} at most",
            root.name, root.differing, root.largest
        )];
        evidence.extend(verdict.ratio.iter().map(|r| format!("the ratio candidate / reference is {r}")));
        evidence.extend(d.parameters.iter().filter(|p| !p.agrees).map(|p| {
            format!(
                "the logs differ: `{}`: {} in the reference, {} in the candidate",
                p.name, p.reference, p.candidate
            )
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
        Class::Geometry | Class::PixelOrder => {
            ["transposed", "flipped", "turned", "shifted"].iter().any(|w| s.name.starts_with(w))
        }
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
    for (i, s) in residual::telling(&d.shapes, 0.5).iter().enumerate() {
        let class = match s.name.as_str() {
            "scale" => Class::Scale,
            "offset" | "a smooth background" | "scale and offset" => Class::Background,
            n if n.contains("radius") => Class::Polarization,
            "transposed" => Class::PixelOrder,
            _ => Class::Geometry,
        };
        d.causes.push(s.cause(class, 0.5 + 0.2 * s.explained - 0.01 * i as f64));
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
