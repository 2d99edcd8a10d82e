//! Which centroids are nearest to a row, and where they move to.
//!
//! Groups of centroids, of which a row looks into a third, would make this four times faster and lose one pair in
//! twenty where vectors differ in hundreds of dimensions; so a row is compared with all.

use rayon::prelude::*;

use super::bytes::{Bytes, Look, Panels, sweep};
use super::tile::Kernel;
use super::vectors::Vectors;
use crate::progress::{Cancelled, Progress};

/// Rows that one task compares: in bytes they stay in the second-level cache.
const ROWS_PER_TASK: usize = 1024;
/// Units of a component in sums: integers, so that their order does not matter.
const UNITS: f64 = (1_u64 << 30) as f64;

/// What does not change between comparisons of rows with centroids.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// What the centroids are means of.
    pub vectors: Vectors<'a>,
    /// The same in bytes.
    pub bytes: &'a Bytes,
    /// How bytes are compared.
    pub kernel: Kernel,
    /// How far it is, and whether to stop.
    pub progress: &'a Progress,
}

/// Lays out centroids, `float32 [centroids, dimensions]`, to be compared with rows.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn panels(values: &[f32], dimensions: usize, progress: &Progress) -> Result<Panels, Cancelled> {
    let vectors = Vectors::of_rows(values, dimensions);
    let all: Vec<u32> = (0..vectors.len() as u32).collect();
    Ok(Panels::exact(&Bytes::of(vectors, progress)?, &all))
}

impl Rows<'_> {
    /// For each row of `list` its best `count` of all centroids, the best first.
    ///
    /// # Errors
    /// [`Cancelled`], if the progress says so.
    pub fn nearest(self, list: &[u32], centroids: &Panels, count: usize) -> Result<Vec<u32>, Cancelled> {
        let mut nearest = vec![0; list.len() * count];
        list.par_chunks(ROWS_PER_TASK).zip(nearest.par_chunks_mut(ROWS_PER_TASK * count)).try_for_each(
            |(list, nearest)| {
                self.progress.check()?;
                self.progress.advance(list.len() as u64);
                sweep(self.kernel, self.bytes, list, false, centroids, &mut Best::new(count, nearest));
                Ok(())
            },
        )?;
        Ok(nearest)
    }

    /// The mean directions of the rows that are nearest to each centroid; without rows it stays where it is.
    pub fn means(self, list: &[u32], nearest: &[u32], centroids: &[f32]) -> Vec<f32> {
        let dimensions = self.vectors.dimensions();
        let mut members: Vec<(u32, u32)> = nearest.iter().copied().zip(list.iter().copied()).collect();
        members.par_sort_unstable();
        let mut means = centroids.to_vec();
        means.par_chunks_mut(dimensions).enumerate().for_each_init(
            || vec![0_i64; dimensions],
            |sums, (centroid, mean)| {
                let first = members.partition_point(|&(other, _)| (other as usize) < centroid);
                let own = members[first..].iter().take_while(|&&(other, _)| other as usize == centroid);
                sums.fill(0);
                for &(_, row) in own {
                    for (sum, &value) in sums.iter_mut().zip(self.vectors.row(row)) {
                        *sum += (f64::from(value) * UNITS) as i64;
                    }
                }
                let norm = sums.iter().map(|&sum| (sum as f64 / UNITS).powi(2)).sum::<f64>().sqrt();
                if norm > 0.0 {
                    for (mean, &sum) in mean.iter_mut().zip(&*sums) {
                        *mean = (sum as f64 / UNITS / norm) as f32;
                    }
                }
            },
        );
        means
    }
}

/// The best centroids so far, of each row in turn; of equal ones those that came first.
struct Best<'a> {
    count: usize,
    values: Vec<f32>,
    centroids: &'a mut [u32],
}

impl<'a> Best<'a> {
    fn new(count: usize, centroids: &'a mut [u32]) -> Self {
        Self { count, values: vec![f32::NEG_INFINITY; centroids.len()], centroids }
    }
}

impl Look for Best<'_> {
    fn limit(&self, left: usize) -> f32 {
        self.values[(left + 1) * self.count - 1].next_up()
    }

    fn found(&mut self, left: usize, right: usize, value: f32) {
        let own = left * self.count..(left + 1) * self.count;
        let (values, centroids) = (&mut self.values[own.clone()], &mut self.centroids[own]);
        let place = values.partition_point(|&other| other >= value);
        values[place..].rotate_right(1);
        centroids[place..].rotate_right(1);
        (values[place], centroids[place]) = (value, right as u32);
    }
}
