//! Medians and quartiles.

use serde::Serialize;

/// Of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quartiles {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Quartiles {
    /// `None` of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Quartiles> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        (!sorted.is_empty()).then(|| Quartiles { low: at(0.25), median: at(0.5), high: at(0.75) })
    }

    /// All three times a factor.
    pub(crate) fn times(self, factor: f64) -> Quartiles {
        Quartiles { low: self.low * factor, median: self.median * factor, high: self.high * factor }
    }
}
