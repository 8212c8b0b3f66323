//! How long the inventory of a million lines takes: `cargo run --release -p bragg-audit --example million_lines [DIRECTORY]`.
//!
//! Makes a tree of a million lines from the Rust and C files of a directory (default: the workspace), each copied under new
//! names until there are enough, lists its loops twice, and checks that both lists are the same byte by byte.

use bragg_audit::inventory::Inventory;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

const LINES: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let from = std::env::args_os()
        .nth(1)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from);
    let listed = Inventory::scan(&from, &[])?;
    let tree = tempfile::tempdir()?;
    let (mut lines, mut copies) = (0, 0);
    while lines < LINES && !listed.files.is_empty() {
        for file in &listed.files {
            let to = tree.path().join(format!("copy{copies}")).join(&file.path);
            std::fs::create_dir_all(to.parent().unwrap_or(tree.path()))?;
            std::fs::copy(from.join(&file.path), to)?;
            lines += file.lines as usize;
            if lines >= LINES {
                break;
            }
        }
        copies += 1;
    }
    let start = Instant::now();
    let first = Inventory::scan(tree.path(), &[])?;
    let seconds = start.elapsed().as_secs_f64();
    let same = first.to_json()? == Inventory::scan(tree.path(), &[])?.to_json()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    writeln!(
        std::io::stdout(),
        "{lines} lines, {} files, {} loops: {seconds:.1} s on {cores} cores; a second list is {}",
        first.files.len(),
        first.loops.len(),
        if same { "the same" } else { "DIFFERENT" }
    )?;
    if same { Ok(()) } else { Err("two lists of one tree differ".into()) }
}
