//! Spherical k-means, of which nothing depends on threads or on the order of the rows.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::centroids::{Centroids, Rows};
use super::vectors::Vectors;
use crate::progress::{Cancelled, Progress};

/// Rows of the sample for each centroid.
const SAMPLE: usize = 40;
/// Times that centroids are moved.
const ROUNDS: usize = 6;
/// Groups of centroids that a row of the sample looks into for its nearest one.
const VISITS: usize = 6;
/// Groups that each row looks into for its clusters, times the root of how many clusters it needs.
const VISITS_PER_ROOT: f64 = 4.5;
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
        let Rows { vectors, kernel, progress, .. } = rows;
        let per_row = per_row.min(count);
        let sample = sample(vectors, SAMPLE.saturating_mul(count), 0, progress)?;
        let first = (0..count).flat_map(|centroid| vectors.row(sample[centroid % sample.len()])).copied().collect();
        let mut centroids = Centroids::new(first, vectors.dimensions(), kernel, progress)?;
        for _ in 0..ROUNDS {
            let nearest = centroids.nearest(rows, &sample, 1, VISITS)?;
            let means = rows.means(&sample, &nearest, &centroids.values);
            centroids = Centroids::new(means, vectors.dimensions(), kernel, progress)?;
        }
        let all: Vec<u32> = (0..vectors.len() as u32).collect();
        let visits = (VISITS_PER_ROOT * (per_row as f64).sqrt()) as usize;
        let of_rows = centroids.nearest(rows, &all, per_row, visits)?;
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
