//! Segments of a text: where no piece goes on, by the pieces that start at each character.

use super::characters::VALUE;
use super::encoder::BytePairEncoder;
use super::merges::{NEVER, NOTHING};
use super::queue::Queue;
use super::trie::{DEEP, DEPTH, GOES_ON, NODE};
use crate::progress::Progress;

/// Characters of a segment that is merged without a queue at most: a bit for each, and one for the end.
const SHORT: usize = 63;
/// Characters of a segment that is merged in few registers at most.
const FEW: usize = 16;
/// The bits of a key that hold a place.
const PLACES: u32 = 64;
/// Pieces that start at one character: of two characters, of three, and so on.
const LENGTHS: usize = DEPTH - 1;

/// The pieces that start at each character of a segment.
#[derive(Debug)]
pub struct Matches {
    /// By character and length; no piece is [`NOTHING`].
    pieces: [[u32; LENGTHS]; SHORT + 1],
    /// How many lengths of each are set.
    counts: [u8; SHORT + 1],
    queue: Queue,
}

impl Default for Matches {
    fn default() -> Self {
        Self { pieces: [[NOTHING; LENGTHS]; SHORT + 1], counts: [0; SHORT + 1], queue: Queue::default() }
    }
}

impl Matches {
    /// The piece at a place that has so many characters.
    #[inline(always)]
    fn piece(&self, at: usize, len: usize) -> u32 {
        if len - 2 < usize::from(self.counts[at]) { self.pieces[at][(len - 2) % LENGTHS] } else { NOTHING }
    }
}

impl BytePairEncoder {
    /// Calls `emit` with the symbols of characters, from the first to the last; what is no symbol stays as it is.
    ///
    /// `pairs` has what each gives with the next one, and ends with [`NOTHING`].
    #[inline(always)]
    pub(super) fn segments(
        &self,
        characters: &[u32],
        pairs: &[u32],
        matches: &mut Matches,
        mut emit: impl FnMut(u32),
    ) {
        let mut first = 0;
        while first < characters.len() {
            if pairs[first] == NOTHING {
                emit(characters[first]);
                first += 1;
                continue;
            }
            // A piece that starts before `reach` may go beyond it.
            let (mut reach, mut at, mut whole) = (first + 1, first, NOTHING);
            while at < reach && at - first < SHORT {
                let Some((end, piece)) = self.find(characters, pairs, at, at - first, matches) else {
                    at = usize::MAX;
                    break;
                };
                if end > reach {
                    reach = end;
                    whole = if at == first { piece } else { NOTHING };
                }
                at += 1;
            }
            if at != reach || reach - first > SHORT {
                first = self.queued(characters, pairs, first, matches, &mut emit);
                continue;
            }
            if whole != NOTHING {
                emit(whole);
            } else if reach == first + 1 {
                emit(characters[first]);
            } else if reach - first <= FEW {
                self.merge::<FEW>(&characters[first..reach], matches, &mut emit);
            } else {
                self.merge::<{ SHORT + 1 }>(&characters[first..reach], matches, &mut emit);
            }
            first = reach;
        }
    }

    /// Finds the pieces that start at a character: where the longest ends and which it is. None if there may be some
    /// that are not in the trie.
    #[inline(always)]
    fn find(
        &self,
        characters: &[u32],
        pairs: &[u32],
        start: usize,
        row: usize,
        matches: &mut Matches,
    ) -> Option<(usize, u32)> {
        let pieces = &mut matches.pieces[row];
        let mut node = pairs[start];
        let mut found = (start + 1, NOTHING);
        let mut count = 0;
        // A node: at first that of two characters.
        while node != NOTHING {
            if node & NODE == DEEP {
                return None;
            }
            let piece = self.trie.piece(node);
            pieces[count % LENGTHS] = piece;
            count += 1;
            if piece != NOTHING {
                found = (start + 1 + count, piece);
            }
            if node & GOES_ON == 0 || pairs[start + count] == NOTHING {
                break;
            }
            node = self.trie.next(node, characters[start + 1 + count] & VALUE);
        }
        matches.counts[row] = count as u8;
        Some(found)
    }

    /// Merges a segment of up to `N` characters, and fewer than 64.
    #[inline(always)]
    fn merge<const N: usize>(&self, characters: &[u32], matches: &Matches, emit: &mut impl FnMut(u32)) {
        let len = characters.len();
        // A rank and a place below it: the least is the best rank, and of equal ones the leftmost. Ranks are below 2²¹.
        let key = |at: usize, len: usize| {
            let rank = self.merges.ranks[matches.piece(at, len) as usize];
            if rank == NEVER { NEVER } else { (rank * PLACES) | at as u32 }
        };
        let mut keys = [NEVER; N];
        for (at, place) in keys[..len - 1].iter_mut().enumerate() {
            *place = key(at, 2);
        }
        // A bit for where each symbol starts, and one for the end.
        let mut starts = u64::MAX >> (63 - len);
        let next = |starts: u64, at: usize| at + 1 + (starts >> (at + 1)).trailing_zeros() as usize;
        loop {
            let best = keys.iter().copied().fold(NEVER, u32::min);
            if best == NEVER {
                break;
            }
            let at = (best % PLACES) as usize;
            let gone = next(starts, at);
            starts &= !(1 << gone);
            keys[gone % N] = NEVER;
            let end = next(starts, at);
            keys[at % N] = if end < len { key(at, next(starts, end) - at) } else { NEVER };
            let before = starts & ((1 << at) - 1);
            if before != 0 {
                let before = before.ilog2() as usize;
                keys[before % N] = key(before, end - before);
            }
        }
        let mut at = 0;
        while at < len {
            let end = next(starts, at);
            emit(if end == at + 1 { characters[at] } else { matches.piece(at, end - at) });
            at = end;
        }
    }

    /// Merges all up to the next place that no piece has; gives that place.
    #[cold]
    #[inline(never)]
    fn queued(
        &self,
        characters: &[u32],
        pairs: &[u32],
        first: usize,
        matches: &mut Matches,
        emit: &mut impl FnMut(u32),
    ) -> usize {
        let end = first + 1 + pairs[first..].iter().take_while(|&&pair| pair != NOTHING).count();
        let queue = &mut matches.queue;
        queue.symbols.clear();
        queue.symbols.extend(characters[first..end].iter().map(|entry| entry & VALUE));
        // Nobody cancels it: a block is short.
        if queue.merge(&self.merges, &Progress::default(), |_, _| ()).is_ok() {
            queue.merged().for_each(emit);
        }
        end
    }
}
