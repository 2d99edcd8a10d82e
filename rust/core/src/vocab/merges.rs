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
pub const SHORT: usize = 48;

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
    /// Of two symbols, of which one at least is a piece.
    #[inline(always)]
    pub fn of_pieces(&self, left: u32, right: u32) -> u32 {
        self.pieces.get(left, right)
    }

    /// Of any two symbols.
    #[inline]
    pub fn of(&self, left: u32, right: u32) -> u32 {
        if left < self.first_piece && right < self.first_piece {
            self.characters.get(left, right)
        } else {
            self.pieces.get(left, right)
        }
    }

    /// Merges symbols and what each gives with the next; there are 1 to [`SHORT`], the other arrays are longer. The
    /// result stands at the start of `symbols`, its length is returned.
    #[inline(always)]
    pub fn merge(&self, symbols: &mut [u32; SHORT], pairs: &mut [u32; SHORT], mut len: usize) -> usize {
        let mut ranks = [NEVER; SHORT];
        for at in 0..len - 1 {
            ranks[at] = self.ranks[pairs[at] as usize];
        }
        loop {
            let (mut at, mut best) = (0, NEVER);
            for (place, &rank) in ranks[..len - 1].iter().enumerate() {
                if rank < best {
                    (at, best) = (place, rank);
                }
            }
            if best == NEVER {
                return len;
            }
            symbols[at] = pairs[at];
            len -= 1;
            symbols.copy_within(at + 2..=len, at + 1);
            if at > 0 {
                pairs[at - 1] = self.of_pieces(symbols[at - 1], symbols[at]);
                ranks[at - 1] = self.ranks[pairs[at - 1] as usize];
            }
            if at + 1 < len {
                pairs.copy_within(at + 1..=len, at);
                ranks.copy_within(at + 1..=len, at);
                pairs[at] = self.of_pieces(symbols[at], symbols[at + 1]);
                ranks[at] = self.ranks[pairs[at] as usize];
            }
        }
    }
}
