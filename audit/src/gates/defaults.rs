//! The gates that ship. The contract says when a port may be believed at all; the others see what those two numbers
//! cannot.
//!
//! How the limits were found: right pairs (f64 engines of different languages, with and without contracted
//! multiply-adds; f32 against f64; random relative errors of ±1e-5) were measured on all golden cases and on random
//! experiments, and some sixty subtle defects too. Each limit lies above the worst right pair and below the defects that
//! it is there for. `docs/parity.md` has the table.

use super::{CORRELATION, Direction, Gate, SUM_RATIO_ERROR};

/// The two gates of the contract.
#[must_use]
pub fn contract() -> Vec<Gate> {
    vec![
        gate(
            CORRELATION,
            Direction::AtLeast,
            0.999,
            "the contract: below it the images differ by more than rounding can explain",
        ),
        gate(
            SUM_RATIO_ERROR,
            Direction::AtMost,
            5e-3,
            "the contract: total photons within half a percent, which a correlation cannot see",
        ),
    ]
}

/// The contract, and what sees more.
#[must_use]
pub fn defaults() -> Vec<Gate> {
    use Direction::{AtLeast, AtMost};
    let mut gates = contract();
    let more = [
        (
            "arcsinh_miss",
            AtMost,
            1e-4,
            "weak pixels count as much as strong ones; f32 misses by 4e-9 (1e-5 where an image is nearly constant), a background of another height by 1e-3",
        ),
        (
            "dim_miss",
            AtMost,
            1e-4,
            "the brightest 0.1 % cannot hide the rest; f32 misses by 2e-9 (1e-5 where an image is nearly constant), weak peaks gone by 1e-3",
        ),
        (
            "relative_l1",
            AtMost,
            2e-4,
            "photons in the wrong place; f32 misplaces 5e-5 of them at worst, a shift by a tenth of a pixel 6e-4 where an image is smooth",
        ),
        (
            "tile_sum_error",
            AtMost,
            4e-5,
            "no 64-pixel tile may gain or lose photons: rounding cancels in a sum, a drift, a shift or a curve does not; f32 is off by 2.6e-5",
        ),
        (
            "tile_l1",
            AtMost,
            2e-4,
            "what cancels within a tile (a checkerboard) or lies in a dim one (a hole); f32 is off by 7e-5",
        ),
        (
            "local_error",
            AtMost,
            4e-3,
            "no pixel may be off by more than 0.4 % of what is around it, however dim; f32 is off by 1.5e-3 at worst",
        ),
        (
            "vanished_pixels",
            AtMost,
            0.0,
            "dead pixels, dead rows, values cut away; f32 loses none that is brighter than a millionth of the brightest",
        ),
        (
            "relative_error_p50",
            AtMost,
            1e-4,
            "the typical pixel, which bright ones cannot hide: curves, half precision, drifts; f32 is off by 3e-5",
        ),
        (
            "relative_error_p90",
            AtMost,
            1e-3,
            "all but the dimmest pixels: a background 1 % too high is off by 1e-2, f32 between the peaks by 3e-4",
        ),
        (
            "radial_error",
            AtMost,
            1e-3,
            "polarization, solid angle and absorption change with the distance from the centre; f32 is off by 4e-4",
        ),
        ("peak_recall", AtLeast, 1.0, "every peak of the reference is there; rounding takes none away"),
        ("peak_precision", AtLeast, 1.0, "no peak that the reference has not"),
        ("peak_offset", AtMost, 5e-3, "peaks do not move; f32 moves them by 3.3e-4 pixels at worst"),
        (
            "peak_intensity_error",
            AtMost,
            2e-3,
            "every single peak keeps its photons; f32 changes them by 2.4e-4 at worst",
        ),
    ];
    gates.extend(more.map(|(metric, direction, limit, reason)| gate(metric, direction, limit, reason)));
    gates
}

fn gate(metric: &str, direction: Direction, limit: f64, reason: &str) -> Gate {
    Gate {
        metric: metric.into(),
        limit,
        direction,
        reason: reason.into(),
        changed_by: None,
        shipped_limit: None,
        off: false,
    }
}
