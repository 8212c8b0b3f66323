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
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(values, share));
        Some(Quartiles { low: low?, median: median?, high: high? })
    }
}

/// Below which that share of the values lies, between two of them by a straight line. `None` of no values.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}
