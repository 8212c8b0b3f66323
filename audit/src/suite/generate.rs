//! Cases from values of options: all combinations (`[[sweep]]`), or the few that hold every pair of values
//! (`[[pairwise]]`).

use serde::Deserialize;
use std::ffi::OsString;

/// Options and their values, in the order of their names.
pub type Values = std::collections::BTreeMap<String, Vec<Value>>;

/// More than this is a mistake: nobody reads so many verdicts.
const MOST: usize = 10_000;

/// A value of an option.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a number, a text, true (the option alone), false (left out), or a list of words"
)]
pub enum Value {
    /// The option alone, or not at all.
    Flag(bool),
    /// The option and a number.
    Whole(i64),
    /// The option and a number.
    Number(f64),
    /// The option and a word.
    Text(String),
    /// The option and several words.
    Words(Vec<Value>),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Whole(n) => n.to_string(),
            Self::Number(x) => x.to_string(),
            Self::Text(text) => text.clone(),
            Self::Words(words) => words.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }

    /// The words of a command line.
    fn words(&self, option: &str) -> Vec<OsString> {
        let mut words = vec![OsString::from(option)];
        match self {
            Self::Flag(true) => {}
            Self::Flag(false) => words.clear(),
            Self::Words(list) => words.extend(list.iter().map(|v| OsString::from(v.text()))),
            other => words.push(other.text().into()),
        }
        words
    }
}

/// One combination.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is called: `-N=5,-oversample=2`.
    pub label: String,
    /// Its words.
    pub words: Vec<OsString>,
}

fn row(values: &Values, chosen: &[usize]) -> Row {
    let pairs: Vec<(&String, &Value)> = values.iter().zip(chosen).map(|((o, v), i)| (o, &v[*i])).collect();
    let label = pairs.iter().map(|(o, v)| format!("{o}={}", v.text())).collect::<Vec<_>>().join(",");
    Row { label, words: pairs.iter().flat_map(|(o, v)| v.words(o)).collect() }
}

fn check(values: &Values) -> Result<(), String> {
    if values.is_empty() {
        return Err("values has no options".into());
    }
    for (option, list) in values {
        if list.is_empty() || option.is_empty() {
            return Err(format!("values: option `{option}` has no values"));
        }
        let mut seen: Vec<&Value> = Vec::new();
        for value in list {
            if seen.contains(&value) {
                return Err(format!("values: option `{option}` has `{}` twice", value.text()));
            }
            seen.push(value);
        }
    }
    Ok(())
}

/// Every combination, the last option changing fastest.
///
/// # Errors
/// No values, a value twice, or too many combinations.
pub fn product(values: &Values) -> Result<Vec<Row>, String> {
    check(values)?;
    let sizes: Vec<usize> = values.values().map(Vec::len).collect();
    let count = sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s)).filter(|n| *n <= MOST);
    let count = count.ok_or_else(|| format!("more than {MOST} combinations: use [[pairwise]]"))?;
    let combination = |mut n: usize| {
        let mut chosen = vec![0; sizes.len()];
        for (slot, size) in chosen.iter_mut().zip(&sizes).rev() {
            *slot = n % size;
            n /= size;
        }
        chosen
    };
    Ok((0..count).map(|n| row(values, &combination(n))).collect())
}

/// Few combinations that hold every pair of values of any two options at least once: greedy, one row at a time, each
/// begun with a pair that is still missing and filled with the values that cover most of what is left. The same for the
/// same values.
///
/// # Errors
/// No values, a value twice, or too many combinations.
pub fn pairwise(values: &Values) -> Result<Vec<Row>, String> {
    check(values)?;
    let sizes: Vec<usize> = values.values().map(Vec::len).collect();
    if sizes.len() == 1 {
        return product(values);
    }
    let mut missing = std::collections::BTreeSet::new();
    for a in 0..sizes.len() {
        for b in a + 1..sizes.len() {
            missing.extend((0..sizes[a]).flat_map(|i| (0..sizes[b]).map(move |j| (a, i, b, j))));
        }
    }
    if missing.len() > MOST * 10 {
        return Err(format!("{} pairs of values are too many", missing.len()));
    }
    let mut rows = Vec::new();
    while let Some(&(a, i, b, j)) = missing.first() {
        let mut chosen: Vec<Option<usize>> = vec![None; sizes.len()];
        chosen[a] = Some(i);
        chosen[b] = Some(j);
        for option in 0..sizes.len() {
            if chosen[option].is_some() {
                continue;
            }
            let gain = |value: usize| {
                let new = chosen.iter().enumerate().filter(|(other, set)| {
                    set.is_some_and(|v| missing.contains(&pair(option, value, *other, v)))
                });
                new.count()
            };
            // the first of the best; nothing to gain yet: the value that most missing pairs still need
            let open = |value: usize| {
                missing
                    .iter()
                    .filter(|p| (p.0, p.1) == (option, value) || (p.2, p.3) == (option, value))
                    .count()
            };
            let best = (0..sizes[option]).max_by_key(|&v| (gain(v), open(v), std::cmp::Reverse(v)));
            chosen[option] = best;
        }
        let chosen: Vec<usize> = chosen.into_iter().map(Option::unwrap_or_default).collect();
        for a in 0..chosen.len() {
            for b in a + 1..chosen.len() {
                missing.remove(&(a, chosen[a], b, chosen[b]));
            }
        }
        rows.push(row(values, &chosen));
    }
    Ok(rows)
}

/// A pair in the order of its options.
fn pair(a: usize, i: usize, b: usize, j: usize) -> (usize, usize, usize, usize) {
    if a < b { (a, i, b, j) } else { (b, j, a, i) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Values {
        #[derive(Deserialize)]
        struct File {
            values: Values,
        }
        toml::from_str::<File>(text).unwrap().values
    }

    #[test]
    fn a_sweep_is_every_combination() {
        let v = values("[values]\n'-N' = [5, 10]\n'-point_pixel' = [true, false]\n'-misset' = [[1, 2, 3]]\n");
        let rows = product(&v).unwrap();
        let labels: Vec<&str> = rows.iter().map(|r| r.label.as_str()).collect();
        assert_eq!(labels.len(), 4);
        assert_eq!(labels[0], "-N=5,-misset=1 2 3,-point_pixel=true");
        assert_eq!(rows[0].words, ["-N", "5", "-misset", "1", "2", "3", "-point_pixel"].map(OsString::from));
        assert_eq!(rows[3].words, ["-N", "10", "-misset", "1", "2", "3"].map(OsString::from));
        assert!(product(&values("[values]\n'-N' = [5, 5]\n")).is_err());
        assert!(
            product(&values(&format!("[values]\n'a' = {0:?}\n'b' = {0:?}\n", (0..101).collect::<Vec<_>>())))
                .is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// The definition of a covering array of strength 2, by looking for every pair in the finished rows.
        #[test]
        fn every_pair_is_covered(sizes in proptest::collection::vec(1usize..6, 1..7)) {
            let v: Values = sizes.iter().enumerate()
                .map(|(o, n)| (format!("-o{o}"), (0..*n as i64).map(Value::Whole).collect())).collect();
            let rows = pairwise(&v).unwrap();
            let has = |row: &Row, o: usize, i: usize| row.label.split(',').any(|p| p == format!("-o{o}={i}"));
            for a in 0..sizes.len() {
                for b in a + 1..sizes.len() {
                    for (i, j) in (0..sizes[a]).flat_map(|i| (0..sizes[b]).map(move |j| (i, j))) {
                        prop_assert!(rows.iter().any(|r| has(r, a, i) && has(r, b, j)), "{a}={i} {b}={j}");
                    }
                }
            }
            prop_assert!(rows.len() <= product(&v).unwrap().len());
            prop_assert_eq!(rows, pairwise(&v).unwrap());
        }
    }

    #[test]
    fn few_rows_are_enough() {
        // 10 options of 3 values: 59049 combinations; the best known array has 14 rows
        let v: Values = (0..10).map(|o| (format!("-o{o}"), (0..3).map(Value::Whole).collect())).collect();
        let rows = pairwise(&v).unwrap().len();
        assert!((14..=24).contains(&rows), "{rows} rows");
    }
}
