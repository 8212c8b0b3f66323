//! The table of all options, by group.

mod beam;
mod crystal;
mod detector;
mod output;
mod running;
mod sampling;

use super::option::OptionSpec;

/// Every option, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
    [crystal::TABLE, beam::TABLE, detector::TABLE, sampling::TABLE, output::TABLE, running::TABLE]
        .into_iter()
        .flatten()
}

/// The option that a word names.
pub fn find(word: &str) -> Option<&'static OptionSpec> {
    let exact = all().find(|option| option.names.contains(&word));
    exact.or_else(|| all().find(|option| option.is_called(word)))
}

/// The name that was perhaps meant by a word that is none.
pub fn nearest(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let dashes = lower.trim_start_matches('-');
    let distance =
        |name: &str| strsim::damerau_levenshtein(dashes, &name.trim_matches(['-', '*']).to_lowercase());
    let names = all().flat_map(|option| option.names).copied().filter(|name| !name.ends_with('*'));
    let (name, distance) = names.map(|name| (name, distance(name))).min_by_key(|&(_, distance)| distance)?;
    (distance * 3 <= dashes.chars().count().max(3)).then_some(name)
}

/// First names of the options that one takes the place of, because the last of them counts.
pub fn superseded(name: &str) -> &'static [&'static str] {
    match name {
        "-lambda" => &["-energy"],
        "-energy" => &["-lambda"],
        "-N" => &["-Na", "-Nb", "-Nc"],
        "-samplesize" => &["-sample_x", "-sample_y", "-sample_z"],
        "-square_xtal" | "-round_xtal" | "-gauss_xtal" | "-tophat_spots" => {
            &["-square_xtal", "-round_xtal", "-gauss_xtal", "-tophat_spots"]
        }
        "-interpolate" => &["-nointerpolate"],
        "-nointerpolate" => &["-interpolate"],
        "-polar" => &["-nopolar"],
        "-nopolar" => &["-polar"],
        "-divergence" => &["-hdivrange", "-vdivrange"],
        "-divsteps" => &["-hdivsteps", "-vdivsteps"],
        "-round_div" => &["-square_div"],
        "-square_div" => &["-round_div"],
        "-detsize" => &["-detsize_f", "-detsize_s"],
        "-detpixels" => &["-detpixels_f", "-detpixels_s"],
        "-mosflm" | "-denzo" | "-adxv" | "-xds" | "-dials" => CONVENTIONS,
        "-fdet_vector" | "-sdet_vector" | "-odet_vector" | "-beam_vector" | "-polar_vector"
        | "-spindle_axis" | "-twotheta_axis" | "-pix0_vector" => {
            &["-mosflm", "-denzo", "-adxv", "-xds", "-dials"]
        }
        "-pgmfile" => &["-nopgm"],
        "-nopgm" => &["-pgmfile"],
        "-noisefile" => &["-nonoise"],
        "-nonoise" => &["-noisefile"],
        "-progress" => &["-noprogress"],
        "-noprogress" => &["-progress"],
        "-printout" => &["-printout_pixel"],
        "-printout_pixel" => &["-printout"],
        _ => &[],
    }
}

const CONVENTIONS: &[&str] = &["-mosflm", "-denzo", "-adxv", "-xds", "-dials"];

/// A number that must be more than 0.
fn positive(x: f64) -> Result<f64, String> {
    if x > 0.0 { Ok(x) } else { Err(format!("must be more than 0, and is {x}")) }
}

/// A number that must not be less than 0.
fn not_negative(x: f64) -> Result<f64, String> {
    if x >= 0.0 { Ok(x) } else { Err(format!("must not be less than 0, and is {x}")) }
}

/// A whole number that must be at least 1.
fn at_least_one(n: i64) -> Result<u32, String> {
    match u32::try_from(n) {
        Ok(n) if n >= 1 => Ok(n),
        Ok(_) => Err("must be at least 1, and is 0".to_owned()),
        Err(_) => Err(format!("must be from 1 to {}, and is {n}", u32::MAX)),
    }
}

/// A number of steps; 0 and less leave it to the default rule.
fn steps(n: i64) -> Result<Option<u32>, String> {
    if n <= 0 {
        return Ok(None);
    }
    u32::try_from(n).map(Some).map_err(|_| format!("must be at most {}, and is {n}", u32::MAX))
}
