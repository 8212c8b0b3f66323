//! A case: a name, the arguments every engine gets, and the input files they name.

use crate::config::CaseConfig;
use crate::engines::{Engine, template};
use crate::exit::{AuditError, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Options of nanoBragg's command line whose value is a file that the engine reads.
const INPUT_OPTIONS: &[&str] = &["-hkl", "-mat", "-matrix", "-img", "-mask", "-sourcefile"];

/// Options of nanoBragg that set the detector's size.
pub const SIZE_OPTIONS: &[&str] = &[
    "-detpixels",
    "-detpixels_f",
    "-detpixels_s",
    "-detpixels_x",
    "-detpixels_y",
    "-detsize",
    "-detsize_f",
    "-detsize_s",
];

/// Options whose value is an input file, as `-hkl FILE` or `-hkl=FILE`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputOptions {
    /// Their names.
    pub names: Vec<String>,
    /// Whether a value that is no file is an error; otherwise the engine may make of it what it likes.
    pub strict: bool,
}

impl InputOptions {
    /// Those of nanoBragg.
    #[must_use]
    pub fn nanobragg() -> Self {
        Self { names: INPUT_OPTIONS.iter().map(|o| (*o).to_owned()).collect(), strict: true }
    }

    /// The arguments with the paths of input files replaced by what `find` makes of them.
    ///
    /// # Errors
    /// The first path that `find` knows nothing of, where it must be a file.
    pub fn resolve(
        &self,
        args: &[OsString],
        find: impl Fn(&Path) -> Option<PathBuf>,
    ) -> std::result::Result<Vec<OsString>, PathBuf> {
        let mut args = args.to_vec();
        for (i, _, skip) in self.find(&args) {
            let path = path_in(&args[i], skip);
            match find(&path) {
                Some(found) => args[i] = replace_path(&args[i], skip, found.into_os_string()),
                None if self.strict => return Err(path),
                None => {}
            }
        }
        Ok(args)
    }

    /// Those of one engine and of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.strict |= other.strict;
        self.names.extend(other.names);
        self.names.sort();
        self.names.dedup();
        self
    }

    /// The input files that a list of words names: index of the word, option, bytes of the word before the path.
    fn find(&self, args: &[OsString]) -> Vec<(usize, String, usize)> {
        let mut found = Vec::new();
        let mut taken = None;
        for (i, word) in args.iter().enumerate() {
            if taken == Some(i) {
                continue; // a value, whatever it looks like
            }
            for name in &self.names {
                if word == OsStr::new(name) {
                    if args.get(i + 1).is_some() {
                        found.push((i + 1, name.clone(), 0));
                        taken = Some(i + 1);
                    }
                } else if let Some(rest) = word.as_bytes().strip_prefix(name.as_bytes())
                    && rest.first() == Some(&b'=')
                {
                    found.push((i, name.clone(), name.len() + 1));
                }
            }
        }
        found
    }
}

/// A file that a case reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The option that names it; how it was observed.
    pub option: String,
    /// `declared` (named by an argument) or `observed` (seen to be there without being named).
    pub kind: String,
    /// Where it is.
    #[serde(with = "crate::paths")]
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The sha256 of its content.
    pub sha256: String,
    /// When it was last changed (UTC).
    pub modified: Option<String>,
}

/// What both engines render.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name in reports.
    pub name: String,
    /// The command line, without outputs.
    pub args: Vec<OsString>,
    /// The image's edge, asked for in each engine's own words; `None` where the arguments say enough.
    pub size: Option<u32>,
    /// The files it names or declares.
    pub inputs: Vec<Input>,
    /// Environment variables that engines get.
    pub environment: Vec<(OsString, OsString)>,
    options: InputOptions,
    extra: Vec<PathBuf>,
}

impl Case {
    /// A case of nanoBragg's options from its arguments; every named input must be readable.
    ///
    /// # Errors
    /// A named input that cannot be read.
    pub fn new(name: &str, args: Vec<OsString>) -> Result<Self> {
        Self::with(name, args, InputOptions::nanobragg(), Vec::new())
    }

    /// A case from its arguments, the options that name input files, and files that engines read without being told.
    ///
    /// # Errors
    /// An input that cannot be read.
    pub fn with(name: &str, args: Vec<OsString>, options: InputOptions, extra: Vec<PathBuf>) -> Result<Self> {
        let mut inputs = Vec::new();
        for (i, option, skip) in options.find(&args) {
            let path = path_in(&args[i], skip);
            if options.strict || path.is_file() {
                inputs.push(input(&option, &path)?);
            }
        }
        for path in &extra {
            inputs.push(input("inputs", path)?);
        }
        Ok(Self { name: name.into(), args, size: None, inputs, environment: Vec::new(), options, extra })
    }

    /// The same case with an image of `size` × `size` pixels (`None`: as it is).
    #[must_use]
    pub fn sized(&self, size: Option<u32>) -> Self {
        Self { size: size.or(self.size), ..self.clone() }
    }

    /// The words for an engine whose own words for a size are `size_words` (with `{size}`).
    #[must_use]
    pub fn words(&self, args: &[OsString], size_words: &[String]) -> Vec<OsString> {
        let mut words = args.to_vec();
        if let Some(size) = self.size {
            words.extend(template::fill(size_words, &[], |_| Some(size.to_string().into())));
        }
        words
    }

    /// The largest detector edge below which a self-check is cheap enough to run at full size.
    const SELF_CHECK_EDGE: u32 = 512;

    /// The case for the self-check: the same, at a smaller size where that is only a matter of one number.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let mut case = self.clone();
        let word = |i: usize, o: &str| self.args[i] == OsStr::new(o);
        let sizes: Vec<usize> =
            (0..self.args.len()).filter(|&i| SIZE_OPTIONS.iter().any(|o| word(i, o))).collect();
        let only_detpixels = sizes.iter().all(|&i| word(i, "-detpixels"));
        let roi = self.args.iter().any(|a| a == OsStr::new("-roi"));
        if roi || !only_detpixels || !self.inputs.is_empty() {
            return case;
        }
        let edge = self.size.or_else(|| self.args.get(sizes.last()? + 1)?.to_str()?.parse().ok());
        if edge.is_some_and(|edge| edge > Self::SELF_CHECK_EDGE) {
            case.size = Some(Self::SELF_CHECK_EDGE);
        }
        case
    }

    /// Copies the inputs into `dir` (read-only; shared blocks where the file system can) and returns the arguments
    /// with the names they have there, and the copies.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn install_inputs(&self, dir: &Path) -> Result<(Vec<OsString>, Vec<PathBuf>)> {
        let mut args = self.args.clone();
        let mut copies = Vec::new();
        let mut number = 0;
        // those that engines look for by name come first, so that none has to be renamed
        for source in &self.extra {
            let name = source.file_name().unwrap_or_default();
            if dir.join(name).exists() {
                let message = format!("inputs: two files are called {}", Path::new(name).display());
                return Err(AuditError::usage(message));
            }
            copies.push(copy_read_only(source, &dir.join(name))?);
        }
        for (i, _, skip) in self.options.find(&args) {
            let source = path_in(&args[i], skip);
            if !self.options.strict && !source.is_file() {
                continue;
            }
            let base = source.file_name().map_or_else(|| OsString::from("input"), OsStr::to_os_string);
            let mut name = base.clone();
            while dir.join(&name).exists() {
                number += 1;
                name = OsString::from(format!("{number}-"));
                name.push(&base);
            }
            copies.push(copy_read_only(&source, &dir.join(&name))?);
            args[i] = replace_path(&args[i], skip, name);
        }
        Ok((args, copies))
    }

    /// The arguments with absolute paths for the inputs, for an engine that runs elsewhere without copies.
    #[must_use]
    pub fn args_in_place(&self) -> Vec<OsString> {
        let mut args = self.args.clone();
        for (i, _, skip) in self.options.find(&args) {
            if let Ok(path) = std::fs::canonicalize(path_in(&args[i], skip)) {
                args[i] = replace_path(&args[i], skip, path.into_os_string());
            }
        }
        args
    }

    /// The arguments without the folders of input files: what they hold is known by its hash.
    #[must_use]
    pub fn without_folders(&self) -> Vec<OsString> {
        let mut args = self.args.clone();
        for (i, _, skip) in self.options.find(&args) {
            let path = path_in(&args[i], skip);
            if path.is_file() {
                args[i] = replace_path(&args[i], skip, path.file_name().unwrap_or_default().to_owned());
            }
        }
        args
    }

    /// The inputs that are no longer what they were when the case was made.
    #[must_use]
    pub fn changed_inputs(&self) -> Vec<PathBuf> {
        let same = |i: &&Input| match i.path.metadata() {
            // hashing is for files that look touched: it would cost as much as a small render
            Ok(now) if now.len() == i.size && modified(&now) == i.modified => true,
            _ => hash::file(&i.path).is_ok_and(|sum| sum == i.sha256),
        };
        let declared = self.inputs.iter().filter(|i| i.kind == "declared");
        declared.filter(|i| !same(i)).map(|i| i.path.clone()).collect()
    }
}

fn copy_read_only(source: &Path, target: &Path) -> Result<PathBuf> {
    // an ordinary file is wanted: a pipe would be waited for, a directory cannot be copied
    if !source.is_file() {
        return Err(AuditError::failed(format!("copying {}", source.display()), "not a regular file"));
    }
    std::fs::copy(source, target)
        .map_err(|e| AuditError::failed(format!("copying {}", source.display()), e))?;
    if let Ok(metadata) = target.metadata() {
        let mut permissions = metadata.permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(target, permissions).ok();
    }
    Ok(target.to_owned())
}

fn path_in(word: &OsStr, skip: usize) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&word.as_bytes()[skip..]))
}

fn replace_path(word: &OsStr, skip: usize, path: OsString) -> OsString {
    let mut bytes = word.as_bytes()[..skip].to_vec();
    bytes.extend(path.into_vec());
    OsString::from_vec(bytes)
}

fn modified(metadata: &std::fs::Metadata) -> Option<String> {
    metadata.modified().ok().and_then(|t| jiff::Timestamp::try_from(t).ok()).map(|t| t.to_string())
}

impl Input {
    /// A file that an engine was seen to read without an argument that names it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn observed(how: &str, path: &Path) -> Result<Self> {
        Ok(Self { kind: "observed".into(), ..input(how, path)? })
    }
}

fn input(option: &str, path: &Path) -> Result<Input> {
    let problem = |e: std::io::Error| {
        AuditError::new(crate::exit::Exit::Failed, format!("{option} {}: {e}", path.display()))
    };
    let metadata = path.metadata().map_err(problem)?;
    if !metadata.is_file() {
        return Err(problem(std::io::Error::other("not a regular file")));
    }
    Ok(Input {
        option: option.into(),
        kind: "declared".into(),
        path: path.to_owned(),
        size: metadata.len(),
        sha256: hash::file(path).map_err(problem)?,
        modified: modified(&metadata),
    })
}

/// A case for these engines: their options that name files, the files they declare and those of `[case]`.
///
/// # Errors
/// An input that cannot be read.
pub fn for_engines(
    name: &str,
    args: Vec<OsString>,
    engines: &[&Engine],
    config: &CaseConfig,
    root: &Path,
) -> Result<Case> {
    let mut case = Case::with(name, args, options_of(engines), extra_inputs(engines, config, root))?;
    case.environment = config.environment.iter().map(|(k, v)| (k.into(), v.into())).collect();
    Ok(case)
}

/// The options of these engines that name input files.
#[must_use]
pub fn options_of(engines: &[&Engine]) -> InputOptions {
    let none = InputOptions { names: Vec::new(), strict: false };
    // one engine's own list makes its values files, whatever another engine that has no list thinks
    let own = engines.iter().any(|e| e.definition.input_options.is_some());
    let lists = engines.iter().filter(|e| e.definition.input_options.is_some() == own);
    lists.map(|e| e.input_options()).fold(none, InputOptions::and)
}

fn extra_inputs(engines: &[&Engine], config: &CaseConfig, root: &Path) -> Vec<PathBuf> {
    let mut extra: Vec<PathBuf> = config.inputs.iter().map(|p| root.join(p)).collect();
    for engine in engines {
        extra.extend(engine.definition.inputs.iter().map(|p| engine.root.join(p)));
    }
    extra.sort();
    extra.dedup();
    extra
}

/// Splits a quoted list of arguments as a shell would, without running one.
///
/// # Errors
/// Unbalanced quotes.
pub fn split_words(flag: &str, words: &str) -> Result<Vec<OsString>> {
    shlex::split(words)
        .map(|list| list.into_iter().map(OsString::from).collect())
        .ok_or_else(|| AuditError::usage(format!("{flag}: the quotes in `{words}` do not match")))
}

/// A command line ready to paste into a shell.
#[must_use]
pub fn paste(words: &[OsString]) -> String {
    words.iter().map(|w| quote(&w.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "'?'".to_string(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        split_words("test", text).unwrap()
    }

    #[test]
    fn sizes_append_and_self_checks_shrink() {
        let case = Case::new("x", words("-N 5 -detpixels 4096")).unwrap();
        let own_words = ["-detpixels", "{size}"].map(String::from);
        let pasted = |c: &Case| paste(&c.words(&c.args, &own_words));
        assert_eq!(pasted(&case.sized(Some(64))), "-N 5 -detpixels 4096 -detpixels 64");
        assert_eq!(pasted(&case.reduced()), "-N 5 -detpixels 4096 -detpixels 512");
        assert_eq!(pasted(&case.sized(Some(64)).reduced()), "-N 5 -detpixels 4096 -detpixels 64");
        let small = Case::new("x", words("-detpixels 100")).unwrap();
        assert_eq!(small.reduced().size, None);
        let rectangle = Case::new("x", words("-detpixels_f 4000 -detpixels_s 3000")).unwrap();
        assert_eq!(rectangle.reduced().size, None);
    }

    #[test]
    fn inputs_are_copied_under_names_that_do_not_clash() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for (d, text) in [(&a, "one"), (&b, "two")] {
            std::fs::create_dir(d).unwrap();
            std::fs::write(d.join("f $(x).hkl"), text).unwrap();
        }
        let args =
            vec!["-hkl".into(), a.join("f $(x).hkl").into(), "-mask".into(), b.join("f $(x).hkl").into()];
        let case = Case::new("x", args).unwrap();
        assert_eq!(case.inputs.len(), 2);
        let work = tempfile::tempdir().unwrap();
        let (args, copies) = case.install_inputs(work.path()).unwrap();
        assert!(copies.len() == 2 && copies.iter().all(|c| c.metadata().unwrap().permissions().readonly()));
        assert_eq!(std::fs::read_to_string(work.path().join(&args[1])).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(work.path().join(&args[3])).unwrap(), "two");
        assert!(
            Case::new("x", words("-hkl /nowhere/x.hkl")).unwrap_err().message.contains("-hkl /nowhere/x.hkl")
        );
    }

    #[test]
    fn files_are_known_by_the_engines_own_options_and_by_declaration() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.dat", "b.dat", "c.ini"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let at = |name: &str| dir.path().join(name);
        let mut joined = OsString::from("--grid=");
        joined.push(at("b.dat"));
        let args = vec!["--in".into(), at("a.dat").into(), joined, "--level".into(), "none".into()];
        let names = ["--in", "--grid", "--level"].map(String::from).to_vec();
        let loose = InputOptions { names: names.clone(), strict: false };
        let case = Case::with("x", args.clone(), loose, vec![at("c.ini")]).unwrap();
        let work = tempfile::tempdir().unwrap();
        let (words, _) = case.install_inputs(work.path()).unwrap();
        assert_eq!(words, ["--in", "a.dat", "--grid=b.dat", "--level", "none"].map(OsString::from));
        assert_eq!(std::fs::read_to_string(work.path().join("c.ini")).unwrap(), "c.ini");
        assert!(
            Case::with("x", args, InputOptions { names, strict: true }, vec![]).is_err(),
            "`none` is no file"
        );
        assert_eq!(case.changed_inputs(), Vec::<PathBuf>::new());
        std::fs::write(at("a.dat"), "longer").unwrap();
        assert_eq!(case.changed_inputs(), [at("a.dat")]);
    }

    #[test]
    fn pasted_lines_split_to_the_same_words() {
        let list: Vec<OsString> =
            ["a b", "$(touch x)", "it's", "", "-N"].iter().map(OsString::from).collect();
        assert_eq!(words(&paste(&list)), list);
        assert!(split_words("--candidate-args", "'open").is_err());
    }
}
