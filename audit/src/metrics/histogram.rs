//! Quantiles without sorting: counts over the upper half of a float's bits. A bin is 2⁻⁷ wide, relative; a quantile
//! is given as the lower edge of its bin.

/// Counts by the upper 16 bits of f32 values, in the order of the values.
pub(super) struct Histogram(Vec<u64>);

/// Where a value belongs.
#[inline(always)]
pub(super) fn bin(value: f32) -> u16 {
    let bits = value.to_bits();
    // negative numbers count backwards
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 };
    (ordered >> 16) as u16
}

/// The value of a bin that is nearest to zero.
fn edge(bin: usize) -> f32 {
    let ordered = (bin as u32) << 16;
    if ordered >> 31 == 1 {
        f32::from_bits(ordered & 0x7fff_ffff)
    } else {
        f32::from_bits(!(ordered | 0xffff))
    }
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self(vec![0; 1 << 16])
    }

    #[inline(always)]
    pub(super) fn count(&mut self, bin: u16) {
        self.0[usize::from(bin)] += 1;
    }

    pub(super) fn count_many(&mut self, bin: u16, n: usize) {
        self.0[usize::from(bin)] += n as u64;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Takes values out again that were counted in `bin`.
    pub(super) fn forget(&mut self, bin: u16, n: usize) {
        let count = &mut self.0[usize::from(bin)];
        *count = count.saturating_sub(n as u64);
    }

    /// How many values are 0 or so small that they share its bins.
    pub(super) fn near_zero(&self) -> u64 {
        [0.0, -0.0].map(|zero| self.0[usize::from(bin(zero))]).iter().sum()
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The lower edge of the bin that holds the value with `rank` values before it.
    pub(super) fn at_rank(&self, rank: u64) -> Option<f32> {
        let mut before = 0;
        self.0
            .iter()
            .position(|&n| {
                before += n;
                before > rank
            })
            .map(edge)
    }

    /// The value that a share `q` of all values does not exceed.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let n = self.total();
        let rank = (q * n as f64).ceil() as u64;
        self.at_rank(rank.clamp(1, n.max(1)) - 1).map(f64::from)
    }

    /// Counts by magnitude: what lies on both sides of zero added up, nearest first.
    fn magnitudes(&self) -> impl Iterator<Item = (f32, u64)> + '_ {
        (0..1 << 15).map(|i| (edge((1 << 15) + i), self.0[(1 << 15) + i] + self.0[(1 << 15) - 1 - i]))
    }

    /// The median magnitude of the values that are not (nearly) zero.
    pub(super) fn median_magnitude(&self) -> Option<f32> {
        let n: u64 = self.magnitudes().skip(1).map(|(_, n)| n).sum();
        let mut before = 0;
        self.magnitudes()
            .skip(1)
            .find(|(_, count)| {
                before += count;
                2 * before >= n && n > 0
            })
            .map(|(edge, _)| edge)
    }

    /// Mean of `f` over all values up to `limit`, each taken at its bin's edge: near the true one, not the true one.
    pub(super) fn rough_mean(&self, limit: f32, f: impl Fn(f64) -> f64) -> f64 {
        let (mut sum, mut n) = (0.0, 0_u64);
        for (i, &count) in self.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            let value = edge(i);
            if value <= limit {
                sum += f(f64::from(value)) * count as f64;
                n += count;
            }
        }
        if n == 0 { 0.0 } else { sum / n as f64 }
    }
}

/// Counts of whole numbers; what is larger than the last is counted with it.
pub(super) struct Steps(Vec<u64>);

impl Steps {
    /// The largest number that is counted on its own.
    pub(super) const LAST: u32 = (1 << 16) - 1;

    pub(super) fn new() -> Self {
        Self(vec![0; 1 << 16])
    }

    #[inline(always)]
    pub(super) fn count(&mut self, steps: u16) {
        self.0[usize::from(steps)] += 1;
    }

    pub(super) fn count_many(&mut self, steps: u16, n: usize) {
        self.0[usize::from(steps)] += n as u64;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The number that a share `q` does not exceed; absent where it is only known to be large.
    pub(super) fn quantile(&self, q: f64) -> Option<u32> {
        let n: u64 = self.0.iter().sum();
        let rank = ((q * n as f64).ceil() as u64).clamp(1, n.max(1));
        let mut before = 0;
        let at = self.0.iter().position(|&count| {
            before += count;
            before >= rank
        })?;
        (at < Self::LAST as usize).then_some(at as u32)
    }
}
