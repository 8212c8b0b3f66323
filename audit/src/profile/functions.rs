//! The coarse view: which functions the time goes to, by `pprof`, as folded stacks for flame graphs.
//!
//! `pprof` merges samples per function, which suits a flame graph and no loop. It unwinds by `.eh_frame` here: its
//! frame-pointer mode begins with the caller of what was interrupted and gets lost in code built without frame pointers,
//! such as ours and the C library's. Its clock is process CPU time at 250 Hz at most. It must not run together with
//! [`super::sampler`]: each would see the other's handler.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use pprof::ProfilerGuardBuilder;
use serde::{Deserialize, Serialize};

/// The rate that `pprof` can deliver.
pub const FREQUENCY_HZ: i32 = 250;

/// Stacks of functions with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Functions {
    /// Samples per second of CPU time that were asked for.
    pub frequency_hz: i32,
    /// Samples that count.
    pub samples: u64,
    /// Samples set apart because none of their functions was asked for.
    pub outside: u64,
    /// `outermost;…;innermost` and how often.
    pub stacks: BTreeMap<String, u64>,
}

/// A function's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Demangled.
    pub name: String,
    /// Percent of the samples with it innermost.
    pub self_pct: f64,
    /// Percent of the samples with it anywhere.
    pub time_pct: f64,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum FunctionsError {
    /// The profiler's word, as it cannot start or report.
    #[error("profiling functions: {0}")]
    Profiler(#[from] pprof::Error),
}

/// Runs `work` under the profiler. With `within`, only stacks with a function whose path contains that name count (`render`
/// is in `a::render::<f64>` and not in `a::renders`): the way to keep to the render phase, which `pprof` knows nothing of.
///
/// # Errors
/// When another `pprof` profiler runs in this process, or the report cannot be made; `work`'s result is then lost.
pub fn profile<T>(
    frequency_hz: i32,
    within: Option<&str>,
    work: impl FnOnce() -> T,
) -> Result<(T, Functions), FunctionsError> {
    let guard = ProfilerGuardBuilder::default().frequency(frequency_hz).build()?;
    first_signal();
    let result = work();
    let report = guard.report().build()?;
    drop(guard);
    let mut functions = Functions { frequency_hz, ..Functions::default() };
    for (stack, &count) in &report.data {
        let names =
            stack.frames.iter().rev().flat_map(|frame| frame.iter().rev()).map(|symbol| symbol.name());
        functions.add(names.collect(), u64::try_from(count).unwrap_or(0), within);
    }
    Ok((result, functions))
}

/// `pprof` reads the unwind tables in its first signal. Better here, where no lock of the allocator is held, than
/// wherever its timer strikes first.
#[expect(unsafe_code, reason = "the libc crate's binding of raise")]
fn first_signal() {
    // SAFETY: the handler of SIGPROF was installed just before; `raise` returns when it has run.
    unsafe { libc::raise(libc::SIGPROF) };
}

impl Functions {
    /// One stack per line, as flame graph tools read it.
    ///
    /// # Errors
    /// Those of `w`.
    pub fn write_folded(&self, mut w: impl Write) -> std::io::Result<()> {
        self.stacks.iter().try_for_each(|(stack, count)| writeln!(w, "{stack} {count}"))
    }

    /// The `most` functions with the largest self share.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<Function> {
        let mut counts: HashMap<&str, (u64, u64)> = HashMap::new();
        for (stack, &count) in &self.stacks {
            let mut seen: Vec<&str> = stack.split(';').collect();
            if let Some(innermost) = seen.last() {
                counts.entry(innermost).or_default().0 += count;
            }
            seen.sort_unstable();
            seen.dedup();
            for name in seen {
                counts.entry(name).or_default().1 += count;
            }
        }
        let percent = |n: u64| 100.0 * n as f64 / self.samples.max(1) as f64;
        let mut all: Vec<Function> = counts
            .into_iter()
            .map(|(name, (own, all))| Function {
                name: name.to_owned(),
                self_pct: percent(own),
                time_pct: percent(all),
            })
            .collect();
        all.sort_by(|a, b| {
            b.self_pct
                .total_cmp(&a.self_pct)
                .then(b.time_pct.total_cmp(&a.time_pct))
                .then(a.name.cmp(&b.name))
        });
        all.truncate(most);
        all
    }

    fn add(&mut self, outermost_first: Vec<String>, count: u64, within: Option<&str>) {
        if within.is_some_and(|part| !outermost_first.iter().any(|name| has_word(name, part))) {
            self.outside += count;
            return;
        }
        let mut stack: Vec<String> = Vec::new();
        for name in outermost_first {
            let name = if is_plumbing(&name) { PLUMBING.to_owned() } else { name.replace([';', '\n'], ":") };
            // a run of plumbing is one frame, however deep the work was split this time
            if name != PLUMBING || stack.last().is_none_or(|last| last != PLUMBING) {
                stack.push(name);
            }
        }
        self.samples += count;
        *self.stacks.entry(stack.join(";")).or_default() += count;
    }
}

/// What frames of the standard library, rayon and the thread's start are called: they say how work was split, not what it
/// was, and would make a stack of its own of every way to split it.
const PLUMBING: &str = "[runtime]";

/// What rayon and the standard library call their own frames where they were inlined, without a path.
const INLINED: [&str; 17] = [
    "main_loop",
    "wait_until",
    "wait_until_cold",
    "wait_until_out_of_work",
    "execute",
    "call_once",
    "call_once_force",
    "in_worker",
    "in_worker_cold",
    "run_inline",
    "join_context",
    "bridge",
    "bridge_producer_consumer",
    "fold_with",
    "consume_iter",
    "with_producer",
    "drive_unindexed",
];

/// Whether `word` stands in `name` and is not a part of a longer identifier.
fn has_word(name: &str, word: &str) -> bool {
    let part_of_name = |c: char| c == '_' || c.is_alphanumeric();
    name.match_indices(word).any(|(at, _)| {
        !name[..at].ends_with(part_of_name) && !name[at + word.len()..].starts_with(part_of_name)
    })
}

fn is_plumbing(name: &str) -> bool {
    // frames that were inlined have no path of their own, but their type arguments name rayon and the unwinder
    let anywhere = ["rayon", "core::panic", "std::thread", "std::rt"];
    let first = ["core::", "std::", "alloc::", "__rust", "_start", "__libc_start", "start_thread", "clone"];
    let bare = name.trim_start_matches(['<', '&', '(']);
    let short = bare.split('<').next().unwrap_or(bare);
    if INLINED.contains(&short) {
        return true;
    }
    anywhere.iter().any(|part| name.contains(part)) || first.iter().any(|start| bare.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Functions {
        let mut functions = Functions::default();
        let stack = |names: &str| names.split(' ').map(str::to_owned).collect();
        functions.add(stack("main render sin"), 6, Some("render"));
        functions.add(stack("main render"), 2, Some("render"));
        functions.add(stack("main render;band sin"), 2, Some("render"));
        functions.add(stack("main write"), 5, Some("render"));
        functions
    }

    #[test]
    fn only_what_lies_within_counts() {
        let functions = three();
        assert_eq!((functions.samples, functions.outside), (10, 5));
        let mut folded = Vec::new();
        functions.write_folded(&mut folded).unwrap();
        let folded = String::from_utf8(folded).unwrap();
        assert_eq!(folded, "main;render 2\nmain;render:band;sin 2\nmain;render;sin 6\n");
    }

    #[test]
    fn a_name_is_not_part_of_a_longer_one() {
        for name in [
            "render",
            "a::render::<f64>",
            "<a::B as c::D>::render",
            "a::render::{{closure}}",
            "renders::render",
        ] {
            assert!(has_word(name, "render"), "{name}");
        }
        for name in ["renders", "a::prerender", "render_rows", "a::renders::go", "rendé", ""] {
            assert!(!has_word(name, "render"), "{name}");
        }
    }

    #[test]
    fn how_work_was_split_is_one_frame() {
        let mut functions = Functions::default();
        for depth in [1, 5] {
            let split = vec!["rayon_core::join::<A, B>".to_owned(); depth];
            let stack =
                [vec!["std::rt::lang_start".to_owned(), "main".to_owned()], split, vec!["render".to_owned()]];
            functions.add(stack.concat(), 1, Some("render"));
        }
        assert_eq!(functions.stacks, BTreeMap::from([("[runtime];main;[runtime];render".to_owned(), 2)]));
    }

    #[test]
    fn frames_that_were_inlined_have_short_names() {
        assert!(is_plumbing("main_loop") && is_plumbing("execute<rayon_core::job::StackJob<A>>"));
        assert!(!is_plumbing("execute_order") && !is_plumbing("nanobragg::engine::render"));
    }

    #[test]
    fn the_top_is_by_self_share() {
        let top = three().top(2);
        assert_eq!((top[0].name.as_str(), top[0].self_pct), ("sin", 80.0));
        assert_eq!((top[1].name.as_str(), top[1].self_pct, top[1].time_pct), ("render", 20.0, 80.0));
    }
}
