//! The five workloads, their full and their small sizes, and the files that they read.

use std::fmt::Write as _;
use std::path::Path;

/// One workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) what: &'static str,
    words: &'static str,
    /// Pixels along each axis: of the table, of `--quick`, and where instructions are counted, the C engine's and the
    /// kernels'.
    pub(crate) full: u32,
    pub(crate) quick: u32,
    pub(crate) counted: u32,
    pub(crate) counted_kernels: u32,
    /// nanoBragg's instructions at `counted`, in millions (gcc -O3, callgrind, whole process, one thread).
    pub(crate) nanobragg_millions: Option<f64>,
    /// nanoBragg's pixel loop at `full` on one thread of another machine (2.95 GHz, gcc -O3), in milliseconds.
    pub(crate) nanobragg_ms: f64,
}

const CELL: &str = "-cell 100 100 100 90 90 90 -lambda 6.2 -distance 100 -pixel 0.1";

/// All of them; each also has [`CELL`].
pub(crate) const CASES: [Case; 5] = [
    Case {
        name: "W1",
        what: "one term a pixel",
        words: "-default_F 100 -N 5",
        full: 4096,
        quick: 1024,
        counted: 256,
        counted_kernels: 512,
        nanobragg_millions: Some(88.0),
        nanobragg_ms: 2338.0,
    },
    Case {
        name: "W2",
        what: "50 mosaic domains",
        words: "-default_F 100 -N 5 -mosaic 0.5 -mosaic_domains 50 -oversample 1",
        full: 1024,
        quick: 256,
        counted: 64,
        counted_kernels: 256,
        nanobragg_millions: Some(159.0),
        nanobragg_ms: 4461.0,
    },
    Case {
        name: "W3",
        what: "sources by dispersion and divergence, 2 × 2 sub-pixels",
        words: "-default_F 100 -N 5 -dispersion 1 -dispsteps 10 -hdivrange 1 -hdivsteps 3 -vdivrange 1 -vdivsteps 3 -oversample 2",
        full: 1024,
        quick: 256,
        counted: 32,
        counted_kernels: 128,
        nanobragg_millions: Some(156.0),
        nanobragg_ms: 15477.0,
    },
    Case {
        name: "W4",
        what: "structure factors of the nearest reflection, 10 spindle steps, 2 × 2 sub-pixels",
        words: "-hkl hkl.txt -N 20 -oversample 2 -phi 0 -osc 1 -phisteps 10",
        full: 1024,
        quick: 256,
        counted: 32,
        counted_kernels: 128,
        nanobragg_millions: None,
        nanobragg_ms: 5102.0,
    },
    Case {
        name: "W5",
        what: "as W4, interpolated",
        words: "-hkl hkl.txt -N 20 -oversample 2 -phi 0 -osc 1 -phisteps 10 -interpolate",
        full: 1024,
        quick: 256,
        counted: 32,
        counted_kernels: 128,
        nanobragg_millions: None,
        nanobragg_ms: 11457.0,
    },
];

impl Case {
    /// The words of nanoBragg's command line, with float and SMV images as the only outputs.
    pub(crate) fn words(&self, pixels: u32) -> Vec<String> {
        let line = format!(
            "{} {CELL} -detpixels {pixels} -nonoise -nopgm -noprogress -floatfile float.bin -intfile int.img",
            self.words
        );
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Whether it reads the file of structure factors.
    pub(crate) fn reads_hkl(&self) -> bool {
        self.words.contains("-hkl")
    }
}

/// The structure factor of a reflection in [`write_hkl`].
pub(crate) fn factor(h: i32, k: i32, l: i32) -> f64 {
    f64::from(10 + (31 * h + 17 * k + 7 * l).rem_euclid(97) + (h * k + l * l).rem_euclid(41)) + 0.5
}

/// Writes structure factors for −`reach`…`reach` on each axis: not smooth, never 0, the same everywhere.
pub(crate) fn write_hkl(path: &Path, reach: i32) -> Result<(), String> {
    let mut text = String::new();
    for h in -reach..=reach {
        for k in -reach..=reach {
            for l in -reach..=reach {
                writeln!(text, "{h} {k} {l} {:.1}", factor(h, k, l)).map_err(|e| e.to_string())?;
            }
        }
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
