//! Experiment files: TOML with a section for each group of options; a key is the name of an option without its dash,
//! with the same values in the same units.

use super::option::{Apply, Group, OptionSpec};
use super::options;
use super::parse::{UsageError, parse};
use super::request::{Origin, Request};
use super::run::RunError;
use crate::io::text;
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// The name of a section.
pub(super) fn section(group: Group) -> String {
    group.title().to_lowercase()
}

/// The words of a command line that say the same as a file, in the order of the help.
pub(super) fn words(path: &Path) -> Result<Vec<OsString>, RunError> {
    let wrong = |problem: String| RunError::Usage(UsageError(format!("{}: {problem}", path.display())));
    let bytes = text::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("not text".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(one_line(&error, text)))?;
    let mut found = Vec::new();
    for (name, content) in &table {
        let group = Group::ALL.iter().find(|&&group| section(group) == *name);
        let (Some(&group), Value::Table(content)) = (group, content) else {
            let sections: Vec<String> = Group::ALL.iter().map(|&group| section(group)).collect();
            return Err(wrong(format!("[{name}] is not a section; there are {}", sections.join(", "))));
        };
        for (key, value) in content {
            let position = option(group, key).map_err(|why| wrong(format!("[{name}] {key}: {why}")))?;
            let words =
                values(position.1, key, value).map_err(|why| wrong(format!("[{name}] {key}: {why}")))?;
            found.push((position.0, words));
        }
    }
    found.sort_by_key(|&(position, _)| position);
    Ok(found.into_iter().flat_map(|(_, words)| words).collect())
}

/// Applies the words of a file.
pub(super) fn apply(path: &Path, words: Vec<OsString>, request: Request) -> Result<Request, RunError> {
    let done = parse(words, request, &Origin::File(path.to_owned()));
    done.map_err(|UsageError(why)| RunError::Usage(UsageError(format!("{}: {why}", path.display()))))
}

fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    format!("line {line}: {}", error.message().replace('\n', " "))
}

/// The option of a key and its place in the help.
fn option(group: Group, key: &str) -> Result<(usize, &'static OptionSpec), String> {
    let named = |name: &str| options::all().enumerate().find(|(_, option)| option.names.contains(&name));
    let found = named(&format!("-{key}")).or_else(|| named(&format!("--{key}")));
    let Some((position, option)) = found else {
        return Err(match options::nearest(&format!("-{key}")) {
            Some(near) => format!("unknown; did you mean {}?", near.trim_start_matches('-')),
            None => "unknown; see --help".to_owned(),
        });
    };
    if option.group != group {
        return Err(format!("belongs to [{}]", section(option.group)));
    }
    if ["--experiment", "--help", "--version", "--print-experiment"].contains(&option.names[0]) {
        return Err("only on the command line".to_owned());
    }
    Ok((position, option))
}

/// The words of one option.
fn values(option: &OptionSpec, key: &str, value: &Value) -> Result<Vec<OsString>, String> {
    let name =
        option.names.iter().find(|name| name.trim_start_matches('-') == key).unwrap_or(&option.names[0]);
    let mut words = vec![OsString::from(name)];
    match (option.apply, value) {
        (Apply::Flag(_), Value::Boolean(true)) => {}
        (Apply::Flag(_), Value::Boolean(false)) => words.clear(),
        (Apply::Flag(_), _) => return Err("true or false is wanted".to_owned()),
        (_, Value::Array(values)) => {
            for value in values {
                words.push(word(value)?);
            }
        }
        (_, value) => words.push(word(value)?),
    }
    Ok(words)
}

fn word(value: &Value) -> Result<OsString, String> {
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Integer(n) => Ok(n.to_string().into()),
        Value::Float(x) => Ok(x.to_string().into()),
        _ => Err("a number, a text or an array of them is wanted".to_owned()),
    }
}
