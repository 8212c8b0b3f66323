//! The parts of a report that come from phase B1: the table, the gates, cache, speed.

use super::parity;
use super::{bytes, or_absent, seconds, table};
use crate::capture::model::{Capture, Judged, SizeResult};
use crate::gates::{self, Outcome, Verdict};
use crate::metrics::Comparison;
use std::fmt::Write;

/// One line that says what the comparison is worth, with its figure.
#[must_use]
pub fn verdict_line(capture: &Capture) -> String {
    let what = if capture.failure.is_some() {
        "ENGINE FAILED".into()
    } else {
        gates::pass_text(capture.verdict, &capture.gates)
    };
    format!("{what} — {}", found(capture))
}

/// What the comparison found, without the verdict.
#[must_use]
pub fn found(capture: &Capture) -> String {
    if let Some(failure) = &capture.failure {
        return failure.lines().next().unwrap_or_default().into();
    }
    let mut parts = Vec::new();
    for size in &capture.sizes {
        let name = size_name(size);
        match (&size.problem, worst(size)) {
            (Some(problem), _) => parts.push(format!("{name}: {problem}")),
            (None, Some(j)) => parts.push(format!("{name}: {}", figures(j))),
            (None, None) => parts.push(format!("{name}: nothing was compared")),
        }
        parts.extend(size.opinion.as_ref().map(|o| o.text.clone()));
    }
    if !capture.self_check.deterministic() {
        parts.push(determinism(capture));
    }
    parts.join("; ")
}

/// `1 − correlation …, sum ratio − 1 …`.
#[must_use]
pub fn figures(j: &Judged) -> String {
    let miss = j.comparison.one_minus_correlation.map_or("undefined".into(), |m| format!("{m:.3e}"));
    let ratio = j.comparison.sum_ratio.map_or("undefined".into(), |r| format!("{:+.3e}", r - 1.0));
    let by: Vec<&str> = j.gates.iter().filter(|o| !o.passed).map(|o| o.gate.metric.as_str()).collect();
    let by = if by.is_empty() { String::new() } else { format!(", blocked by {}", by.join(", ")) };
    format!("1 − correlation {miss}, sum ratio − 1 {ratio}{by}")
}

/// The worse of the cold and the warm comparison.
#[must_use]
pub fn worst(size: &SizeResult) -> Option<&Judged> {
    let key = |j: &&Judged| j.comparison.one_minus_correlation.unwrap_or(f64::INFINITY);
    [size.cold.as_ref(), size.warm.as_ref()].into_iter().flatten().max_by(|a, b| key(a).total_cmp(&key(b)))
}

/// `4096 × 4096`.
#[must_use]
pub fn size_name(size: &SizeResult) -> String {
    match size.shape {
        Some([f, s]) => format!("{f} × {s}"),
        None => format!("{} × {}", size.numbers.size, size.numbers.size),
    }
}

/// What the self-check found.
#[must_use]
pub fn determinism(capture: &Capture) -> String {
    let c = &capture.self_check;
    let one = |name: &str, differing: usize| {
        if differing == 0 {
            format!("{name} repeats itself bit by bit")
        } else {
            format!("{name} differs from itself in {differing} of {} values", c.pixels)
        }
    };
    match &c.problem {
        Some(problem) => format!("self-check: {problem}"),
        None => format!(
            "{}; {}",
            one(&capture.reference.name, c.reference_differing),
            one(&capture.candidate.name, c.candidate_differing)
        ),
    }
}

/// The table of times, memory and agreement.
#[must_use]
pub fn results(capture: &Capture) -> String {
    let mut text = String::new();
    for size in &capture.sizes {
        let n = &size.numbers;
        let time = |t: Option<f64>, name: &str| {
            or_absent(t.map(|t| {
                let ci = n.times.get(name).and_then(|s| s.ci95_mean);
                ci.map_or(seconds(t), |[a, b]| {
                    format!("{} [{}, {}]", seconds(t), seconds(a.max(0.0)), seconds(b))
                })
            }))
        };
        let times = |t: Option<f64>| t.map_or("—".into(), |t| format!("{t:.2} ×"));
        let memory = |m: Option<u64>| or_absent(m.map(bytes));
        let agreement = |j: Option<&Judged>, f: fn(&Judged) -> Option<f64>| {
            or_absent(j.and_then(f).map(|v| format!("{v:.3e}")))
        };
        let miss: fn(&Judged) -> Option<f64> = |j| j.comparison.one_minus_correlation;
        let ratio: fn(&Judged) -> Option<f64> = |j| j.comparison.sum_ratio.map(|r| r - 1.0);
        let dash = || "—".to_string();
        let rows = vec![
            vec![
                "Total".into(),
                time(n.c_time, "c_time"),
                time(n.rust_time_cold, "rust_time_cold"),
                time(n.rust_time_warm, "rust_time_warm"),
            ],
            vec![
                "Simulation".into(),
                time(n.c_sim, "c_sim"),
                time(n.rust_sim_cold, "rust_sim_cold"),
                time(n.rust_sim_warm, "rust_sim_warm"),
            ],
            vec![
                "Set-up".into(),
                dash(),
                time(n.rust_setup_cold, "rust_setup_cold"),
                time(n.rust_setup_warm, "rust_setup_warm"),
            ],
            vec!["Memory (peak)".into(), memory(n.c_mem), memory(n.rust_mem_cold), memory(n.rust_mem_warm)],
            vec![
                "1 − correlation".into(),
                dash(),
                agreement(size.cold.as_ref(), miss),
                agreement(size.warm.as_ref(), miss),
            ],
            vec![
                format!("Sum ratio − 1 against `{}`", capture.reference.name),
                dash(),
                agreement(size.cold.as_ref(), ratio),
                agreement(size.warm.as_ref(), ratio),
            ],
            vec!["Speed-up".into(), "1 ×".into(), times(n.speedup_cold), times(n.speedup_warm)],
        ];
        let _ = writeln!(text, "### {} pixels\n", size_name(size));
        let head = [
            "",
            &format!("reference `{}`", capture.reference.name),
            &format!("candidate `{}`, cold", capture.candidate.name),
            "candidate, warm",
        ];
        text.push_str(&table(&head, &rows));
        let _ = writeln!(
            text,
            "\nMedians of {} rounds on {} threads, with the 95 % interval of the mean; times include {}.\n",
            n.iterations, capture.threads, capture.times_include
        );
    }
    text
}

/// Required, actual and deficit of every gate.
#[must_use]
pub fn thresholds(capture: &Capture) -> String {
    let mut rows = Vec::new();
    for size in &capture.sizes {
        for (render, judged) in renders(size) {
            let image = format!("{}, {render}", size_name(size));
            rows.extend(judged.gates.iter().map(|gate| gate_row(&image, gate, &judged.comparison)));
        }
    }
    if rows.is_empty() {
        return "No gate was reached: there was nothing to compare.\n".into();
    }
    let mut text =
        table(&["image", "gate", "required", "actual", "deficit", "would pass at", "margin", ""], &rows);
    text.push('\n');
    for gate in &capture.gates {
        let changed = match (&gate.changed_by, gate.shipped_limit) {
            (Some(by), Some(was)) if gate.off => {
                format!(" (**taken out** by {by}; the limit that ships is {was})")
            }
            (Some(by), Some(was)) => format!(" (**changed** by {by}; the limit that ships is {was})"),
            (Some(by), None) => format!(" (**added** by {by})"),
            _ => String::new(),
        };
        let _ = writeln!(text, "- `{}`: {}{changed}", gate.metric, gate.reason);
    }
    for size in &capture.sizes {
        for (render, judged) in renders(size) {
            if let Some(test) = &judged.self_test {
                let _ = write!(
                    text,
                    "\n**Gate self-test**, {}, {render}: {}",
                    size_name(size),
                    parity::mutants_table(test)
                );
            }
        }
    }
    text
}

/// What was judged: the warm image is as a rule the cold one, bit by bit, and then they are one.
#[must_use]
pub fn renders(size: &SizeResult) -> Vec<(&'static str, &Judged)> {
    match (&size.cold, &size.warm) {
        (Some(cold), Some(warm)) if cold.gates == warm.gates && cold.comparison == warm.comparison => {
            vec![("cold and warm", cold)]
        }
        (cold, warm) => {
            let both = [("cold", cold), ("warm", warm)];
            both.into_iter().filter_map(|(name, j)| Some((name, j.as_ref()?))).collect()
        }
    }
}

fn gate_row(image: &str, o: &Outcome, comparison: &Comparison) -> Vec<String> {
    let actual = match (&o.note, o.actual) {
        (Some(note), None) => note.clone(),
        _ => parity::actual(o, Some(comparison)),
    };
    vec![
        image.into(),
        format!("`{}`", o.gate.metric),
        parity::required(o),
        actual,
        o.deficit.map_or("none".into(), |d| format!("{d:.3e}")),
        if o.passed { String::new() } else { o.would_pass_at.map_or(String::new(), gates::limit_text) },
        o.margin.filter(|_| o.passed).map_or(String::new(), parity::times),
        match (o.gate.off, o.passed) {
            (true, _) => "**not judged**",
            (false, true) => "pass",
            (false, false) => "**BLOCKED**",
        }
        .into(),
    ]
}

/// What the cached set-up gives.
#[must_use]
pub fn cache(capture: &Capture) -> String {
    let mut text = String::new();
    for size in &capture.sizes {
        let n = &size.numbers;
        match (n.rust_setup_cold, n.rust_setup_warm, n.cache_hit_warm) {
            (Some(cold), Some(warm), Some(hit)) => {
                let _ = write!(
                    text,
                    "- {}: set-up {} cold, {} warm",
                    size_name(size),
                    seconds(cold),
                    seconds(warm)
                );
                if let Some(ratio) = n.cache_speedup {
                    let _ = write!(text, " ({ratio:.1} × faster)");
                }
                let _ =
                    write!(text, "; the warm render {} the cache", if hit { "hit" } else { "**missed**" });
                let over = warm * 1e3 > capture.warm_setup_limit_ms;
                let _ = writeln!(
                    text,
                    "{}.",
                    if over {
                        format!("; **above the limit of {} ms**", capture.warm_setup_limit_ms)
                    } else {
                        String::new()
                    }
                );
            }
            _ => {
                let _ = writeln!(
                    text,
                    "- {}: not measured (the candidate does not tell its set-up)",
                    size_name(size)
                );
            }
        }
    }
    text
}

/// Whether the aim is met.
#[must_use]
pub fn speed_target(capture: &Capture) -> String {
    let mut text = String::new();
    for size in &capture.sizes {
        let (speed, which) = match size.numbers.speedup_warm {
            Some(s) => (Some(s), "warm"),
            None => (size.numbers.speedup_cold, "cold"),
        };
        let line = match speed {
            Some(s) if s >= capture.speed_target => format!("met: {s:.2} × the reference ({which})"),
            Some(s) => format!("missed: {s:.2} × the reference ({which})"),
            None => "not measured".into(),
        };
        let _ = writeln!(text, "- {}: aim {:.1} ×, {line}.", size_name(size), capture.speed_target);
    }
    if capture.verdict != Verdict::Pass {
        text.push_str(
            "- Parity does not hold: these speeds are those of a different answer, and mean nothing.\n",
        );
    }
    text
}
