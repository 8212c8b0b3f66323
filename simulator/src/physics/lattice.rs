//! The lattice transform: how strongly the unit cells of one crystal scatter together at (h, k, l).

use super::structure_factor::nearest;
use super::vector::Vec3;
use crate::experiment::Shape;
use std::f64::consts::PI;

/// Ratio of the volumes that makes a round crystal as bright as a square one, nanoBragg's constant.
pub(crate) const ROUND_SCALE: f64 = 0.723601254558268;
/// Width of a Gaussian spot that matches the square one.
pub(crate) const GAUSS_WIDTH: f64 = 0.63;
/// Edge of a top-hat spot in ρ·fudge.
pub(crate) const TOPHAT_EDGE: f64 = GAUSS_WIDTH * GAUSS_WIDTH;

/// A crystal of `cells` unit cells along a, b, c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lattice {
    /// Shape.
    pub shape: Shape,
    /// Unit cells along a, b, c.
    pub cells: [f64; 3],
    /// Factor on the argument of the round, Gaussian and top-hat shapes.
    pub fudge: f64,
    /// a*, b*, c* in 1/Å, for the distance of a sample from the nearest lattice point.
    pub reciprocal: [Vec3; 3],
}

impl Lattice {
    /// The amplitude at fractional Miller indices `hkl`.
    #[inline]
    pub fn transform(&self, hkl: [f64; 3]) -> f64 {
        match self.shape {
            Shape::Square => self.square(hkl),
            Shape::Round => self.round(offset(hkl)),
            Shape::Gauss => self.volume() * (-self.distance(offset(hkl)) * self.fudge / GAUSS_WIDTH).exp(),
            Shape::Tophat => {
                let inside = self.distance(offset(hkl)) * self.fudge < TOPHAT_EDGE;
                if inside { self.volume() } else { 0.0 }
            }
        }
    }

    /// Parallelepiped: the product of the grating functions of the axes with more than one cell.
    #[inline]
    fn square(&self, hkl: [f64; 3]) -> f64 {
        let mut f_latt = 1.0;
        if self.cells[0] > 1.0 {
            f_latt *= grating(PI * hkl[0], self.cells[0]);
        }
        if self.cells[1] > 1.0 {
            f_latt *= grating(PI * hkl[1], self.cells[1]);
        }
        if self.cells[2] > 1.0 {
            f_latt *= grating(PI * hkl[2], self.cells[2]);
        }
        f_latt
    }

    /// Ellipsoid: the transform of a sphere.
    #[inline]
    fn round(&self, [dh, dk, dl]: [f64; 3]) -> f64 {
        let [na, nb, nc] = self.cells;
        let radius2 = dh * dh * na * na + dk * dk * nb * nb + dl * dl * nc * nc;
        self.volume() * ROUND_SCALE * sphere(PI * (radius2 * self.fudge).sqrt())
    }

    /// ρ: the square of the distance from the nearest lattice point in 1/Å, times the square of the number of cells.
    #[inline]
    fn distance(&self, [dh, dk, dl]: [f64; 3]) -> f64 {
        let [a, b, c] = self.reciprocal;
        let d = a * dh + b * dk + c * dl;
        d.dot(d) * (self.volume() * self.volume())
    }

    /// Number of unit cells.
    #[inline]
    fn volume(&self) -> f64 {
        self.cells[0] * self.cells[1] * self.cells[2]
    }
}

/// `sin(N·x)/sin(x)`, the sum of N unit vectors with phases 2x apart; N where sin(x) is 0.
#[inline]
pub fn grating(x: f64, n: f64) -> f64 {
    let sin = x.sin();
    if sin == 0.0 { n } else { (x * n).sin() / sin }
}

/// `3(sin u/u − cos u)/u²`, the transform of a sphere; 1 at 0. Near 0 the difference would lose all its digits, and the
/// series `3·Σ (−1)ᵏ·(2k + 2)/(2k + 3)!·u²ᵏ` is taken, whose terms are to each other as `−u²/(2k(2k + 3))`.
#[inline]
pub fn sphere(u: f64) -> f64 {
    let u2 = u * u;
    if u2 < 0.01 {
        return 1.0 - u2 / 10.0 * (1.0 - u2 / 28.0 * (1.0 - u2 / 54.0 * (1.0 - u2 / 88.0)));
    }
    let (sin, cos) = u.sin_cos();
    3.0 * (sin / u - cos) / u2
}

/// From the nearest lattice point.
#[inline]
fn offset(hkl: [f64; 3]) -> [f64; 3] {
    hkl.map(|x| x - nearest(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(shape: Shape) -> Lattice {
        let reciprocal = [Vec3::new(0.01, 0.0, 0.0), Vec3::new(0.0, 0.02, 0.0), Vec3::new(0.0, 0.0, 0.03)];
        Lattice { shape, cells: [3.0, 5.0, 7.0], fudge: 1.0, reciprocal }
    }

    #[test]
    fn at_a_lattice_point_all_cells_scatter_together() {
        for (shape, scale) in
            [(Shape::Square, 1.0), (Shape::Gauss, 1.0), (Shape::Tophat, 1.0), (Shape::Round, ROUND_SCALE)]
        {
            let f = lattice(shape).transform([0.0; 3]);
            assert!((f - 105.0 * scale).abs() < 1e-12, "{shape:?}: {f}");
        }
    }

    #[test]
    fn the_grating_is_the_sum_of_its_phases() {
        for n in [2, 3, 10] {
            for i in 1..40 {
                let x = 0.17 * f64::from(i);
                let start = -f64::from(n - 1) * x;
                let sum: f64 = (0..n).map(|j| (start + 2.0 * x * f64::from(j)).cos()).sum();
                assert!((grating(x, f64::from(n)) - sum).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_sphere_is_smooth_at_its_centre_and_even() {
        assert!((sphere(1e-3) - 1.0).abs() < 1e-6);
        assert_eq!([0.0, 1e-9, -1e-200].map(sphere), [1.0; 3]);
        // At the seam, the closed form in numbers that do not lose digits: Σ over terms from the smallest on.
        for u in [0.01_f64, 0.0999, 0.1, 0.1001, 0.3] {
            let term = |k: i32| {
                let factorial: f64 = (1..=2 * k + 3).map(f64::from).product();
                3.0 * (-1.0_f64).powi(k) * f64::from(2 * k + 2) / factorial * u.powi(2 * k)
            };
            let exact: f64 = (0..12).rev().map(term).sum();
            assert!((sphere(u) - exact).abs() < 1e-13, "{u}: {} {exact}", sphere(u));
        }
        assert_eq!(sphere(2.0), sphere(-2.0));
    }
}
