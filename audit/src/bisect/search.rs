//! Which commit to test next: halving among those that can still be tested, so that commits that cannot be built cost no
//! run of the case.

use serde::{Deserialize, Serialize};

/// What is known of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The gates pass.
    Good,
    /// A gate blocks.
    Bad,
    /// It cannot be built or run.
    Skip,
}

/// What the search says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Test this commit (its place in the list).
    Test(usize),
    /// This commit is the first bad one.
    Found(usize),
    /// The first bad one is among these places; those before the last cannot be tested.
    Among(usize, usize),
}

/// Decides by the marks of the commits, oldest first; what came before the first is good, and the last is bad.
///
/// Halving among `n` untested commits takes at most ⌈log₂(n + 1)⌉ tests.
#[must_use]
pub fn next(marks: &[Option<Mark>]) -> Next {
    let last = marks.len().saturating_sub(1);
    let bad = marks.iter().position(|m| *m == Some(Mark::Bad)).unwrap_or(last);
    let from = marks[..bad].iter().rposition(|m| *m == Some(Mark::Good)).map_or(0, |i| i + 1);
    let untested: Vec<usize> = (from..bad).filter(|i| marks[*i].is_none()).collect();
    if !untested.is_empty() {
        return Next::Test(untested[untested.len() / 2]);
    }
    if from == bad { Next::Found(bad) } else { Next::Among(from, bad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a list with the first bad commit at `first`; commits for which `broken` cannot be tested.
    fn search(n: usize, first: usize, broken: impl Fn(usize) -> bool) -> (Next, usize) {
        let mut marks = vec![None; n];
        let mut tests = 0;
        loop {
            match next(&marks) {
                Next::Test(i) if broken(i) => marks[i] = Some(Mark::Skip),
                Next::Test(i) => {
                    tests += 1;
                    marks[i] = Some(if i >= first { Mark::Bad } else { Mark::Good });
                }
                end => return (end, tests),
            }
        }
    }

    #[test]
    fn every_commit_of_64_is_found_in_six_tests() {
        for first in 0..64 {
            let (found, tests) = search(64, first, |_| false);
            assert_eq!(found, Next::Found(first));
            assert!(tests <= 6, "{tests} tests for {first}");
        }
    }

    #[test]
    fn what_cannot_be_built_costs_no_test() {
        for first in 0..64 {
            // a block in the middle, and every fifth; the first bad one and the one before it can be built
            let broken = |i: usize| {
                ((22..42).contains(&i) || i.is_multiple_of(5)) && i != first && i + 1 != first && i != 63
            };
            let (found, tests) = search(64, first, broken);
            assert_eq!(found, Next::Found(first));
            assert!(tests <= 6, "{tests} tests for {first}");
        }
        let (found, _) = search(64, 30, |i| (20..40).contains(&i));
        assert_eq!(found, Next::Among(20, 40));
    }
}
