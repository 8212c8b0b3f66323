//! From addresses in files to loops, with a memory.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use super::Index;
use crate::profile::symbols::{SourceFrame, Symbols};

/// Resolver for files by name.
pub(super) struct Places<'a> {
    index: &'a Index<'a>,
    files: HashMap<String, Option<Symbols>>,
    known: HashMap<(String, u64), Rc<[usize]>>,
    /// Files without usable debug information.
    pub(super) problems: Vec<String>,
}

impl<'a> Places<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Places<'a> {
        Places { index, files: HashMap::new(), known: HashMap::new(), problems: Vec::new() }
    }

    /// The loops around an address as stated in the file, innermost first; none when the file has no lines for it.
    pub(super) fn around(&mut self, file: &str, address: u64) -> Rc<[usize]> {
        let place = (file.to_owned(), address);
        if let Some(loops) = self.known.get(&place) {
            return Rc::clone(loops);
        }
        let mut loops = Vec::new();
        let frames = self.symbols(file).map(|symbols| symbols.resolve(address));
        for SourceFrame { file, line, column, .. } in frames.iter().flat_map(|f| f.iter()) {
            if let (Some(file), Some(line)) = (file, line) {
                for one in self.index.around(file, *line, *column) {
                    if !loops.contains(&one) {
                        loops.push(one);
                    }
                }
            }
        }
        let loops: Rc<[usize]> = loops.into();
        self.known.insert(place, Rc::clone(&loops));
        loops
    }

    /// The resolver of a file, where there is one.
    pub(super) fn symbols(&mut self, file: &str) -> Option<&mut Symbols> {
        if !self.files.contains_key(file) {
            let opened = match Symbols::open(Path::new(file)) {
                Ok(symbols) => Some(symbols),
                Err(error) => {
                    // what is no file at all (`???`, `[kernel]`) is no news
                    if file.starts_with('/') {
                        self.problems.push(error.to_string());
                    }
                    None
                }
            };
            self.files.insert(file.to_owned(), opened);
        }
        self.files.get_mut(file).and_then(Option::as_mut)
    }
}
