//! `hot_loops.csv` and the JSON form.

use std::io::Write;

use serde::Serialize;

use super::{HotLoop, HotLoops, HotLoopsError};

/// The columns, in order. The first six are fixed for everybody's scripts; `self%` follows them because the two shares
/// are read together.
pub const COLUMNS: [&str; 23] = [
    "module",
    "line",
    "loop_id",
    "%time",
    "call_count",
    "notes",
    "self%",
    "function",
    "depth",
    "inclusive_ms",
    "self_ms",
    "ci_low",
    "ci_high",
    "trip_count",
    "vectorized",
    "status",
    "priority",
    "source",
    "primary_source",
    "reliable",
    "inclusive_events",
    "self_events",
    "evidence",
];

#[derive(Serialize)]
struct Marked<'a> {
    reliable: bool,
    #[serde(flatten)]
    hot_loops: &'a HotLoops,
}

impl HotLoops {
    /// The table, header first. What is not known is an empty cell. When not `reliable`, every note begins with
    /// UNRELIABLE.
    ///
    /// # Errors
    /// Those of `w`.
    pub fn write_csv(&self, w: impl Write, reliable: bool) -> Result<(), HotLoopsError> {
        let mut csv = csv::Writer::from_writer(w);
        csv.write_record(COLUMNS).map_err(io)?;
        for row in &self.rows {
            csv.write_record(self.cells(row, reliable)).map_err(io)?;
        }
        Ok(csv.flush()?)
    }

    /// The same as JSON, with everything that the table leaves out and `"reliable"` beside it.
    ///
    /// # Errors
    /// Those of `w`.
    pub fn write_json(&self, mut w: impl Write, reliable: bool) -> Result<(), HotLoopsError> {
        serde_json::to_writer_pretty(&mut w, &Marked { reliable, hot_loops: self })
            .map_err(std::io::Error::from)?;
        Ok(w.write_all(b"\n")?)
    }

    fn cells(&self, row: &HotLoop, reliable: bool) -> [String; 23] {
        let notes = match (reliable, row.notes.as_str()) {
            (true, notes) => notes.to_owned(),
            (false, "") => "UNRELIABLE".to_owned(),
            (false, notes) => format!("UNRELIABLE {notes}"),
        };
        [
            row.module.clone(),
            whole(row.line),
            row.loop_id.clone(),
            format!("{:.3}", row.time_pct),
            whole(row.call_count),
            notes,
            format!("{:.3}", row.self_pct),
            row.function.clone(),
            whole(row.depth),
            fraction(row.inclusive_ms),
            fraction(row.self_ms),
            fraction(row.ci_low),
            fraction(row.ci_high),
            whole(row.trip_count),
            whole(row.vectorized),
            word(&row.status),
            word(&row.priority),
            row.source.clone(),
            self.primary.clone(),
            reliable.to_string(),
            whole(row.inclusive_events),
            whole(row.self_events),
            row.evidence.clone(),
        ]
    }
}

fn whole(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

fn fraction(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| format!("{v:.3}"))
}

/// The word that serde writes for an enum value.
fn word(value: &Option<impl Serialize>) -> String {
    match value.as_ref().map(serde_json::to_value) {
        Some(Ok(serde_json::Value::String(word))) => word,
        _ => String::new(),
    }
}

fn io(error: csv::Error) -> std::io::Error {
    error.into()
}
