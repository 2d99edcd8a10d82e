//! Words of a text that were seen before.

use std::hint::select_unpredictable;

use crate::memory::prefetch;

/// Bytes of a word that is remembered at most.
pub const WORD: usize = 16;
/// Ids of a word that is remembered at most.
pub const IDS: usize = 4;
/// Words with the same hash that are remembered: as many as lie in a cache line.
const WAYS: usize = 2;
/// Ids are below 2²¹.
const LEN_SHIFT: u32 = 24;
/// Hashes of words.
const HASHES: usize = 1 << 16;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The bytes of the word, zeros behind them; 0 is no word.
    word: u128,
    /// The upper bits of the last say how many there are.
    ids: [u32; IDS],
}

impl Entry {
    #[inline(always)]
    fn ids(&self) -> ([u32; IDS], usize) {
        let [.., last] = self.ids;
        let mut ids = self.ids;
        ids[IDS - 1] = last & ((1 << LEN_SHIFT) - 1);
        (ids, (last >> LEN_SHIFT) as usize)
    }
}

/// Words with the same hash, the newest first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Ways([Entry; WAYS]);

/// The ids of words; a word takes the place of the oldest with the same hash.
#[derive(Debug)]
pub struct Memo(Box<[Ways]>);

impl Default for Memo {
    fn default() -> Self {
        Self(vec![Ways::default(); HASHES].into())
    }
}

impl Memo {
    #[inline(always)]
    fn hash(word: u128) -> usize {
        let mixed = (word as u64 ^ ((word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> (64 - HASHES.trailing_zeros())) as usize
    }

    /// Prepares for a question about a word; gives its hash.
    #[inline(always)]
    pub fn prefetch(&self, word: u128) -> usize {
        let hash = Self::hash(word);
        prefetch((&raw const self.0[hash]).cast());
        hash
    }

    /// The ids of a word with its hash, and how many there are.
    #[inline(always)]
    pub fn get(&self, word: u128, hash: usize) -> Option<([u32; IDS], usize)> {
        let [first, second] = &self.0[hash].0;
        // Which of both it is cannot be foreseen, and that it is one of them can.
        let entry = select_unpredictable(second.word == word, second, first);
        (entry.word == word).then(|| entry.ids())
    }

    /// Remembers up to [`IDS`] ids of a word that is not remembered.
    pub fn set(&mut self, word: u128, ids: &[u32]) {
        let mut entry = Entry { word, ids: [0; IDS] };
        entry.ids[..ids.len()].copy_from_slice(ids);
        entry.ids[IDS - 1] |= (ids.len() as u32) << LEN_SHIFT;
        let ways = &mut self.0[Self::hash(word)].0;
        ways.rotate_right(1);
        ways[0] = entry;
    }
}
