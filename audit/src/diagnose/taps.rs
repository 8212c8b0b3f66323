//! Intermediate values of one pixel, as engines print them: our engines' `--trace-pixel`, nanoBragg's `-printout`, or
//! lines that begin with a name.

/// Where in the loops a value was taken: loop variables from the outside in.
pub type Place = Vec<(String, i64)>;

/// One value, a number or a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// Its name.
    pub name: String,
    /// Where in the loops.
    pub at: Place,
    /// Its components.
    pub value: Vec<f64>,
}

/// All values of one pixel, in the order in which they were printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Pixel along fast and slow.
    pub pixel: (usize, usize),
    /// The values.
    pub taps: Vec<Tap>,
    /// Relative rounding of what was printed: an engine that prints six digits cannot differ less.
    pub rounding: f64,
}

impl Trace {
    /// The value of that name at that place.
    #[must_use]
    pub fn get(&self, name: &str, at: &Place) -> Option<&[f64]> {
        self.taps.iter().find(|t| t.name == name && t.at == *at).map(|t| t.value.as_slice())
    }

    /// The first value of that name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[f64]> {
        self.taps.iter().find(|t| t.name == name).map(|t| t.value.as_slice())
    }

    /// The first number of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.first(name).and_then(|v| v.first()).copied()
    }

    /// How many different values a loop variable takes.
    #[must_use]
    pub fn count(&self, variable: &str) -> usize {
        let mut seen: Vec<i64> = Vec::new();
        for (name, value) in self.taps.iter().flat_map(|t| &t.at) {
            if name == variable && !seen.contains(value) {
                seen.push(*value);
            }
        }
        seen.len()
    }
}

/// Rounding of numbers printed with all their digits.
const EXACT: f64 = 1e-15;

/// Rounding of `%g`: six digits.
const SIX_DIGITS: f64 = 2e-6;

/// Values that say where in the loops, though they are printed like values.
const COUNTERS: [&str; 3] = ["sub_slow", "sub_fast", "domain"];

/// Reads a trace as our engines print it (`--trace-pixel`, as text).
#[must_use]
pub fn ours(log: &str, pixel: (usize, usize)) -> Option<Trace> {
    let start = log.lines().position(|l| l.trim() == "schema = nanobragg-trace/1")?;
    let mut at: Vec<(usize, Place)> = Vec::new(); // indentation, and the loop variables that begin there
    let mut taps = Vec::new();
    for line in log.lines().skip(start + 1) {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, number] if number.parse::<i64>().is_ok() => {
                at.retain(|(i, _)| *i < indent);
                at.push((indent, vec![((*name).to_owned(), number.parse().unwrap_or_default())]));
            }
            [name, "=", values @ ..] => {
                at.retain(|(i, _)| *i < indent);
                if COUNTERS.contains(name) {
                    if let (Some((_, place)), [value]) = (at.last_mut(), values) {
                        place.push(((*name).to_owned(), value.parse().unwrap_or_default()));
                    }
                    continue;
                }
                let value: Option<Vec<f64>> = values.iter().map(|v| number(v)).collect();
                let Some(value) = value.filter(|v| !v.is_empty()) else { continue };
                let place = at.iter().flat_map(|(_, p)| p.clone()).collect();
                taps.push(Tap { name: (*name).to_owned(), at: place, value });
                if *name == "image" {
                    break;
                }
            }
            _ => {}
        }
    }
    (!taps.is_empty()).then_some(Trace { pixel, taps, rounding: EXACT })
}

fn number(word: &str) -> Option<f64> {
    match word {
        "true" => Some(1.0),
        "false" => Some(0.0),
        "null" => Some(f64::NAN),
        _ => word.parse().ok(),
    }
}

/// What nanoBragg's `-printout -printout_pixel F S` prints after each label, and the name it has here. The last block
/// of the log counts: it holds the finished pixel.
const PRINTOUT: [(&str, &str, usize); 9] = [
    ("at", "position", 3),
    ("hkl=", "hkl", 3),
    ("hkl0=", "nearest", 3),
    ("F_latt=", "F_latt", 1),
    ("F_cell=", "F_cell", 1),
    ("I", "sum", 1),
    ("polar", "polarization", 1),
    ("omega", "solid_angle", 1),
    ("pixel", "pixel", 1),
];

/// Reads what nanoBragg prints for `-printout`.
#[must_use]
pub fn printout(log: &str, pixel: (usize, usize)) -> Option<Trace> {
    let mut found: Vec<Option<Vec<f64>>> = vec![None; PRINTOUT.len()];
    let mut inside = false;
    for line in log.lines() {
        inside = inside || line.contains(": stol =");
        if !inside {
            continue;
        }
        let spaced = line.replace('=', "= ").replace(" =", "=");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        for (slot, (label, _, count)) in found.iter_mut().zip(PRINTOUT) {
            let label_at = words.iter().position(|w| *w == label || (label == "I" && *w == "I="));
            let Some(i) = label_at else { continue };
            let values: Option<Vec<f64>> =
                words.iter().skip(i + 1).take(count).map(|w| w.parse().ok()).collect();
            if let Some(values) = values.filter(|v| v.len() == count) {
                *slot = Some(values);
            }
        }
    }
    let mut taps: Vec<Tap> = found
        .into_iter()
        .zip(PRINTOUT)
        .filter_map(|(value, (_, name, _))| {
            Some(Tap { name: name.to_owned(), at: Vec::new(), value: value? })
        })
        .collect();
    if taps.is_empty() {
        return None;
    }
    taps.sort_by_key(|t| super::flow::rank(&t.name));
    Some(Trace { pixel, taps, rounding: SIX_DIGITS })
}

/// Values that an engine's log pattern has found: name and numbers. A name that comes again is another step of a loop.
#[must_use]
pub fn named(found: &[(String, String)], pixel: (usize, usize)) -> Option<Trace> {
    let mut taps: Vec<Tap> = Vec::new();
    for (name, values) in found {
        let words = values.split([' ', ',', '\t', '[', ']', '(', ')']).filter(|w| !w.is_empty());
        // words that are no numbers are units, or a type around the number: `1.5 K`, `np.float64(1.5)`
        let value: Vec<f64> = words.filter_map(number).collect();
        if value.is_empty() {
            continue;
        }
        let step = taps.iter().filter(|t| t.name == *name).count() as i64;
        taps.push(Tap { name: name.trim().to_owned(), at: vec![("step".into(), step)], value });
    }
    (!taps.is_empty()).then_some(Trace { pixel, taps, rounding: EXACT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_traces() {
        let log = "detector: x\nschema = nanobragg-trace/1\nengine = c\nfpixel = 3\ncomputed = true\nlayer 0\n  sub_slow = 1\n  \
                   sub_fast = 0\n  position = 0.1 0.2 -3e-1\n  source 0\n    lambda = 1e-10\n    phi_step 1\n      domain = 2\n      \
                   F_latt = 4\nsum = 5\nimage = nan\nwrote = 3\n";
        let t = ours(log, (3, 4)).unwrap();
        let deep: Place =
            [("layer", 0), ("sub_slow", 1), ("sub_fast", 0), ("source", 0), ("phi_step", 1), ("domain", 2)]
                .map(|(n, v)| (n.to_owned(), v))
                .to_vec();
        assert_eq!(t.get("F_latt", &deep), Some(&[4.0][..]));
        assert_eq!(t.first("position"), Some(&[0.1, 0.2, -0.3][..]));
        assert_eq!((t.number("sum"), t.number("computed"), t.count("domain")), (Some(5.0), Some(1.0), 1));
        assert!(t.number("image").unwrap().is_nan() && t.number("wrote").is_none());
        assert_eq!(ours("nothing here", (0, 0)), None);
    }

    #[test]
    fn nanobraggs_printout() {
        // the format strings of nanoBragg.c
        let log = " 512  512 : stol = 0.1 or 0.1\nat 0.1 0.002 -0.003\nhkl= 1.250000 -2.500000 3.750000  hkl0= 1 -2 4\n \
                   F_cell=100  F_latt=12.5   I = 1.5625e+06\nI/steps      390625\npolar   0.9987654321\nomega   1.23456e-06\n\
                   pixel   42.5\nreal-space cell vectors (Angstrom):\n";
        let t = printout(log, (512, 512)).unwrap();
        assert_eq!(t.first("hkl"), Some(&[1.25, -2.5, 3.75][..]));
        assert_eq!(t.first("nearest"), Some(&[1.0, -2.0, 4.0][..]));
        let numbers =
            ["F_cell", "F_latt", "sum", "polarization", "solid_angle", "pixel"].map(|n| t.number(n).unwrap());
        assert_eq!(numbers, [100.0, 12.5, 1.5625e6, 0.998_765_432_1, 1.23456e-6, 42.5]);
        assert_eq!(printout("I = 3", (0, 0)), None);
    }

    #[test]
    fn taps_of_other_engines() {
        let list = [("u", "1.5 K"), ("lap", "[2, 3]"), ("bad", "x"), ("u", "np.float64(2.5)")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        let t = named(&list, (1, 1)).unwrap();
        assert_eq!((t.number("u"), t.first("lap")), (Some(1.5), Some(&[2.0, 3.0][..])));
        assert_eq!((t.taps.len(), t.count("step")), (3, 2));
    }
}
