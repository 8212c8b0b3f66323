//! JUnit XML, as test dashboards read it. Names and texts may hold anything: what XML 1.0 cannot hold is shown by its
//! number.

use super::outcome::{CaseResult, Outcome};
use std::fmt::Write;

/// The report of a suite.
#[must_use]
pub fn junit(suite: &str, time: &str, outcomes: &[Outcome]) -> String {
    let count = |f: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|o| f(o)).count();
    let failures = count(&|o| !o.accepted && is_failure(o));
    let errors = count(&|o| !o.accepted && !is_failure(o));
    let skipped = count(&|o| o.result == CaseResult::NotRun);
    let wall: f64 = outcomes.iter().map(|o| o.wall_s).sum();
    let numbers = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{wall:.3}\"",
        outcomes.len()
    );
    let mut t = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(t, "<testsuites {numbers}>");
    let _ = writeln!(t, "  <testsuite name=\"{}\" timestamp=\"{}\" {numbers}>", escape(suite), escape(time));
    for o in outcomes {
        let group = if o.group.is_empty() { suite } else { &o.group };
        let _ = write!(
            t,
            "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\">",
            escape(&o.name),
            escape(group),
            o.wall_s
        );
        let message = escape(o.news.as_deref().or(o.problem.as_deref()).unwrap_or_default());
        if o.result == CaseResult::NotRun {
            let _ = write!(t, "<skipped message=\"{message}\"/>");
        } else if !o.accepted {
            let tag = if is_failure(o) { "failure" } else { "error" };
            let kind = o.result.text().to_lowercase();
            let _ = write!(t, "<{tag} type=\"{kind}\" message=\"{message}\">{}</{tag}>", escape(&details(o)));
        } else if let Some(news) = &o.news {
            let _ = write!(t, "<system-out>{}</system-out>", escape(news));
        } else if o.result != CaseResult::Pass {
            let reason = o.reason.as_deref().unwrap_or_default();
            let _ = write!(t, "<system-out>known {}: {}</system-out>", o.result.text(), escape(reason));
        } else if let Some(text) = loosened(o) {
            let _ = write!(t, "<system-out>{}</system-out>", escape(&text));
        }
        t.push_str("</testcase>\n");
    }
    t.push_str("  </testsuite>\n</testsuites>\n");
    t
}

/// What makes a pass no ordinary one.
fn loosened(o: &Outcome) -> Option<String> {
    let texts: Vec<String> = o.loosened().into_iter().map(|l| l.text).collect();
    (!texts.is_empty()).then(|| format!("passes by loosened gates: {}", texts.join("; ")))
}

/// A verdict against the candidate; all else is an error.
fn is_failure(o: &Outcome) -> bool {
    matches!(o.result, CaseResult::Pass | CaseResult::Blocked)
}

fn details(o: &Outcome) -> String {
    let mut text = String::new();
    if let Some(problem) = &o.problem {
        let _ = writeln!(text, "{problem}");
    }
    for gate in o.gates.iter().filter(|g| !g.passed) {
        let actual = gate.actual.map_or("undefined".into(), |a| a.to_string());
        let _ = writeln!(text, "{}: {actual}, the limit is {}", gate.gate.metric, gate.gate.limit);
    }
    if let Some(opinion) = &o.opinion {
        let _ = writeln!(text, "{}", opinion.text);
    }
    let _ = writeln!(text, "arguments: {}", o.args);
    text
}

/// Text for an attribute or an element.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // as they are, a parser would turn them into blanks inside an attribute
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            _ => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_shown() {
        assert_eq!(escape("a<b>&\"c\"\n\u{0}\u{fffe}é"), "a&lt;b&gt;&amp;&quot;c&quot;&#10;\\u{0}\\u{fffe}é");
    }
}
