//! Which engines a command means, and under which limits they run.

use super::Context;
use crate::engines::process::Limits;
use crate::engines::{Engine, run_dir};
use crate::environment;
use crate::exit::Result;
use crate::image_cache::Cache;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The binary that takes the place of the bundled C engine: the flag's, else `NB_C_BIN`.
#[must_use]
pub fn c_binary(flag: Option<&Path>) -> Option<PathBuf> {
    let named = || std::env::var_os("NB_C_BIN").filter(|v| !v.is_empty()).map(PathBuf::from);
    flag.map(Path::to_owned).or_else(named)
}

/// The engine of that name: built in, or of `audit.toml`.
///
/// # Errors
/// An unknown name; a program that cannot be run.
pub fn engine(ctx: &Context, c_bin: Option<&Path>, name: &str) -> Result<Engine> {
    match c_bin {
        // a nanoBragg binary takes the bundled engine's place wherever that one was meant
        Some(path) if name == "c" => Engine::resolve(&format!("c:{}", path.display())),
        _ => Engine::find(name, &ctx.config.engines.defined, &ctx.root),
    }
}

/// The limits of one run; what is not given is the configuration's. Also tidies up after audits that were killed.
#[must_use]
pub fn limits(ctx: &Context, time_s: Option<u64>, memory_mb: Option<u64>, disk_mb: Option<u64>) -> Limits {
    let config = &ctx.config.capture;
    run_dir::remove_abandoned();
    Limits {
        time: Duration::from_secs(time_s.unwrap_or(config.time_limit_s)),
        memory: memory_mb
            .or(config.memory_limit_mb)
            .map(|mb| mb.saturating_mul(1_000_000))
            .or_else(|| environment::memory().map(|all| all / 10 * 9)),
        disk: Some(disk_mb.unwrap_or(config.disk_limit_mb).saturating_mul(1_000_000)),
        ..Limits::default()
    }
}

/// Kept reference images, below the stamps; `None` when none are to be kept.
#[must_use]
pub fn cache(ctx: &Context, no_cache: bool) -> Option<Cache> {
    let e = &ctx.environment;
    let machine = format!("{:?} {:?} {:?}", e.cpu, e.cpu_features, e.os);
    let max_mb = ctx.config.cache.max_mb;
    (!no_cache && max_mb > 0).then(|| Cache::new(ctx.reports.join(".cache"), max_mb, machine))
}
