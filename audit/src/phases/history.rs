//! `history`: all attempts of an initiative, what repeats in them, and a plot.

use super::Context;
use crate::exit::{AuditError, Result};
use crate::ledger::{self, Line};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What `history` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "  bragg-audit history                 the last attempts, failures in a row, what repeats
  bragg-audit history --limit 0       all of them
  bragg-audit history --plot p.svg    correlation and speed over attempts
  bragg-audit --json history          for programs"
)]
pub struct HistoryArgs {
    /// Attempts shown, the newest; 0 for all
    #[arg(long, value_name = "N", default_value = "20")]
    pub limit: usize,
    /// Only attempts of this case
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Where the plot goes [default: history.svg beside the ledger]
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// What the ledger tells.
#[derive(Debug, Serialize)]
pub struct History {
    /// The initiative.
    pub initiative: String,
    /// Attempts, oldest first.
    pub attempts: Vec<Line>,
    /// Lines that cannot be read.
    pub broken_lines: usize,
    /// Case by case.
    pub cases: Vec<CaseHistory>,
    /// The plot.
    pub plot: Option<PathBuf>,
}

/// What the attempts of one case have in common.
#[derive(Debug, Serialize)]
pub struct CaseHistory {
    /// The case.
    pub case: String,
    /// How many attempts.
    pub attempts: usize,
    /// Failures since the last pass.
    pub failures_in_a_row: usize,
    /// Stamp and commit of the last pass.
    pub last_pass: Option<(String, Option<String>)>,
    /// Figures that are the same to the last digit on different commits or with different executables.
    pub repeated: Vec<Repeated>,
}

/// Failed attempts with the same figures.
#[derive(Debug, Serialize)]
pub struct Repeated {
    /// 1 − correlation of the first size.
    pub one_minus_correlation: Option<f64>,
    /// Attempts that have it.
    pub attempts: usize,
    /// Different commits among them.
    pub commits: usize,
    /// Different executables of the candidate among them.
    pub executables: usize,
}

/// Reads the ledger and writes the plot.
///
/// # Errors
/// When the plot cannot be written.
pub fn history(ctx: &Context, args: &HistoryArgs) -> Result<History> {
    let (lines, broken_lines) = ledger::read(&ctx.ledger());
    let attempts: Vec<Line> = lines
        .into_iter()
        .filter(Line::is_attempt)
        .filter(|l| args.case.is_none() || l.case == args.case)
        .collect();
    let mut by_case: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in &attempts {
        by_case.entry(line.case.as_deref().unwrap_or("")).or_default().push(line);
    }
    let cases = by_case.into_iter().map(|(case, lines)| of_case(case, &lines)).collect();
    let plot = match (&args.plot, attempts.is_empty()) {
        (_, true) => None,
        (Some(file), _) => Some(file.clone()),
        (None, _) => Some(ctx.ledger().with_file_name("history.svg")),
    };
    if let Some(file) = &plot {
        write(file, &svg(&attempts))?;
    }
    Ok(History { initiative: ctx.initiative.clone(), attempts, broken_lines, cases, plot })
}

/// Written beside, then renamed.
fn write(file: &Path, text: &str) -> Result<()> {
    let problem = |e: std::io::Error| AuditError::failed(file.display(), e);
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = tempfile::NamedTempFile::new_in(folder).map_err(problem)?;
    std::io::Write::write_all(&mut out, text.as_bytes()).map_err(problem)?;
    use std::os::unix::fs::PermissionsExt;
    out.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(problem)?;
    out.persist(file).map(|_| ()).map_err(|e| problem(e.error))
}

fn of_case(case: &str, lines: &[&Line]) -> CaseHistory {
    let failures_in_a_row = lines.iter().rev().take_while(|l| l.verdict != "pass").count();
    let last_pass =
        lines.iter().rev().find(|l| l.verdict == "pass").map(|l| (l.stamp.clone(), l.commit.clone()));
    CaseHistory {
        case: case.into(),
        attempts: lines.len(),
        failures_in_a_row,
        last_pass,
        repeated: repeated(lines),
    }
}

/// Failures whose figures are the same to the last digit though commit or executable changed: what makes them does not
/// depend on the code.
#[must_use]
pub fn repeated(lines: &[&Line]) -> Vec<Repeated> {
    let mut groups: BTreeMap<Vec<ledger::Figures>, Vec<&Line>> = BTreeMap::new();
    for line in lines
        .iter()
        .filter(|l| l.verdict != "pass" && l.sizes.iter().any(|z| z.one_minus_correlation.is_some()))
    {
        groups.entry(line.figures()).or_default().push(line);
    }
    let distinct = |group: &[&Line], of: fn(&Line) -> Option<&String>| {
        group.iter().filter_map(|l| of(l)).collect::<BTreeSet<_>>().len()
    };
    groups
        .into_values()
        .map(|g| Repeated {
            one_minus_correlation: g[0].sizes.first().and_then(|z| z.one_minus_correlation),
            attempts: g.len(),
            commits: distinct(&g, |l| l.commit.as_ref()),
            executables: distinct(&g, |l| l.candidate_sha256.as_ref()),
        })
        .filter(|r| r.commits > 1 || r.executables > 1)
        .collect()
}

impl History {
    /// For a terminal; `limit` newest attempts, 0 for all.
    #[must_use]
    pub fn text(&self, limit: usize) -> String {
        if self.attempts.is_empty() {
            return format!("Initiative {}: no attempts yet\nNext: bragg-audit run\n", self.initiative);
        }
        let mut t = format!("Initiative {}: {} attempts\n\n", self.initiative, self.attempts.len());
        let first = if limit == 0 { 0 } else { self.attempts.len().saturating_sub(limit) };
        let _ = writeln!(
            t,
            "{:>5}  {:<20} {:<14} {:<12} {:>12} {:>12} {:>8}  {:<10} case",
            "", "stamp", "verdict", "size", "1 - corr", "sum ratio-1", "speed", "commit"
        );
        for (i, l) in self.attempts.iter().enumerate().skip(first) {
            let z = l.sizes.first();
            let figure = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3e}"));
            let _ = writeln!(
                t,
                "{:>5}  {:<20} {:<14} {:<12} {:>12} {:>12} {:>8}  {:<10} {}",
                i + 1,
                l.stamp,
                if l.loosened.is_empty() { l.verdict.clone() } else { format!("{}, LOOSE", l.verdict) },
                l.sizes.iter().map(|z| z.size.to_string()).collect::<Vec<_>>().join(","),
                figure(z.and_then(|z| z.one_minus_correlation)),
                figure(z.and_then(|z| z.sum_ratio).map(|s| s - 1.0)),
                z.and_then(|z| z.speedup_warm).map_or("-".into(), |s| format!("{s:.2}x")),
                l.commit.as_deref().and_then(|c| c.get(..10)).unwrap_or("-"),
                l.case.as_deref().unwrap_or("")
            );
        }
        for c in &self.cases {
            let _ = write!(t, "\n{}: {} attempts", c.case, c.attempts);
            if c.failures_in_a_row > 0 {
                let _ = write!(t, ", {} failures in a row", c.failures_in_a_row);
            }
            match &c.last_pass {
                Some((stamp, commit)) => {
                    let _ = write!(
                        t,
                        ", last pass {stamp} at {}",
                        commit.as_deref().and_then(|c| c.get(..10)).unwrap_or("an unknown commit")
                    );
                }
                None => t.push_str(", never passed"),
            }
            for r in &c.repeated {
                let _ = write!(
                    t,
                    "\n  {} failures have the same figures to the last digit (1 - correlation {}) on {} commits and with {} executables: what makes them does not depend on the code; \
                     `bragg-audit diagnose --in-place DIR` looks for it",
                    r.attempts,
                    r.one_minus_correlation.map_or("undefined".into(), |v| format!("{v:e}")),
                    r.commits,
                    r.executables
                );
            }
        }
        t.push('\n');
        if self.broken_lines > 0 {
            let _ = writeln!(t, "{} lines of the ledger cannot be read", self.broken_lines);
        }
        if let Some(plot) = &self.plot {
            let _ = writeln!(t, "Plot     {}", plot.display());
        }
        t
    }
}

/// Points drawn at most: more than a screen has columns say nothing more.
const POINTS: usize = 1200;

/// Correlation (above) and speed (below) over attempts.
fn svg(attempts: &[Line]) -> String {
    let (width, left, right) = (960.0, 70.0, 20.0);
    let shown = &attempts[attempts.len().saturating_sub(POINTS)..];
    let x = |i: usize| left + (i as f64 + 0.5) / shown.len() as f64 * (width - left - right);
    let mut t = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 520\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"960\" height=\"520\" fill=\"#ffffff\"/>\n",
    );
    let misses: Vec<Option<f64>> = shown
        .iter()
        .map(|l| {
            l.sizes
                .first()
                .and_then(|z| z.one_minus_correlation)
                .filter(|v| v.is_finite())
                .map(|v| v.max(1e-24).log10())
        })
        .collect();
    let speeds: Vec<Option<f64>> = shown
        .iter()
        .map(|l| l.sizes.first().and_then(|z| z.speedup_warm).filter(|v| v.is_finite()))
        .collect();
    panel(
        &mut t,
        shown,
        &misses,
        (40.0, 220.0),
        "log10(1 - correlation): lower is better; pass below -3",
        &x,
    );
    panel(&mut t, shown, &speeds, (300.0, 180.0), "speed, warm, in multiples of the reference", &x);
    let _ = writeln!(
        t,
        "<text x=\"{left}\" y=\"510\">{} attempts, oldest on the left; green: pass, red: blocked, grey: not comparable</text>\n</svg>",
        shown.len()
    );
    t
}

fn panel(
    t: &mut String,
    lines: &[Line],
    values: &[Option<f64>],
    (top, height): (f64, f64),
    title: &str,
    x: &impl Fn(usize) -> f64,
) {
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let _ = writeln!(t, "<text x=\"70\" y=\"{}\">{title}</text>", top - 12.0);
    let _ = writeln!(
        t,
        "<rect x=\"70\" y=\"{top}\" width=\"870\" height=\"{height}\" fill=\"none\" stroke=\"#999999\"/>"
    );
    if low > high {
        let _ = writeln!(t, "<text x=\"80\" y=\"{}\">nothing measured</text>", top + 20.0);
        return;
    }
    let span = if high > low { high - low } else { 1.0 };
    let y = |v: f64| top + height - 10.0 - (v - low) / span * (height - 20.0);
    for v in [low, high] {
        let _ = writeln!(t, "<text x=\"64\" y=\"{:.1}\" text-anchor=\"end\">{v:.3}</text>", y(v) + 4.0);
    }
    for (i, (line, value)) in lines.iter().zip(values).enumerate() {
        let Some(v) = value else { continue };
        let colour = match line.verdict.as_str() {
            "pass" => "#1a7f37",
            "blocked" => "#c62828",
            _ => "#888888",
        };
        let _ = writeln!(t, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(i), y(*v));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SizeLine;

    fn line(i: usize, verdict: &str, miss: f64, commit: &str) -> Line {
        Line {
            schema: ledger::SCHEMA.into(),
            time: String::new(),
            phase: "b1".into(),
            stamp: format!("s{i}"),
            path: PathBuf::new(),
            verdict: verdict.into(),
            case: Some("x".into()),
            commit: Some(commit.into()),
            dirty_diff_sha256: None,
            candidate_sha256: None,
            reference_sha256: None,
            attempt_key: None,
            cause: None,
            loosened: Vec::new(),
            sizes: vec![SizeLine {
                size: 8,
                one_minus_correlation: Some(miss),
                sum_ratio: Some(1.0),
                speedup_warm: None,
            }],
        }
    }

    #[test]
    fn the_story_of_eight_attempts() {
        let mut lines = vec![line(0, "pass", 1e-9, "a")];
        lines.extend((1..=8).map(|i| line(i, "blocked", 0.278_825, ["a", "b", "c"][i % 3])));
        let refs: Vec<&Line> = lines.iter().collect();
        let h = of_case("x", &refs);
        assert_eq!((h.failures_in_a_row, h.last_pass), (8, Some(("s0".into(), Some("a".into())))));
        assert_eq!((h.repeated.len(), h.repeated[0].attempts, h.repeated[0].commits), (1, 8, 3));
        // another last digit is another figure
        let apart = [line(0, "blocked", 0.1, "a"), line(1, "blocked", 0.1f64.next_up(), "b")];
        assert!(repeated(&apart.iter().collect::<Vec<_>>()).is_empty());
    }
}
