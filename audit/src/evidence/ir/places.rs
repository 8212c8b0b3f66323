//! From a location in the debug information to the source loops around it.

use super::metadata::Metadata;
use crate::inventory::Inventory;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// A source loop around an instruction, and where its function was inlined: two inlined copies are two instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Place in the inventory's list of loops.
    pub(super) index: usize,
    /// Number of the location that the loop's function was inlined at.
    pub(super) inlined_at: Option<u32>,
}

/// Where an instruction belongs.
#[derive(Debug, Clone)]
pub(super) enum Spot {
    /// To no file of the inventory.
    Foreign,
    /// To these loops, outermost first, through all functions it was inlined into.
    Here(Rc<[Entry]>),
}

type LoopsAt = HashMap<(usize, u32, u32), Rc<[usize]>>;

/// Resolves places of many modules.
pub(crate) struct Places<'i> {
    inventory: &'i Inventory,
    root: &'i Path,
    by_id: HashMap<&'i str, usize>,
    by_path: HashMap<&'i str, usize>,
    files: HashMap<Box<str>, Option<usize>>,
    loops: LoopsAt,
}

impl<'i> Places<'i> {
    /// Paths in the debug information start with `root` where they are files of the inventory.
    pub(crate) fn new(inventory: &'i Inventory, root: &'i Path) -> Self {
        let by_id = inventory.loops.iter().enumerate().map(|(i, l)| (l.loop_id.as_str(), i)).collect();
        let by_path = inventory.files.iter().enumerate().map(|(i, f)| (f.path.as_str(), i)).collect();
        Self { inventory, root, by_id, by_path, files: HashMap::new(), loops: HashMap::new() }
    }

    /// The file that debug information calls `path`: by its place below the root, or relative to it.
    fn file(&mut self, path: &str) -> Option<usize> {
        if let Some(&known) = self.files.get(path) {
            return known;
        }
        let below = Path::new(path).strip_prefix(self.root).unwrap_or(Path::new(path));
        let clean: Vec<&str> = below.to_str()?.split('/').filter(|part| *part != ".").collect();
        let found = self.by_path.get(clean.join("/").as_str()).copied();
        self.files.insert(path.into(), found);
        found
    }

    fn around(&mut self, file: usize, line: u32, column: u32) -> Rc<[usize]> {
        let key = (file, line, column);
        if let Some(known) = self.loops.get(&key) {
            return Rc::clone(known);
        }
        let around = self.inventory.enclosing(&self.inventory.files[file].path, line, Some(column));
        let found: Rc<[usize]> =
            around.iter().filter_map(|l| self.by_id.get(l.loop_id.as_str()).copied()).collect();
        self.loops.insert(key, Rc::clone(&found));
        found
    }
}

/// The same for one module, whose locations have numbers.
pub(super) struct ModulePlaces<'a, 'i> {
    pub(super) places: &'a mut Places<'i>,
    pub(super) metadata: &'a Metadata,
    files: HashMap<u32, Option<usize>>,
    spots: HashMap<u32, Spot>,
}

impl<'a, 'i> ModulePlaces<'a, 'i> {
    pub(super) fn new(places: &'a mut Places<'i>, metadata: &'a Metadata) -> Self {
        Self { places, metadata, files: HashMap::new(), spots: HashMap::new() }
    }

    pub(super) fn spot(&mut self, location: u32) -> Spot {
        if let Some(known) = self.spots.get(&location) {
            return known.clone();
        }
        let spot = self.resolve(location);
        self.spots.insert(location, spot.clone());
        spot
    }

    fn resolve(&mut self, location: u32) -> Spot {
        let (mut stack, mut here): (Vec<Entry>, bool) = (Vec::new(), false);
        for (depth, frame) in self.metadata.frames(location).iter().enumerate().rev() {
            let Some(file) = self.file(frame.file) else { continue };
            // line 0: code that the compiler merged from several places
            if frame.line == 0 {
                if depth == 0 {
                    return Spot::Foreign;
                }
                continue;
            }
            here = true;
            for &index in self.places.around(file, frame.line, frame.column).iter() {
                // a closure stands in its loop, and is called from there again
                if !stack.iter().any(|entry| entry.index == index) {
                    stack.push(Entry { index, inlined_at: frame.inlined_at });
                }
            }
        }
        if here { Spot::Here(stack.into()) } else { Spot::Foreign }
    }

    fn file(&mut self, node: u32) -> Option<usize> {
        if let Some(&known) = self.files.get(&node) {
            return known;
        }
        let found = self.metadata.path(node).and_then(|path| self.places.file(path));
        self.files.insert(node, found);
        found
    }
}
