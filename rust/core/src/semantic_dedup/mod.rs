//! Semantic duplicates: pairs of vectors with a high cosine, and which of their rows are kept.
//!
//! Rows come in the order of keeping. A row goes if and only if a row before it that is kept is its duplicate, and it
//! goes for the one with the highest cosine, of equal ones for the first: no chains. A row of zeros is like no other.
//!
//! [`Search::new`] brings the vectors into bytes and, where there are many, into clusters; [`Search::decide`] finds
//! pairs by products of bytes, whose rounding is bounded, and decides by a product of the vectors that has the same
//! bits on every processor. [`Decider`] decides in the same way over pairs that another engine found.

mod axes;
mod bound;
#[cfg(test)]
mod bound_tests;
mod buckets;
mod bytes;
mod candidates;
mod centroids;
mod clusters;
mod decisions;
mod join;
mod product;
mod recall;
mod refused;
mod settings;
mod settle;
#[cfg(test)]
mod tests;
pub mod text_judge;
mod tile;
mod vectors;

use std::sync::atomic::Ordering::Relaxed;

use self::bound::Choice;
use self::bytes::Bytes;
pub use self::candidates::Decider;
use self::centroids::Rows;
use self::clusters::{Clusters, sample};
use self::decisions::Decisions;
pub use self::decisions::{AtLeast, Judge, KEPT};
use self::join::{Seen, Space};
use self::product::Fused;
pub use self::recall::Recall;
pub use self::refused::{REASONS, Refusal, RefusedPair};
pub use self::settings::{MOST_DIMENSIONS, MOST_PROBES, Mode, SearchError, Settings};
use self::settle::Settle;
use self::tile::Kernel;
pub use self::vectors::Vectors;
use crate::progress::Progress;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// [`KEPT`], or the kept row that the row goes for: `uint32 [rows]`.
    pub kept_row: Vec<u32>,
    /// The similarity to that row, as the judge gave it; 0 where the row stays: `float32 [rows]`.
    pub similarity: Vec<f32>,
    /// Pairs of kept rows that were judged to be no duplicates: the most similar ones of each reason,
    /// the reasons in turn.
    pub near_misses: Vec<RefusedPair>,
    /// What was seen on the way.
    pub statistics: Statistics,
}

/// What a search saw; the same for any number of threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Clusters in which rows met; 0 if every pair was looked at.
    pub clusters: u64,
    /// Products of bytes.
    pub products: u64,
    /// Pairs whose vectors were multiplied.
    pub candidates: u64,
    /// Pairs at or above `threshold - margin` that were found.
    pub pairs: u64,
    /// Pairs that were judged.
    pub judged: u64,
    /// Pairs that were judged to be no duplicates, by the judge's number for the reason.
    pub refused: [u64; REASONS],
    /// Rows that go.
    pub removed: u64,
}

/// How a search computes. None of it changes a decision.
#[derive(Clone, Copy, Debug)]
struct Means {
    kernel: Kernel,
    fused: Fused,
    choice: Choice,
}

impl Means {
    /// The fastest.
    fn in_use() -> Self {
        Self { kernel: Kernel::in_use(), fused: Fused::in_use(), choice: Choice::Fastest }
    }
}

/// Vectors that are ready to be compared.
#[derive(Debug)]
pub struct Search<'a> {
    settings: Settings,
    space: Space<'a>,
}

impl<'a> Search<'a> {
    /// Brings the vectors into bytes and clusters.
    ///
    /// # Errors
    /// [`SearchError`], if a setting makes no sense, a vector is not normalised, or `progress` says to stop.
    pub fn new(vectors: Vectors<'a>, settings: Settings, progress: &Progress) -> Result<Self, SearchError> {
        Self::with(vectors, settings, &Means::in_use(), progress)
    }

    fn with(vectors: Vectors<'a>, settings: Settings, means: &Means, progress: &Progress) -> Result<Self, SearchError> {
        let Means { kernel, fused, choice } = *means;
        settings.check()?;
        // The steps of `decide`, announced early so that what is left is known.
        progress.expect(vectors.len() as u64);
        vectors.check(progress)?;
        let rows = vectors.len();
        let bytes = Bytes::of(vectors, progress)?;
        let clusters = if settings.is_exact(rows) || rows == 0 {
            None
        } else {
            let (count, probes) = (settings.clusters_for(rows), settings.probes as usize);
            Some(Clusters::new(Rows { vectors, bytes: &bytes, kernel, progress }, count, probes)?)
        };
        let floor = settings.floor();
        let bound = choice.bound(vectors, kernel, floor, clusters.is_some(), progress)?;
        Ok(Self { settings, space: Space { vectors, bytes, bound, clusters, kernel, fused, floor } })
    }

    /// Decides over all rows.
    ///
    /// # Errors
    /// [`SearchError::Cancelled`], if `progress` says so.
    pub fn decide(&self, judge: &impl Judge, progress: &Progress) -> Result<Decided, SearchError> {
        let rows = self.space.vectors.len();
        let decisions = Decisions::new(rows, &self.settings);
        let mut settle = Settle { space: &self.space, judge, decisions, seen: Seen::default(), progress };
        settle.all()?;
        let Settle { decisions, seen, .. } = settle;
        let statistics = Statistics {
            clusters: self.space.clusters.as_ref().map_or(0, |clusters| clusters.count() as u64),
            products: seen.products.load(Relaxed),
            candidates: seen.candidates.load(Relaxed),
            pairs: seen.pairs.load(Relaxed),
            ..Statistics::default()
        };
        Ok(decisions.finish(statistics))
    }

    /// Compares `rows` rows, drawn by their content and `seed`, with all others, and counts the pairs at or above the
    /// threshold that there are and that the search finds.
    ///
    /// # Errors
    /// [`SearchError::Cancelled`], if `progress` says so.
    pub fn recall(&self, rows: usize, seed: u64, progress: &Progress) -> Result<Recall, SearchError> {
        let mut sample = sample(self.space.vectors, rows, seed, progress)?;
        sample.retain(|&row| !self.space.bytes.is_zero(row));
        progress.expect(recall::steps(self.space.vectors.len(), sample.len()));
        Ok(recall::measure(&self.space, self.settings.threshold, &sample, progress)?)
    }
}

/// Bytes of memory that a search needs at most for so many vectors beside the vectors themselves, pairs included; a
/// little more for each thread.
#[must_use]
pub fn memory_needed(rows: usize, dimensions: usize, settings: &Settings) -> u64 {
    let (rows, width) = (rows as u64, bytes::width(dimensions) as u64);
    // Bytes with scale, allowance and offset; decisions; sets of rows.
    let always = rows * (width + 12 + 12 + 16);
    let always = always + bound::memory_needed(rows, dimensions);
    let pairs = 2
        * size_of::<decisions::Pair>() as u64
        * (join::MOST_PAIRS + (join::FEW_ROWS as u64).pow(2) / 2).min(rows * rows / 2);
    if settings.is_exact(rows as usize) {
        return always + pairs + rows * 8;
    }
    let clusters = settings.clusters_for(rows as usize) as u64;
    let probes = u64::from(settings.probes).min(clusters);
    let lists = 2 * rows * probes * 4;
    let making = (rows * 16).max(clusters * dimensions as u64 * 16) + clusters * clusters::SAMPLE as u64 * 16;
    always + pairs.max(making) + lists
}

/// Finds and decides at once: [`Search::new`], then [`Search::decide`].
///
/// # Errors
/// As theirs.
pub fn decide(
    vectors: Vectors<'_>,
    settings: Settings,
    judge: &impl Judge,
    progress: &Progress,
) -> Result<Decided, SearchError> {
    Search::new(vectors, settings, progress)?.decide(judge, progress)
}

/// The cosine that decides, of two normalised vectors of equal length.
#[must_use]
pub fn cosine(x: &[f32], y: &[f32]) -> f32 {
    Fused::in_use().cosine(x, y)
}
