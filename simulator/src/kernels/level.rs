//! Instruction sets that the kernels are made for, and which of them this machine has.

use std::fmt;

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// x86-64 with AVX-512 F, DQ and VL: 8 f64 or 16 f32 at a time.
    Avx512,
    /// x86-64 with AVX2 and FMA: 4 f64 or 8 f32 at a time.
    Avx2,
    /// AArch64: 2 f64 or 4 f32 at a time.
    Neon,
    /// Arrays of 8 f64 or 16 f32, in whatever instructions every machine of its kind has.
    Plain,
}

/// Why there is no such level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No level is called so.
    #[error("`{0}` is no instruction set; give auto or one of {available}", available = names(&Level::available()))]
    Unknown(String),
    /// This machine does not have it.
    #[error("this machine does not have {0}; give auto or one of {available}", available = names(&Level::available()))]
    Unavailable(Level),
}

fn names(levels: &[Level]) -> String {
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ")
}

impl Level {
    /// All levels, the fastest first.
    pub const ALL: [Level; 4] = [Level::Avx512, Level::Avx2, Level::Neon, Level::Plain];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Avx512 => "avx512",
            Level::Avx2 => "avx2",
            Level::Neon => "neon",
            Level::Plain => "plain",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
            Level::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
            }
            #[cfg(all(target_arch = "x86_64", not(any(test, feature = "planted-delay"))))]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Level::Plain => true,
            #[expect(clippy::allow_attributes, reason = "whether the arm is reached depends on the machine")]
            #[allow(unreachable_patterns, reason = "the levels of other machines")]
            _ => false,
        }
    }

    /// The levels of this machine, the fastest first.
    pub fn available() -> Vec<Level> {
        Level::ALL.into_iter().filter(|level| level.is_available()).collect()
    }

    /// The fastest level of this machine.
    pub fn detect() -> Level {
        Level::ALL.into_iter().find(|level| level.is_available()).unwrap_or(Level::Plain)
    }

    /// The level of a name, if this machine has it.
    ///
    /// # Errors
    /// When there is no such level, or not on this machine.
    pub fn named(name: &str) -> Result<Level, LevelError> {
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        let level = level.ok_or_else(|| LevelError::Unknown(name.to_owned()))?;
        level.here().map(Here::level)
    }

    /// The level, as one that may be used.
    ///
    /// # Errors
    /// When this machine does not have it.
    pub(crate) fn here(self) -> Result<Here, LevelError> {
        if self.is_available() { Ok(Here(self)) } else { Err(LevelError::Unavailable(self)) }
    }
}

/// A level that this machine has. Kernels are had for no other, so that calling them is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here(Level);

impl Here {
    /// The fastest.
    pub(crate) fn fastest() -> Here {
        Here(Level::detect())
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_level_is_found_by_its_name_and_no_other() {
        for level in Level::ALL {
            match Level::named(level.name()) {
                Ok(found) => assert!(found == level && level.is_available()),
                Err(error) => assert!(error == LevelError::Unavailable(level) && !level.is_available()),
            }
        }
        assert_eq!(Here::fastest().level().here(), Ok(Here::fastest()));
        assert_eq!(Level::named("sse9"), Err(LevelError::Unknown("sse9".to_owned())));
        assert!(Level::available().contains(&Level::detect()));
    }
}
