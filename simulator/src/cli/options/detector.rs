//! Options of the detector.

use super::{at_least_one, not_negative, positive, steps};
use crate::cli::option::Apply::{self, *};
use crate::cli::option::{Group, OptionSpec};
use crate::cli::request::Request;
use crate::experiment::{Convention, CustomVectors, Detector, Pivot};
use crate::physics::vector::Vec3;
use crate::units::{degrees, mm, um};

const G: Group = Group::Detector;

/// A named convention; all but XDS and DIALS turn about the beam.
fn convention(r: &mut Request, convention: Convention, pivot: Pivot) {
    r.experiment.detector.convention = convention;
    r.experiment.detector.pivot = Some(pivot);
}

/// A vector, which makes the convention CUSTOM.
fn custom(r: &mut Request) -> &mut CustomVectors {
    r.experiment.detector.convention = Convention::Custom;
    &mut r.experiment.detector.vectors
}

/// A length that decides the pivot.
fn pivoting(r: &mut Request, pivot: Pivot) -> &mut Detector {
    r.experiment.detector.pivot = Some(pivot);
    &mut r.experiment.detector
}

const fn vector(name: &'static [&'static str], help: &'static str, apply: Apply) -> OptionSpec {
    G.option(name, "x y z", help, apply)
}

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-distance"],
        "f",
        "distance of the detector along the beam",
        Number(|r, x| {
            pivoting(r, Pivot::Beam).distance = mm(positive(x)?);
            Ok(())
        }),
    )
    .unit("mm")
    .default("100"),
    G.option(
        &["-close_distance"],
        "f",
        "distance along the normal",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).close_distance = Some(mm(positive(x)?));
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-detsize"],
        "f",
        "size both ways",
        Number(|r, x| {
            r.experiment.detector.size = [mm(positive(x)?); 2];
            Ok(())
        }),
    )
    .unit("mm")
    .default("102.4"),
    G.option(
        &["-detsize_f"],
        "f",
        "size along fast",
        Number(|r, x| {
            r.experiment.detector.size[0] = mm(positive(x)?);
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-detsize_s"],
        "f",
        "size along slow",
        Number(|r, x| {
            r.experiment.detector.size[1] = mm(positive(x)?);
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-detpixels"],
        "N",
        "pixels both ways; sets the size",
        Integer(|r, n| {
            r.experiment.detector.pixels = [Some(at_least_one(n)?); 2];
            Ok(())
        }),
    ),
    G.option(
        &["-detpixels_f", "-detpixels_x"],
        "N",
        "pixels along fast",
        Integer(|r, n| {
            r.experiment.detector.pixels[0] = Some(at_least_one(n)?);
            Ok(())
        }),
    ),
    G.option(
        &["-detpixels_s", "-detpixels_y"],
        "N",
        "pixels along slow",
        Integer(|r, n| {
            r.experiment.detector.pixels[1] = Some(at_least_one(n)?);
            Ok(())
        }),
    ),
    G.option(
        &["-pixel"],
        "f",
        "edge of a pixel",
        Number(|r, x| {
            r.experiment.detector.pixel = mm(positive(x)?);
            Ok(())
        }),
    )
    .unit("mm")
    .default("0.1"),
    G.option(
        &["-Xbeam"],
        "f",
        "direct beam, X of the convention",
        Number(|r, x| {
            pivoting(r, Pivot::Beam).beam_centre[0] = Some(mm(x));
            Ok(())
        }),
    )
    .unit("mm")
    .default("centre"),
    G.option(
        &["-Ybeam"],
        "f",
        "direct beam, Y of the convention",
        Number(|r, x| {
            pivoting(r, Pivot::Beam).beam_centre[1] = Some(mm(x));
            Ok(())
        }),
    )
    .unit("mm")
    .default("centre"),
    G.option(
        &["-Xclose"],
        "f",
        "nearest point along fast",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).close[0] = Some(mm(x));
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-Yclose"],
        "f",
        "nearest point along slow",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).close[1] = Some(mm(x));
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-ORGX"],
        "f",
        "nearest point along fast, after XDS",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).origin_pixels[0] = Some(x);
            Ok(())
        }),
    )
    .unit("pixels"),
    G.option(
        &["-ORGY"],
        "f",
        "nearest point along slow, after XDS",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).origin_pixels[1] = Some(x);
            Ok(())
        }),
    )
    .unit("pixels"),
    G.option(
        &["-detector_rotx"],
        "f",
        "rotation about x",
        Number(|r, x| {
            r.experiment.detector.rotation[0] = degrees(x);
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-detector_roty"],
        "f",
        "rotation about y",
        Number(|r, x| {
            r.experiment.detector.rotation[1] = degrees(x);
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-detector_rotz"],
        "f",
        "rotation about z",
        Number(|r, x| {
            r.experiment.detector.rotation[2] = degrees(x);
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-twotheta"],
        "f",
        "swing about the 2θ axis",
        Number(|r, x| {
            pivoting(r, Pivot::Sample).twotheta = degrees(x);
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-pivot"],
        "sample|beam",
        "what stays in place when the detector turns",
        Word(|r, word| {
            r.experiment.detector.pivot = Some(match word {
                "sample" => Pivot::Sample,
                "beam" => Pivot::Beam,
                _ => return Err(format!("`{word}` is neither `sample` nor `beam`")),
            });
            Ok(())
        }),
    )
    .default("by convention"),
    G.flag(&["-mosflm"], "convention of MOSFLM (default)", |r| {
        convention(r, Convention::Mosflm, Pivot::Beam)
    }),
    G.flag(&["-denzo"], "convention of DENZO", |r| convention(r, Convention::Denzo, Pivot::Beam)),
    G.flag(&["-adxv"], "convention of ADXV", |r| convention(r, Convention::Adxv, Pivot::Beam)),
    G.flag(&["-xds"], "convention of XDS", |r| convention(r, Convention::Xds, Pivot::Sample)),
    G.flag(&["-dials"], "convention of DIALS", |r| convention(r, Convention::Dials, Pivot::Beam)),
    vector(
        &["-fdet_vector"],
        "fast axis; makes the convention CUSTOM, as all vectors do",
        Vector(|r, v| {
            custom(r).fast = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-sdet_vector"],
        "slow axis",
        Vector(|r, v| {
            custom(r).slow = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-odet_vector"],
        "normal of the detector",
        Vector(|r, v| {
            custom(r).normal = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-beam_vector"],
        "direction of the beam",
        Vector(|r, v| {
            custom(r).beam = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-polar_vector"],
        "direction of the E-vector",
        Vector(|r, v| {
            custom(r).polar = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-spindle_axis"],
        "axis of the spindle",
        Vector(|r, v| {
            custom(r).spindle = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-twotheta_axis"],
        "axis of the 2θ swing",
        Vector(|r, v| {
            custom(r).twotheta_axis = Some(Vec3(v));
            Ok(())
        }),
    ),
    vector(
        &["-pix0_vector"],
        "corner of the detector (see oddity pix0-ignored)",
        Vector(|r, v| {
            custom(r).pix0 = Some(Vec3(v));
            Ok(())
        }),
    )
    .unit("m"),
    G.flag(&["-curved_det"], "pixels on a sphere about the crystal", |r| r.experiment.detector.curved = true),
    G.flag(&["-point_pixel"], "solid angle of a pixel that is a point", |r| {
        r.experiment.detector.point_pixel = true;
    }),
    G.option(
        &["-detector_abs"],
        "f|inf",
        "absorption depth of the sensor",
        NumberOrInfinity(|r, x| {
            r.experiment.detector.absorption_depth = Some(um(not_negative(x)?));
            Ok(())
        }),
    )
    .unit("µm")
    .default("inf"),
    G.option(
        &["-detector_thick"],
        "f",
        "thickness of the sensor",
        Number(|r, x| {
            r.experiment.detector.thickness = Some(um(x));
            Ok(())
        }),
    )
    .unit("µm")
    .default("0"),
    G.option(
        &["-detector_thicksteps", "-thicksteps"],
        "N",
        "layers of the sensor",
        Integer(|r, n| {
            r.experiment.detector.layers = steps(n)?;
            Ok(())
        }),
    ),
];
