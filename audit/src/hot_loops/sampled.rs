//! Loops from a samples file: every address becomes source positions, every position the loops around it.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use super::{HotLoopsError, Index, Measured, SAMPLES, SourceSummary, interval};
use crate::profile::phase;
use crate::profile::samples::{Frame, Samples, Stack};
use crate::profile::symbols::{Symbols, SymbolsError};

const NS_PER_MS: f64 = 1e6;

/// Reads a samples file and adds up its render phase.
pub(super) fn measure(path: &Path, index: &Index<'_>) -> Result<Measured, HotLoopsError> {
    let samples = Samples::read(path)?;
    let mut measured = Measured {
        summary: summary(path, &samples),
        problems: problems(path, &samples),
        ..Measured::default()
    };
    measured.total = measured.summary.total_ms.unwrap_or(0.0);
    let count = measured.summary.samples.unwrap_or(0);
    let ms_per_sample = if count > 0 { measured.total / count as f64 } else { 0.0 };
    let mut resolver = Resolver { index, samples: &samples, modules: HashMap::new(), known: HashMap::new() };
    for stack in samples.stacks.iter().filter(|s| s.phase == phase::RENDER) {
        let loops = resolver.loops(stack, &mut measured.problems)?;
        let ms = stack.count as f64 * ms_per_sample;
        for &one in &loops {
            measured.loops.entry(one).or_default().inclusive += ms;
        }
        match loops.first() {
            Some(innermost) => measured.loops.entry(*innermost).or_default().own += ms,
            None => measured.unmatched += ms,
        }
        *measured.stacks.entry(loops).or_default() += ms;
    }
    Ok(measured)
}

/// The thread time is the clock's; the samples only divide it.
fn summary(path: &Path, samples: &Samples) -> SourceSummary {
    let render = || samples.totals.iter().filter(|t| t.phase == phase::RENDER);
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0, u64::saturating_add);
    SourceSummary {
        name: SAMPLES.into(),
        file: path.to_owned(),
        method: format!("{}; period {} µs", samples.method, samples.period_ns as f64 / 1e3),
        total_ms: Some(render().map(|t| t.cpu_ns as f64).sum::<f64>() / NS_PER_MS),
        threads: render().filter(|t| t.samples > t.idle).count() as u64,
        samples: Some(sum(&mut samples.stacks.iter().filter(|s| s.phase == phase::RENDER).map(|s| s.count))),
        idle_samples: Some(sum(&mut render().map(|t| t.idle))),
        late_samples: Some(sum(&mut render().map(|t| t.late))),
        dropped: Some(samples.dropped),
        cut_stacks: Some(samples.truncated.saturating_add(samples.unwind_failures)),
        unsampled_ms: Some(samples.unsampled_cpu_ns as f64 / NS_PER_MS),
        interval: Some(interval::NAME.into()),
        ..SourceSummary::default()
    }
}

fn problems(path: &Path, samples: &Samples) -> Vec<String> {
    let file = path.display();
    let mut found: Vec<String> =
        samples.errors.iter().map(|e| format!("{file}: sampler error: {e}")).collect();
    if samples.dropped > 0 {
        found
            .push(format!("{file}: {} samples dropped: sample less often or fewer threads", samples.dropped));
    }
    if !samples.stacks.iter().any(|s| s.phase == phase::RENDER && s.count > 0) {
        found.push(format!("{file}: no sample of the render phase: render longer or sample more often"));
    }
    found
}

/// Turns stacks into loops, and remembers.
struct Resolver<'a> {
    index: &'a Index<'a>,
    samples: &'a Samples,
    modules: HashMap<u32, Option<Symbols>>,
    known: HashMap<Frame, Rc<[usize]>>,
}

impl Resolver<'_> {
    /// The loops that contain a frame of the stack, each once, innermost first.
    fn loops(&mut self, stack: &Stack, problems: &mut Vec<String>) -> Result<Vec<usize>, SymbolsError> {
        let mut found = Vec::new();
        for &frame in &stack.frames {
            for &one in self.around(frame, problems)?.iter() {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        Ok(found)
    }

    fn around(&mut self, frame: Frame, problems: &mut Vec<String>) -> Result<Rc<[usize]>, SymbolsError> {
        if let Some(loops) = self.known.get(&frame) {
            return Ok(Rc::clone(loops));
        }
        let mut loops = Vec::new();
        if let Some(module) = frame.module
            && let Some(symbols) = self.symbols(module, problems)?
        {
            for place in symbols.resolve(frame.address).iter() {
                if let (Some(file), Some(line)) = (&place.file, place.line) {
                    loops.extend(self.index.around(file, line, place.column));
                }
            }
        }
        let loops: Rc<[usize]> = loops.into();
        self.known.insert(frame, Rc::clone(&loops));
        Ok(loops)
    }

    /// A file that has changed is refused; one without usable debug information only has no loops, and says so.
    fn symbols(
        &mut self,
        module: u32,
        problems: &mut Vec<String>,
    ) -> Result<Option<&mut Symbols>, SymbolsError> {
        if !self.modules.contains_key(&module) {
            let opened = match Symbols::of_module(&self.samples.modules[module as usize]) {
                Ok(symbols) => Some(symbols),
                Err(changed @ SymbolsError::Changed { .. }) => return Err(changed),
                Err(other) => {
                    problems.push(other.to_string());
                    None
                }
            };
            self.modules.insert(module, opened);
        }
        Ok(self.modules.get_mut(&module).and_then(Option::as_mut))
    }
}
