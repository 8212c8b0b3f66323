//! The resolved experiment as an experiment file, with units and where each value came from.

use super::experiment_file::section;
use super::inputs;
use super::option::{Apply, Group, OptionSpec};
use super::options;
use super::request::{Given, Origin, Request};
use super::run::RunError;
use crate::experiment::{Misset, Pivot};
use crate::physics::Model;
use crate::units::{ANGSTROM, to_degrees};
use std::fmt::Write;

/// A file that gives the same experiment again.
pub(super) fn text(request: &Request) -> Result<String, RunError> {
    let model = Model::new(&inputs::load(request)?, crate::memory::free())?;
    let mut text = String::from("# Resolved experiment; each value with its unit and where it came from.\n");
    for &group in Group::ALL {
        let lines: String =
            options::all().filter(|o| o.group == group).filter_map(|o| line(o, request, &model)).collect();
        if !lines.is_empty() {
            let _ = write!(text, "\n[{}]\n{lines}", section(group));
        }
    }
    derived(&mut text, &model);
    Ok(text)
}

/// The line of one option, if it was given or has a value by default.
fn line(option: &OptionSpec, request: &Request, model: &Model) -> Option<String> {
    let name = option.names[0];
    if ["--experiment", "--print-experiment", "-progress", "-noprogress"].contains(&name) {
        return None;
    }
    let (value, origin) = match request.given.get(name) {
        Some(Given { values, origin }) => {
            let origin = match origin {
                Origin::Flag => "flag".to_owned(),
                Origin::File(path) => format!("file {}", path.display()),
                Origin::Header(path) => format!("header of {}", path.display()),
            };
            (literal(option, values), origin)
        }
        None => {
            let (value, why) = resolved(name, request, model)?;
            (value, why.to_owned())
        }
    };
    let unit = if option.unit.is_empty() { String::new() } else { format!("{}; ", option.unit) };
    Some(format!("{} = {value}  # {unit}{origin}\n", name.trim_start_matches('-')))
}

/// Values as TOML has them.
fn literal(option: &OptionSpec, values: &[String]) -> String {
    let number = |text: &String| match text.parse::<f64>() {
        Ok(x) if x.is_finite() => plain(x),
        _ => toml::Value::String(text.clone()).to_string(),
    };
    match (option.apply, values) {
        (Apply::Flag(_), _) => "true".to_owned(),
        (Apply::File(_) | Apply::Word(_), [value]) => toml::Value::String(value.clone()).to_string(),
        (_, [value]) => number(value),
        (_, values) => format!("[{}]", values.iter().map(number).collect::<Vec<_>>().join(", ")),
    }
}

/// A number that TOML reads back exactly.
fn plain(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e15 { format!("{x}") } else { format!("{x:?}") }
}

/// The value of an option that was not given, and by which rule it has it.
fn resolved(name: &str, request: &Request, model: &Model) -> Option<(String, &'static str)> {
    let experiment = &request.experiment;
    let given = |name: &str| request.given.contains_key(name);
    let geometry = &model.geometry;
    let default = |x: f64| Some((plain(x), "default"));
    let rule = |x: f64| Some((plain(x), "default rule"));
    let flag = |on: bool| on.then(|| ("true".to_owned(), "default"));
    let mrad = |x: f64| rule(1000.0 * x);
    match name {
        "-Na" if !given("-N") => {
            default(model.lattice.cells[0]).filter(|_| experiment.crystal.size[0].is_none())
        }
        "-Nb" if !given("-N") => {
            default(model.lattice.cells[1]).filter(|_| experiment.crystal.size[1].is_none())
        }
        "-Nc" if !given("-N") => {
            default(model.lattice.cells[2]).filter(|_| experiment.crystal.size[2].is_none())
        }
        "-default_F" => default(0.0),
        "-fudge" => default(1.0),
        "-misset_seed" => match experiment.crystal.misset {
            Misset::Random { seed } => Some((seed.to_string(), "time")),
            _ => None,
        },
        "-seed" => request.output.seed.map(|seed| (seed.to_string(), "time")),
        "-interpolate" => flag(model.interpolate),
        "-nointerpolate" => flag(!model.interpolate && !given("-interpolate")),
        "-mosaic_seed" => default(experiment.crystal.mosaic_seed as f64),
        "-mosaic_domains" => rule(f64::from(model.domains)),
        "-lambda" if !given("-energy") => default(model.wavelength / ANGSTROM),
        "-fluence" if experiment.beam.flux == 0.0 => Some((format!("{:e}", model.fluence), "default")),
        "-polar" => default(0.0).filter(|_| model.polarization.is_some()),
        "-hdivrange" if !given("-divergence") => mrad(model.spread.horizontal.range),
        "-hdivstep" => mrad(model.spread.horizontal.step),
        "-hdivsteps" if !given("-divsteps") => rule(f64::from(model.spread.horizontal.count)),
        "-vdivrange" if !given("-divergence") => mrad(model.spread.vertical.range),
        "-vdivstep" => mrad(model.spread.vertical.step),
        "-vdivsteps" if !given("-divsteps") => rule(f64::from(model.spread.vertical.count)),
        "-dispsteps" => rule(f64::from(model.spread.dispersion.count)),
        "-distance" => default(100.0),
        "-detpixels_f" if !given("-detpixels") => rule(geometry.pixels[0] as f64),
        "-detpixels_s" if !given("-detpixels") => rule(geometry.pixels[1] as f64),
        "-pixel" => default(0.1),
        "-Xbeam" => rule(1000.0 * geometry.beam_centre[0]),
        "-Ybeam" => rule(1000.0 * geometry.beam_centre[1]),
        "-pivot" => Some((
            format!("\"{}\"", if geometry.pivot == Pivot::Beam { "beam" } else { "sample" }),
            "default rule",
        )),
        // With a thickness, a number that is given and one that is left out space the layers differently.
        "-detector_thicksteps" if !given("-detector_thick") => rule(f64::from(model.sensor.layers)),
        "-phi" => default(0.0),
        "-osc" => rule(to_degrees(model.spindle_steps.range)),
        "-phistep" => rule(to_degrees(model.spindle_steps.step)),
        "-phisteps" => rule(f64::from(model.spindle_steps.count)),
        "-oversample" => rule(f64::from(model.oversample)),
        "--oddities" => Some((format!("\"{}\"", oddities(model)), "default")),
        _ => None,
    }
}

fn oddities(model: &Model) -> String {
    let names = model.oddities.names();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

/// What follows from it, for people.
fn derived(text: &mut String, model: &Model) {
    let geometry = &model.geometry;
    let mm = |x: f64| 1000.0 * x;
    let [fast, slow] = geometry.beam_on_detector;
    let [orgx, orgy] = geometry.origin_pixels();
    let _ = writeln!(
        text,
        "\n# Derived:\n# distance along the beam {} mm, along the normal {} mm\n# direct beam at fast {} mm, slow {} mm; \
         nearest point at pixel {orgx} {orgy}\n# fluence {:e} photons/m², {} sources, volume of the cell {} Å³",
        mm(geometry.distance),
        mm(geometry.close_distance),
        mm(fast),
        mm(slow),
        model.fluence,
        model.sources.len(),
        model.crystal.volume,
    );
}
