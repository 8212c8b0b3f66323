//! Limits that a person loosened: a pass by them is no ordinary pass, and every verdict says so.

use super::{CORRELATION, Direction, Gate, SUM_RATIO_ERROR, Verdict};
use serde::{Deserialize, Serialize};

/// A gate that lets more through than the one that ships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loosened {
    /// Its metric.
    pub metric: String,
    /// Whether it is one of the contract's two.
    pub contract: bool,
    /// What was changed, by whom and why, in one line.
    pub text: String,
}

/// The gates that let more through than those that ship, in their order.
#[must_use]
pub fn loosened(gates: &[Gate]) -> Vec<Loosened> {
    gates.iter().filter_map(|g| one(g, gates)).collect()
}

fn one(gate: &Gate, all: &[Gate]) -> Option<Loosened> {
    let (by, shipped) = (gate.changed_by.as_ref()?, gate.shipped_limit?);
    let (sign, looser) = match gate.direction {
        Direction::AtLeast => ("≥", gate.limit < shipped),
        Direction::AtMost => ("≤", gate.limit > shipped),
    };
    let (name, why) = (&gate.metric, &gate.reason);
    let shown = super::limit_text;
    let text = if gate.off {
        if replaced(gate, all) {
            return None;
        }
        format!("`{name}` is not judged, instead of {sign} {} ({by}: {why})", shown(shipped))
    } else if looser {
        format!("`{name}` {sign} {} instead of {sign} {} ({by}: {why})", shown(gate.limit), shown(shipped))
    } else {
        return None;
    };
    let contract = [CORRELATION, SUM_RATIO_ERROR].contains(&name.as_str());
    Some(Loosened { metric: name.clone(), contract, text })
}

/// Limits on both sides of the sum ratio take the place of the symmetric one where they are no looser.
fn replaced(gate: &Gate, all: &[Gate]) -> bool {
    let side = |direction| {
        all.iter().find(|g| g.metric == "sum_ratio" && g.direction == direction && !g.off).map(|g| g.limit)
    };
    let rounding = 1e-12; // 1 − 0.995 is not exactly 5e-3
    gate.metric == SUM_RATIO_ERROR
        && side(Direction::AtLeast).is_some_and(|low| 1.0 - low <= gate.limit + rounding)
        && side(Direction::AtMost).is_some_and(|high| high - 1.0 <= gate.limit + rounding)
}

/// A verdict as people read it: a pass by loosened limits says so, and by which.
#[must_use]
pub fn pass_text(verdict: Verdict, gates: &[Gate]) -> String {
    let list = loosened(gates);
    if verdict != Verdict::Pass || list.is_empty() {
        return verdict.text().into();
    }
    let what = if list.iter().any(|l| l.contract) { "A LOOSENED CONTRACT" } else { "LOOSENED GATES" };
    let texts: Vec<&str> = list.iter().map(|l| l.text.as_str()).collect();
    format!("{} BY {what}: {}", verdict.text(), texts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::{Change, changed, contract, defaults, parse};
    use super::*;

    fn text(gates: Vec<Gate>, words: &[&str]) -> String {
        let changes: Vec<Change> = words.iter().map(|w| parse(w).unwrap()).collect();
        pass_text(Verdict::Pass, &changed(gates, &changes, "--gate").unwrap())
    }

    #[test]
    fn only_what_lets_more_through_is_loose() {
        assert_eq!(text(defaults(), &[]), "PASS");
        assert_eq!(text(defaults(), &["correlation>=0.9999: stricter", "ulp_p50<=3: new"]), "PASS");
        let contract_off = text(contract(), &["correlation>=0.5: a sketch"]);
        assert_eq!(
            contract_off,
            "PASS BY A LOOSENED CONTRACT: `correlation` ≥ 0.5 instead of ≥ 0.999 (--gate: a sketch)"
        );
        let one = text(defaults(), &["peak_recall off: noise"]);
        assert_eq!(
            one,
            "PASS BY LOOSENED GATES: `peak_recall` is not judged, instead of ≥ 1 (--gate: noise)"
        );
        let blocked = changed(defaults(), &[parse("peak_recall off: noise").unwrap()], "x").unwrap();
        assert_eq!(pass_text(Verdict::Blocked, &blocked), "BLOCKED");
    }

    #[test]
    fn both_sides_of_the_sum_ratio_may_replace_the_symmetric_limit() {
        let both = |low: f64, high: f64| {
            let words = [format!("sum_ratio>={low}: a"), format!("sum_ratio<={high}: b")];
            text(contract(), &[&words[0], &words[1], "|sum_ratio - 1| off: both sides are given"])
        };
        assert_eq!(both(0.995, 1.005), "PASS");
        assert!(both(0.99, 1.005).starts_with("PASS BY A LOOSENED CONTRACT: `|sum_ratio - 1|`"));
        assert!(
            text(contract(), &["|sum_ratio - 1| off: unknown fluence"])
                .starts_with("PASS BY A LOOSENED CONTRACT")
        );
    }

    #[test]
    fn the_limit_that_ships_is_remembered_through_two_changes() {
        let first = changed(defaults(), &[parse("relative_l1<=1e-2: a").unwrap()], "audit.toml").unwrap();
        let second = changed(first, &[parse("relative_l1<=1e-9: b").unwrap()], "--gate").unwrap();
        assert_eq!(loosened(&second), []);
        let added = changed(defaults(), &[parse("ulp_p50<=3: a").unwrap()], "audit.toml").unwrap();
        let looser = changed(added, &[parse("ulp_p50<=9: b").unwrap()], "--gate").unwrap();
        assert_eq!(loosened(&looser), [], "what does not ship cannot be loosened");
    }
}
