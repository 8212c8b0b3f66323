//! What a verdict is expected to be. A pass that fails is news, and so is a fail that passes.

use super::Verdict;
use serde::{Deserialize, Serialize};

/// The verdict that is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// The gates pass.
    #[default]
    Pass,
    /// The gates block: a known failure.
    Fail,
}

/// An expectation; a known failure carries a reason and the day after which it is no excuse any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The verdict.
    #[serde(default)]
    pub expected: Expected,
    /// Why it is expected to fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last day of the excuse, `YYYY-MM-DD` (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A verdict seen against its expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// Whether things are as expected, and the expectation still holds.
    pub ok: bool,
    /// What a person should know: a flip, an excuse that ran out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub news: Option<String>,
}

impl Expectation {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// An expected failure without a reason or a date; a date that is none.
    pub fn check(&self) -> Result<(), String> {
        match self.expected {
            Expected::Pass if self.reason.is_some() || self.expires.is_some() => {
                Err("`reason` and `expires` belong to expected = \"fail\"".into())
            }
            Expected::Pass => Ok(()),
            Expected::Fail => {
                if self.reason.as_ref().is_none_or(|r| r.trim().is_empty()) {
                    return Err("expected = \"fail\" needs a reason".into());
                }
                self.last_day().map(|_| ())
            }
        }
    }

    fn last_day(&self) -> Result<jiff::civil::Date, String> {
        let text = self.expires.as_deref().ok_or("expected = \"fail\" needs expires = \"YYYY-MM-DD\"")?;
        text.parse().map_err(|_| format!("expires = \"{text}\": YYYY-MM-DD is wanted"))
    }

    /// Compares a verdict with the expectation, on the day `today` (UTC).
    #[must_use]
    pub fn settle(&self, verdict: Verdict, today: jiff::civil::Date) -> Settled {
        let reason = self.reason.as_deref().unwrap_or("no reason is given");
        let (ok, news) = match (self.expected, verdict) {
            (Expected::Pass, Verdict::Pass) => (true, None),
            (Expected::Pass, other) => (false, Some(format!("expected to pass, and is {}", other.text()))),
            (Expected::Fail, Verdict::Pass) => (
                false,
                Some(format!("expected to fail ({reason}), and passes: mended? Take the expectation out")),
            ),
            // what cannot be compared is no known difference
            (Expected::Fail, Verdict::NotComparable) => {
                (false, Some(format!("expected to fail ({reason}), and cannot be compared")))
            }
            (Expected::Fail, Verdict::Blocked) => match self.last_day() {
                Ok(day) if today <= day => (true, None),
                Ok(day) => (false, Some(format!("the known failure ({reason}) expired on {day}"))),
                Err(why) => (false, Some(why)),
            },
        };
        Settled { ok, news }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flips_are_news_both_ways_and_excuses_run_out() {
        let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
        let known = Expectation {
            expected: Expected::Fail,
            reason: Some("f32 sum".into()),
            expires: Some("2030-01-31".into()),
        };
        let plain = Expectation::default();
        for (expectation, verdict, today, ok, word) in [
            (&plain, Verdict::Pass, "2030-01-01", true, ""),
            (&plain, Verdict::Blocked, "2030-01-01", false, "BLOCKED"),
            (&plain, Verdict::NotComparable, "2030-01-01", false, "NOT COMPARABLE"),
            (&known, Verdict::Blocked, "2030-01-31", true, ""),
            (&known, Verdict::Blocked, "2030-02-01", false, "expired on 2030-01-31"),
            (&known, Verdict::Pass, "2030-01-01", false, "passes"),
            (&known, Verdict::NotComparable, "2030-01-01", false, "cannot be compared"),
        ] {
            let settled = expectation.settle(verdict, day(today));
            assert_eq!(settled.ok, ok, "{verdict:?} {today}");
            assert_eq!(settled.news.is_none(), ok);
            assert!(settled.news.unwrap_or_default().contains(word));
        }
        assert!(known.check().is_ok() && plain.check().is_ok());
        for broken in [
            Expectation { reason: None, ..known.clone() },
            Expectation { expires: None, ..known.clone() },
            Expectation { expires: Some("soon".into()), ..known.clone() },
            Expectation { expected: Expected::Pass, ..known.clone() },
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
            let settled = broken.settle(Verdict::Blocked, day("2030-01-01"));
            assert!(broken.reason.is_none() || !settled.ok, "{broken:?}");
        }
    }
}
