//! Brings together what a command line, an experiment file and the headers of images say, and reads the files that
//! belong to an experiment.

use super::experiment_file;
use super::parse::{UsageError, parse};
use super::request::{Action, Origin, Request};
use super::run::RunError;
use crate::engine::{Choice, EngineName};
use crate::experiment::{Experiment, Misset};
use crate::io::smv::{self, Header};
use crate::io::{dump, hkl, matrix, sources};
use crate::oddities::Oddity;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The cache that nanoBragg reads and writes without being asked (oddity `implicit-dump`).
const IMPLICIT_DUMP: &str = "Fdump.bin";

/// Reads a command line: the header of the mask first, then that of the image, then the experiment file, then the
/// words, whatever their order.
pub(super) fn request(args: Vec<OsString>) -> Result<Request, RunError> {
    let asked = parse(args.clone(), Request::default(), &Origin::Flag)?;
    if matches!(asked.action, Action::Help(_) | Action::Version) {
        return Ok(asked);
    }
    let file = asked.input.experiment.as_deref();
    let file_words = file.map(experiment_file::words).transpose()?.unwrap_or_default();
    let in_file = |request: Request| match file {
        Some(path) => experiment_file::apply(path, file_words.clone(), request),
        None => Ok(request),
    };
    let from_file = in_file(Request::default())?;

    let mut request = Request::default();
    if let Some(path) = asked.input.mask.or(from_file.input.mask) {
        let (header, mask) = smv::read_mask(&path)?;
        request = with_header(request, &path, &header, true)?;
        request.experiment.sampling.mask = Some(mask);
    }
    if let Some(path) = asked.input.image.or(from_file.input.image) {
        request = with_header(request, &path, &smv::read_header(&path)?, false)?;
    }
    let mut request = parse(args, in_file(request)?, &Origin::Flag)?;
    if let Choice { engine: EngineName::Reference, level: Some(level), .. } = request.running.choice {
        let why = "they are of no use to --engine rust-reference";
        let what = format!("--simd {level}: instructions of the kernels; {why}; leave one of the two out");
        return Err(UsageError(what).into());
    }
    if let Misset::Random { seed } = &mut request.experiment.crystal.misset {
        *seed = request.input.misset_seed.unwrap_or_else(time_seed);
    }
    if request.output.noise.is_some() {
        request.output.seed.get_or_insert_with(time_seed);
    }
    Ok(request)
}

/// Seconds since 1970, as a seed that is another every time.
fn time_seed() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs() as i64)
}

/// Sets what the header of an image says. It gives lengths, and does not decide the pivot.
fn with_header(request: Request, path: &Path, header: &Header, is_mask: bool) -> Result<Request, RunError> {
    let mut words = Vec::new();
    let mut set = |option: &str, value: Option<f64>| {
        if let Some(value) = value {
            words.extend([OsString::from(option), OsString::from(value.to_string())]);
        }
    };
    let [fast, slow] = header.size.map(f64::from);
    set("-detpixels_f", Some(fast));
    set("-detpixels_s", Some(slow));
    let pixel = header.positive("PIXEL_SIZE")?;
    set("-pixel", pixel);
    set("-distance", header.positive("DISTANCE")?);
    set("-close_distance", header.positive("CLOSE_DISTANCE")?);
    set("-lambda", header.positive("WAVELENGTH")?);
    set("-Xbeam", header.number("BEAM_CENTER_X")?);
    let y = header.number("BEAM_CENTER_Y")?;
    let height = slow * pixel.unwrap_or(0.1);
    set("-Ybeam", if is_mask { y.map(|y| height - y) } else { y });
    set("-ORGX", header.number("ORGX")?);
    set("-ORGY", header.number("ORGY")?);
    set("-phi", header.number("PHI")?);
    set("-osc", header.number("OSC_RANGE")?);
    let pivot = request.experiment.detector.pivot;
    let mut request = parse(words, request, &Origin::Header(path.to_owned()))?;
    request.experiment.detector.pivot = pivot;
    Ok(request)
}

/// The experiment with the content of its files. Writes the cache of structure factors where it is asked for.
pub(super) fn load(request: &Request) -> Result<Experiment, RunError> {
    let mut experiment = request.experiment.clone();
    let input = &request.input;
    if let Some(path) = &input.matrix {
        experiment.crystal.matrix = Some(matrix::read_matrix(path)?);
    }
    if let Some(path) = &input.sources {
        experiment.beam.sources = Some(sources::read_sources(path)?.into());
    }
    let implicit = experiment.oddities.has(Oddity::ImplicitDump).then(|| PathBuf::from(IMPLICIT_DUMP));
    let dump_file = input.dump.clone().or_else(|| implicit.clone());
    let grid = match (&input.hkl, &dump_file) {
        (Some(path), dump_file) => {
            let stop = experiment.oddities.has(Oddity::HklStopsAtText);
            let grid = hkl::read_hkl(path, experiment.crystal.default_f, stop)?;
            if let Some(path) = dump_file {
                dump::write_dump(path, &grid)?;
            }
            Some(grid)
        }
        // The cache that nobody asked for need not be there.
        (None, Some(path)) if input.dump.is_none() && !path.exists() => None,
        (None, Some(path)) => Some(dump::read_dump(path)?),
        (None, None) => None,
    };
    experiment.crystal.structure_factors = grid.map(Arc::new);
    Ok(experiment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Pivot;
    use crate::units::mm;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_header_is_read_before_the_command_line_wherever_it_stands() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.img");
        let mut text = b"{\nHEADER_BYTES=512;\nSIZE1=20;\nSIZE2=30;\nPIXEL_SIZE=0.2;\nDISTANCE=85;\nBEAM_CENTER_Y=2;\nPHI=3;\n}".to_vec();
        text.resize(512 + 1200, b' ');
        std::fs::write(&path, &text).unwrap();
        let name = path.display();
        let image = request(words(&format!("-distance 70 -img {name} -cell 10"))).unwrap();
        let detector = &image.experiment.detector;
        assert_eq!(
            (detector.distance, detector.pixel, detector.pixels),
            (mm(70.0), mm(0.2), [Some(20), Some(30)])
        );
        assert_eq!(detector.beam_centre, [None, Some(mm(2.0))]);
        assert_eq!(detector.pivot, Some(Pivot::Beam));
        assert_eq!(image.given["-phi"].origin, Origin::Header(path.clone()));
        assert_eq!(image.given["-distance"].origin, Origin::Flag);

        let mask = request(words(&format!("-mask {name}"))).unwrap();
        assert_eq!(mask.experiment.detector.beam_centre, [None, Some(mm(4.0))]);
        assert_eq!(mask.experiment.detector.pivot, None);
    }
}
