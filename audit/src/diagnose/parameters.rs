//! What engines say about themselves: parameters side by side, and the image's shape.

use super::model::Parameter;

/// Relative rounding of parameters in logs (`%g` prints six digits).
const DIGITS: f64 = 5e-6;

/// Lines that differ from run to run, or that tell about the image and not about what was asked for.
const RESULTS: [&str; 13] = [
    "pixel loop",
    "maximum",
    "mean",
    "rms",
    "image:",
    "solid angle",
    "wrote",
    "written",
    "seconds",
    "threads",
    "progress",
    "warning",
    "engine:",
];

/// A parameter that engines of different make both print: its name, and what stands before or after its number.
const KNOWN: &[(&str, &[Mark])] = &[
    ("pixels along fast", &[Mark::After("detector: ")]),
    ("pixel size (mm)", &[Mark::After("pixels of ")]),
    ("distance (mm)", &[Mark::After("  distance "), Mark::After(" mm at ")]),
    ("wavelength (Å)", &[Mark::After("wavelength "), Mark::After("beam: ")]),
    ("fluence (photons/m²)", &[Mark::After("fluence "), Mark::Before(" photons/m²")]),
    ("cells along a", &[Mark::After("crystal: ")]),
    ("sources", &[Mark::Before(" sources")]),
    ("mosaic domains", &[Mark::Before(" mosaic domains")]),
    ("phi steps", &[Mark::Before(" phi steps"), Mark::Before(" spindle steps")]),
    ("oversample", &[Mark::After("oversample "), Mark::Before(" sub-pixels")]),
    ("sensor layers", &[Mark::Before(" layers of"), Mark::Before(" sensor layers")]),
];

enum Mark {
    Before(&'static str),
    After(&'static str),
}

/// Pixels along fast and slow, from a line such as `detector: 64 x 48 pixels`.
#[must_use]
pub fn shape(log: &str) -> Option<(usize, usize)> {
    log.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("detector:")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        match words.as_slice() {
            [f, "x" | "×", s, "pixels", ..] => Some((f.parse().ok()?, s.parse().ok()?)),
            _ => None,
        }
    })
}

/// Both engines' parameters side by side: lines of the same wording number by number, and known parameters.
#[must_use]
pub fn side_by_side(reference: &str, candidate: &str) -> Vec<Parameter> {
    let mut rows = Vec::new();
    let others: Vec<(String, Vec<f64>)> = lines(candidate);
    for (wording, values) in lines(reference) {
        let Some((_, other)) = others.iter().find(|(w, _)| *w == wording) else { continue };
        let agrees = values.len() == other.len() && values.iter().zip(other).all(|(a, b)| same(*a, *b));
        rows.push(Parameter { name: wording, reference: text(&values), candidate: text(other), agrees });
    }
    if rows.is_empty() {
        for (name, marks) in KNOWN {
            let find = |log: &str| marks.iter().find_map(|m| marked(log, m));
            if let (Some(a), Some(b)) = (find(reference), find(candidate)) {
                rows.push(Parameter {
                    name: (*name).into(),
                    reference: text(&[a]),
                    candidate: text(&[b]),
                    agrees: same(a, b),
                });
            }
        }
    }
    rows
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= DIGITS * a.abs().max(b.abs())
}

fn text(values: &[f64]) -> String {
    values
        .iter()
        .map(
            |v| {
                if v.abs() >= 1e5 || (*v != 0.0 && v.abs() < 1e-3) {
                    format!("{v:e}")
                } else {
                    format!("{v}")
                }
            },
        )
        .collect::<Vec<_>>()
        .join(" ")
}

/// Each line with numbers, its numbers replaced by `#`.
fn lines(log: &str) -> Vec<(String, Vec<f64>)> {
    let mut found: Vec<(String, Vec<f64>)> = Vec::new();
    for line in log.lines() {
        let lower = line.to_lowercase();
        if RESULTS.iter().any(|r| lower.contains(r)) {
            continue;
        }
        let mut values = Vec::new();
        let words: Vec<String> = line
            .split_whitespace()
            .map(|w| match w.trim_end_matches([',', ';', ')']).parse::<f64>() {
                Ok(v) => {
                    values.push(v);
                    "#".to_owned()
                }
                Err(_) => w.to_owned(),
            })
            .collect();
        let wording = words.join(" ");
        if !values.is_empty() && words.iter().any(|w| w != "#") && !found.iter().any(|(w, _)| *w == wording) {
            found.push((wording, values));
        }
    }
    found
}

fn marked(log: &str, mark: &Mark) -> Option<f64> {
    let number = |w: &str| w.trim_end_matches([',', ';', ')']).parse::<f64>().ok();
    log.lines().find_map(|line| match mark {
        Mark::After(text) => {
            let at = line.find(text)?;
            number(line[at + text.len()..].split_whitespace().next()?)
        }
        Mark::Before(text) => {
            let at = line.find(text)?;
            number(line[..at].split_whitespace().next_back()?)
        }
    })
}

/// Files that a log names as read: words that look like a file name beside a word for reading.
#[must_use]
pub fn files_named(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let lower = line.to_lowercase();
        let reads =
            ["read", "cache", "from ", "load", "open", "using", "config"].iter().any(|w| lower.contains(w));
        if !reads || lower.contains("writ") || lower.contains("wrote") {
            continue;
        }
        for word in line.split([' ', '\t', ',', '"', '\'', '=', '(', ')']) {
            let word = word.trim_end_matches([':', '.', ';']);
            let looks = word.rsplit_once('.').is_some_and(|(stem, end)| {
                !stem.is_empty()
                    && (1..=5).contains(&end.len())
                    && end.chars().all(char::is_alphanumeric)
                    && end.chars().any(char::is_alphabetic)
            }) || word.starts_with('/')
                || (word.starts_with('.') && word.len() > 2);
            if looks && !found.iter().any(|f| f == word) {
                found.push(word.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: &str = "detector: 64 x 48 pixels of 0.5 mm, MOSFLM convention\n  distance 100 mm, close distance 100 mm\n\
        crystal: 4 x 4 x 4 cells, square\nbeam: wavelength 1 A, fluence 1.25932e+29 photons/m^2\n  1 sources: x\n\
        steps: 2 mosaic domains of 0.5 degrees, 3 phi steps of 0.5\npixel loop: 0.5 s on 2 threads\n";
    const RUST: &str = "detector: 64 × 48 pixels of 0.500000 mm at 100.000000 mm\nbeam: 1.000000 Å, 1.259320e29 photons/m²\n\
        crystal: 5 × 4 × 4 cells of 70\nsteps: 1 sources, 3 spindle steps, 2 mosaic domains, oversample 1, 1 sensor layers\n";

    #[test]
    fn logs_of_different_make() {
        assert_eq!((shape(C), shape(RUST), shape("x")), (Some((64, 48)), Some((64, 48)), None));
        let rows = side_by_side(C, RUST);
        let wrong: Vec<&str> = rows.iter().filter(|r| !r.agrees).map(|r| r.name.as_str()).collect();
        assert_eq!(wrong, ["cells along a"]);
        assert!(rows.len() >= 7, "{rows:#?}");
    }

    #[test]
    fn logs_of_the_same_make() {
        let rows = side_by_side(
            C,
            &C.replace("distance 100 mm, close", "distance 1000 mm, close").replace("0.5 s", "0.9 s"),
        );
        let wrong: Vec<(&str, &str)> =
            rows.iter().filter(|r| !r.agrees).map(|r| (r.reference.as_str(), r.candidate.as_str())).collect();
        assert_eq!(wrong, [("100 100", "1000 100")]);
    }

    #[test]
    fn files_in_logs() {
        let log =
            "structure factors: cache Fdump.bin, h 1..2\nwrote out.bin\nreading config from /etc/x.rc\n";
        assert_eq!(files_named(log), ["Fdump.bin", "/etc/x.rc"]);
    }
}
