//! Delta debugging: a smallest part of a list that still shows an effect (Zeller and Hildebrandt, Simplifying and
//! isolating failure-inducing input, IEEE TSE 28, 2002).

/// What a test of a part says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The part shows the effect.
    Shows,
    /// The part does not show it.
    Hides,
    /// The part cannot be tested.
    Unresolved,
}

/// A part of `items` that shows the effect and from which nothing can be left out, in the order of `items`; the whole list
/// must show it. `test` returns `None` when the budget is spent: what is known by then is returned.
///
/// # Errors
/// Those of `test`.
pub fn ddmin<T: Clone, E>(
    items: &[T],
    mut test: impl FnMut(&[T]) -> Result<Option<Test>, E>,
) -> Result<Vec<T>, E> {
    let mut kept: Vec<T> = items.to_vec();
    let mut parts = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(parts);
        let mut reduced = None;
        // a part alone, then everything but a part
        for complement in [false, true] {
            if complement && parts == 2 {
                continue; // with two parts, everything but one is the other
            }
            let mut start = 0;
            while start < kept.len() && reduced.is_none() {
                let end = (start + size).min(kept.len());
                let trial: Vec<T> = if complement {
                    kept[..start].iter().chain(&kept[end..]).cloned().collect()
                } else {
                    kept[start..end].to_vec()
                };
                match test(&trial)? {
                    None => return Ok(kept),
                    Some(Test::Shows) => reduced = Some((trial, complement)),
                    Some(Test::Hides | Test::Unresolved) => {}
                }
                start = end;
            }
        }
        match reduced {
            Some((trial, complement)) => {
                kept = trial;
                parts = if complement { (parts - 1).max(2) } else { 2 };
            }
            None if parts >= kept.len() => break,
            None => parts = (parts * 2).min(kept.len()),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal(n: usize, needed: &[usize]) -> (Vec<usize>, usize) {
        let items: Vec<usize> = (0..n).collect();
        let mut tests = 0;
        let kept = ddmin(&items, |part| {
            tests += 1;
            let shows = needed.iter().all(|x| part.contains(x));
            Ok::<_, ()>(Some(if shows { Test::Shows } else { Test::Hides }))
        });
        (kept.unwrap(), tests)
    }

    #[test]
    fn one_of_many_takes_few_tests() {
        for needed in [0, 17, 99] {
            let (kept, tests) = minimal(100, &[needed]);
            assert_eq!(kept, [needed]);
            assert!(tests <= 16, "{tests} tests for one of 100");
        }
    }

    #[test]
    fn causes_that_need_each_other_stay_together() {
        assert_eq!(minimal(33, &[3, 4, 31]).0, [3, 4, 31]);
        assert_eq!(minimal(5, &[0, 1, 2, 3, 4]).0, [0, 1, 2, 3, 4]);
        assert_eq!(minimal(1, &[0]).0, [0]);
    }

    #[test]
    fn a_spent_budget_leaves_what_is_known() {
        let mut tests = 0;
        let kept = ddmin(&[1, 2, 3, 4, 5, 6, 7, 8], |part| {
            tests += 1;
            Ok::<_, ()>((tests <= 1).then(|| if part.contains(&1) { Test::Shows } else { Test::Hides }))
        });
        assert_eq!(kept.unwrap(), [1, 2, 3, 4]);
    }
}
