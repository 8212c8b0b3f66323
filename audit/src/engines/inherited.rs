//! The environment variables that reach an engine from the audit's own environment.

use std::ffi::OsString;

/// Environment variables that reach every engine; everything else is left out.
pub const ALLOWED_ENVIRONMENT: &[&str] =
    &["PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "OMP_PROC_BIND", "OMP_PLACES"];

/// Which environment variables an engine gets besides those that are given.
#[derive(Clone, Debug)]
pub enum Inherited {
    /// Those of this process that are on the allow-list.
    Allowed,
    /// All of this process: as if the user had started the engine by hand.
    All,
    /// These and no others.
    Exactly(Vec<(OsString, OsString)>),
}

/// The variables of this process that reach every isolated engine.
#[must_use]
pub fn allowed_environment() -> Vec<(OsString, OsString)> {
    let value = |name: &&str| Some(((*name).into(), std::env::var_os(name)?));
    ALLOWED_ENVIRONMENT.iter().filter_map(value).collect()
}
