//! The walk over a text: where it is cut, and what becomes of the segments.

use super::characters::of_three;
use super::encoder::{BytePairEncoder, MARGIN, Scratch};
use super::memo::Memo;
use super::merges::{FIRST, NOTHING};
use super::node::{END, Node, STARTS_DEFINED, SYMBOL, UNKNOWN, WORD};
use super::normaliser::decode;
use super::sink::Sink;
use crate::memory::prefetch_slice;
use crate::progress::{Cancelled, Progress};

/// A prepared text without characters.
const NO_TEXT: &str = match std::str::from_utf8(&[0; MARGIN]) {
    Ok(text) => text,
    Err(_) => "",
};
/// Characters that stand alone and are done together.
const RUN: usize = 32;
/// Words in the place of characters at most.
const WORDS: usize = 64;
/// Bytes of a later text that are prefetched at most; what follows comes by itself.
const PREFETCHED: usize = 1 << 12;
/// Bytes between two looks at whether to go on.
const BETWEEN_CHECKS: usize = 1 << 20;

/// Texts, and what is needed on the way over them.
pub struct Walk<'a, S> {
    pub encoder: &'a BytePairEncoder,
    pub texts: &'a [&'a str],
    pub scratch: &'a mut Scratch,
    pub progress: &'a Progress,
    pub sink: &'a mut S,
}

/// Hands the ids of texts to the sink, as long as it wants more; says whether these are all. Unused pieces are taken for
/// normal ones. The body that is compiled for each instruction set.
#[inline(always)]
pub fn walk<S: Sink>(walk: &mut Walk<'_, S>) -> Result<bool, Cancelled> {
    let Walk { encoder, texts, scratch, progress, sink } = walk;
    scratch.matches.clear();
    let mut prepared = std::mem::take(&mut scratch.text);
    for number in 0..=texts.len() {
        progress.check()?;
        if sink.is_full() {
            return Ok(false);
        }
        // A short text is done before the memory has answered: it is asked for the one after the next.
        if let Some(later) = texts.get(number + 2) {
            prefetch_slice(&later.as_bytes()[..later.len().min(PREFETCHED)]);
        }
        // What the last text leaves in the block is done with one that has nothing.
        encoder.prepare(texts.get(number).unwrap_or(&""), &mut prepared);
        encoder.walk_over(&prepared, number == texts.len(), scratch, progress, *sink)?;
        if prepared.capacity() > BETWEEN_CHECKS {
            prepared = String::new();
        }
        scratch.queue.shrink();
    }
    scratch.text = prepared;
    Ok(!sink.is_full())
}

impl BytePairEncoder {
    /// Hands the ids of texts to `sink`, as long as it wants more; says whether these are all.
    pub(super) fn encode_texts<S: Sink>(
        &self,
        texts: &[&str],
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<bool, Cancelled> {
        if self.unused.is_empty() {
            return S::walk(&mut Walk { encoder: self, texts, scratch, progress, sink });
        }
        for text in texts {
            if sink.is_full() {
                break;
            }
            self.walk_twice(text, scratch, progress, sink)?;
        }
        Ok(!sink.is_full())
    }

    /// Sets `prepared` to the normalised text and [`MARGIN`] zeros.
    pub(super) fn prepare(&self, text: &str, prepared: &mut String) {
        prepared.clear();
        prepared.reserve(text.len() + MARGIN + 2);
        if !text.is_empty() && !self.normalise(text, prepared) {
            prepared.clear();
        }
        prepared.push_str(NO_TEXT);
    }

    /// Appends a normalised text; says whether there is anything to encode.
    fn normalise(&self, text: &str, prepared: &mut String) -> bool {
        if self.spaces.dummy_prefix && !self.spaces.as_suffix {
            prepared.push(' ');
        }
        match &self.normaliser {
            None => prepared.push_str(text),
            Some(normaliser) => {
                if !normaliser.normalise(text, self.spaces, self.kept.as_ref(), prepared) {
                    return false;
                }
            }
        }
        if self.spaces.dummy_prefix && self.spaces.as_suffix {
            prepared.push(' ');
        }
        true
    }

    /// Cuts a prepared text and hands over the ids of each segment; those at its end only with a later text, or when all is
    /// over.
    #[inline(always)]
    fn walk_over<S: Sink>(
        &self,
        text: &str,
        is_over: bool,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<(), Cancelled> {
        let end = text.len() - MARGIN;
        let (mut at, mut check) = (0, BETWEEN_CHECKS);
        loop {
            if at >= check {
                progress.check()?;
                check = at + BETWEEN_CHECKS;
            }
            if scratch.matches.is_empty() {
                if at == end {
                    break;
                }
                at = self.walk_alone(text, at, scratch, sink);
                continue;
            }
            at = self.fill_block(text, at, scratch);
            if at == end && !is_over && !scratch.matches.is_full() {
                break;
            }
            at = self.finish_block(text, at, scratch, progress, sink)?;
        }
        if is_over {
            return Ok(());
        }
        if scratch.matches.is_empty() {
            sink.end();
        } else {
            scratch.matches.push(Node::alone(END));
        }
        Ok(())
    }

    /// Walks over characters that stand alone and over words, up to where a block starts.
    #[inline(always)]
    fn walk_alone<S: Sink>(&self, text: &str, mut at: usize, scratch: &mut Scratch, sink: &mut S) -> usize {
        let bytes = text.as_bytes();
        let end = bytes.len() - MARGIN;
        while at < end {
            if self.neighbours.starts_word(bytes[at]) {
                let start = at;
                at = self.walk_words(bytes, at, scratch, sink);
                if at == start {
                    scratch.matches.push(self.characters.get(bytes[at].into()));
                    return at + 1;
                }
                continue;
            }
            if bytes[at] >= 0x80 {
                let start = at;
                at = self.walk_run(bytes, at, sink);
                if at > start {
                    continue;
                }
            }
            let (code, len) = decode(&bytes[at..]);
            let node = self.characters.get(code);
            if node.is_marked(STARTS_DEFINED)
                && let Some((len, id)) = self.defined_at(text, at)
            {
                sink.id(id);
                at += len;
            } else if node.is_alone() {
                self.emit_token(node.token(), sink);
                at += len;
            } else {
                scratch.matches.push(node);
                return at + len;
            }
        }
        at
    }

    /// The user-defined piece that starts at a place: its length, and its id.
    #[cold]
    pub(super) fn defined_at(&self, text: &str, at: usize) -> Option<(usize, u32)> {
        self.defined.longest(&text[at..text.len() - MARGIN], |character| self.written(character))
    }

    /// Walks over characters of three bytes that stand alone; gives where they end.
    #[inline(always)]
    fn walk_run<S: Sink>(&self, bytes: &[u8], mut at: usize, sink: &mut S) -> usize {
        loop {
            let mut done = 0;
            sink.write::<{ 3 * RUN + 1 }>(|room| {
                for next in bytes[at..].windows(4).step_by(3).take(RUN) {
                    let Some(code) = next.first_chunk().and_then(|next| of_three(*next)) else { break };
                    let alone = self.characters.alone(code);
                    let &[.., len] = alone;
                    if len == 0 {
                        break;
                    }
                    room.some_ids(alone, len as usize);
                    done += 1;
                }
            });
            at += 3 * done;
            if done < RUN {
                return at;
            }
        }
    }

    /// Puts what follows in a text into the block, up to where it is full, the text ends, or a cut is certain; gives where
    /// that is.
    #[inline(always)]
    fn fill_block(&self, text: &str, mut at: usize, scratch: &mut Scratch) -> usize {
        let bytes = text.as_bytes();
        let end = bytes.len() - MARGIN;
        let (matches, words) = (&mut *scratch.matches, &mut scratch.words);
        loop {
            at = matches.push_run(&self.characters, bytes, at);
            if at == end || matches.is_full() {
                return at;
            }
            let (code, len) = decode(&bytes[at..]);
            let node = self.characters.get(code);
            // Many characters that stand alone, or words, are faster done one by one.
            if code >= 0x80 && node.is_alone() && matches.last().is_alone() {
                return at;
            }
            if node.is_marked(STARTS_DEFINED) && self.defined_at(text, at).is_some() {
                return at;
            }
            if self.neighbours.starts_word(bytes[at]) && self.trie.next(matches.last(), node) == Node::NOTHING {
                let word = self.word_at(&bytes[at..]).filter(|&(len, ..)| len > 1);
                if let Some((len, word, _)) = word {
                    if matches.last().is_marked(WORD) || words.len() == WORDS {
                        return at;
                    }
                    matches.push(Node::alone(WORD | words.len() as u32));
                    let hash = Memo::hash(word);
                    scratch.memo.prefetch(hash);
                    words.push((word, hash));
                    at += len;
                    continue;
                }
            }
            matches.push(node);
            at += len;
        }
    }

    /// Hands over the ids of a block, but if it is full not those of a segment that may go on in the text from `at`; gives
    /// where to go on.
    #[inline(always)]
    fn finish_block<S: Sink>(
        &self,
        text: &str,
        at: usize,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<usize, Cancelled> {
        let matches = &mut *scratch.matches;
        self.find_pairs(matches);
        let mut kept = 0;
        if matches.is_full() {
            let Some(open) = matches.cut() else { return self.walk_long(text, at, scratch, progress, sink) };
            kept = open;
        }
        let (memo, words, new_word) = (&mut scratch.memo, &scratch.words, &mut *scratch.new_word);
        self.segments(matches, |ids, count, token| {
            sink.first_ids(ids, count);
            if token & WORD != 0 {
                let (word, hash) = words[(token & SYMBOL) as usize];
                if let Some((ids, len)) = memo.get(word, hash) {
                    sink.first_ids(&ids, len);
                } else {
                    self.new_word_in_block(word, new_word, memo, sink);
                }
            } else if token == END {
                sink.end();
            } else if token != NOTHING {
                self.emit_token(token, sink);
            }
        });
        matches.start_with(kept);
        if kept == 0 {
            scratch.words.clear();
        }
        Ok(at)
    }

    /// Walks over a segment that may be of any length, of which the characters of a full block that ends at `at` are the
    /// first; gives where it ends.
    #[cold]
    fn walk_long<S: Sink>(
        &self,
        text: &str,
        at: usize,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<usize, Cancelled> {
        let start = text[..at].char_indices().rev().nth(scratch.matches.len() - 1).map_or(0, |(start, _)| start);
        scratch.matches.clear();
        let queue = &mut scratch.queue;
        queue.symbols.clear();
        let end = text.len() - MARGIN;
        let (mut at, mut check, mut last) = (start, start + BETWEEN_CHECKS, Node::NOTHING);
        while at < end {
            if at >= check {
                progress.check()?;
                check = at + BETWEEN_CHECKS;
            }
            let (code, len) = decode(&text.as_bytes()[at..]);
            let node = self.characters.get(code);
            let is_defined = || node.is_marked(STARTS_DEFINED) && self.defined_at(text, at).is_some();
            if at > start && (self.trie.next(last, node) == Node::NOTHING || is_defined()) {
                break;
            }
            queue.symbols.push(node.token() & SYMBOL);
            last = node;
            at += len;
        }
        queue.merge(&self.merges, progress, |_, _| ())?;
        for symbol in queue.merged() {
            self.emit(symbol, sink);
        }
        Ok(at)
    }

    /// Hands over the id or ids of a token.
    #[inline(always)]
    pub(super) fn emit_token<S: Sink>(&self, token: u32, sink: &mut S) {
        if token & UNKNOWN == 0 {
            self.emit(token & SYMBOL, sink);
        } else {
            self.emit_unknown(token & SYMBOL, sink);
        }
    }

    /// Hands over the id of a symbol.
    #[inline(always)]
    pub(super) fn emit<S: Sink>(&self, symbol: u32, sink: &mut S) {
        let id = symbol - FIRST;
        if (id as usize) < self.size {
            sink.id(id);
        } else {
            self.emit_unknown(u32::from(self.others[id as usize - self.size]), sink);
        }
    }

    /// Hands over what stands for a character without a piece.
    #[inline(always)]
    fn emit_unknown<S: Sink>(&self, code: u32, sink: &mut S) {
        let Some(ids) = &self.bytes else {
            // The library makes one of neighbours.
            if !sink.ends_with(self.unknown) {
                sink.id(self.unknown);
            }
            return;
        };
        let tail = |shift: u32| ids[(0x80 | (code >> shift & 0x3f)) as usize];
        match code {
            0x800..0x1_0000 => sink.first_ids(&[ids[(0xe0 | code >> 12) as usize], tail(6), tail(0), 0], 3),
            0..0x80 => sink.id(ids[code as usize]),
            0x80..0x800 => sink.first_ids(&[ids[(0xc0 | code >> 6) as usize], tail(0), 0, 0], 2),
            _ => sink.first_ids(&[ids[(0xf0 | code >> 18) as usize], tail(12), tail(6), tail(0)], 4),
        }
    }
}
