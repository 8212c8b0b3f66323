//! Options of the files that are written.

use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};

const G: Group = Group::Output;

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-floatfile", "-floatimage"],
        "file",
        "image as raw f32",
        File(|r, path| r.output.float = path),
    )
    .default("floatimage.bin"),
    G.option(&["-intfile", "-intimage"], "file", "image as 16-bit SMV", NotYet).default("intimage.img"),
    G.option(&["-pgmfile", "-pgmimage"], "file", "image as 8-bit PGM", NotYet).default("image.pgm"),
    G.option(&["-noisefile", "-noiseimage"], "file", "image with photon noise as 16-bit SMV", NotYet)
        .default("noiseimage.img"),
    G.flag(&["-nonoise"], "no noise image", |r| r.output.noise = false),
    G.flag(&["-nopgm"], "no PGM image", |r| r.output.pgm = false),
    G.option(&["-scale"], "f", "scale of the SMV image", NotYet).default("55000/max"),
    G.option(&["-pgmscale"], "f", "scale of the PGM image", NotYet).default("250/(5·rmsd)"),
    G.option(&["-adc"], "f", "offset of the SMV images", NotYet).default("40"),
    G.option(&["-seed"], "N", "seed of the photon noise", NotYet).default("time"),
    G.flag(&["-noprogress"], "no progress on the terminal", |r| r.running.progress = Some(false)),
    G.flag(&["-progress"], "progress on the terminal (default)", |r| r.running.progress = Some(true)),
    G.flag_not_yet(&["-printout"], "print the intermediate values of every pixel"),
    G.option(&["-printout_pixel"], "f s", "print the intermediate values of one pixel", NotYet),
];

impl Group {
    /// A word that is known, but not done yet.
    const fn flag_not_yet(self, names: &'static [&'static str], help: &'static str) -> OptionSpec {
        self.option(names, "", help, NotYet)
    }
}
