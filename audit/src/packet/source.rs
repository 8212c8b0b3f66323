//! What the design page shows of sources: the loop with the head of its function, and who calls that.

use crate::inventory::Language;

/// Lines that are shown of a function's head and the loop together, when the loop leaves room.
const EXCERPT: u32 = 160;
/// Lines of a head that are always shown.
const HEAD: u32 = 12;
/// Lines up to which a loop is shown whole; of a longer one the first three quarters of them and the end.
const WHOLE: u32 = 400;

/// Number and text of lines: the loop (first and last line) after the head of its function, which begins at line `head`. What
/// is left out has a line that says so, under the number of the first that is missing.
#[must_use]
pub fn excerpt(text: &str, head: u32, (first, last): (u32, u32)) -> Vec<(u32, String)> {
    let head = head.min(first);
    let length = last.saturating_sub(first) + 1;
    let mut parts = Vec::new();
    if last.saturating_sub(head) < EXCERPT {
        parts.push((head, last));
    } else {
        let room = EXCERPT.saturating_sub(length).max(HEAD);
        let above = first.saturating_sub(head).min(room);
        if above > 0 {
            // the signature, then what stands just before the loop
            let signature = above.min(HEAD);
            parts.extend([(head, head + signature - 1), (first - (above - signature), first - 1)]);
        }
        if length <= WHOLE {
            parts.push((first, last));
        } else {
            parts.extend([(first, first + WHOLE * 3 / 4 - 1), (last + 1 - WHOLE / 4, last)]);
        }
    }
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut next = head;
    let texts: Vec<&str> = text.lines().collect();
    for (from, to) in parts.into_iter().filter(|(from, to)| from <= to) {
        if from > next {
            lines.push((next, format!("⋮ {} lines left out", from - next)));
        }
        let shown = (from..=to).filter_map(|n| Some((n, (*texts.get(n as usize - 1)?).to_string())));
        lines.extend(shown);
        next = to + 1;
    }
    lines
}

/// The last part of a function's name as it is called: `f` of `A::f`, `A.f` and `f!`; empty when it has none.
#[must_use]
pub fn plain_name(function: &str) -> &str {
    let name = function.rsplit(['.', ':']).next().unwrap_or("").trim_end_matches('!');
    if name.chars().all(|c| c.is_alphanumeric() || c == '_') { name } else { "" }
}

/// Whether `name(`, `name::<` or `name!` stands in the line of a source as a whole word, is no comment and not declared there.
#[must_use]
pub fn calls(line: &str, name: &str, language: Language) -> bool {
    let comment = if language == Language::Python { "#" } else { "//" };
    if line.trim_start().starts_with(comment) {
        return false;
    }
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let word = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        let macros = language == Language::Rust && after.starts_with('!') && !after.starts_with("!=");
        let called = after.starts_with('(') || after.starts_with("::<") || macros;
        let words = ["fn", "def", "class", "define"];
        word && called
            && !words
                .contains(&line[..at].split_whitespace().next_back().unwrap_or("").trim_start_matches('#'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_whole_words() {
        let rust = |line| calls(line, "row", Language::Rust);
        assert!(rust("let x = self.row(a);") && rust("row::<4>(a)") && rust("    row!(a, b);"));
        assert!(!rust("fn row(a: u8) {") && !rust("arrow(a)") && !rust("rows(a)") && !rust("// row(a)"));
        assert!(!rust("if row!= 1 {") && !rust("macro_rules! row {"));
        let python = |line| calls(line, "row", Language::Python);
        assert!(python("x = detector.row(a)") && !python("    def row(self):") && !python("# row(a)"));
        assert!(
            !calls("#define row(a) a", "row", Language::C) && !calls("# define row(a) a", "row", Language::C)
        );
    }

    #[test]
    fn names_of_every_language_have_a_last_part() {
        for (function, name) in [
            ("inner::Grid::fill", "fill"),
            ("Detector.render", "render"),
            ("lanes!", "lanes"),
            ("inner::lanes!", "lanes"),
            ("f", "f"),
            ("(file)", ""),
            ("Grid::(items)", ""),
        ] {
            assert_eq!(plain_name(function), name);
        }
    }

    #[test]
    fn a_loop_is_whole_where_possible_and_gaps_are_marked() {
        let text: String = (1..=2000).map(|n| format!("line {n}\n")).collect();
        let shown = |head, first, last| -> (Vec<u32>, Vec<String>) {
            let lines = excerpt(&text, head, (first, last));
            let marks = lines.iter().filter(|(_, t)| t.starts_with('⋮'));
            (
                lines.iter().filter(|(_, t)| !t.starts_with('⋮')).map(|(n, _)| *n).collect(),
                marks.map(|(n, t)| format!("{n} {t}")).collect(),
            )
        };
        assert_eq!(shown(10, 12, 20), ((10..=20).collect(), vec![]));
        let (lines, marks) = shown(10, 12, 300);
        assert_eq!((lines, marks), ((10..=300).collect(), vec![]), "a loop of 289 lines is whole");
        let (lines, marks) = shown(10, 500, 540);
        assert!(lines.contains(&10) && lines.contains(&499) && lines.ends_with(&[539, 540]), "{lines:?}");
        assert_eq!(lines.len(), 160);
        assert_eq!(marks, ["22 ⋮ 371 lines left out"]);
        let (lines, marks) = shown(1, 1, 1900);
        assert_eq!((lines.len(), lines.last()), (400, Some(&1900)));
        assert_eq!(marks, ["301 ⋮ 1500 lines left out"]);
        assert_eq!(excerpt("one\n", 1, (1, 9)), [(1, "one".to_string())], "a file that became shorter");
    }
}
