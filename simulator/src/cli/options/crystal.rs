//! Options of the crystal.

use super::{at_least_one, not_negative, positive, steps};
use crate::cli::option::Apply::*;
use crate::cli::option::{Group, OptionSpec};
use crate::experiment::{Cell, Misset, Shape};
use crate::units::{degrees, mm, um};

const G: Group = Group::Crystal;

pub(super) static TABLE: &[OptionSpec] = &[
    G.option(
        &["-cell"],
        "a b c al be ga",
        "unit cell; trailing values may be left out (b, c are a then; angles 90)",
        Numbers(1, 6, |r, v| {
            let edge = |i: usize| v.get(i).copied().unwrap_or(v[0]);
            let angle = |i: usize| v.get(i).copied().unwrap_or(90.0);
            r.experiment.crystal.cell =
                Some(Cell { edges: [edge(0), edge(1), edge(2)], angles: [angle(3), angle(4), angle(5)] });
            Ok(())
        }),
    )
    .unit("Å, degrees"),
    G.option(
        &["-mat", "-matrix"],
        "file",
        "orientation matrix: a*, b*, c* in columns, times the wavelength",
        File(|r, path| r.input.matrix = Some(path)),
    ),
    G.option(
        &["-misset"],
        "x y z",
        "a further rotation about x, y, z; or `-misset random`",
        WordOrVector("random", |r, angles| {
            r.experiment.crystal.misset = match angles {
                Some(angles) => Misset::Angles(angles.map(degrees)),
                None => Misset::Random { seed: 0 },
            };
            Ok(())
        }),
    )
    .unit("degrees"),
    G.option(
        &["-misset_seed"],
        "N",
        "seed of the random misset",
        Integer(|r, n| {
            r.input.misset_seed = Some(n);
            Ok(())
        }),
    )
    .default("time"),
    G.option(
        &["-N"],
        "N",
        "unit cells along each axis",
        Integer(|r, n| {
            r.experiment.crystal.cells = [Some(at_least_one(n)?); 3];
            Ok(())
        }),
    )
    .default("1"),
    G.option(
        &["-Na"],
        "N",
        "unit cells along a",
        Integer(|r, n| {
            r.experiment.crystal.cells[0] = Some(at_least_one(n)?);
            Ok(())
        }),
    )
    .default("1"),
    G.option(
        &["-Nb"],
        "N",
        "unit cells along b",
        Integer(|r, n| {
            r.experiment.crystal.cells[1] = Some(at_least_one(n)?);
            Ok(())
        }),
    )
    .default("1"),
    G.option(
        &["-Nc"],
        "N",
        "unit cells along c",
        Integer(|r, n| {
            r.experiment.crystal.cells[2] = Some(at_least_one(n)?);
            Ok(())
        }),
    )
    .default("1"),
    G.option(
        &["-samplesize", "-xtalsize"],
        "f",
        "size of the crystal along x, y, z in place of -N; y and z within the beam",
        Number(|r, x| {
            r.experiment.crystal.size = [Some(mm(positive(x)?)); 3];
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-sample_x", "-sample_thick", "-xtal_x"],
        "f",
        "size along the beam",
        Number(|r, x| {
            r.experiment.crystal.size[0] = Some(mm(positive(x)?));
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-sample_y", "-sample_width", "-xtal_y"],
        "f",
        "size across the beam",
        Number(|r, x| {
            r.experiment.crystal.size[1] = Some(mm(positive(x)?));
            Ok(())
        }),
    )
    .unit("mm"),
    G.option(
        &["-sample_z", "-sample_height", "-xtal_z"],
        "f",
        "size along the height",
        Number(|r, x| {
            r.experiment.crystal.size[2] = Some(mm(positive(x)?));
            Ok(())
        }),
    )
    .unit("mm"),
    G.flag(&["-square_xtal"], "lattice transform of a parallelepiped (default)", |r| {
        r.experiment.crystal.shape = Shape::Square;
    }),
    G.flag(&["-round_xtal"], "lattice transform of an ellipsoid", |r| {
        r.experiment.crystal.shape = Shape::Round
    }),
    G.flag(&["-gauss_xtal"], "Gaussian spots", |r| r.experiment.crystal.shape = Shape::Gauss),
    G.flag(&["-tophat_spots", "-binary_spots"], "spots of one value with a sharp edge", |r| {
        r.experiment.crystal.shape = Shape::Tophat;
    }),
    G.option(
        &["-fudge"],
        "f",
        "factor on the argument of the round, Gaussian and top-hat shapes",
        Number(|r, x| {
            r.experiment.crystal.fudge = not_negative(x)?;
            Ok(())
        }),
    )
    .default("1"),
    G.option(
        &["-hkl"],
        "file",
        "structure factors, one `h k l F` a line",
        File(|r, path| r.input.hkl = Some(path)),
    ),
    G.option(
        &["-default_F"],
        "f",
        "structure factor of every reflection that is not in the file",
        Number(|r, x| {
            r.experiment.crystal.default_f = x;
            Ok(())
        }),
    )
    .unit("electrons")
    .default("0"),
    G.option(
        &["-dump"],
        "file",
        "binary cache of the structure factors: written with -hkl, read without",
        File(|r, path| r.input.dump = Some(path)),
    )
    .default("none"),
    G.flag(
        &["-interpolate"],
        "interpolate structure factors (default with fewer than 3 cells along an axis)",
        |r| {
            r.experiment.crystal.interpolate = Some(true);
        },
    ),
    G.flag(&["-nointerpolate"], "structure factor of the nearest reflection", |r| {
        r.experiment.crystal.interpolate = Some(false);
    }),
    G.option(
        &["-mosaic", "-mosaicity", "-mosaici*", "-mosaic_spread", "-mosaic_spr*"],
        "f",
        "mosaic spread",
        Number(|r, x| {
            r.experiment.crystal.mosaic_spread = Some(degrees(not_negative(x)?));
            Ok(())
        }),
    )
    .unit("degrees")
    .default("0"),
    G.option(
        &["-mosaic_domains", "-mosaic_dom", "-mosaic_dom*"],
        "N",
        "number of mosaic domains",
        Integer(|r, n| {
            r.experiment.crystal.mosaic_domains = steps(n)?;
            Ok(())
        }),
    )
    .default("10 with a spread, else 1"),
    G.option(
        &["-mosaic_seed"],
        "N",
        "seed of the mosaic domains",
        Integer(|r, n| {
            r.experiment.crystal.mosaic_seed = n;
            Ok(())
        }),
    )
    .default("12345678"),
    G.option(
        &["-water"],
        "f",
        "edge of the cube of water that scatters along",
        Number(|r, x| {
            r.experiment.crystal.water = um(not_negative(x)?);
            Ok(())
        }),
    )
    .unit("µm")
    .default("0"),
];
