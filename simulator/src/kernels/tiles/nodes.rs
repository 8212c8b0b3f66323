//! Chebyshev nodes, and the matrices that take values at the nodes to sums over the sub-pixels of each pixel.

use crate::kernels::aligned::Aligned;
use crate::kernels::lanes::Real;
use crate::wide::wide;
use std::f64::consts::PI;

/// Chebyshev nodes of the first kind on (−1, 1), ascending, exactly symmetric.
pub(crate) fn nodes(m: usize) -> Vec<f64> {
    (0..m).map(|k| ((2 * k + 1) as f64 - m as f64) * PI / (2 * m) as f64).map(f64::sin).collect()
}

/// Sums that are kept side by side.
const LANES: usize = 8;

/// The Lagrange polynomials of the nodes at `x` (barycentric formula; `weights` are those of the nodes).
fn lagrange(nodes: &[f64], weights: &[f64], x: f64, out: &mut [f64]) {
    let scale = 1.0 / quotients(nodes, weights, x, out);
    if scale.is_normal() {
        out.iter_mut().for_each(|value| *value *= scale);
        return;
    }
    // At a node.
    out.iter_mut().zip(nodes).for_each(|(value, node)| *value = f64::from(u8::from(*node == x)));
}

wide! {
    /// weight/(x − node) for each node, and their sum: infinite, or not a number, if x is a node.
    fn quotients(nodes: &[f64], weights: &[f64], x: f64, out: &mut [f64]) -> f64 {
        let mut sum = [0.0; LANES];
        let (nodes, weights) = (&nodes[..out.len()], &weights[..out.len()]);
        let whole = out.len() / LANES * LANES;
        let mut k = 0;
        while k < whole {
            for i in 0..LANES {
                let quotient = weights[k + i] / (x - nodes[k + i]);
                out[k + i] = quotient;
                sum[i] += quotient;
            }
            k += LANES;
        }
        for k in whole..out.len() {
            out[k] = weights[k] / (x - nodes[k]);
            sum[k - whole] += out[k];
        }
        sum.iter().sum()
    }
}

/// Barycentric weights: (−1)^k sin((2k+1)π/2m).
fn weights(m: usize) -> Vec<f64> {
    let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
    (0..m).map(|k| sign(k) * ((2 * k + 1) as f64 * PI / (2 * m) as f64).sin()).collect()
}

/// From values at `m` nodes along one direction of a tile to sums over the sub-pixels of its pixels.
///
/// Nodes and pixels are symmetric about the middle, so that even and odd parts are kept apart: with
/// E± = ½(E(t, k) ± E(t, m−1−k)) and V± = V(k) ± V(m−1−k), pixel t is E⁺V⁺ + E⁻V⁻ and its mirror image E⁺V⁺ − E⁻V⁻.
/// Half the pixels and half the nodes are stored, in groups of as many pixels as the product takes together:
/// `[pixel / group][k][pixel % group]`, filled up with zeros.
#[derive(Debug)]
pub(crate) struct Interpolation<T> {
    /// Number of nodes, even.
    pub(crate) m: usize,
    /// Pixels.
    pub(crate) pixels: usize,
    /// E⁺.
    pub(crate) even: Aligned<T>,
    /// E⁻.
    pub(crate) odd: Aligned<T>,
}

impl<T: Real> Interpolation<T> {
    /// For `m` nodes (even), `pixels` pixels of `oversample` sub-pixels, and the groups of the product.
    pub(crate) fn new(m: usize, pixels: usize, oversample: usize, group: usize) -> Interpolation<T> {
        let (half_m, half) = (m / 2, pixels.div_ceil(2));
        let points = (pixels * oversample) as f64;
        let (nodes, weights) = (nodes(m), weights(m));
        let (mut one, mut sum) = (vec![0.0; m], vec![0.0; m]);
        let size = half.next_multiple_of(group) * half_m;
        let (mut even, mut odd) = (Aligned::zeros(size), Aligned::zeros(size));
        for t in 0..half {
            sum.fill(0.0);
            for sub in 0..oversample {
                let x = ((2 * (t * oversample + sub) + 1) as f64 - points) / points;
                lagrange(&nodes, &weights, x, &mut one);
                sum.iter_mut().zip(&one).for_each(|(sum, one)| *sum += one);
            }
            for k in 0..half_m {
                let at = (t / group * half_m + k) * group + t % group;
                even[at] = T::of(0.5 * (sum[k] + sum[m - 1 - k]));
                odd[at] = T::of(0.5 * (sum[k] - sum[m - 1 - k]));
            }
        }
        Interpolation { m, pixels, even, odd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomials_are_those_of_the_nodes() {
        for m in [2, 4, 10, 64, 130] {
            let (nodes, weights) = (nodes(m), weights(m));
            let mut out = vec![f64::NAN; m];
            for (at, &node) in nodes.iter().enumerate() {
                lagrange(&nodes, &weights, node, &mut out);
                assert!(
                    out.iter().enumerate().all(|(k, &value)| value == f64::from(u8::from(k == at))),
                    "{m} {at}"
                );
                // Between nodes a straight line is interpolated, to which every one of them contributes.
                let x = node + 1e-3;
                lagrange(&nodes, &weights, x, &mut out);
                let line: f64 = out.iter().zip(&nodes).map(|(value, node)| value * node).sum();
                assert!((line - x).abs() < 1e-12, "{m} {at}: {line} instead of {x}");
            }
        }
    }
}
