//! What pairs of symbols become, and in which order.
//!
//! A symbol is a number: a piece or a character that is one is [`FIRST`] plus its id, other characters of pieces follow.

use super::pair_table::PairTable;
use super::symbols::MOST_SYMBOLS;

/// No symbol: what a pair is that nothing joins.
pub const NOTHING: u32 = 0;
/// The first number of a symbol.
pub const FIRST: u32 = 1;
/// The rank of what is no merge.
pub const NEVER: u32 = u32::MAX;
/// Ranks are multiples of this: a place in a short segment has room below one.
pub const PLACES: u32 = 64;

/// Pairs of symbols with what they become, and ranks.
///
/// As the library goes by texts, each way in which a piece falls into two symbols is a pair. The best rank is merged
/// first; of equal ranks the leftmost.
#[derive(Debug)]
pub struct Merges {
    pub pairs: PairTable,
    /// By symbol; equal for equal scores. Those behind the last symbol are of no meaning.
    pub ranks: Box<[u32; MOST_SYMBOLS + 1]>,
}
