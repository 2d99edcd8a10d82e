//! Words: short segments of ASCII characters, whose ids are remembered.

use super::characters::Characters;
use super::encoder::{BytePairEncoder, Scratch};
use super::matcher::Matcher;
use super::matches::{Matches, Tokens};
use super::memo::{self, IDS, Memo};
use super::node::{Node, STARTS_DEFINED};
use super::normaliser::decode;
use super::sink::Sink;
use super::symbols::Symbols;
use crate::memory::boxed;

/// Words that are looked for before the first of them is looked up.
const AHEAD: usize = 8;
/// ASCII characters.
const ASCII: usize = 128;
/// Values of a byte.
const BYTES: usize = 256;

/// What an ASCII character and one that follows it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing joins them.
    Apart,
    /// They stand in a piece.
    Inside,
    /// They may stand in a piece, or the second may start a user-defined one.
    Ask,
}

/// What is known of ASCII characters and those that follow them.
#[derive(Debug)]
pub struct Neighbours {
    /// By an ASCII character, and the first byte of the one that follows.
    steps: Box<[[Step; BYTES]; ASCII]>,
    /// Whether an ASCII character is joined with others, and no user-defined piece starts with it.
    starts_word: [bool; ASCII],
    /// Whether no user-defined piece starts with an ASCII letter.
    has_plain_letters: bool,
}

impl Neighbours {
    pub fn new(symbols: &Symbols, characters: &Characters, defined: &Matcher) -> Self {
        let mut steps = boxed([Step::Apart; BYTES]);
        let first_byte = |character: char| usize::from(character.encode_utf8(&mut [0; 4]).as_bytes()[0]);
        for (left, steps) in (0..).zip(steps.iter_mut()) {
            let node = characters.get(left);
            for (right, step) in (0..).zip(&mut steps[..ASCII]) {
                let right = characters.get(right);
                if right.is_marked(STARTS_DEFINED) {
                    *step = Step::Ask;
                } else if symbols.trie.next(node, right) != Node::NOTHING {
                    *step = Step::Inside;
                }
            }
            for &(right, of_right) in &symbols.characters {
                if !right.is_ascii() && symbols.trie.next(node, of_right) != Node::NOTHING {
                    steps[first_byte(right)] = Step::Ask;
                }
            }
            for start in defined.starts().filter(|start| !start.is_ascii()) {
                steps[first_byte(start)] = Step::Ask;
            }
        }
        Self {
            steps,
            starts_word: std::array::from_fn(|code| {
                let node = characters.get(code as u32);
                !node.is_alone() && !node.is_marked(STARTS_DEFINED)
            }),
            has_plain_letters: defined.starts().all(|start| !start.is_ascii_alphabetic()),
        }
    }

    #[inline(always)]
    fn step(&self, left: u8, right: u8) -> Step {
        self.steps[usize::from(left) % ASCII][usize::from(right)]
    }

    /// Whether a word may start with a byte.
    #[inline(always)]
    pub fn starts_word(&self, byte: u8) -> bool {
        self.starts_word.get(usize::from(byte)) == Some(&true)
    }
}

impl BytePairEncoder {
    /// Walks over words; gives where they end, which is `start` if there are none.
    #[inline(always)]
    pub(super) fn walk_words<S: Sink>(&self, bytes: &[u8], start: usize, scratch: &mut Scratch, sink: &mut S) -> usize {
        // The memory works on all look-ups at once.
        let mut words = [(0, 0); AHEAD];
        let (mut end, mut count) = (start, 0);
        for place in &mut words {
            if !self.neighbours.starts_word(bytes[end]) {
                break;
            }
            let (next, Some(word)) = self.word_at(bytes, end) else { break };
            *place = (word, scratch.memo.prefetch(word));
            end = next;
            count += 1;
        }
        for &(word, hash) in &words[..count] {
            if let Some((ids, len)) = scratch.memo.get(word, hash) {
                sink.first_ids(&ids, len);
            } else {
                self.new_word(word, &mut scratch.word_matches, &mut scratch.memo, sink);
            }
        }
        end
    }

    /// Where ASCII characters end that are cut from what follows, from the one at `start` on, and if there are few of them
    /// these with zeros behind; a certain cut is not far.
    #[inline(always)]
    pub(super) fn word_at(&self, bytes: &[u8], start: usize) -> (usize, Option<u128>) {
        let Some(first) = bytes[start..].first_chunk() else { return (start, None) };
        let first = u128::from_le_bytes(*first);
        if self.neighbours.has_plain_letters {
            let len = 1 + letters(first >> 8);
            if self.neighbours.step(bytes[start + len - 1], bytes[start + len]) == Step::Apart {
                return (start + len, Some(word(first, len)));
            }
        }
        let mut end = start + 1;
        // The zeros behind the text are joined with nothing.
        let step = loop {
            match self.neighbours.step(bytes[end - 1], bytes[end]) {
                Step::Inside => end += 1,
                step => break step,
            }
        };
        let len = end - start;
        if len > memo::WORD || (step == Step::Ask && self.may_go_on(bytes, end)) {
            return (end, None);
        }
        (end, Some(word(first, len)))
    }

    /// Whether an ASCII character may be in one segment with the one that follows at `end`, or a user-defined piece starts
    /// there.
    fn may_go_on(&self, bytes: &[u8], end: usize) -> bool {
        let (left, right) = (self.characters.get(bytes[end - 1].into()), self.characters.get(decode(&bytes[end..]).0));
        right.is_marked(STARTS_DEFINED) || self.trie.next(left, right) != Node::NOTHING
    }

    /// [`Self::new_word`] where it is rare.
    #[cold]
    #[inline(never)]
    pub(super) fn new_word_in_block<S: Sink>(&self, word: u128, matches: &mut Matches, memo: &mut Memo, sink: &mut S) {
        self.new_word(word, matches, memo, sink);
    }

    /// Hands over the ids of a word, and remembers them.
    #[inline(always)]
    fn new_word<S: Sink>(&self, word: u128, matches: &mut Matches, memo: &mut Memo, sink: &mut S) {
        // Its last byte is not zero.
        let len = memo::WORD - word.leading_zeros() as usize / 8;
        for &byte in &word.to_le_bytes()[..len] {
            matches.push(self.characters.get(byte.into()));
        }
        self.find_pairs(matches);
        let (mut ids, mut len) = ([0; IDS], 0);
        self.segments(matches, |tokens| match tokens {
            Tokens::Ids(some, count) => {
                some[..count].iter().zip(ids.iter_mut().skip(len)).for_each(|(&id, place)| *place = id);
                len += count;
                sink.first_ids(some, count);
            }
            Tokens::Other(token) => {
                len += IDS + 1;
                self.emit_token(token, sink);
            }
        });
        matches.clear();
        if len <= IDS {
            memo.set(word, &ids[..len]);
        }
    }
}

/// The first `len` of some bytes.
#[inline(always)]
fn word(bytes: u128, len: usize) -> u128 {
    const MASKS: [u128; memo::WORD + 1] = {
        let mut masks = [u128::MAX; memo::WORD + 1];
        let mut len = 0;
        while len < memo::WORD {
            masks[len] = (1 << (8 * len)) - 1;
            len += 1;
        }
        masks
    };
    bytes & MASKS[len]
}

/// With how many ASCII letters bytes begin, of 15.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn letters(bytes: u128) -> usize {
    use std::arch::x86_64::{
        _mm_add_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    // SAFETY: SSE2 is part of every x86-64 processor.
    let others = unsafe {
        let lower = _mm_or_si128(_mm_set_epi64x((bytes >> 64) as i64, bytes as i64), _mm_set1_epi8(0x20));
        // From the least number on are the letters.
        let from_least = _mm_add_epi8(lower, _mm_set1_epi8(i8::MIN.wrapping_sub_unsigned(b'a')));
        !_mm_movemask_epi8(_mm_cmplt_epi8(from_least, _mm_set1_epi8(i8::MIN + 26)))
    };
    (others.trailing_zeros() as usize).min(memo::WORD - 1)
}

/// With how many ASCII letters bytes begin, of 15.
#[cfg(not(target_arch = "x86_64"))]
pub fn letters(bytes: u128) -> usize {
    let bytes = bytes.to_le_bytes();
    bytes[..memo::WORD - 1].iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}
