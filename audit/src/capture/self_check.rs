//! Each engine against itself, before any comparison: an engine that differs from itself can agree with nobody.

use super::model::SelfCheck;
use super::{Log, Role, Settings};
use crate::case;
use crate::engines::render::{Extras, Rendered};
use crate::exit::Result;
use crate::formats::FormatError;
use crate::progress::Progress;

/// Renders the case twice with each engine, smaller where it is large.
pub(super) fn run(settings: &Settings, log: &mut Log, progress: &Progress) -> Result<SelfCheck> {
    let largest = settings.sizes.iter().copied().max().flatten();
    let case = settings.case.sized(largest).reduced();
    let mut check = SelfCheck { problem: None, ..SelfCheck::nothing() };
    check.args = case::paste(&case.words(&case.args, &settings.candidate.definition.size));
    let roles = [
        ("reference", Role::Reference, &settings.reference),
        ("candidate", Role::Candidate, &settings.candidate),
    ];
    for (name, role, engine) in roles {
        let mut runs = Vec::new();
        for (turn, watch_files) in [("first", true), ("second", false)] {
            progress.step(&format!("self-check: {name} {}, {turn} run", engine.name()));
            let extras = Extras { watch_files, ..Extras::default() };
            let what = format!("self-check of the {name} ({}), {turn} run", engine.name());
            runs.push(super::render(settings, role, &case, &extras, &what, log)?);
        }
        match differing(&runs[0], &runs[1]) {
            Ok((differing, pixels)) => {
                check.pixels = pixels;
                match role {
                    Role::Reference => check.reference_differing = differing,
                    Role::Candidate => check.candidate_differing = differing,
                }
            }
            Err(e) => check.problem = Some(format!("{name} {}: {e}", engine.name())),
        }
    }
    Ok(check)
}

/// Values whose bits differ between two renders, and how many there are.
pub(crate) fn differing(a: &Rendered, b: &Rendered) -> std::result::Result<(usize, usize), FormatError> {
    let (a, b) = (a.read_flat()?, b.read_flat()?);
    if a.shape() != b.shape() || a.element() != b.element() {
        return Ok((a.len().max(b.len()), a.len()));
    }
    let width = a.element().bytes();
    let pairs = a.bytes().chunks_exact(width).zip(b.bytes().chunks_exact(width));
    Ok((pairs.filter(|(x, y)| x != y).count(), a.len()))
}
