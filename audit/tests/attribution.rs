//! Samples find the loops of a program whose costs are measured while it runs: no cost is assumed.
//!
//! Every loop below stands under a comment `// loop NAME`; its true share is its thread time by the processor clock, read
//! around each call.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bragg_audit::hot_loops::{HotLoop, HotLoops, Inputs, Others, SAMPLES, UNMATCHED, build};
use bragg_audit::inventory::Inventory;
use bragg_audit::profile::phase;
use bragg_audit::profile::sampler::{SampleStats, Sampler, SamplerError};
use rayon::prelude::*;

/// One sampler per process, and tests run in parallel.
static TURN: Mutex<()> = Mutex::new(());
static PHASE: AtomicU8 = AtomicU8::new(0);
static RAYON_NS: AtomicU64 = AtomicU64::new(0);

fn phase_now() -> u8 {
    PHASE.load(Ordering::Relaxed)
}

#[expect(unsafe_code, reason = "the libc crate's binding of clock_gettime")]
fn thread_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[inline(never)]
fn plain(n: u64) -> f64 {
    let mut x = 0.5;
    // loop plain
    for i in 0..n {
        x = x * 0.999_999 + f64::from(i as u32 & 7);
    }
    x
}

#[inline(always)]
fn nested(n: u64) -> f64 {
    let mut sum = 0.0;
    // loop outer
    for i in 0..n / 64 {
        let mut k = 0;
        let mut x = i as f64;
        // loop inner
        while k < 64 {
            x = (x + 1.25) * 0.75;
            k += black_box(1);
        }
        sum += x;
    }
    sum
}

fn chain(n: u64) -> f64 {
    // loop chain
    (0..n)
        .map(|i| {
            let x = black_box(i as f64);
            x / (x + 3.0)
        })
        .sum()
}

fn sines(n: u64) -> f64 {
    let mut sum = 0.0;
    // loop sines
    for i in 0..n {
        sum += black_box(i as f64 * 0.01).sin();
    }
    sum
}

fn parallel(n: u64) -> f64 {
    // loop rayon
    (0..16u64)
        .into_par_iter()
        .map(|part| {
            let before = thread_ns();
            let mut x = part as f64;
            // loop leaf
            for _ in 0..n / 16 {
                x = (x * 1.000_001 + 0.5).sqrt();
            }
            RAYON_NS.fetch_add(thread_ns() - before, Ordering::Relaxed);
            x
        })
        .sum()
}

/// A loop that runs so many times.
type Work = fn(u64) -> f64;

/// Repetitions for which `work` takes about `ms` of thread time here and now.
fn calibrated(work: Work, ms: u64) -> u64 {
    let mut n = 1 << 10;
    loop {
        let before = thread_ns();
        black_box(work(n));
        let taken = thread_ns() - before;
        if taken >= 500_000 {
            return (n as f64 * (ms * 1_000_000) as f64 / taken as f64) as u64;
        }
        n *= 2;
    }
}

/// Runs all the loops for a while; their thread times in nanoseconds.
fn workload() -> BTreeMap<&'static str, u64> {
    let works: [(&str, Work, u64); 4] =
        [("plain", plain, 5), ("outer", nested, 3), ("chain", chain, 2), ("sines", sines, 2)];
    let sizes: Vec<u64> = works.iter().map(|&(_, work, ms)| calibrated(work, ms)).collect();
    let leaf = calibrated(|n| (0..n).fold(0.5, |x: f64, _| (x * 1.000_001 + 0.5).sqrt()), 4);
    let mut spent = BTreeMap::new();
    RAYON_NS.store(0, Ordering::Relaxed);
    PHASE.store(phase::RENDER, Ordering::Relaxed);
    // loop driver
    while spent.values().sum::<u64>() < 2_500_000_000 {
        for (&(name, work, _), &n) in works.iter().zip(&sizes) {
            let before = thread_ns();
            black_box(work(n));
            *spent.entry(name).or_default() += thread_ns() - before;
        }
        black_box(parallel(leaf));
        spent.insert("leaf", RAYON_NS.load(Ordering::Relaxed));
    }
    PHASE.store(phase::OUTPUT, Ordering::Relaxed);
    black_box(plain(sizes[0] * 20));
    PHASE.store(phase::NONE, Ordering::Relaxed);
    spent
}

/// The loops of this file.
fn inventory() -> Inventory {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Inventory::scan(root, &["audit/tests/attribution.rs".into()]).unwrap()
}

/// The id of the loop that starts on the line below the comment `// loop NAME`.
fn id(name: &str) -> String {
    let mark = format!("// loop {name}");
    let above = include_str!("attribution.rs").lines().position(|line| line.trim() == mark).unwrap();
    let found = inventory().loops.into_iter().find(|l| l.line as usize == above + 2);
    found.unwrap_or_else(|| panic!("the inventory has no loop under {mark}")).loop_id
}

fn sampled(work: impl FnOnce(), to: &Path) -> (SampleStats, HotLoops) {
    let sampler = Sampler::start(Duration::from_millis(1), phase_now).unwrap();
    work();
    let stats = sampler.stop(to).unwrap();
    let inventory = inventory();
    let inputs = Inputs {
        inventory: &inventory,
        samples: Some(to),
        trace: None,
        others: Others::default(),
        threshold_pct: 1.0,
        register_bits: 256,
    };
    (stats, build(inputs).unwrap())
}

fn row<'a>(hot: &'a HotLoops, name: &str) -> &'a HotLoop {
    let id = if name.starts_with('(') { name.to_owned() } else { id(name) };
    hot.rows.iter().find(|r| r.loop_id == id).unwrap_or_else(|| panic!("no row {id} in {:#?}", hot.rows))
}

/// Where the profile's shares are not those of the processor's clock.
#[expect(clippy::print_stdout, reason = "what was found is shown when a test fails")]
fn disagreement(hot: &HotLoops, spent: &BTreeMap<&str, u64>) -> Option<String> {
    let total = hot.sources[0].total_ms.unwrap() * 1e6;
    for (name, ns) in spent {
        let expected = 100.0 * *ns as f64 / total;
        let found = row(hot, name);
        let (low, high) = (found.ci_low.unwrap(), found.ci_high.unwrap());
        println!("{name:6} expected {expected:6.2} found {:6.2} [{low:.2}, {high:.2}]", found.time_pct);
        assert!(low <= found.time_pct && found.time_pct <= high);
        let within = low <= expected && expected <= high;
        if !within && (found.time_pct - expected).abs() > 3.0 {
            return Some(format!("{name}: {expected} against {found:?}"));
        }
    }
    // rayon's workers look for work outside of our loops; that is all that may be left over.
    let elsewhere = 100.0 * (1.0 - spent.values().sum::<u64>() as f64 / total);
    let unmatched = row(hot, UNMATCHED).self_pct;
    ((unmatched - elsewhere).abs() >= 3.0).then(|| format!("{unmatched} against {elsewhere}"))
}

#[test]
fn shares_are_those_that_the_processor_clock_tells() {
    let turn = TURN.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (hang_up, idle) = std::sync::mpsc::channel::<()>();
    let waiting = std::thread::spawn(move || idle.recv());
    // What else the machine does may take the processor for a while, in which nothing is sampled; a wrong attribution would
    // be wrong every time.
    let mut attempts = (0..3).map(|_| {
        let mut spent = BTreeMap::new();
        let (stats, hot) = sampled(|| spent = workload(), &folder.path().join("samples.json"));
        println!("{stats:?}\n{:#?}", hot.sources);
        let complaint = disagreement(&hot, &spent);
        println!("{complaint:?}");
        (stats, hot, complaint)
    });
    let right = attempts.find(|(_, _, complaint)| complaint.is_none());
    drop((hang_up, turn));
    let _ = waiting.join();
    let (stats, hot, _) = right.expect("one of three profiles tells the shares");
    let (inner, outer) = (row(&hot, "inner"), row(&hot, "outer"));
    assert!(outer.time_pct >= inner.time_pct && inner.self_pct > 5.0 * outer.self_pct, "{inner:?} {outer:?}");
    let (leaf, rayon) = (row(&hot, "leaf"), row(&hot, "rayon"));
    assert!(rayon.time_pct >= leaf.time_pct && rayon.self_pct < 2.0, "{leaf:?} {rayon:?}");
    let sum: f64 = hot.rows.iter().map(|r| r.self_pct).sum();
    assert!((sum - 100.0).abs() < 0.1, "self% adds up to {sum}");
    assert_eq!(hot.primary, SAMPLES);
    assert_eq!(hot.problems, Vec::<String>::new());
    assert!(stats.idle > 0 && stats.dropped == 0 && stats.threads >= 3, "{stats:?}");
}

#[test]
fn one_sampler_at_a_time_and_again_after_that() {
    let _turn = TURN.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("samples.json");
    let first = Sampler::start(Duration::from_millis(1), phase_now).unwrap();
    let second = Sampler::start(Duration::from_millis(1), phase_now);
    assert!(matches!(second, Err(SamplerError::Busy)));
    assert!(matches!(Sampler::start(Duration::ZERO, phase_now), Err(SamplerError::Period(_))));
    first.stop(&to).unwrap();
    let again = Sampler::start(Duration::from_millis(1), phase_now).unwrap();
    let missing = folder.path().join("no such folder").join("samples.json");
    assert!(matches!(again.stop(&missing), Err(SamplerError::File(_))));
    assert!(to.is_file() && !missing.exists());
}
