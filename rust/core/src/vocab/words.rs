//! Words: short segments of ASCII characters, whose ids are remembered.

use super::characters::Characters;
use super::encoder::{BytePairEncoder, Scratch};
use super::matcher::Matcher;
use super::memo::{IDS, Memo, WORD, Word};
use super::node::{Node, STARTS_DEFINED, UNKNOWN};
use super::normaliser::decode;
use super::sink::{Room, Sink};
use super::symbols::Symbols;
use crate::dispatch;
use crate::memory::boxed;

/// Words that are looked for before the first of them is looked up.
pub const AHEAD: usize = 32;
/// ASCII characters.
const ASCII: usize = 128;
/// Bytes that are looked at together.
const BITS: isize = u64::BITS as isize;
/// Values of two bytes.
const PAIRS: usize = 1 << 16;

/// What an ASCII character and one that follows it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing joins them.
    Apart,
    /// Nothing joins them, and a word starts with the second.
    Word,
    /// They stand in a piece.
    Inside,
    /// They may stand in a piece, or the second may start a user-defined one.
    Ask,
}

/// What is known of ASCII characters and those that follow them.
#[derive(Debug)]
pub struct Neighbours {
    /// By the byte of an ASCII character, and above it the first one of the character that follows.
    steps: Box<[Step; PAIRS]>,
    /// Whether a word may start with an ASCII character: no user-defined piece does, and its ids are its own.
    starts_word: [bool; ASCII],
    /// Whether no user-defined piece starts with an ASCII letter.
    has_plain_letters: bool,
}

impl Neighbours {
    pub fn new(symbols: &Symbols, characters: &Characters, defined: &Matcher, has_bytes: bool) -> Self {
        // What an unknown character is without bytes depends on what is before it.
        let marks = if has_bytes { STARTS_DEFINED } else { STARTS_DEFINED | UNKNOWN };
        let has_words = symbols.words.is_some();
        let starts_word =
            std::array::from_fn(|code| has_words && code != 0 && !characters.get(code as u32).is_marked(marks));
        let mut steps = boxed(Step::Apart);
        let place = |left: u32, right: usize| right << 8 | left as usize;
        let first_byte = |character: char| usize::from(character.encode_utf8(&mut [0; 4]).as_bytes()[0]);
        for left in 0..ASCII as u32 {
            let node = characters.get(left);
            for right in 0..ASCII {
                let of_right = characters.get(right as u32);
                if of_right.is_marked(STARTS_DEFINED) {
                    steps[place(left, right)] = Step::Ask;
                } else if symbols.trie.next(node, of_right) != Node::NOTHING {
                    steps[place(left, right)] = Step::Inside;
                } else if starts_word[right] {
                    steps[place(left, right)] = Step::Word;
                }
            }
            for &(right, of_right) in &symbols.characters {
                if !right.is_ascii() && symbols.trie.next(node, of_right) != Node::NOTHING {
                    steps[place(left, first_byte(right))] = Step::Ask;
                }
            }
            for start in defined.starts().filter(|start| !start.is_ascii()) {
                steps[place(left, first_byte(start))] = Step::Ask;
            }
        }
        Self { steps, starts_word, has_plain_letters: defined.starts().all(|start| !start.is_ascii_alphabetic()) }
    }

    /// What the last of `len` bytes and the next one are.
    #[inline(always)]
    fn step(&self, bytes: &[u8; WORD + 1], len: usize) -> Step {
        let before = len.wrapping_sub(1) % WORD;
        self.steps[usize::from(u16::from_le_bytes([bytes[before], bytes[before + 1]]))]
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
        let Scratch { ahead, memo, new_word, .. } = scratch;
        let bytes = &bytes[start..];
        let Some((len, word, goes_on)) = self.word_at(bytes) else { return start };
        if !goes_on {
            if let Some((ids, len)) = memo.get(word, Memo::hash(word)) {
                sink.first_ids(&ids, len);
            } else {
                self.new_word_in_block(word, new_word, memo, sink);
            }
            return start + len;
        }
        // The memory works on all look-ups at once.
        let (len, count) = look_ahead(self, bytes, memo, ahead);
        let mut words = &ahead[..count];
        loop {
            sink.write(|room| words = &words[remembered(words, memo, room)..]);
            let Some((&(word, _), later)) = words.split_first() else { return start + len };
            self.new_word(word, new_word, memo, sink);
            words = later;
        }
    }

    /// Finds words, and prepares for questions about them: how many bytes they have, and how many they are.
    #[inline(always)]
    fn look_ahead(&self, bytes: &[u8], memo: &Memo, words: &mut [(Word, usize); AHEAD]) -> (usize, usize) {
        let mut rest = bytes;
        // A word may start at each byte that is no letter: where one is found before it is known where the last one ends.
        // Of 64 bytes, so many were passed; below 0 these are still ahead.
        let (mut passed, mut starts) = (0, self.starts(bytes) & !1);
        let mut places = words.iter_mut();
        loop {
            // A word is too long before the end of a second run of letters is needed.
            if starts == 0 && passed >= 0 {
                passed -= BITS;
                starts = self.starts(rest.get(passed.unsigned_abs()..).unwrap_or_default());
            }
            let Some(near) = rest.first_chunk() else { break };
            let end = starts.trailing_zeros() as isize;
            let len = (end - passed) as usize;
            if len <= WORD && self.neighbours.step(near, len) == Step::Word {
                let Some(place) = places.next() else { break };
                *place = look_for(near, len, memo);
                rest = &rest[len..];
                passed = end;
                starts &= starts - 1;
                continue;
            }
            let Some((len, goes_on)) = self.end_of_word(rest, len.min(WORD)) else { break };
            let Some(place) = places.next() else { break };
            *place = look_for(near, len.min(WORD), memo);
            rest = &rest[len..];
            passed += len as isize;
            match passed {
                _ if !goes_on => break,
                // Its end is ahead still.
                ..0 => {}
                0..BITS => starts &= !1 << passed,
                _ => (passed, starts) = (0, self.starts(rest) & !1),
            }
        }
        (bytes.len() - rest.len(), AHEAD - places.len())
    }

    /// A bit for each of 64 bytes with which a word may start where letters end, or all if there are fewer.
    #[inline(always)]
    fn starts(&self, bytes: &[u8]) -> u64 {
        let Some(bytes) = bytes.first_chunk::<64>().filter(|_| self.neighbours.has_plain_letters) else { return !0 };
        bytes.as_chunks().0.iter().rev().fold(0, |starts, bytes| starts << 16 | u64::from(!letters(bytes)))
    }

    /// The word at the start of some bytes, an ASCII character: how many bytes it has, these with zeros behind, and whether
    /// another one starts where it ends. None if it is too long, or what follows may be joined with it.
    #[inline(always)]
    pub(super) fn word_at(&self, bytes: &[u8]) -> Option<(usize, Word, bool)> {
        let near: &[u8; WORD + 1] = bytes.first_chunk()?;
        let [_, behind @ ..] = near;
        let letters = if self.neighbours.has_plain_letters { letters(behind).trailing_ones() } else { 0 };
        let len = 1 + (letters as usize).min(WORD - 1);
        let step = self.neighbours.step(near, len);
        if matches!(step, Step::Word | Step::Apart) {
            return Some((len, word(near, len), step == Step::Word));
        }
        let (len, goes_on) = self.end_of_word(bytes, len)?;
        Some((len.min(WORD), word(near, len.min(WORD)), goes_on))
    }

    /// The length of the word at the start of some bytes, of which so many are known, and whether another one follows.
    #[inline(never)]
    fn end_of_word(&self, bytes: &[u8], mut len: usize) -> Option<(usize, bool)> {
        let near = bytes.first_chunk()?;
        loop {
            match self.neighbours.step(near, len) {
                Step::Word => return Some((len, true)),
                Step::Apart => return Some((len, false)),
                Step::Inside if len < WORD => len += 1,
                Step::Ask if !self.may_go_on(bytes, len) => return Some((len, false)),
                _ => return None,
            }
        }
    }

    /// Whether an ASCII character may be in one segment with the one that follows at `end`, or a user-defined piece starts
    /// there.
    fn may_go_on(&self, bytes: &[u8], end: usize) -> bool {
        let (left, right) = (self.characters.get(bytes[end - 1].into()), self.characters.get(decode(&bytes[end..]).0));
        right.is_marked(STARTS_DEFINED) || self.trie.next(left, right) != Node::NOTHING
    }
}

dispatch!(fn look_ahead(
    encoder: &BytePairEncoder, bytes: &[u8], memo: &Memo, words: &mut [(Word, usize); AHEAD],
) -> (usize, usize) = BytePairEncoder::look_ahead);
dispatch!(fn remembered(
    words: &[(Word, usize)], memo: &Memo, room: &mut Room<'_, { (AHEAD + 1) * IDS }>,
) -> usize = write_remembered);

/// Writes the ids of words up to one that is not remembered; gives how many words these are.
#[inline(always)]
fn write_remembered(words: &[(Word, usize)], memo: &Memo, room: &mut Room<'_, { (AHEAD + 1) * IDS }>) -> usize {
    for (number, &(word, hash)) in words.iter().enumerate() {
        let Some((ids, len)) = memo.get(word, hash) else { return number };
        room.first_ids(&ids, len);
    }
    words.len()
}

/// The word of the first `len` bytes, with its hash; prepares for a question about it.
#[inline(always)]
fn look_for(bytes: &[u8; WORD + 1], len: usize, memo: &Memo) -> (Word, usize) {
    let word = word(bytes, len);
    let hash = Memo::hash(word);
    memo.prefetch(hash);
    (word, hash)
}

/// The first `len` of some bytes.
#[inline(always)]
fn word(bytes: &[u8; WORD + 1], len: usize) -> Word {
    const MASKS: [Word; WORD + 1] = {
        let mut masks = [[u64::MAX; 2]; WORD + 1];
        let mut len = 0;
        while len < WORD {
            let ones = u64::MAX;
            masks[len] = if len < 8 { [(1 << (8 * len)) - 1, 0] } else { [ones, (1 << (8 * (len - 8))) - 1] };
            len += 1;
        }
        masks
    };
    let halves = bytes.as_chunks().0;
    [u64::from_le_bytes(halves[0]) & MASKS[len][0], u64::from_le_bytes(halves[1]) & MASKS[len][1]]
}

/// A bit for each byte that is an ASCII letter.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn letters(bytes: &[u8; 16]) -> u16 {
    use std::arch::x86_64::{
        _mm_add_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: SSE2 is part of every x86-64 processor, and there are 16 bytes.
    unsafe {
        let lower = _mm_or_si128(_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(0x20));
        // From the least number on are the letters.
        let from_least = _mm_add_epi8(lower, _mm_set1_epi8(i8::MIN.wrapping_sub_unsigned(b'a')));
        _mm_movemask_epi8(_mm_cmplt_epi8(from_least, _mm_set1_epi8(i8::MIN + 26))) as u16
    }
}

/// A bit for each byte that is an ASCII letter.
#[cfg(not(target_arch = "x86_64"))]
pub fn letters(bytes: &[u8; 16]) -> u16 {
    (0..16).fold(0, |mask, at| mask | u16::from(bytes[at].is_ascii_alphabetic()) << at)
}
