//! The inventory as JSON and CSV.

use super::{Inventory, InventoryError, SCHEMA};
use std::io::Write;
use std::path::Path;

/// First line of the CSV form.
const COLUMNS: [&str; 16] = [
    "module",
    "line",
    "end_line",
    "column",
    "end_column",
    "language",
    "kind",
    "function",
    "depth",
    "loop_id",
    "trip_count_hint",
    "status",
    "priority",
    "evidence",
    "content_hash",
    "header",
];

impl Inventory {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// The file cannot be read, is not an inventory, or one of another version.
    pub fn read_json(path: &Path) -> Result<Self, InventoryError> {
        let wrong = |reason: String| InventoryError::Json { path: path.to_path_buf(), reason };
        let text = std::fs::read(path)
            .map_err(|source| InventoryError::Path { path: path.to_path_buf(), source })?;
        let mut inventory: Self = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        if inventory.schema != SCHEMA {
            return Err(wrong(format!("its schema is {:?}, not {SCHEMA:?}", inventory.schema)));
        }
        // Lookups rely on the order that `scan` gives.
        inventory.files.sort_by(|a, b| a.path.cmp(&b.path));
        inventory.loops.sort_by(|a, b| a.module.cmp(&b.module));
        Ok(inventory)
    }

    /// Writes the JSON form, one field per line.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write_json(&self, mut to: impl Write) -> Result<(), InventoryError> {
        serde_json::to_writer_pretty(&mut to, self).map_err(|e| InventoryError::Write(e.into()))?;
        to.write_all(b"\n").map_err(InventoryError::Write)
    }

    /// The JSON form as text.
    ///
    /// # Errors
    /// As [`Inventory::write_json`].
    pub fn to_json(&self) -> Result<String, InventoryError> {
        self.text(|text| self.write_json(text))
    }

    /// The CSV form as text.
    ///
    /// # Errors
    /// As [`Inventory::write_csv`].
    pub fn to_csv(&self) -> Result<String, InventoryError> {
        self.text(|text| self.write_csv(text))
    }

    fn text(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), InventoryError>,
    ) -> Result<String, InventoryError> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        String::from_utf8(bytes).map_err(|e| InventoryError::Write(std::io::Error::other(e)))
    }

    /// Writes the loops as CSV, one per line.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write_csv(&self, to: impl Write) -> Result<(), InventoryError> {
        let mut csv = csv::Writer::from_writer(to);
        let wrong = |e: csv::Error| InventoryError::Write(e.into());
        csv.write_record(COLUMNS).map_err(wrong)?;
        for l in &self.loops {
            let number = |n: u32| n.to_string();
            let record = [
                l.module.clone(),
                number(l.line),
                number(l.end_line),
                number(l.column),
                number(l.end_column),
                l.language.name().to_string(),
                l.kind.name().to_string(),
                l.function.clone(),
                number(l.depth),
                l.loop_id.clone(),
                l.trip_count_hint.clone().unwrap_or_default(),
                l.status.name().to_string(),
                l.priority.map_or("", super::Priority::name).to_string(),
                l.evidence.clone(),
                l.content_hash.clone(),
                l.header.clone(),
            ];
            csv.write_record(record).map_err(wrong)?;
        }
        csv.flush().map_err(InventoryError::Write)
    }
}
