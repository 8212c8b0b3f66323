//! What all metrics of two 4096² f32 images cost, as a multiple of a two-pass f64 Pearson correlation over the same
//! warm memory maps on the same threads. The two take turns; medians are compared; both answers are checked.
//! `cargo bench -p bragg-audit --bench metrics [-- EDGE]`. Exit status 1 when an answer is wrong or the ratio exceeds 8.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use bragg_audit::formats::{self, Format, Shape};
use bragg_audit::metrics::{self, Roi};
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

const ROUNDS: usize = 15;
const LIMIT: f64 = 8.0;

/// Something like a diffraction image: spots with fringes on a background; `error` is the relative noise.
fn write(path: &Path, edge: usize, error: f64) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut state = 1_u64;
    for y in 0..edge {
        for x in 0..edge {
            let sinc = |v: f64| {
                let s = (v * 0.05).sin();
                if s.abs() < 1e-6 { 5.0 } else { (v * 0.25).sin() / s }
            };
            let value = (sinc(x as f64) * sinc(y as f64)).powi(2) + 0.5;
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            out.write_all(&((value * (1.0 + error * noise)) as f32).to_le_bytes())?;
        }
    }
    out.flush()
}

fn pearson(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len() as f64;
    let pairs = || a.par_chunks(1 << 14).zip(b.par_chunks(1 << 14));
    let sums = pairs().map(|(a, b)| {
        a.iter().zip(b).fold([0.0; 2], |s, (&x, &y)| [s[0] + f64::from(x), s[1] + f64::from(y)])
    });
    let [sa, sb] = sums.reduce(|| [0.0; 2], |p, q| [p[0] + q[0], p[1] + q[1]]);
    let (ma, mb) = (sa / n, sb / n);
    let products = pairs().map(|(a, b)| {
        a.iter().zip(b).fold([0.0; 3], |s, (&x, &y)| {
            let (u, v) = (f64::from(x) - ma, f64::from(y) - mb);
            [s[0] + u * u, s[1] + v * v, s[2] + u * v]
        })
    });
    let [aa, bb, ab] = products.reduce(|| [0.0; 3], |p, q| [p[0] + q[0], p[1] + q[1], p[2] + q[2]]);
    ab / (aa * bb).sqrt()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let edge = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(4096);
    let dir = tempfile::tempdir()?;
    let paths = [dir.path().join("a.bin"), dir.path().join("b.bin")];
    write(&paths[0], edge, 0.0)?;
    write(&paths[1], edge, 2e-5)?;
    let open = |path| formats::read(path, Some(Format::F32), Some(Shape::new(edge, edge)));
    let (a, b) = (open(&paths[0])?, open(&paths[1])?);
    let (flat_a, flat_b) = (a.as_f32().ok_or("not f32")?, b.as_f32().ok_or("not f32")?);
    let (mut all, mut plain) = (Vec::new(), Vec::new());
    let mut wrong = false;
    for round in 0..=ROUNDS {
        let start = Instant::now();
        let r = pearson(flat_a, flat_b);
        let took_plain = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let (found, maps) = metrics::measure(&a, &b, Some(Roi::full(a.shape())))?;
        let took_all = start.elapsed().as_secs_f64();
        wrong |= !found.correlation.is_some_and(|c| (c - r).abs() < 1e-12);
        wrong |=
            !found.extended.is_some_and(|x| x.peaks.recall == Some(1.0) && x.peaks.reference > edge / 64);
        wrong |= maps.tiles.len() != edge.div_ceil(metrics::TILE).pow(2);
        if round > 0 {
            plain.push(took_plain);
            all.push(took_all);
        }
    }
    let (all, plain) = (median(all), median(plain));
    let ratio = all / plain;
    let threads = rayon::current_num_threads();
    println!(
        "all metrics {:.1} ms, Pearson {:.1} ms, ratio {ratio:.2} (limit {LIMIT}), {threads} threads",
        all * 1e3,
        plain * 1e3
    );
    println!("answers {}", if wrong { "WRONG" } else { "verified" });
    Ok(if wrong || ratio > LIMIT { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
