//! What a suite came to, for people: a line, a screen, a page with the matrix of cases.

use super::parity::{actual, times};
use super::{seconds, table};
use crate::exit::Exit;
use crate::phases::suite::SuiteRecord;
use crate::suite::outcome::{CaseResult, Outcome};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A name as part of a file's name: letters, digits, `-`, `_`, `.` and nothing that leads elsewhere.
#[must_use]
pub fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let text: String = name.chars().take(60).map(plain).collect();
    let text = text.trim_start_matches(['.', '-']);
    if text.is_empty() { "case".into() } else { text.into() }
}

/// A name in one line, also when it holds line ends and other control characters.
fn shown(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// One case in one line.
#[must_use]
pub fn line(o: &Outcome) -> String {
    let mut text = format!("{:<14} {}", result_text(o), shown(&o.name));
    if o.result == CaseResult::Pass && o.accepted && o.news.is_none() {
        let _ = write!(text, "  {}", figures(o));
        return text;
    }
    let first = |t: &str| shown(t.lines().next().unwrap_or_default());
    let worst =
        o.gates.iter().find(|g| !g.passed).map(|g| {
            format!("{} {}, limit {}", g.gate.metric, actual(g, o.comparison.as_ref()), g.gate.limit)
        });
    let parts = [
        o.problem.as_deref().map(first),
        worst,
        o.opinion.as_ref().map(|p| first(&p.text)),
        o.news.as_deref().map(first).filter(|_| o.expected != crate::suite::Expected::Pass),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        let _ = write!(text, "  {}", parts.join("; "));
    }
    text
}

/// The result; a pass by loosened limits says so.
fn result_text(o: &Outcome) -> &'static str {
    let loosened = o.loosened();
    match o.result {
        CaseResult::Pass if loosened.iter().any(|l| l.contract) => "PASS, LOOSENED CONTRACT",
        CaseResult::Pass if !loosened.is_empty() => "PASS, LOOSENED",
        other => other.text(),
    }
}

fn figures(o: &Outcome) -> String {
    let Some(c) = &o.comparison else { return String::new() };
    let miss = c.one_minus_correlation.map_or("undefined".into(), |m| format!("{m:.1e}"));
    let ratio = c.sum_ratio.map_or("undefined".into(), |r| format!("{:+.1e}", r - 1.0));
    format!("1 − correlation {miss}, sum ratio − 1 {ratio}")
}

/// The suite in one line.
#[must_use]
pub fn headline(record: &SuiteRecord<'_>, exit: Exit) -> String {
    let word = match exit {
        Exit::Pass if record.loosened.iter().any(|l| l.gate.contract) => "PASS BY A LOOSENED CONTRACT",
        Exit::Pass if !record.loosened.is_empty() => "PASS BY LOOSENED GATES",
        Exit::Pass => "PASS",
        Exit::Blocked => "BLOCKED",
        Exit::EngineFailed => "ENGINE FAILED",
        _ => "NOT COMPARABLE",
    };
    let counts: Vec<String> =
        record.counts.iter().map(|(name, n)| format!("{n} {}", name.to_lowercase())).collect();
    let known = record
        .cases
        .iter()
        .filter(|o| o.accepted && !matches!(o.result, CaseResult::Pass | CaseResult::NotRun));
    let known = match known.count() {
        0 => String::new(),
        n => format!(" ({n} of them known and accepted)"),
    };
    format!(
        "{word} — suite {}: {} cases, {}{known}",
        shown(record.suite),
        record.cases.len(),
        counts.join(", ")
    )
}

/// What a terminal shows at the end.
#[must_use]
pub fn text(record: &SuiteRecord<'_>, exit: Exit) -> String {
    let mut t = headline(record, exit) + "\n";
    for l in &record.loosened {
        let _ = writeln!(t, "LOOSENED for {} cases: {}", l.cases, shown(&l.gate.text));
    }
    let not_run: Vec<&Outcome> = record.cases.iter().filter(|o| o.result == CaseResult::NotRun).collect();
    if !not_run.is_empty() {
        let _ = writeln!(t, "NOT RUN: {} cases, which say nothing about parity", not_run.len());
        for o in not_run.iter().take(5) {
            let _ = writeln!(t, "  {}: {}", shown(&o.name), o.problem.as_deref().unwrap_or_default());
        }
        if not_run.len() > 5 {
            let _ = writeln!(t, "  … and {} more (summary.md)", not_run.len() - 5);
        }
    }
    for o in
        record.cases.iter().filter(|o| o.result != CaseResult::NotRun && (!o.accepted || o.news.is_some()))
    {
        let _ = writeln!(t, "  {}", line(o));
    }
    t
}

/// `summary.md`.
#[must_use]
pub fn summary(
    record: &SuiteRecord<'_>,
    stamp: &str,
    exit: Exit,
    command: &str,
    logs: &BTreeMap<String, String>,
) -> String {
    let mut t =
        format!("# Suite {}\n\nStamp {stamp}\n\n**{}**\n\n", shown(record.suite), headline(record, exit));
    if !record.loosened.is_empty() {
        t.push_str("> **LOOSENED GATES**: these verdicts are not those of the limits that ship.\n>\n");
        for l in &record.loosened {
            let contract = if l.gate.contract { " **The contract.**" } else { "" };
            let _ = writeln!(t, "> - {} cases: {}{contract}", l.cases, shown(&l.gate.text));
        }
        t.push('\n');
    }
    let engine = |role: &str, i: &crate::engines::Identity| {
        format!("- {role} `{}`, sha256 {}…\n", i.name, &i.sha256[..12.min(i.sha256.len())])
    };
    t.push_str(&engine("reference", record.reference));
    t.push_str(&engine("candidate", record.candidate));
    if let Some(referee) = record.referee {
        t.push_str(&engine("referee", referee));
    }
    let _ = write!(t, "- {} thread(s) for each run", record.threads);
    if record.resumed > 0 {
        let _ = write!(t, "; {} cases were finished by a run that was stopped", record.resumed);
    }
    let _ = write!(t, "\n\n```sh\n{command}\n```\n\n");
    let not_run: Vec<&Outcome> = record.cases.iter().filter(|o| o.result == CaseResult::NotRun).collect();
    if !not_run.is_empty() {
        let _ = writeln!(
            t,
            "## NOT RUN\n\n**{} cases were not run** and say nothing about parity:\n",
            not_run.len()
        );
        for o in &not_run {
            let _ = writeln!(t, "- `{}`: {}", shown(&o.name), o.problem.as_deref().unwrap_or_default());
        }
        t.push('\n');
    }
    let news: Vec<&Outcome> = record.cases.iter().filter(|o| o.news.is_some()).collect();
    if !news.is_empty() {
        t.push_str("## News\n\n");
        for o in news {
            let log = logs.get(&o.name).map_or(String::new(), |l| format!(" ([log]({l}))"));
            let _ =
                writeln!(t, "- `{}`: {}{log}", shown(&o.name), shown(o.news.as_deref().unwrap_or_default()));
            if let Some(problem) = &o.problem {
                let _ = writeln!(t, "  - {}", shown(problem.lines().next().unwrap_or_default()));
            }
            if let Some(opinion) = &o.opinion {
                let _ = writeln!(t, "  - {}", opinion.text);
            }
        }
        t.push('\n');
    }
    t.push_str("## Cases\n\n");
    t.push_str(&table(
        &["case", "result", "expected", "1 − correlation", "sum ratio − 1", "nearest gate", "took"],
        &rows(record),
    ));
    t.push_str(
        "\nThe times are for planning alone: cases run side by side, and each renders more than once.\n",
    );
    t
}

fn rows(record: &SuiteRecord<'_>) -> Vec<Vec<String>> {
    let row = |o: &Outcome| {
        let c = o.comparison.as_ref();
        let number = |v: Option<f64>| v.map_or("—".into(), |v| format!("{v:.2e}"));
        let plain = o.accepted && (o.result != CaseResult::Pass || o.loosened().is_empty());
        let result = if plain { o.result.text().to_owned() } else { format!("**{}**", result_text(o)) };
        let expected = serde_json::to_value(o.expected).ok().and_then(|v| v.as_str().map(str::to_owned));
        vec![
            format!("`{}`", shown(&o.name).replace('`', "'")),
            result,
            expected.unwrap_or_default().replace('_', " "),
            number(c.and_then(|c| c.one_minus_correlation)),
            number(c.and_then(|c| c.sum_ratio).map(|r| r - 1.0)),
            nearest(o),
            if o.result == CaseResult::NotRun { "—".into() } else { seconds(o.wall_s) },
        ]
    };
    record.cases.iter().map(row).collect()
}

/// The gate that blocks, or the one with the smallest margin.
fn nearest(o: &Outcome) -> String {
    if let Some(gate) = o.gates.iter().find(|g| !g.passed) {
        return format!(
            "`{}` is {}, limit {}",
            gate.gate.metric,
            actual(gate, o.comparison.as_ref()),
            gate.gate.limit
        );
    }
    let gates = o.gates.iter().filter_map(|g| Some((g.margin?, g)));
    let nearest = gates.min_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or("exact".into(), |(m, g)| format!("`{}`, {} to spare", g.gate.metric, times(m)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_lead_nowhere_else() {
        for (name, safe) in
            [("../../etc/passwd", "etc-passwd"), ("a b\n$(x)", "a-b---x-"), ("..", "case"), ("/", "case")]
        {
            assert_eq!(super::slug(name), safe);
        }
        assert!(super::slug(&"é".repeat(500)).len() <= 60);
    }
}
