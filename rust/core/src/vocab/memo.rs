//! Words of a text that were seen before.

use std::hint::select_unpredictable;

use crate::memory::{boxed_in_huge_pages, prefetch};

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

/// The bytes of a word, zeros behind them, the first ones lowest.
pub type Word = [u64; WORD / 8];

/// The bytes of a word, with zeros behind them.
#[inline(always)]
pub fn bytes([low, high]: Word) -> [u8; WORD] {
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// The word of some ASCII codes, at most [`WORD`].
pub fn word(codes: &[u32]) -> Word {
    let word = codes.iter().rev().fold(0u128, |word, &code| word << 8 | u128::from(code));
    [word as u64, (word >> 64) as u64]
}

/// How many bytes a word has: its last one is not zero.
#[inline(always)]
pub fn len([low, high]: Word) -> usize {
    let zeros = if high == 0 { 64 + low.leading_zeros() } else { high.leading_zeros() };
    WORD - zeros as usize / 8
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Zeros are no word.
    word: Word,
    /// The upper bits of the last say how many there are, less one.
    ids: [u32; IDS],
}

impl Entry {
    #[inline(always)]
    fn ids(&self) -> ([u32; IDS], usize) {
        const MASKS: [u32; IDS] = [u32::MAX, u32::MAX, u32::MAX, (1 << LEN_SHIFT) - 1];
        let [.., last] = self.ids;
        (std::array::from_fn(|at| self.ids[at] & MASKS[at]), 1 + (last >> LEN_SHIFT) as usize % IDS)
    }
}

/// Words with the same hash.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Ways([Entry; WAYS]);

/// The ids of words. Of those with the same hash the first one stays, for it is likely a frequent word; the second is the
/// newest.
#[derive(Debug)]
pub struct Memo(Box<[Ways; HASHES]>);

impl Memo {
    /// Remembers words that are pieces, each with its id, where the newest would be.
    pub fn with(pieces: impl Iterator<Item = (Word, u32)>) -> Self {
        let mut memo = Self(boxed_in_huge_pages(Ways::default()));
        for (word, id) in pieces {
            memo.0[Self::hash(word) % HASHES].0[WAYS - 1] = Entry { word, ids: [id, 0, 0, 0] };
        }
        memo
    }

    /// The place of a word.
    #[inline(always)]
    pub fn hash(word: Word) -> usize {
        let [low, high] = word;
        let mixed = (low ^ high.wrapping_mul(0x7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> (64 - HASHES.trailing_zeros())) as usize
    }

    /// Prepares for a question about a word with a hash.
    #[inline(always)]
    pub fn prefetch(&self, hash: usize) {
        prefetch((&raw const self.0[hash % HASHES]).cast());
    }

    /// The ids of a word with its hash, and how many there are.
    #[inline(always)]
    pub fn get(&self, word: Word, hash: usize) -> Option<([u32; IDS], usize)> {
        let [first, second] = &self.0[hash % HASHES].0;
        // Which of both it is cannot be foreseen, and that it is one of them can.
        let entry = select_unpredictable(second.word == word, second, first);
        (entry.word == word).then(|| entry.ids())
    }

    /// Remembers the ids of a word that is not remembered, from one to [`IDS`].
    pub fn set(&mut self, word: Word, ids: &[u32]) {
        let mut entry = Entry { word, ids: [0; IDS] };
        entry.ids[..ids.len()].copy_from_slice(ids);
        entry.ids[IDS - 1] |= (ids.len() as u32 - 1) << LEN_SHIFT;
        let ways = &mut self.0[Self::hash(word) % HASHES].0;
        let way = usize::from(ways[0].word != Word::default());
        ways[way] = entry;
    }
}
