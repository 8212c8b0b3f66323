//! `trace-top`: what a Chrome trace of anybody says at a glance.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use crate::exit::{AuditError, Result};
use crate::profile::top::{Lost, Row, Top};

/// What `trace-top` takes.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TraceTopArgs {
    /// A Chrome trace: JSON, also packed by gzip
    pub file: PathBuf,
    /// Rows of each table; as text 20, as JSON and CSV all where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// Only threads with this number, this `pid/tid`, or this in their name
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<String>,
    /// Order tables by self time instead of inclusive time
    #[arg(long)]
    pub by_self: bool,
    /// Print the tables as CSV
    #[arg(long)]
    pub csv: bool,
}

const HELP: &str = "\
Reads what torch.profiler, Perfetto (JSON), tracing-chrome and chrome://tracing write, however large and however damaged: \
broken events are skipped and counted, a file cut anywhere gives what stands before the cut.

Times are wall times per thread, in milliseconds. Inclusive: while a span of that name was open. Self: while it was the \
innermost of its category. Percent: of the time that spans cover on the threads listed. Stacks of Python threads that never \
changed during the recording are set apart.

Nothing vouches for a trace of others, so every form of the result is marked UNRELIABLE, not gated.

Examples:
  bragg-audit trace-top trace.json
  bragg-audit trace-top trace.json.gz --top 5 --by-self
  bragg-audit trace-top trace.json --thread 194596 --csv > operators.csv
  bragg-audit trace-top trace.json --json | python3 -m json.tool";

/// Rows of each table of the text.
const ROWS: u32 = 20;
/// What the text says first.
const NOT_GATED: &str =
    "UNRELIABLE (not gated: nothing vouches for a trace of others, or that what ran gave the right answer)";

/// Reads the file and prepares what is printed.
///
/// # Errors
/// When it cannot be read, is no trace, or has no such thread.
pub fn trace_top(args: &TraceTopArgs, json: bool) -> Result<String> {
    let unreadable = |e: &dyn std::fmt::Display| AuditError::usage(format!("trace-top: {e}"));
    let mut top = Top::of(&args.file, args.thread.as_deref()).map_err(|e| unreadable(&e))?;
    if top.events == 0
        && let Some(lost) = &top.lost
    {
        return Err(AuditError::usage(format!(
            "trace-top: {}: not one event of it can be read ({}); is it a Chrome trace?",
            args.file.display(),
            lost_words(lost)
        )));
    }
    if let Some(thread) = &args.thread
        && top.threads.is_empty()
    {
        return Err(AuditError::usage(format!(
            "trace-top: --thread {thread}: no busy thread of {} has this number or name; leave it out to see them all",
            args.file.display()
        )));
    }
    for section in &mut top.sections {
        if args.by_self {
            section.rows.sort_by(|a, b| b.self_ms.total_cmp(&a.self_ms).then(a.name.cmp(&b.name)));
        }
        let all = json || args.csv;
        if let Some(rows) = args.top.or((!all).then_some(ROWS)) {
            section.rows.truncate(rows as usize);
        }
    }
    if json {
        return serde_json::to_string_pretty(&top)
            .map(|text| text + "\n")
            .map_err(|e| AuditError::failed("writing JSON", e));
    }
    if args.csv {
        return csv(&top).map_err(|e| AuditError::failed("writing CSV", e));
    }
    Ok(text(args, &top))
}

fn csv(top: &Top) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "section",
        "name",
        "category",
        "calls",
        "inclusive_ms",
        "inclusive_pct",
        "self_ms",
        "self_pct",
        "innermost_ms",
        "cpu_ms",
        "cpu_self_ms",
        "notes",
        "reliable",
    ])?;
    let number = |n: f64| format!("{n:.3}");
    let maybe = |n: Option<f64>| n.map_or(String::new(), number);
    let notes = top.lost.as_ref().map_or("UNRELIABLE".to_owned(), |lost| {
        format!("UNRELIABLE the trace is not whole: {}", lost_words(lost))
    });
    for section in &top.sections {
        for row in &section.rows {
            out.write_record([
                section.name.to_owned(),
                row.name.clone(),
                row.category.clone(),
                row.calls.to_string(),
                number(row.inclusive_ms),
                number(row.inclusive_pct),
                number(row.self_ms),
                number(row.self_pct),
                number(row.innermost_ms),
                maybe(row.cpu_ms),
                maybe(row.cpu_self_ms),
                notes.clone(),
                top.reliable.to_string(),
            ])?;
        }
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

fn text(args: &TraceTopArgs, top: &Top) -> String {
    let mut out = String::new();
    // writing to a string cannot fail
    let _ = written(args, top, &mut out);
    out
}

fn written(args: &TraceTopArgs, top: &Top, out: &mut String) -> std::fmt::Result {
    let categories: Vec<String> = top
        .categories
        .iter()
        .map(|(name, n)| format!("{n} {}", if name.is_empty() { "(no category)" } else { name }))
        .collect();
    writeln!(out, "{NOT_GATED}")?;
    writeln!(out, "{}: {} events; spans: {}", args.file.display(), top.events, categories.join(", "))?;
    if !top.instants.is_empty() {
        let instants: Vec<String> =
            top.instants.iter().take(5).map(|(name, n)| format!("{n} {name}")).collect();
        writeln!(out, "Instant events: {}", instants.join(", "))?;
    }
    if let Some(lost) = &top.lost {
        writeln!(out, "NOT WHOLE: {}", lost_words(lost))?;
    }
    writeln!(
        out,
        "Recording {:.3} ms, {:.3} ms covered by spans on {} threads",
        top.recording_ms,
        top.total_ms,
        top.threads.len()
    )?;
    if top.idle.threads > 0 {
        writeln!(
            out,
            "Set apart: {} stacks of idle threads ({} spans that never changed)",
            top.idle.stacks, top.idle.spans
        )?;
    }
    for section in &top.sections {
        let cpu = section.rows.iter().any(|r| r.cpu_ms.is_some());
        writeln!(
            out,
            "\n{}\n {:>8} {:>12} {:>7} {:>12} {:>7}{}  name",
            heading(section.name),
            "calls",
            "incl ms",
            "incl %",
            "self ms",
            "self %",
            if cpu { "       cpu ms" } else { "" }
        )?;
        for row in &section.rows {
            write!(
                out,
                " {:>8} {:>12.3} {:>7.2} {:>12.3} {:>7.2}",
                row.calls, row.inclusive_ms, row.inclusive_pct, row.self_ms, row.self_pct
            )?;
            if cpu {
                write!(out, " {:>12}", maybe(row.cpu_ms))?;
            }
            writeln!(out, "  {}", row.name)?;
        }
        if section.name == "python functions"
            && let Some(Row { name, inclusive_ms, .. }) = &top.first_below_script
        {
            writeln!(out, " first below the script itself: {name}, {inclusive_ms:.3} ms inclusive")?;
        }
    }
    threads(top, out)?;
    peaks(top, out)
}

fn threads(top: &Top, out: &mut String) -> std::fmt::Result {
    let cpu = top.threads.iter().any(|t| t.cpu_ms.is_some());
    let heading = if cpu { "       cpu ms" } else { "" };
    writeln!(out, "\nThreads\n {:>8} {:>12}{heading}  pid/tid  name", "spans", "covered ms")?;
    for thread in &top.threads {
        let names: Vec<&str> =
            [&thread.name, &thread.process].into_iter().flatten().map(String::as_str).collect();
        write!(out, " {:>8} {:>12.3}", thread.spans, thread.covered_ms)?;
        if cpu {
            write!(out, " {:>12}", maybe(thread.cpu_ms))?;
        }
        writeln!(out, "  {}/{}  {}", thread.pid, thread.tid, names.join(", "))?;
    }
    Ok(())
}

fn peaks(top: &Top, out: &mut String) -> std::fmt::Result {
    if top.counters.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nPeaks of counters and memory; when: ms since the recording began\n {:>16} {:>12} {:>16} {:>8}  name",
        "largest", "when", "last", "values"
    )?;
    for c in &top.counters {
        let when = c.max_at_ns.saturating_sub(top.recording_start_ns) as f64 / 1e6;
        writeln!(
            out,
            " {:>16} {when:>12.3} {:>16} {:>8}  {}, {} (process {})",
            c.max, c.last, c.values, c.name, c.series, c.pid
        )?;
    }
    Ok(())
}

fn maybe(ms: Option<f64>) -> String {
    ms.map_or("—".into(), |n| format!("{n:.3}"))
}

fn heading(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn lost_words(lost: &Lost) -> String {
    let mut words = Vec::new();
    let mut add = |n: u64, what: &str| {
        if n > 0 {
            words.push(format!("{n} {what}"));
        }
    };
    add(lost.broken_events, "broken events skipped");
    add(lost.unmatched_ends, "ends without a beginning");
    add(lost.unclosed, "beginnings without an end");
    add(lost.left_out, "spans left out (too many open at once, or too many names on too many threads)");
    if lost.cut {
        words.push(format!("the file is cut off ({} bytes after its last whole event)", lost.bytes));
    }
    words.extend(lost.fault.clone());
    words.join("; ")
}
