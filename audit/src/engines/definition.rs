//! What `audit.toml` says about an engine: how it is called, what it writes, what its log tells. The built-in engines
//! are described in the same words.

use super::template;
use crate::formats::{Format, Shape};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// `[engines.NAME]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The program and its words; `{args}` stands for the case's arguments, `{out}` for the image's path, `{dir}` for the
    /// run's directory, `{threads}` for the number of threads, `{root}` for the folder of `audit.toml`.
    pub command: Vec<String>,
    /// The image's file in the run's directory, for a program that does not take `{out}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// How the image is stored; told from the file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Where the image's width and height come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeRule>,
    /// A command whose first line of output is the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub version: Vec<String>,
    /// Environment variables that tell the engine its number of threads.
    #[serde(default = "threads")]
    pub threads: Names,
    /// Whether the image depends on the number of threads.
    #[serde(default = "yes")]
    pub threads_matter: bool,
    /// Environment variables that are set for the engine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Environment variables that are passed on to the engine, besides the allow-list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_environment: Vec<String>,
    /// Options whose value is a file that the engine reads. Absent: nanoBragg's, where their value is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_options: Option<Vec<String>>,
    /// Files that the engine reads without being told, relative to `audit.toml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Words that set the image's edge; `{size}` stands for the pixels. Without them the engine has no `--sizes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub size: Vec<String>,
    /// Words that ask for the intermediate values of one pixel; `{fast}` and `{slow}` stand for its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace_args: Vec<String>,
    /// Words that ask for a profile of the run, a Chrome trace, in the file `{profile}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profile_args: Vec<String>,
    /// Whether reference images of this engine may be kept in the cache.
    #[serde(default = "yes")]
    pub cache: bool,
    /// What the log tells.
    #[serde(default)]
    pub log: LogPatterns,
}

fn yes() -> bool {
    true
}

fn threads() -> Names {
    Names(["OMP_NUM_THREADS", "RAYON_NUM_THREADS"].map(String::from).to_vec())
}

/// `[engines.NAME.log]`: regular expressions looked for in both output streams, line by line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogPatterns {
    /// The first group is the set-up time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_s: Option<Pattern>,
    /// The first group is the time of the simulation itself in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sim_s: Option<Pattern>,
    /// The first group is a file that the engine has opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<Pattern>,
    /// Groups 1 and 2 (or `name` and `value`) are an intermediate value of a traced pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Pattern>,
}

impl LogPatterns {
    /// The first number that `pattern` finds in a log.
    #[must_use]
    pub fn number(pattern: Option<&Pattern>, log: &str) -> Option<f64> {
        let pattern = pattern?;
        log.lines().find_map(|line| pattern.groups(line)?.first()?.trim().parse().ok())
    }

    /// The files that the log says were opened, in order, each once.
    #[must_use]
    pub fn opened(&self, log: &str) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(pattern) = &self.opened {
            for name in log.lines().filter_map(|line| pattern.groups(line)?.into_iter().next()) {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        found
    }

    /// The traced values in the order of the log: name and value as it was printed.
    #[must_use]
    pub fn trace(&self, log: &str) -> Vec<(String, String)> {
        let Some(pattern) = &self.trace else { return Vec::new() };
        let pair = |line: &str| {
            let mut groups = pattern.groups(line)?.into_iter();
            Some((groups.next()?, groups.next()?))
        };
        log.lines().filter_map(pair).collect()
    }
}

/// One environment variable or several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "the name of an environment variable, or a list of names")]
        enum Form {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match Form::deserialize(from)? {
            Form::One(name) if name.is_empty() => Vec::new(),
            Form::One(name) => vec![name],
            Form::Many(names) => names,
        }))
    }
}

/// Where the image's width and height come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`[width, height]`, `\"file\"`, `{ options = [\"-nx\", \"-ny\"] }` or `{ log = \"(\\\\d+) x (\\\\d+)\" }`"
)]
pub enum ShapeRule {
    /// Always the same: pixels along fast and slow.
    Fixed([usize; 2]),
    /// `"file"`: the file tells (NPY, SMV, PGM).
    File(FileWord),
    /// The values of two options of the case, along fast and slow; one option for a square.
    Options {
        /// Their names.
        options: Vec<String>,
    },
    /// Two groups of a pattern in the log, along fast and slow; without groups the first `W x H pixels`.
    Log {
        /// The pattern.
        log: Pattern,
    },
}

/// The word `file`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileWord {
    /// The only word there is.
    File,
}

impl ShapeRule {
    /// The shape that the rule gives for a run with these words and this log; `None` when the file has to tell, or
    /// nothing told.
    #[must_use]
    pub fn shape(&self, words: &[std::ffi::OsString], log: &str) -> Option<Shape> {
        let both = |w: &str, h: &str| Some(Shape::new(w.trim().parse().ok()?, h.trim().parse().ok()?));
        let shape = match self {
            Self::Fixed([width, height]) => Some(Shape::new(*width, *height)),
            Self::File(_) => None,
            Self::Options { options } => {
                let value = |option: &String| template::option_value(words, option);
                both(&value(options.first()?)?, &value(options.get(1).or(options.first())?)?)
            }
            Self::Log { log: pattern } => log.lines().find_map(|line| {
                let groups = pattern.groups(line)?;
                both(groups.first()?, groups.get(1)?)
            }),
        };
        shape.filter(|s| s.width > 0 && s.height > 0)
    }
}

/// A regular expression that is checked when the file is read.
#[derive(Clone, Debug)]
pub struct Pattern(regex::Regex);

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        built.map(Self).map_err(|e| format!("`{text}`: {}", e.to_string().replace('\n', " ")))
    }

    /// What its groups caught in a line: `name` and `value` first where they are named so.
    #[must_use]
    pub fn groups(&self, line: &str) -> Option<Vec<String>> {
        let found = self.0.captures(line)?;
        if let (Some(name), Some(value)) = (found.name("name"), found.name("value")) {
            return Some(vec![name.as_str().to_owned(), value.as_str().to_owned()]);
        }
        Some(found.iter().skip(1).flatten().map(|m| m.as_str().to_owned()).collect())
    }

    /// How many groups it has.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.0.captures_len() - 1
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

impl Definition {
    /// A definition with a command and nothing else.
    #[must_use]
    pub fn of(command: &[&str]) -> Self {
        Self {
            command: command.iter().map(|w| (*w).to_owned()).collect(),
            output: None,
            format: None,
            shape: None,
            version: Vec::new(),
            threads: threads(),
            threads_matter: true,
            environment: BTreeMap::new(),
            pass_environment: Vec::new(),
            input_options: None,
            inputs: Vec::new(),
            size: Vec::new(),
            trace_args: Vec::new(),
            profile_args: Vec::new(),
            cache: true,
            log: LogPatterns::default(),
        }
    }

    /// Whether the definition makes sense.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err("command is empty: give the program and its words as a list".into());
        }
        template::check("command", &self.command, &["args", "out", "dir", "threads", "root"])?;
        template::check("version", &self.version, &["root"])?;
        template::check("size", &self.size, &["size"])?;
        template::check("trace_args", &self.trace_args, &["fast", "slow"])?;
        template::check("profile_args", &self.profile_args, &["profile"])?;
        let says = |words: &[String], name: &str| words.iter().any(|w| w.contains(name));
        if self.output.is_none() && !says(&self.command, "{out}") {
            return Err("command has no {out}, and no `output` names the file that the program writes".into());
        }
        if let Some(output) = &self.output {
            let path = std::path::Path::new(output);
            let below = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
            if output.is_empty() || !below {
                return Err(format!(
                    "output `{output}`: a file in the run's directory is wanted, such as `image.npy`"
                ));
            }
        }
        if !self.size.is_empty() && !says(&self.size, "{size}") {
            return Err("size has no {size}".into());
        }
        if !self.profile_args.is_empty() && !says(&self.profile_args, "{profile}") {
            return Err("profile_args has no {profile}, the file that the profile goes to".into());
        }
        let names = self.threads.0.iter().chain(self.environment.keys()).chain(&self.pass_environment);
        for name in names {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(format!("`{name}` is no name of an environment variable"));
            }
        }
        if let Some(ShapeRule::Options { options }) = &self.shape
            && !(1..=2).contains(&options.len())
        {
            return Err("shape: one option (a square) or two (fast, slow)".into());
        }
        if let Some(ShapeRule::Fixed(edges)) = &self.shape
            && edges.contains(&0)
        {
            return Err("shape: width and height are at least 1".into());
        }
        let mut wanted = vec![
            ("log.setup_s", self.log.setup_s.as_ref(), 1),
            ("log.sim_s", self.log.sim_s.as_ref(), 1),
            ("log.opened", self.log.opened.as_ref(), 1),
            ("log.trace", self.log.trace.as_ref(), 2),
        ];
        if let Some(ShapeRule::Log { log }) = &self.shape {
            wanted.push(("shape.log", Some(log), 2));
        }
        for (key, pattern, groups) in wanted {
            if pattern.is_some_and(|p| p.group_count() < groups) {
                return Err(format!("{key}: the expression needs {groups} group(s) in parentheses"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn parse(text: &str) -> Result<Definition, String> {
        let definition: Definition = toml::from_str(text).map_err(|e| e.to_string())?;
        definition.check().map(|()| definition)
    }

    #[test]
    fn shapes_come_from_where_the_file_says() {
        let with = |shape: &str| {
            parse(&format!("command = ['p', '{{out}}']\nshape = {shape}")).unwrap().shape.unwrap()
        };
        let words: Vec<OsString> = ["-nx", "7", "-ny=5", "-nx", "9"].map(OsString::from).to_vec();
        let log = "hello\ngrid 12 x 34 cells\n";
        assert_eq!(with("[3, 4]").shape(&words, log), Some(Shape::new(3, 4)));
        assert_eq!(with("{ options = ['-nx', '-ny'] }").shape(&words, log), Some(Shape::new(9, 5)));
        assert_eq!(with("{ options = ['-ny'] }").shape(&words, log), Some(Shape::new(5, 5)));
        assert_eq!(with(r"{ log = 'grid (\d+) x (\d+)' }").shape(&words, log), Some(Shape::new(12, 34)));
        assert_eq!(with("{ options = ['-nz'] }").shape(&words, log), None);
        assert_eq!(with("'file'").shape(&words, log), None);
    }

    #[test]
    fn logs_tell_times_files_and_traced_values() {
        let text = "command = ['p', '{out}']\n[log]\nsetup_s = 'setup: ([0-9.e-]+) s'\nopened = 'reading (.+)$'\n\
                    trace = 'TRACE (?P<name>\\w+) = (?P<value>.*)'";
        let log = parse(text).unwrap().log;
        let said = "setup: 2.5e-1 s\nreading a b.dat\nreading a b.dat\nTRACE q = 1 2 3\n";
        assert_eq!(LogPatterns::number(log.setup_s.as_ref(), said), Some(0.25));
        assert_eq!(LogPatterns::number(log.sim_s.as_ref(), said), None);
        assert_eq!(log.opened(said), ["a b.dat"]);
        assert_eq!(log.trace(said), [("q".to_owned(), "1 2 3".to_owned())]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("command = []", "command is empty"),
            ("command = ['p']", "{out}"),
            ("command = ['p', '{ouput}']", "{ouput}"),
            ("command = ['p', 'x{args}', '{out}']", "{args}"),
            ("command = ['p', '{out}']\nformat = 'tiff'", "tiff"),
            ("command = ['p', '{out}']\nshape = 'big'", "width"),
            ("command = ['p', '{out}']\nshape = [0, 4]", "at least 1"),
            ("command = ['p']\noutput = '../x'", "../x"),
            ("command = ['p', '{out}']\nsize = ['-n', '4']", "{size}"),
            ("command = ['p', '{out}']\nprofile_args = ['-profile']", "{profile}"),
            ("command = ['p', '{out}']\n[log]\nsim_s = 'time ('", "time ("),
            ("command = ['p', '{out}']\n[log]\nsim_s = 'time'", "log.sim_s"),
            ("command = ['p', '{out}']\nthreads = 'A=B'", "A=B"),
            ("command = ['p', '{out}']\ncomand = 1", "comand"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
