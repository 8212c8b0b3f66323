//! Mosaic domains: random rotations of the crystal about its orientation.

use super::random::Uniform;
use super::vector::{Matrix3, Vec3};
use std::f64::consts::PI;

/// A rotation about a random axis, by up to `spread` radians, uniformly over the cap of orientations. Draws three
/// numbers. The angle passes through f32, as it does in nanoBragg.
pub fn random_rotation(spread: f32, random: &mut Uniform) -> Matrix3 {
    let mut symmetric = || 2.0 * f64::from(random.draw()) - 1.0;
    let [r1, r2, r3] = [symmetric(), symmetric(), symmetric()];
    let xy = (1.0 - r2 * r2).sqrt();
    let axis = Vec3::new(xy * (PI * r1).sin(), xy * (PI * r1).cos(), r2);
    let angle = spread * ((1.0 - r3 * r3) as f32).powf(1.0 / 3.0);
    Matrix3::about_axis(axis, f64::from(angle))
}

/// The orientations of the domains; the first is the crystal's own.
pub fn domains(count: u32, spread: f64, seed: i64) -> Vec<Matrix3> {
    let mut random = Uniform::new(seed);
    let mut domains: Vec<Matrix3> = (0..count).map(|_| random_rotation(spread as f32, &mut random)).collect();
    if let Some(first) = domains.first_mut() {
        *first = Matrix3::IDENTITY;
    }
    domains
}

/// A random orientation as angles about x, y, z.
pub fn random_misset(seed: i64) -> [f64; 3] {
    let r = random_rotation(90.0, &mut Uniform::new(seed)).0;
    let rotx = f64::atan2(r[2][1], r[2][2]);
    let roty = f64::atan2(-r[2][0], f64::hypot(r[2][1], r[2][2]));
    let rotz = f64::atan2(r[1][0], r[0][0]);
    [rotx, roty, rotz]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_rotations_within_the_spread() {
        let domains = domains(500, 0.01, 7);
        assert_eq!(domains[0], Matrix3::IDENTITY);
        for m in &domains {
            let trace = m.0[0][0] + m.0[1][1] + m.0[2][2];
            let angle = ((trace - 1.0) / 2.0).clamp(-1.0, 1.0).acos();
            assert!(angle <= 0.01 * (1.0 + 1e-6));
            let x = m.0[0].cross(m.0[1]) - m.0[2];
            assert!(x.norm() < 1e-14);
        }
    }

    #[test]
    fn angles_of_a_random_orientation_give_the_orientation_back() {
        let m = random_rotation(90.0, &mut Uniform::new(42));
        let angles = random_misset(42);
        for v in Matrix3::IDENTITY.0 {
            assert!((m * v - v.rotate_xyz(angles)).norm() < 1e-14);
        }
    }
}
