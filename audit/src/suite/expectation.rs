//! What a case is expected to come to, and what it means when it comes to something else. This is the one place that
//! knows: an expectation other than a pass carries a reason and a day after which it is no longer accepted.

use super::outcome::CaseResult;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a case is expected to come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The gates pass.
    #[default]
    Pass,
    /// A gate blocks.
    Blocked,
    /// There is nothing to compare.
    NotComparable,
    /// An engine fails.
    EngineFailed,
}

impl From<Expected> for CaseResult {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Pass => Self::Pass,
            Expected::Blocked => Self::Blocked,
            Expected::NotComparable => Self::NotComparable,
            Expected::EngineFailed => Self::EngineFailed,
        }
    }
}

/// A result held against what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Whether the suite is content with it.
    pub(super) accepted: bool,
    /// What nobody expected.
    pub(super) news: Option<String>,
}

/// Refuses an expectation without a reason or a day.
///
/// # Errors
/// What is missing, or is no date.
pub(super) fn check(expected: Expected, reason: Option<&str>, expires: Option<&str>) -> Result<(), String> {
    if expected == Expected::Pass {
        return Ok(());
    }
    if reason.is_none_or(|r| r.trim().is_empty()) {
        return Err("is not expected to pass: say why in `reason`".into());
    }
    let Some(expires) = expires else {
        return Err("is not expected to pass: say until when in `expires` (YYYY-MM-DD)".into());
    };
    match expires.parse::<Date>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("expires `{expires}` is no date (YYYY-MM-DD)")),
    }
}

/// Holds a result against what was expected, on this day.
#[must_use]
pub(super) fn settle(
    result: CaseResult,
    expected: Expected,
    reason: Option<&str>,
    expires: Option<&str>,
    today: Date,
) -> Settled {
    let expired = expires.is_some_and(|d| d.parse::<Date>().is_ok_and(|d| today > d));
    let wanted: CaseResult = if expired { CaseResult::Pass } else { expected.into() };
    let accepted = result == wanted || result == CaseResult::NotRun;
    let why = reason.unwrap_or_default();
    let news = if result == CaseResult::NotRun {
        None
    } else if accepted {
        (expired && expected != Expected::Pass)
            .then(|| format!("passes now: the expectation that expired can go ({why})"))
    } else if expired && result == expected.into() {
        let day = expires.unwrap_or_default();
        Some(format!("a known failure that expired on {day}: mend it, or give it another date ({why})"))
    } else if wanted == CaseResult::Pass {
        Some(format!("expected to pass, and is {}", result.text()))
    } else {
        Some(format!("expected {}, and is {} ({why})", wanted.text(), result.text()))
    };
    Settled { accepted, news }
}
