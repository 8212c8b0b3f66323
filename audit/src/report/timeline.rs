//! A trace as a picture: a lane for each thread, a row for each level of nesting, a box for each span.

use std::fmt::Write;

use super::flame::{escaped, opening, rectangle};
use crate::profile::chrome::{Span, Trace, Walk};

/// Width of the picture and of the column of names, pixels.
const WIDTH: f64 = 1200.0;
const NAMES: f64 = 140.0;
const ROW: f64 = 18.0;
const HEAD: f64 = 44.0;
/// Boxes drawn; beyond, the picture says how many are left out.
const MOST: usize = 20_000;
/// Levels of nesting that are drawn.
const DEEPEST: usize = 12;

/// The picture of a trace.
///
/// # Errors
/// Those of the temporary file of a large trace.
pub fn timeline(title: &str, trace: &Trace) -> std::io::Result<String> {
    let extents = || trace.threads.iter().map(|t| &t.extent).filter(|e| e.spans > 0);
    let start = extents().map(|e| e.first_start_ns).min().unwrap_or(0);
    let end = extents().map(|e| e.last_end_ns).max().unwrap_or(0);
    let mut drawing = Drawing {
        trace,
        start,
        scale: (WIDTH - NAMES) / (end.abs_diff(start).max(1) as f64),
        y: HEAD,
        open: Vec::new(),
        deepest: 0,
        // per row, where the last box ends: what would lie within the same pixel is left out
        drawn_to: [f64::MIN; DEEPEST],
        boxes: String::new(),
        drawn: 0,
        left_out: 0,
    };
    drawing.left_out += trace.walk(&mut drawing)?;
    drawing.next_lane();
    let mut svg = opening(WIDTH, drawing.y + 12.0, title);
    let left_out = match drawing.left_out {
        0 => String::new(),
        n => format!("; {n} spans are too short to be seen or too many, and left out"),
    };
    let _ = writeln!(
        svg,
        r#"<text x="8" y="34">{:.3} ms from left to right, {} threads{left_out}</text>"#,
        end.abs_diff(start) as f64 / 1e6,
        extents().count()
    );
    svg.push_str(&drawing.boxes);
    svg.push_str("</svg>\n");
    Ok(svg)
}

struct Drawing<'a> {
    trace: &'a Trace,
    start: i64,
    scale: f64,
    /// Top of the current lane.
    y: f64,
    /// Rows of the open spans by ticket.
    open: Vec<(u64, usize)>,
    deepest: usize,
    drawn_to: [f64; DEEPEST],
    boxes: String,
    drawn: usize,
    left_out: u64,
}

impl Drawing<'_> {
    fn next_lane(&mut self) {
        if self.deepest > 0 {
            self.y += ROW * self.deepest as f64 + 6.0;
        }
        self.open.clear();
        self.deepest = 0;
        self.drawn_to = [f64::MIN; DEEPEST];
    }
}

impl Walk for Drawing<'_> {
    fn thread(&mut self, thread: u32) {
        self.next_lane();
        let thread = &self.trace.threads[thread as usize];
        let name = thread.name.clone().unwrap_or_else(|| format!("{}/{}", thread.pid, thread.tid));
        let shown: String = name.chars().take(20).collect();
        let _ = writeln!(self.boxes, r#"<text x="4" y="{:.1}">{}</text>"#, self.y + 12.5, escaped(&shown));
    }

    fn open(&mut self, ticket: u64, span: &Span) {
        let row = (0..).find(|row| !self.open.iter().any(|(_, taken)| taken == row)).unwrap_or(DEEPEST);
        let x = NAMES + span.start_ns.abs_diff(self.start) as f64 * self.scale;
        let width = (span.duration_ns as f64 * self.scale).max(0.3);
        if row >= DEEPEST || self.drawn >= MOST || x + width < self.drawn_to[row] + 0.3 {
            self.left_out += 1;
            // taken rows matter only as far as they are drawn
            return;
        }
        self.open.push((ticket, row));
        self.deepest = self.deepest.max(row + 1);
        self.drawn_to[row] = x + width;
        self.drawn += 1;
        let name = &self.trace.keys[span.key as usize].name;
        let title = format!("{name}: {:.3} ms", span.duration_ns as f64 / 1e6);
        rectangle(&mut self.boxes, x, self.y + ROW * row as f64, width, name, &title);
    }

    fn close(&mut self, ticket: u64, _: &Span) {
        self.open.retain(|(open, _)| *open != ticket);
    }

    fn pass(&mut self, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_spans_lie_below_each_other_and_threads_apart() {
        let trace = Trace::parse(
            br#"[{"ph":"X","tid":1,"ts":0,"dur":100,"name":"outer"},{"ph":"X","tid":1,"ts":50,"dur":25,"name":"inner"},
                 {"ph":"X","tid":2,"ts":25,"dur":50,"name":"other"},{"ph":"M","tid":2,"name":"thread_name","args":{"name":"a<b"}}]"#,
        )
        .unwrap();
        let svg = timeline("t", &trace).unwrap();
        for part in [
            r#"<rect x="140.00" y="44.0" width="1060.00""#,
            r#"<rect x="670.00" y="62.0" width="265.00""#,
            r#"<rect x="405.00" y="86.0" width="530.00""#,
            "a&lt;b",
            "0.100 ms from left to right, 2 threads<",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        roxmltree::Document::parse(&svg).unwrap();
    }

    #[test]
    fn many_spans_make_a_picture_of_bounded_size() {
        let events: Vec<String> =
            (0..100_000).map(|i| format!(r#"{{"ph":"X","ts":{i},"dur":1,"name":"n"}}"#)).collect();
        let svg =
            timeline("t", &Trace::parse(format!("[{}]", events.join(",")).as_bytes()).unwrap()).unwrap();
        assert!(svg.len() < 2_000_000 && svg.contains("left out"), "{} bytes", svg.len());
    }
}
