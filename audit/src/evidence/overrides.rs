//! What people say about loops: `loops.toml`. It wins over the compiler's evidence, and is shown with name and reason.
//!
//! ```toml
//! [[loop]]
//! loop_id = "src/io.rs::read_table#1"
//! status = "safe"                       # vectorized, safe, todo, uncertain
//! name = "A. Person"
//! reason = "reads a file of a few lines"
//! date = "2026-11-21"
//! content_hash = "0123…"                # of the loop that was looked at; the inventory prints it
//! deferred = true                       # work on it is put off: counts as settled when an initiative closes
//! ```

use crate::inventory::{Inventory, Skipped, Status};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name, beside `audit.toml`.
pub const FILE: &str = "loops.toml";

/// A person's word on a loop, as the inventory shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who says so.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When, `YYYY-MM-DD`.
    pub date: String,
    /// Work on the loop is put off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// What the evidence alone had said.
    pub instead_of: Status,
    /// Why the word may be out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default, rename = "loop")]
    loops: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    loop_id: String,
    status: Status,
    name: String,
    reason: String,
    date: String,
    content_hash: Option<String>,
    #[serde(default)]
    deferred: bool,
}

/// Puts the file's words on the loops; those that fit no loop are listed among the inventory's notes. No file, no words.
///
/// # Errors
/// A file that cannot be read or does not make sense: one line with what is wrong where.
pub fn apply(inventory: &mut Inventory, file: &Path) -> Result<(), String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(format!("{}: {e}", file.display())),
    };
    let shown = file.file_name().map_or_else(|| FILE.into(), |n| n.to_string_lossy().into_owned());
    for entry in parse(&text).map_err(|e| format!("{}: {e}", file.display()))? {
        let Some(found) = inventory.loops.iter_mut().find(|l| l.loop_id == entry.loop_id) else {
            inventory.skipped.push(Skipped {
                path: shown.clone(),
                line: None,
                reason: format!("no loop `{}` among those listed: mend or remove the entry", entry.loop_id),
            });
            continue;
        };
        let doubt = match &entry.content_hash {
            Some(hash) if *hash == found.content_hash => None,
            Some(_) => Some(format!(
                "the loop was edited since: look again, then set content_hash = \"{}\"",
                found.content_hash
            )),
            None => Some(format!(
                "says nothing about which text was looked at: add content_hash = \"{}\"",
                found.content_hash
            )),
        };
        let person = Person {
            name: entry.name,
            reason: entry.reason,
            date: entry.date,
            deferred: entry.deferred,
            instead_of: found.status,
            doubt,
        };
        found.evidence = evidence(&person, entry.status, &found.evidence);
        found.status = entry.status;
        found.person = Some(person);
    }
    inventory.skipped.sort();
    Ok(())
}

fn evidence(person: &Person, status: Status, before: &str) -> String {
    let doubt = person.doubt.as_ref().map(|d| format!(" — IN DOUBT: {d}")).unwrap_or_default();
    let deferred = if person.deferred { ", deferred" } else { "" };
    format!(
        "{}{deferred} by {} ({}): {}{doubt}; without that {}: {before}",
        status.name(),
        person.name,
        person.date,
        person.reason,
        person.instead_of.name(),
    )
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let whole: Whole = toml::from_str(text).map_err(|e| e.to_string().trim().replace('\n', " "))?;
    let mut seen = std::collections::HashSet::new();
    for entry in &whole.loops {
        for (field, value) in [("name", &entry.name), ("reason", &entry.reason)] {
            if value.trim().is_empty() {
                return Err(format!("loop `{}`: {field} is empty: say who and why", entry.loop_id));
            }
        }
        if entry.date.parse::<jiff::civil::Date>().is_err() {
            return Err(format!("loop `{}`: date `{}` is not YYYY-MM-DD", entry.loop_id, entry.date));
        }
        if !seen.insert(&entry.loop_id) {
            return Err(format!("loop `{}` stands there twice", entry.loop_id));
        }
    }
    Ok(whole.loops)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "[[loop]]\nloop_id='a.rs::f#1'\nstatus='safe'\nname='A'\nreason='small'\ndate='2026-01-02'\n";

    #[test]
    fn a_word_wins_is_shown_and_doubted_after_an_edit() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.rs"), "fn f() { loop { g() } }").unwrap();
        let file = dir.path().join(FILE);
        let scan = || Inventory::scan(dir.path(), &[]).unwrap();
        let hash = scan().loops[0].content_hash.clone();
        std::fs::write(&file, format!("{GOOD}content_hash='{hash}'\n")).unwrap();
        let mut inventory = scan();
        apply(&mut inventory, &file).unwrap();
        let one = &inventory.loops[0];
        assert_eq!(one.status, Status::Safe);
        assert_eq!(one.person.as_ref().unwrap().doubt, None);
        assert!(
            one.evidence.starts_with("safe by A (2026-01-02): small; without that uncertain"),
            "{}",
            one.evidence
        );
        std::fs::write(dir.path().join("a.rs"), "fn f() { loop { h() } }").unwrap();
        let mut edited = scan();
        apply(&mut edited, &file).unwrap();
        assert!(
            edited.loops[0].evidence.contains("IN DOUBT: the loop was edited"),
            "{}",
            edited.loops[0].evidence
        );
        std::fs::write(&file, GOOD.replace("f#1", "f#2")).unwrap();
        let mut gone = scan();
        apply(&mut gone, &file).unwrap();
        assert!(gone.skipped[0].reason.contains("a.rs::f#2"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            (GOOD.replace("'safe'", "'fine'"), "fine"),
            (GOOD.replace("'small'", "' '"), "reason"),
            (GOOD.replace("2026-01-02", "soon"), "YYYY-MM-DD"),
            (GOOD.replace("name='A'\n", ""), "name"),
            (GOOD.repeat(2), "twice"),
            (format!("{GOOD}why='x'"), "why"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
