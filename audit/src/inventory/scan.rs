//! Walks a tree, reads and parses its source files in parallel, and puts the findings in order.
//!
//! `.gitignore` and `.ignore` files below the root are obeyed, with or without git; hidden files are left
//! out; what the user's global git configuration ignores is not consulted, so that the result depends on the
//! tree alone. Symbolic links are not followed (a path named by the caller is), and recorded as skipped.

use super::facts::Facts;
use super::layout::Layout;
use super::text::Text;
use super::{Inventory, InventoryError, Language, SCHEMA, Skipped, SourceFile, c, python, rust};
use ignore::WalkBuilder;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tree_sitter::Parser;

/// Larger files are not source that people wrote.
const SIZE_LIMIT: u64 = 64 << 20;

/// Everything that was found in a tree.
pub(crate) struct Findings {
    pub(crate) inventory: Inventory,
    /// The tests of each Rust file, with the file's path from the root.
    pub(crate) tests: Vec<(String, super::TestFunction)>,
}

impl Inventory {
    /// Lists the loops of the Rust, C and Python files among `paths`, which are files or directories, relative to
    /// `root` or absolute inside it; no paths mean the whole root.
    ///
    /// # Errors
    /// A path that does not exist or lies outside the root. Files that cannot be read or understood are no
    /// error; they are listed in `skipped`.
    pub fn scan(root: &Path, paths: &[PathBuf]) -> Result<Self, InventoryError> {
        Ok(read_tree(root, paths, Texts::Anew)?.inventory)
    }

    /// [`Inventory::scan`] for the phases of one run, which list the same tree several times.
    pub(crate) fn scan_known(root: &Path, paths: &[PathBuf]) -> Result<Self, InventoryError> {
        Ok(read_tree(root, paths, Texts::Known)?.inventory)
    }
}

/// Which texts are parsed.
#[derive(Clone, Copy)]
pub(crate) enum Texts {
    /// All of them.
    Anew,
    /// Those that this process has not parsed before.
    Known,
}

/// [`Inventory::scan`], with the tests.
pub(crate) fn read_tree(root: &Path, paths: &[PathBuf], texts: Texts) -> Result<Findings, InventoryError> {
    let mut skipped = Vec::new();
    let files = files(root, paths, &mut skipped)?;
    // The grammars are checked once here, so that workers can rely on them.
    let (_, _, _) = (rust::parser()?, c::parser()?, python::parser()?);
    let mut read: Vec<Read> = files
        .par_iter()
        .map_init(Parsers::new, |parsers, file| read_file(root, file, parsers, texts))
        .collect();
    let layout = Layout::new(
        root,
        read.iter().filter_map(|r| r.parsed.as_ref().map(|p| (r.path.as_str(), &*p.facts))),
    );
    let mut inventory = Inventory {
        schema: SCHEMA.to_string(),
        files: Vec::new(),
        loops: Vec::new(),
        skipped,
        compilers: Vec::new(),
    };
    let mut tests = Vec::new();
    for Read { path, parsed, notes } in &mut read {
        inventory.skipped.append(notes);
        let Some(Parsed { bytes, language, sha256, facts }) = parsed.take() else { continue };
        let text = Text::new(&bytes);
        let problems = facts.problems.iter();
        inventory.skipped.extend(problems.map(|(line, reason)| Skipped {
            path: path.clone(),
            line: *line,
            reason: reason.clone(),
        }));
        tests.extend(facts.tests.iter().map(|test| (path.clone(), test.clone())));
        let functions = facts.functions(&text);
        inventory.files.push(SourceFile {
            path: path.clone(),
            language,
            sha256,
            lines: text.lines(),
            functions,
        });
        let safe = layout.safe(path, language);
        inventory.loops.extend(Arc::unwrap_or_clone(facts).into_loops(
            &text,
            path,
            language,
            safe.as_deref(),
        ));
    }
    inventory.skipped.sort();
    inventory.skipped.dedup();
    Ok(Findings { inventory, tests })
}

/// What reading one file gave.
struct Read {
    path: String,
    parsed: Option<Parsed>,
    notes: Vec<Skipped>,
}

struct Parsed {
    bytes: Vec<u8>,
    language: Language,
    sha256: String,
    facts: Arc<Facts>,
}

/// What this process has parsed, by the text's language and SHA-256.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Known {
    facts: HashMap<(Language, String), Arc<Facts>>,
    /// Bytes of the texts.
    bytes: u64,
}

impl Known {
    /// Texts of more bytes are read each time.
    const MOST: u64 = SIZE_LIMIT;

    /// The facts of a text of so many bytes, parsed where they are not known.
    fn or(
        text: &(Language, String),
        bytes: usize,
        parse: impl FnOnce() -> Option<Arc<Facts>>,
    ) -> Option<Arc<Facts>> {
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().facts.get(text).cloned();
        if found.is_some() {
            return found;
        }
        let facts = parse()?; // with nothing locked: files are parsed side by side
        let mut known = known();
        let room = known.bytes + bytes as u64 <= Self::MOST;
        if room && known.facts.insert(text.clone(), Arc::clone(&facts)).is_none() {
            known.bytes += bytes as u64;
        }
        Some(facts)
    }
}

/// One of each language.
struct Parsers {
    rust: Option<Parser>,
    c: Option<Parser>,
    python: Option<Parser>,
}

impl Parsers {
    fn new() -> Self {
        Self { rust: rust::parser().ok(), c: c::parser().ok(), python: python::parser().ok() }
    }
}

fn read_file(root: &Path, file: &str, parsers: &mut Parsers, texts: Texts) -> Read {
    let note = |reason: String| Skipped { path: file.to_string(), line: None, reason };
    let skip = |reason: String| Read { path: file.to_string(), parsed: None, notes: vec![note(reason)] };
    if crate::interrupt::requested() {
        return skip("not read: interrupted".to_string());
    }
    let Some(language) = language(Path::new(file)) else {
        return skip("not read: neither Rust (.rs) nor C (.c, .h) nor Python (.py, .pyi)".to_string());
    };
    let path = root.join(file);
    match std::fs::metadata(&path) {
        Ok(about) if about.len() > SIZE_LIMIT => {
            return skip(format!("not read: {} bytes, the limit is {SIZE_LIMIT}", about.len()));
        }
        Ok(about) if !about.is_file() => return skip("not read: not a regular file".to_string()),
        _ => {}
    }
    let mut bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => return skip(format!("not read: {error}")),
    };
    if bytes.contains(&0) {
        return skip("not read: binary (contains NUL bytes)".to_string());
    }
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut notes = Vec::new();
    if let Some((first, replaced)) = make_utf8(&mut bytes) {
        let line = Some(Text::new(&bytes).line(first));
        let reason = format!("not UTF-8: {replaced} bytes read as `?`");
        notes.push(Skipped { path: file.to_string(), line, reason });
    }
    let parse = |parsers: &mut Parsers| {
        let text = Text::new(&bytes);
        match (language, parsers) {
            (Language::Rust, Parsers { rust: Some(parser), .. }) => Some(rust::facts(parser, &text)),
            (Language::C, Parsers { c: Some(parser), .. }) => Some(c::facts(parser, &text)),
            (Language::Python, Parsers { python: Some(parser), .. }) => Some(python::facts(parser, &text)),
            _ => None,
        }
        .map(Arc::new)
    };
    let facts = match texts {
        Texts::Anew => parse(parsers),
        Texts::Known => Known::or(&(language, sha256.clone()), bytes.len(), || parse(parsers)),
    };
    let Some(facts) = facts else { return skip("not read: no parser".to_string()) };
    Read { path: file.to_string(), parsed: Some(Parsed { bytes, language, sha256, facts }), notes }
}

/// Replaces what is not UTF-8 byte by byte, so that columns stay; tells the first place and how many.
fn make_utf8(bytes: &mut [u8]) -> Option<(usize, usize)> {
    let mut first = None;
    let mut replaced = 0;
    let mut from = 0;
    while let Err(error) = std::str::from_utf8(&bytes[from..]) {
        let start = from + error.valid_up_to();
        let end = error.error_len().map_or(bytes.len(), |n| start + n);
        bytes[start..end].fill(b'?');
        first = first.or(Some(start));
        replaced += end - start;
        from = end;
    }
    first.map(|first| (first, replaced))
}

fn language(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "rs" => Some(Language::Rust),
        "c" | "h" => Some(Language::C),
        "py" | "pyi" => Some(Language::Python),
        _ => None,
    }
}

/// The files to read as paths from the root, sorted.
fn files(root: &Path, paths: &[PathBuf], skipped: &mut Vec<Skipped>) -> Result<Vec<String>, InventoryError> {
    let wanted = wanted(root, paths)?;
    let mut found = BTreeSet::new();
    let mut directories = Vec::new();
    for path in wanted {
        if root.join(&path).is_dir() {
            directories.push(path);
        } else if let Some(name) = slashed(&path) {
            found.insert(name);
        }
    }
    if directories.is_empty() {
        return Ok(found.into_iter().collect());
    }
    let (top, below) = (root.to_path_buf(), directories.clone());
    let mut walk = WalkBuilder::new(root);
    walk.parents(false).git_global(false).git_exclude(false).require_git(false).follow_links(false);
    walk.filter_entry(move |entry| {
        let Ok(path) = entry.path().strip_prefix(&top) else { return true };
        below.iter().any(|dir| path.starts_with(dir) || dir.starts_with(path))
    });
    for entry in walk.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skipped.push(unreadable(root, &error));
                continue;
            }
        };
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let inside = directories.iter().any(|dir| path.starts_with(dir));
        if !inside || entry.file_type().is_some_and(|t| t.is_dir()) {
            continue;
        }
        let link = entry.path_is_symlink();
        if !link && language(path).is_none() {
            continue;
        }
        let note = |reason: &str| Skipped {
            path: path.to_string_lossy().into_owned(),
            line: None,
            reason: reason.into(),
        };
        match slashed(path) {
            None => skipped.push(note("not read: its name is not UTF-8")),
            Some(name) if found.contains(&name) => {}
            Some(_) if link => skipped.push(note("not read: a symbolic link")),
            Some(name) => {
                found.insert(name);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The paths asked for, relative to the root, checked.
fn wanted(root: &Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>, InventoryError> {
    let exists = |path: &Path, given: &Path| match std::fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(source) => Err(InventoryError::Path { path: given.to_path_buf(), source }),
    };
    exists(root, root)?;
    if paths.is_empty() {
        return Ok(vec![PathBuf::new()]);
    }
    let mut wanted = Vec::with_capacity(paths.len());
    for path in paths {
        exists(&root.join(path), path)?;
        let outside = || InventoryError::Outside { path: path.clone(), root: root.to_path_buf() };
        let relative = if path.is_absolute() {
            match path.strip_prefix(root) {
                Ok(relative) => relative.to_path_buf(),
                Err(_) => {
                    canonical(path)?.strip_prefix(canonical(root)?).map_err(|_| outside())?.to_path_buf()
                }
            }
        } else {
            path.clone()
        };
        wanted.push(plain(&relative).ok_or_else(outside)?);
    }
    Ok(wanted)
}

fn canonical(path: &Path) -> Result<PathBuf, InventoryError> {
    path.canonicalize().map_err(|source| InventoryError::Path { path: path.to_path_buf(), source })
}

/// Without `.` and `..`; `None` when it leaves the root.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => plain.push(part),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// A walker's error as a record, without the root in its text.
fn unreadable(root: &Path, error: &ignore::Error) -> Skipped {
    let text = error.to_string();
    let root = format!("{}/", root.display());
    let path = match error {
        ignore::Error::WithPath { path, .. } => path.to_string_lossy().into_owned(),
        ignore::Error::WithDepth { err, .. } => match err.as_ref() {
            ignore::Error::WithPath { path, .. } => path.to_string_lossy().into_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    Skipped {
        path: path.strip_prefix(&root).unwrap_or(&path).to_string(),
        line: None,
        reason: format!("not read: {}", text.replace(&root, "")),
    }
}
