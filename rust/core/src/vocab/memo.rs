//! Words of a text that were seen before.

/// Bytes of a word that is remembered at most.
pub const WORD: usize = 16;
/// Ids of a word that is remembered at most.
pub const IDS: usize = 3;
/// Words that are remembered at most: 32 bytes each.
const PLACES: usize = 1 << 15;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The bytes of the word, zeros behind them; 0 is no word.
    word: u128,
    ids: [u32; IDS],
    len: u32,
}

/// The ids of words; a word takes the place of another with the same hash.
#[derive(Debug)]
pub struct Memo(Box<[Entry]>);

impl Default for Memo {
    fn default() -> Self {
        Self(vec![Entry::default(); PLACES].into())
    }
}

impl Memo {
    #[inline(always)]
    fn place(word: u128) -> usize {
        let mixed = (word as u64 ^ ((word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> (64 - PLACES.trailing_zeros())) as usize
    }

    /// Where the ids of a word are.
    #[inline(always)]
    pub fn find(&self, word: u128) -> Option<usize> {
        let place = Self::place(word);
        (self.0[place].word == word).then_some(place)
    }

    /// The ids at a place and how many there are.
    #[inline(always)]
    pub fn ids(&self, place: usize) -> ([u32; IDS], usize) {
        let entry = &self.0[place % PLACES];
        (entry.ids, entry.len as usize)
    }

    /// Remembers up to [`IDS`] ids of a word.
    pub fn set(&mut self, word: u128, ids: &[u32]) {
        let mut entry = Entry { word, ids: [0; IDS], len: ids.len() as u32 };
        entry.ids[..ids.len()].copy_from_slice(ids);
        self.0[Self::place(word)] = entry;
    }
}
