//! Spherical k-means, of which nothing depends on threads or on the order of the rows.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bytes::{Bytes, Look, Panels, sweep};
use super::tile::Kernel;
use super::vectors::Vectors;
use crate::progress::{Cancelled, Progress};

/// Rows of the sample for each centroid.
const SAMPLE: usize = 40;
/// Times that centroids are moved.
const ROUNDS: usize = 6;
/// Rows that one task compares with all centroids.
const ROWS_PER_TASK: usize = 1024;
/// Units of a component in the sums of centroids: integers, so that their order does not matter.
const UNITS: f64 = (1_u64 << 30) as f64;

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

    /// Makes `count` clusters and gives each row its best `per_row` of them.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn new(
        vectors: Vectors<'_>,
        bytes: &Bytes,
        count: usize,
        per_row: usize,
        kernel: Kernel,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        let per_row = per_row.min(count);
        let sample = sample(vectors, SAMPLE.saturating_mul(count), 0, progress)?;
        let centroid = |row: usize, vector: &mut [f32]| vector.copy_from_slice(vectors.row(sample[row % sample.len()]));
        let mut centroids = Bytes::new(count, vectors.dimensions(), centroid);
        let mut panels = Panels::default();
        let all: Vec<u32> = (0..count as u32).collect();
        panels.fill_exact(&centroids, &all);
        for _ in 0..ROUNDS {
            let nearest = nearest(kernel, bytes, &sample, &panels, 1, progress)?;
            centroids = move_centroids(vectors, &sample, &nearest, &centroids);
            panels.fill_exact(&centroids, &all);
        }
        let rows: Vec<u32> = (0..vectors.len() as u32).collect();
        let of_rows = nearest(kernel, bytes, &rows, &panels, per_row, progress)?;
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

/// The mean directions of the rows that are nearest to each centroid; a centroid without rows stays where it is.
fn move_centroids(vectors: Vectors<'_>, sample: &[u32], nearest: &[u32], centroids: &Bytes) -> Bytes {
    let mut members: Vec<(u32, u32)> = nearest.iter().copied().zip(sample.iter().copied()).collect();
    members.par_sort_unstable();
    let starts: Vec<usize> =
        (0..=centroids.len() as u32).map(|cluster| members.partition_point(|&(other, _)| other < cluster)).collect();
    Bytes::new(centroids.len(), vectors.dimensions(), |cluster, mean| {
        let mut sums = vec![0_i64; mean.len()];
        for &(_, row) in &members[starts[cluster]..starts[cluster + 1]] {
            for (sum, &value) in sums.iter_mut().zip(vectors.row(row)) {
                *sum += (f64::from(value) * UNITS) as i64;
            }
        }
        let norm = sums.iter().map(|&sum| (sum as f64 / UNITS).powi(2)).sum::<f64>().sqrt();
        if norm == 0.0 {
            centroids.write(cluster as u32, mean);
            return;
        }
        for (mean, &sum) in mean.iter_mut().zip(&sums) {
            *mean = (sum as f64 / UNITS / norm) as f32;
        }
    })
}

/// For each row the `count` centroids with the largest products, the largest first, of equal ones the first.
fn nearest(
    kernel: Kernel,
    bytes: &Bytes,
    rows: &[u32],
    centroids: &Panels,
    count: usize,
    progress: &Progress,
) -> Result<Vec<u32>, Cancelled> {
    let mut nearest = vec![0; rows.len() * count];
    rows.par_chunks(ROWS_PER_TASK).zip(nearest.par_chunks_mut(ROWS_PER_TASK * count)).try_for_each(
        |(rows, nearest)| {
            progress.check()?;
            let values = vec![f32::NEG_INFINITY; nearest.len()];
            let mut best = Best { count, values, centroids: nearest };
            sweep(kernel, bytes, rows, false, centroids, &mut best);
            Ok(())
        },
    )?;
    Ok(nearest)
}

/// The best centroids so far, of each row in turn.
struct Best<'a> {
    count: usize,
    values: Vec<f32>,
    centroids: &'a mut [u32],
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
