//! How many of the pairs that there are a search finds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::bytes::{Look, Panels, sweep};
use super::join::Space;
use crate::progress::{Cancelled, Progress};

/// Rows of the sample that are compared at once.
const RIGHT_ROWS: usize = 768;
/// Rows that one task compares with them.
const LEFT_ROWS: usize = 1 << 14;

/// Pairs of sampled rows with any other row, at or above the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recall {
    /// Rows that were sampled.
    pub rows: u64,
    /// Pairs that there are; one of two sampled rows counts for each of them.
    pub pairs: u64,
    /// Pairs that the search finds.
    pub found: u64,
}

impl Recall {
    /// Pairs found of the pairs there are; nothing, if there are none.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.found as f64 / self.pairs as f64)
    }
}

/// Compares `sample` with every row.
pub fn measure(space: &Space<'_>, threshold: f32, sample: &[u32], progress: &Progress) -> Result<Recall, Cancelled> {
    let all: Vec<u32> = (0..space.vectors.len() as u32).collect();
    let (pairs, found) = (AtomicU64::new(0), AtomicU64::new(0));
    for right in sample.chunks(RIGHT_ROWS) {
        let panels = Panels::new(space.first(), right);
        all.par_chunks(LEFT_ROWS).try_for_each(|left| {
            progress.check()?;
            let mut count = Count { space, threshold, left, right, pairs: 0, found: 0 };
            sweep(space.kernel, space.first(), left, true, &panels, &mut count);
            pairs.fetch_add(count.pairs, Relaxed);
            found.fetch_add(count.found, Relaxed);
            progress.advance(left.len() as u64);
            Ok(())
        })?;
    }
    Ok(Recall { rows: sample.len() as u64, pairs: pairs.into_inner(), found: found.into_inner() })
}

/// How many steps of progress [`measure`] takes.
pub fn steps(rows: usize, sample: usize) -> u64 {
    (rows * sample.div_ceil(RIGHT_ROWS)) as u64
}

struct Count<'a> {
    space: &'a Space<'a>,
    threshold: f32,
    left: &'a [u32],
    right: &'a [u32],
    pairs: u64,
    found: u64,
}

impl Look for Count<'_> {
    fn limit(&self, left: usize) -> f32 {
        self.space.limit(self.threshold, self.left[left])
    }

    fn found(&mut self, left: usize, right: usize, _value: f32) {
        let (left, right) = (self.left[left], self.right[right]);
        let Space { vectors, clusters, fused, .. } = self.space;
        if left == right || fused.cosine(vectors.row(left), vectors.row(right)) < self.threshold {
            return;
        }
        self.pairs += 1;
        self.found += u64::from(clusters.as_ref().is_none_or(|clusters| clusters.meet(left, right)));
    }
}
