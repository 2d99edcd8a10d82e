//! Texts with pieces that are taken apart again, which one model in many has.

use std::collections::HashMap;

use super::encoder::{BytePairEncoder, MARGIN, Scratch};
use super::merges::FIRST;
use super::node::{STARTS_DEFINED, SYMBOL, UNKNOWN, WORD};
use super::normaliser::decode;
use super::queue::MARKED;
use super::sink::{Ids, Sink};
use super::walk::Walk;
use crate::progress::{Cancelled, Progress};

/// Marks a user-defined piece among symbols of a whole text.
const DEFINED: u32 = WORD;
/// Pieces in pieces that are taken apart at most.
const DEEPEST: u32 = 100;

impl BytePairEncoder {
    /// The way of a model in which pieces are taken apart again: only few texts have one, and these are done otherwise.
    pub(super) fn walk_twice<S: Sink>(
        &self,
        text: &str,
        scratch: &mut Scratch,
        progress: &Progress,
        sink: &mut S,
    ) -> Result<(), Cancelled> {
        let mut ids = Ids::default();
        Ids::walk(&mut Walk { encoder: self, texts: &[text], scratch, progress, sink: &mut ids })?;
        if ids.all.iter().any(|id| self.unused.contains(&id.cast_unsigned())) {
            ids = Ids::default();
            let mut prepared = String::new();
            self.prepare(text, &mut prepared);
            self.take_apart(&prepared, scratch, progress, &mut ids)?;
            scratch.queue.shrink();
        }
        ids.all.into_iter().for_each(|id| sink.id(id.cast_unsigned()));
        sink.end();
        Ok(())
    }

    /// Merges a whole text at once, and takes unused pieces apart as the library does: by the pair that gave the piece
    /// last, anywhere in the text.
    #[cold]
    fn take_apart(
        &self,
        text: &str,
        scratch: &mut Scratch,
        progress: &Progress,
        ids: &mut Ids,
    ) -> Result<(), Cancelled> {
        let queue = &mut scratch.queue;
        queue.symbols.clear();
        let end = text.len() - MARGIN;
        let mut at = 0;
        while at < end {
            let (code, len) = decode(&text.as_bytes()[at..]);
            let node = self.characters.get(code);
            if node.is_marked(STARTS_DEFINED)
                && let Some((len, id)) = self.defined_at(text, at)
            {
                queue.symbols.push(DEFINED | (FIRST + id));
                at += len;
                continue;
            }
            queue.symbols.push(node.token() & (UNKNOWN | SYMBOL));
            at += len;
        }
        let mut halves = HashMap::new();
        let unused = &self.unused;
        queue.merge(&self.merges, progress, |joined, pair| {
            if unused.contains(&(joined - FIRST)) {
                halves.insert(joined, pair);
            }
        })?;
        let mut open = Vec::new();
        for symbol in queue.merged() {
            open.push((symbol, 0_u32));
            while let Some((symbol, depth)) = open.pop() {
                if symbol >= MARKED {
                    self.emit_token(symbol, ids);
                } else if depth > DEEPEST {
                    self.emit_as_it_is(symbol, ids);
                } else if let Some(&(left, right)) = halves.get(&symbol) {
                    open.push((right, depth + 1));
                    open.push((left, depth + 1));
                } else {
                    self.emit(symbol, ids);
                }
            }
        }
        Ok(())
    }

    /// Hands over the id of a symbol that is too deep in others to be taken apart.
    fn emit_as_it_is(&self, symbol: u32, ids: &mut Ids) {
        let other = ((symbol - FIRST) as usize).checked_sub(self.size).map(|other| self.others[other].to_string());
        match other.and_then(|character| self.all_ids.get(&character)) {
            Some(&id) if id != self.unknown => ids.id(id),
            _ => self.emit(symbol, ids),
        }
    }
}
