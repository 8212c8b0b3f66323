//! The polarization factor after Kahn et al. (1982), J. Appl. Cryst. 15, 330.

use super::vector::Vec3;

/// `P = ½(1 + cos²2θ − K·cos 2ψ·sin²2θ)`: `incident` and `diffracted` are unit vectors, `e_vector` the direction of
/// the electric field, `kahn` the factor K (0: unpolarized; 1: fully along the E-vector).
#[inline]
pub fn factor(kahn: f64, incident: Vec3, diffracted: Vec3, e_vector: Vec3) -> f64 {
    let cos_2theta = incident.dot(diffracted);
    let cos2 = cos_2theta * cos_2theta;
    if kahn == 0.0 {
        return 0.5 * (1.0 + cos2);
    }
    let sin2 = 1.0 - cos2;
    let b = e_vector.cross(incident).unit();
    let e = incident.cross(b).unit();
    let psi = -f64::atan2(diffracted.dot(b), diffracted.dot(e));
    0.5 * (1.0 + cos2 - kahn * (2.0 * psi).cos() * sin2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: Vec3 = Vec3::new(1.0, 0.0, 0.0);
    const Z: Vec3 = Vec3::new(0.0, 0.0, 1.0);

    fn at(two_theta: f64, azimuth: f64) -> Vec3 {
        let (sin, cos) = two_theta.sin_cos();
        Vec3::new(cos, sin * azimuth.sin(), sin * azimuth.cos())
    }

    #[test]
    fn two_perpendicular_fields_add_up_to_an_unpolarized_beam() {
        let y = Vec3::new(0.0, 1.0, 0.0);
        for i in 0..50 {
            let d = at(0.03 * f64::from(i), 0.7 * f64::from(i));
            let mean = (factor(0.9, X, d, Z) + factor(0.9, X, d, y)) / 2.0;
            assert!((mean - factor(0.0, X, d, Z)).abs() < 1e-15);
        }
    }

    #[test]
    fn a_fully_polarized_beam_sends_nothing_along_its_field_and_everything_across() {
        let right_angle = std::f64::consts::FRAC_PI_2;
        assert!(factor(1.0, X, at(right_angle, 0.0), Z).abs() < 1e-15);
        assert!((factor(1.0, X, at(right_angle, right_angle), Z) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn over_the_sphere_it_integrates_to_thomsons_cross_section() {
        // ∫P dΩ = 8π/3, whatever K; Simpson's rule over the angle, a mean over the azimuth.
        for kahn in [0.0, 0.5, 1.0] {
            let steps = 200;
            let step = std::f64::consts::PI / f64::from(steps);
            let ring = |theta: f64| {
                let mean: f64 = (0..8)
                    .map(|i| factor(kahn, X, at(theta, f64::from(i) * std::f64::consts::FRAC_PI_4), Z))
                    .sum();
                mean / 8.0 * theta.sin() * std::f64::consts::TAU
            };
            let sum: f64 = (0..=steps)
                .map(|i| {
                    let weight = if i == 0 || i == steps {
                        1.0
                    } else if i % 2 == 1 {
                        4.0
                    } else {
                        2.0
                    };
                    weight * ring(f64::from(i) * step)
                })
                .sum();
            let total = sum * step / 3.0;
            assert!((total - 8.0 * std::f64::consts::PI / 3.0).abs() < 1e-7, "K {kahn}: {total}");
        }
    }
}
