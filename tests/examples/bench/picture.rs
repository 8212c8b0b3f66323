//! The results as SVG.

use crate::flatness::Curve;
use crate::rounds::CaseResult;
use std::fmt::Write;

const COLOURS: [&str; 10] = [
    "#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#bbbbbb", "#000000", "#997700",
    "#004488",
];
const FONT: &str = "font-family=\"sans-serif\" font-size=\"11\"";

/// Bars: times faster than the C engine on one thread, by case, in powers of ten.
///
/// # Errors
/// Never, in fact: a string takes everything.
pub(crate) fn bars(cases: &[CaseResult]) -> Result<String, std::fmt::Error> {
    let mut subjects: Vec<&str> = Vec::new();
    for measured in cases.iter().flat_map(|case| &case.measured) {
        if measured.threads == 1
            && measured.subject != "C engine"
            && !subjects.contains(&measured.subject.as_str())
        {
            subjects.push(&measured.subject);
        }
    }
    let (left, top, height, group) = (45.0, 20.0, 260.0, 130.0);
    let width = left + group * cases.len() as f64 + 150.0;
    let up = |ratio: f64| (ratio.max(1.0).log10() / 3.5).min(1.0) * height;
    let mut out = open(width, top + height + 30.0)?;
    for (power, label) in [(1.0, "1"), (10.0, "10"), (100.0, "100"), (1000.0, "1000")] {
        let y = top + height - up(power);
        writeln!(out, "<path d=\"M{left} {y:.1}h{:.1}\" stroke=\"#dddddd\"/>", group * cases.len() as f64)?;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" {FONT}>{label}</text>",
            left - 4.0,
            y + 4.0
        )?;
    }
    let bar = (group - 20.0) / subjects.len().max(1) as f64;
    for (place, case) in cases.iter().enumerate() {
        let x = left + group * place as f64 + 10.0;
        let label = top + height + 16.0;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{label:.1}\" {FONT}>{} ({}²)</text>",
            x + 30.0,
            case.case,
            case.pixels
        )?;
        for measured in case.measured.iter().filter(|m| m.threads == 1) {
            let Some(subject) = subjects.iter().position(|s| *s == measured.subject) else { continue };
            let (ratio, colour) = (measured.loop_ratio.median, COLOURS[subject % COLOURS.len()]);
            writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"><title>{} {}: {ratio:.1}</title></rect>",
                x + bar * subject as f64,
                top + height - up(ratio),
                bar - 1.0,
                up(ratio),
                case.case,
                measured.subject
            )?;
        }
    }
    legend(&mut out, &subjects, left + group * cases.len() as f64 + 10.0, top)?;
    writeln!(
        out,
        "<text x=\"{left}\" y=\"12\" {FONT}>pixel loop, one thread: times faster than the C engine</text>\n</svg>"
    )?;
    Ok(out)
}

/// Curves: nanoseconds of a term by the number of terms of the whole image's pixel, or by pixels.
///
/// # Errors
/// Never, in fact: a string takes everything.
pub(crate) fn curves(curves: &[Curve]) -> Result<String, std::fmt::Error> {
    let curves: Vec<&Curve> = curves.iter().filter(|curve| curve.judged).collect();
    let (left, top, height, width) = (45.0, 20.0, 240.0, 460.0);
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most = points().map(|point| point.nanoseconds.median).fold(0.1, f64::max) * 1.1;
    // Terms on the left half's scale, pixels on the right half's.
    let by_image = |curve: &Curve| curve.series.contains("by image");
    let across = |curve: &Curve, terms: u32, pixels: [u32; 2]| {
        let share = if by_image(curve) {
            0.62 + 0.36 * (f64::from(pixels[0]) / 512.0).log2() / 4.0
        } else {
            0.02 + 0.52 * (f64::from(terms) / 16.0).ln() / 625.0_f64.ln()
        };
        left + width * share
    };
    let mut out = open(left + width + 190.0, top + height + 35.0)?;
    let step = round_step(most);
    for tick in 0..=(most / step) as u32 {
        let value = step * f64::from(tick);
        let y = top + height - height * value / most;
        writeln!(out, "<path d=\"M{left} {y:.1}h{width}\" stroke=\"#dddddd\"/>")?;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" {FONT}>{value:.1}</text>",
            left - 4.0,
            y + 4.0
        )?;
    }
    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let mut path = String::new();
        for (place, point) in curve.points.iter().enumerate() {
            let x = across(curve, point.terms, point.pixels);
            let y = top + height - height * point.nanoseconds.median / most;
            write!(path, "{}{x:.1} {y:.1}", if place == 0 { "M" } else { "L" })?;
        }
        writeln!(out, "<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\" stroke-width=\"2\"/>")?;
    }
    let names: Vec<String> =
        curves.iter().map(|curve| format!("{}, {}", curve.series, curve.dtype)).collect();
    legend(&mut out, &names.iter().map(String::as_str).collect::<Vec<_>>(), left + width + 10.0, top)?;
    let below = top + height + 16.0;
    for (x, text) in [
        (left + 10.0, "16 terms"),
        (left + 200.0, "10 000 terms"),
        (left + 285.0, "512²"),
        (left + 430.0, "8192²"),
    ] {
        writeln!(out, "<text x=\"{x}\" y=\"{below}\" {FONT}>{text}</text>")?;
    }
    writeln!(
        out,
        "<text x=\"{left}\" y=\"12\" {FONT}>direct sum, one thread: nanoseconds for each pixel and term</text>\n</svg>"
    )?;
    Ok(out)
}

/// Between two lines of a scale from 0: the smallest of 0.1, 0.2, 0.5, 1, … that gives at most six of them.
fn round_step(most: f64) -> f64 {
    let steps = (-1..6).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(most)
}

fn open(width: f64, height: f64) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">")?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>")?;
    Ok(out)
}

fn legend(out: &mut String, names: &[&str], x: f64, top: f64) -> std::fmt::Result {
    for (index, name) in names.iter().enumerate() {
        let y = top + 16.0 * index as f64;
        let colour = COLOURS[index % COLOURS.len()];
        writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>")?;
        writeln!(out, "<text x=\"{}\" y=\"{}\" {FONT}>{name}</text>", x + 14.0, y + 9.0)?;
    }
    Ok(())
}
