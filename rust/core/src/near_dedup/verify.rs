//! The exact Jaccard similarity of one row's set of shingles with those of several others.

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    /// Turn in which the shingle was put here; turns before the keeper's mean an empty slot.
    born: u32,
    /// Last turn in which the shingle was met.
    seen: u32,
}

/// A hash table of shingles. Every text has a turn of its own, so that nothing is ever cleared.
pub struct ShingleSet {
    slots: Vec<Slot>,
    used: usize,
    turn: u32,
    keeper_turn: u32,
    keeper_size: usize,
}

/// Slots to begin with: 16 KiB, half of the first-level cache.
const FIRST_SLOTS: usize = 1 << 10;

impl Default for ShingleSet {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); FIRST_SLOTS], used: 0, turn: 0, keeper_turn: 1, keeper_size: 0 }
    }
}

impl ShingleSet {
    /// Makes this the set of a keeper's shingles; repeats count once.
    pub fn set_keeper(&mut self, hashes: &[u64]) {
        self.used = 0;
        self.begin_turn(hashes.len());
        self.keeper_turn = self.turn;
        self.keeper_size = self.meet(hashes).0;
    }

    /// Shared over all distinct shingles of the keeper, whose hashes these are, and a candidate: `(shared, all)`.
    pub fn overlap(&mut self, keeper_hashes: &[u64], candidate_hashes: &[u64]) -> (usize, usize) {
        if (self.used + candidate_hashes.len()) * 2 > self.slots.len() {
            // What earlier candidates left is in the way.
            self.reserve(keeper_hashes.len() + candidate_hashes.len());
            self.set_keeper(keeper_hashes);
        }
        self.begin_turn(candidate_hashes.len());
        let (distinct, shared) = self.meet(candidate_hashes);
        (shared, self.keeper_size + distinct - shared)
    }

    fn reserve(&mut self, hashes: usize) {
        let slots = (hashes * 2).next_power_of_two();
        if slots > self.slots.len() {
            self.slots = vec![Slot::default(); slots];
            self.turn = 0;
        }
    }

    fn begin_turn(&mut self, hashes: usize) {
        if (self.used + hashes) * 2 > self.slots.len() {
            self.reserve(self.used + hashes);
        }
        if self.turn >= u32::MAX - 1 && self.used == 0 {
            self.slots.fill(Slot::default());
            self.turn = 0;
        }
        self.turn += 1;
    }

    /// Puts hashes into the table: how many are distinct, and how many of these are the keeper's.
    fn meet(&mut self, hashes: &[u64]) -> (usize, usize) {
        let mask = self.slots.len() - 1;
        let (turn, keeper_turn) = (self.turn, self.keeper_turn);
        let (mut distinct, mut shared, mut added) = (0, 0, 0);
        for &hash in hashes {
            let mut at = hash as usize & mask;
            loop {
                let slot = &mut self.slots[at];
                if slot.born < keeper_turn {
                    *slot = Slot { hash, born: turn, seen: turn };
                    distinct += 1;
                    added += 1;
                    break;
                }
                if slot.hash == hash {
                    let first = usize::from(slot.seen != turn);
                    distinct += first;
                    shared += first & usize::from(slot.born == keeper_turn);
                    slot.seen = turn;
                    break;
                }
                at = (at + 1) & mask;
            }
        }
        self.used += added;
        (distinct, shared)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::near_dedup::shingle::mix;

    proptest! {
        #[test]
        fn overlap_is_that_of_the_sets(
            keepers in proptest::collection::vec((proptest::collection::vec(0u64..200, 1..300), proptest::collection::vec(proptest::collection::vec(0u64..400, 1..500), 0..8)), 1..6),
        ) {
            let mut set = ShingleSet::default();
            for (keeper, candidates) in keepers {
                let keeper: Vec<u64> = keeper.into_iter().map(mix).collect();
                set.set_keeper(&keeper);
                for candidate in candidates {
                    let candidate: Vec<u64> = candidate.into_iter().map(mix).collect();
                    let (a, b): (HashSet<_>, HashSet<_>) = (keeper.iter().collect(), candidate.iter().collect());
                    prop_assert_eq!(set.overlap(&keeper, &candidate), (a.intersection(&b).count(), a.union(&b).count()));
                }
            }
        }
    }
}
