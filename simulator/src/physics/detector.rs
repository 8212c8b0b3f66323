//! Where the pixels are: conventions, rotations, pivots and solid angles.

use super::vector::Vec3;
use crate::experiment::{Convention, Detector, Pivot};
use crate::oddities::{Oddities, Oddity};

/// A detector with everything decided. Lengths in metres; vectors are unit vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Pixels along fast and slow.
    pub pixels: [usize; 2],
    /// Size along fast and slow.
    pub size: [f64; 2],
    /// Edge of a pixel.
    pub pixel: f64,
    /// Direction of the beam.
    pub beam: Vec3,
    /// Fast axis.
    pub fast: Vec3,
    /// Slow axis.
    pub slow: Vec3,
    /// Normal.
    pub normal: Vec3,
    /// Axis of the 2θ swing.
    pub twotheta_axis: Vec3,
    /// E-vector.
    pub polar: Vec3,
    /// Spindle axis.
    pub spindle: Vec3,
    /// Corner of the first pixel.
    pub pix0: Vec3,
    /// What stayed in place when the detector turned.
    pub pivot: Pivot,
    /// Along the normal.
    pub close_distance: f64,
    /// Along the beam.
    pub distance: f64,
    /// Swing about the 2θ axis, radians.
    pub twotheta: f64,
    /// Where the direct beam hits, along fast and slow.
    pub beam_on_detector: [f64; 2],
    /// The nearest point, along fast and slow.
    pub near_point: [f64; 2],
    /// Beam centre X, Y in the sense of the convention, as given or defaulted.
    pub beam_centre: [f64; 2],
    /// Whether the pixels lie on a sphere.
    pub curved: bool,
    /// Whether a pixel is a point.
    pub point_pixel: bool,
}

/// What a convention fixes.
struct Row {
    beam: Vec3,
    fast: Vec3,
    slow: Vec3,
    normal: Vec3,
    twotheta_axis: Vec3,
    polar: Vec3,
    spindle: Vec3,
    pivot: Pivot,
}

fn row(convention: Convention) -> Row {
    let v = Vec3::new;
    match convention {
        Convention::Mosflm | Convention::Denzo => Row {
            beam: v(1.0, 0.0, 0.0),
            fast: v(0.0, 0.0, 1.0),
            slow: v(0.0, -1.0, 0.0),
            normal: v(1.0, 0.0, 0.0),
            twotheta_axis: v(0.0, 0.0, -1.0),
            polar: v(0.0, 0.0, 1.0),
            spindle: v(0.0, 0.0, 1.0),
            pivot: Pivot::Beam,
        },
        Convention::Adxv => Row {
            beam: v(0.0, 0.0, 1.0),
            fast: v(1.0, 0.0, 0.0),
            slow: v(0.0, -1.0, 0.0),
            normal: v(0.0, 0.0, 1.0),
            twotheta_axis: v(-1.0, 0.0, 0.0),
            polar: v(1.0, 0.0, 0.0),
            spindle: v(1.0, 0.0, 0.0),
            pivot: Pivot::Beam,
        },
        Convention::Xds => Row {
            beam: v(0.0, 0.0, 1.0),
            fast: v(1.0, 0.0, 0.0),
            slow: v(0.0, 1.0, 0.0),
            normal: v(0.0, 0.0, 1.0),
            twotheta_axis: v(1.0, 0.0, 0.0),
            polar: v(1.0, 0.0, 0.0),
            spindle: v(1.0, 0.0, 0.0),
            pivot: Pivot::Sample,
        },
        Convention::Dials => Row {
            beam: v(0.0, 0.0, 1.0),
            fast: v(1.0, 0.0, 0.0),
            slow: v(0.0, 1.0, 0.0),
            normal: v(0.0, 0.0, 1.0),
            twotheta_axis: v(0.0, 1.0, 0.0),
            polar: v(0.0, 1.0, 0.0),
            spindle: v(0.0, 1.0, 0.0),
            pivot: Pivot::Sample,
        },
        Convention::Custom => Row {
            beam: v(1.0, 0.0, 0.0),
            fast: v(0.0, 0.0, 1.0),
            slow: v(0.0, -1.0, 0.0),
            normal: v(1.0, 0.0, 0.0),
            twotheta_axis: v(0.0, 1.0, 0.0),
            polar: v(0.0, 0.0, 1.0),
            spindle: v(0.0, 0.0, 1.0),
            pivot: Pivot::Beam,
        },
    }
}

/// Pixels along one axis, and the size that goes with them.
fn pixels(count: Option<u32>, size: f64, pixel: f64) -> (f64, f64) {
    let size = count.map_or(size, |n| f64::from(n) * pixel);
    // A negative zero would be shown as such.
    ((size / pixel - 0.5).ceil().max(0.0), size)
}

/// Number of pixels along fast and slow as floating point numbers, which may be beyond any memory.
pub fn pixel_counts(detector: &Detector) -> [f64; 2] {
    [0, 1].map(|axis| pixels(detector.pixels[axis], detector.size[axis], detector.pixel).0)
}

impl Geometry {
    /// Places the detector.
    pub fn new(detector: &Detector, oddities: Oddities) -> Geometry {
        let p = detector.pixel;
        let [(fpixels, size_f), (spixels, size_s)] =
            [0, 1].map(|axis| pixels(detector.pixels[axis], detector.size[axis], p));
        let custom = detector.convention == Convention::Custom;
        let mut row = row(detector.convention);
        if custom {
            let v = &detector.vectors;
            row.beam = v.beam.unwrap_or(row.beam);
            row.fast = v.fast.unwrap_or(row.fast);
            row.slow = v.slow.unwrap_or(row.slow);
            row.twotheta_axis = v.twotheta_axis.unwrap_or(row.twotheta_axis);
            row.polar = v.polar.unwrap_or(row.polar);
            row.spindle = v.spindle.unwrap_or(row.spindle);
        }
        let beam = row.beam.unit();
        let (fast, slow) = (row.fast.unit(), row.slow.unit());
        let normal = match detector.vectors.normal.filter(|_| custom) {
            Some(given) if given.norm() == 0.0 => fast.cross(slow).unit(),
            Some(given) if oddities.has(Oddity::NormalRegenerated) && given.norm() != 1.0 => {
                fast.cross(slow).unit()
            }
            Some(given) => given.unit(),
            None => row.normal,
        };
        let twotheta_axis = row.twotheta_axis.unit();
        let pivot = match detector.pivot {
            Some(asked) if custom || !oddities.has(Oddity::ConventionForcesPivot) => asked,
            _ => row.pivot,
        };

        // The nearest point, and the point where the direct beam hits, along fast and slow.
        let mut near = [
            detector.origin_pixels[0].map_or(size_f / 2.0, |org| (org - 0.5) * p),
            detector.origin_pixels[1].map_or(size_s / 2.0, |org| (org - 0.5) * p),
        ];
        let close = [0, 1].map(|axis| detector.close[axis].unwrap_or(near[axis]));
        if !oddities.has(Oddity::CloseIsADefault) {
            near = close;
        }
        let default_centre = match detector.convention {
            Convention::Mosflm | Convention::Denzo => [(size_s + p) / 2.0, (size_f + p) / 2.0],
            Convention::Adxv => [(size_f + p) / 2.0, (size_s - p) / 2.0],
            Convention::Xds | Convention::Dials | Convention::Custom => close,
        };
        let [x_beam, y_beam] = [0, 1].map(|axis| detector.beam_centre[axis].unwrap_or(default_centre[axis]));
        let hit = match detector.convention {
            Convention::Mosflm => [y_beam + p / 2.0, x_beam + p / 2.0],
            Convention::Denzo => [y_beam, x_beam],
            Convention::Adxv => [x_beam, size_s - y_beam],
            Convention::Xds | Convention::Dials | Convention::Custom => [x_beam, y_beam],
        };
        if custom {
            for axis in 0..2 {
                let kept = !oddities.has(Oddity::CloseIsADefault) && detector.close[axis].is_some();
                near[axis] = if kept { near[axis] } else { hit[axis] };
            }
        }

        let turn = |v: Vec3| v.rotate_xyz(detector.rotation).rotate_axis(twotheta_axis, detector.twotheta);
        let ratio = if oddities.has(Oddity::RatioBeforeTwotheta) {
            beam.dot(normal.rotate_xyz(detector.rotation))
        } else {
            beam.dot(turn(normal))
        };
        let close_distance = detector.close_distance.unwrap_or((ratio * detector.distance).abs());
        let distance = close_distance / ratio;
        let before_turn = fast * -near[0] - slow * near[1] + normal * close_distance;
        let (fast, slow, normal) = (turn(fast), turn(slow), turn(normal));
        let pix0 = match (pivot, detector.vectors.pix0.filter(|_| custom)) {
            (_, Some(given)) if !oddities.has(Oddity::Pix0Ignored) => given,
            (Pivot::Sample, _) => turn(before_turn),
            (Pivot::Beam, _) => fast * -hit[0] - slow * hit[1] + beam * distance,
        };
        let close_distance = pix0.dot(normal);
        let distance = close_distance / ratio;
        let from_corner = beam * distance - pix0;
        Geometry {
            pixels: [fpixels as usize, spixels as usize],
            size: [size_f, size_s],
            pixel: p,
            beam,
            fast,
            slow,
            normal,
            twotheta_axis,
            twotheta: detector.twotheta,
            polar: row.polar.unit(),
            spindle: row.spindle.unit(),
            pix0,
            pivot,
            close_distance,
            distance,
            beam_on_detector: [fast.dot(from_corner), slow.dot(from_corner)],
            near_point: [-pix0.dot(fast), -pix0.dot(slow)],
            beam_centre: [x_beam, y_beam],
            curved: detector.curved,
            point_pixel: detector.point_pixel,
        }
    }

    /// The point at `f` along fast, `s` along slow and `depth` along the normal.
    #[inline]
    pub fn position(&self, f: f64, s: f64, depth: f64) -> Vec3 {
        let flat = self.fast * f + self.slow * s + self.normal * depth + self.pix0;
        if !self.curved {
            return flat;
        }
        let on_beam = self.beam * self.distance;
        on_beam
            .rotate_axis(self.slow, flat[1] / self.distance)
            .rotate_axis(self.fast, flat[2] / self.distance)
    }

    /// Solid angle of a pixel of edge `pixel` at distance `r` from the crystal.
    #[inline]
    pub fn solid_angle(&self, r: f64) -> f64 {
        if self.point_pixel {
            return 1.0 / (r * r);
        }
        self.pixel * self.pixel / (r * r) * self.close_distance / r
    }

    /// ORGX, ORGY of XDS: the nearest point in pixels.
    pub fn origin_pixels(&self) -> [f64; 2] {
        self.near_point.map(|x| x / self.pixel + 0.5)
    }

    /// Origin of the detector for DIALS, mm.
    pub fn dials_origin(&self) -> [f64; 3] {
        [1000.0 * self.pix0[2], 1000.0 * self.pix0[1], 1000.0 * -self.pix0[0]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_fill_the_detector() {
        let mut detector = Detector::default();
        assert_eq!(pixel_counts(&detector), [1024.0, 1024.0]);
        detector.pixels = [Some(200), None];
        assert_eq!(Geometry::new(&detector, Oddities::default()).size[0], 0.02);
        assert_eq!(pixel_counts(&detector), [200.0, 1024.0]);
    }

    #[test]
    fn the_solid_angle_of_a_square_before_its_centre_is_the_analytic_one() {
        // Ω = 4·arctan(ab/(4d·sqrt(d² + a²/4 + b²/4))) for a rectangle a × b at distance d.
        let detector = Detector {
            pixels: [Some(400), Some(300)],
            distance: 0.03,
            convention: Convention::Xds,
            ..Detector::default()
        };
        let geometry = Geometry::new(&detector, Oddities::default());
        let mut sum = 0.0;
        for s in 0..300 {
            for f in 0..400 {
                let at = |i: i32| (f64::from(i) + 0.5) * geometry.pixel;
                sum += geometry.solid_angle(geometry.position(at(f), at(s), 0.0).norm());
            }
        }
        let (a, b, d) = (0.04, 0.03, 0.03_f64);
        let exact = 4.0 * (a * b / (4.0 * d * (d * d + a * a / 4.0 + b * b / 4.0).sqrt())).atan();
        assert!((sum / exact - 1.0).abs() < 2e-6, "{sum} {exact}");
    }

    #[test]
    fn mosflms_direct_beam_is_where_it_was_asked_for() {
        let detector = Detector {
            beam_centre: [Some(0.0051), Some(0.0077)],
            rotation: [0.1, 0.05, -0.02],
            ..Detector::default()
        };
        let geometry = Geometry::new(&detector, Oddities::default());
        let [f, s] = geometry.beam_on_detector;
        assert!((f - 0.00775).abs() < 1e-12 && (s - 0.00515).abs() < 1e-12);
        let hit = geometry.position(f, s, 0.0);
        assert!((hit - geometry.beam * geometry.distance).norm() < 1e-12);
    }

    #[test]
    fn a_curved_detector_is_equally_far_everywhere() {
        let geometry = Geometry::new(&Detector { curved: true, ..Detector::default() }, Oddities::default());
        for (f, s) in [(0.0, 0.0), (0.1, 0.02), (0.05, 0.09)] {
            assert!((geometry.position(f, s, 0.0).norm() - geometry.distance).abs() < 1e-15);
        }
    }
}
