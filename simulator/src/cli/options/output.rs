//! Options of the files that are written.

use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};
use crate::cli::request::Printout;
use crate::image::NoiseStream;

const G: Group = Group::Output;

/// A pixel of a detector.
fn pixel(v: &[i64]) -> Result<Printout, String> {
    match [usize::try_from(v[0]), usize::try_from(v[1])] {
        [Ok(fast), Ok(slow)] => Ok(Printout::One(fast, slow)),
        _ => Err(format!("{} {} is not a pixel", v[0], v[1])),
    }
}

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-floatfile", "-floatimage"],
        "file",
        "image as raw f32",
        File(|r, path| r.output.float = path),
    )
    .default("floatimage.bin"),
    G.option(
        &["-intfile", "-intimage"],
        "file",
        "image as 16-bit SMV",
        File(|r, path| r.output.integer = path),
    )
    .default("intimage.img"),
    G.option(
        &["-pgmfile", "-pgmimage"],
        "file",
        "image as 8-bit PGM",
        File(|r, path| r.output.pgm = Some(path)),
    )
    .default("image.pgm"),
    G.option(
        &["-noisefile", "-noiseimage"],
        "file",
        "image with photon noise as 16-bit SMV",
        File(|r, path| r.output.noise = Some(path)),
    )
    .default("noiseimage.img"),
    G.option(&["-npyfile"], "file", "image as a NumPy array", File(|r, path| r.output.npy = Some(path))),
    G.option(
        &["-pngfile"],
        "file",
        "image as 16-bit PNG, six decades on a logarithmic scale",
        File(|r, path| r.output.png = Some(path)),
    ),
    G.flag(&["-nonoise"], "no noise image", |r| r.output.noise = None),
    G.flag(&["-nopgm"], "no PGM image", |r| r.output.pgm = None),
    G.option(
        &["-scale"],
        "f",
        "scale of the SMV image",
        Number(|r, x| {
            r.output.scale = Some(x);
            Ok(())
        }),
    )
    .default("55000/max"),
    G.option(
        &["-pgmscale"],
        "f",
        "scale of the PGM image",
        Number(|r, x| {
            r.output.pgm_scale = Some(x);
            Ok(())
        }),
    )
    .default("250/(5·rmsd)"),
    G.option(
        &["-adc"],
        "f",
        "offset of the SMV images",
        Number(|r, x| {
            r.output.adc = x;
            Ok(())
        }),
    )
    .default("40"),
    G.option(
        &["-seed"],
        "N",
        "seed of the photon noise",
        Integer(|r, n| {
            r.output.seed = Some(n);
            Ok(())
        }),
    )
    .default("time"),
    G.option(
        &["--noise-stream"],
        "nanobragg|parallel",
        "random numbers of the noise: nanoBragg's in raster order, or every pixel its own",
        Word(|r, word| {
            r.output.noise_stream = match word {
                "nanobragg" => NoiseStream::Nanobragg,
                "parallel" => NoiseStream::Parallel,
                _ => return Err(format!("`{word}` is neither `nanobragg` nor `parallel`")),
            };
            Ok(())
        }),
    )
    .default("nanobragg"),
    G.flag(&["-noprogress"], "no progress on the terminal", |r| r.running.progress = Some(false)),
    G.flag(&["-progress"], "progress on the terminal (default)", |r| r.running.progress = Some(true)),
    G.flag(&["-printout"], "print the intermediate values of every pixel", |r| {
        r.output.printout = Printout::All
    }),
    G.option(
        &["-printout_pixel", "--trace-pixel"],
        "f s",
        "print the intermediate values of one pixel (also F,S)",
        Integers(2, |r, v| {
            r.output.printout = pixel(v)?;
            Ok(())
        }),
    ),
    G.option(
        &["--trace-format"],
        "text|json",
        "form of the intermediate values",
        Word(|r, word| {
            r.output.printout_json = match word {
                "text" => false,
                "json" => true,
                _ => return Err(format!("`{word}` is neither `text` nor `json`")),
            };
            Ok(())
        }),
    )
    .default("text"),
];
