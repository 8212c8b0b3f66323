//! What the kernels need to know of an experiment, worked out once, and which of them it takes.

use super::combos::{self, ANCHORED, Coefficients, Direction, Start};
use super::entry::{FactorKind, Kernels};
use super::factor::Table;
use super::lattice::{Form, Params};
use super::sum::Terms;
use super::tiles::Direct;
use super::{Dtype, Here};
use crate::physics::Model;
use crate::physics::beam::Source;
use crate::physics::kept::{Kept, Same};
use crate::physics::model::Applied;
use crate::physics::spindle::Orientations;
use crate::physics::structure_factor::HklGrid;
use crate::physics::vector::Vec3;
use std::sync::Arc;

/// The largest amplitude of a lattice whose square and sum are far from the ends of f32.
const MOST_CELLS_IN_F32: f64 = 1e15;
/// From the anchor to the end of its block, in distances of the detector. R² is a quadratic in the way: near the direct beam
/// it is as large as the distance's square, and its terms are as large as the way's; four distances cost it 16 roundings.
const LONGEST_WAY_IN_F32: f64 = 4.0;

/// The largest error of ln(F_latt²) that the phase may bring in f32, where the transform is steepest.
const WORST_PHASE_IN_F32: f64 = 2e-3;
/// Halves of whole numbers are exact in f32 up to this one.
const EXACT_IN_F32: usize = 1 << 23;

/// How the combinations are gathered into sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// All in one.
    Together,
    /// One for each source, which has a weight of its own in each pixel.
    BySource,
    /// One for each source, and the sum is multiplied after every term.
    Running,
}

/// The directions that the polarization factor of a source is made of: s, B across the field and the beam, and E' across
/// B and the beam; see [`crate::physics::polarization`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) incident: Vec3,
    pub(crate) b: Vec3,
    pub(crate) e: Vec3,
    /// Whether the field lies across the beam. Where it lies along it there is no B, and ψ is 0.
    pub(crate) across: bool,
}

impl Field {
    fn new(polar: Vec3, incident: Vec3) -> Field {
        let b = polar.cross(incident).unit();
        Field { incident, b, e: incident.cross(b).unit(), across: b.norm() != 0.0 }
    }
}

/// An experiment prepared for the kernels, in K coordinates.
#[derive(Debug)]
pub(crate) struct Plan<const K: usize> {
    pub(crate) kernels: Kernels<K>,
    pub(crate) directions: Arc<[Direction]>,
    /// What is known of the coefficients of the combinations.
    pub(crate) coefficients: Vec<Coefficients<f64, K>>,
    /// Where their indices start.
    pub(crate) starts: Vec<Start<f64, 1>>,
    /// Combinations of each source.
    pub(crate) per_source: usize,
    pub(crate) split: Split,
    /// The field of each source.
    pub(crate) fields: Vec<Field>,
    /// Whether the sums are computed in f32.
    pub(crate) narrow: bool,
    /// Whether nothing is multiplied into the terms, so that the scale can wait for the end.
    pub(crate) raw: bool,
    /// Whether nothing but the sum needs the coordinates of samples after the first, and two are enough.
    pub(crate) slim: bool,
    /// Why it is not.
    pub(crate) not_slim: Option<Direct>,
    /// The factor by which Ω·P has a fifth power of 1/R and not a fourth, as a linear function of 1/R: 1/R, or 1 for points.
    /// Kept in memory, because from a choice of two constants the compiler makes a branch in the loop over the pixels.
    pub(crate) fifth: [f64; 2],
    /// What a sum of terms is to be multiplied by.
    pub(crate) scale: f64,
    pub(crate) lattice: Params,
    pub(crate) kind: FactorKind,
    /// Distances of neighbours in the table of structure factors.
    pub(crate) stride: Option<[f64; 3]>,
    /// Indices between these have all they need in the table.
    pub(crate) limits: Option<[[f64; 2]; 3]>,
    /// Whether all indices are, wherever the detector stands.
    pub(crate) covered: bool,
    grid: Option<Arc<HklGrid>>,
    narrow_grid: Option<Arc<NarrowGrid>>,
    default_f: f64,
    latch: bool,
    dry: bool,
}

/// Structure factors in f32.
#[derive(Debug)]
pub(crate) struct NarrowGrid {
    /// The largest of all, or 1 where that is no unit.
    unit: f64,
    /// Values over the unit.
    values: Vec<f32>,
    otherwise: f32,
}

impl NarrowGrid {
    fn new(grid: &HklGrid, otherwise: f64) -> NarrowGrid {
        let largest = grid.values.iter().fold(otherwise.abs(), |most, f| most.max(f.abs()));
        let unit = if largest > 0.0 && largest.is_finite() { largest } else { 1.0 };
        let values = grid.values.iter().map(|f| (f / unit) as f32).collect();
        NarrowGrid { unit, values, otherwise: (otherwise / unit) as f32 }
    }
}

/// What the combinations are made of.
type Summed = (Same<[Source]>, Same<Orientations>);

/// Parts of a plan that take time, as they were for the last experiment.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    directions: Kept<Summed, [Direction]>,
    /// By grid and structure factor outside of it.
    narrow_grid: Kept<(Same<HklGrid>, f64), NarrowGrid>,
}

impl Parts {
    /// How often the combinations and the structure factors in f32 were worked out.
    #[cfg(test)]
    pub(crate) fn made(&self) -> [usize; 2] {
        [self.directions.made(), self.narrow_grid.made()]
    }
}

impl<const K: usize> Plan<K> {
    /// Prepares an experiment; why it is not computed in f32, if that was asked for.
    pub(crate) fn new(
        model: &Model,
        level: Here,
        dtype: Dtype,
        parts: &mut Parts,
    ) -> (Plan<K>, Option<&'static str>) {
        let lattice = Params::new(&model.lattice);
        let kind = match (&model.grid, model.interpolate) {
            (None, _) => FactorKind::Constant,
            (Some(_), false) => FactorKind::Nearest,
            (Some(_), true) => FactorKind::Tricubic,
        };
        let split = split(model);
        let made_of = (Same(Arc::clone(&model.sources)), Same(Arc::clone(&model.orientations)));
        let directions = parts
            .directions
            .of(made_of, |(sources, orientations)| combos::directions(sources, orientations).into());
        let axes = std::array::from_fn(|k| match (K, k) {
            (2, 0) => Some(model.geometry.fast),
            (2, _) => None,
            _ => Some(unit(k)),
        });
        let wide = match dtype {
            Dtype::F64 => None,
            Dtype::F32 => why_not_f32(model, split, &lattice, &directions),
        };
        let narrow = dtype == Dtype::F32 && wide.is_none();
        let lattice = lattice.in_type(narrow);
        let layered = model.sensor.thickness > 0.0;
        let raw = split == Split::Together
            && model.factors.omega == Applied::AtTheEnd
            && !(layered && model.factors.capture == Applied::PerTerm);
        let not_slim = if K == 2 { why_not_slim(model, split, kind, narrow) } else { Some(Direct::Curved) };
        let mut scale = lattice.scale;
        let mut narrow_grid = None;
        match &model.grid {
            None => scale *= model.default_f * model.default_f,
            Some(grid) if narrow => {
                let made_of = (Same(Arc::clone(grid)), model.default_f);
                let made = parts.narrow_grid.of(made_of, |(grid, f)| Arc::new(NarrowGrid::new(grid, *f)));
                scale *= made.unit * made.unit;
                narrow_grid = Some(made);
            }
            Some(_) => (),
        }
        let places = model.grid.as_ref().map(|grid| Table::<f64>::places(grid));
        let limits = model.grid.as_ref().map(|grid| limits(grid, kind));
        let plan = Plan {
            kernels: Kernels::new(level, lattice.form, kind),
            coefficients: combos::along(&directions, axes),
            starts: combos::starts(&directions, places.map_or(0.0, |(_, origin)| origin)),
            stride: places.map(|(stride, _)| stride),
            limits,
            covered: limits.is_some_and(|limits| covered(&directions, &limits)),
            per_source: directions.len() / model.sources.len().max(1),
            directions,
            split,
            fields: model
                .sources
                .iter()
                .map(|source| Field::new(model.geometry.polar, source.incident))
                .collect(),
            narrow,
            raw,
            slim: not_slim.is_none(),
            not_slim,
            fifth: if model.geometry.point_pixel { [0.0, 1.0] } else { [1.0, 0.0] },
            scale,
            lattice,
            kind,
            grid: model.grid.clone(),
            narrow_grid,
            default_f: model.default_f,
            latch: model.interpolate && model.factors.latch,
            dry: !model.wet,
        };
        (plan, wide)
    }

    /// What the terms are made of, in f64.
    pub(crate) fn terms64(&self) -> Terms<'_, f64> {
        let table = match &self.grid {
            Some(grid) => Table::new(grid, &grid.values, self.default_f, self.latch),
            None => Table::none(),
        };
        Terms { lattice: self.lattice, table, dry: self.dry }
    }

    /// The same in f32.
    pub(crate) fn terms32(&self) -> Terms<'_, f32> {
        let table = match (&self.grid, &self.narrow_grid) {
            (Some(grid), Some(narrow)) => Table::new(grid, &narrow.values, narrow.otherwise, self.latch),
            _ => Table::none(),
        };
        Terms { lattice: self.lattice, table, dry: self.dry }
    }
}

/// Between which indices a sample has all that it needs in the table. The nearest reflection is half an index away at
/// most, the second next two; what is left out is far more than an index may be off by rounding.
fn limits(grid: &HklGrid, kind: FactorKind) -> [[f64; 2]; 3] {
    let margin = if kind == FactorKind::Tricubic { 2.001 } else { -0.499 };
    std::array::from_fn(|axis| [f64::from(grid.min[axis]) + margin, f64::from(grid.max[axis]) - margin])
}

/// Whether no direction of diffraction leads out of the limits.
fn covered(directions: &[Direction], limits: &[[f64; 2]; 3]) -> bool {
    directions.iter().all(|d| {
        (0..3).all(|axis| {
            let (start, reach) = (-d.start[axis], d.axes[axis].norm());
            limits[axis][0] <= start - reach && start + reach <= limits[axis][1]
        })
    })
}

/// A unit vector along an axis of space.
fn unit(k: usize) -> Vec3 {
    let one = |i: usize| f64::from(u8::from(i == k));
    Vec3::new(one(0), one(1), one(2))
}

fn split(model: &Model) -> Split {
    let factors = model.factors;
    if [factors.omega, factors.polarization, factors.capture].contains(&Applied::ToTheRunningSum) {
        return Split::Running;
    }
    let own_weights = factors.weighted && model.sources.iter().any(|source| source.weight != 1.0);
    let own_polarization = factors.polarization == Applied::PerTerm && model.polarization.is_some();
    if model.dmin > 0.0 || own_weights || own_polarization { Split::BySource } else { Split::Together }
}

/// Why more than a sum over raw terms is needed at every sample.
fn why_not_slim(model: &Model, split: Split, kind: FactorKind, narrow: bool) -> Option<Direct> {
    let factors = model.factors;
    let polarization = if model.polarization.is_some() { Direct::Factors } else { Direct::Polarization };
    let reasons = [
        (kind == FactorKind::Tricubic, Direct::StructureFactors),
        (split == Split::Running, Direct::Running),
        (model.dmin > 0.0, Direct::Resolution),
        (factors.omega != Applied::AtTheEnd, Direct::Factors),
        (model.sensor.thickness > 0.0, Direct::Layers),
        (factors.polarization != Applied::AtTheEnd, polarization),
        (split == Split::BySource, Direct::Weights),
        (model.wet && !factors.background_in_sum, Direct::Background),
        // On a bright background an image shows the last digits of Ω and P, which f32 does not have.
        (model.wet && narrow, Direct::BackgroundInF32),
    ];
    reasons.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
}

/// Why f32 would lose more than its own last digits.
fn why_not_f32(
    model: &Model,
    split: Split,
    lattice: &Params,
    directions: &[Direction],
) -> Option<&'static str> {
    if split == Split::Running {
        return Some("f32 cannot hold a running product (oddity compounded-oversample)");
    }
    if model.grid.as_ref().is_some_and(|grid| grid.values.len() >= EXACT_IN_F32) {
        return Some("the table of structure factors has more entries than f32 can number");
    }
    let cells = model.lattice.cells;
    if cells[0] * cells[1] * cells[2] > MOST_CELLS_IN_F32 {
        return Some("the square of so many unit cells is beyond f32");
    }
    // The steepest change of ln(F_latt²) with an index is about 2π times the width in cells.
    let width = match lattice.form {
        Form::Odd | Form::Even | Form::Sines | Form::Round => cells.into_iter().fold(0.0, f64::max),
        Form::Gauss | Form::Tophat => {
            let [a, b, c] = model.lattice.reciprocal.map(Vec3::norm);
            a.max(b).max(c) * cells[0] * cells[1] * cells[2]
        }
    };
    let width = width * model.lattice.fudge.abs().max(1.0).sqrt();
    // From the anchor to the end of its block an index changes by at most |a|/λ·(way across)/R.
    let steepest = directions.iter().flat_map(|d| d.axes).map(Vec3::norm).fold(0.0, f64::max);
    let nearest = model.geometry.close_distance.abs().max(f64::MIN_POSITIVE);
    let way = ANCHORED as f64 / 2.0 * model.geometry.pixel / nearest;
    if way > LONGEST_WAY_IN_F32 {
        return Some("f32 would lose the distance of neighbouring pixels (a very close detector)");
    }
    let change = steepest * way.min(2.0) + 0.5;
    if std::f64::consts::TAU * width * change * f64::from(f32::EPSILON) / 2.0 > WORST_PHASE_IN_F32 {
        return Some(
            "f32 would lose the phase between neighbouring pixels (many cells, or a very close detector)",
        );
    }
    None
}
