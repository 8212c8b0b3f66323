//! Phases A to B3 in one go; stops where a phase refuses.

use super::{Context, Done};
use crate::capture::Settings;
use crate::cli::{BacklogArgs, HotLoopsArgs};
use crate::exit::{AuditError, Exit, Result};
use crate::gates::Verdict;
use crate::hot_loops::HotLoops;
use std::path::{Path, PathBuf};

/// What `run` has to tell.
pub struct Outcome {
    /// The phases that left a stamp, in order.
    pub phases: Vec<Done>,
    /// Hot loops, when it came that far.
    pub hot: Option<HotLoops>,
    /// Why it ended before phase B3, if it did: the error of the phase that refused.
    pub stopped: Option<AuditError>,
}

/// Runs the phases; with `outdir` each into a folder of its own below it; with `evidence` the compilers are asked first.
///
/// # Errors
/// When a phase before the hot loops fails. A blocked capture is an outcome, not an error.
pub fn run(ctx: &Context, settings: &Settings, evidence: bool, outdir: Option<&Path>) -> Result<Outcome> {
    let place = |phase: &str| -> Option<PathBuf> { outdir.map(|d| d.join(format!("phase_{phase}"))) };
    // before any timing: a build beside the engines would disturb them
    let asked = super::inventory::InventoryArgs { evidence, ..Default::default() };
    let a = super::inventory::inventory(ctx, &asked, place("a").as_deref())?;
    let (b1, record) = super::capture::capture(ctx, settings, place("b1").as_deref())?;
    let mut outcome = Outcome { phases: vec![a.clone(), b1.clone()], hot: None, stopped: None };
    if b1.verdict != Verdict::Pass {
        outcome.stopped = record.failure.map(|f| AuditError::new(Exit::EngineFailed, f));
        return Ok(outcome);
    }
    let args = HotLoopsArgs {
        others: Default::default(),
        capture: Some(b1.stamp.clone()),
        inventory: Some(a.stamp.clone()),
        threshold: 1.0,
        allow_blocked: false,
        outdir: None,
    };
    let b2 = match super::hot_loops::hot_loops(ctx, &args, place("b2").as_deref()) {
        Ok((b2, hot)) => {
            outcome.hot = Some(hot);
            b2
        }
        Err(e) => {
            outcome.stopped = Some(e);
            return Ok(outcome);
        }
    };
    outcome.phases.push(b2.clone());
    let args = BacklogArgs { hot_loops: Some(b2.stamp.clone()), allow_blocked: false, outdir: None };
    match super::backlog::backlog(ctx, &args, place("b3").as_deref()) {
        Ok((b3, _)) => outcome.phases.push(b3),
        Err(e) => outcome.stopped = Some(e),
    }
    Ok(outcome)
}
