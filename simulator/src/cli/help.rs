//! The help, made of the table of options.

use super::option::{Group, OptionSpec};
use super::options;
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

fn line(text: &mut String, option: &OptionSpec) {
    let synopsis = option.synopsis();
    let mut sentence = option.help.to_owned();
    if !option.unit.is_empty() {
        let _ = write!(sentence, ", {}", option.unit);
    }
    if !option.default.is_empty() {
        let _ = write!(sentence, " [{}]", option.default);
    }
    if matches!(option.apply, super::option::Apply::NotYet) {
        sentence.push_str(" (not available yet)");
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
