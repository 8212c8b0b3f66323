//! The numbers that need no shape, of two lists of values.
//!
//! All sums are f64, in two passes (means first, then centred products), over blocks of a fixed length that are
//! added in a fixed order, so that every digit is the same for any number of threads.

use super::{CompareError, Comparison, Worst};
use rayon::prelude::*;

/// Values a partial sum covers. Part of the definition of the digits: changing it changes last places.
const BLOCK: usize = 1 << 14;

/// Sums over one block that need no means.
#[derive(Default)]
struct First {
    sum_a: f64,
    sum_b: f64,
    abs_a: f64,
    abs_diff: f64,
    bad_a: usize,
    bad_b: usize,
    differing: usize,
    max_a: f32,
    max_b: f32,
    top_a: f32,
}

/// Compares `candidate` with `reference`, value by value; [`Comparison::extended`] stays absent.
///
/// # Errors
/// Empty images and images of different length. Non-finite values are counted, and leave the sums undefined.
pub fn compare(reference: &[f32], candidate: &[f32]) -> Result<Comparison, CompareError> {
    if reference.len() != candidate.len() {
        let (reference, candidate) =
            (format!("{} values", reference.len()), format!("{} values", candidate.len()));
        return Err(CompareError::Shape { reference, candidate });
    }
    if reference.is_empty() {
        return Err(CompareError::Empty);
    }
    let n = reference.len() as f64;
    let first = fold_blocks(reference, candidate, first_pass, |total: &mut First, part| {
        total.sum_a += part.sum_a;
        total.sum_b += part.sum_b;
        total.abs_a += part.abs_a;
        total.abs_diff += part.abs_diff;
        total.bad_a += part.bad_a;
        total.bad_b += part.bad_b;
        total.differing += part.differing;
        total.max_a = total.max_a.max(part.max_a);
        total.max_b = total.max_b.max(part.max_b);
        total.top_a = total.top_a.max(part.top_a);
    });
    let mut out = Comparison {
        pixels: reference.len(),
        reference_non_finite: first.bad_a,
        candidate_non_finite: first.bad_b,
        differing: first.differing,
        reference_sum: first.sum_a,
        candidate_sum: first.sum_b,
        reference_max: f64::from(first.max_a),
        candidate_max: f64::from(first.max_b),
        ..Comparison::default()
    };
    if first.bad_a + first.bad_b > 0 {
        return Ok(out); // sums over NaN say nothing: they stay undefined
    }
    let (mean_a, mean_b) = (first.sum_a / n, first.sum_b / n);
    let [saa, sbb, sdd] = centred(reference, candidate, mean_a, mean_b, 1.0, 1.0);
    if saa > 0.0 && sbb > 0.0 {
        let (sigma_a, sigma_b) = ((saa / n).sqrt(), (sbb / n).sqrt());
        let [_, _, standardised] =
            centred(reference, candidate, mean_a, mean_b, 1.0 / sigma_a, 1.0 / sigma_b);
        let miss = standardised / (2.0 * n);
        out.one_minus_correlation = Some(miss);
        out.correlation = Some(1.0 - miss);
    }
    if first.sum_a != 0.0 {
        out.sum_ratio = Some(first.sum_b / first.sum_a);
        out.rmse_over_mean = Some((sdd / n + (mean_b - mean_a).powi(2)).sqrt() / mean_a.abs());
    }
    if first.abs_a > 0.0 {
        out.relative_l1 = Some(first.abs_diff / first.abs_a);
    }
    out.worst = worst(reference, candidate, first.top_a * 1e-6);
    Ok(out)
}

fn first_pass(_: usize, a: &[f32], b: &[f32]) -> First {
    let mut f = First { max_a: f32::NEG_INFINITY, max_b: f32::NEG_INFINITY, ..First::default() };
    for (&x, &y) in a.iter().zip(b) {
        f.bad_a += usize::from(!x.is_finite());
        f.bad_b += usize::from(!y.is_finite());
        f.differing += usize::from(x != y);
        f.max_a = f.max_a.max(x);
        f.max_b = f.max_b.max(y);
        f.top_a = f.top_a.max(x.abs());
        let (x, y) = (f64::from(x), f64::from(y));
        f.sum_a += x;
        f.sum_b += y;
        f.abs_a += x.abs();
        f.abs_diff += (y - x).abs();
    }
    f
}

/// Σ u², Σ v², Σ (v − u)² of u = (a − mean_a)·scale_a and v = (b − mean_b)·scale_b.
fn centred(a: &[f32], b: &[f32], mean_a: f64, mean_b: f64, scale_a: f64, scale_b: f64) -> [f64; 3] {
    let block = |_: usize, a: &[f32], b: &[f32]| {
        let mut s = [0.0; 3];
        for (&x, &y) in a.iter().zip(b) {
            let u = (f64::from(x) - mean_a) * scale_a;
            let v = (f64::from(y) - mean_b) * scale_b;
            s[0] += u * u;
            s[1] += v * v;
            s[2] += (v - u) * (v - u);
        }
        s
    };
    fold_blocks(a, b, block, |total: &mut [f64; 3], part| {
        for (t, p) in total.iter_mut().zip(part) {
            *t += p;
        }
    })
}

fn worst(a: &[f32], b: &[f32], floor: f32) -> Option<Worst> {
    let block = |start: usize, a: &[f32], b: &[f32]| {
        let mut found: Option<Worst> = None;
        for (i, (&x, &y)) in a.iter().zip(b).enumerate() {
            if x.abs() > floor {
                let relative_error = (f64::from(y) - f64::from(x)).abs() / f64::from(x).abs();
                if found.as_ref().is_none_or(|w| relative_error > w.relative_error) {
                    found = Some(Worst {
                        index: start + i,
                        reference: f64::from(x),
                        candidate: f64::from(y),
                        relative_error,
                    });
                }
            }
        }
        found
    };
    fold_blocks(a, b, block, |total: &mut Option<Worst>, part| {
        if let Some(part) = part
            && total.as_ref().is_none_or(|w| part.relative_error > w.relative_error)
        {
            *total = Some(part);
        }
    })
}

/// Runs `block` over fixed blocks in parallel and adds the parts in the order of the blocks.
fn fold_blocks<T: Default + Send, P: Send>(
    a: &[f32],
    b: &[f32],
    block: impl Fn(usize, &[f32], &[f32]) -> P + Sync,
    add: impl Fn(&mut T, P),
) -> T {
    let parts: Vec<P> = a
        .par_chunks(BLOCK)
        .zip(b.par_chunks(BLOCK))
        .enumerate()
        .map(|(i, (a, b))| block(i * BLOCK, a, b))
        .collect();
    let mut total = T::default();
    for part in parts {
        add(&mut total, part);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 2_654_435_761) % 1000) as f32 * 0.37 + 1.0).collect()
    }

    #[test]
    fn known_values() {
        let c = compare(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 9.0]).unwrap();
        // numpy.corrcoef([1,2,3,4],[2,4,6,9])[0,1] = 0.9943236...; by hand: 11.5/sqrt(5·26.75)
        assert!((c.correlation.unwrap() - 11.5 / (5.0f64 * 26.75).sqrt()).abs() < 1e-15);
        assert_eq!(c.sum_ratio, Some(2.1));
        assert_eq!(c.relative_l1, Some(1.1));
        let mse: f64 = (1.0 + 4.0 + 9.0 + 25.0) / 4.0;
        assert!((c.rmse_over_mean.unwrap() - mse.sqrt() / 2.5).abs() < 1e-15);
        assert_eq!(c.worst.unwrap().index, 3);
    }

    #[test]
    fn scale_leaves_correlation_and_shows_in_the_ratio() {
        let a = image(100_000);
        let b: Vec<f32> = a.iter().map(|x| x * 2.0).collect();
        let c = compare(&a, &b).unwrap();
        assert!(c.one_minus_correlation.unwrap() < 1e-30);
        assert_eq!(c.sum_ratio, Some(2.0));
    }

    #[test]
    fn small_misses_keep_their_digits() {
        // one value changed by 1e-4 of sigma: 1 − r far below the rounding of 1.0
        let a = image(1 << 16);
        let mut b = a.clone();
        b[77] += 0.01;
        let miss = compare(&a, &b).unwrap().one_minus_correlation.unwrap();
        assert!(miss > 1e-16 && miss < 1e-13, "{miss:e}");
    }

    #[test]
    fn undefined_is_absent() {
        let c = compare(&[3.0; 10], &[3.0; 10]).unwrap();
        assert_eq!((c.correlation, c.sum_ratio, c.differing), (None, Some(1.0), 0));
        let c = compare(&[0.0; 10], &[0.0; 10]).unwrap();
        assert_eq!((c.correlation, c.sum_ratio, c.relative_l1), (None, None, None));
        let c = compare(&[1.0, f32::NAN], &[1.0, 2.0]).unwrap();
        assert_eq!((c.reference_non_finite, c.correlation, c.sum_ratio), (1, None, None));
    }

    #[test]
    fn shapes_and_emptiness_are_errors() {
        assert!(matches!(compare(&[1.0], &[1.0, 2.0]), Err(CompareError::Shape { .. })));
        assert_eq!(compare(&[], &[]), Err(CompareError::Empty));
    }

    #[test]
    fn digits_do_not_depend_on_threads() {
        let a = image(300_001);
        let b: Vec<f32> = a.iter().enumerate().map(|(i, x)| x + (i % 7) as f32 * 0.01).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| compare(&a, &b).unwrap())
        };
        assert_eq!(run(1), run(3));
    }
}
