//! Structure factors by Miller index, nearest or interpolated.

/// Structure factors of every reflection in a box of Miller indices.
#[derive(Clone, Debug)]
pub struct HklGrid {
    /// Smallest h, k, l.
    pub min: [i32; 3],
    /// Largest h, k, l.
    pub max: [i32; 3],
    /// h slowest, l fastest; `max − min + 1` values along each axis.
    pub values: Vec<f64>,
}

impl PartialEq for HklGrid {
    fn eq(&self, other: &HklGrid) -> bool {
        // A grid that is shared need not be gone through.
        std::ptr::eq(self, other)
            || (self.min == other.min && self.max == other.max && self.values == other.values)
    }
}

impl HklGrid {
    /// The structure factor of a reflection, `None` outside the box.
    #[inline]
    pub fn get(&self, nearest: [f64; 3]) -> Option<f64> {
        self.values.get(self.index(nearest)?).copied()
    }

    /// Where the structure factor of a reflection stands in `values`, `None` outside the box.
    #[inline]
    pub fn index(&self, nearest: [f64; 3]) -> Option<usize> {
        let mut index = 0;
        for ((&min, &max), &at) in self.min.iter().zip(&self.max).zip(&nearest) {
            if !(f64::from(min) <= at && at <= f64::from(max)) {
                return None;
            }
            index = index * (max.wrapping_sub(min) as u32 as usize + 1) + (at - f64::from(min)) as usize;
        }
        Some(index)
    }

    /// Whether the four neighbours of every axis are in the box.
    #[inline]
    pub fn surrounds(&self, hkl: [f64; 3]) -> bool {
        (0..3).all(|axis| {
            f64::from(self.min[axis]) + 2.0 <= hkl[axis] && hkl[axis] <= f64::from(self.max[axis]) - 2.0
        })
    }

    /// Cubic Lagrange interpolation of the amplitude along l, then k, then h, where the box [surrounds](Self::surrounds)
    /// the sample.
    pub fn tricubic(&self, hkl: [f64; 3]) -> f64 {
        let base = hkl.map(|x| x.floor() - 1.0);
        let weights = [0, 1, 2].map(|axis| lagrange(hkl[axis] - base[axis]));
        let mut f_cell = 0.0;
        for (i, weight_h) in weights[0].iter().enumerate() {
            let mut along_k = 0.0;
            for (j, weight_k) in weights[1].iter().enumerate() {
                let mut along_l = 0.0;
                for (m, weight_l) in weights[2].iter().enumerate() {
                    let at = [base[0] + i as f64, base[1] + j as f64, base[2] + m as f64];
                    along_l += weight_l * self.get(at).unwrap_or(0.0);
                }
                along_k += weight_k * along_l;
            }
            f_cell += weight_h * along_k;
        }
        f_cell
    }
}

/// Weights of the values at 0, 1, 2, 3 in the cubic polynomial through them, at x.
#[inline]
fn lagrange(x: f64) -> [f64; 4] {
    [
        (x - 1.0) * (x - 2.0) * (x - 3.0) / -6.0,
        x * (x - 2.0) * (x - 3.0) / 2.0,
        x * (x - 1.0) * (x - 3.0) / -2.0,
        x * (x - 1.0) * (x - 2.0) / 6.0,
    ]
}

/// The integer nearest to a fractional index; halves go down.
#[inline]
pub fn nearest(x: f64) -> f64 {
    (x - 0.5).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(f: impl Fn(f64, f64, f64) -> f64) -> HklGrid {
        let mut values = Vec::new();
        for h in -3..=4 {
            for k in -4..=4 {
                for l in -5..=5 {
                    values.push(f(f64::from(h), f64::from(k), f64::from(l)));
                }
            }
        }
        HklGrid { min: [-3, -4, -5], max: [4, 4, 5], values }
    }

    #[test]
    fn every_reflection_is_found_and_nothing_outside() {
        let grid = grid(|h, k, l| 100.0 * h + 10.0 * k + l);
        assert_eq!(grid.get([-3.0, 4.0, 2.0]), Some(-258.0));
        assert_eq!(grid.get([4.0, -4.0, -5.0]), Some(355.0));
        assert_eq!(grid.get([5.0, 0.0, 0.0]), None);
        assert_eq!(grid.get([0.0, 0.0, -6.0]), None);
    }

    #[test]
    fn a_cubic_function_is_interpolated_exactly() {
        let f = |h: f64, k: f64, l: f64| 3.0 + h * h * h - 2.0 * k * k * l + 0.5 * l * l * l - h * k * l;
        let grid = grid(f);
        for (h, k, l) in [(0.3, -1.7, 2.2), (-0.9, 1.99, -2.5), (1.0, 0.0, 0.5)] {
            assert!(grid.surrounds([h, k, l]));
            assert!((grid.tricubic([h, k, l]) - f(h, k, l)).abs() < 1e-12);
        }
        assert!(!grid.surrounds([-1.1, 0.0, 0.0]));
        assert!(!grid.surrounds([0.0, 2.1, 0.0]));
    }

    #[test]
    fn halves_go_down() {
        assert_eq!([0.5, -0.5, 1.4999, 1.5001].map(nearest), [0.0, -1.0, 1.0, 2.0]);
    }
}
