//! The fast engine: the kernels for what an experiment asks for.

use super::{Choice, Engine, Explanation, Order};
use crate::kernels::block::{Rows, Scratch};
use crate::kernels::entry::FactorKind;
use crate::kernels::plan::{Plan, Split};
use crate::kernels::{Dtype, Level};
use crate::physics::Model;
use std::sync::{Mutex, PoisonError};

/// How far a fast axis may be from a unit vector to count as one.
const UNIT: f64 = 1e-9;

/// The kernels, prepared for one experiment.
#[derive(Debug)]
pub struct Fast {
    level: Level,
    dtype: Dtype,
    /// Why the sums are not in f32 although that was asked for.
    wide: Option<&'static str>,
    plan: Prepared,
}

/// Rows of a flat detector need two coordinates a sample; anything else three.
#[derive(Debug)]
enum Prepared {
    Flat(Stock<2>),
    General(Stock<3>),
}

/// A plan, and scratch memory that threads give back.
#[derive(Debug)]
struct Stock<const K: usize> {
    plan: Plan<K>,
    scratch: Mutex<Vec<Scratch<K>>>,
}

impl<const K: usize> Stock<K> {
    fn new(model: &Model, level: Level, dtype: Dtype) -> (Stock<K>, Option<&'static str>) {
        let (plan, wide) = Plan::new(model, level, dtype);
        (Stock { plan, scratch: Mutex::new(Vec::new()) }, wide)
    }

    fn render(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        let stock = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let known = stock().pop();
        let mut scratch = known.unwrap_or_else(|| Scratch::new(&self.plan));
        let mut rows = Rows {
            model,
            plan: &self.plan,
            order,
            first_row,
            out,
            scratch: &mut scratch,
            last_unlatched: None,
        };
        // SAFETY: the plan's kernels are those of a level that is available.
        #[expect(unsafe_code, reason = "a function of an instruction set that was found")]
        unsafe {
            (self.plan.kernels.render)(&mut rows);
        }
        let last = rows.last_unlatched;
        stock().push(scratch);
        last
    }
}

impl Fast {
    /// Prepares an experiment.
    pub fn new(model: &Model, choice: &Choice) -> Fast {
        let level = choice.level.filter(|level| level.is_available()).unwrap_or_else(Level::detect);
        let geometry = &model.geometry;
        let flat = !geometry.curved && (geometry.fast.dot(geometry.fast) - 1.0).abs() < UNIT;
        let (plan, wide) = if flat {
            let (stock, wide) = Stock::new(model, level, choice.dtype);
            (Prepared::Flat(stock), wide)
        } else {
            let (stock, wide) = Stock::new(model, level, choice.dtype);
            (Prepared::General(stock), wide)
        };
        let dtype = if wide.is_some() { Dtype::F64 } else { choice.dtype };
        Fast { level, dtype, wide, plan }
    }
}

impl Engine for Fast {
    fn name(&self) -> &'static str {
        "rust-fast"
    }

    fn render_band(&self, model: &Model, order: &Order, first_row: usize, out: &mut [f32]) -> Option<usize> {
        match &self.plan {
            Prepared::Flat(stock) => stock.render(model, order, first_row, out),
            Prepared::General(stock) => stock.render(model, order, first_row, out),
        }
    }

    fn explain(&self, model: &Model) -> Explanation {
        let (form, kind, split, combinations) = match &self.plan {
            Prepared::Flat(Stock { plan, .. }) => {
                (plan.lattice.form, plan.kind, plan.split, plan.starts.len())
            }
            Prepared::General(Stock { plan, .. }) => {
                (plan.lattice.form, plan.kind, plan.split, plan.starts.len())
            }
        };
        let mut lines = vec![
            match &self.plan {
                Prepared::Flat(_) => "coordinates: two a sample, along rows of a flat detector".to_owned(),
                Prepared::General(_) => {
                    "coordinates: three a sample, computed one by one (curved detector)".to_owned()
                }
            },
            format!("lattice: {}", form.name()),
            match kind {
                FactorKind::Constant => "structure factors: one for all reflections".to_owned(),
                FactorKind::Nearest => "structure factors: that of the nearest reflection".to_owned(),
                FactorKind::Tricubic => "structure factors: interpolated, cell by cell".to_owned(),
            },
            format!(
                "sum: {combinations} combinations of source, spindle step and domain, {}",
                match split {
                    Split::Together => "in one",
                    Split::BySource =>
                        "source by source (resolution limit, weights or polarization of their own)",
                    Split::Running => "multiplied after every term (oddity compounded-oversample)",
                }
            ),
        ];
        if let Some(why) = self.wide {
            lines.push(format!("f64 and not f32: {why}"));
        }
        if model.first_pass.is_some() {
            lines.push(
                "one pixel by the reference: the first pass through the spindle (oddity phi-carry-over)"
                    .to_owned(),
            );
        }
        Explanation { engine: self.name(), level: self.level.name(), dtype: self.dtype.name(), lines }
    }
}
