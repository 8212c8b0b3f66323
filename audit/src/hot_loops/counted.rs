//! Loops from callgrind's counts: exact, of the whole program, without sampling error.
//!
//! The cost of an instruction belongs to the loops around it, through inlining; the cost of a call to the loops around the
//! call. What a called function does outside of loops of its own is self time of the loop that calls it, as with samples;
//! callgrind sums a function's cost over its callers, so that part is shared out in proportion to the calls' costs, which
//! is exact where the function does the same kind of work for each. Calls of a function by itself add nothing to inclusive
//! cost.

use std::path::Path;
use std::rc::Rc;

use super::places::Places;
use super::{CALLGRIND, HotLoopsError, Index, Measured};
use crate::profile::callgrind::{Callgrind, Position};

/// Steps of the fixed point below; without recursion it is reached after the deepest chain of calls.
const STEPS: usize = 200;

/// Reads callgrind's output.
pub(super) fn measure(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let read = Callgrind::read(path)?;
    let mut places = Places::new(index);
    let mut around = |position: &Position| -> Rc<[usize]> {
        if read.has_addresses {
            places.around(&read.objects[position.object as usize], position.address)
        } else {
            let file = &read.files[position.file as usize];
            index.around(file, position.line, None).collect()
        }
    };
    let mut measured = Measured { total: read.total as f64, ..Measured::default() };
    // cost of each function outside of its own loops, and its calls from there and from loops
    let mut outside = vec![0.0; read.functions.len()];
    let mut inclusive = vec![0.0; read.functions.len()];
    for (position, cost) in &read.costs {
        let cost = *cost as f64;
        inclusive[position.function as usize] += cost;
        let loops = around(position);
        for &one in loops.iter() {
            measured.loops.entry(one).or_default().inclusive += cost;
        }
        match loops.first() {
            Some(innermost) => measured.loops.entry(*innermost).or_default().own += cost,
            None => outside[position.function as usize] += cost,
        }
    }
    let (mut from_loops, mut from_outside) = (Vec::new(), Vec::new());
    for call in &read.calls {
        if call.to == call.from.function {
            continue;
        }
        let cost = call.inclusive as f64;
        inclusive[call.from.function as usize] += cost;
        let loops = around(&call.from);
        for &one in loops.iter() {
            measured.loops.entry(one).or_default().inclusive += cost;
        }
        match loops.first() {
            Some(innermost) => from_loops.push((*innermost, call.to, cost)),
            None => from_outside.push((call.from.function, call.to, cost)),
        }
    }
    let loose = loose_parts(&outside, &inclusive, &from_outside);
    for (innermost, callee, cost) in from_loops {
        measured.loops.entry(innermost).or_default().own += cost * loose[callee as usize];
    }
    let own: f64 = measured.loops.values().map(|t| t.own).sum();
    measured.unmatched = (measured.total - own).max(0.0);
    for time in measured.loops.values_mut() {
        time.inclusive = time.inclusive.min(measured.total);
    }
    measured.problems = std::mem::take(&mut places.problems);
    describe(path, &read, &mut measured);
    Ok(measured)
}

/// The part of each function's inclusive cost, 0 to 1, that lies in no loop of it or of what it calls.
fn loose_parts(outside: &[f64], inclusive: &[f64], calls: &[(u32, u32, f64)]) -> Vec<f64> {
    let part = |sum: f64, of: f64| if of > 0.0 { (sum / of).clamp(0.0, 1.0) } else { 0.0 };
    let mut loose: Vec<f64> = outside.iter().zip(inclusive).map(|(&o, &i)| part(o, i)).collect();
    for _ in 0..STEPS {
        let mut sums = outside.to_vec();
        for &(from, to, cost) in calls {
            sums[from as usize] += cost * loose[to as usize];
        }
        let next: Vec<f64> = sums.iter().zip(inclusive).map(|(&s, &i)| part(s, i)).collect();
        let moved = next.iter().zip(&loose).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        loose = next;
        if moved < 1e-9 {
            break;
        }
    }
    loose
}

fn describe(path: &Path, read: &Callgrind, measured: &mut Measured) {
    let with = if read.has_addresses {
        "by instruction address, through inlining"
    } else {
        "by line alone; profile with --dump-instr=yes to see through inlining"
    };
    let summary = &mut measured.summary;
    summary.name = CALLGRIND.into();
    summary.file = path.to_owned();
    summary.method = format!("exact counts of {} by callgrind, {with}", read.event);
    summary.total_events = Some(read.total);
    summary.event = Some(read.event.clone());
    summary.lost = Some(read.skipped);
    if read.skipped > 0 {
        measured.problems.push(format!("{}: {} lines were not understood", path.display(), read.skipped));
    }
    if let Some(stated) = read.stated_total
        && stated != read.total
    {
        measured.problems.push(format!(
            "{}: its costs add up to {} {}, its total says {stated}: the file is cut or damaged",
            path.display(),
            read.total,
            read.event
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callees_do_outside_of_loops_is_passed_up() {
        // 0 calls 1 from outside of loops; 1 is half loop, half not; 2 calls itself through 3
        let loose = loose_parts(
            &[10.0, 50.0, 1.0, 1.0],
            &[110.0, 100.0, 4.0, 3.0],
            &[(0, 1, 100.0), (2, 3, 3.0), (3, 2, 2.0)],
        );
        assert!((loose[1] - 0.5).abs() < 1e-9 && (loose[0] - 60.0 / 110.0).abs() < 1e-9, "{loose:?}");
        assert!(loose.iter().all(|p| (0.0..=1.0).contains(p)), "{loose:?}");
    }
}
