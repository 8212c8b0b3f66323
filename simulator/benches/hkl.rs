//! How fast a list of structure factors is read: a file of 28 MB as programs write it, on one thread and on two. The grid
//! is compared with what was written first. Target: 500 MB/s on two cores.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nanobragg::io::hkl::read_hkl;
use nanobragg::physics::structure_factor::HklGrid;
use std::fmt::Write;

/// Indices from −HALF to HALF on every axis.
const HALF: i32 = 59;

/// A file, and the grid that it stands for.
fn list() -> (String, HklGrid) {
    let (mut text, mut values) = (String::new(), Vec::new());
    let mut random = 1_u64;
    for h in -HALF..=HALF {
        for k in -HALF..=HALF {
            for l in -HALF..=HALF {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let hundredths = (random >> 40) % 100_000;
                writeln!(text, "{h} {k} {l} {}.{:02}", hundredths / 100, hundredths % 100).expect("memory");
                values.push(hundredths as f64 / 100.0);
            }
        }
    }
    (text, HklGrid { min: [-HALF; 3], max: [HALF; 3], values })
}

fn bench(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("F.hkl");
    let (text, expected) = list();
    assert!(text.len() >= 28_000_000, "only {} bytes", text.len());
    std::fs::write(&path, &text).expect("a file");
    let mut group = criterion.benchmark_group("hkl");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let read = || pool.install(|| read_hkl(&path, 0.0, false)).expect("a good file");
        assert!(read() == expected, "the grid is not what was written");
        group.bench_function(format!("text, {threads} threads"), |b| b.iter(read));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
