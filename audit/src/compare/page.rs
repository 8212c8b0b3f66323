//! `before_after.md`.

use super::{BeforeAfter, LoopChange, Ratio, SLOW_DOWN_PCT, Timing};
use std::fmt::Write;

impl BeforeAfter {
    /// The page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "# Before and after\n")?;
        if !self.reliable {
            writeln!(
                page,
                "> **UNRELIABLE.** The captures differ in more than the candidate, and that was overridden.\n"
            )?;
        }
        writeln!(page, "**{}**\n", self.headline)?;
        writeln!(page, "Both captures pass every gate ({}).\n", self.gates.join("; "))?;
        for (title, list) in [("What changed", &self.candidates), ("What else differs", &self.differences)] {
            if !list.is_empty() {
                writeln!(page, "{title}:\n")?;
                for one in list {
                    writeln!(page, "- {one}")?;
                }
                writeln!(page)?;
            }
        }
        writeln!(
            page,
            "## Times\n\n| size | time | before, s | after, s | after / before, captures (95 %) | taken again (95 %) | shown |\n|---:|---|---:|---:|---|---|---|"
        )?;
        for one in &self.timings {
            writeln!(page, "{}", timing(one))?;
        }
        writeln!(
            page,
            "\nBelow 1 is faster. The captures were made at different times, so their samples are not interleaved; drift of the machine between them is taken out as far as the reference of the same round shows it. {}\n",
            self.again
        )?;
        let mut methods: Vec<&str> = self
            .timings
            .iter()
            .flat_map(|t| [&t.captures, &t.again])
            .flatten()
            .map(|r| r.method.as_str())
            .collect();
        methods.sort_unstable();
        methods.dedup();
        for method in methods {
            writeln!(page, "- {method}")?;
        }
        if self.slow_downs.is_empty() {
            writeln!(page, "\nNo slow-down above {SLOW_DOWN_PCT} % was shown.\n")?;
        } else {
            writeln!(page, "\n**Slow-down above {SLOW_DOWN_PCT} %:** {}.\n", self.slow_downs.join("; "))?;
        }
        writeln!(page, "## Instructions\n")?;
        match (&self.instructions, &self.no_instructions) {
            (Some(i), _) => {
                let (before, after) = i.counts;
                writeln!(
                    page,
                    "{before} before, {after} after: {:.4} times as many (valgrind, one thread, `{}`; valgrind does not know AVX-512, so kernels for narrower vectors ran).\n",
                    after as f64 / before.max(1) as f64,
                    i.case
                )?;
            }
            (None, why) => writeln!(page, "Not counted: {}.\n", why.as_deref().unwrap_or("nobody asked"))?,
        }
        writeln!(page, "## Loops\n\n{}\n", self.loops_from)?;
        if !self.loops.is_empty() {
            writeln!(
                page,
                "| loop | before, ms a render (95 %) | after | shown | text |\n|---|---|---|---|---|"
            )?;
            for one in &self.loops {
                writeln!(page, "{}", change(one))?;
            }
        }
        Ok(())
    }
}

fn timing(one: &Timing) -> String {
    let flag = if one.slow_down { ", **slow-down**" } else { "" };
    format!(
        "| {} | {} | {:.4} | {:.4} | {} | {} | {}{flag} |",
        one.size,
        one.name,
        one.medians.0,
        one.medians.1,
        ratio(one.captures.as_ref()),
        ratio(one.again.as_ref()),
        one.shown.text()
    )
}

fn ratio(one: Option<&Ratio>) -> String {
    match one {
        None => "—".into(),
        Some(Ratio { ratio, interval: Some((low, high)), .. }) => {
            format!("{ratio:.3} ({low:.3} to {high:.3})")
        }
        Some(Ratio { ratio, .. }) => format!("{ratio:.3} (too few samples for an interval)"),
    }
}

fn change(one: &LoopChange) -> String {
    let time = |ms: Option<f64>, interval: Option<(f64, f64)>| match (ms, interval) {
        (Some(ms), Some((low, high))) => format!("{ms:.2} ({low:.2} to {high:.2})"),
        (Some(ms), None) => format!("{ms:.2}"),
        (None, _) => "below the threshold".into(),
    };
    format!(
        "| `{}` | {} | {} | {} | {} |",
        one.loop_id,
        time(one.before_ms, one.intervals.0),
        time(one.after_ms, one.intervals.1),
        one.shown.text(),
        one.text
    )
}
