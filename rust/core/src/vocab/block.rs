//! The walk over a text: where it is cut, and what becomes of the segments.

use std::hint::select_unpredictable;

use super::characters::{AFTER_ASCII, BEFORE_ASCII, SINGLE, STARTS_DEFINED, UNKNOWN, VALUE, WORD};
use super::encoder::{BytePairEncoder, MARGIN, Scratch, step};
use super::memo::{self, IDS};
use super::merges::{FIRST, NOTHING};
use super::normaliser::decode;
use super::sink::Sink;
use crate::progress::{Cancelled, Progress};

/// Bytes between two looks at whether to go on.
const BETWEEN_CHECKS: usize = 1 << 20;

/// A prepared text, and what is needed on the way over it.
pub struct Walk<'a, S> {
    encoder: &'a BytePairEncoder,
    text: &'a str,
    scratch: &'a mut Scratch,
    progress: &'a Progress,
    sink: &'a mut S,
}

/// The body that is compiled for each instruction set.
#[inline(always)]
pub fn walk<S: Sink>(walk: &mut Walk<'_, S>) -> Result<(), Cancelled> {
    walk.encoder.walk_over(walk.text, walk.scratch, walk.progress, walk.sink)
}

impl BytePairEncoder {
    /// Hands a text's ids to `sink`.
    pub(super) fn encode_text<S: Sink>(
        &self,
        text: &str,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<(), Cancelled> {
        sink.begin();
        if !self.prepare(text, &mut scratch.text) {
            return Ok(());
        }
        let text = std::mem::take(&mut scratch.text);
        let done = if self.unused.is_empty() {
            self.walk(&text, scratch, progress, sink)
        } else {
            self.walk_twice(&text, scratch, progress, sink)
        };
        scratch.text = text;
        if scratch.text.capacity() > BETWEEN_CHECKS {
            scratch.text = String::new();
        }
        scratch.queue.shrink();
        done
    }

    /// Sets `prepared` to the normalised text and [`MARGIN`] zeros; says whether there is anything to encode.
    fn prepare(&self, text: &str, prepared: &mut String) -> bool {
        prepared.clear();
        if text.is_empty() {
            return false;
        }
        prepared.reserve(text.len() + MARGIN + 2);
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
        prepared.push_str("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        true
    }

    /// Cuts a prepared text and hands over the ids of each segment.
    pub(super) fn walk<S: Sink>(
        &self,
        text: &str,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<(), Cancelled> {
        S::walk(&mut Walk { encoder: self, text, scratch, progress, sink })
    }

    #[inline(always)]
    fn walk_over<S: Sink>(
        &self,
        text: &str,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<(), Cancelled> {
        let bytes = text.as_bytes();
        let end = bytes.len() - MARGIN;
        let (mut at, mut check) = (0, BETWEEN_CHECKS);
        while at < end {
            if at >= check {
                progress.check()?;
                check = at + BETWEEN_CHECKS;
            }
            let (code, len) = decode(&bytes[at..]);
            let entry = self.characters.get(code);
            if entry & STARTS_DEFINED != 0
                && let Some((len, id)) = self.defined_at(text, at)
            {
                sink.id(id);
                at += len;
            } else if entry & (UNKNOWN | SINGLE) != 0 {
                self.emit_single(entry, code, sink);
                at += len;
                while at < end
                    && let Some((code, entry)) = bytes[at..].first_chunk().and_then(|&it| self.characters.of_three(it))
                    && entry & (UNKNOWN | SINGLE) != 0
                    && entry & STARTS_DEFINED == 0
                {
                    self.emit_single(entry, code, sink);
                    at += 3;
                }
            } else {
                let start = at;
                if code < 0x80 {
                    at = self.walk_word(text, at, scratch, sink);
                }
                if at == start {
                    at = self.walk_block(text, at, scratch, progress, sink)?;
                }
            }
        }
        Ok(())
    }

    /// The user-defined piece that starts at a place: its length, and its id.
    #[cold]
    pub(super) fn defined_at(&self, text: &str, at: usize) -> Option<(usize, u32)> {
        self.defined.longest(&text[at..text.len() - MARGIN], |character| self.written(character))
    }

    /// Walks over a short segment of ASCII characters; gives where it ends, which is `start` if it is no such one.
    #[inline(always)]
    fn walk_word<S: Sink>(&self, text: &str, start: usize, scratch: &mut Scratch, sink: &mut S) -> usize {
        let bytes = text.as_bytes();
        let (end, word) = self.word_at(bytes, start);
        let Some(word) = word else { return start };
        if let Some(place) = scratch.memo.find(word) {
            let (ids, len) = scratch.memo.ids(place);
            sink.first_ids(ids, len);
        } else {
            self.new_word(&bytes[start..end], word, scratch, sink);
        }
        end
    }

    /// Where the ASCII characters end that are joined with the one at `start`, and if there are few of them and they are
    /// a segment these with zeros behind.
    #[inline(always)]
    fn word_at(&self, bytes: &[u8], start: usize) -> (usize, Option<u128>) {
        let mut end = start + 1;
        let mut last = bytes[start];
        let next = loop {
            // The zeros behind the text are joined with nothing.
            let next = bytes[end];
            if next >= 0x80 {
                break step::ASK;
            }
            match self.steps[usize::from(last) << 7 | usize::from(next)] {
                step::INSIDE => {
                    last = next;
                    end += 1;
                }
                other => break other,
            }
        };
        let len = end - start;
        if len > memo::WORD || (next == step::ASK && self.may_go_on(bytes, last, end)) {
            return (end, None);
        }
        let mut word = [0; memo::WORD];
        word.copy_from_slice(&bytes[start..start + memo::WORD]);
        (end, Some(u128::from_le_bytes(word) & (u128::MAX >> (128 - 8 * len))))
    }

    /// Whether an ASCII character may be in one segment with the one that follows at `end`.
    fn may_go_on(&self, bytes: &[u8], last: u8, end: usize) -> bool {
        let (left, right) = (self.characters.get(u32::from(last)), self.characters.get(decode(&bytes[end..]).0));
        if right & STARTS_DEFINED != 0 {
            return true;
        }
        right & (UNKNOWN | SINGLE) == 0
            && right & AFTER_ASCII != 0
            && self.trie.neighbours.get(left & VALUE, right & VALUE) != NOTHING
    }

    /// Hands over the ids of a word, and remembers them.
    #[inline(always)]
    fn new_word<S: Sink>(&self, bytes: &[u8], word: u128, scratch: &mut Scratch, sink: &mut S) {
        let matches = &mut *scratch.matches;
        matches.clear();
        for (at, &byte) in bytes.iter().enumerate() {
            matches.push(self.characters.get(u32::from(byte)), at);
        }
        self.find_pairs(matches);
        let (mut ids, mut len) = ([0; IDS], 0);
        let mut simple = true;
        self.segments(matches, |symbol| {
            let id = (symbol & VALUE) - FIRST;
            simple &= (id as usize) < self.size;
            if let Some(place) = ids.get_mut(len) {
                *place = id;
            }
            len += 1;
            self.emit(symbol & VALUE, sink);
        });
        if simple && len <= IDS {
            scratch.memo.set(word, &ids[..len]);
        }
    }

    /// Hands over the id or ids of a character that stands alone, most often without asking which of both.
    #[inline(always)]
    fn emit_single<S: Sink>(&self, entry: u32, code: u32, sink: &mut S) {
        let Some(bytes) = self.bytes.as_ref().filter(|_| (0x800..0x1_0000).contains(&code)) else {
            return self.emit_entry(entry, sink);
        };
        let tail = |shift: u32| bytes[(0x80 | (code >> shift & 0x3f)) as usize];
        let first = bytes[(0xe0 | code >> 12) as usize];
        // Which of both it is cannot be foreseen.
        let is_piece = entry & UNKNOWN == 0;
        let first = select_unpredictable(is_piece, (entry & VALUE).wrapping_sub(FIRST), first);
        let len = select_unpredictable(is_piece, 1, 3);
        sink.first_ids([first, tail(6), tail(0)], len);
    }

    /// Walks over the segments of a block that ends where a cut is certain; gives where it ends.
    #[inline(always)]
    fn walk_block<S: Sink>(
        &self,
        text: &str,
        start: usize,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<usize, Cancelled> {
        let bytes = text.as_bytes();
        let end = bytes.len() - MARGIN;
        let matches = &mut *scratch.matches;
        matches.clear();
        let mut at = start;
        loop {
            at = matches.push_run(&self.characters, bytes, at);
            if at == end || matches.is_full() {
                break;
            }
            let (code, len) = decode(&bytes[at..]);
            let entry = self.characters.get(code);
            if at > start {
                // Many that stand alone are faster done one by one.
                if entry & matches.last() >= SINGLE && code >= 0x80 {
                    break;
                }
                if entry & STARTS_DEFINED != 0 && self.defined_at(text, at).is_some() {
                    break;
                }
                if code < 0x80 && self.is_apart(bytes[at - 1], bytes[at], matches.last()) {
                    let (end, word) = self.word_at(bytes, at);
                    if end > at + 1
                        && let Some(word) = word
                    {
                        let Some(place) = scratch.memo.find(word) else { break };
                        matches.push(SINGLE | WORD | place as u32, at);
                        at = end;
                        continue;
                    }
                }
            }
            matches.push(entry, at);
            at += len;
        }
        self.find_pairs(matches);
        if matches.is_full() && at < end {
            match matches.cut() {
                Some(cut) => at = cut,
                None => return self.walk_long(text, start, scratch, progress, sink),
            }
        }
        let memo = &scratch.memo;
        self.segments(matches, |entry| {
            if entry & WORD == 0 {
                self.emit_entry(entry, sink);
            } else {
                let (ids, len) = memo.ids((entry & VALUE) as usize);
                sink.first_ids(ids, len);
            }
        });
        Ok(at)
    }

    /// Whether nothing joins an ASCII character with the one before, of which `entry` is that in the table and `last`
    /// the last byte.
    #[inline(always)]
    fn is_apart(&self, last: u8, next: u8, entry: u32) -> bool {
        if last < 0x80 {
            self.steps[usize::from(last) << 7 | usize::from(next & 0x7f)] == step::APART
        } else {
            entry & BEFORE_ASCII == 0
        }
    }

    /// Walks over a segment that may be of any length; gives where it ends.
    #[cold]
    fn walk_long<S: Sink>(
        &self,
        text: &str,
        start: usize,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<usize, Cancelled> {
        let queue = &mut scratch.queue;
        queue.symbols.clear();
        let end = text.len() - MARGIN;
        let (mut at, mut check) = (start, start + BETWEEN_CHECKS);
        while at < end {
            if at >= check {
                progress.check()?;
                check = at + BETWEEN_CHECKS;
            }
            let (code, len) = decode(&text.as_bytes()[at..]);
            let entry = self.characters.get(code);
            if let Some(&last) = queue.symbols.last() {
                let joined = entry & (UNKNOWN | SINGLE) == 0
                    && self.trie.neighbours.get(last, entry & VALUE) != NOTHING
                    && !(entry & STARTS_DEFINED != 0 && self.defined_at(text, at).is_some());
                if !joined {
                    break;
                }
            }
            queue.symbols.push(entry & VALUE);
            at += len;
        }
        queue.merge(&self.merges, progress, |_, _| ())?;
        for symbol in queue.merged() {
            self.emit(symbol, sink);
        }
        Ok(at)
    }

    /// Hands over the id or ids of a symbol or an entry of the table of characters.
    #[inline(always)]
    pub(super) fn emit_entry<S: Sink>(&self, entry: u32, sink: &mut S) {
        if entry & UNKNOWN == 0 {
            self.emit(entry & VALUE, sink);
        } else {
            self.emit_unknown(entry & VALUE, sink);
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
            0x800..0x1_0000 => sink.first_ids([ids[(0xe0 | code >> 12) as usize], tail(6), tail(0)], 3),
            0..0x80 => sink.id(ids[code as usize]),
            0x80..0x800 => sink.first_ids([ids[(0xc0 | code >> 6) as usize], tail(0)], 2),
            _ => sink.first_ids([ids[(0xf0 | code >> 18) as usize], tail(12), tail(6), tail(0)], 4),
        }
    }
}
