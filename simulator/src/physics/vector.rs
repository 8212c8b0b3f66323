//! Vectors and rotations in three dimensions. All rotations are right-handed.

use std::ops::{Add, Div, Index, Mul, Neg, Sub};

/// A vector, or a point, in the laboratory frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vec3(pub [f64; 3]);

/// A rotation matrix, row by row: `m * v` has the components `m[i]·v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix3(pub [Vec3; 3]);

impl Vec3 {
    /// The vector of length 0.
    pub const ZERO: Vec3 = Vec3([0.0; 3]);

    /// From components.
    pub const fn new(x: f64, y: f64, z: f64) -> Vec3 {
        Vec3([x, y, z])
    }

    /// Scalar product.
    #[inline]
    pub fn dot(self, other: Vec3) -> f64 {
        self[0] * other[0] + self[1] * other[1] + self[2] * other[2]
    }

    /// Vector product.
    #[inline]
    pub fn cross(self, other: Vec3) -> Vec3 {
        Vec3([
            self[1] * other[2] - self[2] * other[1],
            self[2] * other[0] - self[0] * other[2],
            self[0] * other[1] - self[1] * other[0],
        ])
    }

    /// Length.
    #[inline]
    pub fn norm(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The vector of length 1 in this direction; a vector of length 0 stays as it is.
    #[inline]
    pub fn unit(self) -> Vec3 {
        let norm = self.norm();
        if norm > 0.0 { self / norm } else { self }
    }

    /// The same direction with the given length; a vector of length 0 stays as it is.
    pub fn with_norm(self, length: f64) -> Vec3 {
        self.unit() * length
    }

    /// Turned about X, then Y, then Z, by angles in radians.
    pub fn rotate_xyz(self, angles: [f64; 3]) -> Vec3 {
        let [x, y, z] = self.0;
        let (sin, cos) = angles[0].sin_cos();
        let (y, z) = (y * cos - z * sin, y * sin + z * cos);
        let (sin, cos) = angles[1].sin_cos();
        let (x, z) = (x * cos + z * sin, z * cos - x * sin);
        let (sin, cos) = angles[2].sin_cos();
        Vec3([x * cos - y * sin, x * sin + y * cos, z])
    }

    /// Turned about a unit vector by an angle in radians (Rodrigues' formula).
    #[inline]
    pub fn rotate_axis(self, axis: Vec3, angle: f64) -> Vec3 {
        let (sin, cos) = angle.sin_cos();
        axis * (axis.dot(self) * (1.0 - cos)) + self * cos + axis.cross(self) * sin
    }
}

impl Matrix3 {
    /// No rotation.
    pub const IDENTITY: Matrix3 =
        Matrix3([Vec3::new(1.0, 0.0, 0.0), Vec3::new(0.0, 1.0, 0.0), Vec3::new(0.0, 0.0, 1.0)]);

    /// The rotation about a unit vector by an angle in radians.
    pub fn about_axis(axis: Vec3, angle: f64) -> Matrix3 {
        let columns = Matrix3::IDENTITY.0.map(|e| e.rotate_axis(axis, angle));
        let row = |i: usize| Vec3([columns[0][i], columns[1][i], columns[2][i]]);
        Matrix3([row(0), row(1), row(2)])
    }
}

impl Index<usize> for Vec3 {
    type Output = f64;
    #[inline]
    fn index(&self, i: usize) -> &f64 {
        &self.0[i]
    }
}

impl Add for Vec3 {
    type Output = Vec3;
    #[inline]
    fn add(self, o: Vec3) -> Vec3 {
        Vec3([self[0] + o[0], self[1] + o[1], self[2] + o[2]])
    }
}

impl Sub for Vec3 {
    type Output = Vec3;
    #[inline]
    fn sub(self, o: Vec3) -> Vec3 {
        Vec3([self[0] - o[0], self[1] - o[1], self[2] - o[2]])
    }
}

impl Neg for Vec3 {
    type Output = Vec3;
    #[inline]
    fn neg(self) -> Vec3 {
        Vec3([-self[0], -self[1], -self[2]])
    }
}

impl Mul<f64> for Vec3 {
    type Output = Vec3;
    #[inline]
    fn mul(self, s: f64) -> Vec3 {
        Vec3([self[0] * s, self[1] * s, self[2] * s])
    }
}

impl Div<f64> for Vec3 {
    type Output = Vec3;
    #[inline]
    fn div(self, s: f64) -> Vec3 {
        Vec3([self[0] / s, self[1] / s, self[2] / s])
    }
}

impl Mul<Vec3> for Matrix3 {
    type Output = Vec3;
    #[inline]
    fn mul(self, v: Vec3) -> Vec3 {
        Vec3([self.0[0].dot(v), self.0[1].dot(v), self.0[2].dot(v)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    fn close(a: Vec3, b: Vec3) {
        assert!((a - b).norm() < 1e-15, "{a:?} is not {b:?}");
    }

    #[test]
    fn quarter_turns_are_right_handed() {
        let [x, y, z] = Matrix3::IDENTITY.0;
        close(y.rotate_xyz([FRAC_PI_2, 0.0, 0.0]), z);
        close(z.rotate_xyz([0.0, FRAC_PI_2, 0.0]), x);
        close(x.rotate_xyz([0.0, 0.0, FRAC_PI_2]), y);
        for (axis, from, to) in [(x, y, z), (y, z, x), (z, x, y)] {
            close(from.rotate_axis(axis, FRAC_PI_2), to);
            close(Matrix3::about_axis(axis, FRAC_PI_2) * from, to);
        }
    }

    #[test]
    fn three_turns_happen_in_the_order_x_y_z() {
        let v = Vec3::new(0.3, -1.2, 2.0);
        let [x, y, z] = Matrix3::IDENTITY.0;
        let one_by_one = v.rotate_axis(x, 0.1).rotate_axis(y, 0.2).rotate_axis(z, 0.3);
        close(v.rotate_xyz([0.1, 0.2, 0.3]), one_by_one);
    }
}
