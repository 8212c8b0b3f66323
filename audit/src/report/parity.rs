//! How two images compare, for a terminal and for Markdown: gates with margins, the other metrics, where the worst
//! lies, the self-test of the gates.

use super::table;
use crate::gates::{CORRELATION, Direction, Outcome, limit_text as limit};
use crate::metrics::{self, Comparison};
use crate::mutants::SelfTest;
use std::fmt::Write;

/// A number as tables show it.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if (0.01..1e5).contains(&v) && value.fract() == 0.0 => format!("{value}"),
        v if (0.01..1e5).contains(&v) => format!("{value:.6}"),
        _ => format!("{value:.3e}"),
    }
}

/// The value a gate met; a correlation by its distance to 1, never as a rounded 1.
#[must_use]
pub fn actual(o: &Outcome, comparison: Option<&Comparison>) -> String {
    match (o.actual, comparison.and_then(|c| c.one_minus_correlation)) {
        (Some(_), Some(miss)) if o.gate.metric == CORRELATION => format!("1 − {miss:.3e}"),
        (Some(value), _) => figure(value),
        (None, _) => "undefined".into(),
    }
}

/// `≤ 0.001`.
#[must_use]
pub fn required(o: &Outcome) -> String {
    let sign = match o.gate.direction {
        Direction::AtLeast => "≥",
        Direction::AtMost => "≤",
    };
    format!("{sign} {}", limit(o.gate.limit))
}

/// `12 ×` below the limit, what would have passed, or why the gate had nothing to judge.
#[must_use]
pub fn margin(o: &Outcome) -> String {
    match (&o.note, o.would_pass_at, o.margin) {
        (Some(note), _, _) => note.clone(),
        (None, Some(at), _) => format!("would pass at {}", limit(at)),
        (None, None, Some(m)) => format!("{} to spare", times(m)),
        (None, None, None) if o.passed => "exact".into(),
        (None, None, None) => String::new(),
    }
}

/// `12.0 ×`.
#[must_use]
pub fn times(margin: f64) -> String {
    if margin >= 1e4 { format!("{margin:.0e} ×") } else { format!("{margin:.1} ×") }
}

/// The gates, one line each.
#[must_use]
pub fn gates_text(outcomes: &[Outcome], comparison: &Comparison) -> String {
    let mut t = String::new();
    for o in outcomes {
        let mark = if o.gate.off {
            "·"
        } else if o.passed {
            "✔"
        } else {
            "✘"
        };
        let changed = o.gate.changed_by.as_ref().map_or(String::new(), |by| {
            let before = o.gate.shipped_limit.map_or("no gate".into(), limit);
            format!("  [{by}, was {before}: {}]", o.gate.reason)
        });
        let _ = writeln!(
            t,
            "  {mark} {:<22} {:>14}  required {:<10} {}{changed}",
            o.gate.metric,
            actual(o, Some(comparison)),
            required(o),
            margin(o)
        );
    }
    t
}

/// Every metric, one line each, with what it is.
#[must_use]
pub fn metrics_text(comparison: &Comparison, without: &[Outcome]) -> String {
    let mut t = String::new();
    for m in metrics::metrics().iter().filter(|m| !without.iter().any(|o| o.gate.metric == m.name)) {
        let beyond = m.name.starts_with("ulp_") && comparison.differing > 0;
        let unknown = if beyond { "65535 or more" } else { "undefined" };
        let value = m.of(comparison).map_or(unknown.into(), figure);
        let _ = writeln!(t, "    {:<27} {value:>14}  {}", m.name, m.about);
    }
    t
}

/// Where the worst of everything lies.
#[must_use]
pub fn places(comparison: &Comparison) -> Vec<String> {
    let c = comparison;
    let mut lines = vec![format!(
        "{} of {} values differ; sums {} and {}, maxima {} and {}",
        c.differing,
        c.pixels,
        figure(c.reference_sum),
        figure(c.candidate_sum),
        figure(c.reference_max),
        figure(c.candidate_max)
    )];
    let Some(x) = c.extended.as_ref().filter(|_| c.differing > 0) else { return lines };
    if let Some(far) = x.local_error.max {
        lines.push(format!(
            "local error: {} in the 8 × 8 pixels from fast {}, slow {} on; {} such cells are off by more than 0.1 %",
            figure(far),
            x.local_error.at[0],
            x.local_error.at[1],
            x.local_error.cells_above_1e_3
        ));
    }
    if let Some([fast, slow]) = x.vanished.at {
        lines.push(format!(
            "{} pixels are exactly 0 in one image alone, the first at fast {fast}, slow {slow}",
            x.vanished.pixels
        ));
    }
    if let (Some(sum), Some(l1)) = (x.tiles.sum_error, x.tiles.l1) {
        let at = |p: [usize; 2]| format!("fast {}, slow {}", p[0], p[1]);
        lines.push(format!(
            "tiles of 64 pixels ({} × {}): sum off by {} from {} on, Σ|difference| {} from {} on, {} times the counting noise from {} on",
            x.tiles.across, x.tiles.down, figure(sum), at(x.tiles.sum_error_at), figure(l1), at(x.tiles.l1_at), figure(x.tiles.z), at(x.tiles.z_at)
        ));
    }
    if let Some(w) = &c.worst {
        let width = x.shape.width;
        lines.push(format!(
            "largest relative error {} at fast {}, slow {} (reference {}, candidate {})",
            figure(w.relative_error),
            w.index % width,
            w.index / width,
            figure(w.reference),
            figure(w.candidate)
        ));
    }
    let p = &x.peaks;
    lines.push(format!("peaks: {} in the reference, {} in the candidate", p.reference, p.candidate));
    if let (Some(most), Some(at)) = (p.intensity_max, p.intensity_at) {
        lines.push(format!("peak that changes most: by {} at fast {}, slow {}", figure(most), at[0], at[1]));
    }
    if !p.missing.is_empty() {
        let list: Vec<String> = p.missing.iter().take(5).map(|[x, y]| format!("({x}, {y})")).collect();
        lines.push(format!("peaks without a partner, brightest first (fast, slow): {}", list.join(" ")));
    }
    lines
}

/// The self-test, one line a mutant.
#[must_use]
pub fn mutants_text(test: &SelfTest) -> String {
    let mut t = format!("{} ({:.2} s, on the {})\n", test.line(), test.seconds, test.mutated);
    for m in &test.mutants {
        let (mark, what) = verdict(m);
        let _ = writeln!(t, "  {mark} {:<19} {what}", m.name);
    }
    t
}

fn verdict(m: &crate::mutants::Mutant) -> (&'static str, String) {
    let by = m.caught_by.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = m.caught_by.len().saturating_sub(3);
    let by = if more > 0 { format!("{by} and {more} more") } else { by };
    match (&m.note, m.caught) {
        (Some(note), _) => ("·", note.clone()),
        (None, true) => ("✔", format!("blocked by {by}")),
        (None, false) => ("✘", "PASSES all gates".into()),
    }
}

/// The self-test as a Markdown table.
#[must_use]
pub fn mutants_table(test: &SelfTest) -> String {
    let rows: Vec<Vec<String>> = test
        .mutants
        .iter()
        .map(|m| {
            let (mark, what) = verdict(m);
            vec![mark.into(), m.name.clone(), m.defect.clone(), what]
        })
        .collect();
    let part = test.part.map_or(String::new(), |r| {
        format!(
            " The image is large: mutants were made of fast {} to {}, slow {} to {}.",
            r.x0,
            r.x1 - 1,
            r.y0,
            r.y1 - 1
        )
    });
    format!(
        "{}. Mutants of the {}, {:.2} s.{part}\n\n{}",
        test.line(),
        test.mutated,
        test.seconds,
        table(&["", "mutant", "defect", "gates"], &rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_matters() {
        assert_eq!(
            [0.0, 1.0, 3.5e-7, 0.25, 1e9, 4096.0].map(figure),
            ["0", "1", "3.500e-7", "0.250000", "1.000e9", "4096"]
        );
        assert_eq!([0.999, 5e-3, 1.0].map(limit), ["0.999", "5e-3", "1"]);
    }
}
