//! The results as Markdown, made from the record that is kept as JSON.

use crate::cases::{CASES, Case};
use crate::flatness::Curve;
use crate::instructions::{Counts, normalisation};
use crate::machine::Machine;
use crate::quantiles::Quartiles;
use crate::rounds::{CaseResult, Measured};
use crate::targets::{Figure, TARGETS};
use serde::Serialize;
use std::fmt::Write;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) machine: Machine,
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// The binary of `NB_C_BIN`, if there was one.
    pub(crate) named: Option<String>,
    pub(crate) cases: Vec<CaseResult>,
    pub(crate) flatness: Vec<Curve>,
    /// Instructions of the C engine, counted now or recorded.
    pub(crate) instructions: Counts,
    pub(crate) counted_now: bool,
}

impl Record {
    /// How much more our C engine has to do than nanoBragg: its instructions over nanoBragg's where those are known, else
    /// an estimate by time.
    fn normalisation(&self, case: &str) -> Option<f64> {
        let known = CASES.iter().find(|known| known.name == case)?;
        normalisation(&self.instructions, known).or_else(|| self.estimate(known))
    }

    /// Our C engine's time over nanoBragg's, where that is by as much longer than for W1 as it was where both were timed.
    fn estimate(&self, case: &Case) -> Option<f64> {
        let first = &CASES[0];
        let per_pixel = |case: &Case| {
            let pixels = self.cases.iter().find(|result| result.case == case.name)?.pixels;
            let measured = self.find(case.name, "C engine", 1)?;
            let times: Vec<f64> = measured.times.iter().map(|times| times.pixel_loop).collect();
            Some(Quartiles::of(&times)?.median / f64::from(pixels).powi(2))
        };
        let theirs = |case: &Case| case.nanobragg_ms / f64::from(case.full).powi(2);
        let longer = per_pixel(case)? / per_pixel(first)?;
        Some(longer / (theirs(case) / theirs(first)) * normalisation(&self.instructions, first)?)
    }

    /// Times faster than nanoBragg: measured where its binary is here, else by instructions.
    fn against_nanobragg(&self, case: &str, measured: &Measured, figure: Figure) -> f64 {
        let (named, ours) = match figure {
            Figure::Loop => (measured.named_loop_ratio, measured.loop_ratio),
            Figure::Whole => (measured.named_whole_ratio, measured.whole_ratio),
        };
        named.map_or_else(|| ours.median / self.normalisation(case).unwrap_or(1.0), |named| named.median)
    }

    fn find(&self, case: &str, subject: &str, threads: usize) -> Option<&Measured> {
        let result = self.cases.iter().find(|result| result.case == case)?;
        result.measured.iter().find(|m| m.subject == subject && m.threads == threads)
    }

    /// The report.
    ///
    /// # Errors
    /// Never, in fact: a string takes everything.
    pub(crate) fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        self.head(&mut out)?;
        self.targets(&mut out)?;
        self.details(&mut out)?;
        self.terms(&mut out)?;
        Ok(out)
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let Machine { processor, cores, system, rustc, cc, commit, date } = &self.machine;
        writeln!(out, "# How fast the engines are\n")?;
        writeln!(out, "Made by `scripts/bench{}`.\n", if self.quick { " --quick" } else { "" })?;
        writeln!(out, "| | |\n|---|---|")?;
        writeln!(out, "| machine | {processor}, {cores} cores, {system} |")?;
        writeln!(out, "| commit | {commit} |\n| date | {date} |\n| compilers | {rustc}; {cc} |")?;
        writeln!(out, "| rounds | {}, the programs taking turns in each |", self.rounds)?;
        writeln!(
            out,
            "| another binary | {} |\n",
            self.named.as_deref().unwrap_or("none (NB_C_BIN not set)")
        )?;
        writeln!(
            out,
            "Every answer was compared with the C engine's before it was timed. Ratios are times of the C engine over times of the \
             program at the same number of threads in the same round: median [quartiles]. The pixel loop is without writing: the \
             fast engine writes each band while it is in the processor's cache, so no memory of the image is touched there, and \
             the time of writing is part of the whole process alone. *÷ n* divides by our C engine's \
             instructions over nanoBragg's (callgrind, whole process, {}; {}), which says how much faster than nanoBragg \
             that is. nanoBragg's instructions for W4 and W5 are not known: there *n* is an estimate (≈), from its times for W1 \
             to W5 on another machine and our C engine's in this run.\n",
            if self.counted_now { "counted now" } else { "recorded" },
            self.instructions.date
        )?;
        for case in &self.cases {
            if let Some(n) = self.normalisation(case.case) {
                let counted = CASES.iter().any(|c| c.name == case.case && c.nanobragg_millions.is_some());
                writeln!(out, "- {}: n {} {n:.3}", case.case, if counted { "=" } else { "≈" })?;
            }
        }
        writeln!(out, "\n![Times faster than the C engine](bench.svg)\n\n![Cost of a term](flatness.svg)\n")
    }

    fn targets(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "## Targets\n\n| case | program | figure | times nanoBragg | at least | |\n|---|---|---|---:|---:|---|"
        )?;
        for target in TARGETS {
            let figure = if target.figure == Figure::Loop { "pixel loop" } else { "whole process" };
            let (case, subject, at_least) = (target.case, target.subject, target.at_least);
            let Some(measured) = self.find(case, subject, 1) else {
                writeln!(out, "| {case} | {subject} | {figure} | | {at_least:.1} | NOT RUN |")?;
                continue;
            };
            let got = self.against_nanobragg(case, measured, target.figure);
            let verdict = match (self.quick, got >= at_least) {
                (true, _) => "not judged: small images",
                (false, true) => "met",
                (false, false) => "**missed**",
            };
            writeln!(out, "| {case} | {subject} | {figure} | {got:.1} | {at_least:.1} | {verdict} |")?;
        }
        writeln!(out, "\nTwo threads against one (pixel loop, at least 1.8):\n")?;
        for case in &self.cases {
            let mut words = Vec::new();
            for one in case.measured.iter().filter(|m| m.threads == 1) {
                let Some(two) = self.find(case.case, &one.subject, 2) else { continue };
                let pairs = one.times.iter().zip(&two.times);
                let ratios: Vec<f64> = pairs.map(|(one, two)| one.pixel_loop / two.pixel_loop).collect();
                let median = Quartiles::of(&ratios).map_or(f64::NAN, |q| q.median);
                words.push(format!("{} {median:.2}", one.subject));
            }
            writeln!(out, "- {}: {}", case.case, words.join("; "))?;
        }
        writeln!(out)
    }

    fn details(&self, out: &mut String) -> std::fmt::Result {
        for case in &self.cases {
            writeln!(out, "## {}: {}, {2} × {2} pixels\n", case.case, case.what, case.pixels)?;
            writeln!(
                out,
                "| program | threads | pixel loop, ms | times faster | ÷ n | whole process, ms | times faster | ÷ n | 1 − corr | sum − 1 |"
            )?;
            writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
            let n = self.normalisation(case.case).unwrap_or(1.0);
            for m in &case.measured {
                let ms = |time: fn(&crate::measure::Times) -> f64| {
                    let times: Vec<f64> = m.times.iter().map(|t| 1e3 * time(t)).collect();
                    Quartiles::of(&times).map_or(f64::NAN, |q| q.median)
                };
                writeln!(
                    out,
                    "| {} | {} | {:.2} | {} | {:.1} | {:.2} | {} | {:.1} | {:.0e} | {:.0e} |",
                    m.subject,
                    m.threads,
                    ms(|t| t.pixel_loop),
                    range(m.loop_ratio),
                    m.loop_ratio.median / n,
                    ms(|t| t.whole),
                    range(m.whole_ratio),
                    m.whole_ratio.median / n,
                    m.checked.miss,
                    m.checked.sum_ratio_off
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn terms(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Cost of a term of the direct sum\n")?;
        writeln!(
            out,
            "Nanoseconds of one thread for each (pixel × sub-pixel × layer × source × spindle step × domain), by the number of such \
             terms; no memory of an image is touched, as in the pixel loop above. The median of many rounds, and in brackets the lowest tenth: \
             what else runs on the machine only adds to it. At most 15 % between the cheapest and the dearest, in rows of 512 \
             pixels and in square images; shorter rows have more vectors that are not full.\n"
        )?;
        for curve in &self.flatness {
            let points = curve.points.iter().map(|point| {
                let [fast, slow] = point.pixels;
                let (cost, median) = (point.undisturbed, point.nanoseconds.median);
                format!("{}: {median:.3} [{cost:.3}] at {fast} × {slow}", point.terms)
            });
            let points: Vec<String> = points.collect();
            let spread = 100.0 * curve.spread();
            writeln!(
                out,
                "- {}, {} (spread {spread:.0} %, {}): {}",
                curve.series,
                curve.dtype,
                curve.verdict(),
                points.join("; ")
            )?;
        }
        Ok(())
    }
}

fn range(q: Quartiles) -> String {
    format!("{:.1} [{:.1}, {:.1}]", q.median, q.low, q.high)
}
