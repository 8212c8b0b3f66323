//! Why two engines disagree, found by experiment: cheapest first, until a cause is proven or the budget is spent. A cause
//! is proven when an experiment switches the disagreement off and on with it; without one it stays a hypothesis, and
//! when nothing is proven the record says what was excluded and how.

pub mod any_pair;
pub mod arguments;
pub mod classify;
pub mod ddmin;
pub mod directory;
pub mod flow;
mod inside;
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
use crate::exit::Result;
use crate::progress::Progress;
use lab::{Lab, Outcome, Recipe, Role, differing};
use model::{Cause, Class, Diagnosis};
use std::time::Duration;

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

/// Traces the centre, peaks and the far edge of a frame by both engines, under the very conditions of a capture: what a blocked
/// one shows at once.
///
/// # Errors
/// When the audit itself fails or a person interrupts.
pub fn trace_places(
    settings: &Settings,
    size: Option<u32>,
    places: &[((usize, usize), String)],
    (width, height): (usize, usize),
    progress: &Progress,
) -> Result<Diagnosis> {
    let mut lab = Lab::new(settings, TRACING, progress);
    let case = settings.case.sized(size);
    // engines that ran in a person's directory run in a copy of it now, with the same environment
    let staged = match &settings.conditions.in_place {
        Some(dir) => Some(place::stage(dir, &place::entries(dir))?),
        None => None,
    };
    let recipe = Recipe {
        args: case.args.clone(),
        size: case.size,
        own: [settings.reference_args.clone(), settings.candidate_args.clone()],
        place: staged.as_ref().map(place::Copy::staged),
        environment: staged.as_ref().map(|_| std::env::vars_os().collect()),
    };
    let mut d = Diagnosis {
        schema: model::SCHEMA.into(),
        args: paste(&recipe.args),
        size: recipe.size,
        disagree: true,
        ..Diagnosis::default()
    };
    let wanted: Vec<(usize, usize)> = places.iter().map(|(p, _)| *p).collect();
    match tracing::traces(&mut lab, &recipe, &wanted, width * height)? {
        Ok(mut found) => {
            let reason = |p: (usize, usize)| places.iter().find(|(c, _)| *c == p).cloned();
            d.traced = found.iter().filter_map(|(r, _)| reason(r.pixel)).collect();
            let other = any_pair::is(&lab);
            if other {
                any_pair::follow(&mut lab, &recipe, &mut found, (width, height), &mut d.traced)?;
            }
            d.divergences = if other { any_pair::compare(&found) } else { flow::compare(&found) };
            if let Some(first) = d.first_divergence() {
                let v = if other {
                    any_pair::classify(first, &found, &any_pair::numbers(&recipe))
                } else {
                    classify::classify(first, &found)
                };
                d.causes.push(Cause {
                    class: v.class,
                    title: v.text,
                    proven: false,
                    switch: None,
                    // what is said of any pair has its ratio in the text
                    evidence: v.ratio.into_iter().filter(|_| !other).collect(),
                    weight: 0.5,
                });
            }
        }
        Err(why) => d.not_tried.push(why),
    }
    Ok(d)
}

/// Time that a blocked capture spends on traces.
const TRACING: Duration = Duration::from_secs(20);

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
    inside::examine(lab, recipe, d)
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
        lab.note(
            &format!("the {} ({name}) against itself", role.word()),
            format!("{n} of {} values differ", a.image.len()),
        );
        if n == 0 {
            d.excluded
                .push(format!("non-determinism of the {}: two runs are the same bit for bit", role.word()));
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
            (Ok(a), Ok(b)) if differing(&a.image, &b.image) == 0 => {
                "with one thread it repeats itself".to_owned()
            }
            (Ok(_), Ok(_)) => {
                "with one thread it differs from itself, too: a clock, a random seed, uninitialised memory"
                    .to_owned()
            }
            _ => "it cannot be run with --threads 1".to_owned(),
        };
        d.add(Cause {
            class: Class::NonDeterminism,
            title: format!(
                "the {} ({name}) differs from itself in {n} values between two runs of the same command",
                role.word()
            ),
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
            d.excluded.push(format!(
                "the arguments of the {} alone: without them the engines {}",
                role.word(),
                off.text()
            ));
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
            Ok::<_, crate::exit::AuditError>(Some(if shows {
                ddmin::Test::Shows
            } else {
                ddmin::Test::Hides
            }))
        })?;
        let names: Vec<String> =
            found.iter().map(|(n, v)| format!("{}={}", n.to_string_lossy(), v.to_string_lossy())).collect();
        let off = lab.pair(&poor)?;
        lab.note(
            &format!("the {} without the variables that isolation lets through", role.word()),
            names.join(" "),
        );
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
