//! What a layer of the sensor absorbs of a ray that crosses it.

/// The sensor as layers of equal thickness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensor {
    /// Number of layers.
    pub layers: u32,
    /// Thickness of the whole, m; 0: everything is captured at the surface.
    pub thickness: f64,
    /// Distance of two layers, m.
    pub step: f64,
    /// Absorption coefficient µ, 1/m.
    pub absorption: f64,
}

impl Sensor {
    /// Fraction of the ray that layer `t` captures; `cosine` is that of the angle between ray and normal.
    #[inline]
    pub fn capture_fraction(&self, t: u32, cosine: f64) -> f64 {
        if self.thickness <= 0.0 {
            return 1.0;
        }
        let depth = self.absorption * self.step / cosine;
        (-f64::from(t) * depth).exp() - (-f64::from(t + 1) * depth).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_together_capture_what_one_thick_layer_does() {
        let sensor = Sensor { layers: 7, thickness: 450e-6, step: 450e-6 / 7.0, absorption: 1.0 / 500e-6 };
        let sum: f64 = (0..7).map(|t| sensor.capture_fraction(t, 0.8)).sum();
        let whole = 1.0 - (-450.0_f64 / 500.0 / 0.8).exp();
        assert!((sum - whole).abs() < 1e-15);
    }

    #[test]
    fn a_sensor_without_thickness_captures_everything() {
        let sensor = Sensor { layers: 1, thickness: 0.0, step: 0.0, absorption: 0.0 };
        assert_eq!(sensor.capture_fraction(0, 0.5), 1.0);
    }
}
