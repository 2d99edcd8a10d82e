//! Spherical k-means, of which nothing depends on threads or on the order of the rows.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::centroids::{Rows, panels};
use super::vectors::Vectors;
use crate::progress::{Cancelled, Progress};

/// Rows of the sample for each centroid.
pub const SAMPLE: usize = 40;
/// Times that centroids are moved.
const ROUNDS: usize = 6;
/// Rows that one task takes.
const ROWS_PER_TASK: usize = 1024;

/// The clusters of each row, the best first: in the first it is at home, of the others it is a guest.
#[derive(Debug)]
pub struct Clusters {
    count: usize,
    per_row: usize,
    of_rows: Vec<u32>,
}

impl Clusters {
    /// How many clusters there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The clusters of a row.
    pub fn of(&self, row: u32) -> &[u32] {
        &self.of_rows[row as usize * self.per_row..][..self.per_row]
    }

    /// The cluster in which a row is at home.
    pub fn home(&self, row: u32) -> u32 {
        self.of(row)[0]
    }

    /// Whether the row is at home or a guest there.
    pub fn visits(&self, row: u32, cluster: u32) -> bool {
        self.of(row).contains(&cluster)
    }

    /// Whether the search compares two rows.
    pub fn meet(&self, one: u32, other: u32) -> bool {
        self.visits(one, self.home(other)) || self.visits(other, self.home(one))
    }

    /// Makes `count` clusters of at least one row and gives each row its best `per_row` of them.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn new(rows: Rows<'_>, count: usize, per_row: usize) -> Result<Self, Cancelled> {
        let Rows { vectors, progress, .. } = rows;
        let per_row = per_row.min(count);
        let sample = sample(vectors, SAMPLE.saturating_mul(count), 0, progress)?;
        progress.expect((ROUNDS * sample.len() + vectors.len()) as u64);
        let mut centroids: Vec<f32> =
            (0..count).flat_map(|centroid| vectors.row(sample[centroid % sample.len()])).copied().collect();
        for _ in 0..ROUNDS {
            let nearest = rows.nearest(&sample, &panels(&centroids, vectors.dimensions(), progress)?, 1)?;
            centroids = rows.means(&sample, &nearest, &centroids);
        }
        let all: Vec<u32> = (0..vectors.len() as u32).collect();
        let of_rows = rows.nearest(&all, &panels(&centroids, vectors.dimensions(), progress)?, per_row)?;
        Ok(Self { count, per_row, of_rows })
    }
}

/// The rows with the smallest hashes of their content, smallest first: the same vectors in whatever order they come.
pub fn sample(vectors: Vectors<'_>, most: usize, seed: u64, progress: &Progress) -> Result<Vec<u32>, Cancelled> {
    let mut hashes: Vec<(u64, u32)> = (0..vectors.len() as u32)
        .into_par_iter()
        .with_min_len(ROWS_PER_TASK)
        .map_init(Vec::new, |buffer: &mut Vec<u8>, row| {
            progress.check()?;
            buffer.clear();
            buffer.extend(vectors.row(row).iter().flat_map(|value| value.to_le_bytes()));
            Ok((xxh3_64_with_seed(buffer, seed), row))
        })
        .collect::<Result<_, Cancelled>>()?;
    if hashes.len() > most {
        hashes.select_nth_unstable(most);
        hashes.truncate(most);
    }
    hashes.par_sort_unstable();
    Ok(hashes.into_iter().map(|(_, row)| row).collect())
}
