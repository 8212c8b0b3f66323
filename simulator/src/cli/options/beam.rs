//! Options of the beam.

use super::{not_negative, positive, steps};
use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};
use crate::units::{angstrom, energy_ev, mm, mrad, percent};

const G: Group = Group::Beam;

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-lambda", "-wave"],
        "f",
        "wavelength",
        Number(|r, x| {
            r.experiment.beam.wavelength = angstrom(positive(x)?);
            Ok(())
        }),
    )
    .unit("Å")
    .default("1"),
    G.option(
        &["-energy"],
        "f",
        "photon energy, in place of the wavelength",
        Number(|r, x| {
            r.experiment.beam.wavelength = energy_ev(positive(x)?);
            Ok(())
        }),
    )
    .unit("eV"),
    G.option(
        &["-fluence"],
        "f",
        "strength of the beam",
        Number(|r, x| {
            r.experiment.beam.fluence = not_negative(x)?;
            Ok(())
        }),
    )
    .unit("photons/m²")
    .default("1.25932015286227086e29"),
    G.option(
        &["-flux"],
        "f",
        "strength of the beam, with -exposure and -beamsize",
        Number(|r, x| {
            r.experiment.beam.flux = not_negative(x)?;
            Ok(())
        }),
    )
    .unit("photons/s"),
    G.option(
        &["-exposure"],
        "f",
        "exposure time, with -flux",
        Number(|r, x| {
            r.experiment.beam.exposure = not_negative(x)?;
            Ok(())
        }),
    )
    .unit("s")
    .default("1"),
    G.option(
        &["-beamsize"],
        "f",
        "edge of the beam, with -flux; limits the size of the crystal",
        Number(|r, x| {
            r.experiment.beam.size = mm(positive(x)?);
            Ok(())
        }),
    )
    .unit("mm")
    .default("0.1"),
    G.option(
        &["-polar"],
        "f",
        "Kahn polarization factor",
        Number(|r, x| {
            r.experiment.beam.polarization = Some(x);
            Ok(())
        }),
    )
    .default("0"),
    G.flag(&["-nopolar"], "no polarization correction", |r| r.experiment.beam.polarization = None),
    G.option(
        &["-dispersion"],
        "f",
        "spectral width",
        Number(|r, x| {
            r.experiment.beam.dispersion.range = Some(percent(x));
            Ok(())
        }),
    )
    .unit("%")
    .default("0"),
    G.option(
        &["-dispsteps"],
        "N",
        "number of wavelengths",
        Integer(|r, n| {
            r.experiment.beam.dispersion.count = steps(n)?;
            Ok(())
        }),
    ),
    G.option(
        &["-divergence"],
        "f",
        "both divergence ranges",
        Number(|r, x| {
            r.experiment.beam.horizontal_divergence.range = Some(mrad(x));
            r.experiment.beam.vertical_divergence.range = Some(mrad(x));
            Ok(())
        }),
    )
    .unit("mrad")
    .default("0"),
    G.option(
        &["-divsteps"],
        "N",
        "both numbers of divergence steps",
        Integer(|r, n| {
            r.experiment.beam.horizontal_divergence.count = steps(n)?;
            r.experiment.beam.vertical_divergence.count = steps(n)?;
            Ok(())
        }),
    ),
    G.option(
        &["-hdivrange"],
        "f",
        "horizontal divergence",
        Number(|r, x| {
            r.experiment.beam.horizontal_divergence.range = Some(mrad(x));
            Ok(())
        }),
    )
    .unit("mrad"),
    G.option(
        &["-hdivstep"],
        "f",
        "horizontal step",
        Number(|r, x| {
            r.experiment.beam.horizontal_divergence.step = Some(mrad(x));
            Ok(())
        }),
    )
    .unit("mrad"),
    G.option(
        &["-hdivsteps"],
        "N",
        "number of horizontal steps",
        Integer(|r, n| {
            r.experiment.beam.horizontal_divergence.count = steps(n)?;
            Ok(())
        }),
    ),
    G.option(
        &["-vdivrange"],
        "f",
        "vertical divergence",
        Number(|r, x| {
            r.experiment.beam.vertical_divergence.range = Some(mrad(x));
            Ok(())
        }),
    )
    .unit("mrad"),
    G.option(
        &["-vdivstep"],
        "f",
        "vertical step",
        Number(|r, x| {
            r.experiment.beam.vertical_divergence.step = Some(mrad(x));
            Ok(())
        }),
    )
    .unit("mrad"),
    G.option(
        &["-vdivsteps"],
        "N",
        "number of vertical steps",
        Integer(|r, n| {
            r.experiment.beam.vertical_divergence.count = steps(n)?;
            Ok(())
        }),
    ),
    G.flag(&["-round_div"], "no corners where both divergences are large (default)", |r| {
        r.experiment.beam.round_divergence = true;
    }),
    G.flag(&["-square_div"], "all pairs of divergence steps", |r| r.experiment.beam.round_divergence = false),
    G.option(
        &["-sourcefile"],
        "file",
        "explicit sources, one `x y z weight wavelength` (m) a line",
        File(|r, path| r.input.sources = Some(path)),
    ),
    G.option(
        &["-dmin"],
        "f",
        "skip a source where the resolution at the pixel is finer",
        Number(|r, x| {
            r.experiment.beam.dmin = angstrom(not_negative(x)?);
            Ok(())
        }),
    )
    .unit("Å")
    .default("0"),
];
