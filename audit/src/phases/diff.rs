//! `diff`: two images of any supported format, measured, judged, and drawn.

use super::{Context, exit_of};
use crate::exit::{AuditError, Exit, Result};
use crate::formats::{self, Array2, Format, FormatError, Shape};
use crate::gates::{self, Gate, Verdict};
use crate::metrics::{CompareError, Roi};
use crate::mutants::{self, Judgement};
use crate::pictures;
use crate::report::parity;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What `diff` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    /// The image that is believed
    pub reference: PathBuf,
    /// The image that has to prove itself
    pub candidate: PathBuf,
    /// Shape of raw files, WIDTHxHEIGHT (fast x slow); the other file's shape or --log when left out
    #[arg(long, value_name = "WxH")]
    pub shape: Option<Shape>,
    /// A log that tells the shape (`... 1024 x 768 pixels ...`)
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Format of the reference [default: from its content, its name, its length]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format_a: Option<Format>,
    /// Format of the candidate
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format_b: Option<Format>,
    /// Compare this region alone: fast from X0 to X1 and slow from Y0 to Y1, the ends included, as nanoBragg's -roi
    #[arg(long, num_args = 4, value_names = ["X0", "X1", "Y0", "Y1"])]
    pub roi: Option<Vec<usize>>,
    /// Limits of the command line.
    #[command(flatten)]
    pub gates: super::GateArgs,
    /// Write pictures into this folder (PNG)
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
}

const EXAMPLES: &str = "Exit status: 0 every gate passes; 3 blocked; 4 not comparable (missing, empty, cut off, other shape, NaN, gates that let mutants through); 2 usage.

Examples:
  bragg-audit diff c.bin rust.bin --shape 1024x1024
  bragg-audit diff c.img rust.npy --pictures why/
  bragg-audit diff c.bin rust.bin --log run.log --roi 100 299 100 299
  bragg-audit diff c.npy gpu.npy --gate 'relative_l1<=5e-3: the GPU sums in f32'";

/// Measures, judges, draws; prints a table or JSON through `print`.
///
/// # Errors
/// Usage (2), pictures that cannot be written (1). Files that cannot be compared are a verdict, not an error.
pub fn diff(ctx: &Context, args: &DiffArgs, as_json: bool) -> Result<(String, Exit)> {
    let gates = args.gates.over(&ctx.config.gates)?;
    let logged = args.log.as_ref().map(|log| logged(log)).transpose()?;
    let (a, b) = match open(args, logged) {
        Ok(images) => images,
        Err(error) if error.exit() == Exit::NotComparable => {
            return not_comparable(args, &error.to_string(), as_json);
        }
        Err(error) => return Err(error.into()),
    };
    let roi = args.roi.as_ref().map(|r| region(r, a.shape())).transpose()?;
    let judged = match mutants::judge(&a, &b, roi, &gates) {
        Ok(judged) => judged,
        Err(error @ CompareError::Roi { .. }) => return Err(AuditError::usage(format!("--roi: {error}"))),
        Err(error) => return not_comparable(args, &error.to_string(), as_json),
    };
    let pictures = match &args.pictures {
        Some(dir) => pictures::write(dir, &a, &b, roi, &judged.comparison, &judged.maps)?,
        None => Vec::new(),
    };
    let text = if as_json {
        to_json(args, &gates, &judged, &pictures)?
    } else {
        to_text(args, &a, &b, &gates, &judged, &pictures)
    };
    Ok((text, exit_of(judged.verdict)))
}

/// Opens both; a raw file takes the other's shape, or that of the log.
fn open(args: &DiffArgs, logged: Option<Shape>) -> std::result::Result<(Array2, Array2), FormatError> {
    let read = |path: &Path, format, shape: Option<Shape>| {
        formats::read(path, format, shape.or(args.shape).or(logged))
    };
    match (read(&args.reference, args.format_a, None), read(&args.candidate, args.format_b, None)) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(FormatError::NeedsShape { .. }), Ok(b)) => {
            Ok((read(&args.reference, args.format_a, Some(b.shape()))?, b))
        }
        (Ok(a), Err(FormatError::NeedsShape { .. })) => {
            let b = read(&args.candidate, args.format_b, Some(a.shape()))?;
            Ok((a, b))
        }
        // what is missing or broken matters more than what is not said
        (Err(FormatError::NeedsShape { .. }), Err(e)) | (Err(e), _) | (_, Err(e)) => Err(e),
    }
}

/// The shape that a log tells.
fn logged(log: &Path) -> Result<Shape> {
    let bytes = std::fs::read(log).map_err(|e| AuditError::usage(format!("--log {}: {e}", log.display())))?;
    Shape::from_log(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
        let what = "no line tells a shape, such as `1024 x 768 pixels`: give --shape WIDTHxHEIGHT instead";
        AuditError::usage(format!("--log {}: {what}", log.display()))
    })
}

/// Ends included on the command line, left out inside; what reaches beyond the image ends with it.
fn region(words: &[usize], shape: Shape) -> Result<Roi> {
    let [x0, x1, y0, y1] = *words else { return Err(AuditError::usage("--roi takes X0 X1 Y0 Y1")) };
    if x0 > x1 || y0 > y1 || x0 >= shape.width || y0 >= shape.height {
        return Err(AuditError::usage(format!(
            "--roi {x0} {x1} {y0} {y1}: nothing of the image of {shape} pixels lies in it"
        )));
    }
    Ok(Roi { x0, x1: (x1 + 1).min(shape.width), y0, y1: (y1 + 1).min(shape.height) })
}

fn not_comparable(args: &DiffArgs, problem: &str, as_json: bool) -> Result<(String, Exit)> {
    let verdict = Verdict::NotComparable;
    let text = if as_json {
        pretty(&json!({
            "schema": "bragg-audit/diff/1", "verdict": verdict, "exit": exit_of(verdict).code(), "problem": problem,
            "reference": args.reference, "candidate": args.candidate,
        }))?
    } else {
        format!("{} — {problem}\n", verdict.text())
    };
    Ok((text, exit_of(verdict)))
}

fn to_json(args: &DiffArgs, gates: &[Gate], judged: &Judgement, pictures: &[PathBuf]) -> Result<String> {
    pretty(&json!({
        "schema": "bragg-audit/diff/1",
        "verdict": judged.verdict,
        "exit": exit_of(judged.verdict).code(),
        "problem": judged.problem,
        "loosened": gates::loosened(gates),
        "reference": args.reference,
        "candidate": args.candidate,
        "gates": judged.outcomes,
        "metrics": judged.comparison,
        "self_test": judged.self_test,
        "pictures": pictures,
    }))
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value).map(|t| t + "\n").map_err(|e| AuditError::failed("writing JSON", e))
}

fn to_text(
    args: &DiffArgs,
    a: &Array2,
    b: &Array2,
    gates: &[Gate],
    judged: &Judgement,
    pictures: &[PathBuf],
) -> String {
    let c = &judged.comparison;
    let blocked: Vec<&str> =
        judged.outcomes.iter().filter(|o| !o.passed).map(|o| o.gate.metric.as_str()).collect();
    let why = match (&judged.problem, blocked.is_empty()) {
        (Some(problem), _) => format!(" — {problem}"),
        (None, false) => format!(" — by {}", blocked.join(", ")),
        (None, true) if c.differing == 0 => " — all values are equal".into(),
        (None, true) => String::new(),
    };
    let mut t = format!("{}{why}\n\n", gates::pass_text(judged.verdict, gates));
    for (role, path, image) in [("reference", &args.reference, a), ("candidate", &args.candidate, b)] {
        let _ = writeln!(
            t,
            "  {role}  {} ({} pixels, {})",
            path.display(),
            image.shape(),
            image.element().name()
        );
    }
    if let Some(r) = c.extended.as_ref().map(|x| x.roi).filter(|r| *r != Roi::full(a.shape())) {
        let _ = writeln!(t, "  region     fast {} to {}, slow {} to {}", r.x0, r.x1 - 1, r.y0, r.y1 - 1);
    }
    if judged.verdict == Verdict::NotComparable && judged.outcomes.is_empty() {
        return t;
    }
    let _ = writeln!(t, "\nGates\n{}", parity::gates_text(&judged.outcomes, c));
    let _ = writeln!(t, "Also measured\n{}", parity::metrics_text(c, &judged.outcomes));
    t.push_str("Where\n");
    for line in parity::places(c) {
        let _ = writeln!(t, "  {line}");
    }
    if let Some(test) = &judged.self_test {
        let _ = write!(t, "\n{}", parity::mutants_text(test));
    }
    if let Some(dir) = &args.pictures {
        let _ = writeln!(t, "\nPictures: {} in {}", pictures.len(), dir.display());
    }
    t
}
