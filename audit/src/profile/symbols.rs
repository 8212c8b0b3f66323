//! From an address in a file to source lines, through inlined calls, by the file's DWARF line tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use addr2line::Loader;

use super::samples::Module;

/// One source position that an address stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFrame {
    /// As the compiler wrote it: absolute, or relative to where it ran.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1; absent where the compiler gave none.
    pub column: Option<u32>,
    /// Demangled.
    pub function: Option<String>,
}

/// Why a file's addresses cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// Not there, or not readable.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Another build lies there now.
    #[error("{path}: the file has changed since it was sampled ({recorded} then, {now} now); capture again")]
    Changed {
        /// The file.
        path: PathBuf,
        /// SHA-256 in the samples file.
        recorded: String,
        /// SHA-256 of what is there.
        now: String,
    },
    /// Never hashed, so nothing vouches for it.
    #[error("{path}: the samples file has no hash of it; capture again")]
    NoHash {
        /// The file.
        path: PathBuf,
    },
    /// Not an object file, or broken debug information.
    #[error("{path}: no debug information can be read: {reason}")]
    Debug {
        /// The file.
        path: PathBuf,
        /// The reader's words.
        reason: String,
    },
}

/// Resolver of one file, with a memory.
pub struct Symbols {
    loader: Loader,
    known: HashMap<u64, Rc<[SourceFrame]>>,
}

impl Symbols {
    /// Opens the file that a samples file names, if it is still the one that was sampled.
    ///
    /// # Errors
    /// When it is missing, has changed, or is no object file.
    pub fn of_module(module: &Module) -> Result<Symbols, SymbolsError> {
        let path = || module.path.clone();
        let recorded = module.sha256.clone().ok_or_else(|| SymbolsError::NoHash { path: path() })?;
        let now =
            super::sha256_of(&module.path).map_err(|source| SymbolsError::Io { path: path(), source })?;
        if now != recorded {
            return Err(SymbolsError::Changed { path: path(), recorded, now });
        }
        Symbols::open(&module.path)
    }

    /// Opens any file.
    ///
    /// # Errors
    /// When it is missing or is no object file.
    pub fn open(path: &Path) -> Result<Symbols, SymbolsError> {
        let debug = |e: Box<dyn std::error::Error>| SymbolsError::Debug {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        Ok(Symbols { loader: Loader::new(path).map_err(debug)?, known: HashMap::new() })
    }

    /// The positions of one address as stated in the file, innermost inlined call first. Without debug information
    /// there is one, with the name from the symbol table, or none.
    pub fn resolve(&mut self, address: u64) -> Rc<[SourceFrame]> {
        if let Some(frames) = self.known.get(&address) {
            return Rc::clone(frames);
        }
        let mut frames = self.inlined(address);
        if frames.is_empty() {
            let function = self.loader.find_symbol(address).map(demangled);
            frames
                .extend(function.map(|name| SourceFrame { function: Some(name), ..SourceFrame::default() }));
        }
        let frames: Rc<[SourceFrame]> = frames.into();
        self.known.insert(address, Rc::clone(&frames));
        frames
    }

    fn inlined(&self, address: u64) -> Vec<SourceFrame> {
        let mut found = Vec::new();
        let Ok(mut frames) = self.loader.find_frames(address) else { return found };
        while let Ok(Some(frame)) = frames.next() {
            let place = frame.location.as_ref();
            let name = frame.function.as_ref().and_then(|f| f.demangle().ok().map(|name| name.into_owned()));
            // A function that nothing was inlined into has no entry of its own under line tables only.
            let name = name.or_else(|| self.loader.find_symbol(address).map(demangled));
            found.push(SourceFrame {
                file: place.and_then(|p| p.file).map(str::to_owned),
                line: place.and_then(|p| p.line).filter(|&line| line > 0),
                column: place.and_then(|p| p.column).filter(|&column| column > 0),
                function: name,
            });
        }
        found
    }
}

/// Addresses of a file's functions by name, as perf prints names (demangled, Rust's without their hash); names that stand
/// for several addresses are left out. Empty when the file cannot be read.
#[must_use]
pub fn functions(path: &Path) -> HashMap<String, u64> {
    use object::{Object, ObjectSymbol};
    let mut found: HashMap<String, Option<u64>> = HashMap::new();
    let Ok(bytes) = std::fs::read(path) else { return HashMap::new() };
    let Ok(file) = object::File::parse(bytes.as_slice()) else { return HashMap::new() };
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        let (Ok(name), true) = (symbol.name(), symbol.is_definition()) else { continue };
        for name in [name.to_owned(), without_hash(demangled(name))] {
            let address = found.entry(name).or_insert(Some(symbol.address()));
            if *address != Some(symbol.address()) {
                *address = None;
            }
        }
    }
    found.into_iter().filter_map(|(name, address)| Some((name, address?))).collect()
}

fn without_hash(name: String) -> String {
    match name.rsplit_once("::h") {
        Some((bare, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            bare.to_owned()
        }
        _ => name,
    }
}

fn demangled(name: &str) -> String {
    addr2line::demangle_auto(name.into(), None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::sha256_of;
    use crate::profile::unwind::Code;

    #[inline(always)]
    fn inlined_leaf(x: f64) -> f64 {
        std::hint::black_box(x).sqrt()
    }

    #[inline(never)]
    fn outer(x: f64) -> f64 {
        inlined_leaf(x) + 1.0
    }

    fn this_program() -> Module {
        let path = std::env::current_exe().unwrap();
        let code = Code::of_this_process().unwrap();
        let mut module = code.modules().iter().find(|m| m.path == path).unwrap().clone();
        module.sha256 = Some(sha256_of(&path).unwrap());
        module
    }

    #[test]
    fn inlined_calls_are_seen_innermost_first() {
        assert!(outer(3.0) > 2.0);
        let module = this_program();
        let start = (outer as fn(f64) -> f64 as usize as u64).wrapping_sub(module.load_bias);
        let mut symbols = Symbols::of_module(&module).unwrap();
        let named = |f: &SourceFrame, name: &str| f.function.as_deref().is_some_and(|f| f.ends_with(name));
        let (inner, outer) = (start..start + 200)
            .find_map(|address| {
                let frames = symbols.resolve(address);
                let at = frames.iter().position(|f| named(f, "inlined_leaf"))?;
                Some((frames[at].clone(), frames[at + 1].clone()))
            })
            .unwrap_or_else(|| {
                panic!("{:?}", (start..start + 60).map(|a| symbols.resolve(a)).collect::<Vec<_>>())
            });
        assert!(named(&outer, "outer"), "{outer:?}");
        assert!(inner.file.as_deref().unwrap().ends_with("audit/src/profile/symbols.rs"));
        assert_eq!(outer.line, inner.line.map(|line| line + 5));
    }

    #[test]
    fn a_changed_file_is_refused() {
        let module = Module { sha256: Some("00".into()), ..this_program() };
        assert!(matches!(Symbols::of_module(&module), Err(SymbolsError::Changed { .. })));
        let module = Module { sha256: None, ..module };
        assert!(matches!(Symbols::of_module(&module), Err(SymbolsError::NoHash { .. })));
    }

    #[test]
    fn what_is_no_object_file_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = Symbols::open(file.path()).err().unwrap().to_string();
        assert!(message.contains(file.path().to_str().unwrap()), "{message}");
    }

    #[test]
    fn an_address_outside_of_the_code_has_no_lines() {
        let mut symbols = Symbols::open(&std::env::current_exe().unwrap()).unwrap();
        for address in [u64::MAX, u64::MAX - 1, 1 << 40] {
            assert!(symbols.resolve(address).iter().all(|f| f.line.is_none()), "{address}");
        }
    }
}
