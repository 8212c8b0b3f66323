//! When an initiative may close: every HIGH loop is vectorized, or put off with a reason.

use crate::evidence::rules;
use crate::hot_loops::HotLoop;
use crate::inventory::{Inventory, Loop, Status};
use serde::{Deserialize, Serialize};

/// The rule applied to one profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    /// Whether nothing is left open.
    pub closed: bool,
    /// Every loop of priority HIGH.
    pub high: Vec<HighLoop>,
}

/// A loop with at least 10 % self time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HighLoop {
    /// As in the inventory.
    pub loop_id: String,
    /// Its self share, percent.
    pub self_pct: f64,
    /// Whether it keeps the initiative open.
    pub open: bool,
    /// Why, or why not.
    pub why: String,
}

impl Closing {
    pub(super) fn of(rows: &[&HotLoop], inventory: &Inventory) -> Self {
        let hot = rows.iter().filter(|r| !r.loop_id.starts_with('(') && r.self_pct >= rules::HOT_PCT);
        let high: Vec<HighLoop> = hot
            .map(|row| {
                let (open, why) = match inventory.by_id(&row.loop_id) {
                    None => (true, "not in the inventory".to_string()),
                    Some(found) => judged(found),
                };
                HighLoop { loop_id: row.loop_id.clone(), self_pct: row.self_pct, open, why }
            })
            .collect();
        Self { closed: high.iter().all(|h| !h.open), high }
    }

    /// The rule and its outcome in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let open = self.high.iter().filter(|h| h.open).count();
        match (self.high.len(), open) {
            (0, _) => "may close: no loop takes 10 % of the time to itself".into(),
            (n, 0) => format!("may close: all {n} HIGH loops are vectorized or put off with a reason"),
            (n, open) => format!(
                "stays open: {open} of {n} HIGH loops are neither vectorized nor put off with a reason"
            ),
        }
    }
}

/// Whether a loop keeps the initiative open, and why.
fn judged(found: &Loop) -> (bool, String) {
    match &found.person {
        Some(person) if person.doubt.as_ref().is_some_and(|d| d.contains("edited")) => {
            (true, format!("the word of {} is about another text of the loop", person.name))
        }
        Some(person) if person.deferred || matches!(found.status, Status::Safe | Status::Vectorized) => {
            let what = if person.deferred { "put off" } else { found.status.name() };
            (false, format!("{what} by {} ({}): {}", person.name, person.date, person.reason))
        }
        _ if found.status == Status::Vectorized => (false, format!("vectorized: {}", found.evidence)),
        _ => (true, format!("{}: {}", found.status.name(), found.evidence)),
    }
}
