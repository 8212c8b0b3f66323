//! Arguments as switches: what can be left out with the disagreement, and what takes the disagreement with it.

use super::ddmin::{Test, ddmin};
use super::lab::{Lab, Outcome, Recipe};
use super::model::Class;
use crate::case::SIZE_OPTIONS;
use crate::exit::Result;
use std::ffi::OsString;

/// An option with its values.
pub type Group = Vec<OsString>;

/// Options of nanoBragg's command line by the kind of cause that they bring in.
const OPTIONS: &[(Class, &[&str])] = &[
    (Class::Mask, &["-mask", "-roi"]),
    (Class::Background, &["-water"]),
    (Class::Resolution, &["-dmin"]),
    (
        Class::Absorption,
        &["-detector_abs", "-detector_thick", "-detector_thicksteps", "-thicksteps", "-oversample_thick"],
    ),
    (
        Class::Mosaic,
        &["-mosaic", "-mosaicity", "-mosaic_spread", "-mosaic_domains", "-mosaic_dom", "-mosaic_seed"],
    ),
    (Class::Phi, &["-phi", "-osc", "-phistep", "-phisteps"]),
    (
        Class::Source,
        &[
            "-divergence",
            "-hdivrange",
            "-vdivrange",
            "-hdivstep",
            "-vdivstep",
            "-divsteps",
            "-hdivsteps",
            "-vdivsteps",
            "-round_div",
            "-square_div",
            "-dispersion",
            "-dispsteps",
            "-sourcefile",
        ],
    ),
    (Class::Polarization, &["-polar", "-oversample_polar"]),
    (Class::Orientation, &["-misset", "-misset_seed", "-mat", "-matrix"]),
    (
        Class::Geometry,
        &[
            "-detector_rotx",
            "-detector_roty",
            "-detector_rotz",
            "-twotheta",
            "-pivot",
            "-Xbeam",
            "-Ybeam",
            "-Xclose",
            "-Yclose",
            "-ORGX",
            "-ORGY",
            "-mosflm",
            "-denzo",
            "-adxv",
            "-xds",
            "-dials",
            "-curved_det",
            "-fdet_vector",
            "-sdet_vector",
            "-odet_vector",
            "-beam_vector",
            "-polar_vector",
            "-spindle_axis",
            "-twotheta_axis",
            "-pix0_vector",
            "-close_distance",
        ],
    ),
    (Class::StructureFactor, &["-hkl", "-dump", "-interpolate", "-nointerpolate"]),
    (
        Class::Lattice,
        &[
            "-N",
            "-Na",
            "-Nb",
            "-Nc",
            "-samplesize",
            "-xtalsize",
            "-sample_x",
            "-sample_y",
            "-sample_z",
            "-xtal_x",
            "-xtal_y",
            "-xtal_z",
            "-square_xtal",
            "-round_xtal",
            "-gauss_xtal",
            "-tophat_spots",
            "-binary_spots",
            "-fudge",
        ],
    ),
    (Class::Scale, &["-flux", "-fluence", "-exposure", "-beamsize"]),
    (Class::SolidAngle, &["-point_pixel", "-oversample_omega"]),
    (Class::Counts, &["-oversample"]),
];

/// Arguments that take a factor out of the image when they are added: `class`, what to add.
const NEUTRAL: &[(Class, &[&str])] =
    &[(Class::Polarization, &["-nopolar"]), (Class::Counts, &["-oversample", "1"])];

/// Options without which a case is another case, or an expensive one: the frame, with [`SIZE_OPTIONS`].
const FRAME: &[&str] = &["-pixel", "-oversample", "--threads"];

/// Splits words into options with their values.
#[must_use]
pub fn groups(args: &[OsString]) -> Vec<Group> {
    let mut list: Vec<Group> = Vec::new();
    for word in args {
        let text = word.to_string_lossy();
        let is_option = text.starts_with('-') && text.len() > 1 && text.parse::<f64>().is_err();
        match list.last_mut() {
            Some(group) if !is_option => group.push(word.clone()),
            _ => list.push(vec![word.clone()]),
        }
    }
    list
}

/// The words of groups.
#[must_use]
pub fn words(groups: &[Group]) -> Vec<OsString> {
    groups.iter().flatten().cloned().collect()
}

fn is(group: &Group, names: &[&str]) -> bool {
    group.first().is_some_and(|w| names.iter().any(|n| w == n))
}

/// Something done to the arguments that made the pair agree.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The kind of cause it speaks for.
    pub class: Class,
    /// What was done, in words.
    pub text: String,
    /// The arguments that pass.
    pub passing: Vec<OsString>,
}

/// Leaves out, class by class, the options that bring a kind of cause in, and adds those that take one out. Each that
/// makes the pair agree is a switch. `first` is tried before the others.
///
/// # Errors
/// Only when a person interrupts.
pub fn switches(lab: &mut Lab<'_>, recipe: &Recipe, first: &[Class]) -> Result<Vec<Switch>> {
    let all = groups(&recipe.args);
    let mut trials: Vec<(Class, String, Vec<OsString>)> = Vec::new();
    for (class, names) in OPTIONS {
        let out: Vec<&Group> = all.iter().filter(|g| is(g, names)).collect();
        if out.is_empty() {
            continue;
        }
        let rest: Vec<Group> = all.iter().filter(|g| !is(g, names)).cloned().collect();
        let text = out.iter().map(|g| crate::case::paste(g)).collect::<Vec<_>>().join(" ");
        trials.push((*class, format!("without `{text}`"), words(&rest)));
    }
    for (class, add) in NEUTRAL {
        let mut more = recipe.args.clone();
        more.extend(add.iter().map(OsString::from));
        trials.push((*class, format!("with `{}`", add.join(" ")), more));
    }
    trials.sort_by_key(|(class, _, _)| !first.contains(class));
    let mut found = Vec::new();
    for (class, text, args) in trials {
        if !lab.has_time() {
            break;
        }
        let changed = Recipe { args, ..recipe.clone() };
        let outcome = lab.pair(&changed)?;
        // an image of zeros, or the same figure for every pixel, agrees with everything
        let says_something =
            matches!(&outcome, Outcome::Agree(c) if c.correlation.is_some() && c.reference_sum > 0.0);
        lab.note(&format!("the pair {text}"), outcome.text());
        if says_something {
            found.push(Switch { class, text, passing: changed.args });
        }
    }
    Ok(found)
}

/// Gives the options that a factor is named after the value 1, which every power of it is: a switch for that factor.
///
/// # Errors
/// Only when a person interrupts.
pub fn set_to_one(lab: &mut Lab<'_>, recipe: &Recipe, factor: &str) -> Result<Vec<Switch>> {
    let all = groups(&recipe.args);
    let mut found = Vec::new();
    for (i, group) in all.iter().enumerate() {
        let [name, value] = group.as_slice() else { continue };
        let named = factor.split(|c: char| c.is_whitespace() || "()²".contains(c)).any(|w| name == w);
        if !named || !lab.has_time() {
            continue;
        }
        let mut changed = all.clone();
        changed[i] = vec![name.clone(), "1".into()];
        let changed = Recipe { args: words(&changed), ..recipe.clone() };
        let outcome = lab.pair(&changed)?;
        let text = format!(
            "with `{}` in place of `{}`",
            crate::case::paste(&[name.clone(), "1".into()]),
            crate::case::paste(std::slice::from_ref(value))
        );
        lab.note(&format!("the pair {text}"), outcome.text());
        if matches!(&outcome, Outcome::Agree(c) if c.correlation.is_some()) {
            found.push(Switch { class: Class::Option, text, passing: changed.args });
        }
    }
    Ok(found)
}

/// The smallest arguments that still fail, with the frame kept.
///
/// # Errors
/// Only when a person interrupts.
pub fn smallest_failing(lab: &mut Lab<'_>, recipe: &Recipe) -> Result<Vec<OsString>> {
    let (frame, free): (Vec<Group>, Vec<Group>) =
        groups(&recipe.args).into_iter().partition(|g| is(g, FRAME) || is(g, SIZE_OPTIONS));
    let build = |part: &[Group]| {
        let mut args = words(part);
        args.extend(words(&frame));
        args
    };
    let kept = ddmin(&free, |part| {
        if !lab.has_time() {
            return Ok::<_, crate::exit::AuditError>(None);
        }
        let changed = Recipe { args: build(part), ..recipe.clone() };
        Ok(Some(match lab.pair(&changed)? {
            Outcome::Disagree(c) if c.reference_sum != 0.0 => Test::Shows,
            Outcome::Agree(_) => Test::Hides,
            _ => Test::Unresolved,
        }))
    })?;
    Ok(build(&kept))
}

/// A part of one engine's own arguments that makes the disagreement, when leaving all of them out removes it.
///
/// # Errors
/// Only when a person interrupts.
pub fn own(lab: &mut Lab<'_>, recipe: &Recipe, role: usize) -> Result<Vec<Group>> {
    let all = groups(&recipe.own[role]);
    ddmin(&all, |part| {
        if !lab.has_time() {
            return Ok::<_, crate::exit::AuditError>(None);
        }
        let mut changed = recipe.clone();
        changed.own[role] = words(part);
        Ok(Some(match lab.pair(&changed)? {
            o if o.disagrees() => Test::Shows,
            Outcome::Agree(_) => Test::Hides,
            _ => Test::Unresolved,
        }))
    })
}

/// The number of cells along each axis when the crystal is a box and the arguments say how many.
#[must_use]
pub fn cells(args: &[OsString]) -> Option<[f64; 3]> {
    let mut n = [1.0; 3];
    for group in groups(args) {
        if is(
            &group,
            &["-round_xtal", "-gauss_xtal", "-tophat_spots", "-binary_spots", "-samplesize", "-xtalsize"],
        ) {
            return None;
        }
        let value = group.get(1).and_then(|w| w.to_str()?.parse::<f64>().ok());
        for (option, axes) in [("-N", 0..3), ("-Na", 0..1), ("-Nb", 1..2), ("-Nc", 2..3)] {
            if is(&group, &[option]) {
                n[axes].fill(value?);
            }
        }
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_their_values_with_them() {
        let args: Vec<OsString> = "-cell 1 2 3 -misset -10 2e1 30 -N 5 -nopolar -hkl a.hkl"
            .split(' ')
            .map(OsString::from)
            .collect();
        let g = groups(&args);
        assert_eq!(g.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2, 1, 2]);
        assert_eq!(words(&g), args);
        assert_eq!(cells(&args), Some([5.0; 3]));
        let more: Vec<OsString> = "-N 5 -Nb 7".split(' ').map(OsString::from).collect();
        assert_eq!(cells(&more), Some([5.0, 7.0, 5.0]));
    }
}
