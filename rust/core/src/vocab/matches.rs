//! Segments of a text: where no piece goes on, by the pieces that start at each character.
//!
//! All that is looked up for the characters of a block is looked up in loops without branches that depend on it, so
//! that the memory works on many look-ups at once.

use std::hint::select_unpredictable;

use super::characters::{Characters, of_three};
use super::encoder::BytePairEncoder;
use super::merges::{FIRST, NOTHING};
use super::node::{DEEP, Node, STARTS_DEFINED, SYMBOL};
use super::pieces::Pieces;
use super::queue::Queue;
use super::trie::DEPTH;
use crate::progress::Progress;

/// Characters that are looked at together.
pub const BLOCK: usize = 256;
/// Characters of a segment that is merged without a queue at most: a bit for each, and one for the end.
const SHORT: usize = 63;
/// Characters of a segment that is merged in few registers at most, and half of those in twice as many.
const FEW: usize = 8;

/// Characters that are looked at together, and the pieces that start at each.
#[derive(Debug)]
pub struct Matches {
    characters: [Node; BLOCK],
    /// What each character gives with the next one.
    pairs: [Node; BLOCK],
    pieces: Pieces<BLOCK>,
    count: usize,
    /// Characters at which longer pieces may start.
    active: [u8; BLOCK],
    /// How far the pieces that start there were looked up.
    nodes: [Node; BLOCK],
    /// Where segments start.
    cuts: [u16; BLOCK + 1],
    queue: Queue,
}

impl Default for Matches {
    fn default() -> Self {
        Self {
            characters: [Node::NOTHING; BLOCK],
            pairs: [Node::NOTHING; BLOCK],
            pieces: Pieces::default(),
            count: 0,
            active: [0; BLOCK],
            nodes: [Node::NOTHING; BLOCK],
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

    /// Whether there are no characters.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of characters.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Appends a character, or what stands in its place.
    #[inline(always)]
    pub fn push(&mut self, character: Node) {
        self.characters[self.count] = character;
        self.count += 1;
    }

    /// Appends characters of three bytes from `at` on, up to one that may start a user-defined piece or the second of
    /// two that stand alone; gives where they end.
    #[inline(always)]
    pub fn push_run(&mut self, table: &Characters, bytes: &[u8], at: usize) -> usize {
        let (mut after_alone, mut count) = (false, 0);
        let next = bytes[at..].windows(4).step_by(3);
        for (place, next) in self.characters[self.count..].iter_mut().zip(next) {
            let Some(code) = next.first_chunk().and_then(|next| of_three(*next)) else { break };
            let node = table.get_basic(code);
            if node.is_marked(STARTS_DEFINED) || (node.is_alone() && after_alone) {
                break;
            }
            *place = node;
            after_alone = node.is_alone();
            count += 1;
        }
        self.count += count;
        at + 3 * count
    }

    /// The last character.
    #[inline(always)]
    pub fn last(&self) -> Node {
        self.characters[(self.count + BLOCK - 1) % BLOCK]
    }

    /// Takes away what may be joined with a character that would follow the last one: says how many these are, or None
    /// if it is all.
    pub fn cut(&mut self) -> Option<usize> {
        let last = self.pairs[..self.count - 1].iter().rposition(|&pair| pair == Node::NOTHING)?;
        let all = std::mem::replace(&mut self.count, last + 1);
        Some(all - self.count)
    }

    /// Forgets all characters, and starts with so many that were taken away.
    #[inline(always)]
    pub fn start_with(&mut self, kept: usize) {
        self.characters.copy_within(self.count..self.count + kept, 0);
        self.count = kept;
    }
}

impl BytePairEncoder {
    /// Looks up what each character gives with the next one.
    #[inline(always)]
    pub(super) fn find_pairs(&self, matches: &mut Matches) {
        let nodes = self.trie.nodes();
        let characters = &matches.characters[..matches.count];
        for (pair, both) in matches.pairs.iter_mut().zip(characters.windows(2)) {
            *pair = nodes.next(both[0], both[1]);
        }
    }

    /// Hands over the tokens of a block whose pairs were looked up, from the first to the last: the ids of some pieces, how
    /// many these are, and behind them a character that is no piece or what stands in the place of one, or [`NOTHING`].
    #[inline(always)]
    pub(super) fn segments(&self, matches: &mut Matches, mut take: impl FnMut(&[u32; BLOCK], usize, u32)) {
        let mut ids = [0; BLOCK];
        let mut count = 0;
        let size = self.size as u32;
        let mut emit = |token: u32| {
            let id = token.wrapping_sub(FIRST);
            // Marks make it larger.
            if id < size {
                ids[count % BLOCK] = id;
                count += 1;
            } else {
                take(&ids, count, token);
                count = 0;
            }
        };
        if !self.find_pieces(matches) {
            self.queued_block(matches, &mut emit);
            return take(&ids, count, NOTHING);
        }
        // A piece that starts before `reach` goes up to there.
        let (mut cuts, mut reach) = (0, 0);
        for (at, &len) in matches.pieces.lens[..matches.count].iter().enumerate() {
            matches.cuts[cuts] = at as u16;
            cuts += usize::from(at >= reach);
            reach = reach.max(at + usize::from(len));
        }
        matches.cuts[cuts] = matches.count as u16;
        for cut in 0..cuts {
            let (start, end) = (usize::from(matches.cuts[cut]), usize::from(matches.cuts[cut + 1]));
            let len = end - start;
            if len == usize::from(matches.pieces.lens[start]) {
                emit(matches.pieces.tokens[(len - 1) % DEPTH][start]);
            } else if len <= FEW {
                matches.pieces.merge::<FEW>(&self.merges, start, len, &mut emit);
            } else if len <= 2 * FEW {
                matches.pieces.merge::<{ 2 * FEW }>(&self.merges, start, len, &mut emit);
            } else if len <= SHORT {
                matches.pieces.merge::<{ SHORT + 1 }>(&self.merges, start, len, &mut emit);
            } else {
                self.queued(matches, start, end, &mut emit);
            }
        }
        take(&ids, count, NOTHING);
    }

    /// Finds the pieces that start at each character; says whether these are all.
    // A lazy operator would be a branch.
    #[allow(clippy::needless_bitwise_bool)]
    #[inline(always)]
    fn find_pieces(&self, matches: &mut Matches) -> bool {
        let Matches { characters, pairs, nodes, pieces: Pieces { tokens, ranks, lens }, active, count, .. } = matches;
        let (trie, all_ranks) = (self.trie.nodes(), &self.merges.ranks);
        let [singles, couples, ..] = tokens;
        pairs[*count - 1] = Node::NOTHING;
        let (characters, pairs) = (&characters[..*count], &pairs[..*count]);
        for (token, character) in singles.iter_mut().zip(characters) {
            *token = character.token();
        }
        let mut marks = 0;
        for ((len, token), node) in lens.iter_mut().zip(couples).zip(pairs) {
            *token = node.token();
            *len = 1 + u8::from(*token & SYMBOL != 0);
            marks |= *token;
        }
        let mut waiting = 0;
        for (at, both) in pairs.windows(2).enumerate() {
            active[waiting % BLOCK] = at as u8;
            waiting += usize::from(both[0].goes_on() & (both[1] != Node::NOTHING));
        }
        for len in 3..=DEPTH {
            if waiting == 0 {
                break;
            }
            let before = std::mem::take(&mut waiting);
            for number in 0..before {
                let at = usize::from(active[number]);
                let last = (at + len - 1) % BLOCK;
                let node = trie.next(if len == 3 { pairs[at] } else { nodes[at] }, characters[last]);
                nodes[at] = node;
                tokens[len - 1][at] = node.token();
                ranks[len - 1][at] = all_ranks[node.symbol() as usize];
                lens[at] = select_unpredictable(node.is_piece(), len as u8, lens[at]);
                marks |= node.token();
                active[waiting] = at as u8;
                waiting += usize::from(node.goes_on() & (pairs[last] != Node::NOTHING));
            }
        }
        marks & DEEP == 0
    }

    /// Merges a block of which pieces were not found.
    #[cold]
    #[inline(never)]
    fn queued_block(&self, matches: &mut Matches, emit: &mut impl FnMut(u32)) {
        let mut start = 0;
        while start < matches.count {
            let pairs = &matches.pairs[start..matches.count];
            let end = start + 1 + pairs.iter().take_while(|&&pair| pair != Node::NOTHING).count();
            self.queued(matches, start, end, emit);
            start = end;
        }
    }

    /// Merges a segment of any length.
    #[cold]
    #[inline(never)]
    fn queued(&self, matches: &mut Matches, start: usize, end: usize, emit: &mut impl FnMut(u32)) {
        if start + 1 == end {
            return emit(matches.pieces.tokens[0][start]);
        }
        let queue = &mut matches.queue;
        queue.symbols.clear();
        queue.symbols.extend(matches.pieces.tokens[0][start..end].iter().map(|token| token & SYMBOL));
        // Nobody cancels it: a block is short.
        if queue.merge(&self.merges, &Progress::default(), |_, _| ()).is_ok() {
            queue.merged().for_each(emit);
        }
    }
}
