//! What pairs of symbols become, and in which order.
//!
//! A symbol is a number: from [`FIRST`] the characters that stand in pieces of several, then those pieces.

use super::pair_table::PairTable;

/// No symbol: what a pair is that nothing joins.
pub const NOTHING: u32 = 0;
/// What a pair of characters is that stands in a piece, but is none itself.
pub const INSIDE: u32 = 1;
/// The first number of a symbol.
pub const FIRST: u32 = 2;
/// The rank of what is no merge.
pub const NEVER: u32 = u32::MAX;
/// Symbols of a segment that are merged without a queue at most.
pub const SHORT: usize = 64;
/// Symbols of a segment that are merged in a few registers at most.
const FEW: usize = 8;
/// The bits of a key that hold a place.
const PLACE: u32 = SHORT as u32 - 1;

/// Pairs of symbols with what they become, and ranks.
///
/// As the library goes by texts, each way in which a piece falls into two symbols is a pair. The best rank is merged
/// first; of equal ranks the leftmost.
#[derive(Debug)]
pub struct Merges {
    /// Pairs of characters: the symbol, or [`INSIDE`].
    pub characters: PairTable,
    /// Pairs of which one or both are pieces.
    pub pieces: PairTable,
    /// Numbers below this are characters.
    pub first_piece: u32,
    /// By symbol; equal for equal scores.
    pub ranks: Vec<u32>,
}

impl Merges {
    /// Of any two symbols.
    #[inline]
    pub fn of(&self, left: u32, right: u32) -> u32 {
        if left < self.first_piece && right < self.first_piece {
            self.characters.get(left, right)
        } else {
            self.pieces.get(left, right)
        }
    }

    /// Merges a segment of up to [`SHORT`] symbols: calls `emit` with each that is left.
    #[inline(always)]
    pub fn merge(&self, symbols: impl Fn(usize) -> u32, pairs: &[u32], emit: impl FnMut(u32)) {
        if pairs.len() < FEW {
            self.merge_in::<FEW>(symbols, pairs, emit);
        } else {
            self.merge_in::<SHORT>(symbols, pairs, emit);
        }
    }

    /// The same in memory for `N` symbols, of which there is one more than pairs.
    #[inline(always)]
    fn merge_in<const N: usize>(&self, of: impl Fn(usize) -> u32, pairs: &[u32], mut emit: impl FnMut(u32)) {
        let mut symbols = [NOTHING; N];
        let mut joined = [NOTHING; N];
        // A rank and a place below it: the least is the best rank, and of equal ones the leftmost.
        let mut keys = [NEVER; N];
        for (at, &pair) in pairs.iter().enumerate() {
            symbols[at] = of(at);
            joined[at] = pair;
            keys[at] = self.key(pair, at);
        }
        symbols[pairs.len()] = of(pairs.len());
        // A bit for each symbol that is left.
        let mut left = u64::MAX >> (63 - pairs.len());
        loop {
            let best = keys.iter().copied().fold(NEVER, u32::min);
            if best == NEVER {
                break;
            }
            let at = (best & PLACE) as usize;
            symbols[at] = joined[at];
            // The pair has a right half, and it goes.
            let behind = left & (u64::MAX - 1) << at;
            let gone = behind & behind.wrapping_neg();
            left ^= gone;
            keys[gone.trailing_zeros() as usize % N] = NEVER;
            let behind = behind ^ gone;
            keys[at] = NEVER;
            if behind != 0 {
                let pair = self.pieces.get(symbols[at], symbols[behind.trailing_zeros() as usize % N]);
                joined[at] = pair;
                keys[at] = self.key(pair, at);
            }
            let before = left & !(u64::MAX << at);
            if before != 0 {
                let place = 63 - before.leading_zeros() as usize;
                let pair = self.pieces.get(symbols[place % N], symbols[at]);
                joined[place % N] = pair;
                keys[place % N] = self.key(pair, place);
            }
        }
        while left != 0 {
            emit(symbols[left.trailing_zeros() as usize % N]);
            left &= left - 1;
        }
    }

    /// Ranks are below 2²¹, so there is room for a place.
    #[inline(always)]
    fn key(&self, symbol: u32, at: usize) -> u32 {
        let rank = self.ranks[symbol as usize];
        if rank == NEVER { NEVER } else { (rank * (PLACE + 1)) | at as u32 }
    }
}
