//! `init`: writes an `audit.toml` for a pair of engines, by asking or from flags. The file works at once: it is read back
//! and both programs are looked for before it gets its name.

use crate::case;
use crate::config::{self, Config};
use crate::engines::{BUILT_IN, Engine};
use crate::exit::{AuditError, Result};
use crate::formats::Format;
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// What `init` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An engine is a built-in one (rust, rust-f32, rust-reference, c, c:PATH) or a command with {args} for the case's \
arguments and {out} for the image to write; no shell runs it.

Examples:
  bragg-audit init                                         asks, on a terminal
  bragg-audit init --reference \"./old {args} -o {out}\" --reference-format f64 --reference-shape=-nx,-ny \\
                   --candidate \"python3 new.py {args} {out}\" --args \"-nx 200 -ny 100\"
  bragg-audit init --reference c --candidate rust --args \"-default_F 100 -cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -distance 100\""
)]
pub struct InitArgs {
    /// What is believed: a built-in engine, or a command, quoted as for a shell
    #[arg(long, value_name = "ENGINE")]
    pub reference: Option<String>,
    /// How the reference stores its image [default: told from the file]
    #[arg(long, value_name = "FORMAT")]
    pub reference_format: Option<Format>,
    /// Where its width and height come from: WIDTHxHEIGHT, file, OPTION,OPTION, or log:PATTERN with two groups
    #[arg(long, value_name = "SHAPE", allow_hyphen_values = true)]
    pub reference_shape: Option<String>,
    /// What has to prove itself: a built-in engine, or a command, quoted as for a shell
    #[arg(long, value_name = "ENGINE")]
    pub candidate: Option<String>,
    /// How the candidate stores its image [default: told from the file]
    #[arg(long, value_name = "FORMAT")]
    pub candidate_format: Option<Format>,
    /// Where its width and height come from, as for the reference
    #[arg(long, value_name = "SHAPE", allow_hyphen_values = true)]
    pub candidate_shape: Option<String>,
    /// The case: arguments for both engines, quoted as for a shell
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// The case's name
    #[arg(long, value_name = "NAME", default_value = "first")]
    pub case: String,
    /// Options whose value is a file that the engines read, separated by commas
    #[arg(long, value_name = "OPTION,OPTION", value_delimiter = ',', allow_hyphen_values = true)]
    pub input_options: Vec<String>,
    /// Words that set the edge of the image, with {size} for the pixels, such as "-n {size}": they make --sizes work
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub size_args: Option<String>,
    /// Words that make both programs print the intermediate values of one pixel, with {fast} and {slow} for its place, such as
    /// "-trace {fast},{slow}"
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub trace_args: Option<String>,
    /// What a line with such a value looks like: a regular expression whose two groups are name and value
    #[arg(long, value_name = "PATTERN", requires = "trace_args", default_value = r"^trace (\S+) (.+)$")]
    pub trace_pattern: String,
    /// Words that make the candidate write a profile of itself, a Chrome trace, such as "-profile {profile}"
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub profile_args: Option<String>,
    /// Sources whose loops are listed [default: the folder itself]
    #[arg(long, value_name = "PATH")]
    pub sources: Vec<PathBuf>,
    /// The folder to write audit.toml into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// One of the two, as it was given.
#[derive(Default)]
struct Side {
    engine: String,
    format: Option<Format>,
    shape: Option<String>,
}

/// Writes the file; its path.
///
/// # Errors
/// A file that is there already; answers that make no engine; a folder that cannot be written to.
pub fn init(args: &InitArgs, initiative: Option<&str>) -> Result<PathBuf> {
    let file = args.dir.join(config::FILE);
    if file.symlink_metadata().is_ok() {
        return Err(AuditError::usage(format!(
            "{}: there already, and never overwritten; move it away, or edit it",
            file.display()
        )));
    }
    let root = std::fs::canonicalize(&args.dir)
        .map_err(|e| AuditError::usage(format!("{}: {e}", args.dir.display())))?;
    let (reference, candidate, case_args) = answers(args)?;
    let name = initiative.map_or_else(|| initiative_of(&root), str::to_owned);
    let text = text(args, &name, &[("reference", &reference), ("candidate", &candidate)], &case_args)?;
    let config: Config = config::parse(&text).map_err(AuditError::usage)?;
    for name in [&config.engines.reference, &config.engines.candidate] {
        Engine::find(name, &config.engines.defined, &root)?;
    }
    missing_scripts(&config, &root)?;
    case::split_words("--args", &config.case.args)?;
    let problem = |e: std::io::Error| AuditError::failed(file.display(), e);
    let mut beside = tempfile::Builder::new().prefix(".audit-").tempfile_in(&root).map_err(problem)?;
    beside.write_all(text.as_bytes()).map_err(problem)?;
    let made = beside.persist_noclobber(&file).map_err(|e| problem(e.error))?;
    // a temporary file is for its owner only; this one is for everybody who works here
    set_readable(&made).map_err(problem)?;
    Ok(file)
}

/// Words that look like a script to run and name no file: an interpreter would find that out only at the first run.
fn missing_scripts(config: &Config, root: &Path) -> Result<()> {
    const ENDINGS: [&str; 8] = ["py", "sh", "pl", "rb", "jl", "R", "js", "m"];
    for (name, definition) in &config.engines.defined {
        for word in
            definition.command.iter().skip(1).filter(|w| !w.contains(['{', '=']) && !w.starts_with('-'))
        {
            let path = Path::new(word);
            let script = path.extension().is_some_and(|e| ENDINGS.iter().any(|known| e == *known));
            if script && !root.join(path).exists() {
                return Err(AuditError::usage(format!(
                    "audit.toml [engines.{name}]: command: {word}: no such file in {}",
                    root.display()
                )));
            }
        }
    }
    Ok(())
}

fn set_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn initiative_of(root: &Path) -> String {
    let name = root.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "audit".into() } else { name.into() }
}

/// From the flags; what they leave open is asked for on a terminal, and elsewhere an error.
fn answers(args: &InitArgs) -> Result<(Side, Side, String)> {
    let given = |engine: &Option<String>, format: &Option<Format>, shape: &Option<String>| {
        engine.clone().map(|engine| Side { engine, format: *format, shape: shape.clone() })
    };
    let reference = given(&args.reference, &args.reference_format, &args.reference_shape);
    let candidate = given(&args.candidate, &args.candidate_format, &args.candidate_shape);
    if let (Some(reference), Some(candidate), Some(words)) = (&reference, &candidate, &args.args) {
        let copy = |s: &Side| Side { engine: s.engine.clone(), format: s.format, shape: s.shape.clone() };
        return Ok((copy(reference), copy(candidate), words.clone()));
    }
    if !std::io::stdin().is_terminal() {
        let missing: Vec<&str> = [
            ("--reference", reference.is_none()),
            ("--candidate", candidate.is_none()),
            ("--args", args.args.is_none()),
        ]
        .iter()
        .filter_map(|(flag, open)| open.then_some(*flag))
        .collect();
        let why = format!(
            "init asks only on a terminal: give {} (see `bragg-audit init --help`)",
            missing.join(", ")
        );
        return Err(AuditError::usage(why));
    }
    let mut ask = Ask { input: std::io::stdin().lock() };
    let reference = reference.map_or_else(|| ask.side("reference (what is believed)", "c"), Ok)?;
    let candidate = candidate.map_or_else(|| ask.side("candidate (what has to prove itself)", "rust"), Ok)?;
    let words = args.args.clone().map_or_else(|| ask.line("Arguments of the first case", ""), Ok)?;
    Ok((reference, candidate, words))
}

/// Questions on standard error, answers from standard input.
struct Ask<R> {
    input: R,
}

impl<R: BufRead> Ask<R> {
    fn line(&mut self, question: &str, default: &str) -> Result<String> {
        let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        eprint!("{question}{hint}: ");
        let mut answer = String::new();
        let n = self.input.read_line(&mut answer).map_err(|e| AuditError::failed("reading an answer", e))?;
        if n == 0 {
            return Err(AuditError::usage("the answers ended before the questions did: nothing was written"));
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
    }

    fn side(&mut self, who: &str, default: &str) -> Result<Side> {
        eprintln!(
            "The {who}: a built-in engine ({}, c:PATH) or a command with {{args}} and {{out}}, such as\n  ./solver {{args}} -o {{out}}",
            BUILT_IN.join(", ")
        );
        let mut side = Side {
            engine: self.until("Engine", default, |a| engine(a).map(|()| a.into()))?,
            ..Side::default()
        };
        if is_built_in(&side.engine) {
            return Ok(side);
        }
        side.format =
            self.until("Format of its image (f32, f64, npy, smv, pgm, or auto)", "auto", |a| match a {
                "auto" => Ok(None),
                _ => match <Format as clap::ValueEnum>::from_str(a, true) {
                    Ok(format) => Ok(Some(format)),
                    Err(_) => Err(format!("`{a}` is no format")),
                },
            })?;
        let shape = "Width and height (200x100, file, options such as -nx,-ny, or log:PATTERN)";
        side.shape = self.until(shape, "file", |a| {
            shape_rule(a)?;
            Ok((a != "file").then(|| a.to_owned()))
        })?;
        Ok(side)
    }

    /// Asks again, and says why, until the answer makes sense.
    fn until<T>(
        &mut self,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        loop {
            match read(&self.line(question, default)?) {
                Ok(answer) => return Ok(answer),
                Err(why) => eprintln!("  {why}"),
            }
        }
    }
}

/// Whether an answer can be an engine: a built-in one, or words that say where the image goes.
fn engine(text: &str) -> std::result::Result<(), String> {
    if is_built_in(text) {
        return Ok(());
    }
    let words = case::split_words("the command", text).map_err(|e| e.to_string())?;
    if words.iter().any(|w| w.to_string_lossy().contains("{out}")) {
        Ok(())
    } else {
        Err(format!(
            "`{text}` is no built-in engine, and a command needs {{out}} where the image's path belongs"
        ))
    }
}

fn is_built_in(engine: &str) -> bool {
    BUILT_IN.contains(&engine) || engine.starts_with("c:")
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", "))
}

fn split(flag: &str, words: &str) -> Result<Vec<String>> {
    Ok(case::split_words(flag, words)?.into_iter().map(|w| w.to_string_lossy().into_owned()).collect())
}

fn text(args: &InitArgs, initiative: &str, sides: &[(&str, &Side); 2], case_args: &str) -> Result<String> {
    let mut t = String::from(
        "# What `bragg-audit` does when it is not told otherwise. Flags win over this file.\n\n",
    );
    let _ = writeln!(t, "# Stamps go to reports/<initiative>/.\ninitiative = {}\n", quoted(initiative));
    // `reference` and `candidate` are keys of the same table
    let own = |role: &str| if role == "reference" { "old" } else { "new" };
    let name = |role: &str, side: &Side| {
        if is_built_in(&side.engine) { side.engine.clone() } else { own(role).into() }
    };
    t.push_str("[engines]\n# What is believed, and what has to prove itself.\n");
    for (role, side) in sides {
        let _ = writeln!(t, "{role} = {}", quoted(&name(role, side)));
    }
    for (role, side) in sides {
        if is_built_in(&side.engine) {
            continue;
        }
        let words = split(&format!("--{role}"), &side.engine)?;
        let _ = writeln!(t, "\n[engines.{}]\ncommand = {}", own(role), list(&words));
        if let Some(format) = side.format {
            let _ = writeln!(t, "format = {}", quoted(format.name()));
        }
        if let Some(shape) = &side.shape {
            let rule =
                shape_rule(shape).map_err(|why| AuditError::usage(format!("--{role}-shape: {why}")))?;
            let _ = writeln!(t, "shape = {rule}");
        }
        let _ = writeln!(
            t,
            "input_options = {}  # options whose value is a file to read",
            list(&args.input_options)
        );
        let candidate = *role == "candidate";
        for (key, flag, given, hint) in [
            ("size", "--size-args", &args.size_args, "words that set the edge of the image, for --sizes"),
            (
                "trace_args",
                "--trace-args",
                &args.trace_args,
                "words that make it print the intermediate values of one pixel, for diagnose",
            ),
            (
                "profile_args",
                "--profile-args",
                &args.profile_args.clone().filter(|_| candidate),
                "words that make it write a Chrome trace of itself, for hot-loops",
            ),
        ] {
            let example = match key {
                "size" => r#"["-n", "{size}"]"#,
                "trace_args" => r#"["-trace", "{fast},{slow}"]"#,
                _ if !candidate => continue,
                _ => r#"["-profile", "{profile}"]"#,
            };
            let _ = match given {
                Some(words) => writeln!(t, "{key} = {}  # {hint}", list(&split(flag, words)?)),
                None => writeln!(t, "# {key} = {example}  # {hint}"),
            };
        }
        let mark = if args.trace_args.is_some() { "" } else { "# " };
        let _ = writeln!(
            t,
            "{mark}log.trace = {}  # a line with such a value: its groups are name and value",
            quoted(&args.trace_pattern)
        );
    }
    let _ = write!(
        t,
        "\n[case]\n# What both engines render.\nname = {}\nargs = {}\n\n[capture]\niterations = 3         # timed rounds, engines alternating\ntime_limit_s = 600     # for one run of one engine\n",
        quoted(&args.case),
        quoted(case_args)
    );
    let sources: Vec<String> = args.sources.iter().map(|p| p.display().to_string()).collect();
    let sources = if sources.is_empty() { vec![".".to_owned()] } else { sources };
    let _ = write!(t, "\n[inventory]\n# Sources whose loops are listed.\npaths = {}\n", list(&sources));
    t.push_str("\n# Gates: the contract's (correlation, total photons) and the extended ones hold until [[gates]] says otherwise.\n");
    Ok(t)
}

/// `200x100`, `file`, `-nx,-ny` or `log:PATTERN` as TOML.
fn shape_rule(text: &str) -> std::result::Result<String, String> {
    if text == "file" {
        return Ok(quoted("file"));
    }
    if let Some(pattern) = text.strip_prefix("log:") {
        return Ok(format!("{{ log = {} }}", quoted(pattern)));
    }
    if let Ok(shape) = text.parse::<crate::formats::Shape>() {
        return Ok(format!("[{}, {}]", shape.width, shape.height));
    }
    let options: Vec<String> = text.split(',').map(|o| o.trim().to_owned()).collect();
    if options.len() > 2 || options.iter().any(|o| !o.starts_with('-') || o.len() < 2) {
        return Err(format!(
            "`{text}`: WIDTHxHEIGHT, file, one or two options such as -nx,-ny, or log:PATTERN is wanted"
        ));
    }
    Ok(format!("{{ options = {} }}", list(&options)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        init: InitArgs,
    }

    fn write(words: &[&str]) -> (tempfile::TempDir, Result<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("my \"solver\".sh"), "").unwrap();
        let place = dir.path().to_str().unwrap().to_owned();
        let line: Vec<&str> = ["init", "--dir", &place].into_iter().chain(words.iter().copied()).collect();
        let args = Line::parse_from(line).init;
        let made = init(&args, Some("mine"));
        (dir, made)
    }

    #[test]
    fn what_is_written_says_what_was_given() {
        let (dir, made) = write(&[
            "--reference",
            "sh 'my \"solver\".sh' {args} {out}",
            "--reference-format",
            "f64",
            "--reference-shape=-nx,-ny",
            "--candidate",
            "rust",
            "--args",
            "-title 'it''s \"a\" \\ b' -nx 3",
            "--input-options",
            "-in,-grid",
        ]);
        let file = made.unwrap();
        let config = config::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((config.engines.reference.as_str(), config.engines.candidate.as_str()), ("old", "rust"));
        let definition = &config.engines.defined["old"];
        assert_eq!(definition.command, ["sh", "my \"solver\".sh", "{args}", "{out}"]);
        assert_eq!(definition.format, Some(Format::F64));
        assert_eq!(definition.input_options.as_deref(), Some(&["-in".to_owned(), "-grid".to_owned()][..]));
        let words: Vec<std::ffi::OsString> = vec!["-nx".into(), "3".into(), "-ny".into(), "2".into()];
        let shape = definition.shape.as_ref().unwrap().shape(&words, "").unwrap();
        assert_eq!((shape.width, shape.height), (3, 2));
        assert_eq!(config.case.args, "-title 'it''s \"a\" \\ b' -nx 3");
        assert!(config.case.sizes.is_empty());
        // never overwritten
        let before = std::fs::read(&file).unwrap();
        let place = dir.path().to_str().unwrap();
        let again = Line::parse_from([
            "init",
            "--dir",
            place,
            "--reference",
            "c",
            "--candidate",
            "rust",
            "--args",
            "",
        ])
        .init;
        assert!(init(&again, None).unwrap_err().message.contains("never overwritten"));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn nothing_is_written_that_would_not_work() {
        for (words, says) in [
            (
                &["--reference", "no-such-program {out}", "--candidate", "c", "--args", ""][..],
                "no-such-program",
            ),
            (&["--reference", "sh x", "--candidate", "c", "--args", ""], "{out}"),
            (&["--reference", "python3 nope.py {out}", "--candidate", "c", "--args", ""], "nope.py"),
            (&["--reference", "c", "--candidate", "rust"], "--args"),
            (
                &["--reference", "sh {out}", "--reference-shape", "wide", "--candidate", "c", "--args", ""],
                "WIDTHxHEIGHT",
            ),
            (&["--reference", "c", "--candidate", "rust", "--args", "'open"], "do not match"),
            (
                &["--reference", "sh {out}", "--reference-shape", "log:(", "--candidate", "c", "--args", ""],
                "(",
            ),
        ] {
            let (dir, made) = write(words);
            let error = made.unwrap_err();
            assert!(error.message.contains(says), "{words:?}: {error}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the script: {words:?}");
        }
    }

    #[test]
    fn answers_are_read_line_by_line() {
        let mut ask = Ask { input: &b"./s {args} {out}\nnpy\n\n\n"[..] };
        let side = ask.side("reference", "c").unwrap();
        assert_eq!(
            (side.engine.as_str(), side.format, side.shape),
            ("./s {args} {out}", Some(Format::Npy), None)
        );
        assert_eq!(ask.line("more", "default").unwrap(), "default");
        // what makes no sense is asked for again
        let mut again = Ask { input: &b"nonsense\n./s {out}\nnumpy\nF64\nwide\n8x\n-n,-m\n"[..] };
        let side = again.side("reference", "c").unwrap();
        assert_eq!(
            (side.engine.as_str(), side.format, side.shape.as_deref()),
            ("./s {out}", Some(Format::F64), Some("-n,-m"))
        );
        assert!(ask.line("more", "").is_err(), "the end of the input is no answer");
    }
}
