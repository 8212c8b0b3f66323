//! Reports for people. Everything here is made from the records in JSON; nothing is measured or decided here.

pub mod blockers;
pub mod capture;
pub mod flame;
pub mod parity;
pub mod suite;
pub mod summary;
pub mod timeline;

/// A Markdown table.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(|h| (*h).to_string()).collect::<Vec<_>>());
    text.push_str(&line(&vec!["---".to_string(); head.len()]));
    for row in rows {
        let row: Vec<String> = row.iter().map(|c| c.replace('|', "\\|").replace('\n', " ")).collect();
        text.push_str(&line(&row));
    }
    text
}

/// A time with three significant digits and its unit.
#[must_use]
pub fn seconds(s: f64) -> String {
    let (value, unit) = if s >= 1.0 {
        (s, "s")
    } else if s >= 1e-3 {
        (s * 1e3, "ms")
    } else {
        (s * 1e6, "µs")
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

/// A number of bytes with a decimal unit.
#[must_use]
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    if n >= 1e9 {
        format!("{:.2} GB", n / 1e9)
    } else if n >= 1e6 {
        format!("{:.1} MB", n / 1e6)
    } else if n >= 1e3 {
        format!("{:.1} kB", n / 1e3)
    } else {
        format!("{n} B")
    }
}

/// A value or what its absence is called.
#[must_use]
pub fn or_absent(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not measured".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_cells() {
        assert_eq!(seconds(1.2345), "1.23 s");
        assert_eq!(seconds(0.045_67), "45.7 ms");
        assert_eq!(seconds(0.000_9), "900 µs");
        assert_eq!(bytes(67_108_864), "67.1 MB");
        assert_eq!(bytes(12), "12 B");
        assert!(table(&["a"], &[vec!["x|y".into()]]).contains("x\\|y"));
    }
}
