//! Changed limits: from `audit.toml`, from a suite or case, from `--gate`. Never without a reason.

use super::{Direction, Gate};
use crate::metrics;
use serde::{Deserialize, Serialize};

/// A limit that a person sets. `limit` absent with `off = true` takes a gate out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The metric's name.
    pub metric: String,
    /// The limit.
    #[serde(default)]
    pub limit: Option<f64>,
    /// Which side passes; what the metric suggests when left out.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// Why.
    pub reason: String,
    /// Take the gate out altogether.
    #[serde(default)]
    pub off: bool,
}

/// `gates` with the changes of `source` (`audit.toml`, `--gate`, a suite's file): a change replaces the gate of the
/// same metric and direction, or is added.
///
/// # Errors
/// An unknown metric, no reason, no limit, a limit that is no number, a gate to take out that is not there, nothing left.
pub fn changed(mut gates: Vec<Gate>, changes: &[Change], source: &str) -> Result<Vec<Gate>, String> {
    for change in changes {
        let name = change.metric.as_str();
        let metric = metrics::metric(name).ok_or_else(|| {
            let known: Vec<&str> = metrics::metrics().iter().map(|m| m.name).collect();
            format!("gate `{name}`: no such metric; known are {}", known.join(", "))
        })?;
        let by_nature = if metric.more_is_better { Direction::AtLeast } else { Direction::AtMost };
        let direction = change.direction.unwrap_or(by_nature);
        if change.reason.trim().is_empty() {
            let what = change.limit.map_or("is off".into(), |l| format!("has the limit {l}"));
            return Err(format!("gate `{name}` has no reason: say why it {what}"));
        }
        let at = gates.iter().position(|g| g.metric == name && g.direction == direction);
        match (change.off, change.limit, at) {
            // it stays in the list: what is not judged is shown
            (true, None, Some(i)) => {
                let gate = &mut gates[i];
                if gate.changed_by.is_none() {
                    gate.shipped_limit = Some(gate.limit);
                }
                gate.changed_by = Some(source.into());
                gate.reason = change.reason.trim().into();
                gate.off = true;
            }
            (true, None, None) => return Err(format!("gate `{name}` is not in force: nothing to take out")),
            (true, Some(_), _) => return Err(format!("gate `{name}`: either `off` or a limit, not both")),
            (false, None, _) => return Err(format!("gate `{name}` has no limit")),
            (false, Some(limit), _) if !limit.is_finite() => {
                return Err(format!("the limit of gate `{name}` is not a number"));
            }
            (false, Some(limit), _) => {
                let before = at.map(|i| &gates[i]);
                let shipped =
                    before.and_then(|g| if g.changed_by.is_some() { g.shipped_limit } else { Some(g.limit) });
                let gate = Gate {
                    metric: name.into(),
                    limit,
                    direction,
                    reason: change.reason.trim().into(),
                    changed_by: Some(source.into()),
                    shipped_limit: shipped,
                    off: false,
                };
                match at {
                    Some(i) => gates[i] = gate,
                    None => gates.push(gate),
                }
            }
        }
    }
    if gates.iter().all(|g| g.off) {
        return Err("no gate is left: a verdict without a gate would mean nothing".into());
    }
    Ok(gates)
}

/// `gates` with those of the command line, each as [`parse`] reads it.
///
/// # Errors
/// As [`parse`] and [`changed`].
pub fn with_words(gates: &[Gate], words: &[String]) -> Result<Vec<Gate>, String> {
    let changes = words.iter().map(|w| parse(w)).collect::<Result<Vec<_>, _>>()?;
    changed(gates.to_vec(), &changes, "--gate")
}

/// `metric<=value: reason`, `metric>=value: reason`, or `metric off: reason`.
///
/// # Errors
/// Anything else.
pub fn parse(text: &str) -> Result<Change, String> {
    let form = "write it as 'metric<=value: reason', 'metric>=value: reason' or 'metric off: reason'";
    let (condition, reason) = text.split_once(':').unwrap_or((text, ""));
    if reason.trim().is_empty() {
        return Err(format!("`{text}` has no reason; {form}"));
    }
    let change = |metric: &str, limit, direction, off| Change {
        metric: metric.trim().into(),
        limit,
        direction,
        reason: reason.trim().into(),
        off,
    };
    if let Some(metric) = condition.trim_end().strip_suffix(" off") {
        return Ok(change(metric, None, None, true));
    }
    for (sign, direction) in [("<=", Direction::AtMost), (">=", Direction::AtLeast)] {
        if let Some((metric, limit)) = condition.split_once(sign) {
            let limit = limit.trim();
            let value: f64 =
                limit.parse().map_err(|_| format!("`{text}`: `{limit}` is not a number; {form}"))?;
            return Ok(change(metric, Some(value), Some(direction), false));
        }
    }
    Err(format!("`{text}`: no `<=` or `>=`; {form}"))
}

#[cfg(test)]
mod tests {
    use super::super::{contract, defaults};
    use super::*;

    #[test]
    fn a_change_keeps_what_it_changed() {
        let change = parse("relative_l1 <= 5e-3: the detector model is coarser").unwrap();
        let gates = changed(defaults(), &[change], "--gate").unwrap();
        assert_eq!(gates.len(), defaults().len());
        let gate = gates.iter().find(|g| g.metric == "relative_l1").unwrap();
        assert_eq!(
            (gate.limit, gate.shipped_limit, gate.changed_by.as_deref()),
            (5e-3, Some(2e-4), Some("--gate"))
        );
        assert_eq!(gate.reason, "the detector model is coarser");
        // both sides of a ratio are two gates
        let both: Vec<Change> =
            ["sum_ratio>=0.99: a", "sum_ratio<=1.01: b"].map(|t| parse(t).unwrap()).to_vec();
        assert_eq!(changed(contract(), &both, "suite").unwrap().len(), 4);
        let off = parse("peak_recall off: noise").unwrap();
        let without = changed(defaults(), std::slice::from_ref(&off), "x").unwrap();
        let gate = without.iter().find(|g| g.metric == "peak_recall").unwrap();
        assert!(gate.off && gate.shipped_limit == Some(1.0) && gate.reason == "noise");
        assert_eq!(changed(without.clone(), &[off], "x").unwrap(), without, "out is out");
    }

    #[test]
    fn nothing_changes_without_a_reason() {
        for (text, word) in [
            ("correlation>=0.9", "no reason"),
            ("correlation>=0.9:  ", "no reason"),
            ("correlation=0.9: x", "<="),
            ("correlation>=often: x", "often"),
        ] {
            assert!(parse(text).unwrap_err().contains(word), "{text}");
        }
        for (text, word) in [
            ("corelation>=0.9: x", "no such metric"),
            ("correlation>=nan: x", "not a number"),
            ("ulp_max off: x", "not in force"),
        ] {
            assert!(changed(defaults(), &[parse(text).unwrap()], "x").unwrap_err().contains(word), "{text}");
        }
        let all: Vec<Change> =
            ["correlation off: x", "|sum_ratio - 1| off: x"].map(|t| parse(t).unwrap()).to_vec();
        assert!(changed(contract(), &all, "x").unwrap_err().contains("no gate is left"));
    }
}
