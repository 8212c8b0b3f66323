//! The help, made of the table of options.

use super::option::{Group, OptionSpec};
use super::options;
use super::parse::UsageError;
use crate::oddities::Oddity;
use std::fmt::Write;

/// Column at which the sentences begin.
const COLUMN: usize = 34;
/// Columns of a line.
const WIDTH: usize = 110;

/// All options by group, with units and defaults.
pub fn all() -> String {
    let mut text = String::from(
        "usage: nanobragg -cell a b c alpha beta gamma -N n -default_F f [option …]\n\n\
         Computes the diffraction image of a small crystal, in photons. Options are those of nanoBragg; each is explained\n\
         with its unit and [default]. Of an option that is repeated the last counts.\n",
    );
    for &group in Group::ALL {
        let _ = writeln!(text, "\n{}:", group.title());
        for option in options::all().filter(|option| option.group == group) {
            line(&mut text, option);
        }
    }
    text
}

/// One option: its names, values, unit, default, and the options that it takes the place of.
///
/// # Errors
/// When there is no such option.
pub fn one(word: &str) -> Result<String, UsageError> {
    let found = options::find(word).or_else(|| options::find(&format!("-{word}")));
    let Some(option) = found.or_else(|| options::find(&format!("--{word}"))) else {
        let near = options::nearest(word).map_or(String::new(), |near| format!("; did you mean {near}?"));
        return Err(UsageError(format!("--help {word}: there is no such option{near}")));
    };
    let mut text = format!("{}\n  {}\n", option.synopsis(), option.help);
    if !option.unit.is_empty() {
        let _ = writeln!(text, "  unit: {}", option.unit);
    }
    if !option.default.is_empty() {
        let _ = writeln!(text, "  default: {}", option.default);
    }
    let _ = writeln!(text, "  section of an experiment file: [{}]", option.group.title().to_lowercase());
    let others: Vec<&str> = options::superseded(option.names[0])
        .iter()
        .copied()
        .filter(|name| *name != option.names[0])
        .collect();
    if !others.is_empty() {
        let _ = writeln!(text, "  takes the place of: {}", others.join(" "));
    }
    if option.names[0] == "--oddities" {
        text.push('\n');
        for oddity in Oddity::ALL {
            let default = if oddity.default_on() { "on" } else { "off" };
            let _ = writeln!(text, "  {} [{default}]\n      {}", oddity.name(), oddity.description());
        }
    }
    Ok(text)
}

fn line(text: &mut String, option: &OptionSpec) {
    let synopsis = option.synopsis();
    let mut sentence = option.help.to_owned();
    if !option.unit.is_empty() {
        let _ = write!(sentence, ", {}", option.unit);
    }
    if !option.default.is_empty() {
        let _ = write!(sentence, " [{}]", option.default);
    }
    let _ = write!(text, "  {synopsis}");
    let mut column = 2 + synopsis.chars().count();
    if column + 2 > COLUMN {
        text.push('\n');
        column = 0;
    }
    let _ = write!(text, "{:1$}", "", COLUMN - column);
    let mut at = COLUMN;
    for word in sentence.split(' ') {
        let length = word.chars().count();
        if at > COLUMN && at + 1 + length > WIDTH {
            let _ = write!(text, "\n{:COLUMN$}", "");
            at = COLUMN;
        }
        if at > COLUMN {
            text.push(' ');
            at += 1;
        }
        text.push_str(word);
        at += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_in_it_and_no_name_has_two_meanings() {
        let text = all();
        let mut names: Vec<&str> = options::all().flat_map(|option| option.names).copied().collect();
        for name in &names {
            assert!(text.contains(name), "{name}");
        }
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
