//! `diagnosis.md` and `first_divergence.md`, from the record alone.

use super::flow::Divergence;
use super::model::Diagnosis;
use std::fmt::Write;

/// The whole diagnosis for people.
#[must_use]
pub fn diagnosis(d: &Diagnosis) -> String {
    let mut t = format!("# Diagnosis: {}\n\n{}\n\n", d.case, headline(d));
    let size = d.size.map_or(String::new(), |n| format!(", {n} × {n} pixels"));
    let _ = writeln!(t, "- Case: `{}`{size}", d.args);
    for (who, (name, own)) in [("Reference", &d.reference), ("Candidate", &d.candidate)] {
        let own = if own.is_empty() { String::new() } else { format!(", with `{own}` of its own") };
        let _ = writeln!(t, "- {who}: {name}{own}");
    }
    if let Some(dir) = &d.in_place {
        let _ = writeln!(t, "- Directory: {} (experiments ran in copies)", dir.display());
    }
    let _ = writeln!(t, "- The engines {}.", d.outcome);
    let _ = writeln!(t, "- {} runs in {:.1} s of a budget of {} s.", d.runs, d.elapsed_s, d.budget_s);
    t.push_str("\n## Causes\n\n");
    if d.causes.is_empty() {
        t.push_str(if d.disagree {
            "**Not found.** What was excluded stands below.\n"
        } else {
            "None: the engines agree.\n"
        });
    }
    for (i, c) in d.causes.iter().enumerate() {
        let mark = if c.proven { "**proven**" } else { "not proven" };
        let _ = writeln!(t, "{}. {} — {} ({mark})", i + 1, c.class.title(), c.title);
        if let Some(switch) = &c.switch {
            let _ = writeln!(t, "   - Switched off and on: {switch}.");
        }
        for e in &c.evidence {
            let _ = writeln!(t, "   - {e}.");
        }
    }
    if !d.excluded.is_empty() {
        t.push_str("\n## Excluded\n\n");
        for e in &d.excluded {
            let _ = writeln!(t, "- {e}.");
        }
    }
    if !d.not_tried.is_empty() {
        t.push_str("\n## Not tried\n\n");
        for e in &d.not_tried {
            let _ = writeln!(t, "- {e}.");
        }
    }
    for (title, text) in [
        ("Smallest case found that fails", &d.smallest_failing),
        ("Nearest case found that passes", &d.nearest_passing),
    ] {
        if let Some(text) = text {
            let _ = write!(t, "\n## {title}\n\n`{text}`\n");
        }
    }
    if let Some(text) = &d.referee {
        let _ = write!(t, "\n## A third engine\n\n{text}.\n");
    }
    if !d.shapes.is_empty() {
        t.push_str("\n## The residual as a known shape\n\n| shape | fit | explains | gates pass once corrected |\n|---|---|---:|---|\n");
        for s in &d.shapes {
            let _ = writeln!(
                t,
                "| {} | {} | {:.3} % | {} |",
                s.name,
                s.fit,
                s.explained * 100.0,
                if s.passes { "yes" } else { "no" }
            );
        }
    }
    if !d.parameters.is_empty() {
        t.push_str(
            "\n## Parameters side by side\n\n| parameter | reference | candidate | |\n|---|---|---|---|\n",
        );
        for p in &d.parameters {
            let name = p.name.replace('|', "\\|");
            let _ = writeln!(
                t,
                "| {name} | {} | {} | {} |",
                p.reference,
                p.candidate,
                if p.agrees { "" } else { "**differ**" }
            );
        }
    }
    t.push_str("\n## Experiments\n\n| at s | runs | experiment | found |\n|---:|---:|---|---|\n");
    for x in &d.trials {
        let cell = |s: &str| s.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(t, "| {:.2} | {} | {} | {} |", x.at_s, x.runs, cell(&x.experiment), cell(&x.found));
    }
    t
}

/// One line: what was found.
#[must_use]
pub fn headline(d: &Diagnosis) -> String {
    match d.causes.first() {
        _ if !d.disagree => match &d.in_place {
            Some(dir) => format!(
                "The engines agree, in an empty directory and in a copy of {}: nothing to diagnose.",
                dir.display()
            ),
            None => "The engines agree: nothing to diagnose.".into(),
        },
        Some(c) if c.proven => format!("CAUSE PROVEN — {}: {}", c.class.title(), c.title),
        Some(c) => format!("CAUSE NOT FOUND — likeliest, and not proven: {}: {}", c.class.title(), c.title),
        None => "CAUSE NOT FOUND".into(),
    }
}

/// Where in the data flow the engines part.
#[must_use]
pub fn first_divergence(d: &Diagnosis) -> String {
    let mut t = String::from("# First divergence\n\n");
    let Some(first) = d.first_divergence() else {
        t.push_str(if d.traced.is_empty() {
            "No intermediate values: an engine prints none.\n"
        } else {
            "Every intermediate value agrees at the traced pixels.\n"
        });
        return t;
    };
    let agrees = if super::flow::is_known(&first.name) {
        format!("everything it is made from ({}) agrees", from(first))
    } else {
        "everything that was printed before it agrees".into()
    };
    let _ = writeln!(
        t,
        "`{}` differs although {agrees}: at {} of {} places, by {:.3e} at most.\n",
        first.name,
        first.differing,
        first.pairs.len(),
        first.largest
    );
    t.push_str("| pixel | where | reference | candidate | relative difference |\n|---|---|---|---|---:|\n");
    let mut rows: Vec<_> = first.pairs.iter().filter(|p| p.difference > 0.0).collect();
    rows.sort_by(|a, b| b.difference.total_cmp(&a.difference));
    for p in rows.iter().take(12) {
        let at = p.at.iter().map(|(n, v)| format!("{n} {v}")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            t,
            "| {}, {} | {at} | {} | {} | {:.3e} |",
            p.pixel.0,
            p.pixel.1,
            numbers(&p.reference),
            numbers(&p.candidate),
            p.difference
        );
    }
    t.push_str("\n## Everything that differs, in the order of the data flow (or, where that is not known, of the output)\n\n| value | parts here | places that differ | largest difference |\n|---|---|---:|---:|\n");
    for x in &d.divergences {
        let _ = writeln!(
            t,
            "| `{}` | {} | {} of {} | {:.3e} |",
            x.name,
            if x.root { "**yes**" } else { "follows" },
            x.differing,
            x.pairs.len(),
            x.largest
        );
    }
    t.push_str("\n## Traced pixels (fast, slow)\n\n");
    for ((f, s), why) in &d.traced {
        let _ = writeln!(t, "- {f}, {s}: {why}");
    }
    t
}

fn from(d: &Divergence) -> String {
    let list = super::flow::made_from(&d.name);
    if list.is_empty() { "the case's parameters".into() } else { list.join(", ") }
}

fn numbers(v: &[f64]) -> String {
    v.iter().map(|x| format!("{x:.12e}")).collect::<Vec<_>>().join(" ")
}

/// A script that shows the disagreement once more, for a POSIX shell: words are quoted, nothing in them is run.
#[must_use]
pub fn script(d: &Diagnosis, program: &str) -> String {
    let quoted = |w: &str| crate::case::paste(&[w.into()]);
    let mut t = String::from(
        "#!/bin/sh\n# Shows the disagreement that bragg-audit diagnosed. Exit status 3: it is still there; 0: it is gone.\n",
    );
    for line in headline(d).lines() {
        let _ = writeln!(t, "# {line}");
    }
    let _ = writeln!(t, "set -eu\naudit=${{BRAGG_AUDIT:-{}}}", quoted(program));
    t.push_str("reports=$(mktemp -d)\ntrap 'rm -rf \"$reports\"' EXIT\n");
    for (name, value) in d.variables.iter().filter(|(name, _)| is_name(name)) {
        let _ = writeln!(t, "export {name}={}", quoted(value));
    }
    t.push_str("status=0\n\"$audit\" capture --reports \"$reports\" --force --iterations 1 --no-profile");
    for (flag, word) in [("--reference", &d.reference.0), ("--candidate", &d.candidate.0)] {
        let _ = write!(t, " \\\n  {flag} {}", quoted(word));
    }
    for (flag, word) in [("--reference-args", &d.reference.1), ("--candidate-args", &d.candidate.1)] {
        if !word.is_empty() {
            let _ = write!(t, " \\\n  {flag} {}", quoted(word));
        }
    }
    if let Some(size) = d.size {
        let _ = write!(t, " \\\n  --sizes {size}");
    }
    if let Some(dir) = &d.in_place {
        let _ = write!(t, " \\\n  --in-place {}", quoted(&dir.to_string_lossy()));
    }
    let args = d.smallest_failing.as_ref().unwrap_or(&d.args);
    let _ = write!(t, " \\\n  -- {args} || status=$?\nexit \"$status\"\n");
    t
}

/// Whether a shell takes it as the name of a variable.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_quote_what_users_give() {
        let mut d = Diagnosis {
            args: crate::case::paste(&["-hkl".into(), "a $(touch x) 'b'.hkl".into()]),
            in_place: Some("/tmp/it's here".into()),
            disagree: true,
            variables: vec![("A_1".into(), "x; touch z".into()), ("B C".into(), "1".into())],
            ..Diagnosis::default()
        };
        d.reference.0 = "c:/x y".into();
        d.outcome = "disagree\n$(touch y)".into();
        let text = script(&d, "/opt/a b/bragg-audit");
        let joined = text.replace("\\\n", "");
        let line = joined.lines().find(|l| l.contains("capture")).unwrap();
        let words = shlex::split(line).unwrap();
        assert!(words.contains(&"a $(touch x) 'b'.hkl".to_owned()), "{words:?}");
        assert!(words.contains(&"/tmp/it's here".to_owned()) && words.contains(&"c:/x y".to_owned()));
        assert!(!text.contains("touch y"));
        assert!(text.contains("export A_1='x; touch z'\n") && !text.contains("B C"), "{text}");
    }
}
