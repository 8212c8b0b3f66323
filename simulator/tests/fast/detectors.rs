//! Random detectors: every convention, near and far, tilted, curved, and with axes of their own.

use crate::draw::Draw;
use nanobragg::experiment::{Convention, CustomVectors, Detector, Pivot};
use nanobragg::physics::vector::{Matrix3, Vec3};

/// Pixels along one axis.
const MOST_PIXELS: u32 = 70;

/// A detector of at most `most` pixels, but for a few more where that is next to none.
pub(crate) fn any(draw: &mut Draw, most: u32) -> Detector {
    let width = match draw.whole(0, 9) {
        0 => draw.whole(1, 4),
        _ => draw.whole(5, MOST_PIXELS),
    };
    // Never whole vectors alone.
    let width = if width % 8 == 0 { width + 1 } else { width };
    let height = (most / width).clamp(3, MOST_PIXELS).min(draw.whole(3, MOST_PIXELS));
    let distance = match draw.whole(0, 5) {
        0 => draw.scale(1e-6, 1e-3),
        1 => draw.scale(1.0, 1e5),
        _ => draw.scale(0.02, 0.5),
    };
    let pixel = match draw.whole(0, 6) {
        0 => draw.scale(1e-8, 1e-3),
        _ => 2.0 * distance * draw.scale(1e-4, 1.5) / f64::from(width),
    };
    let mut detector = Detector {
        distance,
        pixels: [Some(width), Some(height)],
        pixel,
        convention: draw.of(&[
            Convention::Mosflm,
            Convention::Denzo,
            Convention::Adxv,
            Convention::Xds,
            Convention::Dials,
            Convention::Custom,
            Convention::Custom,
        ]),
        curved: draw.chance(0.1),
        point_pixel: draw.chance(0.1),
        ..Detector::default()
    };
    let size = [width, height].map(|count| f64::from(count) * pixel);
    let somewhere = |draw: &mut Draw| size.map(|size| Some(draw.between(-0.5, 1.5) * size));
    if draw.chance(0.5) {
        detector.beam_centre = somewhere(draw);
    }
    if draw.chance(0.2) {
        detector.close = somewhere(draw);
    }
    if draw.chance(0.2) {
        detector.origin_pixels = somewhere(draw).map(|at| at.map(|at| at / pixel));
    }
    if draw.chance(0.4) {
        detector.rotation = draw.triple(0.5);
    }
    if draw.chance(0.2) {
        detector.twotheta = draw.between(-0.8, 0.8);
    }
    if draw.chance(0.3) {
        detector.pivot = Some(draw.of(&[Pivot::Sample, Pivot::Beam]));
    }
    if draw.chance(0.2) {
        detector.close_distance = Some(distance * draw.between(0.7, 1.3));
    }
    if detector.convention == Convention::Custom {
        detector.vectors = vectors(draw, size, distance);
    }
    detector
}

/// Vectors in any direction, neither of length 1 nor at right angles.
fn vectors(draw: &mut Draw, size: [f64; 2], distance: f64) -> CustomVectors {
    let turn = if draw.chance(0.5) { draw.triple(3.0) } else { [0.0; 3] };
    let skew = draw.of(&[0.0, 0.0, 0.15]);
    let mut skewed = |v: Vec3| (v + Vec3(draw.triple(skew))).rotate_xyz(turn);
    let [x, y, z] = Matrix3::IDENTITY.0;
    let [beam, fast, slow, normal] = [x, z, -y, x].map(&mut skewed);
    let lengthened = |draw: &mut Draw, v: Vec3| v * draw.of(&[1.0, 1.0, 2.5, 0.3]);
    let mut vectors = CustomVectors {
        beam: Some(lengthened(draw, beam)),
        fast: Some(lengthened(draw, fast)),
        slow: Some(lengthened(draw, slow)),
        normal: Some(lengthened(draw, normal)),
        twotheta_axis: Some(Vec3(draw.triple(1.0))),
        polar: Some(Vec3(draw.triple(1.0))),
        spindle: Some(Vec3(draw.triple(1.0))),
        pix0: None,
    };
    if draw.chance(0.2) {
        vectors.pix0 = Some(normal * distance - fast * (size[0] / 2.0) - slow * (size[1] / 2.0));
    }
    vectors
}

/// Turns a detector to the beam and puts the centre of one of its pixels at `offset` distances along x from the beam.
pub(crate) fn aim(detector: &mut Detector, offset: f64) {
    let [x, y] = detector.pixels.map(|count| f64::from(count.unwrap_or(1) / 2) + 0.5);
    *detector = Detector {
        convention: Convention::Xds,
        origin_pixels: [Some(x - offset * detector.distance / detector.pixel + 0.5), Some(y + 0.5)],
        pixels: detector.pixels,
        pixel: detector.pixel,
        distance: detector.distance,
        thickness: detector.thickness,
        layers: detector.layers,
        absorption_depth: detector.absorption_depth,
        ..Detector::default()
    };
}
