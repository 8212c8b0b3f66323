//! Two colour maps that are even to the eye: viridis for magnitudes (Smith and van der Walt, 2015), cool to warm for
//! signs (Moreland, 2009). Anchors a tenth or an eighth apart, straight lines between them.

use super::canvas::Rgb;

const VIRIDIS: [Rgb; 10] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x28, 0x78],
    [0x3e, 0x49, 0x89],
    [0x31, 0x68, 0x8e],
    [0x26, 0x82, 0x8e],
    [0x1f, 0x9e, 0x89],
    [0x35, 0xb7, 0x79],
    [0x6e, 0xce, 0x58],
    [0xb5, 0xde, 0x2b],
    [0xfd, 0xe7, 0x25],
];

const COOL_WARM: [Rgb; 9] = [
    [59, 76, 192],
    [103, 136, 238],
    [154, 187, 255],
    [201, 215, 240],
    [221, 221, 221],
    [237, 209, 194],
    [247, 168, 137],
    [226, 105, 82],
    [180, 4, 38],
];

/// Which map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Map {
    /// 0 to 1.
    Magnitude,
    /// −1 to 1.
    Sign,
}

impl Map {
    pub(super) fn colour(self, value: f64) -> Rgb {
        match self {
            Self::Magnitude => between(&VIRIDIS, value),
            Self::Sign => between(&COOL_WARM, f64::midpoint(value, 1.0)),
        }
    }
}

fn between(anchors: &[Rgb], value: f64) -> Rgb {
    if value.is_nan() {
        return super::canvas::GREY;
    }
    let at = value.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
    let low = (at as usize).min(anchors.len() - 2);
    let t = at - low as f64;
    std::array::from_fn(|i| {
        (f64::from(anchors[low][i]) * (1.0 - t) + f64::from(anchors[low + 1][i]) * t).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luminance (ITU-R BT.709, gamma left in: enough to see whether it rises).
    fn light(c: Rgb) -> f64 {
        0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2])
    }

    #[test]
    fn magnitudes_get_lighter_and_signs_are_alike() {
        let steps: Vec<f64> = (0..=100).map(|i| light(Map::Magnitude.colour(f64::from(i) / 100.0))).collect();
        assert!(steps.windows(2).all(|w| w[1] > w[0] - 1.0) && steps[100] > steps[0] + 150.0);
        assert_eq!(Map::Sign.colour(0.0), [221; 3]);
        for v in [0.3, 0.7, 1.0] {
            assert!((light(Map::Sign.colour(v)) - light(Map::Sign.colour(-v))).abs() < 40.0, "{v}");
        }
        assert_eq!(Map::Sign.colour(f64::NAN), crate::pictures::canvas::GREY);
        assert_eq!(Map::Magnitude.colour(7.0), VIRIDIS[9]);
    }
}
