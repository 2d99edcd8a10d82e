//! Segments of a text: where no piece goes on, by the pieces that start at each character.
//!
//! All that is looked up for the characters of a block is looked up in loops without branches that depend on it, so
//! that the memory works on many look-ups at once.

use std::hint::select_unpredictable;

use super::characters::{Characters, SINGLE, STARTS_DEFINED, UNKNOWN, VALUE};
use super::encoder::BytePairEncoder;
use super::merges::{NEVER, NOTHING};
use super::queue::Queue;
use super::trie::{DEEP, DEPTH, GOES_ON, NODE};
use crate::progress::Progress;

/// Characters that are looked at together.
pub const BLOCK: usize = 256;
/// Characters of a segment that is merged without a queue at most: a bit for each, and one for the end.
const SHORT: usize = 63;
/// Characters of a segment that is merged in few registers at most, and half of those in twice as many.
const FEW: usize = 8;
/// The bits of a key that hold a place.
const PLACES: u32 = 64;

/// Characters that are looked at together, and the pieces that start at each.
#[derive(Debug)]
pub struct Matches {
    /// By length less one and character the nodes of the trie; those of one character are the entries of the table of
    /// characters. What lies beyond the longest piece of a character is of no meaning.
    nodes: [[u32; BLOCK]; DEPTH],
    /// Characters of the longest piece that starts at each.
    lens: [u8; BLOCK],
    /// Where in the text each character starts.
    starts: [usize; BLOCK],
    count: usize,
    /// Characters at which longer pieces may start.
    active: [u8; BLOCK],
    /// Where segments start.
    cuts: [u16; BLOCK + 1],
    queue: Queue,
}

impl Default for Matches {
    fn default() -> Self {
        Self {
            nodes: [[NOTHING; BLOCK]; DEPTH],
            lens: [0; BLOCK],
            starts: [0; BLOCK],
            count: 0,
            active: [0; BLOCK],
            cuts: [0; BLOCK + 1],
            queue: Queue::default(),
        }
    }
}

impl Matches {
    /// Forgets all characters.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Whether there is room for no further character.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count == BLOCK
    }

    /// Appends a character: its entry in the table of characters, and where it starts.
    #[inline(always)]
    pub fn push(&mut self, entry: u32, start: usize) {
        self.nodes[0][self.count] = entry;
        self.starts[self.count] = start;
        self.count += 1;
    }

    /// Appends characters of three bytes from `start` on, up to one that may start a user-defined piece or the second of
    /// two that stand alone; gives where they end.
    #[inline(always)]
    pub fn push_run(&mut self, table: &Characters, bytes: &[u8], start: usize) -> usize {
        let (mut at, mut previous) = (start, 0);
        let places = self.nodes[0][self.count..].iter_mut().zip(&mut self.starts[self.count..]);
        for (place, start) in places {
            let Some((_, entry)) = bytes[at..].first_chunk().and_then(|&bytes| table.of_three(bytes)) else { break };
            if entry & STARTS_DEFINED != 0 || entry & previous >= SINGLE {
                break;
            }
            (*place, *start) = (entry, at);
            previous = entry;
            at += 3;
        }
        self.count += (at - start) / 3;
        at
    }

    /// The entry of the last character.
    #[inline(always)]
    pub fn last(&self) -> u32 {
        self.nodes[0][(self.count + BLOCK - 1) % BLOCK]
    }

    /// Takes away what may be joined with a character that would follow the last one: gives where the first of that
    /// starts, or None if it is all.
    pub fn cut(&mut self) -> Option<usize> {
        let last = self.nodes[1][..self.count - 1].iter().rposition(|&pair| pair == NOTHING)?;
        self.count = last + 1;
        Some(self.starts[self.count])
    }

    /// The piece at a place that has so many characters, from two on.
    #[inline(always)]
    fn node(&self, at: usize, len: usize) -> u32 {
        select_unpredictable(len <= usize::from(self.lens[at]), self.nodes[(len - 1) % DEPTH][at], NOTHING)
    }
}

impl BytePairEncoder {
    /// Looks up what each character gives with the next one.
    #[inline(always)]
    pub(super) fn find_pairs(&self, matches: &mut Matches) {
        let symbol = |entry: u32| select_unpredictable(entry & (UNKNOWN | SINGLE) == 0, entry & VALUE, NOTHING);
        let [characters, pairs, ..] = &mut matches.nodes;
        let characters = &characters[..matches.count];
        for (pair, both) in pairs.iter_mut().zip(characters.windows(2)) {
            *pair = self.trie.neighbours.get(symbol(both[0]), symbol(both[1]));
        }
    }

    /// Calls `emit` with the symbols or entries of a block whose pairs were looked up, from the first to the last.
    #[inline(always)]
    pub(super) fn segments(&self, matches: &mut Matches, mut emit: impl FnMut(u32)) {
        if !self.find_pieces(matches) {
            return self.queued_block(matches, &mut emit);
        }
        let count = matches.count;
        // A piece that starts before `reach` goes up to there.
        let (mut cuts, mut reach) = (0, 0);
        for (at, &len) in matches.lens[..count].iter().enumerate() {
            matches.cuts[cuts] = at as u16;
            cuts += usize::from(at >= reach);
            reach = reach.max(at + usize::from(len));
        }
        matches.cuts[cuts] = count as u16;
        for cut in 0..cuts {
            let (start, end) = (usize::from(matches.cuts[cut]), usize::from(matches.cuts[cut + 1]));
            let len = end - start;
            if len == usize::from(matches.lens[start]) {
                emit(matches.nodes[(len - 1) % DEPTH][start]);
            } else if len <= FEW {
                self.merge::<FEW>(matches, start, len, &mut emit);
            } else if len <= 2 * FEW {
                self.merge::<{ 2 * FEW }>(matches, start, len, &mut emit);
            } else if len <= SHORT {
                self.merge::<{ SHORT + 1 }>(matches, start, len, &mut emit);
            } else {
                self.queued(matches, start, end, &mut emit);
            }
        }
    }

    /// Finds the pieces that start at each character; says whether these are all.
    // A lazy operator would be a branch.
    #[allow(clippy::needless_bitwise_bool)]
    #[inline(always)]
    fn find_pieces(&self, matches: &mut Matches) -> bool {
        let count = matches.count;
        let Matches { nodes, lens, active, .. } = matches;
        let pairs = &mut nodes[1];
        pairs[count - 1] = NOTHING;
        let mut is_deep = false;
        for (len, &node) in lens[..count].iter_mut().zip(&pairs[..count]) {
            *len = 1 + u8::from(self.trie.is_piece(node));
            is_deep |= node & NODE == DEEP;
        }
        let mut waiting = 0;
        for (at, both) in pairs[..count].windows(2).enumerate() {
            active[waiting % BLOCK] = at as u8;
            waiting += usize::from((both[0] & GOES_ON != 0) & (both[1] != NOTHING));
        }
        for len in 3..=DEPTH {
            if waiting == 0 {
                break;
            }
            let before = std::mem::take(&mut waiting);
            for number in 0..before {
                let at = usize::from(active[number]);
                let last = at + len - 1;
                let node = self.trie.next(nodes[len - 2][at], nodes[0][last % BLOCK]);
                nodes[len - 1][at] = node;
                lens[at] = select_unpredictable(self.trie.is_piece(node), len as u8, lens[at]);
                is_deep |= node & NODE == DEEP;
                active[waiting] = at as u8;
                waiting += usize::from((node & GOES_ON != 0) & (nodes[1][last % BLOCK] != NOTHING));
            }
        }
        !is_deep
    }

    /// Merges a segment of up to `N` characters, and fewer than 64.
    ///
    /// Keys stay in registers where `N` is small: nothing asks for one of them by a place that is not known before.
    #[inline(always)]
    fn merge<const N: usize>(&self, matches: &Matches, start: usize, len: usize, emit: &mut impl FnMut(u32)) {
        // A rank and a place below it: the least is the best rank, and of equal ones the leftmost. Ranks are below 2²¹.
        let key = |at: usize, len: usize| {
            let rank = self.merges.ranks[self.trie.piece(matches.node(start + at, len)) as usize];
            select_unpredictable(rank == NEVER, NEVER, (rank.wrapping_mul(PLACES)) | at as u32)
        };
        let mut keys: [u32; N] = std::array::from_fn(|at| if at + 1 < len { key(at, 2) } else { NEVER });
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
            let end = next(starts, at);
            // Without a symbol on that side it is longer than any piece.
            let behind = select_unpredictable(end < len, next(starts, end.min(len - 1)) - at, usize::MAX);
            let joined = key(at, behind);
            let before = starts & ((1 << at) - 1);
            let left = 63 - (before | 1).leading_zeros() as usize;
            let joined_left = key(left, select_unpredictable(before != 0, end - left, usize::MAX));
            for (place, key) in keys.iter_mut().enumerate() {
                let old = select_unpredictable(place == gone, NEVER, *key);
                let old = select_unpredictable(place == left && before != 0, joined_left, old);
                *key = select_unpredictable(place == at, joined, old);
            }
        }
        let mut at = 0;
        while at < len {
            let end = next(starts, at);
            emit(matches.nodes[(end - at - 1) % DEPTH][start + at]);
            at = end;
        }
    }

    /// Merges a block of which pieces were not found.
    #[cold]
    #[inline(never)]
    fn queued_block(&self, matches: &mut Matches, emit: &mut impl FnMut(u32)) {
        let mut start = 0;
        while start < matches.count {
            let pairs = &matches.nodes[1][start..matches.count];
            let end = start + 1 + pairs.iter().take_while(|&&pair| pair != NOTHING).count();
            self.queued(matches, start, end, emit);
            start = end;
        }
    }

    /// Merges a segment of any length.
    #[cold]
    #[inline(never)]
    fn queued(&self, matches: &mut Matches, start: usize, end: usize, emit: &mut impl FnMut(u32)) {
        if start + 1 == end {
            return emit(matches.nodes[0][start]);
        }
        let queue = &mut matches.queue;
        queue.symbols.clear();
        queue.symbols.extend(matches.nodes[0][start..end].iter().map(|entry| entry & VALUE));
        // Nobody cancels it: a block is short.
        if queue.merge(&self.merges, &Progress::default(), |_, _| ()).is_ok() {
            queue.merged().for_each(emit);
        }
    }
}
