//! What to say about hot loops that no compiler was asked about: an `uncertain` without its remedy helps nobody.

use super::rules;
use crate::inventory::{Inventory, Language, Loop, Status};

/// Why some of the loops `hot` have no evidence, in one sentence; `None` when all have.
#[must_use]
pub fn missing<'a>(inventory: &Inventory, hot: impl Iterator<Item = &'a str>) -> Option<String> {
    let found: Vec<&Loop> = hot.filter_map(|id| inventory.by_id(id)).collect();
    let without: Vec<&&Loop> = found.iter().filter(|l| unasked(l)).collect();
    let first = without.first()?;
    let stale = inventory.skipped.iter().find(|s| s.reason.contains(" asks again"));
    let why = match stale {
        Some(note) => {
            let what = note.reason.split(": evidence for ").next().unwrap_or(&note.reason);
            format!("{} {what}", note.path)
        }
        None if inventory.compilers.is_empty() => "the compilers were not asked yet".to_owned(),
        None => format!("the compilers were not asked about {}", first.module),
    };
    Some(format!("{} of {} hot loops have no evidence of the compiler: {why}", without.len(), found.len()))
}

/// Whether nobody knows what became of a loop of a compiled language, because no compiler was asked.
fn unasked(one: &Loop) -> bool {
    let compiled = matches!(one.language, Language::Rust | Language::C);
    let answered = one.code.is_some() || one.person.is_some() || one.status == Status::Safe;
    let covered = [rules::NO_CODE, rules::NOT_REPORTED].iter().any(|text| one.evidence.contains(text));
    compiled && !answered && !covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CompilerRun, Record};

    #[test]
    fn hot_loops_without_evidence_are_counted_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::write(root.join("a.rs"), "fn f() { loop {} }\nfn g() { loop {} }").unwrap();
        let ids = ["a.rs::f#1", "a.rs::g#1"];
        let mut inventory = Inventory::scan(root, &[]).unwrap();
        let said = missing(&inventory, ids.into_iter()).unwrap();
        assert_eq!(
            said,
            "2 of 2 hot loops have no evidence of the compiler: the compilers were not asked yet"
        );
        let mut record = Record::new();
        let run = CompilerRun {
            name: "rustc".into(),
            what: String::new(),
            compiler: String::new(),
            flags: String::new(),
            problems: Vec::new(),
        };
        record.runs.push(run);
        record.depends_on(root, &root.join("a.rs"));
        record.attach(&mut inventory, root, root);
        assert_eq!(missing(&inventory, ids.into_iter()), None, "asked, and there was no code");
        std::fs::write(root.join("a.rs"), "fn f() { loop {} }\n\nfn g() { loop {} }").unwrap();
        let mut edited = Inventory::scan(root, &[]).unwrap();
        record.attach(&mut edited, root, root);
        let said = missing(&edited, ids.into_iter().take(1)).unwrap();
        assert!(said.ends_with(": a.rs changed since the compilers were asked"), "{said}");
    }
}
