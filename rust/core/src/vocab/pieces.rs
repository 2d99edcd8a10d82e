//! The pieces that start at each of some characters, and which of them are merged.

use std::hint::select_unpredictable;

use super::merges::{Merges, NEVER, NOTHING, PLACES};
use super::node::SYMBOL;
use super::trie::DEPTH;

/// The pieces that start at each of `B` characters.
#[derive(Debug)]
pub struct Pieces<const B: usize> {
    /// By length less one and character the tokens of pieces and their beginnings. What lies beyond the longest piece of
    /// a character is of no meaning.
    pub tokens: [[u32; B]; DEPTH],
    /// The ranks of these pieces, from three characters on.
    pub ranks: [[u32; B]; DEPTH],
    /// Characters of the longest piece that starts at each.
    pub lens: [u8; B],
}

impl<const B: usize> Default for Pieces<B> {
    fn default() -> Self {
        Self { tokens: [[NOTHING; B]; DEPTH], ranks: [[NEVER; B]; DEPTH], lens: [0; B] }
    }
}

impl<const B: usize> Pieces<B> {
    /// The rank of the piece at a place that has so many characters, from three on.
    #[inline(always)]
    fn rank(&self, at: usize, len: usize) -> u32 {
        let is_known = len <= usize::from(self.lens[at % B]);
        select_unpredictable(is_known, self.ranks[(len - 1) % DEPTH][at % B], NEVER)
    }

    /// Merges a segment of up to `N` characters, and fewer than 64.
    #[inline(always)]
    pub fn merge<const N: usize>(&self, merges: &Merges, start: usize, len: usize, emit: &mut impl FnMut(u32)) {
        let keys: [u32; N] = std::array::from_fn(|at| {
            let pair = self.tokens[1][(start + at) % B] & SYMBOL;
            select_unpredictable(at < len, merges.ranks[pair as usize] | at as u32, NEVER)
        });
        let starts = merge(keys, len, |at, len| self.rank(start + at, len));
        each_symbol(starts, len, |at, len| emit(self.tokens[(len - 1) % DEPTH][start + at]));
    }
}

/// The first symbol's start behind `at`; there is one.
#[inline(always)]
fn next(starts: u64, at: usize) -> usize {
    at + 1 + (starts >> (at + 1)).trailing_zeros() as usize
}

/// Merges a segment of up to `N` characters, and fewer than 64: from the keys of its pairs, and the rank of the piece at a
/// place that has so many characters, a bit for where each symbol starts, and one for the end.
///
/// A key is a rank, and below it the place in the segment: the least is that of the best rank, and of equal ones of the
/// leftmost. Keys stay in registers where `N` is small: nothing asks for one of them by a place that is not known before.
#[inline(always)]
pub fn merge<const N: usize>(mut keys: [u32; N], len: usize, rank: impl Fn(usize, usize) -> u32) -> u64 {
    let mut starts = u64::MAX >> (63 - len);
    loop {
        let best = keys.iter().copied().fold(NEVER, u32::min);
        if best == NEVER {
            return starts;
        }
        let at = (best % PLACES) as usize;
        let gone = next(starts, at);
        starts &= !(1 << gone);
        let end = next(starts, at);
        // Without a symbol on that side it is longer than any piece.
        let behind = select_unpredictable(end < len, next(starts, end.min(len - 1)) - at, usize::MAX);
        let joined = rank(at, behind) | at as u32;
        let before = starts & ((1 << at) - 1);
        let left = 63 - (before | 1).leading_zeros() as usize;
        let joined_left = rank(left, end - left) | left as u32;
        // There is none, and a place that no key has.
        let left = select_unpredictable(before != 0, left, N);
        for (place, key) in keys.iter_mut().enumerate() {
            let old = select_unpredictable(place == gone, NEVER, *key);
            let old = select_unpredictable(place == left, joined_left, old);
            *key = select_unpredictable(place == at, joined, old);
        }
    }
}

/// Calls `take` with the place and the length of each symbol.
#[inline(always)]
pub fn each_symbol(starts: u64, len: usize, mut take: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < len {
        let end = next(starts, at);
        take(at, end - at);
        at = end;
    }
}
