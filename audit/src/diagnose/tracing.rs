//! Fetching traces of chosen pixels from both engines.

use super::lab::{Lab, Recipe, Role};
use super::taps::{self, Trace};
use crate::engines::{Engine, Kind, template};
use crate::exit::Result;

/// Frames with more pixels than this are traced one pixel at a time as a region of interest.
const LARGE: usize = 1 << 19;

/// The traces of both engines at the pixels where both can tell; `None` when an engine has no taps.
///
/// # Errors
/// Only when a person interrupts.
pub fn traces(
    lab: &mut Lab<'_>,
    recipe: &Recipe,
    pixels: &[(usize, usize)],
    frame: usize,
) -> Result<std::result::Result<Vec<(Trace, Trace)>, String>> {
    let mut found = Vec::new();
    let mut ways = [0, 0]; // how each engine is asked, once it is known
    let mut silent = None;
    'pixels: for &pixel in pixels {
        if !lab.has_time() && !found.is_empty() {
            break;
        }
        let mut both = Vec::new();
        for role in Role::BOTH {
            match trace(lab, recipe, role, pixel, frame > LARGE, &mut ways[role as usize])? {
                Some(t) => both.push(t),
                None => {
                    let engine = lab.engine(role);
                    let why = silence(engine, role, pixel);
                    if engine.kind != Kind::Defined || engine.definition.trace_args.is_empty() {
                        return Ok(Err(why));
                    }
                    silent = Some(why); // some programs say nothing of the pixels at the edge
                    continue 'pixels;
                }
            }
        }
        if let (Some(c), Some(r)) = (both.pop(), both.pop()) {
            found.push((r, c));
        }
    }
    Ok(match silent {
        Some(why) if found.is_empty() => Err(why),
        _ => Ok(found),
    })
}

/// Why an engine told nothing of a pixel.
fn silence(engine: &Engine, role: Role, (fast, slow): (usize, usize)) -> String {
    let asked = if engine.kind != Kind::Defined {
        "neither --trace-pixel nor -printout_pixel gives any"
    } else if engine.definition.trace_args.is_empty() || engine.definition.log.trace.is_none() {
        "audit.toml gives it no `trace_args` or no `log.trace`"
    } else {
        "with its `trace_args`, no line of its output matches `log.trace`"
    };
    let name = engine.name();
    format!("the {} ({name}) prints no intermediate values of pixel {fast}, {slow}: {asked}", role.word())
}

/// A trace of a pixel in the middle by one engine, for what does not depend on the pixel.
///
/// # Errors
/// Only when a person interrupts.
pub fn any(lab: &mut Lab<'_>, recipe: &Recipe, role: Role) -> Result<Option<Trace>> {
    let Ok(shot) = lab.shot(role, recipe, 0)? else { return Ok(None) };
    let Some((f, s)) = shot.shape else { return Ok(None) };
    trace(lab, recipe, role, (f / 2, s / 2), f * s > LARGE, &mut 0)
}

/// The trace of one pixel by one engine.
fn trace(
    lab: &mut Lab<'_>,
    recipe: &Recipe,
    role: Role,
    (f, s): (usize, usize),
    large: bool,
    way: &mut usize,
) -> Result<Option<Trace>> {
    let definition = &lab.engine(role).definition;
    let mut asks: Vec<Vec<std::ffi::OsString>> = vec![
        vec!["--trace-pixel".into(), format!("{f},{s}").into()],
        vec!["-printout".into(), "-printout_pixel".into(), f.to_string().into(), s.to_string().into()],
    ];
    let nanobragg = lab.engine(role).kind != Kind::Defined;
    if !nanobragg {
        // what audit.toml says, and nothing that another program may not understand
        asks.clear();
        if !definition.trace_args.is_empty() {
            asks.push(template::fill(&definition.trace_args, &[], |name| match name {
                "fast" => Some(f.to_string().into()),
                "slow" => Some(s.to_string().into()),
                _ => None,
            }));
        }
    }
    let patterns = definition.log.clone();
    for (i, ask) in asks.iter().enumerate().skip(*way) {
        let mut changed = recipe.clone();
        let own = &mut changed.own[role as usize];
        if large && nanobragg {
            own.extend([
                "-roi".into(),
                f.to_string().into(),
                f.to_string().into(),
                s.to_string().into(),
                s.to_string().into(),
            ]);
        }
        own.extend(ask.iter().cloned());
        if let Ok(shot) = lab.shot(role, &changed, 0)? {
            let found = taps::ours(&shot.log, (f, s))
                .or_else(|| taps::named(&patterns.trace(&shot.log), (f, s)))
                .or_else(|| taps::printout(&shot.log, (f, s)));
            if let Some(t) = found {
                *way = i;
                return Ok(Some(t));
            }
        }
    }
    Ok(None)
}
