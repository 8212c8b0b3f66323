//! Units of the command line and the files, in metres, radians and so on; and the constants of nature used.

/// One ångström in metres.
pub const ANGSTROM: f64 = 1e-10;
/// Photon energy in eV times wavelength in Å (the value that nanoBragg uses).
pub const EV_ANGSTROM: f64 = 12398.42;
/// Square of the classical electron radius, m².
pub const R_E_SQUARED: f64 = 7.94079248018965e-30;
/// Avogadro's number, 1/mol (the value that nanoBragg uses).
pub const AVOGADRO: f64 = 6.02214179e23;

/// Millimetres to metres.
pub fn mm(x: f64) -> f64 {
    x / 1000.0
}

/// Micrometres to metres.
pub fn um(x: f64) -> f64 {
    x / 1e6
}

/// Ångström to metres.
pub fn angstrom(x: f64) -> f64 {
    x / 1e10
}

/// Milliradians to radians.
pub fn mrad(x: f64) -> f64 {
    x / 1000.0
}

/// Degrees to radians.
pub fn degrees(x: f64) -> f64 {
    x / RADIANS_TO_DEGREES
}

/// Percent to a fraction.
pub fn percent(x: f64) -> f64 {
    x / 100.0
}

/// Photon energy in eV to wavelength in metres.
pub fn energy_ev(x: f64) -> f64 {
    EV_ANGSTROM / x / 1e10
}

const RADIANS_TO_DEGREES: f64 = 180.0 / std::f64::consts::PI;

/// Radians to degrees.
pub fn to_degrees(x: f64) -> f64 {
    x * RADIANS_TO_DEGREES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_and_wavelength_are_two_names_of_one_thing() {
        assert_eq!(energy_ev(EV_ANGSTROM), angstrom(1.0));
        assert!((energy_ev(2000.0) - 6.19921e-10).abs() < 1e-24);
    }

    #[test]
    fn a_right_angle() {
        assert_eq!(degrees(90.0), std::f64::consts::FRAC_PI_2);
        assert!((to_degrees(degrees(30.0)) - 30.0).abs() < 1e-14);
    }
}
