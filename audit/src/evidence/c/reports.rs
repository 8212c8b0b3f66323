//! The texts of the reports.

use super::super::model::{Code, CodeState, How, Instance};
use crate::inventory::Inventory;
use std::collections::{BTreeMap, HashMap};

/// Whose report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Gcc,
    Clang,
}

impl Style {
    /// What makes the compiler report.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Gcc => &["-fopt-info-vec-all"],
            Self::Clang => &[
                "-Rpass=loop-vectorize|slp-vectorizer",
                "-Rpass-missed=loop-vectorize",
                "-Rpass-analysis=loop-vectorize",
            ],
        }
    }
}

/// What reports said, by the loop's place in the inventory.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    loops: BTreeMap<usize, Said>,
}

/// What was said about one loop, in all its copies.
#[derive(Debug, Default)]
struct Said {
    vector: u32,
    in_order: bool,
    bits: Option<u32>,
    lanes: Option<u32>,
    scalar: u32,
    block: Option<u32>,
    /// The code is written with vector types, which the report does not weigh.
    by_hand: bool,
    reason: Option<String>,
}

/// A line of a report.
struct Remark<'t> {
    file: &'t str,
    line: u32,
    column: u32,
    text: &'t str,
}

impl Verdicts {
    /// Takes a report in.
    pub(super) fn read(&mut self, style: Style, report: &str, inventory: &Inventory) {
        let index: HashMap<&str, usize> =
            inventory.loops.iter().enumerate().map(|(i, l)| (l.loop_id.as_str(), i)).collect();
        // the loop that the compiler talks about; reasons that follow may name a place anywhere in it
        let mut subject: Option<usize> = None;
        for remark in report.lines().filter_map(remark) {
            let place = inventory.enclosing(remark.file, remark.line, Some(remark.column));
            let here = place.last().and_then(|l| index.get(l.loop_id.as_str()).copied());
            match style {
                Style::Gcc => self.gcc(&remark, here, &mut subject),
                Style::Clang => self.clang(&remark, here),
            }
        }
    }

    fn gcc(&mut self, remark: &Remark<'_>, here: Option<usize>, subject: &mut Option<usize>) {
        let text = remark.text;
        if let Some(bytes) = bytes(text, "loop vectorized using ") {
            if let Some(said) = here.map(|l| self.loops.entry(l).or_default()) {
                // the rest of a loop is vectorized again with shorter vectors: that is no second copy
                if said.bits.is_none_or(|bits| bytes * 8 >= bits) {
                    said.vector += 1;
                    said.bits = Some(bytes * 8);
                }
            }
        } else if let Some(bytes) = bytes(text, "basic block part vectorized using ") {
            if let Some(said) = here.map(|l| self.loops.entry(l).or_default()) {
                said.block = said.block.max(Some(bytes * 8));
            }
        } else if text.starts_with("missed: couldn't vectorize loop") {
            if let Some(l) = here {
                self.loops.entry(l).or_default().scalar += 1;
            }
            *subject = here;
        } else if let Some(reason) = text.strip_prefix("missed: not vectorized: ")
            && let Some(said) = subject.and_then(|l| self.loops.get_mut(&l)).filter(|s| s.reason.is_none())
        {
            // the vectorizer gives up on what is a vector already: intrinsics
            said.by_hand =
                reason.starts_with("no vectype") && ["__m", "vector("].iter().any(|t| reason.contains(t));
            said.reason = Some(format!("{} (line {})", reason.trim_end_matches('.'), remark.line));
        }
    }

    /// Takes gcc's details in: loops whose vectors are taken apart again to add them up in order.
    pub(super) fn in_order(&mut self, details: &str, inventory: &Inventory) {
        let index: HashMap<&str, usize> =
            inventory.loops.iter().enumerate().map(|(i, l)| (l.loop_id.as_str(), i)).collect();
        for remark in details.lines().filter(|l| l.contains("fold-left")).filter_map(remark) {
            let place = inventory.enclosing(remark.file, remark.line, Some(remark.column));
            if let Some(said) =
                place.last().and_then(|l| index.get(l.loop_id.as_str())).and_then(|l| self.loops.get_mut(l))
            {
                said.in_order = true;
            }
        }
    }

    fn clang(&mut self, remark: &Remark<'_>, here: Option<usize>) {
        let Some(said) = here.map(|l| self.loops.entry(l).or_default()) else { return };
        let text = remark.text.split(" [-Rpass").next().unwrap_or("");
        if let Some((_, width)) = text.split_once("vectorized loop (vectorization width: ") {
            let lanes = width.trim_start_matches("vscale x ").split(',').next().and_then(|n| n.parse().ok());
            // width 1 is interleaved scalar code
            match lanes {
                Some(lanes) if lanes > 1 => {
                    said.vector += 1;
                    said.lanes = said.lanes.max(Some(lanes));
                }
                _ => said.scalar += 1,
            }
        } else if text.contains("SLP vectorized") {
            said.block = said.block.max(Some(0));
        } else if let Some((_, reason)) = text.split_once("loop not vectorized: ") {
            said.by_hand |= reason.starts_with("instruction return type cannot be vectorized");
            said.reason.get_or_insert_with(|| reason.to_string());
            if remark.text.contains("-Rpass-missed") {
                said.scalar += 1;
            }
        } else if text.contains("loop not vectorized") {
            said.scalar += 1;
        }
    }

    /// Clang says nothing of loops around loops: it does not try to make vectors of them.
    pub(super) fn around(&mut self, inventory: &Inventory) {
        let index: HashMap<&str, usize> =
            inventory.loops.iter().enumerate().map(|(i, l)| (l.loop_id.as_str(), i)).collect();
        let named: Vec<usize> = self.loops.keys().copied().collect();
        for one in named.into_iter().filter_map(|i| inventory.loops.get(i)) {
            let outer = inventory.enclosing(&one.module, one.line, Some(one.column));
            for l in outer.into_iter().filter(|l| l.function == one.function && l.depth < one.depth) {
                let Some(&at) = index.get(l.loop_id.as_str()) else { continue };
                let reason = || Some("it runs other loops".to_owned());
                self.loops.entry(at).or_insert_with(|| Said {
                    scalar: 1,
                    reason: reason(),
                    ..Said::default()
                });
            }
        }
    }

    /// The verdict on each loop.
    pub(super) fn codes(self, run: &str) -> BTreeMap<usize, Code> {
        self.loops.into_iter().filter_map(|(index, said)| Some((index, said.code(run)?))).collect()
    }
}

impl Said {
    fn code(self, run: &str) -> Option<Code> {
        let instance =
            |state: CodeState, how: Option<How>, bits: Option<u32>, reason: Option<String>| Instance {
                function: String::new(),
                registers: None,
                state,
                how,
                bits,
                lanes: self.lanes.filter(|_| state == CodeState::Vector),
                element: None,
                share_pct: None,
                flops: 0,
                bytes: 0,
                reason,
            };
        let vector = if self.in_order { CodeState::Partial } else { CodeState::Vector };
        let order =
            self.in_order.then(|| "its sum stays in order: only loads and products are vectors".to_string());
        let mut instances =
            vec![instance(vector, Some(How::LoopVectorizer), self.bits, order); self.vector as usize];
        let left = match self.block {
            // how much of the body that is, the report does not say
            // clang does not say how wide they are
            Some(_) => {
                let bits = self.block.filter(|bits| *bits > 0);
                instance(CodeState::Partial, Some(How::VectorTypes), bits, self.reason.clone())
            }
            None if self.by_hand => {
                instance(CodeState::Unknown, Some(How::VectorTypes), None, self.reason.clone())
            }
            None => instance(CodeState::Scalar, None, None, self.reason.clone()),
        };
        // a part in vectors, or a reason against them: the loop is there, whether or not the report counts it as missed
        let there = (self.block.is_some() || self.reason.is_some()) && self.vector == 0;
        let copies = if there { self.scalar.max(1) } else { self.scalar };
        instances.extend(std::iter::repeat_n(left, copies as usize));
        Code::of(instances, 0, run)
    }
}

/// `file.c:12:5: optimized: …`
fn remark(line: &str) -> Option<Remark<'_>> {
    let mut parts = line.splitn(4, ':');
    let (file, line, column) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Remark { file, line: line.parse().ok()?, column: column.parse().ok()?, text: parts.next()?.trim() })
}

/// The number of bytes after `before`.
fn bytes(text: &str, before: &str) -> Option<u32> {
    let (_, after) = text.split_once(before)?;
    after.split(' ').next()?.parse().ok().filter(|bytes| *bytes <= 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "void f(float *v, int n) {
    for (int i = 0; i < n; i++) v[i] *= 2;
    for (int j = 0; j < n; j++)
        v[j] = g(v[j]);
}
";

    fn read(style: Style, report: &str) -> Vec<Option<Code>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.c"), SOURCE).unwrap();
        let inventory = Inventory::scan(dir.path(), &[]).unwrap();
        let mut verdicts = Verdicts::default();
        verdicts.read(style, report, &inventory);
        let mut codes = verdicts.codes("x");
        (0..inventory.loops.len()).map(|i| codes.remove(&i)).collect()
    }

    #[test]
    fn texts_of_gcc() {
        let codes = read(
            Style::Gcc,
            "t.c:2:23: optimized: loop vectorized using 32 byte vectors
t.c:2:23: optimized: loop vectorized using 16 byte vectors
t.c:3:23: missed: couldn't vectorize loop
t.c:4:16: missed: not vectorized: no vectype for stmt: _4 = *_3;
 scalar_type: const double
",
        );
        let (first, second) = (codes[0].as_ref().unwrap(), codes[1].as_ref().unwrap());
        assert_eq!(
            (first.state, first.bits, &first.instances[..]),
            (CodeState::Vector, Some(256), &[(CodeState::Vector, 1)][..])
        );
        assert_eq!(second.state, CodeState::Scalar);
        assert_eq!(second.reason.as_deref(), Some("no vectype for stmt: _4 = *_3; (line 4)"));
    }

    /// What gcc 12 says of a loop of intrinsics: vector code, but not by its vectorizer, and how much of it is not told.
    #[test]
    fn intrinsics_are_not_called_scalar() {
        let said = "t.c:3:23: missed: couldn't vectorize loop
t.c:4:16: missed: not vectorized: no vectype for stmt: _10 = MEM[(__m128_u * {ref-all})_2];
 scalar_type: __m128_u
";
        let codes = read(Style::Gcc, said);
        let second = codes[1].as_ref().unwrap();
        assert_eq!((second.state, second.how), (CodeState::Unknown, Some(How::VectorTypes)));
        let text = super::super::super::rules::describe(second);
        assert!(text.starts_with("written with vector types"), "{text}");
    }

    /// Texts of "Auto-Vectorization in LLVM", section "Diagnostics".
    #[test]
    fn texts_of_clang() {
        let codes = read(
            Style::Clang,
            "t.c:2:5: remark: vectorized loop (vectorization width: 4, interleaved count: 2) [-Rpass=loop-vectorize]
t.c:3:5: remark: loop not vectorized: call instruction cannot be vectorized [-Rpass-analysis=loop-vectorize]
t.c:3:5: remark: loop not vectorized [-Rpass-missed=loop-vectorize]
",
        );
        let (first, second) = (codes[0].as_ref().unwrap(), codes[1].as_ref().unwrap());
        assert_eq!((first.state, first.lanes), (CodeState::Vector, Some(4)));
        assert_eq!(
            (second.state, second.reason.as_deref()),
            (CodeState::Scalar, Some("call instruction cannot be vectorized"))
        );
        let interleaved = read(
            Style::Clang,
            "t.c:2:5: remark: vectorized loop (vectorization width: 1, interleaved count: 4) [-Rpass=loop-vectorize]",
        );
        assert_eq!(interleaved[0].as_ref().unwrap().state, CodeState::Scalar);
    }

    /// What clang 22 says of a loop with an early exit: a reason, and no "missed".
    #[test]
    fn a_reason_alone_is_a_verdict_and_loops_around_loops_have_one_too() {
        let why = "t.c:2:5: remark: loop not vectorized: Auto-vectorization of loops with potentially faulting load is not supported [-Rpass-analysis=loop-vectorize]";
        let codes = read(Style::Clang, why);
        assert_eq!(codes[0].as_ref().unwrap().state, CodeState::Scalar);
        let part = read(
            Style::Clang,
            "t.c:3:9: remark: Stores SLP vectorized with cost -2 and with tree size 2 [-Rpass=slp-vectorizer]",
        );
        assert_eq!(part[1].as_ref().map(|c| (c.state, c.bits)), Some((CodeState::Partial, None)));
        let dir = tempfile::tempdir().unwrap();
        let nest = "void f(float *v, int n) {\n    for (int i = 0; i < n; i++)\n        for (int j = 0; j < n; j++)\n            v[i * n + j] *= 2;\n}\n";
        std::fs::write(dir.path().join("t.c"), nest).unwrap();
        let inventory = Inventory::scan(dir.path(), &[]).unwrap();
        let mut verdicts = Verdicts::default();
        verdicts.read(Style::Clang, "t.c:3:9: remark: vectorized loop (vectorization width: 4, interleaved count: 4) [-Rpass=loop-vectorize]", &inventory);
        verdicts.around(&inventory);
        let codes = verdicts.codes("clang");
        assert_eq!((codes[&0].state, codes[&1].state), (CodeState::Scalar, CodeState::Vector));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(128))]

        /// Any text is a report: no panic, and no verdict on loops that it does not name.
        #[test]
        fn garbage(words in proptest::collection::vec(proptest::sample::select(vec![
            "t.c:2:23: ", "t.c:3:23: ", "t.c:99999999999:1: ", "u.c:2:1: ", "optimized: loop vectorized using ", "32 byte vectors",
            "99999999999 byte", "missed: couldn't vectorize loop", "missed: not vectorized: ", "note: fold-left", "remark: ",
            "vectorized loop (vectorization width: ", "4, ", "vscale x ", "loop not vectorized: ", "[-Rpass-missed]", ":", "\n", "é",
        ]), 0..60)) {
            let text = words.concat();
            for style in [Style::Gcc, Style::Clang] {
                let codes = read(style, &text);
                proptest::prop_assert_eq!(codes.len(), 2);
                let named = text.contains("t.c:2:23:") || text.contains("t.c:3:23:");
                proptest::prop_assert!(named || codes.iter().all(Option::is_none));
            }
        }
    }
}
