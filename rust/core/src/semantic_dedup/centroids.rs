//! Centroids in groups, so that a row is compared with those of a few groups only.

use rayon::prelude::*;

use super::bytes::{Bytes, Look, Panels, sweep};
use super::tile::Kernel;
use super::vectors::Vectors;
use crate::progress::{Cancelled, Progress};

/// Centroids below which there is one group.
const FEW: usize = 256;
/// Times that the middles of groups are moved.
const ROUNDS: usize = 4;
/// Rows that one task compares: in bytes they stay in the second-level cache.
const ROWS_PER_TASK: usize = 1024;
/// Units of a component in sums: integers, so that their order does not matter.
const UNITS: f64 = (1_u64 << 30) as f64;

/// Centroids in about as many groups as each group has.
#[derive(Debug)]
pub struct Centroids {
    /// `float32 [centroids, dimensions]`.
    pub values: Vec<f32>,
    groups: Vec<Group>,
    middles: Panels,
}

#[derive(Debug, Default)]
struct Group {
    members: Vec<u32>,
    panels: Panels,
}

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

impl Centroids {
    /// Groups these centroids, `float32 [centroids, dimensions]`.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn new(values: Vec<f32>, dimensions: usize, kernel: Kernel, progress: &Progress) -> Result<Self, Cancelled> {
        let vectors = Vectors::of_rows(&values, dimensions);
        let bytes = &Bytes::of(vectors, progress)?;
        let all: Vec<u32> = (0..vectors.len() as u32).collect();
        if all.len() < FEW {
            let panels = Panels::exact(bytes, &all);
            return Ok(Self { values, groups: vec![Group { members: all, panels }], middles: Panels::default() });
        }
        let rows = Rows { vectors, bytes, kernel, progress };
        let mut middles = values[..all.len().isqrt() * dimensions].to_vec();
        for _ in 0..ROUNDS {
            let nearest = rows.nearest(&all, &flat(&middles, dimensions, progress)?, 1)?;
            middles = rows.means(&all, &nearest, &middles);
        }
        let panels = flat(&middles, dimensions, progress)?;
        let nearest = rows.nearest(&all, &panels, 1)?;
        let groups = (0..all.len().isqrt() as u32)
            .into_par_iter()
            .map(|group| {
                let members: Vec<u32> = all.iter().copied().filter(|&row| nearest[row as usize] == group).collect();
                Group { panels: Panels::exact(bytes, &members), members }
            })
            .collect();
        Ok(Self { values, groups, middles: panels })
    }

    /// For each row its best `count` centroids, the best first, among those of the `visits` best groups.
    pub fn nearest(&self, rows: Rows<'_>, list: &[u32], count: usize, visits: usize) -> Result<Vec<u32>, Cancelled> {
        if self.groups.len() == 1 {
            return rows.nearest(list, &self.groups[0].panels, count);
        }
        let visits = visits.min(self.groups.len());
        let mut nearest = vec![0; list.len() * count];
        list.par_chunks(ROWS_PER_TASK).zip(nearest.par_chunks_mut(ROWS_PER_TASK * count)).try_for_each(
            |(list, nearest)| {
                rows.progress.check()?;
                let mut groups = vec![0; list.len() * visits];
                let mut best = Best::new(visits, &mut groups);
                sweep(rows.kernel, rows.bytes, list, false, &self.middles, &mut best);
                let mut visitors = vec![Vec::new(); self.groups.len()];
                for (at, groups) in groups.chunks(visits).enumerate() {
                    groups.iter().for_each(|&group| visitors[group as usize].push(at));
                }
                let mut best = Best::new(count, nearest);
                self.visit(rows, list, &visitors, &mut best);
                let short: Vec<usize> = (0..list.len()).filter(|&at| best.is_short(at)).collect();
                if !short.is_empty() {
                    short.iter().for_each(|&at| best.forget(at));
                    self.visit(rows, list, &vec![short; self.groups.len()], &mut best);
                }
                Ok(())
            },
        )?;
        Ok(nearest)
    }

    /// Compares the rows at `visitors` of each group with its centroids.
    fn visit(&self, rows: Rows<'_>, list: &[u32], visitors: &[Vec<usize>], best: &mut Best<'_>) {
        for (group, visitors) in self.groups.iter().zip(visitors) {
            let left: Vec<u32> = visitors.iter().map(|&at| list[at]).collect();
            let mut visit = Visit { best, visitors, members: &group.members };
            sweep(rows.kernel, rows.bytes, &left, false, &group.panels, &mut visit);
        }
    }
}

fn flat(values: &[f32], dimensions: usize, progress: &Progress) -> Result<Panels, Cancelled> {
    let vectors = Vectors::of_rows(values, dimensions);
    let all: Vec<u32> = (0..vectors.len() as u32).collect();
    Ok(Panels::exact(&Bytes::of(vectors, progress)?, &all))
}

impl Rows<'_> {
    /// For each row of `list` its best `count` of all centroids, the best first.
    fn nearest(self, list: &[u32], centroids: &Panels, count: usize) -> Result<Vec<u32>, Cancelled> {
        let mut nearest = vec![0; list.len() * count];
        list.par_chunks(ROWS_PER_TASK).zip(nearest.par_chunks_mut(ROWS_PER_TASK * count)).try_for_each(
            |(list, nearest)| {
                self.progress.check()?;
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

    fn last(&self, row: usize) -> f32 {
        self.values[(row + 1) * self.count - 1]
    }

    /// Whether the row has not yet met as many centroids as it needs.
    fn is_short(&self, row: usize) -> bool {
        self.last(row) == f32::NEG_INFINITY
    }

    fn forget(&mut self, row: usize) {
        self.values[row * self.count..(row + 1) * self.count].fill(f32::NEG_INFINITY);
    }

    fn add(&mut self, row: usize, centroid: u32, value: f32) {
        let own = row * self.count..(row + 1) * self.count;
        let (values, centroids) = (&mut self.values[own.clone()], &mut self.centroids[own]);
        let place = values.partition_point(|&other| other >= value);
        values[place..].rotate_right(1);
        centroids[place..].rotate_right(1);
        (values[place], centroids[place]) = (value, centroid);
    }
}

impl Look for Best<'_> {
    fn limit(&self, left: usize) -> f32 {
        self.last(left).next_up()
    }

    fn found(&mut self, left: usize, right: usize, value: f32) {
        self.add(left, right as u32, value);
    }
}

/// Some rows with the centroids of a group.
struct Visit<'a, 'b> {
    best: &'a mut Best<'b>,
    visitors: &'a [usize],
    members: &'a [u32],
}

impl Look for Visit<'_, '_> {
    fn limit(&self, left: usize) -> f32 {
        self.best.last(self.visitors[left]).next_up()
    }

    fn found(&mut self, left: usize, right: usize, value: f32) {
        self.best.add(self.visitors[left], self.members[right], value);
    }
}
