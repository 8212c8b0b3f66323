//! How much faster a loop may become: from the compiler's evidence and the width of vectors, with its reasons.

use crate::evidence::{Code, CodeState, NOT_INLINED};
use crate::inventory::{Language, Loop, LoopKind, Status};
use serde::{Deserialize, Serialize};

/// The widest vectors that the program can choose on this CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vectors {
    /// Instruction set.
    pub instruction_set: String,
    /// Width of a register, bits.
    pub bits: u32,
    /// The type that is computed with.
    pub dtype: String,
    /// Values of that type in a register.
    pub lanes: u32,
}

impl Vectors {
    /// From the features of the CPU; an empty `dtype` means f64.
    #[must_use]
    pub fn of(features: &[String], dtype: &str) -> Self {
        let has = |name: &str| features.iter().any(|f| f == name);
        let (instruction_set, bits) = [("avx512f", 512), ("avx2", 256), ("sse2", 128), ("neon", 128)]
            .into_iter()
            .find(|(name, _)| has(name))
            .unwrap_or(("none known", 64));
        let dtype = if dtype.is_empty() { "f64" } else { dtype };
        let width = if matches!(dtype, "f32" | "float32") { 32 } else { 64 };
        Self {
            instruction_set: instruction_set.into(),
            bits,
            dtype: dtype.into(),
            lanes: (bits / width).max(1),
        }
    }
}

/// s of Amdahl's law for one loop. Expected, not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speedup {
    /// s.
    pub factor: f64,
    /// Where it comes from.
    pub reason: String,
    /// The loop's known trip count fills no register.
    pub short: bool,
    /// It rests on what the compiler made of the loop, not on an assumption about it.
    #[serde(default)]
    pub from_evidence: bool,
}

impl Speedup {
    /// One lane per value is the most that vector code can give to a loop bound by arithmetic. Where the compiler's
    /// evidence says that the loop is scalar, s is the number of lanes; where it says that the loop computes nothing
    /// itself, s is 1; where there is no evidence the loop may be vector code already, and s is taken half way between
    /// 1 and the lanes. A known trip count below the lanes does not lower s, since lanes can come from a loop around it,
    /// but it is said.
    pub(crate) fn expected(found: &Loop, vectors: &Vectors) -> Self {
        let lanes = f64::from(vectors.lanes);
        let lanes_text =
            format!("{} lanes of {} ({})", vectors.lanes, vectors.dtype, vectors.instruction_set);
        let short = found
            .trip_count_hint
            .as_deref()
            .and_then(|hint| hint.parse::<u32>().ok())
            .is_some_and(|n| n < vectors.lanes);
        if vectors.lanes < 2 {
            return Self {
                factor: 1.0,
                reason: format!("assumed: {lanes_text}"),
                short,
                from_evidence: false,
            };
        }
        if let Some((factor, reason)) =
            found.code.as_ref().and_then(|code| of_code(code, vectors, &lanes_text, found.kind))
        {
            return Self { factor, reason, short, from_evidence: true };
        }
        let half = f64::midpoint(1.0, lanes);
        let (factor, reason) = match found.status {
            Status::Todo | Status::Uncertain if found.language == Language::Python => (
                half,
                format!(
                    "assumed: half way between 1 and {lanes_text}; a Python loop is run by the interpreter, and whole-array operations or compiled code in its place may give more, up to the limit"
                ),
            ),
            Status::Todo => {
                (lanes, format!("assumed: {lanes_text}; the evidence says scalar: {}", found.evidence))
            }
            Status::Uncertain => {
                let why = match found.code.as_ref().map(|code| code.state_on(vectors.bits)) {
                    Some(CodeState::Mixed) => "some of its instances are vector code and others are not",
                    Some(_) => "the compiler's evidence does not tell whether it is vector code already",
                    None => "there is no evidence whether it is vector code already",
                };
                (half, format!("assumed: half way between 1 and {lanes_text}, because {why}"))
            }
            Status::Vectorized | Status::Safe => (1.0, found.evidence.clone()),
        };
        Self { factor, reason, short, from_evidence: false }
    }
}

/// What the code that is there leaves to gain; `None` where the evidence does not tell.
///
/// Scalar code: all lanes. Code of which a share v is done in w of the n lanes, 1/((1−v)/n + v·w/n) of it is left. Vector code
/// in narrower registers than the processor has: the ratio of the widths.
fn of_code(code: &Code, vectors: &Vectors, lanes_text: &str, kind: LoopKind) -> Option<(f64, String)> {
    let lanes = f64::from(vectors.lanes);
    let width = code.bits.map_or(1.0, |bits| f64::from(vectors.bits.max(bits)) / f64::from(bits.max(1)));
    // counted in the IR only: where registers are not known, neither are flops
    let counted = code.examples.iter().all(|i| i.registers.is_some());
    let idle = counted && code.examples.iter().all(|i| i.flops == 0);
    let elsewhere = |reason: &String| reason.contains("it runs other loops") || reason == NOT_INLINED;
    if idle && (kind == LoopKind::Rayon || code.reason.as_ref().is_some_and(elsewhere)) {
        return Some((1.0, "from evidence: it hands out work and computes nothing itself".into()));
    }
    match code.state_on(vectors.bits) {
        CodeState::Scalar => Some((lanes, format!("from evidence: scalar code, {lanes_text}"))),
        CodeState::Vector if width > 1.0 => Some((
            width,
            format!(
                "from evidence: vector code of {} bits where this CPU has {}",
                code.bits.unwrap_or(0),
                vectors.bits
            ),
        )),
        CodeState::Vector => Some((1.0, "from evidence: vector code as wide as this CPU has".into())),
        CodeState::Partial => {
            let share = f64::from(code.share_pct?) / 100.0;
            let factor = 1.0 / ((1.0 - share) / lanes + share / width);
            let text = format!(
                "from evidence: {:.0} % of the arithmetic is in vectors already, {lanes_text}",
                100.0 * share
            );
            Some((factor, text))
        }
        CodeState::Mixed | CodeState::Unknown => None,
    }
}
