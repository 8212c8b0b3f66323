//! Options of rotation, sub-pixels and the part of the image that is computed.

use super::steps;
use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};
use crate::units::degrees;

const G: Group = Group::Sampling;

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-phi"],
        "f",
        "spindle angle at the start",
        Number(|r, x| {
            r.experiment.sampling.phi = degrees(x);
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-osc"],
        "f",
        "rotation during the exposure",
        Number(|r, x| {
            r.experiment.sampling.oscillation.range = Some(degrees(x));
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-phistep"],
        "f",
        "rotation between two steps",
        Number(|r, x| {
            r.experiment.sampling.oscillation.step = Some(degrees(x));
            Ok(())
        }),
    )
    .unit("degrees"),
    G.option(
        &["-phisteps"],
        "N",
        "number of spindle steps",
        Integer(|r, n| {
            r.experiment.sampling.oscillation.count = steps(n)?;
            Ok(())
        }),
    ),
    G.option(
        &["-oversample"],
        "N",
        "sub-pixels along each axis of a pixel",
        Integer(|r, n| {
            r.experiment.sampling.oversample = steps(n)?;
            Ok(())
        }),
    )
    .default("by the size of the crystal"),
    G.flag(&["-oversample_thick"], "capture fraction for every sub-pixel", |r| {
        r.experiment.sampling.oversample_thick = true;
    }),
    G.flag(&["-oversample_polar"], "polarization for every sub-pixel", |r| {
        r.experiment.sampling.oversample_polar = true;
    }),
    G.flag(&["-oversample_omega"], "solid angle for every sub-pixel", |r| {
        r.experiment.sampling.oversample_omega = true;
    }),
    G.option(
        &["-roi"],
        "xmin xmax ymin ymax",
        "range of pixels that is computed, inclusive",
        Integers(4, |r, v| {
            let pixel = |i: usize| v[i].clamp(0, i64::from(u32::MAX)) as u32;
            if v[1] < v[0] || v[3] < v[2] || v[1] < 0 || v[3] < 0 {
                return Err(format!(
                    "{} {} {} {} holds no pixel; give xmin xmax ymin ymax",
                    v[0], v[1], v[2], v[3]
                ));
            }
            r.experiment.sampling.roi = Some([pixel(0), pixel(1), pixel(2), pixel(3)]);
            Ok(())
        }),
    )
    .unit("pixels")
    .default("all"),
    G.option(
        &["-mask"],
        "file",
        "SMV image; its zero pixels are skipped",
        File(|r, path| r.input.mask = Some(path)),
    ),
    G.option(
        &["-img"],
        "file",
        "SMV image whose header gives the detector",
        File(|r, path| r.input.image = Some(path)),
    ),
];
