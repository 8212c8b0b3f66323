//! Each engine against itself, before any comparison: an engine that differs from itself can agree with nobody.

use super::model::SelfCheck;
use super::{Log, Settings};
use crate::case;
use crate::engines::Engine;
use crate::engines::render::{self, Extras};
use crate::exit::Result;
use crate::images::Image;
use crate::progress::Progress;
use std::ffi::OsString;

/// Renders the case twice with each engine, smaller where it is large.
pub(super) fn run(settings: &Settings, log: &mut Log, progress: &Progress) -> Result<SelfCheck> {
    let largest = settings.sizes.iter().copied().max().flatten();
    let case = settings.case.sized(largest).reduced();
    let mut check = SelfCheck {
        args: case::paste(&case.args),
        reference_differing: 0,
        candidate_differing: 0,
        pixels: 0,
        problem: None,
    };
    let engines: [(&str, &Engine, &[OsString]); 2] = [
        ("reference", &settings.reference, &settings.reference_args),
        ("candidate", &settings.candidate, &settings.candidate_args),
    ];
    for (role, engine, more) in engines {
        let mut runs = Vec::new();
        for turn in ["first", "second"] {
            progress.step(&format!("self-check: {role} {}, {turn} run", engine.name()));
            let run = render::render(engine, &case, more, &Extras::default(), &settings.conditions)?;
            log.add(
                &format!("self-check of the {role} ({}), {turn} run", engine.name()),
                &run,
                &settings.blocking_patterns,
            );
            runs.push(run);
        }
        match (Image::open(&runs[0].image()), Image::open(&runs[1].image())) {
            (Ok(a), Ok(b)) => {
                let differing = if a.pixels().len() == b.pixels().len() {
                    a.pixels().iter().zip(b.pixels()).filter(|(x, y)| x.to_bits() != y.to_bits()).count()
                } else {
                    a.pixels().len().max(b.pixels().len())
                };
                check.pixels = a.pixels().len();
                *(if role == "reference" {
                    &mut check.reference_differing
                } else {
                    &mut check.candidate_differing
                }) = differing;
            }
            (Err(e), _) | (_, Err(e)) => check.problem = Some(format!("{role} {}: {e}", engine.name())),
        }
    }
    Ok(check)
}
