//! The same experiment in numbers that round differently.

use nanobragg::physics::Model;
use nanobragg::physics::crystal::Direct;
use nanobragg::physics::intensity::{self, Inherited};
use nanobragg::physics::spindle::Pass;
use nanobragg::physics::tap::NoTap;
use nanobragg::physics::vector::Vec3;
use std::sync::Arc;

/// Every pixel in raster order as the scalar engine has it, before it becomes f32.
pub(crate) fn render(model: &Model) -> Vec<f64> {
    let [fast, slow] = model.geometry.pixels;
    let mut latched = false;
    let mut image = vec![0.0; fast * slow];
    for (position, value) in image.iter_mut().enumerate() {
        let (f, s) = (position % fast, position / fast);
        if !model.computes(f, s) {
            continue;
        }
        let inherited = Inherited { first_pass: model.first_pass == Some(position), latched };
        let pixel = intensity::pixel(model, f, s, inherited, &mut NoTap);
        latched = pixel.latched;
        *value = pixel.value;
    }
    image
}

/// Crystal, detector and beam turned together: no image changes, but for a curved detector, which knows the laboratory.
pub(crate) fn turned(model: &Model) -> Model {
    let turn = |v: Vec3| v.rotate_xyz([0.4, -1.1, 2.5]);
    let mut turned = model.clone();
    let g = &mut turned.geometry;
    for v in [&mut g.beam, &mut g.fast, &mut g.slow, &mut g.normal, &mut g.polar, &mut g.spindle, &mut g.pix0]
    {
        *v = turn(*v);
    }
    for source in Arc::make_mut(&mut turned.sources) {
        source.incident = turn(source.incident);
    }
    turned.lattice.reciprocal = turned.lattice.reciprocal.map(turn);
    each_cell(&mut turned, |direct| direct.map(turn));
    turned
}

/// All lengths of the laboratory times one number, all those of the crystal and the wavelength times another: no image
/// changes, but for pixels that are points, whose solid angle is 1/R².
pub(crate) fn scaled(model: &Model) -> Model {
    let (laboratory, crystal) = (1.7, 1.3);
    let mut scaled = model.clone();
    let g = &mut scaled.geometry;
    g.pixel *= laboratory;
    g.pix0 = g.pix0 * laboratory;
    g.close_distance *= laboratory;
    g.distance *= laboratory;
    scaled.sensor.step *= laboratory;
    scaled.sensor.absorption /= laboratory;
    scaled.dmin *= crystal;
    for source in Arc::make_mut(&mut scaled.sources) {
        source.wavelength *= crystal;
    }
    each_cell(&mut scaled, |direct| direct.map(|v| v * crystal));
    scaled
}

/// Changes the cell vectors of every orientation.
pub(crate) fn each_cell(model: &mut Model, change: impl Fn(Direct) -> Direct) {
    let orientations = Arc::make_mut(&mut model.orientations);
    let passes: [Option<&mut Pass>; 2] = [Some(&mut orientations.usual), orientations.first.as_mut()];
    for orientation in passes.into_iter().flatten().flatten().flatten() {
        orientation.direct = change(orientation.direct);
    }
}
