//! Pairs that were judged to be no duplicates: how many for which reason, and the nearest of each.

use std::cmp::Ordering;

/// Why a pair is not one of duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Refusal {
    /// How similar the two are all the same.
    pub similarity: f32,
    /// The judge's own number for the reason, below [`REASONS`].
    pub why: u8,
}

/// Reasons that a judge may have.
pub const REASONS: usize = 8;
/// Pairs that are remembered for each reason.
pub const MOST_NEAR: usize = 1000;

/// A pair that is not one of duplicates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RefusedPair {
    /// The row that might have gone.
    pub later: u32,
    /// The row for which it might have gone.
    pub earlier: u32,
    /// Why it did not.
    pub refusal: Refusal,
}

impl RefusedPair {
    /// The most similar first; of equal ones the first rows.
    fn order(&self, other: &Self) -> Ordering {
        let similarity = other.refusal.similarity.total_cmp(&self.refusal.similarity);
        similarity.then(self.later.cmp(&other.later)).then(self.earlier.cmp(&other.earlier))
    }
}

/// All refused pairs, as far as they are remembered.
#[derive(Debug, Default)]
pub struct RefusedPairs {
    counts: [u64; REASONS],
    /// Up to twice as many as are wanted; the worst that is wanted stands at the end once there were too many.
    near: [Vec<RefusedPair>; REASONS],
    last: [Option<RefusedPair>; REASONS],
}

impl RefusedPairs {
    /// Whether a pair may be among the nearest.
    pub fn wants(&self, pair: &RefusedPair) -> bool {
        let last = &self.last[pair.refusal.why as usize % REASONS];
        !pair.refusal.similarity.is_nan() && last.is_none_or(|last| pair.order(&last).is_lt())
    }

    /// Enters how many pairs were refused for which reason, and those that may be among the nearest.
    pub fn add(&mut self, counts: [u64; REASONS], near: Vec<RefusedPair>) {
        for (count, more) in self.counts.iter_mut().zip(counts) {
            *count += more;
        }
        for pair in near {
            let reason = pair.refusal.why as usize % REASONS;
            self.near[reason].push(pair);
            if self.near[reason].len() >= 2 * MOST_NEAR {
                keep_nearest(&mut self.near[reason]);
                self.last[reason] = self.near[reason].last().copied();
            }
        }
    }

    /// How many there are for each reason, and the nearest of each that `counts`: first the nearest of each reason, then
    /// the second of each, and so on.
    pub fn finish(mut self, counts: impl Fn(&RefusedPair) -> bool) -> ([u64; REASONS], Vec<RefusedPair>) {
        for pairs in &mut self.near {
            keep_nearest(pairs);
            pairs.retain(&counts);
        }
        let rank = |rank: usize| self.near.iter().filter_map(move |pairs| pairs.get(rank)).copied();
        (self.counts, (0..MOST_NEAR).flat_map(rank).collect())
    }
}

fn keep_nearest(pairs: &mut Vec<RefusedPair>) {
    pairs.sort_unstable_by(RefusedPair::order);
    pairs.truncate(MOST_NEAR);
}
