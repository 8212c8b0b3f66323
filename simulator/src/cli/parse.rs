//! Reads the words of a command line.

use super::option::{Apply, OptionSpec};
use super::options;
use super::request::{Given, Origin, Request};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A command line that cannot be obeyed; its text names the option and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The words that follow the one that is being read.
struct Words {
    words: std::iter::Peekable<std::vec::IntoIter<OsString>>,
    /// Values of the option that is being read.
    taken: Vec<String>,
}

/// Applies every option in the order of the words.
///
/// # Errors
/// At the first word that is no option or has a bad value.
pub fn parse(words: Vec<OsString>, mut request: Request, origin: &Origin) -> Result<Request, UsageError> {
    let mut words = Words { words: words.into_iter().peekable(), taken: Vec::new() };
    while let Some(word) = words.words.next() {
        let word = word.to_string_lossy();
        let option = options::find(&word).ok_or_else(|| unknown(&word))?;
        apply(option, &word, &mut words, &mut request)?;
        record(option, &mut words, &mut request, origin);
    }
    Ok(request)
}

fn unknown(word: &str) -> UsageError {
    let advice = match options::nearest(word) {
        Some(near) => format!("did you mean {near}?"),
        None => "see --help".to_owned(),
    };
    if word.starts_with('-') {
        UsageError(format!("{word}: unknown option; {advice}"))
    } else {
        UsageError(format!("`{word}` is not an option and no option takes it; {advice}"))
    }
}

fn apply(
    option: &'static OptionSpec,
    name: &str,
    words: &mut Words,
    request: &mut Request,
) -> Result<(), UsageError> {
    let reader = &mut Reader { option, name, words };
    let done = match option.apply {
        Apply::Flag(apply) => {
            apply(request);
            Ok(())
        }
        Apply::Number(apply) => apply(request, reader.number()?),
        Apply::NumberOrInfinity(apply) => apply(request, reader.number_or_infinity()?),
        Apply::Integer(apply) => apply(request, reader.integer()?),
        Apply::Vector(apply) => apply(request, reader.vector()?),
        Apply::Numbers(least, most, apply) => apply(request, &reader.numbers(least, most)?),
        Apply::WordOrVector(word, apply) => {
            let angles = if reader.takes(word) { None } else { Some(reader.vector()?) };
            apply(request, angles)
        }
        Apply::Integers(count, apply) => {
            reader.split_commas(count);
            let values = (0..count).map(|_| reader.integer()).collect::<Result<Vec<_>, _>>()?;
            apply(request, &values)
        }
        Apply::File(apply) => {
            apply(request, reader.file()?);
            Ok(())
        }
        Apply::Word(apply) => apply(request, &reader.text()?),
        Apply::MaybeWord(apply) => {
            let word = reader.words.words.next().map(|word| word.to_string_lossy().into_owned());
            apply(request, word);
            Ok(())
        }
    };
    done.map_err(|why| UsageError(format!("{name}: {why}")))
}

/// Remembers what was given, in place of what it supersedes.
fn record(option: &'static OptionSpec, words: &mut Words, request: &mut Request, origin: &Origin) {
    for name in options::superseded(option.names[0]) {
        request.given.remove(name);
    }
    let given = Given { values: std::mem::take(&mut words.taken), origin: origin.clone() };
    request.given.insert(option.names[0], given);
}

/// Reads the values of one option.
struct Reader<'a> {
    option: &'static OptionSpec,
    name: &'a str,
    words: &'a mut Words,
}

impl Reader<'_> {
    /// What the option wants, for a message.
    fn wanted(&self) -> String {
        let OptionSpec { values, unit, help, .. } = self.option;
        let unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
        format!("give {} {values}{unit} ({help})", self.name)
    }

    fn fail<T>(&self, why: &str) -> Result<T, UsageError> {
        Err(UsageError(format!("{}: {why}; {}", self.name, self.wanted())))
    }

    fn next(&mut self) -> Result<OsString, UsageError> {
        match self.words.words.next() {
            Some(word) => {
                self.words.taken.push(word.to_string_lossy().into_owned());
                Ok(word)
            }
            None => self.fail("a value is missing"),
        }
    }

    fn text(&mut self) -> Result<String, UsageError> {
        let word = self.next()?;
        match word.into_string() {
            Ok(text) => Ok(text),
            Err(word) => self.fail(&format!("`{}` is not text", word.to_string_lossy())),
        }
    }

    fn file(&mut self) -> Result<PathBuf, UsageError> {
        let word = self.next()?;
        if word.is_empty() {
            return self.fail("the name of the file is empty");
        }
        if word.to_str().is_some_and(|text| options::find(text).is_some()) {
            return self.fail(&format!("the name of the file is missing before {}", word.to_string_lossy()));
        }
        Ok(PathBuf::from(word))
    }

    /// Takes the next word if it is this one.
    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.words.next_if(|next| next == OsStr::new(word)).is_some();
        if found {
            self.words.taken.push(word.to_owned());
        }
        found
    }

    fn number_or_infinity(&mut self) -> Result<f64, UsageError> {
        if self.takes("inf") { Ok(f64::INFINITY) } else { self.number() }
    }

    fn number(&mut self) -> Result<f64, UsageError> {
        let text = self.text()?;
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            Ok(x) if x.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
                self.fail(&format!("`{text}` is too large"))
            }
            _ if options::find(&text).is_some() => self.fail(&format!("a value is missing before {text}")),
            _ => self.fail(&format!("`{text}` is not a number")),
        }
    }

    fn integer(&mut self) -> Result<i64, UsageError> {
        let text = self.text()?;
        if let Ok(n) = text.parse::<i64>() {
            return Ok(n);
        }
        match text.parse::<f64>() {
            Ok(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(x as i64),
            _ if options::find(&text).is_some() => self.fail(&format!("a value is missing before {text}")),
            _ => self.fail(&format!("`{text}` is not a whole number")),
        }
    }

    /// Makes `1,2` two words where two are wanted.
    fn split_commas(&mut self, count: usize) {
        let joined = self
            .words
            .words
            .next_if(|next| next.to_str().is_some_and(|text| text.split(',').count() == count && count > 1));
        if let Some(joined) = joined {
            let parts: Vec<OsString> = joined.to_string_lossy().split(',').map(OsString::from).collect();
            let rest = std::mem::replace(&mut self.words.words, Vec::new().into_iter().peekable());
            self.words.words = parts.into_iter().chain(rest).collect::<Vec<_>>().into_iter().peekable();
        }
    }

    fn vector(&mut self) -> Result<[f64; 3], UsageError> {
        Ok([self.number()?, self.number()?, self.number()?])
    }

    fn numbers(&mut self, least: usize, most: usize) -> Result<Vec<f64>, UsageError> {
        let mut values = Vec::new();
        while values.len() < most {
            let more = self.words.words.peek().is_some_and(|next| looks_like_a_number(next));
            if !more && values.len() >= least {
                break;
            }
            values.push(self.number()?);
        }
        Ok(values)
    }
}

/// Whether a word is meant as a number, good or bad: everything but options.
fn looks_like_a_number(word: &OsStr) -> bool {
    word.to_str().is_some_and(|text| text.parse::<f64>().is_ok())
}
