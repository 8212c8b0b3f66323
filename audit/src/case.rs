//! A case: a name, the arguments every engine gets, and the input files they name.

use crate::exit::{AuditError, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Options of nanoBragg's command line whose value is a file that the engine reads.
const INPUT_OPTIONS: &[&str] = &["-hkl", "-mat", "-matrix", "-img", "-mask", "-sourcefile"];

/// Options that set the detector's size in pixels.
const SIZE_OPTIONS: &[&str] = &[
    "-detpixels",
    "-detpixels_f",
    "-detpixels_s",
    "-detpixels_x",
    "-detpixels_y",
    "-detsize",
    "-detsize_f",
    "-detsize_s",
];

/// A file that a case reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The option that names it.
    pub option: String,
    /// `declared` (named by an argument) or `observed` (seen to be there without being named).
    pub kind: String,
    /// Where it is.
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
    /// The files it names.
    pub inputs: Vec<Input>,
}

impl Case {
    /// A case from its arguments; every named input must be readable.
    ///
    /// # Errors
    /// A named input that cannot be read.
    pub fn new(name: &str, args: Vec<OsString>) -> Result<Self> {
        let mut inputs = Vec::new();
        for pair in args.windows(2) {
            if let Some(option) = input_option(&pair[0]) {
                inputs.push(input(option, Path::new(&pair[1]))?);
            }
        }
        Ok(Self { name: name.into(), args, inputs })
    }

    /// The same case with a detector of `size` × `size` pixels (`None`: as it is).
    #[must_use]
    pub fn sized(&self, size: Option<u32>) -> Self {
        let mut case = self.clone();
        if let Some(size) = size {
            case.args.extend(["-detpixels".into(), size.to_string().into()]);
        }
        case
    }

    /// The largest detector edge below which a self-check is cheap enough to run at full size.
    const SELF_CHECK_EDGE: u32 = 512;

    /// The case for the self-check: the same, at a smaller size where that is only a matter of `-detpixels`.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let mut case = self.clone();
        let sizes: Vec<usize> = (0..self.args.len())
            .filter(|&i| SIZE_OPTIONS.iter().any(|o| self.args[i] == OsStr::new(o)))
            .collect();
        let only_detpixels = sizes.iter().all(|&i| self.args[i] == OsStr::new("-detpixels"));
        let edge = sizes
            .last()
            .and_then(|&i| self.args.get(i + 1))
            .and_then(|v| v.to_str())
            .and_then(|v| v.parse::<u32>().ok());
        let roi = self.args.iter().any(|a| a == OsStr::new("-roi"));
        if let Some(edge) = edge
            && only_detpixels
            && !roi
            && self.inputs.is_empty()
            && edge > Self::SELF_CHECK_EDGE
        {
            case.args.extend(["-detpixels".into(), Self::SELF_CHECK_EDGE.to_string().into()]);
        }
        case
    }

    /// Copies the inputs into `dir` (read-only; shared blocks where the file system can) and returns the arguments
    /// with the names they have there.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn install_inputs(&self, dir: &Path) -> Result<Vec<OsString>> {
        let mut args = self.args.clone();
        let mut number = 0;
        for i in 1..args.len() {
            if input_option(&args[i - 1]).is_some() {
                let source = PathBuf::from(&args[i]);
                let base = source.file_name().map_or_else(|| OsString::from("input"), OsStr::to_os_string);
                let mut name = base.clone();
                while dir.join(&name).exists() {
                    number += 1;
                    name = OsString::from(format!("{number}-"));
                    name.push(&base);
                }
                let target = dir.join(&name);
                std::fs::copy(&source, &target)
                    .map_err(|e| AuditError::failed(format!("copying {}", source.display()), e))?;
                if let Ok(metadata) = target.metadata() {
                    let mut permissions = metadata.permissions();
                    permissions.set_readonly(true);
                    std::fs::set_permissions(&target, permissions).ok();
                }
                args[i] = name;
            }
        }
        Ok(args)
    }

    /// The arguments with absolute paths for the inputs, for an engine that runs elsewhere without copies.
    #[must_use]
    pub fn args_in_place(&self) -> Vec<OsString> {
        let mut args = self.args.clone();
        for i in 1..args.len() {
            if input_option(&args[i - 1]).is_some()
                && let Ok(path) = std::fs::canonicalize(&args[i])
            {
                args[i] = path.into_os_string();
            }
        }
        args
    }
}

fn input_option(word: &OsStr) -> Option<&'static str> {
    INPUT_OPTIONS.iter().copied().find(|o| word == OsStr::new(o))
}

fn input(option: &str, path: &Path) -> Result<Input> {
    let problem = |e: std::io::Error| {
        AuditError::new(crate::exit::Exit::Failed, format!("{option} {}: {e}", path.display()))
    };
    let metadata = path.metadata().map_err(problem)?;
    Ok(Input {
        option: option.into(),
        kind: "declared".into(),
        path: path.to_owned(),
        size: metadata.len(),
        sha256: hash::file(path).map_err(problem)?,
        modified: metadata
            .modified()
            .ok()
            .and_then(|t| jiff::Timestamp::try_from(t).ok())
            .map(|t| t.to_string()),
    })
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
        assert_eq!(paste(&case.sized(Some(64)).args), "-N 5 -detpixels 4096 -detpixels 64");
        assert_eq!(paste(&case.reduced().args), "-N 5 -detpixels 4096 -detpixels 512");
        let small = Case::new("x", words("-detpixels 100")).unwrap();
        assert_eq!(small.reduced().args, small.args);
        let rectangle = Case::new("x", words("-detpixels_f 4000 -detpixels_s 3000")).unwrap();
        assert_eq!(rectangle.reduced().args, rectangle.args);
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
        let args = case.install_inputs(work.path()).unwrap();
        assert_eq!(std::fs::read_to_string(work.path().join(&args[1])).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(work.path().join(&args[3])).unwrap(), "two");
        assert!(
            Case::new("x", words("-hkl /nowhere/x.hkl")).unwrap_err().message.contains("-hkl /nowhere/x.hkl")
        );
    }

    #[test]
    fn pasted_lines_split_to_the_same_words() {
        let list: Vec<OsString> =
            ["a b", "$(touch x)", "it's", "", "-N"].iter().map(OsString::from).collect();
        assert_eq!(words(&paste(&list)), list);
        assert!(split_words("--candidate-args", "'open").is_err());
    }
}
