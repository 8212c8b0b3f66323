//! Python functions in a trace, joined with the loops of an inventory by file and enclosing function.
//!
//! A trace of functions cannot tell which loop of a function ran when: a function's time goes to its loop when it has
//! one, to its first outermost one when it has several, and the row says so. Comprehensions that Python before 3.12 runs as
//! functions of their own (`<listcomp>`) are found by their line.

use super::{Index, Measured};
use crate::inventory::{Function, Language, SourceFile};
use crate::profile::chrome::Trace;
use crate::profile::python::{Place, place};

/// The loop of each key of the trace: the one that it names, or the one of the Python function that it is.
pub(super) fn join(trace: &Trace, index: &Index<'_>, measured: &mut Measured) -> Vec<Option<usize>> {
    let joined = trace.keys.iter().map(|key| {
        if let Some(id) = &key.loop_id {
            return index.id(id);
        }
        let place = place(&key.name)?;
        let file = index.inventory.file(place.file).filter(|f| f.language == Language::Python)?;
        let (one, remark) = of_function(index, file, place)?;
        if let Some(remark) = remark {
            measured.remarks.insert(one, remark);
        }
        Some(one)
    });
    joined.collect()
}

/// The loop that a function's time goes to, and what to say about it.
fn of_function(index: &Index<'_>, file: &SourceFile, place: Place<'_>) -> Option<(usize, Option<String>)> {
    let loops = index.inventory.loops_of(&file.path);
    if matches!(place.function, "<listcomp>" | "<setcomp>" | "<dictcomp>" | "<genexpr>") {
        let starts = loops
            .iter()
            .find(|l| l.line == place.line)
            .or_else(|| loops.iter().rev().find(|l| l.line <= place.line && place.line <= l.end_line))?;
        return Some((index.id(&starts.loop_id)?, None));
    }
    let named = |f: &&Function| f.name.rsplit(['.', ':']).next() == Some(place.function);
    let holds = |f: &&Function| f.line <= place.line && place.line <= f.end_line;
    let function = if place.function == "<module>" {
        "(file)"
    } else {
        // the innermost of that name around the line
        let around = file.functions.iter().filter(named).filter(holds);
        &around.min_by_key(|f| f.end_line - f.line)?.name
    };
    let outermost: Vec<_> = loops.iter().filter(|l| l.function == function && l.depth == 1).collect();
    let first = outermost.first()?;
    let many = (outermost.len() > 1).then(|| {
        format!(
            "time of the whole function {function}, which has {} outermost loops: the trace cannot tell them apart",
            outermost.len()
        )
    });
    let remark = many.unwrap_or_else(|| format!("time of the whole function {function}"));
    Some((index.id(&first.loop_id)?, Some(remark)))
}
