//! Where nanoBragg does something that physics would not. Each oddity has a name and a switch.

use std::fmt;

macro_rules! oddities {
    ($($variant:ident $name:literal $on:literal $text:literal,)*) => {
        /// One behaviour of nanoBragg that physics does not explain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Oddity { $(#[doc = $text] $variant,)* }

        impl Oddity {
            /// All of them.
            pub const ALL: &'static [Oddity] = &[$(Oddity::$variant,)*];

            /// The name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Oddity::$variant => $name,)* }
            }

            /// One sentence: what nanoBragg does; what happens here without it.
            pub fn description(self) -> &'static str {
                match self { $(Oddity::$variant => $text,)* }
            }

            /// Whether it is on by default.
            pub fn default_on(self) -> bool {
                match self { $(Oddity::$variant => $on,)* }
            }
        }
    };
}

oddities! {
    ImplicitDump "implicit-dump" false
        "The cache `Fdump.bin` in the working directory is written after every `-hkl` and read when `-hkl` is absent; otherwise only a cache that is named.",
    HklStopsAtText "hkl-stops-at-text" false
        "Reading an hkl file ends at the first line that is not four numbers; otherwise such a line is an error.",
    ConventionForcesPivot "convention-forces-pivot" true
        "A named convention decides the pivot; otherwise the last option that sets one.",
    NormalRegenerated "normal-regenerated" true
        "A detector normal whose length is not exactly 1 is replaced by fast × slow; otherwise it is normalised.",
    CloseIsADefault "close-is-a-default" true
        "`-Xclose -Yclose` only serve as the default of the beam centre; otherwise they are the nearest point.",
    RatioBeforeTwotheta "ratio-before-twotheta" true
        "The ratio of near and true distance is taken before the 2θ swing; otherwise after it.",
    TriclinicCell "triclinic-cell" true
        "The z component of c* is divided by sin γ*, so that a triclinic cell is not quite the one given; otherwise by sin γ.",
    Pix0Ignored "pix0-ignored" true
        "A given origin of the detector is overwritten; otherwise it is used as it is.",
    InterpolationLatch "interpolation-latch" true
        "The first sample outside the range of interpolation switches it off for the rest of the run; otherwise for that sample alone.",
    SourceWeightsIgnored "source-weights-ignored" true
        "The weights of a source file are not used; otherwise terms are weighted relative to the mean weight.",
    FirstSourcePolarization "first-source-polarization" true
        "A pixel has the polarization factor of its first source and sub-pixel; otherwise each term has its own.",
    LastLayerCapture "last-layer-capture" true
        "A pixel has the capture fraction of its last sensor layer; otherwise each layer has its own.",
    CompoundedOversample "compounded-oversample" true
        "With an `-oversample_…` switch the running sum is multiplied by the factor after every term; otherwise each term once.",
    BackgroundScaling "background-scaling" true
        "The background enters the sum, is divided by the number of steps and multiplied by r_e²·fluence again; otherwise it is added once to the pixel.",
    PhiCarryOver "phi-carry-over" true
        "At a spindle angle of exactly 0 the vectors of the step before are kept; otherwise the crystal is unrotated.",
}

/// A set of oddities.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Oddities(u32);

impl Default for Oddities {
    fn default() -> Oddities {
        Oddities::nanobragg()
    }
}

impl Oddities {
    /// As nanoBragg is used: all but the two that are hidden inputs or hidden losses.
    pub fn nanobragg() -> Oddities {
        Oddity::ALL.iter().filter(|o| o.default_on()).fold(Oddities::none(), |set, &o| set.with(o))
    }

    /// Corrected physics.
    pub fn none() -> Oddities {
        Oddities(0)
    }

    /// nanoBragg as its GPU developers test against it.
    pub fn oracle() -> Oddities {
        Oddities::nanobragg().without(Oddity::PhiCarryOver).without(Oddity::CompoundedOversample)
    }

    /// Whether an oddity is in the set.
    #[inline]
    pub fn has(self, oddity: Oddity) -> bool {
        self.0 & 1 << oddity as u32 != 0
    }

    /// The set with one more.
    pub fn with(self, oddity: Oddity) -> Oddities {
        Oddities(self.0 | 1 << oddity as u32)
    }

    /// The set with one less.
    pub fn without(self, oddity: Oddity) -> Oddities {
        Oddities(self.0 & !(1 << oddity as u32))
    }

    /// The names of those in the set.
    pub fn names(self) -> Vec<&'static str> {
        Oddity::ALL.iter().filter(|&&o| self.has(o)).map(|o| o.name()).collect()
    }

    /// Reads `nanobragg`, `none`, `oracle`, a list of names, or changes to the default (`+name,-name`).
    ///
    /// # Errors
    /// A sentence that names the unknown word and the one that was perhaps meant.
    pub fn parse(text: &str) -> Result<Oddities, String> {
        let mut words = text.split(',').map(str::trim).peekable();
        let mut set = match words.peek() {
            Some(word) if word.starts_with(['+', '-']) => Oddities::nanobragg(),
            _ => Oddities::none(),
        };
        for word in words {
            set = match word {
                "nanobragg" => Oddities(set.0 | Oddities::nanobragg().0),
                "none" => Oddities::none(),
                "oracle" => Oddities(set.0 | Oddities::oracle().0),
                _ => match word.strip_prefix('-') {
                    Some(name) => set.without(find(name)?),
                    None => set.with(find(word.strip_prefix('+').unwrap_or(word))?),
                },
            };
        }
        Ok(set)
    }
}

impl fmt::Debug for Oddities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn find(name: &str) -> Result<Oddity, String> {
    if let Some(&oddity) = Oddity::ALL.iter().find(|o| o.name() == name) {
        return Ok(oddity);
    }
    let near = Oddity::ALL
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a.name(), name).total_cmp(&strsim::jaro_winkler(b.name(), name)));
    Err(match near {
        Some(near) if strsim::jaro_winkler(near.name(), name) > 0.8 => {
            format!("`{name}` is not an oddity; did you mean `{}`?", near.name())
        }
        _ => format!("`{name}` is not an oddity; `--help --oddities` lists them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_all_but_two() {
        let set = Oddities::default();
        assert_eq!(set.names().len(), Oddity::ALL.len() - 2);
        assert!(!set.has(Oddity::ImplicitDump) && !set.has(Oddity::HklStopsAtText));
    }

    #[test]
    fn sets_are_read() {
        assert_eq!(Oddities::parse("none"), Ok(Oddities::none()));
        assert_eq!(Oddities::parse("nanobragg"), Ok(Oddities::nanobragg()));
        assert_eq!(Oddities::parse("oracle"), Ok(Oddities::oracle()));
        let two = Oddities::none().with(Oddity::PhiCarryOver).with(Oddity::BackgroundScaling);
        assert_eq!(Oddities::parse("phi-carry-over,background-scaling"), Ok(two));
        let more = Oddities::nanobragg().with(Oddity::ImplicitDump).without(Oddity::TriclinicCell);
        assert_eq!(Oddities::parse("+implicit-dump,-triclinic-cell"), Ok(more));
        assert_eq!(
            Oddities::parse("-background-scaling"),
            Ok(Oddities::nanobragg().without(Oddity::BackgroundScaling))
        );
        assert!(Oddities::parse("background-scalling").is_err_and(|e| e.contains("background-scaling")));
    }
}
