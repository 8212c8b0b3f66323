//! Command lines with placeholders. A placeholder is a name in braces; any other brace is itself, and `{{` and `}}` are
//! single ones. What is put in is never split, quoted or looked at again: no shell ever sees it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A piece of a word.
enum Piece<'a> {
    Text(&'a str),
    Hole(&'a str),
}

fn pieces(word: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, tail) = rest.split_at(at);
        if !text.is_empty() {
            found.push(Piece::Text(text));
        }
        if tail.starts_with("{{") || tail.starts_with("}}") {
            found.push(Piece::Text(&tail[..1]));
            rest = &tail[2..];
            continue;
        }
        let name = tail.strip_prefix('{').and_then(|t| t.split_once('}')).map(|(name, _)| name);
        match name.filter(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
            Some(name) => {
                found.push(Piece::Hole(name));
                rest = &tail[name.len() + 2..];
            }
            None => {
                found.push(Piece::Text(&tail[..1]));
                rest = &tail[1..];
            }
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// Whether every placeholder is known, and `{args}` a word of its own.
///
/// # Errors
/// The placeholder and what there is instead.
pub fn check(key: &str, words: &[String], known: &[&str]) -> Result<(), String> {
    for word in words {
        for piece in pieces(word) {
            let Piece::Hole(name) = piece else { continue };
            if !known.contains(&name) {
                let names: Vec<String> = known.iter().map(|n| format!("{{{n}}}")).collect();
                return Err(format!(
                    "{key}: unknown {{{name}}}; there are {} (a plain brace is {{{{)",
                    names.join(", ")
                ));
            }
            if name == "args" && word != "{args}" {
                return Err(format!(
                    "{key}: {{args}} stands for several words, so `{word}` must be `{{args}}` alone"
                ));
            }
        }
    }
    Ok(())
}

/// Fills the placeholders in; `{args}` becomes all of `args`. What `value` does not know stays as it is.
pub fn fill(words: &[String], args: &[OsString], value: impl Fn(&str) -> Option<OsString>) -> Vec<OsString> {
    let mut out = Vec::with_capacity(words.len() + args.len());
    for word in words {
        if word == "{args}" {
            out.extend_from_slice(args);
            continue;
        }
        let mut bytes = Vec::new();
        for piece in pieces(word) {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Hole(name) => match value(name) {
                    Some(value) => bytes.extend_from_slice(value.as_bytes()),
                    None => bytes.extend_from_slice(format!("{{{name}}}").as_bytes()),
                },
            }
        }
        out.push(OsString::from_vec(bytes));
    }
    out
}

/// The value of an option in a list of words, as `-nx 7` or `-nx=7`; the last one wins.
#[must_use]
pub fn option_value(words: &[OsString], option: &str) -> Option<String> {
    let joined = format!("{option}=");
    (0..words.len()).rev().find_map(|i| {
        if words[i] == OsStr::new(option) {
            return words.get(i + 1)?.to_str().map(str::to_owned);
        }
        words[i].to_str()?.strip_prefix(&joined).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_stays_one_word() {
        let words = ["{args}", "--out={out}", "{{x}}", "{\"a\":1}", "{N}"].map(String::from);
        let args = [
            OsString::from("a b"),
            OsString::from_vec(vec![b'$', b'(', 0xff, b')']),
            OsString::from("{out}"),
        ];
        let filled = fill(&words, &args, |name| (name == "out").then(|| OsString::from("/x y/'z'\n{args}")));
        assert_eq!(filled[..3], args);
        assert_eq!(filled[3..], ["--out=/x y/'z'\n{args}", "{x}", "{\"a\":1}", "{N}"].map(OsString::from));
    }

    #[test]
    fn the_last_value_of_an_option_wins() {
        let words: Vec<OsString> = ["-n", "1", "-n=2", "-nn", "3"].map(OsString::from).to_vec();
        assert_eq!(option_value(&words, "-n").as_deref(), Some("2"));
        assert_eq!(option_value(&words, "-x"), None);
    }
}
