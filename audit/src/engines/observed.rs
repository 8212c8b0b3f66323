//! Which files an engine opened: by `strace` where it is installed and allowed, else by what the engine's log says.
//! Files of the system, the engine's own program and what it wrote itself are left out.

use super::Engine;
use super::render::{Place, Rendered};
use crate::case::Case;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A file that an engine opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opened {
    /// Where it is.
    #[serde(with = "crate::paths")]
    pub path: PathBuf,
    /// How it is known: `strace` or `log`.
    pub how: String,
}

/// The tracer and the flags that it understands here.
fn strace() -> Option<&'static (PathBuf, Vec<&'static str>)> {
    static FOUND: OnceLock<Option<(PathBuf, Vec<&'static str>)>> = OnceLock::new();
    let find = || {
        let program = super::in_path("strace")?;
        // -D: the engine stays our child, and its end is not put off to that of what it left behind;
        // the filter in the kernel makes other calls cost nothing; older versions do not have it
        [vec!["-D", "-f", "--seccomp-bpf"], vec!["-D", "-f"]].into_iter().find_map(|flags| {
            let mut probe = Command::new(&program);
            probe.args(&flags).args(["-qq", "-y", "-e", "trace=openat", "-o", "/dev/null", "true"]);
            probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            probe.status().is_ok_and(|s| s.success()).then(|| (program.clone(), flags))
        })
    };
    FOUND.get_or_init(find).as_ref()
}

/// A tracer around one run.
pub(super) struct Watch {
    log: PathBuf,
}

impl Watch {
    /// `None` where there is no tracer, or it may not trace.
    pub(super) fn new(results: &Path) -> Option<Self> {
        strace().map(|_| Self { log: results.join("opened.log") })
    }

    /// The tracer's command line for an engine's.
    pub(super) fn around(&self, program: &Path, words: &[OsString]) -> (PathBuf, Vec<OsString>) {
        let Some((tracer, flags)) = strace() else { return (program.to_owned(), words.to_vec()) };
        let mut all: Vec<OsString> = flags.iter().map(OsString::from).collect();
        all.extend(
            ["-qq", "-y", "-e", "signal=none", "-e", "trace=?open,openat,?openat2,?creat", "-o"]
                .map(OsString::from),
        );
        all.extend([self.log.clone().into_os_string(), "--".into(), program.as_os_str().to_owned()]);
        all.extend_from_slice(words);
        (tracer.clone(), all)
    }
}

/// The files that a run opened, of those that matter.
pub(super) fn opened(
    run: &Rendered,
    watch: Option<&Watch>,
    engine: &Engine,
    case: &Case,
    place: &Place<'_>,
) -> Vec<Opened> {
    let traced = watch.and_then(|w| std::fs::read(&w.log).ok());
    let (how, paths) = match traced {
        Some(log) => ("strace", read_by(&log)),
        None => {
            let names = engine.definition.log.opened(&run.log());
            ("log", names.into_iter().map(|name| place.work.join(name)).collect())
        }
    };
    let declared: Vec<PathBuf> =
        case.inputs.iter().filter_map(|i| std::fs::canonicalize(&i.path).ok()).collect();
    let own = engine.identity.files.iter().map(|(path, _)| path).chain([&engine.identity.program]);
    let own: Vec<PathBuf> = own.filter_map(|p| std::fs::canonicalize(p).ok()).collect();
    let interpreter = prefix(&engine.identity.program);
    let matters = |path: &PathBuf| {
        path.is_file()
            && !path.starts_with(place.results)
            && !is_system(path)
            && !interpreter.as_ref().is_some_and(|p| path.starts_with(p))
            && !own.contains(path)
            && !declared.contains(path)
            && !run.touched.contains(path)
    };
    let found: BTreeSet<PathBuf> = paths.iter().filter_map(|p| std::fs::canonicalize(p).ok()).collect();
    found.into_iter().filter(matters).map(|path| Opened { path, how: how.into() }).collect()
}

/// The folder that a program was installed in, when it is one of many there.
fn prefix(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let shared = folder.file_name().is_some_and(|n| n == "bin" || n == "shims" || n == "Scripts");
    let prefix = folder.parent()?;
    (shared && prefix.parent().is_some()).then(|| prefix.to_owned())
}

fn is_system(path: &Path) -> bool {
    const PLACES: [&str; 12] = [
        "/proc",
        "/sys",
        "/dev",
        "/etc",
        "/usr",
        "/lib",
        "/lib32",
        "/lib64",
        "/bin",
        "/sbin",
        "/run",
        "/nix/store",
    ];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    PLACES.iter().any(|place| path.starts_with(place))
        || name.ends_with(".so")
        || name.contains(".so.")
        || path.to_string_lossy().contains("/lib/python")
}

/// The files that a tracer's log says were opened for reading, without those that were written before.
fn read_by(log: &[u8]) -> Vec<PathBuf> {
    let mut pending: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut written = BTreeSet::new();
    let mut read = Vec::new();
    for line in log.split(|b| *b == b'\n') {
        let Some(space) = line.iter().position(|b| *b == b' ') else { continue };
        let (process, call) = (line[..space].to_vec(), line[space..].trim_ascii_start());
        if let Some(cut) = find(call, b"<unfinished ...>") {
            pending.insert(process, call[..cut].to_vec());
            continue;
        }
        let mut whole = Vec::new();
        if let Some(end) = call.starts_with(b"<... ").then(|| find(call, b"resumed>")).flatten() {
            whole = pending.remove(&process).unwrap_or_default();
            whole.extend_from_slice(&call[end + b"resumed>".len()..]);
        } else {
            whole.extend_from_slice(call);
        }
        let Some(path) = result(&whole) else { continue };
        let has = |flag: &[u8]| find(&whole, flag).is_some();
        if has(b"O_DIRECTORY") || has(b"O_PATH") {
            continue;
        }
        if whole.starts_with(b"creat(") || has(b"O_WRONLY") || has(b"O_TRUNC") || has(b"O_CREAT|O_EXCL") {
            written.insert(path);
        } else if !written.contains(&path) && !read.contains(&path) {
            read.push(path);
        }
    }
    read
}

/// The path in `… = 3</path>`.
fn result(call: &[u8]) -> Option<PathBuf> {
    let at = call.windows(4).rposition(|w| w == b") = ")?;
    let rest = &call[at + 4..];
    let open = rest.iter().position(|b| *b == b'<')?;
    let close = rest.iter().rposition(|b| *b == b'>')?;
    rest[..open].iter().all(u8::is_ascii_digit).then_some(())?;
    let bytes = unescape(rest.get(open + 1..close)?);
    bytes.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(bytes)))
}

/// Undoes the tracer's escapes: `\n`, `\"`, `\\`, `\303`, `\x3c`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (base, digits): (u32, &[u8]) = match tail {
            [b'x', more @ ..] => (16, &more[..more.len().min(2)]),
            _ => (8, &tail[..tail.len().min(3)]),
        };
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let n = text.chars().take_while(|c| c.is_digit(base)).count();
        if let Ok(value) = u8::from_str_radix(&text[..n], base) {
            out.push(value);
            rest = &tail[n + usize::from(base == 16)..];
        } else if let [letter, more @ ..] = tail {
            out.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 11,
                b'f' => 12,
                other => *other,
            });
            rest = more;
        }
    }
    out
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

/// Whether files can be watched here.
#[must_use]
pub fn available() -> bool {
    strace().is_some()
}

/// For messages: how files are observed here.
#[must_use]
pub fn how() -> &'static OsStr {
    if available() {
        OsStr::from_bytes(b"strace")
    } else {
        OsStr::from_bytes(b"the engines' logs (strace is not installed or may not trace)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracers_log_is_read() {
        let log = concat!(
            "7 openat(AT_FDCWD</w>, \"in.dat\", O_RDONLY) = 3</w/in.dat>\n",
            "7 openat(AT_FDCWD</w>, \"none\", O_RDONLY) = -1 ENOENT (No such file or directory)\n",
            "7 openat(AT_FDCWD</w>, \"out\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</w/out>\n",
            "7 openat(AT_FDCWD</w>, \"out\", O_RDONLY) = 4</w/out>\n",
            "7 openat(AT_FDCWD</w>, \".\", O_RDONLY|O_DIRECTORY) = 4</w>\n",
            "7 openat(AT_FDCWD</w>, \"a\", O_RDONLY <unfinished ...>\n",
            "8 open(\"b \\\"c\", O_RDWR) = 5</w/b \\\"c\\303\\251\\n>\n",
            "7 <... openat resumed>) = 5</w/a>\n",
            "garbage\n9 openat(\n",
        );
        let read: Vec<String> = read_by(log.as_bytes()).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(read, ["/w/in.dat", "/w/b \"cé\n", "/w/a"]);
    }

    #[test]
    fn programs_of_the_system_are_no_inputs() {
        assert!(is_system(Path::new("/usr/lib/x")) && is_system(Path::new("/home/x/libm.so.6")));
        assert!(!is_system(Path::new("/home/x/Fdump.bin")));
        assert_eq!(prefix(Path::new("/home/x/.pyenv/shims/python3")), Some("/home/x/.pyenv".into()));
        assert_eq!(prefix(Path::new("/home/x/solver")), None);
        assert_eq!(prefix(Path::new("/bin/sh")), None);
    }
}
