//! Short rows of bytes whose products are never below the cosines: most pairs are ruled out by them.
//!
//! Let the rows of P be axes, orthonormal but for rounding, and r(x) the length of what P does not show of x. Then by
//! Cauchy and Schwarz x·y ≤ Px·Py + r(x) r(y). A short row holds Px, turned so that its components are about equally
//! large and round well, and r(x) in equal parts. Whatever the axes are, no pair is lost; good axes let few others through.

use std::ops::Range;

use super::axes::{Axes, product};
use super::bytes::{Bytes, Look, Panels, slack, sweep};
use super::clusters::sample;
use super::tile::Kernel;
use super::vectors::{Vectors, squares};
use crate::dispatch;
use crate::progress::{Cancelled, Progress};

/// Lengths that a short row may have.
pub const WIDTHS: [usize; 2] = [64, 128];
/// A part in so many of a short row holds what the axes do not show.
const REST_PART: usize = 16;
/// Rows of the sample from which axes are made.
const AXES_SAMPLE: usize = 4096;
/// Other rows, among which is counted what a bound lets through.
const TRIAL_SAMPLE: usize = 1024;
/// Vectors of up to so many components are short enough.
const SHORT: usize = 256;
/// Rows of which all pairs are compared before axes are made.
const FEW: usize = 1 << 14;
/// What the scales and limits of a product cost, in components.
const COST_OF_PRODUCT: f64 = 24.0;
/// What a pair costs that is let through, in components: its whole rows come from memory.
const COST_OF_PAIR: f64 = 16_000.0;
/// How much oftener rows are near that meet in a cluster.
const NEARER_IN_CLUSTERS: f64 = 30.0;

/// Which bound is put before the products of whole rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub enum Choice {
    /// The one that is fastest on a sample, or none.
    Fastest,
    /// Rows of this one of [`WIDTHS`], however few or short the vectors are.
    Width(usize),
    /// None.
    None,
}

impl Choice {
    /// Short rows for the vectors, if they are worth their while for pairs from `floor` on, of all rows or of those that
    /// meet in clusters.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn bound(
        self,
        vectors: Vectors<'_>,
        kernel: Kernel,
        floor: f32,
        clustered: bool,
        progress: &Progress,
    ) -> Result<Option<Bytes>, Cancelled> {
        let few = vectors.dimensions() <= SHORT || vectors.len() < FEW;
        if self == Self::None || (self == Self::Fastest && few) {
            return Ok(None);
        }
        let drawn = distinct(vectors, &sample(vectors, AXES_SAMPLE + TRIAL_SAMPLE, AXES_SEED, progress)?);
        let (for_trial, for_axes) = drawn.split_at(drawn.len() / (1 + AXES_SAMPLE / TRIAL_SAMPLE));
        let widest = WIDTHS.iter().fold(0, |widest, &width| widest.max(width - width / REST_PART));
        let axes = Axes::principal(vectors, for_axes, widest, kernel, progress)?;
        if axes.count() == 0 {
            return Ok(None);
        }
        let width = if let Self::Width(width) = self {
            Some(width)
        } else {
            let shares = shares_let_through(vectors, &axes, for_trial, kernel, floor, progress)?;
            let nearer = if clustered { NEARER_IN_CLUSTERS } else { 1.0 };
            fastest(vectors.dimensions(), shares.map(|share| nearer * share))
        };
        width.map(|width| Short::new(&axes, width).bytes(vectors, None, progress)).transpose()
    }
}

/// Bytes of memory that a bound needs at most, and the hashes by which its sample is drawn.
pub fn memory_needed(rows: u64, dimensions: usize) -> u64 {
    if dimensions <= SHORT || rows < FEW as u64 {
        return 0;
    }
    let axes = 2 * (MOST * dimensions * size_of::<f64>()) as u64;
    rows * (MOST as u64 + 12).max(16) + axes
}

/// Another sample than that of clusters and of recall.
const AXES_SEED: u64 = 0x6178_6573;

/// The rows that are not zero, those that are all alike once.
fn distinct(vectors: Vectors<'_>, rows: &[u32]) -> Vec<u32> {
    let mut rows: Vec<u32> = rows.iter().copied().filter(|&row| squares(vectors.row(row)) > 0.0).collect();
    rows.dedup_by(|one, other| vectors.row(*one) == vectors.row(*other));
    rows
}

/// The width that costs least, given the shares of pairs that each lets through; none, if whole rows cost less.
fn fastest(dimensions: usize, shares: [f64; WIDTHS.len()]) -> Option<usize> {
    let costs = WIDTHS.iter().zip(shares).map(|(&width, share)| {
        let cost = width as f64 + COST_OF_PRODUCT + COST_OF_PAIR * share;
        (Some(width), cost)
    });
    let none = (None, dimensions as f64 + COST_OF_PRODUCT);
    costs.fold(none, |least, other| if other.1 < least.1 { other } else { least }).0
}

/// The share of pairs of the trial rows that short rows of each of [`WIDTHS`] let through.
fn shares_let_through(
    vectors: Vectors<'_>,
    axes: &Axes,
    trial: &[u32],
    kernel: Kernel,
    floor: f32,
    progress: &Progress,
) -> Result<[f64; WIDTHS.len()], Cancelled> {
    let pairs = (trial.len() * trial.len().saturating_sub(1)) as f64;
    let all: Vec<u32> = (0..trial.len() as u32).collect();
    let mut shares = [0.0; WIDTHS.len()];
    for (share, width) in shares.iter_mut().zip(WIDTHS) {
        let bytes = Short::new(axes, width).bytes(vectors, Some(trial), progress)?;
        let mut through = Through { bytes: &bytes, floor, count: 0 };
        sweep(kernel, &bytes, &all, true, &Panels::new(&bytes, &all), &mut through);
        // Each row with itself is none.
        *share = through.count.saturating_sub(all.len() as u64) as f64 / pairs.max(1.0);
    }
    Ok(shares)
}

/// Counts pairs that a bound lets through.
struct Through<'a> {
    bytes: &'a Bytes,
    floor: f32,
    count: u64,
}

impl Look for Through<'_> {
    fn limit(&self, left: usize) -> f32 {
        self.floor - self.bytes.allowance(left as u32)
    }

    fn found(&mut self, _left: usize, _right: usize, _value: f32) {
        self.count += 1;
    }
}

/// Axes whose products are computed together.
const LANES: usize = 16;
/// Vectors whose products with them are.
const ROWS: usize = 4;
/// Components that are added up before they are added to the others, which keeps rounding small.
const STRETCH: usize = 64;
/// The most components of a short row.
const MOST: usize = 128;

/// How vectors become short rows.
struct Short {
    width: usize,
    dimensions: usize,
    /// Components of each short row that hold the rest.
    rests: usize,
    /// For each sixteen axes, component after component: `float32 [width / 16, dimensions, 16]`; zeros for the rest.
    axes: Vec<f32>,
    /// Bounds of the length by which rounding moves Px, and of how far `PᵀP` is from a projection.
    moved: f64,
    skew: f64,
}

impl Short {
    /// Rows of `width` components by the first of the axes.
    fn new(axes: &Axes, width: usize) -> Self {
        let dimensions = axes.dimensions();
        let rests = width / REST_PART;
        let count = axes.count().min(width - rests);
        let turn = Axes::drawn_orthonormal(count);
        let mut turned = vec![vec![0.0_f32; dimensions]; turn.count()];
        let mut own = vec![0.0_f64; dimensions];
        for (at, turned) in turned.iter_mut().enumerate() {
            own.fill(0.0);
            for (axis, &share) in turn.axis(at).iter().enumerate() {
                for (own, &value) in own.iter_mut().zip(axes.axis(axis)) {
                    *own += share * value;
                }
            }
            for (turned, &own) in turned.iter_mut().zip(&own) {
                *turned = own as f32;
            }
        }
        let mut laid_out = vec![0.0; width * dimensions];
        for (at, turned) in turned.iter().enumerate() {
            for (component, &value) in turned.iter().enumerate() {
                laid_out[(at / LANES * dimensions + component) * LANES + at % LANES] = value;
            }
        }
        // Each component is a sum of at most a stretch, then of the stretches.
        let depth = (STRETCH + dimensions.div_ceil(STRETCH) + 2) as f64;
        let moved = depth * f64::from(f32::EPSILON) / 2.0 * 1.02 * (width as f64).sqrt();
        Self { width, dimensions, rests, axes: laid_out, moved, skew: skew(&turned) }
    }

    /// Short rows of all vectors, or of those named.
    fn bytes(&self, vectors: Vectors<'_>, rows: Option<&[u32]>, progress: &Progress) -> Result<Bytes, Cancelled> {
        // Of what PᵀP takes or adds, each of two rows answers for half.
        let slack = slack(self.dimensions) + slack(self.width) + (1.01 * self.moved + 0.51 * self.skew) as f32;
        let count = rows.map_or(vectors.len(), <[u32]>::len);
        Bytes::made(count, self.width, slack, progress, |places: Range<u32>, take: &mut dyn FnMut(&[f32])| {
            let row = |place: u32| vectors.row(rows.map_or(place, |rows| rows[place as usize]));
            for first in places.clone().step_by(ROWS) {
                let there = (places.end - first).min(ROWS as u32);
                let four = std::array::from_fn(|at| row(first + (at as u32).min(there - 1)));
                let mut short = [[0.0; MOST]; ROWS];
                project(four, &self.axes, &mut short);
                for (short, vector) in short.iter_mut().zip(four).take(there as usize) {
                    self.add_rest(vector, &mut short[..self.width]);
                    take(&short[..self.width]);
                }
            }
        })
    }

    /// Puts the length of what the axes do not show into the last components, rounded up.
    ///
    /// With Q the projection that `PᵀP` is but for `skew`, and a what was computed of Px, |x - Qx|² = |x|² - |Qx|², which
    /// is at most |x|² - |Px|² + skew |x|², and |Px| is at least |a| - moved.
    fn add_rest(&self, vector: &[f32], short: &mut [f32]) {
        let shown = squares(short);
        let hidden = (squares(vector) - shown).max(0.0) + 2.1 * self.moved + 1.1 * self.skew;
        let each = (hidden / self.rests as f64).sqrt() * 1.000_001;
        let first = short.len() - self.rests;
        short[first..].fill(each as f32);
    }
}

/// A bound of how far `PᵀP` is from a projection: as far as `PPᵀ` is from one.
fn skew(axes: &[Vec<f32>]) -> f64 {
    let axes: Vec<Vec<f64>> = axes.iter().map(|axis| axis.iter().map(|&value| f64::from(value)).collect()).collect();
    let mut sum = 0.0;
    for (at, one) in axes.iter().enumerate() {
        sum += (product(one, one) - 1.0).powi(2);
        sum += axes[..at].iter().map(|other| 2.0 * product(one, other).powi(2)).sum::<f64>();
    }
    sum.sqrt() * 1.001 + 1e-12
}

dispatch!(
    /// The products of four vectors with axes, `float32 [axes / 16, dimensions, 16]`, at the front of `short`.
    fn project(vectors: [&[f32]; ROWS], axes: &[f32], short: &mut [[f32; MOST]; ROWS]) = project_body
);

#[inline(always)]
fn project_body(vectors: [&[f32]; ROWS], axes: &[f32], short: &mut [[f32; MOST]; ROWS]) {
    let dimensions = vectors[0].len();
    for (part, axes) in axes.chunks_exact(dimensions * LANES).enumerate() {
        let mut totals = [[0.0_f32; LANES]; ROWS];
        for (stretch, axes) in axes.chunks(STRETCH * LANES).enumerate() {
            let length = axes.len() / LANES;
            let vectors = vectors.map(|vector| &vector[stretch * STRETCH..][..length]);
            let mut sums = [[0.0_f32; LANES]; ROWS];
            for (at, axes) in axes.as_chunks::<LANES>().0.iter().enumerate() {
                for row in 0..ROWS {
                    let value = vectors[row][at];
                    for lane in 0..LANES {
                        sums[row][lane] += value * axes[lane];
                    }
                }
            }
            for row in 0..ROWS {
                for lane in 0..LANES {
                    totals[row][lane] += sums[row][lane];
                }
            }
        }
        for (short, totals) in short.iter_mut().zip(&totals) {
            short[part * LANES..][..LANES].copy_from_slice(totals);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_follows_what_is_let_through() {
        assert_eq!(fastest(512, [5e-4, 3e-5]), Some(64));
        assert_eq!(fastest(512, [1.5e-2, 9e-4]), Some(128));
        assert_eq!(fastest(512, [0.9, 0.5]), None);
        assert_eq!(fastest(80, [5e-3, 1e-5]), None);
    }
}
