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
        codes.extend([OUTSIDE; 2]);
        at
    }

    /// The first two steps of all walks through the trie, side by side: most of the array is in no near cache, and here no
    /// step waits for another. What the third will look at is asked for.
    fn find_seconds(&self, buffers: &mut CutBuffers) {
        let CutBuffers { codes, places, seconds, .. } = buffers;
        let nodes = self.nodes.as_slice();
        places.clear();
        places.extend(codes.windows(2).map(|pair| {
            let place = nodes[usize::from(pair[0])].base() + u32::from(pair[1]);
            prefetch(nodes.as_ptr().wrapping_add(place as usize).cast());
            place
        }));
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
