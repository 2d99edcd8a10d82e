//! Merging of long segments: a queue of pairs, so that time grows little faster than the length.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::merges::{Merges, NEVER, NOTHING};
use super::node::SYMBOL;
use crate::progress::{Cancelled, Progress};

/// Tokens from here on have a mark and are joined with nothing.
pub const MARKED: u32 = SYMBOL + 1;
/// No neighbour.
const END: u32 = u32::MAX;
/// Steps between two looks at whether to go on.
const BETWEEN_CHECKS: usize = 1 << 16;

/// A sequence of symbols that is being merged: 16 bytes a symbol, and 8 a pair that waits. Kept from use to use.
#[derive(Debug, Default)]
pub struct Queue {
    pub symbols: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// What a symbol and its next one give.
    pairs: Vec<u32>,
    waiting: BinaryHeap<Reverse<u64>>,
}

/// The place of a pair in the queue: its rank, and of equal ones the leftmost.
fn place(rank: u32, at: usize) -> u64 {
    u64::from(rank) << 32 | at as u64
}

impl Queue {
    /// Merges `symbols`, of which there are fewer than 2³²; calls `seen` with every pair that gives something, in the
    /// order in which they come about.
    pub fn merge(
        &mut self,
        merges: &Merges,
        progress: &Progress,
        mut seen: impl FnMut(u32, (u32, u32)),
    ) -> Result<(), Cancelled> {
        let len = self.symbols.len();
        self.next.clear();
        self.next.extend((1..len as u32).chain([END]));
        self.previous.clear();
        self.previous.extend([END].into_iter().chain(0..len.saturating_sub(1) as u32));
        self.pairs.clear();
        self.pairs.resize(len, NOTHING);
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        waiting.clear();
        for at in 1..len {
            if at % BETWEEN_CHECKS == 0 {
                progress.check()?;
            }
            let rank = self.look(merges, at - 1, at, &mut seen);
            if rank != NEVER {
                waiting.push(Reverse(place(rank, at - 1)));
            }
        }
        self.waiting = waiting.into();
        let mut steps = 0_usize;
        while let Some(Reverse(first)) = self.waiting.pop() {
            steps += 1;
            if steps.is_multiple_of(BETWEEN_CHECKS) {
                progress.check()?;
            }
            let at = (first & u64::from(u32::MAX)) as usize;
            // A pair that is no more: its place has another one, which waits with its own rank, or none.
            if u64::from(merges.ranks[self.pairs[at] as usize]) != first >> 32 {
                continue;
            }
            self.symbols[at] = self.pairs[at];
            let gone = self.next[at] as usize;
            self.pairs[gone] = NOTHING;
            self.pairs[at] = NOTHING;
            let after = self.next[gone];
            self.next[at] = after;
            let before = self.previous[at];
            if before != END {
                self.wait(merges, before as usize, at, &mut seen);
            }
            if after != END {
                self.previous[after as usize] = at as u32;
                self.wait(merges, at, after as usize, &mut seen);
            }
        }
        Ok(())
    }

    /// Notes what two neighbours give, and says its rank.
    #[inline]
    fn look(&mut self, merges: &Merges, left: usize, right: usize, seen: &mut impl FnMut(u32, (u32, u32))) -> u32 {
        let pair = (self.symbols[left], self.symbols[right]);
        let joined = if pair.0.max(pair.1) < MARKED { merges.pairs.get(pair.0, pair.1) } else { NOTHING };
        self.pairs[left] = joined;
        let rank = merges.ranks[joined as usize];
        if rank != NEVER {
            seen(joined, pair);
        }
        rank
    }

    #[inline]
    fn wait(&mut self, merges: &Merges, left: usize, right: usize, seen: &mut impl FnMut(u32, (u32, u32))) {
        let rank = self.look(merges, left, right, seen);
        if rank != NEVER {
            self.waiting.push(Reverse(place(rank, left)));
        }
    }

    /// The symbols that are left, in order.
    pub fn merged(&self) -> impl Iterator<Item = u32> + '_ {
        let mut at = if self.symbols.is_empty() { END } else { 0 };
        std::iter::from_fn(move || {
            let symbol = *self.symbols.get(at as usize)?;
            at = self.next[at as usize];
            Some(symbol)
        })
    }

    /// Gives memory back that only a very long text needs.
    pub fn shrink(&mut self) {
        if self.symbols.capacity() > BETWEEN_CHECKS {
            *self = Self::default();
        }
    }
}
