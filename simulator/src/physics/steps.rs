//! What happens when the range, the distance or the number of steps is left out.

use crate::experiment::Steps;

/// A range with its steps decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Full range.
    pub range: f64,
    /// Distance of two steps.
    pub step: f64,
    /// Number of steps, at least 1.
    pub count: u32,
}

/// Number of steps of length `step` that cover `range`, at least 1.
fn cover(range: f64, step: f64) -> u32 {
    // Saturates: a number of steps beyond 2³² is refused where memory is reckoned.
    (range / step).ceil().max(1.0) as u32
}

/// Divergence: steps from end to end of the range. `lonely_count` is the range of a count that stands alone.
pub fn spread(asked: Steps, lonely_count: f64) -> Sampled {
    let count = asked.count.filter(|&n| n > 0);
    let (range, step, count) = match (asked.range, asked.step, count) {
        (None, None, None) => (0.0, 0.0, 1),
        (None, Some(d), _) => (d, d, 2),
        (Some(r), None, None) => (r, r, 2),
        (Some(r), Some(d), None) => (r, d, cover(r, d)),
        (None, None, Some(n)) => (lonely_count, lonely_count / f64::from(n), n),
        (Some(r), None, Some(n)) => {
            let n = n.max(2);
            (r, r / f64::from(n - 1), n)
        }
        (Some(r), Some(d), Some(n)) => (r, d, n),
    };
    if range > 0.0 && step > 0.0 {
        Sampled { range, step, count }
    } else {
        Sampled { range: 0.0, step: 0.0, count: 1 }
    }
}

/// Spindle rotation: each step stands for the rotation that begins with it. `lonely_count` is the range of a count
/// that stands alone (1 degree).
pub fn rotation(asked: Steps, lonely_count: f64) -> Sampled {
    let count = asked.count.filter(|&n| n > 0);
    let (range, step, count) = match (asked.range, asked.step, count) {
        (None, None, None) => (0.0, 0.0, 1),
        (None, Some(d), _) => (d, d, 2),
        (Some(osc), None, None) => (osc, osc / 2.0, 2),
        (Some(osc), Some(d), None) => (osc, d, cover(osc, d)),
        (None, None, Some(n)) => (lonely_count, lonely_count / f64::from(n), n),
        (Some(osc), None, Some(n)) => (osc, osc / f64::from(n), n),
        (Some(osc), Some(d), Some(n)) => (osc, d, n),
    };
    Sampled { range, step, count }
}

/// Sensor layers over a thickness.
pub fn layers(thickness: Option<f64>, count: Option<u32>) -> Sampled {
    let count = count.filter(|&n| n > 0);
    match thickness {
        Some(thick) if thick > 0.0 => match count {
            None => Sampled { range: thick, step: thick / 2.0, count: 2 },
            Some(n) => {
                let n = n.max(2);
                Sampled { range: thick, step: thick / f64::from(n - 1), count: n }
            }
        },
        _ => Sampled { range: 0.0, step: 0.0, count: 1 },
    }
}

/// Number of mosaic domains.
pub fn domains(spread: Option<f64>, count: Option<u32>) -> u32 {
    match (spread, count.filter(|&n| n > 0)) {
        (None, _) => 1,
        (Some(0.0), _) => 1,
        (Some(_), None) => 10,
        (Some(_), Some(n)) => n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(range: f64, step: f64, count: u32) -> Steps {
        let set = |x: f64| (x != 0.0).then_some(x);
        Steps { range: set(range), step: set(step), count: (count != 0).then_some(count) }
    }

    fn check(rule: fn(Steps, f64) -> Sampled, table: &[(Steps, f64, f64, u32)]) {
        for &(asked, range, step, count) in table {
            assert_eq!(rule(asked, 1.0), Sampled { range, step, count }, "{asked:?}");
        }
    }

    #[test]
    fn steps_of_a_divergence_that_are_left_out() {
        check(
            spread,
            &[
                (steps(0.0, 0.0, 0), 0.0, 0.0, 1),
                (steps(0.0, 0.5, 0), 0.5, 0.5, 2),
                (steps(4.0, 0.0, 0), 4.0, 4.0, 2),
                (steps(4.0, 1.5, 0), 4.0, 1.5, 3),
                (steps(0.0, 0.0, 4), 1.0, 0.25, 4),
                (steps(0.0, 0.5, 7), 0.5, 0.5, 2),
                (steps(4.0, 0.0, 1), 4.0, 4.0, 2),
                (steps(4.0, 0.0, 5), 4.0, 1.0, 5),
                (steps(9.0, 2.0, 3), 9.0, 2.0, 3),
                (steps(-9.0, 2.0, 3), 0.0, 0.0, 1),
            ],
        );
    }

    #[test]
    fn a_number_of_wavelengths_alone_is_one_wavelength() {
        assert_eq!(spread(steps(0.0, 0.0, 7), 0.0), Sampled { range: 0.0, step: 0.0, count: 1 });
    }

    #[test]
    fn steps_of_a_rotation_that_are_left_out() {
        check(
            rotation,
            &[
                (steps(0.0, 0.0, 0), 0.0, 0.0, 1),
                (steps(0.0, 0.5, 0), 0.5, 0.5, 2),
                (steps(4.0, 0.0, 0), 4.0, 2.0, 2),
                (steps(4.0, 1.5, 0), 4.0, 1.5, 3),
                (steps(0.0, 0.0, 4), 1.0, 0.25, 4),
                (steps(0.0, 0.5, 7), 0.5, 0.5, 2),
                (steps(4.0, 0.0, 5), 4.0, 0.8, 5),
                (steps(5.0, 0.7, 3), 5.0, 0.7, 3),
            ],
        );
    }

    #[test]
    fn layers_and_domains_that_are_left_out() {
        assert_eq!(layers(None, Some(5)).count, 1);
        assert_eq!(layers(Some(0.0), Some(5)).count, 1);
        assert_eq!(layers(Some(4.0), None), Sampled { range: 4.0, step: 2.0, count: 2 });
        assert_eq!(layers(Some(4.0), Some(1)), Sampled { range: 4.0, step: 4.0, count: 2 });
        assert_eq!(layers(Some(4.0), Some(5)), Sampled { range: 4.0, step: 1.0, count: 5 });
        assert_eq!(domains(None, None), 1);
        assert_eq!(domains(None, Some(7)), 1);
        assert_eq!(domains(Some(0.0), Some(7)), 1);
        assert_eq!(domains(Some(0.1), None), 10);
        assert_eq!(domains(Some(0.1), Some(7)), 7);
    }
}
