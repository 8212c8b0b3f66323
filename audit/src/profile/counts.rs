//! Exact execution counts that compilers' coverage builds give: what `llvm-cov export` and `gcov --json-format` print.
//!
//! Such a build is slower and is never timed; it tells how often each piece of the source ran. The forms:
//! <https://llvm.org/docs/CommandGuide/llvm-cov.html> (`llvm.coverage.json.export`), <https://gcc.gnu.org/onlinedocs/gcc/Invoking-Gcov.html>.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

/// Longest file that is read, unpacked: what it says takes up to four times as much while it is read.
const LARGEST: u64 = 1 << 28;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// The tool and the version of its form.
    pub tool: String,
    /// One per function as it was compiled: an instance of a generic function is a function.
    pub functions: Vec<Counted>,
    /// Counts of lines, by file.
    pub lines: BTreeMap<String, BTreeMap<u32, Line>>,
    /// Pieces that made no sense.
    pub skipped: u64,
}

/// The pieces of one function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// Their file.
    pub file: String,
    /// In the order of the source.
    pub regions: Vec<Region>,
}

/// A piece of source and how often it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// First line and column.
    pub start: (u32, u32),
    /// Last line and the column behind it.
    pub end: (u32, u32),
    /// How often.
    pub count: u64,
}

/// A line of gcov.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// How often it ran, over all instances.
    pub count: u64,
    /// Branches on it: how often each was gone, and whether it is the one that falls through.
    pub branches: Vec<(u64, bool)>,
}

#[derive(Deserialize)]
struct Export {
    #[serde(rename = "type")]
    kind: String,
    version: String,
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct Function {
    filenames: Vec<String>,
    /// Lines, columns, count, index of the file, of the expanded file, kind.
    regions: Vec<[u64; 8]>,
}

#[derive(Deserialize)]
struct Gcov {
    gcc_version: String,
    #[serde(default)]
    current_working_directory: String,
    files: Vec<GcovFile>,
}

#[derive(Deserialize)]
struct GcovFile {
    file: String,
    lines: Vec<GcovLine>,
}

#[derive(Deserialize)]
struct GcovLine {
    line_number: u32,
    count: u64,
    #[serde(default)]
    branches: Vec<GcovBranch>,
}

#[derive(Deserialize)]
struct GcovBranch {
    count: u64,
    fallthrough: bool,
}

impl Counts {
    /// Reads a file, packed or not.
    ///
    /// # Errors
    /// A sentence with what is wrong with it.
    pub fn read(path: &Path) -> Result<Counts, String> {
        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        let mut bytes = all_of(file)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            bytes = all_of(flate2::read::MultiGzDecoder::new(bytes.as_slice()))?;
        }
        Counts::parse(&bytes)
    }

    /// Parses the text of either tool.
    ///
    /// # Errors
    /// As [`Counts::read`].
    pub fn parse(bytes: &[u8]) -> Result<Counts, String> {
        if let Ok(export) = serde_json::from_slice::<Export>(bytes)
            && export.kind == "llvm.coverage.json.export"
        {
            return Ok(Counts::of_llvm(export));
        }
        // gcov prints an object for each file it was given
        let mut counts = Counts::default();
        for one in serde_json::Deserializer::from_slice(bytes).into_iter::<Gcov>() {
            let one = one.map_err(|e| {
                format!("neither `llvm-cov export` nor `gcov --json-format --branch-probabilities` printed this: {e}")
            })?;
            counts.add_gcov(one);
        }
        if counts.lines.is_empty() {
            return Err("no counts in it: run the program that was built for coverage first".into());
        }
        Ok(counts)
    }

    fn of_llvm(export: Export) -> Counts {
        let mut counts = Counts { tool: format!("llvm-cov {}", export.version), ..Counts::default() };
        for function in export.data.into_iter().flat_map(|d| d.functions) {
            let mut by_file: BTreeMap<u64, Vec<Region>> = BTreeMap::new();
            for [line, column, end_line, end_column, count, file, _, kind] in function.regions {
                // others than code: expansions of macros, skipped text, gaps, branches
                if kind != 0 {
                    continue;
                }
                let small = |n: u64| u32::try_from(n).ok().filter(|n| *n > 0);
                match (small(line), small(column), small(end_line), small(end_column)) {
                    (Some(a), Some(b), Some(c), Some(d)) => {
                        let region = Region { start: (a, b), end: (c, d), count };
                        by_file.entry(file).or_default().push(region);
                    }
                    _ => counts.skipped += 1,
                }
            }
            for (file, mut regions) in by_file {
                let Some(name) = usize::try_from(file).ok().and_then(|i| function.filenames.get(i)) else {
                    counts.skipped += 1;
                    continue;
                };
                regions.sort_unstable();
                counts.functions.push(Counted { file: name.clone(), regions });
            }
        }
        counts
    }

    fn add_gcov(&mut self, one: Gcov) {
        self.tool = format!("gcov {}", one.gcc_version);
        for file in one.files {
            let path = Path::new(&one.current_working_directory).join(&file.file);
            let lines = self.lines.entry(path.display().to_string()).or_default();
            for line in file.lines {
                let known = lines.entry(line.line_number).or_default();
                known.count = known.count.saturating_add(line.count);
                known.branches.extend(line.branches.iter().map(|b| (b.count, b.fallthrough)));
            }
        }
    }
}

/// All bytes, or why not.
fn all_of(from: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!(
            "longer than {} MiB: export the sources that matter alone (llvm-cov export … SOURCES)",
            LARGEST >> 20
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LLVM: &str = r#"{"data":[{"files":[],"functions":[{"name":"f","count":2,"filenames":["/w/a.rs"],
        "regions":[[3,5,3,9,7,0,0,0],[2,1,2,9,2,0,0,0],[4,1,4,2,2,0,0,2],[0,1,0,2,2,0,0,0],[5,1,5,2,2,9,0,0]]}],"totals":{}}],
        "type":"llvm.coverage.json.export","version":"3.1.0"}"#;
    const GCOV: &str = r#"{"gcc_version":"12.2.0","format_version":"1","current_working_directory":"/w","data_file":"a","files":[
        {"file":"a.c","lines":[{"line_number":2,"count":12,"branches":[{"count":11,"throw":false,"fallthrough":false},
        {"count":1,"throw":false,"fallthrough":true}],"unexecuted_block":false}]}]}"#;

    #[test]
    fn both_tools_are_read() {
        let llvm = Counts::parse(LLVM.as_bytes()).unwrap();
        assert_eq!((llvm.tool.as_str(), llvm.skipped), ("llvm-cov 3.1.0", 2));
        let counted = &llvm.functions[0];
        assert_eq!((counted.file.as_str(), counted.regions.len()), ("/w/a.rs", 2));
        assert_eq!(counted.regions[1], Region { start: (3, 5), end: (3, 9), count: 7 });
        let twice = format!("{GCOV}\n{GCOV}");
        let gcov = Counts::parse(twice.as_bytes()).unwrap();
        assert_eq!(gcov.lines["/w/a.c"][&2].count, 24);
        assert!(Counts::parse(b"{}").is_err() && Counts::parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..400, byte: u8, cut in 0usize..400) {
            for text in [LLVM, GCOV] {
                let mut bytes = text.as_bytes().to_vec();
                let at = at % bytes.len();
                bytes[at] = byte;
                let _ = Counts::parse(&bytes);
                bytes.truncate(cut);
                let _ = Counts::parse(&bytes);
            }
        }
    }
}
