//! Words that are not remembered: the pieces in them are looked for and merged.

use std::hint::select_unpredictable;

use super::encoder::BytePairEncoder;
use super::memo::{IDS, Memo, WORD, Word};
use super::merges::FIRST;
use super::node::{DEEP, Node, SYMBOL, UNKNOWN};
use super::pieces::{each_symbol, merge};
use super::queue::Queue;
use super::sink::Sink;
use super::trie::DEPTH;
use crate::progress::Progress;

/// Beginnings of pieces in a word.
const BEGINNINGS: usize = WORD * DEPTH;

/// Memory for one word after the other.
#[derive(Debug, Default)]
pub struct NewWord {
    /// By length less one and character the tokens of pieces and their beginnings; what is neither is 0.
    tokens: [[u32; WORD]; DEPTH],
    waiting: Waiting,
    queue: Queue,
}

/// Beginnings of pieces that go on, each with the place of its first character and above it that behind its last.
#[derive(Debug)]
struct Waiting([(Node, u64); BEGINNINGS]);

impl Default for Waiting {
    fn default() -> Self {
        Self([(Node::NOTHING, 0); BEGINNINGS])
    }
}

impl BytePairEncoder {
    /// Hands over the ids of a word, and remembers them.
    #[inline(always)]
    pub(super) fn new_word<S: Sink>(&self, word: Word, memory: &mut NewWord, memo: &mut Memo, sink: &mut S) {
        let len = word_len(word);
        let (mut ids, mut count, mut others) = ([0; WORD], 0, false);
        let mut emit = |token: u32| {
            let id = token.wrapping_sub(FIRST);
            let id = if (id as usize) < self.size { Some(id) } else { self.id_of_other(token) };
            if let Some(id) = id {
                ids[count % WORD] = id;
                count += 1;
            } else {
                sink.first_ids(&ids, count);
                self.emit_token(token, sink);
                (count, others) = (0, true);
            }
        };
        if self.find_pieces_of_word(word, len, memory) {
            let tokens = &memory.tokens;
            let ranks = &self.merges.ranks;
            let rank = |at: usize, len: usize| {
                let token = select_unpredictable(len <= WORD, tokens[(len - 1) % DEPTH][at % WORD], 0);
                ranks[(token & SYMBOL) as usize]
            };
            let take = |at: usize, len: usize| emit(tokens[(len - 1) % DEPTH][at % WORD]);
            if tokens[(len - 1) % DEPTH][0] & SYMBOL != 0 {
                emit(tokens[(len - 1) % DEPTH][0]);
            } else if len <= WORD / 2 {
                let keys: [u32; WORD / 2] = std::array::from_fn(|at| rank(at, 2) | at as u32);
                each_symbol(merge(keys, len, rank), len, take);
            } else {
                let keys: [u32; WORD] = std::array::from_fn(|at| rank(at, 2) | at as u32);
                each_symbol(merge(keys, len, rank), len, take);
            }
        } else {
            self.queued_word(&memory.tokens[0][..len], &mut memory.queue, &mut emit);
        }
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

    /// Finds the pieces that start at each character of a word; says whether these are all.
    #[inline(always)]
    fn find_pieces_of_word(&self, word: Word, len: usize, memory: &mut NewWord) -> bool {
        let NewWord { tokens, waiting: Waiting(waiting), .. } = memory;
        let trie = self.trie.nodes();
        *tokens = [[0; WORD]; DEPTH];
        let mut characters = [Node::NOTHING; WORD];
        for (at, character) in characters[..len].iter_mut().enumerate() {
            *character = self.characters.get_ascii((word[at / 8] >> (8 * (at % 8))) as u8);
            tokens[0][at] = character.token();
        }
        let (mut marks, mut count) = (0, 0);
        for at in 0..len - 1 {
            let pair = trie.next(characters[at], characters[at + 1]);
            tokens[1][at] = pair.token();
            marks |= pair.token();
            waiting[count] = (pair, ((at << 8) | (at + 2)) as u64);
            count += usize::from(pair.goes_on() && at + 2 < len);
        }
        // One loop for all lengths has one branch that fails.
        let mut done = 0;
        while done < count {
            let (node, place) = waiting[done % BEGINNINGS];
            let (at, end) = ((place >> 8) as usize, (place % 256) as usize);
            let node = trie.next(node, characters[end % WORD]);
            tokens[(end - at) % DEPTH][at % WORD] = node.token();
            marks |= node.token();
            done += 1;
            waiting[count % BEGINNINGS] = (node, place + 1);
            count += usize::from(node.goes_on() && end + 1 < len);
        }
        marks & DEEP == 0
    }

    /// The id of an ASCII character with a mark, or that is no piece; None if that depends on what is before it.
    #[cold]
    fn id_of_other(&self, token: u32) -> Option<u32> {
        let symbol = token & SYMBOL;
        let id = symbol.wrapping_sub(FIRST) as usize;
        let code = match token & UNKNOWN {
            0 if id < self.size => return Some(id as u32),
            0 => u32::from(self.others[id - self.size]),
            _ => symbol,
        };
        self.bytes.as_ref().map(|ids| ids[code as usize % ids.len()])
    }

    /// Merges a word of which pieces were not found.
    #[cold]
    #[inline(never)]
    fn queued_word(&self, characters: &[u32], queue: &mut Queue, emit: &mut impl FnMut(u32)) {
        queue.symbols.clear();
        queue.symbols.extend(characters.iter().map(|character| character & SYMBOL));
        // Nobody cancels it: a word is short.
        if queue.merge(&self.merges, &Progress::default(), |_, _| ()).is_ok() {
            queue.merged().for_each(emit);
        }
    }
}

/// How many bytes a word has: its last one is not zero.
fn word_len([low, high]: Word) -> usize {
    let zeros = if high == 0 { 64 + low.leading_zeros() } else { high.leading_zeros() };
    WORD - zeros as usize / 8
}
