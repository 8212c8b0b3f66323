//! `backlog.md`: the backlog for someone who did not run it.

use super::{Backlog, Candidate, FORMULA, LEAST_PCT};
use crate::inventory::cell;
use std::fmt::{Arguments, Write};

/// Entries of the long lists; the JSON form has all.
const LIST_LIMIT: usize = 8;

impl Backlog {
    /// The page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = String::from("# Backlog: which loop to work on\n\n");
        self.banner(&mut page);
        line(&mut page, format_args!("{}\n", self.headline()));
        self.basis(&mut page);
        self.table(&mut page);
        for candidate in &self.candidates {
            self.candidate(&mut page, candidate);
        }
        self.rest(&mut page);
        self.safe_list(&mut page);
        self.closing(&mut page);
        page
    }

    /// The first candidate in one sentence.
    #[must_use]
    pub fn headline(&self) -> String {
        // rows below 1 % are in the table for the sake of a GPU
        let hot = self.not_proposed.iter().filter(|n| n.inclusive_pct >= LEAST_PCT).count();
        match self.candidates.first() {
            None => {
                "No hot loop is a candidate for vector code; the reasons stand with each loop.".to_string()
            }
            Some(best) => format!(
                "{} of {}; first `{}`: {:.1} % of the render's thread time, gain {} if it becomes {:.1} times as fast ({})",
                plural(self.candidates.len(), "candidate"),
                plural(self.candidates.len() + hot, "hot loop"),
                best.loop_id,
                best.self_pct,
                gain(best),
                best.speedup.factor,
                if best.speedup.from_evidence { "from evidence" } else { "assumed" }
            ),
        }
    }

    fn banner(&self, page: &mut String) {
        if !self.reliable {
            line(
                page,
                format_args!(
                    "> **UNRELIABLE.** A gate before this phase was not passed and was overridden. Do not act on these numbers.\n"
                ),
            );
        }
        if !self.problems.is_empty() {
            line(page, format_args!("> The profile is not whole: {}.\n", self.problems.join("; ")));
        }
        if let Some(missing) = &self.evidence_missing {
            line(
                page,
                format_args!(
                    "> **{missing}.** Their s is assumed half way. `bragg-audit run --evidence` asks the compilers (minutes; kept until a source or a compiler changes).\n"
                ),
            );
        }
    }

    fn basis(&self, page: &mut String) {
        line(page, format_args!("## How the gain is reckoned\n"));
        line(
            page,
            format_args!(
                "`{FORMULA}` (Amdahl's law): the whole render becomes that many times as fast when one loop, which takes the share p of it, becomes s times as fast.\n"
            ),
        );
        let total =
            self.total_ms.map(|ms| format!(" 100 % is {ms:.1} ms of thread time.")).unwrap_or_default();
        line(
            page,
            format_args!(
                "- {}. Source: `{}`.{total} It stands for wall time as long as all threads are evenly busy.",
                self.share_meaning, self.source
            ),
        );
        line(
            page,
            format_args!(
                "- p is self time: what runs in loops inside a loop counts for those. No time is proposed twice, so the gains of several candidates can be had together."
            ),
        );
        line(
            page,
            format_args!(
                "- s is **assumed, not measured**. It rests on the widest vectors of this CPU, {} with {} of {}, and on what the compiler made of the loop: scalar code gets s = that many; code partly in vectors 1/((1−v)/n + v·w/n), v the share in vectors of w of the n lanes; vector code in narrower registers the ratio of the widths; a loop that computes nothing itself 1; a loop without evidence, or with instances that differ, may be vector code already and gets half way between 1 and that.",
                self.vectors.instruction_set,
                plural(self.vectors.lanes as usize, "lane"),
                self.vectors.dtype
            ),
        );
        line(page, format_args!("- \"limit\" is 1/(1−p): no work on that loop alone can give more.\n"));
    }

    fn table(&self, page: &mut String) {
        line(page, format_args!("## Candidates\n"));
        if self.candidates.is_empty() {
            line(page, format_args!("None: see below why each hot loop is none.\n"));
            return;
        }
        line(
            page,
            format_args!(
                "| # | loop | self % (p) | inclusive % | s | gain | limit | priority | status |\n|---:|---|---:|---:|---:|---:|---:|---|---|"
            ),
        );
        for c in &self.candidates {
            line(
                page,
                format_args!(
                    "| {} | {} | {} | {:.1} | {:.1} | {} | {:.2} | {} | {} |",
                    c.rank,
                    cell(&c.loop_id),
                    share(c),
                    c.inclusive_pct,
                    c.speedup.factor,
                    gain(c),
                    c.gain_limit,
                    c.priority.name(),
                    c.status.name()
                ),
            );
        }
        page.push('\n');
        if let Some(all) = self.gain_of_all {
            line(page, format_args!("All of them at their s together: gain {all:.2}.\n"));
        }
        if self.candidates.len() < 3 {
            line(
                page,
                format_args!("Fewer than three: every other hot loop is listed below with its reason.\n"),
            );
        }
    }

    fn candidate(&self, page: &mut String, c: &Candidate) {
        line(page, format_args!("## {}. `{}`\n", c.rank, c.loop_id));
        line(page, format_args!("{}, lines {}–{}, depth {}:\n", c.module, c.lines.0, c.lines.1, c.depth));
        line(page, format_args!("    {}\n", c.header));
        let trips = c.trip_count_hint.as_deref().map_or("not told by the header".to_string(), cell);
        line(page, format_args!("- Iterations per entry: {trips}."));
        line(
            page,
            format_args!(
                "- Measured: {} % of the thread time in the loop itself ({:.1} ms), {:.1} % with what is inside it.",
                share(c),
                c.self_ms,
                c.inclusive_pct
            ),
        );
        line(page, format_args!("- Status {}: {}.", c.status.name(), c.evidence));
        line(page, format_args!("- s = {:.1}, {}.", c.speedup.factor, c.speedup.reason));
        let p = c.self_pct / 100.0;
        line(
            page,
            format_args!(
                "- Gain: 1/((1−{p:.4}) + {p:.4}/{:.1}) = {}, at most {:.2}.",
                c.speedup.factor,
                gain(c),
                c.gain_limit
            ),
        );
        self.nest(page, c);
        line(page, format_args!("\nAffected tests ({}):\n", c.tests.rule));
        names(page, "same module", &c.tests.same_module);
        names(page, "by name", &c.tests.by_name);
        line(page, format_args!("- other tests of the package: {}", c.tests.others_in_package));
        if let Some(problem) = &c.tests.problem {
            line(page, format_args!("- the list of tests is not whole: {problem}"));
        }
        line(page, format_args!("\nRisks for parity:\n"));
        for risk in &c.risks {
            line(page, format_args!("- {risk}"));
        }
        line(page, format_args!("\nAccepted when all of these succeed, in this order:\n\n```sh"));
        for command in &c.acceptance {
            line(page, format_args!("{command}"));
        }
        line(
            page,
            format_args!(
                "```\n\nThen the new `hot_loops.csv` shows the loop's self share below {:.1} %, and `benchmark_results.json` a warm time below this capture's.\n",
                c.self_pct
            ),
        );
    }

    fn nest(&self, page: &mut String, c: &Candidate) {
        if c.nest.is_empty() {
            line(page, format_args!("- Nest: no other loop of its function around it, no hot one in it."));
            return;
        }
        line(
            page,
            format_args!(
                "- Nest (each loop's own time is counted with that loop only; the work may be done at any level):"
            ),
        );
        for other in &c.nest {
            let place = if other.around { "around it" } else { "in it" };
            let own = other
                .self_pct
                .map_or("no row of its own in the profile".to_string(), |p| format!("own {p:.1} %"));
            line(page, format_args!("  - {place}: {}, {own}", cell(&other.loop_id)));
        }
    }

    fn rest(&self, page: &mut String) {
        line(page, format_args!("## Where the rest of the time is\n\n| what | self % |\n|---|---:|"));
        for part in &self.account {
            line(page, format_args!("| {} | {:.2} |", part.what, part.self_pct));
        }
        let sum: f64 = self.account.iter().map(|part| part.self_pct).sum();
        line(page, format_args!("| all | {sum:.2} |\n"));
        if self.not_proposed.is_empty() {
            return;
        }
        line(
            page,
            format_args!(
                "Hot loops that are no candidates:\n\n| loop | self % | inclusive % | why not |\n|---|---:|---:|---|"
            ),
        );
        for n in &self.not_proposed {
            line(
                page,
                format_args!(
                    "| {} | {:.2} | {:.1} | {} |",
                    cell(&n.loop_id),
                    n.self_pct,
                    n.inclusive_pct,
                    n.reason.replace('|', "\\|")
                ),
            );
        }
        page.push('\n');
    }

    fn closing(&self, page: &mut String) {
        let Some(closing) = &self.closing else { return };
        line(page, format_args!("\n## When the initiative closes\n"));
        line(page, format_args!("It {}.\n", closing.text()));
        for high in &closing.high {
            let mark = if high.open { " " } else { "x" };
            line(
                page,
                format_args!("- [{mark}] {} ({:.1} %): {}", cell(&high.loop_id), high.self_pct, high.why),
            );
        }
        if closing.high.iter().any(|h| h.open) {
            line(
                page,
                format_args!(
                    "\nA loop is put off by an entry with `deferred = true`, name, reason and date in `loops.toml`."
                ),
            );
        }
    }

    fn safe_list(&self, page: &mut String) {
        line(page, format_args!("## Loops proven safe\n"));
        if self.safe.is_empty() {
            line(page, format_args!("None yet."));
            return;
        }
        line(page, format_args!("They need no work, by these rules:\n"));
        for group in &self.safe {
            names(page, &format!("{} — {}", plural(group.loops.len(), "loop"), group.rule), &group.loops);
        }
    }
}

fn names(page: &mut String, what: &str, names: &[String]) {
    if names.is_empty() {
        line(page, format_args!("- {what}: none"));
        return;
    }
    let shown: Vec<String> = names.iter().take(LIST_LIMIT).map(|name| cell(name)).collect();
    let more = names.len().saturating_sub(LIST_LIMIT);
    let more = if more > 0 { format!(" and {more} more (see `backlog.json`)") } else { String::new() };
    line(page, format_args!("- {what}: {}{more}", shown.join(", ")));
}

fn gain(c: &Candidate) -> String {
    match c.gain_interval {
        Some((low, high)) => format!("{:.2} ({low:.2} to {high:.2})", c.gain),
        None => format!("{:.2}", c.gain),
    }
}

fn share(c: &Candidate) -> String {
    match c.self_interval_pct {
        Some((low, high)) => format!("{:.1} ({low:.1} to {high:.1})", c.self_pct),
        None => format!("{:.1}", c.self_pct),
    }
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn line(page: &mut String, text: Arguments) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(text);
    page.push('\n');
}
