//! Cuts texts into words as jieba-rs does without its hidden Markov model: the most likely words by their shares.

use super::dictionary::{Dictionary, IN_NO_WORD, LONGEST, Node, OUTSIDE, PLACE};
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
/// In a step: the length in characters stands above the flags.
const LENGTH_SHIFT: u32 = 27;
/// In a step: the place and the flags of the word.
const WORD: u32 = (1 << LENGTH_SHIFT) - 1;

/// What one thread needs to cut texts; reused from text to text.
#[derive(Default)]
pub struct CutBuffers {
    /// The number of each character, and twice that of none.
    codes: Vec<u16>,
    offsets: Vec<u32>,
    /// Where the array has the second character of the words that begin with each character, if any has it.
    places: Vec<u32>,
    /// What stands there; a free node if it is of other words.
    seconds: Vec<Node>,
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
            self.find_seconds(buffers);
            self.find_ways(buffers);
            emit_tokens(&bytes[start..at], start, buffers, &mut emit);
        }
        if buffers.codes.capacity() > KEPT {
            *buffers = CutBuffers::default();
        }
    }

    /// Numbers the characters from `start` on, to the end or to the first that is in no run after [`WINDOW`] others, and
    /// takes the first step of the walks from each: most of the array is in no near cache, so what they look at next is
    /// asked for.
    fn number_characters(&self, text: &str, start: usize, buffers: &mut CutBuffers) -> usize {
        // Taken out, so that their lengths are in registers.
        let mut codes = std::mem::take(&mut buffers.codes);
        let mut offsets = std::mem::take(&mut buffers.offsets);
        let mut places = std::mem::take(&mut buffers.places);
        codes.clear();
        offsets.clear();
        places.clear();
        let nodes = self.nodes.as_slice();
        let mut walk = |before: u16, code: u16| {
            let place = nodes[usize::from(before)].base() + u32::from(code);
            prefetch(nodes.as_ptr().wrapping_add(place as usize).cast());
            places.push(place);
        };
        let mut at = start;
        let mut before = None;
        for character in text[start..].chars() {
            let code = self.code(character.into());
            if codes.len() >= WINDOW && code == OUTSIDE && character != '\n' {
                break;
            }
            if let Some(before) = before.replace(code) {
                walk(before, code);
            }
            codes.push(code);
            offsets.push((at - start) as u32);
            at += character.len_utf8();
        }
        if let Some(before) = before {
            walk(before, OUTSIDE);
        }
        offsets.push((at - start) as u32);
        codes.extend([OUTSIDE; 2]);
        (buffers.codes, buffers.offsets, buffers.places) = (codes, offsets, places);
        at
    }

    /// The second step of all walks through the trie, side by side: here no step waits for another. What the third will
    /// look at is asked for.
    fn find_seconds(&self, buffers: &mut CutBuffers) {
        let CutBuffers { codes, places, seconds, .. } = buffers;
        let nodes = self.nodes.as_slice();
        seconds.clear();
        seconds.extend(codes.windows(3).zip(&*places).map(|(codes, &place)| {
            let node = nodes.get(place as usize).copied().unwrap_or(Node::FREE);
            let known = node.parent() == u32::from(codes[0]);
            let third = if known { node.base() + u32::from(codes[2]) } else { place };
            prefetch(nodes.as_ptr().wrapping_add(third as usize).cast());
            if known { node } else { Node::FREE }
        }));
    }

    /// The dynamic programme, from the last character to the first, with the rest of the walks in it.
    fn find_ways(&self, buffers: &mut CutBuffers) {
        let CutBuffers { codes, places, seconds, ways, steps, .. } = buffers;
        let nodes = self.nodes.as_slice();
        let count = seconds.len();
        ways.clear();
        ways.resize(count + 1, 0.0);
        steps.clear();
        steps.resize(count, 0);
        for at in (0..count).rev() {
            let code = codes[at];
            if code <= IN_NO_WORD {
                steps[at] = 1 << LENGTH_SHIFT;
                ways[at] = if code == OUTSIDE { 0.0 } else { self.unknown + ways[at + 1] };
                continue;
            }
            let (mut best, mut step) = (f64::NEG_INFINITY, 0);
            // Later words are longer, so of equal ones the last is taken; where no word ends, this is not true.
            let mut end_at = |node: Node, place: u32, end: usize| {
                let way = self.shares[usize::from(node.share())] + ways[end];
                if way >= best {
                    best = way;
                    step = ((end - at) as u32) << LENGTH_SHIFT | node.flags() | place;
                }
            };
            let first = nodes[usize::from(code)];
            // The root's base is 0, and its place too.
            if first.parent() == 0 {
                end_at(first, code.into(), at + 1);
                let (mut node, mut place, mut end) = (seconds[at], places[at], at + 2);
                let mut parent = u32::from(code);
                while node.parent() == parent {
                    end_at(node, place, end);
                    let Some(&code) = codes.get(end) else { break };
                    parent = place;
                    place = node.base() + u32::from(code);
                    node = nodes.get(place as usize).copied().unwrap_or(Node::FREE);
                    end += 1;
                }
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
#[inline]
fn emit_tokens(bytes: &[u8], before: usize, buffers: &CutBuffers, emit: &mut impl FnMut(Token)) {
    let CutBuffers { codes, offsets, steps, .. } = buffers;
    let mut at = 0;
    while at < steps.len() {
        let step = steps[at];
        let mut end = at + (step >> LENGTH_SHIFT) as usize;
        let start = offsets[at] as usize;
        let mut word = step & WORD;
        if end == at + 1 {
            if bytes[start].is_ascii_alphanumeric() {
                // Letters and digits that remain single are one token.
                word = 0;
                while steps.get(end).is_some_and(|step| step >> LENGTH_SHIFT == 1)
                    && bytes[offsets[end] as usize].is_ascii_alphanumeric()
                {
                    end += 1;
                }
            } else if codes[at] == OUTSIDE && bytes[start..].starts_with(b"\r\n") {
                end = at + 2;
            }
        }
        emit(Token { start: before + start, end: before + offsets[end] as usize, word });
        at = end;
    }
}
