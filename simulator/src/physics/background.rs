//! Scattering of amorphous water.

use crate::units::{AVOGADRO, R_E_SQUARED};

/// Forward scattering amplitude of one molecule of water, electrons.
const WATER_F: f64 = 2.57;
/// Density of water, g/m³.
const WATER_DENSITY: f64 = 1e6;
/// Molecular weight of water, g/mol.
const WATER_WEIGHT: f64 = 18.0;

/// Photons per steradian from a cube of water with edge `water` (m) in `fluence` (photons/m²).
pub fn water(water: f64, fluence: f64) -> f64 {
    WATER_F * WATER_F * R_E_SQUARED * fluence * (water * water * water) * WATER_DENSITY * AVOGADRO
        / WATER_WEIGHT
}
