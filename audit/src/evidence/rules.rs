//! How evidence and heat become a status. The rules, in this order:
//!
//! 1. A person's word (`loops.toml`) wins; it is shown with its name and reason.
//! 2. What needs no work by the kind of its source (tests, build scripts, loops that run once) is `safe`.
//! 3. `vectorized`: the compiler's evidence shows vector code in every instance that has code; of a loop that was compiled for
//!    several instruction sets, in those that this processor's choice runs.
//! 4. With heat, that is a measured self share: under 1 % a loop is `safe` (cold by measurement); from 1 % on it is `todo`
//!    when the evidence says scalar or partly vector, and `uncertain` when the instances differ or there is no evidence.
//!    A loop of Python is `todo`: the interpreter makes no vector code, and where something like Numba compiles the function,
//!    no profile of Python sees the loop.
//!    A loop without a row is cold when the profile is one of its program and its source sees every loop
//!    (`hot_loops/heat.rs`).
//!    A loop whose own time is small only because the loops inside it have it is not cold: its inclusive share counts.
//! 5. Without heat everything else is `uncertain`; the evidence text says what is known.

use super::model::{Code, CodeState, How};
use crate::inventory::{Language, Loop, Priority, Status};

/// Self share from which a loop is worth work, percent.
pub const WARM_PCT: f64 = 1.0;
/// Self share from which its priority is HIGH, percent.
pub const HOT_PCT: f64 = 10.0;

/// Of a loop in a file that a compiler run covers, and that the run did not show.
pub(crate) const NO_CODE: &str =
    "no machine code in the release build: a generic function that nothing instantiates, unused, or removed";

/// The same of a C file, whose evidence is a report.
pub(crate) const NOT_REPORTED: &str = "the C compiler's report does not name it: a loop around others, unrolled, or removed before vectors were tried";

/// Rank by measured self time.
#[must_use]
pub fn priority(self_pct: f64) -> Priority {
    match self_pct {
        share if share >= HOT_PCT => Priority::High,
        share if share >= WARM_PCT => Priority::Medium,
        _ => Priority::Low,
    }
}

/// Status and evidence of a loop from its code alone, on any processor; [`on_processor`] chooses.
#[must_use]
pub fn from_code(code: &Code) -> (Status, String) {
    let text = describe(code);
    match code.state {
        CodeState::Vector => (Status::Vectorized, text),
        _ => (Status::Uncertain, text),
    }
}

/// How the evidence of a cold loop begins.
const COLD: &str = "cold by measurement: ";
/// How the evidence of a loop begins whose time is in others.
const INSIDE: &str = "its time is in the loops inside it: ";

/// Status and evidence of a loop once its shares are known, percent: of itself, and with what is inside it. What an earlier
/// profile made of the loop does not count.
#[must_use]
pub fn with_heat(found: &Loop, self_pct: f64, inclusive_pct: f64, register_bits: u32) -> (Status, String) {
    let (before, known) = match without_heat(found, register_bits) {
        Ok(settled) => return settled,
        Err(open) => open,
    };
    if self_pct.is_nan() || inclusive_pct.is_nan() {
        return (before, known.to_owned());
    }
    if self_pct < WARM_PCT {
        let own = format!("{self_pct:.2} % self time, below {WARM_PCT} %");
        return if inclusive_pct < WARM_PCT {
            (Status::Safe, format!("{COLD}{own}; {known}"))
        } else {
            (before, format!("{INSIDE}{own}; {known}"))
        };
    }
    let status = match found.code.as_ref().map(|code| code.state_on(register_bits)) {
        Some(CodeState::Scalar | CodeState::Partial) => Status::Todo,
        None if before == Status::Todo || found.language == Language::Python => Status::Todo,
        _ => Status::Uncertain,
    };
    (status, known.to_owned())
}

/// The same of a loop that has no row in a profile that would have shown it from `threshold_pct` inclusive on.
#[must_use]
pub fn without_row(found: &Loop, threshold_pct: f64, register_bits: u32) -> (Status, String) {
    without_heat(found, register_bits).unwrap_or_else(|(_, known)| {
        let why = format!("no row in the profile, so below {threshold_pct} % with all that is inside it");
        (Status::Safe, format!("{COLD}{why}; {known}"))
    })
}

/// What no heat can change; else the status before any heat, and the evidence without what an earlier profile said.
fn without_heat(found: &Loop, register_bits: u32) -> Result<(Status, String), (Status, &str)> {
    let heated = found.evidence.starts_with(COLD) || found.evidence.starts_with(INSIDE);
    let known = match found.evidence.split_once("; ") {
        Some((_, rest)) if heated => rest,
        _ => &found.evidence,
    };
    let before = if heated && found.status == Status::Safe { Status::Uncertain } else { found.status };
    if found.person.is_some() || matches!(before, Status::Safe | Status::Vectorized) {
        return Ok((found.status, found.evidence.clone()));
    }
    if runs_vectors(found, register_bits) {
        return Ok((Status::Vectorized, known.to_owned()));
    }
    Err((before, known))
}

/// Whether a loop is in no build that users run, or runs once: by the kind of its source, or because it has no code.
pub(crate) fn never_runs(found: &Loop) -> bool {
    let by_kind = found.status == Status::Safe && found.person.is_none() && !found.evidence.starts_with(COLD);
    by_kind || found.evidence.contains(NO_CODE)
}

/// Whether what this processor's choice of instruction set runs is vector code.
fn runs_vectors(found: &Loop, register_bits: u32) -> bool {
    found.code.as_ref().is_some_and(|code| code.state_on(register_bits) == CodeState::Vector)
}

/// The status of a loop that has evidence and no heat on a processor with such registers: of a loop that was compiled for
/// several instruction sets, the one that runs there counts.
pub fn on_processor(found: &mut Loop, register_bits: u32) {
    if found.status == Status::Uncertain && found.person.is_none() && runs_vectors(found, register_bits) {
        found.status = Status::Vectorized;
    }
}

/// Whether a loop runs as vector code on a processor with such registers: a person's word, else what the compiler's evidence
/// shows; `None` where nothing tells, where it differs from instance to instance, or where there is no machine code.
#[must_use]
pub fn vectorized(found: &Loop, register_bits: u32) -> Option<bool> {
    if let Some(person) = &found.person
        && found.status != person.instead_of
    {
        return match found.status {
            Status::Vectorized => Some(true),
            Status::Todo => Some(false),
            Status::Safe | Status::Uncertain => None,
        };
    }
    if found.language == Language::Python {
        return None;
    }
    match found.code.as_ref().map(|code| code.state_on(register_bits)) {
        Some(CodeState::Vector) => Some(true),
        Some(CodeState::Scalar | CodeState::Partial) => Some(false),
        Some(CodeState::Mixed | CodeState::Unknown) => None,
        None => match found.status {
            Status::Vectorized => Some(true),
            Status::Todo => Some(false),
            Status::Safe | Status::Uncertain => None,
        },
    }
}

/// The evidence in a sentence.
#[must_use]
pub fn describe(code: &Code) -> String {
    let instances: u32 = code.instances.iter().map(|(_, n)| n).sum();
    let counts: Vec<String> = code.instances.iter().map(|(s, n)| format!("{n} {}", s.name())).collect();
    let mut text = match code.state {
        CodeState::Vector => "vector code".to_string(),
        CodeState::Partial => {
            let share = code.share_pct.map(|s| format!(", {s} % of its arithmetic")).unwrap_or_default();
            format!("partly vector code{share}")
        }
        CodeState::Scalar => "scalar code".to_string(),
        CodeState::Mixed => format!("mixed: {instances} instances, {}", counts.join(", ")),
        CodeState::Unknown if code.how == Some(How::VectorTypes) => {
            "written with vector types, of which the report says no more".to_string()
        }
        CodeState::Unknown => "code without its loop".to_string(),
    };
    if let (Some(bits), Some(lanes), Some(element)) = (code.bits, code.lanes, &code.element)
        && code.state != CodeState::Scalar
    {
        text.push_str(&format!(", {lanes} lanes of {element} ({bits} bits)"));
    } else if let Some(bits) = code.bits.filter(|_| code.state != CodeState::Scalar) {
        text.push_str(&format!(", {bits} bits"));
    }
    match code.how {
        Some(How::LoopVectorizer) => text.push_str(", made by the loop vectorizer"),
        Some(How::VectorTypes) if code.state != CodeState::Unknown => text.push_str(", by vector types"),
        Some(How::Unrolled) => text.push_str(", no loop left"),
        Some(How::VectorTypes) | None => {}
    }
    if instances > 1 && code.state != CodeState::Mixed {
        text.push_str(&format!(", {instances} instances"));
    }
    if code.state == CodeState::Mixed && code.levels.len() > 1 {
        let levels: Vec<String> =
            code.levels.iter().map(|(bits, s)| format!("{} with {bits}-bit registers", s.name())).collect();
        text.push_str(&format!(" ({})", levels.join(", ")));
    }
    if let Some(reason) = code.reason.as_ref().filter(|_| code.state != CodeState::Vector) {
        text.push_str(&format!(": {reason}"));
    }
    text.push_str(&format!(" [{}]", code.run));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Instance;
    use crate::inventory::Inventory;

    fn code(states: &[(u32, CodeState)]) -> Code {
        let instance = |(registers, state): &(u32, CodeState)| Instance {
            function: format!("f{registers}"),
            state: *state,
            how: None,
            registers: Some(*registers),
            bits: (*state != CodeState::Scalar).then_some(*registers),
            lanes: (*state != CodeState::Scalar).then_some(registers / 64),
            element: Some("f64".into()),
            share_pct: None,
            flops: 1,
            bytes: 8,
            reason: (*state == CodeState::Scalar).then(|| "it calls `g`".to_string()),
        };
        Code::of(states.iter().map(instance).collect(), 0, "rustc").unwrap()
    }

    /// The table of the rules.
    #[test]
    fn evidence_and_heat_make_a_status() {
        use CodeState::{Mixed, Partial, Scalar, Unknown, Vector};
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.rs"), "fn f() { loop { g() } }").unwrap();
        let plain = Inventory::scan(dir.path(), &[]).unwrap().loops.remove(0);
        let with = |states: &[(u32, CodeState)], share: f64| {
            let mut one = plain.clone();
            if !states.is_empty() {
                let code = code(states);
                (one.status, one.evidence) = from_code(&code);
                one.code = Some(code);
            }
            with_heat(&one, share, share, 256).0
        };
        assert_eq!(with(&[(128, Vector)], 50.0), Status::Vectorized);
        assert_eq!(with(&[(128, Vector)], 0.1), Status::Vectorized);
        assert_eq!(with(&[(128, Scalar)], 1.0), Status::Todo);
        assert_eq!(with(&[(128, Partial)], 1.0), Status::Todo);
        assert_eq!(with(&[(128, Scalar)], 0.99), Status::Safe, "cold by measurement");
        assert_eq!(with(&[(128, Scalar)], f64::NAN), Status::Uncertain, "no heat is no cold");
        assert_eq!(with(&[(128, Unknown)], 5.0), Status::Uncertain);
        assert_eq!(with(&[], 5.0), Status::Uncertain);
        assert_eq!(with(&[(128, Vector), (128, Scalar)], 5.0), Status::Uncertain);
        // this processor has registers of 256 bits: what runs here is known
        assert_eq!(with(&[(512, Scalar), (256, Vector), (128, Scalar)], 5.0), Status::Vectorized);
        assert_eq!(with(&[(512, Vector), (256, Scalar), (128, Vector)], 5.0), Status::Todo);
        assert_eq!(with(&[(512, Scalar), (256, Vector)], 0.1), Status::Vectorized, "heat changes no vectors");
        let mut chosen = plain.clone();
        chosen.code = Some(code(&[(512, Scalar), (256, Vector), (128, Scalar)]));
        let run = |bits| chosen.code.as_ref().unwrap().instance_on(bits).unwrap().function.clone();
        assert_eq!((run(512).as_str(), run(256).as_str(), run(128).as_str()), ("f512", "f256", "f128"));
        on_processor(&mut chosen, 512);
        assert_eq!((chosen.status, vectorized(&chosen, 512)), (Status::Uncertain, Some(false)));
        on_processor(&mut chosen, 256);
        assert_eq!(
            (chosen.status, vectorized(&chosen, 256)),
            (Status::Vectorized, Some(true)),
            "rule and row are one"
        );
        let (status, why) = without_row(&plain, 1.0, 256);
        assert_eq!(status, Status::Safe);
        assert!(why.starts_with("cold by measurement: no row in the profile, so below 1 %"), "{why}");
        let mut driver = plain.clone();
        driver.code = Some(code(&[(128, Scalar)]));
        assert_eq!(with_heat(&driver, 0.2, 80.0, 256).0, Status::Uncertain, "its inner loops are hot");
        assert_eq!(with_heat(&driver, 0.2, f64::NAN, 256).0, Status::Uncertain);
        assert_eq!(vectorized(&driver, 256), Some(false));
        (driver.status, driver.evidence) = with_heat(&driver, 0.1, 0.1, 256);
        assert!(driver.evidence.starts_with("cold by measurement: 0.10 %"), "{}", driver.evidence);
        let again = with_heat(&driver, 20.0, 20.0, 256);
        assert_eq!(
            again,
            (Status::Todo, plain.evidence.clone()),
            "an earlier profile's cold is not for ever"
        );
        driver.code = Some(code(&[(512, Scalar), (256, Vector)]));
        assert_eq!((vectorized(&driver, 256), vectorized(&driver, 512)), (Some(true), Some(false)));
        driver.code = Some(code(&[(128, Vector), (128, Scalar)]));
        assert_eq!(vectorized(&driver, 256), None);
        assert_eq!(code(&[(128, Vector), (128, Scalar)]).state, Mixed);
        let mut python = plain.clone();
        python.language = Language::Python;
        let hot = with_heat(&python, 5.0, 5.0, 256).0;
        assert_eq!((hot, vectorized(&python, 256)), (Status::Todo, None), "run by the interpreter");
        assert_eq!(with_heat(&python, 0.5, 0.5, 256).0, Status::Safe);
        assert_eq!(
            (priority(10.0), priority(1.0), priority(0.99)),
            (Priority::High, Priority::Medium, Priority::Low)
        );
    }

    #[test]
    fn the_text_names_what_is_known() {
        let text = describe(&code(&[(512, CodeState::Vector), (128, CodeState::Scalar)]));
        for part in [
            "mixed: 2 instances, 1 vector, 1 scalar",
            "vector with 512-bit registers",
            "scalar with 128-bit",
            "it calls `g`",
            "[rustc]",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
