//! The directions in which vectors differ most, computed from a sample in the same way everywhere.
//!
//! Sums have a fixed order, whatever the threads and the instructions; the sample is drawn by content. So the axes depend
//! on nothing but the vectors. They need not be exact: whatever they are, they only say how well a bound fits.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bytes::{Bytes, Look, Panels, sweep};
use super::tile::Kernel;
use super::vectors::Vectors;
use crate::dispatch;
use crate::progress::{Cancelled, Progress};

/// Times that axes are made normal to each other.
const ROUNDS: usize = 5;
/// Times in between that they are turned towards the directions of most weight.
const TURNS: usize = 2;
/// Axes that are turned side by side.
const AXES: usize = 8;
/// Components of them that are computed side by side.
const COMPONENTS: usize = 4;
/// Components whose products one task computes.
const COMPONENTS_PER_TASK: usize = 256;
/// Sums of a product that run side by side.
const LANES: usize = 8;
/// What is left of a vector, of its length, if it is but rounding beside those before it.
const NOTHING: f64 = 1e-10;

/// Vectors of `dimensions` components, one after the other: `float64 [axes, dimensions]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    dimensions: usize,
    values: Vec<f64>,
}

impl Axes {
    /// About the `count` principal axes of the sampled vectors, those of most weight first, orthonormal but for rounding;
    /// fewer, if the vectors have not so many dimensions. The sample has at most
    /// [`MOST_DIMENSIONS`](super::MOST_DIMENSIONS) rows.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn principal(
        vectors: Vectors<'_>,
        sample: &[u32],
        count: usize,
        kernel: Kernel,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        let dimensions = vectors.dimensions();
        if sample.is_empty() {
            return Ok(Self { dimensions, values: Vec::new() });
        }
        let moments = moments(vectors, sample, kernel, progress)?;
        let mut axes = Self::drawn(count.min(dimensions), dimensions);
        for _ in 0..ROUNDS {
            for _ in 0..TURNS {
                axes.values
                    .par_chunks_mut(AXES * dimensions)
                    .try_for_each(|axes| progress.check().map(|()| turn(&moments, axes, dimensions)))?;
            }
            axes.make_orthonormal();
        }
        Ok(axes)
    }

    /// Axes without a meaning, always the same: orthonormal.
    pub fn drawn_orthonormal(count: usize) -> Self {
        let mut axes = Self::drawn(count, count);
        axes.make_orthonormal();
        axes
    }

    fn drawn(count: usize, dimensions: usize) -> Self {
        // 53 bits of a hash of the place, as a number from -1 to 1.
        let draw = |place: usize| {
            let bits = xxh3_64_with_seed(&(place as u64).to_le_bytes(), dimensions as u64) >> 11;
            bits as f64 / (1_u64 << 52) as f64 - 1.0
        };
        Self { dimensions, values: (0..count * dimensions).map(draw).collect() }
    }

    /// The length of each.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.dimensions.max(1)
    }

    /// An axis.
    pub fn axis(&self, at: usize) -> &[f64] {
        &self.values[at * self.dimensions..][..self.dimensions]
    }

    /// Makes each vector normal to those before it, twice, since once leaves what rounding put in; what then is nothing
    /// is left out.
    fn make_orthonormal(&mut self) {
        let dimensions = self.dimensions;
        let mut kept: Vec<f64> = Vec::with_capacity(self.values.len());
        for axis in self.values.chunks_mut(dimensions) {
            let before = product(axis, axis).sqrt();
            for _ in 0..2 {
                for other in kept.chunks(dimensions) {
                    let share = product(axis, other);
                    subtract(axis, other, share);
                }
            }
            let norm = product(axis, axis).sqrt();
            if norm > NOTHING * before && norm.is_normal() {
                kept.extend(axis.iter().map(|value| value / norm));
            }
        }
        self.values = kept;
    }
}

dispatch!(
    /// The product of two vectors of equal length.
    pub fn product(x: &[f64], y: &[f64]) -> f64 = product_body
);

#[inline(always)]
fn product_body(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (x, y) in x.chunks(LANES).zip(y.chunks(LANES)) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum()
}

dispatch!(
    /// Takes a share of another vector away.
    fn subtract(vector: &mut [f64], other: &[f64], share: f64) = subtract_body
);

#[inline(always)]
fn subtract_body(vector: &mut [f64], other: &[f64], share: f64) {
    for (value, other) in vector.iter_mut().zip(other) {
        *value -= share * other;
    }
}

/// About the sums of the products of each component with each, over the sample: `float32 [dimensions, dimensions]`.
///
/// Each component is rounded to bytes as a row: then the sums are integers.
fn moments(vectors: Vectors<'_>, sample: &[u32], kernel: Kernel, progress: &Progress) -> Result<Vec<f32>, Cancelled> {
    let dimensions = vectors.dimensions();
    let bytes = Bytes::made(dimensions, sample.len(), 0.0, progress, |components, take| {
        let (first, end) = (components.start as usize, components.end as usize);
        let mut values = vec![0.0; sample.len() * (end - first)];
        for (at, &row) in sample.iter().enumerate() {
            for (component, &value) in vectors.row(row)[first..end].iter().enumerate() {
                values[component * sample.len() + at] = value;
            }
        }
        for component in 0..end - first {
            take(&values[component * sample.len()..][..sample.len()]);
        }
    })?;
    let all: Vec<u32> = (0..dimensions as u32).collect();
    let panels = Panels::exact(&bytes, &all);
    let mut moments = vec![0.0; dimensions * dimensions];
    all.par_chunks(COMPONENTS_PER_TASK).zip(moments.par_chunks_mut(COMPONENTS_PER_TASK * dimensions)).try_for_each(
        |(components, moments)| {
            progress.check()?;
            sweep(kernel, &bytes, components, true, &panels, &mut Collect { dimensions, moments });
            Ok(())
        },
    )?;
    Ok(moments)
}

/// Takes every value.
struct Collect<'a> {
    dimensions: usize,
    moments: &'a mut [f32],
}

impl Look for Collect<'_> {
    fn limit(&self, _left: usize) -> f32 {
        f32::NEG_INFINITY
    }

    fn found(&mut self, left: usize, right: usize, value: f32) {
        self.moments[left * self.dimensions + right] = value;
    }
}

/// Multiplies up to eight axes with the moments.
fn turn(moments: &[f32], axes: &mut [f64], dimensions: usize) {
    let mut side_by_side = vec![[0.0; AXES]; dimensions];
    for (at, axis) in axes.chunks(dimensions).enumerate() {
        for (components, &value) in side_by_side.iter_mut().zip(axis) {
            components[at] = value;
        }
    }
    let row = |component: usize| &moments[component.min(dimensions - 1) * dimensions..][..dimensions];
    for first in (0..dimensions).step_by(COMPONENTS) {
        let turned = turned(std::array::from_fn(|at| row(first + at)), &side_by_side);
        for (axis, at) in axes.chunks_mut(dimensions).zip(0..) {
            for (value, turned) in axis[first..].iter_mut().zip(&turned) {
                *value = turned[at];
            }
        }
    }
}

dispatch!(
    /// The products of four rows of moments with axes that lie side by side.
    fn turned(moments: [&[f32]; COMPONENTS], axes: &[[f64; AXES]]) -> [[f64; AXES]; COMPONENTS] = turned_body
);

#[inline(always)]
fn turned_body(moments: [&[f32]; COMPONENTS], axes: &[[f64; AXES]]) -> [[f64; AXES]; COMPONENTS] {
    let moments = moments.map(|row| &row[..axes.len()]);
    let mut turned = [[0.0_f64; AXES]; COMPONENTS];
    for (at, axes) in axes.iter().enumerate() {
        for (turned, row) in turned.iter_mut().zip(moments) {
            let moment = f64::from(row[at]);
            for (turned, axis) in turned.iter_mut().zip(axes) {
                *turned += moment * axis;
            }
        }
    }
    turned
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_orthonormal_and_those_of_most_weight() {
        // Component k of row i: the share of axis k falls with k.
        let dimensions = 40;
        let values: Vec<f32> = (0..3_000_usize)
            .flat_map(|row| {
                let mut vector: Vec<f32> = (0..dimensions)
                    .map(|at| {
                        let bits = xxh3_64_with_seed(&(row * dimensions + at).to_le_bytes(), 1) >> 40;
                        (bits as f32 / (1 << 23) as f32 - 1.0) / (1 << at.min(9)) as f32
                    })
                    .collect();
                let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                for x in &mut vector {
                    *x /= norm;
                }
                vector
            })
            .collect();
        let vectors = Vectors::of_rows(&values, dimensions);
        let sample: Vec<u32> = (0..3_000).collect();
        let axes = Axes::principal(vectors, &sample, 12, Kernel::in_use(), &Progress::default()).unwrap();
        assert_eq!(axes.count(), 12);
        for one in 0..12 {
            for other in 0..12 {
                let expected = f64::from(u8::from(one == other));
                assert!((product(axes.axis(one), axes.axis(other)) - expected).abs() < 1e-12);
            }
        }
        for at in 0..4 {
            assert!(axes.axis(at)[at].abs() > 0.95, "{:?}", axes.axis(at));
        }
    }

    #[test]
    fn vectors_of_few_dimensions_have_few_axes() {
        let row = [0.6, 0.0, 0.8, 0.0, 0.0];
        let other = [0.0, 1.0, 0.0, 0.0, 0.0];
        let values = [row, other, row, [0.0; 5]].concat();
        let axes = |sample: &[u32]| {
            Axes::principal(Vectors::of_rows(&values, 5), sample, 4, Kernel::in_use(), &Progress::default())
                .unwrap()
                .count()
        };
        assert_eq!((axes(&[0, 1, 2, 3]), axes(&[0, 2]), axes(&[3]), axes(&[])), (2, 1, 0, 0));
    }
}
