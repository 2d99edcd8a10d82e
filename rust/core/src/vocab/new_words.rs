//! Words that are not remembered: the pieces in them are looked for and merged.

use std::hint::select_unpredictable;

use super::encoder::BytePairEncoder;
use super::memo::{self, IDS, Memo, WORD, Word};
use super::merges::{FIRST, NEVER};
use super::node::{SYMBOL, UNKNOWN};
use super::pieces::{each_symbol, merge};
use super::sink::Sink;
use super::word_trie::{Found, WordTrie};

/// Memory for one word after the other.
#[derive(Debug)]
pub struct NewWord {
    /// By length less one and character the ranks of the pieces that start there, or [`NEVER`].
    ranks: [[u32; WORD]; WORD],
    /// Likewise where the symbols of these pieces are.
    places: [[u32; WORD]; WORD],
    /// For the beginning of a piece that starts at each character where the nodes behind it are.
    bases: [u32; WORD],
}

impl Default for NewWord {
    fn default() -> Self {
        Self { ranks: [[NEVER; WORD]; WORD], places: [[0; WORD]; WORD], bases: [0; WORD] }
    }
}

impl NewWord {
    /// Finds the pieces that start at each character of a word.
    #[inline(always)]
    fn find_pieces(&mut self, bytes: &[u8; WORD], len: usize, trie: &WordTrie) {
        let Self { ranks, places, bases } = self;
        *ranks = [[NEVER; WORD]; WORD];
        for at in 0..len {
            bases[at] = trie.base(bytes[at]);
        }
        for last in 1..len {
            let mut any = 0;
            // Where nothing goes on any more nothing is found: to leave that out would cost more.
            for at in 0..len - last {
                let Found { rank, base, place } = trie.next(bases[at], bytes[at + last]);
                ranks[last][at] = rank;
                places[last][at] = place;
                bases[at] = base;
                any |= base;
            }
            if any == 0 {
                break;
            }
        }
    }

    /// The rank of the piece at a place that has so many characters.
    #[inline(always)]
    fn rank(&self, at: usize, len: usize) -> u32 {
        select_unpredictable(len <= WORD, self.ranks[(len - 1) % WORD][at % WORD], NEVER)
    }

    /// Merges a word in which the pieces were found: a bit for where each symbol starts, and one for the end.
    #[inline(always)]
    fn merge<const N: usize>(&self, len: usize) -> u64 {
        let keys: [u32; N] = std::array::from_fn(|at| self.ranks[1][at] | at as u32);
        merge(keys, len, |at, len| self.rank(at, len))
    }
}

impl BytePairEncoder {
    /// Hands over the ids of a word, and remembers them.
    #[inline(always)]
    pub(super) fn new_word<S: Sink>(&self, word: Word, memory: &mut NewWord, memo: &mut Memo, sink: &mut S) {
        let Some(trie) = &self.words else { return };
        let bytes = memo::bytes(word);
        let len = memo::len(word);
        memory.find_pieces(&bytes, len, trie);
        let starts = match len {
            _ if memory.rank(0, len) != NEVER => 1 | 1 << len,
            ..=8 => memory.merge::<{ WORD / 2 }>(len),
            _ => memory.merge::<WORD>(len),
        };
        let (mut ids, mut count, mut others) = ([0; WORD], 0, false);
        each_symbol(starts, len, |at, len| {
            let id = match len {
                1 => self.id_of_single(bytes[at % WORD]),
                _ => Some(trie.symbol(memory.places[(len - 1) % WORD][at % WORD]) - FIRST),
            };
            if let Some(id) = id {
                ids[count % WORD] = id;
                count += 1;
            } else {
                sink.first_ids(&ids, count);
                self.emit_token(self.characters.get(bytes[at % WORD].into()).token(), sink);
                (count, others) = (0, true);
            }
        });
        sink.first_ids(&ids, count);
        if count <= IDS && !others {
            memo.set(word, &ids[..count]);
        }
    }

    /// [`Self::new_word`] where it is rare.
    #[cold]
    #[inline(never)]
    pub(super) fn new_word_in_block<S: Sink>(&self, word: Word, memory: &mut NewWord, memo: &mut Memo, sink: &mut S) {
        self.new_word(word, memory, memo, sink);
    }

    /// The id of a character of a word that stands alone; None if it has several, or they depend on what is before it.
    #[inline(always)]
    fn id_of_single(&self, byte: u8) -> Option<u32> {
        let token = self.characters.get(byte.into()).token();
        let (symbol, is_unknown) = (token & SYMBOL, token & UNKNOWN != 0);
        let id = symbol.wrapping_sub(FIRST);
        if !is_unknown && (id as usize) < self.size {
            return Some(id);
        }
        let code = if is_unknown { symbol } else { self.others[id as usize - self.size].into() };
        // A space may be written otherwise.
        self.bytes.as_ref().filter(|_| code < 0x80).map(|ids| ids[code as usize % ids.len()])
    }
}
