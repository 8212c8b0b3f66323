//! What changed between two inventories.

use super::{Inventory, Loop};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The differences between an earlier and a later inventory. Ids come in the order of their inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Loops that are in both with the same id and tokens, whatever their line.
    pub unchanged: usize,
    /// Ids only the later one has.
    pub new: Vec<String>,
    /// Ids only the earlier one has.
    pub gone: Vec<String>,
    /// The same tokens under another id: the loop, its function or its file was moved or renamed, or a loop
    /// before it came or went.
    pub moved: Vec<Change>,
    /// The same id with other tokens.
    pub edited: Vec<String>,
}

/// A loop that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its earlier id.
    pub from: String,
    /// Its later id.
    pub to: String,
}

/// Compares two inventories: loops with the same id and content are unchanged; of the rest, those with the
/// same content are moved (loops that stayed in their function or file are paired first); of the rest,
/// those with the same id are edited.
#[must_use]
pub fn changes(old: &Inventory, new: &Inventory) -> Changes {
    let mut changes = Changes::default();
    let before: HashMap<&str, &Loop> = old.loops.iter().map(|l| (l.loop_id.as_str(), l)).collect();
    let same = |l: &Loop| before.get(l.loop_id.as_str()).is_some_and(|o| o.content_hash == l.content_hash);
    let unchanged: HashSet<&str> = new.loops.iter().filter(|l| same(l)).map(|l| l.loop_id.as_str()).collect();
    changes.unchanged = unchanged.len();

    let changed = |l: &&Loop| !unchanged.contains(l.loop_id.as_str());
    let mut left: Vec<&Loop> = old.loops.iter().filter(changed).collect();
    let mut arrived: Vec<&Loop> = new.loops.iter().filter(changed).collect();
    let mut origin: HashMap<&str, &str> = HashMap::new();
    let nearness: [fn(&Loop, &Loop) -> bool; 3] =
        [|a, b| a.module == b.module && a.function == b.function, |a, b| a.module == b.module, |_, _| true];
    for near in nearness {
        let mut by_hash: HashMap<&str, Vec<&Loop>> = HashMap::new();
        for l in left.iter().rev() {
            by_hash.entry(&l.content_hash).or_default().push(l);
        }
        let mut taken: HashSet<&str> = HashSet::new();
        arrived.retain(|l| {
            let Some(candidates) = by_hash.get_mut(l.content_hash.as_str()) else { return true };
            let Some(k) = candidates.iter().rposition(|o| near(o, l)) else { return true };
            let from = candidates.remove(k);
            taken.insert(&from.loop_id);
            origin.insert(&l.loop_id, &from.loop_id);
            false
        });
        left.retain(|l| !taken.contains(l.loop_id.as_str()));
    }
    for l in &new.loops {
        if let Some(from) = origin.get(l.loop_id.as_str()) {
            changes.moved.push(Change { from: (*from).to_string(), to: l.loop_id.clone() });
        }
    }
    let arrived_ids: HashSet<&str> = arrived.iter().map(|l| l.loop_id.as_str()).collect();
    let left_ids: HashSet<&str> = left.iter().map(|l| l.loop_id.as_str()).collect();
    for l in arrived {
        let edited = left_ids.contains(l.loop_id.as_str());
        let list = if edited { &mut changes.edited } else { &mut changes.new };
        list.push(l.loop_id.clone());
    }
    changes.gone = left
        .iter()
        .filter(|l| !arrived_ids.contains(l.loop_id.as_str()))
        .map(|l| l.loop_id.clone())
        .collect();
    changes
}
