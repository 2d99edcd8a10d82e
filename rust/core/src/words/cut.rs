//! Cuts texts into words as jieba-rs does without its hidden Markov model: the most likely words by their shares.

use super::dictionary::{Dictionary, IN_NO_WORD, LONGEST, OUTSIDE, PLACE};
use crate::memory::prefetch;

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its first byte in the text.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// The word's number in the low bits and its flags, see [`Token::word`]; 0 for what is no word of the dictionary.
    word: u32,
}

impl Token {
    /// The word's number in the dictionary, if it is one of it.
    #[must_use]
    #[inline]
    pub fn word(self) -> Option<u32> {
        let place = self.word & PLACE;
        (place != 0).then_some(place)
    }

    /// Whether the word has this flag.
    #[inline]
    pub(super) fn has(self, flag: u32) -> bool {
        self.word & flag != 0
    }
}

/// Characters that are worked on at once, if a run of word characters does not go on beyond.
const WINDOW: usize = 1024;
/// Buffers that grew larger for one text are given back.
const KEPT: usize = 64 * WINDOW;
/// Characters between a walk and what is fetched for one to come.
const AHEAD: usize = 4;
/// In a step: the length in characters stands above the flags.
const LENGTH_SHIFT: u32 = 27;
/// In a step: the place and the flags of the word.
const WORD: u32 = (1 << LENGTH_SHIFT) - 1;

/// What one thread needs to cut texts; reused from text to text.
#[derive(Default)]
pub struct CutBuffers {
    codes: Vec<u16>,
    offsets: Vec<u32>,
    /// Of the best way from each character to the end of its run: the logarithm of its probability.
    ways: Vec<f64>,
    /// And its first word: length, flags, place.
    steps: Vec<u32>,
}

impl Dictionary {
    /// Gives the tokens of a text, in order; together they are the text.
    ///
    /// A run of Han characters, ASCII letters, digits and `+#&._%-` is cut into the words whose product of shares is
    /// largest; of two equal ways the one whose first word is longer. Letters and digits that remain single are one
    /// token. Every other character is a token, and a line end of two characters is one.
    pub fn cut(&self, text: &str, buffers: &mut CutBuffers, mut emit: impl FnMut(Token)) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            at = self.number_characters(text, start, buffers);
            self.find_ways(buffers);
            emit_tokens(&bytes[start..at], start, buffers, &mut emit);
        }
        if buffers.codes.capacity() > KEPT {
            *buffers = CutBuffers::default();
        }
    }

    /// Numbers the characters from `start` on, to the end or to the first that is in no run after [`WINDOW`] others.
    fn number_characters(&self, text: &str, start: usize, buffers: &mut CutBuffers) -> usize {
        let CutBuffers { codes, offsets, .. } = buffers;
        codes.clear();
        offsets.clear();
        let mut at = start;
        for character in text[start..].chars() {
            let code = self.code(character.into());
            if codes.len() >= WINDOW && code == OUTSIDE && character != '\n' {
                break;
            }
            codes.push(code);
            offsets.push((at - start) as u32);
            at += character.len_utf8();
        }
        offsets.push((at - start) as u32);
        at
    }

    /// The dynamic programme, from the last character to the first, with the walks through the trie in it.
    fn find_ways(&self, buffers: &mut CutBuffers) {
        let CutBuffers { codes, ways, steps, .. } = buffers;
        let nodes = self.nodes.as_slice();
        let count = codes.len();
        ways.clear();
        ways.resize(count + 1, 0.0);
        steps.clear();
        steps.resize(count, 0);
        for at in (0..count).rev() {
            if let Some(&[first, second]) = at.checked_sub(AHEAD).and_then(|ahead| codes.get(ahead..ahead + 2)) {
                // Where the walk from there will look after its first character.
                let base = nodes.get(usize::from(first)).map_or(0, |node| node.base());
                prefetch(nodes.as_ptr().wrapping_add(base as usize + usize::from(second)).cast());
            }
            let code = codes[at];
            if code <= IN_NO_WORD {
                steps[at] = 1 << LENGTH_SHIFT;
                ways[at] = if code == OUTSIDE { 0.0 } else { self.unknown + ways[at + 1] };
                continue;
            }
            let (mut best, mut step) = (f64::NEG_INFINITY, 0);
            // The root's base is 0, and its place too.
            let (mut parent, mut place) = (0, usize::from(code));
            let mut end = at + 1;
            while let Some(&node) = nodes.get(place) {
                if node.parent() != parent {
                    break;
                }
                let way = self.shares[usize::from(node.share())] + ways[end];
                // Later words are longer, so of equal ones the last is taken; where no word ends, this is not true.
                if way >= best {
                    best = way;
                    step = ((end - at) as u32) << LENGTH_SHIFT | node.flags() | place as u32;
                }
                let Some(&code) = codes.get(end) else { break };
                parent = place as u32;
                place = node.base() as usize + usize::from(code);
                end += 1;
            }
            if step == 0 {
                step = 1 << LENGTH_SHIFT;
                best = self.unknown + ways[at + 1];
            }
            ways[at] = best;
            steps[at] = step;
        }
    }
}

const _: () = assert!(LONGEST < 1 << (32 - LENGTH_SHIFT), "lengths fit");

/// Walks along the steps. `before` is where the window begins in the text.
fn emit_tokens(bytes: &[u8], before: usize, buffers: &CutBuffers, emit: &mut impl FnMut(Token)) {
    let CutBuffers { codes, offsets, steps, .. } = buffers;
    let mut at = 0;
    // Where the run of single letters and digits begins that is not given yet.
    let mut single: Option<usize> = None;
    while let Some(&step) = steps.get(at) {
        let mut end = at + (step >> LENGTH_SHIFT) as usize;
        let start = offsets[at] as usize;
        if end == at + 1 && bytes[start].is_ascii_alphanumeric() {
            single.get_or_insert(start);
            at = end;
            continue;
        }
        if let Some(first) = single.take() {
            emit(Token { start: before + first, end: before + start, word: 0 });
        }
        if codes[at] == OUTSIDE && bytes[start..].starts_with(b"\r\n") {
            end = at + 2;
        }
        emit(Token { start: before + start, end: before + offsets[end] as usize, word: step & WORD });
        at = end;
    }
    if let Some(first) = single {
        emit(Token { start: before + first, end: before + bytes.len(), word: 0 });
    }
}
