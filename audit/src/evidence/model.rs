//! What compilers say about loops.

use serde::{Deserialize, Serialize};

/// What the code of a loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeState {
    /// Its arithmetic is done in vectors.
    Vector,
    /// Part of its arithmetic is.
    Partial,
    /// None of it is.
    Scalar,
    /// Its instances (generic, inlined, or for several instruction sets) differ.
    Mixed,
    /// There is code, but its loop stands elsewhere.
    Unknown,
}

impl CodeState {
    /// As in the JSON form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Partial => "partial",
            Self::Scalar => "scalar",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// How a loop's vectors came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The compiler's loop vectorizer made them and marked the loop.
    LoopVectorizer,
    /// The code works on vector types: written so, or packed by the compiler (SLP).
    VectorTypes,
    /// No loop is left: it was unrolled.
    Unrolled,
}

/// What is said of code whose loop, and whatever it computes, is in a function that it calls.
pub(crate) const NOT_INLINED: &str = "its loop is in a function that was not inlined";

/// One copy of a loop in the machine code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The function that holds it.
    pub function: String,
    /// What it is.
    pub state: CodeState,
    /// How its vectors came about, or how its loop went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// Bits of the widest vector registers that its function may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registers: Option<u32>,
    /// Bits of its widest operation on vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// Values in that operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<u32>,
    /// Their type: `f64`, `i32` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// Share of its arithmetic that is done in vectors, by lane, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_pct: Option<u32>,
    /// Floating-point operations in one pass over its code, all lanes; every branch counted once.
    #[serde(default)]
    pub flops: u64,
    /// Bytes read and written in one pass.
    #[serde(default)]
    pub bytes: u64,
    /// What stands against vector code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
impl Instance {
    /// A copy of which only the state is known.
    pub(crate) fn of(state: CodeState) -> Instance {
        Instance {
            function: "f".into(),
            state,
            how: None,
            registers: None,
            bits: None,
            lanes: None,
            element: None,
            share_pct: None,
            flops: 0,
            bytes: 0,
            reason: None,
        }
    }
}

/// What a compiler made of one source loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Over all instances.
    pub state: CodeState,
    /// Number of instances by state.
    pub instances: Vec<(CodeState, u32)>,
    /// The state in functions that may use vector registers of so many bits: one entry per instruction set that the loop was
    /// compiled for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<(u32, CodeState)>,
    /// Bits of the widest vectors of any instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// Values in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<u32>,
    /// Their type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// Smallest share of vector arithmetic among the instances, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_pct: Option<u32>,
    /// How the vectors came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// What stands against vector code, of the first instance that has a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A few instances, one of each kind first.
    pub examples: Vec<Instance>,
    /// Which of the inventory's compiler runs says so.
    pub run: String,
}

/// A compiler run that evidence was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerRun {
    /// Short name that [`Code::run`] refers to.
    pub name: String,
    /// What the evidence was read from.
    pub what: String,
    /// The compiler's version.
    pub compiler: String,
    /// Its flags.
    pub flags: String,
    /// What was not read or not understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// Most examples kept of one loop.
const EXAMPLES: usize = 4;

impl Code {
    /// Sums instances up; `None` without any.
    #[must_use]
    pub fn of(mut instances: Vec<Instance>, more: u32, run: &str) -> Option<Self> {
        instances.sort_by(|a, b| (a.state, &a.function).cmp(&(b.state, &b.function)));
        let known: Vec<&Instance> = instances.iter().filter(|i| i.state != CodeState::Unknown).collect();
        let levels = levels(&known);
        let first = known.first().or(instances.first().as_ref())?.state;
        let state = if known.iter().all(|i| i.state == first) { first } else { CodeState::Mixed };
        let mut counts: Vec<(CodeState, u32)> = Vec::new();
        for one in &instances {
            match counts.last_mut() {
                Some((state, count)) if *state == one.state => *count += 1,
                _ => counts.push((one.state, 1)),
            }
        }
        if let Some((_, count)) = counts.last_mut() {
            *count += more;
        }
        let widest = instances.iter().max_by_key(|i| (i.bits, i.lanes)).cloned();
        let share_pct = known.iter().filter_map(|i| i.share_pct).min();
        let reason = instances.iter().find_map(|i| i.reason.clone());
        let how = instances.iter().find_map(|i| i.how);
        let mut examples: Vec<Instance> = Vec::new();
        for one in &instances {
            let kind = |e: &Instance| (e.state, e.bits, e.registers) == (one.state, one.bits, one.registers);
            if examples.len() < EXAMPLES && !examples.iter().any(kind) {
                examples.push(one.clone());
            }
        }
        Some(Self {
            state,
            instances: counts,
            levels,
            bits: widest.as_ref().and_then(|w| w.bits),
            lanes: widest.as_ref().and_then(|w| w.lanes),
            element: widest.and_then(|w| w.element),
            share_pct,
            how,
            reason,
            examples,
            run: run.to_string(),
        })
    }
}

/// The state by width of the registers, widest first.
fn levels(known: &[&Instance]) -> Vec<(u32, CodeState)> {
    let mut levels: Vec<(u32, CodeState)> = Vec::new();
    for one in known {
        let Some(registers) = one.registers else { continue };
        match levels.iter_mut().find(|(bits, _)| *bits == registers) {
            None => levels.push((registers, one.state)),
            Some((_, state)) if *state != one.state => *state = CodeState::Mixed,
            Some(_) => {}
        }
    }
    levels.sort_unstable_by(|a, b| b.cmp(a));
    levels
}

impl Code {
    /// The state in what a processor with vector registers of `bits` runs, when the program chooses its instruction set: the
    /// instances for the widest registers that it has.
    #[must_use]
    pub fn state_on(&self, bits: u32) -> CodeState {
        self.levels.iter().find(|(level, _)| *level <= bits).map_or(self.state, |(_, state)| *state)
    }

    /// An instance that such a processor runs, as far as one is among the examples, of these the one with most arithmetic.
    #[must_use]
    pub fn instance_on(&self, bits: u32) -> Option<&Instance> {
        let level = self.levels.iter().map(|(level, _)| *level).find(|level| *level <= bits);
        let most =
            |chosen: &dyn Fn(&&Instance) -> bool| self.examples.iter().filter(chosen).max_by_key(|e| e.flops);
        most(&|e| e.registers == level).or_else(|| most(&|_| true))
    }
}
