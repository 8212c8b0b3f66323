//! The results as Markdown, made from the record that is kept as JSON.

use crate::cases::{CASES, Case};
use crate::cores;
use crate::figures::{Fact, Limit};
use crate::flatness::Curve;
use crate::instructions::{Counts, normalisation};
use crate::machine::Machine;
use crate::quantiles::Quartiles;
use crate::rounds::{CaseResult, Measured};
use crate::targets::{Figure, TARGETS};
use serde::Serialize;
use std::fmt::Write;

/// Two threads should be so much faster than one.
const TWO_THREADS: f64 = 1.8;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) machine: Machine,
    /// What `scripts/bench` was given.
    pub(crate) words: String,
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// The binary of `NB_C_BIN`, if there was one.
    pub(crate) named: Option<String>,
    pub(crate) cases: Vec<CaseResult>,
    pub(crate) flatness: Vec<Curve>,
    pub(crate) facts: Vec<Fact>,
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

    /// Times faster than nanoBragg: measured where its binary is here, else by instructions, else by time; and whether it
    /// is an estimate. `None` where there is nothing to tell it from.
    fn against_nanobragg(&self, case: &str, measured: &Measured, figure: Figure) -> Option<(f64, bool)> {
        let (named, ours) = match figure {
            Figure::Loop => (measured.named_loop_ratio, measured.loop_ratio),
            Figure::Whole => (measured.named_whole_ratio, measured.whole_ratio),
        };
        let by_n = || Some((ours.median / self.normalisation(case)?, !counted(case)));
        named.map(|named| (named.median, false)).or_else(by_n)
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
        self.facts(&mut out)?;
        self.details(&mut out)?;
        self.terms(&mut out)?;
        Ok(out)
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let Machine { processor, cores, system, rustc, cc, commit, date } = &self.machine;
        writeln!(out, "# How fast the engines are\n")?;
        let space = if self.words.is_empty() { "" } else { " " };
        writeln!(out, "Made by `scripts/bench{space}{}`.\n", self.words)?;
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
                writeln!(out, "- {}: n {} {n:.3}", case.case, if counted(case.case) { "=" } else { "≈" })?;
            }
        }
        writeln!(out, "\n![Times faster than the C engine](bench.svg)\n\n![Cost of a term](flatness.svg)\n")
    }

    fn targets(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "## Targets\n\n| case | program | figure | times our C engine | times nanoBragg | at least | |\n|---|---|---|---:|---:|---:|---|"
        )?;
        for target in TARGETS {
            let figure = if target.figure == Figure::Loop { "pixel loop" } else { "whole process" };
            let (case, subject, at_least) = (target.case, target.subject, target.at_least);
            let Some(measured) = self.find(case, subject, 1) else {
                writeln!(out, "| {case} | {subject} | {figure} | | | {at_least:.1} | NOT RUN |")?;
                continue;
            };
            let ours =
                if target.figure == Figure::Loop { measured.loop_ratio } else { measured.whole_ratio }.median;
            let (got, verdict) = match self.against_nanobragg(case, measured, target.figure) {
                None => (String::new(), "not judged: n is unknown"),
                Some((got, estimated)) => {
                    let verdict = match (self.quick, got >= at_least, estimated) {
                        (true, ..) => "not judged: small images",
                        (false, true, false) => "met",
                        (false, true, true) if ours >= at_least => "met, also against our C engine",
                        (false, true, true) => "met by an estimate (≈)",
                        (false, false, _) => "**missed**",
                    };
                    (format!("{}{got:.1}", if estimated { "≈ " } else { "" }), verdict)
                }
            };
            writeln!(
                out,
                "| {case} | {subject} | {figure} | {ours:.1} | {got} | {at_least:.1} | {verdict} |"
            )?;
        }
        writeln!(
            out,
            "\nTwo threads against one (pixel loop, at least {TWO_THREADS}; what is less is **marked**). Before each run on two threads a loop \
             that touches nothing but registers is run until it is as fast on two as on one, {} ms at most: processors of a virtual machine \
             may share a core for a while.\n",
            cores::LONGEST.as_millis()
        )?;
        for case in &self.cases {
            let mut words = Vec::new();
            for one in case.measured.iter().filter(|m| m.threads == 1) {
                let Some(two) = self.find(case.case, &one.subject, 2) else { continue };
                let pairs = one.times.iter().zip(&two.times);
                let ratios: Vec<f64> = pairs.map(|(one, two)| one.pixel_loop / two.pixel_loop).collect();
                let median = Quartiles::of(&ratios).map_or(f64::NAN, |q| q.median);
                let mark = if self.quick || median >= TWO_THREADS { "" } else { "**" };
                words.push(format!("{} {mark}{median:.2}{mark}", one.subject));
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
            let over_n = |ratio: Quartiles| {
                self.normalisation(case.case)
                    .map_or("unknown".to_owned(), |n| format!("{:.1}", ratio.median / n))
            };
            for m in &case.measured {
                let ms = |time: fn(&crate::measure::Times) -> f64| {
                    let times: Vec<f64> = m.times.iter().map(|t| 1e3 * time(t)).collect();
                    Quartiles::of(&times).map_or(f64::NAN, |q| q.median)
                };
                writeln!(
                    out,
                    "| {} | {} | {:.2} | {} | {} | {:.2} | {} | {} | {:.0e} | {:.0e} |",
                    m.subject,
                    m.threads,
                    ms(|t| t.pixel_loop),
                    range(m.loop_ratio),
                    over_n(m.loop_ratio),
                    ms(|t| t.whole),
                    range(m.whole_ratio),
                    over_n(m.whole_ratio),
                    m.checked.miss,
                    m.checked.sum_ratio_off
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// What is beside the ratios.
    fn facts(&self, out: &mut String) -> std::fmt::Result {
        if self.facts.is_empty() {
            return Ok(());
        }
        writeln!(out, "## Other figures\n\n| figure | median [quartiles] | limit | |\n|---|---:|---:|---|")?;
        for fact in &self.facts {
            let Quartiles { low, median, high } = fact.value;
            let limit = match fact.limit {
                Limit::AtMost(most) => format!("at most {most}"),
                Limit::AtLeast(least) => format!("at least {least}"),
                Limit::None => String::new(),
            };
            let (what, unit, verdict) = (&fact.what, fact.unit, fact.verdict(self.quick));
            writeln!(out, "| {what} | {median:.3} [{low:.3}, {high:.3}] {unit} | {limit} | {verdict} |")?;
        }
        writeln!(out)
    }

    fn terms(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Cost of a term of the direct sum\n")?;
        writeln!(
            out,
            "Nanoseconds of one thread for each (pixel × sub-pixel × layer × source × spindle step × domain), by the number of such \
             terms; no memory of an image is touched, as in the pixel loop above. The median of many rounds, and in brackets the lowest tenth: \
             what else runs on the machine only adds to it. At most 15 % between the cheapest and the dearest, of the same rounds and \
             in the median of the rounds, in rows of 512 pixels and in square images; shorter rows have more vectors that are not full.\n"
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

/// Whether nanoBragg's instructions are known.
fn counted(case: &str) -> bool {
    CASES.iter().any(|known| known.name == case && known.nanobragg_millions.is_some())
}

fn range(q: Quartiles) -> String {
    format!("{:.1} [{:.1}, {:.1}]", q.median, q.low, q.high)
}
