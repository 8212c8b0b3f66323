//! Natural loops of a control-flow graph.
//!
//! Dominators by K. D. Cooper, T. J. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001). A loop is a
//! header with everything from which its back edges can be reached without passing it, as in LLVM's LoopInfo.

/// Most entries of all loops' bodies together: nests thousands deep are no code that people wrote.
const BODY_LIMIT: usize = 4_000_000;

/// The loops of one function. Block 0 is the entry.
#[derive(Debug, Default)]
pub(super) struct Loops {
    /// The header of each loop; outer loops come before those inside them.
    pub(super) headers: Vec<usize>,
    /// The loop around each loop.
    pub(super) parents: Vec<Option<usize>>,
    /// The innermost loop of each block.
    pub(super) of_block: Vec<Option<usize>>,
    /// Blocks that jump back to each loop's header.
    pub(super) latches: Vec<Vec<usize>>,
    /// The limit was reached: some loops are missing.
    pub(super) cut: bool,
}

impl Loops {
    /// Finds the loops; `successors` by block.
    pub(super) fn of(successors: &[Vec<usize>]) -> Self {
        let order = postorder(successors);
        let count = successors.len();
        let mut rank = vec![usize::MAX; count]; // in postorder; unreachable blocks have none
        for (place, &block) in order.iter().enumerate() {
            rank[block] = place;
        }
        let mut predecessors = vec![Vec::new(); count];
        for &block in &order {
            for &next in &successors[block] {
                predecessors[next].push(block);
            }
        }
        let dominators = dominators(&order, &rank, &predecessors);
        let mut found: Vec<(usize, Vec<usize>, Vec<usize>)> = Vec::new(); // header, latches, body
        let mut mark = vec![usize::MAX; count];
        let (mut left, mut cut) = (BODY_LIMIT, false);
        for &header in order.iter().rev() {
            let back = |&&p: &&usize| dominates(header, p, &dominators, &rank);
            let latches: Vec<usize> = predecessors[header].iter().filter(back).copied().collect();
            if latches.is_empty() {
                continue;
            }
            mark[header] = header;
            let mut body = vec![header];
            let mut open = latches.clone();
            while let Some(block) = open.pop().filter(|_| body.len() <= left) {
                if mark[block] != header {
                    mark[block] = header;
                    body.push(block);
                    open.extend(&predecessors[block]);
                }
            }
            cut = body.len() > left;
            if cut {
                break;
            }
            left -= body.len();
            found.push((header, latches, body));
        }
        // a loop inside another has fewer blocks: the larger first, so that the inner ones overwrite
        found.sort_by_key(|(header, _, body)| (std::cmp::Reverse(body.len()), *header));
        let mut loops = Self { of_block: vec![None; count], cut, ..Self::default() };
        for (header, latches, body) in found {
            let index = loops.headers.len();
            loops.parents.push(loops.of_block[header]);
            loops.headers.push(header);
            loops.latches.push(latches);
            for block in body {
                loops.of_block[block] = Some(index);
            }
        }
        loops
    }

    /// The loops from `innermost` outwards.
    pub(super) fn outwards(&self, innermost: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(innermost, |&l| self.parents[l])
    }
}

/// Blocks that the entry reaches, each after those it leads to.
fn postorder(successors: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(successors.len());
    let mut seen = vec![false; successors.len()];
    let mut stack = Vec::new();
    if let Some(first) = seen.first_mut() {
        *first = true;
        stack.push((0, 0));
    }
    while let Some((block, next)) = stack.last_mut() {
        if let Some(&successor) = successors[*block].get(*next) {
            *next += 1;
            if !seen[successor] {
                seen[successor] = true;
                stack.push((successor, 0));
            }
        } else {
            order.push(*block);
            stack.pop();
        }
    }
    order
}

/// The immediate dominator of each reachable block; the entry's is itself.
fn dominators(order: &[usize], rank: &[usize], predecessors: &[Vec<usize>]) -> Vec<usize> {
    let mut immediate = vec![usize::MAX; rank.len()];
    let Some(&entry) = order.last() else { return immediate };
    immediate[entry] = entry;
    let mut changed = true;
    while changed {
        changed = false;
        for &block in order.iter().rev().skip(1) {
            let known = predecessors[block].iter().copied().filter(|&p| immediate[p] != usize::MAX);
            let new = known.reduce(|a, b| meet(a, b, &immediate, rank));
            if let Some(new) = new
                && immediate[block] != new
            {
                immediate[block] = new;
                changed = true;
            }
        }
    }
    immediate
}

/// The closest block that dominates both.
fn meet(mut a: usize, mut b: usize, immediate: &[usize], rank: &[usize]) -> usize {
    while a != b {
        while rank[a] < rank[b] {
            a = immediate[a];
        }
        while rank[b] < rank[a] {
            b = immediate[b];
        }
    }
    a
}

fn dominates(a: usize, mut b: usize, immediate: &[usize], rank: &[usize]) -> bool {
    while rank[b] < rank[a] {
        b = immediate[b];
    }
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nest_and_a_loop_beside_it() {
        // 0 → 1; 1 → 2 | 5; 2 → 2 | 3; 3 → 1; 5 → 6; 6 → 5 | 7
        let edges = vec![vec![1], vec![2, 5], vec![2, 3], vec![1], vec![], vec![6], vec![5, 7], vec![]];
        let loops = Loops::of(&edges);
        let nest: Vec<(usize, Option<usize>)> =
            loops.headers.iter().map(|h| (*h, loops.parents[loops.of_block[*h].unwrap()])).collect();
        assert_eq!(nest, [(1, None), (5, None), (2, Some(0))]);
        assert_eq!(loops.of_block, [None, Some(0), Some(2), Some(0), None, Some(1), Some(1), None]);
        assert_eq!(loops.latches, [vec![3], vec![6], vec![2]]);
    }

    #[test]
    fn a_nest_deeper_than_any_code_is_cut() {
        let nest = |n: usize| {
            let mut edges: Vec<Vec<usize>> = (0..n).map(|i| vec![i + 1]).collect();
            edges.extend((0..n).map(|k| vec![n - 1 - k, n + k + 1]));
            edges.push(Vec::new());
            Loops::of(&edges)
        };
        let shallow = nest(50);
        assert_eq!((shallow.headers.len(), shallow.cut), (50, false));
        assert!(nest(4000).cut, "its bodies together would have sixteen million entries");
    }

    #[test]
    fn a_jump_into_the_middle_is_no_natural_loop() {
        let loops = Loops::of(&[vec![1, 2], vec![2], vec![1, 3], vec![]]);
        assert!(loops.headers.is_empty());
        assert!(Loops::of(&[]).headers.is_empty());
        assert_eq!(Loops::of(&[vec![0]]).headers, [0]);
    }
}
