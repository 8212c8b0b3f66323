//! The unit cell in direct and reciprocal space, its orientation, and the number of cells of the crystal.

use super::mosaic;
use super::vector::Vec3;
use crate::experiment::{Cell, Crystal, Misset};
use crate::oddities::{Oddities, Oddity};
use crate::units::{ANGSTROM, degrees};

/// Direct cell vectors a, b, c.
pub type Direct = [Vec3; 3];
/// Reciprocal cell vectors a*, b*, c*.
pub type Reciprocal = [Vec3; 3];

/// A crystal with everything decided but the orientations of spindle and domains.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    /// a, b, c at rest, m.
    pub direct: Direct,
    /// a*, b*, c* at rest, 1/Å.
    pub reciprocal: Reciprocal,
    /// Volume of the cell, Å³.
    pub volume: f64,
    /// The misset that was applied, radians.
    pub misset: [f64; 3],
}

/// Why there is no crystal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CrystalError {
    /// Neither cell nor matrix.
    #[error("no unit cell: give -cell a b c alpha beta gamma or -mat FILE")]
    NoCell,
    /// The angles do not close, or an edge is not positive.
    #[error("-cell {}: {why}", show(.cell))]
    ImpossibleCell {
        /// The cell.
        cell: Cell,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The matrix has no volume.
    #[error("-mat: the three vectors of the orientation matrix do not span a cell")]
    SingularMatrix,
}

fn show(cell: &Cell) -> String {
    let [a, b, c] = cell.edges;
    let [al, be, ga] = cell.angles;
    format!("{a} {b} {c} {al} {be} {ga}")
}

/// Orients the crystal; `wavelength` (m) scales the orientation matrix.
///
/// # Errors
/// When there is no cell, or an impossible one.
pub fn orient(crystal: &Crystal, wavelength: f64, oddities: Oddities) -> Result<Lattice, CrystalError> {
    let metric = crystal.cell.map(Metric::new).transpose()?;
    let reciprocal = match (&crystal.matrix, &metric) {
        (Some(rows), _) => {
            let wavelength = wavelength / ANGSTROM;
            [0, 1, 2].map(|i| Vec3::new(rows[0][i], rows[1][i], rows[2][i]) / wavelength)
        }
        (None, Some(metric)) => metric.default_orientation(oddities),
        (None, None) => return Err(CrystalError::NoCell),
    };
    let misset = match crystal.misset {
        Misset::None => [0.0; 3],
        Misset::Angles(angles) => angles,
        Misset::Random { seed } => mosaic::random_misset(seed),
    };
    let [a_star, b_star, c_star] = reciprocal.map(|v| v.rotate_xyz(misset));

    let mut cross = [b_star.cross(c_star), c_star.cross(a_star), a_star.cross(b_star)];
    let volume_star = match &metric {
        Some(metric) => 1.0 / metric.volume,
        None => a_star.dot(cross[0]),
    };
    if !(volume_star.is_finite() && a_star.dot(cross[0]).abs() > 0.0) {
        return Err(CrystalError::SingularMatrix);
    }
    let volume = 1.0 / volume_star;
    if let Some(metric) = &metric {
        for (cross, edge) in cross.iter_mut().zip(metric.cell.edges) {
            *cross = cross.with_norm(edge / volume);
        }
    }
    let [a, b, c] = cross.map(|v| v * volume);
    let reciprocal = [b.cross(c), c.cross(a), a.cross(b)].map(|v| v * volume_star);
    Ok(Lattice { direct: [a, b, c].map(|v| v * ANGSTROM), reciprocal, volume, misset })
}

/// Unit cells along a, b, c: as given, or as many as the size of the crystal needs.
pub fn cells(crystal: &Crystal, direct: Direct, beam_size: f64) -> [f64; 3] {
    let limits = [f64::INFINITY, beam_size, beam_size];
    [0, 1, 2].map(|axis| match crystal.size[axis] {
        Some(size) if size > 0.0 => (size.min(limits[axis]) / direct[axis].norm()).ceil().max(1.0),
        _ => f64::from(crystal.cells[axis].unwrap_or(1)),
    })
}

/// Square of half the volume of a cell with edges of 1 below which its angles are taken to lie in a plane.
const FLATTEST: f64 = 1e-12;

/// Lengths and angles of a possible cell.
struct Metric {
    cell: Cell,
    cos: [f64; 3],
    sin: [f64; 3],
    volume: f64,
}

impl Metric {
    fn new(cell: Cell) -> Result<Metric, CrystalError> {
        let impossible = |why| Err(CrystalError::ImpossibleCell { cell, why });
        if !cell.edges.iter().all(|&edge| edge > 0.0 && edge.is_finite()) {
            return impossible("every edge must be longer than 0 Å");
        }
        if !cell.angles.iter().all(|&angle| angle > 0.0 && angle < 180.0) {
            return impossible("every angle must be between 0 and 180 degrees");
        }
        let [alpha, beta, gamma] = cell.angles.map(degrees);
        let s = (alpha + beta + gamma) / 2.0;
        let skew = s.sin() * (s - alpha).sin() * (s - beta).sin() * (s - gamma).sin();
        if skew.is_nan() || skew < FLATTEST {
            return impossible(
                "no cell has these angles: each must be less than the sum of the two others, and all less than 360 together",
            );
        }
        let [a, b, c] = cell.edges;
        let volume = 2.0 * a * b * c * skew.sqrt();
        let angles = [alpha, beta, gamma];
        Ok(Metric { cell, cos: angles.map(f64::cos), sin: angles.map(f64::sin), volume })
    }

    /// a* along x, b* in the plane of x and y.
    fn default_orientation(&self, oddities: Oddities) -> Reciprocal {
        let [a, b, c] = self.cell.edges;
        let [cos_al, cos_be, cos_ga] = self.cos;
        let [sin_al, sin_be, sin_ga] = self.sin;
        let volume = self.volume;
        let a_star = b * c * sin_al / volume;
        let b_star = c * a * sin_be / volume;
        let c_star = a * b * sin_ga / volume;
        let cos_al_star = (cos_be * cos_ga - cos_al) / (sin_be * sin_ga);
        let cos_be_star = (cos_ga * cos_al - cos_be) / (sin_ga * sin_al);
        let cos_ga_star = (cos_al * cos_be - cos_ga) / (sin_al * sin_be);
        let sin_ga_star = c / volume / (a_star * b_star);
        let tilt = if oddities.has(Oddity::TriclinicCell) { sin_ga_star } else { sin_ga };
        [
            Vec3::new(a_star, 0.0, 0.0),
            Vec3::new(b_star * cos_ga_star, b_star * sin_ga_star, 0.0),
            Vec3::new(
                c_star * cos_be_star,
                c_star * (cos_al_star - cos_be_star * cos_ga_star) / sin_ga_star,
                c_star * volume / (a * b * c * tilt),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oriented(cell: Cell, oddities: Oddities) -> Lattice {
        let crystal =
            Crystal { cell: Some(cell), misset: Misset::Angles([0.1, -0.2, 0.3]), ..Crystal::default() };
        orient(&crystal, 1e-10, oddities).unwrap()
    }

    #[test]
    fn direct_and_reciprocal_cells_are_inverse() {
        let lattice = oriented(Cell::new(70.0, 80.0, 90.0, 75.0, 85.0, 95.0), Oddities::none());
        for (i, direct) in lattice.direct.iter().enumerate() {
            for (j, reciprocal) in lattice.reciprocal.iter().enumerate() {
                let product = direct.dot(*reciprocal) / ANGSTROM;
                assert!((product - f64::from(i == j)).abs() < 1e-14, "{i} {j}: {product}");
            }
        }
    }

    fn angles(direct: Direct) -> [f64; 3] {
        let angle = |u: Vec3, v: Vec3| u.unit().dot(v.unit()).acos().to_degrees();
        [angle(direct[1], direct[2]), angle(direct[2], direct[0]), angle(direct[0], direct[1])]
    }

    #[test]
    fn a_triclinic_cell_comes_out_as_given_or_as_nanobragg_has_it() {
        let cell = Cell::new(70.0, 80.0, 90.0, 75.0, 85.0, 95.0);
        let given = oriented(cell, Oddities::none());
        for i in 0..3 {
            assert!((given.direct[i].norm() / ANGSTROM - cell.edges[i]).abs() < 1e-11);
            assert!((angles(given.direct)[i] - cell.angles[i]).abs() < 1e-11);
        }
        let odd = angles(oriented(cell, Oddities::nanobragg()).direct);
        for (angle, printed) in odd.iter().zip([75.04, 85.01, 95.01]) {
            assert!((angle - printed).abs() < 0.005, "{angle} {printed}");
        }
    }

    #[test]
    fn impossible_cells_are_refused() {
        for (a, angles) in [
            (0.0, [90.0; 3]),
            (-1.0, [90.0; 3]),
            (1.0, [10.0, 20.0, 170.0]),
            (1.0, [120.0; 3]),
            (1.0, [0.0, 90.0, 90.0]),
        ] {
            let cell = Cell { edges: [a, 1.0, 1.0], angles };
            let crystal = Crystal { cell: Some(cell), ..Crystal::default() };
            assert!(matches!(
                orient(&crystal, 1e-10, Oddities::default()),
                Err(CrystalError::ImpossibleCell { .. })
            ));
        }
    }

    #[test]
    fn a_size_is_made_of_whole_cells_within_the_beam() {
        let lattice = oriented(Cell::new(100.0, 100.0, 100.0, 90.0, 90.0, 90.0), Oddities::none());
        let crystal = Crystal {
            size: [Some(7.7e-8), Some(1.0), None],
            cells: [None, None, Some(4)],
            ..Crystal::default()
        };
        assert_eq!(cells(&crystal, lattice.direct, 1e-6), [8.0, 100.0, 4.0]);
    }
}
