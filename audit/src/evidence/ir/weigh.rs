//! What the code of a loop is made of, and what that makes it: vector code or not.

use super::super::model::{CodeState, How, NOT_INLINED};
use super::function::Instruction;
use super::instruction::Class;
use std::collections::BTreeSet;

/// Share of the arithmetic in vectors from which a loop without the vectorizer's mark is vector code.
const MOSTLY: f64 = 0.75;
/// Share from which it is partly.
const PARTLY: f64 = 0.10;
/// What is said of a loop whose vectors are taken apart for calls.
const LANE_BY_LANE: &str = "functions of the mathematical library are called for each lane alone";
/// Most names of called functions kept.
const CALLEES: usize = 8;

/// A type of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Vectors {
    /// All bits.
    pub(super) bits: u32,
    /// Values in it.
    pub(super) lanes: u32,
    pub(super) element_bits: u32,
    pub(super) float: bool,
}

impl Vectors {
    /// What fits into the registers of a function: wider types are split when machine code is made.
    pub(super) fn fitted(self, register_bits: u32) -> Self {
        if self.bits <= register_bits || self.element_bits == 0 || self.element_bits > register_bits {
            return self;
        }
        Self { bits: register_bits, lanes: register_bits / self.element_bits, ..self }
    }

    /// `f64`, `i32` …
    pub(super) fn element(self) -> String {
        format!("{}{}", if self.float { 'f' } else { 'i' }, self.element_bits)
    }
}

/// Operations of a loop's own code, counted by lane.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    float_vector: u64,
    float_scalar: u64,
    int_vector: u64,
    memory_vector: u64,
    memory_scalar: u64,
    /// Calls of the mathematical library for the lanes of a vector, one by one.
    by_lane: u64,
    /// The widest arithmetic on vectors, and the widest access to memory: bits of an element, lanes, element.
    pub(super) arithmetic: Option<Vectors>,
    memory: Option<Vectors>,
    pub(super) callees: BTreeSet<Box<str>>,
    /// Instructions of any kind.
    pub(super) instructions: u64,
    /// Floating-point operations, all lanes.
    pub(super) flops: u64,
    /// Bytes read and written.
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, one: &Instruction, callees: &[Box<str>]) {
        self.instructions += 1;
        let lanes = u64::from(one.width.lanes);
        let vector = lanes > 1;
        self.flops += lanes * u64::from(one.flops);
        if matches!(one.class, Class::Load | Class::Store) {
            self.bytes += lanes * u64::from(one.width.bits) / 8;
        }
        match one.class {
            Class::Float if vector => self.float_vector += lanes,
            Class::Float => self.float_scalar += 1,
            Class::Int if vector => self.int_vector += lanes,
            Class::Load | Class::Store if vector => self.memory_vector += lanes,
            Class::Load | Class::Store => self.memory_scalar += 1,
            Class::Call => {
                self.by_lane += if vector { lanes } else { 0 };
                self.float_scalar += if vector { lanes } else { 0 };
                if let Some(name) = one.callee.and_then(|c| callees.get(c as usize))
                    && self.callees.len() < CALLEES
                {
                    self.callees.insert(name.clone());
                }
                return;
            }
            Class::Int | Class::Other => return,
        }
        // masks (i1) are no width
        if vector && one.width.bits >= 8 {
            let bits = one.width.lanes.saturating_mul(one.width.bits);
            let vectors = Vectors {
                bits,
                lanes: one.width.lanes,
                element_bits: one.width.bits,
                float: one.width.float,
            };
            let memory = matches!(one.class, Class::Load | Class::Store);
            let widest = if memory { &mut self.memory } else { &mut self.arithmetic };
            *widest = (*widest).max(Some(vectors));
        }
    }

    /// The widest vectors: those that compute before those that carry.
    pub(super) fn widest(&self) -> Option<Vectors> {
        self.arithmetic.or(self.memory)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.float_vector += other.float_vector;
        self.float_scalar += other.float_scalar;
        self.int_vector += other.int_vector;
        self.memory_vector += other.memory_vector;
        self.memory_scalar += other.memory_scalar;
        self.instructions += other.instructions;
        self.by_lane += other.by_lane;
        self.flops += other.flops;
        self.bytes += other.bytes;
        self.arithmetic = self.arithmetic.max(other.arithmetic);
        self.memory = self.memory.max(other.memory);
        self.callees.extend(other.callees.iter().take(CALLEES).cloned());
    }

    /// Any operation on vectors that computes or moves data.
    pub(super) fn any_vector(&self) -> bool {
        self.float_vector + self.int_vector + self.memory_vector > 0
    }

    /// Whether there is anything that a loop would be for.
    pub(super) fn works(&self) -> bool {
        self.any_vector() || self.float_scalar + self.memory_scalar > 0 || !self.callees.is_empty()
    }

    /// Floating-point operations, by lane.
    pub(super) fn floats(&self) -> u64 {
        self.float_vector + self.float_scalar
    }

    /// Share of the arithmetic that is done in vectors, by lane. For code without floating-point arithmetic: of the values read
    /// and written, if there is integer arithmetic on vectors at all. Scalar integers count and address, and a vector of masks
    /// alone is no work on data.
    pub(super) fn share(&self) -> f64 {
        let (vector, scalar) = match self.floats() {
            0 if self.int_vector == 0 => return 0.0,
            0 => (self.memory_vector, self.memory_scalar),
            _ => (self.float_vector, self.float_scalar),
        };
        if vector == 0 { 0.0 } else { vector as f64 / (vector + scalar) as f64 }
    }

    /// The state of code that the loop vectorizer did not make.
    pub(super) fn state(&self) -> CodeState {
        match self.share() {
            share if share >= MOSTLY => CodeState::Vector,
            share if share >= PARTLY => CodeState::Partial,
            _ => CodeState::Scalar,
        }
    }
}

/// One loop of the machine code that belongs to a source loop.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) tally: Tally,
    /// It bears the loop vectorizer's mark.
    pub(super) marked: bool,
    /// Why it is scalar, if it is.
    pub(super) reason: String,
}

/// What a loop's versions and the straight code from it come to.
pub(super) fn judge(
    versions: &[Version],
    straight: &Tally,
) -> Option<(CodeState, Option<How>, Tally, String)> {
    let mut whole = Tally::default();
    versions.iter().for_each(|v| whole.merge(&v.tally));
    if versions.is_empty() {
        return unrolled(straight);
    }
    // the vectorizer's mark is also on interleaved scalar code and on the scalar rest: vectors must be there
    let by_vectorizer = |v: &&Version| v.marked && v.tally.any_vector();
    if let Some(best) = versions.iter().filter(by_vectorizer).max_by_key(|v| v.tally.widest()) {
        if best.tally.by_lane > 0 {
            return Some((
                CodeState::Partial,
                Some(How::LoopVectorizer),
                best.tally.clone(),
                LANE_BY_LANE.into(),
            ));
        }
        let other =
            versions.iter().find(|v| !v.marked && v.tally.works() && v.tally.state() == CodeState::Scalar);
        return Some(match other {
            None => (CodeState::Vector, Some(How::LoopVectorizer), best.tally.clone(), String::new()),
            Some(scalar) => {
                (CodeState::Mixed, Some(How::LoopVectorizer), best.tally.clone(), scalar.reason.clone())
            }
        });
    }
    // a vector body that ran once was straightened, its scalar rest is still a loop
    if versions.iter().any(|v| v.marked) && straight.state() == CodeState::Vector {
        return Some((CodeState::Vector, Some(How::LoopVectorizer), straight.clone(), String::new()));
    }
    let reason = versions.iter().map(|v| v.reason.as_str()).find(|r| !r.is_empty()).unwrap_or_default();
    let state = whole.state();
    let how = (state != CodeState::Scalar).then_some(How::VectorTypes);
    Some((state, how, whole, reason.to_string()))
}

/// A source loop without a loop in the machine code.
fn unrolled(straight: &Tally) -> Option<(CodeState, Option<How>, Tally, String)> {
    if !straight.works() {
        return None;
    }
    let state = straight.state();
    Some(match state {
        CodeState::Scalar if straight.floats() == 0 && !straight.callees.is_empty() => {
            (CodeState::Unknown, None, straight.clone(), NOT_INLINED.into())
        }
        CodeState::Scalar => {
            (state, Some(How::Unrolled), straight.clone(), "unrolled or run once, without vectors".into())
        }
        _ => (state, Some(How::Unrolled), straight.clone(), String::new()),
    })
}
