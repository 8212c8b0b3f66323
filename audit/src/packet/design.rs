//! `design.md`: one loop for someone who will change it.

use super::bench::Stage;
use super::roofline::{Machine, Roofline};
use crate::backlog::{Candidate, FORMULA};
use crate::evidence::{Code, CompilerRun};
use crate::hot_loops::HotLoop;
use crate::inventory::Loop;
use std::fmt::Write;

/// Everything the page is made from.
pub struct Packet<'a> {
    /// The loop, with status and evidence.
    pub found: &'a Loop,
    /// Its row of the profile, where it has one.
    pub row: Option<&'a HotLoop>,
    /// Its place in the backlog, where it has one.
    pub candidate: Option<&'a Candidate>,
    /// Compiler runs of the inventory.
    pub compilers: &'a [CompilerRun],
    /// Lines of its file around it: number and text.
    pub excerpt: Vec<(u32, String)>,
    /// Where its function is called, found by name: place and line.
    pub callers: Vec<(String, String)>,
    /// What the capture says about sizes.
    pub shapes: Vec<String>,
    /// What the machine can do.
    pub machine: Machine,
    /// How a change can cost parity.
    pub risks: Vec<String>,
    /// What must succeed.
    pub acceptance: Vec<String>,
    /// The bench's stage.
    pub stage: Stage,
    /// Bits of the widest vector registers here: they say which instance of a loop runs.
    pub register_bits: u32,
    /// False when a gate before was overridden.
    pub reliable: bool,
}

/// The page.
#[must_use]
pub fn design(packet: &Packet<'_>) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, packet);
    page
}

fn write(page: &mut String, packet: &Packet<'_>) -> std::fmt::Result {
    let one = packet.found;
    writeln!(page, "# Design packet: `{}`\n", one.loop_id)?;
    if !packet.reliable {
        writeln!(
            page,
            "> **UNRELIABLE.** A gate before this phase was overridden. Do not act on these numbers.\n"
        )?;
    }
    writeln!(page, "Status {}: {}.\n", one.status.name(), one.evidence)?;
    writeln!(
        page,
        "## Source\n\n{}, lines {}–{}, in `{}`, depth {}. Content hash `{}`.\n\n```{}",
        one.module,
        one.line,
        one.end_line,
        one.function,
        one.depth,
        one.content_hash,
        if one.language.name() == "rust" { "rust" } else { one.language.name() }
    )?;
    let width = packet.excerpt.last().map_or(1, |(n, _)| n.to_string().len());
    for (number, text) in &packet.excerpt {
        let mark = if (one.line..=one.end_line).contains(number) { '>' } else { ' ' };
        writeln!(page, "{mark}{number:>width$} {text}")?;
    }
    writeln!(
        page,
        "```\n\n## Who calls it\n\nPlaces that call something named like its function; found by name, so another function of that name may be among them.\n"
    )?;
    if packet.callers.is_empty() {
        writeln!(page, "None found in the inventory's files.")?;
    }
    for (place, text) in &packet.callers {
        writeln!(page, "- {place}: `{}`", text.replace('`', "'"))?;
    }
    shapes(page, packet)?;
    evidence(page, one.code.as_ref(), packet.compilers)?;
    roofline(page, one.code.as_ref(), packet)?;
    writeln!(page, "## What it can give\n")?;
    match packet.candidate {
        Some(c) => writeln!(
            page,
            "`{FORMULA}` with p = {:.4} and s = {:.1} ({}): the whole render becomes {:.2} times as fast, and no work on this loop alone can give more than {:.2}.\n",
            c.self_pct / 100.0,
            c.speedup.factor,
            c.speedup.reason,
            c.gain,
            c.gain_limit
        )?,
        None => writeln!(page, "It is no candidate of the backlog, which says why.\n")?,
    }
    writeln!(page, "## Risks for parity\n")?;
    for risk in &packet.risks {
        writeln!(page, "- {risk}")?;
    }
    writeln!(
        page,
        "\n## Bench\n\n`bench/` is a package of its own. It times {}, on the recorded case in `bench/case.json`, with its input files in `bench/inputs/`, and checks the answer first.\n\n`commands.txt` beside this folder has the command: it copies the package first, because cargo writes into it and a stamp is not to be changed.\n",
        packet.stage.text()
    )?;
    writeln!(page, "## Accepted when all of these succeed, in this order\n\n```sh")?;
    for command in &packet.acceptance {
        writeln!(page, "{command}")?;
    }
    writeln!(page, "```")
}

fn shapes(page: &mut String, packet: &Packet<'_>) -> std::fmt::Result {
    writeln!(page, "\n## Shapes and trip counts\n")?;
    for shape in &packet.shapes {
        writeln!(page, "- {shape}")?;
    }
    let hint = packet.found.trip_count_hint.as_deref();
    writeln!(
        page,
        "- iterations per entry, as the header tells: {}",
        hint.map_or("not told".to_string(), |h| format!("`{h}`"))
    )?;
    let counted = |n: Option<u64>| n.map_or("not counted".to_string(), |n| n.to_string());
    writeln!(
        page,
        "- entries: {}; iterations: {} (exact, or absent)",
        counted(packet.row.and_then(|r| r.call_count)),
        counted(packet.row.and_then(|r| r.trip_count))
    )?;
    if let Some(row) = packet.row {
        writeln!(
            page,
            "- measured: {:.1} % self, {:.1} % with what is inside it ({}); source `{}`",
            row.self_pct,
            row.time_pct,
            row.self_ms.map_or("counted in events".to_owned(), |ms| format!("{ms:.1} ms thread time")),
            row.source
        )?;
    } else {
        writeln!(page, "- measured: no row in the profile: below its threshold")?;
    }
    writeln!(page)
}

fn evidence(page: &mut String, code: Option<&Code>, runs: &[CompilerRun]) -> std::fmt::Result {
    writeln!(page, "## What the compiler made of it\n")?;
    let Some(code) = code else {
        return writeln!(
            page,
            "Nobody asked a compiler, or it made no code of it: `bragg-audit inventory --evidence` asks.\n"
        );
    };
    writeln!(page, "{}.\n", crate::evidence::rules::describe(code))?;
    let run = runs.iter().find(|r| r.name == code.run);
    if let Some(run) = run {
        writeln!(page, "- compiler: {}\n- flags: `{}`\n- read from: {}", run.compiler, run.flags, run.what)?;
        for problem in &run.problems {
            writeln!(page, "- mind: {problem}")?;
        }
    }
    writeln!(page, "- against vector code: {}\n", code.reason.as_deref().unwrap_or("nothing was found"))?;
    writeln!(page, "| instance in | code | vectors | share in vectors | why not |\n|---|---|---|---:|---|")?;
    for one in &code.examples {
        let vectors = match (one.lanes, &one.element, one.bits) {
            (Some(lanes), Some(element), Some(bits)) => format!("{lanes} × {element}, {bits} bits"),
            (.., Some(bits)) => format!("{bits} bits"),
            _ => "—".into(),
        };
        let share = one.share_pct.map_or("—".into(), |s| format!("{s} %"));
        writeln!(
            page,
            "| `{}` | {} | {vectors} | {share} | {} |",
            one.function.replace('|', "\\|"),
            one.state.name(),
            one.reason.as_deref().unwrap_or("—").replace('|', "\\|")
        )?;
    }
    let counts: Vec<String> =
        code.instances.iter().map(|(state, n)| format!("{n} {}", state.name())).collect();
    writeln!(page, "\nAll instances: {}.\n", counts.join(", "))
}

fn roofline(page: &mut String, code: Option<&Code>, packet: &Packet<'_>) -> std::fmt::Result {
    writeln!(page, "## Roofline\n")?;
    let instance = code.and_then(|c| c.instance_on(packet.register_bits));
    let Some(position) = instance.and_then(|i| Roofline::of(i, &packet.machine)) else {
        return writeln!(page, "No operations were counted: there is no LLVM IR of this loop.\n");
    };
    writeln!(
        page,
        "Counted in the optimised LLVM IR of the loop's own machine code{}, one pass, every branch once: {} floating-point operations (a fused multiply-add is two, vectors count by lane), {} bytes loaded and stored. Caches do not count, so this is the intensity of instructions; that of memory is higher where data is used again.\n",
        instance.map(|i| format!(" in `{}`", i.function)).unwrap_or_default(),
        position.flops,
        position.bytes
    )?;
    writeln!(page, "- {}", position.verdict())?;
    let giga = |v: Option<f64>| v.map_or("not known".to_string(), |v| format!("{:.1} G", v / 1e9));
    writeln!(
        page,
        "- this machine, one thread: {}B/s to memory, {}flop/s at most; {}\n",
        giga(packet.machine.bandwidth),
        giga(packet.machine.peak_flops),
        packet.machine.basis
    )
}
