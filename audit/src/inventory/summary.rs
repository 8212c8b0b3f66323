//! The inventory as a page for people.

use super::{Changes, Inventory, Loop};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Rows of the long lists.
const LIST_LIMIT: usize = 20;
/// Notes on what was skipped.
const SKIPPED_LIMIT: usize = 200;

impl Inventory {
    /// Counts by language, kind, status and module, the deepest loops, what was skipped, and, given an
    /// earlier inventory's [`Changes`], what changed. Markdown.
    #[must_use]
    pub fn summary(&self, changes: Option<&Changes>) -> String {
        let lines: u64 = self.files.iter().map(|f| u64::from(f.lines)).sum();
        let mut page = String::from("# Loop inventory\n\n");
        line(
            &mut page,
            format_args!(
                "{} loops in {} files, {lines} lines. {} notes on what was skipped or read in part.\n",
                self.loops.len(),
                self.files.len(),
                self.skipped.len()
            ),
        );
        self.counts(&mut page, "language", |l| l.language.name().to_string());
        self.counts(&mut page, "kind", |l| l.kind.name().to_string());
        self.counts(&mut page, "status", |l| l.status.name().to_string());
        self.evidence(&mut page);
        self.modules(&mut page);
        self.deepest(&mut page);
        if let Some(changes) = changes {
            changed(&mut page, changes);
        }
        self.skipped_list(&mut page);
        page
    }

    fn counts(&self, page: &mut String, what: &str, key: impl Fn(&Loop) -> String) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for l in &self.loops {
            *counts.entry(key(l)).or_default() += 1;
        }
        line(page, format_args!("## By {what}\n\n| {what} | loops |\n|---|---:|"));
        for (name, count) in counts {
            line(page, format_args!("| {name} | {count} |"));
        }
        page.push('\n');
    }

    fn evidence(&self, page: &mut String) {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for l in &self.loops {
            *counts.entry((l.status.name(), &l.evidence)).or_default() += 1;
        }
        line(page, format_args!("Why each status was given:\n"));
        let mut counts: Vec<((&str, &str), usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        for ((status, evidence), count) in counts.iter().take(LIST_LIMIT) {
            line(page, format_args!("- {count} {status}: {evidence}"));
        }
        if counts.len() > LIST_LIMIT {
            line(
                page,
                format_args!(
                    "- and {} more reasons; the JSON and CSV forms have each loop's",
                    counts.len() - LIST_LIMIT
                ),
            );
        }
        page.push('\n');
    }

    fn modules(&self, page: &mut String) {
        let mut counts: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
        for l in &self.loops {
            let row = counts.entry(&l.module).or_default();
            row[0] += 1;
            row[1 + l.status as usize] += 1;
        }
        line(
            page,
            format_args!(
                "## By module\n\n| module | loops | vectorized | safe | todo | uncertain |\n|---|---:|---:|---:|---:|---:|"
            ),
        );
        for (module, [all, vectorized, safe, todo, uncertain]) in counts {
            line(page, format_args!("| {module} | {all} | {vectorized} | {safe} | {todo} | {uncertain} |"));
        }
        page.push('\n');
    }

    fn deepest(&self, page: &mut String) {
        let mut deep: Vec<&Loop> = self.loops.iter().filter(|l| l.depth > 1).collect();
        deep.sort_by(|a, b| b.depth.cmp(&a.depth).then_with(|| a.loop_id.cmp(&b.loop_id)));
        line(page, format_args!("## Deepest loops\n"));
        if deep.is_empty() {
            line(page, format_args!("No loop stands in another.\n"));
            return;
        }
        line(
            page,
            format_args!("| depth | loop | line | trips | status | header |\n|---:|---|---:|---|---|---|"),
        );
        for l in deep.iter().take(LIST_LIMIT) {
            line(
                page,
                format_args!(
                    "| {} | {} | {} | {} | {} | {} |",
                    l.depth,
                    cell(&l.loop_id),
                    l.line,
                    l.trip_count_hint.as_deref().map(cell).unwrap_or_default(),
                    l.status.name(),
                    cell(&l.header)
                ),
            );
        }
        more(page, deep.len());
    }

    fn skipped_list(&self, page: &mut String) {
        line(page, format_args!("## Skipped, or read in part\n"));
        if self.skipped.is_empty() {
            line(page, format_args!("Nothing."));
        }
        for note in self.skipped.iter().take(SKIPPED_LIMIT) {
            let place = note.line.map(|n| format!(":{n}")).unwrap_or_default();
            line(page, format_args!("- {}{place}: {}", note.path, note.reason));
        }
        if self.skipped.len() > SKIPPED_LIMIT {
            line(
                page,
                format_args!("- and {} more; the JSON form has all", self.skipped.len() - SKIPPED_LIMIT),
            );
        }
    }
}

fn changed(page: &mut String, changes: &Changes) {
    line(
        page,
        format_args!(
            "## Against the earlier inventory\n\n{} unchanged, {} new, {} gone, {} moved, {} edited.\n",
            changes.unchanged,
            changes.new.len(),
            changes.gone.len(),
            changes.moved.len(),
            changes.edited.len()
        ),
    );
    let moved: Vec<String> = changes.moved.iter().map(|c| format!("{} → {}", c.from, c.to)).collect();
    for (what, ids) in
        [("New", &changes.new), ("Gone", &changes.gone), ("Moved", &moved), ("Edited", &changes.edited)]
    {
        for id in ids.iter().take(LIST_LIMIT) {
            line(page, format_args!("- {what}: {}", cell(id)));
        }
        if ids.len() > LIST_LIMIT {
            line(page, format_args!("- {what}: and {} more; `changes.json` has all", ids.len() - LIST_LIMIT));
        }
    }
    page.push('\n');
}

fn more(page: &mut String, all: usize) {
    if all > LIST_LIMIT {
        line(page, format_args!("\nThe {LIST_LIMIT} deepest of {all}; the JSON form has all."));
    }
    page.push('\n');
}

/// Source text inside a table.
pub(crate) fn cell(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    format!("{fence}{}{fence}", text.replace('|', "\\|"))
}

fn line(page: &mut String, text: std::fmt::Arguments) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(text);
    page.push('\n');
}
