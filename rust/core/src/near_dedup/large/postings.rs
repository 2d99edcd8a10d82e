//! Which kept rows have a shingle in their prefix, while rows are still being kept.

use crate::memory::{prefetch, zeroed};

/// Lists of rows by shingle that grow at their ends.
///
/// A list is a chain of chunks, newest first, each twice as long as the one before it: a rare shingle takes half a cache
/// line, a frequent one is read almost as from an array. Shingles that fall into one bucket share a list and are told
/// apart by a tag.
pub struct Postings {
    /// The newest chunk of each bucket.
    heads: Vec<u32>,
    /// Chunks: a word that says what it is, then entries.
    words: Vec<u64>,
    shift: u32,
    len: usize,
}

/// Where chunks may begin, in words; a chunk has a number of these.
const GRAIN: usize = 4;
/// The most entries of a chunk.
const LONGEST: usize = 127;
/// Entries that a bucket is meant for.
const PER_BUCKET: usize = 2;
/// No chunk.
const NONE: u32 = 0;

/// The first word of a chunk.
#[derive(Clone, Copy)]
struct Head {
    /// The chunk before it, in grains.
    next: u32,
    used: usize,
    capacity: usize,
}

impl Head {
    fn of(word: u64) -> Self {
        Self { next: word as u32, used: (word >> 32 & 0xffff) as usize, capacity: (word >> 48) as usize }
    }

    fn word(self) -> u64 {
        u64::from(self.next) | (self.used as u64) << 32 | (self.capacity as u64) << 48
    }
}

impl Postings {
    /// No entry yet, and buckets for about `entries`.
    pub fn for_about(entries: usize) -> Self {
        let bits = (entries / PER_BUCKET).clamp(1 << 8, 1 << 24).next_power_of_two().trailing_zeros();
        Self { heads: zeroed(1 << bits), words: vec![0; GRAIN], shift: 64 - bits, len: 0 }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// By the upper bits of the hash, which is the lower 56 bits of a key; the tag is made of its lower bits.
    #[inline]
    fn bucket(&self, key: u64) -> usize {
        ((key << 8) >> self.shift) as usize
    }

    /// Adds a row with a shingle. `row` is at least that of every entry so far.
    pub fn push(&mut self, key: u64, row: u32) {
        let bucket = self.bucket(key);
        let first = self.heads[bucket];
        let mut at = first as usize * GRAIN;
        let mut head = Head::of(self.words[at]);
        if first == NONE || head.used == head.capacity {
            let capacity = if first == NONE { GRAIN - 1 } else { (head.capacity * 2 + 1).min(LONGEST) };
            head = Head { next: first, used: 0, capacity };
            at = self.words.len();
            self.words.resize(at + 1 + capacity, 0);
            self.heads[bucket] = (at / GRAIN) as u32;
        }
        head.used += 1;
        self.words[at] = head.word();
        self.words[at + head.used] = key << 32 | u64::from(row);
        self.len += 1;
    }

    /// Calls `found` for the rows from `since` on that have a shingle, the last first. A few rows may come that have
    /// another shingle.
    #[inline]
    pub fn rows_with(&self, key: u64, since: u32, mut found: impl FnMut(u32)) {
        let mut chunk = self.heads[self.bucket(key)];
        while chunk != NONE {
            let at = chunk as usize * GRAIN;
            let head = Head::of(self.words[at]);
            for &entry in self.words[at + 1..=at + head.used].iter().rev() {
                let row = entry as u32;
                if row < since {
                    return;
                }
                if (entry >> 32) as u32 == key as u32 {
                    found(row);
                }
            }
            chunk = head.next;
        }
    }

    /// Asks the processor for the buckets of these shingles.
    pub fn prefetch(&self, keys: &[u64]) {
        for &key in keys {
            prefetch(self.heads[self.bucket(key)..].as_ptr().cast());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::near_dedup::shingle::mix;

    proptest! {
        #[test]
        fn every_row_is_found_once_and_in_order(pushes in prop::collection::vec(0u64..40, 0..3_000), since in 0u32..400) {
            let mut postings = Postings::for_about(0);
            let mut expected = vec![Vec::new(); 40];
            for (row, &shingle) in pushes.iter().enumerate() {
                let row = row as u32 / 8;
                postings.push(mix(shingle), row);
                if row >= since {
                    expected[shingle as usize].insert(0, row);
                }
            }
            prop_assert_eq!(postings.len(), pushes.len());
            for (shingle, expected) in expected.into_iter().enumerate() {
                let mut found = Vec::new();
                postings.rows_with(mix(shingle as u64), since, |row| found.push(row));
                prop_assert_eq!(found, expected);
            }
        }
    }
}
