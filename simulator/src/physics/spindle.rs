//! The crystal at every step of the spindle and in every mosaic domain.

use super::crystal::Direct;
use super::kept::Same;
use super::steps::Sampled;
use super::vector::{Matrix3, Vec3};

/// The direct cell at one step of the spindle in one domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orientation {
    /// Spindle angle.
    pub phi: f64,
    /// a, b, c in metres.
    pub direct: Direct,
}

/// A pass through the spindle steps: for each, the crystal in every domain.
pub type Pass = Vec<Vec<Orientation>>;

/// All orientations of one exposure.
#[derive(Clone, Debug, PartialEq)]
pub struct Orientations {
    /// Those of a pass through the spindle steps in the course of a render.
    pub usual: Pass,
    /// Those of the very first pass, where they are not the same (oddity `phi-carry-over`).
    pub first: Option<Pass>,
}

/// All that the orientations depend on.
#[derive(Debug, PartialEq)]
pub struct Turns {
    /// a, b, c of the crystal at rest, in metres.
    pub direct: Direct,
    /// Axis of the spindle.
    pub spindle: Vec3,
    /// First angle.
    pub phi: f64,
    /// Steps of the angle.
    pub steps: Sampled,
    /// Rotations of the mosaic domains.
    pub domains: Same<[Matrix3]>,
    /// Whether vectors that are not turned keep their last rotation.
    pub carry_over: bool,
}

impl Turns {
    /// Turns the crystal about the spindle and into each domain.
    ///
    /// nanoBragg leaves the vectors as they are when phi is exactly 0, so that they keep the rotation of the step before
    /// in the order of the loops (`carry_over`). What that step was is known beforehand: in every pass but the first it
    /// is the last step that did rotate, of the same pass or else of the pass before; in the first it may be none.
    pub fn orientations(&self) -> Orientations {
        let Turns { direct, spindle, phi, steps, carry_over, .. } = *self;
        let angles: Vec<f64> = (0..steps.count).map(|i| phi + steps.step * f64::from(i)).collect();
        let pass = |before: Option<f64>| {
            let mut kept = before;
            let step = |&phi: &f64| {
                if phi != 0.0 {
                    kept = Some(phi);
                } else if !carry_over {
                    kept = None;
                }
                let turned = match kept {
                    Some(angle) => direct.map(|v| v.rotate_axis(spindle, angle)),
                    None => direct,
                };
                self.domains.iter().map(|&m| Orientation { phi, direct: turned.map(|v| m * v) }).collect()
            };
            angles.iter().map(step).collect::<Pass>()
        };
        let last_rotation = angles.iter().rev().copied().find(|&phi| phi != 0.0);
        let differs = carry_over && angles.first() == Some(&0.0) && last_rotation.is_some();
        Orientations { usual: pass(last_rotation), first: differs.then(|| pass(None)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const DIRECT: Direct = [Vec3::new(1.0, 0.0, 0.0), Vec3::new(0.0, 2.0, 0.0), Vec3::new(0.0, 0.0, 3.0)];
    const Z: Vec3 = Vec3::new(0.0, 0.0, 1.0);

    fn at(phi: f64, step: f64, count: u32, carry_over: bool) -> Orientations {
        let steps = Sampled { range: 0.0, step, count };
        let domains = Same(Arc::from([Matrix3::IDENTITY]));
        Turns { direct: DIRECT, spindle: Z, phi, steps, domains, carry_over }.orientations()
    }

    #[test]
    fn a_step_at_zero_keeps_the_last_rotation_but_for_the_first_pass() {
        let both = at(0.0, 0.1, 3, true);
        let first = both.first.unwrap();
        assert_eq!(both.usual[0][0].direct, both.usual[2][0].direct);
        assert_eq!(first[0][0].direct, DIRECT);
        assert_eq!(first[1..], both.usual[1..]);
    }

    #[test]
    fn a_zero_in_the_middle_keeps_the_step_before_it() {
        let both = at(-0.1, 0.1, 3, true);
        assert_eq!(both.first, None);
        assert_eq!(both.usual[1][0].direct, both.usual[0][0].direct);
    }

    #[test]
    fn without_the_oddity_zero_is_the_unrotated_crystal() {
        for start in [0.0, -0.1] {
            let both = at(start, 0.1, 3, false);
            assert_eq!(both.first, None);
            let zero = both.usual.iter().flatten().find(|o| o.phi == 0.0).unwrap();
            assert_eq!(zero.direct, DIRECT);
        }
    }
}
