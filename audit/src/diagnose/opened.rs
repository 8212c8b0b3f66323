//! Files that an engine opens, as strace sees them or its log says.

use super::lab::{Lab, Recipe, Role, conditions};
use crate::engines::observed::Opened;
use crate::engines::render::{self, Extras};
use crate::exit::Result;
use std::path::PathBuf;

/// Where strace is, if it is installed.
#[must_use]
pub fn strace() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|d| d.join("strace")).find(|p| p.is_file())
}

/// The files that an engine opened for reading, without the system's own and its outputs.
///
/// # Errors
/// Only when a person interrupts, or a copy cannot be made.
pub fn opened(lab: &mut Lab<'_>, role: Role, recipe: &Recipe) -> Result<Vec<Opened>> {
    lab.runs += 1;
    let copy = recipe.place.as_ref().map(super::place::copy).transpose()?;
    let mut case = lab.settings.case.clone();
    case.args.clone_from(&recipe.args);
    case.size = recipe.size;
    let extras = Extras { watch_files: true, ..Extras::default() };
    let conditions = conditions(lab.settings, recipe, copy.as_ref());
    let own = &recipe.own[role as usize];
    match render::render(lab.engine(role), &case, own, &extras, &conditions) {
        Ok(run) => Ok(run.opened),
        Err(e) if e.exit == crate::exit::Exit::EngineFailed => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}
